"""What is heard of a message by every model's server: its language, its mood, and whether it is for a person.

The false alarms are counted on three public sets where they are at hand: questions of customers who are not angry.
"""

import json
import random
from pathlib import Path

import pytest

from server.models.offline.ears import Ears

DATA = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.fixture(scope="module")
def ears() -> Ears:
    return Ears()


MOODS = [
    ("Where is order 1042?", "calm"),
    ("ORDER LX-1042-B", "calm"),
    ("my parcel still hasn't arrived", "upset"),
    ("This is the third time I am asking", "upset"),
    ("WHERE IS MY PARCEL", "upset"),
    ("where is it???", "upset"),
    ("Nothing has come 😞", "upset"),
    ("I want to make a complaint", "upset"),
    ("You are a bunch of thieves", "angry"),
    ("what a joke of a shop, this is a scam", "angry"),
    ("still nothing 😡", "angry"),
    ("I love my new boots", "pleased"),
    ("Thank you so much!", "pleased"),
    ("Perfect, that was quick :)", "pleased"),
    ("Mein Paket ist immer noch nicht da", "upset"),
    ("Das ist Betrug!", "angry"),
    ("Vielen Dank, das hat geklappt", "pleased"),
    ("Wo ist mein Paket?", "calm"),
]


@pytest.mark.parametrize(("text", "mood"), MOODS)
async def test_moods(ears: Ears, text: str, mood: str) -> None:
    assert (await ears.hear(text, before="en")).mood == mood


CUES = [
    ("I want to talk to a human", "asked"),
    ("I'd like to speak to someone in the returns team", "asked"),
    ("get me the person in charge, I want to talk to the person in charge", "asked"),
    ("Ich möchte mit einem Mitarbeiter sprechen", "asked"),
    ("Wie kann ich einen Mitarbeiter sprechen?", "asked"),
    ("Kann man bei euch jemanden erreichen?", "asked"),
    ("my lawyer will contact you", "legal"),
    ("Ich gehe zum Anwalt, mein Anwalt meldet sich", "legal"),
    ("I want to kill myself", "self_harm"),
    ("where is my order? I want to kill myself", "self_harm"),
    ("Ich will nicht mehr leben", "self_harm"),
    ("I don't want to live any more", "self_harm"),
    ("I do not want to live. Where is my order?", "self_harm"),
    ("you useless idiots", "anger"),
    ("This is a scam!", "anger"),
    # An angry customer who asks for something gets an answer first.
    ("This is ridiculous. Where is my order 1042?", None),
    ("Can I still pick it up in person?", None),
    ("How do I find the message from a person who wrote to me?", None),
    ("I want to return my order", None),
    ("how do I avoid scammers?", None),
    ('The review says "worst shop ever", is that true?', None),
]


@pytest.mark.parametrize(("text", "cue"), CUES)
async def test_what_a_person_must_see_to(ears: Ears, text: str, cue: str | None) -> None:
    tone = await ears.hear(text, before="en")
    assert tone.cue == cue
    assert bool(tone.reply) is (cue is not None)


async def test_what_is_said_then_is_in_the_customers_language(ears: Ears) -> None:
    assert (await ears.hear("Ich will nicht mehr leben", before="en")).reply.startswith("Es tut mir sehr leid")


@pytest.mark.parametrize(
    ("text", "before", "language"),
    [
        ("Wo ist mein Paket?", "en", "de"),
        ("Where is my parcel?", "de", "en"),
        ("1042", "de", "de"),
        ("ok", "en", "en"),
        ("Où est ma commande ? Je ne l'ai pas reçue", "en", "fr"),
        ("¿Dónde está mi pedido? No ha llegado todavía", "en", "es"),
    ],
)
async def test_languages(ears: Ears, text: str, before: str, language: str) -> None:
    assert (await ears.hear(text, before=before)).language == language


async def test_german_words_come_with_english_ones_for_examples_in_english(ears: Ears) -> None:
    assert "parcel" in (await ears.hear("Wo ist mein Paket?", before="en")).english
    assert (await ears.hear("Where is my parcel?", before="en")).english == ""


def questions(name: str) -> list[str]:
    file = DATA / name / "queries.jsonl"
    if not file.exists():
        pytest.skip(f"the data set {name} is not at hand")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    # "W" marks the utterances that were made offensive; some intents ask for a person, or complain.
    asked = [
        row["query"]
        for row in rows
        if "W" not in row.get("tags", "") and row.get("category") not in ("CONTACT", "FEEDBACK")
    ]
    return random.Random(11).sample(asked, min(1200, len(asked)))


@pytest.mark.parametrize("name", ["stackfaq", "feedbackqa_dev", "bitext_intents"])
async def test_hardly_a_question_is_taken_for_one_of_anger_or_for_a_person(ears: Ears, name: str) -> None:
    tones = [await ears.hear(text, before="en") for text in questions(name)]
    # Measured .0024, .0010 and 0; somebody who writes of suicide is no false alarm.
    assert sum(tone.cue is not None and tone.cue != "self_harm" for tone in tones) <= 0.004 * len(tones)
    assert sum(tone.mood == "angry" for tone in tones) <= 0.002 * len(tones)
    assert sum(tone.mood != "calm" for tone in tones) <= 0.01 * len(tones)
    assert sum(tone.language != "en" for tone in tones) <= 0.005 * len(tones)
