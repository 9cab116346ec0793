// The card of a call that waits for staff: drawn from its stored arguments, with the limits that it counts against, to approve, edit or deny.
// Must not take a word of a model for an argument, nor decide: deeds go through `act`.

import { money } from "../args.js";
import { clearly } from "../clearly.js";
import { h } from "../dom.js";
import { asStored, drawn } from "./args.js";
import { plain, span, unplain } from "./words.js";

/**
 * @typedef {import("./timeline.js").Call} Call
 * @typedef {import("./items.js").Act} Act
 * @typedef {Map<string, {input: HTMLInputElement, value: any, label: string}>} Inputs
 * @typedef {Record<string, import("../args.js").Field>} Fields
 */

const LIMITS = /** @type {Record<string, string>} */ ({ per_customer_per_day: "This customer today", per_site_per_day: "The shop today", per_conversation: "This conversation", auto_up_to: "Without approval up to" });

/** Of which currency the call's amount is. @param {Fields | undefined} fields */
const currencyOf = (fields) => Object.values(fields || {}).find((field) => field.currency)?.currency;

/**
 * The amount, and every limit with what is used of it: before this call, by it, and what is left.
 * @param {{amount?: string | null, limits?: {name: string, booked: string, cost: string, limit: string}[]} | undefined} about
 * @param {string | undefined} currency
 */
function bounds(about, currency) {
  if (!about) return h("p", { class: "bounds quiet" }, "Looking up the limits…");
  // A tool that moves nothing is counted: its limits are numbers of calls.
  const sum = (/** @type {number} */ n) => (about.amount == null ? String(n) : money(n.toFixed(2), currency, undefined));
  let fits = true;
  const rows = (about.limits || []).map((l) => {
    const [booked, cost, limit] = [Number(l.booked), Number(l.cost), Number(l.limit)];
    const over = booked + cost > limit;
    // Up to this amount nobody is asked: being over it is why the card is here.
    if (over && l.name !== "auto_up_to") fits = false;
    return h("li", { class: over ? "over" : "" }, h("span", {}, LIMITS[l.name] || l.name.replaceAll("_", " ")),
      h("meter", { min: 0, max: limit, high: limit * 0.999, value: Math.min(limit, booked + cost), "aria-label": `${sum(booked + cost)} of ${sum(limit)}` }),
      h("span", {}, `${sum(booked)} + ${sum(cost)} of ${sum(limit)}${over ? ": too much" : ""}`));
  });
  return h("div", { class: "bounds" }, 
    // Where it is known which argument is the amount, it stands among them already.
    about.amount != null && !currency && h("p", { class: "amount" }, h("span", { class: "quiet" }, "Amount "), h("b", {}, about.amount)),
    rows.length ? h("ul", {}, rows) : h("p", { class: "quiet" }, "No limit counts here."),
    !fits && h("p", { class: "bad" }, "Over a limit: approved like this it would be refused when it runs. Edit it, or deny it."));
}

/**
 * Why it is asked, the rule's sums as the reader writes them: they stand in the log as plain numbers.
 * @param {string} why
 * @param {string | undefined} currency
 */
const reason = (why, currency) => why.replace(/(\d+(?:\.\d+)?) is over (\d+(?:\.\d+)?)$/,
  (_, ...sums) => sums.slice(0, 2).map((sum) => money(sum, currency, undefined)).join(" is over "));

/** How surely it is known who asks. */
const LEVELS = /** @type {Record<string, string>} */ ({ anonymous: "not signed in", guest: "showed an order's e-mail by a code", identified: "signed in by the shop", step_up: "confirmed by a code" });

/**
 * The arguments that are stored; flat ones with a field to change them, which is hidden at first and has what is stored.
 * @param {Record<string, any>} args
 * @param {Fields | undefined} fields
 * @returns {{list: HTMLElement, inputs: Inputs}}
 */
function argsOf(args, fields) {
  const inputs = /** @type {Inputs} */ (new Map());
  const list = h("dl", { class: "args" });
  for (const { row: { name, value, label }, nodes } of drawn(args, fields)) {
    list.append(...nodes);
    if (typeof value === "object" && value !== null) continue;
    // What cannot be seen is named in the field too: else a reversed or empty-looking text would be edited blindly.
    const input = /** @type {HTMLInputElement} */ (h("input", { value: plain(String(value)), "aria-label": plain(label), hidden: true, inputmode: typeof value === "number" ? "decimal" : "text" }));
    nodes[1].append(input);
    inputs.set(name, { input, value, label });
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
  const { list, inputs } = argsOf(stored, asked.fields);
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
    asked.why && h("p", { class: "why" }, `Why it is asked: ${reason(asked.why, currencyOf(asked.fields))}`),
    list,
    asStored(stored, asked.args_sha256),
    bounds(act.about(c), currencyOf(asked.fields)),
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
  for (const [name, { input, value, label }] of inputs) if (input.value !== plain(String(value)).replaceAll("\n", "")) args[name] = read(unplain(input.value), value, plain(label));
  return JSON.stringify(args) === JSON.stringify(stored) ? undefined : args;
}

/**
 * The text of an edited field in the type that it had.
 * @param {string} text
 * @param {any} before
 * @param {string} label
 */
function read(text, before, label) {
  if (typeof before === "number") {
    if (!/^-?\d+([.,]\d+)?$/.test(text.trim())) throw new Error(`${label}: expected a number, got “${text}”`);
    return Number(text.replace(",", "."));
  }
  if (typeof before === "boolean") return text.trim().toLowerCase() === "true";
  return before === null && text === "null" ? null : text;
}
