// The list of a queue on the screen: as many rows as can be seen, whatever the queue holds; each is mended where it stands.
// Must not decide what stands in a queue (queue.js does), nor talk to the server.

import { h } from "../dom.js";
import { keyed, setText } from "./keyed.js";
import { keyOf, nameOf, offered_ms } from "./queue.js";
import { capital, plain, pressure, reasonOf, ticking, unmarked, when } from "./words.js";

/**
 * @typedef {Record<string, any>} Row
 * @typedef {{current: string, me: string, now_ms: number}} View
 */

/** A row's height until one was measured: three lines and their padding, as desk.css sets them. */
const ROW_PX = 86;
/** How long after the mouse has moved over the list nothing changes its place: rows that jump away cannot be clicked. */
const HOLD_MS = 2_000;
/** Rows above and below what is seen: a flick of a wheel shows no gap. */
const SPARE = 6;

const MODES = /** @type {Record<string, string>} */ ({ agent: "Agent", waiting: "Waiting", staff: "Staff", closed: "Closed" });

/** @param {Row} row */
const lastWords = (row) => (row.found ? `“${row.found}”` : (row.last_role === "customer" ? "" : row.last_role === "staff" ? "Staff: " : "Agent: ") + (unmarked(row.last_text) || "…"));

/**
 * The small marks of a row, each a class and its words; the numbers at the end stand on the other side.
 * @param {Row} row
 * @param {View} view
 * @returns {[string, string][]}
 */
function marks(row, view) {
  const { now_ms, me } = view;
  const state = row.mode === "staff" ? (row.staff === me ? "You" : row.staff_name || "Staff") : row.mode === "waiting" && row.reason ? capital(reasonOf(row.reason)) : row.working ? "Agent is working" : MODES[row.mode];
  const list = /** @type {[string, string | false | undefined | 0][]} */ ([
    [`mode ${row.mode}`, state],
    ["mode asked", row.asked > 0 && (row.asked === 1 ? "1 approval" : `${row.asked} approvals`)],
    ["mode asked", row.mentions?.includes(me) && "@you"],
    ["mode late", row.escalated && "Escalated"],
    ["mode late", row.blocked && "Blocked"],
    ["mode asked", offered_ms(row, now_ms) > 0 && (row.offered === me ? `Offered to you, ${ticking(offered_ms(row, now_ms))}` : `Offered to ${row.offered_name}`)],
    ["mode", now_ms < (row.snoozed_until_ms || 0) && `Snoozed until ${when(row.snoozed_until_ms, now_ms)}`],
    ...(row.tags || []).slice(0, 3).map((/** @type {string} */ tag) => ["label", plain(tag)]),
    ["count", row.unread > 0 && String(row.unread)],
  ]);
  return /** @type {[string, string][]} */ (list.filter(([, words]) => words));
}

/** @param {Row} row @param {View} view */
const age = (row, view) => (row.waiting_since_ms == null ? when(row.updated_ms, view.now_ms) : ticking(view.now_ms - row.waiting_since_ms));

/**
 * What a row shows, in one string.
 * @param {Row} row
 * @param {View} view
 */
const signOf = (row, view) => [row.head, keyOf(row) === view.current, age(row, view), row.found, view.now_ms < (row.snoozed_until_ms || 0), Math.ceil(offered_ms(row, view.now_ms) / 1000)].join("|");

/**
 * @param {HTMLElement} node
 * @param {Row} row
 * @param {View} view
 */
function mend(node, row, view) {
  const part = /** @type {any} */ (node).__parts;
  const is = (/** @type {string} */ name, /** @type {boolean} */ on) => node.classList.contains(name) !== on && node.classList.toggle(name, on);
  is("unread", row.unread > 0);
  const left_ms = row.offered === view.me ? offered_ms(row, view.now_ms) : 0;
  is("offered", left_ms > 0);
  // The bar runs by itself: an animation of a transform, on the compositor, begun where it stands now.
  const until = left_ms > 0 ? String(row.offered_until_ms) : "";
  if (part.until !== until) {
    part.until = until;
    part.left.hidden = !until;
    if (until) part.left.replaceChildren(Object.assign(h("i", {}), { style: `animation-duration:${left_ms}ms` }));
  }
  if (keyOf(row) === view.current) node.setAttribute("aria-current", "true");
  else node.removeAttribute("aria-current");
  setText(part.who, nameOf(row));
  setText(part.age, age(row, view));
  const kind = `age ${row.waiting_since_ms == null ? "" : pressure(view.now_ms - row.waiting_since_ms)}`;
  if (part.age.className !== kind) part.age.className = kind;
  setText(part.last, lastWords(row));
  const list = marks(row, view);
  const nodes = part.tags.children;
  list.forEach(([name, words], n) => {
    if (!nodes[n]) part.tags.append(h("span", {}));
    if (nodes[n].className !== name) nodes[n].className = name;
    setText(nodes[n], words);
  });
  while (nodes.length > list.length) nodes[nodes.length - 1].remove();
  return true;
}

export class Rows {
  /** @param {{open: (row: Row) => void, scrolled: () => void}} desk */
  constructor(desk) {
    this.desk = desk;
    this.window = h("div", { class: "window" });
    this.node = h("div", { class: "rows", role: "group", tabindex: -1, "aria-label": "Conversations" }, this.window);
    /** @type {Row[]} */
    this.list = [];
    this.row_px = ROW_PX;
    this.height_px = 0;
    this.top_px = 0;
    this.from = 0;
    this.to = 0;
    this.node.addEventListener("scroll", () => {
      this.top_px = this.node.scrollTop;
      const [from, to] = this.span();
      if (from !== this.from || to !== this.to) desk.scrolled();
    }, { passive: true });
    this.pointed_ms = -HOLD_MS;
    this.node.addEventListener("pointermove", (e) => e.pointerType === "mouse" && (this.pointed_ms = performance.now()), { passive: true });
    this.node.addEventListener("pointerleave", () => (this.pointed_ms = -HOLD_MS));
    this.node.addEventListener("keydown", (e) => {
      const by = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0;
      const row = by && /** @type {any} */ (document.activeElement)?.__row;
      const to = row ? this.list.findIndex((one) => keyOf(one) === keyOf(row)) + by : -1;
      if (!this.list[to]) return;
      e.preventDefault();
      this.focus(to);
    });
    /** The row that is to have the focus with the next drawing. */
    this.wanted = "";
    // Sizes are told, never asked for: asking in mid-draw makes the browser lay out the page at once.
    this.sizes = new ResizeObserver((entries) => {
      for (const { target, borderBoxSize: [size] } of entries) {
        if (target === this.node) this.height_px = size.blockSize;
        else if (size.blockSize) this.row_px = size.blockSize;
      }
      desk.scrolled();
    });
    this.sizes.observe(this.node);
  }

  /** Whether somebody is about to choose a row. */
  get pointed() {
    return performance.now() - this.pointed_ms < HOLD_MS;
  }

  /** The rows to draw: a screenful and some more. */
  span() {
    const from = Math.max(0, Math.floor(this.top_px / this.row_px) - SPARE);
    const to = Math.min(this.list.length, Math.ceil((this.top_px + (this.height_px || innerHeight)) / this.row_px) + SPARE);
    return [Math.min(from, to), to];
  }

  /**
   * @param {Row[]} list all of the queue
   * @param {View} view
   */
  draw(list, view) {
    this.list = list;
    [this.from, this.to] = this.span();
    const before = `${this.from * this.row_px}px`;
    const after = `${(list.length - this.to) * this.row_px}px`;
    if (this.window.style.paddingTop !== before) this.window.style.paddingTop = before;
    if (this.window.style.paddingBottom !== after) this.window.style.paddingBottom = after;
    keyed(this.window, list.slice(this.from, this.to), keyOf, (row) => signOf(row, view), (row) => this.make(row, view), (node, row) => {
      /** @type {any} */ (node).__row = row;
      return mend(node, row, view);
    });
    const nodes = /** @type {any[]} */ ([...this.window.children]);
    if (this.wanted) {
      // Whoever has gone somewhere else meanwhile stays there.
      if (document.activeElement === document.body) nodes.find((node) => keyOf(node.__row) === this.wanted)?.focus({ preventScroll: true });
      this.wanted = "";
    }
    // Of the list one row is a stop of the Tab key; arrows go on from there, so that what stands behind the list is one Tab away.
    const stop = nodes.find((node) => node === document.activeElement) || nodes.find((node) => keyOf(node.__row) === view.current) || nodes[0];
    for (const node of nodes) if (node.tabIndex !== (node === stop ? 0 : -1)) node.tabIndex = node === stop ? 0 : -1;
    const first = this.window.firstElementChild;
    if (first !== this.measured) {
      if (this.measured) this.sizes.unobserve(this.measured);
      if (first) this.sizes.observe(first);
      this.measured = first;
    }
  }

  /**
   * @param {Row} row
   * @param {View} view
   */
  make(row, view) {
    const part = { who: h("span", { class: "who" }), age: h("span", {}), last: h("span", { class: "last" }), tags: h("span", { class: "tags" }), left: h("span", { class: "left", hidden: true, "aria-hidden": "true" }), until: "" };
    const node = h("button", { class: "row", type: "button", onclick: () => this.desk.open(/** @type {any} */ (node).__row) }, part.who, part.age, part.last, part.tags, part.left);
    Object.assign(node, { __parts: part, __row: row });
    mend(node, row, view);
    return node;
  }

  /** To the top, where another queue begins. */
  top() {
    this.node.scrollTop = this.top_px = 0;
  }

  /**
   * Bring a row into view, drawn or not.
   * @param {number} at its place in the list
   */
  show(at) {
    const [top, bottom] = [at * this.row_px, (at + 1) * this.row_px];
    if (top < this.top_px) this.node.scrollTop = this.top_px = top;
    else if (bottom > this.top_px + this.height_px) this.node.scrollTop = this.top_px = bottom - this.height_px;
  }

  /**
   * Bring a row into view and give it the focus, now or as soon as it is drawn.
   * @param {number} at its place in the list; below 0: the first that is seen
   */
  focus(at) {
    const to = at < 0 ? Math.ceil(this.top_px / this.row_px) : at;
    if (!this.list[to]) return;
    this.show(to);
    const key = keyOf(this.list[to]);
    const drawn = /** @type {any[]} */ ([...this.window.children]).find((node) => keyOf(node.__row) === key);
    // At once where it can be: keys may follow.
    if (drawn) drawn.focus({ preventScroll: true });
    else {
      /** @type {HTMLElement | null} */ (document.activeElement)?.blur();
      this.wanted = key;
    }
    this.desk.scrolled();
  }
}
