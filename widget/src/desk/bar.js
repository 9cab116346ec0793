// The foot of the list: who is at the desk, and one's own menu: notifications, sound, signing out.
// Must not sign anybody out by itself: the page's form does, with its token.

import { h } from "../dom.js";
import { keyed, setText } from "./keyed.js";
import { Menu } from "./menu.js";

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

/** Colleagues shown by their picture or initials; how many more there are stands beside. */
const FACES = 6;

export class Bar {
  /**
   * @param {HTMLElement} node
   * @param {{alerts: Alerts, help: () => void}} desk
   */
  constructor(node, desk) {
    this.desk = desk;
    this.people = h("ul", { class: "people", "aria-label": "Colleagues at the desk" });
    this.more = h("p", { class: "quiet" });
    this.menu = new Menu("…", { up: true, title: "Your account" });
    node.append(this.people, this.more, this.menu.node);
  }

  /** @param {{me: Record<string, any>, people: Record<string, any>[]}} view */
  draw({ me, people }) {
    const others = people.filter((p) => !p.me);
    keyed(this.people, others.slice(0, FACES), (p) => p.id, (p) => `${p.name}|${p.picture}`, (p) =>
      h("li", { title: p.name }, h("span", { "aria-hidden": "true" }, p.picture ? h("img", { src: p.picture, alt: "" }) : initials(p.name)), h("span", { class: "hidden-text" }, p.name)));
    setText(this.more, others.length ? (others.length > FACES ? `and ${others.length - FACES} more` : "") : "Nobody else is here");
    setText(this.menu.summary, me.name || "…");
    const links = [...document.querySelectorAll("template.desk-link")];
    this.menu.fill(JSON.stringify([me.email, me.role, links.length]), () => [
      { text: `${me.email || ""}${me.role === "admin" ? " · admin" : ""}` },
      { text: "", node: this.box("notify", "Desktop notifications") },
      { text: "", node: this.box("sound", "Sound") },
      ...links.map((t) => ({ text: "", node: h("a", { href: t.getAttribute("data-href") }, t.getAttribute("data-name")) })),
      { text: "Keyboard (?)", act: this.desk.help },
      { text: "", node: h("button", { form: "logout" }, "Sign out") },
      { text: "", node: h("button", { form: "logout", name: "everywhere", value: "1" }, "Sign out everywhere") },
    ]);
  }

  /** @param {string} name @param {string} text */
  box(name, text) {
    const { alerts } = this.desk;
    const input = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", onchange: async () => {
      await alerts.turn(name, input.checked);
      input.checked = !!alerts.set[name];
    } }));
    input.checked = !!alerts.set[name];
    return h("label", {}, input, " ", text);
  }
}
