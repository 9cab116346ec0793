// One socket for all tabs of a shop: the tab that holds the lock has the line, the others listen to it.
// Must not lose a message: whatever goes wrong here, a tab ends up with a socket of its own (solo).

/**
 * @typedef {import("./link.js").Frame} Frame
 * @typedef {{
 *   name: string,
 *   lead: () => void,
 *   follow: () => void,
 *   position: () => Record<string, any>,
 *   replay: (position: any) => Frame[] | null,
 *   state: () => any,
 *   frame: (frame: Frame) => void,
 *   heardState: (state: any) => void,
 *   command: (frame: Frame) => void
 * }} Options
 *   `lead`/`follow`: this tab must open/close its socket; `replay`: frames for a tab at that position, null before the first
 *   welcome; `command`: another tab asks this one, the leader, to send
 */

// A leader that says nothing for this long is frozen or gone: the tab opens its own line. Harmless, the server knows tabs.
const PATIENCE_MS = 3_000;

export class Tabs {
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {(() => void) | null} */
  #release = null;
  /** @type {AbortController | null} */
  #queue = null;
  /** @type {any} */
  #patience = 0;
  #synced = false;
  leading = false;
  solo = false;

  /** @param {Options} options */
  constructor(options) {
    this.o = options;
    this.me = Math.random().toString(36).slice(2);
  }

  /** Join the other tabs, or go alone where the browser does not allow it. */
  start() {
    try {
      if (!navigator.locks || typeof BroadcastChannel === "undefined") throw new Error("no tabs here");
      this.#channel = new BroadcastChannel(this.o.name);
      this.#channel.onmessage = (event) => this.#hear(event.data);
      this.#queue = new AbortController();
      const held = () => this.#lead();
      navigator.locks.request(this.o.name, { ifAvailable: true }, (lock) => lock && held()).then(
        (done) => {
          if (done === null && this.#queue) navigator.locks.request(this.o.name, { signal: this.#queue.signal }, held).catch(() => {});
        },
        () => this.#solo(),
      );
      this.#join();
    } catch {
      this.#solo();
    }
  }

  /** Let go of lock and line: the page freezes, hides or ends. `start` joins again. */
  stop() {
    clearTimeout(this.#patience);
    this.#queue?.abort();
    this.#queue = null;
    this.#release?.();
    this.#release = null;
    this.#channel?.close();
    this.#channel = null;
    this.#synced = false;
    this.leading = false;
  }

  /**
   * The leader tells the others what it heard.
   * @param {Frame} frame
   */
  share(frame) {
    if (this.leading) this.#post({ k: "frame", frame });
  }

  /** @param {any} state of the line */
  shareState(state) {
    if (this.leading) this.#post({ k: "state", state });
  }

  /**
   * A follower asks the leader to send.
   * @param {Frame} frame
   */
  ask(frame) {
    this.#post({ k: "send", frame });
    this.#expect();
  }

  /** @returns {Promise<boolean>} settles when the lock is let go */
  #lead() {
    if (!this.#channel) return Promise.resolve(true);
    clearTimeout(this.#patience);
    this.leading = true;
    this.o.lead();
    this.#post({ k: "lead" });
    return new Promise((resolve) => {
      this.#release = () => resolve(true);
    });
  }

  #solo() {
    clearTimeout(this.#patience);
    this.#synced = false;
    this.solo = true;
    this.o.lead();
  }

  #join() {
    if (this.leading || this.solo) return;
    this.#synced = false;
    this.#post({ k: "join", from: this.me, position: this.o.position() });
    this.#expect();
  }

  #expect() {
    clearTimeout(this.#patience);
    if (!this.leading && !this.solo) this.#patience = setTimeout(() => this.#solo(), PATIENCE_MS);
  }

  /** @param {any} note */
  #hear(note) {
    if (this.leading) {
      if (note.k === "send") {
        this.o.command(note.frame);
        this.#post({ k: "here" });
      }
      if (note.k === "join") this.#post({ k: "sync", to: note.from, frames: this.o.replay(note.position), state: this.o.state() });
      return;
    }
    if (this.solo || note.k === "send" || note.k === "join") return;
    clearTimeout(this.#patience);
    if (note.k === "lead") this.#join();
    else if (note.k === "sync" && note.to === this.me) {
      this.o.follow();
      this.o.heardState(note.state);
      this.#synced = !!note.frames;
      for (const frame of note.frames || []) this.o.frame(frame);
    } else if (note.k === "state") this.o.heardState(note.state);
    else if (note.k === "frame") {
      if (this.#synced) this.o.frame(note.frame);
      else if (note.frame.t === "welcome") this.#join();
    }
  }

  /** @param {any} note */
  #post(note) {
    try {
      this.#channel?.postMessage(note);
    } catch {
      // Closed since.
    }
  }
}
