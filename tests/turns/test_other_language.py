"""A help center in one language, a customer in another: his words are looked up in English too, after his own."""

from dataclasses import replace

import pytest

from retrieval.embed import MiniLM
from retrieval.types import Passage
from server.models.offline import Offline
from server.models.offline.ears import Ears
from server.ports import Text
from server.stores.memory import MemoryStore
from server.turns.knowledge import ALSO
from server.turns.router import Router
from tests.models.offline.garage import HELP, Library
from tests.turns.conftest import Node, bodies
from tools import Registry


class Shelf:
    """Notes what it is asked; each query finds passages of its own, and one that all find."""

    def __init__(self):
        self.asked = []

    async def search(self, site, query, *, k=6):
        self.asked.append(query)
        return [passage("every", 0.9), *(passage(f"{query} {n}", 0.8) for n in range(k - 1))]


def passage(text, score):
    return Passage("pk_test", f"{text}.md", text, "", "", "h", 0, 1, text, text, score)


def listening(node):
    """The node's agent with ears, and a router that has nobody to choose."""
    agent = replace(node.agent, router=Router(node.site, None, Ears()))
    node.turns._agents = {"pk_test": agent}
    return node


@pytest.fixture
async def asked_of(make_node):
    async def ask(text, *, listens=True):
        shelf = Shelf()
        node = await make_node([Text("Ja.")])
        node.agent = replace(node.agent, retriever=shelf)
        node.turns._agents = {"pk_test": node.agent}
        await (listening(node) if listens else node).say(text)
        found = bodies(await node.until("turn.ended"), "retrieved")[0]["passages"]
        return shelf.asked, [one["document"] for one in found]

    return ask


GERMAN = "Wie lange dauert die Erstattung?"
ENGLISH = "how long take the refund?"


async def test_words_in_another_language_are_looked_up_in_english_too(asked_of):
    asked, found = await asked_of(GERMAN)
    assert asked == [GERMAN, ENGLISH]
    own = [name for name in found if name.startswith((GERMAN, "every"))]
    assert found[: len(own)] == own, "what the customer's own words find comes first"
    assert found[len(own) :] == [f"{ENGLISH} {n}.md" for n in range(ALSO)], "and none twice"


@pytest.mark.parametrize("text", ["How long does the refund take?", "1042"])
async def test_english_words_are_looked_up_once(asked_of, text):
    asked, _ = await asked_of(text)
    assert asked == [text]


async def test_what_is_asked_about_is_looked_up_without_the_thing_that_is_only_mentioned(asked_of):
    asked, found = await asked_of("How long can I keep a canoe that I hired last week?")
    assert asked == ["How long can I keep a canoe that I hired last week?", "How long can I keep?"]
    assert found[-1].startswith("How long can I keep? "), "and comes after what the customer's own words find"


async def test_a_shop_where_nobody_listens_looks_up_the_words_as_they_are(asked_of):
    asked, _ = await asked_of(GERMAN, listens=False)
    assert asked == [GERMAN]


@pytest.fixture(scope="module")
def embedder():
    return MiniLM()


class Garage:
    """The help center of the made-up workshop: English alone."""

    def __init__(self, embedder):
        self.library = Library(embedder, HELP)

    async def search(self, site, query, *, k=6):
        return self.library.search(query, k)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Wie lange dauert die Erstattung?", "3 to 6 working days"),
        ("Wie kann ich bezahlen?", "Visa, Mastercard"),
        ("Wie lange habe ich Garantie?", "5 years of warranty"),
        ("Wie bekomme ich eine Rechnung?", "under My account"),
        ("Wann habt ihr am Samstag geöffnet?", "9:00 to 13:00"),
    ],
)
async def test_a_german_question_is_answered_from_english_articles_and_says_so(embedder, question, told):
    node = Node(MemoryStore(), Offline(embedder), Registry(), {}, {}, None, Garage(embedder))
    async with listening(node).turns:
        await node.say(question)
        text = bodies(await node.until("turn.ended"), "message")[-1]["text"]
    assert told in text and "in einer anderen Sprache" in text
