// Tells screen readers what is new, a sentence at a time instead of a token at a time.
// Must not announce history: the caller says what is news.

import { h } from "../shared.js";

/**
 * The end of the last complete sentence.
 * @param {string} text
 * @returns {number} 0 when there is none
 */
export function sentenceEnd(text) {
  let end = 0;
  // 24: not after "Dr." or "1."; a very short sentence waits for the next.
  for (const m of text.matchAll(/[.!?…。！？]["'”’)\]]*(?=\s)|\n+/g)) if (m.index + m[0].length - end >= 24) end = m.index + m[0].length;
  return end;
}

/** @param {string} text markdown @returns {string} without its marks */
export function spoken(text) {
  return text.replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/\[\d{1,2}\]/g, "").replace(/[*_`#>|~]+/g, "").replace(/\s+/g, " ").trim();
}

export class Announcer {
  constructor() {
    this.node = h("div", { class: "hide", "aria-live": "polite", "aria-atomic": "false", "data-announcer": true });
    /** @type {Map<string, number>} characters told so far, by item */
    this.told = new Map();
  }

  /** Nothing of it stays in the page. */
  clear() {
    this.told.clear();
    this.node.replaceChildren();
  }

  /** @param {string} text */
  say(text) {
    if (!text) return;
    this.node.append(h("div", {}, text));
    // Old lines have been read; a handful is kept for slow readers.
    while (this.node.childElementCount > 6) this.node.firstElementChild?.remove();
  }

  /**
   * @param {string} key
   * @param {string} text so far
   * @param {boolean} whole nothing follows
   */
  follow(key, text, whole) {
    const from = this.told.get(key) || 0;
    const to = whole ? text.length : from + sentenceEnd(text.slice(from));
    if (to <= from) return;
    this.told.set(key, to);
    this.say(spoken(text.slice(from, to)));
  }

  /** @param {string} key @param {string} text that needs no telling any more */
  skip(key, text) {
    this.told.set(key, text.length);
  }
}
