// Keeps a container's children in step with a list, making anew only what changed, and moving only what has moved.
// Must not know what the children are.

/**
 * @template T
 * @param {HTMLElement} box
 * @param {T[]} list
 * @param {(item: T) => string} key
 * @param {(item: T) => string} sign what the node was made from: another sign, another node
 * @param {(item: T) => HTMLElement} make
 * @param {(node: HTMLElement, item: T) => boolean} [mend] brings a node up to date where it stands; false: make a new one
 */
export function keyed(box, list, key, sign, make, mend) {
  /** @type {Map<string, any>} */
  const known = /** @type {any} */ (box).__nodes || new Map();
  /** @type {Map<string, any>} */
  const next = new Map();
  for (const item of list) {
    const id = key(item);
    const signed = sign(item);
    let entry = known.get(id);
    if (!entry) entry = { node: make(item), signed };
    else if (entry.signed !== signed) {
      if (mend?.(entry.node, item)) entry.signed = signed;
      else {
        const node = make(item);
        entry.node.replaceWith(node);
        entry = { node, signed };
      }
    }
    next.set(id, entry);
  }
  // What has gone goes first: else every node behind it would be moved before it.
  for (const [id, entry] of known) if (!next.has(id)) entry.node.remove();
  const focused = box.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
  let at = box.firstElementChild;
  for (const { node } of next.values()) {
    if (node === at) at = at.nextElementSibling;
    else if (at?.nextElementSibling === node) {
      // The one that stands here belongs further down: moving it moves one node, not all behind it.
      box.append(at);
      at = node.nextElementSibling;
    } else box.insertBefore(node, at);
  }
  // A node that is moved loses the focus.
  if (focused && focused !== document.activeElement && box.contains(focused)) focused.focus({ preventScroll: true });
  /** @type {any} */ (box).__nodes = next;
}

/**
 * The text of a node, touched only when it is another: layout and screen readers are not disturbed by the same words.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
