"""Shelf: a help center's articles as their writers see them: what they say, what is wrong with them, which of them hold some words.

It finds no answers: that is `retrieval`'s. It writes nothing.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retrieval.sources import MarkdownFolder, make_document
from retrieval.split import blocks
from retrieval.text import fold, words
from retrieval.types import Document, SourceError
from server.site import Problem, check_articles

EXCERPT_CHARS: Final = 160
"""Around the first word that was looked for: two lines of a list."""


@dataclass(frozen=True, slots=True)
class Article:
    """One file below help/. `document` is None for one that cannot be read: `problems` says why."""

    path: str
    """Below help/, with its ending."""
    changed_ms: int
    """Unix time."""
    document: Document | None
    problems: tuple[Problem, ...] = ()

    @property
    def title(self) -> str:
        """The article's title, or its path."""
        return self.document.title if self.document is not None else self.path

    @property
    def editable(self) -> bool:
        """Whether it is Markdown, which the desk can edit."""
        return self.path.endswith(".md")

    def excerpt(self, query: str) -> str | None:
        """A piece of it around the first of the query's words that it has; None if title and text together lack one of them.

        Capitals and accents do not count, and a word may be cut short.
        """
        wanted = words(fold(query))
        if self.document is None or not wanted:
            return None
        there = set(words(fold(f"{self.title} {self.path} {self.document.text}")))
        if not all(any(word.startswith(one) for word in there) for one in wanted):
            return None
        text = readable(self.document)
        folded = fold(text)
        at = min((at for one in wanted if (at := folded.find(one)) >= 0), default=0)
        # Folding changes lengths a little (ß, ligatures): the place is near enough to read.
        start = text.rfind(" ", 0, max(0, at - EXCERPT_CHARS // 3)) + 1
        end = len(text) if len(text) <= start + EXCERPT_CHARS else text.rfind(" ", 0, start + EXCERPT_CHARS)
        piece = text[start : end if end > start else start + EXCERPT_CHARS]
        return f"{'… ' if start else ''}{piece}{' …' if end < len(text) else ''}"


def readable(document: Document) -> str:
    """The article's words without headings, marks and front matter, in one line."""
    return " ".join(span.text for block in blocks(document)[1] for span in block.spans)


_Stamp = tuple[tuple[str, int, int], ...]


class Shelf:
    """The articles of help folders; read again when a file has come, gone or changed. Blocks: call it in a thread."""

    def __init__(self) -> None:
        self._read: dict[tuple[Path, str], tuple[_Stamp, tuple[Article, ...]]] = {}

    def articles(self, folder: Path, *, locale: str) -> tuple[Article, ...]:
        """All of them, in order of their paths; none without a folder. `locale` is that of articles which name none."""
        stamp = tuple(sorted(_stamped(folder)))
        known = self._read.get((folder, locale))
        if known is None or known[0] != stamp:
            known = stamp, tuple(_articles(folder, locale, stamp))
            self._read[folder, locale] = known
        return known[1]


def article_of(path: str, text: str, *, locale: str) -> Document:
    """The document that a file with this text would be.

    Raises:
        SourceError: its front matter is no YAML, or a field has the wrong type.
    """
    return make_document(path, text, locale=locale)


def documents_of(articles: Sequence[Article], tags: Sequence[str]) -> list[Document]:
    """Those that answers may come from: those with one of the tags, or all without any."""
    readable = [one.document for one in articles if one.document is not None]
    return [one for one in readable if not tags or set(tags).intersection(one.tags)]


def _stamped(folder: Path) -> Iterator[tuple[str, int, int]]:
    if not folder.is_dir():
        return
    for file in MarkdownFolder(folder).files():
        try:
            status = file.stat()
        except FileNotFoundError:  # it went while we looked
            continue
        yield file.relative_to(folder).as_posix(), status.st_mtime_ns, status.st_size


def _articles(folder: Path, locale: str, stamp: _Stamp) -> Iterator[Article]:
    source = MarkdownFolder(folder, locale=locale)
    problems = _by_path(folder) if stamp else {}
    for path, changed_ns, _ in stamp:
        file = folder / path
        wrong = problems.get(path, ())
        document: Document | None = None
        try:
            document = source.document(file)
        except (SourceError, OSError) as error:
            if not any(one.severity == "error" for one in wrong):
                wrong = (*wrong, Problem(file, 1, 1, "error", str(error).removeprefix(f"{file}:").strip()))
        yield Article(path, changed_ns // 1_000_000, document, wrong)


def _by_path(folder: Path) -> Mapping[str, tuple[Problem, ...]]:
    found: dict[str, tuple[Problem, ...]] = {}
    for problem in check_articles(folder):
        path = os.path.relpath(problem.file, folder).replace(os.sep, "/")
        found[path] = (*found.get(path, ()), problem)
    return found
