// Colour arithmetic: which ink can be read on an accent.
// Must not touch the page: `#rgb`, `#rrggbb` and `rgb(…)` in, `#rrggbb` out.

/** @typedef {[number, number, number]} Rgb 0 to 255 each */

/**
 * @param {string} text
 * @returns {Rgb | null} null when it is no colour of these forms
 */
export function parseColor(text) {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text.trim());
  if (hex) {
    const digits = hex[1].length === 3 ? hex[1].replace(/./g, "$&$&") : hex[1];
    return /** @type {Rgb} */ ([0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16)));
  }
  const rgb = /^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)/.exec(text.trim());
  return rgb ? [+rgb[1], +rgb[2], +rgb[3]] : null;
}

/** @param {Rgb} c */
export function luminance(c) {
  const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/**
 * White or near-black, whichever reads better on `c`.
 * @param {Rgb} c
 */
export function inkOn(c) {
  // 0.198: where #fff and #1b1712 (luminance 0.0087) have the same WCAG contrast: (L + 0.05)² = 1.05 · 0.0587.
  return luminance(c) < 0.198 ? "#fff" : "#1b1712";
}
