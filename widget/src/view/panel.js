// The chat's window: header, transcript, composer, menu; opening, closing, focus, scrolling, the phone's keyboard.
// Must not talk to the server: everything goes through the app.

import { safeUrl } from "../inline.js";
import { withMore } from "../more.js";
import { h, icon, parseColor } from "../shared.js";
import { choicesOf, items } from "../transcript.js";
import { Announcer } from "./announcer.js";
import { Composer } from "./composer.js";
import { ICONS } from "./icons.js";
import { Messages } from "./messages.js";
import { readable } from "./shade.js";
import { chatCss } from "./style.js";

// Nearer to the end than this and the transcript follows what comes.
const NEAR_PX = 80;

export class Panel {
  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.app = app;
    this.open = false;
    this.atEnd = true;
    this.divider = 0;
    /** Closes the open menu. @type {(() => void) | null} */
    this.shut = null;
    app.host.adopt(chatCss);
  }

  /** Make the nodes ahead of the first opening, while nobody waits. */
  prepare() {
    if (this.node || this.stopped) return;
    this.#build();
    if (this.open || this.app.host.isOpen || !this.node) return;
    // Laid out once, unseen: looking up fonts is most of the first layout (42 of 61 ms at 6x CPU throttle).
    const { style, classList } = this.node;
    style.visibility = "hidden";
    classList.add("ready");
    this.node.hidden = false;
    void this.node.offsetHeight;
    this.node.hidden = true;
    classList.remove("ready");
    style.visibility = "";
  }

  #build() {
    const { app } = this;
    const { t } = app;
    this.dot = h("span", { class: "presence", "aria-hidden": "true" });
    this.title = h("h2", { id: "sb-title" });
    this.status = h("p", { class: "status" });
    this.menuButton = h("button", { class: "round", type: "button", "aria-label": t("menu"), "aria-haspopup": "menu", "aria-expanded": "false", onpointerenter: () => withMore(app), onclick: () => withMore(app, (more) => more.menu()).then(() => this.update()) }, icon(ICONS.more, "dots"));
    this.closeButton = h("button", { class: "round", type: "button", "aria-label": t("close"), onclick: () => this.app.host.hide() }, icon(ICONS.down));
    this.logo = h("div", { class: "logo" });
    const header = h("div", { class: "head" }, this.logo, h("div", { class: "heads" }, this.title, this.status), this.menuButton, this.closeButton);
    this.banner = h("div", { class: "banner", role: "status" });
    this.hello = h("div", { class: "hello" });
    this.list = h("div", { class: "list" });
    this.typing = h("div", { class: "typing" });
    this.log = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": t("log"), tabindex: 0, onscroll: () => this.#scrolled() }, this.hello, this.list, this.typing);
    this.jump = h("button", { class: "jump", type: "button", hidden: true, onclick: () => this.toEnd(true) });
    this.announcer ??= new Announcer();
    this.composer = new Composer(app);
    const middle = h("div", { class: "middle" }, this.log, this.jump);
    const node = (this.node = /** @type {HTMLElement} */ (app.host.panel));
    for (const [name, value] of Object.entries({ "aria-labelledby": "sb-title", lang: t("lang"), dir: app.dir })) node.setAttribute(name, value);
    node.onkeydown = (e) => this.#key(e);
    node.replaceChildren(header, this.banner, middle, this.composer.node, this.announcer.node);
    this.messages = new Messages(app, this.list);
    this.sized = new ResizeObserver(() => this.atEnd && this.#stick());
    this.sized.observe(this.list);
    this.sized.observe(this.log);
    this.theme(app.link.site?.theme || {});
  }

  /** @param {boolean} focus whether somebody asked for it */
  show(focus) {
    if (!this.node) this.#build();
    const { app } = this;
    if (!this.node) return;
    const { root } = app.host;
    const keys = (root.activeElement || document.activeElement)?.matches(":focus-visible");
    this.divider = app.seen && app.link.events.some((e) => e.kind === "message" && e.role !== "customer" && e.seq > app.seen) ? app.seen : 0;
    const was = this.open;
    this.open = true;
    this.node.hidden = false;
    this.node.classList.add("ready");
    app.start();
    app.store.save({ open: focus || app.store.session().open || undefined });
    this.atEnd = true;
    this.#fit();
    this.#render(true);
    app.look();
    // Everything that measures waits for the frame: one layout instead of five on the way to the first paint.
    requestAnimationFrame(() => {
      if (!this.open) return;
      this.#stick();
      this.composer?.grow();
      if (!focus) return;
      // A phone's keyboard would cover what there is to read: there the words come first. Browsers ring what a script has
      // given the focus; who came by touch or by script needs no ring until a key is pressed.
      const words = matchMedia("(pointer: coarse)").matches && this.log;
      if (words) words.classList.toggle("quiet", !keys);
      (words || this.composer?.area)?.focus({ preventScroll: true });
    });
    window.visualViewport?.addEventListener("resize", this.#fit);
    window.visualViewport?.addEventListener("scroll", this.#fit);
    if (!was) this.node.classList.add("opening");
    this.app.host.toggleAttribute("open", true);
  }

  hide() {
    if (!this.node || !this.open) return;
    const inside = this.node.contains(this.app.host.root.activeElement);
    this.open = false;
    this.node.hidden = true;
    this.shut?.();
    this.app.more?.popover.hide();
    this.app.store.save({ open: undefined });
    this.app.host.toggleAttribute("open", false);
    window.visualViewport?.removeEventListener("resize", this.#fit);
    window.visualViewport?.removeEventListener("scroll", this.#fit);
    if (inside) this.app.host.button.focus();
  }

  stop() {
    this.stopped = true;
    clearInterval(this.clock);
    this.sized?.disconnect();
  }

  /** In another language from scratch. */
  rebuild() {
    if (!this.node) return;
    const { open } = this;
    this.stop();
    this.stopped = this.open = false;
    this.bannerSig = this.helloSig = this.jumpSig = "";
    this.#build();
    if (open) this.show(false);
  }

  /** @param {string} text */
  prefill(text) {
    if (!this.node) this.#build();
    this.composer?.set(text);
    this.composer?.area.focus();
  }

  /** The conversation is another one now. */
  forget() {
    this.messages?.clear();
    this.announcer?.clear();
    this.app.more?.popover.hide();
    this.typing?.replaceChildren();
    this.divider = this.lastAtEnd = 0;
    this.#header();
    this.app.more?.update();
  }

  /** @param {string} text for screen readers */
  tell(text) {
    this.announcer?.say(text);
  }

  /** @param {Record<string, any>} theme of the site */
  theme(theme) {
    const { style } = this.app.host;
    const set = (/** @type {string} */ name, /** @type {any} */ value) => style.setProperty(name, value ?? "");
    set("--sb-paper", theme.background);
    set("--sb-ink", theme.text);
    set("--sb-paper-dark", theme.background_dark);
    set("--sb-ink-dark", theme.text_dark);
    set("--sb-radius", theme.radius != null ? `${theme.radius}px` : "");
    set("--sb-font", theme.font);
    this.paint();
    if (!this.logo) return;
    const src = theme.logo && safeUrl(theme.logo);
    this.logo.replaceChildren(src && new URL(src).origin === location.origin ? h("img", { src, alt: "", width: 38, height: 36 }) : icon(ICONS.bell));
  }

  /** A shade of the accent that can be read as text on the paper in use. */
  paint() {
    const { host } = this.app;
    const css = getComputedStyle(host);
    const paper = parseColor(css.getPropertyValue("--paper")) || (host.dark ? [27, 25, 22] : [255, 253, 249]);
    host.style.setProperty("--sb-mark", readable(host.accent, /** @type {any} */ (paper)));
  }

  /** Draw what changed, at most once per frame. */
  update() {
    if (!this.node || this.drawing) return;
    // A page in the background gets no frames; there a timer does.
    const later = document.visibilityState === "visible" ? requestAnimationFrame : (/** @type {() => void} */ fn) => setTimeout(fn, 200);
    this.drawing = later(() => {
      this.drawing = 0;
      this.#render(false);
      if (this.open) this.app.look();
    });
  }

  /** @param {boolean} opening */
  #render(opening) {
    const { app } = this;
    if (!this.node || !this.messages || !this.log) return;
    const online = app.line.name !== "offline";
    const list = items(app.link, { seen: this.divider, now_ms: Date.now(), day: (ms) => new Date(ms).toDateString(), online });
    this.#header();
    this.#banner();
    this.#hello(list);
    app.more?.update();
    this.messages.show(list);
    this.log.setAttribute("aria-busy", String(list.some((i) => i.type === "message" && i.live)));
    this.#announce(list, opening);
    this.composer?.update(opening);
    if (this.atEnd && !opening) this.#stick();
    this.#jumpers();
    const ticking = app.line.name === "waiting" || list.some((i) => i.type === "ask" && i.state === "open" && i.expires_ms);
    if (ticking && !this.clock) this.clock = setInterval(() => this.update(), 1000);
    else if (!ticking && this.clock) this.clock = void clearInterval(this.clock);
  }

  #header() {
    const { app } = this;
    const { t, link } = app;
    const { mode, name } = link.mode;
    const site = link.site?.theme?.title || link.site?.name || t("shop");
    if (this.title && this.title.textContent !== site) this.title.textContent = site;
    const words = {
      agent: t("automatic"),
      waiting: t("waiting_person"),
      staff: t("with_person", { name: name || link.staff.name || t("person") }),
      closed: t("is_closed"),
    }[mode];
    if (this.status && this.status.textContent !== words) this.status.replaceChildren(this.dot || "", h("span", {}, words));
    this.dot?.setAttribute("class", `presence ${app.line.name === "open" ? mode : "away"}`);
  }

  #banner() {
    const { t, line, notice } = this.app;
    // What hardly ever happens is said in words that are fetched for it.
    const rare = (/** @type {string} */ key) => (this.app.more ? this.app.more.t(key) : void withMore(this.app));
    const again = (/** @type {string} */ words) => h("button", { class: "link", type: "button", onclick: () => this.app.retryNow() }, words);
    /** @type {Record<string, () => any[]>} */
    const all = {
      // A first connection takes a blink: no words for it unless there is something to wait for.
      connecting: () => (this.app.link.site ? [t("reconnecting_now")] : [t("connecting")]),
      waiting: () => [t("reconnecting", { n: Math.max(1, Math.ceil(((line.until_ms || 0) - Date.now()) / 1000)) }), again(t("retry_now"))],
      offline: () => [t("offline")],
      refused: () => [rare("refused")],
      outdated: () => [rare("outdated")],
      broken: () => [rare("broken"), again(rare("start_again"))],
      erased: () => [rare("erased"), again(rare("start_again"))],
    };
    const kids = all[line.name]?.() || (notice ? [notice] : []);
    const sig = `${line.name}|${kids[0] || ""}`;
    if (sig === this.bannerSig || !this.banner) return;
    this.bannerSig = sig;
    this.banner.className = `banner ${line.name}`;
    // Only the seconds change each second: they are not announced.
    this.banner.setAttribute("aria-live", line.name === "waiting" ? "off" : "polite");
    const kept = this.banner.querySelector("button");
    if (line.name === "waiting" && kept && this.banner.firstElementChild) this.banner.firstElementChild.textContent = kids[0];
    else this.banner.replaceChildren(...(kids.length ? [h("span", {}, kids[0]), kids[1] || ""] : []));
  }

  /** @param {any[]} list */
  #hello(list) {
    const { app } = this;
    const { link, t } = app;
    const fresh = !list.some((i) => i.type === "message" && i.role === "customer");
    const chips = fresh && link.site ? choicesOf(link.site.theme?.chips) : [];
    const greeting = link.site?.greeting || (link.site ? t("greeting") : "");
    const sig = JSON.stringify([greeting, chips, fresh]);
    if (sig === this.helloSig || !this.hello) return;
    this.helloSig = sig;
    const rows = chips.map((c) => h("button", { type: "button", class: "starter", onclick: () => app.say(c.text) }, h("span", { dir: "auto" }, c.label), icon(ICONS.arrow, "turn")));
    this.hello.className = `hello${fresh ? " fresh" : ""}`;
    this.hello.replaceChildren(fresh && greeting ? icon(ICONS.bell, "bell") : "", greeting ? h("p", { class: "greeting", dir: "auto" }, greeting) : "", rows.length ? h("div", { class: "starters" }, ...rows) : "", fresh && link.site ? h("p", { class: "small" }, t("powered")) : "");
  }

  /** @param {any[]} list @param {boolean} opening */
  #announce(list, opening) {
    const { announcer, app } = this;
    if (!announcer) return;
    const news = new Set(app.link.events.filter((e) => e.seq > app.newsFrom).map((e) => e.id));
    for (const item of list) {
      const { key, type, seq } = item;
      if (type === "message" && item.role !== "customer") {
        if (this.open && !opening && (item.live || news.has(item.id))) announcer.follow(key, item.text, !item.live);
        else if (!item.live && !announcer.told.has(key)) announcer.skip(key, item.text);
      } else if (seq && !announcer.told.has(key + item.what)) {
        announcer.skip(key + item.what, "");
        if (!this.open || opening || seq <= app.newsFrom) continue;
        if (type === "line") announcer.say(app.t(item.what));
        else withMore(app, (more) => announcer.say(more.words(item)));
      }
    }
  }

  /** @param {KeyboardEvent} e */
  #key(e) {
    this.log?.classList.remove("quiet");
    if (e.key === "Escape" && !e.isComposing) {
      e.stopPropagation();
      if (this.app.more?.popover.hide()) return;
      if (this.shut) {
        this.shut();
        this.menuButton?.focus();
      } else this.app.host.hide();
    } else if (e.key === "Tab") this.#trap(e);
  }

  /** Tab goes round within the chat; Escape is the way out. @param {KeyboardEvent} e */
  #trap(e) {
    const all = /** @type {HTMLElement[]} */ ([...(this.node?.querySelectorAll("a[href], button:not([disabled]), textarea, summary, [tabindex='0']") || [])]).filter((n) => n.checkVisibility());
    const at = this.app.host.root.activeElement;
    const [first, last] = [all[0], all[all.length - 1]];
    if (e.shiftKey ? at === first : at === last) {
      e.preventDefault();
      (e.shiftKey ? last : first).focus();
    }
  }

  #scrolled() {
    const { log } = this;
    if (!log) return;
    this.atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
    this.app.more?.popover.place();
    this.#jumpers();
  }

  #jumpers() {
    if (!this.jump) return;
    const events = this.app.link.events;
    const last = events.length ? events[events.length - 1].seq : 0;
    if (this.atEnd) this.lastAtEnd = last;
    const news = events.some((e) => e.seq > (this.lastAtEnd || 0) && e.kind === "message" && e.role !== "customer");
    const sig = `${this.atEnd}${news}`;
    if (sig === this.jumpSig) return;
    this.jumpSig = sig;
    this.jump.hidden = this.atEnd;
    this.jump.replaceChildren(icon(ICONS.down), ...(news ? [h("span", {}, this.app.t("jump"))] : []));
    this.jump.setAttribute("aria-label", this.app.t(news ? "jump" : "to_end"));
  }

  #stick() {
    if (this.log) this.log.scrollTop = this.log.scrollHeight;
  }

  /** @param {boolean} [focus] */
  toEnd(focus) {
    this.atEnd = true;
    this.#stick();
    if (focus) this.composer?.area.focus({ preventScroll: true });
  }

  /** On a phone the sheet is as high as what the keyboard leaves. */
  #fit = () => {
    const view = window.visualViewport;
    if (!view || !this.node) return;
    const sheet = matchMedia("(max-width: 520px)").matches;
    this.node.setAttribute("aria-modal", String(sheet));
    // Pinch-zoomed pages keep the sheet's own size.
    const use = sheet && view.scale < 1.05;
    this.node.style.setProperty("--view-height", use ? `${view.height}px` : "100dvh");
    this.node.style.setProperty("--view-top", use ? `${view.offsetTop}px` : "0px");
  };
}
