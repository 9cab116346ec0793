"""Codes by mail against a running server: guests and signed-in customers, on several lines, over REST, and after a crash."""

import asyncio
import email
import email.policy
import itertools
import json
import re
import urllib.request

import pytest

from server.keys import add_key
from tests.e2e.contract.talk import error_of, identity
from tests.serving import Client, Server, write_shop
from tests.tools.connectors import test_mail as smtp

PLUGIN = '''
"""Two orders of two guests; one may be looked at, and an address is changed only by who reads the mail on file."""
from typing import Annotated

from pydantic import Field

from server.kit import Guest
from tools import Caller, ToolError, tool

ORDERS = {"1042": Guest("g:mara", "mara@mara.example", "Mara"), "2000": Guest("g:jo", "jo@example.org")}
Number = Annotated[str, Field(pattern=r"^[0-9]{4}$", description="order number", examples=["1042"])]


@tool(scope="orders.read", effect="read", needs="identified", examples=["where is my order 1042", "status of order 2000"],
      reply="Order {{ args.order_id }} is {{ result.status }}.")
async def find_order(caller: Caller, order_id: Number) -> dict:
    """Find one of the customer's orders."""
    guest = ORDERS.get(order_id)
    if guest is None or guest.customer != caller.customer:
        raise ToolError(f"I can't find order {order_id} among your orders.")
    return {"status": "on its way"}


@tool(scope="account.read", effect="read", needs="step_up", examples=["show my secret points", "how many secret points do I have"],
      reply="You have {{ result.points }} points.")
async def secret_points(caller: Caller) -> dict:
    """Show the customer's secret points."""
    return {"points": 7}


async def guests(order, email):
    if order == "1042" and email.endswith("@mara.example"):  # she has many: an address gets five codes an hour
        return Guest("g:mara", email, "Mara")
    guest = ORDERS.get(order)
    return guest if guest is not None and guest.email == email else None


def setup(kit):
    kit.tools.add(find_order)
    kit.tools.add(secret_points)
    kit.guests = guests
'''
QUESTION = "Where is my order 1042?"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("verify") / "shop", plugin=PLUGIN)


@pytest.fixture(scope="module")
def server(shop):
    with Server(shop, shop.parent / "data", SHOPBELL_LOG_LEVEL="debug") as running:
        yield running


def box(server):
    """The addressees and texts of all mails so far, oldest first."""
    files = sorted((server.data / "mail").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    return [(mail["To"], mail.get_content()) for mail in mails]


async def mailed(server, count):
    """The code in the newest mail, once there are `count`."""
    async with asyncio.timeout(60):
        while len(box(server)) < count:  # noqa: ASYNC110 - another process writes it: there is no event to wait for
            await asyncio.sleep(0.02)
    return re.search(r"^\s+([0-9]{6})\s*$", box(server)[-1][1], re.M)[1]


async def asked(client, text=QUESTION):
    """Say this and wait for the question that comes back."""
    await client.answered(await client.say(text))
    return (await client.event(lambda e: e["kind"] == "call.asked"))["body"]


def verify(call, frame="v1", **fields):
    return {"t": "verify", "id": frame, "call": call, **fields}


def code_of(call, code, frame="k1"):
    return {"t": "code", "id": frame, "call": call, "code": code}


_numbers = itertools.count(1)


def address():
    """A fresh address of Mara's."""
    return f"m{next(_numbers)}@mara.example"


def maras():
    """What Mara types into the form."""
    return {"order": "1042", "email": address()}


async def test_a_guest_gives_order_and_address_then_the_code_and_gets_the_answer(server):
    async with Client(server) as client:
        await client.hello()
        before = len(box(server))
        question = await asked(client)
        assert (question["verify"], question["of"], "to" in question) == ("sign_in", "customer", False)
        await client.send(verify(question["call"], **maras()))
        sent = await client.event(lambda e: e["kind"] == "verify.sent")
        assert sent["body"].keys() == {"call", "to", "expires_ms"}
        assert sent["body"]["to"] == "m…@m…"
        code = await mailed(server, before + 1)
        assert box(server)[-1][0].endswith("@mara.example")
        await client.send(code_of(question["call"], f"{code[:3]} {code[3:]}"))
        tried = await client.event(lambda e: e["kind"] == "verify.tried")
        assert tried["body"] == {"call": question["call"], "ok": True, "left": 3}
        await client.event(lambda e: e["kind"] == "message" and e["body"]["text"] == "Order 1042 is on its way.")
        assert code not in json.dumps(client.frames)
        assert code not in server.stderr.read_text()


async def test_a_code_said_in_words_is_dots_on_every_line_and_every_line_gets_a_new_token(server):
    async with Client(server) as client, Client(server) as other, Client(server) as late:
        await client.hello()
        before = len(box(server))
        await asked(client)
        await other.again(client)
        old = dict(client.welcome)
        said = await client.say(f"it's {address()}")
        await client.event(lambda e: e["kind"] == "message" and said in e["body"].get("answers", ()))
        code = await mailed(server, before + 1)
        said = await client.say(code)
        await client.answered(said)
        echo = await other.event(lambda e: e["id"] == said)
        assert echo["body"] == {"text": "••••••"}
        for line in (client, other):
            token = (await line.until(lambda f: f["t"] == "token"))["token"]
            assert token != old["token"]
        await other.event(lambda e: e["kind"] == "message" and e["body"]["text"] == "Order 1042 is on its way.")
        assert code not in json.dumps(client.frames) + json.dumps(other.frames)
        welcome = await late.hello(token=old["token"], conversation=old["conversation"])
        assert welcome["conversation"] == old["conversation"], "the line may have been lost before the new token came"
        again = await late.say(code if code != "000000" else "111111")
        assert (await late.event(lambda e: e["id"] == again)) is not None


async def shown(server, order, address):
    """All frames that a guest gets who asks for a code and guesses, without what is made anew each time."""
    async with Client(server) as client:
        await client.hello()
        question = await asked(client, f"Where is my order {order}?")
        client.frames.clear()
        client._read = 0
        for number in range(2):
            await client.send(verify(question["call"], f"v{number}", order=order, email=address))
            for guess in range(4):
                await client.send(code_of(question["call"], f"00000{guess}", f"g{number}{guess}"))
        await client.send(code_of(question["call"], "end", "end"))
        await client.until(lambda f: f.get("id") == "end")
        text = "\n".join(json.dumps(frame) for frame in client.frames)
        for name, given in (("CALL", question["call"]), ("ORDER", order)):
            text = text.replace(given, name)
        return re.sub(r'"(at_ms|expires_ms)": \d+', r'"\1": 0', text)


async def test_the_frames_are_the_same_to_the_byte_whether_the_order_exists_or_not(server):
    before = len(box(server))
    known = await shown(server, "1042", address())
    await mailed(server, before + 2)
    for order, typed in (("1043", address()), ("1042", "mallory@mail.example"), ("9999", "moe@mail.example")):
        assert await shown(server, order, typed) == known
    assert len(box(server)) == before + 2
    assert known.count("verify.sent") == 2
    assert known.count("verify.tried") == 6


async def test_a_signed_in_customer_shows_with_a_code_that_they_read_the_mail_on_file(server):
    async with Client(server) as client:
        await client.hello(identity=identity("c-1", email="ann@example.net"))
        before = len(box(server))
        question = await asked(client, "How many secret points do I have?")
        assert (question["verify"], question["to"]) == ("step_up", "a…@e…")
        await client.send(verify(question["call"], **maras()))
        code = await mailed(server, before + 1)
        assert box(server)[-1][0] == "ann@example.net"
        await client.send(code_of(question["call"], code))
        await client.event(lambda e: e["kind"] == "message" and e["body"]["text"] == "You have 7 points.")


async def test_a_sign_in_on_the_page_lets_the_waiting_call_go_on(server):
    async with Client(server) as client:
        await client.hello()
        await asked(client)
        await client.send({"t": "identify", "identity": identity("g:mara")})
        await client.event(lambda e: e["kind"] == "message" and e["body"]["text"] == "Order 1042 is on its way.")


async def test_the_wrong_customer_who_proves_himself_still_sees_nothing(server):
    async with Client(server) as client:
        await client.hello()
        before = len(box(server))
        question = await asked(client)
        await client.send(verify(question["call"], order="2000", email="jo@example.org"))
        await client.send(code_of(question["call"], await mailed(server, before + 1)))
        ended = await client.event(lambda e: e["kind"] == "call.ended")
        assert ended["body"]["ok"] is False
        assert "on its way" not in json.dumps(client.frames)


async def test_giving_up_ends_the_question_and_agreeing_is_not_proof(server):
    async with Client(server) as client:
        await client.hello()
        call = (await asked(client))["call"]
        await client.send({"t": "decide", "call": call, "approve": True})
        assert (await error_of(client))["code"] == "bad_frame"
        await client.send({"t": "decide", "call": call, "approve": False})
        ended = await client.event(lambda e: e["kind"] == "call.ended")
        assert ended["body"]["ok"] is False
        await client.send(verify(call, "v9", **maras()))
        assert (await error_of(client))["id"] == "v9"


@pytest.mark.parametrize(
    "frame",
    [
        verify("call:none", **maras()),
        code_of("call:none", "123456"),
        code_of("call:none", "12345"),
        verify("call:none", email="a" * 300),
    ],
    ids=["no such call", "no code awaited", "five digits", "no address"],
)
async def test_a_frame_that_fits_nothing_is_told_so_and_the_connection_stays(server, frame):
    async with Client(server) as client:
        await client.hello()
        await client.send(frame)
        error = await error_of(client)
        assert (error["code"], error["id"]) == ("bad_frame", frame["id"])
        await client.send({"t": "pong"})
        assert await client.say("still here") is not None
        assert await client.event(lambda e: e["kind"] == "message") is not None


async def test_a_malformed_code_is_not_repeated_to_anybody(server):
    async with Client(server) as client:
        await client.hello()
        await client.send(code_of("call:1", 271828))
        assert (await error_of(client))["code"] == "bad_frame"
        assert await client.closed() == 4500
        assert "271828" not in json.dumps(client.frames) + server.stderr.read_text()


async def test_the_sixth_code_within_an_hour_has_to_wait(server):
    async with Client(server) as client:
        await client.hello()
        call = (await asked(client))["call"]
        for number in range(6):
            await client.send(verify(call, f"v{number}", order="1", email=f"nobody{number}@example.com"))
        error = await error_of(client)
        assert (error["code"], error["id"]) == ("too_fast", "v5")
        assert 3500 < error["retry_after_s"] <= 3600


async def test_a_code_survives_the_servers_death(shop, tmp_path):
    server = Server(shop, tmp_path / "data")
    with server:
        async with Client(server) as client:
            await client.hello()
            question = await asked(client)
            await client.send(verify(question["call"], **maras()))
            code = await mailed(server, 1)
            server.kill()
        server.start()
        async with Client(server) as again:
            await again.again(client)
            await again.send(code_of(question["call"], code))
            await again.event(lambda e: e["kind"] == "message" and e["body"]["text"] == "Order 1042 is on its way.")


async def test_a_server_that_dies_right_after_the_right_code_goes_on_by_itself(shop, tmp_path):
    server = Server(shop, tmp_path / "data")
    with server:
        async with Client(server) as client:
            await client.hello()
            question = await asked(client)
            await client.send(verify(question["call"], **maras()))
            code = await mailed(server, 1)
            await client.send(code_of(question["call"], code))
            await client.event(lambda e: e["kind"] == "verify.tried")
            server.kill()
        server.start()
        async with Client(server) as again:
            await again.again(client)
            await again.event(lambda e: e["kind"] == "message" and e["body"]["text"] == "Order 1042 is on its way.")


async def test_a_code_over_rest_is_kept_as_dots_too(server):
    key = add_key(server.data, "pk_test")

    def call(path, body):
        request = urllib.request.Request(
            f"{server.url}{path}", json.dumps(body).encode(), {"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    async def post(path, body):
        return await asyncio.to_thread(call, path, body)

    async def until(conversation, kind):
        async with asyncio.timeout(60):
            while True:
                request = urllib.request.Request(
                    f"{server.url}/v1/conversations/{conversation}/events", headers={"Authorization": f"Bearer {key}"}
                )
                found = json.loads((await asyncio.to_thread(urllib.request.urlopen, request)).read())["events"]
                if any(event["kind"] == kind for event in found):
                    return found
                await asyncio.sleep(0.05)

    before = len(box(server))
    conversation = (await post("/v1/conversations", {}))["conversation"]
    say = f"/v1/conversations/{conversation}/messages"
    await post(say, {"text": QUESTION})
    await until(conversation, "call.asked")
    await post(say, {"text": address()})
    code = await mailed(server, before + 1)
    said = await post(say, {"id": "r1", "text": code})
    assert said["event"]["body"] == {"text": "••••••"}
    assert await post(say, {"id": "r1", "text": code}) == said
    events = await until(conversation, "call.ended")
    assert code not in json.dumps(events)


async def test_a_code_goes_out_through_the_mail_server_with_the_shops_name(shop, tmp_path):
    async with smtp.running(smtp.Server()) as post:
        settings = {"SHOPBELL_SMTP": f"smtp://shop@127.0.0.1:{post.port}", "SHOPBELL_SMTP_PASSWORD": "p@ss/word"}
        with Server(shop, tmp_path / "data", SHOPBELL_MAIL_FROM="help@shop.example", **settings) as server:
            async with Client(server) as client:
                await client.hello()
                question = await asked(client)
                await client.send(verify(question["call"], **maras()))
                async with asyncio.timeout(60):
                    while not post.got:  # noqa: ASYNC110 - the small mail server tells nobody
                        await asyncio.sleep(0.02)
                code = re.search(r"^\s+([0-9]{6})\s*$", post.got[0].get_content(), re.M)[1]
                await client.send(code_of(question["call"], code))
                await client.event(
                    lambda e: e["kind"] == "message" and e["body"]["text"] == "Order 1042 is on its way."
                )
            assert "p@ss/word" not in server.stderr.read_text()
    assert post.got[0]["From"] == "Test Shop <help@shop.example>"
    assert post.got[0]["To"].endswith("@mara.example")
    assert any(line.startswith("AUTH") for line in post.heard)
    assert not (tmp_path / "data" / "mail").exists()
