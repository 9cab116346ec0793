"""How a server's mails go out: by which server, from whom, or into which directory; and `kit.mail` and `kit.guests`."""

import base64
import email
import email.policy
from pathlib import Path

import pytest

from server.kit import Guest, Kit
from server.mail import directory_of, mailer_of, sender_of
from server.settings import Settings, SettingsError, load_settings
from server.shop import read_shop
from server.site import Site
from tests.tools.connectors import test_mail as smtp
from tools.connectors.mail import MailRefused


def site(**more):
    return Site.model_validate({"key": "pk_test", "name": "Hobnail & Larch", **more})


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SHOPBELL_{name.upper()}", raising=False)


@pytest.mark.parametrize(
    ("own", "default", "sender"),
    [
        ({}, "a@b.example", "Hobnail & Larch <a@b.example>"),
        ({}, "Server <a@b.example>", "Server <a@b.example>"),
        ({"from": "own@shop.example"}, "Server <a@b.example>", "Server <own@shop.example>"),
        ({"from": "own@shop.example", "name": "Larch"}, "Server <a@b.example>", "Larch <own@shop.example>"),
        ({"from": "own@shop.example"}, None, "Hobnail & Larch <own@shop.example>"),
        ({}, None, None),
    ],
)
def test_the_shops_own_sender_goes_before_the_servers(own, default, sender):
    assert sender_of(site(mail=own), default) == sender


@pytest.mark.parametrize("name", ["A <b@c.example>", "A\nBcc: x@y.example", "A\r\n", "<>"])
def test_a_name_cannot_become_another_header_or_address(tmp_path, name):
    found = sender_of(site(mail={"from": "own@shop.example", "name": name}), None)
    assert "\n" not in found
    assert "\r" not in found
    assert found.count("<") == found.count(">") == 1
    mailer_of(load_settings(data=tmp_path), site(mail={"from": "own@shop.example", "name": name}))


@pytest.mark.parametrize("sender", ["nobody", "a@b.example, c@d.example", "A <a@b>", "<a@b.example"])
def test_a_sender_that_is_none_is_an_error(tmp_path, sender):
    with pytest.raises(SettingsError, match="SHOPBELL_MAIL_FROM"):
        mailer_of(load_settings(data=tmp_path, mail_from=sender), site())


def test_a_shop_whose_mails_come_from_nowhere_is_an_error_only_with_a_mail_server(tmp_path):
    mailer_of(load_settings(data=tmp_path), site())
    with pytest.raises(SettingsError, match=r"SHOPBELL_MAIL_FROM.*mail\.from"):
        mailer_of(load_settings(data=tmp_path, smtp="smtp://mail.example"), site())
    mailer_of(load_settings(data=tmp_path, smtp="smtp://mail.example"), site(mail={"from": "a@b.example"}))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"smtp": "http://mail.example"}, "SHOPBELL_SMTP"),
        ({"smtp": "mail.example"}, "SHOPBELL_SMTP"),
        ({"smtp": "smtp://u@mail.example"}, "SHOPBELL_SMTP_PASSWORD"),
        ({"smtp": "smtp://mail.example", "smtp_password": "hunter2"}, "SHOPBELL_SMTP_PASSWORD"),
        ({"smtp": "smtp://u:hunter2@mail.example", "smtp_password": "hunter2"}, "SHOPBELL_SMTP_PASSWORD"),
        ({"smtp": "smtp://u:hunter2@mail.example:x"}, "SHOPBELL_SMTP"),
    ],
)
def test_settings_that_do_not_fit_are_told_without_the_password(tmp_path, given, word):
    with pytest.raises(SettingsError, match=word) as caught:
        mailer_of(load_settings(data=tmp_path, mail_from="a@b.example", **given), site())
    assert "hunter2" not in str(caught.value)


def test_the_settings_never_show_a_password(tmp_path):
    settings = load_settings(data=tmp_path, smtp="smtp://u:hunter2@mail.example", smtp_password="hunter2")
    assert "hunter2" not in repr(settings) + str(settings.model_dump())


def test_mails_go_into_the_data_directory_unless_said_otherwise(tmp_path):
    assert directory_of(load_settings(data=tmp_path)) == tmp_path / "mail"
    assert directory_of(load_settings(data=tmp_path, mail_dir=tmp_path / "post")) == tmp_path / "post"
    assert directory_of(load_settings(data=tmp_path, smtp="smtp://mail.example")) is None


async def test_the_password_is_given_to_the_mail_server_as_it_is(tmp_path):
    async with smtp.running(smtp.Server()) as post:
        given = {"smtp": f"smtp://shop@127.0.0.1:{post.port}", "smtp_password": "p@ss:w/rd %41"}
        kit = Kit(site(), tmp_path, tmp_path)
        kit.mail.send_by(mailer_of(load_settings(data=tmp_path, mail_from="a@b.example", **given), kit.site))
        await kit.mail.send("ann@x.example", "Hello", "Text.\n")
    auth = next(line for line in post.heard if line.startswith("AUTH PLAIN"))
    assert base64.b64decode(auth.split()[2]) == b"\0shop\0p@ss:w/rd %41"
    assert (post.got[0]["To"], post.got[0]["Subject"], post.got[0].get_content().strip()) == (
        "ann@x.example",
        "Hello",
        "Text.",
    )


async def test_a_plugin_sends_mail_and_cannot_be_made_to_send_it_to_others(tmp_path):
    kit = Kit(site(), tmp_path, tmp_path / "data")
    kit.mail.send_by(mailer_of(load_settings(data=tmp_path), kit.site))
    await kit.mail.send("ann@x.example", "Your return", "The label is attached.\n")
    [file] = (tmp_path / "mail").glob("*.eml")
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "ann@x.example",
        "Hobnail & Larch <no-reply@shop.invalid>",
        "Your return",
    )
    assert file.stat().st_mode & 0o077 == 0
    for to, subject in (
        ("ann@x.example\nBcc: eve@x.example", "a"), ("ann@x.example, eve@x.example", "a"),
        ("ann@x.example", "a\nBcc: eve@x.example"), ("", "a"), ("Ann <ann@x.example>", "a"),
    ):  # fmt: skip
        with pytest.raises(MailRefused):
            await kit.mail.send(to, subject, "x")
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 1


async def test_without_a_server_a_shops_mails_stay_in_its_own_directory(tmp_path):
    kit = Kit(site(), tmp_path, tmp_path / "data")
    await kit.mail.send("ann@x.example", "a", "b")
    assert len(list((tmp_path / "data" / "mail").glob("*.eml"))) == 1


class Lookup:
    async def __call__(self, order, email):
        return Guest("g", email)


async def find(order, email):
    return None


def test_a_lookup_of_guests_is_an_async_function(tmp_path):
    kit = Kit(site(), tmp_path, tmp_path)
    for good in (find, Lookup(), Lookup().__call__, None):
        kit.guests = good
    for bad in (lambda order, email: None, "find", Lookup, Path):
        with pytest.raises(TypeError, match=r"kit\.guests"):
            kit.guests = bad


@pytest.mark.parametrize(("guests", "warned"), [("None", True), ("find", False)])
def test_a_shop_that_nobody_can_show_themselves_to_is_warned(tmp_path, guests, warned):
    plugin = '''
from tools import Caller, tool

@tool(scope="a", effect="read", needs="identified", examples=["where is my order"], reply="Here.")
async def order(caller: Caller) -> str:
    """Find the order."""
    return "here"

async def find(order, email):
    return None

def setup(kit):
    kit.tools.add(order)
    kit.guests = GUESTS
'''
    (tmp_path / "plugin.py").write_text(plugin.replace("GUESTS", guests))
    (tmp_path / "site.yaml").write_text("key: pk_test\nname: T\norigins: [https://a.example]\n")
    shop, problems = read_shop(tmp_path, data=tmp_path / "data", environment={}, articles=False)
    assert shop is not None
    assert any("nobody can sign in" in problem.message for problem in problems) is warned
