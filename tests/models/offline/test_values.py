"""Which numbers of a message are values of an argument, and which belong to something else.

Slots are read from schemas as tools have them; no engine is asked.
"""

from typing import Any

import pytest

from server.models.offline.language import load
from server.models.offline.slots import slots
from server.models.offline.values import values_of

PATTERN = {"type": "string", "pattern": r"^\d{4}$"}
EXAMPLES = {"type": "string", "examples": ["1042"]}
INTEGER = {"type": "integer"}


def _values(text: str, raw: dict[str, Any], name: str = "order_number") -> list[object]:
    slot = slots({"type": "object", "properties": {name: raw}, "required": [name]})[0]
    return list(values_of(slot, text, load("en"))[0])


@pytest.mark.parametrize("raw", [PATTERN, EXAMPLES, INTEGER])
@pytest.mark.parametrize(
    "text",
    [
        "change my address to Elm Street 4, 6020 Innsbruck",
        "I moved to Musterstraße 12a, 6020 Innsbruck",
        "send it to A-6020 Innsbruck",
        "book a service on 2026-11-21",
        "it was delivered on 21.11.2026",
    ],
)
def test_a_postcode_or_a_date_is_no_order_number(text: str, raw: dict[str, Any]) -> None:
    assert _values(text, raw) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("send order 1042 to Elm Street 4, 6020 Innsbruck", ["1042"]),
        ("order 1042 of 2026-11-21", ["1042"]),
        ("orders 1042, 1043 Please", ["1042", "1043"]),
        ("order 1042, Anna Huber", ["1042"]),
        ("2026", ["2026"]),
    ],
)
def test_an_order_number_beside_a_postcode_or_a_date_is_found(text: str, found: list[str]) -> None:
    assert _values(text, PATTERN) == found


def test_who_is_asked_for_a_postcode_may_give_it_with_the_street() -> None:
    assert _values("Elm Street 4, 6020 Innsbruck", PATTERN, "postcode") == ["6020"]


def test_a_date_is_one_where_a_date_is_asked_for() -> None:
    day = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
    assert _values("on 2026-11-21 please", day, "day") == ["2026-11-21"]
