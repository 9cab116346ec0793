// The queues by name, each with how many conversations it holds.
// Must not count: it is told.

import { h } from "../dom.js";
import { setText } from "./keyed.js";
import { QUEUES } from "./queue.js";

/**
 * @param {HTMLElement} nav
 * @param {{queue: string, counts: Record<string, number>, show: (queue: string) => void}} view
 */
export function drawTabs(nav, view) {
  if (!nav.firstChild) {
    nav.append(...QUEUES.map(([id, name]) => h("button", { type: "button", "aria-pressed": "false", onclick: () => view.show(id) }, name, h("span", { class: "count", hidden: true }))));
  }
  QUEUES.forEach(([id], n) => {
    const tab = nav.children[n];
    const count = /** @type {HTMLElement} */ (tab.lastElementChild);
    const pressed = String(id === view.queue);
    if (tab.getAttribute("aria-pressed") !== pressed) tab.setAttribute("aria-pressed", pressed);
    // Of what is closed only the newest are here: their number would say nothing.
    const number = id === "closed" ? 0 : view.counts[id] || 0;
    if (count.hidden !== !number) count.hidden = !number;
    setText(count, number ? String(number) : "");
  });
}
