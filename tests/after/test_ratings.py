"""Who has gone is asked by mail how it was, once; the link only rates, and opening it says nothing."""

import re

import pytest

from server import auth
from server.after import Ratings
from server.after.letters import WAIT_MS
from server.events import Viewer
from tests.after.test_post import ASKED, HELLO, KEY, REPLY, SECRET, SIGNED_IN, TAKEN, Place

CLOSED = ("close", "mode", "staff", {"mode": "closed", "by": "s:ada", "reason": "solved"})
THANKS = ("m2", "message", "customer", {"text": "Thanks"})
CONTACT = ("c1", "contact", "customer", {"email": "ann@example.com", "of": "m1"})


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, mail={"rating": True})


async def closed(place, *more):
    """A guest who left an address was answered, read it, and went; then the chat was closed."""
    await place.says(HELLO, ASKED, TAKEN, REPLY, THANKS, CONTACT, CLOSED, *more)


def token_of(place):
    [mail] = place.mails()
    found = re.search(r"https://chat\.example/c/#rate=(\S+)", mail.get_content())
    assert found
    return found[1]


def ratings(place):
    return Ratings(place.log, place.gates, SECRET, clock_ms=lambda: place.now_ms)


async def test_who_has_gone_is_asked_once_how_it_was(place):
    await closed(place)
    place.now_ms += WAIT_MS - 1
    await place.post.look()
    assert place.mails() == []
    await place.looks(1)
    await place.looks()
    [mail] = place.mails()
    assert mail["To"] == "ann@example.com"
    assert mail["Subject"] == "How was your chat with Acme?"
    assert REPLY[3]["text"] not in mail.get_content()
    assert [event.body["what"] for event in await place.events("mailed")] == ["rating", "rating"], "begun and sent"


async def test_the_mail_is_in_the_language_of_the_chat(place):
    await closed(place, ("q1", "routed", "system", {"agent": "default", "upto": 9, "language": "de"}))
    await place.looks()
    assert place.mails()[0]["Subject"] == "Wie war Ihr Chat mit Acme?"


async def test_nobody_is_asked_unless_the_shop_wants_it(tmp_path):
    place = Place(tmp_path)
    await closed(place)
    await place.looks()
    assert place.mails() == []


async def test_who_was_there_when_it_was_closed_is_asked_in_the_chat_only(place):
    await place.says(HELLO, ASKED, TAKEN, REPLY, THANKS, CONTACT)
    watch = await place.hub.attach(KEY, Viewer("customer"), 0)
    await place.says(CLOSED)
    place.hub.detach(watch)
    await place.looks()
    assert place.mails() == []


async def test_who_has_come_back_meanwhile_is_not_asked_by_mail(place):
    await closed(place)
    watch = await place.hub.attach(KEY, Viewer("customer"), 0)
    await place.looks()
    place.hub.detach(watch)
    assert place.mails() == []


@pytest.mark.parametrize(
    "later",
    [
        ("r", "rated", "customer", {"score": 5}),
        ("again", "mode", "system", {"mode": "agent"}),
        ("b", "blocked", "staff", {"on": True, "by": "s:ada", "name": "Ada"}),
    ],
    ids=["rated", "open again", "blocked"],
)
async def test_nobody_is_asked_who_has_said_it_goes_on_or_is_blocked(place, later):
    await closed(place, later)
    await place.looks()
    assert place.mails() == []


async def test_a_typed_address_is_not_asked_about_a_signed_in_customers_chat(place):
    await place.says((*SIGNED_IN[:3], {**SIGNED_IN[3], "email": None}))
    await closed(place)
    await place.looks()
    assert place.mails() == []


async def test_a_chat_that_was_never_answered_is_not_asked_about(place):
    await place.says(HELLO, CONTACT, CLOSED)
    await place.looks()
    assert place.mails() == []


async def test_a_chat_that_is_closed_a_second_time_is_not_asked_about_again(place):
    await closed(place)
    await place.looks()
    await place.says(("again", "mode", "system", {"mode": "agent"}), ("close2", *CLOSED[1:]))
    await place.looks()
    assert len(place.mails()) == 1


async def test_looking_says_nothing_and_the_first_rating_stands(place):
    await closed(place)
    await place.looks()
    rates, token = ratings(place), token_of(place)
    assert await rates.look(token) == ("Acme", False)
    assert await place.events("rated") == []
    await rates.rate(token, 4, "Quick.")
    await rates.rate(token, 1, None)
    assert await rates.look(token) == ("Acme", True)
    assert [event.body for event in await place.events("rated")] == [{"score": 4, "text": "Quick."}]


async def test_the_link_rates_and_opens_nothing_and_a_link_that_opens_does_not_rate(place):
    await closed(place)
    await place.looks()
    with pytest.raises(auth.Refused):
        await place.door.reopen(token_of(place))
    opens = auth.mint_link(SECRET, auth.LinkToken("pk_a", "c1", None, 0), place.now_ms / 1000)
    with pytest.raises(auth.Refused):
        await ratings(place).rate(opens, 1, None)


async def test_a_link_ends_after_a_week_and_with_the_conversation(place):
    await closed(place)
    await place.looks()
    token = token_of(place)
    place.now_ms += auth.LINK_TTL_S * 1000
    with pytest.raises(auth.Refused):
        await ratings(place).look(token)
    place.now_ms -= auth.LINK_TTL_S * 1000
    await place.log.erase(KEY)
    with pytest.raises(auth.Refused) as refused:
        await ratings(place).rate(token, 1, None)
    assert refused.value.code == "erased"
