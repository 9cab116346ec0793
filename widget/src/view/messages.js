// Draws the transcript: one node per item, drawn again only when its item changed.
// Must not decide what there is to see (transcript.js does) nor hold words (locales do).

import { safeUrl } from "../inline.js";
import { render } from "../markdown.js";
import { withMore } from "../more.js";
import { h, icon } from "../shared.js";
import { ICONS } from "./icons.js";

/** Items that `more.js` fetches the drawing of. */
const RARE = ["ask", "note", "rating", "seen"];

/**
 * @typedef {import("../app.js").App} App
 * @typedef {any} Item one of transcript.js
 */

export class Messages {
  /**
   * @param {App} app
   * @param {HTMLElement} box
   */
  constructor(app, box) {
    this.app = app;
    this.box = box;
    /** @type {Map<string, {node: any, sig: string}>} */
    this.drawn = new Map();
  }

  clear() {
    for (const { node } of this.drawn.values()) node.remove();
    this.drawn.clear();
  }

  /**
   * Make the box show these items.
   * @param {Item[]} list
   */
  show(list) {
    const keys = new Set(list.map((i) => i.key));
    for (const [key, { node }] of this.drawn) {
      if (!keys.has(key)) {
        node.remove();
        this.drawn.delete(key);
      }
    }
    /** @type {ChildNode | null} */
    let at = this.box.firstChild;
    for (const item of list) {
      // What few visits need is drawn again when it has come.
      const rare = item.files || item.role === "staff" || RARE.includes(item.type);
      if (rare && !this.app.more) withMore(this.app);
      const sig = JSON.stringify(item) + (rare && !!this.app.more);
      let known = this.drawn.get(item.key);
      if (!known) {
        known = { node: this.#make(item), sig: "" };
        this.drawn.set(item.key, known);
      }
      if (known.sig !== sig) {
        this.#draw(known.node, item);
        known.sig = sig;
      }
      if (known.node === at) at = at.nextSibling;
      else this.box.insertBefore(known.node, at);
    }
  }

  /** @param {Item} item */
  #make(item) {
    const node = /** @type {any} */ (h("div", { class: `item ${item.type}` }));
    if (item.type === "message") {
      node.who = h("div", { class: "who" });
      node.text = h("div", { class: "text" });
      node.foot = h("div", { class: "foot" });
      node.append(node.who, node.text, node.foot);
    }
    return node;
  }

  /** @param {any} node @param {Item} item */
  #draw(node, item) {
    const { t } = this.app;
    if (item.type === "message") this.#message(node, item);
    else if (item.type === "work") this.#work(node, item);
    else if (item.type === "day") node.replaceChildren(h("span", {}, this.day(item.at_ms)));
    else if (item.type === "unread") node.replaceChildren(h("span", {}, t("unread")));
    else if (item.type === "line") {
      const again = item.again && h("button", { class: "link", type: "button", onclick: () => this.app.say(item.again) }, t("ask_again"));
      node.replaceChildren(h("span", {}, t(item.what)), again || "");
    } else if (this.app.more) this.app.more.draw(node, item);
    else node.replaceChildren(h("p", { class: "label", dir: "auto" }, item.label));
  }

  /** @param {number} at_ms */
  day(at_ms) {
    const { t, locale } = this.app;
    const name = (/** @type {number} */ ms) => new Date(ms).toDateString();
    if (name(at_ms) === name(Date.now())) return t("today");
    if (name(at_ms) === name(Date.now() - 86_400_000)) return t("yesterday");
    return new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" }).format(at_ms);
  }

  /** @param {number} at_ms */
  time(at_ms) {
    return new Intl.DateTimeFormat(this.app.locale, { hour: "numeric", minute: "2-digit" }).format(at_ms);
  }

  /** Time, with its day when that is not today. @param {number} at_ms */
  when(at_ms) {
    const day = this.day(at_ms);
    return day === this.app.t("today") ? this.time(at_ms) : `${day}, ${this.time(at_ms)}`;
  }

  /** @param {any} node @param {Item} item */
  #message(node, item) {
    const { t } = this.app;
    const mine = item.role === "customer";
    node.className = `item message ${item.role}${item.first ? " first" : ""}${item.last ? " last" : ""}${item.live ? " live" : ""}${item.state === "failed" ? " bad" : ""}`;
    const staff = item.role === "staff";
    const kind = t(mine ? "you" : staff ? "person" : "assistant");
    const mark = mine ? "" : staff ? this.app.more?.face(item.name || kind, item.picture) : h("span", { class: "face" }, icon(ICONS.bell));
    node.who.replaceChildren(mark || "", h("span", {}, item.name || kind), (item.name && h("span", { class: "kind" }, kind)) || "");
    node.who.classList.toggle("hide", mine || !item.first);
    if (mine) {
      node.text.dir = "auto";
      node.text.textContent = item.text;
    } else {
      const cite = (/** @type {number} */ n) => this.#chip(item, n);
      render(node.text, item.text, { live: item.live, cite, extra: item.citations.length ? item.id : "" });
    }
    const foot = /** @type {any[]} */ ([]);
    if (!mine && !item.live) foot.push(this.#sources(item), this.#choices(item));
    if (item.last || item.state !== "sent") foot.push(this.#meta(item, mine));
    if (item.files) foot.push(this.app.more?.files(item));
    node.foot.replaceChildren(...foot.filter(Boolean));
  }

  /** @param {Item} item @param {number} n */
  #chip(item, n) {
    const c = item.citations.find((/** @type {any} */ x) => x.n === n);
    // While the words are on their way, their sources are not here yet: a quiet placeholder of the same size.
    if (!c) return item.live ? h("span", { class: "chip" }, n) : null;
    const href = safeUrl(c.url || "");
    const label = this.app.t("source", { n, title: c.title || c.document || "" });
    const onfocus = () => withMore(this.app, (more) => more.popover.show(chip, c));
    const onblur = () => this.app.more?.popover.hide();
    const look = { class: "chip", onfocus, onblur, onpointerenter: onfocus, onpointerleave: onblur };
    const chip = href
      ? h("a", { ...look, href, target: "_blank", rel: "noopener noreferrer nofollow", "aria-label": `${label}, ${this.app.t("new_tab")}` }, n)
      : h("button", { ...look, type: "button", "aria-label": label, onclick: onfocus }, n);
    return chip;
  }

  /** @param {Item} item */
  #sources(item) {
    if (!item.citations.length) return null;
    const { t } = this.app;
    /** @type {Map<string, {c: any, numbers: number[]}>} one line for each page, however often it is cited */
    const pages = new Map();
    for (const c of item.citations) {
      const key = (c.url || c.document || c.title || "").split("#")[0];
      const page = pages.get(key) || { c, numbers: [] };
      page.numbers.push(c.n);
      pages.set(key, page);
    }
    const rows = [...pages.values()].map(({ c, numbers }) => {
      const href = safeUrl(c.url || "");
      const words = [h("span", { class: "num", "aria-hidden": "true" }, [...new Set(numbers)].sort((a, b) => a - b).join(", ")), h("span", {}, c.title || c.document || "")];
      return h("li", {}, href ? h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...words, h("span", { class: "hide" }, ` (${t("new_tab")})`)) : h("span", {}, ...words));
    });
    return h("ul", { class: "sources", "aria-label": t("sources") }, ...rows);
  }

  /** @param {Item} item */
  #choices(item) {
    if (!item.choices.length) return null;
    const buttons = item.choices.map((/** @type {any} */ c) =>
      h("button", { type: "button", class: "choice", dir: "auto", disabled: !item.usable, onclick: () => this.app.say(c.text) }, c.label));
    return h("div", { class: "choices", role: "group" }, ...buttons);
  }

  /** @param {Item} item @param {boolean} mine */
  #meta(item, mine) {
    const { t } = this.app;
    const kids = /** @type {any[]} */ ([]);
    if (mine && item.state === "failed") {
      const why = t(`e_${item.error}`);
      kids.push(h("span", { class: "state" }, why.startsWith("e_") ? t("not_sent") : why), h("button", { class: "link", type: "button", onclick: () => this.app.retry(item.id) }, t("retry")));
    } else if (mine && item.state !== "sent") kids.push(h("span", { class: "state" }, t(item.state)));
    else if (item.at_ms) {
      kids.push(h("time", { datetime: new Date(item.at_ms).toISOString() }, this.time(item.at_ms)));
      if (mine) kids.push(icon(ICONS.check), h("span", { class: "hide" }, t("sent")));
    }
    if (!mine && !item.live) kids.push(this.#tools(item));
    return kids.length ? h("div", { class: "meta" }, ...kids) : null;
  }

  /** @param {Item} item */
  #tools(item) {
    const { t } = this.app;
    const copy = h("button", { type: "button", class: "tool", title: t("copy"), "aria-label": t("copy"), onclick: async () => {
      await navigator.clipboard?.writeText(item.text).catch(() => {});
      copy.replaceChildren(icon(ICONS.check));
      this.app.panel.tell(t("copied"));
      setTimeout(() => copy.replaceChildren(icon(ICONS.copy)), 1500);
    } }, icon(ICONS.copy));
    const tools = [copy];
    if (item.role === "agent") {
      for (const [name, score] of /** @type {const} */ ([["good", 1], ["bad", -1]])) {
        tools.push(h("button", { type: "button", class: "tool", title: t(name), "aria-label": t(name), "aria-pressed": String(item.score === score), onclick: () => {
          this.app.rate(item.id, score);
          this.app.panel.tell(t("rated"));
        } }, icon(ICONS[name])));
      }
    }
    return h("span", { class: "tools" }, ...tools);
  }

  /** @param {any} node @param {Item} item */
  #work(node, item) {
    const { t } = this.app;
    const current = item.steps.findLast((/** @type {any} */ s) => s.state === "running") || item.steps.at(-1);
    const idle = item.running ? t(item.thinking ? "thinking" : "working") : t(item.steps.length ? "steps" : "thoughts", { n: item.steps.length });
    // Done: one step is its own summary, several are counted.
    const words = (item.running && current?.label) || (item.steps.length === 1 && !item.running ? current.label : idle);
    const failed = !item.running && item.steps.some((/** @type {any} */ s) => s.state === "failed");
    const more = item.steps.length + item.thoughts.length + (item.thinking ? 1 : 0);
    const open = node.firstChild?.open || false;
    const dot = h("span", { class: `dot${item.running ? " busy" : ""}${failed ? " failed" : ""}`, "aria-hidden": "true" });
    // One step is all there is to tell: nothing to unfold.
    const lone = more === 1 && current;
    if (!more || lone) return node.replaceChildren(h("div", { class: "now" }, dot, h("span", { dir: "auto" }, words), lone && h("span", { class: "hide" }, `, ${t(`step_${current.state}`)}`)));
    const steps = item.steps.map((/** @type {any} */ s) =>
      h("li", { class: s.state }, icon(s.state === "done" ? ICONS.check : s.state === "failed" ? ICONS.close : ICONS.more), h("span", { dir: "auto" }, s.label), h("span", { class: "hide" }, `, ${t(`step_${s.state}`)}`)));
    const thoughts = [...item.thoughts, item.thinking].filter(Boolean).map((text) => h("li", { class: "thought", dir: "auto" }, text));
    const details = /** @type {HTMLDetailsElement} */ (h("details", {}, h("summary", { class: "now" }, dot, h("span", { dir: "auto" }, words), icon(ICONS.arrow, "turn")), h("ul", {}, ...steps, ...thoughts)));
    details.open = open;
    const focused = node.contains(/** @type {any} */ (node.getRootNode()).activeElement);
    node.replaceChildren(details);
    if (focused) /** @type {HTMLElement} */ (details.firstChild).focus();
  }
}
