"""HTTP tools whose calls are taken back, and looked up when their end was lost; against a system that notes what it gets."""

import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from tests.tools.connectors.conftest import Shop, answer, hang_up, raw, silent
from tests.tools.connectors.test_http import CALLER, call, no_wait, spec_of
from tools import (
    Outcome,
    Pace,
    Reconciled,
    Registry,
    reconcile,
    run,
    undoing,
)
from tools.connectors.config import HttpTool

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


async def look(shop: Shop, timeout_s: float = 10, **changed: Any) -> Reconciled:
    entry = {key: value for key, value in REFUND.items() if key != "idempotency_header"}
    entry |= {"caller": {"body.reference": "call"}, "reconcile": {**LOOK, **changed}}
    entry["reconcile"]["url"] = entry["reconcile"]["url"].replace("SHOP", shop.url)
    spec = spec_of(shop, {"KEY": "s3cret"}, **entry, timeout_s=timeout_s)
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
    assert await look(shop, timeout_s=0.5) == Reconciled(None)


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
