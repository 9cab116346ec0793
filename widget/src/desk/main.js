// The desk: one socket, the queues, one conversation at a time. Everything comes as events; the desk only draws them.
// Must not keep what is not in the log, but what was written and has not come back (the links' outboxes).

import { h } from "../dom.js";
import { Link } from "../link.js";
import { Socket } from "../socket.js";
import { Alerts, drawBar } from "./bar.js";
import { drawCard } from "./card.js";
import { Composer } from "./composer.js";
import { drawDeeds } from "./deeds.js";
import { draw } from "./items.js";
import { keyed } from "./keyed.js";
import { counted, drawQueue, keyOf, nameOf, QUEUES, sorted } from "./queue.js";
import { callsOf, timeline } from "./timeline.js";
import { reasonOf, ticking } from "./words.js";

/** @typedef {import("../link.js").Frame} Frame */

const HELP = [
  ["1 – 5", "queues"], ["j / k", "next, previous"], ["t", "take over"], ["r", "reply"], ["/ in a reply", "canned replies"], ["n", "note"], ["@ in a note", "name a colleague"],
  ["g", "suggest a reply"], ["b", "hand back to the agent"], ["c", "close"], ["m", "more: snooze, offer, block"], ["a", "to the first approval"], ["u", "to what is new"],
  ["i", "about the customer"], ["/", "search"], ["Esc", "back to the list"], ["?", "this help"],
];
/** Rows drawn at once; more come as one scrolls: a screen shows a dozen. */
const PAGE = 60;
/** How long to wait for the next letter before the server is asked to search. */
const SEARCH_MS = 250;

class Desk {
  constructor() {
    this.me = { id: "", name: "", role: "agent" };
    /** @type {{key: string, name: string}[]} */
    this.sites = [];
    /** @type {Map<string, Record<string, any>>} */
    this.rows = new Map();
    /** @type {Record<string, any>[]} */
    this.people = [];
    /** @type {Map<string, Record<string, any>> | undefined} */
    this.found = undefined;
    /** @type {Map<string, number>} up to where this person has read, by conversation */
    this.seen = new Map();
    /** @type {Map<string, Record<string, any>>} what was looked up of customers, by conversation */
    this.cards = new Map();
    /** @type {Map<string, Record<string, any> | null>} what was looked up of approvals, by call; null while it is */
    this.approvals = new Map();
    this.thinking = "";
    this.limit = PAGE;
    this.alerts = new Alerts();
    this.queue = "waiting";
    this.search = "";
    this.current = "";
    this.epoch = "";
    this.typing = new Map();
    /** @type {Map<string, Link>} */
    this.links = new Map();
    /** @type {Map<string, string>} what was being written, by conversation */
    this.written = new Map();
    this.notice = "";
    this.due = false;
    this.build();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new Socket({
      url: `${scheme}//${location.host}/v1/desk`,
      hello: () => this.hello(),
      frame: (frame) => this.receive(frame),
      state: () => this.redraw(),
      badToken: () => {
        location.href = "/desk/login";
        return false;
      },
    });
    this.socket.start();
    addEventListener("online", () => this.socket.retry());
    setInterval(() => document.hidden || this.redraw(), 1_000);
    document.addEventListener("visibilitychange", () => this.redraw());
  }

  // Talking to the server

  /** @returns {Frame[]} */
  hello() {
    const frames = /** @type {Frame[]} */ ([{ t: "list", queue: "all" }, { t: "list", queue: "closed" }]);
    if (this.current) frames.push(this.watching(this.current));
    for (const [key, link] of this.links) for (const frame of link.unsent()) frames.push({ ...frame, ...this.where(key) });
    return frames;
  }

  /** @param {string} key */
  where(key) {
    const at = key.indexOf("/");
    return { site: key.slice(0, at), conversation: key.slice(at + 1) };
  }

  /** @param {string} key */
  watching(key) {
    return { t: "watch", after: this.link(key).cursor, ...this.where(key) };
  }

  /** @param {string} key */
  link(key) {
    let link = this.links.get(key);
    if (!link) this.links.set(key, (link = new Link()));
    return link;
  }

  /** @param {Frame} frame */
  receive(frame) {
    switch (frame.t) {
      case "welcome":
        if (this.epoch && this.epoch !== frame.epoch) this.links.clear();
        this.epoch = frame.epoch;
        this.me = frame.staff;
        this.sites = frame.sites;
        break;
      case "queue":
      case "rows":
        this.news(frame);
        for (const row of frame.rows) this.rows.set(`${row.site}/${row.conversation}`, row);
        break;
      case "error":
        if (frame.conversation) this.link(this.keyOf(frame)).receive(frame);
        if (frame.id === this.thinking) this.thinking = "";
        this.say(frame.message);
        break;
      case "staff":
        break;
      case "customer":
        this.typing.set(this.keyOf(frame), frame.typing ? Date.now() : 0);
        break;
      case "people":
        this.people = frame.people;
        break;
      case "card":
        this.cards.set(this.keyOf(frame), { ...frame, at: Date.now() });
        break;
      case "approval":
        this.approvals.set(frame.call, frame);
        break;
      case "suggestion":
        if (frame.id === this.thinking && this.keyOf(frame) === this.current) this.composer.propose(frame.text);
        this.thinking = "";
        break;
      case "found":
        if (frame.query === this.search.trim()) this.found = new Map(frame.rows.map((/** @type {any} */ row) => [keyOf(row), row]));
        break;
      default:
        if (frame.conversation) this.link(this.keyOf(frame)).receive(frame);
    }
    this.redraw();
  }

  /** @param {Frame} frame */
  keyOf(frame) {
    const key = frame.site ? `${frame.site}/${frame.conversation}` : "";
    return key || [...this.links.keys()].find((k) => k.endsWith(`/${frame.conversation}`)) || this.current;
  }

  /**
   * Somebody new waits: say so, where the desk is not looked at.
   * @param {Frame} frame
   */
  news(frame) {
    if (frame.t !== "rows") return;
    const fresh = frame.rows.filter((/** @type {any} */ row) => {
      const before = this.rows.get(`${row.site}/${row.conversation}`);
      const waits = row.mode === "waiting" && before?.mode !== "waiting";
      const answered = row.mode === "staff" && row.staff === this.me.id && row.unread > (before?.unread || 0);
      const named = row.mentions?.includes(this.me.id) && !before?.mentions?.includes(this.me.id);
      const offered = row.offered === this.me.id && before?.offered !== this.me.id;
      return waits || answered || named || offered || row.asked > (before?.asked || 0);
    });
    if (!fresh.length) return;
    const [row] = fresh;
    const what = row.mentions?.includes(this.me.id) ? "a note names you" : row.offered === this.me.id && row.mode !== "staff" ? "is offered to you" : row.asked ? "an approval is asked for" : row.last_text;
    this.announce.textContent = `${nameOf(row)}: ${what}`;
    this.alerts.tell(nameOf(row), what, row.conversation, () => this.open(row));
  }

  /**
   * @param {string} key
   * @param {Frame} frame
   */
  post(key, frame) {
    const pending = this.link(key).post(frame, Date.now());
    pending.failed = "";
    this.socket.send({ ...frame, ...this.where(key) });
    this.redraw();
  }

  /** @param {Frame} frame */
  act(frame) {
    if (!this.current) return;
    if (!this.socket.send({ ...frame, ...this.where(this.current) })) this.say("No connection; please try again in a moment.");
  }

  /** @param {string} text */
  say(text) {
    this.notice = text;
    clearTimeout(this.noticing);
    this.noticing = setTimeout(() => {
      this.notice = "";
      this.redraw();
    }, 8_000);
  }

  // Deeds

  /** @param {Record<string, any>} row */
  open(row) {
    const key = `${row.site}/${row.conversation}`;
    if (key !== this.current) {
      if (this.current) {
        this.written.set(this.current, this.composer.text.value);
        this.seen.set(this.current, this.link(this.current).cursor);
        this.socket.send({ t: "unwatch", ...this.where(this.current) });
      }
      this.current = key;
      if (!this.rows.has(key)) this.rows.set(key, row);
      this.composer.text.value = this.written.get(key) || "";
      this.composer.close();
      this.composer.noting = false;
      this.stuck = true;
      this.marked = undefined;
      this.thinking = "";
      this.socket.send(this.watching(key));
      this.lookUp();
      history.replaceState(null, "", `#${encodeURIComponent(key)}`);
    }
    document.body.classList.add("reading");
    this.redraw();
  }

  back() {
    document.body.classList.remove("reading");
    /** @type {HTMLElement | null} */ (this.list.querySelector('[aria-current="true"]') || this.list.querySelector("button"))?.focus();
  }

  /**
   * @param {string} text
   * @param {boolean} noting
   */
  submit(text, noting) {
    if (!this.current) return;
    const id = crypto.randomUUID().replaceAll("-", "");
    this.marked = Infinity;
    this.post(this.current, { t: noting ? "note" : "reply", id, text });
    this.stuck = true;
  }

  /** @param {string} key @param {string} [id] without one, where files are sent */
  fileUrl(key, id) {
    const { site, conversation } = this.where(key);
    return `/desk/files/${site}/${encodeURIComponent(conversation)}${id ? `/${id}` : ""}`;
  }

  /** Send a file, with the words that are in the field. @param {File} file */
  async attach(file) {
    const key = this.current;
    this.say(`Sending ${file.name} …`);
    try {
      const answer = await fetch(this.fileUrl(key), { method: "POST", body: file, headers: { "X-File-Name": encodeURIComponent(file.name) } });
      const body = await answer.json();
      if (!answer.ok) return this.say(body.error.message);
      const text = (key === this.current && this.composer.text.value.trim()) || body.file.name;
      this.post(key, { t: "reply", id: crypto.randomUUID().replaceAll("-", ""), text, files: [body.file.id] });
      if (key === this.current) this.composer.text.value = "";
      this.say("");
    } catch {
      this.say("The file could not be sent; please try again.");
    }
  }

  suggest() {
    if (!this.current || this.thinking) return;
    this.thinking = crypto.randomUUID().replaceAll("-", "");
    this.composer.noting = false;
    this.act({ t: "suggest", id: this.thinking });
    this.redraw();
  }

  lookUp() {
    if (this.current) this.socket.send({ t: "card", ...this.where(this.current) });
  }

  /** Ask the server, once the person stops typing. */
  seek() {
    this.search = this.find.value;
    this.found = undefined;
    this.limit = PAGE;
    clearTimeout(this.seeking);
    const query = this.search.trim();
    if (query.length > 1) this.seeking = setTimeout(() => this.socket.send({ t: "search", query }), SEARCH_MS);
    this.redraw();
  }

  /** What a canned reply's placeholders stand for. */
  values() {
    const row = this.rows.get(this.current);
    const site = this.sites.find((one) => one.key === row?.site);
    return { customer: (row?.name || "").split(" ")[0], staff: this.me.name, shop: site?.name || "" };
  }

  canned() {
    const row = this.rows.get(this.current);
    const link = this.link(this.current);
    const heard = link.events.findLast((e) => e.kind === "routed")?.body.language;
    const all = /** @type {any} */ (this.sites.find((one) => one.key === row?.site))?.canned || [];
    return all.filter((/** @type {any} */ c) => !c.locale || !heard || c.locale.slice(0, 2) === heard.slice(0, 2));
  }

  // Drawing

  build() {
    const root = /** @type {HTMLElement} */ (document.getElementById("desk"));
    this.tabs = h("nav", { class: "tabs", "aria-label": "Queues" });
    this.find = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "Search  /", "aria-label": "Search all conversations", oninput: () => this.seek() }));
    this.list = h("div", { class: "rows", role: "group", tabindex: -1, "aria-label": "Conversations" });
    this.list.addEventListener("scroll", () => {
      if (this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight > 600 || this.limit >= this.shown.length) return;
      this.limit += PAGE;
      this.redraw();
    });
    this.title = h("div", { class: "title" });
    this.deeds = h("div", { class: "deeds" });
    this.talk = h("div", { class: "talk", role: "log", tabindex: 0, "aria-label": "Conversation" });
    this.talk.addEventListener("scroll", () => {
      this.stuck = this.talk.scrollHeight - this.talk.scrollTop - this.talk.clientHeight < 60;
    });
    this.flight = h("p", { class: "flight", role: "status", hidden: true });
    this.jump = h("button", { type: "button", class: "jump", hidden: true, onclick: () => this.toNew() }, "New ↓");
    this.composer = new Composer({
      submit: (text, noting) => this.submit(text, noting), suggest: () => this.suggest(), attach: (file) => this.attach(file), canned: () => this.canned(), people: () => this.people.filter((p) => !p.me), values: () => this.values(),
      changed: () => this.redraw(), typing: () => this.socket.send({ t: "typing", ...this.where(this.current) }),
    });
    this.side = h("aside", { class: "side", "aria-label": "Customer" });
    this.status = h("p", { class: "status", role: "status" });
    this.announce = h("p", { class: "hidden", "aria-live": "polite" });
    this.help = h("dialog", { class: "help" }, h("h2", {}, "Keyboard"), h("dl", {}, HELP.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
      h("form", { method: "dialog" }, h("button", {}, "Close")));
    root.append(
      h("h1", { class: "hidden-text" }, "Shopbell desk"),
      h("section", { class: "queue" }, h("header", {}, h("b", { class: "brand", "aria-hidden": "true" }, "Desk"), this.find), this.tabs, this.list, (this.bar = h("footer", { class: "bar" }))),
      h("section", { class: "conversation" },
        h("header", {}, h("button", { class: "backward", "aria-label": "Back to the list", onclick: () => this.back() }, "‹"), this.title, this.deeds),
        h("div", { class: "talking" }, this.talk, this.jump), this.flight, this.composer.node),
      this.side, this.status, this.announce, this.help,
    );
    document.addEventListener("keydown", (e) => this.key(e));
    const wanted = decodeURIComponent(location.hash.slice(1));
    if (wanted.includes("/")) {
      this.current = wanted;
      setTimeout(() => this.lookUp(), 1_000);
      document.body.classList.add("reading");
    }
  }

  redraw() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  draw() {
    const now_ms = Date.now();
    document.body.classList.toggle("empty", !this.current);
    const counts = counted(this.rows.values(), this.me.id, now_ms);
    keyed(this.tabs, QUEUES, (q) => q[0], (q) => `${q[0] === this.queue}${counts[q[0]] || 0}`, ([id, name]) =>
      h("button", { type: "button", "aria-pressed": String(id === this.queue), onclick: () => this.show(id) }, name, id !== "closed" && counts[id] > 0 && h("span", { class: "count" }, String(counts[id]))));
    this.shown = sorted(this.rows.values(), this.queue, this.me.id, this.search, now_ms, this.found);
    drawQueue(this.list, this.shown.slice(0, this.limit), { current: this.current, me: this.me.id, now_ms, open: (row) => this.open(row) });
    this.list.dataset.empty = this.shown.length ? "" : this.search ? (this.found ? "Nothing found." : "Searching…") : "Nobody here. Well done.";
    drawBar(this.bar, { me: this.me, people: this.people, alerts: this.alerts, help: () => /** @type {any} */ (this.help).showModal() });
    this.drawConversation(now_ms);
    const { name } = this.socket?.state || { name: "connecting" };
    const line = name === "open" ? "" : name === "refused" ? "Signed out." : "Connecting…";
    this.status.textContent = this.notice || line;
    const waiting = counts.waiting || 0;
    document.title = `${waiting ? `(${waiting}) ` : ""}Shopbell desk`;
  }

  /** @param {number} now_ms */
  drawConversation(now_ms) {
    const row = this.rows.get(this.current);
    const link = this.current ? this.link(this.current) : null;
    this.title.replaceChildren(...(row ? [h("b", {}, nameOf(row)), h("span", {}, this.place(row, now_ms))] : this.current ? [h("b", {}, "Conversation")] : []));
    this.drawDeeds(row, link);
    if (!link) return;
    const act = {
      decide: (/** @type {any} */ call, /** @type {boolean} */ approve, /** @type {string} */ comment, /** @type {any} */ args) =>
        this.post(this.current, { t: "decide", call: call.id, approve, args_sha256: call.asked.args_sha256, comment, ...(args ? { args } : {}) }),
      retry: (/** @type {string} */ id) => {
        const pending = link.outbox.get(id);
        if (pending) this.post(this.current, pending.frame);
      },
      file: (/** @type {string} */ id) => this.fileUrl(this.current, id),
      about: (/** @type {any} */ call) => {
        const known = this.approvals.get(call.id);
        if (known === undefined && this.socket.send({ t: "approval", call: call.id, ...this.where(this.current) })) this.approvals.set(call.id, null);
        return known || undefined;
      },
    };
    const sign = (/** @type {any} */ item) => (item.type === "call" && item.call?.state !== "asked") || item.live || item.pending ? JSON.stringify(item) : `${item.key}${item.call?.state || ""}${item.call && this.approvals.get(item.call.id) ? "+" : ""}`;
    if (this.talk.dataset.of !== this.current) {
      this.talk.replaceChildren();
      /** @type {any} */ (this.talk).__nodes = undefined;
      this.talk.dataset.of = this.current;
      this.stuck = true;
    }
    const seen = this.readUpTo(row, link);
    // Rows of other conversations change several times a second: what is open is drawn anew only when it has changed.
    const { reply, thinking } = link.drafts;
    const sending = [...link.outbox.values()].map((p) => p.id + p.failed);
    const looked = [...this.approvals.values()].filter(Boolean).length;
    const drawn = [this.current, link.cursor, link.turn, reply?.text.length, thinking?.text.length, sending, looked, seen, this.talk.clientHeight].join("|");
    if (this.drawn !== drawn) {
      this.drawn = drawn;
      keyed(this.talk, timeline(link, seen), (item) => item.key, sign, (item) => draw(item, act, now_ms));
      if (this.stuck !== false) this.talk.scrollTop = this.talk.scrollHeight;
    }
    const fresh = this.talk.querySelector("#new");
    this.jump.hidden = this.stuck !== false || !fresh;
    this.tellSeen(row, link);
    const flying = row?.mode === "staff" ? [...callsOf(link).values()].filter((c) => c.state === "started") : [];
    this.flight.hidden = !flying.length;
    const flight = flying.length ? `In flight, begun before the take-over: ${flying.map((c) => c.label || c.tool).join(", ")}. Its end is shown here.` : "";
    if (this.flight.textContent !== flight) this.flight.textContent = flight;
    drawCard(this.side, { row, link, card: this.cards.get(this.current), now_ms, open: (r) => this.open(r), tag: (tag, on) => this.act({ t: "tag", tag, on }), load: () => this.lookUp() });
  }

  /**
   * @param {Record<string, any>} row
   * @param {number} now_ms
   */
  place(row, now_ms) {
    const site = this.sites.length > 1 ? `${this.sites.find((s) => s.key === row.site)?.name || row.site} · ` : "";
    if (row.mode === "waiting") return `${site}waiting ${ticking(now_ms - row.waiting_since_ms)} · ${reasonOf(row.reason)}`;
    if (row.mode === "staff") return `${site}${row.staff === this.me.id ? "you have this" : `with ${row.staff_name}`}`;
    return `${site}${row.mode === "closed" ? "closed" : "with the agent"}`;
  }

  /**
   * @param {Record<string, any> | undefined} row
   * @param {Link | null} link
   */
  drawDeeds(row, link) {
    const mode = link?.mode.mode || row?.mode || "agent";
    const mine = mode === "staff" && row?.staff === this.me.id;
    const key = this.current;
    drawDeeds(this.deeds, { key, mode, mine, row, people: this.people, act: (frame) => this.act(frame), about: () => document.body.classList.toggle("asking") });
    const typing = Date.now() - (this.typing.get(key) || 0) < 6_000;
    this.composer.show({ open: !!key, mine, typing, canned: !!key && this.canned().length > 0, thinking: !!this.thinking });
    document.body.classList.toggle("noting", this.composer.noting);
  }

  /** @param {string} queue */
  show(queue) {
    this.queue = queue;
    this.limit = PAGE;
    this.list.scrollTop = 0;
    this.redraw();
  }

  /**
   * Up to where this person has read: since it was opened here, else what the agent or staff said last.
   * @param {Record<string, any> | undefined} row
   * @param {Link} link
   */
  readUpTo(row, link) {
    if (this.marked === undefined && link.cursor) {
      const said = link.events.filter((e) => e.kind === "message");
      const last = said.findLast((e) => e.role !== "customer")?.seq || 0;
      this.marked = this.seen.get(this.current) ?? (row?.unread && last ? last : Infinity);
    }
    if (document.hidden && this.marked === Infinity) this.marked = link.cursor;
    return this.marked;
  }

  /**
   * The customer may know that a person has read.
   * @param {Record<string, any> | undefined} row
   * @param {Link} link
   */
  tellSeen(row, link) {
    const seq = link.events.findLast((e) => e.kind === "message" && e.role === "customer")?.seq || 0;
    const told = `${this.current}|${seq}`;
    if (!seq || document.hidden || row?.staff !== this.me.id || row?.mode !== "staff" || this.told === told) return;
    this.told = told;
    this.socket.send({ t: "seen", seq, ...this.where(this.current) });
  }

  toNew() {
    this.talk.querySelector("#new")?.scrollIntoView({ block: "start" });
    this.jump.hidden = true;
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    const target = /** @type {HTMLElement} */ (e.target);
    if (e.key === "Escape") {
      const open = document.querySelector("details.menu[open]");
      open?.removeAttribute("open");
      target.blur();
      document.body.classList.remove("asking");
      return open ? undefined : this.back();
    }
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || e.ctrlKey || e.metaKey || e.altKey || /** @type {any} */ (this.help).open) return;
    const n = "12345".indexOf(e.key);
    const deed = this.deeds.querySelector(`[data-deed="${e.key}"]`);
    if (n >= 0) this.show(QUEUES[n][0]);
    else if (e.key === "j" || e.key === "k") this.move(e.key === "j" ? 1 : -1);
    else if (e.key === "r" || e.key === "n") this.composer.note(e.key === "n");
    else if (e.key === "g") this.suggest();
    else if (e.key === "u") this.toNew();
    else if (e.key === "a") /** @type {HTMLElement | null} */ (this.talk.querySelector('[data-act="approve"]'))?.focus();
    else if (e.key === "/") this.find.focus();
    else if (e.key === "?") /** @type {any} */ (this.help).showModal();
    else if (deed) /** @type {HTMLElement} */ (deed).click();
    else return;
    e.preventDefault();
    this.redraw();
  }

  /** @param {number} by */
  move(by) {
    const list = this.shown || [];
    const at = list.findIndex((row) => `${row.site}/${row.conversation}` === this.current);
    const to = Math.max(0, Math.min(list.length - 1, at + by));
    this.limit = Math.max(this.limit, to + 10);
    if (list[to]) this.open(list[to]);
    requestAnimationFrame(() => requestAnimationFrame(() => this.list.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" })));
  }
}

new Desk();
