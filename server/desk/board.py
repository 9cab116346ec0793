"""Board: the queues of the desk, kept current from what is committed. Holds one summary for each open conversation.

It may be lost at any time: it is read from the store, and every commit on this node moves it. Time moves it too: what was
snoozed, offered or blocked until now is told anew. It writes nothing: that a time has come needs no event.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from server.conversation import id_of, is_blocked, summarize
from server.desk.frames import Queue
from server.events import Event
from server.log import Log
from server.ports import Find, Mode, Summary
from server.staff import Staff

PAGE: Final = 500
"""Conversations in one query."""
_OPEN: Final[tuple[Mode, ...]] = ("agent", "waiting", "staff")
CLOSED_SHOWN: Final = 200
"""Newest closed conversations in their queue; older ones are found by searching."""


@dataclass(slots=True, eq=False)
class Watcher:
    """One desk that looks at the queues: who it is, what changed since it was last told, and the bell that wakes it."""

    staff: Staff
    woken: asyncio.Event
    changed: set[str] = field(default_factory=set)
    company: bool = True
    """Who is at the desk has changed since it was last told."""


class Board:
    """All queues of this node."""

    def __init__(self, log: Log, *, clock_ms: Callable[[], int]) -> None:
        self._log = log
        self._clock_ms = clock_ms
        self._alarms: list[tuple[int, str]] = []
        """A heap of times at which a conversation stands in other queues than before, though nothing happened in it."""
        self._rows: dict[str, Summary] = {}
        self._watchers: set[Watcher] = set()
        self._loading: asyncio.Lock = asyncio.Lock()
        self._loaded = False
        self._reading: set[asyncio.Task[None]] = set()
        log.listeners.append(self._heard)
        log.gone.append(self._gone)

    async def load(self) -> None:
        """Read what is open from the store, once: the first desk that opens waits for it."""
        async with self._loading:
            if self._loaded:
                return
            # Closed ones too in which a call still waits: it can be decided until it expires.
            wanted = [*(Find(mode=mode) for mode in _OPEN), Find(mode="closed", asked=True)]
            for find in wanted:
                offset = 0
                while found := await self._log.store.find(replace(find, limit=PAGE, offset=offset)):
                    offset += len(found)
                    for summary in found:
                        known = self._rows.get(summary.conversation)
                        if known is None or known.head < summary.head:
                            self._rows[summary.conversation] = summary
                            self._set_alarms(summary)
            self._loaded = True

    async def look(self) -> None:
        """Tell of what time has moved; to be called every few seconds."""
        now_ms = self._clock_ms()
        while self._alarms and self._alarms[0][0] <= now_ms:
            _, key = heapq.heappop(self._alarms)
            row = self._rows.get(key)
            if row is not None:
                self._tell(row)

    def _set_alarms(self, row: Summary) -> None:
        now_ms = self._clock_ms()
        for at_ms in (row.snoozed_until_ms, row.blocked_until_ms if row.blocked else None, row.offered_until_ms):
            alarm = (at_ms or 0, row.conversation)
            if alarm[0] > now_ms and alarm not in self._alarms:
                heapq.heappush(self._alarms, alarm)

    def watch(self, staff: Staff, woken: asyncio.Event) -> Watcher:
        """Be told of changes, until `unwatch`."""
        watcher = Watcher(staff, woken)
        self._watchers.add(watcher)
        self._company()
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Be told no more."""
        self._watchers.discard(watcher)
        self._company()

    def renamed(self, watcher: Watcher, staff: Staff) -> None:
        """Show everybody what this person is called now, and what they look like."""
        watcher.staff = staff
        self._company()

    def _company(self) -> None:
        for watcher in self._watchers:
            watcher.company = True
            watcher.woken.set()

    @property
    def present(self) -> dict[str, Staff]:
        """Who is at the desk now, by id."""
        return {watcher.staff.id: watcher.staff for watcher in self._watchers}

    def row(self, key: str) -> Summary | None:
        """The conversation's summary, if it is open or was closed lately."""
        return self._rows.get(key)

    async def queue(self, staff: Staff, queue: Queue, *, site: str | None = None) -> list[Summary]:
        """The conversations of a queue: those that wait longest first, everything else newest first."""
        if queue == "closed":
            return await self._closed(staff, site)
        rows = [row for row in self._rows.values() if site in (None, row.site) and self.holds(staff, queue, row)]
        if queue in ("waiting", "approvals"):
            return sorted(rows, key=lambda row: (row.waiting_since_ms or row.updated_ms, row.conversation))
        return sorted(rows, key=lambda row: (-row.updated_ms, row.conversation))

    async def _closed(self, staff: Staff, site: str | None) -> list[Summary]:
        """The newest closed conversations of this person's shops, of which each has its share however busy others are."""
        sites = [site] if site is not None or not staff.sites else sorted(staff.sites)
        found: list[Summary] = []
        for one in sites:
            found += await self._log.store.find(Find(site=one, mode="closed", limit=CLOSED_SHOWN))
        seen = [row for row in found if staff.sees(row.site) and not row.erased]
        return sorted(seen, key=lambda row: (-row.updated_ms, row.conversation))[:CLOSED_SHOWN]

    def counts(self, staff: Staff) -> dict[str, int]:
        """How many conversations each live queue holds for this person."""
        found: Counter[str] = Counter()
        for row in self._rows.values():
            for queue in ("waiting", "mine", "all", "approvals"):
                found[queue] += self.holds(staff, queue, row)
        return dict(found)

    def holds(self, staff: Staff, queue: Queue, row: Summary) -> bool:
        """Whether a conversation stands in this queue for this person, now."""
        if row.erased or not staff.sees(row.site):
            return False
        now_ms = self._clock_ms()
        asleep = now_ms < (row.snoozed_until_ms or 0)
        match queue:
            case "waiting":
                return row.mode == "waiting" and not asleep
            case "mine":
                if row.mode == "closed":
                    return False
                offered = row.offered == staff.id != row.staff and now_ms < (row.offered_until_ms or 0)
                return offered or staff.id in row.mentions or (row.staff == staff.id and not asleep)
            case "approvals":
                return row.asked_staff > 0
            case "closed":
                return row.mode == "closed"
            case _:
                return row.mode != "closed"

    def loads(self, now_ms: int) -> Counter[str]:
        """How many conversations each person has, or is offered, now; what is snoozed waits for nobody."""
        found: Counter[str] = Counter()
        for row in self._rows.values():
            if now_ms < (row.snoozed_until_ms or 0):
                continue
            if row.mode == "staff" and row.staff is not None:
                found[row.staff] += 1
            elif row.mode == "waiting" and row.offered is not None and now_ms < (row.offered_until_ms or 0):
                found[row.offered] += 1
        return found

    def held(self) -> list[Summary]:
        """All conversations that a person has."""
        return [row for row in self._rows.values() if row.mode == "staff" and not row.erased]

    def waiting(self) -> list[Summary]:
        """All conversations that wait for a person, the longest waiting first."""
        rows = [row for row in self._rows.values() if row.mode == "waiting" and not row.erased]
        return sorted(rows, key=lambda row: (row.waiting_since_ms or row.updated_ms, row.conversation))

    def _heard(self, key: str, events: Sequence[Event]) -> None:
        if not self._loaded and not self._watchers:
            return
        row = self._rows.get(key)
        for event in events:
            if row is not None and event.seq <= row.head:
                continue
            if row is None and event.seq != 1:
                self._reread(key)
                return
            if row is not None and event.seq != row.head + 1:
                self._reread(key)
                return
            row = summarize(row, event)
        if row is not None:
            self._keep(key, row)

    def _gone(self, key: str) -> None:
        """An erased conversation stands in no queue, and who looks at one is told so."""
        row = self._rows.pop(key, None)
        if row is not None:
            self._keep(key, replace(row, erased=True, mode="closed", customer=None, name=None, last_text=""))

    def _reread(self, key: str) -> None:
        """A conversation that was closed, or that another commit overtook: take its summary from the store."""

        async def read() -> None:
            found = await self._log.store.find(Find(conversation=key, limit=1))
            if found:
                self._keep(key, found[0])

        task = asyncio.get_running_loop().create_task(read())
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    def _keep(self, key: str, row: Summary) -> None:
        known = self._rows.get(key)
        if known is not None and known.head > row.head:
            return
        self._rows[key] = row
        self._set_alarms(row)
        self._tell(row)

    def _tell(self, row: Summary) -> None:
        for watcher in self._watchers:
            if watcher.staff.sees(row.site):
                watcher.changed.add(row.conversation)
                watcher.woken.set()

    def wire(self, row: Summary) -> dict[str, Any]:
        """A conversation as the desk's frames carry it now."""
        return wire_row(row, self._clock_ms())


def wire_row(row: Summary, now_ms: int) -> dict[str, Any]:
    """A conversation as the desk's frames carry it at this time."""
    return {
        "conversation": id_of(row.conversation),
        "site": row.site,
        "head": row.head,
        "mode": row.mode,
        "customer": row.customer,
        "name": row.name,
        "staff": row.staff,
        "staff_name": row.staff_name,
        "reason": row.reason,
        "offered": row.offered,
        "offered_name": row.offered_name,
        "offered_until_ms": row.offered_until_ms,
        "escalated": row.escalated,
        "opened_ms": row.opened_ms,
        "updated_ms": row.updated_ms,
        "waiting_since_ms": row.waiting_since_ms,
        "tags": list(row.tags),
        "snoozed_until_ms": row.snoozed_until_ms,
        "blocked": is_blocked(row, now_ms),
        "blocked_until_ms": row.blocked_until_ms,
        "mentions": list(row.mentions),
        "unread": row.unread,
        "asked": row.asked_staff,
        "working": row.open_turn is not None,
        "last_text": row.last_text,
        "last_role": row.last_role,
        "erased": row.erased,
    }
