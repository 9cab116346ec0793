// The card of a call that waits for staff: drawn from its stored arguments, with the limits that it counts against, to approve, edit or deny.
// Must not take a word of a model for an argument, nor decide: deeds go through `act`.

import { h } from "../dom.js";
import { clearly } from "./clearly.js";
import { plain, span, unplain } from "./words.js";

/**
 * @typedef {import("./timeline.js").Call} Call
 * @typedef {import("./items.js").Act} Act
 * @typedef {Map<string, {input: HTMLInputElement, value: any}>} Inputs
 */

const LIMITS = /** @type {Record<string, string>} */ ({ per_customer_per_day: "This customer today", per_site_per_day: "The shop today", per_conversation: "This conversation", auto_up_to: "Without approval up to" });

/**
 * The amount, and every limit with what is used of it: before this call, by it, and what is left.
 * @param {{amount?: string | null, limits?: {name: string, booked: string, cost: string, limit: string}[]} | undefined} about
 */
function bounds(about) {
  if (!about) return h("p", { class: "bounds quiet" }, "Looking up the limits…");
  let fits = true;
  const rows = (about.limits || []).map((l) => {
    const [booked, cost, limit] = [Number(l.booked), Number(l.cost), Number(l.limit)];
    const over = booked + cost > limit;
    // Up to this amount nobody is asked: being over it is why the card is here.
    if (over && l.name !== "auto_up_to") fits = false;
    return h("li", { class: over ? "over" : "" }, h("span", {}, LIMITS[l.name] || l.name.replaceAll("_", " ")),
      h("meter", { min: 0, max: limit, high: limit * 0.999, value: Math.min(limit, booked + cost), "aria-label": `${booked + cost} of ${limit}` }),
      h("span", {}, `${money(booked)} + ${money(cost)} of ${money(limit)}${over ? ": too much" : ""}`));
  });
  return h("div", { class: "bounds" }, about.amount != null && h("p", { class: "amount" }, h("span", { class: "quiet" }, "Amount "), h("b", {}, money(Number(about.amount)))),
    rows.length ? h("ul", {}, rows) : h("p", { class: "quiet" }, "No limit counts here."),
    !fits && h("p", { class: "bad" }, "Over a limit: approved like this it would be refused when it runs. Edit it, or deny it."));
}

/** @param {number} n */
const money = (n) => n.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });


/** How surely it is known who asks. */
const LEVELS = /** @type {Record<string, string>} */ ({ anonymous: "not signed in", guest: "showed an order's e-mail by a code", identified: "signed in by the shop", step_up: "confirmed by a code" });

/**
 * The arguments as they are stored; flat ones with a field to change them, which is hidden at first.
 * @param {Record<string, any>} args
 * @returns {{list: HTMLElement, inputs: Inputs}}
 */
function argsOf(args) {
  const inputs = /** @type {Inputs} */ (new Map());
  const list = h("dl", { class: "args" });
  for (const [name, value] of Object.entries(args)) {
    const flat = typeof value !== "object" || value === null;
    const shown = h("dd", {}, clearly(flat ? String(value) : JSON.stringify(value)));
    list.append(h("dt", {}, clearly(name.replaceAll("_", " "))), shown);
    if (!flat) continue;
    // What cannot be seen is named in the field too: else a reversed or empty-looking text would be edited blindly.
    const input = /** @type {HTMLInputElement} */ (h("input", { value: plain(String(value)), "aria-label": name, hidden: true, inputmode: typeof value === "number" ? "decimal" : "text" }));
    shown.append(input);
    inputs.set(name, { input, value });
  }
  return { list, inputs };
}

/**
 * @param {Call} c
 * @param {Act} act
 * @param {number} now_ms
 */
export function approval(c, act, now_ms) {
  const asked = c.asked || {};
  const stored = asked.args || c.args;
  const { list, inputs } = argsOf(stored);
  const comment = /** @type {HTMLInputElement} */ (h("input", { class: "comment", placeholder: "Comment (the agent may repeat it)", "aria-label": "Comment", maxlength: 1000 }));
  const wrong = h("p", { class: "bad", role: "alert" });
  const edit = h("button", { type: "button", "aria-expanded": "false" }, "Edit");
  const yes = h("button", { type: "button", class: "primary", "data-act": "approve" }, "Approve");
  const no = h("button", { type: "button", class: "danger" }, "Deny");
  const lock = (/** @type {boolean} */ on) => [edit, yes, no].forEach((b) => b.toggleAttribute("disabled", on));
  let editing = false;
  const turn = () => {
    editing = !editing;
    for (const { input, value } of inputs.values()) {
      input.hidden = !editing;
      input.value = plain(String(value));
    }
    card.classList.toggle("editing", editing);
    edit.setAttribute("aria-expanded", String(editing));
    edit.textContent = editing ? "Undo edits" : "Edit";
    yes.textContent = editing ? "Approve as edited" : "Approve";
    wrong.textContent = "";
    if (editing) [...inputs.values()][0]?.input.focus();
  };
  const decide = (/** @type {boolean} */ approve) => {
    /** @type {Record<string, any> | undefined} */
    let args;
    try {
      if (approve && editing) args = edited(stored, inputs);
    } catch (error) {
      wrong.textContent = String(/** @type {Error} */ (error).message);
      return;
    }
    wrong.textContent = "";
    lock(true);
    act.decide(c, approve, comment.value.trim(), args);
  };
  edit.addEventListener("click", turn);
  yes.addEventListener("click", () => decide(true));
  no.addEventListener("click", () => decide(false));
  const who = asked.caller?.customer ? `customer ${asked.caller.customer}` : "a guest";
  const card = h("section", { class: "item approval", "data-call": c.id, "aria-label": `Approval: ${c.label || c.tool}` },
    h("header", {}, h("b", {}, c.label || c.tool), expiry(asked.expires_ms, now_ms)),
    asked.why && h("p", { class: "why" }, `Why it is asked: ${asked.why}`),
    list,
    bounds(act.about(c)),
    h("p", { class: "quiet" }, h("code", {}, c.tool), " for ", clearly(who), `, ${LEVELS[asked.caller?.level] || LEVELS.anonymous}${c.replaces ? " · edited by staff" : ""}`),
    comment, wrong, h("div", { class: "buttons" }, no, h("span", { class: "gap" }), inputs.size > 0 && edit, yes));
  card.addEventListener("refused", (e) => {
    wrong.textContent = /** @type {CustomEvent} */ (e).detail;
    lock(false);
  });
  return card;
}

/**
 * How long something can still be decided; kept current by whoever ticks, wherever `data-until` stands.
 * @param {number} until_ms
 * @param {number} now_ms
 */
export const expiry = (until_ms, now_ms) => h("span", { class: "state", "data-until": until_ms }, expires(until_ms, now_ms));

/** @param {number} until_ms @param {number} now_ms */
export const expires = (until_ms, now_ms) => (until_ms > now_ms ? `expires in ${span(until_ms - now_ms)}` : "expired");

/**
 * The arguments with what was changed; nothing, where nothing was.
 * @param {Record<string, any>} stored
 * @param {Inputs} inputs
 * @returns {Record<string, any> | undefined}
 */
function edited(stored, inputs) {
  const args = { ...stored };
  for (const [name, { input, value }] of inputs) if (input.value !== plain(String(value)).replaceAll("\n", "")) args[name] = read(unplain(input.value), value, name);
  return JSON.stringify(args) === JSON.stringify(stored) ? undefined : args;
}

/**
 * The text of an edited field in the type that it had.
 * @param {string} text
 * @param {any} before
 * @param {string} name
 */
function read(text, before, name) {
  if (typeof before === "number") {
    if (!/^-?\d+([.,]\d+)?$/.test(text.trim())) throw new Error(`${name}: expected a number, got “${text}”`);
    return Number(text.replace(",", "."));
  }
  if (typeof before === "boolean") return text.trim().toLowerCase() === "true";
  return before === null && text === "null" ? null : text;
}
