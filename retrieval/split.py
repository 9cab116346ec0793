"""Documents to passages of about 160 words that end where headings, paragraphs and list items end.

Pure. `SPLITTER` changes whenever a document would be cut or worded otherwise, so that `sync` does it again.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from retrieval.blocks import Block
from retrieval.html import html_blocks
from retrieval.markdown import markdown_blocks
from retrieval.types import Document, Passage

SPLITTER = "3"
# About 160 words are 210 to 230 MiniLM word pieces: with title and headings just under its 256.
PASSAGE_WORDS = 160
MOST_WORDS = 220


def blocks(document: Document) -> tuple[str, list[Block]]:
    """The document's own title ("" without) and its blocks, by the ending of its path."""
    if document.path.lower().endswith((".html", ".htm")):
        return html_blocks(document.text)
    return markdown_blocks(document.text)


def split(site: str, document: Document) -> list[Passage]:
    """The passages of a document in order; none for one without words."""
    _, found = blocks(document)
    passages: list[Passage] = []
    for _, group in groupby(found, key=lambda block: (block.heading, block.anchor)):
        for part in _parts(list(group)):
            passages.append(_passage(site, document, part))
    return passages


def embedding_text(passage: Passage) -> str:
    """What stands for a passage in both arms of the search: title and headings, then its words."""
    head = " > ".join(part for part in (passage.title, passage.heading) if part)
    return f"{head}\n{passage.text}"


def _parts(section: Sequence[Block]) -> Iterator[list[Block]]:
    """The blocks of one section in runs of nearly equal size."""
    pieces = [piece for block in section for piece in _pieces(block)]
    total = sum(piece.words for piece in pieces)
    if total <= MOST_WORDS:
        yield pieces
        return
    goal = total / math.ceil(total / PASSAGE_WORDS)
    run: list[Block] = []
    begun = before = 0
    for index, piece in enumerate(pieces):
        # A sentence that announces a list ("You will need:") goes with its first item.
        announces = piece.spans[-1].text.endswith(":") and index + 1 < len(pieces)
        ahead = pieces[index + 1].words if announces else 0
        place = int((before + (piece.words + ahead) / 2) / goal)
        if run and place > begun:
            yield run
            run = []
        begun = place
        run.append(piece)
        before += piece.words
    if run:
        yield run


def _pieces(block: Block) -> Iterator[Block]:
    """The block, or, when it alone is too long, runs of its sentences."""
    if block.words <= MOST_WORDS:
        yield block
        return
    run: list[int] = []
    size = 0
    for index, span in enumerate(block.spans):
        words = len(span.text.split())
        if run and size + words > PASSAGE_WORDS:
            yield Block(block.kind, block.heading, block.anchor, tuple(block.spans[i] for i in run))
            run, size = [], 0
        run.append(index)
        size += words
    yield Block(block.kind, block.heading, block.anchor, tuple(block.spans[i] for i in run))


def _passage(site: str, document: Document, part: Sequence[Block]) -> Passage:
    first = part[0]
    lines: list[str] = []
    for block in part:
        mark = "- " if block.kind == "item" else ""
        joint = "\n" if block.kind == "code" else " "
        lines.append(mark + joint.join(span.text for span in block.spans))
    start, end = first.start, max(block.end for block in part)
    return Passage(
        site=site,
        document=document.path,
        title=document.title,
        heading=" > ".join(first.heading),
        url=_url(document.url, first.anchor if first.heading else ""),
        hash=document.hash,
        start=start,
        end=end,
        text="\n".join(lines),
        raw=document.text[start:end],
        spans=tuple(span for block in part for span in block.spans),
        locale=document.locale,
        audience=document.audience,
    )


def _url(url: str, anchor: str) -> str:
    return f"{url.split('#')[0]}#{anchor}" if url and anchor else url
