"""Unattended: customers to whom nobody comes, and conversations that nobody goes on with.

It offers nothing to anybody, sends nothing, and erases nothing: it writes down that somebody waits too long, or closes.
"""

import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from server import crossing, handoff, phrases, prompt
from server.conversation import Conversation
from server.events import NewEvent
from server.log import Log
from server.ports import Conflict, Find, Gone, IdempotencyMismatch, Mode, Summary
from server.site import Site

logger = logging.getLogger(__name__)

EVERY_MS: Final = 10_000
"""Minutes and hours are counted here: ten seconds more or less are nothing."""
BATCH: Final = 200
"""Conversations in one query, and closed in one look: after a long stop the rest has to wait for the next."""
OPEN: Final[tuple[Mode, ...]] = ("agent", "waiting", "staff")


class Unattended:
    """Looks again and again: `look` is to be called every few seconds."""

    def __init__(self, log: Log, sites: Mapping[str, Site], *, clock_ms: Callable[[], int]) -> None:
        self._log = log
        self._sites = sites
        self._clock_ms = clock_ms
        self._looked_ms = 0
        self.escalated: list[Callable[[str], Awaitable[None]]] = []
        """Called with the key of each conversation that has waited too long, once it is written down: to tell somebody
        who is not at the desk. After a crash in between they are not called again."""

    async def look(self) -> None:
        """See to both, at most every `EVERY_MS`."""
        now_ms = self._clock_ms()
        if now_ms < self._looked_ms + EVERY_MS:
            return
        self._looked_ms = now_ms
        await self.escalate()
        await self.close()

    async def escalate(self) -> int:
        """Write down who has waited too long for a person; returns how many."""
        late = 0
        async for summary in self._found(Find(mode="waiting", limit=BATCH)):
            site = self._sites.get(summary.site)
            since_ms = summary.waiting_since_ms
            if site is None or summary.escalated or since_ms is None:
                continue
            # What staff had put aside waits again since its time has come.
            due_ms = handoff.escalates_ms(site, max(since_ms, summary.snoozed_until_ms or 0))
            if due_ms is None or self._clock_ms() < due_ms:
                continue
            text = f"Nobody has taken this for {site.hand_over.escalate_after_min} minutes of opening hours."
            note = NewEvent(f"escalated:{since_ms}", "note", "system", {"text": text, "escalated": True})
            if await self._written(summary, functools.partial(_waiting, note)):
                late += 1
                await self._tell(summary.conversation)
        return late

    async def _tell(self, key: str) -> None:
        for hook in self.escalated:
            try:
                await hook(key)
            except Exception:
                # The top of what somebody else does with it, mail or web: the sweep goes on, and the note stands.
                logger.exception("conversation %s: nobody could be told that it waits", key)

    async def close(self) -> int:
        """Close what nobody has gone on with for as long as its site says, with a word; returns how many."""
        closed = 0
        for key, site in self._sites.items():
            hours = site.hand_over.close_after_h
            if hours is None:
                continue
            before = self._clock_ms() - hours * handoff.HOUR_MS
            for mode in OPEN:
                idle = Find(site=key, mode=mode, updated_before_ms=before, limit=BATCH)
                found = [summary async for summary in self._found(idle)]
                for summary in found[:BATCH]:
                    closed += await self._written(summary, functools.partial(_closing, site))
        return closed

    async def _found(self, query: Find) -> AsyncIterator[Summary]:
        offset = 0
        while page := await self._log.store.find(replace(query, offset=offset)):
            offset += len(page)
            for summary in page:
                if not (summary.erased or handoff.rests(summary, self._clock_ms())):
                    yield summary

    async def _written(self, summary: Summary, made: Callable[[Conversation], list[NewEvent]]) -> bool:
        """Append what is made of the conversation as it is now; whether there was anything."""
        state = await self._log.load(summary.conversation)
        if not (events := made(state)):
            return False
        try:
            await self._log.append(state.key, events, after=state.head)
            # The turn of what was said just now begins with the sweep that comes next.
            return not await crossing.reopen(self._log, state.key, state.head)
        except (Conflict, IdempotencyMismatch, Gone):
            return False  # something happened just now: it is not unattended


def _waiting(note: NewEvent, state: Conversation) -> list[NewEvent]:
    return [note] if state.mode == "waiting" else []


def _closing(site: Site, state: Conversation) -> list[NewEvent]:
    """The word and the end. It is the server's word: where a person has the conversation, the agent says none."""
    if not handoff.may_close(state):
        return []
    text = phrases.say(handoff.closing_phrase(state.mode), prompt.spoken_in(state, site))
    said = NewEvent(f"idle:{state.head}:said", "message", "system", {"text": text})
    return [said, NewEvent(f"idle:{state.head}", "mode", "system", {"mode": "closed", "reason": "idle"})]
