"""HTML to blocks with exact offsets and the anchors that the page itself gives.

Pure, on the standard library's parser, because it alone says where in the file a text stands.
"""

import html
from html.parser import HTMLParser

from retrieval.blocks import Block, Mapped, MappedBuilder, Outline
from retrieval.text import word_set
from retrieval.types import Span

_SKIPPED = word_set("script style nav footer noscript template svg form button select iframe head")
_BLOCKS = word_set("""address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure header hr
    html legend li main ol p pre section summary table tbody td tfoot th thead tr ul br""")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_VOID = word_set("area base br col embed hr img input link meta source track wbr")


def html_blocks(text: str, *, base: int = 0, path: tuple[str, ...] = (), anchor: str = "") -> tuple[str, list[Block]]:
    """The title (`<h1>`, else `<title>`, else "") and the blocks of a page or a piece of one.

    `base` is added to every offset; `path` and `anchor` are those of the place the piece stands in. Where the page has
    `<main>` or `<article>`, only what is inside counts.
    """
    reader = _Reader(text, base, path, anchor)
    reader.feed(text)
    reader.close()
    reader.finish()
    blocks = reader.main if reader.main else reader.blocks
    return reader.outline.title or reader.page_title.strip(), blocks


class _Reader(HTMLParser):
    """One pass over tags and text."""

    def __init__(self, text: str, base: int, path: tuple[str, ...], anchor: str) -> None:
        super().__init__(convert_charrefs=False)
        self.base = base
        starts = [0]
        for index, char in enumerate(text):
            if char == "\n":  # HTMLParser counts these only
                starts.append(index + 1)
        self.line_starts = starts
        self.source = text
        self.outline = Outline(anchor=anchor)
        self.outline.stack = [(0, heading) for heading in path]
        self.blocks: list[Block] = []
        self.main: list[Block] = []
        self.open: list[str] = []
        self.built = MappedBuilder()
        self.heading: tuple[int, str] | None = None
        self.page_title = ""
        self.row: list[tuple[bool, Mapped]] | None = None
        self.row_start = 0
        self.header: list[str] = []
        self.in_header = False
        self.pending_id = ""

    def at(self) -> int:
        line, column = self.getpos()
        return self.line_starts[line - 1] + column

    # -- tags -----------------------------------------------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HEADINGS or (tag in _BLOCKS and tag not in {"td", "th"}):
            self.flush()
        found = dict(attrs)
        identity = found.get("id") or (found.get("name") if tag == "a" else None) or ""
        if tag in _HEADINGS:
            self.heading = (_HEADINGS[tag], identity or self.pending_id)
            self.pending_id = ""
        elif identity and tag in {"a", "section", "div", "article", "details", "span"}:
            if self.heading and not self.heading[1]:
                self.heading = (self.heading[0], identity)
            else:
                self.pending_id = identity
        if tag == "tr":
            self.row, self.row_start = [], self.at() + len(self.get_starttag_text() or "")
        elif tag == "table":
            self.header = []
        elif tag in {"td", "th"}:
            self.cell_ends()
            self.in_header = tag == "th"
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's signature
        if tag in _BLOCKS:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if tag in _HEADINGS:
            self.heading_ends()
        elif tag in {"td", "th"}:
            self.cell_ends()
        elif tag == "tr":
            self.row_ends()
        elif tag in _BLOCKS:
            self.flush()
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    # -- text -----------------------------------------------------------------------------------------------------

    def handle_data(self, data: str) -> None:
        self.write(data, None)

    def handle_entityref(self, name: str) -> None:
        self.reference(f"&{name}")

    def handle_charref(self, name: str) -> None:
        self.reference(f"&#{name}")

    def reference(self, raw: str) -> None:
        end = self.at() + len(raw)
        end += self.source[end : end + 1] == ";"
        self.write(html.unescape(self.source[self.at() : end]), end)

    def write(self, data: str, end: int | None) -> None:
        if "title" in self.open and "body" not in self.open:
            self.page_title += data
            return
        if any(tag in _SKIPPED for tag in self.open):
            return
        start = self.at() + self.base
        # In a page a line end is a space, however many follow each other.
        plain = data if "pre" in self.open else "".join(" " if c.isspace() else c for c in data)
        self.built.add(plain, start, None if end is None else end + self.base)

    # -- ends -----------------------------------------------------------------------------------------------------

    def taken(self) -> Mapped:
        mapped, self.built = self.built.done(), MappedBuilder()
        return mapped

    def flush(self) -> None:
        if self.heading or self.row is not None:
            if self.built.text:
                self.built.add(" ", self.built.ends[-1], self.built.ends[-1])
            return
        mapped = self.taken()
        kind = "item" if {"li", "dd"} & set(self.open) else "code" if "pre" in self.open else "text"
        self.keep(kind, mapped.spans())

    def keep(self, kind: str, spans: tuple[Span, ...]) -> None:
        if not spans:
            return
        block = Block(kind, self.outline.path(), self.outline.anchor, spans)
        self.blocks.append(block)
        if "main" in self.open or "article" in self.open:
            self.main.append(block)

    def heading_ends(self) -> None:
        text = " ".join(self.taken().text.split())
        level, identity = self.heading or (2, "")
        self.heading = None
        if text:
            self.outline.enter(level, text, identity)

    def cell_ends(self) -> None:
        if self.row is None:
            return
        mapped = self.taken()
        if mapped.text.strip():
            self.row.append((self.in_header, mapped))

    def row_ends(self) -> None:
        if self.row is None:
            return
        self.cell_ends()
        row, self.row = self.row, None
        texts = [" ".join(mapped.text.split()) for _, mapped in row]
        if row and all(is_header for is_header, _ in row):
            self.header = texts
        elif row:
            first, last = row[0][1].whole()[0], row[-1][1].whole()[0]
            heads = self.header if len(self.header) == len(texts) else [""] * len(texts)
            words = "; ".join(f"{head}: {cell}" if head else cell for head, cell in zip(heads, texts, strict=True))
            self.keep("row", (Span(first.start, last.end, words),))

    def finish(self) -> None:
        if self.heading:
            self.heading_ends()
        self.row_ends()
        self.flush()
