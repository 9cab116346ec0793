// The card that comes with a hand-over: what is open, what to do next, what was tried, how the customer is.
// Must not add a word of its own about the customer: all of it came with the note.

import { h } from "../dom.js";
import { capital, clock, languageOf, plain, reasonOf, unmarked } from "./words.js";

const OUTCOMES = /** @type {Record<string, string>} */ ({ done: "done", failed: "failed", refused: "refused", unknown: "outcome unknown", waits: "waits for a decision", in_flight: "in flight", not_done: "not done" });
const KINDS = /** @type {Record<string, string>} */ ({ done: "good", failed: "bad", refused: "bad", unknown: "bad" });

/**
 * @param {string} name
 * @param {...any} inside
 */
const part = (name, ...inside) => h("section", {}, h("h3", {}, name), ...inside);

/** @param {{label?: string, tool: string, outcome: string, error?: string}} call */
const tried = (call) => h("li", { class: KINDS[call.outcome] || "busy" }, plain(call.label || call.tool), h("span", { class: "state" }, OUTCOMES[call.outcome] || call.outcome), call.error && h("span", { class: "quiet" }, ` ${plain(call.error)}`));

/**
 * @param {Record<string, any>} packet
 * @param {number} at_ms
 */
export function packetCard(packet, at_ms) {
  const runs = (packet.runs || []).map((/** @type {any} */ run) => h("li", { class: "busy" }, `In the middle of ${plain(run.workflow)}`, h("span", { class: "state" }, run.done?.length ? `done: ${plain(run.done.join("; "))}` : "nothing done yet")));
  const facts = [capital(packet.mood || ""), languageOf(packet.language, document.documentElement.lang), packet.skill].filter(Boolean).map((/** @type {string} */ text) => h("span", { class: "label" }, plain(text)));
  const why = `${reasonOf(packet.reason)}${packet.detail ? `: ${packet.detail}` : ""}`;
  return h("article", { class: "item packet", "aria-label": "Hand-over" },
    h("header", {}, h("b", {}, "Hand-over"), h("span", { class: "facts" }, facts), h("time", {}, clock(at_ms))),
    h("p", { class: "why" }, `Why: ${plain(why)}`),
    packet.question && part("Open question", h("blockquote", {}, plain(packet.question))),
    packet.next && part("Next step", h("p", { class: "next" }, plain(packet.next))),
    packet.summary?.length > 0 && part("So far", h("ul", {}, packet.summary.map((/** @type {string} */ line) => h("li", {}, plain(unmarked(line))))),
      packet.earlier > 0 && h("p", { class: "quiet" }, `${packet.earlier} earlier message${packet.earlier === 1 ? "" : "s"} settled by a person before.`)),
    (packet.tried?.length > 0 || runs.length > 0) && part("Tried", h("ul", { class: "calls" }, (packet.tried || []).map(tried), runs)),
    packet.read?.length > 0 && h("p", { class: "quiet" }, `The agent quoted from: ${plain(packet.read.join("; "))}`));
}
