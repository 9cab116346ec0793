"""Post: asks who waits for a person for an address, and mails what staff have said to customers who are gone.

Each answer is mailed at most once: it is claimed in the log before it is sent, and what became of it is written down after.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from server import auth, proof
from server.after import letters
from server.conversation import Conversation
from server.events import Event, NewEvent
from server.hub import Hub
from server.log import Log
from server.mail import ShopMail, TooMany, send_patiently
from server.ports import Conflict, Find, Gone, IdempotencyMismatch, Mode, OverLimit, Spend
from server.site import Site
from tools.connectors.mail import MailError, MailFailed

logger = logging.getLogger(__name__)

PAUSES_S: Final = (2.0, 30.0)
"""Before the second and third attempt: greylisting and restarts of mail servers are short."""
CLOSE_S: Final = 5.0
"""What mails under way get when the server stops."""
PER_ADDRESS: Final = 20
"""Mails to one address and day, of one shop: nobody's mailbox is filled from a chat."""
DAY_MS: Final = 86_400_000
BACK_MS: Final = 3 * DAY_MS
"""How far back a start looks for answers that nobody mailed; claims are kept as long."""
BATCH: Final = 200
_NOBODY: Final[Mapping[str, Any]] = {}


class NoAddress(Exception):
    """There is no address that is known to be the customer's."""


@dataclass(frozen=True, slots=True)
class PostOffice:
    """One shop, and its mail."""

    site: Site
    mail: ShopMail


class Post:
    """Use it as an async context manager, and call `look` every few seconds."""

    def __init__(
        self,
        log: Log,
        hub: Hub,
        offices: Mapping[str, PostOffice],
        *,
        link: Callable[[Conversation, Site, letters.Use], str],
        clock_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        """`link` makes the address of a page that opens the conversation again, or asks how it was."""
        self._log = log
        self._hub = hub
        self._offices = offices
        self._link = link
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._said: dict[str, dict[str, int]] = {}
        """By conversation, when each answer was said that may have to be mailed."""
        self._wanted: set[str] = set()
        """Conversations whose customer is to be asked for an address."""
        self._closed: dict[str, int] = {}
        """By conversation that was closed behind its customer's back, when."""
        self._started = False
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        log.listeners.append(self._heard)

    async def __aenter__(self) -> "Post":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    def _heard(self, key: str, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind == "message" and event.role == "staff":
                self._said.setdefault(key, {})[event.id] = event.at_ms
            elif event.kind == "mode" and event.body.get("mode") == "waiting":
                self._wanted.add(key)
            elif event.kind == "mode" and event.body.get("mode") == "closed":
                if not self._hub.is_there(key):  # who is there is asked in the chat
                    self._closed[key] = event.at_ms
            elif event.kind == "contact":  # also for what was said before
                self._said.setdefault(key, {})[event.id] = event.at_ms

    async def look(self) -> None:
        """Ask who is to be asked, and begin to mail what is due. What a dead process has left is found at the first look."""
        if not self._started:
            self._started = True
            await self._recall()
        wanted, self._wanted = self._wanted, set()
        for key in wanted:
            if not self._is_open(key.partition("/")[0]):
                await self.ask(key)
        for key in list(self._said):
            office = self._offices.get(key.partition("/")[0])
            if office is not None and not office.mail.has_room:
                continue  # nothing is claimed that could not be sent now
            if self._said[key] and self._clock_ms() >= letters.due_ms(list(self._said[key].values())):
                times = self._said.pop(key)
                try:
                    await self._settle(key)
                except OSError:
                    self._said.setdefault(key, {}).update(times)  # the store did not answer: once more, later
                    raise

        for key in [key for key, at_ms in self._closed.items() if self._clock_ms() >= at_ms + letters.WAIT_MS]:
            del self._closed[key]  # if the store does not answer, nobody is asked
            await self._rating(key)

    async def ask(self, key: str) -> None:
        """Ask a customer who waits for a person for an address, or say where answers go; once for each time that they wait."""
        office = self._offices.get(key.partition("/")[0])
        state = await self._log.load(key)
        asked = f"mail:wanted:{state.mode_seq}"
        if office is None or state.mode != "waiting" or state.message(asked) is not None:
            return
        text = letters.wish(state, office.site, self._is_open(state.site))
        event = NewEvent(asked, "message", "agent", {"text": text})
        with contextlib.suppress(Conflict, IdempotencyMismatch, Gone):  # somebody has come, or a turn is at work
            await self._log.append(key, [event], after=state.head)

    def _is_open(self, site: str) -> bool:
        office = self._offices.get(site)
        hours = office.site.hours if office is not None else None
        return hours is None or hours.open_at(datetime.fromtimestamp(self._clock_ms() / 1000, UTC))

    async def _recall(self) -> None:
        """What the log knows of answers that may not have been mailed, and of customers who may not have been asked."""
        since_ms = self._clock_ms() - BACK_MS
        modes: tuple[Mode, ...] = ("waiting", "staff", "agent", "closed")
        for mode in modes:
            offset = 0
            while found := await self._log.store.find(Find(mode=mode, limit=BATCH, offset=offset)):
                offset += len(found)
                for summary in found:
                    if mode == "waiting":
                        self._wanted.add(summary.conversation)
                    if summary.unmailed and not summary.erased:
                        self._said[summary.conversation] = {"": summary.updated_ms}
                if found[-1].updated_ms < since_ms:
                    break

    async def _settle(self, key: str) -> None:
        """Claim what the customer has not seen, and begin to mail it; or write down that it needed no mail."""
        office = self._offices.get(key.partition("/")[0])
        state = await self._log.load(key)
        said, to = letters.unseen(state), letters.receiver(state)
        if office is None or not said or to is None or state.erased:
            return
        mail = f"mail:{self._new_id()}"
        body = {"mail": mail, "of": [message.id for message in said], "to": proof.masked(to.email)}
        if self._hub.is_there(key):
            await self._write(key, NewEvent(mail, "mailed", "system", body | {"state": "not_needed"}))
            return
        claims = [Spend(f"{key}/mailed/{message.id}", 1, 1) for message in said]
        text = letters.letter(state, office.site, said, self._link(state, office.site, "open") if to.may_read else None)
        await self._begin(key, body, claims, (to.email, letters.subject(state, office.site), text))

    async def _rating(self, key: str) -> None:
        """Ask a customer who has gone how it was, once for each conversation, and only if the shop wants that."""
        office = self._offices.get(key.partition("/")[0])
        state = await self._log.load(key)
        to = letters.receiver(state)
        if office is None or to is None or not letters.asks_for_rating(state, office.site) or self._hub.is_there(key):
            return
        body = {"mail": f"mail:{self._new_id()}", "of": [], "to": proof.masked(to.email), "what": "rating"}
        text = letters.rating(state, office.site, self._link(state, office.site, "rate"))
        await self._begin(key, body, [Spend(f"{key}/rating", 1, 1)], (to.email, *text))

    async def transcript(self, key: str, frame: str, *, asked_by: Mapping[str, Any] = _NOBODY) -> str:
        """Mail all that was said to the address on file, once for each frame; returns the address, masked.

        `asked_by` names the colleague who wants it sent, if it was not the customer; the customer does not see that.

        Raises:
            NoAddress: nobody has shown whose address it is: a stranger could be sent somebody's words.
        """
        office = self._offices.get(key.partition("/")[0])
        state = await self._log.load(key)
        to = letters.receiver(state)
        if office is None or to is None or state.identity is None or not to.may_read:
            raise NoAddress
        body = {"mail": f"mail:{self._new_id()}", "of": [], "to": proof.masked(to.email), "what": "transcript"}
        body |= {name: asked_by[name] for name in ("by", "name") if name in asked_by}
        claims = [Spend(f"{key}/transcript/{frame}", 1, 1, lasting=True)]
        await self._begin(key, body, claims, (to.email, *letters.transcript(state, office.site)))
        return str(body["to"])

    async def _begin(self, key: str, body: dict[str, Any], claims: list[Spend], parts: tuple[str, str, str]) -> None:
        """Claim a mail, and begin to send it, unless it is claimed already, or too many went to that address today."""
        site, address = key.partition("/")[0], parts[0]
        who = hashlib.sha256(f"{site} {proof.normal_email(address)}".encode()).hexdigest()[:32]
        claims.append(Spend(f"{site}/mails/{who}/{self._clock_ms() // DAY_MS}", 1, PER_ADDRESS))
        claim = NewEvent(body["mail"], "mailed", "system", body | {"state": "sending"})
        try:
            await self._log.append(key, [claim], spend=claims)
        except OverLimit as over:
            if over.key == claims[-1].key:
                await self._write(
                    key, NewEvent(claim.id, "mailed", "system", body | {"state": "failed", "why": "too_many"})
                )
            return  # else another process has it
        except Gone:
            return
        task = self._group.create_task(self._send(self._offices[site], key, claim, parts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, office: PostOffice, key: str, claim: NewEvent, parts: tuple[str, str, str]) -> None:
        body = {**claim.body, "state": "sent"}
        try:
            await send_patiently(office.mail, parts, pauses_s=PAUSES_S)
        except MailError as error:
            logger.error("site %s: an answer could not be mailed: %s", office.site.key, error)  # noqa: TRY400 - no address
            why = (
                "too_many"
                if isinstance(error, TooMany)
                else "refused"
                if not isinstance(error, MailFailed)
                else "no_answer"
            )
            body |= {"state": "failed", "why": why}
        await self._write(key, NewEvent(f"{claim.id}:done", "mailed", "system", body))

    async def _write(self, key: str, event: NewEvent) -> None:
        with contextlib.suppress(Gone):
            await self._log.append(key, [event])


def link_of(secret: str, base: str, state: Conversation, site: Site, now_ms: int, use: letters.Use = "open") -> str:
    """The address that opens this conversation again, or only asks how it was, for a week.

    The first is on the shop's own page where it has set one; else both are on ours, below `base`.
    """
    token = auth.LinkToken(state.site, state.id, state.customer, state.generation)
    if use == "rate":
        return f"{base}{letters.RATE_PATH}{auth.mint_rating(secret, token, now_ms / 1000)}"
    before = f"{base}{letters.LINK_PATH}" if site.mail.page is None else f"{site.mail.page}{letters.PAGE_LINK}"
    return f"{before}{auth.mint_link(secret, token, now_ms / 1000)}"
