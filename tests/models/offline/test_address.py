"""Addresses: told from other words, and into their parts."""

import pytest

from server.models.offline import address
from tools.workflow.model import Slot


@pytest.mark.parametrize(
    "text",
    [
        "Stornostraße 7",
        "3 Refund Avenue",
        "Track Lane 12b",
        "Postfach 88",
        "Wiener Str. 14/3",
        "Via Roma 5",
        "Straße des 17. Juni 135",
    ],
)
def test_a_street_with_its_number_is_a_place(text: str) -> None:
    assert address.is_place(text)


@pytest.mark.parametrize(
    "text",
    ["cancel order 4711", "where is my parcel?", "ring me at 5", "two of the 3 lamps are broken", "hello", "4711"],
)
def test_other_words_are_none(text: str) -> None:
    assert not address.is_place(text)


@pytest.mark.parametrize(
    ("text", "street", "postcode", "town"),
    [
        ("Mühlgasse 5, 8010 Graz", "Mühlgasse 5", "8010", "Graz"),
        ("Mühlgasse 5 8010 Graz", "Mühlgasse 5", "8010", "Graz"),
        ("Flat 3, 22 Hill Street, Leeds LS1 4AB", "Flat 3, 22 Hill Street", "LS1 4AB", "Leeds"),
        ("500 Main St, Springfield, IL 62704", "500 Main St", "62704", "Springfield, IL"),
        ("Keizersgracht 123, 1015 CJ Amsterdam", "Keizersgracht 123", "1015 CJ", "Amsterdam"),
        ("Długa 5/3, 00-123 Warszawa, Polska", "Długa 5/3", "00-123", "Warszawa, Polska"),
    ],
)
def test_a_whole_address_is_told_into_its_parts(text: str, street: str, postcode: str, town: str) -> None:
    assert address.parts_of(text) == {"street": street, "postcode": postcode, "town": town}


def test_what_holds_no_postcode_is_one_street_and_what_holds_neither_is_nothing() -> None:
    assert address.parts_of("Flat 3, 22 Hill Street") == {"street": "Flat 3, 22 Hill Street"}
    assert address.parts_of("8010 Graz") == {"postcode": "8010", "town": "Graz"}
    assert address.parts_of("where is my order") == {}


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("please send it to Hill Street 5", "Hill Street 5"),
        ("Die neue Adresse ist Mühlgasse 5, 8010 Graz", "Mühlgasse 5, 8010 Graz"),
        ("I live at 22 Hill Street, thanks", "22 Hill Street"),
        ("Haus am See, Seestr. 4", "Haus am See, Seestr. 4"),
        ("c/o Berger in der Mühlgasse 5", "c/o Berger in der Mühlgasse 5"),
    ],
)
def test_only_words_that_are_no_part_of_it_are_left_out(text: str, bare: str) -> None:
    assert address.without_lead(text) == bare


@pytest.mark.parametrize(
    ("name", "what", "kind"),
    [
        ("street", "street and number", "street"),
        ("plz", "", "postcode"),
        ("new_town", "", "town"),
        ("where", "delivery address", "street"),
        ("contact", "email address", None),
        ("reason", "why it goes back", None),
    ],
)
def test_a_slot_is_known_by_its_name_or_by_what_it_is(name: str, what: str, kind: str | None) -> None:
    assert address.kind_of(name, Slot(type="text", what=what, ask="?")) == kind
