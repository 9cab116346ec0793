"""HTTP tools from YAML, against a real shop's system on the loopback."""

import asyncio
import gzip
import logging
import re
import zlib
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from tests.tools.connectors.conftest import Shop, answer, hang_up, local, raw, redirect, shop_running, silent
from tools import (
    BadTool,
    Breakers,
    Caller,
    Outcome,
    Pace,
    Reconciled,
    Registry,
    Rule,
    reconcile,
    run,
    undoing,
    verdict,
)
from tools.connectors import client as client_module
from tools.connectors.client import Client
from tools.connectors.config import HttpTool
from tools.connectors.egress import Egress
from tools.connectors.http import http_spec
from tools.spec import ToolSpec

CALLER = Caller("pk_x", "c1", customer="cus_7", email="Ann@x.example", name="Ann", level="identified", call="call:9")
ORDER = {"order": {"id": "1042", "status": "sent", "customer_id": "cus_7", "lines": [{"t": "Boots"}, {"t": "Laces"}]}}


def spec_of(
    shop: Shop, environment: dict[str, str] | None = None, egress: Egress | None = None, **entry: Any
) -> ToolSpec:
    entry = {"description": "Find an order.", "effect": "read", "scope": "orders.read", **entry}
    entry["url"] = entry["url"].replace("SHOP", shop.url)
    client = Client(egress or local())
    shop.clients.append(client)
    return http_spec("do_it", HttpTool.model_validate(entry), client, environment or {}, where="tools.yaml:3")


async def no_wait(_: float) -> None: ...


async def call(spec: ToolSpec, caller: Caller = CALLER, **args: Any) -> Outcome:
    return await run(spec, caller, args, pace=Pace(sleep=no_wait))


FIND = {
    "url": "SHOP/orders/{order_id}",
    "params": {"order_id": {"pattern": r"^\d{4}$", "description": "order number", "examples": ["1042"]}},
    "result": {"id": "order.id", "titles": "order.lines[].t", "first": "order.lines[0].t", "none": "order.nothing"},
    "not_found": "There is no order {{ order_id }} on your account.",
}


# Asking


async def test_arguments_go_into_the_path_and_the_picked_part_comes_back(shop):
    shop.says["/orders/1042"] = answer(ORDER)
    found = await call(spec_of(shop, **FIND), order_id="1042")
    assert found.result == {"id": "1042", "titles": ["Boots", "Laces"], "first": "Boots", "none": None}
    assert (shop.got[0].method, shop.got[0].target, shop.got[0].body) == ("GET", "/orders/1042", b"")


def test_models_and_the_offline_engine_see_an_ordinary_tool(shop):
    spec = spec_of(shop, **FIND)
    assert spec.json_schema == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "order_id": {
                "type": "string",
                "pattern": r"^\d{4}$",
                "maxLength": 1000,
                "description": "order number",
                "examples": ["1042"],
            }
        },
        "required": ["order_id"],
    }
    assert verdict(spec, None, CALLER, {"order_id": "1042"}).permission == "auto"
    assert verdict(spec, None, CALLER, {"order_id": "x"}).code == "bad_args"


async def test_every_place_of_a_request_can_be_filled(shop):
    shop.says["/a"] = answer({"done": True})
    spec = spec_of(
        shop,
        url="SHOP/a?fixed=1",
        method="POST",
        effect="write",
        params={
            "size": {"type": "integer", "in": "query", "send_as": "sz"},
            "tags": {"type": "array", "in": "query"},
            "note": {"in": "header", "send_as": "X-Note"},
            "amount": {"type": "decimal", "send_as": "refund.amount"},
            "weight": {"type": "number", "send_as": "refund.weight"},
            "day": {"type": "date", "required": False},
            "gift": {"type": "boolean", "default": True},
            "kind": {"enum": ["a", "b"], "default": "b"},
        },
        caller={"body.who": "customer", "header.X-Mail": "email", "query.conv": "conversation"},
        query={"v": 2, "on": True},
        headers={"X-Version": "3"},
        body={"source": "chat"},
    )
    assert (await call(spec, size=3, tags=["a&b", "c"], note="hi", amount="1.50", weight=2.5)).ok
    got = shop.got[0]
    assert got.target == "/a?fixed=1&v=2&on=true&sz=3&tags=a%26b&tags=c&conv=c1"
    assert (got.headers["x-note"], got.headers["x-mail"], got.headers["x-version"]) == ("hi", "Ann@x.example", "3")
    assert got.json == {
        "source": "chat", "refund": {"amount": "1.50", "weight": 2.5}, "gift": True, "kind": "b", "who": "cus_7",
    }  # fmt: skip


async def test_a_form_is_sent_as_a_form(shop):
    shop.says["/f"] = answer({})
    spec = spec_of(shop, url="SHOP/f", method="POST", effect="write", send="form", params={"a": {}})
    assert (await call(spec, a="x&y=z")).ok
    assert shop.got[0].body == b"a=x%26y%3Dz"
    assert shop.got[0].headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("value", ["..", ".", "", "a/b", "..%2fadmin", "a\\b", "a?b", "a#b", "a\nb", "a\x00b"])
async def test_no_argument_climbs_out_of_its_place_in_the_path(shop, value):
    spec = spec_of(shop, url="SHOP/orders/{q}", params={"q": {}})
    found = await call(replace(spec), q=value)
    assert not found.ok
    assert not found.unknown
    assert shop.got == []


@pytest.mark.parametrize("value", ["x&admin=1", "x#y", "a b", "é", "{q}", "a=b", "%26"])
async def test_no_argument_leaves_its_place_in_the_query(shop, value):
    shop.says["/s"] = answer([])
    assert (await call(spec_of(shop, url="SHOP/s", params={"q": {}}), q=value)).ok
    target = shop.got[0].target
    assert target.count("&") == 0
    assert target.startswith("/s?q=")


async def test_no_argument_breaks_out_of_a_header(shop):
    spec = spec_of(shop, url="SHOP/s", params={"q": {"in": "header", "send_as": "X-Q"}})
    assert "cannot be sent" in (await call(spec, q="a\r\nX-Admin: 1")).error
    assert shop.got == []


# Who asks


async def test_who_asks_comes_from_the_session_and_never_from_the_model(shop):
    shop.says["/customers/cus_7/orders"] = answer([])
    spec = spec_of(shop, url="SHOP/customers/{customer}/orders", caller={"path.customer": "customer"})
    assert spec.json_schema["properties"] == {}
    assert spec.needs == "identified"
    assert not (await call(spec, customer="cus_8")).ok  # an argument that does not exist
    assert (await call(spec)).ok
    assert [got.target for got in shop.got] == ["/customers/cus_7/orders"]


async def test_a_guest_is_told_to_sign_in_and_nothing_is_asked(shop):
    spec = spec_of(shop, url="SHOP/c/{customer}", caller={"path.customer": "customer"})
    for guest in (replace(CALLER, customer=None), replace(CALLER, level="anonymous")):
        assert "signed in" in (await call(spec, guest)).error
    assert verdict(spec, None, replace(CALLER, level="anonymous"), {}).code == "sign_in"
    assert shop.got == []


@pytest.mark.parametrize("owner", [{"order.customer_id": "customer"}, {"order.mail": "email"}])
async def test_somebody_elses_order_looks_exactly_like_none(shop, owner):
    mine = {"order": {"id": "1042", "customer_id": "cus_7", "mail": "ann@X.example "}}
    theirs = {"order": {"id": "1043", "customer_id": "cus_8", "mail": "bob@x.example"}}
    unclear = {"order": {"id": "1044", "customer_id": None, "mail": ["ann@x.example"]}}
    shop.says |= {"/orders/1042": answer(mine), "/orders/1043": answer(theirs), "/orders/1044": answer(unclear)}
    spec = spec_of(shop, **FIND | {"owner": owner, "needs": "identified"})
    assert (await call(spec, order_id="1042")).ok
    said = {(await call(spec, order_id=n)).error.replace(n, "N") for n in ("1043", "1044", "9999")}
    assert said == {"There is no order N on your account."}
    assert not (
        await call(spec, replace(CALLER, level="anonymous"), order_id="1042")
    ).ok  # an identity that has expired


async def test_of_a_list_only_the_callers_own_entries_are_given_on(shop):
    rows = [{"id": 1, "who": "cus_7"}, {"id": 2, "who": "cus_8"}, {"id": 3}]
    shop.says["/orders"] = answer({"data": {"orders": rows}})
    picked = {"list": "data.orders", "each": {"number": "id"}}
    spec = spec_of(shop, url="SHOP/orders", result=picked, owner={"who": "customer"})
    assert (await call(spec)).result == [{"number": 1}]


# Secrets


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "env": "S"}, "authorization", "Bearer t0p:s3kr1t"),
        ({"type": "basic", "env": "S"}, "authorization", "Basic dDBwOnMza3IxdA=="),
        ({"type": "header", "env": "S", "header": "X-Api-Key"}, "x-api-key", "t0p:s3kr1t"),
    ],
    ids=["bearer", "basic", "header"],
)
async def test_the_secret_is_sent_and_never_shown(shop, caplog, auth, header, value):
    caplog.set_level(logging.DEBUG)
    shop.says |= {"/a": answer({}), "/hang": hang_up, "/500": answer({}, 500), "/401": answer({}, 401)}
    for path in ("a", "hang", "500", "401"):
        spec = spec_of(shop, {"S": "t0p:s3kr1t"}, url=f"SHOP/{path}", auth=auth, method="POST", effect="write")
        outcome = await call(spec)
        assert outcome.ok is (path == "a")
        assert "s3kr1t" not in repr(outcome)
        assert "s3kr1t" not in repr(spec)
    assert all(got.headers[header] == value for got in shop.got)
    assert len(caplog.records) > 3
    ours = [caplog.handler.format(record) for record in caplog.records if record.name.startswith("shopbell")]
    assert len(ours) >= 3
    assert [text for text in ours if "s3kr1t" in text or value in text] == []


async def test_a_secret_that_is_not_set_sends_nothing(shop):
    spec = spec_of(shop, url="SHOP/a", auth={"type": "bearer", "env": "S"}, method="POST", effect="write")
    outcome = await call(spec)
    assert (outcome.ok, outcome.unknown, shop.got) == (False, False, [])


@pytest.mark.parametrize("value", ["a\nb", "ä"])
def test_a_secret_that_cannot_be_a_header_is_refused_without_being_shown(shop, value):
    with pytest.raises(BadTool, match="the environment variable S") as caught:
        spec_of(shop, {"S": value}, url="SHOP/a", auth={"type": "bearer", "env": "S"})
    assert value not in str(caught.value)


async def test_cookies_are_neither_kept_nor_sent_and_no_proxy_is_used(shop, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    shop.says["/a"] = answer({}, set_cookie="a=b; Path=/")
    spec = spec_of(shop, url="SHOP/a")
    assert (await call(spec)).ok
    assert (await call(spec)).ok
    assert all("cookie" not in got.headers for got in shop.got)
    assert len(shop.got) == 2


# Redirects


async def test_a_redirect_within_the_origin_keeps_the_secret(shop):
    shop.says |= {"/a": redirect("/b"), "/b": answer({"b": 1})}
    spec = spec_of(shop, {"S": "x"}, url="SHOP/a", auth={"type": "bearer", "env": "S"})
    assert (await call(spec)).result == {"b": 1}
    assert shop.got[1].headers["authorization"] == "Bearer x"


async def test_a_redirect_to_another_origin_loses_secret_and_customer(shop):
    shop.says |= {"/a": redirect(f"http://other.example:{shop.port}/b"), "/b": answer({"b": 1})}
    spec = spec_of(
        shop, {"S": "x"}, url="SHOP/a", auth={"type": "header", "env": "S", "header": "X-Key"},
        caller={"header.X-Customer": "customer"}, headers={"X-Own": "1"},
    )  # fmt: skip
    assert (await call(spec)).ok
    assert shop.got[0].headers["x-customer"] == "cus_7"
    assert not {"x-key", "x-customer", "x-own"} & set(shop.got[1].headers)
    assert shop.got[1].headers["host"] == f"other.example:{shop.port}"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:PORT/secret", "http://inside.example:PORT/secret", "http://[::1]:PORT/secret", "file:///etc/passwd",
        "gopher://shop.example/", "//inside.example:PORT/secret", "http://u:p@shop.example:PORT/secret", "http://:0/", "http://[",
    ],
)  # fmt: skip
async def test_a_redirect_inside_is_not_followed(shop, target):
    shop.says |= {"/a": redirect(target.replace("PORT", str(shop.port))), "/secret": answer({"secret": 1})}
    egress = local(inside_example=[["127.0.0.1"]])
    assert not (await call(spec_of(shop, egress=egress, url="SHOP/a"))).ok
    assert [got.target for got in shop.got] == ["/a"]


async def test_three_redirects_are_followed_and_no_more(shop):
    shop.says |= {f"/{n}": redirect(f"/{n + 1}") for n in range(9)}
    shop.says["/4"] = answer("here")
    assert (await call(spec_of(shop, url="SHOP/1"))).result == "here"
    shop.got.clear()
    assert not (await call(spec_of(shop, url="SHOP/0"))).ok
    assert len(shop.got) == 4


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_redirect_never_turns_a_write_into_something_else(shop, status):
    shop.says |= {"/a": redirect("/b", status), "/b": answer({})}
    outcome = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write"))
    assert (outcome.ok, outcome.unknown) == (False, True)
    assert [got.target for got in shop.got] == ["/a"]


@pytest.mark.parametrize("status", [307, 308])
async def test_a_write_is_sent_on_with_its_body_within_the_origin_only(shop, status):
    shop.says |= {"/a": redirect("/b", status), "/b": answer({}), "/c": redirect("http://other.example/b", status)}
    params = {"n": {"type": "integer"}}
    assert (await call(spec_of(shop, url="SHOP/a", method="POST", effect="write", params=params), n=5)).ok
    assert [(got.method, got.json) for got in shop.got] == [("POST", {"n": 5})] * 2
    shop.got.clear()
    assert not (await call(spec_of(shop, url="SHOP/c", method="POST", effect="write", params=params), n=5)).ok
    assert len(shop.got) == 1


# Answers that are none


async def endless(got: Any, out: asyncio.StreamWriter) -> None:
    out.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while not out.is_closing():
        out.write(b"[" + b" " * 65_536)
        await out.drain()
        await asyncio.sleep(0)


BAD_ANSWERS = {
    "endless": endless,
    "announced": raw(200, b"[]", content_length="5000001"),
    "html": raw(200, b"<html>", content_type="text/html"),
    "no_json": raw(200, b"{not json"),
    "nan": raw(200, b"[NaN]"),
    "deep": raw(200, b"[" * 60_000),
    "broken": raw(200, b"[1,", content_length="50"),
    "bomb": raw(200, gzip.compress(b" " * 50_000_000), content_encoding="gzip"),
    "bad_gzip": raw(200, b"no gzip", content_encoding="gzip"),
    "brotli": raw(200, b"x", content_encoding="br"),
    "garbage": lambda got, out: garbage(out),
    "hang_up": hang_up,
    "500": answer({"error": "x"}, 500),
    "503": answer({"error": "x"}, 503),
    "408": answer({}, 408),
    "no_location": raw(302),
}


async def garbage(out: asyncio.StreamWriter) -> None:
    out.write(b"this is not HTTP\r\n\r\n")
    await out.drain()
    out.close()


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_a_bad_answer_to_a_read_is_a_failure_and_to_a_write_leaves_it_open(shop, name):
    shop.says["/a"] = BAD_ANSWERS[name]
    if name in ("broken", "endless"):
        shop.says["/a"] = [BAD_ANSWERS[name]] if name == "endless" else closing(BAD_ANSWERS[name])
    read = await call(spec_of(shop, url="SHOP/a"))
    shop.says["/a"] = closing(BAD_ANSWERS[name]) if name == "broken" else BAD_ANSWERS[name]
    write = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write"))
    assert (read.ok, read.unknown) == (False, False)
    assert (write.ok, write.unknown) == (False, True)


def closing(say: Any) -> Any:
    async def said(got: Any, out: asyncio.StreamWriter) -> None:
        await say(got, out)
        out.close()

    return said


async def test_a_packed_answer_is_unpacked(shop):
    shop.says["/a"] = raw(200, gzip.compress(b'{"a": 1}'), content_encoding="gzip")
    assert (await call(spec_of(shop, url="SHOP/a"))).result == {"a": 1}


async def test_a_packed_bomb_is_not_unpacked_beyond_the_limit(shop, monkeypatch):
    made: list[int] = []

    original = zlib.decompressobj

    class Counting:
        def __init__(self, **options: Any) -> None:
            self.inner = original(**options)

        def decompress(self, part: bytes, limit: int) -> bytes:
            piece = self.inner.decompress(part, limit)
            made.append(len(piece))
            return piece

    monkeypatch.setattr(client_module.zlib, "decompressobj", lambda wbits: Counting(wbits=wbits))
    shop.says["/a"] = BAD_ANSWERS["bomb"]
    assert not (await call(spec_of(shop, url="SHOP/a"))).ok
    assert 5_000_000 < sum(made) <= 5_000_001


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_a_write_whose_answer_is_not_read_succeeds_by_its_status(shop, status):
    shop.says["/a"] = raw(status, b"" if status == 204 else b"<p>Thanks", content_type="text/html")
    outcome = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write", answer="none"))
    assert (outcome.ok, outcome.result) == (True, None)


# Refusals


async def test_a_refusal_says_that_nothing_was_done_in_the_merchants_words(shop):
    entry = {"url": "SHOP/a", "method": "POST", "effect": "write", "params": {"n": {}}}
    shop.says["/a"] = answer({"error": {"message": "Too  late\nto change"}}, 409)
    plain = await call(spec_of(shop, **entry), n="7")
    named = await call(spec_of(shop, **entry, errors={409: "Order {{ n }} is on its way."}), n="7")
    theirs = await call(spec_of(shop, **entry, error_path="error.message"), n="7")
    assert [o.unknown for o in (plain, named, theirs)] == [False] * 3
    assert plain.error == "The shop's system did not accept this; nothing was done."
    assert named.error == "Order 7 is on its way."
    assert theirs.error == "Too late to change"


async def test_a_busy_system_is_asked_again_only_where_that_is_safe(shop):
    busy, fine = answer({}, 429), answer({"a": 1})
    shop.says["/a"] = [busy, fine, busy]
    assert (await call(spec_of(shop, url="SHOP/a", retries=1))).ok
    write = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write"))
    assert (write.ok, write.unknown, write.attempts) == (False, False, 1)


# Exactly once


async def test_the_call_id_is_the_idempotency_key_in_every_attempt(shop):
    shop.says["/a"] = [hang_up, answer({}, 500), answer({"done": True})]
    spec = spec_of(
        shop, url="SHOP/a", method="POST", effect="money", idempotency_header="Idempotency-Key", retries=3
    )  # fmt: skip
    assert spec.idempotent
    assert (await call(spec)).ok
    assert [got.headers["idempotency-key"] for got in shop.got] == ["call:9"] * 3


async def test_a_conflict_of_a_call_with_a_key_is_tried_again_and_left_open(shop):
    entry = {"url": "SHOP/a", "method": "POST", "effect": "write", "idempotency_header": "Idempotency-Key"}
    shop.says["/a"] = [answer({}, 409), answer({"a": 1}), answer({}, 409), answer({}, 409)]
    assert (await call(spec_of(shop, **entry, retries=1))).ok
    assert (await call(spec_of(shop, **entry))).unknown
    named = await call(spec_of(shop, **entry, errors={409: "Too late."}))
    assert (named.error, named.unknown) == ("Too late.", False)


async def test_a_success_that_lacks_the_picked_part_is_still_a_success_of_a_write(shop):
    shop.says["/a"] = answer({"else": 1})
    write = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write", result="refund.id"))
    assert (write.ok, write.result) == (True, None)
    read = await call(spec_of(shop, url="SHOP/a", result="order"))
    assert (read.ok, read.error) == (False, "Nothing was found.")


async def test_letters_that_only_look_alike_make_nobody_the_owner(shop):
    shop.says["/a"] = answer({"mail": "strasse@x.example"})
    spec = spec_of(shop, url="SHOP/a", owner={"mail": "email"}, needs="identified")
    assert (await call(spec, replace(CALLER, email="Strasse@X.example"))).ok
    assert not (await call(spec, replace(CALLER, email="stra\u00dfe@x.example"))).ok
    shop.says["/a"] = answer({"mail": "kim@x.example"})
    assert not (await call(spec, replace(CALLER, email="\u212aim@x.example"))).ok  # the sign of Kelvin


async def test_a_write_without_a_key_is_sent_once_whatever_happens(shop):
    shop.says["/a"] = hang_up
    outcome = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write"))
    assert (outcome.unknown, len(shop.got)) == (True, 1)


async def test_a_write_never_goes_over_a_connection_that_was_used_before(shop):
    shop.says["/a"] = answer({})
    spec = spec_of(shop, url="SHOP/a", method="POST", effect="write")
    for _ in range(3):
        assert (await call(spec)).ok
    assert shop.connections == 3
    read = spec_of(shop, url="SHOP/a")
    for _ in range(3):
        assert (await call(read)).ok
    assert shop.connections == 4


async def test_a_system_that_cannot_be_reached_has_done_nothing(shop):
    async with shop_running() as nowhere:
        pass
    write = await call(spec_of(nowhere, url="SHOP/a", method="POST", effect="write"))
    assert (write.ok, write.unknown) == (False, False)
    assert "nothing was done" in write.error
    read = await call(spec_of(nowhere, url="SHOP/a", retries=2))
    assert (read.ok, read.attempts) == (False, 3)
    unknown = await call(spec_of(shop, url="https://nowhere.example/a", method="POST", effect="write"))
    assert (unknown.ok, unknown.unknown) == (False, False)
    for client in nowhere.clients:
        await client.aclose()


async def test_a_write_without_a_key_is_tried_again_only_while_nothing_was_sent(shop):
    async with shop_running() as nowhere:
        pass
    never = await call(spec_of(nowhere, url="SHOP/a", method="POST", effect="write", retries=2))
    assert (never.attempts, never.unknown) == (3, False)
    shop.says["/a"] = hang_up
    lost = await call(spec_of(shop, url="SHOP/a", method="POST", effect="write", retries=2))
    assert (lost.attempts, lost.unknown, len(shop.got)) == (1, True, 1)
    for client in nowhere.clients:
        await client.aclose()


async def test_tools_of_one_host_share_a_circuit_and_errors_of_one_request_open_none(shop):
    breakers = Breakers(failures=1)
    shop.says["/a"] = answer({}, status=500)
    shop.says["/b"] = hang_up
    for path in ("/a", "/b"):
        one = spec_of(shop, url=f"SHOP{path}")
        await run(one, CALLER, {}, breakers=breakers, pace=Pace(sleep=no_wait))
        assert bool(breakers.open(0)) == (path == "/b")
    left = await run(spec_of(shop, url="SHOP/c"), CALLER, {}, breakers=breakers, pace=Pace(sleep=no_wait))
    assert (left.code, left.attempts, len(shop.got)) == ("not_sent", 0, 2)


async def test_a_system_that_does_not_answer_is_given_up_in_time(shop):
    shop.says["/a"] = silent
    read = await call(spec_of(shop, url="SHOP/a", timeout_s=0.3))
    write = await call(spec_of(shop, url="SHOP/a", timeout_s=0.3, method="POST", effect="write"))
    assert (read.ok, read.unknown, write.ok, write.unknown) == (False, False, False, True)


async def test_a_cancelled_call_lets_its_connection_go(shop):
    asked = asyncio.Event()

    async def wait(got: Any, out: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    shop.says["/a"] = wait
    task = asyncio.create_task(call(spec_of(shop, url="SHOP/a")))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Money


def test_limits_see_the_amount_of_an_http_tool(shop):
    spec = spec_of(
        shop, url="SHOP/refunds", method="POST", effect="money",
        params={"amount": {"type": "decimal", "minimum": 0}}, idempotency_header="Idempotency-Key",
    )  # fmt: skip
    rule = Rule(permission="approve", auto_up_to=50)
    assert verdict(spec, rule, CALLER, {"amount": "50.00"}).permission == "auto"
    assert verdict(spec, rule, CALLER, {"amount": "62"}).reason == "needs approval: 62 is over 50"
    assert verdict(spec, rule, CALLER, {"amount": "-1"}).permission == "deny"
    assert verdict(spec, None, CALLER, {"amount": "1"}).permission == "approve"


# What cannot be written

BASE = {"description": "x", "effect": "read", "scope": "x", "url": "https://a.example/x"}
WRITE = {**BASE, "method": "POST", "effect": "write"}
WRONG = [
    (BASE | {"url": "https://{host}/x", "params": {"host": {}}}, "path or query only"),
    (BASE | {"url": "https://a.example{x}/y", "params": {"x": {}}}, "path or query only"),
    (BASE | {"url": "https://u:p@a.example/"}, "without user"),
    (BASE | {"url": "ftp://a.example/"}, "expected https"),
    (BASE | {"url": "https://a.example/{x}"}, "is no argument"),
    (BASE | {"url": "https://a.example/{x"}, "brace"),
    (BASE | {"params": {"x": {"in": "path"}}}, "has no {x}"),
    (BASE | {"params": {"customer_id": {}}}, "cannot be an argument"),
    (BASE | {"params": {"userId": {}}}, "cannot be an argument"),
    (BASE | {"params": {"_x": {}}}, "expected a plain name"),
    (BASE | {"params": {"x": {"in": "body"}}}, "a GET has none"),
    (BASE | {"params": {"x": {}}, "query": {"x": 1}}, "filled twice"),
    (WRITE | {"params": {"x": {"send_as": "a.b"}}, "body": {"a": 1}}, "filled twice"),
    (WRITE | {"params": {"x": {}}, "caller": {"body.x": "customer"}}, "filled twice"),
    (BASE | {"caller": {"cookie.x": "customer"}}, "expected a place"),
    (BASE | {"caller": {"header.Host": "customer"}}, "header of your own"),
    (BASE | {"headers": {"Authorization": "Bearer x"}}, "header of your own"),
    (BASE | {"caller": {"query.c": "customer"}, "needs": "anonymous"}, "needs: identified"),
    (WRITE | {"owner": {"a": "customer"}}, "too late"),
    (BASE | {"result": "a..b"}, "expected a path"),
    (BASE | {"result": {"a": 1}}, "expected a path"),
    (BASE | {"errors": {500: "x"}}, "400 to 499"),
    (BASE | {"reply": "{{ x"}, "template"),
    (BASE | {"timeout_s": 11}, "less than or equal to 10"),
    (BASE | {"auth": {"type": "header", "env": "X"}}, "header: NAME"),
    (BASE | {"auth": {"type": "header", "env": "X", "header": "Cookie"}}, "header for a secret"),
    (BASE | {"effect": None}, "'read', 'write' or 'money'"),
]


@pytest.mark.parametrize(("entry", "why"), WRONG, ids=[f"{n}: {why}" for n, (_, why) in enumerate(WRONG)])
def test_an_entry_that_cannot_work_is_refused(entry, why):
    with pytest.raises(ValidationError, match=why):
        HttpTool.model_validate(entry)


@pytest.mark.parametrize(
    "param", [{"pattern": "("}, {"type": "integer", "default": "x"}, {"type": "date", "default": "x"}]
)
def test_a_param_that_has_no_schema_is_refused_with_its_place(shop, param):
    with pytest.raises(BadTool, match=r"tools\.yaml:3"):
        spec_of(shop, url="SHOP/a", params={"x": param})


# Taking back

REFUND: dict[str, Any] = {
    "url": "SHOP/refunds",
    "method": "POST",
    "effect": "money",
    "params": {"order_id": {}, "amount": {"type": "decimal"}},
    "auth": {"type": "bearer", "env": "KEY"},
    "idempotency_header": "Idempotency-Key",
}
BACK: dict[str, Any] = {
    "method": "DELETE",
    "url": "SHOP/refunds/{id}",
    "args": {"id": "result.id", "why": "args.order_id"},
}


def refunding(shop: Shop, **undo: Any) -> Registry:
    back = {**BACK, **undo}
    back["url"] = back["url"].replace("SHOP", shop.url)
    registry = Registry()
    registry.add(spec_of(shop, {"KEY": "s3cret"}, **REFUND, undo=back, undo_s=60))
    return registry


async def take_back(registry: Registry, result: Any) -> Outcome:
    original, undo = registry.get("do_it"), registry.get("undo_do_it")
    bound = undoing(undo, original, {"order_id": "1042", "amount": "5.00"}, result)
    return await run(bound, replace(CALLER, call="call:10"), {"call": "call:9"}, pace=Pace(sleep=no_wait))


async def test_a_call_is_taken_back_by_a_request_made_from_its_arguments_and_its_result(shop):
    shop.says["/refunds/77"] = answer({"gone": True})
    registry = refunding(shop, caller={"header.X-Customer": "customer"})
    assert (registry.get("undo_do_it").undoes, registry.get("undo_do_it").undo_s) == ("do_it", 60)
    done = await take_back(registry, {"id": 77})
    assert (done.ok, done.result) == (True, {"gone": True})
    (got,) = shop.got
    assert (got.method, got.target) == ("DELETE", "/refunds/77?why=1042")
    assert (got.headers["authorization"], got.headers["x-customer"]) == ("Bearer s3cret", "cus_7")
    assert got.headers["idempotency-key"] == "call:10"


@pytest.mark.parametrize("result", [None, {}, {"id": None}, [], "77", {"id": "../orders"}])
async def test_a_call_whose_result_names_nothing_to_take_back_sends_nothing(shop, result):
    done = await take_back(refunding(shop), result)
    assert (done.ok, done.unknown, shop.got) == (False, False, [])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"undo": BACK | {"args": {}}}, "undo: url: {id} is no argument"),
        ({"undo": BACK | {"args": {"id": "answer.id"}}}, "expected a path that begins with result or args"),
        ({"undo": BACK | {"args": {"id": "result.id", "customer_id": "args.x"}}}, "undo: params: `customer_id`"),
        ({"undo": BACK | {"url": "https://{id}/x"}}, "undo: url: expected placeholders in path or query only"),
        ({"undo": BACK, "effect": "read", "method": "GET", "params": {}}, "undo: expected effect: write or money"),
        ({"undo": BACK, "undo_s": 0}, "greater than 0"),
    ],
)
def test_an_undo_that_cannot_work_is_refused(entry, message):
    whole = {"description": "Refund.", "scope": "x", **REFUND, **entry}
    whole["url"] = "https://shop.example/refunds"
    whole["undo"] = {**whole["undo"], "url": whole["undo"]["url"].replace("SHOP", "https://shop.example")}
    with pytest.raises(ValidationError, match=re.escape(message)):
        HttpTool.model_validate(whole)


# Finding out what became of a call

LOOK: dict[str, Any] = {
    "url": "SHOP/refunds/by/{order_id}",
    "args": {"order_id": "args.order_id"},
    "caller": {"query.reference": "call", "header.X-Customer": "customer"},
    "result": {"id": "refunds[0].id"},
}
FOUND = "/refunds/by/1042"


async def look(shop: Shop, **changed: Any) -> Reconciled:
    entry = {key: value for key, value in REFUND.items() if key != "idempotency_header"}
    entry |= {"caller": {"body.reference": "call"}, "reconcile": {**LOOK, **changed}}
    entry["reconcile"]["url"] = entry["reconcile"]["url"].replace("SHOP", shop.url)
    spec = spec_of(shop, {"KEY": "s3cret"}, **entry, timeout_s=0.5)
    return await reconcile(spec, CALLER, {"order_id": "1042", "amount": "5.00"})


async def test_a_call_that_happened_is_found_by_its_id(shop):
    shop.says[FOUND] = answer({"refunds": [{"id": 77}]})
    assert await look(shop) == Reconciled(True, {"id": 77})
    (got,) = shop.got
    assert (got.method, got.target) == ("GET", f"{FOUND}?reference=call%3A9")
    assert (got.headers["authorization"], got.headers["x-customer"]) == ("Bearer s3cret", "cus_7")


@pytest.mark.parametrize(
    ("says", "result"),
    [
        (answer({}, 404), LOOK["result"]),
        (answer({}, 410), LOOK["result"]),
        (answer({"refunds": []}), LOOK["result"]),
        (answer({"refunds": []}), "refunds[0]"),
        (answer({"refunds": []}), {"list": "refunds", "each": "id"}),
        (answer([]), None),
    ],
)
async def test_a_call_that_is_not_there_has_not_happened(shop, says, result):
    shop.says[FOUND] = says
    assert await look(shop, result=result) == Reconciled(False)


@pytest.mark.parametrize(
    "says",
    [
        answer({}, 400),
        answer({}, 401),
        answer({}, 403),
        answer({}, 429),
        answer({}, 500),
        raw(204),
        raw(200),
        hang_up,
        silent,
    ],
)
async def test_an_answer_that_says_nothing_leaves_it_open(shop, says):
    shop.says[FOUND] = says
    assert await look(shop) == Reconciled(None)


async def test_a_write_whose_answer_was_lost_is_looked_up_at_once(shop):
    shop.says |= {"/refunds": hang_up, FOUND: answer({"refunds": [{"id": 77}]})}
    entry = {key: value for key, value in REFUND.items() if key != "idempotency_header"}
    back = {**LOOK, "url": LOOK["url"].replace("SHOP", shop.url)}
    spec = spec_of(shop, {"KEY": "s3cret"}, **entry, caller={"body.reference": "call"}, reconcile=back)
    done = await call(spec, order_id="1042", amount="5.00")
    assert (done.ok, done.result, done.reconciled) == (True, {"id": 77}, True)
    assert [got.method for got in shop.got] == ["POST", "GET"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"reconcile": LOOK | {"caller": {"header.X-Customer": "customer"}}}, "caller: expected the call's id"),
        ({"reconcile": LOOK | {"args": {"order_id": "result.id"}}}, "expected a path that begins with args"),
        ({"reconcile": LOOK | {"args": {}}}, "reconcile: url: {order_id} is no argument"),
        ({"reconcile": LOOK, "idempotency_header": None}, "the tool never sends the call's id"),
        (
            {"reconcile": LOOK, "effect": "read", "method": "GET", "params": {}},
            "reconcile: expected effect: write or money",
        ),
    ],
)
def test_a_look_up_that_cannot_work_is_refused(entry, message):
    whole = {"description": "Refund.", "scope": "x", **REFUND, **entry, "url": "https://shop.example/refunds"}
    whole["reconcile"] = {**whole["reconcile"], "url": "https://shop.example/refunds/by/{order_id}"}
    with pytest.raises(ValidationError, match=re.escape(message)):
        HttpTool.model_validate(whole)
