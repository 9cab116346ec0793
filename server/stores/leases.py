"""Leases: who may run turns in a conversation, for stores that only one process uses.

Not durable, by intent: they end with the process, and correctness comes from `append(after=)`, never from here.
"""

from collections.abc import Callable
from typing import Final

SWEEP_AT: Final = 1024
"""Forget expired leases whenever so many are held: an entry is about 200 bytes, so never more than 0.2 MB of dead ones."""


class Leases:
    """Conversation → (owner, end). Not thread-safe: used from the event loop only."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._held: dict[str, tuple[str, int]] = {}

    def claim(self, conversation: str, owner: str, ttl_s: float) -> bool:
        """Take or renew for `ttl_s` seconds; True if `owner` holds it now. `ttl_s` = 0 gives it back."""
        now_ms = self._clock_ms()
        holder, until_ms = self._held.get(conversation, (owner, 0))
        if holder != owner and until_ms > now_ms:
            return False
        if ttl_s <= 0:
            self._held.pop(conversation, None)
            return False
        if len(self._held) >= SWEEP_AT and conversation not in self._held:
            self._held = {key: held for key, held in self._held.items() if held[1] > now_ms}
        self._held[conversation] = (owner, now_ms + int(ttl_s * 1000))
        return True
