"""Alerts: notices what staff have to be told, waits for somebody to be there, and else tells them by mail and webhook.

At least once: `alerted` is written when something was told, so that what a dead process had under way is told again, by
the webhook under the same id. Never twice by the same process.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote

from server import handoff
from server.alerts import notices, webhook
from server.alerts.notices import Occasion
from server.conversation import Conversation
from server.events import Event, NewEvent
from server.log import Log
from server.mail import Hourly, ShopMail, send_patiently
from server.ports import Find, Gone, IdempotencyMismatch, Mode
from server.site import Site
from server.staff import Staff
from tools.connectors.client import Client
from tools.connectors.mail import MailError

logger = logging.getLogger(__name__)

GRACE_MS: Final = 10_000
"""After something to be told: a desk that is loaded anew, or cut off, is back by then."""
START_MS: Final = 30_000
"""After a start: desks come back within a few seconds, with up to 20 s of back-off."""
PAUSES_S: Final = (2.0, 30.0, 300.0)
"""Before the second, third and fourth attempt: restarts and short outages of mail servers and chat tools."""
PER_HOUR: Final = 30
"""Of one shop: who opens many chats fills nobody's mailbox. What is over it waits, and is told if it still stands then."""
LATER_MS: Final = 60_000
CLOSE_S: Final = 5.0
"""What is under way gets when the server stops; the rest is told after the next start."""
BACK_MS: Final = 3 * 86_400_000
"""How far back a start looks: what is older has been seen to, or never will be."""
BATCH: Final = 200

Way = Literal["email", "webhook"]


@dataclass(frozen=True, slots=True)
class Office:
    """One shop, and how it is told. `url` is a secret; None: the variable is not set, or there is no webhook."""

    site: Site
    mail: ShopMail
    client: Client
    url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)


def office_of(site: Site, mail: ShopMail, client: Client, environment: Mapping[str, str]) -> Office:
    """A shop's office, with what its environment variables hold."""
    hook = site.alerts.webhook
    if hook is None:
        return Office(site, mail, client)
    url = environment.get(hook.url_env) or None
    if url is None:
        logger.warning("site %s: alerts.webhook: the environment variable %s is not set", site.key, hook.url_env)
    return Office(site, mail, client, url, (environment.get(hook.secret_env) or None) if hook.secret_env else None)


@dataclass(frozen=True, slots=True)
class Desk:
    """Who has the desk open on this node, by id, and all accounts."""

    present: Callable[[], Mapping[str, Staff]]
    people: Callable[[], Awaitable[Sequence[Staff]]]


class Alerts:
    """Use it as an async context manager, `attend` to a desk, and call `look` every few seconds."""

    def __init__(
        self,
        log: Log,
        offices: Mapping[str, Office],
        *,
        base: str,
        clock_ms: Callable[[], int],
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """`base` is the URL of this server, for the links to the desk."""
        self._log = log
        self._offices = {key: office for key, office in offices.items() if office.site.alerts.ways}
        self._base = base
        self._clock_ms = clock_ms
        self._pauses_s = pauses_s
        self._desk: Desk | None = None
        self._due: dict[str, int] = {}
        """By conversation, when to look whether there is something to tell."""
        self._begun: set[tuple[str, str]] = set()
        """Conversation and event id of what this process has told, or is telling."""
        self._told = {key: Hourly(PER_HOUR) for key in self._offices}
        self._recalled = False
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        if self._offices:
            log.listeners.append(self._heard)

    def attend(self, desk: Desk) -> None:
        """Whose presence counts. Before that nobody is told anything."""
        self._desk = desk

    async def __aenter__(self) -> "Alerts":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.idle()
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        for office in self._offices.values():
            await office.client.aclose()

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _heard(self, key: str, events: Sequence[Event]) -> None:
        if key.partition("/")[0] in self._offices and any(_tells(event) for event in events):
            self._due.setdefault(key, self._clock_ms() + GRACE_MS)

    async def look(self) -> None:
        """Tell what is due. What was open when the process started is found at the first look."""
        if self._desk is None or not self._offices:
            return
        if not self._recalled:
            self._recalled = True
            await self._recall()
        now_ms = self._clock_ms()
        for key in [key for key, due_ms in self._due.items() if now_ms >= due_ms]:
            del self._due[key]
            try:
                await self._consider(key, self._desk)
            except OSError:
                self._due[key] = now_ms  # the store did not answer: once more, later
                raise

    async def _recall(self) -> None:
        since_ms = self._clock_ms() - BACK_MS
        modes: tuple[Mode, ...] = ("waiting", "staff", "agent")
        for mode in modes:
            offset = 0
            while found := await self._log.store.find(Find(mode=mode, limit=BATCH, offset=offset)):
                offset += len(found)
                for summary in found:
                    stands = mode == "waiting" or summary.asked_staff or summary.mentions
                    known = summary.site in self._offices and not summary.erased
                    if stands and known and summary.updated_ms >= since_ms:
                        self._due.setdefault(summary.conversation, self._clock_ms() + START_MS)
                if found[-1].updated_ms < since_ms:
                    break

    async def _consider(self, key: str, desk: Desk) -> None:
        """Begin to tell what stands open and nobody has been told, or write down that somebody is there."""
        office = self._offices[key.partition("/")[0]]
        rules = office.site.alerts
        state = await self._log.load(key)
        for occasion in notices.occasions(state):
            ways = [way for way in rules.ways if not self._is_settled(state, occasion, way)]
            if not rules.tells(occasion.reason) or occasion.event in state.alerted or not ways:
                continue
            if notices.is_there(occasion, state.site, desk.present().values()):
                await self._write(key, occasion, occasion.event, {"state": "not_needed"})
            elif office.mail.has_room and self._told[state.site].take(self._clock_ms() / 1000):
                for way in ways:
                    self._begin(office, state, occasion, way, desk)
            else:
                self._due[key] = self._clock_ms() + LATER_MS

    def _is_settled(self, state: Conversation, occasion: Occasion, way: Way) -> bool:
        event = f"{occasion.event}:{way}"
        return event in state.alerted or (state.key, event) in self._begun

    def _begin(self, office: Office, state: Conversation, occasion: Occasion, way: Way, desk: Desk) -> None:
        self._begun.add((state.key, f"{occasion.event}:{way}"))
        task = self._group.create_task(self._tell(office, state, occasion, way, desk))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, office: Office, state: Conversation, occasion: Occasion, way: Way, desk: Desk) -> None:
        event = f"{occasion.event}:{way}"
        try:
            people = await desk.people()
            why = await (self._mail if way == "email" else self._post)(office, state, occasion, people)
            body = {"by": way, "state": "sent"} if why is None else {"by": way, "state": "failed", "why": why}
            await self._write(state.key, occasion, event, body)
        except Exception:
            # The top of this task: nobody else is to lose anything by it. It is told again after the next start.
            logger.exception("conversation %s: staff could not be told by %s", state.key, way)
        finally:
            self._begun.discard((state.key, event))

    async def _mail(
        self, office: Office, state: Conversation, occasion: Occasion, people: Sequence[Staff]
    ) -> str | None:
        """Mail it to everybody who is to know; None: somebody gets it, else why nobody does."""
        rules, site = office.site.alerts, office.site
        if rules.email == "staff" or occasion.person is not None:
            addresses = [one.email for one in notices.whom(occasion, people, state, site)]
        else:
            addresses = [*rules.email]
        subject = notices.headline(occasion, state, site)
        text = notices.letter(
            subject, await self._quote(office, state, occasion), self._link(state), handoff.language(state, site)
        )
        results = await asyncio.gather(
            *(self._mail_one(office, one, subject, text) for one in dict.fromkeys(addresses))
        )
        if not results:
            return "nobody"
        return None if any(results) else "refused"

    async def _mail_one(self, office: Office, address: str, subject: str, text: str) -> bool:
        try:
            await send_patiently(office.mail, (address, subject, text), pauses_s=self._pauses_s)
        except MailError as error:
            logger.error("site %s: an alert could not be mailed: %s", office.site.key, error)  # noqa: TRY400 - no address
            return False
        return True

    async def _post(
        self, office: Office, state: Conversation, occasion: Occasion, people: Sequence[Staff]
    ) -> str | None:
        """Send it to the webhook; None: it was taken, else why not."""
        if office.url is None:
            return "not_set"
        name = next((one.name for one in people if one.id == occasion.person), "a colleague")
        line = notices.headline(occasion, state, office.site, name)
        said = notices.posted(
            line, await self._quote(office, state, occasion), self._link(state), handoff.language(state, office.site)
        )
        hook = f"msg_{hashlib.sha256(f'{state.key} {occasion.event}'.encode()).hexdigest()[:32]}"
        try:
            for pause_s in self._pauses_s:
                with contextlib.suppress(webhook.HookFailed):
                    await self._post_once(office, office.url, hook, said)
                    return None
                await asyncio.sleep(pause_s)
            await self._post_once(office, office.url, hook, said)
        except webhook.HookError as error:
            logger.error("site %s: an alert was not taken: %s", office.site.key, error)  # noqa: TRY400 - no URL
            return "no_answer" if isinstance(error, webhook.HookFailed) else "refused"
        return None

    async def _post_once(self, office: Office, url: str, hook: str, said: Mapping[str, Any]) -> None:
        await webhook.post(office.client, url, office.secret, hook, self._clock_ms() // 1000, said)

    async def _quote(self, office: Office, state: Conversation, occasion: Occasion) -> str:
        if not office.site.alerts.quote:
            return ""
        found = await self._log.read(state.key, after=occasion.seq - 1, limit=1) if occasion.person is not None else []
        return notices.quoted(occasion, state, str(found[0].body.get("text", "")) if found else "")

    def _link(self, state: Conversation) -> str:
        return f"{self._base}/desk#{quote(state.key, safe='/:')}"

    async def _write(self, key: str, occasion: Occasion, event: str, body: Mapping[str, Any]) -> None:
        whole = {"reason": occasion.reason, "of": occasion.id, **body}
        with contextlib.suppress(Gone, IdempotencyMismatch):  # erased, or another process has settled it
            await self._log.append(key, [NewEvent(event, "alerted", "system", whole)])


def _tells(event: Event) -> bool:
    """Whether staff may have to be told after this event."""
    body = event.body
    match event.kind:
        case "mode":
            return body.get("mode") == "waiting"
        case "note":
            return bool(body.get("escalated") or body.get("mentions"))
        case "call.asked":
            return body.get("of") == "staff"
        case _:
            return False
