// Cards in the conversation: a question to confirm, showing who one is with a code, files. Fetched when the first one is needed.
// Must not decide anything: what is shown comes from the log, what is pressed goes out as a frame.

import { offer, shown } from "./attach.js";
import { cards as de } from "./locales/de.js";
import { cards as en } from "./locales/en.js";
import { h, translator } from "./shared.js";
import { cardsCss } from "./view/cards-style.js";

/**
 * @typedef {Record<string, any>} Item one of transcript.js
 * @typedef {{app: any, when: (at_ms: number) => string}} View
 */

/**
 * @param {Item} item of type `ask`; or a message with files, or a line that says who is there
 * @param {View} view
 * @returns {HTMLElement}
 */
export function card(item, view) {
  const t = translator(view.app.locale, { en, de });
  dress(view.app.host);
  if (item.type === "line") return offer(view.app, t, item.what);
  if (item.type === "message") return shown(view.app, item.files);
  const open = item.state === "open";
  const title = t(item.verify ? "prove_title" : "approve_title");
  const foot = !open ? h("p", { class: "state" }, t(item.verify && item.state === "approved" ? "proved" : item.state)) : item.verify ? prove(item, view, t) : confirm(item, view, t);
  const until = open && item.expires_ms ? h("p", { class: "until" }, t("expires", { time: view.when(item.expires_ms) })) : "";
  return h("section", { class: `card ${item.state}`, "aria-label": title }, h("p", { class: "over" }, title), h("p", { class: "label", dir: "auto" }, item.label), !item.verify && args(item), foot, until);
}

/** @param {any} host */
function dress(host) {
  if (host.cardsDressed) return;
  host.cardsDressed = true;
  host.adopt(cardsCss);
}

/** @param {Item} item */
function args(item) {
  const value = (/** @type {any} */ v) => (typeof v === "object" && v ? JSON.stringify(v) : String(v));
  const rows = Object.entries(item.args).map(([k, v]) => [h("dt", {}, k.replace(/_/g, " ")), h("dd", { dir: "auto" }, value(v))]);
  return rows.length > 0 && h("dl", {}, ...rows.flat());
}

/** @param {Item} item @param {View} view @param {(key: string) => string} t */
function confirm(item, view, t) {
  const act = (/** @type {boolean} */ approve) => () => view.app.decide(item.call, approve);
  return h("div", { class: "acts" }, h("button", { type: "button", class: "solid", onclick: act(true) }, t("approve")), h("button", { type: "button", class: "plain", onclick: act(false) }, t("decline")));
}

/**
 * Order and address, or one press where the address is on file; then the code.
 * @param {Item} item
 * @param {View} view
 * @param {(key: string, values?: Record<string, any>) => string} t
 */
function prove(item, view, t) {
  const { sent, left, error } = item.proof;
  const field = (/** @type {string} */ name, /** @type {Record<string, any>} */ props) => {
    const input = /** @type {HTMLInputElement} */ (h("input", { name, required: true, ...props }));
    return { input, label: h("label", {}, t(name), input) };
  };
  /**
   * @param {any[]} kids
   * @param {string} press
   * @param {() => void} act
   */
  const form = (kids, press, act) => h("form", { onsubmit: (/** @type {Event} */ e) => {
    e.preventDefault();
    act();
  } }, ...kids, h("button", { class: "solid" }, t(press)));
  const said = error ? h("p", { class: "wrong", role: "alert" }, t(`prove_${error}`)) : "";
  if (!sent || left === 0) {
    const order = field("order", { value: Object.values(item.args).find((v) => typeof v === "string" || typeof v === "number") ?? "", autocomplete: "off" });
    const email = field("email", { type: "email", autocomplete: "email" });
    const why = left === 0 ? h("p", { class: "wrong", role: "alert" }, t("used_up")) : "";
    const fields = item.to ? [h("p", {}, t("prove_to", { to: item.to }))] : [order.label, email.label];
    return form([why, said, ...fields], "send_code", () => view.app.prove(item.call, item.to ? {} : { order: order.input.value.trim(), email: email.input.value.trim() }));
  }
  const code = field("code", { inputmode: "numeric", autocomplete: "one-time-code", pattern: "[0-9 \\-]{6,9}", maxlength: 9 });
  const wrong = left < 3 ? h("p", { class: "wrong", role: "alert" }, t("wrong_code", { n: left })) : said;
  const again = h("button", { type: "button", class: "plain", onclick: () => view.app.prove(item.call, null) }, t("new_code"));
  const box = form([h("p", {}, t(item.to ? "code_sent" : "code_sent_if", { to: sent })), wrong, code.label], "confirm_code", () => view.app.code(item.call, code.input.value));
  box.append(again);
  return box;
}

/** @type {any} */ (customElements.get("shopbell-chat")).card = card;
