"""Mail: one message to one person, by SMTP or, in development, into a directory.

It decides nothing about what is sent to whom, and writes no address and no text into the log.
"""

import asyncio
import contextlib
import email.policy
import email.utils
import os
import re
import secrets
import smtplib
import ssl
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Literal, Protocol

TIMEOUT_S: Final = 10.0
"""For each step of the conversation with the mail server."""
MAX_SUBJECT_CHARS: Final = 200
MAX_TEXT_CHARS: Final = 100_000

_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
"""Unquoted ASCII addresses, as shops have them; no commas, quotes or comments, so that one address stays one."""


_POLICY: Final = email.policy.SMTP.clone(cte_type="7bit")  # every mail server takes seven bits


class MailError(Exception):
    """A message was not sent."""


class MailRefused(MailError):
    """The message, an address or the settings are wrong; trying again does not help."""


class MailFailed(MailError):
    """The mail server could not be reached or would not take it now; it may be tried again."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message. Its text shows neither address nor content, so that it can stand in a log."""

    to: str
    subject: str
    text: str
    html: str | None = None
    reply_to: str | None = None

    def __repr__(self) -> str:
        return "Mail(…)"


class Mailer(Protocol):
    """Whatever sends mail."""

    async def send(self, mail: Mail) -> None:
        """Hand the message over.

        Raises:
            MailRefused: it is wrong, or refused for good.
            MailFailed: it can be tried again.
        """


def make_mailer(setting: str | None, *, sender: str, directory: Path) -> Mailer:
    """The mailer for SHOPBELL_SMTP.

    `smtp://user:password@host:587` (STARTTLS), `smtps://user:password@host:465` (TLS from the start), or
    `file:///a/directory`. Without a setting, messages go into `directory`. User and password are percent-encoded.
    `sender` is an address, or `Name <address>`.

    Raises:
        MailRefused: the setting or the sender cannot be used; the message shows no password.
    """
    if not setting:
        return FolderMailer(directory, sender=sender)
    try:
        url = urllib.parse.urlsplit(setting)
        port = url.port
    except ValueError:
        raise MailRefused(
            "SHOPBELL_SMTP: expected smtp://user:password@host:port; is the password percent-encoded?"
        ) from None
    if url.scheme == "file" and url.path and not url.netloc:
        return FolderMailer(Path(urllib.parse.unquote(url.path)), sender=sender)
    if (
        url.scheme not in ("smtp", "smtps")
        or not url.hostname
        or url.path not in ("", "/")
        or url.query
        or url.fragment
    ):
        raise MailRefused("SHOPBELL_SMTP: expected smtp://…, smtps://user:password@host:port or file:///directory")
    return SmtpMailer(
        url.hostname,
        port or (465 if url.scheme == "smtps" else 587),
        sender=sender,
        tls="at_once" if url.scheme == "smtps" else "starttls",
        login=(urllib.parse.unquote(url.username), urllib.parse.unquote(url.password or "")) if url.username else None,
    )


class SmtpMailer:
    """Sends by SMTP, a connection for each message.

    With `tls="starttls"` encryption is required, but on this machine itself: nothing and no password goes out in clear.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, the parts of one setting
        self,
        host: str,
        port: int,
        *,
        sender: str,
        tls: Literal["starttls", "at_once"] = "starttls",
        login: tuple[str, str] | None = None,
        context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._host, self._port = host, port
        self._sender = _one_sender(sender)
        self._address = self._sender.rpartition("<")[2].rstrip(">")
        self._tls = tls
        self._login = login
        self._context = context
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"SmtpMailer({self._host}:{self._port})"

    async def send(self, mail: Mail) -> None:
        """Hand the message to the mail server; see Mailer."""
        message = compose(mail, self._sender)
        await asyncio.to_thread(self._deliver, message)

    def _deliver(self, message: EmailMessage) -> None:
        try:
            smtp = self._connect()
            try:
                if self._tls == "starttls":
                    self._encrypt(smtp)
                if self._login is not None:
                    smtp.login(*self._login)
                # Not send_message: it writes ">From" for a line that begins with "From".
                smtp.sendmail(self._address, [str(message["To"])], message.as_bytes())
            finally:
                # Once it is accepted, nothing that goes wrong with the farewell makes it unsent.
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    smtp.quit()
                smtp.close()
        except smtplib.SMTPAuthenticationError:
            raise MailRefused(f"the mail server {self._host} does not accept user and password") from None
        except smtplib.SMTPNotSupportedError as error:
            raise MailRefused(f"the mail server {self._host}: {error}") from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise _kind(max(codes, default=0))(f"the mail server {self._host} refuses the address ({codes})") from None
        except smtplib.SMTPResponseException as error:
            raise _kind(error.smtp_code)(f"the mail server {self._host} refuses with {error.smtp_code}") from None
        except ssl.SSLCertVerificationError as error:
            raise MailRefused(f"the certificate of {self._host}: {error.verify_message}") from None
        except (smtplib.SMTPException, OSError) as error:
            # `from None`: smtplib's errors repeat what was sent.
            raise MailFailed(f"the mail server {self._host}:{self._port}: {type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        if self._tls == "at_once":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout_s, context=self._context())
        return smtplib.SMTP(self._host, self._port, timeout=self._timeout_s)

    def _encrypt(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=self._context())
            smtp.ehlo()
        elif self._host not in ("localhost", "127.0.0.1", "::1"):
            raise MailRefused(f"the mail server {self._host} offers no encryption; nothing was sent")


class FolderMailer:
    """Writes each message as an .eml file, for development: readable by their owner only, since they hold codes."""

    def __init__(self, directory: Path, *, sender: str) -> None:
        self._directory = directory
        self._sender = _one_sender(sender)

    async def send(self, mail: Mail) -> None:
        """Write the message; see Mailer."""
        message = compose(mail, self._sender)
        await asyncio.to_thread(self._write, message)

    def _write(self, message: EmailMessage) -> None:
        # The names sort by time, so that the newest message is the last one.
        stamp = email.utils.parsedate_to_datetime(message["Date"]).strftime("%Y%m%dT%H%M%S")
        name = f"{stamp}-{secrets.token_hex(4)}"
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = self._directory / f".{name}"
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(message.as_bytes())
            fresh.rename(self._directory / f"{name}.eml")
        except OSError as error:
            raise MailFailed(f"{self._directory}: {error.strerror or error}") from None


def compose(mail: Mail, sender: str) -> EmailMessage:
    """The message with its headers: to exactly one address, with nothing in a header that is not meant for it.

    Raises:
        MailRefused: an address is none, the subject has a line break, or something is too long.
    """
    if not mail.subject.strip() or len(mail.subject) > MAX_SUBJECT_CHARS or not _one_line(mail.subject):
        raise MailRefused(f"subject: expected one line of at most {MAX_SUBJECT_CHARS} characters")
    if len(mail.text) > MAX_TEXT_CHARS or len(mail.html or "") > MAX_TEXT_CHARS:
        raise MailRefused(f"text: expected at most {MAX_TEXT_CHARS:,} characters")
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    message["To"] = _one_address(mail.to, "to")
    if mail.reply_to is not None:
        message["Reply-To"] = _one_address(mail.reply_to, "reply_to")
    message["Subject"] = mail.subject.strip()
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = email.utils.make_msgid(domain=sender.rpartition("@")[2].rstrip(">"))
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies do not answer it
    try:
        message.set_content(_lines(mail.text))
        if mail.html is not None:
            message.add_alternative(_lines(mail.html), subtype="html")
    except UnicodeEncodeError:
        raise MailRefused("text: it holds characters that cannot be sent") from None
    return message


def is_address(text: str) -> bool:
    """Whether mail can be sent to this."""
    return _ADDRESS.fullmatch(text) is not None and ".." not in text and not text.startswith(".") and ".@" not in text


def _one_address(text: str, what: str) -> str:
    if not is_address(text.strip()):
        raise MailRefused(f"{what}: expected one address such as ann@shop.example")
    return text.strip()


def _one_sender(text: str) -> str:
    match = re.fullmatch(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>\s*", text)
    if match is None:
        return _one_address(text, "sender")
    if not _one_line(match["name"]):
        raise MailRefused("sender: expected a name on one line")
    address = _one_address(match["address"], "sender")
    user, _, domain = address.rpartition("@")
    return str(Address(match["name"].strip('" '), user, domain))


def _one_line(text: str) -> bool:
    return all(char.isprintable() for char in text)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _kind(code: int) -> type[MailError]:
    """RFC 5321: 4yz may be tried again, 5yz not."""
    return MailRefused if code >= 500 else MailFailed
