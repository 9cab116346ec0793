"""A little world for tests of workflows: it drives a run, and refuses whatever may never happen.

It is no test itself.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tools.places import check, parse_yaml
from tools.workflow.events import Action, Call, CallEnded, Event, Started
from tools.workflow.machine import advance, fold
from tools.workflow.model import Workflow
from tools.workflow.program import Program, make_program

TODAY = "2026-11-21"


def workflow(source: str) -> Workflow:
    """A workflow from YAML that must be right."""
    problems: list[Any] = []
    document = parse_yaml(source, Path("flow.yaml"), problems)
    assert document is not None, problems
    document.data.setdefault("name", "flow")
    found = check(Workflow, document, problems)
    assert found is not None and not problems, problems
    return found


def program(source: str) -> Program:
    """The same, ready to run with the tools that it declares."""
    return make_program(workflow(source))


class Run:
    """One run. Every event is checked: the state survives JSON, and equals the fold of all events so far."""

    def __init__(self, made: Program, check_fold: bool = True) -> None:
        self.program = made
        self.state: Any = None
        self.events: list[Event] = []
        self.actions: list[Action] = []
        self.open: dict[str, Call] = {}
        self.done: list[tuple[str, str]] = []
        self.check_fold = check_fold

    def send(self, event: Event) -> tuple[Action, ...]:
        """One event; what is to be done about it."""
        before = json.loads(json.dumps(self.state))
        self.state, actions = advance(self.program, self.state, event)
        self.events.append(event)
        again, same_actions = advance(self.program, before, event)
        assert (again, same_actions) == (self.state, actions), "a state that went through JSON gives something else"
        if isinstance(event, CallEnded):
            call = self.open.pop(event.call, None)
            if call is not None and event.ok and call.effect != "read":
                self.done.append((call.tool, json.dumps(call.args, sort_keys=True)))
        for action in actions:
            if isinstance(action, Call):
                assert action.call not in self.open
                self.open[action.call] = action
        self.actions += actions
        if self.check_fold:
            assert fold(self.program, self.events) == self.state
        return actions

    def start(self, **args: Any) -> tuple[Action, ...]:
        """Begin, on a fixed day."""
        return self.send(Started(args=args, today=TODAY))

    def end(self, result: Any = None, *, tool: str | None = None, **how: Any) -> tuple[Action, ...]:
        """End the only open call, or the one of this tool."""
        calls = [call for call in self.open.values() if tool in (None, call.tool)]
        assert len(calls) == 1, calls
        return self.send(CallEnded(call=calls[0].call, ok=how.pop("ok", True), result=result, **how))


def kinds(actions: Iterable[Action]) -> list[str]:
    """The kinds of actions, in order."""
    return [action.kind for action in actions]
