// One viewer's window on a conversation: cursor, events, drafts, steps and outbox (DESIGN §1).
// Must not touch DOM, storage, clock, network or chance: frames, times and ids come in as arguments.

/**
 * @typedef {{seq: number, id: string, at_ms: number, kind: string, role: string, body: Record<string, any>, turn?: string}} Event
 * @typedef {{t: string} & Record<string, any>} Frame
 * @typedef {{id: string, frame: Frame, at_ms: number, failed: string}} Pending `failed` is an error code, or empty
 * @typedef {{turn: string, base: number, text: string, length: number}} Draft `length` counts code points
 * @typedef {{id: string, label: string, state: "running" | "done" | "failed"}} Step
 * @typedef {{mode: "agent" | "waiting" | "staff" | "closed", reason?: string, name?: string, picture?: string}} Mode
 * @typedef {{typing: boolean, name: string, picture?: string, seen: number}} Staff `seen`: a person has read up to this seq
 */

/** @param {string} text */
export function codePoints(text) {
  let n = 0;
  // eslint-disable-next-line no-unused-vars
  for (const _ of text) n++;
  return n;
}

/**
 * `text` cut after `count` code points.
 * @param {string} text
 * @param {number} count
 */
function head(text, count) {
  let units = 0;
  for (const ch of text) {
    if (count-- <= 0) break;
    units += ch.length;
  }
  return text.slice(0, units);
}

const CALL_STATES = /** @type {Record<string, Step["state"]>} */ ({
  "call.planned": "running",
  "call.asked": "running",
  "call.decided": "running",
  "call.started": "running",
});

export class Link {
  constructor() {
    /** @type {Map<string, Pending>} what was sent and has not come back as an event, in order */
    this.outbox = new Map();
    /** @type {Record<string, any> | null} the site of the last welcome */
    this.site = null;
    /** What is to be said below the log, and is in no log: the name of its words. */
    this.aside = "";
    this.reset("", "");
  }

  /**
   * Forget everything of the conversation but the outbox.
   * @param {string} conversation
   * @param {string} epoch
   */
  reset(conversation, epoch) {
    this.conversation = conversation;
    this.epoch = epoch;
    /** Everything up to this seq has been taken in. */
    this.cursor = 0;
    this.head = 0;
    /** @type {Event[]} */
    this.events = [];
    /** @type {{reply: Draft | null, thinking: Draft | null}} */
    this.drafts = { reply: null, thinking: null };
    /** @type {Map<string, Map<string, Step>>} by turn, then by step or call */
    this.steps = new Map();
    /** The running turn, or empty. */
    this.turn = "";
    /** @type {Mode} */
    this.mode = { mode: "agent" };
    /** @type {Staff} */
    this.staff = { typing: false, name: "", seen: 0 };
    /** Drafts on an older base than this are late. */
    this.floor = 0;
    /** @type {Set<string>} turns that have ended */
    this.ended = new Set();
    /** @type {Map<string, {approve?: boolean, ended?: boolean}>} by call */
    this.calls = new Map();
    /** @type {Map<string, {sent: string, left: number, error: string, id: string}>} by call: who is to show who he is */
    this.proofs = new Map();
    /** @type {Map<string, number>} score by message id, of the conversation by "" */
    this.scores = new Map();
  }

  /** @param {string} call */
  proof(call) {
    let proof = this.proofs.get(call);
    if (!proof) this.proofs.set(call, (proof = { sent: "", left: 3, error: "", id: "" }));
    return proof;
  }

  /** What `hello` says of this window. */
  position() {
    return this.conversation ? { conversation: this.conversation, epoch: this.epoch, after: this.cursor } : { after: 0 };
  }

  /**
   * Take in one frame of the server. Unknown frames are ignored: the contract only ever adds.
   * @param {Frame} frame
   */
  receive(frame) {
    switch (frame.t) {
      case "welcome":
        if (!frame.recovered || frame.conversation !== this.conversation) this.reset(frame.conversation, frame.epoch);
        this.head = frame.head;
        this.#person({});
        this.site = frame.site;
        break;
      case "events":
        for (const event of frame.events) if (event.seq > this.cursor) this.#apply(event);
        if (frame.upto > this.cursor) this.cursor = frame.upto;
        break;
      case "draft":
        this.#draft(frame);
        break;
      case "step":
        this.#step(frame.turn, { id: frame.id, label: frame.label, state: frame.state });
        break;
      case "staff":
        this.#person(frame);
        break;
      case "error":
        this.#refuse(frame);
        break;
    }
  }

  /**
   * Put a frame with an id (or a `decide`) into the outbox; it stays until it comes back as an event.
   * @param {Frame} frame
   * @param {number} at_ms
   * @returns {Pending}
   */
  post(frame, at_ms) {
    const id = frame.id || `decide:${frame.call}`;
    const known = this.outbox.get(id);
    if (known) return known;
    const pending = { id, frame, at_ms, failed: "" };
    this.outbox.set(id, pending);
    return pending;
  }

  /**
   * What to send (again) behind `hello`, in order.
   * @returns {Frame[]}
   */
  unsent() {
    return [...this.outbox.values()].filter((p) => !p.failed).map((p) => p.frame);
  }

  /**
   * A frame for the state that a second tab needs: as the server would say it to a viewer at `after`.
   * @param {{conversation?: string, epoch?: string, after?: number}} from
   * @param {{v: number, token: string}} session
   * @returns {Frame[]}
   */
  replay(from, session) {
    const after = from.after || 0;
    const recovered = from.conversation === this.conversation && from.epoch === this.epoch && after <= this.cursor;
    const events = this.events.filter((e) => !recovered || e.seq > after);
    /** @type {Frame[]} */
    const frames = [
      { t: "welcome", ...session, conversation: this.conversation, epoch: this.epoch, head: this.cursor, recovered, site: this.site },
      { t: "events", events, upto: this.cursor },
    ];
    for (const [turn, steps] of this.steps) for (const step of steps.values()) frames.push({ t: "step", turn, ...step });
    for (const part of /** @type {const} */ (["thinking", "reply"])) {
      const draft = this.drafts[part];
      if (draft) frames.push({ t: "draft", turn: draft.turn, base: draft.base, part, at: 0, text: draft.text });
    }
    return frames;
  }

  /** @param {Record<string, any>} said by a person, or told of one; without a name it is the one we know */
  #person({ typing, name, picture, seen }) {
    const known = this.staff;
    this.staff = { typing: !!typing, name: name || known.name, picture: picture || (!name || name === known.name ? known.picture : ""), seen: Math.max(seen || 0, known.seen) };
  }

  /** @param {Frame} frame */
  #draft(frame) {
    const part = frame.part === "thinking" ? "thinking" : "reply";
    const old = this.drafts[part];
    if (this.ended.has(frame.turn) || frame.base < this.floor || this.mode.mode !== "agent") return;
    if (old && old.turn === frame.turn && frame.base < old.base) return;
    const known = old && old.turn === frame.turn ? old : null;
    if (frame.at === 0) {
      this.drafts[part] = { turn: frame.turn, base: frame.base, text: frame.text, length: codePoints(frame.text) };
    } else if (known && frame.at <= known.length) {
      const text = (frame.at < known.length ? head(known.text, frame.at) : known.text) + frame.text;
      this.drafts[part] = { turn: frame.turn, base: frame.base, text, length: frame.at + codePoints(frame.text) };
    }
    // A gap (at > length) is left: the next whole-text keyframe, at most 1 s later, repairs it.
    this.turn = frame.turn;
  }

  /**
   * @param {string} turn
   * @param {Step} step
   */
  #step(turn, step) {
    const steps = this.steps.get(turn) || new Map();
    const old = steps.get(step.id);
    steps.set(step.id, { ...step, label: step.label || (old ? old.label : "") });
    this.steps.set(turn, steps);
  }

  /** @param {Frame} frame */
  #refuse(frame) {
    const pending = frame.id && this.outbox.get(frame.id);
    for (const proof of this.proofs.values()) if (frame.id && proof.id === frame.id) proof.error = frame.code;
    // Too fast and busy are answers for now: the message stays and is sent again.
    if (!pending || frame.code === "too_fast" || frame.code === "busy") return;
    if (pending.frame.t === "transcript") {
      this.outbox.delete(pending.id);
      this.aside = frame.code === "bad_frame" ? "mail_refused" : "mail_failed";
    } else pending.failed = frame.code;
  }

  /** @param {Event} event */
  #apply(event) {
    const { kind, body, turn } = event;
    this.events.push(event);
    this.cursor = event.seq;
    this.outbox.delete(event.id);
    if (kind === "message") {
      if (event.role === "staff") this.#person({ name: body.name, picture: body.picture });
      if (event.role === "agent" && turn) this.#settle(event.seq);
    } else if (kind === "turn.started" && turn) {
      this.turn = turn;
    } else if (kind === "turn.ended" && turn) {
      this.#endTurn(turn, event.seq);
    } else if (kind === "mode") {
      this.mode = /** @type {Mode} */ (body);
      if (body.mode === "staff") this.#person({ name: body.name, picture: body.picture });
      if (body.mode !== "agent") this.#settle(event.seq);
      // While a person is awaited the agent may still answer; once one is here it does not.
      if (body.mode === "staff" || body.mode === "closed") this.turn = "";
      if (body.mode !== "agent") this.#heard("human");
    } else if (kind === "rated") {
      // Without `of` it is the whole conversation that was rated.
      this.scores.set(body.of || "", body.score);
    } else if (kind === "mailed") {
      if (body.what) this.#heard(body.what);
    } else if (kind === "verify.sent") Object.assign(this.proof(body.call), { sent: body.to, left: 3, error: "" });
    else if (kind === "verify.tried") this.proof(body.call).left = body.left;
    else if (kind.startsWith("call.")) {
      this.#call(event);
    }
  }

  /** What comes back as another event than the frame that asked for it. @param {string} name of the frame */
  #heard(name) {
    for (const [id, p] of this.outbox) if (p.frame.t === name) this.outbox.delete(id);
  }

  /** @param {number} seq */
  #settle(seq) {
    this.drafts = { reply: null, thinking: null };
    this.floor = seq;
  }

  /**
   * @param {string} turn
   * @param {number} seq
   */
  #endTurn(turn, seq) {
    this.ended.add(turn);
    if (this.turn === turn) {
      this.turn = "";
      this.#settle(seq);
    }
    for (const step of this.steps.get(turn)?.values() || []) {
      // A call outlives its turn while it waits for somebody, and nobody knows its end before its event: never say "done".
      const call = this.calls.get(step.id);
      if (step.state === "running" && (!call || call.ended)) step.state = "done";
    }
  }

  /** @param {Event} event */
  #call(event) {
    const { kind, body, turn } = event;
    const call = this.calls.get(body.call) || {};
    if (kind === "call.decided") {
      call.approve = body.approve;
      this.outbox.delete(`decide:${body.call}`);
    }
    if (kind === "call.ended") {
      call.ended = true;
      this.outbox.delete(`decide:${body.call}`);
    }
    this.calls.set(body.call, call);
    const state = CALL_STATES[kind] || (body.ok === false ? "failed" : "done");
    if (turn) this.#step(turn, { id: body.call, label: body.label || "", state });
  }
}
