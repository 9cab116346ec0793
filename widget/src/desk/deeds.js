// The buttons above a conversation: take, hand back, close, give to a colleague, and a menu of what is rarer.
// Must not know what comes of a deed: that comes back as events.

import { h } from "../dom.js";
import { ask } from "./ask.js";
import { Menu } from "./menu.js";
import { offered_ms } from "./queue.js";
import { clock, reasonOf, when } from "./words.js";

/**
 * @typedef {{t: string} & Record<string, any>} Frame
 * @typedef {Record<string, any>} Row
 * @typedef {{key: string, mode: string, row: Row | undefined, me: Row, people: Row[], loads: Map<string, number>, open: () => string[], now_ms: number}} View
 *   `loads`: how many conversations each colleague has; `open`: what the customer said and nobody has answered
 */

const HOUR_MS = 3_600_000;
/** Why a conversation is closed, beside that it is resolved. */
const CLOSINGS = ["no_answer", "duplicate", "spam"];

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
  return [["Snooze for 1 hour", now_ms + HOUR_MS], ["Snooze for 4 hours", now_ms + 4 * HOUR_MS], ["Snooze until tomorrow, 9:00", morning(1)], ["Snooze until Monday, 9:00", morning(monday)]];
}

/** Handing back, with the choice of who answers what is open. @param {string[]} open @returns {Promise<Frame | undefined>} */
async function handBack(open) {
  const release = { t: "release", to: "agent" };
  if (!open.length) return release;
  const chosen = await ask("Hand back to the agent", ["The customer has written this, and nobody has answered:", h("blockquote", {}, open.join("\n"))], [
    { value: "answer", text: "Hand back; the agent answers it", kind: "primary", first: true },
    { value: "wait", text: "Hand back; the agent waits for new words" },
  ]);
  return chosen ? { ...release, ...(chosen === "answer" ? { answer: true } : {}) } : undefined;
}

/** @returns {Promise<Frame | undefined>} */
async function block() {
  const chosen = await ask("Block this visitor?", [
    "The conversation is closed, and the visitor is told so. What they write in it is not taken any more.",
    "It is about this conversation only, and you can undo it: More, “Unblock this visitor”.",
  ], [{ value: "block", text: "Block this visitor", kind: "danger" }]);
  return chosen ? { t: "block", on: true } : undefined;
}

export class Deeds {
  /** @param {{act: (frame: Frame) => void, about: () => void}} desk */
  constructor(desk) {
    this.act = desk.act;
    this.about = desk.about;
    this.node = h("div", { class: "deeds" });
    this.give = new Menu("Assign", { title: "Give to a colleague, or back to the queue (o)", deed: "o" });
    this.more = new Menu("More", { title: "More (m)", deed: "m" });
    this.sign = "";
  }

  /** @param {View} view */
  draw(view) {
    const { key, mode, row, me, now_ms } = view;
    const mine = mode === "staff" && row?.staff === me.id;
    const others = view.people.filter((p) => !p.me);
    const offered = row?.offered === me.id && offered_ms(row, now_ms) > 0;
    const asleep = now_ms < (row?.snoozed_until_ms || 0);
    this.view = view;
    const sign = JSON.stringify([key, mode, mine, offered]);
    if (this.sign !== sign) {
      this.sign = sign;
      this.buttons(mine, offered);
    }
    this.give.node.hidden = !(mine || mode === "waiting" || (mode === "staff" && me.role === "admin"));
    this.give.fill(JSON.stringify([key, mode, mine, row?.offered, others.map((p) => [p.id, p.name, view.loads.get(p.id)])]), () => [
      ...others.filter((p) => p.id !== row?.staff).map((p) => ({ text: `${p.name}${view.loads.get(p.id) ? ` · has ${view.loads.get(p.id)}` : ""}`, act: () => this.act({ t: "assign", to: p.id }) })),
      !others.length && { text: "No colleague is at the desk now." },
      others.length > 0 && { text: "They have a minute to take it." },
      mine && { text: "Nobody: back to the queue", act: () => this.act({ t: "release", to: "waiting" }) },
    ]);
    this.more.fill(JSON.stringify([key, mode, row?.blocked, asleep && row?.snoozed_until_ms]), () => [
      ...(mode === "closed" ? [] : asleep
        ? [{ text: `Wake it (snoozed until ${when(row?.snoozed_until_ms, now_ms)}, ${clock(row?.snoozed_until_ms)})`, act: () => this.act({ t: "snooze" }) }]
        : snoozes(now_ms).map(([text, until_ms]) => ({ text, act: () => this.act({ t: "snooze", until_ms }) }))),
      ...(mode === "closed" ? [] : CLOSINGS.map((reason) => ({ text: `Close: ${reasonOf(reason)}`, act: () => this.act({ t: "release", to: "closed", reason }) }))),
      row?.blocked
        ? { text: "Unblock this visitor", act: () => this.act({ t: "block", on: false }) }
        : { text: "Block this visitor…", kind: "danger", act: () => this.perhaps(block()) },
    ]);
  }

  /** @param {boolean} mine @param {boolean} offered */
  buttons(mine, offered) {
    const { key, mode } = /** @type {View} */ (this.view);
    if (!key) return this.node.replaceChildren();
    const button = (/** @type {string} */ text, /** @type {string} */ deed, /** @type {() => void} */ act, kind = "") =>
      h("button", { type: "button", class: kind, "data-deed": deed, title: `${text} (${deed})`, onclick: act }, text);
    const take = (/** @type {string} */ text, /** @type {boolean} */ force, kind = "primary") => button(text, "t", () => this.act({ t: "take", ...(force ? { force } : {}) }), kind);
    const close = button("Close", "c", () => this.act({ t: "release", to: "closed", reason: "resolved" }));
    const list = mine
      ? [button("Hand back", "b", () => this.perhaps(handBack(this.view?.open() || []))), close]
      : mode === "staff"
        ? [offered ? take("Take over", false) : take("Take from colleague", true, "")]
        : [take("Take over", false), mode !== "closed" && close];
    this.node.replaceChildren(...list.filter((one) => one !== false), this.give.node, this.more.node,
      h("button", { type: "button", class: "about", "aria-label": "About the customer", title: "About the customer (i)", "data-deed": "i", onclick: this.about }, "ⓘ"));
  }

  /** Do what was chosen, if the conversation is still the one that it was asked about. @param {Promise<Frame | undefined>} asked */
  async perhaps(asked) {
    const key = this.view?.key;
    const frame = await asked;
    if (frame && this.view?.key === key) this.act(frame);
  }
}
