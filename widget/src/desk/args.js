// The arguments of a call at the desk: in words for who decides, and exactly as they are stored beside them.
// Must not take a word of a model for an argument: all of it is what the call holds.

import { rowsOf, stored } from "../args.js";
import { clearly } from "../clearly.js";
import { h } from "../dom.js";
import { plain } from "./words.js";

/**
 * @typedef {import("../args.js").Field} Field
 * @typedef {import("../args.js").Row} Row
 */

/** The desk is written in English; amounts are written as the reader's browser does. */
const HOW = { locale: undefined, yes: "Yes", no: "No", none: "–" };

/** @param {Row} row @returns {HTMLElement[]} */
function pair(row) {
  const title = plain(stored(row.name, row.value));
  return [h("dt", { title }, clearly(row.label)), h("dd", { title }, row.rows ? h("dl", { class: "args" }, row.rows.flatMap(pair)) : clearly(row.text || ""))];
}

/**
 * @param {Record<string, any>} args
 * @param {Record<string, Field> | undefined} fields
 * @returns {{row: Row, nodes: HTMLElement[]}[]} the name and the value of each
 */
export const drawn = (args, fields) => rowsOf(args, fields, HOW).map((row) => ({ row, nodes: pair(row) }));

/**
 * @param {Record<string, any>} args
 * @param {Record<string, Field> | undefined} fields
 */
export const list = (args, fields) => h("dl", { class: "args" }, drawn(args, fields).flatMap(({ nodes }) => nodes));

/**
 * Every argument as the log holds it, and the hash that a decision is bound to.
 * @param {Record<string, any>} args
 * @param {string | undefined} sha256
 */
export function asStored(args, sha256) {
  const lines = Object.entries(args).map(([name, value]) => h("div", {}, clearly(stored(name, value))));
  return h("details", { class: "stored" }, h("summary", {}, "As stored"), h("div", { class: "exact" }, lines, sha256 && h("div", { class: "quiet" }, `SHA-256 ${sha256}`)));
}
