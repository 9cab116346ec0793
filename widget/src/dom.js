// Small helpers that make DOM nodes.
// Must never parse HTML: text goes in as text nodes, attributes one by one.

/** @typedef {Node | string | number | false | null | undefined} Child */

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] `onclick`-like functions become listeners, true is an empty attribute, false/null none
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(.../** @type {any[]} */ (children.flat().filter((child) => child || child === 0)));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * A line drawing on a 24-unit grid.
 * @param {string} path the `d` of one path
 * @param {string} [name] a class for styling
 * @returns {SVGElement}
 */
export function icon(path, name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon" + (name ? " " + name : ""));
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

// Drawings made for Shopbell; stroked with currentColor.

/** A counter bell: knob, dome, brim. */
export const BELL = "M12 5.2v2.3M10.3 4.4h3.4M4.4 16.6a7.6 7.6 0 0 1 15.2 0M3 16.6h18M5.2 19.8h13.6";
export const DOWN = "M6 9.5l6 6 6-6";
