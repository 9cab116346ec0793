// What the widget keeps between pages: session, cursor with its events, outbox, unsent words. One site each.
// Must not fail: where storage is blocked or full, it keeps things in memory for as long as the page lives.

/** @typedef {import("./session.js").Session} Session */

// Above this the events are read from the server again: localStorage is 5 MB for the whole shop.
const LOG_LIMIT_CHARS = 200_000;

export class Store {
  /**
   * @param {string} site its public key
   * @param {Storage | null} storage null: memory only
   */
  constructor(site, storage) {
    this.prefix = `shopbell:${site}`;
    this.storage = storage;
    /** @type {Map<string, string>} */
    this.memory = new Map();
  }

  /** @returns {Session} */
  session() {
    return this.#read("") || {};
  }

  /** @param {Partial<Session>} change an undefined value removes its key */
  save(change) {
    this.#write("", { ...this.session(), ...change });
  }

  /** @returns {{conversation: string, epoch: string, after: number, events: any[]} | null} */
  log() {
    return this.#read(":log");
  }

  /** @param {import("./link.js").Link} link */
  saveLog(link) {
    const log = { conversation: link.conversation, epoch: link.epoch, after: link.cursor, events: link.events };
    this.#write(":log", log, LOG_LIMIT_CHARS);
  }

  /** @returns {import("./link.js").Pending[]} oldest first */
  outbox() {
    const all = this.#keys(":out:").map((key) => this.#read(key));
    return all.filter((p) => p?.id && p.frame).sort((a, b) => a.at_ms - b.at_ms);
  }

  /** @param {import("./link.js").Pending} pending each has a key of its own, so that tabs do not overwrite one another */
  put(pending) {
    this.#write(`:out:${pending.id}`, pending);
  }

  /** @param {string} id */
  drop(id) {
    this.#remove(`:out:${id}`);
  }

  /** The words in the composer. */
  get text() {
    return String(this.#read(":text") || "");
  }

  set text(value) {
    if (value) this.#write(":text", value);
    else this.#remove(":text");
  }

  /** Forget session and events, keep the outbox: what `bad_token` asks for. */
  forget() {
    const { visited, accent, icon, open, who } = this.session();
    this.#write("", { visited, accent, icon, open, who });
    this.#remove(":log");
  }

  /** Forget everything that was said: after logout or erasure. */
  clear() {
    this.forget();
    this.save({ who: undefined });
    for (const key of this.#keys(":out:")) this.#remove(key);
    this.text = "";
  }

  /**
   * @param {string} key
   * @returns {any}
   */
  #read(key) {
    try {
      const raw = this.memory.get(key) ?? this.storage?.getItem(this.prefix + key);
      return raw ? JSON.parse(raw) : null;
    } catch {
      return null;
    }
  }

  /**
   * @param {string} key
   * @param {any} value
   * @param {number} [limit] longer values are not kept at all
   */
  #write(key, value, limit) {
    const raw = JSON.stringify(value);
    if (limit && raw.length > limit) return this.#remove(key);
    try {
      if (this.storage) {
        this.storage.setItem(this.prefix + key, raw);
        this.memory.delete(key);
        return;
      }
    } catch {
      // Full or blocked since: memory.
    }
    this.memory.set(key, raw);
  }

  /** @param {string} key */
  #remove(key) {
    this.memory.delete(key);
    try {
      this.storage?.removeItem(this.prefix + key);
    } catch {
      // Blocked since.
    }
  }

  /** @param {string} start */
  #keys(start) {
    const found = new Set([...this.memory.keys()].filter((k) => k.startsWith(start)));
    try {
      for (let i = 0; i < (this.storage?.length || 0); i++) {
        const key = this.storage?.key(i) || "";
        if (key.startsWith(this.prefix + start)) found.add(key.slice(this.prefix.length));
      }
    } catch {
      // Blocked since.
    }
    return [...found];
  }
}
