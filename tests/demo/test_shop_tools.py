"""The demo shop's tools over its SQLite file: right answers, each customer's own orders only, days that stay alive."""

import re
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest

from server.kit import load_module
from server.shop import Shop
from tests.demo.support import SHOP
from tools import Caller, Outcome, run, words

MONDAY, SATURDAY = date(2026, 11, 23), date(2026, 11, 21)


@pytest.fixture(scope="module")
def shopdb() -> ModuleType:
    return load_module(SHOP / "shopdb.py", "test_demo_shopdb")


def caller(customer: str | None = "cus_mara", locale: str = "en") -> Caller:
    level = "anonymous" if customer is None else "identified"
    return Caller(site="pk_demo_hobnail", conversation="c", customer=customer, level=level, locale=locale)


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


def test_the_shop_directory_has_nothing_to_complain_about_but_the_secret(shop: Shop) -> None:
    assert {spec.name for spec in shop.registry} == {"find_order", "find_product", "list_orders", "track_parcel"}
    assert [p.message for p in shop.problems if "HOBNAIL_IDENTITY_SECRET" not in p.message] == []


def test_every_tool_has_many_examples_and_order_tools_need_a_signed_in_customer(shop: Shop) -> None:
    for spec in shop.registry:
        assert len(spec.examples) >= 15
        assert spec.effect == "read"
        assert spec.needs == ("anonymous" if spec.name == "find_product" else "identified")


async def test_order_1042_is_maras_has_boots_and_is_on_its_way(shop: Shop) -> None:
    outcome = await call(shop, "find_order", caller(), order_id="1042")
    result = outcome.result
    assert result["status"] == "sent"
    assert "Alpin boots" in result["items_text"]["en"]
    assert result["total"] == "333.00"
    assert date.fromisoformat(result["parcel"]["expected_on"]) > date.fromisoformat(result["parcel"]["sent_on"])
    assert not result["parcel"]["late"]


async def test_the_reply_names_order_parcel_and_day_in_words(shop: Shop) -> None:
    text = await reply(shop, "find_order", caller(), order_id="1042")
    assert "1042" in text
    assert "Österreichische Post" in text
    assert re.search(r"(Mon|Tues|Wednes|Thurs|Fri)day, \d{1,2} [A-Z][a-z]+\.", text)
    assert "€333.00" in text
    assert not re.search(r"None|\{|\d{4}-\d\d", text)


async def test_german_customers_are_answered_in_german(shop: Shop) -> None:
    text = await reply(shop, "find_order", caller(locale="de-AT"), order_id="1042")
    assert text.startswith("Ihre Bestellung 1042 ist unterwegs")
    assert "333,00 €" in text


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
    assert len(owners) == 40
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
def test_days_are_counted_from_today_and_parcels_move_on_working_days(
    shopdb: ModuleType, tmp_path: Path, today: date
) -> None:
    shop = shopdb.ShopData(SHOP / "data", lambda: tmp_path / "shop.sqlite", today)
    order = shop.order("cus_mara", "1042")
    assert order.parcel.expected_on > today
    assert order.placed_on <= order.parcel.sent_on <= today
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as db:
        parcels = db.execute("SELECT sent_on, expected_on, delivered_on FROM parcels").fetchall()
        double = db.execute(
            "SELECT amount, min(charged_on) FROM charges WHERE customer = 'cus_mara' GROUP BY order_number, amount "
            "HAVING count(*) = 2"
        ).fetchall()
    assert all(date.fromisoformat(day).weekday() < 5 for row in parcels for day in row if day)
    assert all(sent <= delivered <= today.isoformat() for sent, _, delivered in parcels if delivered)
    assert [(Decimal(amount), day[:7]) for amount, day in double] == [(Decimal("81.80"), today.isoformat()[:7])]


def test_the_file_is_made_anew_on_another_day_and_only_then(shopdb: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "shop.sqlite"

    def opened(today: date) -> Any:
        shop = shopdb.ShopData(SHOP / "data", lambda: file, today)
        shop.products()
        with closing(sqlite3.connect(file)) as db:
            return db.execute("SELECT count(*) FROM charges").fetchone()[0]

    before = opened(MONDAY)
    with closing(sqlite3.connect(file)) as db:
        db.execute("DELETE FROM charges")
        db.commit()
    assert opened(MONDAY) == 0
    assert opened(MONDAY + timedelta(days=1)) == before == 37


def test_one_customer_has_two_orders_at_one_price(shopdb: ModuleType, tmp_path: Path) -> None:
    orders = shopdb.ShopData(SHOP / "data", lambda: tmp_path / "shop.sqlite", MONDAY).orders("cus_elif")
    assert [order.total for order in orders] == [Decimal("129.00")] * 2
    assert len({order.number for order in orders}) == 2


def test_each_charge_is_the_total_of_its_order(shopdb: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "shop.sqlite"
    shop = shopdb.ShopData(SHOP / "data", lambda: file, MONDAY)
    shop.products()
    with closing(sqlite3.connect(file)) as db:
        for customer, number, amount in db.execute("SELECT customer, order_number, amount FROM charges").fetchall():
            assert shop.order(customer, number).total == Decimal(amount), number


def test_the_storefront_shows_the_products_of_the_shop(shopdb: ModuleType, tmp_path: Path) -> None:
    stored = shopdb.ShopData(SHOP / "data", lambda: tmp_path / "shop.sqlite", MONDAY).products()
    shown = orjson.loads((SHOP / "storefront" / "products.json").read_bytes())
    assert len(stored) == 25
    assert {
        (p["slug"], p["name"], p["kind"], p["price"], p["was"] or "", p["weight_g"], p["stock"], p["blurb"])
        for p in shown
    } == {(p.slug, p.name, p.kind, str(p.price), str(p.was or ""), p.weight_g, p.stock, p.blurb) for p in stored}
    for product in stored:
        assert not product.sizes or sum(stock for _, stock in product.sizes) == product.stock
