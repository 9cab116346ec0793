"""Conversation: the fold of a conversation's events, and the one summary row that stores keep.

Pure: no I/O, no clock, no ids made here. Old logs must fold for ever: an unknown kind only moves the head.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from server.events import Event, Role
from server.ports import Mode, Summary

CallState = Literal["planned", "asked", "decided", "started", "ended"]

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
class CallRecord:
    """A planned call and what became of it. `args` never change: another argument is another call."""

    id: str
    seq: int
    turn: str
    tool: str
    args: Mapping[str, Any]
    label: str
    state: CallState = "planned"
    attempt: int = 0
    asked_of: Literal["customer", "staff"] | None = None
    expires_ms: int | None = None
    approved: bool | None = None
    decided_by: str | None = None
    ok: bool | None = None
    result: Any = None
    error: str | None = None
    unknown: bool = False


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


@dataclass(frozen=True, slots=True)
class Identified:
    """Who the customer proved to be. `until_ms` is when the proof ends; None: it does not end."""

    customer: str
    email: str | None = None
    name: str | None = None
    until_ms: int | None = None
    level: Literal["identified", "step_up"] = "identified"


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
    identity: Identified | None = None
    generation: int = 0
    """How often somebody signed in or out: a visitor token of an older generation is refused."""
    signed_out: bool = False
    """The sign-in of this conversation ended: nobody comes back to it with a token."""
    locale: str | None = None
    page: Mapping[str, Any] | None = None
    messages: list[Message] = field(default_factory=list)
    calls: dict[str, CallRecord] = field(default_factory=dict)
    turn: OpenTurn | None = None
    unanswered: list[str] = field(default_factory=list)
    """Ids of customer messages that no turn has answered, oldest first."""
    said: set[str] = field(default_factory=set)
    """Ids of all customer messages: a repeat is free."""
    last_turn_reason: str | None = None
    turns: int = 0
    rated: bool = False
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
        """The calls planned in this turn, in order."""
        return [call for call in self.calls.values() if call.turn == turn]


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
    return state


def _copy(base: Conversation) -> Conversation:
    state = copy.copy(base)
    state.messages = list(base.messages)
    state.calls = dict(base.calls)
    state.unanswered = list(base.unanswered)
    state.said = set(base.said)
    return state


def _opened(state: Conversation, event: Event) -> None:
    state.locale = event.body.get("locale") or state.locale
    state.page = event.body.get("page") or state.page


def _identified(state: Conversation, event: Event) -> None:
    body = event.body
    customer = body.get("customer")
    if customer is None:
        state.identity = None
        state.signed_out = True
        state.generation += 1
        return
    if state.identity is None or state.identity.customer != customer:
        state.generation += 1
    state.identity = Identified(
        customer,
        body.get("email"),
        body.get("name"),
        body.get("until_ms"),
        "step_up" if body.get("verified") == "step_up" else "identified",
    )


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
        state.turn = replace(state.turn, model_calls=state.turn.model_calls + 1)


def _call_planned(state: Conversation, event: Event) -> None:
    body = event.body
    call = CallRecord(
        body["call"], event.seq, event.turn or "", body.get("tool", ""), body.get("args") or {}, body.get("label", "")
    )
    state.calls[call.id] = call
    if state.turn and event.turn == state.turn.id:
        state.turn = replace(state.turn, tool_calls=state.turn.tool_calls + 1)


def _call_changed(state: Conversation, event: Event) -> None:
    body = event.body
    call = state.calls.get(body.get("call", ""))
    if call is None:
        return
    match event.kind:
        case "call.asked":
            call = replace(call, state="asked", asked_of=body.get("of"), expires_ms=body.get("expires_ms"))
        case "call.decided":
            call = replace(call, state="decided", approved=body.get("approve"), decided_by=body.get("by"))
        case "call.started":
            call = replace(call, state="started", attempt=body.get("attempt", call.attempt + 1))
        case _:
            call = replace(
                call,
                state="ended",
                ok=body.get("ok"),
                result=body.get("result"),
                error=body.get("error"),
                unknown=bool(body.get("unknown")),
            )
    state.calls[call.id] = call


def _mode(state: Conversation, event: Event) -> None:
    state.mode = event.body.get("mode", state.mode)
    state.mode_seq = event.seq
    state.mode_reason = event.body.get("reason")
    if state.mode in ("staff", "closed"):
        # From here on a person answers; what was asked before has been seen by that person.
        state.unanswered = []


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


_STEPS = {
    "opened": _opened,
    "identified": _identified,
    "message": _message,
    "retrieved": _retrieved,
    "model.called": _model_called,
    "call.planned": _call_planned,
    "call.asked": _call_changed,
    "call.decided": _call_changed,
    "call.started": _call_changed,
    "call.ended": _call_changed,
    "mode": _mode,
    "turn.started": _turn_started,
    "turn.ended": _turn_ended,
    "rated": _rated,
}


def summarize(summary: Summary | None, event: Event) -> Summary:
    """The summary row after one more event; `None` is the row of a conversation that has none yet."""
    if summary is None:
        summary = Summary(event.conversation, site_of(event.conversation), opened_ms=event.at_ms)
    summary = replace(summary, head=event.seq, updated_ms=event.at_ms)
    body = event.body
    match event.kind:
        case "identified":
            return replace(summary, customer=body.get("customer") or summary.customer)
        case "message":
            counts = event.role == "customer" and summary.mode in ("agent", "waiting")
            return replace(
                summary,
                last_text=str(body.get("text", ""))[:PREVIEW_CHARS],
                unanswered=summary.unanswered + (1 if counts else 0),
            )
        case "mode":
            mode: Mode = body.get("mode", summary.mode)
            since = event.at_ms if mode == "waiting" and summary.mode != "waiting" else summary.waiting_since_ms
            return replace(
                summary,
                mode=mode,
                waiting_since_ms=since if mode == "waiting" else None,
                unanswered=0 if mode in ("staff", "closed") else summary.unanswered,
            )
        case "turn.started":
            return replace(summary, open_turn=event.turn, turn_attempt=body.get("attempt", 1), turn_ms=event.at_ms)
        case "turn.ended":
            left = max(0, summary.unanswered - len(body.get("answers") or ()))
            open_turn = None if summary.open_turn == event.turn else summary.open_turn
            return replace(summary, open_turn=open_turn, unanswered=left)
        case "call.asked":
            return replace(summary, asked=summary.asked + 1)
        case "call.decided":
            return replace(summary, asked=max(0, summary.asked - 1))
        case _:
            return summary
