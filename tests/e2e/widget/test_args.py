"""How arguments read on a card: in words and sums of the reader's, with nothing lost and nothing hidden."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.widget.conftest import Opener
from tests.e2e.widget.fake import FakeShop
from tests.e2e.widget.steps import CHAT, open_chat, say, settled

pytestmark = pytest.mark.browser

MONEY = """async (cases) => {
  const { money } = await import('/src/args.js');
  return cases.map((one) => money(...one.map((part) => part ?? undefined)));
}"""
ROWS = """async ([args, fields, locale]) => {
  const { rowsOf } = await import('/src/args.js');
  const own = (words) => ({ order: 'Bestellung' })[locale === 'de' ? words : ''] || '';
  const flat = (row) => [row.label, row.rows ? row.rows.map(flat) : row.text];
  return rowsOf(args, fields, { locale, yes: 'Yes', no: 'No', none: '–', own }).map(flat);
}"""


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "shown"),
    [
        ("62.00", "EUR", "en-GB", "€62.00"),
        ("62", "EUR", "de", "62,00 €"),
        (62, "EUR", "en-GB", "€62.00"),
        ("1234.5", "USD", "de", "1.234,50 $"),
        ("0.005", "EUR", "en-GB", "€0.005"),
        ("500", "JPY", "en-GB", "JP¥500"),
        ("500.25", "JPY", "en-GB", "JP¥500.25"),
        ("-3.10", "EUR", "en-GB", "-€3.10"),
        ("62.00", None, "de", "62.00"),
        # What cannot be written exactly in another way stays as it is.
        ("123456789012.00", "EUR", "en-GB", "123456789012.00 EUR"),
        ("1.00005", "EUR", "en-GB", "1.00005 EUR"),
        ("6e2", "EUR", "en-GB", "6e2 EUR"),
        ("62,00", "EUR", "en-GB", "62,00 EUR"),
        ("62.00", "not one", "en-GB", "62.00 not one"),
    ],
)
def test_an_amount_is_written_as_its_reader_does_and_loses_nothing(
    visit: Opener, amount: Any, currency: str | None, locale: str, shown: str
) -> None:
    assert visit().evaluate(MONEY, [[amount, currency, locale]]) == [shown]


@pytest.mark.parametrize(
    ("args", "fields", "locale", "rows"),
    [
        (
            {"order_id": "1042", "amount": "62.00"},
            {"amount": {"currency": "EUR"}},
            "en-GB",
            [["Order", "1042"], ["Amount", "€62.00"]],
        ),
        (
            {"order_id": "1042", "amount": "62.00"},
            {"amount": {"currency": "EUR"}},
            "de",
            [["Bestellung", "1042"], ["Amount", "62,00 €"]],
        ),
        ({"orderId": 7, "id": 1, "item_ids": ["a", "b"]}, {}, "en", [["Order", "7"], ["Id", "1"], ["Item", "a, b"]]),
        ({"order_id": "1"}, {"order_id": {"title": "number"}}, "de", [["Number", "1"]]),
        ({"newSKU-code": "x", "_": "y"}, None, "en", [["New SKU code", "x"], ["_", "y"]]),
        # Two that would be called the same are told apart by what they are stored as.
        (
            {"order": "1", "order_id": "2", "x": "3"},
            {"x": {"title": "order"}},
            "en",
            [["Order (order)", "1"], ["Order (order_id)", "2"], ["Order (x)", "3"]],
        ),
        (
            {"a": True, "b": False, "c": None, "d": "", "e": [], "f": {}},
            {},
            "en",
            [["A", "Yes"], ["B", "No"], ["C", "–"], ["D", "–"], ["E", "–"], ["F", "–"]],
        ),
        (
            {"refund": {"amount": "5.00", "currency": "CHF"}},
            {"refund": {"currency": "CHF"}},
            "en-GB",
            [["Refund", "CHF 5.00"]],
        ),
        (
            {"address": {"street": "Elm 4", "town": "Ulm"}},
            {},
            "en",
            [["Address", [["Street", "Elm 4"], ["Town", "Ulm"]]]],
        ),
        (
            {"items": [{"sku": "a"}, {"sku": "b"}]},
            {},
            "en",
            [["Items", [["1", [["Sku", "a"]]], ["2", [["Sku", "b"]]]]]],
        ),
        ({"toString": "x"}, {}, "en", [["To string", "x"]]),
    ],
)
def test_arguments_are_named_in_words(
    visit: Opener, args: dict[str, Any], fields: dict[str, Any] | None, locale: str, rows: list[Any]
) -> None:
    assert visit().evaluate(ROWS, [args, fields, locale]) == rows


def test_the_card_of_a_confirmation_is_in_the_customers_words_and_hides_nothing(shop: FakeShop, visit: Opener) -> None:
    page = visit({"locale": "de"})
    open_chat(page)
    say(page, "zurück")
    settled(page, 2)
    args = {
        "order_id": "1042",
        "amount": "62.00",
        "note_to_staff": "abc\u202edef\nzwei",
        "express": True,
        "address": {"street": "Ulmenweg 4", "postcode": "89073"},
    }
    asked = {"call": "k:1", "of": "customer", "label": "62 € erstatten", "args": args}
    fields = {"amount": {"currency": "EUR"}, "note_to_staff": {"title": "Bemerkung"}}
    shop.event("call.asked", "system", {**asked, "fields": fields, "expires_ms": 4_000_000_000_000})
    card = page.locator(f"{CHAT} .card")
    expect(card.locator("dt")).to_have_text(
        ["Bestellung", "Betrag", "Bemerkung", "Express", "Adresse", "Straße", "Postleitzahl"]
    )
    values = card.locator("dl >> nth=0").locator("> dd")
    expect(values.nth(0)).to_have_text("1042")
    expect(values.nth(1)).to_have_text("62,00 €")
    expect(values.nth(1)).to_have_attribute("title", 'amount = "62.00"')
    expect(values.nth(2)).to_have_text("abc⟨U+202E⟩def zwei")
    assert values.nth(2).inner_text() == "abc⟨U+202E⟩def\nzwei"
    expect(values.nth(3)).to_have_text("Ja")
    expect(card.locator("mark")).to_have_attribute("title", "Ein Zeichen, das man nicht sieht")
