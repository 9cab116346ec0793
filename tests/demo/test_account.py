"""The demo shop's addresses, subscriptions, points and gift cards."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from server.shop import Shop
from tests.demo.support import NOON, Till
from tests.demo.test_articles import body, rows, section

NEW = {"name": "Mara Lindner", "street": "Maria-Theresien-Straße 1", "postcode": "6020", "town": "Innsbruck"}


async def test_an_order_that_is_not_packed_goes_to_the_new_address_and_to_a_newer_one(till: Till) -> None:
    assert (await till.done("update_address", order_id="1049", **NEW))["street"] == NEW["street"]
    await till.done("update_address", order_id="1049", **{**NEW, "street": "Am Graben 2"})


@pytest.mark.parametrize("order", ["1047", "1042", "1018"])
async def test_a_packed_order_keeps_its_address(till: Till, order: str) -> None:
    assert "can't be changed" in await till.refused("update_address", order_id=order, **NEW)


async def test_a_cancelled_order_keeps_its_address(till: Till) -> None:
    await till.done("cancel_order", order_id="1049")
    assert "can't be changed" in await till.refused("update_address", order_id="1049", **NEW)


@pytest.mark.parametrize("postcode", ["80331", "602", "6020a", "SW1A 1AA"])
async def test_an_order_moves_only_within_its_country(till: Till, postcode: str) -> None:
    assert "Austria" in await till.refused("update_address", order_id="1049", **{**NEW, "postcode": postcode})


async def one(till: Till, customer: str = "cus_mara") -> dict[str, Any]:
    (found,) = (await till.done("list_subscriptions", customer))["subscriptions"]
    return found


async def change(till: Till, what: str) -> dict[str, Any]:
    return await till.done("change_subscription", subscription_id="SUB-201", change=what)


async def test_skipping_moves_the_next_delivery_by_one_round(till: Till) -> None:
    before = date.fromisoformat((await one(till))["next_on"])
    assert date.fromisoformat((await change(till, "skip"))["next_on"]) == before + timedelta(days=56)
    assert date.fromisoformat((await one(till))["next_on"]) == before + timedelta(days=56)


async def test_a_paused_subscription_sends_nothing_until_it_is_resumed(till: Till) -> None:
    assert (await change(till, "pause"))["next_on"] is None
    assert (await one(till))["status"] == "paused"
    refused = await till.refused("change_subscription", subscription_id="SUB-201", change="skip")
    assert "paused" in refused
    resumed = await change(till, "resume")
    assert (resumed["status"], resumed["next_on"]) == ("active", (NOON.date() + timedelta(days=7)).isoformat())


async def test_a_subscription_that_ended_is_gone_and_cannot_be_resumed(till: Till) -> None:
    await change(till, "end")
    assert (await till.done("list_subscriptions"))["subscriptions"] == []
    assert "ended" in await till.refused("change_subscription", subscription_id="SUB-201", change="resume")


async def test_anothers_subscription_looks_like_none(till: Till) -> None:
    foreign = await till.refused("change_subscription", subscription_id="SUB-202", change="end")
    absent = await till.refused("change_subscription", subscription_id="SUB-999", change="end")
    assert foreign.replace("SUB-202", "S") == absent.replace("SUB-999", "S")


async def test_a_next_delivery_is_never_in_the_past_even_long_after_a_change(shop: Shop, tmp_path: Path) -> None:
    first = date.fromisoformat((await change(Till(shop, tmp_path), "skip"))["next_on"])
    later = Till(shop, tmp_path, NOON + timedelta(days=200))
    found = date.fromisoformat((await one(later))["next_on"])
    assert found >= later.now.date()
    assert (found - first).days % 56 == 0


async def test_points_are_worth_what_the_article_says_in_steps_of_a_hundred(till: Till) -> None:
    assert "100 points are worth €5" in section("shop/larch-club.md", "Points")
    mara, jonas, elif_ = [await till.done("loyalty_balance", who) for who in ("cus_mara", "cus_jonas", "cus_elif")]
    assert (mara["points"], mara["worth"]) == (312, "15")
    assert (jonas["points"], jonas["worth"]) == (95, "0")
    assert (elif_["member"], elif_["points"]) == (False, 0)
    assert "not a member" in till.reply("loyalty_balance", elif_)


async def test_who_leaves_the_club_has_no_points_and_can_leave_only_once(till: Till) -> None:
    assert (await till.done("leave_club"))["points_lost"] == 312
    assert (await till.done("loyalty_balance"))["points"] == 0
    assert "not a member" in await till.refused("leave_club")


@pytest.mark.parametrize("code", ["HL4F-7K92-QD3M", "hl4f7k92qd3m", "HL4F 7K92 QD3M"])
async def test_a_gift_card_is_found_however_its_code_is_written(till: Till, code: str) -> None:
    card = await till.done("gift_card_balance", None, code=code)
    assert card["balance"] == "64.50"
    assert "valid for 5 years" in section("orders/gift-cards.md", "How long they last")
    assert card["expires_on"][:4] == "2031"


@pytest.mark.parametrize("code", ["HL4F-7K92-QD3N", "HL4F", "%", "HL4F-7K92-____"])
async def test_a_code_that_is_none_finds_nothing(till: Till, code: str) -> None:
    await till.refused("gift_card_balance", None, code=code)


async def test_subscriptions_cost_and_come_as_the_article_says(till: Till) -> None:
    table = rows(body("orders/subscriptions.md"))
    said = {row[0]: (row[2], row[3]) for row in table}
    assert said == {"Gas by post": ("every 8 weeks", "€16"), "Socks twice a year": ("every 26 weeks", "€40")}
    found = (await till.done("list_subscriptions", "cus_jonas"))["subscriptions"]
    assert [(one["name"].partition(":")[0], f"€{Decimal(one['price']):f}") for one in found] == [
        ("Gas by post", "€16.00"),
        ("Socks twice a year", "€40.00"),
    ]
    for one, days in zip(found, (8 * 7, 26 * 7), strict=True):
        skipped = await till.done("change_subscription", "cus_jonas", subscription_id=one["id"], change="skip")
        assert (date.fromisoformat(skipped["next_on"]) - date.fromisoformat(one["next_on"])).days == days
