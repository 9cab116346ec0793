"""Marks: what staff do beside talking: tags, snoozing, blocking, and whom a note names.

It knows no socket, and nothing here is ever a word to a customer but the one that says that a chat was ended.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from server import phrases
from server.events import NewEvent
from server.log import Log
from server.ports import Conflict
from server.staff import Staff

MAX_TAGS: Final = 12
"""On one conversation; more of them tell nothing any more."""
MAX_SNOOZE_MS: Final = 30 * 24 * 3_600_000

_NAMED: Final = re.compile(r"@([\w.-]+(?: [\w.-]+)?)")

People = Callable[[], Awaitable[Sequence[Staff]]]
"""All accounts of the desk."""


class NotMarked(Exception):
    """It was not done; the message is for the person who wanted it."""


class Marks:
    """Staff's marks on any conversation of a site that they see."""

    def __init__(self, log: Log, *, people: People, clock_ms: Callable[[], int], new_id: Callable[[], str]) -> None:
        self._log = log
        self._people = people
        self._clock_ms = clock_ms
        self._new_id = new_id

    async def tag(self, key: str, staff: Staff, tag: str, *, on: bool, known: Sequence[str]) -> None:
        """Put a tag on, or take it off; `known` are those that it has.

        Raises:
            NotMarked: it has too many.
        """
        if (tag in known) == on:
            return
        if on and len(known) >= MAX_TAGS:
            raise NotMarked(f"a conversation has at most {MAX_TAGS} tags")
        await self._append(key, "tagged", staff, {"tag": tag, "on": on})

    async def snooze(self, key: str, staff: Staff, until_ms: int | None) -> None:
        """Take it out of the queues until then, or until the customer writes; with None, back into them.

        Raises:
            NotMarked: a time that is over, or too far away.
        """
        now_ms = self._clock_ms()
        if until_ms is not None and not now_ms < until_ms <= now_ms + MAX_SNOOZE_MS:
            raise NotMarked("expected a time within the next 30 days")
        await self._append(key, "snoozed", staff, {"until_ms": until_ms} if until_ms is not None else {})

    async def block(self, key: str, staff: Staff, *, on: bool) -> None:
        """Take nothing more from this visitor, who is told so; or take it again.

        Raises:
            NotMarked: something else happened first.
        """
        state = await self._log.load(key)
        if state.blocked == on:
            return
        event = NewEvent(f"s:{self._new_id()}", "blocked", "staff", {"on": on, "by": staff.id, "name": staff.name})
        events = [event]
        if on:
            language = phrases.language(state.route.language if state.route else None, state.locale or "en")
            said = {"text": phrases.say("blocked", language)} | staff.signature
            events.append(NewEvent(f"{event.id}:said", "message", "staff", said))
            if state.turn is not None:
                body = {"reason": "handed_over", "answers": list(state.unanswered)}
                turn = state.turn.id
                events.append(NewEvent(f"{turn}:blocked:{state.head}", "turn.ended", "system", body, turn))
            if state.mode != "closed":
                closed = {"mode": "closed", "reason": "blocked", "by": staff.id}
                events.append(NewEvent(f"{event.id}:closed", "mode", "staff", closed))
        try:
            await self._log.append(key, events, after=state.head)
        except Conflict as error:
            raise NotMarked("something else happened first; please look again") from error

    async def named(self, text: str, site: str) -> list[str]:
        """Ids of the colleagues who see this site and whom a note names: `@` and a first name, name or address."""
        words = {word.casefold() for found in _NAMED.findall(text) for word in _readings(found)}
        if not words:
            return []
        people = [one for one in await self._people() if one.sees(site)]
        return sorted(one.id for one in people if words & _names(one))

    async def _append(self, key: str, kind: Any, staff: Staff, body: dict[str, Any]) -> None:  # noqa: ANN401 - a Literal
        whose = {"by": staff.id, "name": staff.name}
        await self._log.append(key, [NewEvent(f"s:{self._new_id()}", kind, "staff", body | whose)])


def _readings(found: str) -> list[str]:
    """What `@Ada Berg.` may mean: with the second word and without."""
    return [found.rstrip(".-"), found.partition(" ")[0].rstrip(".-")]


def _names(person: Staff) -> set[str]:
    return {person.name.casefold(), person.name.partition(" ")[0].casefold(), person.email.partition("@")[0].casefold()}
