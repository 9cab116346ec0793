"""Hand-off over the real sockets: who is offered what, who types and has read what, and no reply lost over a kill -9."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from server.staff import Accounts
from tests.e2e.desk.colleague import PASSWORD, Colleague, add_staff
from tests.serving import ROOT, Client, Server, write_shop

REPLIES = 60
KILLS = 6


def made(directory, *, capacity):
    """A shop in this directory, with two colleagues at its desk who have room for so many customers each."""
    shop = write_shop(directory / "shop", site={"hand_over": {"capacity": capacity, "offer_s": 600}})
    script = {"rules": [{"match": "person", "steps": [{"text": "One moment."}, {"hand_over": "asked"}]}]}
    (directory / "script.json").write_text(json.dumps(script))
    add_staff(directory / "data", "ada@example.com")
    add_staff(directory / "data", "bob@example.com")
    return directory, shop


def started(place, port=None):
    directory, shop = place
    return Server(shop, directory / "data", port=port, SHOPBELL_MODEL=f"scripted:{directory / 'script.json'}")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One for the tests that have a conversation of their own each."""
    with started(made(tmp_path_factory.mktemp("desk"), capacity=50)) as running:
        yield running


@pytest.fixture
async def colleagues():
    made = []

    async def make(server, email="ada@example.com"):
        made.append(Colleague(server, email))
        assert made[-1].sign_in().status_code == 303
        return await made[-1].open()

    yield make
    for one in made:
        await one.close()


async def waiting(customer):
    chat = (await customer.hello())["conversation"]
    await customer.send({"t": "human", "id": "h1"})
    await customer.event(lambda e: e["kind"] == "mode")
    return chat


def people(colleague):
    return [[one["name"] for one in frame["people"]] for frame in colleague.frames if frame["t"] == "people"]


async def test_who_comes_and_goes_is_told_to_every_desk(server, colleagues):
    ada = await colleagues(server)
    await ada.until(lambda: people(ada)[-1:] == [["Ada"]])
    bob = await colleagues(server, "bob@example.com")
    await ada.until(lambda: people(ada)[-1] == ["Ada", "Bob"])
    await bob.close()
    await ada.until(lambda: people(ada)[-1] == ["Ada"])


async def test_two_customers_are_offered_to_two_colleagues_who_have_room_for_one_each(tmp_path, colleagues):
    with started(made(tmp_path, capacity=1)) as server:
        ada, bob = await colleagues(server), await colleagues(server, "bob@example.com")
        await ada.send("list", queue="waiting")
        async with Client(server) as one, Client(server) as two:
            chats = [await waiting(one), await waiting(two)]
            await ada.until(lambda: all(ada.rows.get(chat, {}).get("offered_name") for chat in chats))
            assert sorted(ada.rows[chat]["offered_name"] for chat in chats) == ["Ada", "Bob"]
            assert bob.errors() == []


async def test_a_conversation_is_passed_to_a_colleague_and_the_customer_reads_who_came(server, colleagues):
    ada, bob = await colleagues(server), await colleagues(server, "bob@example.com")
    async with Client(server) as customer:
        chat = await waiting(customer)
        for one in (ada, bob):
            await one.send("watch", conversation=chat, after=0)
        await ada.send("take", conversation=chat)
        await bob.until(lambda: any(e["body"].get("mode") == "staff" for e in bob.log(chat)))
        bobs_id = next(f["staff"]["id"] for f in bob.frames if f["t"] == "welcome")
        await ada.send("assign", conversation=chat, to=bobs_id)
        await bob.until(lambda: any(e["kind"] == "assigned" and e["role"] == "staff" for e in bob.log(chat)))
        await bob.send("take", conversation=chat)
        await bob.reply(chat, "Hello, Bob here.")
        await customer.event(lambda e: e["kind"] == "message" and e["role"] == "staff")
        names = [e["body"].get("name") for _, e in sorted(customer.events.items()) if e["kind"] == "mode"]
        assert names == [None, "Ada", "Bob"]
        assert "assigned" not in {e["kind"] for e in customer.events.values()}


async def test_a_conversation_is_put_back_into_the_queue_and_a_colleague_takes_it(server, colleagues):
    ada, bob = await colleagues(server), await colleagues(server, "bob@example.com")
    async with Client(server) as customer:
        chat = await waiting(customer)
        for one in (ada, bob):
            await one.send("watch", conversation=chat, after=0)
        await ada.send("take", conversation=chat)
        await ada.send("release", conversation=chat, to="waiting")
        await bob.until(
            lambda: [e["body"].get("reason") for e in bob.log(chat) if e["kind"] == "mode"][-1:] == ["put_back"]
        )
        await bob.send("take", conversation=chat)
        await bob.reply(chat, "Hello, Bob here.")
        await customer.event(lambda e: e["kind"] == "message" and e["role"] == "staff")
        modes = [e["body"]["mode"] for _, e in sorted(customer.events.items()) if e["kind"] == "mode"]
        assert modes == ["waiting", "staff", "waiting", "staff"]


async def test_typing_and_seen_go_both_ways(server, colleagues):
    ada, bob = await colleagues(server), await colleagues(server, "bob@example.com")
    async with Client(server) as customer:
        chat = await waiting(customer)
        for one in (ada, bob):
            await one.send("watch", conversation=chat, after=0)
        await ada.send("take", conversation=chat)
        await customer.event(lambda e: e["body"].get("mode") == "staff")
        await bob.send("typing", conversation=chat)  # has not got the conversation: nobody is told
        await bob.send("seen", conversation=chat, seq=1)
        await ada.send("typing", conversation=chat)
        typing = await customer.until(lambda f: f["t"] == "staff" and f["typing"])
        assert typing["name"] == "Ada"
        await ada.send("seen", conversation=chat, seq=3)
        seen = await customer.until(lambda f: f["t"] == "staff" and f.get("seen"))
        assert seen["seen"] == 3, "and not what the colleague has seen who only looks on"
        await customer.send({"t": "seen", "seq": 2}, {"t": "typing"})
        of_customer = {"t": "customer", "typing": False, "seen": 2, "conversation": chat, "site": "pk_test"}
        for one in (ada, bob):
            await one.until(lambda one=one: any(f["t"] == "customer" and f["typing"] for f in one.frames))
            await one.until(lambda one=one: of_customer in one.frames)
        assert {f["name"] for f in customer.frames if f["t"] == "staff" and "name" in f} == {"Ada"}


async def test_the_packet_is_staffs_alone(server, colleagues):
    ada = await colleagues(server)
    async with Client(server) as customer:
        chat = (await customer.hello())["conversation"]
        said = await customer.say("may I talk with a person about order 1042?")
        await customer.answered(said)
        await ada.send("watch", conversation=chat, after=0, site="pk_test")
        await ada.until(lambda: "note" in ada.kinds(chat))
        packet = next(e["body"]["packet"] for e in ada.log(chat) if e["kind"] == "note")
        assert packet["question"] == "may I talk with a person about order 1042?"
        assert "packet" not in json.dumps(customer.frames)
        assert "Open question" not in json.dumps(customer.frames)


async def test_no_reply_of_staff_is_lost_or_doubled_when_the_server_is_killed_between_them(tmp_path, colleagues):
    place = made(tmp_path, capacity=1)
    texts = [f"reply {n}" for n in range(REPLIES)]
    server = started(place).start()
    try:
        customer = await Client(server).open()
        chat = await waiting(customer)
        ada = await colleagues(server)
        await ada.send("watch", conversation=chat, after=0, site="pk_test")
        await ada.send("take", conversation=chat)
        await ada.until(lambda: any(e["body"].get("mode") == "staff" for e in ada.log(chat)))
        await customer.event(lambda e: e["body"].get("mode") == "staff")
        outbox = {f"r-{n}": text for n, text in enumerate(texts)}
        for kill in range(KILLS):
            # All that is not back yet is sent at once; the server dies when so many of them have come back.
            for said, text in outbox.items():
                await ada.send("reply", conversation=chat, id=said, text=text, site="pk_test")
            enough = (kill + 1) * REPLIES // (KILLS + 2)
            await ada.until(lambda one=ada, enough=enough: sum(e["role"] == "staff" for e in one.log(chat)) > enough)
            server.kill()
            server = started(place, server.port).start()
            seen, last = ada.events, max(ada.events[chat])
            ada = await colleagues(server)
            ada.events = seen
            await ada.send("watch", conversation=chat, after=last, site="pk_test")
            outbox = {said: text for said, text in outbox.items() if said not in {e["id"] for e in ada.log(chat)}}
        for said, text in enumerate(texts):  # the echo of the last may be lost as well: everything once more
            await ada.send("reply", conversation=chat, id=f"r-{said}", text=text, site="pk_test")
        await ada.until(lambda: {f"r-{n}" for n in range(REPLIES)} <= {e["id"] for e in ada.log(chat)})
        again = await Client(server).open()
        await again.again(customer)
        await again.event(lambda e: e["body"].get("text") == texts[-1])
        assert [text for role, text in again.texts() if role == "staff"] == texts
        assert [e["body"]["text"] for e in ada.log(chat) if e["kind"] == "message" and e["role"] == "staff"] == texts
        for one in (customer, again):
            await one.close()
    finally:
        server.kill()


def test_staff_have_languages_and_skills_from_the_command_line(tmp_path):
    write_shop(tmp_path / "shop")
    command = [sys.executable, "-m", "server.cli", "staff"]

    def run(*words):
        data = ["--data", str(tmp_path / "data")]
        return subprocess.run([*command, *words, *data], input=PASSWORD, text=True, cwd=ROOT, capture_output=True)

    add = ["add", "ada@example.com", "--language", "de", "--language", "EN", "--skill", "returns"]
    assert "speaks: de, en  sees to: returns" in run(*add, "--password-stdin").stdout
    assert "speaks: de, en  sees to: returns" in run("list").stdout
    wrong = run("add", "bob@example.com", "--language", "german!", "--password-stdin")
    assert wrong.returncode == 1
    assert "expected a language tag" in wrong.stderr


def test_staff_have_a_picture_from_the_command_line_until_it_is_taken_away(tmp_path):
    write_shop(tmp_path / "shop")
    face, text = tmp_path / "ada.png", tmp_path / "ada.txt"
    Image.new("RGB", (300, 200), "green").save(face)
    text.write_text("no picture")

    def add(*words):
        command = [sys.executable, "-m", "server.cli", "staff", "add", "ada@example.com", "--password-stdin", *words]
        command += ["--data", str(tmp_path / "data")]
        return subprocess.run(command, input=PASSWORD, text=True, cwd=ROOT, capture_output=True)

    def picture():
        accounts = Accounts(tmp_path / "data", clock_ms=lambda: 1_800_000_000_000)
        try:
            [ada] = accounts.everybody()
            return ada.picture and accounts.picture(ada.picture)
        finally:
            accounts.close()

    assert add("--picture", str(face)).returncode == 0
    assert picture().startswith(b"\xff\xd8")
    wrong = add("--picture", str(text))
    assert (wrong.returncode, "expected an image" in wrong.stderr) == (1, True)
    assert add().returncode == 0
    assert picture() is not None, "a new password leaves it as it is"
    assert add("--no-picture").returncode == 0
    assert picture() is None
