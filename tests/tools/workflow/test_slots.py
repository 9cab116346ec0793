"""Slots: what people write, and the value that it is, or that it is none.

Nothing here runs a workflow.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.workflow.model import Slot
from tools.workflow.slots import Choice, matches, mentioned, read, stated

TODAY = "2026-11-21"
ITEMS = (Choice("1", "Alpin boots (43)"), Choice("2", "Scree boots"), Choice("3", "Föhn jacket"))


def value(slot: Slot, raw: object, **how: object):
    found = read(slot, raw, today="2026-11-21", **how)
    return found.value if found.ok else None


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("order_number", "it's order #1042, thanks", "1042"),
        ("order_number", "AB-10422", "AB-10422"),
        ("order_number", "1042 or 1043", None),
        ("order_number", "the blue one", None),
        ("order_number", 1042, "1042"),
        ("money", "€20", 20),
        ("money", "about 12,50 euros of order 1042", "12.50"),
        ("money", "1.234,50 €", "1234.50"),
        ("money", "20", 20),
        ("money", "20 or 30", None),
        ("money", "0.001", None),
        ("money", "-5", None),
        ("number", "three", None),
        ("number", "1,000", 1000),
        ("date", "2026-12-01", "2026-12-01"),
        ("date", "1.12.2026", "2026-12-01"),
        ("date", "on 1 December please", "2026-12-01"),
        ("date", "December 1st", "2026-12-01"),
        ("date", "3 January", "2027-01-03"),
        ("date", "3 November", "2026-11-03"),
        ("date", "tomorrow", "2026-11-22"),
        ("date", "Friday", "2026-11-27"),
        ("date", "Saturday", "2026-11-28"),
        ("date", "heute", "2026-11-21"),
        ("date", "31.2.2026", None),
        ("date", "29 February", None),
        ("date", "soon", None),
        ("email", "write to me@shop.example.", "me@shop.example"),
        ("email", "a@b.example and c@d.example", None),
        ("email", "me at shop", None),
        ("yes_no", "yes please", True),
        ("yes_no", "Ja, gerne", True),
        ("yes_no", "no", False),
        ("yes_no", "I don't want that", False),
        ("yes_no", "yes, but not today", None),
        ("yes_no", "what does it cost?", None),
        ("yes_no", True, True),
        ("text", "anything at all", "anything at all"),
        ("text", "   ", None),
        ("text", "x" * 600, None),
    ],
)
def test_what_was_said_is_the_value_or_none(kind, said, expected):
    found = value(Slot(type=kind), said)
    assert (str(found) if isinstance(expected, str) else found) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Scree boots", "2"),
        ("the scree ones", "2"),
        ("jacket", "3"),
        ("3", "3"),
        ("boots", None),
        ("a tent", None),
        ("the Föhn Jacket please", "3"),
    ],
)
def test_a_choice_is_found_by_its_own_words(said, expected):
    assert value(Slot(type="choice", choices=("x",)), said, choices=ITEMS) == expected


def test_the_other_one_is_never_the_one_before():
    slot = Slot(type="choice", choices=("x",))
    assert value(slot, "no, the other pair", choices=ITEMS, before="1") == "2"
    assert value(slot, "the other boots", choices=ITEMS, before="2") == "1"
    assert value(slot, "the other one", choices=ITEMS[:2], before="2") == "1"
    three = read(slot, "the other one", today="2026-11-21", choices=ITEMS, before="3")
    assert not three.ok and [c.value for c in three.choices] == ["1", "2"]


def test_limits_of_numbers_and_patterns_hold():
    assert value(Slot(type="money", min=1, max=50), "60 €") is None
    assert value(Slot(type="money", min=1, max=50), "50 €") == 50
    assert value(Slot(pattern="[0-9]{4}"), "80331") is None
    assert value(Slot(pattern="^[0-9]{5}$"), "80331") == "80331"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("6020", "6020"),
        ("it's 6020, thanks", "6020"),
        ("SW1A 1AA London", "SW1A 1AA"),
        ("6020 or 6021", None),
        ("hm", None),
    ],
)
def test_a_text_with_a_pattern_is_found_by_its_digits_among_other_words(said, expected):
    assert value(Slot(pattern="[A-Z0-9][A-Z0-9 ]{2,9}"), said) == expected


@pytest.mark.parametrize("said", ["?", "🙂", "...", "No", "ok", "ja!"])
def test_a_mark_a_yes_or_a_no_is_no_text(said):
    assert value(Slot(), said) is None


def test_a_pattern_takes_linear_time():
    # One that backtracks would take longer than the universe has; the test would end by its time limit.
    assert not matches("(a+)+b", "a" * 4000)


def test_a_pattern_that_cannot_be_one_is_an_error():
    with pytest.raises(ValueError, match="pattern"):
        matches("(?=a)b", "b")
    with pytest.raises(ValueError, match="pattern"):
        matches("[", "b")


@given(st.text(max_size=80), st.sampled_from(["text", "number", "money", "date", "order_number", "yes_no", "email"]))
def test_a_value_always_stands_in_what_was_said(said, kind):
    found = read(Slot(type=kind), said, today="2026-11-21")
    if found.ok and kind in ("text", "order_number", "email"):
        assert found.value in said


PLACES = (Choice("a", "Friday morning"), Choice("b", "Friday noon"), Choice("c", "Friday evening"))


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("the first one", "a"), ("the earliest", "a"), ("2", "b"), ("the last", "c"), ("die zweite bitte", "b"),
        ("the noon one", "b"), ("0", None), ("7", None), ("the first or the second", None),
    ],
)  # fmt: skip
def test_a_choice_may_be_named_by_its_place(said, value):
    assert read(Slot(type="choice", choices=("x",)), said, today=TODAY, choices=PLACES).value == value


def test_a_place_counts_in_what_was_shown_and_a_number_is_none_where_choices_have_numbers():
    slot = Slot(type="choice", choices=("x",))
    assert read(slot, "the first", today=TODAY, choices=PLACES, shown=PLACES[1:]).value == "b"
    sizes = (Choice("39", "39"), Choice("40", "40"))
    assert not read(slot, "2", today=TODAY, choices=sizes).ok
    assert read(slot, "40", today=TODAY, choices=sizes).value == "40"


def test_other_words_for_a_choice_count_and_common_words_do_not():
    slot = Slot(type="choice", choices=("x",))
    reasons = (
        Choice("fit", "does not fit", ("too small", "zu klein")),
        Choice("mind", "changed my mind", ("don't like",)),
    )
    assert read(slot, "they are too small", today=TODAY, choices=reasons).value == "fit"
    assert read(slot, "I don’t like them", today=TODAY, choices=reasons).value == "mind"
    assert not mentioned("I do not want these", reasons).ok
    assert mentioned("please take them back, zu klein", reasons).value == "fit"


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("date", "book a ski service for Friday", "2026-11-27"), ("date", "book a ski service", None),
        ("money", "please refund 20 euros of order 1042", "20"), ("money", "refund order 1042", None),
        ("email", "it is mara@example.com, thanks", "mara@example.com"), ("number", "order 1042", None),
        ("text", "anything", None), ("yes_no", "yes, refund it", None),
    ],
)  # fmt: skip
def test_only_what_can_be_told_by_its_form_is_taken_from_a_message_about_more(kind, said, expected):
    found = stated(Slot(type=kind), said, (), today=TODAY)
    assert (str(found.value) if found.ok else None) == expected


TIMES = (Choice("a", "8:00"), Choice("b", "11:00"), Choice("c", "12:00"))


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("2026-11-24", None),
        ("on 24.11.2026", None),
        ("11/12/2026", None),
        ("at 11:00 please", "b"),
        ("tomorrow at 11", "b"),
        ("2026-11-24 at 12:00", "c"),
    ],
)
def test_a_day_in_digits_names_no_time(said: str, value: str | None) -> None:
    assert mentioned(said, TIMES).value == value
