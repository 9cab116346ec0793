// Colour arithmetic: which ink can be read on an accent, and a readable shade of an accent on paper.
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
function luminance(c) {
  const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/**
 * The WCAG contrast ratio, 1 to 21.
 * @param {Rgb} a
 * @param {Rgb} b
 */
export function contrast(a, b) {
  const [x, y] = [luminance(a) + 0.05, luminance(b) + 0.05];
  return x > y ? x / y : y / x;
}

/**
 * White or near-black, whichever reads better on `c`.
 * @param {Rgb} c
 */
export function inkOn(c) {
  return contrast(c, [255, 255, 255]) >= contrast(c, [27, 23, 18]) ? "#ffffff" : "#1b1712";
}

/**
 * `c`, moved toward black or white until it has 5.4:1 on `paper` (WCAG AA asks 4.5 for text; tinted papers take some).
 * @param {Rgb} c
 * @param {Rgb} paper
 */
export function readable(c, paper) {
  const target = luminance(paper) > 0.4 ? 0 : 255;
  let shade = c;
  for (let i = 1; i <= 20 && contrast(shade, paper) < 5.4; i++) {
    shade = /** @type {Rgb} */ (c.map((v) => Math.round(v + ((target - v) * i) / 20)));
  }
  return "#" + shade.map((v) => v.toString(16).padStart(2, "0")).join("");
}
