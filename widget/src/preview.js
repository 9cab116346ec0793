// The chat as a shop's customers would see it, drawn by the chat's own code into a box of the settings page.
// Must talk to no server and keep nothing: what it shows is made up here, but for the shop's look.

import { contrast } from "./view/shade.js";
import { direction, BELL, DOWN, h, icon, parseColor, translator } from "./shared.js";
import { Link } from "./link.js";
import { chat as de } from "./locales/de.js";
import { chat as en } from "./locales/en.js";
import { launcher as launcherDe } from "./locales/de.js";
import { launcher as launcherEn } from "./locales/en.js";
import { paint } from "./paint.js";
import { plural } from "./plural.js";
import { launcherCss } from "./style.js";
import { LAUNCHERS } from "./view/icons.js";
import { Panel } from "./view/panel.js";

const TAG = "shopbell-preview";
/** In its box instead of over the page. */
const boxCss = `
:host { position: absolute; inset: 0; width: auto; height: auto; z-index: 0 }
.panel, :host([side=left]) .panel { position: absolute; inset: auto 14px 84px auto; width: min(380px, 100% - 28px); height: calc(100% - 98px); border-radius: var(--shopbell-radius, var(--sb-radius, 20px)); box-shadow: var(--shadow); padding: 0 }
:host([side=left]) .panel { inset: auto auto 84px 14px }
.launcher, .launcher[aria-expanded=true], :host([side=left]) .launcher { position: absolute; inset: auto 14px 14px auto; visibility: visible }
:host([side=left]) .launcher { inset: auto auto 14px 14px }
`;
const WORDS = {
  en: { ask: "Where is my order?", step: "Looking up your order", reply: "It is on its way:\n\n- Left our warehouse this morning\n- Should be with you **tomorrow**\n\nYou can return anything that does not fit within 30 days [1].", source: "Returns", quote: "within 30 days" },
  de: { ask: "Wo ist meine Bestellung?", step: "Ihre Bestellung wird nachgesehen", reply: "Sie ist unterwegs:\n\n- Heute früh aus unserem Lager abgegangen\n- Kommt voraussichtlich **morgen** an\n\nWas nicht passt, können Sie innerhalb von 30 Tagen zurückgeben [1].", source: "Rückgabe", quote: "innerhalb von 30 Tagen" },
};

/** What the loader's element is to the chat. */
class PreviewHost extends HTMLElement {
  root = this.attachShadow({ mode: "open" });
  panel = h("section", { class: "panel", hidden: true });
  button = h("button", { class: "launcher", type: "button", tabindex: -1 });
  isOpen = true;
  dark = false;
  /** @type {any} */
  accent = [31, 77, 67];

  /** @param {string} css */
  adopt(css) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.root.adoptedStyleSheets = [...this.root.adoptedStyleSheets, sheet];
  }

  hide() {}
}

export class Preview {
  /** @param {HTMLElement} stage @param {{name: string, greetings: Record<string, string>, reasoning: string}} shop */
  constructor(stage, shop) {
    customElements.get(TAG) || customElements.define(TAG, PreviewHost);
    this.shop = shop;
    this.host = /** @type {PreviewHost} */ (document.createElement(TAG));
    // Only to be looked at: neither the keyboard nor a screen reader goes in.
    this.host.inert = true;
    stage.replaceChildren(this.host);
    this.host.adopt(launcherCss);
    this.host.root.append(this.host.panel, this.host.button);
  }

  /** The chat's own colours, for what a theme leaves out. */
  defaults() {
    const { host } = this;
    host.removeAttribute("style");
    const read = (/** @type {string} */ name) => getComputedStyle(host).getPropertyValue(name).trim();
    host.removeAttribute("dark");
    const light = { accent: read("--accent"), accent_text: read("--on-accent"), background: read("--paper"), text: read("--ink") };
    host.setAttribute("dark", "");
    const dark = { accent_dark: read("--accent"), background_dark: read("--paper"), text_dark: read("--ink") };
    host.toggleAttribute("dark", host.dark);
    return { ...light, ...dark };
  }

  /**
   * @param {Record<string, any>} theme as the server would send it
   * @param {{language: string, night: boolean, scene: "start" | "talk" | "closed"}} view
   */
  show(theme, view) {
    const { host } = this;
    const short = /** @type {"de" | "en"} */ (view.language.toLowerCase().startsWith("de") ? "de" : "en");
    const sign = JSON.stringify([short, direction(view.language), view.scene, theme.chips, theme.title, view.language]);
    host.setAttribute("side", theme.position || "right");
    const scheme = theme.dark || "auto";
    if (sign !== this.sign) this.#draw(theme, view, short);
    this.sign = sign;
    paint(host, theme, scheme, view.night);
    const open = view.scene !== "closed";
    host.panel.hidden = !open;
    host.button.setAttribute("aria-expanded", String(open));
    host.button.replaceChildren(icon(open ? DOWN : LAUNCHERS[theme.launcher] || BELL));
    host.button.setAttribute("aria-label", translator(short, { en: launcherEn, de: launcherDe })("open"));
    this.panel?.theme(theme);
    this.panel?.paint();
  }

  /** @param {Record<string, any>} theme @param {any} view @param {"de" | "en"} short */
  #draw(theme, view, short) {
    const link = new Link();
    link.site = { name: this.shop.name, greeting: this.shop.greetings[view.language] || Object.values(this.shop.greetings)[0] || "", theme };
    if (view.scene === "talk") this.#talk(link, WORDS[short]);
    this.panel?.stop();
    const base = this.host.root.adoptedStyleSheets[0];
    this.host.root.adoptedStyleSheets = [base];
    const nothing = () => {};
    const app = {
      host: this.host, link, line: { name: "open" }, notice: "", t: plural(translator(short, { en, de })), dir: direction(view.language), locale: view.language, seen: 0, newsFrom: Infinity, more: null,
      store: { text: "", save: nothing, session: () => ({}) }, panel: { tell: nothing }, start: nothing, look: nothing, say: () => false, human: nothing, rate: nothing, retry: nothing, typing: nothing, stopTurn: nothing,
    };
    this.panel = new Panel(/** @type {any} */ (app));
    this.host.adopt(boxCss); // behind the chat's own, so that it wins
    this.panel.show(false);
    this.host.panel.classList.remove("opening");
    if (view.scene === "start") {
      // A low window: the greeting counts, not the last of the offers.
      const { panel } = this;
      requestAnimationFrame(() => requestAnimationFrame(() => {
        panel.atEnd = false;
        if (panel.log) panel.log.scrollTop = 0;
      }));
    }
  }

  /** @param {Link} link @param {{ask: string, step: string, reply: string, source: string, quote: string}} words */
  #talk(link, words) {
    const now = Date.now();
    const event = (/** @type {number} */ seq, /** @type {any} */ more) => ({ seq, id: `e${seq}`, at_ms: now, role: "agent", body: {}, turn: "t", ...more });
    if (this.shop.reasoning !== "off") link.receive({ t: "step", turn: "t", id: "s", label: words.step, state: "done" });
    link.receive({ t: "events", upto: 4, events: [
      event(1, { kind: "message", role: "customer", body: { text: words.ask }, turn: undefined }),
      event(2, { kind: "turn.started" }),
      event(3, { kind: "message", body: { text: words.reply, citations: [{ n: 1, title: words.source, quote: words.quote, document: "help" }] } }),
      event(4, { kind: "turn.ended", body: { reason: "done" } }),
    ] });
  }

  /**
   * Pairs of colours that are hard to read on each other, each with its contrast; WCAG asks for 4.5.
   * @param {Record<string, any>} theme
   */
  faint(theme) {
    const own = { ...this.defaults(), ...Object.fromEntries(Object.entries(theme).filter(([, value]) => parseColor(String(value || "")))) };
    const found = [];
    for (const [name, text, paper] of [["Text on your colour", "accent_text", "accent"], ["Text", "text", "background"], ["Text, dark", "text_dark", "background_dark"]]) {
      if (text === "accent_text" && !theme.accent_text) continue; // chosen by contrast
      const [a, b] = [parseColor(own[text] || ""), parseColor(own[paper] || "")];
      const ratio = a && b ? contrast(a, b) : 21;
      if (ratio < 4.5) found.push(`${name} is hard to read: ${ratio.toFixed(1)} to 1, where 4.5 is the least.`);
    }
    return found;
  }
}
