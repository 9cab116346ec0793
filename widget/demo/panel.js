// The demo's panel, served as /demo/panel.js with `serve --demo`: who is signed in, and the staff's view of what just happened.
// Must not be on a real shop's page, and must never put a token into an address.

// A plain script beside any page's own: no name of ours may meet one of theirs.
(() => {
const script = /** @type {HTMLScriptElement} */ (document.currentScript);
const site = script.dataset.site || "";
const PERSON = `shopbell-demo:${site}:customer`;
const OPEN = `shopbell-demo:${site}:open`;
const POLL_MS = 1000; // quick enough to watch an answer come about; only while the panel is open and in sight
const FRESH_MS = 45 * 60_000; // an identity ends after an hour

/** @typedef {{seq: number, at_ms: number, id: string, kind: string, role: string, body: any, turn?: string}} LogEvent */

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] attributes, or a listener under `onclick`
 * @param {...(Node | string | null | undefined)} children
 */
function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (typeof value === "function") node.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child != null).map((child) => /** @type {Node | string} */ (child)));
  return node;
}

const memory = new Map();
/** @param {"localStorage" | "sessionStorage"} kind @param {string} key @returns {string} */
function recall(kind, key) {
  try {
    return window[kind].getItem(key) || "";
  } catch {
    return memory.get(key) || "";
  }
}
/** @param {"localStorage" | "sessionStorage"} kind @param {string} key @param {string} value */
function keep(kind, key, value) {
  try {
    window[kind].setItem(key, value);
  } catch {
    memory.set(key, value);
  }
}

/** @returns {{token?: string, conversation?: string}} what the widget keeps of its conversation */
function session() {
  try {
    return JSON.parse(recall("localStorage", `shopbell:${site}`) || "{}") || {};
  } catch {
    return {};
  }
}

/** Run when the widget is there: commands before that would be lost. @param {() => void} fn */
function whenReady(fn) {
  if (document.querySelector("shopbell-chat")) fn();
  else document.addEventListener("shopbell:ready", fn, { once: true });
}

/** @param {any[]} args */
const shopbell = (...args) => /** @type {any} */ (window).Shopbell?.(...args);

// What each kind of event says in one line.

const count = (/** @type {number} */ n, /** @type {string} */ one, many = one + "s") => `${n} ${n === 1 ? one : many}`;
const short = (/** @type {any} */ text, n = 140) => {
  const line = String(text ?? "").replace(/\s+/g, " ").trim();
  return line.length > n ? line.slice(0, n - 1) + "…" : line;
};

/** @type {Map<string, string>} tool names by call */
const tools = new Map();

/** @type {Record<string, (body: any, event: LogEvent) => string>} */
const SAID = {
  opened: (b) => `A visitor came in${b.page?.title ? ` on “${short(b.page.title, 60)}”` : ""}`,
  identified: (b) => (b.customer ? `Signed in as ${b.customer}${b.verified ? ", vouched for by the shop" : ""}` : "Nobody is signed in"),
  message: (b) => short(b.text, 600),
  thought: (b) => short(b.text, 220),
  retrieved: (b) => `${count(b.passages?.length ?? 0, "passage")} for “${short(b.query, 80)}”`,
  "model.called": (b) => [b.model, usage(b.usage), ms(b.ms)].filter(Boolean).join(" · "),
  "call.planned": (b) => `${b.tool}(${args(b.args)})`,
  "call.asked": (b) => `Asks ${b.of === "staff" ? "a person" : "the customer"}: ${b.label ?? tools.get(b.call) ?? ""}`,
  "call.decided": (b) => `${b.approve ? "Approved" : "Declined"}${b.by ? ` by ${b.by}` : ""}`,
  "call.started": (b) => `${tools.get(b.call) ?? "Call"} begins${b.attempt > 1 ? `, attempt ${b.attempt}` : ""}`,
  "call.ended": (b) => `${tools.get(b.call) ?? "Call"} ${b.ok ? "succeeded" : `failed: ${short(b.error, 120)}`}`,
  mode: (b) => `${{ agent: "The agent answers", waiting: "Waiting for a person", staff: "A person answers", closed: "Closed" }[/** @type {"agent"} */ (b.mode)] ?? b.mode}${b.reason ? ` (${b.reason})` : ""}`,
  "turn.started": (b) => (b.attempt > 1 ? `Work goes on, attempt ${b.attempt}` : "Work begins"),
  "turn.ended": (b) => [`Work ends: ${String(b.reason).replace(/_/g, " ")}`, usage(b.usage), ms(b.ms)].filter(Boolean).join(" · "),
  note: (b) => short(b.text, 220),
  rated: (b) => `Rated ${b.score}${b.text ? `: ${short(b.text)}` : ""}`,
};

const ms = (/** @type {any} */ n) => (typeof n === "number" ? (n < 10_000 ? `${Math.round(n)} ms` : `${(n / 1000).toFixed(1)} s`) : "");
/** @param {any} u */
function usage(u) {
  const sum = u ? (u.input_tokens ?? 0) + (u.output_tokens ?? 0) : 0;
  return sum ? `${u.input_tokens ?? 0} + ${u.output_tokens ?? 0} tokens` : "";
}
const args = (/** @type {any} */ a) => Object.entries(a ?? {}).map(([k, v]) => `${k}: ${short(JSON.stringify(v), 60)}`).join(", ");

/** @param {any} p a passage */
function passage(p) {
  const score = typeof p.score === "number" ? p.score : null;
  const title = [p.title, p.heading].filter(Boolean).join(" › ") || p.document || "Passage";
  const meter = score === null ? null : h("meter", { min: 0, max: 1, value: score, "aria-hidden": "true" });
  const link = typeof p.url === "string" && /^(\/(?!\/)|https?:)/.test(p.url) ? h("a", { href: p.url }, title) : h("span", {}, title);
  return h("li", {}, h("div", { class: "score" }, link, meter, score === null ? null : h("b", {}, score.toFixed(2))), p.text ? h("p", {}, short(p.text, 240)) : null);
}

/** What can be unfolded under an event's line. @param {LogEvent} event @returns {Node | null} */
function more({ kind, body }) {
  if (kind === "retrieved" && body.passages?.length) return h("ol", { class: "passages" }, ...body.passages.map(passage));
  if (kind === "message" && body.citations?.length) {
    return h("ol", { class: "passages" }, ...body.citations.map((/** @type {any} */ c) => passage({ ...c, text: c.quote })));
  }
  if (kind === "message" && !body.choices?.length) return null;
  const rest = kind === "call.ended" ? (body.ok ? body.result : body.error) : body;
  if (rest == null || (typeof rest === "object" && !Object.keys(rest).length)) return null;
  return h("pre", { tabindex: "0" }, typeof rest === "string" ? rest : JSON.stringify(rest, null, 2));
}

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** @param {LogEvent} event */
function row(event) {
  if (event.kind === "call.planned") tools.set(event.body.call, event.body.tool);
  const said = SAID[event.kind]?.(event.body ?? {}, event) ?? short(JSON.stringify(event.body));
  const head = [
    h("span", { class: "kind" }, event.kind.replace(".", " ")),
    h("span", { class: "meta" }, `#${event.seq} `, h("time", { datetime: new Date(event.at_ms).toISOString() }, clock.format(event.at_ms))),
    h("span", { class: "said" }, said),
  ];
  const inner = more({ ...event, body: event.body ?? {} });
  const failed = (event.kind === "call.ended" && !event.body?.ok) || (event.kind === "turn.ended" && /failed|interrupted/.test(event.body?.reason));
  const props = { "data-kind": event.kind, "data-role": event.role, class: failed ? "failed" : "" };
  return h("li", props, inner ? h("details", {}, h("summary", {}, ...head), inner) : h("div", { class: "plain" }, ...head));
}

class Panel {
  constructor() {
    this.host = h("div", { id: "shopbell-demo" });
    const root = this.host.attachShadow({ mode: "open" });
    this.button = h("button", { type: "button", class: "tab", "aria-expanded": "false", "aria-controls": "panel", onclick: () => this.toggle() }, "What just happened");
    this.list = h("ol", { class: "log", "aria-label": "Events, oldest first" });
    this.empty = h("p", { class: "empty" }, "Nothing yet. Press the bell, say something, and watch what it does here.");
    this.people = h("fieldset", {}, h("legend", {}, "Signed in as"));
    this.status = h("p", { class: "status", role: "status" });
    this.body = h("div", { class: "scroll", tabindex: "-1" }, this.empty, this.list);
    this.panel = h(
      "section", { id: "panel", "aria-labelledby": "title", hidden: true },
      h("div", { class: "head" }, h("h2", { id: "title" }, "What just happened"), h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => this.toggle(false) }, "×")),
      h("p", { class: "what" }, "The staff's view of this conversation. Customers never get this; the demo shows it on your own machine only."),
      this.people, this.status, this.body,
    );
    this.panel.addEventListener("keydown", (event) => {
      if (/** @type {KeyboardEvent} */ (event).key === "Escape") this.toggle(false);
    });
    const sheet = h("link", { rel: "stylesheet", href: "/demo/panel.css" });
    // Unstyled it would push the page about.
    this.host.hidden = true;
    sheet.addEventListener("load", () => (this.host.hidden = false));
    root.append(sheet, this.button, this.panel);
    this.after = 0;
    this.conversation = "";
    this.busy = false;
  }

  async start() {
    const state = await fetch("/demo/panel.json").then((r) => r.json()).catch(() => null);
    if (!state) return;
    document.body.append(this.host);
    this.local = state.local;
    if (!state.local) this.say(`Not available: ${state.why}.`);
    this.drawPeople(state.customers);
    for (const name of ["welcome", "message", "mode", "open"]) {
      document.addEventListener(`shopbell:${name}`, () => this.poll());
    }
    setInterval(() => this.poll(), POLL_MS);
    setInterval(() => this.signIn(recall("localStorage", PERSON), true), FRESH_MS);
    if (recall("sessionStorage", OPEN)) this.toggle(true, false);
    const person = recall("localStorage", PERSON);
    if (person && state.customers.some((/** @type {any} */ one) => one.id === person)) this.signIn(person, true);
  }

  /** @param {{id: string, name: string}[]} customers */
  drawPeople(customers) {
    const now = recall("localStorage", PERSON);
    for (const { id, name } of [{ id: "", name: "Nobody" }, ...customers]) {
      const input = h("input", { type: "radio", name: "customer", value: id, checked: id === now, onchange: () => this.signIn(id) });
      this.people.append(h("label", {}, input, h("span", {}, name)));
    }
    this.people.hidden = !customers.length;
  }

  /** @param {string} customer "" signs out @param {boolean} [quiet] nobody pressed anything: say nothing when it works */
  async signIn(customer, quiet = false) {
    if (!customer) {
      if (quiet) return;
      keep("localStorage", PERSON, "");
      whenReady(() => shopbell("logout"));
      return this.say("Signed out. A new conversation begins.");
    }
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ customer }) };
    const answer = await fetch("/demo/identity", options).then((r) => r.json()).catch(() => null);
    if (!answer?.identity) return this.say(answer?.error?.message ?? "The server does not answer. Try again.");
    const other = recall("localStorage", PERSON);
    if (other && other !== customer) whenReady(() => shopbell("logout"));
    keep("localStorage", PERSON, customer);
    whenReady(() => shopbell("identify", answer.identity));
    if (!quiet) this.say("Signed in. Ask about an order.");
  }

  /** @param {string} text */
  say(text) {
    this.status.textContent = text;
  }

  /** @param {boolean} [open] @param {boolean} [focus] */
  toggle(open = this.panel.hidden, focus = true) {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    this.button.hidden = open;
    keep("sessionStorage", OPEN, open ? "1" : "");
    if (focus) (open ? /** @type {HTMLElement} */ (this.panel.querySelector(".close")) : this.button).focus();
    if (open) this.poll();
  }

  async poll() {
    if (this.panel.hidden || document.hidden || this.busy || !this.local) return;
    const { token, conversation = "" } = session();
    if (conversation !== this.conversation) {
      this.conversation = conversation;
      this.after = 0;
      this.list.replaceChildren();
      this.empty.hidden = false;
    }
    if (!token) return;
    this.busy = true;
    try {
      const answer = await fetch(`/demo/events?after=${this.after}`, { headers: { Authorization: `Bearer ${token}` } });
      if (answer.ok) this.draw(await answer.json());
    } catch {
      // The server restarts: the next poll tells.
    } finally {
      this.busy = false;
    }
  }

  /** @param {{conversation: string, events: LogEvent[]}} found */
  draw({ conversation, events }) {
    const fresh = events.filter((event) => event.seq > this.after);
    if (conversation !== this.conversation || !fresh.length) return;
    const atEnd = this.body.scrollHeight - this.body.scrollTop - this.body.clientHeight < 80;
    this.empty.hidden = true;
    this.list.append(...fresh.map(row));
    this.after = fresh[fresh.length - 1].seq;
    if (atEnd) this.body.scrollTop = this.body.scrollHeight;
  }
}

const panel = new Panel();
if (document.body) panel.start();
else document.addEventListener("DOMContentLoaded", () => panel.start());
})();
