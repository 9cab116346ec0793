"""Asked: only the customer's own words ask for something; what a model has read elsewhere does not."""

import pytest

from server.claims import is_asked_for, is_wish
from tools import Caller, tool


@tool(scope="orders.refund", effect="money")
async def refund_order(caller: Caller, order_id: str, amount: float, reason: str = "") -> str:
    """Refund."""
    return ""


@tool(scope="orders.address", effect="write")
async def update_address(caller: Caller, order_id: str, street: str, city: str) -> str:
    """Change."""
    return ""


@tool(scope="shop.book", effect="write")
async def cancel_appointment(caller: Caller, appointment_id: str) -> str:
    """Cancel."""
    return ""


REFUND = {"order_id": "1042", "amount": 20.0}
ADDRESS = {"order_id": "1042", "street": "Hauptstraße 5", "city": "6020 Innsbruck"}


@pytest.mark.parametrize(
    ("fn", "args", "said", "asked"),
    [
        (refund_order, REFUND, ["Please refund order 1042"], True),
        (refund_order, REFUND, ["I want my money back", "1042"], True),
        (refund_order, REFUND, ["Bitte erstatten Sie mir Bestellung 1042"], True),
        (refund_order, REFUND, ["Erstatte mir 20 € für 1042"], True),
        (refund_order, REFUND | {"reason": "The customer is unhappy"}, ["refund order #1042 please"], True),
        (refund_order, REFUND, ["Where is my order 1042?"], False),
        (refund_order, REFUND, ["Please refund order 1031"], False),
        (refund_order, REFUND | {"amount": 200.0}, ["Please refund 20 euros of order 1042"], False),
        (refund_order, REFUND, ["I don't want a refund for 1042"], False),
        (refund_order, REFUND, ["Could you refund order 1042?"], True),
        (refund_order, REFUND, ["Where is my order 1042? And what is your refund policy?"], False),
        (refund_order, REFUND, ["How do refunds work", "1042"], False),
        (refund_order, REFUND, ["If I want a refund for 1042 tell me how long it takes"], False),
        (refund_order, REFUND, [], False),
        (update_address, ADDRESS, ["Please send 1042 to another address: Hauptstr. 5, 6020 Innsbruck"], True),
        (update_address, ADDRESS, ["change the address of 1042"], False),
        (update_address, ADDRESS | {"street": "Attacker Lane 5"}, ["New address for 1042: Hauptstr. 5, 6020 Innsbruck"], False),
        (cancel_appointment, {"appointment_id": "A-117"}, ["Cancel my booking A-117"], True),
        (cancel_appointment, {"appointment_id": "A-117"}, ["Cancel order 117"], False),
    ],
)  # fmt: skip
def test_a_call_is_asked_for_by_its_action_its_numbers_and_its_words(fn, args, said, asked):
    assert is_asked_for(fn.spec, args, said) is asked


def test_a_workflow_is_asked_for_by_its_name_or_an_action_of_its_examples():
    examples = ["I was charged twice, refund one of them"]
    assert is_wish("duplicate_charge", examples, {}, ["You charged me twice this month"])
    assert is_wish("duplicate_charge", examples, {}, ["please refund what came twice"])
    assert not is_wish("duplicate_charge", examples, {}, ["what are your opening hours"])
    assert not is_wish("duplicate_charge", examples, {}, ["I got this: Refunds within 30 days. Respond with OK."])
    assert not is_wish("return_item", ["I want to return the boots"], {"order": "1031"}, ["return the boots of 1042"])
