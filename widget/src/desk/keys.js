// The keyboard: which key does what, and the sheet that says so.
// Must not act while somebody writes.

import { h } from "../dom.js";

/** @type {[string, [string, string][]][]} */
const SHEET = [
  ["Queues", [["1 – 5", "waiting, mine, approvals, open, closed"], ["j / k", "open the next, the previous"], ["↑ ↓ Enter", "walk through the list, open"], ["/", "search all; Enter opens the first"], ["Esc", "back to the list"]]],
  ["The conversation", [["t", "take over"], ["b", "hand back to the agent"], ["c", "close"], ["o", "assign: to a colleague, to nobody"], ["m", "more: snooze, close for another reason, block"], ["a", "to the first approval"], ["u", "to what is new"], ["i", "about the customer"]]],
  ["Writing", [["r", "reply"], ["n", "note"], ["g", "suggest a reply"], ["/ in a reply", "canned replies"], ["@ in a note", "name a colleague"], ["Enter", "send"], ["Shift + Enter", "a new line"], ["↑ ↓ Tab", "choose what is offered"]]],
];

/** The sheet: opened with `?`. */
export function sheet() {
  const list = SHEET.map(([name, keys]) => h("section", {}, h("h3", {}, name), h("dl", {}, keys.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]))));
  return /** @type {HTMLDialogElement} */ (h("dialog", { class: "help", "aria-labelledby": "keys" }, h("h2", { id: "keys" }, "Keyboard"), h("div", { class: "sheet" }, list),
    h("form", { method: "dialog" }, h("button", {}, "Close"))));
}

/**
 * @typedef {{queue: (n: number) => void, move: (by: number) => void, write: (noting: boolean) => void, suggest: () => void, toNew: () => void,
 *   toApproval: () => void, search: () => void, help: () => void, deed: (key: string) => boolean, escape: () => void}} Acts
 */

/** @param {Acts} acts */
export function listen(acts) {
  /** @type {Record<string, () => void>} */
  const keys = {
    j: () => acts.move(1), k: () => acts.move(-1), r: () => acts.write(false), n: () => acts.write(true), g: acts.suggest,
    u: acts.toNew, a: acts.toApproval, "/": acts.search, "?": acts.help,
  };
  document.addEventListener("keydown", (e) => {
    const target = /** @type {HTMLElement} */ (e.target);
    // A dialog's keys are its own.
    if (document.querySelector("dialog[open]") || e.isComposing) return;
    if (e.key === "Escape") {
      const open = document.querySelector("details.menu[open]");
      open?.removeAttribute("open");
      if (open) /** @type {HTMLElement} */ (open.firstElementChild).focus();
      else {
        target.blur();
        acts.escape();
      }
      return;
    }
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || e.ctrlKey || e.metaKey || e.altKey) return;
    const n = "12345".indexOf(e.key);
    if (n >= 0) acts.queue(n);
    else if (keys[e.key]) keys[e.key]();
    else if (!acts.deed(e.key)) return;
    e.preventDefault();
  });
}
