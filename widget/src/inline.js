// Markdown within a line to plain objects: emphasis, code, links, citations; also while it is still being written.
// Must not touch the page, and must not link to anything but http, https, mailto and tel.

/**
 * @typedef {{t: string, c?: Inline[], v?: string, href?: string, n?: number}} Inline
 *   t: text br strong em del code link cite
 */

// Deeper nesting than this is an attack or an accident; it is shown as text.
export const DEPTH = 6;

/**
 * The address if it may be linked to, else empty.
 * @param {string} raw
 * @param {string} [base]
 */
export function safeUrl(raw, base) {
  try {
    const url = new URL(raw, base ?? globalThis.document?.baseURI);
    return /^(https?|mailto|tel):$/.test(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

const STOPS = /[\\`*_~[\]!<\n:@]/;

/**
 * @param {string} text
 * @param {boolean} live
 * @param {number} [depth]
 * @returns {Inline[]}
 */
export function inline(text, live, depth = 0) {
  /** @type {Inline[]} */
  const out = [];
  let plain = "";
  const flush = () => {
    if (plain) out.push({ t: "text", v: plain });
    plain = "";
  };
  const put = (/** @type {Inline} */ node) => {
    flush();
    out.push(node);
  };
  let i = 0;
  while (i < text.length) {
    const rest = text.slice(i);
    const ch = text[i];
    if (!STOPS.test(ch)) {
      const next = rest.search(STOPS);
      const to = next < 0 ? text.length : i + next;
      plain += text.slice(i, to);
      i = to;
      continue;
    }
    const found = span(text, i, live, depth);
    if (found) {
      if (found.node.t === "link" && found.back) plain = plain.slice(0, -found.back);
      if (found.node.t === "text") plain += found.node.v;
      else put(found.node);
      i = found.end;
    } else {
      plain += ch;
      i++;
    }
  }
  flush();
  return out;
}

/** @typedef {{node: Inline, end: number, back?: number} | null} Found */

/**
 * @param {string} text
 * @param {number} i
 * @param {boolean} live
 * @param {number} depth
 * @returns {Found}
 */
function span(text, i, live, depth) {
  const ch = text[i];
  if (ch === "\n") return { node: { t: "br" }, end: i + 1 };
  if (ch === "\\") return /[!-/:-@[-`{-~]/.test(text[i + 1] || "") ? { node: { t: "text", v: text[i + 1] }, end: i + 2 } : null;
  if (ch === "`") return codeAt(text, i, live);
  if (ch === "*" || ch === "_" || ch === "~") return emphasis(text, i, live, depth);
  if (ch === "[" || (ch === "!" && text[i + 1] === "[")) return bracket(text, i, live, depth);
  if (ch === "<") {
    const auto = /^<((?:https?:\/\/|mailto:|tel:)[^\s<>]{1,500})>/i.exec(text.slice(i, i + 520));
    return auto ? { node: linkTo(auto[1], [{ t: "text", v: auto[1] }]), end: i + auto[0].length } : null;
  }
  if (ch === ":") return bareUrl(text, i, live);
  return null;
}

/**
 * @param {string} text
 * @param {number} i
 * @param {boolean} live
 * @returns {Found}
 */
function codeAt(text, i, live) {
  let n = 1;
  while (text[i + n] === "`") n++;
  const fence = "`".repeat(n);
  let end = text.indexOf(fence, i + n);
  while (end >= 0 && text[end + n] === "`") {
    while (text[end] === "`") end++;
    end = text.indexOf(fence, end);
  }
  if (end >= 0) return { node: { t: "code", v: text.slice(i + n, end).replace(/\n/g, " ").trim() }, end: end + n };
  if (live) return { node: i + n < text.length ? { t: "code", v: text.slice(i + n).trim() } : { t: "text", v: "" }, end: text.length };
  return { node: { t: "text", v: fence }, end: i + n };
}

/**
 * @param {string} text
 * @param {number} i
 * @param {boolean} live
 * @param {number} depth
 * @returns {Found}
 */
function emphasis(text, i, live, depth) {
  const ch = text[i];
  let n = 1;
  while (text[i + n] === ch && n < 3) n++;
  if (ch === "~" && n < 2) return null;
  const whole = { node: { t: "text", v: ch.repeat(n) }, end: i + n };
  const after = text[i + n];
  if (after === undefined) return live ? { node: { t: "text", v: "" }, end: i + n } : whole;
  if (/\s/.test(after) || depth >= DEPTH || (ch === "_" && /[\p{L}\p{N}]/u.test(text[i - 1] || ""))) return whole;
  const mark = ch.repeat(n);
  let end = text.indexOf(mark, i + n);
  // A closer follows a non-space; `_` also ends a word; a run longer than the mark closes at its end.
  while (end >= 0) {
    let run = n;
    while (text[end + run] === ch) run++;
    const good = !/\s/.test(text[end - 1]) && text[end - 1] !== "\\" && (ch !== "_" || !/[\p{L}\p{N}]/u.test(text[end + run] || ""));
    if (good && (run === n || run === 3)) {
      end += run - n;
      break;
    }
    end = text.indexOf(mark, end + run);
  }
  let inner = end < 0 ? "" : text.slice(i + n, end);
  if (end < 0) {
    if (!live) return whole;
    // Still being written: half a closer at the very end is not shown.
    inner = text.slice(i + n).replace(/[*_~]+$/, "");
    if (inner.includes("\n\n") || !inner) return { node: { t: "text", v: "" }, end: text.length };
  }
  const c = inline(inner, live && end < 0, depth + 1);
  /** @type {Inline} */
  let node = { t: ch === "~" ? "del" : n === 1 ? "em" : "strong", c };
  if (n === 3 && ch !== "~") node = { t: "strong", c: [{ t: "em", c }] };
  return { node, end: end < 0 ? text.length : end + n };
}

/**
 * @param {string} text
 * @param {number} i
 * @param {boolean} live
 * @param {number} depth
 * @returns {Found}
 */
function bracket(text, i, live, depth) {
  const open = text[i] === "!" ? i + 1 : i;
  const cite = /^\[(\d{1,2})\](?!\()/.exec(text.slice(open, open + 6));
  if (cite && open === i) return { node: { t: "cite", n: +cite[1] }, end: i + cite[0].length };
  let level = 0;
  let close = -1;
  // 500: a label longer than this is no label; keeps hostile input linear.
  for (let j = open; j < Math.min(text.length, open + 500); j++) {
    if (text[j] === "\\") j++;
    else if (text[j] === "[") level++;
    else if (text[j] === "]" && --level === 0) {
      close = j;
      break;
    }
  }
  if (close < 0) {
    if (!live || text.length - open > 200 || depth >= DEPTH) return null;
    // The beginning of a link or a citation: its words without the bracket, digits not at all.
    const label = text.slice(open + 1);
    if (/^\d{0,2}$/.test(label)) return { node: { t: "text", v: "" }, end: text.length };
    return { node: { t: "text", v: flat(inline(label, true, depth + 1)) }, end: text.length };
  }
  const label = text.slice(open + 1, close);
  if (text[close + 1] !== "(" || depth >= DEPTH) return null;
  const target = /^\(\s*<?((?:[^\s()<>\\]|\\.|\((?:[^\s()<>\\]|\\.){0,300}\)){0,2000})>?(?:\s+(?:"[^"]{0,300}"|'[^']{0,300}'))?\s*\)/.exec(text.slice(close + 1, close + 2500));
  const c = inline(label, false, depth + 1).filter((n) => n.t !== "link");
  if (target) return { node: linkTo(target[1].replace(/\\(.)/g, "$1"), c.length ? c : [{ t: "text", v: target[1] }]), end: close + 1 + target[0].length };
  if (live && !text.slice(close + 1).includes("\n")) return { node: { t: "text", v: flat(c) }, end: text.length };
  return null;
}

/** @param {Inline[]} nodes @returns {string} */
function flat(nodes) {
  return nodes.map((n) => n.v ?? (n.c ? flat(n.c) : "")).join("");
}

/**
 * `https://…` and `www.`-less addresses in running text; looked for at the colon.
 * @param {string} text
 * @param {number} i
 * @param {boolean} live
 * @returns {Found}
 */
function bareUrl(text, i, live) {
  const scheme = /(?:^|[^\p{L}\p{N}])(https?)$/iu.exec(text.slice(Math.max(0, i - 6), i));
  const tail = scheme && /^:\/\/[^\s<>"`[\]{}|\\^]{1,2000}/.exec(text.slice(i, i + 2010));
  if (!scheme || !tail) return null;
  const reaches = i + tail[0].length >= text.length;
  if (live && reaches) return null;
  let address = scheme[1] + tail[0].replace(/[*_~]+$/, "");
  address = address.replace(/[.,;:!?'")\]]+$/, (end) => (end.startsWith(")") && address.includes("(") ? ")" : ""));
  return { node: linkTo(address, [{ t: "text", v: address }]), end: i - scheme[1].length + address.length, back: scheme[1].length };
}

/**
 * @param {string} href
 * @param {Inline[]} c
 * @returns {Inline}
 */
function linkTo(href, c) {
  return { t: "link", href, c };
}
