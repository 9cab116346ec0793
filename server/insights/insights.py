"""Insights: brings the table up to date with the log, and answers what the page asks.

It writes nothing to the log, and counts a conversation again only when it has gone on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from retrieval.types import Embedder
from server.conversation import site_of
from server.events import Event
from server.insights.gaps import Gap, gather
from server.insights.report import Report, report, since_ms
from server.insights.table import Counted, Table
from server.insights.tally import Question, count
from server.log import Log
from server.ports import Find

PAGE: Final = 500
"""Conversations in one query, and events in one read."""
BATCH: Final = 200
"""Conversations that are kept in one transaction."""
QUESTIONS: Final = 2_000
"""Newest questions that are gathered: 16 MB of similarities, and some 10 s of embedding the first time they are seen."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be seen: these sites; and, with `staff`, only conversations that this person has had."""

    sites: frozenset[str]
    staff: str | None = None


@dataclass(frozen=True, slots=True)
class Cited:
    """How often an article was cited, and when for the last time (Unix milliseconds)."""

    messages: int = 0
    conversations: int = 0
    last_ms: int | None = None


class Insights:
    """The merchant's numbers, over one log."""

    def __init__(
        self,
        log: Log,
        table: Table,
        embedder: Embedder,
        *,
        zones: Mapping[str, ZoneInfo],
        asks: Callable[[str], Awaitable[bool]],
        clock_ms: Callable[[], int],
    ) -> None:
        """`zones` by site; `asks` tells a question from a thank-you, which needs no answer."""
        self._log = log
        self._table = table
        self._embedder = embedder
        self._zones = zones
        self._asks = asks
        self._clock_ms = clock_ms
        self._changed: set[str] = set()
        self._gone: set[str] = set()
        self._heads: dict[str, int] | None = None
        self._busy = asyncio.Lock()
        log.listeners.append(self._heard)
        log.gone.append(self._erased)

    async def report(self, scope: Scope, days: int) -> Report:
        """The numbers of the last `days` days."""
        await self.refresh()
        now_ms, zones = self._clock_ms(), self._zones_of(scope)
        since = since_ms(now_ms, days, zones.values())

        def work() -> Report:
            tallies = self._table.tallies(zones.keys(), since)
            own = [one for one in tallies if scope.staff is None or scope.staff in one[1].staff]
            return report(own, days=days, now_ms=now_ms, zones=zones)

        return await asyncio.to_thread(work)

    async def cited(self, site: str, days: int) -> dict[str, Cited]:
        """How often articles of this site were cited in conversations that began in that time, by their paths."""
        await self.refresh()
        zones = self._zones_of(Scope(frozenset([site])))
        since = since_ms(self._clock_ms(), days, zones.values())
        found = await asyncio.to_thread(self._table.cited, site, since)
        return {article: Cited(*counted) for article, counted in found.items()}

    async def gaps(self, scope: Scope, days: int) -> list[Gap]:
        """What was asked in vain in that time, most customers first. It is the sites': `scope.staff` changes nothing."""
        await self.refresh()
        zones = self._zones_of(scope)
        since = since_ms(self._clock_ms(), days, zones.values())
        name = self._embedder.name
        asked = await asyncio.to_thread(self._table.questions, zones.keys(), since, name, QUESTIONS)
        new = [one for one in asked if one.vector is None]
        if new:
            made = await self._embedder.embed([one.question.text for one in new])
            await asyncio.to_thread(self._table.keep_vectors, new, made, name)
            vectors = dict(zip(((one.key, one.n) for one in new), made, strict=True))
        else:
            vectors = {}
        if not asked:
            return []
        every = np.stack([one.vector if one.vector is not None else vectors[one.key, one.n] for one in asked])
        return await asyncio.to_thread(gather, [(one.key, one.question) for one in asked], every)

    def _zones_of(self, scope: Scope) -> dict[str, ZoneInfo]:
        return {site: zone for site, zone in self._zones.items() if site in scope.sites}

    async def refresh(self) -> int:
        """Count what has changed since the last time; the first time, look through the whole log. Returns how many."""
        async with self._busy:
            if self._heads is None:
                self._heads = await self._look_through()
            gone, self._gone = self._gone, set()
            if gone:
                await asyncio.to_thread(self._table.drop, gone)
            keys = sorted(self._changed - gone)
            self._changed = set()
            try:
                await self._count(keys)
            except BaseException:
                self._changed.update(keys)  # cut off: the next one counts them
                raise
            return len(keys)

    async def _look_through(self) -> dict[str, int]:
        """Find what differs from the table: conversations that went on, are new, were erased, or are no more."""
        known = await asyncio.to_thread(self._table.begin, self._log.epoch)
        seen: set[str] = set()
        offset = 0
        while page := await self._log.store.find(Find(limit=PAGE, offset=offset)):
            offset += len(page)
            for summary in page:
                key = summary.conversation
                if summary.erased:
                    continue
                seen.add(key)
                if known.get(key) != summary.head:
                    self._changed.add(key)
        # One that moved to the front meanwhile was heard of; one that is in neither is erased, or of another time.
        self._gone |= known.keys() - seen - self._changed
        return known

    async def _count(self, keys: Sequence[str]) -> None:
        counted: list[Counted] = []
        for key in keys:
            if (one := await self._counted(key)) is not None:
                counted.append(one)
            if len(counted) >= BATCH or key == keys[-1]:
                await self._put(counted)
                counted = []

    async def _put(self, counted: Sequence[Counted]) -> None:
        await asyncio.to_thread(self._table.put, [one for one in counted if one.key not in self._gone])
        erased = self._gone.intersection(one.key for one in counted)
        if erased:  # while this was written
            await asyncio.to_thread(self._table.drop, erased)

    async def _counted(self, key: str) -> Counted | None:
        events: list[Event] = []
        while page := await self._log.store.read(key, after=events[-1].seq if events else 0, limit=PAGE):
            events += page
            if len(page) < PAGE:
                break
        if not events:
            return None
        tally, questions = count(events)
        asked: list[Question] = [one for one in questions if await self._asks(one.text)]
        return Counted(key, site_of(key), events[-1].seq, tally, tuple(asked))

    def _heard(self, key: str, events: Collection[Event]) -> None:
        if events:
            self._changed.add(key)

    def _erased(self, key: str) -> None:
        self._changed.discard(key)
        self._gone.add(key)
