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

/** Kinds that become an item of their own type with nothing but their body. */
const PLAIN = new Set(["mode", "identified", "contact", "rated", "tagged", "snoozed", "blocked", "assigned"]);
/** Ends of a turn that staff should know of; that it was answered they see. */
const ENDS = new Set(["failed", "stopped", "interrupted"]);

/**
 * What an event is shown as; nothing, where it is shown with others or not at all.
 * @param {import("../link.js").Event} e
 * @param {Map<string, Call>} calls
 * @param {Set<string>} mailed what became of these mails is known
 * @returns {Record<string, any> | undefined}
 */
function itemOf(e, calls, mailed) {
  const body = e.body || {};
  if (PLAIN.has(e.kind)) return { type: e.kind, body };
  switch (e.kind) {
    case "message":
    case "note":
      return { type: e.kind, role: e.role, body, id: e.id };
    case "thought":
      return { type: "thought", body };
    case "retrieved":
      return body.passages?.length ? { type: "passages", body } : undefined;
    case "routed":
      return body.agent !== "default" ? { type: "routed", body } : undefined;
    case "call.planned":
      return { type: "call", call: calls.get(body.call) };
    case "mailed":
      return body.state === "not_needed" || (body.state === "sending" && mailed.has(body.mail)) ? undefined : { type: "mailed", body };
    case "turn.ended":
      return ENDS.has(body.reason) ? { type: "ended", body } : undefined;
    default:
      return undefined;
  }
}

/**
 * @param {Link} link
 * @param {number} [seen] the seq up to which this person has read: behind it stands the mark of what is new
 * @param {number} [read] the seq up to which the customer has read: the last of staff's words before it is marked
 * @returns {Item[]}
 */
export function timeline(link, seen = Infinity, read = 0) {
  const calls = callsOf(link);
  /** @type {Item[]} */
  const list = [];
  // A day's first and last moment, so that not every event makes a date.
  let [from_ms, to_ms] = [0, 0];
  let marked = false;
  /** @type {Item | undefined} */
  let last;
  const mailed = new Set(link.events.filter((e) => e.kind === "mailed" && e.body.state !== "sending").map((e) => e.body.mail));
  for (const e of link.events) {
    const item = itemOf(e, calls, mailed);
    if (!item) continue;
    if (SHOWN.has(e.kind) && (e.at_ms < from_ms || e.at_ms >= to_ms)) {
      const day = new Date(e.at_ms);
      from_ms = day.setHours(0, 0, 0, 0);
      to_ms = day.setDate(day.getDate() + 1);
      list.push({ key: `d${from_ms}`, type: "day", at_ms: e.at_ms });
    }
    if (!marked && e.seq > seen && e.kind === "message" && e.role === "customer") {
      marked = true;
      list.push({ key: `new${e.seq}`, type: "new", at_ms: e.at_ms });
    }
    const shown = /** @type {Item} */ ({ key: `e${e.seq}`, at_ms: e.at_ms, ...item });
    if (item.type === "message" && e.role === "staff" && e.seq <= read) last = shown;
    list.push(shown);
  }
  if (last) last.read = true;
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

/**
 * What the customer has said since anybody answered, newest last.
 * @param {Link} link
 * @returns {string[]}
 */
export function openWords(link) {
  /** @type {string[]} */
  const words = [];
  for (const e of link.events) {
    if (e.kind !== "message") continue;
    if (e.role === "customer") words.push(e.body.text);
    else words.length = 0;
  }
  return words;
}

/**
 * What an item is drawn from: another sign, another node. Events never change, so theirs is their key.
 * @param {Item} item
 * @param {Map<string, any>} approvals
 */
export function signOf(item, approvals) {
  if (item.live) return `${item.key}${item.body.text.length}`;
  if (item.pending) return `${item.key}${item.failed}`;
  if (!item.call) return `${item.key}${item.read ? "+" : ""}`;
  // An approval in which somebody writes is not drawn anew because of anything else than its own end.
  if (item.call.state === "asked") return `${item.key}asked${approvals.get(item.call.id) ? "+" : ""}`;
  return `${item.key}${item.call.state}${item.call.decided ? "d" : ""}`;
}
