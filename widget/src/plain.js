// Text from outside with every character that cannot be seen named: who approves sees exactly what will run.
// Must not touch the DOM, nor change a character that can be seen.

// Control, format, separator, private and unassigned characters; a plain space and line break are none of them.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]|(?! )\p{Zs}/gu;

/**
 * Text with every character that cannot be seen named, as ⟨U+202E⟩: an approval shows exactly what will run.
 * @param {string} text
 */
export function plain(text) {
  return text.replace(HIDDEN, (ch) => (ch === "\n" ? "⏎\n" : `⟨U+${(ch.codePointAt(0) || 0).toString(16).toUpperCase().padStart(4, "0")}⟩`));
}

/**
 * What `plain` has named, as it was.
 * @param {string} text
 */
export const unplain = (text) => text.replace(/⏎\n?/g, "\n").replace(/⟨U\+([0-9A-F]{4,6})⟩/g, (_, hex) => String.fromCodePoint(parseInt(hex, 16)));
