"""Policy: what to do next in a conversation, and what a finished model call means.

Pure: no I/O, no clock, no ids made here. The log is the program counter: after a crash, fold it and decide again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from server.conversation import CallRecord, Conversation
from server.ports import PlannedCall, Usage
from server.site import Limits
from tools import Caller, Registry, Rule, Verdict, canonical, verdict

MAX_ATTEMPTS: Final = 3
"""A turn that took three processes with it is ended with an apology instead of taking a fourth."""
MAX_EMPTY: Final = 2
"""Answers without a word before a person is asked."""
MAX_LOOKUPS: Final = 4
"""Searches for one message: the whole of it, and its single questions."""

Reason = Literal[
    "asked", "anger", "legal", "self_harm", "unknown", "unknown_outcome", "limits", "failed", "interrupted", "language",
    "budget", "not_yet", "handed_over",
]  # fmt: skip
REASONS: Final = frozenset(Reason.__args__)  # type: ignore[attr-defined]
"""Why a conversation goes to a person."""


@dataclass(frozen=True, slots=True)
class StartTurn:
    """Claim a turn: a new one (`turn` is None), or one more attempt at one that a dead process left behind."""

    turn: str | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class CallModel:
    """Let the model go on."""


@dataclass(frozen=True, slots=True)
class RunCall:
    """Run these permitted calls, at the same time."""

    calls: tuple[CallRecord, ...]


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Ask somebody for consent to this call."""

    call: CallRecord
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class EndCall:
    """End this call without running it. `code` says why, for programs; `reason` in words."""

    call: CallRecord
    code: Literal["denied", "sign_in", "sign_in_again", "unknown_outcome", "repeated"]
    reason: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give up, visibly: an apology, and a person is asked."""

    reason: Reason
    ended: Literal["failed", "handed_over", "interrupted"] = "handed_over"


@dataclass(frozen=True, slots=True)
class EndTurn:
    """End the turn without a word: a person has taken over."""

    reason: Literal["handed_over", "stopped"]


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until something new is in the log."""


Step = StartTurn | CallModel | RunCall | AskPerson | EndCall | HandOver | EndTurn | Rest


@dataclass(frozen=True, slots=True)
class Rules:
    """What a site allows: its tools, the merchant's rule for each, and the limits of a turn."""

    registry: Registry
    rules: Mapping[str, Rule]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Runner:
    """The process that decides: which attempt at which turn it holds, and how its last model calls went."""

    turn: str | None = None
    attempt: int = 0
    empty: int = 0
    """Model calls in a row that said and did nothing."""
    failed: Reason | None = None
    """The model or the budget gave out in this attempt."""


def decide(state: Conversation, rules: Rules, caller: Caller, runner: Runner, now_ms: int) -> list[Step]:
    """What to do next; several steps at once are independent of each other and never include a `Rest`."""
    turn = state.turn
    if state.mode in ("staff", "closed"):
        return [EndTurn("handed_over")] if turn is not None and turn.id == runner.turn else [Rest()]
    if turn is None:
        return [StartTurn()] if state.unanswered else [Rest()]
    if (turn.id, turn.attempt) != (runner.turn, runner.attempt):
        # A dead process left it, or another one took it from this runner: whoever wins the next `turn.started` goes on.
        return [StartTurn(turn.id, turn.attempt + 1)]
    if turn.attempt > MAX_ATTEMPTS:
        return [HandOver("interrupted", "interrupted")]
    calls = _next_calls(state, rules, caller, now_ms)
    if calls:
        return calls
    gone = _gave_out(state, rules.limits, runner, now_ms)
    return [gone] if gone is not None else [CallModel()]


def _next_calls(state: Conversation, rules: Rules, caller: Caller, now_ms: int) -> list[Step]:
    assert state.turn is not None  # noqa: S101 - decide() has looked
    run: list[CallRecord] = []
    steps: list[Step] = []
    done: set[bytes] = set()
    for call in state.turn_calls(state.turn.id):
        key = call.tool.encode() + b"\0" + canonical(call.args)
        if call.state in ("planned", "decided"):
            step: Step | None = EndCall(call, "repeated", "already called in this turn") if key in done else None
            step = step or _judge(state, call, rules, caller, now_ms)
            if step is None:
                run.append(call)
            else:
                steps.append(step)
        elif call.state == "started":
            # Only a dead process leaves a started call behind: this attempt has not started it.
            spec = rules.registry.get(call.tool)
            if spec is not None and (spec.effect == "read" or spec.idempotent):
                run.append(call)
            else:
                steps.append(
                    EndCall(call, "unknown_outcome", "outcome unknown: the server stopped while this was running")
                )
        done.add(key)
    return [RunCall(tuple(run)), *steps] if run else steps


def _judge(state: Conversation, call: CallRecord, rules: Rules, caller: Caller, now_ms: int) -> Step | None:
    """The step for a planned call; None: it may run."""
    if state.mode != "agent":
        return EndCall(call, "denied", "a person has been asked for; nothing is done until then")
    found = verdict(rules.registry.get(call.tool), rules.rules.get(call.tool), caller, call.args)
    if found.permission == "auto":
        return None
    if found.permission in ("confirm", "approve"):
        return AskPerson(call, found)
    if found.code == "sign_in":
        lapsed = (
            state.identity is not None and state.identity.until_ms is not None and now_ms >= state.identity.until_ms
        )
        return EndCall(call, "sign_in_again" if lapsed else "sign_in", found.reason)
    return EndCall(call, "denied", found.reason)


def _gave_out(state: Conversation, limits: Limits, runner: Runner, now_ms: int) -> HandOver | None:
    assert state.turn is not None  # noqa: S101 - decide() has looked
    turn = state.turn
    if any(call.unknown for call in state.turn_calls(turn.id)):
        return HandOver("unknown_outcome")
    if runner.failed is not None:
        return HandOver(runner.failed, "handed_over" if runner.failed in ("budget", "not_yet") else "failed")
    if runner.empty >= MAX_EMPTY:
        return HandOver("failed", "failed")
    over_calls = turn.model_calls >= limits.model_calls_per_turn or turn.tool_calls >= limits.tool_calls_per_turn
    if over_calls or now_ms - turn.started_ms >= limits.turn_s * 1000:
        return HandOver("limits")
    return None


@dataclass(slots=True)
class Answer:
    """What one model call gave."""

    text: str = ""
    thinking: str = ""
    calls: list[PlannedCall] = field(default_factory=list)
    choices: tuple[str, ...] = ()
    hand_over: Reason | None = None
    usage: Usage | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing was said, asked or done."""
        return not (self.text.strip() or self.calls or self.hand_over)


def reason(text: str) -> Reason:
    """A model's word for why a person should take over, as one of `REASONS`."""
    return text if text in REASONS else "handed_over"  # type: ignore[return-value]


_QUESTION: Final = re.compile(r"[^?!.;\n]+[?!.;\n]*")


def lookups(state: Conversation, extra: str | None = None) -> tuple[str, ...]:
    """What to search the help center for: the unanswered words as a whole, and each of several questions in them.

    A short message leans on what was said before ("and for sale items?"), so the customer's words before go along.
    `extra` is a message that is about to be appended.
    """
    asked = [message.text for mid in state.unanswered if (message := state.message(mid)) is not None]
    if extra is not None:
        asked.append(extra)
    whole = " ".join(" ".join(asked).split())
    if not whole:
        return ()
    found = [whole]
    parts = [part.strip() for part in _QUESTION.findall(whole) if len(part.split()) >= 2]
    if len(parts) > 1:
        found += parts[-(MAX_LOOKUPS - 1) :]
    if len(whole.split()) <= SHORT_WORDS:
        before = [m.text for m in state.messages if m.role == "customer" and m.id not in state.unanswered]
        if before:
            found.append(f"{before[-1]} {whole}")
    return tuple(dict.fromkeys(found))[:MAX_LOOKUPS]


SHORT_WORDS: Final = 6
"""Up to six words, a message often leaves out what it is about: "and for sale items?", "how long does that take?"."""


def unanswered_upto(state: Conversation) -> int:
    """The seq of the newest unanswered message; 0 if there is none."""
    return max((m.seq for m in state.messages if m.id in state.unanswered), default=0)


def answer_body(text: str, citations: Sequence[Mapping[str, Any]], choices: Sequence[str]) -> dict[str, Any]:
    """The body of an agent's `message`."""
    body: dict[str, Any] = {"text": text}
    if citations:
        body["citations"] = list(citations)
    if choices:
        body["choices"] = list(choices)
    return body
