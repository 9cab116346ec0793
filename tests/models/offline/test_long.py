"""Messages that are all of one thing: 4,000 characters that would have a careless pattern search for 19 s and more.

What counts is that they come to an end at all, which pytest's time limit sees to, and what is kept of them.
"""

import pytest

from server.models.offline.language import load
from server.models.offline.understand import MAX_PIECES, understand

pytestmark = pytest.mark.timeout(10)

UNITS = (
    "x",
    "a@",
    "1",
    "1.",
    "1,",
    "1-",
    "_",
    ".",
    " ",
    "\nx",
    "a, ",
    "why? ",
    ". A",
    "str",
    "'",
    "https://a",
    "a and ",
    "€1",
)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("code", ["en", "de"])
def test_a_message_of_one_thing_over_and_over_is_understood_in_a_few_pieces(unit, code):
    parts = understand(unit * (4_000 // len(unit)), load(code))
    assert 1 <= len(parts) <= 3 * MAX_PIECES


@pytest.mark.parametrize("count", [MAX_PIECES, MAX_PIECES + 1, 200])
def test_a_long_mail_is_understood_by_its_beginning_its_end_and_whatever_cannot_wait(count):
    questions = [f"Where is order {n}?" for n in range(count)]
    questions[count // 2] = "I want to kill myself."
    parts = understand(" ".join(questions), load("en"))
    assert any(part.kind == "self_harm" or "self_harm" in part.also for part in parts)


@pytest.mark.parametrize(
    "said", ["This is terrible service number {}.", "I want a human, number {}.", "You idiots, number {}!"]
)
def test_no_number_of_complaints_hides_who_is_in_danger(said):
    lines = [said.format(n) for n in range(120)]
    lines[100] = "I want to kill myself."
    parts = understand(" ".join(lines), load("en"))
    assert any(part.kind == "self_harm" or "self_harm" in part.also for part in parts)


def test_up_to_the_limit_every_sentence_counts_and_behind_it_those_in_the_middle_do_not():
    def heard(count):
        text = " ".join(f"Where is order {n}?" for n in range(1000, 1000 + count))
        return [part.text for part in understand(text, load("en"))]

    assert len(heard(MAX_PIECES)) == MAX_PIECES
    over = heard(MAX_PIECES + 1)
    assert len(over) == MAX_PIECES
    assert (over[0], over[-1]) == ("Where is order 1000?", f"Where is order {1000 + MAX_PIECES}?")


def test_what_is_said_twice_is_asked_once():
    assert [part.text for part in understand("Where is my order? Where is my order?", load("en"))] == [
        "Where is my order?"
    ]
