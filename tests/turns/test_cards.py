"""Cards: what a question says of its arguments for whoever is asked, beside what is stored; the yes is to what is stored."""

from decimal import Decimal

import pytest

from server.events import Viewer, visible
from server.ports import Text
from tests.turns.conftest import KEY, bodies, call
from tools import Caller, Rule, args_sha256, tool

ARGS = {"order_id": "1", "amount": "62.00"}


@tool(scope="orders.refund", effect="money")
async def refund(caller: Caller, order_id: str, amount: Decimal) -> str:
    """Refund an order."""
    return "done"


async def asked(make_node, rule, **options):
    node = await make_node(
        [call("refund", **ARGS)], [Text("Asked.")], tools=(refund,), rules={"refund": rule}, **options
    )
    await node.signs_in()
    await node.say("refund it")
    return node, await node.until("turn.ended")


@pytest.mark.parametrize(
    ("currency", "fields"), [("EUR", {"amount": {"currency": "EUR"}}), (None, None)], ids=["currency", "none"]
)
@pytest.mark.parametrize("permission", ["confirm", "approve"])
async def test_a_card_knows_the_currency_and_the_yes_is_to_what_is_stored(make_node, permission, currency, fields):
    node, events = await asked(make_node, Rule(permission=permission), site={"currency": currency} if currency else {})
    [body] = bodies(events, "call.asked")
    assert body.get("fields") == fields
    assert body["args"] == ARGS
    assert body["args_sha256"] == args_sha256(ARGS)
    assert node.agent.ruled(Caller("pk_test", KEY)).currency == currency


@pytest.mark.parametrize(("permission", "seen"), [("confirm", {"amount": {"currency": "EUR"}}), ("approve", None)])
async def test_a_customer_sees_the_fields_of_what_is_asked_of_them_and_of_nothing_else(make_node, permission, seen):
    _, events = await asked(make_node, Rule(permission=permission), site={"currency": "EUR"})
    [event] = [event for event in events if event.kind == "call.asked"]
    shown = visible(event, Viewer("customer"))
    assert shown is not None
    assert shown.body.get("fields") == seen


async def test_the_reason_has_plain_numbers_whatever_the_shops_currency(make_node):
    rule = Rule(permission="approve", auto_up_to="50.00")
    _, events = await asked(make_node, rule, site={"currency": "EUR"})
    assert bodies(events, "call.asked")[0]["why"] == "needs approval: 62.00 is over 50.00"
