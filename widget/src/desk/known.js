// What this desk was told: rows, people, conversations, and what was looked up. A reload asks for all of it again.
// Must not touch the DOM, the clock or the socket: frames and times come in as arguments.

import { Link } from "../link.js";
import { keyOf } from "./queue.js";

/**
 * @typedef {import("../link.js").Frame} Frame
 * @typedef {Record<string, any>} Row
 */

/** @param {string} key site and conversation */
export function where(key) {
  const at = key.indexOf("/");
  return { site: key.slice(0, at), conversation: key.slice(at + 1) };
}

export class Known {
  constructor() {
    this.me = /** @type {Row} */ ({ id: "", name: "", role: "agent" });
    /** @type {{key: string, name: string, canned?: any[]}[]} */
    this.sites = [];
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** @type {Row[]} */
    this.people = [];
    /** @type {Map<string, Link>} */
    this.links = new Map();
    /** @type {Map<string, Row>} what was looked up of customers, by conversation */
    this.cards = new Map();
    /** @type {Map<string, Row | null>} what was looked up of approvals, by call; null while it is */
    this.approvals = new Map();
    /** @type {{query: string, rows: Map<string, Row>} | undefined} the newest answer to a search */
    this.found = undefined;
    /** @type {Map<string, number>} when the customer last was writing, by conversation */
    this.typing = new Map();
    /** @type {Map<string, number>} up to which seq the customer has read, by conversation */
    this.read = new Map();
    this.epoch = "";
  }

  /** @param {string} key */
  link(key) {
    let link = this.links.get(key);
    if (!link) this.links.set(key, (link = new Link()));
    return link;
  }

  /**
   * The conversation that a frame is about; `none` where it says nothing of one.
   * @param {Frame} frame
   * @param {string} none
   */
  about(frame, none) {
    if (!frame.conversation) return none;
    if (frame.site) return keyOf(/** @type {any} */ (frame));
    return [...this.links.keys()].find((key) => key.endsWith(`/${frame.conversation}`)) || none;
  }

  /**
   * Take in one frame.
   * @param {Frame} frame
   * @param {string} key of the conversation that it is about
   * @param {number} now_ms
   * @returns {string[]} the parts of the page that may show something else now
   */
  take(frame, key, now_ms) {
    switch (frame.t) {
      case "welcome":
        // Another log than the one that was shown: its events go, what was written and not sent stays.
        if (this.epoch && this.epoch !== frame.epoch) for (const link of this.links.values()) link.reset("", "");
        this.epoch = frame.epoch;
        this.me = frame.staff;
        this.sites = frame.sites;
        return ["queue", "talk", "about", "bar"];
      case "queue":
      case "rows":
        for (const row of frame.rows) this.rows.set(keyOf(row), row);
        return frame.rows.some((/** @type {Row} */ row) => keyOf(row) === key) ? ["queue", "about", "talk", "side"] : ["queue"];
      case "people":
        this.people = frame.people;
        return ["bar", "about"];
      case "customer":
        this.typing.set(key, frame.typing ? now_ms : 0);
        if (frame.seen) this.read.set(key, Math.max(frame.seen, this.read.get(key) || 0));
        return frame.seen ? ["talk", "about"] : ["about"];
      case "card":
        this.cards.set(key, { ...frame, at: now_ms });
        return ["side"];
      case "approval":
        this.approvals.set(frame.call, frame);
        return ["talk"];
      case "found":
        this.found = { query: frame.query, rows: new Map(frame.rows.map((/** @type {Row} */ row) => [keyOf(row), row])) };
        return ["queue"];
      case "draft":
      case "step":
        this.link(key).receive(frame);
        return ["talk"];
      default:
        if (frame.conversation) this.link(key).receive(frame);
        if (frame.t === "events" && frame.events.some((/** @type {any} */ e) => e.kind === "message" && e.role === "customer")) this.typing.delete(key);
        return ["talk", "about", "side"];
    }
  }

  /**
   * Up to where the customer has read: what they were seen to read, and what they have written after.
   * @param {string} key
   */
  readUpTo(key) {
    const said = this.link(key).events.findLast((e) => e.kind === "message" && e.role === "customer")?.seq || 0;
    return Math.max(said, this.read.get(key) || 0);
  }

  /** @param {string} key */
  siteOf(key) {
    return this.sites.find((site) => site.key === where(key).site);
  }

  /**
   * What a canned reply's placeholders stand for.
   * @param {string} key
   */
  values(key) {
    return { customer: (this.rows.get(key)?.name || "").split(" ")[0], staff: this.me.name, shop: this.siteOf(key)?.name || "" };
  }

  /**
   * Canned replies of the site, in the customer's language where that was heard.
   * @param {string} key
   */
  canned(key) {
    const heard = key && this.link(key).events.findLast((e) => e.kind === "routed")?.body.language;
    return (this.siteOf(key)?.canned || []).filter((c) => !c.locale || !heard || c.locale.slice(0, 2) === heard.slice(0, 2));
  }
}
