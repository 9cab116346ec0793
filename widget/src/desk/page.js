// The page that everything is drawn into: list, conversation, customer.
// Must not hold anything that changes.

import { h } from "../dom.js";

/**
 * @param {{search: () => void, searching: (e: KeyboardEvent) => void, back: () => void}} acts
 */
export function page(acts) {
  const find = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "Search  /", "aria-label": "Search all conversations", oninput: acts.search, onkeydown: acts.searching }));
  const title = { name: h("b", {}), place: h("span", {}) };
  return {
    find,
    title,
    tabs: h("nav", { class: "tabs", "aria-label": "Queues" }),
    bar: h("footer", { class: "bar" }),
    side: h("aside", { class: "side", "aria-label": "Customer" }),
    status: h("p", { class: "status", role: "status" }),
    announce: h("p", { class: "hidden", "aria-live": "polite" }),
    heading: h("div", { class: "title" }, title.name, title.place),
    backward: h("button", { type: "button", class: "backward", "aria-label": "Back to the list", onclick: acts.back }, "‹"),
  };
}

/**
 * @param {ReturnType<typeof page>} on
 * @param {{rows: HTMLElement, deeds: HTMLElement, talk: HTMLElement, jump: HTMLElement, flight: HTMLElement, composer: HTMLElement, help: HTMLElement}} parts
 */
export function put(on, parts) {
  const root = /** @type {HTMLElement} */ (document.getElementById("desk"));
  root.append(
    h("h1", { class: "hidden-text" }, "Shopbell desk"),
    h("section", { class: "queue" }, h("header", {}, h("b", { class: "brand", "aria-hidden": "true" }, "Desk"), on.find), on.tabs, parts.rows, on.bar),
    h("section", { class: "conversation" },
      h("header", {}, on.backward, on.heading, parts.deeds),
      h("div", { class: "talking" }, parts.talk, parts.jump), parts.flight, parts.composer),
    on.side, on.status, on.announce, parts.help,
  );
}
