"""Policy: what to do next in a conversation, and what a finished model call means.

Pure: no I/O, no clock, no ids made here. The log is the program counter: after a crash, fold it and decide again.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from server import phrases, runs
from server.consent import Code, No, Rules, Wanted, judge, known_enough
from server.conversation import CallRecord, Conversation
from server.ports import Heard, PassOn, PlannedCall, Start, Usage
from server.runs import Due, Run
from server.site import Limits
from tools import Caller, canonical

MAX_ATTEMPTS: Final = 3
"""A turn that took three processes with it is ended with an apology instead of taking a fourth."""
MAX_EMPTY: Final = 2
"""Answers without a word before a person is asked."""
MAX_LOOKUPS: Final = 4
"""Searches for one message: the whole of it, and its single questions."""

Reason = Literal[
    "asked", "anger", "legal", "self_harm", "unknown", "unknown_outcome", "limits", "failed", "interrupted", "language",
    "budget", "switched_off", "handed_over", "topic", "amount", "tool", "customer", "low_confidence",
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
    """Ask for consent, or for proof of who is asking, for each of these calls; the turn ends until somebody answers."""

    asks: tuple[tuple[CallRecord, Wanted], ...]


@dataclass(frozen=True, slots=True)
class Decide:
    """Write down an answer to the question about this call: the customer said it in words, or the proof has come."""

    call: CallRecord
    approve: bool
    by: Literal["customer", "system"]


@dataclass(frozen=True, slots=True)
class Reconcile:
    """A dead process started this call: find out what became of it."""

    call: CallRecord


@dataclass(frozen=True, slots=True)
class EndCall:
    """End this call without running it. `code` says why, for programs; `reason` in words."""

    call: CallRecord
    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Do what workflow runs want: say, ask, plan their calls, end. One commit."""

    due: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Say that this call of a workflow waits for somebody's answer."""

    call: CallRecord


@dataclass(frozen=True, slots=True)
class Resume:
    """Let this run go on: what it rested for has come, or the customer's other question has been answered."""

    run: Run


@dataclass(frozen=True, slots=True)
class Leave:
    """End this run: the customer has gone on to other things."""

    run: Run


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give up, visibly: an apology, and a person is asked."""

    reason: Reason
    ended: Literal["failed", "handed_over", "interrupted"] = "handed_over"
    detail: str = ""
    """For staff: which setting of the shop says so."""


@dataclass(frozen=True, slots=True)
class EndTurn:
    """End the turn without a further word: a person has taken over, or a workflow's run has said everything."""

    reason: Literal["handed_over", "stopped", "answered", "waiting"]


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until something new is in the log."""


RunStep = CarryOut | Tell | Resume | Leave
"""What is done for workflow runs."""
Step = StartTurn | CallModel | RunCall | AskPerson | Decide | Reconcile | EndCall | RunStep | HandOver | EndTurn | Rest


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
        return _with_staff(state, rules, caller, runner, now_ms)
    if turn is None:
        return [StartTurn()] if state.unanswered or due(state, caller) or _resumable(state, rules, caller) else [Rest()]
    if (turn.id, turn.attempt) != (runner.turn, runner.attempt):
        # A dead process left it, or another one took it from this runner: whoever wins the next `turn.started` goes on.
        return [StartTurn(turn.id, turn.attempt + 1)]
    if turn.attempt > MAX_ATTEMPTS:
        return [HandOver("interrupted", "interrupted")]
    if rules.off:
        return _switched_off(state, rules, caller, now_ms)
    open_runs = runs.open_runs(state, rules.workflows) if state.mode == "agent" else []
    calls = _wanted_by_runs(state, open_runs, rules, caller, now_ms) or _next_calls(state, rules, caller, now_ms)
    if calls:
        return calls
    if turn.ran and not turn.fresh and not _unheard(state):
        return [_after_runs(state, open_runs)]
    gone = _gave_out(state, rules.limits, runner, now_ms)
    return [gone] if gone is not None else [CallModel()]


def _switched_off(state: Conversation, rules: Rules, caller: Caller, now_ms: int) -> list[Step]:
    """Nothing is begun any more: what waits to run is denied, what a dead process left in flight looked up, then told."""
    calls = _next_calls(state, rules, caller, now_ms)
    assert state.turn is not None  # noqa: S101 - decide() has looked
    unknown = any(call.unknown for call in state.turn_calls(state.turn.id))
    return calls or [HandOver("unknown_outcome" if unknown else "switched_off")]


def due(state: Conversation, caller: Caller) -> list[CallRecord]:
    """Calls that can go on though no turn is open: decided, the proof has come, or left in flight by a dead process."""
    return [call for call in state.calls.values() if call.state in ("decided", "started") or known_enough(call, caller)]


# Workflow runs


def _resumable(state: Conversation, rules: Rules, caller: Caller) -> list[Run]:
    """Runs that rest until the customer is known well enough, which is so now."""
    if state.mode != "agent" or not any(run.outcome is None for run in state.runs.values()):
        return []
    return [run for run in runs.open_runs(state, rules.workflows) if runs.resumable(run, caller)]


def _unheard(state: Conversation) -> bool:
    """Whether the customer has said something that the model was not told of in this turn."""
    assert state.turn is not None  # noqa: S101 - decide() has looked
    words = [m for m in state.unanswered if m not in state.consumed]
    return any(m.seq > state.turn.told_upto for m in state.messages if m.id in words)


def _wanted_by_runs(
    state: Conversation, open_runs: Sequence[Run], rules: Rules, caller: Caller, now_ms: int
) -> list[Step]:
    """What runs want done now. What an earlier turn left undone waits until the model has heard the newest words."""
    turn = state.turn
    assert turn is not None  # noqa: S101 - decide() has looked
    if not turn.ran and _unheard(state):
        return []
    steps: list[Step] = [
        EndCall(call, "withdrawn", "the customer wants something else by now")
        for run in open_runs
        for call in runs.withdrawn(state, run)
    ]
    due = tuple(due for run in open_runs for due in run.due)
    if any(one.action.kind == "call" for one in due) and _is_over(state, rules.limits, now_ms):
        return [HandOver("limits")]
    steps += [CarryOut(due)] if due else []
    return steps or [Resume(run) for run in open_runs if runs.resumable(run, caller)]


def _after_runs(state: Conversation, open_runs: Sequence[Run]) -> Step:
    """Runs have taken everything that was said, and rest: say what they wait for, come back to one, or end the turn."""
    assert state.turn is not None  # noqa: S101 - decide() has looked
    asked = [call for call in state.turn_calls(state.turn.id) if call.state == "asked"]
    for call in asked:
        if call.run is not None and runs.told_id(call) not in state.ids:
            return Tell(call)
    newest = open_runs[-1] if open_runs else None
    if newest is not None and newest.is_left:
        return Leave(newest)
    if newest is not None and newest.paused == "digression" and newest.reminds:
        return Resume(newest)
    return EndTurn("waiting" if asked else "answered")


def _with_staff(state: Conversation, rules: Rules, caller: Caller, runner: Runner, now_ms: int) -> list[Step]:
    """A person has the conversation: no word of the agent, and no effect but one that staff agreed to since."""
    turn = state.turn
    steps: list[Step] = []
    run: list[CallRecord] = []
    for call in due(state, caller):
        asked = call.question
        agreed = asked is not None and asked.of == "staff" and asked.approve and state.mode == "staff"
        if call.state == "started":
            steps.append(Reconcile(call))
        elif asked is not None and asked.approve is False:
            stop = judge(state, call, rules, caller, now_ms)
            if isinstance(stop, No):
                steps.append(EndCall(call, stop.code, stop.reason))
        elif agreed and asked is not None and asked.decided_seq > state.mode_seq:
            stop = judge(state, call, rules, caller, now_ms)
            if stop is None:
                run.append(call)
            elif isinstance(stop, No):
                steps.append(EndCall(call, stop.code, stop.reason))
    if steps or run:
        return [*steps, *([RunCall(tuple(run))] if run else [])]
    return [EndTurn("handed_over")] if turn is not None and turn.id == runner.turn else [Rest()]


def _next_calls(state: Conversation, rules: Rules, caller: Caller, now_ms: int) -> list[Step]:
    assert state.turn is not None  # noqa: S101 - decide() has looked
    run: list[CallRecord] = []
    asks: list[tuple[CallRecord, Wanted]] = []
    steps: list[Step] = []
    waiting = {_key(call): call.id for call in state.calls.values() if call.state == "asked"}
    done: set[bytes] = set()
    for call in state.calls.values():
        if call.turn != state.turn.id and call.state not in ("decided", "started") and not known_enough(call, caller):
            continue
        key = _key(call)
        if call.state == "asked" and known_enough(call, caller):
            steps.append(Decide(call, True, "system"))
        elif call.state == "planned" and call.run is None and (key in done or waiting.get(key, call.id) != call.id):
            again = "already called in this turn" if key in done else "this waits for an answer already"
            steps.append(EndCall(call, "repeated", again))
        elif call.state in ("planned", "decided"):
            match judge(state, call, rules, caller, now_ms):
                case None:
                    run.append(call)
                case No(code=code, reason=why):
                    steps.append(EndCall(call, code, why))
                case wanted:
                    asks.append((call, wanted))
        elif call.state == "started":
            # Only a dead process leaves a started call behind: this attempt has not started it.
            spec = rules.registry.get(call.tool)
            again_is_safe = spec is not None and (spec.effect == "read" or spec.idempotent) and not rules.off
            (run.append if again_is_safe else _later(steps))(call)
        done.add(key)
    if (answer := _said_in_words(state)) is not None:
        steps.append(answer)
    if run:
        return [RunCall(tuple(run)), *steps]
    return steps or ([AskPerson(tuple(asks))] if asks else [])


def _later(steps: list[Step]) -> Callable[[CallRecord], None]:
    return lambda call: steps.append(Reconcile(call))


def _key(call: CallRecord) -> bytes:
    return call.tool.encode() + b"\0" + canonical(call.args)


_WORDS: Final[Mapping[str, bool]] = dict.fromkeys(
    ("yes", "yes please", "yep", "yeah", "ok", "okay", "confirm", "i confirm", "go ahead", "please do", "do it", "ja",
     "ja bitte", "ja gerne", "gerne", "bestätigen", "einverstanden", "mach das", "bitte machen"), True
) | dict.fromkeys(
    ("no", "nope", "no thanks", "no thank you", "cancel", "don't", "stop", "nein", "nein danke", "abbrechen", "doch nicht"),
    False,
)  # fmt: skip
"""Whole messages that answer a question which is open: nothing that could mean anything else."""


def bare_answer(text: str) -> bool | None:
    """The yes or no that a message is, and nothing else; None if it says more."""
    return _WORDS.get(" ".join(text.lower().replace("’", "'").strip(" .,!").replace(",", " ").split()))


def _said_in_words(state: Conversation) -> Decide | None:
    """The customer's bare yes or no to the one question that is open for him, right after it was asked."""
    open_asks = [c for c in state.calls.values() if c.state == "asked" and c.asked_of == "customer"]
    if len(open_asks) != 1 or len(state.unanswered) != 1:
        return None
    asked = open_asks[0].question
    message = state.message(state.unanswered[0])
    if asked is None or asked.verify is not None or message is None or message.seq < asked.seq:
        return None
    since = [m for m in state.messages if m.role == "customer" and m.seq > asked.seq]
    if not _asks_last(state, open_asks[0], asked.seq):
        return None
    said = bare_answer(message.text)
    return None if said is None or since != [message] else Decide(open_asks[0], said, "customer")


def _asks_last(state: Conversation, call: CallRecord, since: int) -> bool:
    """Whether the last that the customer has read is the question as it is stored: a yes to a model's words is none."""
    told = [message.text for message in state.messages if message.role != "customer" and message.seq > since]
    questions = [phrases.say("asked_customer", code, label=call.label) for code in phrases.LANGUAGES]
    return bool(told) and told[-1].rstrip().endswith(tuple(questions))


def _gave_out(state: Conversation, limits: Limits, runner: Runner, now_ms: int) -> HandOver | None:
    assert state.turn is not None  # noqa: S101 - decide() has looked
    turn = state.turn
    if any(call.unknown for call in state.turn_calls(turn.id) if call.run is None):  # a workflow sees to its own
        return HandOver("unknown_outcome")
    if runner.failed is not None:
        return HandOver(runner.failed, "handed_over" if runner.failed in ("budget", "switched_off") else "failed")
    if runner.empty >= MAX_EMPTY:
        return HandOver("failed", "failed")
    if turn.model_calls >= limits.model_calls_per_turn or _is_over(state, limits, now_ms):
        return HandOver("limits")
    return None


def _is_over(state: Conversation, limits: Limits, now_ms: int) -> bool:
    """Whether the turn has made all its calls, or used all its time."""
    assert state.turn is not None  # noqa: S101 - decide() has looked
    over_time = now_ms - state.turn.started_ms >= limits.turn_s * 1000
    return over_time or state.turn.tool_calls >= limits.tool_calls_per_turn


@dataclass(slots=True)
class Answer:
    """What one model call gave."""

    text: str = ""
    thinking: str = ""
    calls: list[PlannedCall] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    choices: tuple[str, ...] = ()
    hand_over: Reason | None = None
    pass_on: PassOn | None = None
    usage: Usage | None = None
    withheld: tuple[str, ...] = ()
    """Sentences that claim an action which no call has proven: nobody was shown them."""

    @property
    def says_or_does(self) -> bool:
        """Whether it holds anything but what it wants of workflows."""
        return bool(self.text.strip() or self.calls or self.hand_over or self.pass_on or self.withheld)


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
