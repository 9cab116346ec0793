// What loader and chat both need. In the built chat this module is taken from the loader's element (build.mjs), not repeated.
// Must hold nothing that only one of them uses.

export { luminance, parseColor } from "./color.js";
export { BELL, DOWN, h, icon } from "./dom.js";
export { direction, translator } from "./i18n.js";
