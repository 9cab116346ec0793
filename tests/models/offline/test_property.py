"""Questions whether something is so: the thing is looked up by its name, and what the result does not say is said to be unknown."""

import pytest

from server.models.offline import Offline
from server.models.offline.language import load
from server.models.offline.property import thing_in
from tests.models.offline.garage import Conversation, Library


@pytest.mark.parametrize(
    ("code", "text", "thing"),
    [
        ("en", "is the Marlin saddle waterproof?", "the Marlin saddle"),
        ("en", "Are these tyres puncture-proof?", "these tyres"),
        ("en", "does the Marlin saddle have a rain cover?", "the Marlin saddle"),
        ("en", "is the Marlin saddle expensive?", "is the Marlin saddle expensive?"),
        ("en", "what does the Marlin saddle weigh?", "what does the Marlin saddle weigh?"),
        ("en", "is it waterproof?", "is it waterproof?"),
        ("de", "Ist der Marlin-Sattel wasserdicht?", "der Marlin-Sattel"),
        ("de", "Hat der Marlin-Sattel einen Überzug?", "der Marlin-Sattel"),
        ("de", "Ist der Marlin-Sattel teuer?", "Ist der Marlin-Sattel teuer?"),
    ],
)
def test_a_question_whether_a_thing_is_so_names_the_thing(code: str, text: str, thing: str) -> None:
    assert thing_in(text, load(code)) == thing


@pytest.mark.parametrize(
    ("message", "query", "untold"),
    [
        ("is the Marlin saddle waterproof?", "Marlin saddle", "“waterproof”"),
        ("does the Marlin saddle have a rain cover?", "Marlin saddle", "“rain cover”"),
        ("Ist der Marlin saddle wasserdicht?", "Marlin saddle", "„wasserdicht“"),
    ],
)
async def test_what_the_result_does_not_say_is_said_to_be_unknown(
    engine: Offline, library: Library, message: str, query: str, untold: str
) -> None:
    reply = await Conversation(engine, library).say(message)
    assert reply.calls == [("find_part", {"query": query})]
    assert untold in reply.text
    assert reply.choices


@pytest.mark.parametrize(
    "message",
    [
        "is the Marlin saddle in stock?",
        "do you have the Marlin saddle?",
        "how much is the Marlin saddle?",
        "Marlin saddle",
    ],
)
async def test_what_the_result_does_say_is_the_answer(engine: Offline, library: Library, message: str) -> None:
    reply = await Conversation(engine, library).say(message)
    assert "59.90" in reply.text
    assert "rather not guess" not in reply.text and not reply.choices
