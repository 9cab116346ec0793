// One WebSocket that stays: connect, hello, back-off, heartbeat, and what each close code means (CONTRACT §4).
// Must not know the conversation: what to say and what was heard go through the callbacks.

/**
 * @typedef {import("./link.js").Frame} Frame
 * @typedef {{name: "idle" | "connecting" | "open" | "waiting" | "offline" | "refused" | "outdated" | "broken" | "erased", until_ms?: number}} State
 * @typedef {{
 *   url: string,
 *   hello: () => Frame[],
 *   frame: (frame: Frame) => void,
 *   state: (state: State) => void,
 *   badToken: () => boolean,
 *   env?: {WebSocket?: typeof WebSocket, now?: () => number, random?: () => number, online?: () => boolean}
 * }} Options
 *   `hello` gives the frames to send first; `badToken` forgets the session and says whether to try anew
 */

// Full jitter between 0.5 s and a ceiling that doubles from 1 s to 30 s: a storm of 3,000 clients spreads out (PROMISES R5).
const FLOOR_MS = 500;
const CEILING_MS = 30_000;
// The server pings every 25 s; two missed ones and the line is dead though nobody said so.
const SILENCE_MS = 60_000;
// A handshake that hangs (captive portal, dead proxy) is given up before the server's own 10 s hello deadline matters.
const HANDSHAKE_MS = 10_000;

/**
 * @param {number} attempt 0 for the first
 * @param {number} random 0 to 1
 * @returns {number} milliseconds
 */
export function backoff(attempt, random) {
  const ceiling = Math.min(CEILING_MS, 2 * FLOOR_MS * 2 ** Math.min(attempt, 10));
  return FLOOR_MS + random * (ceiling - FLOOR_MS);
}

export class Socket {
  /** @type {WebSocket | null} */
  #ws = null;
  #attempt = 0;
  /** @type {any} */
  #timer = 0;
  /** @type {any} */
  #watch = 0;
  /** The last error code heard on this connection. */
  #error = "";
  #retryAfter_ms = 0;
  #wanted = false;

  /** @param {Options} options */
  constructor(options) {
    this.o = options;
    const env = options.env || {};
    this.WebSocket = env.WebSocket || globalThis.WebSocket;
    this.now = env.now || (() => Date.now());
    this.random = env.random || Math.random;
    this.online = env.online || (() => globalThis.navigator?.onLine !== false);
    /** @type {State} */
    this.state = { name: "idle" };
  }

  start() {
    this.#wanted = true;
    if (!this.#ws && !this.#timer) this.#connect();
  }

  stop() {
    this.#wanted = false;
    this.#drop(1000);
    this.#become({ name: "idle" });
  }

  /** Connect now instead of at the end of the back-off; nothing when a line is open, being opened or refused for good. */
  retry() {
    if (!this.#wanted || (this.state.name !== "waiting" && this.state.name !== "offline")) return;
    this.#attempt = 0;
    this.#connect();
  }

  /** Close the line and say hello again at once, e.g. after another sign-in. */
  restart() {
    if (!this.#wanted) return;
    this.#drop(1000);
    this.#connect();
  }

  /**
   * @param {Frame} frame
   * @returns {boolean} false when there is no open line
   */
  send(frame) {
    if (this.#ws?.readyState !== 1) return false;
    this.#ws.send(JSON.stringify(frame));
    return true;
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#error = "";
    this.#retryAfter_ms = 0;
    if (!this.online()) return this.#become({ name: "offline" });
    this.#become({ name: "connecting" });
    /** @type {WebSocket} */
    let ws;
    try {
      ws = new this.WebSocket(this.o.url, "shopbell.v1");
    } catch {
      // The page's CSP or a malformed address: it will not get better by trying.
      return this.#become({ name: "refused" });
    }
    this.#ws = ws;
    this.#heard(HANDSHAKE_MS);
    ws.onopen = () => {
      if (ws !== this.#ws) return;
      for (const frame of this.o.hello()) ws.send(JSON.stringify(frame));
      this.#heard(HANDSHAKE_MS);
    };
    ws.onmessage = (event) => {
      if (ws === this.#ws) this.#message(event.data);
    };
    ws.onclose = (event) => {
      if (ws === this.#ws) this.#closed(event.code);
    };
  }

  /** @param {string} data */
  #message(data) {
    let frames;
    try {
      frames = JSON.parse(data);
    } catch {
      return;
    }
    for (const frame of Array.isArray(frames) ? frames : [frames]) {
      if (frame.t === "ping") this.send({ t: "pong" });
      if (frame.t === "error") {
        this.#error = frame.code;
        this.#retryAfter_ms = 1000 * (frame.retry_after_s || 0);
      }
      if (frame.t === "welcome") {
        this.#attempt = 0;
        this.o.frame(frame);
        this.#become({ name: "open" });
      } else this.o.frame(frame);
    }
    this.#heard(SILENCE_MS);
  }

  /** @param {number} code */
  #closed(code) {
    this.#ws = null;
    clearTimeout(this.#watch);
    if (!this.#wanted) return;
    if (code === 4503 || this.#error === "erased") return this.#become({ name: "erased" });
    if (this.#error === "bad_token" && this.o.badToken()) return this.#connect();
    if (code === 4501) return this.#become({ name: "outdated" });
    if (code === 4502) return this.#become({ name: "refused" });
    if (code >= 4500 && code < 5000) return this.#become({ name: "broken" });
    this.#wait();
  }

  #wait() {
    if (!this.online()) return this.#become({ name: "offline" });
    const delay_ms = Math.max(backoff(this.#attempt++, this.random()), this.#retryAfter_ms);
    this.#timer = setTimeout(() => this.#connect(), delay_ms);
    this.#become({ name: "waiting", until_ms: this.now() + delay_ms });
  }

  /** @param {number} limit_ms of silence from now on */
  #heard(limit_ms) {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      this.#drop(4000);
      if (this.#wanted) this.#wait();
    }, limit_ms);
  }

  /** @param {number} code */
  #drop(code) {
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
    this.#timer = 0;
    const ws = this.#ws;
    this.#ws = null;
    try {
      ws?.close(code);
    } catch {
      // Already gone.
    }
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.o.state(state);
  }
}
