"""Outline: a workflow's steps in a few words each, as a tree: what a drawing shows, and what is read out instead of it.

Pure: it makes text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tools.words import text_in
from tools.workflow.model import AnyStep, Ask, Call, End, HandOver, OnError, Parallel, Say, When
from tools.workflow.program import Node, Program

Kind = Literal["call", "effect", "ask", "say", "when", "parallel", "person", "end"]
WITHOUT_A_WAY: Final = OnError(hand_over="failed")
"""What holds for a call that does not say what happens when it fails."""


@dataclass(frozen=True, slots=True)
class Line:
    """One step: what it is, its words, what happens when it fails, and the steps inside it."""

    kind: Kind
    words: str
    failing: str = ""
    named: str = ""
    """Its id, where a failure leads here from elsewhere."""
    branches: tuple[tuple[str, tuple["Line", ...]], ...] = ()
    """Each with what leads into it: `yes` and `no`, or nothing."""

    @property
    def ends(self) -> bool:
        """Whether no step follows it: the run is over, or a person's."""
        if self.kind in ("person", "end"):
            return True
        return bool(self.branches) and all(_ends(steps) for _, steps in self.branches)


def outline(program: Program, locale: str = "en") -> tuple[Line, ...]:
    """The steps in order."""
    aims = {step.on_error.goto for step in _calls(program) if step.on_error is not None}
    return tuple(_line(node, program, locale, frozenset(filter(None, aims))) for node in program.nodes)


def words_of(step: AnyStep, locale: str) -> str:
    """A step in a few words."""
    match step:
        case Call():
            return f"{step.call}({', '.join(step.args)})"
        case Ask():
            return f"ask: {step.ask.replace('_', ' ')}"
        case Say():
            return text_in(step.say, locale)
        case When():
            return step.when
        case Parallel():
            return "at the same time"
        case HandOver():
            return f"a person: {step.hand_over}"
        case End():
            return f"end: {step.end}"


def failing_of(step: Call) -> str:
    """What happens when the call fails for good, in a few words."""
    way = step.on_error or WITHOUT_A_WAY
    if way.ask is not None:
        return f"ask again: {way.ask.replace('_', ' ')}"
    if way.goto is not None:
        return f"go to {way.goto}"
    if way.end is not None:
        return f"end: {way.end}"
    return "go on" if way.goes_on else f"a person: {way.hand_over}"


def _line(node: Node, program: Program, locale: str, aims: frozenset[str]) -> Line:
    step = node.step
    inside = [tuple(_line(one, program, locale, aims) for one in body) for body in node.bodies]
    labels = ("yes", "no") if isinstance(step, When) else ("",) * len(inside)
    return Line(
        _kind(step, program),
        " ".join(words_of(step, locale).split()),
        failing_of(step) if isinstance(step, Call) else "",
        node.id if node.id in aims else "",
        tuple(zip(labels, inside, strict=True)),
    )


def _kind(step: AnyStep, program: Program) -> Kind:
    match step:
        case Call():
            tool = program.tools.get(step.call)
            return "effect" if tool is not None and tool.effect != "read" else "call"
        case Ask():
            return "ask"
        case Say():
            return "say"
        case When():
            return "when"
        case Parallel():
            return "parallel"
        case HandOver():
            return "person"
        case End():
            return "end"


def _calls(program: Program) -> list[Call]:
    return [node.step for node in program.every_node() if isinstance(node.step, Call)]


def _ends(steps: Sequence[Line]) -> bool:
    return bool(steps) and steps[-1].ends
