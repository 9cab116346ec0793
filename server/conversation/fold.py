"""Fold: from a conversation's events to its state. Old logs must fold for ever: an unknown kind only moves the head.

Pure: no I/O, no clock, no ids made here.
"""

import copy
from collections.abc import Iterable
from dataclasses import replace

from server import proof
from server.conversation.records import (
    RUN_PREFIX,
    Asked,
    CallRecord,
    Conversation,
    Message,
    Offer,
    OpenTurn,
    Route,
    RunRecord,
)
from server.events import Event


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
        if step is not None and not event.body and event.kind != "opened":
            state.erased = True  # only `opened` can have nothing to say: there is nothing left to go by
        elif step is not None:
            step(state, event)
        if event.role == "staff" and event.body.get("by") in state.mentions:
            state.mentions = {who: seq for who, seq in state.mentions.items() if who != event.body["by"]}
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
            tuple(body.get("files") or ()),
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
    state.escalated = 0
    if state.mode == "agent":
        state.handed_back = 0 if before == "closed" else event.seq if before != "agent" else state.handed_back
        if state.route is not None:
            # What the customer sounded like has been seen to: only new words are a reason again.
            state.route = replace(state.route, mood=None, cue=None)
    state.mode_seq = event.seq
    state.mode_reason = event.body.get("reason")
    state.mode_by = event.body.get("by")
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


def _note(state: Conversation, event: Event) -> None:
    if event.body.get("escalated"):
        state.escalated = event.seq
        state.offers = ()  # nobody has taken it: all are asked once more
    if named := event.body.get("mentions"):
        state.mentions = {**dict.fromkeys(named, event.seq), **state.mentions}


def _alerted(state: Conversation, event: Event) -> None:
    state.alerted |= {event.id}


def _tagged(state: Conversation, event: Event) -> None:
    tag = str(event.body.get("tag"))
    state.tags = (*(one for one in state.tags if one != tag), *((tag,) if event.body.get("on") else ()))


def _snoozed(state: Conversation, event: Event) -> None:  # noqa: ARG001 - a step of the fold
    state.offers = ()  # when it is back, everybody is asked anew


def _blocked(state: Conversation, event: Event) -> None:
    state.blocked = bool(event.body.get("on"))
    state.blocked_until_ms = event.body.get("until_ms")


def _contact(state: Conversation, event: Event) -> None:
    state.contact = event.body.get("email")


def _mailed(state: Conversation, event: Event) -> None:
    body = event.body
    state.rating_mailed = state.rating_mailed or body.get("what") == "rating"
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
    "note": _note,
    "alerted": _alerted,
    "tagged": _tagged,
    "snoozed": _snoozed,
    "blocked": _blocked,
    "verify.sent": _verify,
    "verify.tried": _verify,
    "contact": _contact,
    "mailed": _mailed,
}
