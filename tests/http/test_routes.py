"""Health, metrics, the widget's files and REST, as their readers see them."""

import asyncio
import gzip
import hashlib
import json
import re

import httpx
import pytest
from starlette.applications import Starlette

from server.auth import Refused
from server.events import Event
from server.http import assets, health, rest
from server.metrics import MAX_SERIES, Metrics
from server.ports import Gone, IdempotencyMismatch
from widget.assets import chat_files, dist


def client(routes, address="127.0.0.1"):
    transport = httpx.ASGITransport(Starlette(routes=routes), client=(address, 5))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


# --- the widget's files


async def test_the_loader_is_short_lived_and_a_build_lives_for_ever():
    [chat, *_] = chat_files()
    async with client(assets.routes()) as web:
        loader, build = await web.get("/widget.js"), await web.get(f"/widget/{chat}")
    assert loader.content == (dist() / "widget.js").read_bytes()
    assert build.content == (dist() / chat).read_bytes()
    assert "max-age=300" in loader.headers["cache-control"]
    assert "immutable" in build.headers["cache-control"]
    for answer in (loader, build):
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("accept", "compressed"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("identity", False),
        ("", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
    ],
)
async def test_only_who_takes_gzip_gets_it(accept, compressed):
    async with (
        client(assets.routes()) as web,
        web.stream("GET", "/widget.js", headers={"Accept-Encoding": accept}) as answer,
    ):
        raw = b"".join([part async for part in answer.aiter_raw()])
    plain = (dist() / "widget.js").read_bytes()
    assert (gzip.decompress(raw) if compressed else raw) == plain
    assert int(answer.headers["content-length"]) == len(raw)


async def test_who_has_the_loader_is_told_so():
    async with client(assets.routes()) as web:
        etag = (await web.get("/widget.js")).headers["etag"]
        for tag in (etag, f"W/{etag}", f'"old", {etag}', "*"):
            answer = await web.get("/widget.js", headers={"If-None-Match": tag})
            assert (answer.status_code, answer.content) == (304, b"")
        assert (await web.get("/widget.js", headers={"If-None-Match": '"old"'})).status_code == 200
        assert (await web.head("/widget.js")).content == b""


@pytest.mark.parametrize(
    "name", ["0000000000000000.js", "manifest.json", "widget.js", "..%2fassets.py", "%2e%2e/assets.py"]
)
async def test_nothing_but_builds_is_served_and_the_answer_is_not_kept(name):
    async with client(assets.routes()) as web:
        answer = await web.get(f"/widget/{name}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


# --- health and metrics


async def well():
    pass


async def ill():
    raise ConnectionError("postgres://user:secret@db")


async def test_each_part_is_reported_and_one_that_fails_makes_it_unready():
    ready = health.Readiness({"store": well, "broker": well}, lambda: 0.0)
    async with client(health.routes(ready, Metrics())) as web:
        assert (await web.get("/healthz")).status_code == 200
        answer = await web.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "parts": {"store": "ok", "broker": "ok"}})
    unready = health.Readiness({"store": ill, "broker": well}, lambda: 0.0)
    async with client(health.routes(unready, Metrics())) as web:
        assert (await web.get("/healthz")).status_code == 200
        answer = await web.get("/readyz")
    assert (answer.status_code, answer.json()["parts"]) == (503, {"store": "failed", "broker": "ok"})
    assert "secret" not in answer.text


async def test_a_part_that_hangs_is_not_well():
    assert await health.Readiness({"model": asyncio.Event().wait}, lambda: 0.0, check_s=0.01).parts() == {
        "model": False
    }


async def test_parts_are_asked_at_most_once_a_second():
    asked, now = [], [0.0]

    async def check():
        asked.append(now[0])

    readiness = health.Readiness({"store": check}, lambda: now[0])
    for now[0] in (0.0, 0.5, 0.99, 1.0, 1.5, 2.0):
        await asyncio.gather(*(readiness.parts() for _ in range(5)))
    assert asked == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("address", "headers", "token", "status"),
    [
        ("127.0.0.1", {}, None, 200),
        ("::1", {}, None, 200),
        ("10.0.0.5", {}, None, 403),
        ("testclient", {}, None, 403),
        ("127.0.0.1", {"X-Forwarded-For": "1.2.3.4"}, None, 403),
        ("127.0.0.1", {"Forwarded": "for=1.2.3.4"}, None, 403),
        ("127.0.0.1", {}, "t" * 20, 403),
        ("10.0.0.5", {"Authorization": f"Bearer {'t' * 20}"}, "t" * 20, 200),
        ("10.0.0.5", {"Authorization": f"Bearer {'t' * 19}"}, "t" * 20, 403),
    ],
)
async def test_metrics_are_for_this_machine_or_for_their_token(address, headers, token, status):
    routes = health.routes(health.Readiness({}, lambda: 0.0), Metrics(), metrics_token=token)
    async with client(routes, address) as web:
        assert (await web.get("/metrics", headers=headers)).status_code == status


def test_metrics_are_prometheus_text():
    metrics = Metrics()
    metrics.describe("shopbell_turns_total", "Turns\nended.")
    metrics.count("shopbell_turns_total", reason="answered")
    metrics.count("shopbell_turns_total", 2, reason='od"d\n')
    metrics.gauge("shopbell_sockets", lambda: 3)
    metrics.observe("shopbell_turn_seconds", 0.05, buckets=(0.1, 1.0))
    metrics.observe("shopbell_turn_seconds", 1.0)
    metrics.observe("shopbell_turn_seconds", 7.5)
    assert metrics.text().splitlines() == [
        "# TYPE shopbell_sockets gauge",
        "shopbell_sockets 3",
        "# HELP shopbell_turns_total Turns\\nended.",
        "# TYPE shopbell_turns_total counter",
        'shopbell_turns_total{reason="answered"} 1',
        'shopbell_turns_total{reason="od\\"d\\n"} 2',
        "# TYPE shopbell_turn_seconds histogram",
        'shopbell_turn_seconds_bucket{le="0.1"} 1',
        'shopbell_turn_seconds_bucket{le="1"} 2',
        'shopbell_turn_seconds_bucket{le="+Inf"} 3',
        "shopbell_turn_seconds_sum 8.55",
        "shopbell_turn_seconds_count 3",
    ]


def test_an_id_used_as_a_label_does_not_eat_memory():
    metrics = Metrics()
    for number in range(MAX_SERIES + 50):
        metrics.count("shopbell_x_total", who=str(number))
    assert metrics.text().count("shopbell_x_total{") == MAX_SERIES
    assert "shopbell_metrics_dropped_total 50" in metrics.text()


# --- REST


class Shop:
    """Ports over a dictionary: site -> conversation -> events."""

    def __init__(self):
        self.keys = {"sk_a": "pk_a", "sk_b": "pk_b"}
        self.events = {"pk_a": {}, "pk_b": {}}

    async def create(self, site):
        name = f"c{len(self.events[site])}"
        self.events[site][name] = []
        return name

    async def say(self, site, conversation, id, text):
        if text == "slow down":
            raise Refused("too_fast", "slow down")
        events = self.events[site][conversation]
        for event in events:
            if event.id == id:
                if event.body["text"] != text:
                    raise IdempotencyMismatch(id)
                return event
        if text == "erase":
            raise Gone
        events.append(Event(conversation, len(events) + 1, 5, id, "message", "customer", {"text": text}))
        return events[-1]

    async def read(self, site, conversation, after):
        return [event for event in self.events[site][conversation] if event.seq > after]

    def ports(self):
        return rest.RestPorts(self.keys.get, self.create, self.say, self.read)


def as_merchant(key="sk_a"):
    return {"Authorization": f"Bearer {key}"}


async def test_a_backend_opens_a_conversation_speaks_and_reads():
    async with client(rest.routes(Shop().ports())) as web:
        opened = await web.post("/v1/conversations", headers=as_merchant())
        assert (opened.status_code, opened.json()) == (201, {"conversation": "c0"})
        for _ in range(2):
            said = await web.post(
                "/v1/conversations/c0/messages", headers=as_merchant(), json={"id": "m1", "text": "Hi 🏕"}
            )
            assert (said.status_code, said.json()["event"]["body"]) == (200, {"text": "Hi 🏕"})
        read = await web.get("/v1/conversations/c0/events", headers=as_merchant())
        assert [event["id"] for event in read.json()["events"]] == ["m1"]
        assert read.json()["upto"] == 1
        later = await web.get("/v1/conversations/c0/events?after=1", headers=as_merchant())
        assert later.json() == {"events": [], "upto": 1}


PATHS = [
    ("POST", "/v1/conversations"),
    ("POST", "/v1/conversations/c0/messages"),
    ("GET", "/v1/conversations/c0/events"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer sk_x", "Basic sk_a", "sk_a", "Bearer pk_a"])
async def test_without_a_good_key_nothing_is_done(method, path, header):
    shop = Shop()
    async with client(rest.routes(shop.ports())) as web:
        answer = await web.request(method, path, headers={"Authorization": header} if header is not None else {})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert shop.events["pk_a"] == {}


async def test_another_sites_conversation_looks_like_one_that_does_not_exist():
    shop = Shop()
    await shop.create("pk_a")
    async with client(rest.routes(shop.ports())) as web:
        for path in ("/v1/conversations/c0", "/v1/conversations/nobody"):
            said = await web.post(f"{path}/messages", headers=as_merchant("sk_b"), json={"id": "m", "text": "x"})
            read = await web.get(f"{path}/events", headers=as_merchant("sk_b"))
            assert said.status_code == read.status_code == 404
            assert said.json() == read.json() == {"error": {"code": "not_found", "message": "no such conversation"}}
    assert shop.events["pk_a"] == {"c0": []}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_frame"),
        (b"{", 400, "bad_frame"),
        (b"[]", 400, "bad_frame"),
        (b"[" * 60_000, 400, "bad_frame"),
        (b'{"id": "m", "text": ""}', 400, "bad_frame"),
        (b'{"id": "m", "text": 5}', 400, "bad_frame"),
        (b'{"id": "m", "text": "\\ud800"}', 400, "bad_frame"),
        (b'{"id": "m:1", "text": "x"}', 400, "bad_frame"),
        (b'{"id": "m\\n", "text": "x"}', 400, "bad_frame"),
        (b'{"id": "m", "text": "x", "role": "staff"}', 400, "bad_frame"),
        (json.dumps({"id": "m", "text": "x" * 4001}).encode(), 400, "bad_frame"),
        (b" " * 65_537, 413, "too_large"),
        (b'{"id": "m1", "text": "other"}', 409, "idempotency_mismatch"),
        (b'{"id": "m", "text": "erase"}', 410, "erased"),
        (b'{"id": "m", "text": "slow down"}', 429, "too_fast"),
    ],
)
async def test_what_cannot_be_done_is_said_with_a_code(body, status, code):
    shop = Shop()
    await shop.create("pk_a")
    await shop.say("pk_a", "c0", "m1", "first")
    async with client(rest.routes(shop.ports())) as web:
        answer = await web.post("/v1/conversations/c0/messages", headers=as_merchant(), content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]
    assert len(shop.events["pk_a"]["c0"]) == 1


@pytest.mark.parametrize("after", ["-1", "x", "", "1.5", str(2**60)])
async def test_a_wrong_position_is_refused(after):
    shop = Shop()
    await shop.create("pk_a")
    async with client(rest.routes(shop.ports())) as web:
        answer = await web.get("/v1/conversations/c0/events", params={"after": after}, headers=as_merchant())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_frame")


async def test_the_description_names_every_route_and_resolves():
    routes = rest.routes(Shop().ports())
    async with client(routes) as web:
        described = (await web.get("/openapi.json")).json()
    paths = {
        (path, method) for path, item in described["paths"].items() for method in item if method in ("get", "post")
    }
    served = {(one.path, method.lower()) for one in routes for method in one.methods - {"HEAD"}}
    assert served == paths | {("/openapi.json", "get")}
    for reference in re.findall(r'"\$ref": ?"#/components/schemas/(\w+)"', json.dumps(described)):
        assert reference in described["components"]["schemas"]


def test_the_etag_is_of_the_content():
    one, other = assets.Script(b"a", ""), assets.Script(b"b", "")
    assert one._etags != other._etags
    assert hashlib.sha256(b"a").hexdigest()[:32] in one._etags["identity"]
