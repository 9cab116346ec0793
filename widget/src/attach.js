// Files in the chat: a button to send one while somebody waits for it, and those that came. Part of the cards.
// Must put nothing of a file into the page but what the server has made of it, by an address that runs out.

import { newId } from "./identity.js";
import { h } from "./shared.js";

const TAKEN = "image/jpeg,image/png,image/webp,image/gif,application/pdf";

/**
 * Ask the server about the files of this conversation, as this visitor.
 * @param {any} app @param {string} path @param {Record<string, any>} [more] of fetch's options
 * @returns {Promise<any>}
 */
async function ask(app, path, { headers, ...more } = {}) {
  const { server, site } = app.host.config;
  const answer = await fetch(`${server}${path}?site=${encodeURIComponent(site)}`, {
    ...more, headers: { ...headers, Authorization: `Bearer ${app.store.session().token}` }, credentials: "omit", referrerPolicy: "no-referrer",
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/**
 * The button in the composer, while a person is asked for or there, or the newest words ask for a photo.
 * @param {any} app @param {(key: string, values?: Record<string, any>) => string} t
 */
export function offer(app, t) {
  const { composer } = app.panel;
  const { mode, events } = app.link;
  const newest = events.findLast((/** @type {any} */ e) => e.kind === "message");
  const wanted = mode.mode === "waiting" || mode.mode === "staff" || Boolean(newest?.body?.wants);
  if (!composer || !(wanted || composer.attach)) return;
  composer.attach ??= button(app, t, composer);
  composer.attach.hidden = !wanted;
}

/** @param {any} app @param {(key: string, values?: Record<string, any>) => string} t @param {any} composer */
function button(app, t, composer) {
  const note = h("p", { class: "attach-note", role: "status" });
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "file", accept: TAKEN, hidden: true, onchange: async () => {
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    note.textContent = t("attaching", { name: file.name });
    try {
      const sent = await ask(app, "v1/files", { method: "POST", body: file, headers: { "X-File-Name": encodeURIComponent(file.name) } });
      app.deliver({ t: "say", id: newId(), text: composer.area.value.trim() || sent.file.name, files: [sent.file.id] }, true);
      composer.set("");
      note.textContent = "";
    } catch {
      note.textContent = t("attach_failed");
    }
  } }));
  const press = h("button", { type: "button", class: "attach", "aria-label": t("attach"), title: t("attach"), onclick: () => input.click() }, "+");
  composer.button.before(press);
  composer.node.prepend(note, input);
  return press;
}

/**
 * The files of a message: images as such, the rest as links.
 * @param {any} app @param {{id: string, name: string, type: string, width?: number, height?: number}[]} files
 * @returns {HTMLElement}
 */
export function shown(app, files) {
  const box = h("div", { class: "files" });
  for (const file of files) {
    const link = /** @type {HTMLAnchorElement} */ (h("a", { target: "_blank", rel: "noopener noreferrer" }, file.name));
    box.append(link);
    ask(app, `v1/files/${encodeURIComponent(file.id)}`).then(({ url }) => {
      link.href = app.host.config.server + url.slice(1);
      if (file.width) link.replaceChildren(h("img", { src: link.href, alt: file.name, width: file.width, height: file.height }));
    }, () => {});
  }
  return box;
}
