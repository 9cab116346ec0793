// The desk: one socket, the queues, one conversation at a time. Everything comes as events; the desk only draws them.
// Must not keep what is not in the log, but what was written and has not come back (the links' outboxes).

import { h } from "../dom.js";
import { Link } from "../link.js";
import { Socket } from "../socket.js";
import { draw } from "./items.js";
import { keyed } from "./keyed.js";
import { drawQueue, nameOf, QUEUES, sorted } from "./queue.js";
import { callsOf, timeline } from "./timeline.js";
import { reasonOf, span } from "./words.js";

/** @typedef {import("../link.js").Frame} Frame */

const HELP = [
  ["1 – 5", "queues"], ["j / k", "next, previous"], ["t", "take over"], ["r", "reply"], ["n", "note"], ["b", "hand back to the agent"],
  ["c", "close"], ["a", "to the first approval"], ["/", "search"], ["Esc", "back to the list"], ["?", "this help"],
];

class Desk {
  constructor() {
    this.me = { id: "", name: "", role: "agent" };
    /** @type {{key: string, name: string}[]} */
    this.sites = [];
    /** @type {Map<string, Record<string, any>>} */
    this.rows = new Map();
    this.counts = /** @type {Record<string, number>} */ ({});
    this.queue = "waiting";
    this.search = "";
    this.current = "";
    this.epoch = "";
    this.noting = false;
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
    setInterval(() => this.redraw(), 15_000);
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
        this.counts = frame.counts;
        this.news(frame);
        for (const row of frame.rows) this.rows.set(`${row.site}/${row.conversation}`, row);
        break;
      case "error":
        if (frame.conversation) this.link(this.keyOf(frame)).receive(frame);
        this.say(frame.message);
        break;
      case "staff":
        break;
      case "customer":
        this.typing.set(this.keyOf(frame), Date.now());
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
      return waits || answered || row.asked > (before?.asked || 0);
    });
    if (!fresh.length) return;
    this.announce.textContent = `${nameOf(fresh[0])}: ${fresh[0].asked ? "an approval is asked for" : fresh[0].last_text}`;
    if (document.hidden && globalThis.Notification?.permission === "granted") {
      const note = new Notification(nameOf(fresh[0]), { body: fresh[0].last_text, tag: fresh[0].conversation });
      note.onclick = () => {
        focus();
        this.open(fresh[0]);
      };
    }
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
        this.written.set(this.current, this.text.value);
        this.socket.send({ t: "unwatch", ...this.where(this.current) });
      }
      this.current = key;
      this.text.value = this.written.get(key) || "";
      this.stuck = true;
      this.socket.send(this.watching(key));
      history.replaceState(null, "", `#${encodeURIComponent(key)}`);
    }
    document.body.classList.add("reading");
    this.redraw();
  }

  back() {
    document.body.classList.remove("reading");
    /** @type {HTMLElement | null} */ (this.list.querySelector('[aria-current="true"]') || this.list.querySelector("button"))?.focus();
  }

  send() {
    const text = this.text.value.trim();
    if (!text || !this.current) return;
    const id = crypto.randomUUID().replaceAll("-", "");
    this.post(this.current, { t: this.noting ? "note" : "reply", id, text });
    this.text.value = "";
    this.noting = false;
    this.stuck = true;
    this.redraw();
  }

  // Drawing

  build() {
    const root = /** @type {HTMLElement} */ (document.getElementById("desk"));
    this.tabs = h("nav", { class: "tabs", "aria-label": "Queues" });
    this.find = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "Search  /", "aria-label": "Search conversations", oninput: () => {
      this.search = this.find.value;
      this.redraw();
    } }));
    this.list = h("div", { class: "rows", role: "list", "aria-label": "Conversations" });
    this.title = h("div", { class: "title" });
    this.deeds = h("div", { class: "deeds" });
    this.talk = h("div", { class: "talk", role: "log", tabindex: 0, "aria-label": "Conversation" });
    this.talk.addEventListener("scroll", () => {
      this.stuck = this.talk.scrollHeight - this.talk.scrollTop - this.talk.clientHeight < 60;
    });
    this.hint = h("p", { class: "hint" });
    this.text = /** @type {HTMLTextAreaElement} */ (h("textarea", { rows: 2, maxlength: 4000, "aria-label": "Message", onkeydown: (/** @type {KeyboardEvent} */ e) => {
      if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
        e.preventDefault();
        this.send();
      } else if (this.current && !this.noting && Date.now() - (this.typed || 0) > 3_000) {
        this.typed = Date.now();
        this.socket.send({ t: "typing", ...this.where(this.current) });
      }
    } }));
    this.sender = h("button", { class: "primary", onclick: () => this.send() }, "Send");
    this.noter = h("button", { "aria-pressed": "false", onclick: () => {
      this.noting = !this.noting;
      this.text.focus();
      this.redraw();
    } }, "Note");
    this.side = h("aside", { class: "side", "aria-label": "Customer" });
    this.status = h("p", { class: "status", role: "status" });
    this.announce = h("p", { class: "hidden", "aria-live": "polite" });
    this.help = h("dialog", { class: "help" }, h("h2", {}, "Keyboard"), h("dl", {}, HELP.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
      h("form", { method: "dialog" }, h("button", {}, "Close")));
    root.append(
      h("section", { class: "queue" }, h("header", {}, h("h1", {}, "Desk"), this.find), this.tabs, this.list),
      h("section", { class: "conversation" },
        h("header", {}, h("button", { class: "backward", "aria-label": "Back to the list", onclick: () => this.back() }, "‹"), this.title, this.deeds),
        this.talk, h("footer", {}, this.hint, this.text, h("div", { class: "buttons" }, this.noter, this.sender))),
      this.side, this.status, this.announce, this.help,
    );
    document.addEventListener("keydown", (e) => this.key(e));
    const wanted = decodeURIComponent(location.hash.slice(1));
    if (wanted.includes("/")) {
      this.current = wanted;
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
    keyed(this.tabs, QUEUES, (q) => q[0], (q) => `${q[0] === this.queue}${this.counts[q[0]] || 0}`, ([id, name], ) =>
      h("button", { type: "button", "aria-pressed": String(id === this.queue), onclick: () => {
        this.queue = id;
        this.redraw();
      } }, name, id !== "closed" && this.counts[id] > 0 && h("span", { class: "count" }, String(this.counts[id]))));
    this.shown = sorted(this.rows.values(), this.queue, this.me.id, this.search);
    drawQueue(this.list, this.shown, { current: this.current, me: this.me.id, now_ms, open: (row) => this.open(row) });
    this.list.dataset.empty = this.shown.length ? "" : this.search ? "Nothing found." : "Nobody here. Well done.";
    this.drawConversation(now_ms);
    const { name } = this.socket?.state || { name: "connecting" };
    const line = name === "open" ? "" : name === "refused" ? "Signed out." : "Connecting…";
    this.status.textContent = this.notice || line;
    const waiting = this.counts.waiting || 0;
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
    };
    const sign = (/** @type {any} */ item) => (item.type === "call" && item.call?.state !== "asked") || item.live || item.pending ? JSON.stringify(item) : `${item.key}${item.call?.state || ""}`;
    if (this.talk.dataset.of !== this.current) {
      this.talk.replaceChildren();
      /** @type {any} */ (this.talk).__nodes = undefined;
      this.talk.dataset.of = this.current;
      this.stuck = true;
    }
    keyed(this.talk, timeline(link), (item) => item.key, sign, (item) => draw(item, act, now_ms));
    if (this.stuck !== false) this.talk.scrollTop = this.talk.scrollHeight;
    this.drawSide(row, link);
  }

  /**
   * @param {Record<string, any>} row
   * @param {number} now_ms
   */
  place(row, now_ms) {
    const site = this.sites.length > 1 ? `${this.sites.find((s) => s.key === row.site)?.name || row.site} · ` : "";
    if (row.mode === "waiting") return `${site}waiting ${span(now_ms - row.waiting_since_ms)} · ${reasonOf(row.reason)}`;
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
    const sign = `${this.current}|${mode}|${mine}|${row?.staff}`;
    if (this.deeds.dataset.sign !== sign) {
      this.deeds.dataset.sign = sign;
      const button = (/** @type {string} */ text, /** @type {string} */ key, /** @type {Frame} */ frame, /** @type {string} */ kind = "") =>
        h("button", { class: kind, "data-deed": key, title: `${text} (${key})`, onclick: () => this.act(frame) }, text);
      const list = !this.current ? [] : mine
        ? [button("Hand back", "b", { t: "release", to: "agent" }), button("Close", "c", { t: "release", to: "closed", reason: "resolved" })]
        : mode === "staff"
          ? [button("Take from colleague", "t", { t: "take", force: true })]
          : [button("Take over", "t", { t: "take" }, "primary"), ...(mode === "closed" ? [] : [button("Close", "c", { t: "release", to: "closed", reason: "resolved" })])];
      this.deeds.replaceChildren(...list);
    }
    const can = mine || this.noting;
    this.text.disabled = !this.current;
    this.text.placeholder = this.noting ? "Only colleagues see this" : mine ? "Write to the customer" : "Take over to write to the customer; notes are always possible";
    this.sender.toggleAttribute("disabled", !can);
    this.sender.textContent = this.noting ? "Save note" : "Send";
    this.noter.setAttribute("aria-pressed", String(this.noting));
    document.body.classList.toggle("noting", this.noting);
    const typing = Date.now() - (this.typing.get(this.current) || 0) < 6_000;
    this.hint.textContent = typing ? "The customer is writing…" : "";
  }

  /**
   * @param {Record<string, any> | undefined} row
   * @param {Link} link
   */
  drawSide(row, link) {
    const known = [...link.events].reverse().find((e) => e.kind === "identified");
    const opened = link.events.find((e) => e.kind === "opened");
    const routed = [...link.events].reverse().find((e) => e.kind === "routed");
    const calls = [...callsOf(link).values()];
    const sign = `${this.current}|${link.cursor}`;
    if (this.side.dataset.sign === sign) return;
    this.side.dataset.sign = sign;
    const level = !known?.body.customer ? "not signed in" : known.body.verified === "step_up" ? "confirmed by a code" : "signed in by the shop";
    const pair = (/** @type {string} */ name, /** @type {any} */ value) => (value ? [h("dt", {}, name), h("dd", {}, String(value))] : []);
    const earlier = [...this.rows.values()].filter((r) => row?.customer && r.customer === row.customer && r.site === row.site && r.conversation !== row.conversation);
    this.side.replaceChildren(
      h("h2", {}, row ? nameOf(row) : "Customer"),
      h("dl", {}, pair("Known", level), pair("Customer", known?.body.customer), pair("E-mail", known?.body.email), pair("Language", routed?.body.language || opened?.body.locale),
        pair("Mood", routed?.body.mood), pair("Page", opened?.body.page?.title || opened?.body.page?.url)),
      h("h2", {}, "Actions"),
      calls.length ? h("ul", { class: "calls" }, calls.map((c) => h("li", { class: c.ended ? (c.ended.ok ? "good" : "bad") : "busy" }, c.label || c.tool))) : h("p", { class: "quiet" }, "None yet."),
      ...(earlier.length ? [h("h2", {}, "Earlier"), h("ul", { class: "earlier" }, earlier.slice(0, 8).map((r) => h("li", {}, h("button", { class: "link", onclick: () => this.open(r) }, r.last_text || r.conversation))))] : []),
    );
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    const target = /** @type {HTMLElement} */ (e.target);
    if (e.key === "Escape") {
      target.blur();
      return this.back();
    }
    if (/^(INPUT|TEXTAREA)$/.test(target.tagName) || e.ctrlKey || e.metaKey || e.altKey || /** @type {any} */ (this.help).open) return;
    const n = "12345".indexOf(e.key);
    const deed = this.deeds.querySelector(`[data-deed="${e.key}"]`);
    if (n >= 0) this.queue = QUEUES[n][0];
    else if (e.key === "j" || e.key === "k") this.move(e.key === "j" ? 1 : -1);
    else if (e.key === "r" || e.key === "n") {
      this.noting = e.key === "n";
      this.text.focus();
    } else if (e.key === "a") /** @type {HTMLElement | null} */ (this.talk.querySelector('[data-act="approve"]'))?.focus();
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
    const row = list[Math.max(0, Math.min(list.length - 1, at + by))];
    if (row) this.open(row);
  }
}

new Desk();
