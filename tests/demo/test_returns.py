"""The demo shop's returns, exchanges and damage reports: periods to the day, and one way back for each thing."""

import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from server.shop import Shop
from tests.demo.support import NOON, SHOP, Till, caller, plugin
from tests.demo.test_articles import body, section

BOOTS = {"order_id": "1042", "item_id": "1042-1", "reason": "does not fit"}


def delivered_days_ago(shop: Shop, directory: Path, order: str, days: int) -> Till:
    """The shop on a day when the first box of this order came so many days ago."""
    shutil.copytree(SHOP / "data", directory / "data")
    file = directory / "data" / "parcels.csv"
    rows = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines()]
    first = next(row for row in rows if row[1] == order)
    first[3:6] = [str(-days - 3), str(-days), str(-days)]
    file.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    # A Thursday: 14, 15, 30 and 31 days before it parcels are delivered.
    return Till(shop, directory, NOON + timedelta(days=1), source=directory)


@pytest.mark.parametrize(
    ("order", "customer", "days", "allowed"),
    [
        ("1037", "cus_tomas", 30, True),  # full price
        ("1037", "cus_tomas", 31, False),
        ("1042", "cus_mara", 14, True),  # the Scree boots were on sale
        ("1042", "cus_mara", 15, False),
        ("1042", "cus_mara", 0, True),
    ],
)
async def test_the_last_day_of_the_period_counts_and_the_next_one_does_not(
    shop: Shop, tmp_path: Path, order: str, customer: str, days: int, allowed: bool
) -> None:
    till = delivered_days_ago(shop, tmp_path, order, days)
    item = "1042-2" if order == "1042" else "1037-1"
    args = {"order_id": order, "item_id": item, "reason": "x"}
    if allowed:
        assert (await till.done("create_return", customer, **args))["id"] == "RT-0001"
    else:
        assert f"within {days - 1} days" in await till.refused("create_return", customer, **args)


def test_the_periods_are_those_of_the_articles() -> None:
    module = sys.modules[plugin().ReturnDesk.__module__]
    assert f"within {module.RETURN_DAYS} days of delivery" in section("returns/returns.md", "How long you have")
    assert f"within {module.SALE_RETURN_DAYS} days of delivery" in section("returns/returns.md", "Sale items")
    abroad = section("returns/exchanges.md", "Exchanging abroad")
    assert all(country in abroad for country in module.EXCHANGE_COUNTRIES)


async def test_a_return_has_a_number_a_label_page_and_shows_in_the_order(till: Till) -> None:
    made = await till.done("create_return", **BOOTS)
    assert (made["id"], made["name"]) == ("RT-0001", "Alpin boots")
    assert made["label_url"] == "/label?number=RT-0001"
    assert (SHOP / "storefront" / "label.html").is_file()
    order = await till.done("find_order", order_id="1042")
    assert "return RT-0001 is set up" in till.reply("find_order", order)
    assert [item["can_go_back"] for item in order["items"]] == [False, True, False]
    assert "RT-0001" in till.reply("list_returns", await till.done("list_returns"))


async def test_the_other_pair_goes_back_after_the_first_is_taken_back(till: Till) -> None:
    first = await till.done("create_return", **BOOTS)
    await till.done("cancel_return", return_id=first["id"])
    second = await till.done("create_return", **{**BOOTS, "item_id": "1042-2"})
    listed = (await till.done("list_returns"))["returns"]
    assert [one["id"] for one in listed] == [second["id"]] == ["RT-0002"]


async def test_a_thing_goes_back_once_as_a_return_or_as_an_exchange(till: Till) -> None:
    await till.done("create_return", **BOOTS)
    assert "on its way back already: RT-0001" in await till.refused("create_return", **BOOTS)
    assert "RT-0001" in await till.refused("create_exchange", order_id="1042", item_id="1042-1", size="42")


@pytest.mark.parametrize(
    ("order", "item", "customer", "why"),
    [
        ("1042", "1042-3", "cus_mara", "not been delivered"),
        ("1047", "1047-1", "cus_mara", "not been delivered"),
        ("1018", "1018-1", "cus_mara", "not been delivered"),  # it came back long ago
        ("1042", "1042-9", "cus_mara", "no item 1042-9"),
        ("1042", "1031-1", "cus_mara", "no item 1031-1"),
    ],
)
async def test_what_cannot_come_back_is_refused_with_the_reason(
    till: Till, order: str, item: str, customer: str, why: str
) -> None:
    assert why in await till.refused("create_return", customer, order_id=order, item_id=item, reason="x")


async def test_nobody_takes_back_anothers_return(till: Till) -> None:
    made = await till.done("create_return", **BOOTS)
    foreign = await till.refused("cancel_return", "cus_jonas", return_id=made["id"])
    absent = await till.refused("cancel_return", "cus_jonas", return_id="RT-9999")
    assert foreign.replace(made["id"], "R") == absent.replace("RT-9999", "R")
    assert len((await till.done("list_returns"))["returns"]) == 1


async def test_a_return_is_undone_through_its_own_undo(till: Till) -> None:
    made = await till.done("create_return", **BOOTS)
    undo = till.tools.get("undo_create_return")
    assert undo is not None
    assert undo.undoes == "create_return"
    spec = till.tools.get("create_return")
    assert spec is not None
    assert spec.undo is not None
    await spec.undo(caller(call="call:undo"), made)
    assert (await till.done("list_returns"))["returns"] == []


async def test_sizes_are_those_in_stock_without_ones_own_and_what_others_have_put_aside(till: Till) -> None:
    async def sizes() -> list[str]:
        return (await till.done("find_sizes", order_id="1042", item_id="1042-1"))["sizes"]

    assert await sizes() == ["38", "39", "40", "42", "43", "44"]  # 41 is hers, 45 is sold out
    assert "not in stock" in await till.refused("create_exchange", order_id="1042", item_id="1042-1", size="45")
    assert "not in stock" in await till.refused("create_exchange", order_id="1042", item_id="1042-1", size="41")
    made = await till.done("create_exchange", order_id="1042", item_id="1042-1", size="42")
    assert (made["id"], made["size"]) == ("EX-0001", "42")
    assert "42" in await sizes()  # four of five are left
    await till.done("cancel_exchange", exchange_id=made["id"])
    assert "I can't find" in await till.refused("cancel_exchange", exchange_id="EX-9999")


async def test_the_last_pair_is_put_aside_for_one_customer_only(till: Till) -> None:
    await till.done("create_exchange", order_id="1042", item_id="1042-2", size="39")
    await till.done("cancel_exchange", exchange_id="EX-0001")
    one_left = (await till.done("find_sizes", order_id="1042", item_id="1042-2"))["sizes"]
    assert "41" not in one_left
    assert "42" not in one_left  # sold out


async def test_exchanges_by_post_work_only_where_the_article_says(till: Till) -> None:
    error = await till.refused("create_exchange", "cus_tomas", order_id="1037", item_id="1037-1", size="M")
    assert "Czechia" in error
    assert "Czechia" not in body("returns/exchanges.md")


async def test_a_replacement_rests_on_a_report_about_the_same_thing_and_comes_once(till: Till) -> None:
    args = {"order_id": "1042", "item_id": "1042-1"}
    await till.refused("replace_item", report_id="DM-0001", **args)
    report = await till.done("report_damage", problem="the sole comes off", **args)
    assert "no report" in await till.refused("replace_item", order_id="1042", item_id="1042-2", report_id=report["id"])
    made = await till.done("replace_item", report_id=report["id"], **args)
    assert made["expected_on"] == "2026-11-27"  # two working days in Austria, from a Wednesday
    assert "already" in await till.refused("replace_item", report_id=report["id"], **args)
    await till.refused("report_damage", order_id="1042", item_id="1042-3", problem="not here yet")
