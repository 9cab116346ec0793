"""Marks: what staff do beside talking: tags, snoozing, blocking, and whom a note names.

It knows no socket, and nothing here is ever a word to a customer but the one that says that a chat was ended.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from server import blocks
from server.blocks import Blocks
from server.conversation import Conversation, is_blocked
from server.events import NewEvent
from server.log import Log
from server.ports import Conflict
from server.staff import Staff

MAX_TAGS: Final = 12
"""On one conversation; more of them tell nothing any more."""
MAX_SNOOZE_MS: Final = 30 * 24 * 3_600_000
MAX_BLOCK_MS: Final = 366 * 24 * 3_600_000

_TAG: Final = re.compile(r"[\w][\w .&/-]{0,29}")
_NAMED: Final = re.compile(r"@([\w.-]+(?: [\w.-]+)?)")

People = Callable[[], Awaitable[Sequence[Staff]]]
"""All accounts of the desk."""


class NotMarked(Exception):
    """It was not done; the message is for the person who wanted it."""


class Marks:
    """Staff's marks on any conversation of a site that they see."""

    def __init__(
        self, log: Log, blocked: Blocks, *, people: People, clock_ms: Callable[[], int], new_id: Callable[[], str]
    ) -> None:
        self._log = log
        self._blocks = blocked
        self._people = people
        self._clock_ms = clock_ms
        self._new_id = new_id

    async def tag(self, key: str, staff: Staff, tag: str, *, on: bool, known: Sequence[str]) -> None:
        """Put a tag on, or take it off; `known` are those that it has.

        Raises:
            NotMarked: it has too many, or this is none.
        """
        if not _TAG.fullmatch(tag):
            raise NotMarked(
                "a tag has up to 30 letters, digits, spaces and . & / - and begins with a letter or a digit"
            )
        if (tag in known) == on:
            return
        if on and len(known) >= MAX_TAGS:
            raise NotMarked(f"a conversation has at most {MAX_TAGS} tags")
        await self._append(key, "tagged", staff, {"tag": tag, "on": on})

    async def snooze(self, key: str, staff: Staff, until_ms: int | None) -> None:
        """Take it out of the queues until then, or until the customer writes; with None, back into them.

        Raises:
            NotMarked: a time that is over, or too far away; or a colleague has it.
        """
        state = await self._log.load(key)
        if state.mode == "staff" and state.staff != staff.id and staff.role != "admin":
            raise NotMarked(f"{state.staff_name or 'a colleague'} has this conversation")
        now_ms = self._clock_ms()
        if until_ms is not None and not now_ms < until_ms <= now_ms + MAX_SNOOZE_MS:
            raise NotMarked("expected a time within the next 30 days")
        await self._append(key, "snoozed", staff, {"until_ms": until_ms} if until_ms is not None else {})

    async def block(self, key: str, staff: Staff, *, on: bool, until_ms: int | None = None) -> None:
        """Take nothing more from this visitor, who is told so, until then or for good; or take it again.

        Whoever is signed in is blocked, and freed, in all their conversations.

        Raises:
            NotMarked: a time that is over, or too far away; or something else happened first.
        """
        now_ms = self._clock_ms()
        if on and until_ms is not None and not now_ms < until_ms <= now_ms + MAX_BLOCK_MS:
            raise NotMarked("expected a time within the next year")
        state = await self._log.load(key)
        if not on:
            await self._free(state, staff)
            return
        before = is_blocked(state, now_ms)
        if before and state.blocked_until_ms == until_ms:
            return
        end = {"until_ms": until_ms} if until_ms is not None else {}
        event = NewEvent(f"s:{self._new_id()}", "blocked", "staff", {"on": True, **_whose(staff), **end})
        events = [event, *([] if before else blocks.ending(state, event.id, staff.signature))]
        try:
            await self._log.append(key, events, after=state.head)
        except Conflict as error:
            raise NotMarked("something else happened first; please look again") from error
        await self._blocks.shut_all(state)

    async def _free(self, state: Conversation, staff: Staff) -> None:
        """Take the visitor's words again, wherever they were blocked; this conversation comes last, so that a second try helps."""
        others = [row.conversation for row in await self._blocks.of(state) if row.conversation != state.key]
        for key in [*others, *([state.key] if state.blocked else [])]:
            await self._append(key, "blocked", staff, {"on": False})

    async def named(self, text: str, site: str) -> list[str]:
        """Ids of the colleagues who see this site and whom a note names: `@` and a first name, name or address."""
        words = {word.casefold() for found in _NAMED.findall(text) for word in _readings(found)}
        if not words:
            return []
        people = [one for one in await self._people() if one.sees(site)]
        return sorted(one.id for one in people if words & _names(one))

    async def _append(self, key: str, kind: Any, staff: Staff, body: dict[str, Any]) -> None:  # noqa: ANN401 - a Literal
        await self._log.append(key, [NewEvent(f"s:{self._new_id()}", kind, "staff", body | _whose(staff))])


def _whose(staff: Staff) -> dict[str, Any]:
    return {"by": staff.id, "name": staff.name}


def _readings(found: str) -> list[str]:
    """What `@Ada Berg.` may mean: with the second word and without."""
    return [found.rstrip(".-"), found.partition(" ")[0].rstrip(".-")]


def _names(person: Staff) -> set[str]:
    return {person.name.casefold(), person.name.partition(" ")[0].casefold(), person.email.partition("@")[0].casefold()}
