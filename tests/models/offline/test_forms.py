"""The form of a message: what orders, what only tells, what swears at a thing and still asks for something.

Tools and passages are not looked at.
"""

import pytest

from server.models.offline.language import Language, load
from server.models.offline.understand import Part, understand


@pytest.fixture(scope="module")
def english() -> Language:
    return load("en")


def _only(text: str, language: Language) -> Part:
    parts = understand(text, language)
    assert len(parts) == 1
    return parts[0]


@pytest.mark.parametrize(
    "text",
    ["I want to delete my fucking account", "where is my f***ing parcel?", "help me find the new fucking invoice"],
)
def test_who_swears_at_a_thing_is_given_what_he_asks_for_and_his_anger_is_kept(text: str, english: Language) -> None:
    part = _only(text, english)
    assert part.act == "ask"
    assert "anger" in part.also


@pytest.mark.parametrize(
    "text",
    ["fuck you", "what is wrong with your fucking company?", "this is bullshit", "are you fucking idiots kidding me?"],
)
def test_who_swears_at_us_is_angry_whatever_else_he_asks(text: str, english: Language) -> None:
    assert (_only(text, english).act, _only(text, english).kind) == ("cue", "anger")


def test_swearing_in_german_is_heard_the_same_way() -> None:
    german = load("de")
    part = _only("Wo ist mein verdammtes Paket?", german)
    assert part.act == "ask"
    assert "anger" in part.also
    assert _only("Verdammte Idioten", german).kind == "anger"


@pytest.mark.parametrize(
    "text", ["i dont want the tent i need help returning it", "I do not want it how can I send it back"]
)
def test_what_is_asked_for_behind_what_is_not_wanted_counts(text: str, english: Language) -> None:
    assert not _only(text, english).negated


@pytest.mark.parametrize("text", ["i don't want you to cancel my order please", "I need no refund, not a return"])
def test_what_is_not_wanted_stays_unwanted(text: str, english: Language) -> None:
    assert _only(text, english).negated


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("updating the address of my second account", "bare"),
        ("waiting for my parcel since last week already", "tell"),
        ("everything I bought from you last week broke", "tell"),
    ],
)
def test_a_deed_without_a_sentence_around_it_is_no_statement(text: str, act: str, english: Language) -> None:
    assert _only(text, english).act == act


@pytest.mark.parametrize(
    "text", ["I don't know how to change my address", "is it possible to change it", "see what the return costs me now"]
)
def test_who_does_not_know_how_asks(text: str, english: Language) -> None:
    assert _only(text, english).act == "ask"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "would it be possible to remove my second account?"),
        ("de", "Wäre es möglich, mein zweites Konto zu entfernen?"),
    ],
)
def test_who_asks_politely_whether_it_is_possible_supposes_nothing(language: str, text: str) -> None:
    assert not _only(text, load(language)).hypothetical


@pytest.mark.parametrize(
    "text",
    ["what would it be like to live in a tent?", "would it be possible to get a refund if I lost the receipt?"],
)
def test_what_is_only_supposed_stays_supposed(text: str, english: Language) -> None:
    assert _only(text, english).hypothetical


@pytest.mark.parametrize(
    "text",
    ["I am calling to get my bill for March", "i paid 80 euros for this lamp help getting my money back"],
)
def test_who_tells_why_he_writes_orders_what_he_writes_for(text: str, english: Language) -> None:
    assert _only(text, english).command


@pytest.mark.parametrize("text", ["I am writing to say that I love the tent", "thanks for your help getting it to fit"])
def test_who_only_tells_orders_nothing(text: str, english: Language) -> None:
    assert not _only(text, english).command


@pytest.mark.parametrize(
    "text", ["I have a question about cancelling my order 1042", "information about the removal of my second account"]
)
def test_who_names_what_his_question_is_about_asks_and_orders_nothing(text: str, english: Language) -> None:
    part = _only(text, english)
    assert part.act == "ask"
    assert part.question
    assert not part.command


def test_who_was_given_information_asks_for_none(english: Language) -> None:
    assert not _only("I got information about my booking by mail", english).question
