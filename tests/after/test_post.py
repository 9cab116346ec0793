"""Answers to customers who have gone: the address they leave, the one mail for each answer, the link back."""

import asyncio
import datetime as dt
from email import message_from_bytes, policy

import pytest

from server import auth
from server.after import Contacts, NoAddress, Post, PostOffice, link_of
from server.after.letters import WAIT_MS
from server.events import NewEvent, Viewer, visible
from server.hub import Hub
from server.kit import Kit
from server.log import Log
from server.ports import Find
from server.session import Door, Gate
from server.site import Site
from server.stores.memory import MemoryStore
from tools.connectors.mail import FolderMailer, Mail, MailFailed, MailRefused

SECRET = "0123456789abcdef0123456789abcdef"
KEY = "pk_a/c1"
MONDAY_17 = dt.datetime(2026, 11, 23, 17, 0, tzinfo=dt.UTC)
CLOSED = {"timezone": "UTC", "weekly": {"mon-fri": "09:00-16:00"}}
ASKED = ("wait", "mode", "system", {"mode": "waiting", "reason": "asked"})
TAKEN = ("take", "mode", "staff", {"mode": "staff", "by": "s:ada", "name": "Ada"})
SAID = "The blue one is back on Friday."
REPLY = ("r1", "message", "staff", {"text": SAID, "name": "Ada", "by": "s:ada"})
SIGNED_IN = ("in", "identified", "system", {"customer": "cus_1", "verified": "identified", "email": "cus@example.com"})


class Place:
    """A log with a clock that the test moves, a customer's conversation, and a mailer that writes files."""

    def __init__(self, tmp_path, *, mailer=None, store=None, **fields):
        self.now_ms = int(MONDAY_17.timestamp() * 1000)
        self.store = store or MemoryStore(clock_ms=lambda: self.now_ms)
        self.folder = tmp_path / "mail"
        site = Site.model_validate({"key": "pk_a", "name": "Acme", **fields})
        self.gates = {"pk_a": Gate(site)}
        self.kit = Kit(site, tmp_path, tmp_path / "data")
        self.kit.mail.send_by(mailer or FolderMailer(self.folder, sender="Acme <shop@example.com>"))
        self.lives = 0
        self.start()

    def start(self):
        """A new process on the same store."""
        self.log = Log(self.store)
        self.hub = Hub(self.log, "n")
        self.lives += 1
        life, ids = self.lives, iter(range(1_000))
        options = {"clock_ms": lambda: self.now_ms, "new_id": lambda: f"{life}-{next(ids)}"}
        link = lambda state, site, use: link_of(SECRET, "https://chat.example", state, site, self.now_ms, use)  # noqa: E731
        offices = {"pk_a": PostOffice(self.gates["pk_a"].site, self.kit.mail)}
        self.post = Post(self.log, self.hub, offices, link=link, **options)
        self.contacts = Contacts(self.log, self.gates, on=True)
        self.door = Door(self.log, self.gates, auth.Origins({}), SECRET, **options)

    async def says(self, *events):
        await self.log.append(KEY, [NewEvent(*event) for event in events])

    async def looks(self, after_ms=WAIT_MS):
        """The time goes by, and all mails that are due are sent."""
        self.now_ms += after_ms
        async with self.post:
            await self.post.look()
        self.post = Post(self.log, self.hub, self.post._offices, link=self.post._link, clock_ms=lambda: self.now_ms,
                         new_id=self.post._new_id)  # fmt: skip

    def mails(self):
        files = sorted(self.folder.glob("*.eml")) if self.folder.is_dir() else []
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    async def events(self, kind):
        return [event for event in await self.log.read(KEY) if event.kind == kind]


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, hours=CLOSED)


HELLO = ("m1", "message", "customer", {"text": "When is the blue one back?"})


async def left(place, *more):
    """A guest who asked for a person, left an address, and was answered later."""
    await place.says(HELLO, ASKED)
    await place.contacts.take(KEY, "m2", "sure, it is ann@example.com")
    await place.says(TAKEN, REPLY, *more)


async def test_the_link_opens_the_page_that_the_shop_has_set(tmp_path):
    page = "https://shop.example/help/chat?from=mail"
    place = Place(tmp_path, hours=CLOSED, origins=["https://shop.example"], mail={"page": page})
    await left(place)
    await place.looks()
    [mail] = place.mails()
    text = mail.get_content()
    token = text[text.index(f"{page}#shopbell=") :].split("#shopbell=")[1].split()[0]
    assert (await place.door.reopen(token))[:2] == ("pk_a", "c1")


async def test_who_waits_while_nobody_is_there_is_asked_for_an_address_once(place):
    await place.says(HELLO, ASKED)
    await place.looks(0)
    await place.looks(0)
    said = [event.body["text"] for event in await place.events("message") if event.role == "agent"]
    assert len(said) == 1
    assert "email address" in said[0]


async def test_while_the_shop_is_open_nobody_is_asked_before_it_takes_too_long(tmp_path):
    place = Place(tmp_path)
    await place.says(HELLO, ASKED)
    await place.looks(0)
    assert len(await place.events("message")) == 1
    await place.post.ask(KEY)
    assert "takes longer" in (await place.events("message"))[-1].body["text"]


async def test_nobody_is_asked_once_a_person_has_come(place):
    await place.says(HELLO, ASKED, TAKEN)
    await place.looks(0)
    assert len(await place.events("message")) == 1


async def test_whose_address_is_known_is_told_so_and_not_asked(place):
    await place.says(SIGNED_IN, HELLO, ASKED)
    await place.looks(0)
    text = (await place.events("message"))[-1].body["text"]
    assert "c…@e…" in text
    assert "leave" not in text


async def test_an_address_is_kept_and_acknowledged_without_a_turn(place):
    await place.says(HELLO, ASKED)
    stored = await place.contacts.take(KEY, "m2", "sure, it is ann@example.com")
    state = await place.log.load(KEY)
    assert (stored.id, stored.body) == ("m2", {"text": "sure, it is ann@example.com"})
    assert state.contact == "ann@example.com"
    assert "m2" not in state.unanswered
    assert "ann@example.com" in state.messages[-1].text
    [summary] = await place.store.find(Find())
    assert summary.unanswered == len(state.unanswered) == 1


async def test_a_question_beside_the_address_is_still_answered(place):
    await place.says(HELLO, ASKED)
    await place.contacts.take(KEY, "m2", "ann@example.com. And do you ship to Norway?")
    assert "m2" in (await place.log.load(KEY)).unanswered


async def test_no_word_of_the_agent_comes_once_a_person_has_the_conversation(place):
    await place.says(HELLO, ASKED, TAKEN)
    await place.contacts.take(KEY, "m2", "ann@example.com")
    state = await place.log.load(KEY)
    assert state.contact == "ann@example.com"
    assert [message.role for message in state.messages] == ["customer", "customer"]


@pytest.mark.parametrize("text", ["no address here", "a@example.com or b@example.com", "me@localhost"])
async def test_what_is_no_single_address_is_an_ordinary_message(place, text):
    await place.says(HELLO, ASKED)
    assert await place.contacts.take(KEY, "m2", text) is None


async def test_an_address_in_a_chat_with_the_agent_is_the_agents(place):
    await place.says(HELLO)
    assert await place.contacts.take(KEY, "m2", "ann@example.com") is None


async def test_an_answer_to_who_is_gone_is_mailed_once_with_a_link_that_opens_this_conversation(place):
    await left(place)
    await place.looks(WAIT_MS - 1)
    assert place.mails() == []
    await place.looks(1)
    await place.looks()
    [mail] = place.mails()
    assert mail["To"] == "ann@example.com"
    text = mail.get_content()
    assert SAID in text
    assert "When is the blue one back?" not in text, "nobody can send words to a stranger"
    token = text[text.index("https://chat.example/c/#") :].split("#")[1].split()[0]
    site, conversation, visitor = await place.door.reopen(token)
    assert (site, conversation) == ("pk_a", "c1")
    assert place.door.check_token(visitor).conversation == "c1"
    assert [event.body["state"] for event in await place.events("mailed")] == ["sending", "sent"]
    assert (await place.log.load(KEY)).mailed == {"r1": "sent"}


async def test_several_answers_become_one_mail_and_later_ones_another(place):
    await left(place, ("r2", "message", "staff", {"text": "In all sizes.", "name": "Ada", "by": "s:ada"}))
    await place.looks()
    await place.says(("r3", "message", "staff", {"text": "Also in green.", "name": "Ada", "by": "s:ada"}))
    await place.looks()
    second, first = sorted((mail.get_content() for mail in place.mails()), key=lambda text: SAID in text)
    assert SAID in first
    assert "In all sizes." in first
    assert "Also in green." in second
    assert SAID not in second


async def test_who_has_the_chat_open_gets_no_mail(place):
    await left(place)
    watch = await place.hub.attach(KEY, Viewer("customer"), 0)
    await place.looks()
    place.hub.detach(watch)
    await place.looks()
    assert place.mails() == []
    assert (await place.log.load(KEY)).mailed == {"r1": "not_needed"}


async def test_a_colleague_who_looks_on_is_no_customer(place):
    await left(place)
    await place.hub.attach(KEY, Viewer("staff"), 0)
    await place.looks()
    assert len(place.mails()) == 1


async def test_who_has_written_again_has_read_it(place):
    await left(place, ("m3", "message", "customer", {"text": "thanks!"}))
    await place.looks()
    assert place.mails() == []


async def test_an_address_that_comes_after_the_answer_gets_it_too(place):
    await place.says(HELLO, ASKED, TAKEN, REPLY)
    await place.looks()
    await place.contacts.take(KEY, "m2", "ann@example.com")
    await place.says(("r2", "message", "staff", {"text": "Noted.", "name": "Ada", "by": "s:ada"}))
    await place.looks()
    assert ["Noted." in mail.get_content() for mail in place.mails()] == [True]


async def test_a_signed_in_customers_answer_goes_to_the_address_on_file_whatever_was_typed(place):
    await place.says(SIGNED_IN)
    await left(place)
    await place.looks()
    [mail] = place.mails()
    assert mail["To"] == "cus@example.com"


async def test_a_typed_address_of_a_signed_in_customer_gets_neither_words_nor_link(place):
    await place.says(("in", "identified", "system", {"customer": "cus_1", "verified": "identified"}))
    await left(place)
    await place.looks()
    [mail] = place.mails()
    assert SAID not in mail.get_content()
    assert "/c/#" not in mail.get_content()


async def test_after_a_restart_what_was_not_mailed_is(place):
    await left(place)
    place.start()
    await place.looks()
    assert len(place.mails()) == 1
    place.start()
    await place.looks()
    assert len(place.mails()) == 1


class Dying:
    """A mail server with which nothing is ever sent; `CancelledError` is the end of the process."""

    def __init__(self, error):
        self.error = error
        self.sent = 0

    async def send(self, mail: Mail):
        self.sent += 1
        raise self.error


async def test_a_crash_while_it_is_sent_sends_nothing_twice(tmp_path):
    dying = Dying(asyncio.CancelledError())
    place = Place(tmp_path, mailer=dying, hours=CLOSED)
    await left(place)
    await place.looks()
    place.start()
    await place.looks()
    assert dying.sent == 1
    assert (await place.log.load(KEY)).mailed == {"r1": "sending"}, "nobody knows, and the log says so"


@pytest.mark.parametrize(
    ("error", "why", "tries"), [(MailRefused("no"), "refused", 1), (MailFailed("no"), "no_answer", 3)]
)
async def test_a_mail_that_cannot_be_sent_is_said_to_staff(tmp_path, monkeypatch, error, why, tries):
    monkeypatch.setattr("server.after.post.PAUSES_S", (0.0, 0.0))
    broken = Dying(error)
    place = Place(tmp_path, mailer=broken, hours=CLOSED)
    await left(place)
    await place.looks()
    assert broken.sent == tries
    last = (await place.events("mailed"))[-1]
    assert (last.body["state"], last.body["why"]) == ("failed", why)


async def test_two_processes_on_one_log_mail_an_answer_once(place):
    await left(place)
    first = place.post
    place.start()
    await place.looks()
    place.post = first
    await place.looks()
    assert len(place.mails()) == 1


async def test_nobodys_mailbox_is_filled_from_a_chat(place):
    await left(place)
    for number in range(30):
        await place.says((f"x{number}", "message", "staff", {"text": "more", "name": "Ada", "by": "s:ada"}))
        await place.looks()
    assert len(place.mails()) == 20


def token_of(place, **changes):
    said = {"site": "pk_a", "conversation": "c1", "customer": None, "generation": 0} | changes
    return auth.mint_link(SECRET, auth.LinkToken(**said), place.now_ms / 1000)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda place: "",
        lambda place: "x.y.z",
        lambda place: auth.mint_link(SECRET[::-1], auth.LinkToken("pk_a", "c1", None, 0), place.now_ms / 1000),
        lambda place: auth.mint(SECRET, auth.VisitorToken("pk_a", "c1", None, 0, 0), place.now_ms / 1000),
        lambda place: token_of(place, conversation="c2"),
        lambda place: token_of(place, site="pk_b"),
        lambda place: token_of(place, generation=1),
        lambda place: token_of(place, customer="cus_1"),
    ],
)  # fmt: skip
async def test_another_token_opens_nothing(place, wrong):
    await left(place)
    with pytest.raises(auth.Refused):
        await place.door.reopen(wrong(place))


async def test_a_link_ends_after_a_week_with_a_sign_in_and_with_an_erasure(place):
    await left(place)
    token = token_of(place)
    await place.door.reopen(token)
    place.now_ms += auth.LINK_TTL_S * 1000
    with pytest.raises(auth.Refused, match="expired"):
        await place.door.reopen(token)
    token = token_of(place)
    await place.says(SIGNED_IN)
    with pytest.raises(auth.Refused, match="sign-in"):
        await place.door.reopen(token)
    token = token_of(place, customer="cus_1", generation=1)
    await place.door.reopen(token)
    await place.log.erase(KEY)
    with pytest.raises(auth.Refused):
        await place.door.reopen(token)


def test_a_link_is_no_visitor_token(place):
    assert place.door.check_token(token_of(place)) is None


def test_our_own_page_goes_on_with_a_conversation_and_begins_none():
    origins = auth.Origins({"pk_a": ["https://shop.example"]}, pages=["https://chat.example"])
    assert origins.knows("https://chat.example", linked=True)
    assert not origins.knows("https://chat.example")
    assert not origins.knows("https://other.example", linked=True)
    origins.check("https://chat.example", "pk_a", goes_on=True)
    for origin, site, goes_on in [
        ("https://chat.example", "pk_a", False),
        ("https://chat.example", "pk_b", True),
        ("https://other.example", "pk_a", True),
        (None, "pk_a", True),
        ("null", "pk_a", True),
    ]:
        with pytest.raises(auth.Refused):
            origins.check(origin, site, goes_on=goes_on)


async def sends_transcript(place, frame="t1"):
    async with place.post:
        await place.post.transcript(KEY, frame)
    place.start()


async def test_all_that_was_said_is_mailed_once_to_the_address_on_file(place):
    await place.says(SIGNED_IN)
    await left(place)
    await sends_transcript(place)
    await sends_transcript(place)
    [mail] = place.mails()
    assert mail["To"] == "cus@example.com"
    for text in ("When is the blue one back?", SAID, "Ada:"):
        assert text in mail.get_content()
    assert (await place.log.load(KEY)).mailed == {}, "the answers in it are still mailed by themselves"


async def test_a_transcript_s_frame_that_is_sent_again_weeks_later_is_still_the_same_one(place):
    await place.says(("m1", "message", "customer", {"text": "hello"}), SIGNED_IN)
    await sends_transcript(place)
    place.now_ms += 20 * 24 * 3600 * 1000
    await place.store.sweep()
    await sends_transcript(place)
    assert len(place.mails()) == 1


async def test_a_typed_address_gets_no_transcript(place):
    await left(place)
    with pytest.raises(NoAddress):
        await place.post.transcript(KEY, "t1")
    assert place.mails() == []


async def test_staff_have_a_transcript_sent_to_the_customers_own_address_and_the_log_says_who(place):
    await place.says(SIGNED_IN, HELLO, TAKEN, REPLY)
    async with place.post:
        to = await place.post.transcript(
            KEY, "s:ada t1", asked_by={"by": "s:ada", "name": "Ada", "picture": "/picture/x"}
        )
    [mail] = place.mails()
    assert (mail["To"], to) == ("cus@example.com", "c…@e…")
    mailed = await place.events("mailed")
    assert [(e.body["state"], e.body["by"], e.body["name"]) for e in mailed] == [
        ("sending", "s:ada", "Ada"),
        ("sent", "s:ada", "Ada"),
    ]
    assert "by" not in visible(mailed[-1], Viewer("customer")).body
