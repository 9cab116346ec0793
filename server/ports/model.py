"""Model: what writes answers, what listens to the customer's tone, and what finds passages.

Names no implementation and does no I/O.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from retrieval.types import Passage
from server.ports.prompt import Prompt
from tools.workflow.events import Cancelled, Corrected, Said


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the reply. Markers such as `[1]` cite `prompt.passages[0]`; they are checked before the message is stored."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of reasoning, shown only where the site allows it."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A complete tool call. Arguments are parsed only when the model has finished them."""

    id: str
    tool: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choices:
    """Answers to offer as buttons under the message; pressing one sends its text."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandOver:
    """The model wants a person to take over, after whatever text it wrote. `reason` is one of `server.policy.REASONS`."""

    reason: str


@dataclass(frozen=True, slots=True)
class PassOn:
    """The model wants another agent of the site to answer this; what it wrote before is a thought, and no message."""

    agent: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Begin this workflow. `args` are slots as the customer's words say them; the machine reads them, and asks for the rest."""

    workflow: str
    args: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    """The customer's words, in which choices may be named."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the customer's words mean to a workflow's run."""

    run: str
    event: Said | Corrected | Cancelled


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens used by this call, as the provider counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: str | None = None
    """In the provider's currency, as a decimal string, where it says so."""


Chunk = Text | Thinking | Call | Choices | HandOver | PassOn | Start | Heard | Usage


@dataclass(frozen=True, slots=True)
class Tone:
    """How a customer's words read, whoever answers them."""

    language: str
    """Two-letter code."""
    mood: str
    """One of `server.site.Mood`."""
    cue: str | None = None
    """What a person must see to, whatever a model says: one of `server.policy.REASONS`."""
    reply: str = ""
    """What the customer is told then, in their language."""
    english: str = ""
    """The words in English as far as a glossary goes; empty where there is none."""
    parts: tuple[tuple[str, ...], ...] = ()
    """What is asked or told, each in one or two wordings: as written, and in English."""
    asks: bool = False
    """Whether anything is asked, in a whole sentence or in keywords."""


class Listener(Protocol):
    """Hears language and mood of what customers write, without any model."""

    async def warm(self) -> None:
        """Load what the first message would wait for."""

    async def hear(self, text: str, *, before: str, known: frozenset[str] = frozenset()) -> Tone:
        """The tone of a message. `before` is the language so far; `known` words of the shop say nothing of a language."""


class ModelFailed(Exception):
    """The model could not answer: unreachable, refused, broke off or timed out. `retryable` says whether trying again may help."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class Model(Protocol):
    """Writes answers. All look the same to `turns`."""

    name: str
    """As in SHOPBELL_MODEL, for the log."""
    quotes_only: bool
    """It says nothing but quotations, tools' replies and fixed sentences, so only its citations are checked."""

    def stream(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """One model call, piece by piece. Closing the iterator early must stop the call and free what it holds.

        Raises:
            ModelFailed: after retries where they are safe (never once text was given out).
        """


class Retriever(Protocol):
    """Finds passages of one site's knowledge."""

    async def search(self, site: str, query: str, *, k: int = 6, tags: Sequence[str] = ()) -> list[Passage]:
        """At most `k` passages of this site, best first; `Passage.score` is in 0..1 and comparable between queries.

        With `tags`, only passages of documents that have one of them; "" among them stands for documents without any.
        """
