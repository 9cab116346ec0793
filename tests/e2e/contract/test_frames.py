"""CONTRACT §4 to the letter, at its edges, against a running `shopbell serve` with a scripted model."""

import asyncio
import json

import pytest

from tests.e2e.contract.talk import closing, error_of, identity, signed
from tests.serving import Client, Server, write_shop

SCRIPT = {
    "rules": [
        {"match": "long", "tokens": 200, "interval_ms": 5},
        {"match": "hang", "steps": [{"text": "Well, "}, {"hang": True}]},
        {"match": ".", "steps": [{"text": "Answer."}]},
    ]
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("frames")
    script = root / "script.json"
    script.write_text(json.dumps(SCRIPT))
    shops = [
        write_shop(root / "one"),
        write_shop(root / "b", key="pk_b", name="B", origins=["https://b.example"]),
        write_shop(root / "slow", key="pk_slow", site={"limits": {"messages_per_minute": 30}}),
    ]
    with Server(shops, root / "data", SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


# Form


async def test_welcome_has_exactly_the_fields_of_the_contract_and_events_reach_its_head(server):
    async with Client(server) as client:
        w = await client.hello(locale="de", page={"url": "https://shop.example/x", "title": "X"})
        assert set(w) == {"t", "v", "conversation", "token", "epoch", "head", "recovered", "site"}
        assert set(w["site"]) == {"name", "greeting", "theme", "locale", "reasoning"}
        assert (w["v"], w["head"], w["recovered"]) == (1, 0, False)
        assert ":" in w["conversation"]
        frame = await client.until(lambda f: f["t"] == "events")
        assert frame == {"t": "events", "events": [], "upto": 0}
        assert client.frames[0]["t"] == "welcome"


async def test_events_have_the_fields_and_kinds_that_a_customer_may_see(server):
    async with Client(server) as client:
        await client.hello()
        said = await client.say("hi")
        await client.answered(said)
        events = [client.events[seq] for seq in sorted(client.events)]
        for event in events:
            assert set(event) - {"turn"} == {"seq", "id", "at_ms", "kind", "role", "body"}
            assert event["role"] in ("customer", "agent", "staff", "system")
        assert [e["kind"] for e in events] == ["message", "turn.started", "message", "turn.ended"]
        assert events[0]["body"] == {"text": "hi"}
        assert events[0]["id"] == said
        assert events[1]["body"] == {"attempt": 1}
        assert all(":" in e["id"] for e in events[1:])
        assert events[3]["body"] == {"reason": "answered", "answers": [said]}
        drafts = [f for f in client.frames if f["t"] == "draft"]
        assert drafts
        assert all(set(d) == {"t", "turn", "base", "part", "at", "text"} for d in drafts)
        assert {d["turn"] for d in drafts} == {events[1]["turn"]} == {e["turn"] for e in events[1:]}


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "7",
        '"hello"',
        "[[]]",
        "[1]",
        "{}",
        '{"t": 7}',
        '{"t": "nothing"}',
        '{"t": "say", "id": "m1", "text": ""}',
        '{"t": "say", "id": "m1", "text": 5}',
        '{"t": "say", "id": "m1", "text": null}',
        '{"t": "say", "id": "m1"}',
        '{"t": "say", "text": "hi"}',
        '{"t": "say", "id": "", "text": "hi"}',
        '{"t": "say", "id": 5, "text": "hi"}',
        '{"t": "say", "id": "a:b", "text": "hi"}',
        '{"t": "say", "id": "a b", "text": "hi"}',
        '{"t": "say", "id": "ok\\n", "text": "hi"}',
        '{"t": "say", "id": "é", "text": "hi"}',
        json.dumps({"t": "say", "id": "x" * 65, "text": "hi"}),
        '{"t": "say", "id": "m1", "text": "\\ud800"}',
        '{"t": "seen", "seq": NaN}',
        '{"t": "seen", "seq": -1}',
        '{"t": "seen", "seq": 1.5}',
        '{"t": "seen", "seq": "1"}',
        '{"t": "seen"}',
        '{"t": "decide", "call": "call:x", "approve": "yes"}',
        '{"t": "decide", "call": "call:x"}',
        '{"t": "stop"}',
        '{"t": "human"}',
        '{"t": "human", "id": "a:b"}',
        '{"t": "rate", "id": "r", "score": 0}',
        '{"t": "rate", "id": "r", "score": 6}',
        '{"t": "rate", "id": "r", "score": -1}',
        '{"t": "rate", "id": "r", "score": true}',
        '{"t": "rate", "id": "r", "of": "e:1", "score": 2}',
        '{"t": "rate", "id": "r", "of": "e:1", "score": 1.0}',
        '{"t": "identify"}',
        '{"t": "hello", "v": 1, "site": "pk_test"}',
        "[" * 30_000,
        b"\x00\x01",
    ],
)
async def test_a_frame_of_another_form_is_bad_frame_and_4500(server, frame):
    async with Client(server) as client:
        await client.hello()
        await client.send(frame)
        assert (await error_of(client))["code"] == "bad_frame"
        assert await client.closed() == 4500


@pytest.mark.parametrize(
    "fields",
    [
        {"v": "1"},
        {"v": None},
        {"after": -1},
        {"after": 1.5},
        {"after": "0"},
        {"site": 5},
        {"token": 5},
        {"conversation": "a b"},
        {"conversation": ""},
        {"conversation": "x" * 65},
        {"page": "https://shop.example"},
        {"locale": 5},
        {"identity": 5},
    ],
)
async def test_a_hello_with_a_field_of_the_wrong_type_is_bad_frame_and_4500(server, fields):
    assert await closing(server, {"t": "hello", "v": 1, "site": "pk_test", **fields}) == ("bad_frame", 4500)


@pytest.mark.parametrize("rest", [{}, {"site": "pk_test"}, {"site": {"key": "pk_test"}, "after": "x"}])
@pytest.mark.parametrize("version", [0, 2])
async def test_a_hello_of_another_version_is_told_so_whatever_else_it_says(server, version, rest):
    assert await closing(server, {"t": "hello", "v": version, **rest}) == ("bad_frame", 4501)


async def test_ids_and_texts_at_their_limits_are_taken(server):
    async with Client(server) as client:
        await client.hello(conversation="c" * 64)
        assert client.welcome["conversation"] == "c" * 64
        texts = ["x", "😀" * 4_000, " ", "a\u0000b", "\u202e", "</script>"]
        for n, text in enumerate(texts):
            said = await client.say(text, said=f"{n}".rjust(64, "-"))
            await client.answered(said)
        assert [t for role, t in client.texts() if role == "customer"] == texts


async def test_a_hello_may_carry_nulls_unknown_fields_and_a_very_long_page_address(server):
    async with Client(server) as client:
        fields = dict.fromkeys(("token", "identity", "conversation", "epoch", "locale", "page"))
        await client.hello(**fields, more={"x": 1})
        assert client.welcome["head"] == 0
    async with Client(server) as client:
        # Addresses with everything that advertisers hang on them are longer than a screen; the chat still opens.
        page = {"url": "https://shop.example/?" + "q" * 9_000, "title": "T" * 2_000}
        assert await client.hello(page=page) is not None
        await client.answered(await client.say("hi"))


async def test_an_empty_array_and_frames_without_effect_are_quiet(server):
    async with Client(server) as client:
        await client.hello()
        await client.send("[]", [{"t": "typing"}, {"t": "seen", "seq": 10**9}, {"t": "pong"}])
        await client.send({"t": "stop", "turn": "t:none"}, {"t": "stop", "turn": "anything"})
        await client.answered(await client.say("hi"))
        assert [f for f in client.frames if f["t"] == "error"] == []


# Arrays and pipelining


async def test_an_array_may_hold_as_many_frames_as_fit_into_64_kib(server):
    async with Client(server) as client:
        says = [{"t": "say", "id": f"m{n}", "text": "hi"} for n in range(100)]
        await client.send([{"t": "hello", "v": 1, "site": "pk_test"}, *says, {"t": "say", "id": "last", "text": "z"}])
        await client.answered("last")
        assert [e["id"] for _, e in sorted(client.events.items()) if e["role"] == "customer"] == [
            *(f"m{n}" for n in range(100)),
            "last",
        ]


async def test_every_frame_of_a_long_array_gets_its_own_error(server):
    async with Client(server) as client:
        await client.hello()
        await client.send([{"t": "rate", "id": f"r{n}", "of": "e:none", "score": 1} for n in range(150)])
        await client.answered(await client.say("hi"))
        assert [f["id"] for f in client.frames if f["t"] == "error"] == [f"r{n}" for n in range(150)]


async def test_the_frames_before_a_bad_one_in_the_same_array_are_processed(server):
    async with Client(server) as client:
        say = {"t": "say", "id": "m1", "text": "hi"}
        await client.send([{"t": "hello", "v": 1, "site": "pk_test"}, say, {"t": "nonsense"}])
        assert await client.closed() == 4500
        assert client.frames[-1]["code"] == "bad_frame"
    async with Client(server) as later:
        w = client.welcome
        await later.hello(token=w["token"], conversation=w["conversation"], after=0, epoch=w["epoch"])
        await later.answered("m1")


async def test_a_message_that_is_too_long_does_not_swallow_its_neighbours_in_an_array(server):
    async with Client(server) as client:
        says = [
            {"t": "say", "id": "m1", "text": "one"},
            {"t": "say", "id": "big", "text": "x" * 4_001},
            {"t": "say", "id": "m2", "text": "two"},
        ]
        await client.send([{"t": "hello", "v": 1, "site": "pk_test"}, *says])
        error = await error_of(client)
        assert (error["code"], error["id"]) == ("too_large", "big")
        await client.answered("m2")
        assert [t for role, t in client.texts() if role == "customer"] == ["one", "two"]


async def test_frames_that_arrived_before_a_close_are_processed(server):
    hello = {"t": "hello", "v": 1, "site": "pk_test", "identity": identity("closes")}
    says = [{"t": "say", "id": f"m{n}", "text": f"message {n}"} for n in range(30)]
    client = await Client(server).open()
    await client.send({**hello, "conversation": "closes"}, *says)
    await client.close()
    async with Client(server) as later:
        await later.send({**hello, "conversation": "closes"})
        await later.event(lambda e: e["id"] == "m29")
        said = [e["id"] for _, e in sorted(later.events.items()) if e["role"] == "customer"]
        assert said == [say["id"] for say in says]


async def test_a_frame_of_exactly_64_kib_is_taken_and_one_byte_more_is_1009(server):
    async with Client(server) as client:
        await client.hello()
        frame = json.dumps({"t": "typing"})
        await client.send(frame + " " * (65_536 - len(frame)))
        await client.answered(await client.say("hi"))
        await client.send(frame + " " * (65_537 - len(frame)))
        assert await client.closed() == 1009


# Recovery


async def test_a_token_opens_its_conversation_without_naming_it(server):
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("hi"))
        w = client.welcome
    async with Client(server) as later:
        again = await later.hello(token=w["token"], after=client.upto, epoch=w["epoch"])
        assert (again["conversation"], again["recovered"]) == (w["conversation"], True)


async def test_a_visitor_who_said_nothing_yet_recovers_too(server):
    async with Client(server) as client:
        w = await client.hello()
        await client.until(lambda f: f["t"] == "events")
    async with Client(server) as later:
        again = await later.again(client)
        assert (again["conversation"], again["head"], again["recovered"]) == (w["conversation"], 0, True)


async def test_a_customer_whose_identity_opens_the_conversation_recovers_without_a_token(server):
    async with Client(server) as client:
        await client.hello(identity=identity("rec-1"))
        await client.answered(await client.say("hi"))
        w = client.welcome
    async with Client(server) as later:
        fields = {"conversation": w["conversation"], "after": client.upto, "epoch": w["epoch"]}
        again = await later.hello(identity=identity("rec-1"), **fields)
        assert again["recovered"] is True
        assert again["head"] == client.upto


async def test_recovery_from_every_cursor_gives_exactly_the_rest(server):
    async with Client(server) as client:
        await client.hello()
        for _ in range(2):
            await client.answered(await client.say("hi"))
        head = client.upto
    w = client.welcome
    known = {"token": w["token"], "conversation": w["conversation"], "epoch": w["epoch"]}
    for after in range(head + 2):
        async with Client(server) as later:
            again = await later.hello(**known, after=after)
            await later.until(lambda f: f["t"] == "events" and f["upto"] >= head)
            assert again["recovered"] is (after <= head)
            first = after if after <= head else 0
            assert later.events == {seq: e for seq, e in client.events.items() if seq > first}


async def test_an_unknown_conversation_with_the_servers_kind_of_id_is_not_taken_over_from_a_client(server):
    async with Client(server) as client:
        w = await client.hello(conversation="c:made-by-a-client")
        assert w is None or (w["conversation"] != "c:made-by-a-client" and w["head"] == 0 and not w["recovered"])


# Tokens and identity


async def test_tokens_that_are_bad_in_any_way_are_bad_token_and_4502(server):
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("hi"))
        token, conversation = client.welcome["token"], client.welcome["conversation"]
    hello = {"t": "hello", "v": 1, "site": "pk_test"}
    for bad in ("", "x", token[:-2], token + "x", token.upper(), f" {token}"):
        assert await closing(server, {**hello, "token": bad}) == ("bad_token", 4502), bad
    assert await closing(server, {**hello, "token": token, "conversation": "other"}) == ("bad_token", 4502)
    assert await closing(server, {**hello, "conversation": conversation}) == ("bad_token", 4502)
    b = {**hello, "site": "pk_b", "token": token}
    assert await closing(server, b, site_origin="https://b.example") == ("bad_token", 4502)
    assert await closing(server, b) == ("forbidden_origin", 4502)


@pytest.mark.parametrize("as_text", [True, False])
async def test_the_hex_hmac_of_a_theme_signs_in(server, as_text):
    async with Client(server) as client:
        await client.hello(identity=signed("hmac-1", "h@example.com", as_text=as_text))
        await client.answered(await client.say("hi"))
        await client.send({"t": "identify", "identity": signed("hmac-1", "h@example.com", as_text=as_text)})
        assert await client.until(lambda f: f["t"] == "token")


@pytest.mark.parametrize(
    "bad",
    [
        signed("a", "b", ago_s=3_700),
        signed("a", "b", ago_s=-600),
        signed("a", "b", secret="x" * 40),
        signed("a", "b") | {"customer": "z"},
        signed("a", "b") | {"email": "z"},
        signed("", "b"),
        identity("a", ttl_s=-1),
        identity("a", ttl_s=7_200),
        identity("a", site="pk_b"),
        identity("a", secret="x" * 40),
        identity("", ttl_s=60),
    ],
)
async def test_an_identity_that_is_not_good_is_bad_token_and_4502(server, bad):
    hello = {"t": "hello", "v": 1, "site": "pk_test"}
    assert await closing(server, {**hello, "identity": bad}) == ("bad_token", 4502)


async def test_an_identity_for_exactly_one_hour_is_taken(server):
    async with Client(server) as client:
        assert await client.hello(identity=identity("hour", ttl_s=3_600))


# Turns


async def test_stop_with_the_turn_of_yesterday_changes_nothing(server):
    async with Client(server) as client:
        await client.hello()
        first = await client.answered(await client.say("hi"))
        said = await client.say("long please")
        await client.until(lambda f: f["t"] == "draft" and f["turn"] != first["turn"])
        await client.send({"t": "stop", "turn": first["turn"]})
        assert (await client.answered(said))["body"]["reason"] == "answered"


async def test_two_tabs_get_the_same_bytes_live_and_later(server):
    async with Client(server) as one, Client(server) as two:
        await one.hello()
        await one.answered(await one.say("hi"))
        await two.again(one)
        await asyncio.gather(*(tab.say(f"from tab {n}", said=f"tab{n}") for n, tab in enumerate((one, two))))
        for tab in (one, two):
            for n in range(2):
                await tab.answered(f"tab{n}")
        async with Client(server) as later:
            w = one.welcome
            await later.hello(token=w["token"], conversation=w["conversation"])
            await later.until(lambda f: f["t"] == "events" and f["upto"] >= later.welcome["head"])
            live, late = (json.dumps(sorted(c.events.items())) for c in (one, later))
            assert live == late
        answers = [a for e in one.events.values() if e["kind"] == "turn.ended" for a in e["body"]["answers"]]
        assert sorted(answers) == sorted(set(answers))


async def test_a_burst_of_twice_the_rate_is_answered_and_far_over_it_is_4003(server):
    async with Client(server, site="pk_slow") as client:
        await client.hello()
        await client.send([{"t": "say", "id": f"m{n}", "text": "hi"} for n in range(60)])
        await client.answered("m59")
        await client.send([{"t": "say", "id": f"n{n}", "text": "hi"} for n in range(120)])
        error = await error_of(client)
        assert error["code"] == "too_fast"
        assert error["retry_after_s"] > 0
        assert await client.closed() == 4003


async def test_a_rating_of_the_whole_conversation_may_come_with_words(server):
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("hi"))
        for n, score in enumerate((1, 5)):
            await client.send({"t": "rate", "id": f"r{n}", "score": score, "text": "well"})
            rated = await client.event(lambda e, n=n: e["id"] == f"r{n}")
            assert rated["body"] == {"score": score, "text": "well"}


async def test_a_human_may_be_asked_for_before_anything_was_said(server):
    async with Client(server) as client:
        await client.send([{"t": "hello", "v": 1, "site": "pk_test"}, {"t": "human", "id": "h1"}])
        mode = await client.event(lambda e: e["kind"] == "mode")
        assert (mode["id"], mode["role"], mode["body"]["mode"]) == ("h1", "customer", "waiting")
        ended = await client.answered(await client.say("and how do I return this?"))
        assert ended["body"]["reason"] in ("answered", "waiting")


async def test_logging_out_as_a_guest_starts_anew_on_the_same_line(server):
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("hi"))
        first = client.welcome
        await client.send({"t": "logout"})
        second = await client.until(lambda f: f["t"] == "welcome")
        assert (second["head"], second["recovered"]) == (0, False)
        assert second["conversation"] != first["conversation"]
