// Markdown to DOM nodes from an allow-list, also while it is still being written.
// Must never parse HTML, load anything, or link to anything but http, https, mailto and tel.

import { DEPTH, inline, safeUrl } from "./inline.js";

/**
 * @typedef {import("./inline.js").Inline} Inline
 * @typedef {{t: string, src: string, c?: Inline[], blocks?: Block[], items?: Block[][], v?: string, level?: number,
 *   start?: number, rows?: Inline[][][], align?: string[]}} Block
 *   t: p h pre ul ol quote hr table
 */

/**
 * @param {string} text
 * @param {boolean} [live] still being written: markup at the end may be incomplete
 * @returns {Block[]}
 */
export function parse(text, live = false) {
  let source = text.replace(/\r\n?/g, "\n").replace(/\t/g, "    ");
  // A line of nothing but a marker says nothing yet.
  if (live) source = source.replace(/(^|\n)[ >]*(?:[-*+_=]{1,3}|\d{1,3}[.)]?|#{1,6}|>|\||`{1,2})[ ]*$/, "$1");
  return blocks(source.split("\n"), live, 0);
}

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)[^`]*$/;
const HEAD = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?: +(.*)|)$/;
const ROW = /^ {0,3}\|.*$/;
const DELIM = /^ {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/**
 * @param {string[]} lines
 * @param {boolean} live
 * @param {number} depth
 * @returns {Block[]}
 */
function blocks(lines, live, depth) {
  /** @type {Block[]} */
  const out = [];
  let i = 0;
  const last = (/** @type {number} */ end) => live && end >= lines.length;
  while (i < lines.length) {
    const line = lines[i];
    const start = i;
    if (!line.trim()) {
      i++;
      continue;
    }
    const fence = FENCE.exec(line);
    if (fence) {
      i++;
      const body = [];
      while (i < lines.length && !lines[i].trim().startsWith(fence[1])) body.push(lines[i++]);
      i++;
      out.push({ t: "pre", v: body.join("\n"), src: lines.slice(start, i).join("\n") });
      continue;
    }
    const heading = HEAD.exec(line);
    if (heading) {
      i++;
      out.push({ t: "h", level: heading[1].length, c: inline(heading[2], last(i)), src: line });
      continue;
    }
    if (RULE.test(line)) {
      i++;
      out.push({ t: "hr", src: line });
      continue;
    }
    if (/^ {0,3}>/.test(line) && depth < DEPTH) {
      const body = [];
      while (i < lines.length && /^ {0,3}>/.test(lines[i])) body.push(lines[i++].replace(/^ {0,3}> ?/, ""));
      out.push({ t: "quote", blocks: blocks(body, last(i), depth + 1), src: lines.slice(start, i).join("\n") });
      continue;
    }
    const item = ITEM.exec(line);
    if (item && depth < DEPTH) {
      const list = listAt(lines, i, live, depth);
      i = list.end;
      out.push({ ...list.block, src: lines.slice(start, i).join("\n") });
      continue;
    }
    const delim = lines[i + 1];
    if (line.includes("|") && ((delim !== undefined && DELIM.test(delim) && delim.includes("-")) || (last(i + 2) && ROW.test(line)))) {
      const rows = [cells(line)];
      const align = delim === undefined ? [] : cells(delim).map((c) => (c.endsWith(":") ? (c.startsWith(":") ? "center" : "end") : ""));
      i += 2;
      while (i < lines.length && lines[i].includes("|") && lines[i].trim()) rows.push(cells(lines[i++]));
      out.push({ t: "table", align, rows: rows.map((r) => r.slice(0, 12).map((c) => inline(c, last(i)))), src: lines.slice(start, i).join("\n") });
      continue;
    }
    const para = [];
    while (i < lines.length && lines[i].trim() && (i === start || !starts(lines[i], depth))) para.push(lines[i++].trim());
    out.push({ t: "p", c: inline(para.join("\n"), last(i)), src: para.join("\n") });
  }
  return out;
}

/**
 * @param {string} line
 * @param {number} depth
 */
function starts(line, depth) {
  return FENCE.test(line) || HEAD.test(line) || RULE.test(line) || (depth < DEPTH && (/^ {0,3}>/.test(line) || /^ {0,3}([-*+]|1[.)]) +\S/.test(line)));
}

/** @param {string} line */
function cells(line) {
  return line
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((c) => c.trim());
}

/**
 * @param {string[]} lines
 * @param {number} i
 * @param {boolean} live
 * @param {number} depth
 * @returns {{block: Block, end: number}}
 */
function listAt(lines, i, live, depth) {
  const first = /** @type {RegExpExecArray} */ (ITEM.exec(lines[i]));
  const indent = first[1].length;
  const ordered = /\d/.test(first[2]);
  /** @type {string[][]} */
  const bodies = [];
  while (i < lines.length) {
    const line = lines[i];
    const item = ITEM.exec(line);
    if (item && item[1].length <= indent + 1 && item[1].length >= indent - 1 && /\d/.test(item[2]) === ordered && !RULE.test(line)) {
      bodies.push([item[3] || ""]);
    } else if (!line.trim()) {
      const next = lines[i + 1] ?? "";
      const goes = /^ {2,}\S/.test(next.slice(indent)) || (ITEM.exec(next)?.[1].length ?? 99) <= indent + 1;
      if (!next.trim() || !goes) break;
      bodies[bodies.length - 1].push("");
    } else if (line.search(/\S/) > indent) {
      bodies[bodies.length - 1].push(line.slice(Math.min(line.search(/\S/), indent + first[2].length + 1)));
    } else if (!starts(line, depth) && !item && lines[i - 1].trim()) {
      bodies[bodies.length - 1].push(line.trim());
    } else break;
    i++;
  }
  const end = i;
  const items = bodies.map((body, n) => blocks(body, live && end >= lines.length && n === bodies.length - 1, depth + 1));
  return { block: { t: ordered ? "ol" : "ul", start: ordered ? parseInt(first[2], 10) : 1, items, src: "" }, end };
}

/**
 * Show `text` in `box`. Blocks that did not change keep their nodes, so that nothing flickers and a selection survives.
 * @param {HTMLElement} box
 * @param {string} text
 * @param {{live?: boolean, cite?: (n: number) => Node | null, extra?: string}} [options]
 *   `cite` draws the chip of citation n, or null for plain text; `extra` is whatever else the nodes depend on
 */
export function render(box, text, options = {}) {
  const list = parse(text, options.live);
  list.forEach((block, n) => {
    const key = `${block.t}|${options.extra || ""}|${options.live && n === list.length - 1 ? "~" + text.length : ""}|${block.src}`;
    const old = /** @type {any} */ (box.children[n]);
    if (old && old.shopbellKey === key) return;
    const node = /** @type {any} */ (drawBlock(block, options.cite || (() => null)));
    node.shopbellKey = key;
    if (old) old.replaceWith(node);
    else box.append(node);
  });
  while (box.children.length > list.length) box.lastElementChild?.remove();
}

/**
 * @param {Block} block
 * @param {(n: number) => Node | null} cite
 * @returns {HTMLElement}
 */
function drawBlock(block, cite) {
  const el = (/** @type {string} */ tag, /** @type {any[]} */ ...kids) => {
    const node = document.createElement(tag);
    node.append(...kids);
    return node;
  };
  const many = (/** @type {Block[] | undefined} */ list) => (list || []).map((b) => drawBlock(b, cite));
  /** @type {HTMLElement} */
  let node;
  if (block.t === "pre") {
    node = el("pre", el("code", block.v || ""));
    node.tabIndex = 0;
  } else if (block.t === "hr") node = el("hr");
  else if (block.t === "quote") node = el("blockquote", ...many(block.blocks));
  else if (block.t === "ul" || block.t === "ol") {
    node = el(block.t, ...(block.items || []).map((item) => (item.length === 1 && item[0].t === "p" ? el("li", ...drawInline(item[0].c, cite)) : el("li", ...many(item)))));
    // 8 and 24: a long list of short things (countries, sizes) in two columns keeps its question in view.
    if (node.children.length >= 8 && [...node.children].every((li) => (li.textContent || "").length < 24)) node.className = "short";
    if (block.t === "ol" && block.start !== 1) /** @type {HTMLOListElement} */ (node).start = block.start || 0;
  } else if (block.t === "table") {
    const rows = (block.rows || []).map((row, r) => {
      return el("tr", ...row.map((cell, n) => {
        const td = el(r ? "td" : "th", ...drawInline(cell, cite));
        if (block.align?.[n]) td.className = block.align[n];
        return td;
      }));
    });
    node = el("div", el("table", el("thead", ...rows.slice(0, 1)), el("tbody", ...rows.slice(1))));
    node.className = "table";
    node.tabIndex = 0;
  } else if (block.t === "h") {
    node = el("p", el("strong", ...drawInline(block.c, cite)));
    node.className = `h h${Math.min(block.level || 1, 3)}`;
  } else node = el("p", ...drawInline(block.c, cite));
  node.dir = "auto";
  return node;
}

/**
 * @param {Inline[] | undefined} nodes
 * @param {(n: number) => Node | null} cite
 * @returns {Node[]}
 */
function drawInline(nodes, cite) {
  return (nodes || []).map((n) => {
    if (n.t === "text") return document.createTextNode(n.v || "");
    if (n.t === "cite") return cite(n.n || 0) || document.createTextNode(`[${n.n}]`);
    if (n.t === "link") {
      const href = safeUrl(n.href || "");
      const a = document.createElement(href ? "a" : "span");
      if (href && a instanceof HTMLAnchorElement) {
        a.href = href;
        a.target = "_blank";
        a.rel = "noopener noreferrer nofollow";
      }
      a.append(...drawInline(n.c, cite));
      return a;
    }
    const node = document.createElement(n.t);
    if (n.t === "code") node.textContent = n.v || "";
    else node.append(...drawInline(n.c, cite));
    return node;
  });
}
