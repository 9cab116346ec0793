"""`shopbell switch` against a running server: what runs stops, what must not begin does not, and all of it is remembered."""

import asyncio
import json

import pytest

from tests.e2e.admin.conftest import signed_in

OFF = "I have been switched off for now"


@pytest.fixture(autouse=True)
def _all_on(desk):
    """Each test begins with everything on, and with nothing done."""
    (desk.shops[0] / "effects.txt").unlink(missing_ok=True)
    (desk.shops[0] / "go").unlink(missing_ok=True)
    yield
    (desk.shops[0] / "go").touch()
    desk.all_on()


async def told(client):
    """Wait for the fixed sentence; everything seen so far is in `client.frames` then."""
    event = await client.event(lambda e: e["kind"] == "message" and OFF in e["body"]["text"])
    await client.event(lambda e: e["kind"] == "turn.ended" and e["seq"] > event["seq"])
    return event


async def test_an_answer_in_its_midst_ends_with_a_fixed_sentence_and_not_a_word_more(desk):
    async with desk.visitor() as client:
        await client.hello()
        said = await client.say("talk")
        await client.until(lambda f: f["t"] == "draft" and "word3" in f["text"])
        out = await desk.ran("switch", "off", "--why", "it promised a free tent")
        assert out.startswith("off all sites: the agent, since ")
        assert "it promised a free tent" in out
        assert (await told(client))["role"] == "agent"
        ended = await client.answered(said)
        assert ended["body"]["reason"] == "handed_over"
        # A repeat comes back behind everything that was sent to this line before.
        again = await client.say("are you there?")
        await client.answered(again)
        frames = client.frames
        last = max(n for n, frame in enumerate(frames) if frame["t"] == "draft" and "word" in frame["text"])
        first = min(
            n for n, f in enumerate(frames) if f["t"] == "events" and any(e["seq"] == ended["seq"] for e in f["events"])
        )
        assert last < first
        assert [e["body"]["mode"] for e in client.events.values() if e["kind"] == "mode"] == ["waiting"]
        # It is said once; after that, that a person has been asked.
        assert sum(OFF in text for _, text in client.texts()) == 1
        assert client.texts()[-1][1].startswith("A colleague has been asked already")
        assert not any("word" in text for _, text in client.texts())


async def test_off_survives_a_kill_and_ends_with_on(desk):
    await desk.ran("switch", "off", "--site", "pk_one")
    desk.server.kill()
    desk.server.start()
    assert "pk_one: the agent" in desk.server.stderr.read_text()
    assert "pk_one: the agent" in desk.run("doctor").stdout
    async with desk.visitor() as client:
        await client.hello()
        await client.answered(await client.say("hello"))
        assert next(text for role, text in client.texts() if role == "agent").startswith(OFF)
    assert await desk.ran("switch", "on", "--site", "pk_one") == "nothing is switched off\n"
    async with desk.visitor() as client:
        await client.hello()
        await client.answered(await client.say("hello"))
        assert ("agent", "Good day.") in client.texts()


async def test_one_shop_off_leaves_the_other_alone(desk):
    async with desk.visitor(0) as one, desk.visitor(1) as two:
        await one.hello()
        await two.hello()
        for client in (one, two):
            await client.say("talk")
            await client.until(lambda f: f["t"] == "draft" and "word3" in f["text"])
        await desk.ran("switch", "off", "--site", "pk_one")
        await told(one)
        grown = max(len(f["text"]) + f["at"] for f in two.frames if f["t"] == "draft")
        assert await two.until(lambda f: f["t"] == "draft" and f["at"] + len(f["text"]) > grown + 200)
        assert not any(e["kind"] == "turn.ended" for e in two.events.values())


async def test_a_tool_that_reads_is_cut_off_and_the_answer_goes_on_without_it(desk):
    async with desk.visitor() as client:
        await client.hello()
        said = await client.say("read")
        await client.event(lambda e: e["kind"] == "call.started")
        await desk.ran("switch", "off", "--site", "pk_one", "--tool", "slow_read", "--why", "stuck")
        ended = await client.event(lambda e: e["kind"] == "call.ended")
        assert ended["body"]["ok"] is False
        assert (await client.answered(said))["body"]["reason"] == "answered"
        assert "read done" not in desk.effects()
        # The rest of the agent works, and the tool does not begin again.
        await client.answered(await client.say("hello"))
        assert client.texts()[-1] == ("agent", "Good day.")
        await client.answered(await client.say("read"))
        assert desk.effects().count("read begun") == 1


async def test_an_effect_under_way_is_let_finish_and_written_down(desk):
    async with desk.visitor() as client:
        await client.hello()
        said = await client.say("write")
        await client.event(lambda e: e["kind"] == "call.started")
        await desk.ran("switch", "off")
        (desk.shops[0] / "go").touch()
        ended = await client.event(lambda e: e["kind"] == "call.ended")
        assert ended["body"]["ok"] is True
        assert desk.effects() == ["write begun", "write done"]
        await told(client)
        assert (await client.answered(said))["body"]["reason"] == "handed_over"


@pytest.mark.parametrize("switched", [[], ["--site", "pk_one", "--tool", "refund"]], ids=["agent", "tool"])
async def test_what_is_off_cannot_be_approved_and_waits_until_it_is_on(desk, switched):
    async with desk.visitor() as client:
        customer = await signed_in(client)
        await client.answered(await client.say("refund 62"))
        [approval] = await desk.pending(client)
        await desk.ran("switch", "off", *switched)
        refused = await asyncio.to_thread(desk.run, "approvals", "approve", approval["call"])
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "refund is switched off; turn it on first" in refused.stderr
        # Anything that ran on would show in between these.
        for text in ("one", "two", "three"):
            await client.answered(await client.say(text))
        assert desk.effects(customer) == []
        assert [one["call"] for one in await desk.pending(client)] == [approval["call"]]
        await desk.ran("switch", "on", *switched)
        await desk.ran("approvals", "approve", approval["call"])
        await client.event(lambda e: e["kind"] == "call.ended")
        assert desk.effects(customer) == [f"refund {customer} 1042 62.00"]


async def test_who_switched_what_when_and_why_is_kept(desk):
    await desk.ran("switch", "off", "--tool", "refund", "--why", "audit\u202e")
    await desk.ran("switch", "off", "--site", "pk_one", "--why", "again")
    await desk.ran("switch", "on", "--tool", "refund")
    lines = (await desk.ran("switch", "list", "--history")).splitlines()[-3:]
    assert [line[:4].strip() for line in lines] == ["off", "off", "on"]
    assert "all sites: refund, since " in lines[0]
    assert lines[0].endswith(": audit⟨U+202E⟩")
    listed = (await desk.ran("switch", "list")).splitlines()
    assert len(listed) == 1
    assert "pk_one: the agent" in listed[0]
    [entry] = [json.loads(line) for line in (await desk.ran("switch", "list", "--json")).splitlines()]
    assert (entry["site"], entry["tool"], entry["off"], entry["why"]) == ("pk_one", None, True, "again")
    assert entry["by"]


async def test_a_name_that_is_not_there_is_refused_with_those_that_are(desk):
    for arguments, words in (
        (["off", "--site", "pk_none"], "pk_one, pk_two"),
        (["off", "--tool", "refunds"], "refund, slow_read, slow_write"),
        (["on"], "off: nothing"),
        (["off", "--site", "one"], "pk_one, pk_two"),
    ):
        refused = await asyncio.to_thread(desk.run, "switch", *arguments)
        assert (refused.returncode, refused.stdout) == (1, ""), refused
        assert words in refused.stderr
    assert await desk.ran("switch", "list") == "nothing is switched off\n"


async def test_switched_off_without_a_server_is_off_when_one_starts(desk):
    assert desk.server.stop() == 0
    assert "all sites: the agent" in await desk.ran("switch", "off")
    desk.server.start()
    async with desk.visitor() as client:
        await client.hello()
        await client.answered(await client.say("hello"))
        assert OFF in client.texts()[-1][1]


async def test_two_switches_at_once_are_both_turned(desk):
    await asyncio.gather(
        desk.ran("switch", "off", "--tool", "refund"), desk.ran("switch", "off", "--tool", "slow_read")
    )
    assert len((await desk.ran("switch", "list")).splitlines()) == 2
