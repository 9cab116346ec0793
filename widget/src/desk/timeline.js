// What staff see of a conversation: every event as an item, top to bottom; approvals and calls gathered by call.
// Must not touch the DOM or the clock.

/**
 * @typedef {import("../link.js").Link} Link
 * @typedef {{id: string, tool: string, label: string, args: Record<string, any>, state: string, asked?: Record<string, any>, decided?: Record<string, any>,
 *   ended?: Record<string, any>, replaces?: string, at_ms: number}} Call
 * @typedef {{key: string, type: string} & Record<string, any>} Item
 */

const SHOWN = new Set(["message", "mode", "note", "identified", "call.planned", "tagged", "snoozed", "blocked", "assigned", "rated", "contact", "mailed"]);

/**
 * @param {Link} link
 * @returns {Map<string, Call>}
 */
export function callsOf(link) {
  /** @type {Map<string, Call>} */
  const calls = new Map();
  for (const e of link.events) {
    if (!e.kind.startsWith("call.")) continue;
    const b = e.body;
    if (e.kind === "call.planned") {
      calls.set(b.call, { id: b.call, tool: b.tool, label: b.label, args: b.args || {}, state: "planned", replaces: b.replaces, at_ms: e.at_ms });
      continue;
    }
    const call = calls.get(b.call);
    if (!call) continue;
    call.state = e.kind.slice(5);
    if (e.kind === "call.asked") {
      call.asked = b;
      call.decided = undefined;
    }
    if (e.kind === "call.decided") call.decided = b;
    if (e.kind === "call.ended") call.ended = b;
  }
  return calls;
}

/**
 * @param {Link} link
 * @param {number} [seen] the seq up to which this person has read: behind it stands the mark of what is new
 * @returns {Item[]}
 */
export function timeline(link, seen = Infinity) {
  const calls = callsOf(link);
  /** @type {Item[]} */
  const list = [];
  let day = "";
  let marked = false;
  const done = new Set(link.events.filter((e) => e.kind === "mailed" && e.body.state !== "sending").map((e) => e.body.mail));
  for (const e of link.events) {
    const b = e.body || {};
    const key = `e${e.seq}`;
    const on = new Date(e.at_ms).toDateString();
    if (on !== day && SHOWN.has(e.kind)) list.push({ key: `d${(day = on)}`, type: "day", at_ms: e.at_ms });
    if (!marked && e.seq > seen && e.kind === "message" && e.role === "customer") {
      marked = true;
      list.push({ key: `new${e.seq}`, type: "new", at_ms: e.at_ms });
    }
    if (e.kind === "message") list.push({ key, type: "message", role: e.role, at_ms: e.at_ms, body: b, id: e.id });
    else if (e.kind === "note") list.push({ key, type: "note", at_ms: e.at_ms, body: b, role: e.role });
    else if (e.kind === "mode") list.push({ key, type: "mode", at_ms: e.at_ms, body: b });
    else if (e.kind === "thought") list.push({ key, type: "thought", at_ms: e.at_ms, body: b });
    else if (e.kind === "retrieved" && b.passages?.length) list.push({ key, type: "passages", at_ms: e.at_ms, body: b });
    else if (e.kind === "routed" && b.agent !== "default") list.push({ key, type: "routed", at_ms: e.at_ms, body: b });
    else if (e.kind === "call.planned") list.push({ key, type: "call", at_ms: e.at_ms, call: calls.get(b.call) });
    else if (e.kind === "identified") list.push({ key, type: "identified", at_ms: e.at_ms, body: b });
    else if (e.kind === "contact") list.push({ key, type: "contact", at_ms: e.at_ms, body: b });
    else if (e.kind === "mailed" && b.state !== "not_needed" && !(b.state === "sending" && done.has(b.mail))) list.push({ key, type: "mailed", at_ms: e.at_ms, body: b });
    else if (e.kind === "rated") list.push({ key, type: "rated", at_ms: e.at_ms, body: b });
    else if (e.kind === "tagged" || e.kind === "snoozed" || e.kind === "blocked" || e.kind === "assigned") list.push({ key, type: e.kind, at_ms: e.at_ms, body: b });
    else if (e.kind === "turn.ended" && (b.reason === "failed" || b.reason === "stopped" || b.reason === "interrupted"))
      list.push({ key, type: "ended", at_ms: e.at_ms, body: b });
  }
  for (const pending of link.outbox.values()) {
    if (pending.frame.t === "reply" || pending.frame.t === "note") {
      const type = pending.frame.t === "reply" ? "message" : "note";
      list.push({ key: `p${pending.id}`, type, role: "staff", at_ms: pending.at_ms, body: { text: pending.frame.text }, pending: true, failed: pending.failed });
    }
  }
  const { reply, thinking } = link.drafts;
  if (link.turn && thinking?.text) list.push({ key: "thinking", type: "thought", at_ms: 0, body: { text: thinking.text }, live: true });
  if (reply?.text) list.push({ key: "draft", type: "message", role: "agent", at_ms: 0, body: { text: reply.text }, live: true });
  return list;
}
