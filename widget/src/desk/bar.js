// The foot of the list: who is at the desk, and one's own menu: notifications, sound, signing out.
// Must not sign anybody out by itself: the page's form does, with its token.

import { h } from "../dom.js";

const KEY = "shopbell-desk";

/** What this browser was told to do when somebody waits; kept in the browser, for it is the browser's. */
export class Alerts {
  constructor() {
    try {
      this.set = JSON.parse(localStorage.getItem(KEY) || "{}");
    } catch {
      this.set = {};
    }
  }

  /**
   * @param {string} name
   * @param {boolean} on
   */
  async turn(name, on) {
    if (name === "notify" && on && globalThis.Notification?.permission === "default") await Notification.requestPermission();
    this.set[name] = on && (name !== "notify" || globalThis.Notification?.permission === "granted");
    localStorage.setItem(KEY, JSON.stringify(this.set));
    if (name === "sound" && on) this.ring();
  }

  /** Two short tones, as of a counter bell. */
  ring() {
    if (!this.set.sound) return;
    this.audio ||= new AudioContext();
    const now = this.audio.currentTime;
    for (const [at, pitch] of [[0, 1318], [0.14, 1760]]) {
      const tone = this.audio.createOscillator();
      const loud = this.audio.createGain();
      tone.frequency.value = pitch;
      loud.gain.setValueAtTime(0.12, now + at);
      loud.gain.exponentialRampToValueAtTime(0.001, now + at + 0.5);
      tone.connect(loud).connect(this.audio.destination);
      tone.start(now + at);
      tone.stop(now + at + 0.5);
    }
  }

  /**
   * @param {string} title
   * @param {string} body
   * @param {string} tag
   * @param {() => void} open
   */
  tell(title, body, tag, open) {
    this.ring();
    if (!this.set.notify || !document.hidden || globalThis.Notification?.permission !== "granted") return;
    const note = new Notification(title, { body, tag });
    note.onclick = () => {
      focus();
      open();
    };
  }
}

/** @param {string} name */
const initials = (name) => name.split(/\s+/).map((word) => word[0]).join("").slice(0, 2).toUpperCase();

/**
 * @param {HTMLElement} bar
 * @param {{me: Record<string, any>, people: Record<string, any>[], alerts: Alerts, help: () => void}} view
 */
export function drawBar(bar, view) {
  const sign = JSON.stringify([view.me, view.people]);
  if (bar.dataset.sign === sign) return;
  bar.dataset.sign = sign;
  const { alerts } = view;
  const box = (/** @type {string} */ name, /** @type {string} */ text) => {
    const input = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", onchange: async () => {
      await alerts.turn(name, input.checked);
      input.checked = !!alerts.set[name];
    } }));
    input.checked = !!alerts.set[name];
    return h("label", {}, input, " ", text);
  };
  const links = [...document.querySelectorAll("template.desk-link")].map((t) => h("a", { href: t.getAttribute("data-href") }, t.getAttribute("data-name")));
  const menu = h("details", { class: "menu up", name: "menu" },
    h("summary", {}, view.me.name || "…"),
    h("div", {}, h("p", { class: "quiet" }, view.me.email || "", view.me.role === "admin" ? " · admin" : ""), box("notify", "Desktop notifications"), box("sound", "Sound"), ...links,
      h("button", { type: "button", onclick: view.help }, "Keyboard"), h("button", { form: "logout" }, "Sign out"), h("button", { form: "logout", name: "everywhere", value: "1" }, "Sign out everywhere")));
  const others = view.people.filter((p) => !p.me);
  bar.replaceChildren(
    h("ul", { class: "people", "aria-label": "Colleagues at the desk" }, others.slice(0, 6).map((p) => h("li", { title: p.name }, h("span", { "aria-hidden": "true" }, initials(p.name)), h("span", { class: "hidden-text" }, p.name)))),
    h("p", { class: "quiet" }, others.length ? (others.length > 6 ? `and ${others.length - 6} more` : "") : "Nobody else is here"),
    menu);
}
