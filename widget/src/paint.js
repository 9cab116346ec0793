// What a host element shows of a theme's colours: light or dark, the accent, and what can be read on it.
// Must change nothing but the element.

import { inkOn } from "./color.js";
import { parseColor } from "./shared.js";

/**
 * @param {any} host gets `dark` and `accent`, the colour that is really used
 * @param {Record<string, any>} theme of the site
 * @param {string} scheme `light`, `dark`, or whatever it is
 * @param {boolean} night what it is now
 * @param {string} [wanted] an accent that comes before the theme's
 * @param {string} [kept] an accent where there is no other
 */
export function paint(host, theme, scheme, night, wanted, kept = "") {
  host.dark = scheme === "dark" || (scheme !== "light" && night);
  host.toggleAttribute("dark", host.dark);
  const accent = wanted || (host.dark && theme.accent_dark) || theme.accent || kept;
  const known = parseColor(accent);
  host.style.setProperty("--sb-accent", known ? accent : "");
  // The page's own property wins.
  host.accent = parseColor(getComputedStyle(host).getPropertyValue("--shopbell-accent")) || known || [31, 77, 67];
  host.style.setProperty("--sb-on-accent", theme.accent_text || inkOn(host.accent));
}
