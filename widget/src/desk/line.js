// The desk's line to the server: one socket; what is listed and watched; what was written and has not come back is sent again.
// Must not draw anything, nor decide what a frame means.

import { Socket } from "../socket.js";
import { where } from "./known.js";

/** @typedef {import("../link.js").Frame} Frame */

export class Line {
  /**
   * @param {import("./known.js").Known} known
   * @param {{current: () => string, frame: (frame: Frame) => void, state: () => void}} desk
   */
  constructor(known, desk) {
    this.known = known;
    this.current = desk.current;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new Socket({
      url: `${scheme}//${location.host}/v1/desk`,
      hello: () => this.hello(),
      frame: desk.frame,
      state: desk.state,
      badToken: () => {
        location.href = "/desk/login";
        return false;
      },
    });
    addEventListener("online", () => this.socket.retry());
  }

  start() {
    this.socket.start();
  }

  get state() {
    return this.socket.state.name;
  }

  /** What a new connection begins with. @returns {Frame[]} */
  hello() {
    const frames = /** @type {Frame[]} */ ([{ t: "list", queue: "all" }, { t: "list", queue: "closed" }]);
    const key = this.current();
    if (key) frames.push(this.watching(key), { t: "card", ...where(key) });
    for (const [of, link] of this.known.links) for (const frame of link.unsent()) frames.push({ ...frame, ...where(of) });
    return frames;
  }

  /** @param {string} key */
  watching(key) {
    return { t: "watch", after: this.known.link(key).cursor, ...where(key) };
  }

  /**
   * @param {string} key of the conversation that it is about, or empty
   * @param {Frame} frame
   * @returns {boolean} whether there is a line
   */
  send(key, frame) {
    return this.socket.send(key ? { ...frame, ...where(key) } : frame);
  }

  /**
   * Send a frame that must arrive: it stays in the outbox until it comes back as an event.
   * @param {string} key
   * @param {Frame} frame
   */
  post(key, frame) {
    this.known.link(key).post(frame, Date.now()).failed = "";
    this.send(key, frame);
  }
}
