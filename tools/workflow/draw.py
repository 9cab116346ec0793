"""Draw: a workflow as a Mermaid flow chart.

Pure: it makes text.
"""

from collections.abc import Sequence
from typing import Final

from tools.words import text_in
from tools.workflow.model import Ask, Call, End, HandOver, OnError, Parallel, Say, When
from tools.workflow.outline import WITHOUT_A_WAY, words_of
from tools.workflow.program import Node, Program

MAX_LABEL_CHARS: Final = 90
"""Longer ones make boxes that push everything else off the screen."""

Tail = tuple[str, str]
"""Where an edge begins, and its label."""


def draw(program: Program, locale: str = "en") -> str:
    """The chart, ready for a ```mermaid block or mermaid.live. The same workflow gives the same text."""
    chart = _Chart(program, locale)
    title = text_in(program.workflow.title, locale) if program.workflow.title else program.name
    chart.box("start", "([", title, "])")
    tails = chart.steps(program.nodes, [("start", "")])
    if tails:
        chart.box("finish", "([", "done", "])")
        chart.edges(tails, "finish")
    chart.jumps()
    return "\n".join(["flowchart TD", *chart.lines, *chart.styles()]) + "\n"


class _Chart:
    def __init__(self, program: Program, locale: str) -> None:
        self.program = program
        self.locale = locale
        self.lines: list[str] = []
        self._later: list[tuple[Node, OnError]] = []
        self._effects: list[str] = []
        self._people: list[str] = []

    def box(self, node: str, opening: str, words: str, closing: str) -> None:
        self.lines.append(f'  {node}{opening}"{_plain(words)}"{closing}')

    def edges(self, tails: Sequence[Tail], to: str) -> None:
        for source, label in tails:
            arrow = f'-->|"{_plain(label)}"|' if label else "-->"
            self.lines.append(f"  {source} {arrow} {to}")

    def steps(self, nodes: Sequence[Node], tails: list[Tail]) -> list[Tail]:
        """Draw these steps below the tails; the tails that are left."""
        for node in nodes:
            tails = self._step(node, tails)
        return tails

    def jumps(self) -> None:
        """Edges of failures, once every step has its box."""
        ids = {node.id: f"n{node.number}" for node in self.program.every_node()}
        asks = {n.step.ask: f"n{n.number}" for n in self.program.every_node() if isinstance(n.step, Ask)}
        for node, way in self._later:
            here = f"n{node.number}"
            if way.ask is not None:
                self.lines.append(f'  {here} -.->|"fails"| {asks.get(way.ask) or self._again(node, way.ask)}')
            elif way.goto is not None and way.goto in ids:
                self.lines.append(f'  {here} -.->|"fails"| {ids[way.goto]}')
            elif not way.goes_on:
                target = f"{here}x"
                self.box(target, "([", f"end: {way.end}" if way.end else f"a person: {way.hand_over}", "])")
                self.lines.append(f'  {here} -.->|"fails"| {target}')
                self._people += [] if way.end else [target]

    def styles(self) -> list[str]:
        """Effects and people stand out."""
        lines = []
        if self._effects:
            lines += ["  classDef effect stroke-width:3px", f"  class {','.join(self._effects)} effect"]
        if self._people:
            lines += ["  classDef person stroke-dasharray:4 3", f"  class {','.join(self._people)} person"]
        return lines

    def _again(self, node: Node, slot: str) -> str:
        """A question that no step asks by itself."""
        box = f"n{node.number}q"
        self.box(box, "[/", f"ask again: {slot.replace('_', ' ')}", "/]")
        self.lines.append(f"  {box} --> n{node.number}")
        return box

    def _step(self, node: Node, tails: list[Tail]) -> list[Tail]:
        step, here = node.step, f"n{node.number}"
        words = words_of(step, self.locale)
        match step:
            case Call():
                return self._call(node, step, tails)
            case Ask():
                self.box(here, "[/", words, "/]")
            case Say():
                self.box(here, "(", words, ")")
            case When():
                self.box(here, "{", words, "}")
                self.edges(tails, here)
                yes = self.steps(node.bodies[0], [(here, "yes")])
                return yes + self.steps(node.bodies[1], [(here, "no")])
            case Parallel():
                self.box(here, "{{", words, "}}")
                self.edges(tails, here)
                ends = [tail for body in node.bodies for tail in self.steps(body, [(here, "")])]
                join = f"{here}j"
                self.box(join, "{{", "all of them", "}}")
                self.edges(ends, join)
                return [(join, "")]
            case HandOver() | End():
                if isinstance(step, HandOver):
                    self._people.append(here)
                self.box(here, "([", words, "])")
                self.edges(tails, here)
                return []
        self.edges(tails, here)
        return [(here, "")]

    def _call(self, node: Node, step: Call, tails: list[Tail]) -> list[Tail]:
        here = f"n{node.number}"
        tool = self.program.tools.get(step.call)
        self.box(here, "[[", words_of(step, self.locale), "]]")
        if tool is not None and tool.effect != "read":
            self._effects.append(here)
        self._later.append((node, step.on_error or WITHOUT_A_WAY))
        self.edges(tails, here)
        return [(here, "")]


def _plain(words: str) -> str:
    """Words as a Mermaid label: one line, nothing that Mermaid or HTML would read."""
    line = " ".join(words.split())
    line = line if len(line) <= MAX_LABEL_CHARS else line[: MAX_LABEL_CHARS - 1] + "…"
    for char, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("`", "#96;")):
        line = line.replace(char, entity) if char != "#" else line.replace("#", "#35;")
    return line
