"""Quotations: rows of tables in words, the usual case before special ones, and what a follow-up is really about."""

import pytest

from retrieval.cite import cite
from retrieval.split import split
from retrieval.types import Document, Passage
from server.models.offline import Offline
from server.models.offline.language import load
from server.models.offline.tables import cells, in_words
from server.ports import Line, Prompt, Text
from tests.models.offline.garage import Conversation, Library

HIRE = """# Hire

| Boat | Half day | Full day | Deposit |
|---|---|---|---|
| Canoe | £24 | £38 | £50 |
| Rowing boat | £18 | £30 | none |

## How long a hire lasts

You can bring boats back within 8 hours. Boats reduced in the sale can be brought back within 4 hours.

## Vouchers

Vouchers cost £20. They can be spent at the boathouse, but not on the website yet.

## What isn't covered by the boat insurance

- lost paddles

Scratches are usually free.

## The boat insurance

Our boat insurance covers falling in, and rocks.
"""
CELLOS = """# Cellos

We fit new strings to a cello for £30, in 3 working days.

## A cello on its own

A cello that is kept next to a heater cracks within two weeks.

## Sending things back

Whatever you bought new can be returned within 45 days.
"""
PAYING = """# Paying and complaints

We take cash, cards and bank transfer.

## Complaints

You have 6 days to complain about a boat.
"""
VERLEIH = """# Rückgabe der Boote

Boote zum vollen Preis können Sie innerhalb von 8 Stunden zurückgeben.
Reduzierte Boote können Sie innerhalb von 4 Stunden zurückgeben.
"""


def passages_of(text: str, locale: str = "en") -> tuple[Passage, ...]:
    found = split("s", Document.of("hire.md", text, title=text.splitlines()[0].strip("# "), locale=locale))
    return tuple(passage.scored(0.6) for passage in found)


async def said(engine: Offline, text: str, passages: tuple[Passage, ...], before: tuple[str, ...] = ()) -> str:
    history = tuple(
        line for earlier in before for line in (Line("customer", earlier), Line("agent", "Boats are fun. [1]"))
    )
    prompt = Prompt("s", "Boats", "", (), (*history, Line("customer", text)), (text,), passages)
    return "".join([chunk.text async for chunk in engine.stream(prompt) if isinstance(chunk, Text)])


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("How much is a full day in a canoe?", "**Canoe**, full day: £38 [1]"),
        ("What does a canoe cost?", "**Canoe**: half day £24, full day £38, deposit £50 [1]"),
    ],
)
async def test_a_row_is_read_out_with_the_columns_that_were_asked_for(
    engine: Offline, question: str, reply: str
) -> None:
    passages = passages_of(HIRE)
    text = await said(engine, question, passages)
    assert text == reply
    (citation,) = cite(text, passages).citations
    assert citation.quote == "Canoe | £24 | £38 | £50"


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        ("How long can I keep a boat?", "You can bring boats back within 8 hours. [1]"),
        (
            "How long can I keep a boat from the sale?",
            "Boats reduced in the sale can be brought back within 4 hours. [1]",
        ),
        (
            "Can I use a voucher online?",
            "Vouchers cost £20. [1] They can be spent at the boathouse, but not on the website yet. [1]",
        ),
        ("What does the boat insurance cover?", "Our boat insurance covers falling in, and rocks. [1]"),
    ],
)
async def test_the_usual_case_is_quoted_unless_a_special_one_is_named(
    engine: Offline, question: str, reply: str
) -> None:
    text = await said(engine, question, passages_of(HIRE))
    assert text.replace("[2]", "[1]").replace("[3]", "[1]").replace("[4]", "[1]").replace("[5]", "[1]") == reply


async def test_the_usual_case_is_quoted_in_german_too(engine: Offline) -> None:
    text = await said(engine, "Wie lange habe ich Zeit für die Rückgabe?", passages_of(VERLEIH, "de"))
    assert text == "Boote zum vollen Preis können Sie innerhalb von 8 Stunden zurückgeben. [1]"


@pytest.mark.parametrize(
    "question",
    [
        "How long can I bring back a cello?",
        "How many days do I have to send back a cello?",
        "until when may we return cellos",
    ],
)
async def test_how_long_something_may_be_done_is_asked_about_the_deed_and_not_about_the_thing(
    engine: Offline, question: str
) -> None:
    text = await said(engine, question, passages_of(CELLOS))
    assert "45 days" in text
    assert "3 working days" not in text


async def test_what_only_says_how_long_something_else_takes_is_no_answer(engine: Offline) -> None:
    text = await said(engine, "How long can I hire a cello?", passages_of(CELLOS))
    assert "45 days" not in text


async def test_a_follow_up_is_about_its_own_words(engine: Offline) -> None:
    text = await said(engine, "and in the sale?", passages_of(HIRE), before=("How long can I keep a boat?",))
    assert "4 hours" in text
    assert "8 hours" not in text


@pytest.mark.parametrize(
    ("text", "raw", "shown"),
    [
        ("Land: Norway; Post: 3 days", "Norway | 3 days", "**Norway**: 3 days"),
        ("A: Tin; B: one; C: two", "Tin | one | two", "**Tin**: b one, c two"),
        (
            "What: Wax; What we do first: sand, wax; Cost: €9",
            "<td>Wax</td><td>sand, wax</td><td>€9",
            "**Wax** – what we do first: sand, wax; cost: €9",
        ),
        ("Norway; 3 days", "Norway | 3 days", ""),
        ("A sentence: with a colon; and more: of it", "A sentence: with a colon; and more: of it", ""),
    ],
)
def test_a_row_is_told_by_its_names_of_columns(text: str, raw: str, shown: str) -> None:
    found = cells(text, raw)
    assert (in_words(found, load("en"), lambda _: False) if found else "") == shown


async def test_only_who_greeted_before_is_greeted_again(engine: Offline, library: Library) -> None:
    talk = Conversation(engine, library)
    await talk.say("How long does a full service take?")
    assert (await talk.say("hello")).text.startswith("Hello Rui!")
    assert (await talk.say("hello")).text.startswith("Hello again")


async def test_what_was_ordered_is_not_searched_for(engine: Offline, library: Library) -> None:
    talk = Conversation(engine, library)
    reply = await talk.say("I bought a saddle. Can you tell me where it is?")
    assert not any(name == "find_part" for name, _ in reply.calls)


async def test_a_list_in_which_something_is_missing_is_read_out_in_words(engine: Offline) -> None:
    table = "# Delivery\n\n| Country | Post | Courier |\n|---|---|---|\n| France | €5 | €9 |\n| Spain | €6 | €12 |\n"
    text = await said(engine, "Do you deliver to Norway?", passages_of(table))
    assert text.startswith("Norway isn't listed.\n\n- **France**: post €5, courier €9")


async def test_a_column_that_only_begins_like_the_question_is_not_the_one_asked_for(engine: Offline) -> None:
    table = "# Versand\n\n| Land | Standard | Versandkostenfrei ab |\n|---|---|---|\n| Spanien | 6 € | 99 € |\n"
    text = await said(engine, "Was kostet der Versand nach Spanien?", passages_of(table, "de"))
    assert text == "**Spanien**: Standard 6 €, Versandkostenfrei ab 99 € [1]"


async def test_a_pronoun_is_looked_up_as_what_it_stands_for(engine: Offline, library: Library) -> None:
    talk = Conversation(engine, library)
    reply = await talk.say("How heavy is the Osprey rack and what does it cost?")
    assert reply.calls == [("find_part", {"query": "Osprey rack"})]


async def test_a_fragment_is_no_answer(engine: Offline) -> None:
    text = await said(engine, "where is my stuff?", passages_of("# Tents\n\nStore it dry. Not in its stuff sack.\n"))
    assert "sack" not in text


async def test_what_is_not_listed_is_said_once(engine: Offline) -> None:
    shipping = """# Where we ship

We ship to these countries:

- France
- Spain
- Italy

## What shipping costs

| Country | Price |
|---|---|
| France | €5 |
| Spain | €6 |
"""
    text = await said(engine, "Do you ship to Norway and what does it cost?", passages_of(shipping))
    assert text.count("isn't listed") == 1


async def test_a_question_about_complaints_is_no_complaint(engine: Offline) -> None:
    text = await said(engine, "How long do I have to complain about a boat?", passages_of(PAYING))
    assert "6 days" in text
