// Words and numbers as staff read them: times, durations, languages, reasons.
// Must not touch the DOM.

export { plain, unplain } from "../plain.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

/** @param {number} at_ms */
export const clock = (at_ms) => CLOCK.format(at_ms);

/**
 * The time of day for today, else the day.
 * @param {number} at_ms
 * @param {number} now_ms
 */
export function when(at_ms, now_ms) {
  return new Date(at_ms).toDateString() === new Date(now_ms).toDateString() ? CLOCK.format(at_ms) : DAY.format(at_ms);
}

/**
 * "under 1 min", "4 min", "2 h 5 min", "3 days".
 * @param {number} ms
 */
export function span(ms) {
  const min = Math.floor(ms / 60_000);
  if (min < 1) return "under 1 min";
  if (min < 60) return `${min} min`;
  if (min < 24 * 60) return `${Math.floor(min / 60)} h${min % 60 ? ` ${min % 60} min` : ""}`;
  const days = Math.floor(min / 1440);
  return days === 1 ? "1 day" : `${days} days`;
}

/**
 * A day that stands alone in a table, as "20 Nov", with its year where it is not this one's; what is no day stays as it is.
 * @param {string} text
 * @param {number} now_ms
 */
export function dated(text, now_ms) {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!found) return text;
  const day = new Date(Number(found[1]), Number(found[2]) - 1, Number(found[3]));
  if (day.getDate() !== Number(found[3])) return text;
  const short = day.toLocaleDateString(undefined, { day: "numeric", month: "short", ...(day.getFullYear() === new Date(now_ms).getFullYear() ? {} : { year: "numeric" }) });
  return short.replaceAll(" ", "\u00a0");
}

/**
 * A time that is seen to pass: "0:42", "12:05"; hours as `span` has them.
 * @param {number} ms
 */
export function ticking(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  return s < 3600 ? `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}` : span(ms);
}

/** How long waiting is fine, then pressing: 2 and 5 minutes, what customers of live chats put up with. */
export const PRESSING_MS = [120_000, 300_000];

/** @param {number} ms */
export const pressure = (ms) => (ms < PRESSING_MS[0] ? "fine" : ms < PRESSING_MS[1] ? "soon" : "late");

/**
 * A language by its name, as "German"; what is no language's code stays as it is.
 * @param {string | undefined} code
 * @param {string} [reader] whose language it is said in; the browser's if absent
 */
export function languageOf(code, reader) {
  if (!code) return "";
  try {
    return new Intl.DisplayNames(reader, { type: "language" }).of(code) || code;
  } catch {
    return code;
  }
}

/**
 * Text without Markdown's marks, for where it is shown as one line.
 * @param {string} text
 */
export const unmarked = (text) => (text || "").replace(/\*\*|__|`|^#+ /gm, "").replace(/ ?\[\d+\]/g, "");

/** @param {string} text */
export const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** Why a conversation changed hands, in words. */
export const REASONS = /** @type {Record<string, string>} */ ({
  asked: "asked for a person",
  anger: "is angry",
  legal: "mentions legal steps",
  self_harm: "may be in danger",
  unknown: "the agent did not know",
  unknown_outcome: "an action's outcome is unknown",
  limits: "the agent ran out of steps",
  failed: "something failed",
  interrupted: "the agent was interrupted",
  language: "another language",
  budget: "the day's budget is used up",
  switched_off: "the agent is switched off",
  handed_over: "handed over by the agent",
  reopened: "the customer came back",
  released: "handed back",
  resolved: "resolved",
  put_back: "put back by a colleague",
  idle: "nobody wrote for a long time",
  no_answer: "the customer did not answer",
  spam: "spam",
  duplicate: "goes on in another conversation",
  blocked: "the visitor was blocked",
  topic: "a topic for people",
  amount: "an amount for people",
  tool: "something only people do",
  customer: "a customer for people",
  low_confidence: "the agent was not sure",
});

/** @param {string | null | undefined} reason */
export const reasonOf = (reason) => (reason ? REASONS[reason] || reason.replaceAll("_", " ") : "");
