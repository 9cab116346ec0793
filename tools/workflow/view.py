"""View: a workflow and a run of it as whoever understands the customer gets to see them.

Pure. It changes nothing: what was understood goes back to the machine as an event.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NoReturn

from pydantic import BaseModel, ConfigDict

from tools.spec import ToolSpec
from tools.types import Caller
from tools.words import text_in
from tools.workflow.expr import ExprError
from tools.workflow.machine import State
from tools.workflow.model import Slot
from tools.workflow.program import STRENGTH, Program
from tools.workflow.slots import Choice, Heard, pattern_of, read
from tools.workflow.values import Blocked, Stop
from tools.workflow.walk import Walk

_JSON_TYPES: Final[Mapping[str, dict[str, Any]]] = {
    "number": {"type": "number"},
    "money": {"type": "number"},
    "yes_no": {"type": "boolean"},
    "date": {"type": "string", "description": "A day, as 2026-11-21."},
    "email": {"type": "string", "format": "email"},
}


@dataclass(frozen=True)
class SlotView:
    """A slot as it stands in a run."""

    slot: Slot
    value: Any = None
    """As it was heard; None if it was not."""
    choices: tuple[Choice, ...] = ()
    """Those that hold now, where they are known."""


@dataclass(frozen=True)
class RunView:
    """A run as it stands."""

    program: Program
    slots: Mapping[str, SlotView]
    asking: str | None = None
    """The slot that the customer was asked for."""
    paused: str | None = None
    ended: bool = False
    """It came to a good end; a correction opens it again."""

    @property
    def waits(self) -> bool:
        """Whether it waits for something other than the customer's words: a call, a decision."""
        return not self.ended and self.asking is None

    def fits(self, name: str, said: str, *, today: str = "2000-01-01") -> bool:
        """Whether the words are a usable value for the slot, as far as can be told now."""
        there = self.slots[name]
        return read(there.slot, said, today=today, choices=there.choices, before=there.value).ok

    def read(self, name: str, raw: Any, *, today: str = "2000-01-01") -> Heard:  # noqa: ANN401 - JSON
        """What a raw value of the slot means, as far as can be told now."""
        there = self.slots[name]
        return read(there.slot, raw, today=today, choices=there.choices)

    def value_of(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """The slot's value as it is read: it may have been heard among other words. None if it was not heard."""
        there = self.slots[name]
        if there.value is None:
            return None
        got = self.read(name, there.value)
        return got.value if got.ok else there.value


def view_of(program: Program, state: State) -> RunView | None:
    """The run of this state; None if it has not begun, or is over for good."""
    if state is None:
        return None
    ended = state["status"] == "ended"
    if ended and (state["ending"] is not None or str(state["outcome"]).startswith("hand_over:")):
        return None
    known = _choices(program, state)
    slots = {
        name: SlotView(slot, state["heard"].get(name), known.get(name, ())) for name, slot in program.slots.items()
    }
    return RunView(program, slots, None if ended else state["asking"], state["paused"], ended)


def _choices(program: Program, state: Any) -> dict[str, tuple[Choice, ...]]:  # noqa: ANN401 - a state
    """Of each slot, the choices that hold now, where what they are made from is known."""
    walk = Walk(program, copy.deepcopy(state))
    try:
        walk.run()
    except ExprError:
        return {}
    found: dict[str, tuple[Choice, ...]] = {}
    for name, slot in program.slots.items():
        if slot.type == "choice":
            try:
                found[name] = walk.values.choices(slot)
            except (ExprError, Blocked, Stop):
                continue
    return found


# What models get


class _Slots(BaseModel):
    """Whatever was understood: the machine looks at each value itself, and asks where one cannot be used."""

    model_config = ConfigDict(extra="allow", frozen=True)


@dataclass(frozen=True)
class Function(ToolSpec):
    """A workflow as a function that a model may call. Nothing can run it: calling it starts a run."""

    schema: Mapping[str, Any] = field(default_factory=dict)
    program: Program | None = None

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """The slots as arguments, none of them required."""
        return dict(self.schema)


def function_of(program: Program) -> Function:
    """The workflow as a function, with the strongest effect that one of its steps may have."""
    workflow = program.workflow
    effects = [tool.effect for tool in program.tools.values() if tool is not None]
    return Function(
        name=program.name,
        description=workflow.description or title_of(program, "en"),
        scope="workflow",
        effect=max(effects, key=STRENGTH.index, default="read"),
        fn=_never,
        args_model=_Slots,
        examples=workflow.examples,
        program=program,
        schema={
            "type": "object",
            "properties": {name: schema_of(slot, name) for name, slot in program.slots.items() if slot.type != "photo"},
            "additionalProperties": False,
        },
    )


async def _never(_: Caller) -> NoReturn:
    raise AssertionError("a workflow is run by the server, step by step")


def title_of(program: Program, locale: str) -> str:
    """What customers read of it."""
    return text_in(program.workflow.title, locale) or program.name.replace("_", " ").capitalize()


def schema_of(slot: Slot, name: str) -> dict[str, Any]:
    """The JSON Schema of a slot's value, as a model should give it."""
    schema = dict(_JSON_TYPES.get(slot.type, {"type": "string"}))
    what = slot.what or name.replace("_", " ")
    said = str(schema.get("description", ""))
    schema["description"] = f"{what}. {said}" if said else what
    pattern = pattern_of(slot)
    if pattern is not None:
        schema["pattern"] = f"^(?:{pattern.removeprefix('^').removesuffix('$')})$"
    if isinstance(slot.choices, tuple):
        schema["enum"] = [option.value for option in slot.choices]
    elif slot.choices is not None:
        schema["description"] = f"{what}, in the customer's own words"
    return schema
