// The loader, served as /widget.js: draws the launcher, takes Shopbell(...) calls, fetches the chat when it is wanted.
// Must open no socket, know no frame, and move nothing on the page.

import { configOf } from "./config.js";
import { pickLocale } from "./i18n.js";
import { launcher as de } from "./locales/de.js";
import { launcher as en } from "./locales/en.js";
import { paint } from "./paint.js";
import { openStorage, readSession } from "./session.js";
import { BELL, direction, DOWN, h, icon, luminance, parseColor, translator } from "./shared.js";
import { launcherCss } from "./style.js";

/** @type {{file: string, integrity: string}} put in by build.mjs */
// @ts-ignore
const CHAT = __CHAT__;
const TAG = "shopbell-chat";

/**
 * @typedef {import("./config.js").Config} Config
 * @typedef {{open: (focus: boolean) => void, close: () => void, update: (config: Config) => void, stop: () => void, identify: (identity: any) => void,
 *   logout: () => void, paint: () => void, prefill: (text: string) => void, send: (text: string) => void}} Chat what the chat module gives back
 */

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript || document.querySelector('script[data-site][src*="widget.js"]'));
const night = matchMedia("(prefers-color-scheme: dark)");
const base = new URL(".", script?.src || location.href).href;

/** As a page with Trusted Types wants it. Made once: a second policy of that name is forbidden. */
let trusted = { createScriptURL: String };
try {
  trusted = /** @type {any} */ (window).trustedTypes.createPolicy("shopbell", trusted);
} catch {
  // There is no such thing here, or the page allows no such policy.
}

/**
 * Settles behind the next frame, so that what was changed before is painted; a page in the background gets no frames.
 * @returns {Promise<void>}
 */
const painted = () => new Promise((done) => {
  requestAnimationFrame(() => setTimeout(done));
  setTimeout(done, 200);
});

/** @returns {string} the token of a mailed link; taken out of the address at once, so that nothing else keeps it */
function takeLink() {
  const [page, link = ""] = location.href.split("#shopbell=");
  if (link) history.replaceState(history.state, "", page);
  return link;
}

class ShopbellChat extends HTMLElement {
  /** Handed to the chat module, which has no copy of its own. */
  static shared = { BELL, direction, DOWN, h, icon, luminance, parseColor, translator };
  /** Set by the chat module. @type {((host: ShopbellChat) => Chat) | undefined} */
  static mount;

  /** @type {Config} */
  config = configOf({}, {});
  /** @type {Chat | null} */
  chat = null;
  isOpen = false;
  link = takeLink();
  /** Messages that nobody has looked at. */
  count = 0;
  /** @type {(name: string, detail?: any) => void} */
  emit = () => {};
  root = this.attachShadow({ mode: "open" });
  /** The chat's window. Empty until the chat is here: its frame is painted at once when the launcher is pressed. */
  panel = h("section", { class: "panel", role: "dialog", hidden: true });
  badge = h("span", { class: "badge", "aria-hidden": "true" });
  /** @type {any} */
  icon = icon(BELL);
  button = h("button", { class: "launcher", type: "button", "aria-haspopup": "dialog", onclick: () => (this.isOpen ? this.hide() : this.show()) }, this.icon, this.badge);

  /** @param {Config} config */
  start(config) {
    this.config = config;
    this.storage = openStorage(config.storage);
    this.adopt(launcherCss);
    for (const hint of ["pointerenter", "touchstart", "focus"]) this.button.addEventListener(hint, () => setTimeout(withChat), { passive: true });
    this.root.append(this.panel, this.button);
    this.apply();
    this.unread(this.session().unread || 0);
    night.addEventListener("change", () => this.paint());
  }

  /** @param {string} css */
  adopt(css) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.root.adoptedStyleSheets = [...this.root.adoptedStyleSheets, sheet];
  }

  /** Take over the configuration: language, side, colours. */
  apply() {
    this.locale = pickLocale(this.config.locale);
    this.t = translator(this.locale, { en, de });
    const theme = this.theme || {};
    this.dir = direction(this.locale);
    this.setAttribute("side", this.config.position || theme.position || (this.dir === "rtl" ? "left" : "right"));
    this.button.hidden = this.config.launcher === "none";
    this.paint();
    this.label();
  }

  session() {
    return readSession(this.storage || null, this.config.site);
  }

  /** The accent, and what can be read on it. */
  paint() {
    const theme = this.theme || {};
    paint(this, theme, this.config.scheme || theme.dark, night.matches, this.config.accent, this.session().accent);
    this.chat?.paint();
  }

  label() {
    const n = this.count;
    const name = this.t(this.isOpen ? "close" : "open");
    // The site's own drawing is remembered: the next page shows it before the chat is there.
    this.icon.firstChild.setAttribute("d", this.isOpen ? DOWN : this.theme?.icon || this.session().icon || BELL);
    this.button.setAttribute("aria-label", n && !this.isOpen ? `${name}, ${this.t("unread", { n })}` : name);
    this.button.setAttribute("aria-expanded", String(this.isOpen));
  }

  /** @param {number} n messages that nobody has looked at */
  unread(n) {
    if (n === this.count) return;
    this.button.classList.toggle("ring", n > this.count);
    this.count = n;
    this.badge.textContent = n > 9 ? "9+" : /** @type {any} */ (n || "");
    this.label();
    this.emit("unread", { count: n });
  }

  /**
   * Fetch the chat once. Its integrity is checked by the browser.
   * @returns {Promise<Chat>}
   */
  load() {
    this.loading ??= this.#fetch().catch((error) => {
      this.loading = undefined;
      throw error;
    });
    return this.loading;
  }

  /** @param {{file: string, integrity: string}} of a build @returns {Promise<unknown>} */
  script({ file, integrity }) {
    return new Promise((resolve, reject) => {
      // `load` comes after the module has run.
      const node = Object.assign(document.createElement("script"), { type: "module", crossOrigin: "anonymous", integrity, nonce: this.config.nonce || "", onload: resolve, onerror: reject });
      node.src = /** @type {any} */ (trusted).createScriptURL(new URL("widget/" + file, base).href);
      document.head.append(node);
    });
  }

  /** @returns {Promise<Chat>} */
  async #fetch() {
    if (!ShopbellChat.mount) await this.script(CHAT);
    // The frame of the window goes first.
    if (this.isOpen) await painted();
    return (this.chat ??= /** @type {any} */ (ShopbellChat).mount(this));
  }

  /** @param {boolean} [focus] false when nobody pressed anything: the page keeps its focus */
  async show(focus = true) {
    this.isOpen = true;
    this.panel.hidden = false;
    try {
      // The frame first: also the fetch has its price. Who points, touches or tabs to the launcher has begun it before.
      await painted();
      const chat = await this.load();
      if (!this.isOpen) return;
      chat.open(focus);
      this.label();
      this.emit("open");
    } catch {
      this.hide();
      this.button.setAttribute("aria-label", this.t("failed"));
      this.emit("error", { code: "load", message: `no ${CHAT.file}` });
    }
  }

  hide() {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.chat?.close();
    this.panel.hidden = true;
    this.label();
    this.emit("close");
  }

  stop() {
    this.chat?.stop();
    this.remove();
  }
}

/** @type {[string, (detail: any) => void, (event: any) => void][]} name, the page's function, what listens for it */
let listeners = [];
/** @type {ShopbellChat | null} */
let host = null;

/**
 * @param {string} name
 * @param {any} [detail]
 */
function emit(name, detail = {}) {
  host?.dispatchEvent(new CustomEvent(`shopbell:${name}`, { detail, bubbles: true, composed: true }));
}

/** @param {any} [options] */
function boot(options = {}) {
  host?.stop();
  const config = configOf(options, configOf(script?.dataset || {}, { server: base, nonce: script?.nonce }));
  if (!config.site) return console.warn("Shopbell: no site");
  const el = (host = /** @type {ShopbellChat} */ (document.createElement(TAG)));
  el.emit = emit;
  document.body.append(el);
  el.start(config);
  const { live, visited, open } = el.session();
  // A sheet over the whole phone that nobody asked for drives people away: there, only a press opens it.
  const small = matchMedia("(max-width: 520px)").matches;
  if (el.link || config.open === "true" || (!small && (open || (config.open === "first" && !visited)))) el.show(false);
  else if (live || config.identity) (window.requestIdleCallback || setTimeout)(() => host === el && withChat());
  emit("ready");
}

/** @param {(chat: Chat) => void} [act] when the chat is here; not at all when it cannot be fetched */
function withChat(act = () => {}) {
  host?.load().then(act, () => {});
}

/** @type {Record<string, (...args: any[]) => void>} */
const commands = {
  boot,
  update(options = {}) {
    if (!host) return;
    host.config = configOf(options, host.config);
    host.apply();
    host.chat?.update(host.config);
    if (options.identity) commands.identify(options.identity);
  },
  shutdown() {
    host?.stop();
    host = null;
  },
  identify(identity) {
    if (!host) return;
    host.config = { ...host.config, identity };
    withChat((chat) => chat.identify(identity));
  },
  logout() {
    if (!host) return;
    host.config = { ...host.config, identity: null };
    withChat((chat) => chat.logout());
  },
  show: () => host?.show(),
  hide: () => host?.hide(),
  toggle: () => (host?.isOpen ? host.hide() : host?.show()),
  prefill(text) {
    host?.show();
    withChat((chat) => chat.prefill(String(text)));
  },
  send(text) {
    withChat((chat) => chat.send(String(text)));
  },
  on(name, fn) {
    // A mistake in the page's function is the page's: the browser reports it and goes on.
    const listen = (/** @type {any} */ event) => fn(event.detail);
    listeners.push([name, fn, listen]);
    document.addEventListener(`shopbell:${name}`, listen);
  },
  off(name, fn) {
    listeners = listeners.filter(([n, f, listen]) => n !== name || (fn && f !== fn) || document.removeEventListener(`shopbell:${name}`, listen));
  },
};

/**
 * The page's way in: Shopbell("show"), Shopbell("on", "message", fn) …
 * @param {string} command
 * @param {...any} args
 */
function Shopbell(command, ...args) {
  const run = Object.hasOwn(commands, command) && commands[command];
  if (run) run(...args);
  else console.warn(`Shopbell: expected one of ${Object.keys(commands)}, got ${command}`);
}

function begin() {
  const page = /** @type {any} */ (window);
  const early = page.Shopbell?.q || [];
  const stub = page.Shopbell;
  page.Shopbell = Shopbell;
  // A page may have kept the stub: what it queues from now on runs at once.
  if (stub) stub.q = { push: (/** @type {any[]} */ args) => Shopbell(.../** @type {[string]} */ (args)) };
  const calls = [...early].map((c) => [...c]);
  for (const call of calls.filter((c) => c[0] === "on")) Shopbell(.../** @type {[string]} */ (call));
  if (script?.dataset.site && !calls.some((c) => c[0] === "boot")) boot();
  for (const call of calls.filter((c) => c[0] !== "on")) Shopbell(.../** @type {[string]} */ (call));
}

if (!customElements.get(TAG)) {
  customElements.define(TAG, ShopbellChat);
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
}
