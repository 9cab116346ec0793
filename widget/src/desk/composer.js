// The message field: replies and notes, canned replies behind `/`, colleagues behind `@`, and suggestions that stay the person's own.
// Must not send anything by itself: what is sent goes through `desk.submit`.

import { h } from "../dom.js";
import { setText } from "./keyed.js";

/** Choices shown at once: what fits above the field on a phone. */
const SHOWN = 6;

/**
 * A canned reply with its values put in: `{{customer}}`, or `{{customer or there}}` where it is not known.
 * @param {string} text
 * @param {Record<string, string>} values
 */
export function filled(text, values) {
  const out = text.replace(/\{\{\s*(\w+)(?: or ([^{}]+?))?\s*\}\}/g, (_, name, other) => values[name] || (other || "").trim());
  return out.replace(/ +([,.!?])/g, "$1").replace(/ {2,}/g, " ");
}

export class Composer {
  /** @param {{submit: (text: string, noting: boolean) => void, typing: () => void, suggest: () => void, attach: (file: File) => void, canned: () => any[], people: () => any[], values: () => Record<string, string>, changed: () => void}} desk */
  constructor(desk) {
    this.desk = desk;
    this.noting = false;
    this.typed_ms = 0;
    /** @type {{insert: string, from: number, name: string, about: string}[]} */
    this.choices = [];
    this.chosen = 0;
    this.empty = "";
    this.sign = "";
    this.text = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "words", rows: 2, maxlength: 4000, "aria-label": "Message", "aria-controls": "choices", "aria-autocomplete": "list",
      onkeydown: (/** @type {KeyboardEvent} */ e) => this.key(e), oninput: () => this.look(), onblur: () => this.close() }));
    this.list = h("div", { id: "choices", class: "choices", role: "listbox", "aria-label": "Suggestions", hidden: true });
    this.hint = h("p", { class: "hint", role: "status" });
    this.sender = h("button", { type: "button", class: "primary", onclick: () => this.send() }, "Send");
    this.noter = h("button", { type: "button", "aria-pressed": "false", title: "Write a note that only colleagues see (n)", onclick: () => this.note(!this.noting) }, "Note");
    this.canner = h("button", { type: "button", title: "Canned replies: type / and a name", onclick: () => this.offer() }, "Canned");
    this.suggester = h("button", { type: "button", title: "What the agent would answer (g)", onclick: () => desk.suggest() }, "Suggest");
    const pick = /** @type {HTMLInputElement} */ (h("input", { type: "file", hidden: true, accept: "image/jpeg,image/png,image/webp,image/gif,application/pdf", onchange: () => {
      const file = pick.files?.[0];
      pick.value = "";
      if (file) desk.attach(file);
    } }));
    this.attacher = h("button", { type: "button", title: "Send a photo or PDF with what is written", onclick: () => pick.click() }, "Attach");
    this.node = h("footer", {}, this.hint, h("div", { class: "field" }, this.list, this.text), h("div", { class: "buttons" }, this.canner, this.suggester, this.attacher, pick, h("span", { class: "gap" }), this.noter, this.sender));
  }

  /** @param {boolean} on */
  note(on) {
    this.noting = on;
    this.text.focus();
    this.look();
    this.desk.changed();
  }

  /** Another conversation, with what was being written there. @param {string} text */
  begin(text) {
    this.text.value = text;
    this.noting = false;
    this.close();
  }

  send() {
    const text = this.text.value.trim();
    if (!text || this.sender.hasAttribute("disabled")) return;
    this.desk.submit(text, this.noting);
    this.text.value = "";
    this.noting = false;
    this.close();
    this.desk.changed();
  }

  /** A `/` to begin with, as if it was typed. */
  offer() {
    this.noting = false;
    if (!this.text.value.startsWith("/")) this.text.value = `/${this.text.value}`;
    this.text.focus();
    this.text.setSelectionRange(1, 1);
    this.look();
    this.desk.changed();
  }

  /**
   * Words that the person may change and send.
   * @param {string} text
   */
  propose(text) {
    const own = this.text.value.trim();
    this.text.value = own && own !== text ? `${own}\n\n${text}` : text;
    this.text.focus();
    this.text.dispatchEvent(new Event("input"));
  }

  /** What could be meant by what stands before the caret. */
  look() {
    const at = this.text.selectionStart || 0;
    const before = this.text.value.slice(0, at);
    const canned = /^\/([\w-]*)$/.exec(before);
    const named = this.noting ? /(?:^|\s)@([\p{L}\w.-]*)$/u.exec(before) : null;
    if (canned && !this.noting) {
      const values = this.desk.values();
      this.choices = this.desk.canned().filter((c) => c.name.startsWith(canned[1].toLowerCase()) || (canned[1].length > 2 && c.text.toLowerCase().includes(canned[1].toLowerCase())))
        .map((c) => ({ insert: filled(c.text, values), from: 0, name: `/${c.name}`, about: filled(c.text, values) }));
    } else if (named) {
      this.choices = this.desk.people().filter((p) => p.name.toLowerCase().startsWith(named[1].toLowerCase()))
        .map((p) => ({ insert: `@${p.name} `, from: at - named[1].length - 1, name: p.name, about: "at the desk" }));
    } else this.choices = [];
    this.choices = this.choices.slice(0, SHOWN);
    this.chosen = 0;
    this.empty = canned && !this.noting && !this.choices.length ? "No canned reply begins like that." : named?.[1] && !this.choices.length ? "Nobody at the desk is called that; whoever has an account can be named all the same." : "";
    this.draw();
  }

  draw() {
    this.list.hidden = !this.choices.length;
    this.list.replaceChildren(...this.choices.map((choice, n) => h("div", { id: `choice-${n}`, role: "option", "aria-selected": String(n === this.chosen), onmousedown: (/** @type {Event} */ e) => {
      e.preventDefault();
      this.take(n);
    } }, h("b", {}, choice.name), " ", h("span", {}, choice.about))));
    if (this.choices.length) this.text.setAttribute("aria-activedescendant", `choice-${this.chosen}`);
    else this.text.removeAttribute("aria-activedescendant");
  }

  close() {
    this.choices = [];
    this.empty = "";
    this.draw();
  }

  /** @param {number} n */
  take(n) {
    const { insert, from } = this.choices[n];
    const at = this.text.selectionStart || 0;
    this.text.setRangeText(insert, from, at, "end");
    this.close();
    this.text.focus();
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    if (e.isComposing) return;
    if (this.choices.length) {
      const step = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0;
      if (step || e.key === "Enter" || e.key === "Tab" || e.key === "Escape") {
        e.preventDefault();
        e.stopPropagation();
        if (step) {
          this.chosen = (this.chosen + step + this.choices.length) % this.choices.length;
          this.draw();
        } else if (e.key === "Escape") this.close();
        else this.take(this.chosen);
        return;
      }
    }
    if (e.key === "Enter" && !e.shiftKey) {
      e.preventDefault();
      this.send();
    } else if (!this.noting && e.key.length === 1 && Date.now() - this.typed_ms > 3_000) {
      this.typed_ms = Date.now();
      this.desk.typing();
    }
  }

  /**
   * @param {{open: boolean, mine: boolean, typing: boolean, canned: boolean, thinking: boolean}} view
   */
  show(view) {
    const sign = JSON.stringify([view.open, view.mine, view.canned, view.thinking, this.noting]);
    if (this.sign !== sign) this.turn(view);
    this.sign = sign;
    const hint = this.empty || (view.typing ? "The customer is writing…" : "");
    setText(this.hint, hint);
  }

  /** @param {{open: boolean, mine: boolean, canned: boolean, thinking: boolean}} view */
  turn(view) {
    const can = view.mine || this.noting;
    this.text.disabled = !view.open;
    this.text.placeholder = this.noting ? "Only colleagues see this; @ names one" : view.mine ? "Write to the customer; / for canned replies" : "Take over to write to the customer; notes are always possible";
    this.sender.toggleAttribute("disabled", !can || !view.open);
    this.sender.textContent = this.noting ? "Save note" : "Send";
    this.noter.setAttribute("aria-pressed", String(this.noting));
    this.canner.hidden = !view.canned || !view.mine || this.noting;
    this.attacher.hidden = !view.mine || this.noting;
    this.suggester.toggleAttribute("disabled", view.thinking);
    this.suggester.textContent = view.thinking ? "Thinking…" : "Suggest";
  }
}
