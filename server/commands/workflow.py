"""`shopbell workflow`: list, draw and run workflows in the terminal, and print their JSON Schema.

It carries out no effect: in a run, reading tools may be real; everything that changes something is played by hand.
"""

import asyncio
import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from server.site import Problem
from tools import Caller, Level, Registry
from tools import run as run_tool
from tools.workflow import listing
from tools.workflow.draw import draw as draw_chart
from tools.workflow.events import (
    Action,
    Ask,
    Call,
    CallEnded,
    Cancelled,
    Corrected,
    Digressed,
    End,
    Event,
    HandOver,
    Resumed,
    Said,
    Say,
    Started,
)
from tools.workflow.load import Loaded, check_loaded, read_library, read_workflows
from tools.workflow.machine import State, advance
from tools.workflow.program import Program, fits, make_program
from tools.workflow.schema import json_schema

HELP: Final = """Type what the customer says. Besides:
  :set SLOT=VALUE    a slot that was understood        :correct SLOT=VALUE   the customer changes their mind
  :digress :resume   something else for a while        :cancel               the customer stops it
  :state             what the run knows                :quit                 leave
Calls that change something are never made: type the JSON of their result, `fail TEXT`, `unknown`, or nothing for {}."""

Read = Callable[[str], str | None]
"""Asks for a line with this prompt; None at the end of the input."""


def listed(directory: Path | None, registry: Registry | None, write: Callable[[str], object]) -> int:
    """Print every workflow, whether the shop can offer it, and if not, why. Returns the exit code."""
    shop, library = _read(directory, write)
    for one in listing.listed(shop, library, registry or Registry()):
        where = one.loaded.file.name if one.is_own else "library"
        state = {"off": "switched off", "offered": "offered", "unfit": "not offered"}[one.state]
        write(f"{one.name:<24} {where:<28} {state if registry is not None else ''}".rstrip())
        for reason in one.reasons if registry is not None else ():
            write(f"    {reason}")
    return 0


def draw(name: str, directory: Path | None, registry: Registry | None, write: Callable[[str], object]) -> int:
    """Print the workflow as a Mermaid chart. Returns the exit code: 1 if there is none of this name."""
    program = _program(name, directory, registry, write)
    if program is None:
        return 1
    write(draw_chart(program).rstrip())
    return 0


def schema(write: Callable[[str], object]) -> int:
    """Print the JSON Schema of workflow files. Returns the exit code."""
    write(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0


def run(  # noqa: PLR0913 - keyword-only options of a command
    name: str,
    directory: Path | None,
    registry: Registry | None,
    write: Callable[[str], object],
    read: Read,
    *,
    args: Mapping[str, Any] | None = None,
    caller: Caller | None = None,
    locale: str = "en",
    today: str | None = None,
) -> int:
    """Step through a workflow in the terminal: the line is the customer, and the shop where no reading tool is.

    Without a registry every call is played by hand. Returns the exit code: 1 if there is no such workflow.
    """
    program = _program(name, directory, registry, write)
    if program is None:
        return 1
    write(HELP)
    who = caller or Caller(site="pk_terminal", conversation="terminal", locale=locale)
    known = {"customer": who.customer, "email": who.email, "name": who.name, "level": who.level}
    day = today or dt.datetime.now(tz=dt.UTC).date().isoformat()
    session = _Session(program, registry, who, write, read)
    session.send(Started(args=dict(args or {}), caller=known, today=day, locale=locale))
    session.loop()
    return 0


def run_in_terminal(  # noqa: PLR0913 - the options of a command
    name: str,
    directory: Path | None,
    registry: Registry | None,
    write: Callable[[str], object],
    *,
    known: Sequence[str] = (),
    customer: str | None = None,
    email: str | None = None,
    locale: str = "en",
    today: dt.datetime | None = None,
) -> int:
    """`run` with the command line's options, the customer's lines from stdin. Returns the exit code."""
    pairs = [item.partition("=") for item in known]
    wrong = next((item for item, (_, sign, _) in zip(known, pairs, strict=True) if not sign), None)
    if wrong is not None:
        write(f"--set: expected SLOT=VALUE, got {wrong!r}")
        return 1
    level: Level = "identified" if customer else "anonymous"
    caller = Caller("pk_terminal", "terminal", customer=customer, email=email, level=level, locale=locale)
    args = {slot.strip(): value.strip() for slot, _, value in pairs}
    day = today.date().isoformat() if today else None
    return run(name, directory, registry, write, _line, args=args, caller=caller, locale=locale, today=day)


def _line(prompt: str) -> str | None:
    try:
        return input(prompt)
    except EOFError:
        return None


class _Session:
    """One run in the terminal."""

    def __init__(
        self, program: Program, registry: Registry | None, caller: Caller, write: Callable[[str], object], read: Read
    ) -> None:
        self.program = program
        self.registry = registry
        self.caller = caller
        self.write = write
        self.read = read
        self.state: State = None
        self.calls: list[Call] = []

    def send(self, event: Event) -> None:
        """One event; shows what comes of it."""
        self.state, actions = advance(self.program, self.state, event)
        for action in actions:
            self._show(action)

    def loop(self) -> None:
        """Until the run has ended and nothing is corrected, or the input is at its end."""
        while True:
            while self.calls:
                ended = self._end(self.calls.pop(0))
                if ended is None:
                    return
                self.send(ended)
            line = self.read("> ")
            if line is None or line.strip() == ":quit":
                return
            if self._over() and not line.strip().startswith(":"):
                return
            event = self._event(line.strip())
            if event is not None:
                self.send(event)

    def _over(self) -> bool:
        return self.state is not None and self.state["status"] == "ended"

    def _event(self, line: str) -> Event | None:
        word, _, rest = line.partition(" ")
        slot, _, value = rest.partition("=")
        match word:
            case ":cancel":
                return Cancelled()
            case ":digress":
                return Digressed()
            case ":resume":
                return Resumed()
            case ":set":
                return Said(slots={slot.strip(): value.strip()})
            case ":correct":
                return Corrected(slot=slot.strip(), value=value.strip() or None)
            case ":state":
                self.write(json.dumps(self.state, indent=2, ensure_ascii=False))
                return None
        if word.startswith(":"):
            self.write(HELP)
            return None
        return Said(text=line) if line else None

    def _show(self, action: Action) -> None:
        match action:
            case Say():
                self.write(f"  says: {action.text}")
                for choice in action.choices:
                    self.write(f"        [{choice}]")
            case Ask():
                self.write(f"  asks: {action.text}")
                for offer in action.choices:
                    self.write(f"        [{offer['label']}]")
            case Call():
                self.write(f"  call: {action.tool} {json.dumps(action.args, ensure_ascii=False)} ({action.effect})")
                self.calls.append(action)
            case HandOver():
                self.write(f"  a person takes over: {action.reason}{': ' + action.detail if action.detail else ''}")
            case End():
                self.write(f"  end: {action.outcome}")
        for done in action.done if isinstance(action, HandOver | End) else ():
            self.write(f"        done: {done['tool']} {json.dumps(done['args'], ensure_ascii=False)}")

    def _end(self, call: Call) -> CallEnded | None:
        """How a call ends: by the real tool if it only reads, else by hand."""
        spec = self.registry.get(call.tool) if self.registry is not None else None
        if spec is not None and spec.effect == "read":
            outcome = asyncio.run(run_tool(spec, self.caller, call.args))
            self.write(
                f"        {json.dumps(outcome.result if outcome.ok else outcome.error, ensure_ascii=False)[:300]}"
            )
            return CallEnded(
                call=call.call, ok=outcome.ok, result=outcome.result, error=outcome.error or "", refused=not outcome.ok
            )
        while True:
            line = self.read(f"{call.tool} gives: ")
            if line is None or line.strip() == ":quit":
                return None
            word, _, rest = line.strip().partition(" ")
            if word == "fail":
                return CallEnded(call=call.call, ok=False, error=rest or "this did not work", refused=True)
            if word == "unknown":
                return CallEnded(call=call.call, ok=False, unknown=True, error="nobody knows what happened")
            try:
                return CallEnded(call=call.call, ok=True, result=json.loads(line) if line.strip() else {})
            except json.JSONDecodeError as error:
                self.write(f"        no JSON: {error.msg}, column {error.colno}")


def _read(directory: Path | None, write: Callable[[str], object]) -> tuple[list[Loaded], dict[str, Loaded]]:
    problems: list[Problem] = []
    library = read_library()
    shop = read_workflows(directory / "workflows", problems, library) if directory is not None else []
    for problem in problems:
        write(str(problem))
    return shop, library


def _program(
    name: str, directory: Path | None, registry: Registry | None, write: Callable[[str], object]
) -> Program | None:
    """The workflow of this name: the shop's, else the library's; as it is where the shop's tools do not fit it."""
    shop, library = _read(directory, write)
    known = {**library, **{one.workflow.name: one for one in shop}}
    one = known.get(name)
    if one is None:
        write(f"there is no workflow {name!r}; there are: {', '.join(sorted(known)) or 'none'}")
        return None
    for problem in check_loaded(one, None):
        write(str(problem))
    if registry is not None:
        reasons = fits(one.workflow, registry, one.maps)
        if not reasons:
            return make_program(one.workflow, registry, one.maps)
        write("the shop's tools do not fit; calls are played by hand:")
        for reason in reasons:
            write(f"    {reason}")
    return make_program(one.workflow)
