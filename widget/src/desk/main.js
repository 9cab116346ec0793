// The desk: what a person does here, and what is drawn of what came. Everything comes as events; the desk only shows them.
// Must not keep what is not in the log, but what was written and has not come back (the links' outboxes).

import { expires } from "./approval.js";
import { Alerts, Bar } from "./bar.js";
import { drawCard } from "./card.js";
import { Composer } from "./composer.js";
import { Deeds } from "./deeds.js";
import { Frames } from "./frames.js";
import { setText } from "./keyed.js";
import { listen, sheet } from "./keys.js";
import { Known, where } from "./known.js";
import { Line } from "./line.js";
import { closeElsewhere } from "./menu.js";
import { news } from "./news.js";
import { page, put } from "./page.js";
import { counted, held, keyOf, nameOf, offered_ms, QUEUES, sorted } from "./queue.js";
import { Rows } from "./rows.js";
import { drawTabs } from "./tabs.js";
import { Talk } from "./talk.js";
import { openWords } from "./timeline.js";
import { capital, reasonOf, ticking } from "./words.js";

/** @typedef {import("../link.js").Frame} Frame */
/** @typedef {Record<string, any>} Row */

/** How long to wait for the next letter before the server is asked to search. */
const SEARCH_MS = 250;
/** How long a customer is shown as writing: their browser says so every 3 s. */
const TYPING_MS = 6_000;
/** How long a word to the person stays. */
const NOTICE_MS = 8_000;

const newId = () => crypto.randomUUID().replaceAll("-", "");

class Desk {
  constructor() {
    this.known = new Known();
    this.line = new Line(this.known, { current: () => this.current, frame: (frame) => this.receive(frame), state: () => this.frames.mark("status") });
    this.alerts = new Alerts();
    this.queue = "waiting";
    this.search = "";
    /** The open conversation: site and id. */
    this.current = "";
    /** The suggestion that was asked for. */
    this.thinking = "";
    this.notice = "";
    /** @type {Map<string, string>} what was being written, by conversation */
    this.written = new Map();
    /** @type {Row[]} */
    this.shown = [];
    this.shownOf = "";
    this.told = "";
    this.build();
    this.frames = new Frames({ queue: () => this.drawQueue(), talk: () => this.drawTalk(), about: () => this.drawAbout(), side: () => this.drawSide(), bar: () => this.bar.draw(this.known), status: () => this.drawStatus() });
    this.frames.all();
    this.line.start();
    setInterval(() => this.tick(), 1_000);
    document.addEventListener("visibilitychange", () => this.frames.all());
  }

  build() {
    const on = (this.on = page({ search: () => this.seek(), searching: (e) => this.searching(e), back: () => this.back() }));
    const help = sheet();
    this.help = () => help.showModal();
    this.rows = new Rows({ open: (row) => this.open(row), scrolled: () => this.frames.mark("queue") });
    this.deeds = new Deeds({ act: (frame) => this.act(frame), about: () => document.body.classList.toggle("asking") });
    this.bar = new Bar(on.bar, { alerts: this.alerts, help: this.help });
    this.talk = new Talk(this.known, {
      decide: (call, approve, comment, args) => this.post({ t: "decide", call: call.id, approve, args_sha256: call.asked?.args_sha256, comment, ...(args ? { args } : {}) }),
      retry: (id) => this.post(/** @type {any} */ (this.known.link(this.current).outbox.get(id)).frame),
      file: (id) => this.fileUrl(this.current, id),
      customer: () => this.known.rows.get(this.current)?.name || "Customer",
      about: (call) => this.limits(call.id),
    }, () => this.frames.mark("talk"));
    this.composer = new Composer({
      submit: (text, noting) => this.submit(text, noting), suggest: () => this.suggest(), attach: (file) => this.attach(file),
      canned: () => this.known.canned(this.current), people: () => this.known.people.filter((p) => !p.me), values: () => this.known.values(this.current),
      changed: () => this.frames.mark("about"), typing: () => this.line.send(this.current, { t: "typing" }),
    });
    put(on, { rows: this.rows.node, deeds: this.deeds.node, talk: this.talk.node, jump: this.talk.jump, flight: this.talk.flight, composer: this.composer.node, help });
    closeElsewhere();
    listen({
      queue: (n) => this.show(QUEUES[n][0]), move: (by) => this.move(by), write: (noting) => this.composer.note(noting), suggest: () => this.suggest(),
      toNew: () => this.talk.toNew(), toApproval: () => /** @type {HTMLElement | null} */ (this.talk.node.querySelector('[data-act="approve"]'))?.focus(),
      search: () => on.find.focus(), help: this.help, escape: () => this.back(),
      deed: (key) => {
        const button = /** @type {HTMLElement | null} */ (this.deeds.node.querySelector(`[data-deed="${CSS.escape(key)}"]`));
        if (button?.tagName === "SUMMARY") button.focus();
        if (button?.checkVisibility?.() !== false) button?.click();
        return !!button;
      },
    });
    const wanted = decodeURIComponent(location.hash.slice(1));
    if (wanted.includes("/")) {
      this.talk.reset((this.current = wanted));
      document.body.classList.add("reading");
    }
  }

  // What comes

  /** @param {Frame} frame */
  receive(frame) {
    const key = this.known.about(frame, this.current);
    if (frame.t === "rows") this.tell(frame.rows);
    if (frame.t === "error") this.refused(frame, key);
    if (frame.t === "suggestion") this.suggested(frame, key);
    const anew = frame.t === "welcome" && !!this.known.epoch && this.known.epoch !== frame.epoch;
    const before = this.known.me.id;
    const parts = this.known.take(frame, key, Date.now());
    // Another log: what was asked for was asked of the old one.
    if (anew) setTimeout(() => this.line.socket.restart());
    if (frame.t === "welcome" && !before) this.frames.all();
    // Of other conversations only their rows are to be seen.
    this.frames.mark(...(frame.conversation && key !== this.current ? parts.filter((part) => part === "queue") : parts));
    if (frame.t === "rows" && document.hidden) this.drawCount();
  }

  /** Say what is new of rows, where the desk is not looked at. @param {Row[]} rows */
  tell(rows) {
    const found = news(rows, this.known.rows, this.known.me.id);
    if (!found) return;
    const { row, what } = found;
    setText(this.on.announce, `${nameOf(row)}: ${what}`);
    this.alerts.tell(nameOf(row), what, row.conversation, () => this.open(row));
  }

  /** @param {Frame} frame @param {string} key */
  refused(frame, key) {
    if (frame.id && frame.id === this.thinking) this.thinking = "";
    const { outbox } = this.known.link(key);
    // A decision that was refused is not sent again: it is the person's again, with the reason.
    if (outbox.delete(`decide:${frame.id}`)) this.talk.refused(frame.id, frame.message);
    const pending = outbox.get(frame.id);
    if (pending) pending.failed = frame.code;
    this.say(frame.message);
    this.frames.mark("talk", "about");
  }

  /** @param {Frame} frame @param {string} key */
  suggested(frame, key) {
    if (frame.id === this.thinking && key === this.current) this.composer.propose(frame.text);
    this.thinking = "";
  }

  /** What an approval counts against; asked for once. @param {string} call */
  limits(call) {
    const known = this.known.approvals.get(call);
    if (known === undefined && this.line.send(this.current, { t: "approval", call })) this.known.approvals.set(call, null);
    return known || undefined;
  }

  // What a person does

  /** @param {Frame} frame that must arrive */
  post(frame) {
    this.line.post(this.current, frame);
    this.frames.mark("talk");
  }

  /** @param {Frame} frame that is of this moment */
  act(frame) {
    if (this.current && !this.line.send(this.current, frame)) this.say("No connection; please try again in a moment.");
  }

  /** @param {string} text */
  say(text) {
    this.notice = text;
    clearTimeout(this.noticing);
    if (text) this.noticing = setTimeout(() => this.say(""), NOTICE_MS);
    this.frames.mark("status");
  }

  /** @param {Row} row */
  open(row) {
    const key = keyOf(row);
    if (key !== this.current) {
      if (this.current) {
        this.written.set(this.current, this.composer.text.value);
        this.line.send(this.current, { t: "unwatch" });
      }
      this.current = key;
      if (!this.known.rows.has(key)) this.known.rows.set(key, row);
      this.talk.reset(key);
      this.composer.begin(this.written.get(key) || "");
      this.thinking = "";
      this.line.socket.send(this.line.watching(key));
      this.lookUp();
      history.replaceState(null, "", `#${encodeURIComponent(key)}`);
    }
    document.body.classList.add("reading");
    this.frames.mark("talk", "about", "side", "queue");
  }

  back() {
    document.body.classList.remove("reading", "asking");
    this.rows.focus(this.shown.findIndex((row) => keyOf(row) === this.current));
  }

  /** @param {string} text @param {boolean} noting */
  submit(text, noting) {
    if (!this.current) return;
    this.talk.said();
    this.post({ t: noting ? "note" : "reply", id: newId(), text });
  }

  /** @param {string} key @param {string} [id] without one, where files are sent */
  fileUrl(key, id) {
    const { site, conversation } = where(key);
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
      const here = key === this.current;
      const text = (here && this.composer.text.value.trim()) || body.file.name;
      if (here) this.composer.begin("");
      this.line.post(key, { t: "reply", id: newId(), text, files: [body.file.id] });
      this.frames.mark("talk");
      this.say("");
    } catch {
      this.say("The file could not be sent; please try again.");
    }
  }

  suggest() {
    if (!this.current || this.thinking) return;
    this.thinking = newId();
    this.composer.noting = false;
    this.act({ t: "suggest", id: this.thinking });
    this.frames.mark("about");
  }

  lookUp() {
    if (this.current) this.line.send(this.current, { t: "card" });
  }

  /** Ask the server, once the person stops typing. */
  seek() {
    this.search = this.on.find.value;
    this.rows.top();
    clearTimeout(this.seeking);
    const query = this.search.trim();
    if (query.length > 1) this.seeking = setTimeout(() => this.line.send("", { t: "search", query }), SEARCH_MS);
    this.frames.mark("queue");
  }

  /** Out of the search field into what was found: Enter opens the first, an arrow only goes there. @param {KeyboardEvent} e */
  searching(e) {
    if (e.isComposing || !this.shown.length || !["Enter", "ArrowDown"].includes(e.key)) return;
    e.preventDefault();
    this.rows.focus(0);
    if (e.key === "Enter") this.open(this.shown[0]);
  }

  /** @param {string} queue */
  show(queue) {
    this.queue = queue;
    this.rows.top();
    this.frames.mark("queue");
  }

  /** @param {number} by */
  move(by) {
    const at = this.shown.findIndex((row) => keyOf(row) === this.current);
    const to = Math.max(0, Math.min(this.shown.length - 1, at + by));
    if (!this.shown[to]) return;
    this.rows.show(to);
    this.open(this.shown[to]);
  }

  // Drawing

  tick() {
    if (document.hidden) return;
    const now_ms = Date.now();
    this.frames.mark("queue", "about");
    for (const node of this.talk.node.querySelectorAll("[data-until]")) setText(node, expires(Number(node.getAttribute("data-until")), now_ms));
  }

  drawQueue() {
    const { rows, me, found } = this.known;
    const now_ms = Date.now();
    const query = this.search.trim();
    const answer = query && found?.query === query ? found.rows : undefined;
    drawTabs(this.on.tabs, { queue: this.queue, counts: this.drawCount(), show: (queue) => this.show(queue) });
    const list = sorted(rows.values(), this.queue, me.id, this.search, now_ms, answer);
    const of = `${this.queue}|${query}|${!!answer}`;
    this.shown = this.rows.pointed && this.shownOf === of ? held(list, this.shown) : list;
    this.shownOf = of;
    this.rows.draw(this.shown, { current: this.current, me: me.id, now_ms });
    const empty = this.shown.length ? "" : query ? (answer || query.length < 2 ? "Nothing found." : "Searching…") : me.id ? "Nobody here. Well done." : "";
    if (this.rows.node.dataset.empty !== empty) this.rows.node.dataset.empty = empty;
  }

  /** Who waits stands in the tab's title, also while nobody looks. */
  drawCount() {
    const counts = counted(this.known.rows.values(), this.known.me.id, Date.now());
    const title = `${counts.waiting ? `(${counts.waiting}) ` : ""}Shopbell desk`;
    if (document.title !== title) document.title = title;
    return counts;
  }

  drawTalk() {
    if (!this.current) return;
    this.talk.draw(Date.now());
    this.tellSeen();
  }

  drawAbout() {
    const { rows, me, people } = this.known;
    const key = this.current;
    const row = rows.get(key);
    const now_ms = Date.now();
    const link = key ? this.known.link(key) : null;
    const mode = (link?.cursor && link.mode.mode) || row?.mode || "agent";
    document.body.classList.toggle("empty", !key);
    setText(this.on.title.name, row ? nameOf(row) : key ? "Conversation" : "");
    setText(this.on.title.place, row ? this.place(row, now_ms) : "");
    const loads = new Map();
    for (const one of rows.values()) if (one.mode === "staff") loads.set(one.staff, (loads.get(one.staff) || 0) + 1);
    this.deeds.draw({ key, mode, row, me, people, loads, open: () => (link ? openWords(link) : []), now_ms });
    const mine = mode === "staff" && row?.staff === me.id;
    const typing = now_ms - (this.known.typing.get(key) || 0) < TYPING_MS;
    this.composer.show({ open: !!key, mine, typing, canned: !!key && this.known.canned(key).length > 0, thinking: !!this.thinking });
    document.body.classList.toggle("noting", this.composer.noting);
  }

  drawSide() {
    if (!this.current) return;
    drawCard(this.on.side, { row: this.known.rows.get(this.current), link: this.known.link(this.current), card: this.known.cards.get(this.current), now_ms: Date.now(), open: (r) => this.open(r), close: () => document.body.classList.remove("asking"), tag: (tag, on) => this.act({ t: "tag", tag, on }), load: () => this.lookUp() });
  }

  drawStatus() {
    const { state } = this.line;
    setText(this.on.status, this.notice || (state === "open" ? "" : state === "refused" ? "Signed out." : "Connecting…"));
  }

  /**
   * Whose it is, and since when somebody waits.
   * @param {Row} row
   * @param {number} now_ms
   */
  place(row, now_ms) {
    const { me, sites } = this.known;
    const parts = sites.length > 1 ? [sites.find((s) => s.key === row.site)?.name || row.site] : [];
    if (row.mode === "waiting") parts.push(`waiting ${ticking(now_ms - row.waiting_since_ms)}`, reasonOf(row.reason));
    else if (row.mode === "staff") parts.push(row.staff === me.id ? "you have this" : `with ${row.staff_name}`);
    else parts.push(row.mode === "closed" ? "closed" : "with the agent", row.mode === "closed" ? reasonOf(row.reason) : "");
    const left_ms = offered_ms(row, now_ms);
    if (left_ms) parts.push(`offered to ${row.offered === me.id ? "you" : row.offered_name}, ${ticking(left_ms)}`);
    return capital(parts.filter(Boolean).join(" · "));
  }

  /** The customer may know that the person who has the conversation has read. */
  tellSeen() {
    const row = this.known.rows.get(this.current);
    const seq = this.known.link(this.current).events.findLast((e) => e.kind === "message" && e.role === "customer")?.seq || 0;
    const told = `${this.current}|${seq}`;
    if (!seq || document.hidden || row?.staff !== this.known.me.id || row?.mode !== "staff" || this.told === told) return;
    if (this.line.send(this.current, { t: "seen", seq })) this.told = told;
  }
}

new Desk();
