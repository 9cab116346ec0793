// A menu behind a button: a disclosure whose entries can change while it is open, without closing it or losing the focus.
// Must not know what its entries do.

import { h } from "../dom.js";

/** @typedef {{text: string, act?: () => void, kind?: string, node?: Node}} Entry without `act`: words that explain, or a node of its own */

export class Menu {
  /**
   * @param {string} name
   * @param {{title?: string, deed?: string, up?: boolean}} [options] `deed`: the key that opens it
   */
  constructor(name, { title, deed, up } = {}) {
    this.summary = h("summary", { title, "data-deed": deed }, name);
    this.box = h("div", {});
    // Of menus with the same name browsers keep one open.
    this.node = /** @type {HTMLDetailsElement} */ (h("details", { class: `menu${up ? " up" : ""}`, name: "menu" }, this.summary, this.box));
    this.sign = "";
    this.node.addEventListener("keydown", (e) => {
      const by = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0;
      const all = /** @type {HTMLElement[]} */ ([this.summary, ...this.box.querySelectorAll("button, a, input")]);
      if (!by || !this.node.open) return;
      e.preventDefault();
      all[(all.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + by + all.length) % all.length].focus();
    });
  }

  /** @param {string} sign what the entries were made from @param {() => (Entry | false | undefined)[]} entries */
  fill(sign, entries) {
    if (this.sign === sign) return;
    this.sign = sign;
    const focused = this.box.contains(document.activeElement) ? document.activeElement?.textContent : "";
    const made = entries().filter(Boolean).map((entry) => this.entry(/** @type {Entry} */ (entry)));
    this.box.replaceChildren(...made);
    if (focused) (made.find((node) => node.textContent === focused) || this.summary).focus?.();
  }

  /** @param {Entry} entry @returns {any} */
  entry({ text, act, kind, node }) {
    if (node) return node;
    if (!act) return h("p", { class: "quiet" }, text);
    return h("button", { type: "button", class: kind || "", onclick: () => {
      this.close();
      act();
    } }, text);
  }

  close() {
    if (this.node.open) this.summary.focus();
    this.node.open = false;
  }
}

/** Menus close when one clicks elsewhere. */
export function closeElsewhere() {
  document.addEventListener("click", (e) => {
    for (const open of document.querySelectorAll("details.menu[open]")) if (!open.contains(/** @type {Node} */ (e.target))) open.removeAttribute("open");
  });
}
