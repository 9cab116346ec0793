"""Dispatch: offers conversations that wait to colleagues at the desk, one after the other.

It takes nothing away: an offer is an event that ends by itself, and anybody may take what was offered to another.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from server import handoff
from server.desk.board import Board
from server.events import NewEvent
from server.handoff import Colleague
from server.log import Log
from server.ports import Conflict, Gone
from server.site import Site
from server.staff import Staff

OFFERS: Final = 50
"""In one look: more customers waiting than that are not helped by looking at all of them at once."""


class Dispatch:
    """Offers what waits. `look` is to be called every few seconds."""

    def __init__(
        self,
        log: Log,
        board: Board,
        sites: Mapping[str, Site],
        *,
        clock_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._log = log
        self._board = board
        self._sites = sites
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._turns: dict[str, int] = {}
        """When each colleague was last offered something: whose turn is the longest ago comes first."""
        self._tried: dict[str, tuple[int, frozenset[str]]] = {}
        """Conversations for which nobody was left to ask: at which head, of whom."""

    async def look(self) -> int:
        """Offer what waits and is offered to nobody who is here; returns how many offers were made."""
        present = self._board.present
        if not present:
            return 0
        made = 0
        now_ms = self._clock_ms()
        loads = self._board.loads(now_ms)
        for row in self._board.waiting():
            site = self._sites.get(row.site)
            held = row.offered in present and now_ms < (row.offered_until_ms or 0)
            if site is None or held or handoff.rests(row, now_ms):
                continue
            people = [
                Colleague(one, loads[one.id], self._turns.get(one.id, 0))
                for one in present.values()
                if one.sees(row.site) and loads[one.id] < site.hand_over.capacity
            ]
            # Who could be asked has been, and nothing has happened there since: it need not be read again.
            tried = (row.head, frozenset(one.staff.id for one in people))
            if not people or self._tried.get(row.conversation) == tried:
                continue
            chosen = await self._offer(row.conversation, site, people, now_ms)
            if chosen is None:
                self._tried[row.conversation] = tried
                continue
            loads[chosen.id] += 1
            self._turns[chosen.id] = now_ms
            made += 1
            if made >= OFFERS:
                break
        waiting = {row.conversation for row in self._board.waiting()}
        self._tried = {key: tried for key, tried in self._tried.items() if key in waiting}
        return made

    async def _offer(self, key: str, site: Site, people: Sequence[Colleague], now_ms: int) -> Staff | None:
        """Offer one conversation; to whom, or None."""
        state = await self._log.load(key)
        if state.mode != "waiting":
            return None
        chosen = handoff.choose(
            people,
            site.key,
            language=handoff.language(state, site),
            skill=handoff.skill_of(state, state.mode_reason, state.mode_detail),
            capacity=site.hand_over.capacity,
            # Who has just put it back is not the one to ask.
            asked={offer.to for offer in state.offers} | ({state.mode_by} if state.mode_by is not None else set()),
        )
        if chosen is None:
            return None
        body = {"to": chosen.id, "name": chosen.name, "until_ms": now_ms + 1000 * site.hand_over.offer_s}
        try:
            await self._log.append(key, [NewEvent(f"o:{self._new_id()}", "assigned", "system", body)], after=state.head)
        except (Conflict, Gone):
            return None  # somebody was first
        return chosen
