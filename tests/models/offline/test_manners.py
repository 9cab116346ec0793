"""What customers really write: marks and moods, orders that nothing here carries out, things that are only pointed at."""

from dataclasses import replace
from pathlib import Path

import pytest

from retrieval.embed import MiniLM
from server.models.offline import Offline
from server.models.offline.language import load
from server.models.offline.understand import understand
from server.ports import CallResult, Text
from tests.models.offline.garage import Conversation, Library
from tests.shops.allotment.plugin import box_status, look_up_plant

NURSERY = Path(__file__).parents[2] / "shops" / "allotment" / "help"


@pytest.fixture(scope="module")
def nursery(embedder: MiniLM) -> Library:
    return Library(embedder, {file.name: _article(file) for file in sorted(NURSERY.glob("*.md"))})


def _article(file: Path) -> str:
    return file.read_text(encoding="utf-8").split("---\n", 2)[-1].strip()


@pytest.fixture
def gardener(engine: Offline, nursery: Library) -> Conversation:
    return Conversation(engine, nursery, tools=[box_status.spec, look_up_plant.spec])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        "there is a crack in it",
        "you are late again",
        "the frame is bent",
        "I would like to sell it",
        "it was sent twice",
    ],
)
def test_what_is_told_is_no_question(text: str) -> None:
    assert not any(part.question for part in understand(text, load("en")))


@pytest.mark.parametrize("text", ["is it bent", "and does it fit", "I wonder if it fits", "what was sent", "it fits?"])
def test_what_is_asked_is_one(text: str) -> None:
    assert any(part.question for part in understand(text, load("en")))


@pytest.mark.parametrize(
    ("text", "question"), [("der Rahmen ist krumm", False), ("es ist undicht", False), ("ist es dicht", True)]
)
def test_german_too(text: str, question: bool) -> None:
    assert any(part.question for part in understand(text, load("de"))) is question


SORRY = "I'm sorry that something went wrong. Would you like me to pass this to a person?"


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("👌", "Good. Is there anything else?"),
        ("never mind", "All right. If something else comes up, just ask."),
        ("just forget about it", "All right. If something else comes up, just ask."),
        ("👎", SORRY),
        ("this is the fourth time I write to you", SORRY),
    ],
)  # fmt: skip
async def test_marks_and_moods_are_heard(engine: Offline, library: Library, text: str, reply: str) -> None:
    assert (await Conversation(engine, library).say(text)).text == reply


@pytest.mark.parametrize("text", ["please replace my helmet", "can you swap the bell for booking B-20417?"])
async def test_an_order_that_nothing_here_carries_out_is_answered_by_neither_an_article_nor_a_lookup(
    engine: Offline, library: Library, text: str
) -> None:
    reply = await Conversation(engine, library).say(text)
    assert reply.calls == []
    assert reply.text == "I can't do that here, but a person may be able to."
    assert "Talk to a person" in reply.choices


async def test_an_order_that_an_article_tells_about_is_answered_by_it_with_a_person_beside(
    gardener: Conversation,
) -> None:
    reply = await gardener.say("cancel my box TD-3391")
    assert reply.calls == []
    assert "until Sunday noon" in reply.text, "'the same hour' says nothing by itself"
    assert reply.choices == ("Talk to a person",)


async def test_two_codes_in_a_row_are_no_place(engine: Offline, library: Library) -> None:
    reply = await Conversation(engine, library).say("B-20417 B-20555")
    assert [args["code"] for _, args in reply.calls] == ["B-20417", "B-20555"]


async def test_a_property_is_asked_of_what_was_looked_up_last(engine: Offline, library: Library) -> None:
    chat = Conversation(engine, library)
    await chat.say("how much is the Marlin saddle?")
    reply = await chat.say("is it foldable?")
    assert reply.calls == [("find_part", {"query": "Marlin saddle"})]
    assert "That says nothing about “foldable”" in reply.text


async def test_an_article_that_names_the_property_answers_before_a_lookup_that_does_not(gardener: Conversation) -> None:
    assert (await gardener.say("do you have foxgloves")).calls == [("look_up_plant", {"plant": "foxgloves"})]
    reply = await gardener.say("are they poisonous?")
    assert reply.calls == []
    assert "poisonous in all their parts" in reply.text
    assert "lead" not in (await gardener.say("for dogs?")).text, "dogs are welcome, but that was not asked"


async def test_the_other_one_is_not_the_one_of_before(gardener: Conversation) -> None:
    await gardener.say("where is box TD-3391")
    reply = await gardener.say("and the other one?")
    assert reply.calls == []
    assert reply.text == "What's your box number?"


async def test_a_code_that_was_not_found_is_not_looked_up_again(gardener: Conversation) -> None:
    gardener.fail = "There is no such box."
    await gardener.say("where is box TD-9999?")
    assert (await gardener.say("is my box packed yet?")).text == "What's your box number?"


async def test_a_call_that_waits_already_is_told_in_the_words_of_the_one_that_waits(
    engine: Offline, library: Library
) -> None:
    chat = Conversation(engine, library)
    await chat.say("show all my bookings")
    again = CallResult("c2", "list_bookings", {}, ok=False, error="for models only", code="repeated")
    waits = CallResult("c1", "list_bookings", {}, ok=False, error="Please tell me your code.", state="waiting")
    prompt = replace(chat.prompt, results=(again,), waiting=(waits,))
    text = "".join([chunk.text async for chunk in engine.stream(prompt) if isinstance(chunk, Text)])
    assert text == "Please tell me your code."


@pytest.mark.parametrize("text", ["no thanks", "no", "not now, thanks"])
async def test_what_is_declined_is_not_begun(engine: Offline, library: Library, text: str) -> None:
    chat = Conversation(engine, library)
    await chat.say("I would quite like my money back for something")
    chat.history[-1] = replace(
        chat.history[-1], text="Would you like me to do this for you?", choices=("I want a refund",)
    )
    assert (await chat.say(text)).calls == []


async def test_a_yes_while_something_waits_is_told_how_to_agree(engine: Offline, library: Library) -> None:
    chat = Conversation(engine, library)
    await chat.say("show all my bookings")
    waits = CallResult("c1", "cancel_booking", {}, ok=False, error="Please confirm it.", state="waiting")
    prompt = replace(chat.prompt, asked=("yes",), results=(), waiting=(waits,))
    text = "".join([chunk.text async for chunk in engine.stream(prompt) if isinstance(chunk, Text)])
    assert text == "Please confirm it."


async def test_whether_a_thing_can_go_back_is_answered_by_what_is_said_of_going_back(
    engine: Offline, library: Library
) -> None:
    reply = await Conversation(engine, library).say("can I return the brake pads from my bike?")
    assert "cables and brake pads" not in reply.text


@pytest.mark.parametrize("text", ["ok human then", "fine, a person please"])
async def test_who_asks_for_a_person_in_passing_gets_one(engine: Offline, library: Library, text: str) -> None:
    assert (await Conversation(engine, library).say(text)).hand_over == "asked"


async def test_can_you_is_an_order_and_can_i_a_question(engine: Offline, library: Library) -> None:
    assert (await Conversation(engine, library).say("can you cancel the booking")).text == "What's your booking code?"
    assert "free of charge" in (await Conversation(engine, library).say("can I cancel a booking?")).text
