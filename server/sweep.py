"""Sweep: what nobody else sees to: turns that a dead process left behind, questions whose time is over, retention.

It decides nothing: it finds conversations and pokes `turns`, or erases.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from server.approvals import Approvals
from server.log import Log
from server.ports import Find
from server.records import Records
from server.site import Site
from server.turns import Turns

logger = logging.getLogger(__name__)

EVERY_S: Final = 2.0
"""A turn left behind is taken up, or visibly ended, within 10 s of a restart: leases end after 5 s, and this looks every 2."""
RETENTION_EVERY_S: Final = 3_600.0
BATCH: Final = 200
DAY_MS: Final = 86_400_000


class Sweep:
    """Looks again and again. Run `forever` in a task group."""

    def __init__(
        self,
        log: Log,
        turns: Turns,
        sites: Mapping[str, Site],
        *,
        clock_ms: Callable[[], int],
        approvals: Approvals,
        records: Records,
    ) -> None:
        self._log = log
        self._turns = turns
        self._sites = sites
        self._clock_ms = clock_ms
        self._approvals = approvals
        self._records = records
        self.chores: list[Callable[[], Awaitable[object]]] = []
        """What else is to be looked after every 2 s."""

    async def forever(self) -> None:
        """At once, and then every 2 s; retention and old bookings once an hour."""
        clean_s = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self.unfinished()
                await self._approvals.expire()
                for chore in self.chores:
                    await chore()
                if loop.time() >= clean_s:
                    clean_s = loop.time() + RETENTION_EVERY_S
                    await self.retention()
                    await self._records.tidy(self._clock_ms() - DAY_MS)
                    await self._log.store.sweep()
            except OSError:
                logger.exception("the store did not answer; the sweep goes on")
            await asyncio.sleep(EVERY_S)

    async def unfinished(self) -> int:
        """Poke every conversation with an open turn or an unanswered message; returns how many."""
        found = await self._log.store.find(Find(unfinished=True, limit=BATCH))
        for summary in found:
            self._turns.poke(summary.conversation)
        return len(found)

    async def retention(self) -> int:
        """Erase conversations that are older than their site keeps them; returns how many."""
        erased = 0
        for key, site in self._sites.items():
            if site.retention_days is None:
                continue
            before = self._clock_ms() - site.retention_days * DAY_MS
            offset = 0
            while old := await self._log.store.find(
                Find(site=key, updated_before_ms=before, limit=BATCH, offset=offset)
            ):
                offset += len(old)  # an erased conversation keeps its time and its place in this order
                for summary in old:
                    if not summary.erased:
                        await self._records.erase(summary.conversation)
                        erased += 1
        return erased
