"""E-mail: by SMTP to a real small mail server, and into a directory."""

import asyncio
import contextlib
import email
import email.policy
import functools
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage

import pytest

from tests.tools.connectors.certificates import server_context
from tools.connectors.mail import (
    FolderMailer,
    Mail,
    MailFailed,
    MailRefused,
    SmtpMailer,
    compose,
    is_address,
    make_mailer,
)

FROM = "Hobnail & Larch <help@shop.example>"
MAIL = Mail("ann@x.example", "Your code – 123456", "Grüß Gott.\n.\nFrom here on\n", html="<p>Grüß Gott")


@dataclass
class Server:
    """Speaks as much SMTP as is needed; `refuses` maps a command to a reply."""

    tls: ssl.SSLContext | None = None
    refuses: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    got: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    async def serve(self, incoming: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        try:
            await self.talk(incoming, out)
        finally:
            out.close()

    async def talk(self, incoming: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        async def say(text: str) -> None:
            out.write(text.encode() + b"\r\n")
            await out.drain()

        secure = False
        await say(self.refuses.get("connect", "220 here"))
        while line := (await incoming.readline()).decode().strip():
            self.heard.append(line)
            word = line.partition(" ")[0].upper()
            if word in self.refuses:
                await say(self.refuses[word])
            elif word == "EHLO":
                more = ["STARTTLS"] if self.tls is not None and not secure else ["AUTH PLAIN"]
                await say("250-here\r\n" + "\r\n".join(f"250 {extension}" for extension in more))
            elif word == "STARTTLS":
                await say("220 go on")
                await out.start_tls(self.tls)
                secure = True
            elif word == "AUTH":
                await say("235 welcome")
            elif word == "DATA":
                await say("354 go on")
                body = b""
                while (row := await incoming.readline()) != b".\r\n":
                    body += row.removeprefix(b".") if row.startswith(b"..") else row
                self.got.append(email.message_from_bytes(body, policy=email.policy.default))
                await say("250 taken")
            elif word == "QUIT":
                await say("221 bye")
                return
            else:
                await say("250 fine")


@contextlib.asynccontextmanager
async def running(server: Server, *, at_once: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    tasks: set[asyncio.Task[None]] = set()

    def accept(incoming: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(server.serve(incoming, out))
        tasks.add(task)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=at_once)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def check(got: EmailMessage) -> None:
    assert (got["To"], got["From"]) == ("ann@x.example", "Hobnail & Larch <help@shop.example>")
    assert got["Subject"] == "Your code – 123456"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Message-ID"].endswith("@shop.example>")
    assert got["Date"]
    plain, html = got.iter_parts()
    assert plain.get_content().replace("\r\n", "\n") == "Grüß Gott.\n.\nFrom here on\n"
    assert (html.get_content_type(), html.get_content().strip()) == ("text/html", "<p>Grüß Gott")


async def test_a_message_arrives_as_it_was_written():
    async with running(Server()) as server:
        await make_mailer(f"smtp://127.0.0.1:{server.port}", sender=FROM, directory=None).send(MAIL)  # type: ignore[arg-type]
    check(server.got[0])
    assert "RCPT TO:<ann@x.example>" in [line.replace("rcpt", "RCPT") for line in server.heard]


async def test_user_and_password_go_over_an_encrypted_line_only(tmp_path):
    context = server_context(tmp_path, "localhost")
    trusting = functools.partial(ssl.create_default_context, cafile=str(tmp_path / "authority.pem"))
    async with running(Server(tls=context)) as server:
        mailer = SmtpMailer("localhost", server.port, sender=FROM, login=("u", "p@ss"), context=trusting)
        await mailer.send(MAIL)
    words = [line.partition(" ")[0].upper() for line in server.heard]
    assert words.index("STARTTLS") < words.index("AUTH") < words.index("MAIL")
    check(server.got[0])


async def test_tls_from_the_start(tmp_path):
    context = server_context(tmp_path, "localhost")
    trusting = functools.partial(ssl.create_default_context, cafile=str(tmp_path / "authority.pem"))
    async with running(Server(), at_once=context) as server:
        await SmtpMailer("localhost", server.port, sender=FROM, tls="at_once", context=trusting).send(MAIL)
    check(server.got[0])


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    async with running(Server(tls=server_context(tmp_path, "localhost"))) as server:
        with pytest.raises(MailRefused, match="certificate"):
            await SmtpMailer("localhost", server.port, sender=FROM, login=("u", "p")).send(MAIL)
    assert server.got == []
    assert not any(line.upper().startswith("AUTH") for line in server.heard)


async def test_without_encryption_nothing_is_sent_to_another_machine(monkeypatch):
    async with running(Server()) as server:
        mailer = SmtpMailer("127.0.0.1", server.port, sender=FROM, login=("u", "p"))
        monkeypatch.setattr(mailer, "_host", "127.0.0.2")
        monkeypatch.setattr(mailer, "_connect", lambda: __import__("smtplib").SMTP("127.0.0.1", server.port, timeout=5))
        with pytest.raises(MailRefused, match="no encryption"):
            await mailer.send(MAIL)
    assert not any(line.upper().startswith(("AUTH", "MAIL")) for line in server.heard)


@pytest.mark.parametrize(
    ("command", "reply", "kind"),
    [
        ("connect", "421 busy", MailFailed),
        ("MAIL", "451 later", MailFailed),
        ("RCPT", "450 later", MailFailed),
        ("RCPT", "550 no such box", MailRefused),
        ("DATA", "554 no", MailRefused),
        ("AUTH", "535 wrong", MailRefused),
    ],
)
async def test_what_may_be_tried_again_is_told_from_what_may_not(command, reply, kind):
    async with running(Server(refuses={command: reply})) as server:
        mailer = SmtpMailer("127.0.0.1", server.port, sender=FROM, login=("u", "s3kr1t"))
        with pytest.raises(kind) as caught:
            await mailer.send(MAIL)
    assert "ann@" not in str(caught.value)
    assert "s3kr1t" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_farewell_that_fails_does_not_unsend_the_message():
    async with running(Server(refuses={"QUIT": "500 what?"})) as server:
        await SmtpMailer("127.0.0.1", server.port, sender=FROM).send(MAIL)
    assert len(server.got) == 1


async def test_a_server_that_is_not_there_is_a_failure():
    async with running(Server()) as server:
        pass
    with pytest.raises(MailFailed):
        await SmtpMailer("127.0.0.1", server.port, sender=FROM).send(MAIL)


async def test_in_development_messages_go_into_a_directory_that_others_cannot_read(tmp_path):
    for setting in (None, f"file://{tmp_path / 'out'}"):
        mailer = make_mailer(setting, sender=FROM, directory=tmp_path / "out")
        assert isinstance(mailer, FolderMailer)
        await mailer.send(MAIL)
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == 2
    assert all(file.suffix == ".eml" and file.stat().st_mode & 0o777 == 0o600 for file in files)
    check(email.message_from_bytes(files[0].read_bytes(), policy=email.policy.default))


BAD = [
    Mail("ann@x.example\r\nBcc: all@x.example", "s", "t"),
    Mail("ann@x.example, bob@x.example", "s", "t"),
    Mail("ann@x.example bob@x.example", "s", "t"),
    Mail("Ann <ann@x.example>", "s", "t"),
    Mail("", "s", "t"),
    Mail("ann", "s", "t"),
    Mail("ann@x", "s", "t"),
    Mail("ann@x..example", "s", "t"),
    Mail("änn@x.example", "s", "t"),
    Mail("ann@x.example", "s\nBcc: all@x.example", "t"),
    Mail("ann@x.example", "s\x00", "t"),
    Mail("ann@x.example", "s\u2028x", "t"),
    Mail("ann@x.example", "", "t"),
    Mail("ann@x.example", "s" * 201, "t"),
    Mail("ann@x.example", "s", "t" * 100_001),
    Mail("ann@x.example", "s", "\ud800"),
    Mail("ann@x.example", "s", "t", reply_to="a@b.example\nBcc: c@d.example"),
]


@pytest.mark.parametrize("mail", BAD, ids=range(len(BAD)))
def test_no_value_adds_a_header_or_a_recipient(mail):
    with pytest.raises(MailRefused):
        compose(mail, "help@shop.example")


@pytest.mark.parametrize(
    "sender", ["", "x", "a@b.example\nBcc: c@d.example", "A\nB <a@b.example>", "a@b.example, c@d.example"]
)
def test_a_sender_is_one_address(sender, tmp_path):
    with pytest.raises(MailRefused):
        make_mailer(None, sender=sender, directory=tmp_path)


@pytest.mark.parametrize("setting", ["http://x", "smtp://", "smtp://h:port", "smtp://h/path", "file://host/x", "x"])
def test_a_setting_that_cannot_be_used_is_said_without_its_password(setting, tmp_path):
    for text in (setting, setting.replace("//", "//u:s3kr1t@", 1)):
        with pytest.raises(MailRefused) as caught:
            make_mailer(text, sender=FROM, directory=tmp_path)
        assert "s3kr1t" not in str(caught.value)


def test_nothing_shows_passwords_addresses_or_codes(tmp_path):
    mailer = make_mailer("smtps://u:s3kr1t@mail.example", sender=FROM, directory=tmp_path)
    assert repr(mailer) == "SmtpMailer(mail.example:465)"
    assert "123456" not in repr(MAIL)
    assert "ann" not in repr(MAIL)


@pytest.mark.parametrize("text", ["ann@x.example", "a.b+c@sub.x.example", "o'neil@x.example"])
def test_ordinary_addresses_are_addresses(text):
    assert is_address(text)
