"""`shopbell audit` beside a running server and without one."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.e2e.admin.conftest import Desk


@pytest.fixture
def own_desk(tmp_path):
    """A server of a test's own: for tests that change its log, or stop it."""
    made = Desk(tmp_path, "one")
    with made.server:
        yield made


async def chatted(desk, *texts):
    """A conversation in which these were said and answered; its id."""
    async with desk.visitor() as client:
        await client.hello()
        for text in texts:
            await client.answered(await client.say(text))
        return client.welcome["conversation"]


def changed(desk, sql, *values):
    with closing(sqlite3.connect(desk.data / "log.db")) as db, db:
        db.execute(sql, values)


async def test_beside_a_server_that_writes_all_is_whole_and_a_changed_word_is_found_with_its_place(own_desk):
    conversation = await chatted(own_desk, "hello", "hello again")
    out = await own_desk.ran("audit", "verify")
    assert out.startswith("whole: 1 conversations, ")
    assert own_desk.server.stop() == 0
    assert (await own_desk.ran("audit", "verify")) == out
    changed(
        own_desk,
        "UPDATE events SET body = json_set(body, '$.text', 'Take two tents.') WHERE seq ="
        " (SELECT max(seq) FROM events WHERE kind = 'message' AND role = 'agent')",
    )
    for arguments in ([], ["--site", "pk_one"], ["--conversation", conversation]):
        done = own_desk.run("audit", "verify", *arguments)
        assert done.returncode == 1
        assert f"broken: pk_one/{conversation} seq " in done.stdout
        assert "body" in done.stdout
    heads = own_desk.run("audit", "verify", "--heads", own_desk.root / "heads.jsonl")
    assert heads.returncode == 1
    assert not (own_desk.root / "heads.jsonl").exists()


async def test_kept_heads_hold_while_the_log_grows_and_miss_what_is_gone(own_desk):
    first = await chatted(own_desk, "hello")
    heads = own_desk.root / "heads.jsonl"
    assert str(heads) in await own_desk.ran("audit", "verify", "--heads", heads)
    kept = [json.loads(line) for line in heads.read_text().splitlines()]
    assert [line.get("conversation") for line in kept] == [None, f"pk_one/{first}"]
    again = own_desk.run("audit", "verify", "--heads", heads)
    assert (again.returncode, "never overwritten" in again.stderr) == (1, True)
    await chatted(own_desk, "hello")
    assert "all 1 heads hold" in await own_desk.ran("audit", "verify", "--against", heads)
    assert own_desk.server.stop() == 0
    changed(
        own_desk,
        "DELETE FROM events WHERE conversation = (SELECT n FROM conversations WHERE key = ?)",
        f"pk_one/{first}",
    )
    changed(own_desk, "DELETE FROM conversations WHERE key = ?", f"pk_one/{first}")
    assert own_desk.run("audit", "verify").returncode == 0
    missed = own_desk.run("audit", "verify", "--against", heads)
    assert missed.returncode == 1
    assert f"broken: pk_one/{first}: gone" in missed.stdout


async def test_a_file_that_holds_no_heads_is_named_with_its_line(desk):
    await chatted(desk, "hello")
    heads = desk.root / "heads.jsonl"
    await desk.ran("audit", "verify", "--heads", heads)
    for number, text in ((1, "nonsense\n"), (1, ""), (2, heads.read_text().splitlines()[0] + "\n{}\n")):
        (desk.root / "bad").write_text(text)
        done = desk.run("audit", "verify", "--against", desk.root / "bad")
        assert (done.returncode, done.stdout) == (1, "")
        assert f"bad:{number}: expected a line of" in done.stderr


async def test_show_says_who_did_what_and_hides_no_letter(desk):
    conversation = await chatted(desk, "refund 40\u200b", "read\x1b[2J")
    (desk.shops[0] / "go").touch()
    shown = await desk.ran("audit", "show", conversation)
    assert shown.startswith(f"pk_one/{conversation}\n")
    assert "says: refund 40⟨U+200B⟩" in shown
    assert "read⟨U+001B⟩[2J" in shown
    assert "prompt version" in shown
    assert await desk.ran("audit", "show", f"pk_one/{conversation}") == shown
    lines = [json.loads(line) for line in (await desk.ran("audit", "show", conversation, "--json")).splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    for arguments in (
        ["show", "nobody"],
        ["show", conversation, "--site", "pk_two"],
        ["verify", "--conversation", "x"],
    ):
        done = desk.run("audit", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "expected a conversation" in done.stderr


async def test_show_names_tool_arguments_hash_result_and_timing(desk):
    conversation = await chatted(desk, "refund 40")
    shown = await desk.ran("audit", "show", conversation)
    assert 'refund {"order_id":"1042","amount":"40.00"}' in shown
    planned = next(
        line
        for line in map(json.loads, (await desk.ran("audit", "show", conversation, "--json")).splitlines())
        if line["kind"] == "call.planned"
    )
    assert f"arguments {planned['args_sha256']}" in shown
    assert "allowed: 40.00 is not over 50.00" in shown
    assert " succeeded, " in shown
    assert 'result {"amount":"40.00"}' in shown
