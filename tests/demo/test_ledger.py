"""The demo shop's ledger: one call, one effect; kept over restarts and days; looked up when nobody knows how a call ended."""

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from server.shop import Shop
from tests.demo.support import NOON, Till, caller
from tools import reconcile, run
from tools.connectors.mail import MailFailed

WRITES: list[tuple[str, dict[str, Any], str]] = [
    ("refund_charge", {"charge_id": "ch_1047b", "amount": "42.80", "reason": "x"}, "refunds"),
    ("refund_order", {"order_id": "1042", "amount": "5.00", "reason": "x"}, "refunds"),
    ("cancel_order", {"order_id": "1049"}, "cancellations"),
    ("create_return", {"order_id": "1042", "item_id": "1042-1", "reason": "x"}, "returns"),
    ("create_exchange", {"order_id": "1042", "item_id": "1042-1", "size": "42"}, "returns"),
    ("report_damage", {"order_id": "1042", "item_id": "1042-1", "problem": "x"}, "reports"),
    (
        "update_address",
        {"order_id": "1049", "name": "M", "street": "S 1", "postcode": "6020", "town": "Innsbruck"},
        "addresses",
    ),
    ("change_subscription", {"subscription_id": "SUB-201", "change": "skip"}, "subscriptions"),
    ("leave_club", {}, "left_club"),
]
EACH = pytest.mark.parametrize(("tool", "args", "table"), WRITES, ids=[tool for tool, *_ in WRITES])


def rows(till: Till, table: str) -> list[tuple[Any, ...]]:
    with closing(connect(till.kit.data / "ledger.sqlite")) as db:
        return db.execute(f"SELECT * FROM {table}").fetchall()


@EACH
async def test_a_call_that_comes_twice_has_one_effect_and_one_result(
    till: Till, tool: str, args: dict[str, Any], table: str
) -> None:
    first = await till.done(tool, call="call:1", **args)
    before = rows(till, table)
    assert before
    assert await till.done(tool, call="call:1", **args) == first
    assert rows(till, table) == before


@EACH
async def test_a_call_that_comes_again_after_a_restart_on_another_day_has_no_second_effect(
    shop: Shop, tmp_path: Path, tool: str, args: dict[str, Any], table: str
) -> None:
    before = Till(shop, tmp_path)
    first = await before.done(tool, call="call:1", **args)
    kept = rows(before, table)
    after = Till(shop, tmp_path, NOON + timedelta(days=3))
    assert await after.done(tool, call="call:1", **args) == first
    assert rows(after, table) == kept


@EACH
async def test_ten_at_once_under_one_call_have_one_effect(
    till: Till, tool: str, args: dict[str, Any], table: str
) -> None:
    outcomes = await asyncio.gather(*(till.call(tool, call="call:1", **args) for _ in range(10)))
    assert [outcome.error for outcome in outcomes if not outcome.ok] == []
    assert len({repr(outcome.result) for outcome in outcomes}) == 1
    assert len(rows(till, table)) == 1


@EACH
async def test_what_happened_to_a_call_can_be_looked_up_by_its_id(
    till: Till, tool: str, args: dict[str, Any], table: str
) -> None:
    spec = till.tools.get(tool)
    assert spec is not None
    never = await reconcile(spec, caller(call="call:1"), args)
    assert never.happened is False
    made = await till.done(tool, call="call:1", **args)
    found = await reconcile(spec, caller(call="call:1"), args)
    assert found.happened is True
    assert found.result == made
    assert (await reconcile(spec, caller("cus_jonas", call="call:1"), args)).happened is False
    assert rows(till, table)


async def test_a_call_id_never_does_something_else(till: Till) -> None:
    await till.done("refund_order", order_id="1042", amount="5.00", reason="x", call="call:1")
    for tool, args in (
        ("refund_order", {"order_id": "1042", "amount": "6.00", "reason": "x"}),
        ("cancel_order", {"order_id": "1049"}),
    ):
        assert "something else" in await till.refused(tool, call="call:1", **args)
    assert (await till.done("find_order", order_id="1042"))["refunded"] == "5.00"


async def test_without_a_call_nothing_is_changed(till: Till) -> None:
    spec = till.tools.get("cancel_order")
    assert spec is not None
    outcome = await run(spec, caller(call=""), {"order_id": "1049"})
    assert not outcome.ok
    assert (await till.done("find_order", order_id="1049"))["status"] == "received"


async def test_a_refusal_leaves_nothing_behind_and_the_same_call_may_succeed_later(till: Till) -> None:
    return_1 = await till.done("create_return", order_id="1042", item_id="1042-1", reason="x")
    args = {"order_id": "1042", "item_id": "1042-1", "size": "42"}
    assert return_1["id"] in await till.refused("create_exchange", call="call:late", **args)
    await till.done("cancel_return", return_id=return_1["id"])
    await till.done("create_exchange", call="call:late", **args)


async def test_effects_stay_when_the_days_data_are_made_anew(shop: Shop, tmp_path: Path) -> None:
    today = Till(shop, tmp_path)
    await today.done("cancel_order", order_id="1049")
    await today.done("create_return", order_id="1042", item_id="1042-2", reason="x")
    next_week = Till(shop, tmp_path, NOON + timedelta(days=7))
    assert (await next_week.done("find_order", order_id="1049"))["status"] == "cancelled"
    order = await next_week.done("find_order", order_id="1042")
    assert [item["going_back"] for item in order["items"]] == [None, "RT-0001", None]


async def test_two_conversations_may_use_the_same_call_id(till: Till) -> None:
    spec = till.tools.get("refund_order")
    assert spec is not None
    args = {"order_id": "1042", "amount": "5.00", "reason": "x"}
    for conversation in ("c1", "c2"):
        assert (await run(spec, replace(caller(call="call:1"), conversation=conversation), args)).ok
    assert (await till.done("find_order", order_id="1042"))["refunded"] == "10.00"


async def test_a_confirmation_goes_to_the_address_on_file_and_nowhere_else(till: Till) -> None:
    result = await till.done("send_confirmation", subject="Refund", text="We have refunded €42.80.")
    assert till.mails == [("mara@example.com", "Refund", "We have refunded €42.80.")]
    assert "mara@" not in repr(result)
    await till.refused("send_confirmation", "cus_nobody", subject="x", text="y")
    await till.refused("send_confirmation", subject="a\r\nBcc: x@y.example", text="y")
    assert len(till.mails) == 1


async def test_a_mail_that_cannot_be_sent_is_a_known_failure_and_nothing_for_a_person(till: Till) -> None:
    till.mail_error = MailFailed("no answer")
    assert "could not be sent" in await till.refused("send_confirmation", subject="x", text="y")
