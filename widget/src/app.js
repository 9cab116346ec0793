// One chat on one page: wires store, link, line (socket or other tabs) and view together.
// Must not draw: what is shown is the view's; what is known is the link's.

import { chat as de } from "./locales/de.js";
import { chat as en } from "./locales/en.js";
import { identityOf, readIdentity } from "./identity.js";
import { listen } from "./lifecycle.js";
import { Link } from "./link.js";
import { withMore } from "./more.js";
import { explain, tell } from "./notice.js";
import { plural } from "./plural.js";
import { direction, translator } from "./shared.js";
import { Socket } from "./socket.js";
import { Store } from "./store.js";
import { Tabs } from "./tabs.js";
import { LAUNCHERS } from "./view/icons.js";
import { Panel } from "./view/panel.js";
import { Voice } from "./voice.js";

/**
 * @typedef {import("./link.js").Frame} Frame
 * @typedef {import("./socket.js").State} State
 */

export class App extends Voice {
  /** @param {any} host the custom element that the loader made */
  constructor(host) {
    super();
    this.host = host;
    this.link = new Link();
    /** @type {State} */
    this.line = { name: "idle" };
    this.notice = "";
    this.identity = identityOf(host.config.identity);
    this.stopped = false;
    /** Messages up to this seq are old news: neither announced nor counted as new. */
    this.newsFrom = 0;
    /** @type {Set<string>} tokens that the server has refused */
    this.refused = new Set();
    this.renewed = false;
    this.running = false;
    /** @type {string | undefined} the next hello's token, where it was decided here: what tabs store at once settles in no order */
    this.given = undefined;
    this.#load();
    this.#words();
    this.socket = new Socket({
      url: host.config.server.replace(/^http/, "ws") + "v1/chat",
      hello: () => this.#hello(),
      frame: (frame) => {
        this.#frame(frame);
        this.tabs?.share(frame);
      },
      state: (state) => {
        this.#state(state);
        this.tabs?.shareState(state);
      },
      badToken: () => this.#badToken(),
    });
    this.#tabs();
    this.panel = new Panel(this);
    this.unlisten = listen({ again: () => this.again(), seen: () => this.look(), offline: () => this.line.name === "waiting" && this.#state({ name: "offline" }), rest: () => this.#rest(), wake: () => this.#wake() });
    this.unread();
    (window.requestIdleCallback || setTimeout)(() => this.panel.prepare());
    if (host.link) withMore(this, (more) => more.reopen(host.link));
    else if (this.store.session().live || this.link.outbox.size || this.identity) this.start();
  }

  #load() {
    const { config } = this.host;
    this.storage = this.host.storage;
    this.store = new Store(config.site, this.storage);
    this.store.save({ visited: true });
    if (this.#isAnother()) this.store.clear();
    this.#remember();
    const session = this.store.session();
    this.seen = session.seen || 0;
    const log = this.store.log();
    if (session.token && session.conversation) {
      const same = log?.conversation === session.conversation;
      this.link.reset(session.conversation, same && log ? log.epoch : "");
      if (same && log) this.link.receive({ t: "events", events: log.events, upto: log.after });
    }
    this.newsFrom = this.link.cursor;
    this.#adoptOutbox();
  }

  /** Whether this identity is not that of the customer whose words are kept on this device. */
  #isAnother() {
    const { who } = readIdentity(this.identity);
    const kept = this.store.session().who;
    return !!who && !!kept && who !== kept;
  }

  #remember() {
    const { who } = readIdentity(this.identity);
    if (who) this.store.save({ who });
  }

  #adoptOutbox() {
    for (const p of this.store.outbox()) {
      if (!this.link.events.some((e) => e.id === p.id)) this.link.post(p.frame, p.at_ms).failed = p.failed || "";
      else this.store.drop(p.id);
    }
  }

  #words() {
    this.locale = this.host.locale;
    this.t = plural(translator(this.locale, { en, de }));
    this.dir = direction(this.locale);
  }

  #tabs() {
    const { site, storage, server } = this.host.config;
    if (storage !== "local" || !this.storage) return;
    this.tabs = new Tabs({
      name: `shopbell ${server} ${site}`,
      lead: () => {
        this.leads = true;
        this.socket.start();
      },
      follow: () => {},
      position: () => this.link.position(),
      replay: (position) => (this.line.name === "open" ? this.link.replay(position, { v: 1, token: this.store.session().token || "" }) : null),
      state: () => this.line,
      frame: (frame) => this.#frame(frame),
      heardState: (state) => this.#state(state),
      command: (frame) => this.#command(frame),
    });
  }

  /** Open the line, or listen to the tab that has it. */
  start() {
    // A mailed link says first which conversation it is.
    if (this.running || this.stopped || this.host.link) return;
    this.running = true;
    this.#state({ name: "connecting" });
    if (this.tabs) this.tabs.start();
    else {
      this.leads = true;
      this.socket.start();
    }
  }

  #rest() {
    this.#saveLog();
    if (!this.running) return;
    this.socket.stop();
    this.tabs?.stop();
    this.leads = false;
    this.resting = true;
  }

  #wake() {
    if (!this.resting) return;
    this.resting = this.running = false;
    this.start();
  }

  stop() {
    this.#rest();
    this.stopped = true;
    this.unlisten?.();
    this.panel.stop();
  }

  /** @returns {Frame[]} */
  #hello() {
    this.greeted = false;
    this.#adoptOutbox();
    const token = this.given ?? this.store.session().token;
    this.token = token || "";
    const { origin, pathname } = location;
    const { ends_ms } = readIdentity(this.identity);
    /** @type {Frame} */
    const hello = {
      t: "hello", v: 1, site: this.host.config.site, token: token || undefined,
      // Once signed in, the token that came of it says so; the identity itself is good for an hour only.
      identity: (token && this.admitted) || (ends_ms && ends_ms < Date.now()) ? undefined : this.identity || undefined,
      ...(token ? this.link.position() : { after: 0 }),
      locale: this.locale,
      // Neither query nor fragment: they may hold what the shop would not tell.
      page: { url: (origin + pathname).slice(0, 2000), title: document.title.slice(0, 300) },
    };
    if (!hello.epoch) delete hello.epoch;
    return [hello, ...this.link.unsent()];
  }

  /** @returns {boolean} whether to say hello anew */
  #badToken() {
    this.given = undefined;
    if (this.token) this.refused.add(this.token);
    const { token, conversation } = this.store.session();
    if (token && !this.refused.has(token)) {
      // Another tab has got a newer one meanwhile.
      this.link.reset(conversation || "", "");
      this.panel.forget();
      return true;
    }
    if (this.renewed) return false;
    this.renewed = true;
    this.store.forget();
    this.link.reset("", "");
    this.seen = this.toldSeen = 0;
    this.panel.forget();
    return true;
  }

  /** @param {Frame} frame from the line */
  #frame(frame) {
    // The tab with the line may not know yet that this conversation was left for that of a mailed link.
    if (frame.t === "welcome") this.deaf = frame.conversation === this.leaving;
    if (this.deaf) return;
    // Another conversation on the same line: the server has signed somebody out, or in. What is kept is not theirs to see.
    if (frame.t === "welcome" && this.greeted && this.link.conversation && frame.conversation !== this.link.conversation) this.#clearAll();
    const before = this.link.conversation;
    const waiting = [...this.link.outbox.keys()];
    if (frame.t === "cleared") {
      this.#clear();
      return;
    }
    const news = this.link.cursor;
    this.link.receive(frame);
    if (frame.t === "welcome") this.#welcome(frame, before);
    else if (frame.t === "token") this.store.save({ token: frame.token });
    else if (frame.t === "error") explain(this, frame);
    else if (frame.t === "events") {
      for (const event of frame.events) {
        this.store.drop(event.id);
        if (event.seq > news && event.seq > this.newsFrom) this.#event(event);
      }
      this.store.save({ live: this.link.events.length > 0 || undefined });
      this.#saveSoon();
      this.unread();
    }
    for (const id of waiting) if (!this.link.outbox.has(id)) this.store.drop(id);
    this.panel.update();
  }

  /**
   * @param {Frame} frame
   * @param {string} before the conversation until now
   */
  #welcome(frame, before) {
    if (before !== frame.conversation) {
      this.seen = this.toldSeen = 0;
      this.panel.forget();
    }
    // What a new line brings was said while we were away: news only if we had been there.
    this.newsFrom = frame.recovered ? this.link.cursor : frame.head;
    this.admitted = this.greeted = true;
    this.renewed = false;
    this.given = undefined;
    this.refused.clear();
    this.notice = "";
    const theme = frame.site?.theme || {};
    const icon = LAUNCHERS[theme.launcher];
    this.#remember();
    this.store.save({ token: frame.token, conversation: frame.conversation, accent: theme.accent, icon, seen: this.seen });
    this.host.theme = { ...theme, icon };
    this.host.apply();
    this.panel.theme(theme);
    this.host.emit("welcome", { conversation: frame.conversation });
  }

  /** @param {import("./link.js").Event} event that is new */
  #event(event) {
    const { id, role, kind, body } = event;
    if (kind === "message") this.host.emit("message", { id, role, text: body.text, name: body.name });
    if (kind === "mode") this.host.emit("mode", { mode: body.mode, name: body.name });
  }

  /** @param {State} state */
  #state(state) {
    this.line = state;
    if (state.name === "erased") {
      this.#clear();
      this.line = state;
    }
    this.host.emit("line", { state: state.name });
    this.panel?.update();
  }

  #clear() {
    this.store.clear();
    this.link.outbox.clear();
    this.link.aside = "";
    this.link.reset("", "");
    this.seen = this.toldSeen = 0;
    this.notice = "";
    this.admitted = false;
    this.panel.forget();
    this.panel.composer?.set("");
    this.unread();
    this.panel.update();
  }

  /** Clear it in the other tabs too. */
  #clearAll() {
    this.#clear();
    this.tabs?.share({ t: "cleared" });
  }

  /** @param {Frame} frame that another tab wants sent */
  #command(frame) {
    if (frame.t === "retry") this.socket.retry();
    else if (frame.t === "identify") this.identify(frame.identity);
    else if (frame.t === "logout") this.logout();
    else if (frame.t === "adopt") this.adopt(frame);
    else this.deliver(frame, true);
  }

  /**
   * @param {Frame} frame
   * @param {boolean} keep until it comes back as an event
   */
  deliver(frame, keep) {
    if (keep && (frame.id || frame.t === "decide")) this.store.put(this.link.post(frame, Date.now()));
    this.start();
    if (this.leads) {
      // Also between hello and welcome: it follows hello on the same line. Without a line, the next hello brings it.
      this.socket.send(frame);
    } else if (this.tabs) this.tabs.ask(frame);
    this.panel.update();
  }

  /** Connect now, if it is only the back-off that is waited for. */
  again() {
    if (this.leads) this.socket.retry();
    else if (this.running) this.tabs?.ask({ t: "retry" });
  }

  retryNow() {
    if (["broken", "refused", "erased"].includes(this.line.name)) {
      this.renewed = false;
      if (this.line.name === "erased") this.store.clear();
      this.#state({ name: "connecting" });
      if (this.leads) this.socket.restart();
      else this.tabs?.ask({ t: "retry" });
    } else this.again();
  }

  /** Go on with the conversation of a mailed link, in all tabs. @param {Record<string, any>} session its token and name */
  adopt({ token, conversation }) {
    if (conversation !== this.link.conversation) {
      this.leaving = this.link.conversation;
      this.#clear();
    }
    this.store.save({ token, conversation, live: true });
    this.given = token;
    this.start();
    if (this.leads) this.socket.restart();
    else this.tabs?.ask({ t: "adopt", token, conversation });
  }

  /** @param {any} raw identity */
  identify(raw) {
    this.identity = identityOf(raw);
    const another = this.#isAnother();
    if (another) this.#clear();
    this.#remember();
    if (!this.leads && this.running) return this.tabs?.ask({ t: "identify", identity: this.identity });
    if (another) return this.#anew();
    // Behind a hello that has gone out already; without a line, the next hello has it.
    this.admitted = this.socket.send({ t: "identify", identity: this.identity });
    if (!this.admitted) this.start();
  }

  /** Sign out: what was said is cleared here, in all tabs, and a new conversation begins. */
  logout() {
    this.identity = null;
    if (!this.leads && this.running && this.tabs) {
      this.tabs.ask({ t: "logout" });
      this.#clear();
      return;
    }
    this.#anew();
    tell(this, "bye");
  }

  /** End the sign-in of this line and say hello anew; nothing that is still under way on the old line is heard. */
  #anew() {
    this.socket.send({ t: "logout" });
    this.#clearAll();
    this.#remember();
    this.given = "";
    this.socket.restart();
  }

  #saveSoon() {
    // 300 ms: a burst of events is one write.
    this.saving ??= setTimeout(() => this.#saveLog(), 300);
  }

  #saveLog() {
    clearTimeout(this.saving);
    this.saving = undefined;
    if (this.link.conversation) this.store.saveLog(this.link);
  }

  /** The page has changed its configuration. */
  update() {
    const before = this.locale;
    this.#words();
    if (before !== this.locale) this.panel.rebuild();
    this.panel.update();
  }
}
