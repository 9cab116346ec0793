// Text from outside as nodes: every character that cannot be seen is named, and stands out.
// Must not change a character that can be seen.

import { h } from "../dom.js";
import { plain } from "./words.js";

/**
 * @param {string} text
 * @returns {(string | HTMLElement)[]}
 */
export const clearly = (text) =>
  plain(text).split(/(⟨U\+[0-9A-F]{4,6}⟩)/).filter(Boolean).map((part) => (/^⟨U\+/.test(part) ? h("mark", { title: "A character that cannot be seen" }, part) : part));
