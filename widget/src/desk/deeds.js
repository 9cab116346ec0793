// The buttons above a conversation: take, hand back, close, and a menu of what is rarer.
// Must not know what comes of a deed: that comes back as events.

import { h } from "../dom.js";
import { clock, when } from "./words.js";

/** @typedef {{t: string} & Record<string, any>} Frame */

const HOUR = 3_600_000;

/**
 * Times to snooze until: in hours, and mornings at nine.
 * @param {number} now_ms
 * @returns {[string, number][]}
 */
export function snoozes(now_ms) {
  const morning = (/** @type {number} */ days) => {
    const day = new Date(now_ms);
    day.setDate(day.getDate() + days);
    return day.setHours(9, 0, 0, 0);
  };
  const monday = (8 - new Date(now_ms).getDay()) % 7 || 7;
  return [["Snooze for 1 hour", now_ms + HOUR], ["Snooze for 4 hours", now_ms + 4 * HOUR], ["Snooze until tomorrow, 9:00", morning(1)], ["Snooze until Monday, 9:00", morning(monday)]];
}

/**
 * @param {HTMLElement} box
 * @param {{key: string, mode: string, mine: boolean, row: Record<string, any> | undefined, people: Record<string, any>[], act: (frame: Frame) => void, about: () => void}} view
 */
export function drawDeeds(box, view) {
  const { mode, mine, row, act } = view;
  const others = view.people.filter((p) => !p.me);
  const sign = JSON.stringify([view.key, mode, mine, row?.staff, row?.blocked, row?.snoozed_until_ms, others.map((p) => p.id)]);
  if (box.dataset.sign === sign) return;
  box.dataset.sign = sign;
  if (!view.key) return box.replaceChildren();
  const button = (/** @type {string} */ text, /** @type {string} */ key, /** @type {Frame} */ frame, kind = "") =>
    h("button", { type: "button", class: kind, "data-deed": key, title: `${text} (${key})`, onclick: () => act(frame) }, text);
  const close = button("Close", "c", { t: "release", to: "closed", reason: "resolved" });
  const list = mine
    ? [button("Hand back", "b", { t: "release", to: "agent" }), close]
    : mode === "staff"
      ? [button("Take from colleague", "t", { t: "take", force: true })]
      : [button("Take over", "t", { t: "take" }, "primary"), ...(mode === "closed" ? [] : [close])];
  const item = (/** @type {string} */ text, /** @type {Frame} */ frame, kind = "") => h("button", { type: "button", class: kind, onclick: () => {
    menu.removeAttribute("open");
    act(frame);
  } }, text);
  const now_ms = Date.now();
  const asleep = (row?.snoozed_until_ms || 0) > now_ms;
  const menu = h("details", { class: "menu", name: "menu" }, h("summary", { title: "More (m)", "data-deed": "m" }, "More"), h("div", {},
    mode !== "closed" && (asleep
      ? item(`Wake it (snoozed until ${when(row?.snoozed_until_ms, now_ms)}${new Date(row?.snoozed_until_ms).toDateString() === new Date(now_ms).toDateString() ? "" : `, ${clock(row?.snoozed_until_ms)}`})`, { t: "snooze" })
      : snoozes(now_ms).map(([text, until_ms]) => item(text, { t: "snooze", until_ms }))),
    (mode === "waiting" || mine) && others.map((p) => item(`Offer to ${p.name}`, { t: "assign", to: p.id })),
    row?.blocked ? item("Unblock this visitor", { t: "block", on: false }) : item("Block this visitor", { t: "block", on: true }, "danger")));
  box.replaceChildren(...list, menu, h("button", { type: "button", class: "about", "aria-label": "About the customer", title: "About the customer (i)", "data-deed": "i", onclick: view.about }, "ⓘ"));
}
