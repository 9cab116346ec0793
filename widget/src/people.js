// The people at the desk: face and name in the header, at their words and while they type; who comes and goes. Part of the cards.
// Must not show a picture from anywhere but this server, nor anything of who is not there any more.

import { h } from "./shared.js";

/** @typedef {(key: string, values?: Record<string, any>) => string} Words */

// The desk renews its notice every 3 s while somebody types; one may be lost.
const TYPING_MS = 6_000;

/**
 * "Mara Lindner" is ML, "Mara" is M.
 * @param {string} name
 */
export function initials(name) {
  const words = name.trim().split(/\s+/);
  return [words[0], ...words.slice(1).slice(-1)].map((word) => [...word][0] || "").join("").toUpperCase();
}

/**
 * A picture, on top of the initials that stand there until it has come, and when it does not.
 * @param {string} name
 * @param {string} [picture] a path on the server
 * @returns {HTMLElement}
 */
export function face(name, picture) {
  // The initials are no text: a screen reader would spell them before each name.
  const node = h("span", { class: "face", "aria-hidden": "true", "data-initials": initials(name) });
  if (/^\/picture\/[\w-]+$/.test(picture || "")) {
    const image = /** @type {HTMLElement} */ (h("img", { alt: "", referrerpolicy: "no-referrer", onerror: () => image.remove(), src: new URL(`..${picture}`, import.meta.url).href }));
    node.append(image);
  }
  return node;
}

/**
 * What a line of the log says.
 * @param {Record<string, any>} item of type `note`, or the question how it was
 * @param {Words} t
 */
export function words(item, t) {
  if (item.type === "rating") return t("rate");
  const left = item.left ? t("left", { name: item.left }) + " " : "";
  return left + t(item.what, { name: item.name || t("person") });
}

/**
 * Somebody came or left, or a mail went out: a line between the messages.
 * @param {HTMLElement} node
 * @param {Record<string, any>} item
 * @param {any} app
 * @param {Words} t
 */
export function note(node, item, app, t) {
  const mail = item.mail && h("button", { class: "link", type: "button", onclick: () => app.transcript() }, t("send_me"));
  node.replaceChildren(item.what === "mode_staff" ? face(item.name || t("person"), item.picture) : "", h("span", {}, words(item, t)), mail || "");
}

/** Keeps header, typing line and faces as they are now. */
export class People {
  /** @param {any} app @param {Words} t */
  constructor(app, t) {
    this.app = app;
    this.t = t;
    this.shown = "";
  }

  update() {
    const { link, panel } = this.app;
    const { mode, name = link.staff.name, picture = link.staff.picture } = link.mode;
    if (!panel.logo) return;
    const here = mode === "staff";
    this.#header(here, name || this.t("person"), picture);
    this.#typing(here);
  }

  /** @param {boolean} here @param {string} name @param {string} picture */
  #header(here, name, picture) {
    const { logo } = this.app.panel;
    const shown = here ? `${name} ${picture}` : "";
    if (shown === this.shown && logo === this.logo) return;
    Object.assign(this, { shown, logo });
    logo.hidden = here;
    this.face?.remove();
    if (here) logo.before((this.face = face(name, picture)));
  }

  /** @param {boolean} here */
  #typing(here) {
    const { link, panel } = this.app;
    const { staff } = link;
    // Each notice is a new object: its time begins when it is seen first.
    if (staff !== this.heard) {
      this.heard = staff;
      this.until_ms = Date.now() + TYPING_MS;
      clearTimeout(this.timer);
      if (staff.typing) this.timer = setTimeout(() => panel.update(), TYPING_MS);
    }
    const name = here && staff.typing && Date.now() < (this.until_ms || 0) ? staff.name || this.t("person") : "";
    if (name === this.typist && panel.typing === this.line) return;
    Object.assign(this, { typist: name, line: panel.typing });
    panel.typing.replaceChildren(...(name ? [face(name, staff.picture || link.mode.picture), h("span", {}, this.t("typing", { name })), h("span", { class: "dots3", "aria-hidden": "true" }, h("i"), h("i"), h("i"))] : []));
  }
}
