// Where the customer writes: a growing text area, send or stop, a counter near the limit.
// Must not send what is still being composed (IME) nor more than the contract's 4,000 characters.

import { codePoints } from "../link.js";
import { h, icon } from "../shared.js";
import { ICONS } from "./icons.js";

const LIMIT = 4000;
// The counter shows in the last tenth.
const NEAR = 3600;

export class Composer {
  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.app = app;
    const { t } = app;
    this.area = /** @type {HTMLTextAreaElement} */ (h("textarea", {
      rows: 1, placeholder: t("placeholder"), "aria-label": t("ask"), dir: "auto", enterkeyhint: "send", autocomplete: "off", "aria-describedby": "sb-count",
      oninput: () => this.#typed(),
      onkeydown: (/** @type {KeyboardEvent} */ e) => {
        // 229: an IME's Enter in browsers that have ended the composition by then.
        if (e.key !== "Enter" || e.shiftKey || e.isComposing || e.keyCode === 229) return;
        e.preventDefault();
        this.send();
      },
    }));
    this.count = h("span", { class: "count", id: "sb-count" });
    this.button = h("button", { class: "send", type: "button", onclick: () => this.#press() });
    this.node = h("div", { class: "composer" }, h("div", { class: "field" }, this.area, this.count, this.button));
    this.area.value = app.store.text;
    this.state = "";
    this.update(true);
  }

  #typed() {
    this.app.store.text = this.area.value;
    this.app.typing();
    this.update();
  }

  /** Size, counter and button follow the words. @param {boolean} [unmeasured] the size later */
  update(unmeasured) {
    const { t, link } = this.app;
    const length = codePoints(this.area.value.trim());
    const left = LIMIT - length;
    this.count.textContent = length < NEAR ? "" : left < 0 ? t("too_long", { n: -left }) : t("characters", { n: left });
    this.count.classList.toggle("bad", left < 0);
    const state = !length && link.turn ? "stop" : !length || left < 0 ? "off" : "send";
    if (state !== this.state) {
      this.state = state;
      this.button.replaceChildren(icon(state === "stop" ? ICONS.stop : ICONS.send));
      this.button.setAttribute("aria-label", t(state === "stop" ? "stop" : "send"));
      this.button.classList.toggle("stopping", state === "stop");
      // Not `disabled`: the focus would be lost with every message.
      this.button.setAttribute("aria-disabled", String(state === "off"));
    }
    if (!unmeasured && this.area.value !== this.sized) this.grow();
  }

  grow() {
    this.sized = this.area.value;
    this.area.style.height = "auto";
    if (this.sized && this.area.scrollHeight) this.area.style.height = `${Math.min(this.area.scrollHeight, 132)}px`;
  }

  #press() {
    if (this.state === "stop") this.app.stopTurn();
    else this.send();
  }

  send() {
    if (this.state !== "send" || !this.app.say(this.area.value)) return;
    this.set("");
    this.area.focus();
  }

  /** @param {string} text */
  set(text) {
    this.area.value = text;
    this.app.store.text = text;
    this.update();
  }
}
