"""MemoryStore: the log in this process's memory, for tests, simulation and `shopbell chat`.

Keeps nothing beyond the process. No method awaits anything, so each is one transaction.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from server.events import Event, NewEvent
from server.ports import Find, Hit, Spend, Summary
from server.stores.leases import Leases
from server.stores.rules import (
    LASTING_MS,
    SALT_BYTES,
    SPEND_KEPT_MS,
    Row,
    Tail,
    book,
    booked_ms,
    emptied,
    matches,
    plan,
)
from server.stores.words import excerpt, terms_of


def wall_clock_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class _Log:
    """One conversation's rows, by position and by id."""

    __slots__ = ("by_id", "rows", "tail")

    def __init__(self) -> None:
        self.tail = Tail()
        self.rows: list[Row] = []
        self.by_id: dict[str, Row] = {}


class MemoryStore:
    """`server.ports.Store` in memory. `clock_ms` gives Unix milliseconds."""

    def __init__(self, *, clock_ms: Callable[[], int] = wall_clock_ms) -> None:
        self.epoch = secrets.token_hex(8)
        self._clock_ms = clock_ms
        self._logs: dict[str, _Log] = {}
        self._spent: dict[str, tuple[int, int]] = {}
        self._leases = Leases(clock_ms)

    async def append(
        self, conversation: str, new: Sequence[NewEvent], *, after: int | None = None, spend: Sequence[Spend] = ()
    ) -> list[Event]:
        """See `server.ports.Store.append`."""
        now_ms = self._clock_ms()
        log = self._logs.get(conversation) or _Log()
        known = {item.id: log.by_id[item.id] for item in new if item.id in log.by_id}
        done = plan(conversation, new, log.tail, known, (after, now_ms), lambda: secrets.token_bytes(SALT_BYTES))
        if done.fresh or not new:
            totals = book(spend, {item.key: self._spent.get(item.key, (0, 0))[0] for item in spend})
            at_ms = booked_ms(spend, now_ms)
            for key, total in totals.items():
                self._spent[key] = (total, max(at_ms[key], self._spent.get(key, (0, 0))[1]))
        if done.fresh:
            log.tail = done.tail
            log.rows += done.fresh
            log.by_id.update({row.event.id: row for row in done.fresh})
            self._logs[conversation] = log
        return done.events

    async def read(self, conversation: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """See `server.ports.Store.read`."""
        log = self._logs.get(conversation)
        start = max(after, 0)
        return [row.event for row in log.rows[start : start + max(limit, 0)]] if log else []

    async def claim(self, conversation: str, owner: str, ttl_s: float) -> bool:
        """See `server.ports.Store.claim`."""
        return self._leases.claim(conversation, owner, ttl_s)

    async def heads(self, conversations: Sequence[str]) -> dict[str, int]:
        """See `server.ports.Store.heads`."""
        return {key: log.tail.head if (log := self._logs.get(key)) else 0 for key in conversations}

    async def find(self, query: Find) -> list[Summary]:
        """See `server.ports.Store.find`. Equal times are ordered by conversation."""
        summaries = [log.tail.summary for log in self._logs.values() if log.tail.summary is not None]
        found = [summary for summary in summaries if matches(query, summary)]
        found.sort(key=lambda summary: (-summary.updated_ms, summary.conversation))
        return found[query.offset : query.offset + query.limit]

    async def search(self, query: str, *, sites: Sequence[str], limit: int = 50) -> list[Hit]:
        """See `server.ports.Store.search`."""
        terms, hits = terms_of(query), []
        for log in self._logs.values():
            summary = log.tail.summary
            if summary is None or summary.site not in sites:
                continue
            found = (
                (row.event.seq, text) for row in reversed(log.rows) if (text := excerpt(row.event, terms)) is not None
            )
            if (place := next(found, None)) is not None:
                hits.append(Hit(summary, *place))
        hits.sort(key=lambda hit: (-hit.summary.updated_ms, hit.summary.conversation))
        return hits[:limit]

    async def erase(self, conversation: str) -> None:
        """See `server.ports.Store.erase`. An unknown conversation stays unknown."""
        log = self._logs.get(conversation)
        if log is None or log.tail.summary is None:
            return
        log.rows = [_emptied(row) for row in log.rows]
        own = f"{conversation}/"
        self._spent = {
            key: entry for key, entry in self._spent.items() if entry[1] < LASTING_MS or not key.startswith(own)
        }
        log.by_id = {}
        log.tail = replace(log.tail, summary=emptied(log.tail.summary))

    async def rows(self, conversation: str) -> list[Row]:
        """All rows with what proves them, for an audit."""
        log = self._logs.get(conversation)
        return list(log.rows) if log else []

    async def spent(self, key: str) -> int:
        """See `server.ports.Store.spent`."""
        return self._spent.get(key, (0, 0))[0]

    async def sweep(self) -> None:
        """See `server.ports.Store.sweep`."""
        oldest_ms = self._clock_ms() - SPEND_KEPT_MS
        self._spent = {key: entry for key, entry in self._spent.items() if entry[1] >= oldest_ms}

    async def close(self) -> None:
        """Nothing to let go of."""


def _emptied(row: Row) -> Row:
    event = row.event
    bare = Event(event.conversation, event.seq, event.at_ms, event.id, event.kind, event.role, {}, event.turn)
    return Row(bare, b"{}", b"", row.commitment, row.chain)
