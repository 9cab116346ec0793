// Which conversations stand in which queue, in which order, and what they are called.
// Must not touch the DOM or the clock, nor talk to the server.

import { reasonOf } from "./words.js";

/** @typedef {Record<string, any>} Row */

export const QUEUES = [
  ["waiting", "Waiting"],
  ["mine", "Mine"],
  ["approvals", "Approvals"],
  ["all", "Open"],
  ["closed", "Closed"],
];

/**
 * The rows in the order that they had; what has come since stands at the end. For a list in which somebody is about to point at something.
 * @param {Row[]} list in the order that they should have
 * @param {Row[]} before
 */
export function held(list, before) {
  const places = new Map(before.map((row, n) => [keyOf(row), n]));
  const place = (/** @type {Row} */ row) => places.get(keyOf(row)) ?? before.length;
  return list.map((row, n) => /** @type {[Row, number]} */ ([row, n])).sort(([a, m], [b, n]) => place(a) - place(b) || m - n).map(([row]) => row);
}

/** @param {Row} row */
export const keyOf = (row) => `${row.site}/${row.conversation}`;

/** @param {Row} row */
export const nameOf = (row) => row.name || row.customer || `Guest ${row.conversation.replace(/^c:/, "").slice(0, 5)}`;

/**
 * How long somebody still has to take what they were offered; 0 for nothing that is on offer.
 * @param {Row | undefined} row
 * @param {number} now_ms
 */
export const offered_ms = (row, now_ms) => (row?.offered && row.mode !== "closed" && row.staff !== row.offered ? Math.max(0, (row.offered_until_ms || 0) - now_ms) : 0);

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
  if (queue === "mine") {
    if (row.offered === me && offered_ms(row, now_ms)) return true;
    return (row.mode === "staff" && row.staff === me && !asleep) || (row.mentions?.includes(me) && row.mode !== "closed");
  }
  if (queue === "approvals") return row.asked > 0;
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
 * The rows of a queue in their order: what is offered to this person first; then who waits longest, elsewhere the newest word.
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
  const mine = (/** @type {Row} */ row) => Number(row.offered === me && offered_ms(row, now_ms) > 0);
  return list.sort((a, b) => mine(b) - mine(a)
    || (waits ? (a.waiting_since_ms || a.updated_ms) - (b.waiting_since_ms || b.updated_ms) : b.updated_ms - a.updated_ms)
    || (a.conversation < b.conversation ? -1 : 1));
}
