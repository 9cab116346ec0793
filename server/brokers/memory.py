"""MemoryBroker: publish and subscribe within one process.

Crosses no process boundary, keeps nothing for those who are not listening, never waits for a slow reader.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

KEPT: Final = 256
"""Messages kept for a reader that lags: ten seconds of drafts at the 25 a second of one conversation. Older ones go."""


class _Subscription:
    """One reader's bounded queue; as an iterator it ends when the broker closes."""

    __slots__ = ("_closed", "_waiting", "_woken")

    def __init__(self, kept: int) -> None:
        self._waiting: deque[bytes] = deque(maxlen=kept)
        self._woken = asyncio.Event()
        self._closed = False

    def put(self, data: bytes) -> None:
        self._waiting.append(data)
        self._woken.set()

    def end(self) -> None:
        self._closed = True
        self._woken.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._woken.clear()
            await self._woken.wait()
        return self._waiting.popleft()


class MemoryBroker:
    """`server.ports.Broker` in memory. `kept` is how many messages wait for a slow reader before the oldest go."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._kept = kept
        self._channels: dict[str, set[_Subscription]] = {}
        self._closed = False

    async def publish(self, channel: str, data: bytes) -> None:
        """Hand the message to all who listen to the channel now; nothing happens when nobody does."""
        for subscription in self._channels.get(channel, ()):
            subscription.put(data)

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Listen while the context is open; what is published from here on is seen, in order."""
        subscription = _Subscription(self._kept)
        if self._closed:
            subscription.end()
        listeners = self._channels.setdefault(channel, set())
        listeners.add(subscription)
        try:
            yield subscription
        finally:
            listeners.discard(subscription)
            if not listeners and self._channels.get(channel) is listeners:
                del self._channels[channel]

    async def close(self) -> None:
        """End all subscriptions: readers get what waits for them, then the iteration ends."""
        self._closed = True
        for listeners in self._channels.values():
            for subscription in listeners:
                subscription.end()
