"""Labelled messages to a workshop: what each must start, quote, ask, refuse or hand over."""

from typing import Any

import pytest

from server.models.offline import Offline
from tests.models.offline.garage import Conversation, Library

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("when is my booking B-20417?", "find_booking", {"code": "B-20417"}),
    ("wheres my boking B-20417??", "find_booking", {"code": "B-20417"}),
    ("Show me booking b-20417", "find_booking", {"code": "B-20417"}),
    ("what's the status of B-20555", "find_booking", {"code": "B-20555"}),
    ("Is my bike ready? My code is B-20417.", "find_booking", {"code": "B-20417"}),
    ("My code is B-20417. Is my bike ready?", "find_booking", {"code": "B-20417"}),
    ("Hello, could you please look up booking B-20555 for me?", "find_booking", {"code": "B-20555"}),
    ("has the repair in booking B-20417 been finished yet", "find_booking", {"code": "B-20417"}),
    ("B-20417", "find_booking", {"code": "B-20417"}),
    ("this is ridiculous, is my bike ready? B-20417", "find_booking", {"code": "B-20417"}),
    ("is my bike ready?", "list_bookings", {}),
    ("when can I pick up my bike", "list_bookings", {}),
    ("show all my bookings", "list_bookings", {}),
    ("which appointments do I have?", "list_bookings", {}),
    ("list my apointments please", "list_bookings", {}),
    ("cancel booking B-20417", "cancel_booking", {"code": "B-20417"}),
    ("please cancel my booking B-20555", "cancel_booking", {"code": "B-20555"}),
    ("I want to cancel B-20417", "cancel_booking", {"code": "B-20417"}),
    ("can you cancel booking B-20417 for me?", "cancel_booking", {"code": "B-20417"}),
    ("I'd like a refund for booking B-20417", "refund", {"code": "B-20417"}),
    ("refund B-20417 please", "refund", {"code": "B-20417"}),
    ("how much is the Marlin saddle?", "find_part", {"query": "Marlin saddle"}),
    ("what does the Condor chain weigh?", "find_part", {"query": "Condor chain"}),
    ("how heavy is the Osprey rack?", "find_part", {"query": "Osprey rack"}),
    ("do you have brake pads in stock?", "find_part", {"query": "brake pads"}),
    ("I'm looking for a red bell", "find_part", {"query": "red bell"}),
    ("show me bike lights", "find_part", {"query": "bike lights"}),
    ("price of the Marlin saddle", "find_part", {"query": "Marlin saddle"}),
    ("which pedals do you have?", "find_part", {"query": "pedals"}),
    ("do you sell helmets?", "find_part", {"query": "helmets"}),
    ("hi, do you sell any waterproof panniers please", "find_part", {"query": "waterproof panniers"}),
    (
        "book a small service on 2026-12-01, my email is rui@example.org",
        "book_service",
        {"kind": "small", "day": "2026-12-01", "email": "rui@example.org"},
    ),
    (
        "I'd like to book a full service for December 4, 2026. rui@example.org",
        "book_service",
        {"kind": "full", "day": "2026-12-04", "email": "rui@example.org"},
    ),
    ("Wann ist mein Termin B-20417?", "find_booking", {"code": "B-20417"}),
]

QUOTES: list[tuple[str, str]] = [
    ("What does a full service cost?", "€119"),
    ("how much is a small service", "€49"),
    ("How long does a full service take?", "5 working days"),
    ("How long does a small service take?", "2 working days"),
    ("how do I prepare my bike?", "Clean off the worst mud"),
    ("Do you repair e-bike motors?", "We don't repair motor units"),
    ("can I cancel a booking?", "24 hours before"),
    ("what happens if I come late?", "30 minutes"),
    ("What is your return policy for clearance parts?", "Clearance parts can be exchanged but not refunded"),
    ("Can I return unused parts?", "within 21 days"),
    ("Can I return a helmet I wore outdoors?", "Helmets that have been worn outdoors cannot be returned"),
    ("how long do refunds take?", "3 to 6 working days"),
    ("I don't want a refund, just how long do they take?", "3 to 6 working days"),
    ("How long does a refund take to arrive on my card?", "3 to 6 working days"),
    ("do you deliver to Spain?", "Spain"),
    ("Do you ship to Malta?", "Malta"),
    ("which countries do you deliver to?", "Ireland"),
    ("what are the delivery costs?", "€5.50"),
    ("how long does delivery take?", "2 days in Portugal"),
    ("is delivery free?", "Orders over €90 are delivered free"),
    ("Do you accept Visa?", "We accept Visa"),
    ("can I pay in cash?", "cash in the workshop"),
    ("where do I find my invoice?", "under My account"),
    ("How long is the warranty on frames?", "5 years"),
    ("what is not covered by the warranty?", "damage from a fall"),
    ("When are you open on Saturday?", "9:00 to 13:00"),
    ("are you open on Sunday?", "On Sunday it is closed"),
    ("what are your opening hours?", "8:00 to 18:00"),
    ("what's your address", "Rua das Rodas 12"),
    ("what's your phone number?", "+351 220 555 010"),
    ("howw long does the waranty last", "years"),
]

UNKNOWN: list[tuple[str, str]] = [
    ("Do you price match?", "price match"),
    ("price match?", "price match"),
    ("Do you offer student discounts?", "student discounts"),
    ("what's the weather in Lisbon?", "weather"),
    ("who won the world cup?", "world cup"),
    ("Do you have a loyalty card?", "loyalty card"),
    ("What is the capital of France?", "capital of France"),
]

HUMAN: list[tuple[str, str]] = [
    ("I want to talk to a human", "asked"),
    ("agent please", "asked"),
    ("can I speak with someone?", "asked"),
    ("connect me to a real person", "asked"),
    ("customer service", "asked"),
    ("Talk to a person", "asked"),
    ("let me speak to your manager", "asked"),
    ("I need a human, not a bot", "asked"),
    ("Ich möchte mit einem Menschen sprechen", "asked"),
    ("Mitarbeiter bitte", "asked"),
    ("Thanks for nothing, I'm calling my lawyer", "legal"),
    ("I will sue you", "legal"),
    ("You'll hear from my attorney", "legal"),
    ("I'm reporting you to the police", "legal"),
    ("Ich gehe zu meinem Anwalt", "legal"),
    ("this is bullshit", "anger"),
    ("thanks for nothing", "anger"),
    ("your service is a joke", "anger"),
    ("You are useless", "anger"),
    ("great job, you broke it again", "anger"),
    ("Das ist eine Frechheit", "anger"),
    ("I want to kill myself", "self_harm"),
    ("Où est ma réservation s'il vous plaît ?", "language"),
    ("Dónde está mi reserva, por favor", "language"),
]

SMALL: list[tuple[str, str]] = [
    ("hi", "What can I do"),
    ("Hello there!", "What can I do"),
    ("good morning", "What can I do"),
    ("hey, how are you?", "All is well"),
    ("thanks!", "You're welcome"),
    ("ok thank you so much", "You're welcome"),
    ("bye", "Goodbye"),
    ("ok", "anything else"),
    ("are you a bot?", "not a person"),
    ("am I talking to a real person?", "not a person"),
    ("who are you?", "automatic assistant"),
    ("what can you do?", "help center"),
    ("Guten Tag", "Was kann ich"),
    ("Danke!", "Gern geschehen"),
]

NO_CALL = [
    "how do I cancel a booking?",
    "what happens if I cancel my booking?",
    "I don't want to cancel my booking",
    "don't cancel my booking",
    "I cancelled my booking yesterday",
    "My friend got a refund last week",
    "If I wanted a refund, how would that work?",
    'Your page says "cancel booking B-20417", what does that mean?',
    "how long do refunds take?",
    "is a refund possible in general?",
]


@pytest.mark.parametrize(("message", "name", "args"), CALLS)
async def test_a_message_starts_the_right_tool_with_the_right_arguments(
    engine: Offline, library: Library, message: str, name: str, args: dict[str, Any]
) -> None:
    reply = await Conversation(engine, library).say(message)
    assert reply.calls == [(name, args)]


@pytest.mark.parametrize(("message", "words"), QUOTES)
async def test_a_question_is_answered_by_quoting_the_help_center(
    engine: Offline, library: Library, message: str, words: str
) -> None:
    reply = await Conversation(engine, library).say(message)
    assert words in reply.text
    assert "[" in reply.text
    assert not reply.calls


@pytest.mark.parametrize(("message", "topic"), UNKNOWN)
async def test_what_the_help_center_does_not_know_is_named(
    engine: Offline, library: Library, message: str, topic: str
) -> None:
    reply = await Conversation(engine, library).say(message)
    assert "nothing about" in reply.text
    assert topic in reply.text
    assert "[" not in reply.text
    assert reply.choices == ("Talk to a person",)
    assert not reply.calls


@pytest.mark.parametrize(("message", "reason"), HUMAN)
async def test_some_messages_are_for_a_person(engine: Offline, library: Library, message: str, reason: str) -> None:
    reply = await Conversation(engine, library).say(message)
    assert reply.hand_over == reason
    assert "welcome" not in reply.text.lower()
    assert not reply.calls


@pytest.mark.parametrize(
    "message",
    ["I'd like to talk to a person. This is a joke!", "Eine Frechheit. Ich will mit einem Menschen sprechen."],
)
async def test_who_is_angry_and_asks_for_a_person_is_told_so_once(
    engine: Offline, library: Library, message: str
) -> None:
    reply = await Conversation(engine, library).say(message)
    assert reply.hand_over == "anger"
    assert len([line for line in reply.text.split("\n\n") if "person" in line or "Mensch" in line]) == 1


@pytest.mark.parametrize(("message", "words"), SMALL)
async def test_small_talk_gets_a_short_honest_reply(
    engine: Offline, library: Library, message: str, words: str
) -> None:
    reply = await Conversation(engine, library).say(message)
    assert words in reply.text
    assert not reply.calls
    assert not reply.hand_over


@pytest.mark.parametrize("message", NO_CALL)
async def test_speaking_of_a_thing_is_not_the_order_to_do_it(engine: Offline, library: Library, message: str) -> None:
    reply = await Conversation(engine, library).say(message)
    assert not [name for name, _ in reply.calls if name in ("cancel_booking", "refund", "book_service")]


@pytest.mark.parametrize("thing", ["Norway", "Brazil", "the moon", "norway", "New Zealand"])
async def test_what_a_list_lacks_is_not_listed_neither_yes_nor_no(
    engine: Offline, library: Library, thing: str
) -> None:
    reply = await Conversation(engine, library).say(f"do you deliver to {thing}?")
    assert "isn't listed" in reply.text
    assert "Portugal" in reply.text
    assert not {"yes", "no"} & set(reply.text.lower().replace(",", " ").split())


@pytest.mark.parametrize("thing", ["Bitcoin", "PayPal", "American Express"])
async def test_a_way_to_pay_that_is_not_listed_is_said_so(engine: Offline, library: Library, thing: str) -> None:
    reply = await Conversation(engine, library).say(f"Can I pay with {thing}?")
    assert reply.text.startswith(f"{thing} isn't listed.")
    assert "We accept Visa" in reply.text


@pytest.mark.parametrize("message", ["when is booking B-20417?", "when is booking B-99999?", "show my bookings"])
async def test_guests_are_told_how_to_sign_in_whatever_exists(engine: Offline, library: Library, message: str) -> None:
    reply = await Conversation(engine, library, signed_in=False).say(message)
    other = await Conversation(engine, library, signed_in=False).say("when is booking B-20555?")
    assert "Sign in under My account." in reply.text
    assert reply.text == other.text
    assert not reply.calls
