// What few visits need: cards to confirm or to show with a code who one is, files, ratings, the menu, the people at the desk.
// Must not decide anything: what is shown comes from the log, what is pressed goes out as a frame.

import { rowsOf, stored } from "./args.js";
import { offer, shown } from "./attach.js";
import { clearly } from "./clearly.js";
import { cards as de, names } from "./locales/de.js";
import { cards as en } from "./locales/en.js";
import { menu } from "./menu.js";
import { face, note, People, words } from "./people.js";
import { rating } from "./rating.js";
import { reopen } from "./reopen.js";
import { h, translator } from "./shared.js";
import { cardsCss } from "./view/cards-style.js";
import { Popover } from "./view/cite.js";

/**
 * @typedef {Record<string, any>} Item one of transcript.js
 * @typedef {(key: string, values?: Record<string, any>) => string} Words
 */

/** @param {any} app @returns {Record<string, any>} what the chat asks of this part */
export function more(app) {
  /** @type {Words} */
  const t = (key, values) => {
    const own = translator(app.locale, { en, de })(key, values);
    return own === key ? app.t(key, values) : own;
  };
  const people = new People(app, t);
  app.host.adopt(cardsCss);
  return {
    t,
    face,
    popover: new Popover(app.host.panel),
    menu: () => menu(app, t),
    reopen: (/** @type {string} */ token) => reopen(app, token),
    words: (/** @type {Item} */ item) => words(item, t),
    files: (/** @type {Item} */ item) => shown(app, item.files),
    draw(/** @type {HTMLElement} */ node, /** @type {Item} */ item) {
      if (item.type === "ask") node.replaceChildren(card(item, app, t));
      else if (item.type === "rating") rating(node, item, app, t);
      else if (item.type === "seen") node.replaceChildren(t("seen"));
      else note(node, item, app, t);
    },
    /** Something has changed. */
    update() {
      people.update();
      offer(app, t);
    },
  };
}

/**
 * @param {Item} item of type `ask`
 * @param {any} app
 * @param {Words} t
 * @returns {HTMLElement}
 */
function card(item, app, t) {
  const open = item.state === "open";
  const title = t(item.verify ? "prove_title" : "approve_title");
  const foot = !open ? h("p", { class: "state" }, t(item.verify && item.state === "approved" ? "proved" : item.state)) : item.verify ? prove(item, app, t) : confirm(item, app, t);
  const until = open && item.expires_ms ? h("p", { class: "until" }, t("expires", { time: app.panel.messages.when(item.expires_ms) })) : "";
  return h("section", { class: `card ${item.state}`, "aria-label": title }, h("p", { class: "over" }, title), h("p", { class: "label", dir: "auto" }, item.label), !item.verify && args(item, app, t), foot, until);
}

/**
 * What is agreed to, in the reader's words and way of writing; as it is stored where a pointer rests on it.
 * @param {Item} item
 * @param {any} app
 * @param {Words} t
 */
function args(item, app, t) {
  const german = /^de\b/i.test(app.locale);
  const own = (/** @type {string} */ words) => (german && names[words]) || "";
  /** @param {import("./args.js").Row[]} rows @returns {HTMLElement} */
  const list = (rows) => h("dl", {}, rows.flatMap((row) => {
    // Line ends are seen as such; all else that cannot be seen is named.
    const lines = (row.text || "").split("\n").flatMap((line, n) => [n ? "\n" : "", ...clearly(line, t("unseen"))]);
    return [h("dt", {}, clearly(row.label, t("unseen"))), h("dd", { dir: "auto", title: stored(row.name, row.value) }, row.rows ? list(row.rows) : lines)];
  }));
  const rows = rowsOf(item.args, item.fields, { locale: app.locale, yes: t("yes"), no: t("no"), none: "–", own });
  return rows.length > 0 && list(rows);
}

/** @param {Item} item @param {any} app @param {Words} t */
function confirm(item, app, t) {
  const act = (/** @type {boolean} */ approve) => () => app.decide(item.call, approve);
  return h("div", { class: "acts" }, h("button", { type: "button", class: "choice solid", onclick: act(true) }, t("approve")), h("button", { type: "button", class: "choice", onclick: act(false) }, t("decline")));
}

/**
 * Order and address, or one press where the address is on file; then the code.
 * @param {Item} item
 * @param {any} app
 * @param {Words} t
 */
function prove(item, app, t) {
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
  } }, ...kids, h("button", { class: "choice solid" }, t(press)));
  const said = error ? h("p", { class: "wrong", role: "alert" }, t(`prove_${error}`)) : "";
  if (!sent || left === 0) {
    const order = field("order", { value: Object.values(item.args).find((v) => typeof v === "string" || typeof v === "number") ?? "", autocomplete: "off" });
    const email = field("email", { type: "email", autocomplete: "email" });
    const why = left === 0 ? h("p", { class: "wrong", role: "alert" }, t("used_up")) : "";
    const fields = item.to ? [h("p", {}, t("prove_to", { to: item.to }))] : [order.label, email.label];
    return form([why, said, ...fields], "send_code", () => app.prove(item.call, item.to ? {} : { order: order.input.value.trim(), email: email.input.value.trim() }));
  }
  const code = field("code", { inputmode: "numeric", autocomplete: "one-time-code", pattern: "[0-9 \\-]{6,9}", maxlength: 9 });
  const wrong = left < 3 ? h("p", { class: "wrong", role: "alert" }, t("wrong_code", { n: left })) : said;
  const again = h("button", { type: "button", class: "choice", onclick: () => app.prove(item.call, null) }, t("new_code"));
  const box = form([h("p", {}, t(item.to ? "code_sent" : "code_sent_if", { to: sent })), wrong, code.label], "confirm_code", () => app.code(item.call, code.input.value));
  box.append(again);
  return box;
}

/** @type {any} */ (customElements.get("shopbell-chat")).more = more;
