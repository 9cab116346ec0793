// The loader, served as /widget.js: draws the launcher, takes Shopbell(...) calls, fetches the chat when it is wanted.
// Must open no socket, know no frame, and move nothing on the page.

import { inkOn, parseColor } from "./color.js";
import { configOf } from "./config.js";
import { BELL, DOWN, h, icon } from "./dom.js";
import { direction, pickLocale, translator } from "./i18n.js";
import { launcher as de } from "./locales/de.js";
import { launcher as en } from "./locales/en.js";
import { openStorage, readSession } from "./session.js";
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
const base = new URL(".", script?.src || location.href).href;

class ShopbellChat extends HTMLElement {
  /** Set by the chat module. @type {((host: ShopbellChat) => Chat) | null} */
  static mount = null;
  /** @type {Set<(mount: (host: ShopbellChat) => Chat) => void>} */
  static waiting = new Set();
  /** Called by the chat module when it has run. @param {(host: ShopbellChat) => Chat} mount */
  static use(mount) {
    ShopbellChat.mount = mount;
    for (const go of ShopbellChat.waiting) go(mount);
    ShopbellChat.waiting.clear();
  }

  constructor() {
    super();
    /** @type {ShadowRoot} */
    this.root = this.attachShadow({ mode: "open" });
    /** @type {Chat | null} */
    this.chat = null;
    this.isOpen = false;
    /** @type {Config} */
    this.config = configOf({}, {});
    /** @type {(name: string, detail?: any) => void} */
    this.emit = () => {};
  }

  /** @param {Config} config */
  start(config) {
    this.config = config;
    this.storage = openStorage(config.storage);
    this.adopt(launcherCss);
    const bell = icon(BELL, "ring");
    this.badge = h("span", { class: "badge", "aria-hidden": "true" });
    this.button = h("button", { class: "launcher", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" }, bell, icon(DOWN, "open"), this.badge);
    this.button.addEventListener("click", () => (this.isOpen ? this.hide() : this.show()));
    for (const hint of ["pointerenter", "focus"]) this.button.addEventListener(hint, () => this.load().catch(() => {}));
    this.root.append(this.button);
    this.apply();
    this.unread(this.session().unread || 0);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
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
    this.setAttribute("dir", direction(this.locale));
    const rtl = direction(this.locale) === "rtl";
    this.setAttribute("side", this.config.position || theme.position || (rtl ? "left" : "right"));
    this.setAttribute("scheme", this.config.scheme || theme.dark || "auto");
    if (this.button) this.button.hidden = this.config.launcher === "none";
    this.paint();
    this.label();
  }

  session() {
    return readSession(this.storage || null, this.config.site);
  }

  /** The accent, and what can be read on it. */
  paint() {
    const theme = this.theme || {};
    const scheme = this.getAttribute("scheme");
    this.dark = scheme === "dark" || (scheme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    const accent = this.config.accent || (this.dark && theme.accent_dark) || theme.accent || this.session().accent || "";
    const known = parseColor(accent);
    this.style.setProperty("--sb-accent", known ? accent : "");
    /** The colour that is really used: the page's own property wins. */
    this.accent = parseColor(getComputedStyle(this).getPropertyValue("--shopbell-accent")) || known || [31, 77, 67];
    this.style.setProperty("--sb-on-accent", theme.accent_text || inkOn(/** @type {any} */ (this.accent)));
    this.chat?.paint();
  }

  label() {
    if (!this.button || !this.t || !this.badge) return;
    const n = this.count || 0;
    const name = this.t(this.isOpen ? "close" : "open");
    this.button.setAttribute("aria-label", n && !this.isOpen ? `${name}, ${this.t("unread", { n })}` : name);
    this.button.setAttribute("aria-expanded", String(this.isOpen));
  }

  /** @param {number} n messages that nobody has looked at */
  unread(n) {
    if (!this.badge || n === this.count) return;
    this.button?.classList.toggle("ring", n > (this.count || 0));
    this.count = n;
    this.badge.textContent = n > 9 ? "9+" : n ? String(n) : "";
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

  /** @returns {Promise<Chat>} */
  async #fetch() {
    const mount = ShopbellChat.mount || (await new Promise((resolve, reject) => {
      ShopbellChat.waiting.add(resolve);
      const node = document.createElement("script");
      node.type = "module";
      node.crossOrigin = "anonymous";
      node.integrity = CHAT.integrity;
      if (this.config.nonce) node.nonce = this.config.nonce;
      node.src = /** @type {any} */ (trusted(new URL("widget/" + CHAT.file, base).href));
      node.onerror = () => {
        node.remove();
        reject(new Error(`no ${CHAT.file}`));
      };
      document.head.append(node);
    }));
    return (this.chat ??= mount(this));
  }

  /** @param {boolean} [focus] false when nobody pressed anything: the page keeps its focus */
  async show(focus = true) {
    this.isOpen = true;
    this.button?.setAttribute("aria-busy", "true");
    try {
      const chat = await this.load();
      if (!this.isOpen) return;
      chat.open(focus);
      this.label();
      this.emit("open");
    } catch (error) {
      this.isOpen = false;
      if (this.t) this.button?.setAttribute("aria-label", this.t("failed"));
      this.emit("error", { code: "load", message: String(error) });
    } finally {
      this.button?.removeAttribute("aria-busy");
    }
  }

  hide() {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.chat?.close();
    this.label();
    this.emit("close");
  }

  stop() {
    this.chat?.stop();
    this.remove();
  }
}

/** @param {string} url @returns {string} as a page with Trusted Types wants it */
function trusted(url) {
  try {
    return /** @type {any} */ (window).trustedTypes?.createPolicy("shopbell", { createScriptURL: (/** @type {string} */ u) => u }).createScriptURL(url) ?? url;
  } catch {
    return url;
  }
}

/** @type {Map<string, Set<(detail: any) => void>>} */
const listeners = new Map();
/** @type {ShopbellChat | null} */
let host = null;

/**
 * @param {string} name
 * @param {any} [detail]
 */
function emit(name, detail = {}) {
  host?.dispatchEvent(new CustomEvent(`shopbell:${name}`, { detail, bubbles: true, composed: true }));
  for (const fn of [...(listeners.get(name) || [])]) {
    try {
      fn(detail);
    } catch (error) {
      // The page's own mistake: told, and not ours to fail on.
      reportError(error);
    }
  }
}

/** @param {any} [options] */
function boot(options = {}) {
  host?.stop();
  const config = configOf(options, { ...configOf(script?.dataset || {}, { server: base }), nonce: script?.nonce || script?.dataset.nonce || "" });
  if (!config.site) return console.warn("Shopbell: expected a site, got none");
  const el = (host = /** @type {ShopbellChat} */ (document.createElement(TAG)));
  el.emit = emit;
  el.start(config);
  document.body.append(el);
  el.paint();
  const { live, visited, open } = el.session();
  // A sheet over the whole phone that nobody asked for drives people away: there, only a press opens it.
  const small = matchMedia("(max-width: 520px)").matches;
  if (config.open === "true" || (!small && (open || (config.open === "first" && !visited)))) el.show(false);
  else if (live || config.identity) (window.requestIdleCallback || setTimeout)(() => host === el && el.load().catch(() => {}));
  emit("ready");
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
    host.load().then((chat) => chat.identify(identity), () => {});
  },
  logout() {
    if (!host) return;
    host.config = { ...host.config, identity: null };
    host.load().then((chat) => chat.logout(), () => {});
  },
  show: () => host?.show(),
  hide: () => host?.hide(),
  toggle: () => (host?.isOpen ? host.hide() : host?.show()),
  prefill(text) {
    host?.show();
    host?.load().then((chat) => chat.prefill(String(text)), () => {});
  },
  send(text) {
    host?.load().then((chat) => chat.send(String(text)), () => {});
  },
  on(name, fn) {
    if (typeof fn !== "function") return;
    if (!listeners.has(name)) listeners.set(name, new Set());
    listeners.get(name)?.add(fn);
  },
  off(name, fn) {
    if (fn) listeners.get(name)?.delete(fn);
    else listeners.delete(name);
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
  else console.warn(`Shopbell: expected one of ${Object.keys(commands).join(", ")}, got ${command}`);
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
