// The list of a queue: rows in order, with who, what was said last, how long they wait.
// Must not talk to the server.

import { h } from "../dom.js";
import { keyed } from "./keyed.js";
import { plain, pressure, reasonOf, ticking, when } from "./words.js";

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
 * @param {number} [now_ms]
 */
export function holds(row, queue, me, now_ms = 0) {
  if (row.erased) return false;
  const asleep = now_ms < (row.snoozed_until_ms || 0);
  if (queue === "waiting") return row.mode === "waiting" && !asleep;
  if (queue === "mine") return (row.mode === "staff" && row.staff === me && !asleep) || (row.mentions?.includes(me) && row.mode !== "closed");
  if (queue === "approvals") return row.asked > 0 && row.mode !== "closed";
  if (queue === "closed") return row.mode === "closed";
  return row.mode !== "closed";
}

/**
 * How many conversations each queue holds, by the clock of this moment.
 * @param {Iterable<Row>} rows
 * @param {string} me
 * @param {number} now_ms
 */
export function counted(rows, me, now_ms) {
  const counts = /** @type {Record<string, number>} */ ({});
  for (const row of rows) for (const [queue] of QUEUES) if (holds(row, queue, me, now_ms)) counts[queue] = (counts[queue] || 0) + 1;
  return counts;
}

/**
 * @param {Iterable<Row>} rows
 * @param {string} queue
 * @param {string} me
 * @param {string} search
 * @param {number} now_ms
 * @param {Map<string, Row>} [found] what the server has found for this search: shown whatever the queue
 */
export function sorted(rows, queue, me, search, now_ms, found) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length && found) {
    const near = [...rows].filter((row) => !row.erased && words.every((word) => `${nameOf(row)} ${row.customer || ""} ${(row.tags || []).join(" ")} ${row.conversation}`.toLowerCase().includes(word)));
    const all = new Map([...near.map((row) => /** @type {[string, Row]} */ ([keyOf(row), row])), ...found]);
    return [...all.values()].sort((a, b) => b.updated_ms - a.updated_ms || (a.conversation < b.conversation ? -1 : 1));
  }
  const list = [...rows].filter((row) => {
    if (!holds(row, queue, me, now_ms)) return false;
    if (!words.length) return true;
    const text = `${row.name || ""} ${row.customer || ""} ${row.last_text} ${row.conversation} ${reasonOf(row.reason)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const waits = queue === "waiting" || queue === "approvals";
  return list.sort((a, b) => (waits ? (a.waiting_since_ms || a.updated_ms) - (b.waiting_since_ms || b.updated_ms) : b.updated_ms - a.updated_ms) || (a.conversation < b.conversation ? -1 : 1));
}

/** @param {Row} row */
export const keyOf = (row) => `${row.site}/${row.conversation}`;

/** @param {Row} row */
export const nameOf = (row) => row.name || row.customer || `Guest ${row.conversation.replace(/^c:/, "").slice(0, 5)}`;

/**
 * A line without Markdown's marks.
 * @param {string} text
 */
const unmarked = (text) => (text || "").replace(/\*\*|__|`|^#+ /gm, "");

const MODES = /** @type {Record<string, string>} */ ({ agent: "Agent", waiting: "Waiting", staff: "Staff", closed: "Closed" });

/**
 * @param {HTMLElement} box
 * @param {Row[]} list
 * @param {{current: string, me: string, now_ms: number, open: (row: Row) => void}} view
 */
export function drawQueue(box, list, view) {
  const key = keyOf;
  const waited = (/** @type {Row} */ row) => (row.waiting_since_ms ? view.now_ms - row.waiting_since_ms : 0);
  const sign = (/** @type {Row} */ row) => [row.head, key(row) === view.current, row.waiting_since_ms ? ticking(waited(row)) : when(row.updated_ms, view.now_ms), row.found, view.now_ms < (row.snoozed_until_ms || 0), row.offered && view.now_ms < row.offered_until_ms].join("|");
  keyed(box, list, key, sign, (row) => {
    const waits = row.waiting_since_ms != null;
    const state = row.mode === "staff" ? (row.staff === view.me ? "You" : row.staff_name || "Staff") : row.working ? "Agent is working" : MODES[row.mode];
    const node = h(
      "button",
      { class: `row ${row.unread ? "unread" : ""}`, type: "button", "aria-current": key(row) === view.current ? "true" : false, onclick: () => view.open(row) },
      h("span", { class: "who" }, nameOf(row)),
      h("span", { class: `age ${waits ? pressure(waited(row)) : ""}` }, waits ? ticking(waited(row)) : when(row.updated_ms, view.now_ms)),
      h("span", { class: "last" }, row.found ? `“${row.found}”` : (row.last_role === "customer" ? "" : row.last_role === "staff" ? "Staff: " : "Agent: ") + (unmarked(row.last_text) || "…")),
      h("span", { class: "tags" },
        h("span", { class: `mode ${row.mode}` }, state),
        row.asked > 0 && h("span", { class: "mode asked" }, row.asked === 1 ? "1 approval" : `${row.asked} approvals`),
        row.mentions?.includes(view.me) && h("span", { class: "mode asked" }, "@you"),
        row.escalated && h("span", { class: "mode late" }, "escalated"),
        row.blocked && h("span", { class: "mode late" }, "blocked"),
        row.offered && view.now_ms < row.offered_until_ms && h("span", { class: "mode asked" }, row.offered === view.me ? "offered to you" : `offered to ${row.offered_name}`),
        view.now_ms < (row.snoozed_until_ms || 0) && h("span", { class: "mode" }, `snoozed until ${when(row.snoozed_until_ms, view.now_ms)}`),
        (row.tags || []).slice(0, 3).map((/** @type {string} */ tag) => h("span", { class: "label" }, plain(tag))),
        row.reason && row.mode === "waiting" && h("span", { class: "reason" }, reasonOf(row.reason)),
        row.unread > 0 && h("span", { class: "count" }, String(row.unread))),
    );
    return node;
  });
}
