"""Answers that a language model wrote freely: what rests on nothing is taken out, neighbouring quotations become one."""

import pytest

from retrieval.cite import cite, ground, merged
from retrieval.split import split
from retrieval.types import Document

TEXT = """# Shipping

We ship to these countries:

- Austria
- Belgium
- Germany

Standard delivery takes 3 working days and costs 4.90 EUR. Express delivery takes one day.

# Returns

You can return unworn items within 30 days of delivery.
"""
PASSAGES = split("pk_x", Document.of("shipping.md", TEXT, title="Shipping", url="/help/shipping"))


def quotes(cited):
    return [citation.quote for citation in cited.citations]


def test_a_sentence_that_a_passage_says_gets_its_citation_without_being_asked():
    cited = ground("You can return unworn items within 30 days of delivery.", PASSAGES, known="")
    assert cited.text.endswith("[1]")
    assert quotes(cited) == ["You can return unworn items within 30 days of delivery."]


@pytest.mark.parametrize(
    "invented",
    [
        "You can return unworn items within 45 days of delivery.",
        "Standard delivery costs 2.50 EUR.",
        "Delivery is free from 500 EUR.",
    ],
)
def test_a_number_that_nobody_said_is_taken_out_with_its_sentence(invented):
    cited = ground(f"Hello! {invented} Anything else?", PASSAGES, known="hi")
    assert (
        cited.text == "Hello! Anything else?".replace("! A", "!  A")
        or " ".join(cited.text.split()) == "Hello! Anything else?"
    )
    assert cited.citations == ()


def test_a_number_that_the_customer_said_may_be_repeated():
    text = "I have noted your order 1042."
    assert ground(text, PASSAGES, known="my order is 1042").text == text


def test_a_marker_that_the_passage_does_not_support_takes_its_sentence_along():
    cited = ground("You can return worn shoes for ever [1]. Hello there.", PASSAGES, known="")
    assert "for ever" not in cited.text
    assert "Hello there." in cited.text


def test_small_talk_is_left_alone():
    text = "Hello! How can I help you today?"
    assert ground(text, PASSAGES, known="").text == text


def test_a_list_that_is_quoted_item_by_item_is_one_citation():
    n = 1 + next(i for i, p in enumerate(PASSAGES) if "Austria" in p.text)
    text = f"We ship to these countries: [{n}]\n- Austria [{n}]\n- Belgium [{n}]\n- Germany [{n}]"
    cited = merged(cite(text, PASSAGES), PASSAGES)
    assert cited.text == "We ship to these countries:\n- Austria\n- Belgium\n- Germany [1]"
    [citation] = cited.citations
    assert citation.quote == TEXT[citation.start : citation.end]
    assert citation.quote == "We ship to these countries:\n\n- Austria\n- Belgium\n- Germany"


def test_quotations_from_two_places_stay_two():
    cited = merged(
        cite(
            "Standard delivery takes 3 working days and costs 4.90 EUR. [1] "
            f"You can return unworn items within 30 days of delivery. [{len(PASSAGES)}]",
            PASSAGES,
        ),
        PASSAGES,
    )
    assert [citation.n for citation in cited.citations] == [1, 2]
    assert "[1]" in cited.text
    assert "[2]" in cited.text
