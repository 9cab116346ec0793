"""Picture: where the boxes and lines of a workflow's drawing are, for whoever draws them.

Pure, and it knows no SVG. Workflows are sequences in sequences, so that a layout is adding up widths and heights: the engines for
any graph (Graphviz, ELK, dagre) are programs beside Python, or scripts that need the inline styles which the desk's pages forbid.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tools.workflow.outline import Line

WIDTH: Final = 216.0
"""Of a box, in units of which a letter of the drawing's text (13 high) takes about 6.6."""
LINE_CHARS: Final = 29
LINE_HEIGHT: Final = 17.0
MOST_LINES: Final = 4
"""What a box shows of its words; all of them are its title."""
PAD: Final = 9.0
GAP: Final = 26.0
"""Between a box and the next."""
LANE: Final = 28.0
"""Between lanes beside each other."""
MARGIN: Final = 12.0
BREAKS: Final = "(_.,/-"
"""Behind these a word that is too long is broken, rather than anywhere."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A box by its top left corner. `kind` is a `Line`'s, or `start` and `join`; `failing` stands below its words."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]
    failing: tuple[str, ...] = ()
    named: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A line through these points, with an arrow at its end where it leads into a box; words beside its beginning."""

    points: tuple[Point, ...]
    arrow: bool = True
    label: str = ""
    at: Point = (0.0, 0.0)
    """Where the label's words begin: the left end of their base line."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing: everything lies between 0 and `width`, 0 and `height`."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


@dataclass(slots=True)
class _Block:
    """Something drawn around x = 0 from y = 0 down: what leads in comes from above at x = 0, and leaves below at x = 0."""

    left: float = 0.0
    right: float = 0.0
    height: float = 0.0
    goes_on: bool = True
    boxes: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def put(self, other: "_Block", x: float, y: float) -> None:
        """Take in another one, moved."""
        self.boxes += [replace(box, x=box.x + x, y=box.y + y) for box in other.boxes]
        self.edges += [_moved(edge, x, y) for edge in other.edges]
        self.left = max(self.left, other.left - x)
        self.right = max(self.right, other.right + x)
        self.height = max(self.height, other.height + y)


def picture(title: str, steps: Sequence[Line]) -> Picture:
    """The drawing of these steps below their title."""
    block = _sequence([_box("start", title), *(_step(one) for one in steps)])
    if block.goes_on:
        block = _sequence([block, _box("end", "done")])
    x, y = block.left + MARGIN, MARGIN
    return Picture(
        block.left + block.right + 2 * MARGIN,
        block.height + 2 * MARGIN,
        tuple(replace(box, x=box.x + x, y=box.y + y) for box in block.boxes),
        tuple(_moved(edge, x, y) for edge in block.edges),
    )


def _moved(edge: Edge, x: float, y: float) -> Edge:
    points = tuple((px + x, py + y) for px, py in edge.points)
    return replace(edge, points=points, at=(edge.at[0] + x, edge.at[1] + y))


def _sequence(parts: Sequence[_Block]) -> _Block:
    """One below the other; nothing leads out of one that ends, into what only a failure leads to."""
    whole = _Block()
    for n, part in enumerate(parts):
        if n:
            if whole.goes_on:
                whole.edges.append(Edge(((0, whole.height), (0, whole.height + GAP))))
            whole.height += GAP
        whole.put(part, 0, whole.height)
        whole.goes_on = part.goes_on
    return whole


def _step(line: Line) -> _Block:
    if line.kind == "when":
        return _when(line)
    if line.kind == "parallel":
        return _parallel(line)
    block = _box(line.kind, line.words, failing=line.failing, named=line.named)
    block.goes_on = not line.ends
    return block


def _box(kind: str, words: str, *, failing: str = "", named: str = "") -> _Block:
    lines = _wrapped(words, MOST_LINES)
    shown = _wrapped(f"fails → {failing}", MOST_LINES // 2) if failing else ()
    height = 2 * PAD + LINE_HEIGHT * (len(lines) + len(shown) + bool(named))
    title = f"{words}{f' (if it fails: {failing})' if failing else ''}"
    box = Box(kind, -WIDTH / 2, 0, WIDTH, height, lines, shown, named, title)
    return _Block(WIDTH / 2, WIDTH / 2, height, True, [box])


def _when(line: Line) -> _Block:
    """The condition, with the way that goes on (or has no steps) straight below it, and the other one to the right."""
    block = _box(line.kind, line.words, named=line.named)
    lanes = [(label, _sequence([_step(one) for one in steps])) for label, steps in line.branches]
    below = next((n for n, (_, lane) in enumerate(lanes) if not lane.boxes), None)
    if below is None:
        below = next((n for n, (_, lane) in enumerate(lanes) if lane.goes_on), 0)
    (label, main), (other_label, other) = lanes[below], lanes[1 - below]
    top, middle = block.height, block.height / 2
    x = max(main.right, WIDTH / 2) + LANE + other.left
    start = top + GAP
    block.edges.append(
        Edge(
            ((WIDTH / 2, middle), (x, middle), (x, start)), bool(other.boxes), other_label, (WIDTH / 2 + 5, middle - 5)
        )
    )
    block.put(other, x, start)
    goes_down = Edge(((0, top), (0, start)), bool(main.boxes), label, (5, top + 16))
    block.edges.append(goes_down)
    block.put(main, 0, start)
    block.goes_on = main.goes_on or other.goes_on
    bottom = block.height
    if main.goes_on:
        bottom = _joined(block, [(0, start + main.height), *([(x, start + other.height)] if other.goes_on else [])])
    elif other.goes_on:  # back to the middle below what ends there
        bottom = _joined(block, [(x, start + other.height)])
    block.height = bottom
    return block


def _joined(block: _Block, ends: Sequence[Point]) -> float:
    """Lead these ends together at x = 0 below everything; how far down that is."""
    aside = any(x for x, _ in ends)
    bottom = block.height + (GAP / 2 if aside else 0)
    for x, y in ends:
        points = ((x, y), (x, bottom), (0.0, bottom)) if x else ((x, y), (x, bottom))
        if points[0] != points[-1]:
            block.edges.append(Edge(points, arrow=False))
    return bottom


def _parallel(line: Line) -> _Block:
    """All branches beside each other, between where they part and where they meet."""
    block = _box(line.kind, line.words, named=line.named)
    lanes = [_sequence([_step(one) for one in steps]) for _, steps in line.branches]
    xs = list(_places(lanes))
    top = block.height
    start = top + GAP * 1.5
    for x, lane in zip(xs, lanes, strict=True):
        block.edges.append(Edge(((0, top), (0, top + GAP / 2), (x, top + GAP / 2), (x, start)), bool(lane.boxes)))
        block.put(lane, x, start)
    ends = [(x, start + lane.height) for x, lane in zip(xs, lanes, strict=True) if lane.goes_on]
    block.goes_on = bool(ends)
    if ends:
        bottom = _joined(block, [*ends])
        block.height = bottom
        join = _box("join", "all of them")
        block.edges.append(Edge(((0, bottom), (0, bottom + GAP / 2))))
        block.put(join, 0, bottom + GAP / 2)
    return block


def _places(lanes: Sequence[_Block]) -> Iterator[float]:
    """The middle of each lane, so that they lie around 0."""
    width = sum(lane.left + lane.right for lane in lanes) + LANE * (len(lanes) - 1)
    at = -width / 2
    for lane in lanes:
        yield at + lane.left
        at += lane.left + lane.right + LANE


def _wrapped(words: str, most: int) -> tuple[str, ...]:
    """The words in at most so many lines, cut where they would be more."""
    lines: list[str] = [""]
    for word in words.split():
        for piece in _pieces(word):
            longer = f"{lines[-1]} {piece}".strip()
            if _wide(longer) <= LINE_CHARS:
                lines[-1] = longer
            else:
                lines.append(piece)
    if len(lines) > most:
        lines = [*lines[: most - 1], _cut(" ".join(lines[most - 1 :]), LINE_CHARS)]
    return tuple(lines)


def _pieces(word: str) -> Iterator[str]:
    """A word, or as much of one that is longer than a line as fits into each."""
    piece = ""
    for char in word:
        if _wide(piece + char) > LINE_CHARS:
            at = max(piece.rfind(mark) for mark in BREAKS) + 1 or len(piece)
            yield piece[:at]
            piece = piece[at:]
        piece += char
    yield piece


def _cut(words: str, most: int) -> str:
    if _wide(words) <= most:
        return words
    while _wide(words) > most - 1:
        words = words[:-1]
    return f"{words.rstrip()}…"


def _wide(text: str) -> int:
    """Letters that the text takes, Chinese and the like counted twice."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
