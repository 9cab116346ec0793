"""What a customer reads of a call: one safe line, in his language where the tool has it."""

from typing import Any

import pytest

from tests.tools.test_spec import find_order, made
from tools.connectors import HttpTool


@pytest.mark.parametrize(
    ("label", "args", "shown"),
    [
        ("Looking up order {{ order_id }}", {"order_id": "1042"}, "Looking up order 1042"),
        ("Looking up order {{ args.order_id }}", {"order_id": 1042}, "Looking up order 1042"),
        ("Looking up order {{ order_id }}", {}, "Find order"),
        ("", {"order_id": "1042"}, "Find order"),
        ("{{ order_id.x.y }}", {"order_id": "1"}, "Find order"),
        ("{{ 1 / 0 }}", {}, "Find order"),
        ("{{ ''.__class__.__mro__ }}", {}, "Find order"),
        ("{{ order_id.append(1) }}", {"order_id": []}, "Find order"),
        ("Order {{ order_id }}", {"order_id": "1\n2\x00\x1b[31m"}, "Order 1 2 [31m"),
    ],
)
def test_a_label_is_one_safe_line_or_the_tools_name_in_words(label, args, shown):
    assert made(find_order, label=label).label_for(args) == shown


def test_a_label_is_cut_at_120_characters():
    text = made(find_order, label="{{ order_id }}").label_for({"order_id": "x" * 500})
    assert len(text) == 120
    assert text.endswith("x…")


@pytest.mark.parametrize(
    ("name", "words"),
    [("find_order", "Find order"), ("trackParcel", "Track parcel"), ("book-ski_service", "Book ski service")],
)
def test_a_name_becomes_words(name, words):
    assert made(find_order, name=name).label_for({}) == words


GERMAN = {"de": "Ich suche die Bestellung {{ order_id }}", "en": "Looking up order {{ order_id }}"}


@pytest.mark.parametrize(
    ("label", "locale", "shown"),
    [
        (GERMAN, "de", "Ich suche die Bestellung 1042"),
        (GERMAN, "de-AT", "Ich suche die Bestellung 1042"),
        (GERMAN, "en", "Looking up order 1042"),
        (GERMAN, "fr", "Looking up order 1042"),
        ({"de": GERMAN["de"]}, "fr", "Ich suche die Bestellung 1042"),
        ("Looking up order {{ order_id }}", "de", "Looking up order 1042"),
        ({"de": "{{ nothing }}", "en": "Looking"}, "de", "Find order"),
    ],
)
def test_a_label_is_in_the_customers_language_where_the_tool_has_it(label, locale, shown):
    assert made(find_order, label=label).label_for({"order_id": "1042"}, locale) == shown


def http(**fields: Any) -> HttpTool:
    entry = {"description": "Find.", "url": "https://shop.example/o", "effect": "read", "scope": "orders.read"}
    return HttpTool.model_validate(entry | fields)


def test_a_tool_of_the_yaml_has_labels_by_language_too():
    assert http(label=GERMAN).label == GERMAN
    with pytest.raises(ValueError, match="expected a template, line 1"):
        http(label={"de": "{{ order"})
    with pytest.raises(ValueError, match="at least 1 item"):
        http(label={})
