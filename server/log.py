"""Log: the only writer. Appends, folds what was appended, and tells who watches.

It decides nothing, and it tells nobody anything that is not committed.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from server.conversation import Conversation, fold
from server.events import Event, NewEvent
from server.ports import Spend, Store

PAGE = 500
"""Events in one read: a long conversation has a few hundred."""
CACHE = 2_000
"""Folded conversations kept: about 10 KiB each for a usual chat, so some 20 MiB at most."""

Listener = Callable[[str, Sequence[Event]], None]


class Log:
    """Append and load. `listeners` are called right after a commit, with the events as stored."""

    def __init__(self, store: Store, *, shared: bool = False, cache: int = CACHE) -> None:
        """`shared`: other processes write to this store too, so that what is cached may be behind."""
        self.store = store
        self.listeners: list[Listener] = []
        self.gone: list[Callable[[str], None]] = []
        """Called right after a conversation was erased."""
        self._shared = shared
        self._cache: OrderedDict[str, Conversation] = OrderedDict()
        self._cache_size = cache

    @property
    def epoch(self) -> str:
        """Names this log."""
        return self.store.epoch

    async def append(
        self, key: str, new: Sequence[NewEvent], *, after: int | None = None, spend: Sequence[Spend] = ()
    ) -> list[Event]:
        """Store the events durably, then tell the listeners.

        Raises:
            Conflict, IdempotencyMismatch, OverLimit, Gone: as `Store.append` says; nothing was stored.
        """
        events = await self.store.append(key, new, after=after, spend=spend)
        fresh = self._fold_in(key, events)
        for listener in self.listeners:
            listener(key, fresh)
        return events

    async def load(self, key: str) -> Conversation:
        """The conversation as it is committed now; empty with head 0 if there is none."""
        known = self._cache.get(key)
        if known is not None and not self._shared:
            self._cache.move_to_end(key)
            return known
        state = known or Conversation(key)
        while True:
            events = await self.store.read(key, after=state.head, limit=PAGE)
            if events:
                state = fold(key, events, state)
            if len(events) < PAGE:
                break
        newer = self._cache.get(key)
        if newer is not None and newer.head > state.head:
            return newer  # an append was folded in while this was reading
        self._remember(state)
        return state

    async def read(self, key: str, *, after: int = 0, limit: int = PAGE) -> list[Event]:
        """Stored events with seq > `after`, in order."""
        return await self.store.read(key, after=after, limit=limit)

    async def erase(self, key: str) -> None:
        """Erase a conversation for good, then tell `gone`. Nothing can be added to it from now on."""
        await self.store.erase(key)
        self._cache.pop(key, None)
        for listener in self.gone:
            listener(key)

    def _fold_in(self, key: str, events: Sequence[Event]) -> Sequence[Event]:
        """Fold new events into what is cached; returns them without those that were stored before."""
        known = self._cache.get(key)
        if known is None:
            if not events or events[0].seq != 1:
                return events
            known = Conversation(key)
        fresh = [event for event in events if event.seq > known.head]
        if fresh and fresh[0].seq == known.head + 1:
            self._remember(fold(key, fresh, known))
        elif fresh:
            # Somebody else's commit came first and was not folded in yet: read from the store next time.
            self._cache.pop(key, None)
        return fresh

    def _remember(self, state: Conversation) -> None:
        self._cache[state.key] = state
        self._cache.move_to_end(state.key)
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
