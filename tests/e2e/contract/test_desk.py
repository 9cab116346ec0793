"""CONTRACT §4, the desk's frames: a program that has a colleague's cookie, on a server with two shops.

Knows nothing but the contract and the sign-in form: what the desk's own page does beyond that is tested in tests/e2e/desk.
"""

import asyncio
import json

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.e2e.contract.talk import identity
from tests.e2e.contract.test_commands import shopbell
from tests.e2e.desk.colleague import PASSWORD, Colleague, add_staff
from tests.serving import Client, Server, write_shop

PLUGIN = '''
from decimal import Decimal

from tools import Caller, tool


@tool(scope="orders.refund", effect="money", needs="identified", reply="Refunded {{ result }}.")
async def refund(caller: Caller, order_id: str, amount: Decimal) -> Decimal:
    """Refund an order."""
    return amount


def setup(kit):
    kit.tools.add(refund)
'''
REFUND = {"call": {"tool": "refund", "args": {"order_id": "1042", "amount": "62.00"}}}
SCRIPT = {
    "rules": [
        {"match": "refund", "calls": [[REFUND], [{"text": "I have asked a colleague."}]]},
        {"match": "^$", "steps": [{"text": "A colleague has decided."}]},
        {"match": "long", "tokens": 400, "interval_ms": 20},
        {"match": ".", "steps": [{"text": "Answer."}]},
    ]
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("desk")
    script = root / "script.json"
    script.write_text(json.dumps(SCRIPT))
    shops = [
        write_shop(root / "one", plugin=PLUGIN),
        write_shop(root / "two", key="pk_two", origins=["https://two.example"]),
    ]
    add_staff(root / "data", "ada@example.com", role="admin")
    with Server(shops, root / "data", SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


class Program(Colleague):
    """A colleague whose frames are a program's: it is no browser, and says no origin."""

    def __init__(self, server):
        super().__init__(server, "ada@example.com")
        del self.http.headers["Origin"]

    async def open(self):
        cookie = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        url = f"ws://127.0.0.1:{self.server.port}/v1/desk"
        self.ws = await connect(url, additional_headers={"Cookie": cookie}, proxy=None)
        self._reader = asyncio.create_task(self._read())
        await self.until(lambda: any(f["t"] == "welcome" for f in self.frames))
        return self


@pytest.fixture
async def ada(server):
    one = Program(server)
    assert one.sign_in().status_code == 303
    yield await one.open()
    await one.close()


async def opened(client, text="hi", **fields):
    """Say hello and this; the conversation."""
    await client.hello(**fields)
    await client.answered(await client.say(text))
    return client.welcome["conversation"]


async def test_a_page_elsewhere_gets_no_desk_whatever_it_says(server, ada):
    cookie = {"Cookie": f"shopbell_desk={ada.http.cookies['shopbell_desk']}"}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{server.port}/v1/desk", additional_headers=cookie | headers):
                pass
        assert refused.value.response.status_code in (401, 403)
        form = {"email": "ada@example.com", "password": PASSWORD}
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as page:
            assert (await page.post("/desk/login", data=form, headers=headers)).status_code == 403


async def test_a_conversation_is_found_by_its_id_alone_also_by_staff_of_several_shops(server, ada):
    async with Client(server, site="pk_two", origin="https://two.example") as client:
        conversation = await opened(client)
        await ada.send("watch", conversation=conversation, after=0)
        await ada.until(lambda: ada.kinds(conversation)[-1:] == ["turn.ended"])
        log = ada.log(conversation)
        assert [e["seq"] for e in log] == list(range(1, len(log) + 1))
        shown = {e["seq"]: e for e in log}
        assert all(shown[seq]["body"] | event["body"] == shown[seq]["body"] for seq, event in client.events.items())


async def test_what_was_closed_before_a_restart_is_found_by_its_id_alone_as_well(tmp_path):
    shops = [
        write_shop(tmp_path / "one", plugin=PLUGIN),
        write_shop(tmp_path / "two", key="pk_two", origins=["https://two.example"]),
    ]
    (tmp_path / "script.json").write_text(json.dumps(SCRIPT))
    add_staff(tmp_path / "data", "ada@example.com", role="admin")
    with Server(shops, tmp_path / "data", SHOPBELL_MODEL=f"scripted:{tmp_path / 'script.json'}") as server:
        ada = Program(server)
        ada.sign_in()
        await ada.open()
        async with Client(server, site="pk_two", origin="https://two.example") as client:
            conversation = await opened(client)
            await ada.send("watch", conversation=conversation, after=0)
            await ada.send("release", conversation=conversation, to="closed")
            await ada.until(lambda: "mode" in ada.kinds(conversation))
        await ada.close()
        server.kill()
        server.start()
        ada = Program(server)
        ada.sign_in()
        await ada.open()
        await ada.send("watch", conversation=conversation, after=0)
        await ada.until(lambda: "mode" in ada.kinds(conversation) or ada.errors())
        assert ada.errors() == []
        await ada.close()


@pytest.mark.parametrize("after", [3, 10_000])
async def test_a_watch_begins_after_its_cursor_and_from_the_start_where_the_cursor_is_none(server, ada, after):
    async with Client(server) as client:
        conversation = await opened(client)
        head = client.upto
        await ada.send("watch", conversation=conversation, after=after)
        await ada.until(lambda: any(f["t"] == "events" and f["upto"] >= head for f in ada.frames))
        assert min(ada.events[conversation]) == (4 if after == 3 else 1)


async def test_take_reply_note_and_release_are_events_that_each_side_sees_as_it_may(server, ada):
    async with Client(server) as client:
        conversation = await opened(client)
        await ada.send("watch", conversation=conversation, after=0)
        await client.say("something long")
        await client.until(lambda f: f["t"] == "draft" and "word" in f["text"])
        await ada.send("take", conversation=conversation)
        taken = await client.event(lambda e: e["kind"] == "mode")
        assert (taken["role"], taken["body"]["mode"]) == ("staff", "staff")
        await ada.send("note", conversation=conversation, id="n1", text="between us")
        await ada.reply(conversation, "This is Ada.", said="r1")
        await ada.send("release", conversation=conversation, to="agent")
        await client.event(lambda e: e["kind"] == "mode" and e["body"]["mode"] == "agent")
        await client.answered(await client.say("hi"))
        assert client.texts()[-3:] == [("staff", "This is Ada."), ("customer", "hi"), ("agent", "Answer.")]
        assert not [e for e in client.events.values() if e["kind"] == "note" or "between us" in json.dumps(e)]
        await ada.until(lambda: "note" in ada.kinds(conversation))
        # From the take-over on nothing of the agent's until it was handed back.
        back = next(e["seq"] for e in client.events.values() if e["body"].get("mode") == "agent")
        assert [e["role"] for seq, e in sorted(client.events.items()) if taken["seq"] < seq < back] == [
            "system",
            "staff",
        ]
        await ada.send("release", conversation=conversation, to="closed")
        assert await client.event(lambda e: e["kind"] == "mode" and e["body"]["mode"] == "closed")


async def test_a_call_is_decided_with_the_hash_of_its_arguments_and_with_no_other(server, ada):
    async with Client(server) as client:
        conversation = await opened(client, "refund order 1042", identity=identity("c-1"))
        await ada.send("watch", conversation=conversation, after=0)
        await ada.until(lambda: "call.asked" in ada.kinds(conversation))
        [asked] = [e["body"] for e in ada.log(conversation) if e["kind"] == "call.asked"]
        assert (asked["of"], asked["args"]) == ("staff", {"order_id": "1042", "amount": "62.00"})
        call = asked["call"]
        await ada.send("decide", conversation=conversation, call=call, approve=True, args_sha256="0" * 64)
        await ada.until(ada.errors)
        assert (ada.errors()[0]["id"], ada.errors()[0]["conversation"]) == (call, conversation)
        decide = {"conversation": conversation, "call": call, "approve": True, "args_sha256": asked["args_sha256"]}
        await ada.send("decide", **decide, comment="as agreed")
        ended = await client.event(lambda e: e["kind"] == "call.ended")
        assert ended["body"] == {"call": call, "label": asked["label"], "ok": True}
        await ada.until(lambda: "call.decided" in ada.kinds(conversation))
        [decided] = [e["body"] for e in ada.log(conversation) if e["kind"] == "call.decided"]
        assert (decided["approve"], decided["by"], decided["comment"]) == (True, "staff", "as agreed")


async def test_an_erased_conversation_is_told_to_be_erased_whatever_is_wanted_of_it(server, ada):
    async with Client(server) as client:
        conversation = await opened(client)
        done = await asyncio.to_thread(
            shopbell, "erase", "--site", "pk_test", "--conversation", conversation, "--yes", "--data", server.data
        )
        assert (done.returncode, await client.closed()) == (0, 4503)
    for frame in ({"t": "watch", "after": 0}, {"t": "take"}, {"t": "reply", "id": "r1", "text": "hi"}):
        ada.frames.clear()
        await ada.send(frame.pop("t"), conversation=conversation, **frame)
        await ada.until(ada.errors)
        assert (ada.errors()[0]["code"], ada.errors()[0]["conversation"]) == ("erased", conversation)
    assert ada.log(conversation) == []


@pytest.mark.parametrize(("version", "stays"), [(1, True), (2, False)])
async def test_a_desk_may_say_hello_in_the_contracts_version(ada, version, stays):
    await ada.send("hello", v=version)
    if stays:
        await ada.send("list", queue="all")
        await ada.until(lambda: any(f["t"] == "queue" for f in ada.frames))
        assert not ada.errors()
    else:
        await ada.until(ada.errors)
        await ada.ws.wait_closed()
        assert (ada.ws.close_code, ada.errors()[-1]["code"]) == (4501, "bad_frame")


async def test_what_is_not_there_is_told_with_its_conversation_and_the_desk_stays(ada):
    await ada.send("watch", conversation="nothing", after=0)
    await ada.until(ada.errors)
    assert (ada.errors()[0]["code"], ada.errors()[0]["conversation"]) == ("bad_frame", "nothing")
    await ada.send("list", queue="all")
    await ada.until(lambda: any(f["t"] == "queue" for f in ada.frames))
