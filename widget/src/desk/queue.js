// The list of a queue: rows in order, with who, what was said last, how long they wait.
// Must not talk to the server.

import { h } from "../dom.js";
import { keyed } from "./keyed.js";
import { pressure, reasonOf, span, when } from "./words.js";

/** @typedef {Record<string, any>} Row */

export const QUEUES = [
  ["waiting", "Waiting"],
  ["mine", "Mine"],
  ["approvals", "Approvals"],
  ["all", "Open"],
  ["closed", "Closed"],
];

/**
 * @param {Row} row
 * @param {string} queue
 * @param {string} me
 */
export function holds(row, queue, me) {
  if (row.erased) return false;
  if (queue === "waiting") return row.mode === "waiting";
  if (queue === "mine") return row.mode === "staff" && row.staff === me;
  if (queue === "approvals") return row.asked > 0 && row.mode !== "closed";
  if (queue === "closed") return row.mode === "closed";
  return row.mode !== "closed";
}

/**
 * @param {Iterable<Row>} rows
 * @param {string} queue
 * @param {string} me
 * @param {string} search
 */
export function sorted(rows, queue, me, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const list = [...rows].filter((row) => {
    if (!holds(row, queue, me)) return false;
    const text = `${row.name || ""} ${row.customer || ""} ${row.last_text} ${row.conversation} ${reasonOf(row.reason)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const waits = queue === "waiting" || queue === "approvals";
  return list.sort((a, b) => (waits ? (a.waiting_since_ms || a.updated_ms) - (b.waiting_since_ms || b.updated_ms) : b.updated_ms - a.updated_ms) || (a.conversation < b.conversation ? -1 : 1));
}

/** @param {Row} row */
export const nameOf = (row) => row.name || row.customer || `Guest ${row.conversation.replace(/^c:/, "").slice(0, 5)}`;

const MODES = /** @type {Record<string, string>} */ ({ agent: "Agent", waiting: "Waiting", staff: "Staff", closed: "Closed" });

/**
 * @param {HTMLElement} box
 * @param {Row[]} list
 * @param {{current: string, me: string, now_ms: number, open: (row: Row) => void}} view
 */
export function drawQueue(box, list, view) {
  const key = (/** @type {Row} */ row) => `${row.site}/${row.conversation}`;
  const waited = (/** @type {Row} */ row) => (row.waiting_since_ms ? view.now_ms - row.waiting_since_ms : 0);
  const sign = (/** @type {Row} */ row) => [row.head, key(row) === view.current, row.waiting_since_ms ? span(waited(row)) : when(row.updated_ms, view.now_ms), row.working].join("|");
  keyed(box, list, key, sign, (row) => {
    const waits = row.waiting_since_ms != null;
    const state = row.mode === "staff" ? (row.staff === view.me ? "You" : row.staff_name || "Staff") : row.working ? "Agent is working" : MODES[row.mode];
    const node = h(
      "button",
      { class: `row ${row.unread ? "unread" : ""}`, type: "button", "aria-current": key(row) === view.current ? "true" : false, onclick: () => view.open(row) },
      h("span", { class: "who" }, nameOf(row)),
      h("span", { class: `age ${waits ? pressure(waited(row)) : ""}` }, waits ? span(waited(row)) : when(row.updated_ms, view.now_ms)),
      h("span", { class: "last" }, (row.last_role === "customer" ? "" : row.last_role === "staff" ? "Staff: " : "Agent: ") + (row.last_text || "…")),
      h("span", { class: "tags" },
        h("span", { class: `mode ${row.mode}` }, state),
        row.asked > 0 && h("span", { class: "mode asked" }, row.asked === 1 ? "1 approval" : `${row.asked} approvals`),
        row.reason && row.mode === "waiting" && h("span", { class: "reason" }, reasonOf(row.reason)),
        row.unread > 0 && h("span", { class: "count" }, String(row.unread))),
    );
    return node;
  });
}
