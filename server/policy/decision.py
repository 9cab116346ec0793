"""Decide: what to do next in a conversation.

Pure: no I/O, no clock, no ids made here. The log is the program counter: after a crash, fold it and decide again.
"""

from collections.abc import Callable, Sequence
from typing import Final

from server import runs
from server.consent import No, Rules, Wanted, judge, known_enough
from server.conversation import CallRecord, Conversation
from server.policy.steps import (
    AskPerson,
    CallModel,
    CarryOut,
    Decide,
    EndCall,
    EndTurn,
    HandOver,
    Leave,
    Reconcile,
    Rest,
    Resume,
    RunCall,
    Runner,
    StartTurn,
    Step,
    Tell,
)
from server.policy.words import said_in_words
from server.runs import Run
from server.site import Limits
from tools import Caller, canonical

MAX_ATTEMPTS: Final = 3
"""A turn that took three processes with it is ended with an apology instead of taking a fourth."""
MAX_EMPTY: Final = 2
"""Answers without a word before a person is asked."""


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
        # A run whose workflow is gone hears nothing any more: words that answered it would be taken for something else.
        gone = tuple(due for run in open_runs if run.program is None for due in run.due)
        return [CarryOut(gone)] if gone else []
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
    """A person has the conversation, or has closed it: no word of the agent, and no effect but one that staff agreed to since."""
    turn = state.turn
    steps: list[Step] = []
    run: list[CallRecord] = []
    for call in due(state, caller):
        asked = call.question
        agreed = asked is not None and asked.of == "staff" and asked.approve
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
    if (answer := said_in_words(state)) is not None:
        steps.append(answer)
    if run:
        return [RunCall(tuple(run)), *steps]
    return steps or ([AskPerson(tuple(asks))] if asks else [])


def _later(steps: list[Step]) -> Callable[[CallRecord], None]:
    return lambda call: steps.append(Reconcile(call))


def _key(call: CallRecord) -> bytes:
    return call.tool.encode() + b"\0" + canonical(call.args)


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
