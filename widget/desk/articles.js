// Articles and workflows: how a text reads while it is written, where its mistakes are, and when a sync is over.
// Without this script the page does the same with its buttons.

const PAUSE_MS = 500; // after the last key: less, and every word asks the server
const AGAIN_MS = 3000; // after a look that failed; one that did not takes as long as the sync, or a second

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("article"));
const text = /** @type {HTMLTextAreaElement | null} */ (document.getElementById("text"));

/** Ask for the page as the preview button would, and take the parts that show what was typed. */
async function previewed() {
  const asked = new URLSearchParams(/** @type {any} */ (new FormData(form)));
  asked.set("do", "preview");
  const answer = await fetch(form.action, { method: "POST", body: asked, credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["preview", "problems"]) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (!old || !fresh) continue;
    const open = [...old.querySelectorAll("details")].map((one) => one.open);
    old.replaceChildren(...fresh.childNodes);
    old.querySelectorAll("details").forEach((one, n) => { one.open = open[n] ?? one.open; });
  }
}

if (form && text && !text.readOnly && document.getElementById("preview")) {
  let waiting = 0;
  let turn = Promise.resolve();
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    // One after the other, so that an older answer never covers a newer one. The button still works without them.
    waiting = setTimeout(() => { turn = turn.then(previewed).catch(() => {}); }, PAUSE_MS);
  });
  const typed = text.value;
  addEventListener("beforeunload", (event) => { if (text.value !== typed && !form.dataset.sent) event.preventDefault(); });
  form.addEventListener("submit", () => { form.dataset.sent = "yes"; });
}

form?.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key !== "s") return;
  event.preventDefault(); // the browser would save the page
  form.requestSubmit(form.querySelector("button[value=save]"));
});

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[data-line]") : null;
  if (!link || !text) return;
  event.preventDefault();
  const lines = text.value.split("\n");
  const start = lines.slice(0, Number(link.getAttribute("data-line")) - 1).reduce((sum, line) => sum + line.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[Number(link.getAttribute("data-line")) - 1] ?? "").length);
});

/** Say how the sync went, and leave what is being written alone. */
async function told(sync) {
  const page = new DOMParser().parseFromString(await (await fetch(location.href, { credentials: "same-origin" })).text(), "text/html");
  sync.replaceWith(...page.querySelectorAll(".sync"));
}

const sync = /** @type {HTMLElement | null} */ (document.querySelector("[data-sync]"));
if (sync) {
  const look = async () => {
    const answer = await fetch(sync.dataset.sync, { credentials: "same-origin" }).catch(() => null);
    const now = answer?.ok ? await answer.json() : null;
    if (now && !now.running) return text ? told(sync) : location.reload();
    const bar = sync.querySelector("progress");
    if (now && now.total && bar) { bar.max = now.total; bar.value = now.done; }
    setTimeout(look, now ? 0 : AGAIN_MS);
  };
  look();
}
