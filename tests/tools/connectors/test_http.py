"""HTTP tools from YAML, against a real shop's system on the loopback."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from tests.tools.connectors.conftest import Shop, answer, hang_up, local, redirect
from tools import (
    BadTool,
    Caller,
    Outcome,
    Pace,
    run,
    verdict,
)
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
