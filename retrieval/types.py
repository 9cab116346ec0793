"""The records of knowledge: documents, passages, spans, citations, and the protocols Source and Embedder.

Pure: nothing here reads a file, a clock or a store.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Halves = NDArray[np.float16]
"""Vectors that are only compared: half as large, and exact to a thousandth."""
Progress = Callable[[int, int], None]
"""Called with (done, total) documents."""


@dataclass(frozen=True, slots=True)
class Document:
    """One help-center article as it is on disk; every offset anywhere counts code points of `text`."""

    path: str  # below help/, with extension, "/"-separated
    title: str
    url: str
    locale: str | None
    audience: str | None
    text: str
    hash: str  # SHA-256 hex of text as UTF-8
    tags: tuple[str, ...] = ()

    @staticmethod
    def of(path: str, text: str, *, title: str = "", url: str = "", locale: str | None = None) -> "Document":
        """A document with its hash worked out; for sources that do not read files."""
        return Document(path, title or path, url, locale, None, text, text_hash(text))


@dataclass(frozen=True, slots=True)
class Span:
    """A sentence, list item or table row: `Document.text[start:end]` is the raw slice, `text` its readable words."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of one document that can be shown, embedded and cited.

    `raw == Document.text[start:end]`; `text` is the same without markup. `score` is relevance in 0..1, comparable
    between queries, so that a threshold on it can say "nothing supports this".
    """

    site: str
    document: str
    title: str
    heading: str
    url: str
    hash: str
    start: int
    end: int
    text: str
    raw: str
    score: float = 0.0
    spans: tuple[Span, ...] = ()
    locale: str | None = None
    audience: str | None = None

    @property
    def sentences(self) -> tuple[Span, ...]:
        """The spans under their plainer name."""
        return self.spans

    def scored(self, score: float) -> "Passage":
        """The same passage with another score."""
        return replace(self, score=score)


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found by a query, best passage first inside it."""

    document: str
    score: float
    title: str
    url: str
    text: str


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one `sync` did, in documents; `empty` ones hold nothing that could be found."""

    added: int
    changed: int
    removed: int
    unchanged: int
    seconds: float
    empty: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """A checked quotation: `quote == Document.text[start:end]` of the document with this hash."""

    n: int
    document: str
    title: str
    url: str
    hash: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A text whose markers are all checked; `unsupported` holds the sentences that lost every marker."""

    text: str
    citations: tuple[Citation, ...]
    unsupported: tuple[str, ...]


class SourceError(ValueError):
    """A file of a source cannot be read; the message names file, line and what was expected."""


@runtime_checkable
class Source(Protocol):
    """Where documents come from."""

    async def documents(self) -> list[Document]:
        """The complete set: what is missing from it leaves the index.

        Raises:
            SourceError: a document cannot be read; nothing is changed then.

        """
        ...


class Embedder(Protocol):
    """Text to unit vectors. Neither method blocks the event loop."""

    name: str
    dim: int

    async def query(self, text: str) -> Vectors:
        """One vector of shape (dim,), length 1: of a question, of what a customer says."""
        ...

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Vectors of shape (n, dim), each of length 1, of texts of a shop; `progress(done, n)` after each batch."""
        ...

    def embed_sync(self, texts: Sequence[str]) -> Vectors:
        """The same in the calling thread."""
        ...


class Embedded(NamedTuple):
    """A text as a whole and word by word, from one run of a model."""

    vector: Vectors
    """Of shape (dim,), length 1: the one that `query` or `embed` gives."""
    tokens: Halves
    """Of shape (n, dim), each of length 1: the words and pieces of words as they are meant within this text; n may be 0."""


@runtime_checkable
class TokenEmbedder(Embedder, Protocol):
    """An embedder that can also tell the words of a text apart; not every model gives their vectors away."""

    async def query_tokens(self, text: str) -> Embedded:
        """What `query` gives, and the words of it: of what a customer says. After `query` it costs no second run."""
        ...

    async def embed_tokens(self, texts: Sequence[str]) -> list[Embedded]:
        """What `embed` gives, and the words of each text of a shop."""
        ...


def text_hash(text: str) -> str:
    """SHA-256 hex of the text as UTF-8; lone surrogates cannot come from a decoded file."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
