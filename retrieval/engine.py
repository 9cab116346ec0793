"""What the index asks of a vector engine, and the fields that every stored passage has, whichever engine it is.

Pure: protocol and records only; the engines are `edge` (in process) and `qdrant` (a server).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from retrieval.types import Passage, Span, Vectors

DENSE, SPARSE = "dense", "sparse"
# What ranking looks at; the rest of a payload is fetched for the winners only.
RANKED = ("document", "title", "heading", "start", "terms", "head_terms", "head_vector")
# Fields that queries and sync filter on.
INDEXED = ("site", "document", "version", "language", "audience", "tags")

# The tag of documents that have none.
UNTAGGED = ""


class IndexBusy(RuntimeError):
    """Another process owns this index; the message says which."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One search, as an engine sees it."""

    site: str
    vector: Vectors
    words: str  # what the sparse arm looks for
    languages: tuple[str, ...]  # how those words are stemmed
    limit: int
    only_language: str | None = None  # passages of this language, or of none
    audience: tuple[str, ...] = ()  # besides what everybody may see
    tags: tuple[str, ...] = ()  # documents with one of these only, UNTAGGED among them; all if empty


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that an arm found, with the fields of RANKED; `sparse` is 0 where that arm did not find it."""

    key: str
    dense: float  # cosine
    sparse: float  # BM25
    payload: dict[str, Any]


@dataclass(slots=True)
class Stored:
    """What the engine holds of one version of one document."""

    parts: int  # passages that version has
    present: int = 0  # passages that are there


class Engine(Protocol):
    """A place for passages. All methods are safe to call from many tasks."""

    async def stored(self, site: str) -> dict[str, dict[str, Stored]]:
        """Document → version → what is there of it."""
        ...

    async def add(self, nodes: Sequence[Any]) -> None:
        """Adds LlamaIndex nodes of one document, all or (after a crash) a part of them."""
        ...

    async def remove(self, site: str, document: str, *, keep: str | None = None) -> None:
        """Removes a document, but for the version to keep."""
        ...

    async def search(self, wanted: Wanted) -> list[Candidate]:
        """The union of what the dense and the sparse arm find, in no order."""
        ...

    async def fetch(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Whole payloads; what is gone meanwhile is missing."""
        ...

    async def terms(self, site: str) -> list[tuple[str, list[str]]]:
        """(language, terms) of every passage of a site."""
        ...

    async def payloads(self, site: str) -> list[dict[str, Any]]:
        """The whole payload of every passage of a site, in no order."""
        ...

    async def count(self, site: str) -> int:
        """Passages of a site."""
        ...

    async def settle(self) -> None:
        """After a sync: everything on disk, and whatever makes searching faster."""
        ...

    async def close(self) -> None:
        """Lets go of files and threads."""
        ...


def to_payload(passage: Passage, *, version: str, part: int, parts: int, language: str) -> dict[str, Any]:
    """The stored form of a passage; the fields of words, headings and tags are added by `ingest`."""
    return {
        "site": passage.site,
        "document": passage.document,
        "version": version,
        "part": part,
        "parts": parts,
        "title": passage.title,
        "heading": passage.heading,
        "url": passage.url,
        "hash": passage.hash,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "raw": passage.raw,
        "spans": [
            [span.start, span.end, None if span.text == _slice(passage, span) else span.text] for span in passage.spans
        ],
        "locale": passage.locale or "",
        "language": language,
        "audience": passage.audience or "",
    }


def to_passage(payload: dict[str, Any], score: float) -> Passage:
    """The passage of a payload."""
    start, raw = int(payload["start"]), str(payload["raw"])
    spans = (
        Span(int(a), int(b), raw[int(a) - start : int(b) - start] if text is None else str(text))
        for a, b, text in payload["spans"]
    )
    return Passage(
        site=payload["site"],
        document=payload["document"],
        title=payload["title"],
        heading=payload["heading"],
        url=payload["url"],
        hash=payload["hash"],
        start=start,
        end=int(payload["end"]),
        text=payload["text"],
        raw=raw,
        score=score,
        spans=tuple(spans),
        locale=payload["locale"] or None,
        audience=payload["audience"] or None,
    )


def _slice(passage: Passage, span: Span) -> str:
    return passage.raw[span.start - passage.start : span.end - passage.start]
