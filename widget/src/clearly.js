// Text from outside as nodes: every character that cannot be seen is named, and stands out.
// Must not change a character that can be seen.

import { plain } from "./plain.js";
import { h } from "./shared.js";

/**
 * @param {string} text
 * @param {string} [title] what is said where a pointer rests on such a character
 * @returns {(string | HTMLElement)[]}
 */
export const clearly = (text, title = "A character that cannot be seen") =>
  plain(text).split(/(⟨U\+[0-9A-F]{4,6}⟩)/).filter(Boolean).map((part) => (/^⟨U\+/.test(part) ? h("mark", { title }, part) : part));
