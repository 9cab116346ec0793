// The open conversation on the screen: its newest items, the mark of what is new, what is in flight; it stays at the end while one is there.
// Must not decide what there is to see (timeline.js does), nor talk to the server.

import { h } from "../dom.js";
import { render } from "../markdown.js";
import { draw } from "./items.js";
import { keyed, setText } from "./keyed.js";
import { callsOf, signOf, timeline } from "./timeline.js";

/** Items drawn at first, and more each time one has scrolled up to them: a few screens. */
const PAGE = 80;
/** Of a draft's words nothing is made anew but the block that grows. */
const LIVE = { live: true };

export class Talk {
  /**
   * @param {import("./known.js").Known} known
   * @param {import("./items.js").Act} act
   * @param {() => void} scrolled more is to be drawn
   */
  constructor(known, act, scrolled) {
    this.known = known;
    this.act = act;
    this.items = h("div", { class: "items" });
    this.node = h("div", { class: "talk", role: "log", tabindex: 0, "aria-label": "Conversation" }, this.items);
    this.jump = h("button", { type: "button", class: "jump", hidden: true, onclick: () => this.toNew() }, "New ↓");
    this.flight = h("p", { class: "flight", role: "status", hidden: true });
    /** @type {Map<string, number>} up to where this person had read when they left, by conversation */
    this.left = new Map();
    this.key = "";
    this.reset("");
    this.node.addEventListener("scroll", () => {
      this.stuck = this.atEnd();
      if (this.stuck) this.jump.hidden = true;
      if (this.node.scrollTop > 400 || !this.from) return;
      this.count += PAGE;
      this.kept_px = this.node.scrollHeight - this.node.scrollTop;
      scrolled();
    }, { passive: true });
    // Opening a fold is looking at it: the end is not scrolled to, unless it is still in view.
    this.items.addEventListener("click", (e) => {
      if (!(/** @type {Element} */ (e.target).closest("summary"))) return;
      this.stuck = false;
      requestAnimationFrame(() => (this.stuck = this.atEnd()));
    });
    // Told of sizes after layout, it follows the end without asking for a layout of its own in mid-draw.
    const sizes = new ResizeObserver(() => this.stuck && this.toEnd());
    sizes.observe(this.node);
    sizes.observe(this.items);
  }

  atEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 60;
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  /** Another conversation is opened. @param {string} key */
  reset(key) {
    if (this.key) this.left.set(this.key, this.known.link(this.key).cursor);
    this.key = key;
    this.count = PAGE;
    this.from = 0;
    this.kept_px = 0;
    this.stuck = true;
    /** @type {number | undefined} the seq behind which all is new */
    this.marked = undefined;
    this.jump.hidden = true;
    this.items.replaceChildren();
    /** @type {any} */ (this.items).__nodes = undefined;
  }

  /** What one has said is at the end, and nothing before it is new. */
  said() {
    this.marked = Infinity;
    this.stuck = true;
    this.toEnd();
  }

  /**
   * A decision was not taken: its card says why, and can be used again.
   * @param {string} call
   * @param {string} why
   */
  refused(call, why) {
    this.items.querySelector(`[data-call="${CSS.escape(call)}"]`)?.dispatchEvent(new CustomEvent("refused", { detail: why }));
  }

  toNew() {
    this.items.querySelector("#new")?.scrollIntoView({ block: "start" });
    this.jump.hidden = true;
  }

  /** @param {number} now_ms */
  draw(now_ms) {
    if (!this.key) return;
    const link = this.known.link(this.key);
    const row = this.known.rows.get(this.key);
    const list = timeline(link, this.readUpTo(row, link), this.known.readUpTo(this.key));
    this.from = this.first(list);
    keyed(this.items, list.slice(this.from), (item) => item.key, (item) => signOf(item, this.known.approvals), (item) => draw(item, this.act, now_ms), (node, item) => {
      const words = item.live && node.classList.contains("live") && node.querySelector(".text");
      if (words) render(/** @type {HTMLElement} */ (words), item.body.text, LIVE);
      return !!words;
    });
    if (this.kept_px) {
      // Where the browser does not keep the place by itself when something is put in above it.
      if (!globalThis.CSS?.supports?.("overflow-anchor", "auto")) this.node.scrollTop = this.node.scrollHeight - this.kept_px;
      this.kept_px = 0;
    }
    this.jump.hidden = this.stuck || !this.items.querySelector("#new");
    const flying = row?.mode === "staff" ? [...callsOf(link).values()].filter((c) => c.state === "started") : [];
    this.flight.hidden = !flying.length;
    setText(this.flight, flying.length ? `In flight, begun before the take-over: ${flying.map((c) => c.label || c.tool).join(", ")}. Its end is shown here.` : "");
  }

  /**
   * The first item to draw: the newest page, and always what is new and what waits for staff. While somebody reads further up, nothing above goes.
   * @param {import("./timeline.js").Item[]} list
   */
  first(list) {
    const wanted = list.findIndex((item) => item.type === "new" || (item.call?.state === "asked" && item.call.asked?.of === "staff"));
    const at = Math.max(0, list.length - this.count);
    // In steps: a node taken away with every new one would be a layout of all of them each time.
    const stepped = at - (at % (PAGE / 2));
    const first = this.stuck ? stepped : Math.min(stepped, this.from);
    return wanted < 0 ? first : Math.min(first, wanted);
  }

  /**
   * Up to where this person has read: since it was opened here, else what the agent or staff said last.
   * @param {Record<string, any> | undefined} row
   * @param {import("../link.js").Link} link
   */
  readUpTo(row, link) {
    if (this.marked === undefined && link.cursor) {
      const last = link.events.findLast((e) => e.kind === "message" && e.role !== "customer")?.seq || 0;
      this.marked = this.left.get(this.key) ?? (row?.unread && last ? last : Infinity);
    }
    if (document.hidden && this.marked === Infinity) this.marked = link.cursor;
    return this.marked;
  }
}
