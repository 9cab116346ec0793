"""Blocks: visitors from whom staff take nothing: whether one of them is here, and the end of what is open of theirs.

It tells nobody and keeps nothing: a block is an event of the conversation in which staff made it. A customer who is signed
in is blocked in all conversations; of anybody else only the conversation is known, by its token.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from server import phrases
from server.conversation import Conversation, is_blocked
from server.events import NewEvent, Role
from server.log import Log
from server.ports import Conflict, Find, Gone, IdempotencyMismatch, Summary

BATCH: Final = 200
"""Conversations in one query; nobody has as many that are blocked."""
TRIES: Final = 5
"""Fencing events that may come first: the agent writes a few in a turn."""


class Blocks:
    """Looks in the log, each time: a block holds from the commit on, and ends with its time."""

    def __init__(self, log: Log, *, clock_ms: Callable[[], int]) -> None:
        self._log = log
        self._clock_ms = clock_ms

    async def holds(self, state: Conversation) -> bool:
        """Whether nothing is to be taken from this conversation's visitor now."""
        if is_blocked(state, self._clock_ms()):
            return True
        return state.customer is not None and bool(await self.of(state))

    async def of(self, state: Conversation) -> list[Summary]:
        """The conversations in which this customer is blocked now."""
        if state.customer is None:
            return []
        query = Find(site=state.site, customer=state.customer, blocked=True, limit=BATCH)
        now_ms = self._clock_ms()
        return [row for row in await self._log.store.find(query) if is_blocked(row, now_ms)]

    async def shut(self, key: str) -> None:
        """End a conversation of a customer who is blocked in another one; one in which nothing was said stays as it is."""
        for _ in range(TRIES):
            state = await self._log.load(key)
            if state.mode == "closed" or not state.messages or state.erased or not await self.holds(state):
                return
            events = ending(state, f"blocked:{state.head}", {})
            try:
                await self._log.append(key, events, after=state.head)
            except (Conflict, IdempotencyMismatch):
                continue  # the agent, or a colleague, was first: look again
            except Gone:
                return
            return

    async def shut_all(self, state: Conversation) -> None:
        """End everything else that is open of this conversation's customer."""
        if state.customer is None:
            return
        offset = 0
        while found := await self._log.store.find(
            Find(site=state.site, customer=state.customer, limit=BATCH, offset=offset)
        ):
            offset += len(found)
            for row in found:
                if row.mode != "closed" and row.conversation != state.key:
                    await self.shut(row.conversation)


def sentence(state: Conversation) -> str:
    """What a blocked visitor is told, whatever they write."""
    language = phrases.language(state.route.language if state.route else None, state.locale or "en")
    return phrases.say("blocked", language)


def ending(state: Conversation, event_id: str, who: Mapping[str, Any]) -> list[NewEvent]:
    """The word, the end of the turn under way, and the end; `who` is the colleague's signature, if one did it."""
    role: Role = "staff" if who else "system"
    events = [NewEvent(f"{event_id}:said", "message", role, {"text": sentence(state), **who})]
    if state.turn is not None:
        body = {"reason": "handed_over", "answers": list(state.unanswered)}
        turn = state.turn.id
        events.append(NewEvent(f"{turn}:blocked:{state.head}", "turn.ended", "system", body, turn))
    if state.mode != "closed":
        closed = {"mode": "closed", "reason": "blocked"} | ({"by": who["by"]} if who else {})
        events.append(NewEvent(f"{event_id}:closed", "mode", role, closed))
    return events
