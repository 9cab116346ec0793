"""Staff who are not at the desk are told, by mail and webhook: whom, when, how often, and with which words."""

import asyncio
import datetime as dt
import json
from email import message_from_bytes, policy

import pytest

from server.alerts import Alerts, Desk, office_of
from server.alerts.alerts import BACK_MS, GRACE_MS, PER_HOUR, START_MS
from server.alerts.webhook import signed
from server.events import NewEvent
from server.kit import Kit
from server.log import Log
from server.site import Site
from server.staff import Staff
from server.stores.memory import MemoryStore
from tests.tools.connectors.conftest import answer, hang_up, local, shop_running
from tools.connectors.client import Client
from tools.connectors.mail import FolderMailer, MailFailed

KEY = "pk_a/c:1"
HOUR_MS = 3_600_000
MONDAY = int(dt.datetime(2026, 11, 23, 17, 0, tzinfo=dt.UTC).timestamp() * 1000)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ADA = Staff("s:ada", "ada@shop.example", "Ada", "admin")
BOB = Staff("s:bob", "bob@shop.example", "Bob", "agent", languages=frozenset({"de"}))
EVE = Staff("s:eve", "eve@other.example", "Eve", "agent", sites=frozenset({"pk_b"}))
SECRETS = "My card is 4111 and I hate `this` <!channel> @all"
HELLO = ("m1", "message", "customer", {"text": SECRETS})
ASKED = ("wait", "mode", "system", {"mode": "waiting", "reason": "asked"})
TAKEN = ("take", "mode", "staff", {"mode": "staff", "by": "s:ada", "name": "Ada"})
PLANNED = ("p1", "call.planned", "agent", {"call": "k1", "tool": "refund", "args": {}, "label": "Refund 62.00"})
CALL = ("q1", "call.asked", "system", {"call": "k1", "of": "staff", "label": "Refund 62.00", "expires_ms": MONDAY * 2})
NAMED = ("n1", "note", "staff", {"text": "@bob see this", "by": "s:ada", "name": "Ada", "mentions": ["s:bob"]})


class Broken:
    """A mail server that is away, for so many tries."""

    def __init__(self, fails=10**9):
        self.fails = fails
        self.sent = []

    async def send(self, mail):
        self.fails -= 1
        if self.fails >= 0:
            raise MailFailed("away")
        self.sent.append(mail)


class Place:
    """A log, a clock that the test moves, accounts, and who has the desk open."""

    def __init__(self, tmp_path, *, url=None, mailer=None, secret=SECRET, **alerts):
        self.now_ms = MONDAY
        self.store = MemoryStore(clock_ms=lambda: self.now_ms)
        self.folder = tmp_path / "mail"
        hook = {"webhook": {"url_env": "HOOK", "secret_env": "HOOK_SECRET"}} if url else {}
        self.site = Site.model_validate({"key": "pk_a", "name": "Acme", "alerts": {**hook, **alerts}})
        self.environment = {"HOOK": url or "", "HOOK_SECRET": secret}
        self.kit = Kit(self.site, tmp_path, tmp_path / "data")
        self.kit.mail.send_by(mailer or FolderMailer(self.folder, sender="Acme <shop@example.com>"))
        self.present = {}
        self.people = [ADA, BOB, EVE]
        self.start()

    def start(self):
        """A new process on the same store."""

        async def people():
            return self.people

        self.log = Log(self.store)
        office = office_of(self.site, self.kit.mail, Client(local()), self.environment)
        self.alerts = Alerts(
            self.log, {"pk_a": office}, base="https://chat.example", clock_ms=lambda: self.now_ms, pauses_s=(0, 0)
        )
        self.alerts.attend(Desk(lambda: self.present, people))

    async def says(self, *events, key=KEY):
        await self.log.append(key, [NewEvent(*event) for event in events])

    async def looks(self, after_ms=GRACE_MS):
        """The time goes by, and whatever is due is told."""
        await self.alerts.look()  # the first look finds what was there before
        self.now_ms += after_ms
        await self.alerts.look()
        await self.alerts.idle()

    def mails(self):
        files = sorted(self.folder.glob("*.eml")) if self.folder.is_dir() else []
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    def to(self):
        return sorted(mail["To"] for mail in self.mails())

    async def alerted(self, key=KEY):
        found = [event.body for event in await self.log.read(key) if event.kind == "alerted"]
        return [(body["reason"], body.get("by"), body["state"], body.get("why")) for body in found]


@pytest.fixture
async def places(tmp_path):
    made = []

    async def make(**fields):
        place = Place(tmp_path, **fields)
        await place.alerts.__aenter__()
        made.append(place)
        return place

    yield make
    for place in made:
        await place.alerts.__aexit__(None, None, None)


@pytest.fixture
async def hook():
    async with shop_running() as running:
        running.says["/hook"] = answer("ok")
        yield running


async def test_who_waits_while_nobody_has_the_desk_open_is_told_to_all_who_see_the_shop_once(places):
    place = await places(email="staff")
    await place.says(HELLO, ASKED)
    await place.looks()
    await place.says(("m2", "message", "customer", {"text": "hello?"}))
    await place.looks()
    assert place.to() == ["ada@shop.example"], "Bob speaks only German, and Eve is another shop's"
    [mail] = place.mails()
    assert mail["Subject"] == "Acme: a customer waits for a person (the customer asked for a person)"
    assert "https://chat.example/desk#pk_a/c:1" in mail.get_content()
    assert await place.alerted() == [("waiting", "email", "sent", None)]


async def test_nobody_is_told_before_a_desk_that_is_loaded_anew_can_be_back(places):
    place = await places(email="staff")
    await place.says(HELLO, ASKED)
    await place.looks(GRACE_MS - 1)
    assert place.mails() == []
    place.present = {ADA.id: ADA}
    await place.looks(1)
    assert place.mails() == []
    assert await place.alerted() == [("waiting", None, "not_needed", None)]


async def test_who_is_at_the_desk_of_another_shop_only_does_not_count(places):
    place = await places(email="staff")
    place.present = {EVE.id: EVE}
    await place.says(HELLO, ASKED)
    await place.looks()
    assert place.to() == ["ada@shop.example"]


async def test_whoever_was_taken_before_it_was_looked_at_is_told_to_nobody(places):
    place = await places(email="staff")
    await place.says(HELLO, ASKED, TAKEN)
    await place.looks()
    assert (place.mails(), await place.alerted()) == ([], [])


async def test_a_second_wait_is_told_again(places):
    place = await places(email="staff")
    await place.says(HELLO, ASKED)
    await place.looks()
    await place.says(TAKEN, ("back", "mode", "staff", {"mode": "agent", "by": "s:ada"}))
    await place.says(("wait2", "mode", "system", {"mode": "waiting", "reason": "anger"}))
    await place.looks()
    assert len(place.mails()) == 2


async def test_what_has_taken_too_long_goes_to_everybody_who_sees_the_shop(places):
    place = await places(email="staff")
    await place.says(HELLO, ASKED)
    await place.looks()
    await place.says(("e1", "note", "system", {"text": "Nobody has taken this.", "escalated": True}))
    await place.looks()
    assert place.to() == ["ada@shop.example", "ada@shop.example", "bob@shop.example"]
    assert [entry[0] for entry in await place.alerted()] == ["waiting", "escalated"]


async def test_who_speaks_the_language_is_told_and_everybody_where_nobody_does(places):
    place = await places(email="staff")
    place.people = [Staff("s:1", "fr@shop.example", "F", "agent", languages=frozenset({"fr"})), BOB, EVE]
    await place.says(HELLO, ASKED)
    await place.looks()
    assert place.to() == ["bob@shop.example", "fr@shop.example"]
    routed = ("r1", "routed", "system", {"agent": "default", "upto": 1, "language": "de"})
    await place.says(HELLO, routed, ASKED, key="pk_a/c:2")
    await place.looks()
    assert place.to() == ["bob@shop.example", "bob@shop.example", "fr@shop.example"]


async def test_an_approval_is_told_once_however_many_are_open(places):
    place = await places(email=["desk@shop.example"])
    second = [("p2", "call.planned", "agent", PLANNED[3] | {"call": "k2"}),
              ("q2", "call.asked", "system", CALL[3] | {"call": "k2"})]  # fmt: skip
    await place.says(HELLO, PLANNED, CALL)
    await place.looks()
    await place.says(*second)
    await place.looks()
    assert place.to() == ["desk@shop.example"]
    assert await place.alerted() == [("approval", "email", "sent", None)]


async def test_a_mention_goes_to_the_person_alone_whoever_else_is_at_the_desk(places):
    place = await places(email=["desk@shop.example"])
    place.present = {ADA.id: ADA}
    await place.says(HELLO, NAMED)
    await place.looks()
    await place.says(("n2", "note", "staff", NAMED[3] | {"text": "@bob and this"}))
    await place.looks()
    assert place.to() == ["bob@shop.example"]
    assert place.mails()[0]["Subject"] == "Acme: a note names you"


async def test_who_has_looked_after_a_mention_is_told_of_the_next_one(places):
    place = await places(email="staff")
    await place.says(HELLO, NAMED)
    await place.looks()
    await place.says(("n2", "note", "staff", {"text": "done", "by": "s:bob", "name": "Bob"}))
    await place.says(("n3", "note", "staff", NAMED[3]))
    await place.looks()
    assert place.to() == ["bob@shop.example"] * 2


async def test_reasons_that_the_shop_does_not_want_are_not_told(places):
    place = await places(email="staff", reasons=["mention"])
    await place.says(HELLO, PLANNED, CALL, ASKED)
    await place.looks()
    assert (place.mails(), await place.alerted()) == ([], [])


async def test_without_alerts_nothing_is_written_down(places):
    place = await places()
    await place.says(HELLO, ASKED)
    await place.looks()
    assert await place.alerted() == []


@pytest.mark.parametrize("quote", [False, True])
async def test_the_customers_words_leave_only_where_the_shop_wants_it(places, hook, quote):
    place = await places(url=f"{hook.url}/hook", email="staff", quote=quote)
    await place.says(HELLO, PLANNED, CALL, ASKED, NAMED)
    await place.looks()
    sent = [mail.get_content() for mail in place.mails()] + [got.body.decode() for got in hook.got]
    assert len(sent) == 6, "waiting, approval and mention, each in two ways"
    for words in ("4111", "Refund 62.00", "see this"):
        assert any(words in text for text in sent) == quote, words


async def test_a_webhook_is_signed_over_id_time_and_body(places, hook):
    place = await places(url=f"{hook.url}/hook")
    await place.says(HELLO, ASKED)
    await place.looks()
    [got] = hook.got
    at_s = place.now_ms // 1000
    assert got.headers["webhook-timestamp"] == str(at_s)
    signature = signed(SECRET, got.headers["webhook-id"], at_s, got.body)["webhook-signature"]
    assert got.headers["webhook-signature"] == signature


async def test_without_a_secret_nothing_is_signed(places, hook):
    place = await places(url=f"{hook.url}/hook", secret="")
    await place.says(HELLO, ASKED)
    await place.looks()
    assert "webhook-signature" not in hook.got[0].headers
    assert hook.got[0].headers["webhook-id"].startswith("msg_")


async def test_no_words_of_a_customer_call_a_channel_or_make_a_link(places, hook):
    place = await places(url=f"{hook.url}/hook", quote=True)
    await place.says(HELLO, ASKED)
    await place.looks()
    said = hook.got[0].json
    assert "<!channel>" not in said["text"]
    assert "@all" not in said["text"]
    assert said["text"].count("`") == 2, "what the customer wrote stands as code"
    assert said["blocks"][0]["text"]["type"] == "plain_text"


async def test_a_webhook_that_is_down_is_tried_again_under_the_same_id(places, hook):
    place = await places(url=f"{hook.url}/hook")
    hook.says["/hook"] = [hang_up, answer("", 503), answer("ok")]
    await place.says(HELLO, ASKED)
    await place.looks()
    assert len({got.headers["webhook-id"] for got in hook.got}) == 1
    assert len(hook.got) == 3
    assert await place.alerted() == [("waiting", "webhook", "sent", None)]


@pytest.mark.parametrize(
    ("status", "tries", "why"), [(404, 1, "refused"), (500, 3, "no_answer"), (429, 3, "no_answer")]
)
async def test_what_is_never_taken_is_written_down_and_names_no_url(places, hook, caplog, status, tries, why):
    place = await places(url=f"{hook.url}/hook")
    hook.says["/hook"] = answer("no", status)
    await place.says(HELLO, ASKED)
    await place.looks()
    await place.looks()
    assert len(hook.got) == tries
    assert await place.alerted() == [("waiting", "webhook", "failed", why)]
    assert "/hook" not in caplog.text


async def test_a_webhook_inside_the_shops_own_network_is_not_called_unless_it_is_named(places, hook):
    place = await places(url=f"http://127.0.0.1:{hook.port}/hook")
    await place.says(HELLO, ASKED)
    await place.looks()
    assert hook.got == []
    assert await place.alerted() == [("waiting", "webhook", "failed", "no_answer")]


async def test_one_way_that_fails_stops_no_other(places, hook):
    place = await places(url=f"{hook.url}/hook", email="staff", mailer=Broken())
    await place.says(HELLO, ASKED)
    await place.looks()
    assert sorted(await place.alerted()) == [
        ("waiting", "email", "failed", "refused"),
        ("waiting", "webhook", "sent", None),
    ]


async def test_a_mail_server_that_comes_back_gets_it_once(places):
    mailer = Broken(2)
    place = await places(email="staff", mailer=mailer)
    await place.says(HELLO, ASKED)
    await place.looks()
    assert [mail.to for mail in mailer.sent] == ["ada@shop.example"]


async def test_what_a_dead_process_has_not_written_down_is_told_after_the_next_start_under_the_same_id(places, hook):
    place = await places(url=f"{hook.url}/hook")
    released = asyncio.Event()

    async def never(got, out):
        released.set()
        await asyncio.Event().wait()

    hook.says["/hook"] = [never, answer("ok")]
    await place.says(HELLO, ASKED)
    await place.alerts.look()
    place.now_ms += GRACE_MS
    await place.alerts.look()
    await released.wait()
    [task] = place.alerts._tasks  # the process dies
    task.cancel()
    await asyncio.wait([task])
    dead = place.alerts
    place.start()
    async with place.alerts:
        await place.looks(START_MS)
        await place.looks(START_MS)
    place.alerts = dead
    assert len({got.headers["webhook-id"] for got in hook.got}) == 1
    assert len(hook.got) == 2
    assert await place.alerted() == [("waiting", "webhook", "sent", None)]


async def test_what_was_told_is_not_told_after_a_start(places):
    place = await places(email="staff")
    await place.says(HELLO, PLANNED, CALL, ASKED, NAMED)
    await place.looks()
    told = len(place.mails())
    dead = place.alerts
    place.start()
    async with place.alerts:
        await place.looks(START_MS)
    place.alerts = dead
    assert len(place.mails()) == told > 0


async def test_a_start_does_not_tell_what_is_days_old(places):
    place = await places(email="staff")
    await place.says(HELLO, ASKED)
    place.now_ms += BACK_MS + 1
    dead = place.alerts
    place.start()
    async with place.alerts:
        await place.looks(START_MS)
    place.alerts = dead
    assert place.mails() == []


async def test_over_the_limit_of_an_hour_it_is_told_later_if_it_still_stands(places):
    place = await places(email=["desk@shop.example"])
    keys = [f"pk_a/c:{n}" for n in range(PER_HOUR + 2)]
    for key in keys:
        await place.says(HELLO, ASKED, key=key)
    await place.looks()
    assert len(place.mails()) == PER_HOUR
    await place.says(TAKEN, key=keys[-1])
    await place.looks(HOUR_MS)
    assert len(place.mails()) == PER_HOUR + 1


async def test_an_erased_conversation_is_told_to_nobody(places):
    place = await places(email="staff")
    await place.says(HELLO, ASKED)
    await place.log.erase(KEY)
    await place.looks()
    assert place.mails() == []


def test_the_signature_is_that_of_the_standards_own_example():
    body = json.dumps({"test": 2432232314}).encode()
    headers = signed(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
