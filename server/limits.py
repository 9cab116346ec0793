"""Token buckets: how fast somebody may go on.

Pure: time is an argument, in seconds of any steady clock.
"""

from dataclasses import dataclass


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
