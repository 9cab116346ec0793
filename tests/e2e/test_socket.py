"""The customer's socket, frame by frame, against a real server process."""

import asyncio
import json
import time

import jwt
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.serving import SECRET, Client, Server, write_shop

SCRIPT = {
    "rules": [
        {"match": "long", "tokens": 400, "interval_ms": 5},
        {"match": "hang", "steps": [{"text": "Well, "}, {"hang": True}]},
        {"match": "choose", "steps": [{"text": "Which?"}, {"choices": ["A", "B"]}]},
        {"match": "think", "steps": [{"thinking": "hm"}, {"text": "Thought."}]},
        {"match": ".", "steps": [{"text": "Answer."}]},
    ]
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("socket")
    script = root / "script.json"
    script.write_text(json.dumps(SCRIPT))
    one = write_shop(root / "one", key="pk_test")
    two = write_shop(root / "two", key="pk_two", name="Two", origins=["https://two.example"])
    slow = write_shop(root / "slow", key="pk_slow", site={"limits": {"messages_per_minute": 5}})
    full = write_shop(root / "full", key="pk_full", site={"reasoning": "full"})
    with Server([one, two, slow, full], root / "data", SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


def identity(customer="cust-1", *, site="pk_test", secret=SECRET, ttl_s=600, **claims):
    return jwt.encode({"sub": customer, "aud": site, "exp": int(time.time()) + ttl_s, **claims}, secret, "HS256")


async def test_hello_and_say_may_be_sent_in_one_go(server):
    async with Client(server) as client:
        await client.send([{"t": "hello", "v": 1, "site": "pk_test"}, {"t": "say", "id": "m1", "text": "hi"}])
        await client.answered("m1")
        w = client.welcome
        assert (w["v"], w["head"], w["recovered"]) == (1, 0, False)
        assert w["site"]["name"] == "Test Shop"
        assert client.texts() == [("customer", "hi"), ("agent", "Answer.")]


async def test_a_returning_visitor_gets_exactly_what_came_after_the_cursor(server):
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("hi"))
    async with Client(server) as later:
        w = await later.again(client)
        assert w["recovered"]
        assert w["head"] == client.upto
        frame = await later.until(lambda f: f["t"] == "events")
        assert (frame["events"], frame["upto"]) == ([], client.upto)


@pytest.mark.parametrize("wrong", [{"epoch": "other"}, {"after": 10_000}, {"epoch": None}])
async def test_another_epoch_or_a_cursor_beyond_the_head_gets_everything_from_the_start(server, wrong):
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("hi"))
    async with Client(server) as later:
        fields = {k: v for k, v in wrong.items() if v is not None}
        before = client
        if wrong.get("epoch", "") is None:
            w = before.welcome
            await later.hello(token=w["token"], conversation=w["conversation"], after=before.upto)
        else:
            await later.again(before, **fields)
        assert later.welcome["recovered"] is False
        await later.until(lambda f: f["t"] == "events" and f["upto"] == later.welcome["head"])
        assert later.texts() == client.texts()


async def test_the_same_message_sent_again_is_the_same_event_and_with_other_words_an_error(server):
    async with Client(server) as client:
        await client.hello()
        for _ in range(3):
            await client.say("hi", said="same")
        await client.say("other words", said="same")
        error = await client.until(lambda f: f["t"] == "error")
        assert (error["code"], error["id"]) == ("idempotency_mismatch", "same")
        await client.answered("same")
        assert [e["id"] for e in client.events.values() if e["role"] == "customer"] == ["same"]


async def test_two_tabs_see_the_same(server):
    async with Client(server) as one, Client(server) as two:
        await one.hello()
        await one.answered(await one.say("hi"))
        await two.again(one)
        said = await two.say("from the other tab")
        await one.answered(said)
        await two.answered(said)
        assert one.events == two.events


@pytest.mark.parametrize(
    ("frame", "code", "close"),
    [
        ("no json", "bad_frame", 4500),
        ({"t": "say", "id": "m", "text": "before hello"}, "bad_frame", 4500),
        ({"t": "hello", "v": 2, "site": "pk_test"}, "bad_frame", 4501),
        ({"t": "hello", "v": 1, "site": "pk_nobody"}, "unknown_site", 4502),
        ({"t": "hello", "v": 1, "site": "pk_two"}, "forbidden_origin", 4502),
        ({"t": "hello", "v": 1, "site": "pk_test", "token": "nonsense"}, "bad_token", 4502),
        ({"t": "hello", "v": 1, "site": "pk_test", "identity": "nonsense"}, "bad_token", 4502),
    ],
)
async def test_a_wrong_beginning_is_told_and_closed_with_the_code_of_the_contract(server, frame, code, close):
    async with Client(server) as client:
        await client.send(frame if isinstance(frame, dict) is False else json.dumps(frame))
        error = await client.until(lambda f: f["t"] == "error")
        assert error["code"] == code
        assert await client.closed() == close


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://shop.example", "https://shop.example.evil"]
)
async def test_an_origin_that_no_site_lists_is_refused_at_the_handshake(server, origin):
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with connect(f"ws://127.0.0.1:{server.port}/v1/chat", origin=origin, proxy=None):
            pass
    assert caught.value.response.status_code == 403


async def test_a_frame_of_more_than_64_kib_closes_with_1009(server):
    async with Client(server) as client:
        await client.hello()
        await client.send(" " * 70_000)
        assert await client.closed() == 1009


async def test_a_message_that_is_too_long_is_told_and_the_connection_stays(server):
    async with Client(server) as client:
        await client.hello()
        await client.say("x" * 4_001, said="big")
        error = await client.until(lambda f: f["t"] == "error")
        assert (error["code"], error["id"]) == ("too_large", "big")
        await client.answered(await client.say("x" * 4_000))


async def test_somebody_far_over_the_rate_is_told_when_to_come_back(server):
    async with Client(server, site="pk_slow") as client:
        await client.hello()
        frames = [{"t": "say", "id": f"m{n}", "text": "hi"} for n in range(60)]
        await client.send(frames)
        error = await client.until(lambda f: f["t"] == "error")
        assert error["code"] == "too_fast"
        assert error["retry_after_s"] >= 1
        assert await client.closed() == 4003


async def test_repeats_are_free(server):
    async with Client(server, site="pk_slow") as client:
        await client.hello()
        for _ in range(4):
            await client.send([{"t": "say", "id": "same", "text": "hi"} for _ in range(60)])
        await client.answered("same")
        assert await client.say("one more", said="m2") == "m2"
        await client.answered("m2")


async def test_stop_ends_the_turn_keeps_what_was_shown_and_another_turn_is_left_alone(server):
    async with Client(server) as client:
        await client.hello()
        said = await client.say("please hang")
        draft = await client.until(lambda f: f["t"] == "draft" and f["part"] == "reply")
        await client.send({"t": "stop", "turn": "t:another"}, {"t": "stop", "turn": draft["turn"]})
        ended = await client.answered(said)
        assert ended["body"]["reason"] == "stopped"
        assert client.texts() == [("customer", "please hang"), ("agent", "Well,")]
        await client.answered(await client.say("go on"))
        assert client.texts()[-1] == ("agent", "Answer.")


async def test_asking_for_a_person_once_more_changes_nothing(server):
    async with Client(server) as client:
        await client.hello()
        await client.send({"t": "human", "id": "h1"}, {"t": "human", "id": "h1"}, {"t": "human", "id": "h2"})
        await client.answered(await client.say("hello?"))
        modes = [e for e in client.events.values() if e["kind"] == "mode"]
        assert [(m["body"]["mode"], m["role"]) for m in modes] == [("waiting", "customer")]


async def test_an_answer_can_be_rated_and_a_message_of_ones_own_cannot(server):
    async with Client(server) as client:
        await client.hello()
        said = await client.say("hi")
        await client.answered(said)
        answer = next(e for e in client.events.values() if e["role"] == "agent" and e["kind"] == "message")
        await client.send({"t": "rate", "id": "r1", "of": answer["id"], "score": 1})
        rated = await client.event(lambda e: e["kind"] == "rated")
        assert rated["body"] == {"score": 1, "of": answer["id"]}
        await client.send({"t": "rate", "id": "r2", "of": said, "score": 1})
        assert (await client.until(lambda f: f["t"] == "error"))["id"] == "r2"


async def test_choices_come_with_the_message(server):
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("choose"))
        [answer] = [e for e in client.events.values() if e["role"] == "agent" and e["kind"] == "message"]
        assert answer["body"]["choices"] == ["A", "B"]


@pytest.mark.parametrize(("site", "sees"), [("pk_test", False), ("pk_full", True)])
async def test_thinking_reaches_the_socket_only_where_the_site_shows_it(server, site, sees):
    async with Client(server, site=site) as client:
        await client.hello()
        await client.answered(await client.say("think"))
        drafts = [f for f in client.frames if f["t"] == "draft" and f["part"] == "thinking"]
        thoughts = [e for e in client.events.values() if e["kind"] == "thought"]
        assert (bool(drafts), bool(thoughts)) == (sees, sees)


async def test_the_drafts_of_an_answer_add_up_to_the_message(server):
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("long"))
        text = ""
        for frame in client.frames:
            if frame["t"] == "draft":
                assert frame["at"] <= len(text)
                text = text[: frame["at"]] + frame["text"]
        final = client.texts()[-1][1]
        assert final == " ".join(f"word{n}" for n in range(1, 401))
        assert text == final


async def test_signing_in_claims_the_conversation_and_old_tokens_no_longer_open_it(server):
    async with Client(server) as client, Client(server) as other:
        await client.hello()
        await client.answered(await client.say("hi"))
        guest = client.welcome["token"]
        await other.again(client)
        await client.send({"t": "identify", "identity": identity()})
        token = await client.until(lambda f: f["t"] == "token")
        assert await other.closed() == 4502
        async with Client(server) as third:
            await third.hello(token=guest)
            assert await third.closed() == 4502
        async with Client(server) as fourth:
            await fourth.hello(token=token["token"])
            assert fourth.welcome["conversation"] == client.welcome["conversation"]


async def test_logging_out_starts_a_new_conversation_and_ends_the_old_one_everywhere(server):
    async with Client(server) as client, Client(server) as other:
        await client.hello(identity=identity())
        await client.answered(await client.say("hi"))
        first = client.welcome
        await other.again(client)
        await client.send({"t": "logout"})
        second = await client.until(lambda f: f["t"] == "welcome")
        assert second["conversation"] != first["conversation"]
        assert await other.closed() == 4502
        async with Client(server) as third:
            await third.hello(token=first["token"])
            assert await third.closed() == 4502
        await client.answered(await client.say("as a guest"))


async def test_another_customers_identity_starts_a_new_conversation(server):
    async with Client(server) as client:
        await client.hello(identity=identity("cust-1"))
        await client.answered(await client.say("hi"))
        first = client.welcome["conversation"]
        await client.send({"t": "identify", "identity": identity("cust-2")})
        second = await client.until(lambda f: f["t"] == "welcome" and f["conversation"] != first)
        assert second is not None


async def test_a_conversation_of_a_customer_opens_for_that_customer_and_nobody_else(server):
    async with Client(server) as client:
        await client.hello(identity=identity("cust-9"))
        await client.answered(await client.say("hi"))
        conversation = client.welcome["conversation"]
    async with Client(server) as stranger:
        await stranger.hello(conversation=conversation)
        assert await stranger.closed() == 4502
    async with Client(server) as impostor:
        await impostor.hello(conversation=conversation, identity=identity("cust-8"))
        assert await impostor.closed() == 4502


async def test_one_shop_never_sees_anothers_conversation(server):
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("hi"))
        token, conversation = client.welcome["token"], client.welcome["conversation"]
    async with Client(server, site="pk_two", origin="https://two.example") as other:
        await other.hello(token=token)
        assert await other.closed() == 4502
    async with Client(server, site="pk_two", origin="https://two.example") as other:
        w = await other.hello(conversation=conversation)
        assert (w["head"], w["recovered"]) == (0, False)


async def test_a_new_conversation_may_have_an_id_made_by_the_client(server):
    async with Client(server) as client:
        w = await client.hello(conversation="my-own-id_1")
        assert w["conversation"] == "my-own-id_1"
        await client.answered(await client.say("hi"))


async def test_the_log_survives_a_clean_restart_with_status_0(tmp_path):
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    shop = write_shop(tmp_path / "shop")
    server = Server(shop, tmp_path / "data", SHOPBELL_MODEL=f"scripted:{script}")
    with server:
        async with Client(server) as client:
            await client.hello()
            await client.answered(await client.say("hi"))
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            assert await client.closed() == 4002
            assert await stopping == 0
        server.start()
        async with Client(server) as later:
            assert (await later.again(client))["recovered"]


async def test_a_second_server_on_the_same_data_directory_is_refused_in_plain_words(server):
    second = Server(server.shops, server.data)
    with pytest.raises(RuntimeError, match="in use by a running Shopbell"):
        second.start()
