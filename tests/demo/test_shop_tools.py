"""The demo shop's tools over its SQLite file: right answers, each customer's own orders only, days that stay alive."""

import re
import sqlite3
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from server.shop import Shop, read_shop
from server.shop.workflows import steps_of
from tests.demo.support import SHOP, Till, caller, plugin
from tools import Caller, Outcome, run, words
from tools.workflow.load import read_library
from tools.workflow.program import fits

MONDAY, SATURDAY = date(2026, 11, 23), date(2026, 11, 21)


def data_at(place: Path, today: date) -> Any:
    now = datetime.combine(today, time(12), ZoneInfo("Europe/Vienna"))
    return plugin().ShopData(SHOP / "data", lambda: place / "shop.sqlite", lambda: now)


async def call(shop: Shop, name: str, who: Caller, **args: Any) -> Outcome:
    spec = shop.registry.get(name)
    assert spec is not None
    return await run(spec, who, args)


async def reply(shop: Shop, name: str, who: Caller, **args: Any) -> str:
    spec = shop.registry.get(name)
    outcome = await call(shop, name, who, **args)
    assert spec is not None
    assert outcome.ok, outcome.error
    return words.template(spec.reply).render(result=outcome.result, args=args, caller=who)


def test_the_shop_directory_has_nothing_to_complain_about_but_the_secret(tmp_path: Path) -> None:
    shop, problems = read_shop(SHOP, data=tmp_path)
    assert shop is not None
    assert [str(p) for p in problems if "HOBNAIL_IDENTITY_SECRET" not in p.message] == []
    assert list(tmp_path.rglob("*.sqlite")) == []


def test_every_workflow_of_the_library_fits_and_only_the_one_that_is_switched_off_is_not_offered(shop: Shop) -> None:
    library = read_library()
    assert [name for name, one in library.items() if fits(one.workflow, shop.registry)] == []
    assert set(library) - set(shop.workflows) == {"order_status"}


def test_a_tool_that_customers_ask_for_has_ten_examples_and_who_must_be_known_is_said(shop: Shop) -> None:
    steps = steps_of(shop.workflows)
    for spec in shop.offered():
        assert spec.undoes or spec.name in steps or len(spec.examples) >= 10, spec.name
        open_to_all = {"find_product", "gift_card_balance", "list_services", "free_times"}
        assert spec.undoes or (spec.needs == "anonymous") == (spec.name in open_to_all), spec.name


def test_what_changes_something_happens_once_and_can_be_looked_up_afterwards(shop: Shop) -> None:
    for spec in shop.registry:
        if spec.effect != "read" and spec.undoes is None and spec.name != "send_confirmation":
            assert spec.idempotent, spec.name
            assert spec.reconcile is not None, spec.name


async def test_order_1042_is_maras_and_its_boots_have_come_while_the_socks_are_on_their_way(till: Till) -> None:
    result = await till.done("find_order", order_id="1042")
    assert result["status"] == "partly delivered"
    assert [(item["name"], item["can_go_back"]) for item in result["items"]] == [
        ("Alpin boots", True),
        ("Scree boots", True),
        ("Wanderer socks", False),
    ]
    assert result["total"] == "492.00"
    assert result["parcel"]["delivered_on"] is None
    assert "socks" in result["parcel"]["contents"]["en"]
    assert result["arrived"]["delivered_on"] == result["delivered_on"]
    assert not result["parcel"]["late"]


async def test_the_reply_names_order_parcel_and_day_in_words(shop: Shop) -> None:
    text = await reply(shop, "find_order", caller(), order_id="1042")
    assert "1042" in text
    assert "Österreichische Post" in text
    assert re.search(r"(Mon|Tues|Wednes|Thurs|Fri)day, \d{1,2} [A-Z][a-z]+\.", text)
    assert "€492.00" in text
    assert not re.search(r"None|\{|\d{4}-\d\d", text)


async def test_german_customers_are_answered_in_german(shop: Shop) -> None:
    text = await reply(shop, "find_order", caller(locale="de-AT"), order_id="1042")
    assert text.startswith("Ihre Bestellung 1042 ist unterwegs")
    assert "492,00 €" in text


async def test_a_result_that_was_fetched_before_the_language_was_known_is_told_in_german_throughout(shop: Shop) -> None:
    spec = shop.registry.get("find_order")
    outcome = await call(shop, "find_order", caller(locale="en"), order_id="1042")
    assert spec is not None
    text = words.template(spec.reply).render(
        result=outcome.result, args={"order_id": "1042"}, caller=caller(locale="de")
    )
    assert "in Größe 41" in text
    assert not re.search(r"\b(size|and|Monday|Tuesday|Wednesday|Thursday|Friday)\b", text)


@pytest.mark.parametrize("tool", ["find_order", "track_parcel"])
async def test_anothers_order_looks_exactly_like_one_that_does_not_exist(shop: Shop, tool: str) -> None:
    foreign = await call(shop, tool, caller("cus_jonas"), order_id="1042")
    absent = await call(shop, tool, caller("cus_jonas"), order_id="9999")
    assert not foreign.ok
    assert (foreign.error or "").replace("1042", "N") == (absent.error or "").replace("9999", "N")
    assert (foreign.result, foreign.attempts, foreign.unknown) == (absent.result, absent.attempts, absent.unknown)


async def test_no_order_of_anyone_else_is_ever_found(shop: Shop) -> None:
    owners = {}
    for line in (SHOP / "data" / "orders.csv").read_text(encoding="utf-8").splitlines()[1:]:
        number, owner, *_ = line.split(",")
        owners[number] = owner
    assert len(owners) == 42
    for number, owner in owners.items():
        for customer in ("cus_mara", "cus_jonas", "cus_elif", None):
            outcome = await call(shop, "find_order", caller(customer), order_id=number)
            assert outcome.ok is (customer == owner)
    for customer in ("cus_mara", "cus_jonas"):
        listed = await call(shop, "list_orders", caller(customer))
        assert {owners[order["number"]] for order in listed.result["orders"]} == {customer}


@pytest.mark.parametrize("order_id", ["1042' OR '1'='1", "10420", "", "１０４２", "1042\n"])
async def test_what_is_no_order_number_is_refused_before_the_shop_is_asked(shop: Shop, order_id: str) -> None:
    outcome = await call(shop, "find_order", caller("cus_jonas"), order_id=order_id)
    assert not outcome.ok
    assert "1042'" not in orjson.dumps(outcome.result).decode()


async def test_every_order_can_be_told_and_tracked_in_both_languages(shop: Shop) -> None:
    for line in (SHOP / "data" / "orders.csv").read_text(encoding="utf-8").splitlines()[1:]:
        number, owner, *_ = line.split(",")
        for locale in ("en", "de"):
            for tool in ("find_order", "track_parcel"):
                text = await reply(shop, tool, caller(owner, locale), order_id=number)
                assert number in text
                assert "None" not in text
                assert not re.search(r"\s{2}|\s[.,;:]|\.\.|\{|\(\)", text), text


async def test_without_a_number_the_newest_parcel_under_way_is_tracked(shop: Shop) -> None:
    assert "order 1042" in await reply(shop, "track_parcel", caller())
    none = await call(shop, "track_parcel", caller("cus_elif"))
    assert "no parcel on its way" in (none.error or "")


async def test_the_ridge_tent_has_price_weight_and_stock_however_it_is_asked_for(shop: Shop) -> None:
    for query in ("Ridge", "ridge tent", "How heavy is the Ridge tent?", "Was wiegt das Ridge Zelt"):
        outcome = await call(shop, "find_product", caller(None), query=query)
        assert [p["name"] for p in outcome.result["products"]] == ["Ridge tent"], query
    text = await reply(shop, "find_product", caller(None), query="Ridge tent")
    assert all(part in text for part in ("1.98 kg", "€389.00", "in stock (14)"))


@pytest.mark.parametrize("query", ["kayak", "price match", "umbrella", "???", "the"])
async def test_what_the_shop_does_not_have_is_not_found(shop: Shop, query: str) -> None:
    outcome = await call(shop, "find_product", caller(None), query=query)
    assert outcome.result["count"] == 0


def test_the_shops_file_is_in_the_data_directory_and_never_in_the_shops(shop: Shop) -> None:
    assert not list(SHOP.rglob("*.sqlite*"))
    assert shop.kit.data not in SHOP.parents


@pytest.mark.parametrize(
    "today", [SATURDAY + timedelta(days=n) for n in range(9)] + [date(2027, 3, 1), date(2028, 2, 29)]
)
def test_days_are_counted_from_today_and_parcels_move_on_working_days(tmp_path: Path, today: date) -> None:
    shop = data_at(tmp_path, today)
    order = shop.order("cus_mara", "1042")
    here, coming = order.parcels
    assert order.placed_on <= here.sent_on <= here.delivered_on <= today < coming.expected_on
    parcels = shop.rows("SELECT sent_on, expected_on, delivered_on FROM parcels")
    assert all(date.fromisoformat(day).weekday() < 5 for row in parcels for day in row if day)
    assert all(sent <= delivered <= today.isoformat() for sent, _, delivered in parcels if delivered)


@pytest.mark.parametrize(
    ("customer", "double"), [("cus_mara", ["42.80"]), ("cus_elif", ["62.00"]), ("cus_jonas", []), ("cus_hanna", [])]
)
def test_who_was_charged_twice_for_one_order_was_so_this_month(
    tmp_path: Path, customer: str, double: list[str]
) -> None:
    today = date(2027, 3, 1)
    rows = data_at(tmp_path, today).rows(
        "SELECT amount, min(charged_on) FROM charges WHERE customer = ? GROUP BY order_number, amount HAVING count(*) = 2",
        customer,
    )
    assert [row[0] for row in rows] == double
    assert all(row[1][:7] == "2027-03" for row in rows)


def test_the_days_file_is_made_anew_on_another_day_and_only_then(tmp_path: Path) -> None:
    def opened(today: date) -> int:
        return len(data_at(tmp_path, today).rows("SELECT * FROM charges"))

    before = opened(MONDAY)
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as db:
        db.execute("DELETE FROM charges")
        db.commit()
    assert opened(MONDAY) == 0
    assert opened(MONDAY + timedelta(days=1)) == before == 40


def test_a_server_that_runs_over_midnight_counts_from_the_new_day(tmp_path: Path) -> None:
    now = datetime(2026, 11, 23, 23, 59, tzinfo=ZoneInfo("Europe/Vienna"))
    shop = plugin().ShopData(SHOP / "data", lambda: tmp_path / "shop.sqlite", lambda: now)
    assert shop.order("cus_mara", "1047").placed_on == date(2026, 11, 23)
    now += timedelta(minutes=2)
    assert shop.order("cus_mara", "1047").placed_on == date(2026, 11, 24)


def test_jonas_has_two_different_orders_at_one_price(tmp_path: Path) -> None:
    orders = data_at(tmp_path, MONDAY).orders("cus_jonas")
    assert sorted(order.number for order in orders if order.total == Decimal("129.00")) == ["1043", "1046"]


def test_each_charge_is_the_total_of_its_order(tmp_path: Path) -> None:
    shop = data_at(tmp_path, MONDAY)
    for row in shop.rows("SELECT customer, order_number, amount FROM charges"):
        assert shop.order(row[0], row[1]).total == Decimal(row[2]), row[1]


async def test_a_guest_is_found_by_order_number_and_its_own_address_only(till: Till) -> None:
    found = await till.kit.guests("1048", " Hanna@Example.com ")
    assert (found.customer, found.email, found.name) == ("cus_hanna", "hanna@example.com", "Hanna Gruber")
    for order, email in (
        ("1048", "mara@example.com"),
        ("9999", "hanna@example.com"),
        ("1048", ""),
        ("", "x@y.example"),
    ):
        assert await till.kit.guests(order, email) is None


def test_the_storefront_shows_the_products_of_the_shop(tmp_path: Path) -> None:
    stored = data_at(tmp_path, MONDAY).products()
    shown = orjson.loads((SHOP / "storefront" / "products.json").read_bytes())
    assert len(stored) == 25
    assert {
        (p["slug"], p["name"], p["kind"], p["price"], p["was"] or "", p["weight_g"], p["stock"], p["blurb"])
        for p in shown
    } == {(p.slug, p.name, p.kind, str(p.price), str(p.was or ""), p.weight_g, p.stock, p.blurb) for p in stored}
    for product in stored:
        assert not product.sizes or sum(stock for _, stock in product.sizes) == product.stock
