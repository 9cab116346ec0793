"""Markdown to blocks with exact offsets, GitHub's anchors and table rows that know their header.

Pure. CommonMark and tables are read by markdown-it; this file finds the offsets, which markdown-it does not keep.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from retrieval.blocks import Anchors, Block, Mapped, MappedBuilder, Outline, inline
from retrieval.html import html_blocks
from retrieval.types import Span

_LINE_END = re.compile(r"\r\n|\n|\r")
_FRONT = re.compile(r"\ufeff?---[ \t]*(?:\r\n|\n|\r)(?:.*?(?:\r\n|\n|\r))??(?:---|\.\.\.)[ \t]*(?:\r\n|\n|\r|\Z)", re.S)
_EXPLICIT_ID = re.compile(r"[ \t]*\{#([\w:.-]+)\}[ \t]*$")
_REFERENCE = re.compile(r"[ \t]{0,3}\[[^\]]+\]:[ \t]*\S+")


def front_matter_end(text: str) -> int:
    """Offset behind the front matter; 0 without one."""
    found = _FRONT.match(text)
    return found.end() if found else 0


def markdown_blocks(text: str) -> tuple[str, list[Block]]:
    """The title (first heading of level 1, or "") and the blocks of a Markdown file; front matter is skipped."""
    return _Reader(text).read()


class _Reader:
    """One pass over markdown-it's tokens."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.base = front_matter_end(text)
        starts = [self.base, *(m.end() for m in _LINE_END.finditer(text, self.base))]
        ends = [*(m.start() for m in _LINE_END.finditer(text, self.base)), len(text)]
        self.lines = list(zip(starts, ends, strict=True))
        self.anchors = Anchors()
        self.outline = Outline()
        self.blocks: list[Block] = []
        self.header: list[str] = []
        self.nesting: list[str] = []

    def read(self) -> tuple[str, list[Block]]:
        tokens = MarkdownIt("commonmark", {"maxNesting": 40}).enable("table").parse(self.text[self.base :])
        index = 0
        while index < len(tokens):
            index = self.token(tokens, index)
        return self.outline.title, self.blocks

    def token(self, tokens: list[Token], index: int) -> int:
        """Reads one token, or a whole heading or table row; returns the index of the next."""
        token = tokens[index]
        if token.type == "heading_open":
            self.heading(tokens[index + 1], int(token.tag[1]))
            return index + 3
        if token.type == "tr_open":
            close = next(i for i in range(index, len(tokens)) if tokens[i].type == "tr_close")
            self.row([t for t in tokens[index:close] if t.type == "inline"], token, tokens[index + 1].type == "th_open")
            return close + 1
        if token.type == "list_item_open":
            self.nesting.append("item")
        elif token.type == "list_item_close":
            self.nesting.pop()
        elif token.type == "inline" and token.map:
            self.add("item" if self.nesting else "text", inline(self.content(token)))
        elif token.type in {"fence", "code_block"} and token.map:
            self.code(token)
        elif token.type == "html_block" and token.map:
            start, end = self.lines[token.map[0]][0], self.lines[token.map[1] - 1][1]
            inner = html_blocks(self.text[start:end], base=start, path=self.outline.path(), anchor=self.outline.anchor)
            self.blocks.extend(inner[1])
        return index + 1

    def content(self, token: Token) -> list[tuple[str, int]]:
        """The lines of an inline token as they stand in the file, without list and quote marks."""
        assert token.map is not None  # noqa: S101 - the callers looked
        found: list[tuple[str, int]] = []
        for line, (start, end) in zip(token.content.split("\n"), self.lines[token.map[0] : token.map[1]], strict=False):
            wanted = line.strip()
            at = self.text.rfind(wanted, start, end) if wanted else -1
            if at == -1:  # a tab was turned into spaces, NUL into U+FFFD: the whole line then
                raw = self.text[start:end]
                at, wanted = start + len(raw) - len(raw.lstrip()), raw.strip()
            found.append((wanted, at))
        return found

    def add(self, kind: str, mapped: Mapped) -> None:
        spans = mapped.spans()
        if spans:
            self.blocks.append(Block(kind, self.outline.path(), self.outline.anchor, spans))

    def heading(self, token: Token, level: int) -> None:
        text = " ".join(inline([(line, 0) for line in token.content.split("\n")]).text.split())
        explicit = _EXPLICIT_ID.search(text)
        if explicit:
            text = text[: explicit.start()].strip()
            anchor = self.anchors.take(explicit.group(1))
        else:
            anchor = self.anchors.of(text)
        self.outline.enter(level, text, anchor)

    def row(self, cells: list[Token], row: Token, is_header: bool) -> None:
        if row.map is None:
            return
        texts = [" ".join(inline([(cell.content, 0)]).text.split()) for cell in cells]
        if is_header:
            self.header = texts
            return
        start, end = self.lines[row.map[0]]
        raw = self.text[start:end]
        kept = raw.strip().strip("|").strip()
        at = self.text.find(kept, start, end)
        pairs = zip(self.header + [""] * len(texts), texts, strict=False)
        words = "; ".join(f"{head}: {cell}" if head else cell for head, cell in pairs if cell)
        if words and kept and at != -1:
            span = Span(at, at + len(kept), words)
            self.blocks.append(Block("row", self.outline.path(), self.outline.anchor, (span,)))

    def code(self, token: Token) -> None:
        assert token.map is not None  # noqa: S101 - the caller looked
        first, last = token.map
        if token.type == "fence":
            first += 1
            last -= token.content.count("\n") < last - first
        built = MappedBuilder()
        spans: list[Span] = []
        for start, end in self.lines[first:last]:
            built = MappedBuilder()
            built.add(self.text[start:end], start)
            spans.extend(built.done().whole())
        if spans:
            self.blocks.append(Block("code", self.outline.path(), self.outline.anchor, tuple(spans)))
