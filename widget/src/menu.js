// The menu in the header: ask for a person, have the conversation sent. Part of the cards.
// Must not stay open when the chat closes: `panel.shut` closes it.

import { h, icon } from "./shared.js";

// Drawings made for Shopbell, as those of view/icons.js.
const PERSON = "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.9-3.6 3.8-5.5 7.5-5.5s6.6 1.9 7.5 5.5";
const MAIL = "M3.5 6.5h17v11h-17zM4 7l8 6.5L20 7";

/**
 * Open the menu below its button; close it if it is open.
 * @param {any} app
 * @param {(key: string, values?: Record<string, any>) => string} t
 */
export function menu(app, t) {
  const { panel, link } = app;
  if (panel.shut) return panel.shut();
  const { menuButton } = panel;
  const mode = link.mode.mode;
  const pending = (/** @type {string} */ name) => [...link.outbox.values()].some((p) => p.frame.t === name);
  const asked = mode === "waiting" || mode === "staff" || pending("human");
  const entry = (/** @type {string} */ path, /** @type {string} */ words, /** @type {boolean} */ disabled, /** @type {() => void} */ act) =>
    h("button", { type: "button", role: "menuitem", disabled, onclick: () => {
      panel.shut();
      act();
      panel.composer.area.focus();
    } }, icon(path), h("span", {}, t(words)));
  const nothing = !link.events.some((/** @type {any} */ e) => e.kind === "message");
  const entries = [
    entry(PERSON, asked ? "human_asked" : "human", asked, () => app.human()),
    entry(MAIL, "send_me", nothing || pending("transcript"), () => app.transcript()),
  ];
  const usable = /** @type {HTMLButtonElement[]} */ (entries).filter((button) => !button.disabled);
  const box = h("div", { class: "menu", role: "menu", "aria-label": app.t("menu"), onkeydown: (/** @type {KeyboardEvent} */ e) => {
    const at = usable.indexOf(/** @type {any} */ (app.host.root.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[e.key];
    if (e.key === "Tab") {
      menuButton.focus();
      panel.shut();
    }
    if (to === undefined) return;
    e.preventDefault();
    usable.at(to % usable.length)?.focus();
  } }, ...entries);
  const away = (/** @type {Event} */ e) => e.composedPath().some((n) => n === box || n === menuButton) || panel.shut();
  panel.shut = () => {
    removeEventListener("pointerdown", away, true);
    panel.shut = null;
    box.remove();
    menuButton.setAttribute("aria-expanded", "false");
  };
  addEventListener("pointerdown", away, true);
  menuButton.setAttribute("aria-expanded", "true");
  menuButton.parentNode.append(box);
  usable[0]?.focus();
}
