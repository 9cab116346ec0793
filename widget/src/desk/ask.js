// A question in a dialog of the page's own: what it is about, and buttons that say what they do.
// Must not do what was chosen: the choice goes back to who asked.

import { h } from "../dom.js";

/**
 * @typedef {{value: string, text: string, kind?: string, first?: boolean}} Choice `first`: has the focus
 */

/**
 * @param {string} title
 * @param {any[]} words paragraphs
 * @param {Choice[]} choices
 * @returns {Promise<string>} the value of the choice, or empty for none
 */
export function ask(title, words, choices) {
  return new Promise((resolve) => {
    const buttons = choices.map(({ value, text, kind, first }) => h("button", { value, class: kind || "", autofocus: !!first }, text));
    const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "ask", "aria-labelledby": "asked" },
      h("form", { method: "dialog" }, h("h2", { id: "asked" }, title), words.map((one) => (typeof one === "string" ? h("p", {}, one) : one)), h("div", { class: "choices-of" }, buttons, h("button", { value: "" }, "Cancel")))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
