"""Workflows with the offline engine, word for word: what customers say, corrections, questions in between, German.

The shop is made up; nothing in the engine knows it.
"""

import contextlib

import pytest

from retrieval.embed import MiniLM
from retrieval.remembered import remembering
from server.models.offline import Offline
from server.models.offline.ears import Ears
from server.shop.workflows import Workflows
from server.stores.memory import MemoryStore
from server.turns.quoting import with_quote
from tests.models.offline.garage import Library
from tests.turns.conftest import KEY, Node, bodies
from tests.turns.world import AUTO, World
from tools import Registry, Rule

HELP = {
    "returns.md": """# Returns

## How long you have

You can return any unworn item within 30 days of delivery.

## Boots

Boots that were worn outside cannot be returned. Boots that were only tried on indoors can be returned.

## Refunds

Refunds take 5 working days.
""",
    "delivery.md": "# Delivery\n\n## Delivery times\n\nDelivery takes 2 to 4 days in Austria.\n",
}


class Shelf:
    """A help center of a few articles."""

    def __init__(self, embedder):
        self.library = Library(embedder, HELP)

    async def search(self, site, query, *, k=6):
        return self.library.search(query, k)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    """Each test has an engine of its own; what the texts of the shop mean is computed once for all of them."""
    made = remembering(MiniLM(), tmp_path_factory.mktemp("remembered") / "vectors.db")
    yield made
    made.close()


@pytest.fixture(scope="module")
def ears():
    return Ears()


@pytest.fixture(scope="module")
def shelf(embedder):
    return Shelf(embedder)


class Talk:
    """A customer in a chat with a node. `say` gives the agent's words, `choices` what was offered last."""

    def __init__(self, node, world):
        self.node, self.world = node, world
        self.said = 0
        self.choices = ()

    async def say(self, text):
        self.said += 1
        before = len(await self.node.events())
        await self.node.say(text, said=f"m{self.said}")
        events = await self.node.until("turn.ended", count=self.said)
        messages = [e.body for e in events[before + 1 :] if e.kind == "message"]
        self.choices = messages[-1].get("choices", ()) if messages else ()
        return [body["text"] for body in messages]

    async def calls(self):
        return [body["tool"] for body in bodies(await self.node.events(), "call.planned")]

    @property
    def done(self):
        return [name for name, _ in self.world.done]


@pytest.fixture
async def talk(embedder, ears, shelf):
    async with contextlib.AsyncExitStack() as stack:

        async def make(world=None, rules=None):
            world = world or World()
            registry = Registry()
            for tool in world.tools():
                registry.add(tool)
            rules = AUTO | (rules or {})
            engine = Offline(embedder, ears=ears)
            node = Node(MemoryStore(), engine, registry, rules, {}, Workflows(registry, rules), shelf)
            await stack.enter_async_context(node.turns)
            return Talk(node, world)

        yield make


async def test_charged_twice_in_one_message_is_found_refunded_confirmed_and_said_with_the_amount(talk):
    world = World()
    world.charged(("1041", "20.00"), ("1042", "44.00"), ("1042", "44.00"))
    chat = await talk(world)
    await chat.node.signs_in()
    said = await chat.say("I was charged twice this month and I need a refund for one of them.")
    assert said == ["You're right: order 1042 was charged twice. I've refunded €44.00."]
    assert chat.done == ["refund_charge", "send_confirmation"]


async def test_two_orders_at_one_price_are_explained_and_nothing_is_refunded(talk):
    world = World()
    world.charged(("1041", "20.00"), ("1042", "20.00"))
    chat = await talk(world)
    await chat.node.signs_in()
    (said,) = await chat.say("I was charged twice this month and I need a refund for one of them.")
    assert "two different orders" in said and "order 1041, €20.00" in said and "not refunded" in said
    assert chat.done == []


async def test_a_return_from_the_first_message_to_the_other_pair(talk):
    chat = await talk()
    assert await chat.say("I want to return the boots from order 1042") == ["Which item do you want to return?"]
    assert chat.choices == ["Alpin boots", "Scree boots"], "of what was ordered, the boots"
    assert await chat.say("the Alpin boots") == ["Why are you sending it back?"]
    (said,) = await chat.say("they don't fit")
    assert said.startswith("Your return of Alpin boots from order 1042 is set up. Here is the label:")
    taken_back, said = await chat.say("no, the other pair")
    assert taken_back == "Return R1 is cancelled."
    assert said.startswith("Your return of Scree boots from order 1042 is set up.")
    assert [name for name in chat.done if name != "send_confirmation"] == [
        "create_return", "cancel_return", "create_return",
    ]  # fmt: skip


async def test_a_question_in_between_is_answered_with_its_source_and_then_the_return_goes_on(talk):
    chat = await talk()
    await chat.say("I want to return the Alpin boots from order 1042")
    said = await chat.say("wait, what is your return policy?")
    assert "within 30 days" in said[0] and said[1] == "Why are you sending it back?"
    await chat.say("they don't fit")
    assert "create_return" in chat.done


async def test_a_question_about_returning_quotes_the_rule_with_a_button_and_calls_nothing(talk):
    chat = await talk()
    (said,) = await chat.say("Can I return boots worn once outside?")
    assert "worn outside cannot be returned" in said and "Return an item" in chat.choices
    assert await chat.calls() == []
    assert await chat.say("Return an item") == ["Which order is it from? Please give me its number."]


async def test_the_order_is_corrected_before_anything_is_done(talk):
    chat = await talk()
    await chat.say("I want to return something from order 1042")
    said = await chat.say("no, from order 1043")
    assert said == ["Why are you sending it back?"], "it holds one item only"
    (said,) = await chat.say("changed my mind")
    assert "Wool socks from order 1043" in said and chat.done[0] == "create_return"


@pytest.mark.parametrize("words", ["actually, cancel that", "wait, forget it", "oh, never mind"])
async def test_a_stop_may_begin_with_a_word_that_says_nothing(talk, words):
    chat = await talk()
    await chat.say("I want to return the Alpin boots from order 1042")
    (said,) = await chat.say(words)
    assert "leave it at that" in said, "a workflow that has no word for its end does not end in silence"
    assert (await chat.node.state()).open_run is None and chat.done == []


async def test_another_choice_that_is_named_is_meant_without_any_no(talk):
    chat = await talk()
    await chat.say("I want to return the Alpin boots from order 1042")
    await chat.say("I'd like to return the Scree boots")
    said = await chat.say("too small, does not fit")
    assert "Scree boots from order 1042" in said[0] and chat.done[0] == "create_return"


async def test_never_mind_ends_it_and_hello_is_hello_again(talk):
    chat = await talk()
    await chat.say("I want to return the Alpin boots from order 1042")
    await chat.say("never mind")
    assert (await chat.node.state()).open_run is None and chat.done == []
    assert len(await chat.say("hello")) == 1


async def test_what_is_said_in_german_is_done_and_answered_in_german(talk):
    chat = await talk()
    said = await chat.say("Ich möchte die Alpin boots aus Bestellung 1042 zurückschicken")
    assert said == ["Warum schicken Sie es zurück?"] and "passt nicht" in chat.choices
    said = await chat.say("Wie lange dauert die Lieferung?")
    assert "2 to 4 days" in said[0] and said[1] == "Warum schicken Sie es zurück?"
    (said,) = await chat.say("zu klein")
    assert said.startswith("Die Rückgabe von Alpin boots aus Bestellung 1042 ist angelegt.")
    taken_back, said = await chat.say("nein, das andere Paar")
    assert taken_back.startswith("Die Rückgabe ") and taken_back.endswith(" ist zurückgenommen.")
    assert said.startswith("Die Rückgabe von Scree boots")


async def test_doppelt_abgebucht(talk):
    world = World()
    world.charged(("1042", "44.00"), ("1042", "44.00"))
    chat = await talk(world)
    await chat.node.signs_in()
    (said,) = await chat.say("Mir wurde diesen Monat zweimal abgebucht, bitte erstatten Sie mir eine davon.")
    assert "44,00" in said or "44.00" in said
    assert chat.done == ["refund_charge", "send_confirmation"]


async def test_asking_for_a_person_within_a_run_brings_one_and_does_nothing_else(talk):
    chat = await talk()
    await chat.say("I want to return the Alpin boots from order 1042")
    await chat.say("I want to talk to a human")
    state = await chat.node.state(KEY)
    assert state.mode == "waiting" and chat.done == []


async def test_words_that_fit_nothing_are_asked_again_and_then_a_person_comes(talk):
    chat = await talk()
    await chat.say("I want to return the Alpin boots from order 1042")
    for _ in range(3):
        await chat.say("blue elephants")
    assert (await chat.node.state(KEY)).mode == "waiting"


@pytest.mark.parametrize("words", ["thanks", "how are you?"])
async def test_small_talk_is_answered_and_the_question_comes_again(talk, words):
    chat = await talk()
    await chat.say("I want to return the Alpin boots from order 1042")
    said = await chat.say(words)
    assert len(said) == 2 and said[1] == "Why are you sending it back?"


async def test_who_asks_for_news_of_what_waits_is_told_that_it_waits(talk):
    world = World()
    world.charged(("1042", "44.00"), ("1042", "44.00"))
    chat = await talk(world, {"refund_charge": Rule(permission="approve")})
    await chat.node.signs_in()
    (told,) = await chat.say("I was charged twice this month and I need a refund for one of them.")
    assert "A colleague has to approve this first" in told
    assert await chat.say("is it done yet?") == [told]
    said = await chat.say("How long does delivery take?")
    assert "2 to 4 days" in said[-1], "other questions are answered meanwhile"


async def test_who_does_not_know_the_number_and_points_at_a_list_is_understood(talk):
    chat = await talk()
    await chat.say("I want to return something")
    said = await chat.say("I don't know the number")
    assert "1042" in said[0] and said[-1] == "Which order is it from? Please give me its number."
    assert await chat.say("the last one") == ["Why are you sending it back?"]


async def test_a_sentence_that_rests_on_an_article_quotes_its_rule_and_one_that_does_not_has_no_citation(talk):
    chat = await talk()
    rule = "That is too late: items can be returned within 30 days."
    text, (citation,) = await with_quote(chat.node.agent, rule, "help/returns.md#how-long-you-have")
    assert text == f"{rule} [1]" and citation["document"] == "returns.md"
    assert citation["quote"] == HELP["returns.md"][citation["start"] : citation["end"]]
    assert "30 days" in citation["quote"]
    assert await with_quote(chat.node.agent, "Good morning.", "help/returns.md") == ("Good morning.", [])
    assert await with_quote(chat.node.agent, rule, "help/nothing.md") == (rule, [])


async def test_who_orders_again_what_is_under_way_is_asked_again_and_not_told_off(talk):
    chat = await talk()
    (first,) = await chat.say("I want to return something")
    (again,) = await chat.say("I'd like to return an item please")
    assert again == first
    assert await chat.say("from order 1042") == ["Which item do you want to return?"]
    assert [body["workflow"] for body in bodies(await chat.node.events(), "workflow.started")] == ["return_item"]


async def test_who_orders_it_again_for_another_order_is_asked_about_that_one(talk):
    chat = await talk()
    await chat.say("I want to return the Alpin boots from order 1042")
    (said,) = await chat.say("I want to return something from order 1043")
    assert said == "Why are you sending it back?", "of one thing in the order, that is meant"
    await chat.say("they don't fit")
    assert [args["item_id"] for name, args in chat.world.done if name == "create_return"] == ["1043-1"]


@pytest.mark.parametrize(
    "order", ["I'd like to return my boots", "return my boots", "ich möchte meine Schuhe zurückgeben"]
)
async def test_a_plain_order_begins_without_one_more_press(talk, order):
    chat = await talk()
    await chat.say(order)
    assert [body["workflow"] for body in bodies(await chat.node.events(), "workflow.started")] == ["return_item"]
