// What there is to see: a Link folded into a flat list of items, top to bottom.
// Must not touch DOM or clock: the same link and the same arguments give the same items.

import { codePoints } from "./link.js";

/**
 * @typedef {import("./link.js").Link} Link
 * @typedef {import("./link.js").Step} Step
 * @typedef {{key: string, type: "day", at_ms: number}
 *   | {key: string, type: "unread"}
 *   | {key: string, type: "message", id: string, role: string, name: string, picture?: string, text: string, at_ms: number, citations: any[],
 *      choices: {label: string, text: string}[], live: boolean, usable: boolean, first: boolean, last: boolean, score: number, state: string, error: string}
 *   | {key: string, type: "work", steps: Step[], thoughts: string[], thinking: string, running: boolean}
 *   | {key: string, type: "line", seq: number, what: string, again: string}
 *   | {key: string, type: "note", seq: number, what: string, name: string, picture?: string, left?: string, mail?: boolean}
 *   | {key: string, type: "rating", seq: number, score: number}
 *   | {key: string, type: "seen"}
 *   | {key: string, type: "ask", call: string, label: string, args: Record<string, any>, fields?: Record<string, any>, expires_ms: number, state: string, verify: string, to: string, proof: Record<string, any>}} Item
 */

/**
 * @param {any} raw `choices` or chips: strings, or objects with label and text
 * @returns {{label: string, text: string}[]}
 */
export function choicesOf(raw) {
  if (!Array.isArray(raw)) return [];
  return raw
    .map((c) => (typeof c === "string" ? { label: c, text: c } : { label: String(c?.label ?? c?.text ?? ""), text: String(c?.text ?? c?.label ?? "") }))
    .filter((c) => c.text);
}

/**
 * @param {Link} link
 * @param {{seen: number, now_ms: number, day: (at_ms: number) => string, online: boolean}} view
 *   `seen`: the last seq seen before the chat was opened (0: no divider); `day` names a calendar day
 * @returns {Item[]}
 */
export function items(link, view) {
  /** @type {Item[]} */
  const list = [];
  /** @type {Map<string, number>} agent messages so far, by turn */
  const parts = new Map();
  /** @type {Map<string, any>} */
  const works = new Map();
  let day = "";
  let divided = !view.seen;
  let lastText = "";
  /** Who of the staff is there, and the last line that said so. */
  let there = "";
  /** @type {any} */
  let mode = null;
  const dayOf = (/** @type {number} */ at_ms) => {
    if (view.day(at_ms) !== day) list.push({ key: `day:${(day = view.day(at_ms))}`, type: "day", at_ms });
  };
  const workOf = (/** @type {string} */ turn) => {
    let work = works.get(turn);
    if (!work) {
      work = { key: `work:${turn}`, type: "work", steps: [], thoughts: [], thinking: "", running: false };
      works.set(turn, work);
      list.push(work);
    }
    return work;
  };

  for (const e of link.events) {
    const b = e.body || {};
    if (e.kind === "message") {
      dayOf(e.at_ms);
      if (!divided && e.role !== "customer" && e.seq > view.seen) {
        divided = true;
        list.push({ key: "unread", type: "unread" });
      }
      let key = `m:${e.id}`;
      if (e.role === "agent" && e.turn) {
        const n = parts.get(e.turn) || 0;
        parts.set(e.turn, n + 1);
        key = `m:${e.turn}:${n}`;
      }
      if (e.role === "customer") {
        lastText = b.text;
        for (const item of list) if (item.type === "message") item.usable = false;
      }
      list.push(message(key, e.id, e.role, b, e.at_ms, link.scores.get(e.id) || 0));
    } else if (e.kind === "turn.started" && e.turn) {
      workOf(e.turn);
    } else if (e.kind === "thought" && e.turn) {
      workOf(e.turn).thoughts.push(String(b.text || ""));
    } else if (e.kind === "turn.ended") {
      // An ending that left no message behind is said in words.
      const silent = b.reason === "failed" && !(e.turn && parts.get(e.turn));
      if (b.reason === "stopped" || b.reason === "interrupted" || silent) {
        list.push({ key: `end:${e.seq}`, type: "line", seq: e.seq, what: b.reason, again: b.reason === "stopped" ? "" : lastText });
      }
    } else if (e.kind === "mode") {
      const name = b.mode === "staff" ? b.name || "" : "";
      // The agent is back only where somebody else was.
      if (mode || b.mode !== "agent") {
        mode = { key: `mode:${e.seq}`, type: "note", seq: e.seq, what: `mode_${b.mode}`, name, picture: b.picture, left: there !== name ? there : "" };
        list.push(mode);
      }
      there = name;
      // Asked at the first end, and answered there or not: who comes back to talk is not asked again, nor who was asked by mail.
      const mailed = link.events.some((m) => m.kind === "mailed" && m.body.what === "rating" && m.body.state === "sent");
      if (b.mode === "closed" && lastText && (!mailed || link.scores.get("")) && !list.some((i) => i.type === "rating")) list.push({ key: "rating", type: "rating", seq: e.seq, score: link.scores.get("") || 0 });
    } else if (e.kind === "mailed" && b.what === "transcript") {
      const key = `mail:${e.id.replace(/:done$/, "")}`;
      const known = list.find((i) => i.key === key);
      const now = { key, type: /** @type {const} */ ("note"), seq: e.seq, what: `mail_${b.state}`, name: b.to };
      if (known) Object.assign(known, now);
      else list.push(now);
    } else if (e.kind === "call.asked" && b.of === "customer") {
      list.push(ask(link, b, view.now_ms));
    }
  }

  if (mode && link.mode.mode === "closed") mode.mail = true;
  const newest = link.events.findLast((e) => e.kind === "message");
  if (newest?.role === "customer" && newest.seq <= link.staff.seen) list.push({ key: "seen", type: "seen" });

  for (const pending of link.outbox.values()) {
    if (pending.frame.t === "transcript") list.push({ key: "mail", type: "note", seq: 0, what: "mail_asked", name: "" });
    if (pending.frame.t !== "say") continue;
    dayOf(pending.at_ms);
    const item = message(`m:${pending.id}`, pending.id, "customer", { text: pending.frame.text }, pending.at_ms, 0);
    item.state = pending.failed ? "failed" : view.online ? "sending" : "queued";
    item.error = pending.failed;
    for (const earlier of list) if (earlier.type === "message") earlier.usable = false;
    list.push(item);
  }

  for (const [turn, steps] of link.steps) {
    const work = works.get(turn) || (link.turn === turn ? workOf(turn) : null);
    if (work) work.steps = [...steps.values()].filter((s) => s.label);
  }
  const { reply, thinking } = link.drafts;
  if (link.turn) {
    const work = workOf(link.turn);
    work.running = !reply;
    if (thinking) work.thinking = thinking.text;
  }
  if (reply && codePoints(reply.text)) {
    const n = parts.get(reply.turn) || 0;
    const item = message(`m:${reply.turn}:${n}`, "", "agent", { text: reply.text }, 0, 0);
    item.live = true;
    list.push(item);
  }
  if (link.aside) list.push({ key: link.aside, type: "note", seq: Infinity, what: link.aside, name: "" });
  return group(list.filter((i) => i.type !== "work" || i.running || i.steps.length || i.thoughts.length));
}

/**
 * @param {string} key
 * @param {string} id
 * @param {string} role
 * @param {Record<string, any>} body
 * @param {number} at_ms
 * @param {number} score
 * @returns {any}
 */
function message(key, id, role, body, at_ms, score) {
  return {
    key, type: "message", id, role, at_ms, score,
    name: body.name || "", picture: body.picture,
    text: String(body.text ?? ""),
    citations: Array.isArray(body.citations) ? body.citations : [],
    choices: choicesOf(body.choices),
    files: body.files || (body.wants && []), // a question for a photo comes with the button that sends one
    live: false, usable: true, first: true, last: true, state: "sent", error: "",
  };
}

/**
 * @param {Link} link
 * @param {Record<string, any>} body of call.asked
 * @param {number} now_ms
 * @returns {Item}
 */
function ask(link, body, now_ms) {
  const call = link.calls.get(body.call) || {};
  let state = "open";
  if (call.approve === true) state = "approved";
  else if (call.approve === false) state = "declined";
  else if (link.outbox.has(`decide:${body.call}`)) state = "deciding";
  else if (call.ended || (body.expires_ms && body.expires_ms <= now_ms)) state = "expired";
  return { key: `ask:${body.call}`, type: "ask", call: body.call, label: body.label || "", args: body.args || {}, fields: body.fields, expires_ms: body.expires_ms || 0, state, verify: body.verify || "", to: body.to || "", proof: { ...link.proof(body.call) } };
}

/**
 * Mark the first and last message of each run by one author within five minutes.
 * @param {Item[]} list
 */
function group(list) {
  /** @type {any} */
  let before = null;
  for (const item of list) {
    if (item.type === "work") continue;
    if (item.type !== "message") {
      before = null;
      continue;
    }
    // 5 minutes: the pause after which people read two messages as two visits.
    const near = before && before.role === item.role && before.name === item.name && (!item.at_ms || item.at_ms - before.at_ms < 300_000);
    if (near) {
      before.last = false;
      item.first = false;
    }
    before = item;
  }
  return list;
}
