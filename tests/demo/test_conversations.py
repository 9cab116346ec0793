"""What the demo shop does in conversation, on the offline engine: as the right customer, as the wrong one, as a guest.

Each test has customers or orders of its own: what one has had done stays done for the next.
"""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from zoneinfo import ZoneInfo

import jwt
import pytest

from tests.demo.support import ROOT, SHOP
from tests.serving import SECRET, Client, Server

TWICE = "I was charged twice this month and I need a refund for one of them."
SITE, ORIGIN = "pk_demo_hobnail", "https://hobnail-larch.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(SHOP, tmp_path_factory.mktemp("demo") / "data", HOBNAIL_IDENTITY_SECRET=SECRET) as running:
        yield running


class Chat:
    """A conversation: what was said last, and what was done in the shop."""

    def __init__(self, server: Server, client: Client) -> None:
        self.server = server
        self.client = client
        self.since = 0

    async def say(self, text: str) -> str:
        """Say it and return all that is answered, in one text."""
        self.since = max(self.client.events, default=0)
        ended = await self.client.answered(await self.client.say(text))
        assert ended is not None
        self.ended = ended["body"]["reason"]
        return self.heard()

    def heard(self) -> str:
        """What the shop has said since the customer's last words."""
        return "\n".join(e["body"]["text"] for e in self._new("message") if e["role"] != "customer")

    async def hears(self, words: str) -> str:
        """Wait until the shop says something with these words in it."""
        event = await self.client.event(lambda e: e["kind"] == "message" and words in e["body"]["text"])
        assert event is not None
        return str(event["body"]["text"])

    @property
    def choices(self) -> list[str]:
        """The buttons below the last words."""
        return [c if isinstance(c, str) else c["label"] for c in self._new("message")[-1]["body"].get("choices", [])]

    @property
    def calls(self) -> list[str]:
        """What was done since the customer's last words, in the customer's view."""
        return [event["body"]["label"] for event in self._new("call.planned")]

    async def agree(self) -> None:
        """Say yes to the card that waits."""
        (card,) = [e["body"]["call"] for e in self._new("call.asked")]
        await self.client.send({"t": "decide", "call": card, "approve": True})

    def rows(self, table: str, where: str) -> list[tuple[Any, ...]]:
        """What stands in the shop's ledger."""
        file = self.server.data / "shops" / SITE / "ledger.sqlite"
        with closing(sqlite3.connect(file)) as db:
            return db.execute(f"SELECT * FROM {table} WHERE {where}").fetchall()

    def mails(self, to: str) -> list[Any]:
        """The mails to this address, oldest first."""
        files = sorted((self.server.data / "mail").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        found = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
        return [mail for mail in found if mail["To"] == to]

    def _new(self, kind: str) -> list[dict[str, Any]]:
        return [e for seq, e in sorted(self.client.events.items()) if seq > self.since and e["kind"] == kind]


Enter = Callable[..., Awaitable[Chat]]


@pytest.fixture
async def enter(server: Server) -> AsyncIterator[Enter]:
    opened: list[Client] = []

    async def go(customer: str | None = None, locale: str = "en") -> Chat:
        client = await Client(server, site=SITE, origin=ORIGIN).open()
        opened.append(client)
        fields = {"locale": locale}
        if customer:
            claims = {"sub": customer, "aud": SITE, "exp": int(time.time()) + 600}
            claims |= {"email": f"{customer.removeprefix('cus_')}@example.com", "name": "Some Body"}
            fields["identity"] = jwt.encode(claims, SECRET, "HS256")
        await client.hello(**fields)
        return Chat(server, client)

    yield go
    for client in opened:
        await client.close()


async def test_a_small_duplicate_charge_is_found_refunded_and_confirmed_in_one_message(enter: Enter) -> None:
    chat = await enter("cus_mara")
    answer = await chat.say(TWICE)
    assert "1047" in answer
    assert "€42.80" in answer
    assert chat.ended == "answered"
    assert [row[1:4] for row in chat.rows("refunds", "order_number = '1047'")] == [("1047", "ch_1047b", "42.80")]
    (mail,) = chat.mails("mara@example.com")
    assert "42.80" in mail.get_content()
    again = await chat.say(TWICE)
    assert "42.80" not in again
    assert len(chat.rows("refunds", "order_number = '1047'")) == 1


@pytest.mark.parametrize(
    ("locale", "words", "not_refunded"),
    [("en", TWICE, "not refunded"), ("de", "mir wurde zweimal abgebucht", "nichts erstattet")],
)
async def test_two_orders_at_one_price_are_explained_and_nothing_is_refunded(
    enter: Enter, locale: str, words: str, not_refunded: str
) -> None:
    chat = await enter("cus_jonas", locale)
    answer = await chat.say(words)
    assert "1043" in answer
    assert "1046" in answer
    assert not_refunded in answer
    assert chat.rows("refunds", "order_number IN ('1043', '1046')") == []


async def test_a_large_duplicate_waits_for_a_colleague_over_a_restart_and_is_refunded_once(
    server: Server, enter: Enter
) -> None:
    chat = await enter("cus_elif")
    answer = await chat.say(TWICE)
    assert chat.ended == "waiting"
    assert "refunded €62" not in answer
    assert chat.rows("refunds", "order_number = '1050'") == []
    server.kill()
    server.start()
    listed = [json.loads(line) for line in (await approvals(server, "list", "--json")).splitlines() if line]
    (waiting,) = [one for one in listed if one["customer"] == "cus_elif"]
    assert "62.00 is over 50.00" in waiting["why"]
    back = await Client(server, site=SITE, origin=ORIGIN).open()
    try:
        await back.again(chat.client)
        await approvals(server, "approve", waiting["call"])
        await Chat(server, back).hears("refunded €62.00")
    finally:
        await back.close()
    assert [row[3] for row in chat.rows("refunds", "order_number = '1050'")] == ["62.00"]
    again = await asyncio.to_thread(command, server, "approve", waiting["call"])
    assert again.returncode == 1
    assert len(chat.rows("refunds", "order_number = '1050'")) == 1


async def test_boots_go_back_and_then_the_other_pair_instead(enter: Enter) -> None:
    chat = await enter("cus_mara")
    await chat.say("I want to return the boots from order 1042")
    assert chat.choices == ["Alpin boots (41)", "Scree boots (41)"]
    await chat.say("the Alpin boots")
    answer = await chat.say("does not fit")
    assert "Alpin boots" in answer
    assert "/label?number=RT-" in answer
    answer = await chat.say("no, the other pair")
    assert "Scree boots" in answer
    rows = {row[3]: row[8] for row in chat.rows("returns", "order_number = '1042'")}
    assert rows["1042-1"] is not None  # taken back
    assert rows["1042-2"] is None
    assert [mail["Subject"] for mail in chat.mails("mara@example.com")][-1] == "Return for order 1042"


async def test_a_question_in_between_is_answered_and_the_return_goes_on(enter: Enter) -> None:
    chat = await enter("cus_tomas")
    await chat.say("I want to return the jacket from order 1037")
    answer = await chat.say("wait, what is your return policy?")
    assert "30 days" in answer
    answer = await chat.say("changed my mind")
    assert "RT-" in answer


async def test_boots_worn_outside_are_a_question_and_no_return(enter: Enter) -> None:
    chat = await enter("cus_mara")
    answer = await chat.say("Can I return boots worn once outside?")
    assert "can't be returned for a refund" in answer
    assert chat.calls == []


@pytest.mark.parametrize("wish", ["I want to return the boots from order 1042", "cancel order 1049"])
async def test_the_wrong_customer_hears_what_he_would_hear_of_an_order_that_does_not_exist(
    enter: Enter, wish: str
) -> None:
    foreign, absent = await enter("cus_kasia"), await enter("cus_kasia")
    number = re.findall(r"\d{4}", wish)[0]
    one, other = await foreign.say(wish), await absent.say(wish.replace(number, "9876"))
    assert one.replace(number, "N") == other.replace("9876", "N")
    assert foreign.rows("cancellations", f"order_number = '{number}'") == []


async def test_an_order_is_cancelled_only_after_the_customer_has_agreed_to_the_card(enter: Enter) -> None:
    chat = await enter("cus_mara")
    await chat.say("please cancel my order 1049")
    assert chat.ended == "waiting"
    assert chat.rows("cancellations", "order_number = '1049'") == []
    await chat.agree()
    assert "€99.00" in await chat.hears("is cancelled")
    assert len(chat.rows("cancellations", "order_number = '1049'")) == 1


async def test_an_address_is_changed_only_with_a_code_from_the_mail_on_file(enter: Enter) -> None:
    chat = await enter("cus_kasia")
    await chat.say("change the delivery address of order 1045")
    for words in ("ul. Długa 5", "31-147", "Kraków"):
        await chat.say(words)
    assert chat.rows("addresses", "order_number = '1045'") == []
    (asked,) = [e["body"] for e in chat.client.events.values() if e["kind"] == "call.asked"]
    assert asked["verify"] == "step_up"
    await chat.client.send({"t": "verify", "id": "v-1", "call": asked["call"]})
    assert await chat.client.event(lambda e: e["kind"] == "verify.sent")
    await chat.client.send(
        {"t": "code", "id": "v-2", "call": asked["call"], "code": await code_for(chat, "kasia@example.com")}
    )
    tried = await chat.client.event(lambda e: e["kind"] == "verify.tried")
    assert tried is not None
    assert tried["body"]["ok"]
    card = await chat.client.event(lambda e: e["kind"] == "call.asked" and "verify" not in e["body"])
    assert card is not None
    assert "ul. Długa 5" in card["body"]["label"]
    await chat.client.send({"t": "decide", "call": card["body"]["call"], "approve": True})
    await chat.hears("now goes to")
    assert [row[2:5] for row in chat.rows("addresses", "order_number = '1045'")] == [
        ("ul. Długa 5", "31-147", "Kraków")
    ]


async def test_a_guest_sees_the_order_after_its_number_the_address_and_the_code(enter: Enter) -> None:
    chat = await enter()
    answer = await chat.say("where is my order 1048")
    assert "Moss" not in answer
    (asked,) = [e["body"] for e in chat.client.events.values() if e["kind"] == "call.asked"]
    assert asked["verify"] == "sign_in"
    await chat.client.send(
        {"t": "verify", "id": "v-1", "call": asked["call"], "order": "1048", "email": "hanna@example.com"}
    )
    assert await chat.client.event(lambda e: e["kind"] == "verify.sent")
    await chat.client.send(
        {"t": "code", "id": "v-2", "call": asked["call"], "code": await code_for(chat, "hanna@example.com")}
    )
    assert "1048" in await chat.hears("Moss fleece")


@pytest.mark.parametrize(
    "text", ["where is my order?", "where's my order", "order status please", "wo ist meine Bestellung?"]
)
async def test_who_asks_for_his_order_is_not_given_an_article(enter: Enter, text: str) -> None:
    chat = await enter()
    await chat.say(text)
    (asked,) = [e["body"] for e in chat.client.events.values() if e["kind"] == "call.asked"]
    assert asked["verify"] == "sign_in"


async def test_a_guest_with_anothers_address_gets_no_mail_and_the_same_answer(enter: Enter) -> None:
    chat = await enter()
    await chat.say("where is my order 1040")
    (asked,) = [e["body"] for e in chat.client.events.values() if e["kind"] == "call.asked"]
    await chat.client.send(
        {"t": "verify", "id": "v-1", "call": asked["call"], "order": "1040", "email": "luc@example.com"}
    )
    assert await chat.client.event(lambda e: e["kind"] == "verify.sent")
    assert chat.mails("luc@example.com") == []


async def test_an_appointment_is_booked_at_a_free_time(enter: Enter) -> None:
    chat = await enter("cus_freja")
    await chat.say("I'd like to book an appointment")
    await chat.say("Boot fitting in the shop")
    day = datetime.now(ZoneInfo("Europe/Vienna")).date() + timedelta(days=2)
    answer = await chat.say((day + timedelta(days=day.weekday() == 6)).isoformat())
    assert chat.choices, answer
    assert chat.rows("appointments", "customer = 'cus_freja'") == []
    answer = await chat.say(chat.choices[0])
    assert "booked" in answer
    assert [row[2] for row in chat.rows("appointments", "customer = 'cus_freja'")] == ["boot-fitting"]


async def test_what_is_denied_is_not_done_however_it_is_asked_for(enter: Enter) -> None:
    chat = await enter("cus_mara")
    await chat.say("I want to leave the Larch Club")
    assert chat.calls == []
    assert chat.rows("left_club", "1 = 1") == []


def command(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    made = [sys.executable, "-m", "server.cli", "approvals", *words, "--data", str(server.data)]
    return subprocess.run(made, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


async def approvals(server: Server, *words: str) -> str:
    done = await asyncio.to_thread(command, server, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def code_for(chat: Chat, to: str) -> str:
    """The six digits of the newest mail to this address; it is written while the customer is told that it was."""
    found: list[str] = []
    async with asyncio.timeout(60):
        while not found:  # the file of another process: there is no event to wait for
            await asyncio.sleep(0.05)
            found = [code for mail in chat.mails(to) for code in re.findall(r"\b\d{3} ?\d{3}\b", mail.get_content())]
    return found[-1]
