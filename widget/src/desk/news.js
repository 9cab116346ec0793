// What a person is told of rows that changed: somebody waits, answers, names them, offers them something, or asks for approval.
// Must not show it.

import { keyOf } from "./queue.js";

/** @typedef {Record<string, any>} Row */

/**
 * The first of the changed rows that a person should hear of, and why.
 * @param {Row[]} rows as they are now
 * @param {Map<string, Row>} before
 * @param {string} me
 * @returns {{row: Row, what: string} | undefined}
 */
export function news(rows, before, me) {
  for (const row of rows) {
    const old = before.get(keyOf(row));
    if (row.mentions?.includes(me) && !old?.mentions?.includes(me)) return { row, what: "a note names you" };
    if (row.offered === me && old?.offered_until_ms !== row.offered_until_ms && !(row.mode === "staff" && row.staff === me)) return { row, what: "is offered to you" };
    if (row.asked > (old?.asked || 0)) return { row, what: "an approval is asked for" };
    if (row.mode === "waiting" && old?.mode !== "waiting") return { row, what: row.last_text };
    if (row.mode === "staff" && row.staff === me && row.unread > (old?.unread || 0)) return { row, what: row.last_text };
  }
  return undefined;
}
