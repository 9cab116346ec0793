"""Ports: the swappable outsides (Store, Broker, Model, Retriever) and the records that cross them.

Names no implementation and does no I/O.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from retrieval.types import Passage
from server.events import Event, NewEvent, Role
from tools import ToolSpec
from tools.workflow.events import Cancelled, Corrected, Said
from tools.workflow.program import Program
from tools.workflow.view import RunView

Mode = Literal["agent", "waiting", "staff", "closed"]


class Conflict(Exception):
    """A fencing event was committed after the head that the append was planned on: load, and decide again."""


class OverLimit(Exception):
    """A booked amount would pass its limit. Nothing of the append was stored."""

    def __init__(self, key: str, limit: int) -> None:
        super().__init__(f"{key}: over its limit of {limit}")
        self.key = key
        self.limit = limit


class Gone(Exception):
    """The conversation was erased; nothing can be added to it."""


class IdempotencyMismatch(Exception):
    """The id is known in this conversation, with another kind, role or body."""

    def __init__(self, event_id: str) -> None:
        super().__init__(f"event id {event_id!r} is already used with other content")
        self.event_id = event_id


@dataclass(frozen=True, slots=True)
class Spend:
    """An amount booked in an append's transaction: refused with `OverLimit` when the sum for `key` would pass `limit`.

    Amounts are whole numbers of the key's smallest unit (tokens, cents). A key names its window, as in `pk_x/tokens/2026-11-21`.
    """

    key: str
    amount: int
    limit: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The one stored row about a conversation; written in the append's transaction and rebuildable from its events.

    `conversation` is the store's key, `SITE/ID`. Times are Unix milliseconds.
    """

    conversation: str
    site: str
    head: int = 0
    customer: str | None = None
    mode: Mode = "agent"
    opened_ms: int = 0
    updated_ms: int = 0
    open_turn: str | None = None
    turn_attempt: int = 0
    turn_ms: int = 0
    """When the open turn's last attempt started."""
    unanswered: int = 0
    """Customer messages that no turn has answered yet."""
    waiting_since_ms: int | None = None
    """Since when a person has been asked for."""
    asked: int = 0
    """Calls that wait for a decision."""
    asked_staff: int = 0
    """Those of them that wait for staff."""
    staff: str | None = None
    """Id and name of the person who has the conversation."""
    staff_name: str | None = None
    reason: str | None = None
    """Why it waits for a person, or was closed."""
    offered: str | None = None
    """Id and name of the colleague to whom it was last offered, and until when that colleague can take it first."""
    offered_name: str | None = None
    offered_until_ms: int | None = None
    escalated: bool = False
    """It has waited for a person for too long."""
    name: str | None = None
    """The customer's name, where the shop vouches for it."""
    tags: tuple[str, ...] = ()
    """Labels that staff have given it, sorted."""
    snoozed_until_ms: int | None = None
    """Until then it is out of the queues; a customer's word ends that."""
    blocked: bool = False
    """Nothing more is taken from this visitor."""
    mentions: tuple[str, ...] = ()
    """Ids of colleagues whom a note names, and who have not done or said anything here since."""
    unread: int = 0
    """Customer messages since the last one of the agent or of staff."""
    last_role: Role | None = None
    unmailed: int = 0
    """Messages of staff since the customer's last one that nobody has mailed."""
    decided: int = 0
    """Decisions that no turn has taken up yet."""
    in_flight: tuple[str, ...] = ()
    """Ids of calls that were started and have not ended."""
    erased: bool = False
    last_text: str = ""
    """The beginning of the newest message, at most 140 characters."""

    def __post_init__(self) -> None:
        for name in ("in_flight", "tags", "mentions"):  # stores read them back as lists
            object.__setattr__(self, name, tuple(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Hit:
    """A conversation in which all words of a query were found in one event, and the newest such place."""

    summary: Summary
    seq: int
    text: str
    """A piece of what was said there."""


@dataclass(frozen=True, slots=True)
class Find:
    """A query over summaries; every given condition must hold. Newest `updated_ms` first."""

    conversation: str | None = None
    site: str | None = None
    customer: str | None = None
    mode: Mode | None = None
    unfinished: bool | None = None
    """True: an open turn, a call in flight, or words or decisions that no turn has taken up, where the agent should."""
    asked: bool | None = None
    """True: at least one call waits for a decision."""
    updated_before_ms: int | None = None
    limit: int = 100
    offset: int = 0


class Store(Protocol):
    """The log. One suite in tests/contracts runs over every implementation."""

    epoch: str
    """Names this log; a backup that is restored gets a new one."""

    async def append(
        self,
        conversation: str,
        new: Sequence[NewEvent],
        *,
        after: int | None = None,
        spend: Sequence[Spend] = (),
    ) -> list[Event]:
        """Store the events in one transaction, durably, and return them as stored, in order.

        Idempotent by id: a known id with the same kind, role and body is returned as it was stored, and the rest is
        added. When every id is known nothing else is checked. `after` is the head the caller decided on.

        Raises:
            Conflict: a fencing event has a seq above `after`.
            IdempotencyMismatch: a known id came with another body.
            OverLimit: a spend does not fit. Nothing is stored.
            Gone: the conversation is erased.
        """

    async def read(self, conversation: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """At most `limit` events with seq > `after`, in order."""

    async def claim(self, conversation: str, owner: str, ttl_s: float) -> bool:
        """Take or renew the lease to run turns here; True if `owner` holds it now. `ttl_s` = 0 gives it back."""

    async def heads(self, conversations: Sequence[str]) -> dict[str, int]:
        """The last seq of each (0 when unknown), in one query."""

    async def find(self, query: Find) -> list[Summary]:
        """Summaries that match, newest first."""

    async def search(self, query: str, *, sites: Sequence[str], limit: int = 50) -> list[Hit]:
        """Conversations of these sites in which one thing said, noted or signed in has every word of the query.

        A word is had by what begins with it. Newest first, each once; what was erased is not found.
        """

    async def erase(self, conversation: str) -> None:
        """Empty all bodies and salts, keep seq, kind and time. Appends raise `Gone` from now on."""

    async def spent(self, key: str) -> int:
        """What has been booked under `key`."""

    async def sweep(self) -> None:
        """Forget what was booked under keys that nobody touched for three days."""

    async def close(self) -> None:
        """Let go of files and threads; pending appends are finished first."""


class Broker(Protocol):
    """Says "look again" and carries drafts between nodes. At most once; loss is harmless."""

    async def publish(self, channel: str, data: bytes) -> None:
        """Send to whoever listens now. Never raises for a lost broker: the store is the truth."""

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Listen while the context is open. A slow reader loses the oldest, never blocks a publisher."""

    async def close(self) -> None:
        """End all subscriptions."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call as the model wants it: nothing is decided yet."""

    id: str
    tool: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call ended, as the model may read it."""

    id: str
    tool: str
    args: Mapping[str, Any]
    ok: bool
    result: Any = None
    error: str | None = None
    state: Literal["ended", "denied", "waiting", "unknown"] = "ended"
    code: str | None = None
    """Why it ended without running, such as `declined`, `refused`, `expired`, `over_limit`."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the history in a prompt: a message, or the calls of one answer with their results."""

    role: Role
    text: str = ""
    calls: tuple[CallResult, ...] = ()
    message: str | None = None
    """The message event's id, for messages."""
    choices: tuple[str, ...] = ()
    citations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """What a model may know of who is asking."""

    customer: str | None = None
    name: str | None = None
    verified: bool = False
    can_verify: bool = False
    """A guest can show here who he is: a call that needs it waits for that instead of being refused."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another agent of the site, to whom a model can pass the conversation on."""

    name: str
    purpose: str
    score: float = 0.0
    """How near the newest message is to it, 0..1; comparable with the own `Prompt.agent_score`."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A workflow's run that the customer's newest words may be meant for."""

    id: str
    view: RunView


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a model gets: a stable prefix (rules, tools), the history, and the newest customer words with their passages.

    `asked` are the customer messages that this answer must answer (oldest first); they are also the tail of `history`.
    `results` are the calls already made in this turn, in order. `text()`-style rendering belongs to each model.
    """

    site: str
    site_name: str
    rules: str
    """The fixed prefix for language models: who they are, how to cite, what they must not do, the merchant's instructions."""
    tools: tuple[ToolSpec, ...]
    history: tuple[Line, ...]
    asked: tuple[str, ...]
    passages: tuple[Passage, ...] = ()
    results: tuple[CallResult, ...] = ()
    person: Person = field(default_factory=Person)
    locale: str = "en"
    """The site's locale; the customer's own language is found by the model."""
    mode: Mode = "agent"
    """`waiting`: a person has been asked for; only knowledge questions may be answered."""
    people: Mapping[str, str] = field(default_factory=dict)
    """By language, what to tell a customer about reaching a person, from the site's settings (hours, contact)."""
    sign_in: Mapping[str, str] = field(default_factory=dict)
    """By language, what to tell a guest who needs to sign in, from the site's settings."""
    workflows: tuple[Program, ...] = ()
    """What can be started; none while a person has been asked for."""
    run: OpenRun | None = None
    """The run that is open, or else the one that has just come to a good end, which a correction opens again."""
    waiting: tuple[CallResult, ...] = ()
    """Calls of earlier turns that wait for somebody's answer; `error` is what the customer was told of it."""
    began: tuple[str, ...] = ()
    """Names of the workflows that were started, or heard something, in this turn: not to be started once more."""
    call_no: int = 1
    """Which model call of this turn this is, from 1."""
    agent: str = ""
    """Which of the site's agents answers; "" where there is only one."""
    agent_score: float = 0.0
    """How near the newest message is to this agent, 0..1; 0 for the default agent."""
    colleagues: tuple[Colleague, ...] = ()
    """To whom this turn may still be passed on; empty where there is nobody else, or after it was passed on too often."""
    language: str = ""
    """The language that the customer writes, as far as it is known."""
    mood: str = ""
    """How the newest message sounds: one of `server.site.Mood`, or "" if nobody listened."""
    settled: int = 0
    """So many lines of `history` are from before a person last handed the conversation back: no reason to hand over anew."""
    seed: str = ""
    """The turn's id: for choices that should vary between turns and stay the same within one."""
    resumed: bool = False
    """This turn goes on after a decision on one of `results`; `asked` may be empty."""

    def people_in(self, language: str = "") -> str:
        """`people` in this language, else in the prompt's locale, else in any; "" without one."""
        return _in(self.people, language, self.locale)

    def sign_in_in(self, language: str = "") -> str:
        """`sign_in` in this language, else in the prompt's locale, else in any; "" without one."""
        return _in(self.sign_in, language, self.locale)


def _in(texts: Mapping[str, str], *wanted: str) -> str:
    codes = [locale.replace("_", "-").partition("-")[0].lower() for locale in wanted]
    return next((texts[code] for code in codes if code in texts), next(iter(texts.values()), ""))


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
