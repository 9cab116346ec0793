"""Beat: one timer for all that is due within the same few milliseconds.

With 200 answers being written each frame of each had a timer of its own: 2 µs of uvloop for every second token, which costs 20.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final
from weakref import WeakKeyDictionary

logger = logging.getLogger(__name__)

GRAIN_S: Final = 0.004
"""Whoever waits waits up to this much longer: a tenth of the 40 ms between two frames, and 250 timers a second at most."""


class Beat:
    """The timers of one event loop, which it does not keep alive. Not for other threads."""

    def __init__(self) -> None:
        self._due: dict[int, dict[int, Callable[[], None]]] = {}
        self._numbers: Iterator[int] = count()

    def at(self, when_s: float, then: Callable[[], None]) -> tuple[int, int]:
        """Call `then` at the first beat at or after `when_s` of the loop's clock; what `cancel` takes."""
        slot = math.ceil(when_s / GRAIN_S)
        waiting = self._due.get(slot)
        if waiting is None:
            waiting = self._due[slot] = {}
            asyncio.get_running_loop().call_at(slot * GRAIN_S, self._strike, slot)
        number = next(self._numbers)
        waiting[number] = then
        return slot, number

    def cancel(self, ticket: tuple[int, int]) -> None:
        """Never mind; nothing happens if it was called already."""
        slot, number = ticket
        self._due.get(slot, {}).pop(number, None)

    def _strike(self, slot: int) -> None:
        waiting = self._due[slot]
        while waiting:  # one that is called may cancel another
            number = next(iter(waiting))
            try:
                waiting.pop(number)()
            except Exception:
                logger.exception("one of several things that were due at once failed")
        del self._due[slot]


_BEATS: WeakKeyDictionary[asyncio.AbstractEventLoop, Beat] = WeakKeyDictionary()


def beat() -> Beat:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    found = _BEATS.get(loop)
    if found is None:
        found = _BEATS[loop] = Beat()
    return found
