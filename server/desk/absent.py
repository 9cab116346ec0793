"""Absent: conversations of colleagues who have left the desk: when their customers write and wait too long, another takes over.

A claim is a lease: it holds while its holder is at the desk, and as long as nobody waits. It takes nothing from who is there.
"""

from collections.abc import Callable, Mapping
from typing import Final

from server import handoff, phrases, prompt
from server.conversation import Conversation
from server.desk.board import Board
from server.events import NewEvent
from server.log import Log
from server.ports import Conflict, Gone, IdempotencyMismatch, Summary
from server.site import Site

EVERY_MS: Final = 10_000
"""Minutes are counted here: ten seconds more or less are nothing."""
ABSENT_MS: Final = 60_000
"""Who is not seen at the desk for so long has left it: a reload, a lost line and a restart of the server take less."""


class Absent:
    """Looks again and again: `look` is to be called every few seconds."""

    def __init__(self, log: Log, board: Board, sites: Mapping[str, Site], *, clock_ms: Callable[[], int]) -> None:
        self._log = log
        self._board = board
        self._sites = sites
        self._clock_ms = clock_ms
        self._looked_ms = 0
        self._missed_ms: dict[str, int] = {}
        """Since when each holder has not been seen at the desk."""

    async def look(self) -> int:
        """Let what has lapsed wait for another colleague, at most every `EVERY_MS`; returns how many conversations."""
        now_ms = self._clock_ms()
        if now_ms < self._looked_ms + EVERY_MS:
            return 0
        self._looked_ms = now_ms
        await self._board.load()  # also when nobody has opened a desk since the start
        held, present = self._board.held(), self._board.present
        missed = {row.staff for row in held if row.staff is not None and row.staff not in present}
        self._missed_ms = {who: self._missed_ms.get(who, now_ms) for who in missed}
        lapsed = 0
        for row in held:
            if self._has_lapsed(row, now_ms):
                lapsed += await self._let_go(row)
        return lapsed

    def _has_lapsed(self, row: Summary, now_ms: int) -> bool:
        site = self._sites.get(row.site)
        if site is None or not row.unread or handoff.rests(row, now_ms):
            return False
        if row.staff is not None and now_ms < self._missed_ms.get(row.staff, now_ms) + ABSENT_MS:
            return False
        due_ms = handoff.lapses_ms(site, max(row.unread_since_ms or row.updated_ms, row.snoozed_until_ms or 0))
        return due_ms is not None and now_ms >= due_ms

    async def _let_go(self, row: Summary) -> bool:
        """The packet for whoever comes, the word for the customer, and that a person is asked: one commit."""
        state = await self._log.load(row.conversation)
        if state.mode != "staff" or state.staff != row.staff:
            return False
        try:
            await self._log.append(state.key, _lapse(state, self._sites[state.site]), after=state.head)
        except (Conflict, Gone, IdempotencyMismatch):
            return False  # somebody was first
        return True


def _lapse(state: Conversation, site: Site) -> list[NewEvent]:
    language = prompt.spoken_in(state, site)
    event_id = f"lapsed:{state.mode_seq}"
    text = phrases.say("lapsed", language, name=state.staff_name or site.name)
    return [
        NewEvent(f"{event_id}:packet", "note", "system", handoff.packet(state, "lapsed", language=language)),
        NewEvent(f"{event_id}:said", "message", "system", {"text": text}),
        NewEvent(event_id, "mode", "system", {"mode": "waiting", "reason": "lapsed"}),
    ]
