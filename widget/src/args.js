// Arguments of a call as a person reads them: names as words, amounts with their currency, as the reader writes them.
// Must not touch the DOM, nor lose anything: what cannot be written exactly in another way stays as it is stored.

/**
 * @typedef {{title?: string, currency?: string}} Field what the server says of an argument beside its name (`call.asked.fields`)
 * @typedef {{locale: string | undefined, yes: string, no: string, none: string, own?: (words: string) => string}} How
 *   `own`: the reader's word for a name, where there is one
 * @typedef {{name: string, label: string, value: any, text?: string, rows?: Row[]}} Row
 */

/**
 * An amount in the reader's way of writing, with at least the currency's own decimals.
 * @param {string | number} amount
 * @param {string | undefined} currency
 * @param {string | undefined} locale
 */
export function money(amount, currency, locale) {
  const text = String(amount);
  // 11 digits and 4 decimals are exact in a double; the rest is no amount that anybody would approve.
  const known = /^-?\d{1,11}(?:\.(\d{1,4}))?$/.exec(text);
  if (known && currency) {
    try {
      const own = new Intl.NumberFormat(locale, { style: "currency", currency }).resolvedOptions().maximumFractionDigits || 0;
      const said = new Intl.NumberFormat(locale, { style: "currency", currency, minimumFractionDigits: own, maximumFractionDigits: Math.max(own, (known[1] || "").length) }).format(Number(text));
      // Its own spaces and marks of direction cannot be seen: on a card they would be named as if somebody had hidden them.
      return said.replace(/[\u00a0\u202f]/g, " ").replace(/[\u200e\u200f\u061c]/g, "");
    } catch {
      // Not a currency's code.
    }
  }
  return currency ? `${text} ${currency}` : text;
}

/**
 * A name as words, without the "id" at its end: `order_id` and `orderId` are "order".
 * @param {string} name
 */
function wordsOf(name) {
  const words = name.replace(/([\p{Ll}\d])(?=\p{Lu})/gu, "$1 ").split(/[\s_.-]+/).filter(Boolean);
  if (words.length > 1 && /^ids?$/i.test(words[words.length - 1])) words.pop();
  return words.map((word) => (/^\p{Lu}{2,}$/u.test(word) ? word : word.toLowerCase())).join(" ") || name;
}

/**
 * The arguments, each with a label of its own: where two would be called the same, the stored name tells them apart.
 * @param {Record<string, any>} args
 * @param {Record<string, Field> | undefined} fields
 * @param {How} how
 * @returns {Row[]}
 */
export function rowsOf(args, fields, how) {
  const rows = Object.entries(args).map(([name, value]) => {
    const field = (fields && Object.hasOwn(fields, name) && fields[name]) || {};
    const words = wordsOf(name);
    const label = field.title || how.own?.(words) || words;
    return { name, value, label: label.slice(0, 1).toUpperCase() + label.slice(1), ...shown(value, field.currency, how) };
  });
  const same = (/** @type {string} */ label) => rows.filter((row) => row.label.toLowerCase() === label.toLowerCase()).length > 1;
  return rows.map((row) => (same(row.label) ? { ...row, label: `${row.label} (${row.name})` } : row));
}

/**
 * @param {any} value
 * @param {string | undefined} currency
 * @param {How} how
 * @returns {{text: string} | {rows: Row[]}}
 */
function shown(value, currency, how) {
  const text = flat(value, currency, how);
  if (text !== undefined) return { text };
  if (!Array.isArray(value)) return { rows: rowsOf(value, undefined, how) };
  const texts = value.map((one) => flat(one, currency, how));
  if (!texts.includes(undefined)) return { text: texts.join(", ") };
  return { rows: value.map((one, n) => ({ name: String(n), label: String(n + 1), value: one, ...shown(one, currency, how) })) };
}

/**
 * What fits on one line; undefined for a list or an object.
 * @param {any} value
 * @param {string | undefined} currency
 * @param {How} how
 */
function flat(value, currency, how) {
  if (value === null || value === "") return how.none;
  if (typeof value === "boolean") return value ? how.yes : how.no;
  if (typeof value !== "object") return currency ? money(value, currency, how.locale) : String(value);
  const keys = Object.keys(value);
  if (!keys.length) return how.none;
  if (keys.length === 2 && typeof value.currency === "string" && /^(string|number)$/.test(typeof value.amount)) return money(value.amount, value.currency, how.locale);
  return undefined;
}

/**
 * An argument exactly as it is stored.
 * @param {string} name
 * @param {any} value
 */
export const stored = (name, value) => `${name} = ${JSON.stringify(value)}`;
