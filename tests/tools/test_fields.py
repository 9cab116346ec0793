"""What a card says of arguments beside their names: titles that somebody wrote, and of what currency the money is."""

from decimal import Decimal
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from tools import Caller, Rule, fields_of, tool
from tools.connectors.schema import SchemaSpec


class Money(BaseModel):
    amount: Decimal
    currency: str


Title = Annotated[str, Field(title="Order number", description="four digits")]


@tool(scope="orders.refund", effect="money")
async def refund(caller: Caller, order_id: Title, amount: Decimal, reason: str): ...


@tool(scope="orders.refund", effect="money")
async def pay(caller: Caller, amount: Money): ...


@tool(scope="orders.refund", effect="money")
async def pay_plain(caller: Caller, amount: Decimal, currency: str | None = None): ...


@tool(scope="cart.add", effect="write")
async def add(caller: Caller, amount: int): ...


def from_server(properties):
    """A tool as an MCP server describes it."""
    kept = {name: getattr(refund.spec, name) for name in ("scope", "fn", "args_model")}
    schema = {"type": "object", "properties": properties}
    return SchemaSpec(name="far", description="Far.", effect="write", schema=schema, **kept)


ARGS = {"order_id": "1042", "amount": "62.00", "reason": "a sole came off"}


def test_a_title_is_the_one_that_somebody_wrote_and_money_is_of_the_shops_currency():
    assert fields_of(refund.spec, None, ARGS, "EUR") == {
        "order_id": {"title": "Order number"},
        "amount": {"currency": "EUR"},
    }
    assert fields_of(refund.spec, None, ARGS) == {"order_id": {"title": "Order number"}}


@pytest.mark.parametrize(
    ("fn", "args", "rule", "expected"),
    [
        (pay, {"amount": {"amount": "5.00", "currency": "chf"}}, Rule(currency="EUR"), "CHF"),
        (pay_plain, {"amount": "5.00", "currency": "GBP"}, Rule(currency="EUR"), "GBP"),
        (pay_plain, {"amount": "5.00"}, Rule(currency="EUR"), "EUR"),
        (pay_plain, {"amount": "5.00"}, None, "USD"),
        (pay_plain, {"amount": "five"}, None, "USD"),  # the tool has changed since it was planned
    ],
)
def test_the_calls_own_currency_goes_before_the_rules_and_that_before_the_shops(fn, args, rule, expected):
    assert fields_of(fn.spec, rule, args, "USD")["amount"]["currency"] == expected


def test_an_amount_that_is_no_money_is_a_number_until_the_rule_counts_it_as_money():
    assert fields_of(add.spec, Rule(), {"amount": 2}, "EUR") == {}
    assert fields_of(add.spec, Rule(per_conversation=5), {"amount": 2}, "EUR") == {"amount": {"currency": "EUR"}}
    assert fields_of(add.spec, Rule(auto_up_to=5), {"amount": 2}, "EUR") == {"amount": {"currency": "EUR"}}


@pytest.mark.parametrize(
    ("name", "schema", "title"),
    [
        ("order_id", {"title": "Order Id"}, None),  # made from the name by pydantic
        ("orderId", {"title": "order id"}, None),
        ("order_id", {"title": " The  order\n of this"}, "The order of this"),
        ("order_id", {"description": "four digits"}, None),
        ("dt", {"description": "day of delivery, as 2026-11-30"}, "Day of delivery"),
        ("q", {"description": "x" * 41}, None),
        ("q", {"title": "y" * 70}, "y" * 59 + "…"),
        ("q", {"title": "Quantity\u202e"}, "Quantity\u202e"),  # shown by the card, which names what cannot be seen
        ("q", {"title": 5, "description": None}, "5"),
        ("q", "no schema", None),
        ("q", True, None),
    ],
)
def test_titles_of_a_schema_that_anybody_may_have_written(name, schema, title):
    assert fields_of(from_server({name: schema}), None, {name: "v"}) == ({name: {"title": title}} if title else {})


def test_a_schema_without_properties_says_nothing():
    assert fields_of(from_server(None), None, {"a": 1}) == {}
