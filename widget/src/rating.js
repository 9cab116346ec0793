// The question how the chat was, asked once when it has ended. Part of the cards.
// Must not ask again what was answered: the score comes from the log.

import { h } from "./shared.js";

/**
 * @param {HTMLElement} node
 * @param {Record<string, any>} item of type `rating`
 * @param {any} app
 * @param {(key: string, values?: Record<string, any>) => string} t
 */
export function rating(node, item, app, t) {
  if (item.score) return node.replaceChildren(h("p", { class: "over" }, t("rated")));
  const press = (/** @type {number} */ score) => () => {
    app.rate("", score);
    app.panel.tell(t("rated"));
    app.panel.composer.area.focus();
  };
  const marks = [1, 2, 3, 4, 5].map((n) => h("button", { type: "button", class: "choice", "aria-label": t("rate_of", { n }), onclick: press(n) }, n));
  const ends = h("p", { class: "ends", "aria-hidden": "true" }, h("span", {}, t("rate_low")), h("span", {}, t("rate_high")));
  node.replaceChildren(h("p", { class: "over" }, t("rate")), h("div", { class: "choices", role: "group", "aria-label": t("rate") }, ...marks), ends);
}
