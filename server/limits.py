"""Token buckets: how fast somebody may go on.

Pure: time is an argument, in seconds of any steady clock.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class Bucket:
    """A token bucket that may go into debt: the debt says how far over the rate somebody is.

    `rate` is tokens a second, `burst` the most that can be saved up. Starts full.
    """

    rate: float
    burst: float
    tokens: float
    at_s: float

    @classmethod
    def full(cls, rate: float, burst: float, now_s: float) -> "Bucket":
        """A bucket nothing was taken from yet."""
        return cls(rate, burst, burst, now_s)

    def take(self, now_s: float, amount: float = 1.0) -> float:
        """Take `amount`, always, and return how many tokens are now owed (0 while within the rate)."""
        self.tokens = min(self.burst, self.tokens + (now_s - self.at_s) * self.rate) - amount
        self.at_s = now_s
        return max(0.0, -self.tokens)

    def wait_s(self) -> float:
        """Seconds from the last `take` until nothing is owed."""
        return max(0.0, -self.tokens) / self.rate if self.rate > 0 else float("inf")


KEPT: Final = 10_000
"""Buckets at a time: the one that was not asked for longest is forgotten, and would be full again by then."""


class Buckets:
    """One bucket for each key, so that coming back on another line does not fill it."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def get(self, key: str, rate: float, burst: float, now_s: float) -> Bucket:
        """The bucket of this key; a new one is full."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket.full(rate, burst, now_s)
        self._buckets.move_to_end(key)
        while len(self._buckets) > self._kept:
            self._buckets.popitem(last=False)
        return bucket
