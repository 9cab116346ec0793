"""CONTRACT §1 and §4: what a log's life is like: a crash in mid-answer, a backup, a restore, a second process."""

import asyncio
import json

import pytest

from tests.e2e.contract.test_commands import shopbell
from tests.serving import Client, Server, write_shop

SCRIPT = {
    "rules": [
        {"match": "long", "tokens": 100, "interval_ms": 20},
        {"match": ".", "steps": [{"text": "Answer."}]},
    ]
}


@pytest.fixture
def server(tmp_path):
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    shop = write_shop(tmp_path / "shop")
    with Server(shop, tmp_path / "data", SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


async def test_a_server_killed_in_mid_answer_finishes_it_after_the_restart(server):
    async with Client(server) as client:
        await client.hello()
        said = await client.say("something long")
        await client.until(lambda f: f["t"] == "draft")
        server.kill()
        await client.closed()
    server.start()
    async with Client(server) as one, Client(server) as two:
        assert (await one.again(client))["recovered"]
        assert (await two.again(client))["recovered"]
        for tab in (one, two):
            ended = await tab.answered(said)
            assert ended["body"] == {"reason": "answered", "answers": [said]}
        assert one.events == two.events
        assert [e["body"]["attempt"] for _, e in sorted(one.events.items()) if e["kind"] == "turn.started"] == [1, 2]
        assert len([role for role, _ in one.texts() if role == "agent"]) == 1


async def test_a_restored_log_has_a_new_epoch_and_what_was_said_before_the_backup(server, tmp_path):
    file = tmp_path / "copies" / "log.backup"
    file.parent.mkdir()
    async with Client(server) as client:
        w = await client.hello()
        await client.answered(await client.say("before the backup"))
        assert shopbell("backup", "--data", server.data, file).returncode == 0
        again = shopbell("backup", "--data", server.data, file)
        assert again.returncode == 1
        assert "exists" in again.stderr
        kept = dict(client.events)
        await client.answered(await client.say("after the backup"))
        refused = shopbell("restore", "--data", server.data, file)
        assert refused.returncode == 1
        assert "in use" in refused.stderr
        stopping = asyncio.create_task(asyncio.to_thread(server.stop))
        assert await client.closed() == 4002
        assert await stopping == 0
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"no backup at all" * 100)
    wrong = shopbell("restore", "--data", server.data, damaged)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Traceback" not in wrong.stderr
    restored = shopbell("restore", "--data", server.data, file)
    assert restored.returncode == 0, restored.stderr
    server.start()
    async with Client(server) as later:
        fields = {"token": w["token"], "conversation": w["conversation"], "epoch": w["epoch"], "after": client.upto}
        v = await later.hello(**fields)
        assert v["epoch"] != w["epoch"]
        assert v["recovered"] is False
        assert v["head"] == max(kept)
        await later.until(lambda f: f["t"] == "events" and f["upto"] >= max(kept))
        assert later.events == kept
        # The cursor of before the restore is valid as a number, and still not for this log.
        async with Client(server) as third:
            assert (await third.hello(**fields | {"after": 1}))["recovered"] is False
        await later.answered(await later.say("after the backup"))


async def test_a_backup_goes_to_a_new_directory_too(server, tmp_path):
    file = tmp_path / "log.backup"
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("hi"))
    assert shopbell("backup", "--data", server.data, file).returncode == 0
    assert shopbell("restore", "--data", tmp_path / "fresh", file).returncode == 0
    nothing = shopbell("backup", "--data", tmp_path / "nothing", tmp_path / "b2")
    assert nothing.returncode == 1
    assert not (tmp_path / "b2").exists()
