// When what is drawn: parts of the page are marked, and drawn in the browser's next frames, as many as fit into each.
// Must not know what the parts are.

/** Of 16 ms that a frame has; what the browser does with it (styles, layout, painting) takes about as long again. */
const BUDGET_MS = 5;

export class Frames {
  /** @param {Record<string, () => void>} parts how each part is drawn, out of the newest state */
  constructor(parts) {
    this.parts = parts;
    /** @type {Set<string>} in the order in which they were marked */
    this.marked = new Set();
    this.due = false;
  }

  /** All parts: the page was not drawn for a while, or somebody else is here. */
  all() {
    this.mark(...Object.keys(this.parts));
  }

  /** @param {...string} names parts that do not show the newest state any more */
  mark(...names) {
    for (const name of names) this.marked.add(name);
    if (this.due || !this.marked.size) return;
    this.due = true;
    requestAnimationFrame(() => this.draw());
  }

  /** What was marked first is drawn first, at least one part in a frame: none starves, and no frame holds all of them on a slow machine. */
  draw() {
    const until_ms = performance.now() + BUDGET_MS;
    this.due = false;
    for (const name of [...this.marked]) {
      this.marked.delete(name);
      this.parts[name]();
      if (performance.now() > until_ms) break;
    }
    this.mark(...this.marked);
  }
}
