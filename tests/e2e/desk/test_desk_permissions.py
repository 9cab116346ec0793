"""Who may do what at the desk: of another shop's conversation a colleague gets nothing, not even that it exists."""

import httpx
import pytest

from server.desk import frames
from tests.e2e.desk.colleague import Colleague, add_staff_by_command
from tests.serving import Client, Server, write_shop

SHA = "0" * 64
FRAMES = {
    "watch": {"after": 0},
    "unwatch": {},
    "take": {"force": True},
    "reply": {"id": "x", "text": "hello"},
    "note": {"id": "x", "text": "hello"},
    "decide": {"call": "call:1", "approve": True, "args_sha256": SHA},
    "release": {"to": "closed"},
    "assign": {"to": "s:x"},
    "typing": {},
    "seen": {"seq": 1},
    "approval": {"call": "call:1"},
    "card": {},
    "suggest": {"id": "x"},
    "tag": {"tag": "x", "on": True},
    "snooze": {},
    "block": {"on": True},
    "transcript": {"id": "x"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("permissions")
    one = write_shop(place / "one", key="pk_one")
    two = write_shop(place / "two", key="pk_two", origins=("https://two.example",))
    add_staff_by_command(place / "data", "ada@example.com", "--role", "admin")
    add_staff_by_command(place / "data", "bob@example.com", "--site", "pk_one")
    with Server([one, two], place / "data", SHOPBELL_MODEL="offline") as running:
        yield running


@pytest.fixture
async def colleagues(server):
    made = [Colleague(server, f"{name}@example.com") for name in ("ada", "bob")]
    for one in made:
        one.sign_in()
        await one.open()
        await one.send("list", queue="all")
    yield made
    for one in made:
        await one.close()


async def answers(one, **named):
    """What each frame about this conversation is answered with, until a search of ours has come back."""
    before = len(one.frames)
    for frame, fields in FRAMES.items():
        await one.send(frame, **fields, **named)
    mark = f"mark {before}"
    await one.send("search", query=mark)
    await one.until(lambda: any(f["t"] == "found" and f["query"] == mark for f in one.frames))
    came = [dict(f) for f in one.frames[before:] if f["t"] not in ("found", "rows", "people", "ping")]
    for frame in came:
        frame.pop("conversation", None)
    return came


def test_the_frames_that_are_tried_are_all_there_are():
    known = {kind.model_fields["t"].annotation.__args__[0] for kind in frames.DeskFrame.__args__}
    assert known - {"hello", "list", "search", "pong"} == set(FRAMES)


async def test_of_another_shops_conversation_nobody_learns_that_it_is_there_nor_does_anything_to_it(server, colleagues):
    ada, bob = colleagues
    async with Client(server, site="pk_two", origin="https://two.example") as customer:
        await customer.hello()
        await customer.answered(await customer.say("zanzibar"))
        chat = customer.welcome["conversation"]
        await ada.until(lambda: chat in ada.rows)
        for named in ({"site": "pk_two"}, {}):
            theirs = await answers(bob, conversation=chat, **named)
            nobodys = await answers(bob, conversation="c:nothing-like-it", **named)
            assert theirs == nobodys
            assert {frame["t"] for frame in theirs} == {"error"}
            assert len(theirs) == len(FRAMES)
        await bob.send("list", queue="all", site="pk_two")
        await bob.send("search", query="zanzibar")
        await bob.until(lambda: any(f["t"] == "found" and f["query"] == "zanzibar" for f in bob.frames))
        assert [f["rows"] for f in bob.frames if f["t"] == "queue"] == [[], []]
        assert [f["rows"] for f in bob.frames if f["t"] == "found" and f["query"] == "zanzibar"] == [[]]
        assert chat not in str([f for f in bob.frames if f["t"] in ("rows", "queue", "events", "draft", "customer")])
        await ada.send("watch", conversation=chat, after=0)
        await ada.until(lambda: "turn.ended" in ada.kinds(chat))
        assert {e["role"] for e in ada.log(chat)} <= {"customer", "agent", "system"}


async def test_its_attachments_are_not_there_either(server, colleagues):
    _, bob = colleagues
    async with Client(server, site="pk_two", origin="https://two.example") as customer:
        await customer.hello()
        await customer.answered(await customer.say("hello"))
        chat = customer.welcome["conversation"]
        headers = {"Origin": server.url}
        async with httpx.AsyncClient(base_url=server.url, cookies=dict(bob.http.cookies), headers=headers) as web:
            for site in ("pk_one", "pk_two"):
                for named in (chat, "c:nothing-like-it"):
                    path = f"/desk/files/{site}/{named}"
                    got = [await web.get(f"{path}/f1"), await web.post(path, content=b"%PDF-1.4 %%EOF")]
                    assert [answer.status_code for answer in got] == [404, 404]
                    assert len({answer.text for answer in got}) == 1


async def test_a_conversation_that_is_not_there_is_not_made_by_a_mark_on_it(server, colleagues):
    ada, _ = colleagues
    await answers(ada, conversation="made-up", site="pk_one")
    await ada.send("list", queue="all", site="pk_one")
    await ada.until(lambda: len([f for f in ada.frames if f["t"] == "queue"]) == 2)
    assert [f["rows"] for f in ada.frames if f["t"] == "queue"][-1] == []
