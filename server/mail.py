"""Mail: how this server sends, and `kit.mail`, one shop's way to send.

It decides nothing about what is sent to whom, and writes no address and no text into the log.
"""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from server.settings import Settings, SettingsError
from server.site import Site
from tools.connectors.mail import (
    FolderMailer,
    Mail,
    Mailer,
    MailError,
    MailFailed,
    MailRefused,
    is_address,
    make_mailer,
)

NOBODY: Final = "no-reply@shop.invalid"
"""The sender of mails that only go into a directory (RFC 2606: `.invalid` is nobody's)."""
HOUR_S: Final = 3_600.0


class TooMany(MailRefused):
    """The shop has sent as many mails within an hour as it may."""


class Hourly:
    """How often something has happened within the last hour. Time comes in, in seconds of any steady clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at_s: deque[float] = deque()

    def has_room(self, now_s: float, share: float = 1.0) -> bool:
        """Whether it may happen once more; `share` is how much of the hour's number may be used up for it."""
        while self._at_s and self._at_s[0] <= now_s - HOUR_S:
            self._at_s.popleft()
        return len(self._at_s) < self._most * share

    def take(self, now_s: float, share: float = 1.0) -> bool:
        """Let it happen once more; whether it may."""
        if not self.has_room(now_s, share):
            return False
        self._at_s.append(now_s)
        return True

    def give_back(self) -> None:
        """The last one has not happened."""
        if self._at_s:
            self._at_s.pop()


class ShopMail:
    """One shop's mail. Until the server sets it up (`send_by`), mails go into the shop's own directory.

    At most `mail.per_hour` mails go out within any hour, whatever they are; this process counts them, anew after a start.
    """

    def __init__(self, site: Site, directory: Path, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._mailer: Mailer = FolderMailer(directory, sender=sender_of(site, NOBODY) or NOBODY)
        self._most = site.mail.per_hour
        self._sent = Hourly(site.mail.per_hour)
        self._clock_s = clock_s

    def send_by(self, mailer: Mailer) -> None:
        """From now on, mails go out this way."""
        self._mailer = mailer

    @property
    def has_room(self) -> bool:
        """Whether the shop may send another mail now."""
        return self._sent.has_room(self._clock_s())

    async def send(self, to: str, subject: str, text: str, *, share: float = 1.0) -> None:
        """Send one mail in plain text to one address. `share` is how much of the hour's number such mails may use up.

        Raises:
            TooMany: the shop has sent as many within an hour as it may.
            tools.connectors.mail.MailRefused: the address or the subject is none, or the mail server refuses for good.
            tools.connectors.mail.MailFailed: it can be tried again later.
        """
        if not self._sent.take(self._clock_s(), share):
            raise TooMany(f"more mails within an hour than mail.per_hour allows: {self._most}")
        try:
            await self._mailer.send(Mail(to, subject, text))
        except MailError:
            self._sent.give_back()
            raise


async def send_patiently(
    mail: ShopMail, parts: tuple[str, str, str], *, pauses_s: Sequence[float], share: float = 1.0
) -> None:
    """Send one mail (to, subject, text), and try again after each of these pauses while it may be tried again.

    Raises:
        TooMany: as `ShopMail.send` says.
        tools.connectors.mail.MailRefused: as `ShopMail.send` says.
        tools.connectors.mail.MailFailed: no attempt succeeded.
    """
    for pause_s in pauses_s:
        with contextlib.suppress(MailFailed):
            await mail.send(*parts, share=share)
            return
        await asyncio.sleep(pause_s)
    await mail.send(*parts, share=share)


def directory_of(settings: Settings) -> Path | None:
    """The directory that mails go into instead of out; None when a mail server is set."""
    if settings.smtp is not None:
        return None
    return settings.mail_dir or settings.data / "mail"


def mailer_of(settings: Settings, site: Site) -> Mailer:
    """How mails of this shop are sent.

    Raises:
        SettingsError: the mail server or the sender cannot be used; no password is shown.
    """
    sender = sender_of(site, settings.mail_from or (NOBODY if settings.smtp is None else None))
    directory = directory_of(settings)
    try:
        if directory is not None:
            return FolderMailer(directory, sender=sender or NOBODY)
        if sender is None:
            message = "SHOPBELL_MAIL_FROM: expected the address that mails come from, since SHOPBELL_SMTP is set"
            raise SettingsError(f"{message}; or set mail.from in the site.yaml of {site.key}")
        return make_mailer(_with_password(settings), sender=sender, directory=settings.data / "mail")
    except MailRefused as refused:
        raise SettingsError(str(refused)) from None


def sender_of(site: Site, default: str | None) -> str | None:
    """`Name <address>` for this shop's mails: of its site.yaml, else `default` (SHOPBELL_MAIL_FROM); None without either.

    Raises:
        SettingsError: `default` is no sender.
    """
    found = re.fullmatch(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>\s]+)>\s*|\s*(?P<bare>[^<>\s]+)\s*", default or "")
    if default is not None and (found is None or not is_address(found["address"] or found["bare"])):
        raise SettingsError("SHOPBELL_MAIL_FROM: expected an address, or Name <address>")
    address = site.mail.sender or (found and (found["address"] or found["bare"]))
    if not address:
        return None
    name = site.mail.name or (found and found["name"]) or site.name
    plain = "".join(char for char in name if char.isprintable() and char not in "<>")
    return f"{' '.join(plain.split())} <{address}>"


def _with_password(settings: Settings) -> str:
    """SHOPBELL_SMTP with SHOPBELL_SMTP_PASSWORD in its place."""
    url = settings.smtp.get_secret_value() if settings.smtp is not None else ""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    if settings.smtp_password is None:
        if at and not colon:
            raise SettingsError(f"SHOPBELL_SMTP_PASSWORD: expected the password of {user}, whom SHOPBELL_SMTP names")
        return url
    if not at or colon:
        raise SettingsError(
            "SHOPBELL_SMTP_PASSWORD: expected SHOPBELL_SMTP to name a user without a password: smtp://user@host:port"
        )
    return f"{parts.scheme}://{user}:{quote(settings.smtp_password.get_secret_value(), safe='')}@{host}{parts.path}"
