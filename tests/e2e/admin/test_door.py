"""The door into a running server: it opens for who can read the data directory, on this machine, and for no page."""

import asyncio
import json
import stat

import pytest

from tests.e2e.admin.conftest import Desk, ask, held
from tests.serving import ROOT


def test_with_the_token_it_opens(desk):
    answer = ask(desk)
    assert (answer.status_code, answer.json()) == (200, {"off": [], "history": []})
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers


def test_only_the_owner_can_read_the_token_and_it_is_nowhere_else(desk):
    file = desk.data / "admin.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = held(desk)["token"]
    assert len(token) >= 43
    others = [path for path in [*desk.data.rglob("*"), desk.server.stderr] if path.is_file() and path != file]
    assert not [path for path in others if token.encode() in path.read_bytes()]


def test_a_wrong_token_is_refused_in_every_shape(desk):
    token = held(desk)["token"]
    for wrong in ("x", token[:-1], token + "x", token.swapcase(), "ü"):
        answer = ask(desk, headers={"Authorization": f"Bearer {wrong}".encode()})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized"), wrong
        assert token not in answer.text
    for headers in ({"Authorization": token}, {"Authorization": f"Basic {token}"}, {"Authorization": ""}):
        assert ask(desk, headers=headers).status_code == 401
    assert ask(desk, path=f"switch/list?token={token}", token="x").status_code == 401


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "http://127.0.0.1:{port}"}, "forbidden_origin"),
        ({"Origin": "null"}, "forbidden_origin"),
        ({"Referer": "http://shop.example/"}, "forbidden_origin"),
        ({"Sec-Fetch-Site": "same-origin"}, "forbidden_origin"),
        ({"Cookie": "a=b"}, "forbidden_origin"),
        ({"Host": "localhost:{port}"}, "forbidden"),
        ({"Host": "evil.example:{port}"}, "forbidden"),
        ({"Host": "127.0.0.1"}, "forbidden"),
        ({"X-Forwarded-For": "127.0.0.1"}, "forbidden"),
        ({"Forwarded": "for=127.0.0.1"}, "forbidden"),
        ({"Via": "1.1 proxy"}, "forbidden"),
    ],
)
def test_no_page_no_other_name_and_no_proxy_comes_in_even_with_the_token(desk, headers, code):
    given = {name: value.format(port=held(desk)["port"]) for name, value in headers.items()}
    answer = ask(desk, headers=given)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)


def test_a_browsers_preflight_gets_no_leave(desk):
    answer = ask(desk, method="OPTIONS", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_on_the_public_port_there_is_no_such_page(desk):
    answer = ask(desk, port=desk.server.port, headers={"Host": f"127.0.0.1:{held(desk)['port']}"})
    assert answer.status_code == 404


def test_what_is_no_command_or_does_not_fit_is_said(desk):
    for path, body, status in (
        ("switch/nothing", "{}", 404),
        ("switch/list", "no json", 400),
        ("switch/list", '{"more": 1}', 400),
        ("switch/turn", '{"site": "pk_one", "off": "yes", "by": "x"}', 400),
        ("switch/turn", '{"site": "pk_none", "off": true, "by": "x"}', 409),
        ("approvals/show", '{"call": "call:none"}', 409),
    ):
        answer = ask(desk, path=path, body=body)
        assert answer.status_code == status, (path, body, answer.text)
        assert answer.json()["error"]["message"]
    assert ask(desk, method="GET").status_code == 405


def test_a_directory_without_a_server_or_without_anything_is_said(desk, tmp_path):
    missing = desk.run("switch", "list", data=tmp_path / "nowhere")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "there is no data directory" in missing.stderr
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "empty").mkdir()
    assert desk.run("switch", "list", data=tmp_path / "empty").stdout == "nothing is switched off\n"


async def test_the_pass_ends_with_its_server_and_one_left_by_a_killed_server_is_not_trusted(tmp_path):
    desk = Desk(tmp_path, "one")
    with desk.server:
        first = held(desk)
        desk.server.kill()
        assert held(desk) == first
        heard = []

        async def thief(reader, writer):
            heard.append(await reader.read(4096))
            writer.close()

        # Another program has taken the dead server's port by now.
        async with await asyncio.start_server(thief, "127.0.0.1", first["port"]):
            assert await desk.ran("switch", "list") == "nothing is switched off\n"
            desk.server.start()
            assert held(desk)["token"] != first["token"]
            assert await desk.ran("switch", "off") != ""
        assert heard == []
        assert desk.server.stop() == 0
        assert not (desk.data / "admin.json").exists()
        desk.server.start()


async def test_a_server_that_is_not_ready_yet_is_said_to_be_starting(tmp_path):
    desk = Desk(tmp_path, "one")
    desk.data.mkdir()
    # Somebody owns the directory and has left no pass: a server that starts, or a command at work.
    code = (
        "import sys; from pathlib import Path; from server.stores.owner import Owner;"
        " owner = Owner(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    process = await asyncio.create_subprocess_exec(
        *desk.command()[0][:1], "-c", code, str(desk.data), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )  # fmt: skip
    assert await process.stdout.readline() == b"held\n"
    heard = []

    async def thief(reader, writer):
        heard.append(await reader.read(4096))
        writer.close()

    async with await asyncio.start_server(thief, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        for stale in (None, {"port": port, "token": "x" * 43, "pid": process.pid + 1}, {"port": port}):
            if stale is not None:
                (desk.data / "admin.json").write_text(json.dumps(stale))
            refused = await asyncio.to_thread(desk.run, "switch", "off")
            assert (refused.returncode, refused.stdout) == (1, "")
            assert f"process {process.pid}" in refused.stderr
            assert "is it starting?" in refused.stderr
    assert heard == []
    process.stdin.close()
    await process.wait()
