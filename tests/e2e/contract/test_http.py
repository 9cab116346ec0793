"""CONTRACT §5 to the letter, against a running `shopbell serve`: health, widget, REST and its errors."""

import json
import re
import subprocess
import sys

import httpx
import pytest

from tests.serving import ROOT, Client, Server, write_shop


def add_key(data, site):
    command = [sys.executable, "-m", "server.cli", "key", "add", "--site", site, "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    [key] = done.stdout.splitlines()
    return key


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("http")
    script = root / "script.json"
    script.write_text(json.dumps({"rules": [{"match": ".", "steps": [{"text": "Answer."}]}]}))
    shops = [write_shop(root / "a", key="pk_a"), write_shop(root / "b", key="pk_b", origins=["https://b.example"])]
    with Server(shops, root / "data", demo=True, SHOPBELL_MODEL=f"scripted:{script}") as running:
        running.keys = {site: add_key(running.data, site) for site in ("pk_a", "pk_b", "pk_not_served")}
        yield running


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


@pytest.fixture
def bearer(server):
    return lambda site="pk_a": {"Authorization": f"Bearer {server.keys[site]}"}


def is_error(answer, status, code=None):
    body = answer.json()
    assert answer.status_code == status, body
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    assert all(isinstance(text, str) and text for text in body["error"].values())
    assert code is None or body["error"]["code"] == code
    return True


def test_health_readiness_and_metrics(http):
    assert http.get("/healthz").status_code == 200
    ready = http.get("/readyz")
    assert ready.status_code == 200
    assert set(ready.json()["parts"]) == {"store", "broker", "retriever", "model"}
    metrics = http.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert re.search(r"^# TYPE shopbell_\w+ (counter|gauge)$", metrics.text, re.M)


def test_the_loader_is_cached_briefly_and_the_chat_for_ever(http):
    loader = http.get("/widget.js")
    assert loader.status_code == 200
    assert "javascript" in loader.headers["content-type"]
    age = int(re.search(r"max-age=(\d+)", loader.headers["cache-control"])[1])
    assert age <= 3_600
    assert "immutable" not in loader.headers["cache-control"]
    name = re.search(r"[0-9a-zA-Z_-]{8,}\.js", loader.text)[0]
    chat = http.get(f"/widget/{name}")
    assert chat.status_code == 200
    assert "immutable" in chat.headers["cache-control"]
    assert chat.headers["access-control-allow-origin"] == "*"
    assert http.head("/widget.js").status_code == 200
    assert http.get("/widget/0000000000000000.js").status_code == 404
    assert http.get("/widget/../pyproject.toml").status_code == 404


def test_the_demo_page_and_the_description_of_the_interface(http):
    assert "pk_a" in http.get("/").text
    described = http.get("/openapi.json").json()
    assert described["openapi"].startswith("3.")
    assert {"/v1/conversations", "/v1/conversations/{conversation}/messages"} <= set(described["paths"])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer sk_nobody"},
        {"Authorization": "Basic c2tfOng="},
        {"Authorization": "Bearer pk_a"},
    ],
)
def test_without_a_key_of_this_server_everything_is_401(http, headers):
    is_error(http.post("/v1/conversations", headers=headers), 401)
    is_error(http.get("/v1/conversations/x/events", headers=headers), 401)
    is_error(http.post("/v1/conversations/x/messages", headers=headers, json={"id": "a", "text": "b"}), 401)


def test_a_key_for_a_site_that_is_not_served_opens_nothing(http, bearer):
    is_error(http.post("/v1/conversations", headers=bearer("pk_not_served")), 401)


async def test_a_conversation_by_rest_from_opening_to_answer(server, http, bearer):
    opened = http.post("/v1/conversations", headers=bearer())
    assert opened.status_code == 201
    conversation = opened.json()["conversation"]
    where = f"/v1/conversations/{conversation}"
    said = http.post(f"{where}/messages", headers=bearer(), json={"id": "m1", "text": "hi"})
    assert said.status_code == 200
    again = http.post(f"{where}/messages", headers=bearer(), json={"id": "m1", "text": "hi"})
    assert again.json() == said.json()
    is_error(http.post(f"{where}/messages", headers=bearer(), json={"id": "m1", "text": "other"}), 409)
    events = []
    while not any(e["kind"] == "turn.ended" for e in events):
        part = http.get(f"{where}/events", params={"after": events[-1]["seq"] if events else 0}, headers=bearer())
        events += part.json()["events"]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    [ended] = [e for e in events if e["kind"] == "turn.ended"]
    assert ended["body"]["answers"] == ["m1"]
    rest = http.get(f"{where}/events", params={"after": events[2]["seq"]}, headers=bearer()).json()["events"]
    assert rest == events[3:]
    # The other shop's key, and a visitor without the token, find nothing there.
    is_error(http.get(f"{where}/events", headers=bearer("pk_b")), 404)
    is_error(http.post(f"{where}/messages", headers=bearer("pk_b"), json={"id": "m2", "text": "x"}), 404)
    async with Client(server, site="pk_a") as visitor:
        await visitor.hello(conversation=conversation)
        assert await visitor.closed() == 4502


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b'{"id": "m", "text": ""}',
        b'{"id": "a:b", "text": "x"}',
        b'{"id": 5, "text": "x"}',
        json.dumps({"id": "m", "text": "x" * 4_001}).encode(),
        b'{"id": "m", "text": "\\ud800"}',
    ],
)
def test_a_message_of_another_form_is_an_error_in_the_contracts_form(http, bearer, body):
    where = f"/v1/conversations/{http.post('/v1/conversations', headers=bearer()).json()['conversation']}"
    is_error(http.post(f"{where}/messages", headers=bearer(), content=body), 400)


def test_a_message_without_an_id_of_its_own_is_a_new_one_each_time(http, bearer):
    where = f"/v1/conversations/{http.post('/v1/conversations', headers=bearer()).json()['conversation']}"
    ids = [http.post(f"{where}/messages", headers=bearer(), json={"text": "hi"}).json()["event"]["id"] for _ in "ab"]
    assert ids[0] != ids[1]
    assert all(":" in one for one in ids)


@pytest.mark.parametrize("after", ["-1", "x", "1.5", ""])
def test_a_position_that_is_none_is_an_error(http, bearer, after):
    where = f"/v1/conversations/{http.post('/v1/conversations', headers=bearer()).json()['conversation']}"
    is_error(http.get(f"{where}/events", params={"after": after}, headers=bearer()), 400)


def test_what_is_not_there_is_an_error_in_the_contracts_form(http, bearer):
    is_error(http.get("/v1/conversations/c:nothing/events", headers=bearer()), 404, "not_found")
    is_error(http.get("/v1/nothing", headers=bearer()), 404, "not_found")
    is_error(http.delete("/v1/conversations", headers=bearer()), 405)
    is_error(http.post("/v1/conversations/x/messages", headers=bearer(), content=b"x" * 70_000), 413)


async def test_the_demo_page_s_origin_opens_the_demo_site_and_no_other(server):
    async with Client(server, site="pk_a", origin=server.url) as client:
        assert await client.hello()
    async with Client(server, site="pk_b", origin=server.url) as client:
        await client.hello()
        assert client.frames[-1]["code"] == "forbidden_origin"
        assert await client.closed() == 4502


async def test_one_shop_finds_nothing_of_the_other_by_its_ids(server):
    async with Client(server, site="pk_a") as client:
        await client.hello(conversation="same-name")
        await client.answered(await client.say("hi", said="m1"))
        async with Client(server, site="pk_b", origin="https://b.example") as other:
            w = await other.hello(conversation="same-name")
            assert (w["head"], w["recovered"]) == (0, False)
            await other.answered(await other.say("hello", said="m1"))
            assert other.texts() == [("customer", "hello"), ("agent", "Answer.")]
