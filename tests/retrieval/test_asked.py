"""What a question asks about, and what it only mentions."""

import pytest

from retrieval.asked import deed_of


@pytest.mark.parametrize(
    ("text", "words", "question"),
    [
        ("How long may I keep a canoe?", "keep", "How long may I keep?"),
        ("Until when can we swap the lamp", "swap", "Until when can we swap?"),
        ("how many days do I have to bring back a drill?", "bring back", "how many days do I have to bring back?"),
        ("What does it cost to mend a kettle?", "mend", "What does it cost to mend?"),
        ("How long is the guarantee on kettles?", "guarantee", "How long is the guarantee?"),
        ("what is the exchange window for lamps?", "exchange window", "what is the exchange window?"),
        ("Wie lange darf ich ein Kanu behalten?", "behalten", "Wie lange darf ich behalten?"),
        ("Was kostet es, eine Lampe umzutauschen?", "umtauschen", "Was kostet es umtauschen?"),
        ("Wie lange habe ich Garantie auf Lampen?", "Garantie", "Wie lange habe ich Garantie?"),
    ],
)
def test_the_deed_is_found_and_the_thing_left_out(text: str, words: str, question: str) -> None:
    found = deed_of(text)
    assert found is not None
    assert (found.words, found.question) == (words, question)


@pytest.mark.parametrize(
    "text",
    [
        "How long does the refund take?",
        "When will my order arrive?",
        "Wie lange dauert die Lieferung nach Italien?",
        "Was kostet der Versand nach Polen?",
        "What is the price of the lamp?",
        "Can I return a lamp?",
    ],
)
def test_other_questions_are_left_as_they_are(text: str) -> None:
    assert deed_of(text) is None
