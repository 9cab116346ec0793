"""An address slot with the offline engine: what is a street, what is something else that is wanted, and what is put back."""
# ruff: noqa: F811 - fixtures of another file

import pytest

from tests.turns.test_workflows_offline import ears, embedder, shelf, talk  # noqa: F401 - fixtures
from tests.turns.world import Addresses

STREET, POSTCODE = "What are the street and number?", "What is the postcode?"
ORDER = "Which order is it? Please give me its number."


@pytest.fixture
async def asked(talk):
    """A chat in which the street is asked for."""
    chat = await talk(Addresses())
    assert await chat.say("change the delivery address of order 1042") == [STREET]
    return chat


@pytest.mark.parametrize(
    "street",
    [
        "Bestellweg 12",
        "Return Road 5",
        "Order Street 10",
        "7 Cancel Close",
        "Am Retourenplatz 3",
        "PO Box 1043",
        "Kirchplatz",
    ],
)
async def test_a_street_is_a_street_whatever_its_name_reminds_of(asked, street):
    assert await asked.say(street) == [POSTCODE]


@pytest.mark.parametrize(
    ("words", "street"),
    [
        ("please send it to Mill Lane 5", "Mill Lane 5"),
        ("it's Bahnhofstr. 9", "Bahnhofstr. 9"),
        ("can you change it to 14 Orchard Road?", "14 Orchard Road"),
    ],
)
async def test_the_words_around_a_street_are_left_out(asked, words, street):
    assert await asked.say(words) == [POSTCODE]
    await asked.say("4020 Linz")
    await asked.say("Rosa Huber")
    assert asked.world.done == [
        ("update_address", {"order": "1042", "street": street, "postcode": "4020", "town": "Linz"})
    ]


@pytest.mark.parametrize("words", ["Mühlgasse 5, 8010 Graz", "Mühlgasse 5\n8010 Graz", "Mühlgasse 5 8010 Graz"])
async def test_a_whole_address_answers_all_that_would_be_asked_and_its_postcode_is_no_order(asked, words):
    assert await asked.say(words) == ["What name should be on the parcel?"]
    await asked.say("Rosa Huber")
    (done,) = asked.world.done
    assert done[1] == {"order": "1042", "street": "Mühlgasse 5", "postcode": "8010", "town": "Graz"}


@pytest.mark.parametrize(
    "words",
    [
        "hello", "thanks!", "?", "🙂", "no", "ok", "I don't know", "where are my socks from order 1043?", "has it been sent yet?",
        "my boots have not arrived", "how long does delivery take?", "can I send boots back?", "show me my orders",
    ],
)  # fmt: skip
async def test_what_is_no_street_is_not_taken_for_one_and_the_street_is_asked_again(asked, words):
    said = await asked.say(words)
    assert said[-1].endswith(STREET)
    assert await asked.say("Mill Lane 5") == [POSTCODE]


@pytest.mark.parametrize(
    "words", ["forget about the address", "don't change anything", "I've changed my mind", "never mind"]
)
async def test_who_wants_no_change_after_all_is_asked_no_more(asked, words):
    (said,) = await asked.say(words)
    assert "leave it at that" in said


async def test_another_order_that_is_named_is_no_street(asked):
    assert await asked.say("the order is 1043") == [STREET]
    assert await asked.say("Mill Lane 5, 8010 Graz") == ["What name should be on the parcel?"]
    await asked.say("Rosa Huber")
    assert asked.world.done[0][1]["order"] == "1043"


async def test_a_street_is_corrected_by_its_words_alone(asked):
    await asked.say("Mill Lane 5")
    assert await asked.say("sorry, the street is Mill Lane 7") == [POSTCODE]
    await asked.say("8010 Graz")
    await asked.say("Rosa Huber")
    assert asked.world.done[0][1]["street"] == "Mill Lane 7"


async def test_a_number_that_was_not_found_is_not_tried_again_for_a_question_without_one(talk):
    chat = await talk(Addresses())
    await chat.say("change the delivery address of my order")
    assert await chat.say("9876") == ["I can't find an order 9876.", ORDER]
    said = await chat.say("where is my order?")
    assert "9876" not in " ".join(said) and said[-1] == ORDER
    assert await chat.calls() == ["find_order", "list_orders"]
    assert await chat.say("1042") == [STREET]


async def test_a_postcode_is_read_out_of_other_words(asked):
    await asked.say("Mill Lane 5")
    assert await asked.say("it's 8010") == ["And the town?"]


async def test_who_goes_on_after_an_offer_has_taken_it_and_what_was_done_is_said_again(talk):
    chat = await talk()
    await chat.say("please return my boots")
    said = await chat.say("the rain jacket from order 1042")
    assert said[-1] == "Why are you sending it back?"
    (done,) = await chat.say("it does not fit")
    assert done.startswith("Your return of Rain jacket from order 1042 is set up.")
    assert await chat.say("did that work?") == [done]
    (kept,) = await chat.say("I'll keep it after all")
    assert kept == "I can't do that here, but a person may be able to."
