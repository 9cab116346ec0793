// The small card that shows a source's title and words while its chip is pointed at or focused. Part of the cards.
// Must not fetch anything: it shows what the citation holds.

import { h } from "../shared.js";

export class Popover {
  /** @param {HTMLElement} frame what it is placed in */
  constructor(frame) {
    this.frame = frame;
    this.node = h("div", { class: "popover", role: "tooltip", id: "sb-source", hidden: true });
  }

  /**
   * @param {HTMLElement} chip
   * @param {{title?: string, quote?: string, document?: string}} source
   */
  show(chip, source) {
    // The first one is fetched: meanwhile the pointer may be elsewhere.
    if (!chip.matches(":hover, :focus")) return;
    this.frame.append(this.node);
    const quote = (source.quote || "").trim();
    this.node.replaceChildren(
      h("strong", { dir: "auto" }, source.title || source.document || ""),
      quote ? h("q", { dir: "auto" }, quote.length > 220 ? quote.slice(0, 219) + "…" : quote) : "",
    );
    this.node.hidden = false;
    chip.setAttribute("aria-describedby", this.node.id);
    this.chip = chip;
    this.place();
  }

  /** Beside its chip, also after scrolling. */
  place() {
    const { chip } = this;
    if (!chip || this.node.hidden) return;
    const frame = this.frame.getBoundingClientRect();
    const at = chip.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.node;
    const left = Math.max(12, Math.min(at.left - frame.left + at.width / 2 - width / 2, frame.width - width - 12));
    const above = at.top - frame.top - height - 8;
    this.node.style.left = `${left}px`;
    this.node.style.top = `${above > 60 ? above : at.bottom - frame.top + 8}px`;
  }

  /** @returns {boolean} whether it was there */
  hide() {
    const was = !this.node.hidden;
    this.node.hidden = true;
    this.node.replaceChildren();
    this.chip?.removeAttribute("aria-describedby");
    return was;
  }
}
