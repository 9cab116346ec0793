"""Delivery: looks a guest up in the shop, and mails codes, in tasks of its own.

It writes no event: whatever the shop knows, nothing of it is in the log before a code was right. What goes wrong is said
to the merchant alone, without an address and without a code.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from server import phrases, prompt, proof
from server.conversation import Conversation
from server.kit import Guest, GuestLookup
from server.mail import ShopMail, send_patiently
from server.site import Site
from tools.connectors.mail import MailError

logger = logging.getLogger(__name__)

LOOKUP_S: Final = 10.0
"""For the shop's own lookup of a guest."""
LOOKUPS: Final = 8
"""At the same time, for one shop: a flood of requests becomes a queue before the shop's own system."""
PAUSES_S: Final = (2.0, 10.0)
"""Before the second and third attempt to send a mail: greylisting and restarts of mail servers are short."""
SHARE: Final = 0.5
"""Of the shop's mails within an hour: a flood of requests for codes keeps back no answer. It shows in no answer to a customer."""
BEFORE_S: Final = 0.3
"""Before the shop is asked: by then the answer has left on all lines, and nothing that the shop does can delay it."""
CLOSE_S: Final = 5.0
"""What mails under way get when the server stops; a customer whose code got lost asks for another."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What one shop offers: its mail, and how it finds a guest (None: it cannot)."""

    site: Site
    mail: ShopMail
    guests: GuestLookup | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a code goes. `order` is None when it goes to the address on file."""

    email: str
    order: str | None = None


class Delivery:
    """Use it as an async context manager: the mails under way end with it."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        *,
        before_s: float = BEFORE_S,
        pauses_s: Sequence[float] = PAUSES_S,
        close_s: float = CLOSE_S,
    ) -> None:
        self.desks = desks
        self._before_s = before_s
        self._close_s = close_s
        self._pauses_s = pauses_s
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lookups = {site: asyncio.Semaphore(LOOKUPS) for site in desks}

    async def __aenter__(self) -> "Delivery":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._close_s):
                await self.idle()
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    def start(self, state: Conversation, target: Target, code: str) -> None:
        """Mail the code to whom it may go to, if there is such a person; returns at once."""
        task = self._group.create_task(self._deliver(state, target, code))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def guest(self, state: Conversation, target: Target) -> Guest | None:
        """Who placed this order with this address; None too if it is another one than whom the shop has signed in.

        Raises:
            Exception: whatever the shop's own lookup raises; TimeoutError after 10 s.
        """
        look_up = self.desks[state.site].guests
        if look_up is None or target.order is None:
            return None
        async with self._lookups[state.site], asyncio.timeout(LOOKUP_S):
            guest = await look_up(target.order, target.email)
        if guest is None or proof.normal_email(guest.email) != target.email:
            return None
        known = state.identity
        if known is not None and not known.is_guest and known.customer != guest.customer:
            return None
        return guest

    async def _deliver(self, state: Conversation, target: Target, code: str) -> None:
        desk = self.desks[state.site]
        locale = prompt.spoken_in(state, desk.site)
        subject = phrases.say("code_subject", locale, shop=desk.site.name)
        text = phrases.say("code_mail", locale, shop=desk.site.name, code=code)
        await asyncio.sleep(self._before_s)
        try:
            address: str | None = target.email
            if target.order is not None:
                guest = await self.guest(state, target)
                address = guest.email if guest is not None else None
            if address is not None:
                await send_patiently(desk.mail, (address, subject, text), pauses_s=self._pauses_s, share=SHARE)
        except MailError as error:
            log_failure(desk.site.key, f"a code could not be mailed: {error}")
        except Exception as error:  # noqa: BLE001 - the top of this task; the lookup is a merchant's own code
            log_failure(desk.site.key, f"a guest could not be looked up: {type(error).__name__}")


def log_failure(site: str, what: str) -> None:
    """Tell the merchant. No traceback: what a merchant's own code raises may hold an address."""
    logger.error("site %s: %s", site, what)
