"""Runs: workflow runs as the log tells them: where each stands, and which of its actions are not carried out yet.

Pure: no I/O, no clock, no ids made here. It decides no permission: a run's calls are judged like every other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from server.conversation import RUN_PREFIX, CallRecord, Conversation, RunRecord
from server.ports import OpenRun, Start
from tools import Caller, ToolSpec, canonical
from tools.run import FAILED, TIMED_OUT
from tools.workflow.events import Action, Call, CallEnded, Digressed, Event, HandOver, Resumed, Said, Started, event_of
from tools.workflow.machine import WAITING_CODES, State, advance
from tools.workflow.program import Program
from tools.workflow.view import view_of

MAX_DIGRESSIONS: Final = 2
"""In a row: after each of them the run's question is asked again; after more it would be nagging, and the run is left."""
LEFT: Final = "left"
"""How a run ends that the customer does not come back to."""

_NOTHING_TOLD: Final = "replaced"
"""Ends a call whose arguments staff have edited: the call that stands in for it has the same key, and counts."""


@dataclass(frozen=True, slots=True)
class Due:
    """An action that no event carries out yet; `id` is to be that event's."""

    run: str
    id: str
    action: Action


@dataclass(frozen=True, slots=True)
class Run:
    """An open run, folded."""

    record: RunRecord
    program: Program | None
    """None: the site has no such workflow any more."""
    state: State
    due: tuple[Due, ...]

    @property
    def asking(self) -> bool:
        """Whether it waits for the customer's answer to its question."""
        return self.state is not None and self.state["asking"] is not None and self.state["paused"] is None

    @property
    def paused(self) -> str | None:
        """Why it rests, such as `digression` or `sign_in`."""
        return self.state["paused"] if self.state is not None else None

    @property
    def is_left(self) -> bool:
        """Whether the customer has gone on to other things so often that they do not come back to it; nothing is under way."""
        return self.paused == "digression" and not self.reminds and self.state is not None and not self.state["flight"]

    @property
    def done(self) -> list[dict[str, Any]]:
        """The effects that it has had."""
        results = self.state["results"].values() if self.state is not None else ()
        made = [one for one in results if one["ok"] and one["effect"] != "read"]
        return [{"tool": one["tool"], "args": one["args"], "result": one["value"]} for one in made]

    @property
    def has_effects(self) -> bool:
        """Whether it has changed something, or is about to."""
        flying = self.state["flight"].values() if self.state is not None else ()
        return bool(self.done) or any(entry["effect"] != "read" for entry in flying)

    @property
    def reminds(self) -> bool:
        """Whether its question should be asked again after the customer talked about something else."""
        return self._digressions <= MAX_DIGRESSIONS

    @property
    def would_remind(self) -> bool:
        """Whether it would still ask its question again after one more thing that is no answer."""
        return self._digressions < MAX_DIGRESSIONS

    @property
    def _digressions(self) -> int:
        kinds = [heard.get("kind") for heard in self.record.heard]
        last = max((n for n, kind in enumerate(kinds) if kind in ("started", "said", "corrected")), default=0)
        return kinds[last:].count("digressed")


def open_runs(state: Conversation, programs: Mapping[str, Program]) -> list[Run]:
    """The runs that have not ended, oldest first."""
    return [folded(state, record, programs) for record in state.runs.values() if record.outcome is None]


def folded(state: Conversation, record: RunRecord, programs: Mapping[str, Program]) -> Run:
    """One run, with what is due in it."""
    program = programs.get(record.workflow)
    if program is None:
        gone = HandOver(reason="changed", detail=f"there is no workflow {record.workflow!r} any more")
        return Run(record, None, None, (Due(record.id, f"{record.id}:gone", gone),))
    machine: State = None
    due: list[Due] = []
    for n, event in _events(state, record):
        machine, actions = advance(program, machine, event)
        for i, action in enumerate(actions):
            action_id = f"{record.id}:{n}:{i}"
            if action_id not in state.ids:
                due.append(Due(record.id, action_id, action))
    return Run(record, program, machine, tuple(due))


def _events(state: Conversation, record: RunRecord) -> Iterator[tuple[int, Event]]:
    """What the machine hears, with each event's place in the record; what cannot be read any more is passed by."""
    for n, heard in enumerate(record.heard):
        if "of" in heard:
            call = state.calls.get(heard["of"])
            if call is not None and call.code != _NOTHING_TOLD:
                yield n, call_ended(call)
            continue
        try:
            yield n, event_of(heard)
        except ValidationError:
            continue


def call_ended(call: CallRecord) -> CallEnded:
    """How a call of a run ended, as the machine hears it."""
    return CallEnded(
        call=call.key or "",
        ok=bool(call.ok),
        result=call.result,
        error=call.error or "",
        unknown=call.unknown,
        refused=call.error not in (FAILED, TIMED_OUT),
        code=call.code or "",
    )


def carried(due: Due) -> str | None:
    """The id of the call that a due `Call` is to become: unique, and the same whoever plans it."""
    return f"{due.run}:{due.action.call}" if isinstance(due.action, Call) else None


def told_id(call: CallRecord) -> str:
    """The id of the message that says that a run's call waits for somebody's answer."""
    return f"{call.run}:{call.id}:asked:{len(call.asks)}"


def withdrawn(state: Conversation, run: Run) -> list[CallRecord]:
    """Calls of the run that wait for an answer, or were left unstarted by an earlier turn, and are not wanted so any more."""
    found = []
    turn = state.turn.id if state.turn is not None else None
    for call in state.calls.values():
        if call.run != run.record.id or run.program is None or call.state not in ("asked", "planned"):
            continue
        if call.state == "planned":
            found += [call] if call.turn != turn else []
            continue
        _, actions = advance(run.program, run.state, CallEnded(call=call.key or "", ok=False, code="withdrawn"))
        again = [(a.tool, canonical(a.args)) for a in actions if isinstance(a, Call)]
        before = _planned(run, call)
        if before is None or (before.tool, canonical(before.args)) not in again:
            found.append(call)
    return found


def _planned(run: Run, call: CallRecord) -> Call | None:
    """The machine's own call of this key; staff may have edited what is made of it."""
    entry = run.state["flight"].get(call.key) if run.state is not None else None
    return Call.model_validate(entry["action"]) if entry is not None else None


def resumable(run: Run, caller: Caller) -> bool:
    """Whether what it rests for has come: the customer is known well enough now."""
    if run.paused not in WAITING_CODES:
        return False
    return caller.level == "step_up" or (run.paused != "step_up" and caller.level == "identified")


def resumed_id(run: Run) -> str:
    """The id of a `Resumed` that is heard now: the same whoever writes it."""
    return f"{run.record.id}:{len(run.record.heard)}:resumed"


def left_id(run: Run) -> str:
    """The id of the end of a run that was left: the same whoever writes it."""
    return f"{run.record.id}:{len(run.record.heard)}:left"


def heard_body(run: str, event: Event) -> dict[str, Any]:
    """The body of a `workflow.heard`."""
    return {"run": run, "event": event.as_json()}


def resumed_body(run: Run) -> dict[str, Any]:
    """The body of a `workflow.heard` that lets the run go on."""
    return heard_body(run.record.id, Resumed())


def started_body(run: str, program: Program, event: Started) -> dict[str, Any]:
    """The body of a `workflow.started`."""
    if not run.startswith(RUN_PREFIX):
        raise ValueError(f"expected a run's id to begin with {RUN_PREFIX!r}, got {run!r}")
    return {"run": run, "workflow": program.name, "digest": program.digest, "event": event.as_json()}


def known_of(caller: Caller) -> dict[str, Any]:
    """What a workflow may know of who is asking."""
    return {"customer": caller.customer, "email": caller.email, "name": caller.name, "level": caller.level}


def direct(tools: Iterable[ToolSpec], programs: Mapping[str, Program]) -> tuple[ToolSpec, ...]:
    """The tools that a model may be offered beside these workflows.

    What a workflow changes something with is only done by way of the workflow, and of one name the workflow is meant.
    """
    within = {
        tool.name
        for program in programs.values()
        for tool in program.tools.values()
        if tool is not None and tool.effect != "read"
    }
    return tuple(spec for spec in tools if spec.name not in within and spec.name not in programs)


def repeated(start: Start, known: OpenRun, runs: Sequence[Run]) -> Said | Digressed | None:
    """What it is to an open run that its own workflow is begun once more.

    `Said`: the words answer the question, or tell another value of something that has led to no effect yet. `Digressed`:
    they say nothing new, so the question comes again. None: it is another matter of the same kind, and begins anew.
    """
    run = next((one for one in runs if one.record.id == known.id), None)
    told: dict[str, Any] = {}
    differs = False
    for name, value in start.args.items():
        there = known.view.slots.get(name)
        if there is None or value is None:
            continue
        got, before = known.view.read(name, value), known.view.value_of(name)
        if before is None or got.value != before:
            told[name] = value
            differs = differs or (before is not None and got.ok)
    if differs and run is not None and run.has_effects:
        return None
    said = Said(slots=told, text=start.text)
    asked = known.view.asking
    # Any words fit a text, and "please" is no consent.
    answers = asked is not None and known.view.slots[asked].slot.type not in ("text", "any", "yes_no")
    fits = answers and asked is not None and known.view.fits(asked, start.text)
    if told or asked is None or fits or run is None or not run.would_remind:
        return said
    return Digressed()


def needs_of(program: Program) -> frozenset[str]:
    """The names of the shop's tools that a workflow calls."""
    return frozenset(tool.name for tool in program.tools.values() if tool is not None)


def for_model(state: Conversation, programs: Mapping[str, Program]) -> OpenRun | None:
    """The run that the customer's newest words may be meant for: the newest open one, else the newest of all.

    One that has ended is shown only while a correction could open it again.
    """
    records: Sequence[RunRecord] = [r for r in state.runs.values() if r.outcome is None] or [*state.runs.values()]
    for record in (one for one in records[-1:] if one.outcome != LEFT):
        run = folded(state, record, programs)
        view = view_of(run.program, run.state) if run.program is not None else None
        return OpenRun(record.id, view) if view is not None else None
    return None
