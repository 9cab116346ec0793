// A readable shade of an accent on a paper.
// Must not touch the page.

import { luminance } from "../shared.js";

/** @typedef {import("../color.js").Rgb} Rgb */

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
