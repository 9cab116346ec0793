// Keeps a container's children in step with a list, making anew only what changed.
// Must not know what the children are.

/**
 * @template T
 * @param {HTMLElement} box
 * @param {T[]} list
 * @param {(item: T) => string} key
 * @param {(item: T) => string} sign what the node was made from: another sign, another node
 * @param {(item: T) => HTMLElement} make
 */
export function keyed(box, list, key, sign, make) {
  /** @type {Map<string, any>} */
  const known = /** @type {any} */ (box).__nodes || new Map();
  /** @type {Map<string, any>} */
  const next = new Map();
  let at = box.firstElementChild;
  for (const item of list) {
    const id = key(item);
    const signed = sign(item);
    let entry = known.get(id);
    if (!entry || entry.signed !== signed) {
      const node = make(item);
      if (entry) {
        if (at === entry.node) at = node;
        entry.node.replaceWith(node);
      }
      entry = { node, signed };
    }
    next.set(id, entry);
    if (entry.node === at) at = at.nextElementSibling;
    else box.insertBefore(entry.node, at);
  }
  for (const [id, entry] of known) if (!next.has(id)) entry.node.remove();
  /** @type {any} */ (box).__nodes = next;
}
