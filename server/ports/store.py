"""Store and broker: the log, its one row about each conversation, and what carries news between nodes.

Names no implementation and does no I/O.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from server.events import Event, NewEvent, Role

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
    lasting: bool = False
    """The key names no window but this conversation: what is booked is kept until the conversation is erased."""


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
    blocked_until_ms: int | None = None
    """None: until staff take them again."""
    mentions: tuple[str, ...] = ()
    """Ids of colleagues whom a note names, and who have not done or said anything here since."""
    unread: int = 0
    """Customer messages since the last one of the agent or of staff."""
    unread_since_ms: int | None = None
    """When the first of them came."""
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
    blocked: Literal[True] | None = None
    """True: staff have blocked this visitor, whether or not that has ended by itself since."""
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
        added. When every id is known nothing else is checked, and nothing is booked again. `after` is the head the
        caller decided on. Without events it only books.

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
        """Forget what was booked under keys that nobody touched for three days, but for what is lasting."""

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
