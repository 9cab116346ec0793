// The settings' pages: what a form shows while it is filled in. Everything is saved by the forms themselves.
// Must not be needed: without it every page works, but for the preview.

import { languageOf } from "./desk/words.js";
import { Preview } from "./preview.js";

const $ = (/** @type {string} */ query) => document.querySelector(query);
const all = (/** @type {string} */ query) => [...document.querySelectorAll(query)];

/** Times in the reader's own zone. */
for (const time of all("time[data-ms]")) {
  time.textContent = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(Number(time.dataset.ms));
}

/** Languages by their names, in the page's own; the code stays where a pointer finds it. */
for (const node of all("[data-language]")) {
  const { language } = node.dataset;
  node.textContent = languageOf(language, document.documentElement.lang);
  if (node.textContent !== language) node.title = language;
}

/** A box that makes a part of the form meaningless hides it. */
for (const box of all("[data-hides]")) {
  const part = $(`[data-part="${box.dataset.hides}"]`);
  const show = () => part.toggleAttribute("hidden", box.checked);
  box.addEventListener("change", show);
  show();
}

/** What was not saved and would be lost is asked about once. */
let dirty = false;
for (const form of all("form.fields")) {
  form.addEventListener("input", () => (dirty = true));
  form.addEventListener("submit", () => (dirty = false));
}
addEventListener("beforeunload", (event) => dirty && event.preventDefault());

/** A mistake is where one looks first. */
const wrong = $("[aria-invalid=true]");
if (wrong) wrong.focus();

const look = $("#look");
if (look) preview(look);

/** @param {HTMLFormElement} form of the look */
function preview(form) {
  const stage = $("#stage");
  const aside = $(".preview");
  aside.hidden = false;
  const shown = new Preview(stage, { name: stage.dataset.name, greetings: JSON.parse(stage.dataset.greetings), reasoning: stage.dataset.reasoning });
  const field = (/** @type {string} */ name) => form.elements.namedItem(`theme.${name}`)?.value.trim() || "";
  const pick = (/** @type {string} */ name) => $(`[data-preview=${name}]`);
  const night = matchMedia("(prefers-color-scheme: dark)");
  pick("scheme").value = night.matches ? "dark" : "light";

  /** The text of a language, as the server chooses it: its own, that of all, the shop's own, the first there is. */
  const text = (/** @type {string} */ name, /** @type {string} */ language) => {
    const own = pick("language").options[0].value;
    const first = () => pick("language").options.length && [...pick("language").options].map((one) => field(`${name}.${one.value}`)).find(Boolean);
    return field(`${name}.${language}`) || field(`${name}.*`) || field(`${name}.${own}`) || first() || "";
  };

  const draw = () => {
    const language = pick("language").value;
    /** @type {Record<string, any>} */
    const theme = {};
    for (const name of ["accent", "accent_text", "accent_dark", "background", "text", "background_dark", "text_dark"]) {
      // Half a colour is none yet.
      if (/^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(field(name))) theme[name] = field(name);
    }
    for (const name of ["font", "logo", "launcher", "position", "dark"]) if (field(name)) theme[name] = field(name);
    if (/^\d{1,2}$/.test(field("radius"))) theme.radius = Math.min(32, +field("radius"));
    theme.title = text("title", language);
    theme.chips = text("chips", language).split("\n").map((line) => line.trim()).filter(Boolean).slice(0, 6);
    shown.show(theme, { language, night: pick("scheme").value === "dark", scene: pick("scene").value });
    $("#contrast").textContent = shown.faint(theme).join(" ");
    shown.show(theme, { language, night: pick("scheme").value === "dark", scene: pick("scene").value });
  };

  draw();
  const defaults = /** @type {Record<string, string>} */ (shown.defaults());
  for (const picker of all("input[type=color][data-for]")) {
    const typed = document.getElementById(picker.dataset.for);
    const name = typed.name.replace("theme.", "");
    const follow = () => {
      const short = /^#[0-9a-f]{3}$/i.test(typed.value.trim()) ? typed.value.trim().replace(/[0-9a-f]/gi, "$&$&") : typed.value.trim();
      picker.value = /^#[0-9a-f]{6}$/i.test(short) ? short : defaults[name];
    };
    picker.hidden = false;
    picker.addEventListener("input", () => {
      typed.value = picker.value;
      typed.dispatchEvent(new Event("input", { bubbles: true }));
    });
    typed.addEventListener("input", follow);
    follow();
  }
  draw(); // asking for the defaults has taken the colours away
  form.addEventListener("input", draw);
  aside.addEventListener("change", draw);
}

/** A list of which only what is looked for is shown. */
for (const search of all("[data-filter]")) {
  search.parentElement.hidden = false;
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    for (const item of all(search.dataset.filter)) item.hidden = !!wanted && !(item.dataset.name || "").toLowerCase().includes(wanted);
  });
}

/** The part of the page that the address asks for is where one is. */
const open = $(".tools details[open]");
if (open && !wrong) open.scrollIntoView({ block: "center" });

/** On a phone the sections are one line that scrolls: the one that is open stands in its middle. */
const section = $(".sections [aria-current]");
if (section) section.parentElement.scrollLeft = section.offsetLeft - (section.parentElement.clientWidth - section.offsetWidth) / 2;

/** On a phone the sections are one row that scrolls: the one that is open is in sight. */
const row = $(".sections");
const here = $(".sections [aria-current]");
if (row && here) row.scrollLeft = here.offsetLeft - (row.clientWidth - here.clientWidth) / 2;
