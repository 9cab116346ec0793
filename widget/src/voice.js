// What a customer does in the chat, each a frame: say, retry, stop, ask for a person, rate, decide, write, look.
// Must not know the line: `deliver` of the app keeps and sends.

import { newId } from "./identity.js";

/** The app's base, so that views have one thing to call. @abstract */
export class Voice {
  /** @type {any} */ host;
  /** @type {import("./link.js").Link} */ link = /** @type {any} */ (null);
  /** @type {import("./store.js").Store} */ store = /** @type {any} */ (null);
  /** @type {any} */ panel = null;
  /** @type {import("./socket.js").State} */ line = { name: "idle" };
  /** The newest seq that was looked at, and the newest that the server was told of. */
  seen = 0;
  toldSeen = 0;

  /**
   * @param {import("./link.js").Frame} _frame
   * @param {boolean} _keep until it comes back as an event
   */
  deliver(_frame, _keep) {}

  /** @param {string} text */
  say(text) {
    // Half a surrogate pair is no text to the server, and would come back for ever.
    const trimmed = (/** @type {any} */ (text).toWellFormed?.() ?? text).trim();
    if (!trimmed || [...trimmed].length > 4000) return false;
    this.link.aside = "";
    this.deliver({ t: "say", id: newId(), text: trimmed }, true);
    this.panel.toEnd();
    // Whoever has begun to talk finds the chat open on the next page too.
    if (this.panel.open) this.store.save({ open: true });
    return true;
  }

  /** @param {string} id of a message that failed: sent again as a new one */
  retry(id) {
    const pending = this.link.outbox.get(id);
    if (!pending) return;
    this.link.outbox.delete(id);
    this.store.drop(id);
    this.say(pending.frame.text);
  }

  stopTurn() {
    if (this.link.turn) this.deliver({ t: "stop", turn: this.link.turn }, false);
  }

  human() {
    this.deliver({ t: "human", id: newId() }, true);
  }

  /** Have all that was said mailed to the address on file. */
  transcript() {
    this.link.aside = "";
    this.deliver({ t: "transcript", id: newId() }, true);
    this.panel.toEnd();
  }

  /** @param {string} of a message, empty for the conversation @param {number} score */
  rate(of, score) {
    this.link.scores.set(of, score);
    this.deliver({ t: "rate", id: newId(), of: of || undefined, score }, true);
  }

  /** @param {string} call @param {boolean} approve */
  decide(call, approve) {
    this.deliver({ t: "decide", call, approve }, true);
  }

  /** Ask for a code; null: back to asking. @param {string} call @param {{order?: string, email?: string} | null} who */
  prove(call, who) {
    const proof = this.link.proof(call);
    proof.error = "";
    if (who) this.deliver({ t: "verify", id: (proof.id = newId()), call, ...who }, false);
    else proof.sent = "";
    this.panel.update();
  }

  /** @param {string} call @param {string} code */
  code(call, code) {
    this.deliver({ t: "code", id: (this.link.proof(call).id = newId()), call, code }, false);
  }

  typing() {
    const now = Date.now();
    // 3 s: a notice that is renewed while it lasts, not one for each key.
    if (!["waiting", "staff"].includes(this.link.mode.mode) || now - (this.typed || 0) < 3000) return;
    this.typed = now;
    this.deliver({ t: "typing" }, false);
  }

  /** The customer looks at the chat: what is there has been seen. */
  look() {
    if (!this.panel?.open || document.visibilityState !== "visible") return;
    const last = this.link.events.findLast((e) => e.kind === "message" && e.role !== "customer");
    if (last && last.seq > this.seen) {
      this.seen = last.seq;
      this.store.save({ seen: this.seen });
    }
    // Told once the line is there, also of what was looked at without one.
    if (this.seen > this.toldSeen && this.line.name === "open") {
      this.toldSeen = this.seen;
      this.deliver({ t: "seen", seq: this.seen }, false);
    }
    this.unread();
  }

  unread() {
    if (!this.panel) return;
    this.seen = Math.max(this.seen, this.panel.open ? 0 : this.store.session().seen || 0);
    const n = this.link.events.filter((e) => e.kind === "message" && e.role !== "customer" && e.seq > this.seen).length;
    const shown = this.panel.open && document.visibilityState === "visible" ? 0 : n;
    if (this.store.session().unread !== shown) this.store.save({ unread: shown });
    this.host.unread(shown);
  }
}
