// What a host element shows of a theme's colours: light or dark, the accent, and what can be read on it.
// Must change nothing but the element.

import { inkOn } from "./color.js";
import { parseColor } from "./shared.js";

/**
 * @param {any} host gets `dark` and `accent`, the colour that is really used
 * @param {Record<string, any>} theme of the site
 * @param {string} scheme `auto`, `light` or `dark`
 * @param {boolean} night what `auto` means now
 * @param {(dark: boolean) => string} accentOf the accent that is asked for
 */
export function paint(host, theme, scheme, night, accentOf) {
  host.dark = scheme === "dark" || (scheme === "auto" && night);
  host.toggleAttribute("dark", host.dark);
  const accent = accentOf(host.dark);
  const known = parseColor(accent);
  host.style.setProperty("--sb-accent", known ? accent : "");
  // The page's own property wins.
  host.accent = parseColor(getComputedStyle(host).getPropertyValue("--shopbell-accent")) || known || [31, 77, 67];
  host.style.setProperty("--sb-on-accent", theme.accent_text || inkOn(host.accent));
}
