// The customer card: who it is and how surely, tags, what the shop's tools say, what was done, earlier conversations.
// Must not decide what staff may see: all of it came from the server.

import { h } from "../dom.js";
import { callsOf } from "./timeline.js";
import { nameOf } from "./queue.js";
import { capital, dated, languageOf, plain, reasonOf, when } from "./words.js";

const LEVELS = /** @type {Record<string, string>} */ ({ anonymous: "sign-in has run out", guest: "showed an order's e-mail by a code", identified: "signed in by the shop", step_up: "confirmed by a code" });

/**
 * @typedef {Record<string, any>} Row
 * @typedef {import("../link.js").Link} Link
 */

/**
 * @param {HTMLElement} side
 * @param {{row: Row | undefined, link: Link, card: Record<string, any> | undefined, now_ms: number, open: (row: Row) => void, close: () => void, tag: (tag: string, on: boolean) => void, load: () => void}} view
 */
export function drawCard(side, view) {
  const { row, link, card } = view;
  const last = (/** @type {string} */ kind) => link.events.findLast((e) => e.kind === kind);
  const found = { identified: last("identified"), routed: last("routed"), contact: last("contact") };
  const calls = [...callsOf(link).values()];
  // Of every event only what is shown here makes it anew.
  const sign = JSON.stringify([row?.site, row?.conversation, row?.name, row?.tags, card?.at, !!link.cursor, Object.values(found).map((e) => e?.seq), calls.map((c) => c.state)]);
  if (side.dataset.sign === sign || (side.contains(document.activeElement) && document.activeElement?.tagName === "INPUT")) return;
  side.dataset.sign = sign;
  const known = found.identified?.body;
  const opened = link.events.find((e) => e.kind === "opened")?.body;
  const routed = found.routed?.body;
  const level = !known?.customer ? "not signed in" : LEVELS[card?.known?.level] || (known.guest ? LEVELS.guest : known.verified === "step_up" ? LEVELS.step_up : LEVELS.identified);
  const pair = (/** @type {string} */ name, /** @type {any} */ value) => (value ? [h("dt", {}, name), h("dd", {}, plain(String(value)))] : []);
  side.replaceChildren(
    h("header", {}, h("h2", {}, row ? nameOf(row) : "Customer"), h("button", { type: "button", class: "about", "aria-label": "Close", onclick: view.close }, "×")),
    h("dl", {}, pair("Known", capital(level)), pair("Customer", known?.customer), pair("E-mail", known?.email), pair("Left for answers", found.contact?.body.email), pair("Language", languageOf(routed?.language || opened?.locale, document.documentElement.lang)), pair("Mood", routed?.mood && capital(routed.mood)), pair("Page", opened?.page?.title || opened?.page?.url)),
    h("h2", {}, "Tags"),
    tags(row?.tags || [], view.tag),
    ...(card?.tools || []).flatMap((/** @type {any} */ t) => [h("h2", {}, plain(subject(t.tool))), table(t, view.now_ms)]),
    h("h2", {}, "Actions"),
    calls.length ? h("ul", { class: "calls" }, calls.map((c) => h("li", { class: c.ended ? (c.ended.ok ? "good" : "bad") : "busy" }, h("span", { class: "hidden-text" }, c.ended ? (c.ended.ok ? "done: " : "failed: ") : "open: "), plain(c.label || c.tool)))) : h("p", { class: "quiet" }, "None yet."),
    ...(card?.earlier?.length ? [h("h2", {}, "Earlier conversations"), h("ul", { class: "earlier" }, card.earlier.map((/** @type {Row} */ r) =>
      h("li", {}, h("button", { type: "button", class: "link", onclick: () => view.open(r) }, r.last_text || r.conversation), h("span", { class: "quiet" }, ` ${when(r.updated_ms, view.now_ms)} · ${r.mode}${r.reason ? `, ${reasonOf(r.reason)}` : ""}`))))] : []),
    h("p", {}, h("button", { type: "button", class: "link quiet", onclick: view.load }, "Look again")),
  );
}

/**
 * @param {string[]} list
 * @param {(tag: string, on: boolean) => void} set
 */
function tags(list, set) {
  const input = /** @type {HTMLInputElement} */ (h("input", { maxlength: 30, placeholder: "Add a tag", "aria-label": "Add a tag", onkeydown: (/** @type {KeyboardEvent} */ e) => {
    if (e.key !== "Enter" || !input.value.trim()) return;
    e.preventDefault();
    set(input.value.trim().toLowerCase(), true);
    input.value = "";
    input.blur();
  } }));
  return h("div", { class: "labels" }, list.map((tag) => h("span", { class: "label" }, plain(tag), h("button", { type: "button", "aria-label": `Remove the tag ${tag}`, onclick: () => set(tag, false) }, "×"))), input);
}

/**
 * What a tool that reads is about: `list_orders` is "Orders".
 * @param {string} tool
 */
function subject(tool) {
  return capital(tool.replace(/^(list|get|find|read|fetch|look_up|lookup|show|my)_(?=.)/, "").replaceAll("_", " "));
}

/** @param {{columns: string[], rows: string[][], more: number, error?: string}} t @param {number} now_ms */
function table(t, now_ms) {
  if (t.error) return h("p", { class: "quiet" }, plain(t.error));
  if (!t.rows.length) return h("p", { class: "quiet" }, "None.");
  const head = t.columns.length ? h("thead", {}, h("tr", {}, t.columns.map((c) => h("th", { scope: "col" }, plain(capital(c.replaceAll("_", " "))))))) : false;
  const body = h("tbody", {}, t.rows.map((cells) => h("tr", {}, cells.map((cell, n) => (n || t.columns.length ? h("td", {}, dated(plain(cell), now_ms)) : h("th", { scope: "row" }, plain(capital(cell.replaceAll("_", " ")))))))));
  return h("div", { class: "table", tabindex: 0, role: "group", "aria-label": "Table" }, h("table", {}, head, body), t.more > 0 && h("p", { class: "quiet" }, `${t.more} more`));
}
