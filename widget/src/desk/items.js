// Draws one item of the timeline: messages, notes, calls, approvals, passages, changes of hands.
// Must not decide what there is to see (timeline.js does), nor change anything: deeds go through `act`.

import { h } from "../dom.js";
import { render } from "../markdown.js";
import { approval, expiry } from "./approval.js";
import { list } from "./args.js";
import { packetCard } from "./packet.js";
import { clock, plain, reasonOf, when } from "./words.js";

/**
 * @typedef {import("./timeline.js").Item} Item
 * @typedef {import("./timeline.js").Call} Call
 * @typedef {{decide: (call: Call, approve: boolean, comment: string, args?: Record<string, any>) => void, retry: (id: string) => void, file: (id: string) => string, customer: () => string, about: (call: Call) => any}} Act
 */

/**
 * @param {Item} item
 * @param {Act} act
 * @param {number} now_ms
 * @returns {HTMLElement}
 */
export function draw(item, act, now_ms) {
  switch (item.type) {
    case "day":
      return h("h2", { class: "day" }, new Date(item.at_ms).toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long" }));
    case "message":
      return message(item, act);
    case "note":
      return note(item);
    case "new":
      return h("p", { class: "new", id: "new" }, h("span", {}, "New"));
    case "tagged":
      return h("p", { class: "line quiet" }, `${item.body.name} ${item.body.on ? "put on" : "took off"} the tag “${plain(item.body.tag)}”`);
    case "snoozed":
      return h("p", { class: "line quiet" }, item.body.until_ms ? `${item.body.name} snoozed this until ${when(item.body.until_ms, now_ms)}, ${clock(item.body.until_ms)}` : `${item.body.name} woke this`);
    case "blocked":
      return h("p", { class: "line" }, `${item.body.name} ${item.body.on ? "blocked" : "unblocked"} this visitor`);
    case "assigned":
      return h("p", { class: "line quiet" }, item.body.name ? `Offered to ${item.body.name}` : "Offered to nobody any more", " ", h("time", {}, clock(item.at_ms)));
    case "mode":
      return h("p", { class: "line" }, modeWords(item.body), " ", h("time", {}, clock(item.at_ms)));
    case "thought":
      return fold("Reasoning", item.live ? "live" : "", words(item.body.text));
    case "passages":
      return passages(item);
    case "routed":
      return h("p", { class: "line quiet" }, `${item.body.agent || "agent"}${item.body.why ? ` · ${item.body.why}` : ""}`);
    case "call":
      return item.call?.state === "asked" && item.call.asked?.of === "staff" ? approval(item.call, act, now_ms) : call(item.call, now_ms);
    case "identified":
      return h("p", { class: "line quiet" }, item.body.customer ? `Signed in as ${item.body.name || item.body.customer}` : "Signed out");
    case "contact":
      return h("p", { class: "line" }, `Left an address for answers: ${plain(item.body.email || "")}`);
    case "mailed":
      return h("p", { class: item.body.state === "failed" ? "line bad" : "line quiet" }, mailWords(item.body));
    case "rated":
      return h("p", { class: "line" }, item.body.of ? (item.body.score > 0 ? "👍 for an answer" : "👎 for an answer") : `Rated ${item.body.score} of 5`, item.body.text ? ` · “${item.body.text}”` : "");
    case "ended":
      return h("p", { class: "line quiet" }, item.body.reason === "stopped" ? "The customer stopped the answer" : item.body.reason === "failed" ? "The agent failed at this" : "The agent was interrupted");
    default:
      return h("p", { class: "line" }, item.type);
  }
}

/**
 * A note of a colleague's, with the names in it standing out; or the card of a hand-over.
 * @param {Item} item
 */
function note(item) {
  const { body } = item;
  if (typeof body.packet === "object" && body.packet) return packetCard(body.packet, item.at_ms);
  const box = h("div", { class: "text" });
  for (const line of String(body.text).split("\n")) {
    // Whom a note names it names to the server, by id; here it is only shown.
    box.append(h("p", {}, body.mentions?.length ? line.split(/(@[\p{L}\w.-]+)/u).map((part) => (part.startsWith("@") ? h("b", { class: "named" }, part) : part)) : line));
  }
  return h("article", { class: `item note${item.pending ? " pending" : ""}` }, head(item, `Note · ${body.name || (item.pending ? "You" : "system")}`), box);
}

/** @param {Record<string, any>} body of `mailed` */
function mailWords({ state, to, why }) {
  if (state === "sent") return `Mailed to ${to}`;
  if (state === "sending") return `Mail to ${to}: on its way, or not known`;
  return `Could not be mailed to ${to}${why === "too_many" ? ": too many mails today" : ""}`;
}

/** @param {Record<string, any>} body of `mode` */
function modeWords(body) {
  if (body.mode === "staff") return `${body.name || "A colleague"} took over`;
  if (body.mode === "waiting") return `Waits for a person${body.reason ? `: ${reasonOf(body.reason)}` : ""}`;
  if (body.mode === "closed") return `Closed${body.reason ? `: ${reasonOf(body.reason)}` : ""}`;
  return "Back with the agent";
}

/**
 * @param {Item} item
 * @param {string} who
 */
const head = (item, who) => h("header", {}, h("b", {}, who), item.at_ms > 0 && h("time", {}, clock(item.at_ms), item.read && h("span", { class: "read" }, " · Seen")));

/** @param {string} text */
function words(text) {
  const box = h("div", { class: "text" });
  render(box, text || "");
  return box;
}

/**
 * @param {Item} item
 * @param {Act} act
 */
function message(item, act) {
  const { body, role } = item;
  const who = role === "customer" ? act.customer() : role === "staff" ? body.name || "You" : "Agent";
  const node = h("article", { class: `item message ${role}${item.live ? " live" : ""}${item.pending ? " pending" : ""}` }, head(item, item.live ? "Agent is writing" : who), words(body.text));
  if (body.citations?.length) {
    node.append(h("ol", { class: "cites" }, body.citations.map((/** @type {any} */ c) => h("li", { value: c.n }, h("q", {}, c.quote), " ", h("cite", {}, c.title || c.document)))));
  }
  if (body.files?.length) {
    const shown = (/** @type {any} */ f) => (f.width ? h("img", { src: act.file(f.id), alt: plain(f.name), loading: "lazy" }) : plain(f.name));
    node.append(h("p", { class: "files" }, body.files.map((/** @type {any} */ f) => h("a", { href: act.file(f.id), target: "_blank", rel: "noopener" }, shown(f)))));
  }
  if (item.failed) node.append(h("p", { class: "bad" }, "Not sent. ", h("button", { class: "link", onclick: () => act.retry(item.key.slice(1)) }, "Try again")));
  return node;
}

/**
 * @param {string} title
 * @param {string} extra
 * @param {...HTMLElement} inside
 */
function fold(title, extra, ...inside) {
  return h("details", { class: `item fold ${extra}`, open: extra === "live" }, h("summary", {}, title), ...inside);
}

/** @param {Item} item */
function passages(item) {
  const list = item.body.passages.map((/** @type {any} */ p) =>
    h("li", {}, h("b", {}, p.title || p.document), p.heading ? ` › ${p.heading}` : "", h("span", { class: "score" }, Math.round(100 * (p.score || 0)) + " %"), h("p", {}, p.text)));
  return fold(`${list.length} passage${list.length === 1 ? "" : "s"} for “${item.body.query || ""}”`, "", h("ol", { class: "passages" }, list));
}

const STATES = /** @type {Record<string, string>} */ ({ planned: "planned", asked: "waits for the customer", decided: "decided", started: "in flight", ended: "done" });

/**
 * @param {Call} c
 * @param {number} now_ms
 */
function call(c, now_ms) {
  const failed = c.ended && !c.ended.ok;
  const state = c.ended?.unknown ? "outcome unknown" : failed ? (c.ended?.code || "failed").replaceAll("_", " ") : STATES[c.state] || c.state;
  const kind = c.ended?.unknown || failed ? "bad" : c.state === "ended" ? "good" : "busy";
  const node = h("details", { class: `item fold call ${kind}` }, h("summary", {}, h("b", {}, c.label || c.tool), h("span", { class: "state" }, state)));
  node.append(h("p", { class: "tool" }, c.tool, c.replaces ? " · edited by staff" : ""), list(c.args, c.asked?.fields));
  if (c.decided) node.append(h("p", {}, `${c.decided.approve ? "Agreed" : c.decided.expired ? "Expired" : "Refused"}${c.decided.name ? ` by ${c.decided.name}` : c.decided.by === "customer" ? " by the customer" : ""}${c.decided.comment ? `: ${c.decided.comment}` : ""}`));
  if (c.asked && c.state === "asked") node.append(h("p", {}, expiry(c.asked.expires_ms, now_ms)));
  if (c.ended?.error) node.append(h("p", { class: "bad" }, c.ended.error));
  if (c.ended?.ok && c.ended.result !== undefined) node.append(h("pre", { tabindex: 0 }, plain(JSON.stringify(c.ended.result, null, 2))));
  if (c.ended?.ms !== undefined) node.append(h("p", { class: "quiet" }, `${c.ended.ms} ms${c.ended.attempts > 1 ? `, ${c.ended.attempts} attempts` : ""}`));
  return node;
}

