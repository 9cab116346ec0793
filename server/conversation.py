"""Conversation: the fold of a conversation's events, and the one summary row that stores keep.

Pure: no I/O, no clock, no ids made here. Old logs must fold for ever: an unknown kind only moves the head.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from server import proof
from server.events import Event, Role
from server.ports import Mode, Summary
from server.proof import Identified, Verification
from tools.types import Level

CallState = Literal["planned", "asked", "decided", "started", "ended"]

RUN_PREFIX = "w:"
"""Begins the ids of workflow runs, and of the events that they write."""
PREVIEW_CHARS = 140
"""How much of the newest message a summary keeps: one line in a list."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands in the log."""

    id: str
    seq: int
    role: Role
    text: str
    turn: str | None
    name: str | None = None
    choices: tuple[str, ...] = ()
    citations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """One question for consent, or for proof of who is asking, and its answer. What it is bound to never changes."""

    of: Literal["customer", "staff"]
    at_ms: int
    seq: int
    expires_ms: int
    args_sha256: str = ""
    policy: str = ""
    """Version of the rule and the tool that were asked under."""
    customer: str | None = None
    """For whom the call was to be made, and how well he was known."""
    level: Level = "anonymous"
    why: str = ""
    verify: Literal["sign_in", "step_up"] | None = None
    approve: bool | None = None
    """None: no answer yet."""
    decided_seq: int = 0
    by: str | None = None
    name: str | None = None
    comment: str | None = None
    expired: bool = False
    message: str | None = None
    """The customer's message that was the answer, if it was said in words."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A planned call and what became of it. `args` never change: another argument is another call.

    `turn` is the turn in which it last moved: one that waited for a decision belongs to the turn that goes on with it.
    """

    id: str
    seq: int
    turn: str
    tool: str
    args: Mapping[str, Any]
    label: str
    state: CallState = "planned"
    attempt: int = 0
    asks: tuple[Asked, ...] = ()
    """All questions about it, oldest first."""
    ok: bool | None = None
    result: Any = None
    error: str | None = None
    code: str | None = None
    unknown: bool = False
    run: str | None = None
    """The workflow run that planned it, and its `key` there."""
    key: str | None = None
    replaces: str | None = None
    """The call whose arguments staff have edited."""
    fallback_for: str | None = None
    """The call that failed, and that this one stands in for."""
    timeout_s: float | None = None
    """A workflow's own limit for it, which may only be shorter than the tool's."""
    unasked: bool = False
    """Nothing that the customer wrote asks for it: a model wanted it of its own accord, or of somebody's it has read."""
    booked: tuple[tuple[str, int], ...] = ()
    """What was booked against limits when it started."""
    started_ms: int = 0
    ended_ms: int = 0

    @property
    def question(self) -> Asked | None:
        """The newest question about it."""
        return self.asks[-1] if self.asks else None

    @property
    def asked_of(self) -> Literal["customer", "staff"] | None:
        """Whom the newest question is for."""
        return self.asks[-1].of if self.asks else None

    @property
    def expires_ms(self) -> int | None:
        """When the newest question ends."""
        return self.asks[-1].expires_ms if self.asks else None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A workflow's run as the log tells it. `heard` are its machine events in order.

    Each is the event's own JSON, or `{"kind": "call_ended", "of": CALL}` for a call of this run that has ended.
    """

    id: str
    seq: int
    workflow: str
    digest: str
    turn: str | None
    heard: tuple[Mapping[str, Any], ...] = ()
    outcome: str | None = None
    """How it ended; None while it is open."""
    done: tuple[Mapping[str, Any], ...] = ()
    unasked: bool = False
    """As of a call: a model began it, or filled it in, with what the customer has not said."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """The stretch of work under way. `since` is the seq of its last `turn.started`."""

    id: str
    attempt: int
    since: int
    started_ms: int
    model_calls: int = 0
    tool_calls: int = 0
    passages: tuple[Mapping[str, Any], ...] = ()
    query: str | None = None
    looked_up: int = 0
    """The seq of the newest customer message that the passages were searched for."""
    told_upto: int = 0
    """The seq of the newest customer message that the model was told of."""
    fresh: bool = False
    """A call that no workflow planned has moved since the model was last asked."""
    ran: bool = False
    """A workflow's run has moved in this turn."""


@dataclass(frozen=True, slots=True)
class Route:
    """Which agent has the conversation, and how the customer's newest words were read."""

    agent: str
    turn: str | None
    upto: int
    """The seq of the newest customer message that was read for it."""
    language: str | None = None
    mood: str | None = None
    cue: str | None = None
    """What a person must see to, whatever the agent says: one of `server.policy.REASONS`."""
    passes: int = 0
    """How often the conversation was passed on in this turn."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A waiting conversation was offered to this colleague, until then."""

    to: str
    name: str
    until_ms: int


@dataclass(slots=True)
class Conversation:
    """The state that the events add up to. Made by `fold`; treat it as read-only."""

    key: str
    """The store's key, `SITE/ID`."""
    head: int = 0
    last_ms: int = 0
    mode: Mode = "agent"
    mode_seq: int = 0
    mode_reason: str | None = None
    mode_detail: str = ""
    """For staff: which of the shop's settings was the reason."""
    staff: str | None = None
    """Id and name of the person who has the conversation, while the mode is `staff`."""
    staff_name: str | None = None
    handed_back: int = 0
    """The seq at which a person last handed it back to the agent; 0 if nobody has since it was (re)opened."""
    offers: tuple[Offer, ...] = ()
    """To whom it was offered since the mode last changed, oldest first."""
    identity: Identified | None = None
    verification: Verification = field(default_factory=Verification)
    """Codes sent to the customer's mail, and what was tried."""
    generation: int = 0
    """How often somebody signed in or out: a visitor token of an older generation is refused."""
    signed_out: bool = False
    """The sign-in of this conversation ended: nobody comes back to it with a token."""
    locale: str | None = None
    page: Mapping[str, Any] | None = None
    messages: list[Message] = field(default_factory=list)
    calls: dict[str, CallRecord] = field(default_factory=dict)
    runs: dict[str, RunRecord] = field(default_factory=dict)
    """Workflow runs by id, oldest first."""
    ids: set[str] = field(default_factory=set)
    """Ids of the events that workflow runs have written, `RUN:n:i`: what is here has been carried out."""
    turn: OpenTurn | None = None
    route: Route | None = None
    """Where the newest customer message went; None while nothing was routed."""
    unanswered: list[str] = field(default_factory=list)
    """Ids of customer messages that no turn has answered, oldest first."""
    said: set[str] = field(default_factory=set)
    """Ids of all customer messages: a repeat is free."""
    last_turn_reason: str | None = None
    turns: int = 0
    rated: bool = False
    contact: str | None = None
    """The address that the customer has left for answers, unproven."""
    mailed: Mapping[str, str] = field(default_factory=dict)
    """What became of the mail with each message of staff: `sending`, `sent`, `failed` or `not_needed`."""
    tags: tuple[str, ...] = ()
    blocked: bool = False
    """Staff have blocked this visitor: nothing more is taken from them."""
    erased: bool = False
    """A message has lost its body: only an erasure does that."""

    @property
    def site(self) -> str:
        """The site's public key."""
        return site_of(self.key)

    @property
    def id(self) -> str:
        """The conversation's id as clients know it."""
        return id_of(self.key)

    @property
    def customer(self) -> str | None:
        """The signed-in customer, however long ago the proof ended."""
        return self.identity.customer if self.identity else None

    def message(self, event_id: str) -> Message | None:
        """The message with this event id."""
        return next((m for m in reversed(self.messages) if m.id == event_id), None)

    def turn_calls(self, turn: str) -> list[CallRecord]:
        """The calls of this turn, in order."""
        return [call for call in self.calls.values() if call.turn == turn]

    @property
    def consumed(self) -> frozenset[str]:
        """Ids of messages that were nothing but the answer to a question about a call, or the right code."""
        answers = frozenset(one.message for call in self.calls.values() for one in call.asks if one.message is not None)
        return answers | self.verification.passed

    @property
    def open_run(self) -> RunRecord | None:
        """The newest workflow run that has not ended."""
        return next((run for run in reversed(self.runs.values()) if run.outcome is None), None)


def key_of(site: str, conversation: str) -> str:
    """The store's key for a conversation of a site. Neither part can hold a slash, so no two sites share a key."""
    return f"{site}/{conversation}"


def site_of(key: str) -> str:
    """The site's public key in a store key."""
    return key.partition("/")[0]


def id_of(key: str) -> str:
    """The conversation id in a store key."""
    return key.partition("/")[2]


def fold(key: str, events: Iterable[Event], base: Conversation | None = None) -> Conversation:
    """The conversation after `events`; `base` is the conversation before them and is left as it was."""
    state = Conversation(key) if base is None else _copy(base)
    for event in events:
        if event.seq <= state.head:
            continue
        if event.seq != state.head + 1:
            raise ValueError(f"{key}: expected seq {state.head + 1}, got {event.seq}")
        state.head = event.seq
        state.last_ms = event.at_ms
        step = _STEPS.get(event.kind)
        if step is not None:
            step(state, event)
        if event.id.startswith(RUN_PREFIX):
            state.ids.add(event.id)
            _moved(state, event, ran=True)
    return state


def _copy(base: Conversation) -> Conversation:
    state = copy.copy(base)
    state.messages = list(base.messages)
    state.calls = dict(base.calls)
    state.runs = dict(base.runs)
    state.ids = set(base.ids)
    state.unanswered = list(base.unanswered)
    state.said = set(base.said)
    return state


def _opened(state: Conversation, event: Event) -> None:
    state.locale = event.body.get("locale") or state.locale
    state.page = event.body.get("page") or state.page


def _identified(state: Conversation, event: Event) -> None:
    body = event.body
    if body.get("generation", state.generation) != state.generation:
        return  # a proof that was begun before somebody signed in or out: it is nobody's any more
    customer = body.get("customer")
    before = state.generation
    if customer is None:
        state.identity = None
        state.signed_out = True
        state.generation += 1
    else:
        if state.identity is None or state.identity.customer != customer:
            state.generation += 1
        state.identity = proof.identified(state.identity, event, before)
    if state.generation != before:
        state.verification = replace(state.verification, code=None)


def _verify(state: Conversation, event: Event) -> None:
    state.verification = state.verification.heard(event)


def _message(state: Conversation, event: Event) -> None:
    body = event.body
    state.erased = state.erased or "text" not in body
    state.messages.append(
        Message(
            event.id,
            event.seq,
            event.role,
            body.get("text", ""),
            event.turn,
            body.get("name"),
            tuple(c if isinstance(c, str) else c.get("text", "") for c in body.get("choices") or ()),
            tuple(body.get("citations") or ()),
        )
    )
    if event.role == "customer":
        state.said.add(event.id)
        if state.mode in ("agent", "waiting"):
            state.unanswered.append(event.id)
    elif answers := body.get("answers"):  # a fixed sentence that answered without a turn
        state.unanswered = [m for m in state.unanswered if m not in answers]


def _routed(state: Conversation, event: Event) -> None:
    body, before = event.body, state.route
    same = before is not None and before.turn == event.turn
    state.route = Route(
        body.get("agent", ""),
        event.turn,
        body.get("upto", event.seq),
        body.get("language"),
        body.get("mood"),
        body.get("cue"),
        (before.passes if before is not None and same else 0) + ("from" in body),
    )


def _retrieved(state: Conversation, event: Event) -> None:
    if state.turn and event.turn == state.turn.id:
        state.turn = replace(
            state.turn,
            passages=tuple(event.body.get("passages") or ()),
            query=event.body.get("query"),
            looked_up=event.body.get("upto", event.seq),
        )


def _model_called(state: Conversation, event: Event) -> None:
    if state.turn and event.turn == state.turn.id:
        upto = max(state.turn.told_upto, event.body.get("upto", 0))
        state.turn = replace(state.turn, model_calls=state.turn.model_calls + 1, told_upto=upto, fresh=False)


def _call_planned(state: Conversation, event: Event) -> None:
    body = event.body
    call = CallRecord(
        body["call"],
        event.seq,
        event.turn or "",
        body.get("tool", ""),
        body.get("args") or {},
        body.get("label", ""),
        run=body.get("run"),
        key=body.get("key"),
        replaces=body.get("replaces"),
        fallback_for=body.get("fallback_for"),
        unasked=bool(body.get("unasked")),
        timeout_s=body.get("timeout_s"),
    )
    state.calls[call.id] = call
    if state.turn and event.turn == state.turn.id:
        state.turn = replace(state.turn, tool_calls=state.turn.tool_calls + 1)


def _moved(state: Conversation, event: Event, *, ran: bool) -> None:
    """Note in the open turn what has moved: a workflow's run, or a call of the model's own."""
    if state.turn is not None and event.turn == state.turn.id:
        state.turn = replace(state.turn, ran=True) if ran else replace(state.turn, fresh=True)


def _call_changed(state: Conversation, event: Event) -> None:
    body = event.body
    call = state.calls.get(body.get("call", ""))
    if call is None:
        return
    _moved(state, event, ran=call.run is not None)
    match event.kind:
        case "call.asked":
            # Asked once more in a later turn, it is that turn that waits for the answer.
            call = replace(call, state="asked", turn=event.turn or call.turn, asks=(*call.asks, _asked(event)))
        case "call.decided":
            if call.state != "asked" or not call.asks:
                return  # it was never asked, or the answer came twice: an answer is used once
            answered = replace(
                call.asks[-1],
                approve=bool(body.get("approve")),
                decided_seq=event.seq,
                by=body.get("by"),
                name=body.get("name"),
                comment=body.get("comment"),
                expired=bool(body.get("expired")),
                message=body.get("message"),
            )
            call = replace(call, state="decided", asks=(*call.asks[:-1], answered))
        case "call.started":
            call = replace(
                call,
                state="started",
                turn=event.turn or call.turn,
                attempt=body.get("attempt", call.attempt + 1),
                booked=call.booked + tuple((str(key), int(amount)) for key, amount in body.get("booked") or ()),
                started_ms=event.at_ms,
            )
        case _:
            call = replace(
                call,
                state="ended",
                turn=event.turn or call.turn,
                ok=body.get("ok"),
                result=body.get("result"),
                error=body.get("error"),
                code=body.get("code"),
                unknown=bool(body.get("unknown")),
                ended_ms=event.at_ms,
            )
            run = state.runs.get(call.run or "")
            if run is not None and call.code != "replaced":
                state.runs[run.id] = replace(run, heard=(*run.heard, {"kind": "call_ended", "of": call.id}))
    state.calls[call.id] = call


def _asked(event: Event) -> Asked:
    body = event.body
    caller = body.get("caller") or {}
    return Asked(
        body.get("of", "staff"),
        event.at_ms,
        event.seq,
        body.get("expires_ms", 0),
        body.get("args_sha256", ""),
        body.get("policy", ""),
        caller.get("customer"),
        caller.get("level", "anonymous"),
        body.get("why", ""),
        body.get("verify"),
    )


def _workflow_started(state: Conversation, event: Event) -> None:
    body = event.body
    run = RunRecord(
        body["run"], event.seq, body.get("workflow", ""), body.get("digest", ""), event.turn, (body.get("event") or {},)
    )
    run = replace(run, unasked=bool(body.get("unasked")))
    state.runs[run.id] = run
    _moved(state, event, ran=True)


def _workflow_heard(state: Conversation, event: Event) -> None:
    run = state.runs.get(event.body.get("run", ""))
    if run is not None:
        # A correction after the end opens it again: what was done stands, and is undone or kept by the machine.
        unasked = run.unasked or bool(event.body.get("unasked"))
        state.runs[run.id] = replace(
            run, heard=(*run.heard, event.body.get("event") or {}), outcome=None, unasked=unasked
        )
        _moved(state, event, ran=True)


def _workflow_ended(state: Conversation, event: Event) -> None:
    run = state.runs.get(event.body.get("run", ""))
    if run is not None:
        outcome, done = event.body.get("outcome", ""), tuple(event.body.get("done") or ())
        state.runs[run.id] = replace(run, outcome=outcome, done=done)


def _mode(state: Conversation, event: Event) -> None:
    before, state.mode = state.mode, event.body.get("mode", state.mode)
    state.offers = ()
    if state.mode == "agent":
        state.handed_back = 0 if before == "closed" else event.seq if before != "agent" else state.handed_back
        if state.route is not None:
            # What the customer sounded like has been seen to: only new words are a reason again.
            state.route = replace(state.route, mood=None, cue=None)
    state.mode_seq = event.seq
    state.mode_reason = event.body.get("reason")
    state.mode_detail = event.body.get("detail") or ""
    in_hand = state.mode == "staff"
    state.staff = event.body.get("by") if in_hand else None
    state.staff_name = event.body.get("name") if in_hand else None
    if state.mode in ("staff", "closed"):
        # From here on a person answers; what was asked before has been seen by that person.
        state.unanswered = []
    elif state.mode == "agent":
        # What the person left to the agent to answer.
        left = event.body.get("open") or ()
        state.unanswered += [mid for mid in left if mid in state.said and mid not in state.unanswered]


def _assigned(state: Conversation, event: Event) -> None:
    body = event.body
    offer = Offer(body.get("to", ""), body.get("name", ""), body.get("until_ms", 0))
    state.offers = (*state.offers, offer)


def _turn_started(state: Conversation, event: Event) -> None:
    attempt = event.body.get("attempt", 1)
    before = state.turn if state.turn and state.turn.id == event.turn else None
    if before is None:
        state.turns += 1
        state.turn = OpenTurn(event.turn or "", attempt, event.seq, event.at_ms)
    else:
        state.turn = replace(before, attempt=attempt, since=event.seq, started_ms=event.at_ms)


def _turn_ended(state: Conversation, event: Event) -> None:
    answers = set(event.body.get("answers") or ())
    state.unanswered = [m for m in state.unanswered if m not in answers]
    state.last_turn_reason = event.body.get("reason")
    if state.turn and state.turn.id == event.turn:
        state.turn = None


def _rated(state: Conversation, event: Event) -> None:
    state.rated = state.rated or "of" not in event.body


def _tagged(state: Conversation, event: Event) -> None:
    tag = str(event.body.get("tag"))
    state.tags = (*(one for one in state.tags if one != tag), *((tag,) if event.body.get("on") else ()))


def _blocked(state: Conversation, event: Event) -> None:
    state.blocked = bool(event.body.get("on"))


def _contact(state: Conversation, event: Event) -> None:
    state.contact = event.body.get("email")


def _mailed(state: Conversation, event: Event) -> None:
    body = event.body
    state.mailed = {**state.mailed, **dict.fromkeys(body.get("of") or (), body.get("state", "sending"))}


_STEPS = {
    "opened": _opened,
    "identified": _identified,
    "message": _message,
    "routed": _routed,
    "retrieved": _retrieved,
    "model.called": _model_called,
    "call.planned": _call_planned,
    "call.asked": _call_changed,
    "call.decided": _call_changed,
    "call.started": _call_changed,
    "call.ended": _call_changed,
    "workflow.started": _workflow_started,
    "workflow.heard": _workflow_heard,
    "workflow.ended": _workflow_ended,
    "mode": _mode,
    "assigned": _assigned,
    "turn.started": _turn_started,
    "turn.ended": _turn_ended,
    "rated": _rated,
    "tagged": _tagged,
    "blocked": _blocked,
    "verify.sent": _verify,
    "verify.tried": _verify,
    "contact": _contact,
    "mailed": _mailed,
}


def summarize(summary: Summary | None, event: Event) -> Summary:
    """The summary row after one more event; `None` is the row of a conversation that has none yet."""
    if summary is None:
        summary = Summary(event.conversation, site_of(event.conversation), opened_ms=event.at_ms)
    summary = replace(summary, head=event.seq, updated_ms=event.at_ms)
    body = event.body
    if event.role == "staff" and body.get("by") in summary.mentions:
        summary = replace(summary, mentions=tuple(one for one in summary.mentions if one != body.get("by")))
    match event.kind:
        case "identified":
            # Who waits to be known goes on now: whether that is so, `policy` sees.
            return replace(
                summary,
                customer=body.get("customer") or summary.customer,
                name=body.get("name") or summary.name,
                decided=min(summary.asked, 1),
            )
        case "message":
            counts = event.role == "customer" and summary.mode in ("agent", "waiting")
            return replace(
                summary,
                last_text=str(body.get("text", ""))[:PREVIEW_CHARS],
                last_role=event.role,
                snoozed_until_ms=None if event.role == "customer" else summary.snoozed_until_ms,
                unread=summary.unread + 1 if event.role == "customer" else 0,
                unmailed=0 if event.role == "customer" else summary.unmailed + (event.role == "staff"),
                unanswered=max(0, summary.unanswered + (1 if counts else 0) - len(body.get("answers") or ())),
            )
        case "mode":
            mode: Mode = body.get("mode", summary.mode)
            since = event.at_ms if mode == "waiting" and summary.mode != "waiting" else summary.waiting_since_ms
            left = len(body.get("open") or ()) if mode == "agent" else 0
            return replace(
                summary,
                mode=mode,
                offered=None,
                offered_name=None,
                offered_until_ms=None,
                escalated=False,
                waiting_since_ms=since if mode == "waiting" else None,
                reason=body.get("reason"),
                staff=body.get("by") if mode == "staff" else None,
                staff_name=body.get("name") if mode == "staff" else None,
                unanswered=0 if mode in ("staff", "closed") else summary.unanswered + left,
            )
        case "mailed":
            return replace(summary, unmailed=0)
        case "assigned":
            return replace(
                summary,
                offered=body.get("to"),
                offered_name=body.get("name"),
                offered_until_ms=body.get("until_ms"),
            )
        case "note" | "tagged" | "snoozed" | "blocked":
            return _aside(summary, event.kind, body)
        case "turn.started":
            attempt = body.get("attempt", 1)
            return replace(summary, open_turn=event.turn, turn_attempt=attempt, turn_ms=event.at_ms, decided=0)
        case "turn.ended":
            left = max(0, summary.unanswered - len(body.get("answers") or ()))
            open_turn = None if summary.open_turn == event.turn else summary.open_turn
            return replace(summary, open_turn=open_turn, unanswered=left)
        case "call.asked":
            staff = 1 if body.get("of") == "staff" else 0
            return replace(summary, asked=summary.asked + 1, asked_staff=summary.asked_staff + staff)
        case "call.decided":
            staff = 1 if "staff" in (body.get("of"), body.get("by")) else 0
            return replace(
                summary,
                asked=max(0, summary.asked - 1),
                asked_staff=max(0, summary.asked_staff - staff),
                decided=summary.decided + 1,
            )
        case "call.started" | "call.ended":
            others = tuple(call for call in summary.in_flight if call != body.get("call"))
            return replace(
                summary, in_flight=(*others, str(body.get("call"))) if event.kind == "call.started" else others
            )
        case _:
            return summary


def _aside(summary: Summary, kind: str, body: Mapping[str, Any]) -> Summary:
    """What staff do among themselves."""
    match kind:
        case "note":
            named = tuple(sorted({*summary.mentions, *(body.get("mentions") or ())}))
            return replace(summary, escalated=summary.escalated or bool(body.get("escalated")), mentions=named)
        case "tagged":
            kept = {tag for tag in summary.tags if tag != body.get("tag")}
            return replace(summary, tags=tuple(sorted({*kept, str(body.get("tag"))} if body.get("on") else kept)))
        case "snoozed":
            return replace(summary, snoozed_until_ms=body.get("until_ms"))
        case "blocked":
            return replace(summary, blocked=bool(body.get("on")))
        case _:
            return summary
