"""The demo shop's refunds: only what was paid, only once, only one's own; limits to the cent."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from server.shop import Shop
from tests.demo.support import Till, caller
from tools import verdict


async def left(till: Till, order: str, customer: str = "cus_mara") -> Decimal:
    result = await till.done("find_order", customer, order_id=order)
    return Decimal(result["total"]) - Decimal(result["refunded"])


async def test_one_of_two_charges_goes_back_and_then_there_is_no_second_one(till: Till) -> None:
    before = (await till.done("list_charges"))["charges"]
    twice = [charge for charge in before if charge["order"] == "1047"]
    assert [charge["amount"] for charge in twice] == ["42.80", "42.80"]
    refund = await till.done("refund_charge", charge_id=twice[1]["id"], amount="42.80", reason="duplicate charge")
    assert (refund["amount"], refund["order"], refund["currency"]) == ("42.80", "1047", "EUR")
    after = (await till.done("list_charges"))["charges"]
    assert [charge["id"] for charge in after if charge["order"] == "1047"] == [twice[0]["id"]]
    assert len(after) == len(before) - 1
    error = await till.refused("refund_charge", charge_id=twice[0]["id"], amount="42.80", reason="again")
    assert "not one too many" in error
    assert await left(till, "1047") == Decimal("42.80")  # the order itself is still paid


@pytest.mark.parametrize("charge", ["ch_1042a", "ch_1031a"])
async def test_a_charge_that_was_made_once_is_never_refunded_as_a_duplicate(till: Till, charge: str) -> None:
    assert "not one too many" in await till.refused("refund_charge", charge_id=charge, amount="0.01", reason="x")


async def test_two_orders_at_one_price_are_no_duplicate(till: Till) -> None:
    charges = (await till.done("list_charges", "cus_jonas"))["charges"]
    same = [charge for charge in charges if charge["amount"] == "129.00"]
    assert len({charge["order"] for charge in same}) == len(same) == 2
    for charge in same:
        await till.refused("refund_charge", "cus_jonas", charge_id=charge["id"], amount="129.00", reason="x")


async def test_anothers_charge_looks_like_one_that_does_not_exist(till: Till) -> None:
    args = {"amount": "42.80", "reason": "x"}
    foreign = await till.refused("refund_charge", "cus_jonas", charge_id="ch_1047b", **args)
    absent = await till.refused("refund_charge", "cus_jonas", charge_id="ch_9999b", **args)
    assert foreign.replace("ch_1047b", "C") == absent.replace("ch_9999b", "C")


@pytest.mark.parametrize("amount", ["0", "-1", "42.801", "NaN", "Infinity", "1e9", "42,80"])
async def test_what_is_no_amount_is_refused_before_the_shop_is_asked(till: Till, tmp_path: Path, amount: str) -> None:
    await till.refused("refund_charge", charge_id="ch_1047b", amount=amount, reason="x")
    assert not (tmp_path / "ledger.sqlite").exists()


async def test_a_refund_of_more_than_the_duplicate_is_refused_to_the_cent(till: Till) -> None:
    error = await till.refused("refund_charge", charge_id="ch_1047b", amount="42.81", reason="x")
    assert "€42.80" in error or "not one too many" in error
    await till.done("refund_charge", charge_id="ch_1047b", amount="42.79", reason="x")
    assert "€0.01" in await till.refused("refund_charge", charge_id="ch_1047b", amount="0.02", reason="x")
    await till.done("refund_charge", charge_id="ch_1047b", amount="0.01", reason="x")
    await till.refused("refund_charge", charge_id="ch_1047b", amount="0.01", reason="x")


async def test_both_halves_of_a_duplicate_cannot_both_go_back(till: Till) -> None:
    outcomes = await asyncio.gather(
        *(
            till.call("refund_charge", charge_id=charge, amount="42.80", reason="x")
            for charge in ("ch_1047a", "ch_1047b")
        )
    )
    assert sorted(outcome.ok for outcome in outcomes) == [False, True]


async def test_parts_of_an_order_go_back_until_nothing_is_left(till: Till) -> None:
    for amount, rest in (("100.00", "392.00"), ("391.99", "0.01")):
        await till.done("refund_order", order_id="1042", amount=amount, reason="x")
        assert await left(till, "1042") == Decimal(rest)
    assert "€0.01" in await till.refused("refund_order", order_id="1042", amount="0.02", reason="x")
    await till.done("refund_order", order_id="1042", amount="0.01", reason="x")
    assert "€0.00" in await till.refused("refund_order", order_id="1042", amount="0.01", reason="x")


async def test_many_refunds_at_once_never_sum_up_to_more_than_was_paid(till: Till) -> None:
    outcomes = await asyncio.gather(
        *(till.call("refund_order", order_id="1049", amount="20.00", reason=f"{n}") for n in range(8))
    )
    assert sum(outcome.ok for outcome in outcomes) == 4  # of 99.00


async def test_an_order_and_its_duplicate_are_refunded_side_by_side_and_never_beyond_what_was_charged(
    till: Till,
) -> None:
    await till.done("refund_order", order_id="1047", amount="42.80", reason="x")
    await till.done("refund_charge", charge_id="ch_1047a", amount="42.80", reason="x")
    for charge in ("ch_1047a", "ch_1047b"):
        await till.refused("refund_charge", charge_id=charge, amount="0.01", reason="x")
    await till.refused("refund_order", order_id="1047", amount="0.01", reason="x")
    assert [c for c in (await till.done("list_charges"))["charges"] if c["order"] == "1047"] == []


async def test_what_was_never_charged_cannot_be_refunded(till: Till) -> None:
    assert "€0.00" in await till.refused("refund_order", "cus_jonas", order_id="1015", amount="1.00", reason="x")


async def test_a_received_order_is_cancelled_once_and_paid_back_in_full(till: Till) -> None:
    assert (await till.done("cancel_order", order_id="1049"))["refunded"] == "99.00"
    assert (await till.done("find_order", order_id="1049"))["status"] == "cancelled"
    assert "cancelled already" in await till.refused("cancel_order", order_id="1049")
    await till.refused("refund_order", order_id="1049", amount="1.00", reason="x")
    assert "was cancelled" in till.reply("find_order", await till.done("find_order", order_id="1049"))


@pytest.mark.parametrize("order", ["1047", "1042", "1031", "1018"])
async def test_an_order_that_we_have_begun_to_pack_is_not_cancelled(till: Till, order: str) -> None:
    assert "can't be cancelled any more" in await till.refused("cancel_order", order_id=order)


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("cancel_order", {}),
        ("refund_order", {"amount": "1.00", "reason": "x"}),
        ("create_return", {"item_id": "1042-1", "reason": "x"}),
        ("create_exchange", {"item_id": "1042-1", "size": "42"}),
        ("find_sizes", {"item_id": "1042-1"}),
        ("report_damage", {"item_id": "1042-1", "problem": "x"}),
        ("replace_item", {"item_id": "1042-1", "report_id": "DM-0001"}),
        ("update_address", {"name": "J", "street": "S 1", "postcode": "80331", "town": "Munich"}),
    ],
)
async def test_anothers_order_looks_like_none_to_every_tool(till: Till, tool: str, args: dict[str, str]) -> None:
    foreign = await till.refused(tool, "cus_jonas", order_id="1042", **args)
    absent = await till.refused(tool, "cus_jonas", order_id="9999", **args)
    assert foreign.replace("1042", "N") == absent.replace("9999", "N")


@pytest.mark.parametrize(
    ("charge", "amount", "permission", "why"),
    [
        ("ch_1047b", "42.80", "auto", "42.80 is not over 50"),
        ("ch_1050b", "50.00", "auto", "50.00 is not over 50"),
        ("ch_1050b", "62.00", "approve", "62.00 is over 50"),
    ],
)
def test_a_small_duplicate_goes_back_at_once_and_a_large_one_needs_somebody(
    shop: Shop, charge: str, amount: str, permission: str, why: str
) -> None:
    args = {"charge_id": charge, "amount": amount, "reason": "duplicate charge"}
    found = verdict(shop.registry.get("refund_charge"), shop.rules["refund_charge"], caller(), args)
    assert found.permission == permission
    assert why in found.reason


def test_an_address_is_changed_for_nobody_without_a_code(shop: Shop) -> None:
    args = {"order_id": "1049", "name": "M", "street": "S 1", "postcode": "6020", "town": "Innsbruck"}
    spec, rule = shop.registry.get("update_address"), shop.rules["update_address"]
    assert verdict(spec, rule, caller(), args).code == "step_up"
    assert verdict(spec, rule, caller(None), args).code == "sign_in"


def test_the_agent_does_not_even_see_what_is_denied(shop: Shop) -> None:
    assert "leave_club" in shop.registry
    assert "leave_club" not in {spec.name for spec in shop.offered()}
