"""Ratings: what a customer who has gone says with a mailed link about how it was.

Whoever has such a link can read nothing and say nothing else. Nothing is said by opening it.
"""

from collections.abc import Callable, Mapping
from typing import Final

from server import auth, wire
from server.auth import Refused
from server.conversation import Conversation, key_of
from server.events import NewEvent
from server.log import Log
from server.ports import Gone, IdempotencyMismatch
from server.session import Gate

RATED: Final = "mail:rated"
"""The id of the one rating that comes by mail in a conversation."""


class Ratings:
    """Takes them."""

    def __init__(self, log: Log, gates: Mapping[str, Gate], secret: str, *, clock_ms: Callable[[], int]) -> None:
        self._log = log
        self._gates = gates
        self._secret = secret
        self._clock_ms = clock_ms

    async def look(self, link: str) -> tuple[str, bool]:
        """The shop's name, and whether the conversation was rated.

        Raises:
            Refused: the link is not good, has run out, or its conversation is not here any more.
        """
        state = await self._state(link)
        return self._gates[state.site].site.name, state.rated

    async def rate(self, link: str, score: int, text: str | None) -> None:
        """One to five, and a few words; the first rating stands.

        Raises:
            Refused: as `look` says.
        """
        state = await self._state(link)
        if state.rated:
            return
        body = {"score": score} | ({"text": text} if text else {})
        try:
            await self._log.append(state.key, [NewEvent(RATED, "rated", "customer", body)])
        except IdempotencyMismatch:
            return  # pressed twice
        except Gone:
            raise _gone() from None

    async def _state(self, link: str) -> Conversation:
        said = auth.read_rating(self._secret, link, self._clock_ms() / 1000)
        state = await self._log.load(key_of(said.site, said.conversation))
        if said.site not in self._gates or state.head == 0 or state.erased or state.blocked:
            raise _gone()
        return state


def _gone() -> Refused:
    return Refused("erased", "this conversation is not here any more", close=wire.CLOSE_ERASED)
