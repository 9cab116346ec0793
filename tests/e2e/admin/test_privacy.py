"""`shopbell export` and `erase` on the data of a running server, and without one: all of it, only it, and for good."""

import asyncio
import contextlib
import json

import pytest

from server.files import Files, Kept, digest
from tests.e2e.admin.conftest import Desk, signed_in
from tests.e2e.contract.talk import identity

SECRET_WORDS = "my cat is called Wilhelmina"


def attach(desk, client, content=b"a picture"):
    """A file of this conversation, as an upload leaves it."""
    kept = Kept("f1", "cat.png", "image/png", len(content), digest(content), 1, "customer", 2, 2)
    Files(desk.data).keep(f"{client.site}/{client.welcome['conversation']}", kept, content)


@contextlib.asynccontextmanager
async def talked(desk, shop=0, **hello):
    """A customer who has said something and stays."""
    async with desk.visitor(shop) as client:
        await client.hello(**hello)
        await client.answered(await client.say(SECRET_WORDS))
        yield client


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


async def run(desk, *arguments):
    return await asyncio.to_thread(desk.run, *arguments)


async def test_an_export_holds_every_event_of_the_conversation_and_its_attachments(desk, tmp_path):
    async with talked(desk) as client:
        attach(desk, client)
        conversation = client.welcome["conversation"]
        done = await run(
            desk, "export", "--site", "pk_one", "--conversation", conversation, "--files", tmp_path / "out"
        )
    found = lines(done)
    events = [line for line in found if "kind" in line]
    assert done.returncode == 0
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {seq: e["id"] for seq, e in client.events.items()}.items() <= {e["seq"]: e["id"] for e in events}.items()
    assert any(event["body"].get("text") == SECRET_WORDS for event in events)
    assert found[-1] == {
        "conversation": conversation,
        "file": {
            "id": "f1",
            "name": "cat.png",
            "type": "image/png",
            "bytes": 9,
            "width": 2,
            "height": 2,
            "sha256": digest(b"a picture"),
            "at_ms": 1,
        },
    }
    assert (tmp_path / "out" / "f1-cat.png").read_bytes() == b"a picture"


async def test_an_erased_conversation_is_gone_from_the_disk_and_lets_its_viewers_go(desk):
    async with talked(desk) as client, talked(desk) as other:
        attach(desk, client)
        done = await run(
            desk, "erase", "--site", "pk_one", "--conversation", conversation := client.welcome["conversation"]
        )
        assert (done.returncode, done.stdout.split()) == (0, [conversation])
        assert "1 attachments" in done.stderr
        assert await client.closed() == 4503
        assert client.frames[-1]["code"] == "erased"
        await other.answered(await other.say("still here?"))
    async with desk.visitor() as again:
        assert await again.again(client) is None
        assert (again.close_code, again.frames[-1]["code"]) == (4503, "erased")
    exported = lines(await run(desk, "export", "--site", "pk_one", "--conversation", conversation))
    assert exported
    assert all(line["body"] == {} for line in exported)
    assert (await run(desk, "erase", "--site", "pk_one", "--conversation", conversation)).returncode == 1
    assert (await run(desk, "audit", "verify")).returncode == 0


async def test_an_erased_conversation_with_calls_says_so_to_whoever_comes_back(desk):
    async with desk.visitor() as client:
        await signed_in(client)
        for text in ("refund 40", "refund 62"):
            await client.answered(await client.say(text))
        conversation = client.welcome["conversation"]
        erased = await run(desk, "erase", "--site", "pk_one", "--conversation", conversation)
        assert (erased.returncode, await client.closed()) == (0, 4503)
    assert await desk.pending(client) == []
    async with desk.visitor() as again:
        assert await again.again(client) is None
        assert (again.close_code, again.frames[-1]["code"]) == (4503, "erased")


async def test_a_customer_is_erased_whole_and_nobody_else(desk):
    first = desk.visitor()
    async with first:
        customer = await signed_in(first)
        await first.answered(await first.say("one"))
    async with (
        talked(desk, identity=identity(customer, site="pk_one", email="c@example.com")) as second,
        talked(desk, shop=1, identity=identity(customer, site="pk_two", email="c@example.com")) as elsewhere,
        talked(desk) as other,
    ):
        exported = lines(await run(desk, "export", "--site", "pk_one", "--customer", customer))
        theirs = {first.welcome["conversation"], second.welcome["conversation"]}
        assert {line["conversation"] for line in exported} == theirs
        done = await run(desk, "erase", "--site", "pk_one", "--customer", customer)
        assert set(done.stdout.split()) == theirs
        assert await second.closed() == 4503
        assert (await run(desk, "export", "--site", "pk_one", "--customer", customer)).returncode == 1
        for spared in (other, elsewhere):
            await spared.answered(await spared.say("still here?"))


async def test_an_answer_that_is_being_written_ends_with_the_conversation(desk):
    async with desk.visitor() as client:
        await client.hello()
        await client.say("talk")
        await client.until(lambda frame: frame["t"] == "draft")
        conversation = client.welcome["conversation"]
        await run(desk, "erase", "--site", "pk_one", "--conversation", conversation)
        assert await client.closed() == 4503
    exported = lines(await run(desk, "export", "--site", "pk_one", "--conversation", conversation))
    assert all(line["body"] == {} for line in exported)


async def test_without_a_server_and_without_shops_it_works_as_well(tmp_path):
    desk = Desk(tmp_path, "one")
    with desk.server:
        async with talked(desk) as client:
            attach(desk, client)
        assert desk.server.stop() == 0
    conversation = client.welcome["conversation"]
    done = desk.run("erase", "--site", "pk_one", "--conversation", conversation)
    assert (done.returncode, done.stdout.split()) == (0, [conversation])
    kept = [file for file in desk.data.rglob("*") if file.is_file() and file.suffix != ".stderr"]
    assert not [file for file in kept if SECRET_WORDS.encode() in file.read_bytes()]
    assert not list((desk.data / "files").rglob("*.*"))


@pytest.mark.parametrize("which", [(), ("--conversation", "c", "--customer", "x")])
@pytest.mark.parametrize("command", ["export", "erase"])
def test_what_is_meant_must_be_said(desk, command, which):
    done = desk.run(command, "--site", "pk_one", *which)
    assert done.returncode == 2
    assert "either --conversation ID or --customer ID" in done.stderr


async def test_another_sites_conversation_is_not_there(desk):
    async with talked(desk) as client:
        conversation = client.welcome["conversation"]
        assert (await run(desk, "export", "--site", "pk_two", "--conversation", conversation)).returncode == 1
        assert (await run(desk, "erase", "--site", "pk_two", "--conversation", conversation)).returncode == 1
        await client.answered(await client.say("still here?"))
