"""Markdown and HTML to blocks: what can be read, under which heading and anchor, with exact offsets.

Pure: text in, blocks out. It decides nothing about the size of passages.
"""

import html
import re
import unicodedata
from dataclasses import dataclass, field

from retrieval.text import sentences
from retrieval.types import Span


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, table row or piece of code, as spans in order."""

    kind: str  # "text" | "item" | "row" | "code"
    heading: tuple[str, ...]  # the path of headings above it
    anchor: str
    spans: tuple[Span, ...]

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return self.spans[0].start

    @property
    def end(self) -> int:
        """Offset behind the last character."""
        return self.spans[-1].end

    @property
    def words(self) -> int:
        """How many words a reader sees."""
        return sum(len(span.text.split()) for span in self.spans)


@dataclass(frozen=True, slots=True)
class Mapped:
    """Readable characters, each with the offset of the raw character it came from (and where that one ends)."""

    text: str
    at: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> Span:
        """The span of readable characters start..end."""
        return Span(self.at[start], self.ends[end - 1], " ".join(self.text[start:end].split()))

    def spans(self) -> tuple[Span, ...]:
        """One span for each sentence."""
        return tuple(self.span(a, b) for a, b in sentences(self.text))

    def whole(self) -> tuple[Span, ...]:
        """One span for everything."""
        size = len(self.text)
        start = size - len(self.text.lstrip())
        end = len(self.text.rstrip())
        return (self.span(start, end),) if start < end else ()


@dataclass(slots=True)
class MappedBuilder:
    """Collects readable characters with their raw offsets."""

    text: list[str] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, text: str, start: int, end: int | None = None) -> None:
        """`text` came from raw `start` on, character by character, or, with `end`, all of it from start..end."""
        for index, char in enumerate(text):
            self.text.append(char)
            self.at.append(start + index if end is None else start)
            self.ends.append(start + index + 1 if end is None else end)

    def done(self) -> Mapped:
        """What was collected."""
        return Mapped("".join(self.text), tuple(self.at), tuple(self.ends))


@dataclass(slots=True)
class Anchors:
    """GitHub's heading anchors: lower case, punctuation dropped, spaces to hyphens, doubles numbered."""

    seen: dict[str, int] = field(default_factory=dict)

    def of(self, heading: str) -> str:
        """The anchor of the next heading with this text."""
        kept = "".join(c for c in heading.strip().lower() if c in "-_ " or unicodedata.category(c)[0] in "LNM")
        return self.take(kept.replace(" ", "-"))

    def take(self, slug: str) -> str:
        """The slug, or the slug with a number when it is taken."""
        anchor = slug
        while anchor in self.seen:
            self.seen[slug] += 1
            anchor = f"{slug}-{self.seen[slug]}"
        self.seen[anchor] = 0
        return anchor


@dataclass(slots=True)
class Outline:
    """The headings above the place that is being read."""

    title: str = ""
    stack: list[tuple[int, str]] = field(default_factory=list)
    anchor: str = ""

    def enter(self, level: int, text: str, anchor: str) -> None:
        """A heading of this level begins; the first of level 1 is the title, and no part of the path."""
        while self.stack and self.stack[-1][0] >= level:
            self.stack.pop()
        self.anchor = anchor
        if level == 1 and not self.title:
            self.title = text
        else:
            self.stack.append((level, text))

    def path(self) -> tuple[str, ...]:
        """Headings from the outermost to the nearest."""
        return tuple(text for _, text in self.stack)


_ESCAPABLE = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]*|[^<>\s@]+@[^<>\s@]+)>")
_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>|<[!?][^<>]*>", re.S)
_LINK_TAIL = re.compile(
    r"\]\(\s*(?:<[^<>\n]*>|(?:[^\s()\\]|\\.|\((?:[^\s()]|\([^\s()]*\))*\))*)(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*\)"
)
_REF_TAIL = re.compile(r"\]\[[^\[\]]*\]")


def inline(raw: list[tuple[str, int]]) -> Mapped:
    r"""The readable text of lines of inline Markdown, given as (line, its offset); line ends become `\\n`."""
    built = MappedBuilder()
    for index, (line, start) in enumerate(raw):
        if index:
            built.add("\n", start, start)
        _inline_line(line, start, built)
    return built.done()


def _inline_line(line: str, start: int, built: MappedBuilder) -> None:
    """Drops emphasis marks, code ticks, link targets, images and tags of one line; keeps what a reader sees."""
    tails = {m.start(): m.end() for pattern in (_LINK_TAIL, _REF_TAIL) for m in pattern.finditer(line)}
    openers = _link_openers(line, tails)
    at = 0
    size = len(line)
    while at < size:
        char = line[at]
        if char == "\\" and at + 1 < size and line[at + 1] in _ESCAPABLE:
            built.add(line[at + 1], start + at, start + at + 2)
            at += 2
        elif char == "`":
            at = _code(line, at, start, built)
        elif char == "&" and (found := _ENTITY.match(line, at)):
            built.add(html.unescape(found.group()), start + at, start + found.end())
            at = found.end()
        elif char == "<" and (found := _AUTOLINK.match(line, at)):
            built.add(found.group(1), start + at + 1)
            at = found.end()
        elif char == "<" and (found := _TAG.match(line, at)):
            if re.match(r"<(br|/p|/div|/li|/td)\b", found.group(), re.I):
                built.add(" ", start + at, start + found.end())
            at = found.end()
        elif char == "!" and at + 1 in openers:
            at += 2
        elif at in openers:
            at += 1
        elif char == "]" and at in tails and tails[at] in openers.values():
            at = tails[at]
        elif char in "*_~" and _is_mark(line, at):
            at += 1
        else:
            built.add(char, start + at)
            at += 1


def _link_openers(line: str, tails: dict[int, int]) -> dict[int, int]:
    """Where a `[` opens a link, with the offset behind that link."""
    found: dict[int, int] = {}
    stack: list[int] = []
    for at, char in enumerate(line):
        if char == "[" and not (at and line[at - 1] == "\\"):
            stack.append(at)
        elif char == "]" and stack:
            opener = stack.pop()
            if at in tails:
                found[opener] = tails[at]
    return found


def _code(line: str, at: int, start: int, built: MappedBuilder) -> int:
    ticks = len(line) - at - len(line[at:].lstrip("`"))
    close = re.compile(rf"(?<!`)`{{{ticks}}}(?!`)").search(line, at + ticks)
    if not close:
        built.add(line[at : at + ticks], start + at)
        return at + ticks
    built.add(line[at + ticks : close.start()], start + at + ticks)
    return close.end()


def _is_mark(line: str, at: int) -> bool:
    """Whether the `*`, `_` or `~` at `at` is emphasis and not text (`2 * 3`, `snake_case`, `~5 days`)."""
    char = line[at]
    left, right = at, at
    while left > 0 and line[left - 1] == char:
        left -= 1
    while right + 1 < len(line) and line[right + 1] == char:
        right += 1
    before = line[left - 1] if left else " "
    after = line[right + 1] if right + 1 < len(line) else " "
    if char == "~":
        return right - left == 1
    if before.isspace() and after.isspace():
        return False
    if char == "_" and before.isalnum() and after.isalnum():
        return False
    return line.count(char) > 1
