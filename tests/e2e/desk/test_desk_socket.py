"""The desk over its real socket: signing in, queues, take-over, replies, hand-back, approvals, and across a restart."""

import json
import time

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.e2e.desk.colleague import PASSWORD, Colleague, add_staff
from tests.serving import SECRET, Client, Server, write_shop

PLUGIN = '''
from pathlib import Path
from tools import Caller, tool

def setup(kit):
    done = Path(kit.data) / "done.txt"

    @kit.tools.add
    @tool(scope="orders.refund", effect="money", idempotent=True, examples=["refund order 1042"],
          reply="Refunded {{ result.amount }}.", label="Refunding {{ amount }} of order {{ order_id }}")
    async def refund(caller: Caller, order_id: str, amount: float) -> dict:
        """Refund an order."""
        done.parent.mkdir(parents=True, exist_ok=True)
        with done.open("a") as file:
            file.write(f"{caller.call} {order_id} {amount}\\n")
        return {"amount": amount}
'''

SCRIPT = {
    "rules": [
        {
            "match": "refund",
            "calls": [
                [{"call": {"tool": "refund", "args": {"order_id": "1042", "amount": 62.0}}}],
                [{"text": "I have asked a colleague."}],
            ],
        },
        {"match": "^$", "steps": [{"text": "A colleague has decided."}]},
        {"match": "story", "tokens": 3_000, "interval_ms": 20},
        {"match": "long", "tokens": 50, "interval_ms": 20},
    ]
}


def made(directory):
    """A shop in this directory, with two colleagues at its desk."""
    shop = write_shop(directory / "shop", plugin=PLUGIN)
    (directory / "script.json").write_text(json.dumps(SCRIPT))
    add_staff(directory / "data", "ada@example.com", role="admin")
    add_staff(directory / "data", "bob@example.com")
    return directory, shop


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One for all tests of this file: each has a conversation of its own."""
    with started(made(tmp_path_factory.mktemp("desk"))) as running:
        yield running


def started(place, port=None):
    directory, shop = place
    return Server(shop, directory / "data", port=port, SHOPBELL_MODEL=f"scripted:{directory / 'script.json'}")


@pytest.fixture
async def colleagues():
    """Makes colleagues who are signed in at a server's desk, and closes their browsers."""
    made = []

    async def make(server, email="ada@example.com"):
        made.append(Colleague(server, email))
        assert made[-1].sign_in().status_code == 303
        return await made[-1].open()

    yield make
    for one in made:
        await one.close()


async def test_without_a_session_or_from_another_page_there_is_no_desk(server):
    url = server.url.replace("http", "ws") + "/v1/desk"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(url, origin=server.url)
    assert refused.value.response.status_code == 401
    one = Colleague(server, "ada@example.com")
    one.sign_in()
    one.http.close()
    cookie = f"shopbell_desk={one.http.cookies['shopbell_desk']}"
    with pytest.raises(websockets.InvalidStatus):
        await connect(url, origin="https://evil.example", additional_headers={"Cookie": cookie})


def test_a_form_from_another_page_or_with_a_wrong_password_signs_nobody_in(server):
    one = Colleague(server, "ada@example.com")
    with one.http:
        assert one.sign_in("wrong password").status_code == 401
        _only_the_servers_own_form(server, one)


def _only_the_servers_own_form(server, one):
    other = httpx.post(
        f"{server.url}/desk/login",
        data={"email": "ada@example.com", "password": PASSWORD},
        headers={"Origin": "https://evil.example"},
    )
    assert other.status_code == 403
    answer = one.sign_in()
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert one.http.get("/desk").status_code == 200
    assert httpx.get(f"{server.url}/desk").status_code == 303


def test_a_form_that_is_none_of_the_desks_is_refused_in_words(server):
    one = Colleague(server, "ada@example.com")
    with one.http:
        fields = "&".join(f"field{number}=1" for number in range(50))
        assert one.http.post("/desk/login", content=fields).status_code == 403
        one.sign_in()
        for token in ("é", "", "x"):
            assert one.http.post("/desk/logout", data={"csrf": token}).status_code == 403
        assert one.http.get("/desk").status_code == 200


async def test_a_person_takes_over_in_mid_answer_replies_and_hands_back(server, colleagues):
    ada = await colleagues(server)
    await ada.send("list", queue="all")
    await ada.until(lambda: any(f["t"] == "queue" for f in ada.frames))
    mine = ada.counts.get("mine", 0)
    async with Client(server) as customer:
        welcome = await customer.hello()
        chat = welcome["conversation"]
        await customer.say("a long story please")
        await customer.until(lambda f: f["t"] == "draft")
        await ada.until(lambda: chat in ada.rows)
        await ada.send("watch", conversation=chat, after=0)
        await ada.until(lambda: any(f["t"] == "draft" and f["conversation"] == chat for f in ada.frames))
        await ada.send("take", conversation=chat)
        taken = await customer.event(lambda e: e["kind"] == "mode")
        assert (taken["body"]["mode"], taken["body"]["name"]) == ("staff", "Ada")
        seen = len(customer.frames)
        await ada.reply(chat, "Hello, this is Ada.")
        await customer.event(lambda e: e["kind"] == "message" and e["role"] == "staff")
        await customer.say("thanks Ada")
        await ada.until(lambda: ada.log(chat)[-1]["body"].get("text") == "thanks Ada")
        assert [f for f in customer.frames[seen:] if f["t"] == "draft"] == []
        await ada.until(lambda: ada.rows[chat]["mode"] == "staff" and ada.counts.get("mine") == mine + 1)
        await ada.send("release", conversation=chat, to="agent")
        said = await customer.say("and a long one again")
        assert await customer.answered(said)


async def test_a_reply_sent_twice_is_one_message_and_another_text_is_refused(server, colleagues):
    ada = await colleagues(server)
    async with Client(server) as customer:
        chat = (await customer.hello())["conversation"]
        await customer.send({"t": "human", "id": "h1"})
        await customer.event(lambda e: e["kind"] == "mode")
        await ada.send("watch", conversation=chat, after=0, site="pk_test")
        await ada.send("take", conversation=chat)
        for text in ("one", "one", "two"):
            await ada.send("reply", conversation=chat, id="r1", text=text)
        await ada.until(lambda: ada.errors())
        # The refusal is an answer to ada alone and may overtake the event, which comes as to everybody.
        await ada.until(lambda: any(e["id"] == "r1" for e in ada.log(chat)))
        assert ada.errors()[0]["code"] == "idempotency_mismatch"
        assert [e["body"]["text"] for e in ada.log(chat) if e["role"] == "staff" and e["kind"] == "message"] == ["one"]


async def test_only_who_has_the_conversation_replies_and_taking_it_over_needs_force(server, colleagues):
    ada, bob = await colleagues(server), await colleagues(server, "bob@example.com")
    async with Client(server) as customer:
        chat = (await customer.hello())["conversation"]
        await customer.send({"t": "human", "id": "h1"})
        await customer.event(lambda e: e["kind"] == "mode")
        for one in (ada, bob):
            await one.send("watch", conversation=chat, after=0)
        await ada.send("take", conversation=chat)
        await bob.until(lambda: bob.kinds(chat).count("mode") == 2)
        await bob.send("take", conversation=chat)
        await bob.until(lambda: len(bob.errors()) == 1)
        await bob.send("reply", conversation=chat, id="r1", text="hi")
        await bob.until(lambda: len(bob.errors()) == 2)
        await bob.send("take", conversation=chat, force=True)
        await bob.reply(chat, "hi", said="r2")
        await ada.send("reply", conversation=chat, id="r3", text="me too")
        await ada.until(lambda: ada.errors())


async def test_notes_are_never_shown_to_the_customer(server, colleagues):
    ada = await colleagues(server)
    async with Client(server) as customer:
        chat = (await customer.hello())["conversation"]
        await customer.send({"t": "human", "id": "h1"})
        await customer.event(lambda e: e["kind"] == "mode")
        await ada.send("watch", conversation=chat, after=0)
        await ada.send("note", conversation=chat, id="n1", text="handle with care")
        await ada.until(lambda: "note" in ada.kinds(chat))
        await ada.send("take", conversation=chat)
        await customer.event(lambda e: e["body"].get("mode") == "staff")
        assert "handle with care" not in json.dumps(customer.frames)


async def test_an_approval_edited_at_the_desk_survives_a_restart_and_runs_once(tmp_path, colleagues):
    place = made(tmp_path)
    server = started(place).start()
    try:
        async with Client(server) as customer:
            welcome = await customer.hello(identity=identity())
            chat = welcome["conversation"]
            said = await customer.say("refund order 1042")
            assert (await customer.answered(said))["body"]["reason"] == "waiting"
        server.kill()
        server = started(place, server.port).start()
        ada = await colleagues(server)
        await ada.send("list", queue="approvals")
        await ada.until(lambda: chat in ada.rows)
        await ada.send("watch", conversation=chat, after=0)
        await ada.until(lambda: "call.asked" in ada.kinds(chat))
        asked = next(e["body"] for e in ada.log(chat) if e["kind"] == "call.asked")
        args = {"order_id": "1042", "amount": 50.0}
        decide = {"conversation": chat, "call": asked["call"], "approve": True}
        await ada.send("decide", **decide, args_sha256="0" * 64)
        await ada.until(lambda: ada.errors())
        await ada.send("decide", **decide, args_sha256=asked["args_sha256"], args=args)
        await ada.until(lambda: any(e["kind"] == "call.ended" and e["body"]["ok"] for e in ada.log(chat)))
    finally:
        server.kill()
    done = (place[0] / "data").rglob("done.txt")
    lines = [line.split()[1:] for file in done for line in file.read_text().splitlines()]
    assert lines == [["1042", "50.0"]]


def identity(customer="cus_1", **more):

    import jwt

    claims = {"sub": customer, "aud": "pk_test", "exp": int(time.time()) + 600, **more}
    return jwt.encode(claims, SECRET, "HS256")


def test_the_first_admin_is_made_once_with_the_link_that_the_server_prints(tmp_path):
    shop = write_shop(tmp_path / "shop")
    with Server(shop, tmp_path / "data") as server:
        said = _line(server, "/desk/welcome#")
        token = said.rpartition("#")[2]
        form = {"token": token, "name": "Ada", "email": "ada@example.com", "password": PASSWORD}
        with httpx.Client(base_url=server.url, headers={"Origin": server.url}) as http:
            assert http.post("/desk/welcome", data={**form, "token": "x"}).status_code == 400
            assert http.post("/desk/welcome", data=form).status_code == 303
            assert http.get("/desk").status_code == 200
            assert http.post("/desk/welcome", data={**form, "email": "eve@example.com"}).status_code == 400
        assert token not in (tmp_path / "data").joinpath("staff.db").read_bytes().decode("latin-1")


def _line(server, part):
    """The line on the server's stderr that has this in it; it is written right after the one on stdout."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for line in server.stderr.read_text().splitlines():
            if part in line:
                return line.strip()
    raise AssertionError(f"the server did not say {part!r}")
