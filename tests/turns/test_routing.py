"""Specialists in whole turns: who answers, with what, what is noted, and that nothing goes round in circles."""

import contextlib
import hashlib
import itertools
import re

import numpy as np
import pytest

from server.events import NewEvent, Viewer, visible
from server.hub import Hub
from server.log import Log
from server.models.offline.ears import Ears
from server.ports import HandOver, PassOn, Text
from server.site import DEFAULT_AGENT, Site
from server.specialists import MAX_PASSES, rows_of
from server.turns import Agent, Turns
from server.turns.router import Router
from tests.turns.conftest import KEY, Model, Node, bodies, call
from tools import Caller, Registry, tool

AGENTS = [
    {
        "name": "orders",
        "purpose": "Parcels and orders.",
        "examples": ["where is my parcel", "track my order"],
        "instructions": "Always name the order.",
        "tools": ["find_order"],
        "knowledge": ["delivery"],
    },
    {
        "name": "service",
        "purpose": "Workshop appointments.",
        "examples": ["book a ski service", "repair my boots"],
        "tools": ["free_slots"],
    },
]


@tool(scope="orders.read", effect="read")
async def find_order(caller: Caller, order_id: str) -> str:
    """Find an order."""
    return "sent"


@tool(scope="slots.read", effect="read")
async def free_slots(caller: Caller) -> str:
    """Find a free appointment."""
    return "Monday"


class Words:
    """Bags of words as vectors: texts are near that share words."""

    name, dim = "words", 512

    def embed_sync(self, texts):
        made = np.full((len(texts), self.dim), 1e-6, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                made[row, int(hashlib.sha256(word.encode()).hexdigest(), 16) % self.dim] += 1
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    async def query(self, text):
        return self.embed_sync([text])[0]

    async def embed(self, texts, progress=None):
        return self.embed_sync(texts)


class Broken(Words):
    async def query(self, text):
        raise ConnectionError("the embedding is away")


class Articles:
    """Notes which tags were asked for."""

    def __init__(self):
        self.asked = []

    async def search(self, site, query, *, k=6, tags=()):
        self.asked.append((query, tuple(tags)))
        return []


class Shop(Node):
    """A node whose site has specialists; those in `models` have a model of their own."""

    def __init__(self, store, model, agents, models, embedder):
        self.ids = itertools.count(1)
        self.node, self.model, self.now_ms = f"n{id(self)}", model, None
        self.log = Log(store)
        self.hub = Hub(self.log, self.node)
        self.site = Site.model_validate({"key": "pk_test", "name": "Test", "agents": agents})
        self.articles = Articles()
        registry = Registry()
        registry.add(find_order)
        registry.add(free_slots)

        def rows():
            return [row for agent in self.site.agents for row in rows_of(agent, list(registry))]

        self.router = Router(self.site, embedder, Ears(["en", "de"]), rows)
        agent = Agent(
            self.site, "Be kind.", registry, {}, model, self.articles, router=self.router, models=models or {}
        )
        self.turns = Turns(
            self.log, self.hub, {"pk_test": agent}, node=self.node,
            new_id=lambda: f"{self.node}-{next(self.ids)}", clock_ms=self.clock_ms,
        )  # fmt: skip

    async def ask(self, text, said="m1", count=1):
        """Say it the way the socket does, and wait for the turn's end."""
        self.turns.foresee(await self.state(), text)
        await self.say(text, said=said)
        return await self.until("turn.ended", count=count)


@pytest.fixture
async def make_shop(store):
    async with contextlib.AsyncExitStack() as stack:

        async def make(*answers, agents=AGENTS, models=None, embedder=None, model=None):
            shop = Shop(store, model or Model(*answers), agents, models, embedder or Words())
            await stack.enter_async_context(shop.turns)
            return shop

        yield make


def routes(events):
    return [body["agent"] for body in bodies(events, "routed")]


async def test_a_message_goes_to_the_agent_that_it_is_near_to_with_its_tools_words_and_articles(make_shop):
    shop = await make_shop([Text("Here.")])
    events = await shop.ask("where is my parcel please")
    prompt = shop.model.prompts[0]
    assert prompt.agent == "orders"
    assert [spec.name for spec in prompt.tools] == ["find_order"]
    assert prompt.rules.rstrip().endswith("Always name the order.")
    assert {colleague.name for colleague in prompt.colleagues} == {"service", DEFAULT_AGENT}
    assert {tags for _, tags in shop.articles.asked} == {("delivery", "")}
    (body,) = bodies(events, "routed")
    assert body["agent"] == "orders"
    assert "where is my parcel" in body["why"]
    assert (body["language"], body["mood"]) == ("en", "calm")
    assert body["score"] > 0.36


async def test_what_is_near_to_nobody_goes_to_the_default_agent_which_has_everything(make_shop):
    shop = await make_shop([Text("Hm.")])
    events = await shop.ask("do penguins fly")
    prompt = shop.model.prompts[0]
    assert routes(events) == [DEFAULT_AGENT]
    assert (prompt.agent, prompt.colleagues) == ("", ())
    assert [spec.name for spec in prompt.tools] == ["find_order", "free_slots"]
    assert prompt.rules.rstrip().endswith("Be kind.")
    assert {tags for _, tags in shop.articles.asked} == {()}


async def test_all_agents_of_a_site_share_the_beginning_of_their_prompts(make_shop):
    shop = await make_shop([Text("a")], [Text("b")], [Text("c")])
    await shop.ask("do penguins fly")
    await shop.ask("where is my parcel", "m2", 2)
    await shop.ask("book a ski service", "m3", 3)
    plain, orders, service = (prompt.rules for prompt in shop.model.prompts)
    assert orders.startswith(plain)
    assert service.startswith(plain)
    assert orders != service


async def test_a_follow_up_that_is_near_to_nobody_stays_and_another_subject_changes_hands(make_shop):
    shop = await make_shop()
    await shop.ask("where is my parcel")
    await shop.ask("and the other one", "m2", 2)
    events = await shop.ask("can you repair my boots", "m3", 3)
    assert routes(events) == ["orders", "orders", "service"]


async def test_who_wants_two_things_of_different_agents_gets_the_one_that_can_do_both(make_shop):
    shop = await make_shop()
    events = await shop.ask("Where is my parcel? And can you repair my boots?")
    assert routes(events) == [DEFAULT_AGENT]
    assert "orders and service" in bodies(events, "routed")[0]["why"]
    assert len(shop.model.prompts[0].tools) == 2
    events = await shop.ask("Where is my parcel? Can you track my order?", "m2", 2)
    assert routes(events)[-1] == "orders"


async def test_a_turn_keeps_its_agent_whatever_is_said_meanwhile(make_shop):
    async def speaks_up(prompt):
        await shop.say("book a ski service", said="m2")
        yield call("find_order", order_id="1")

    shop = await make_shop(speaks_up, [Text("Sent.")])
    await shop.say("where is my parcel")
    events = await shop.until("turn.ended")
    assert routes(events) == ["orders", "orders"]
    assert [prompt.agent for prompt in shop.model.prompts] == ["orders", "orders"]


async def test_an_agent_passes_on_and_what_it_wrote_is_no_message(make_shop):
    shop = await make_shop([Text("Not mine."), PassOn("service", "an appointment")], [Text("When suits you?")])
    events = await shop.ask("where is my parcel")
    assert [prompt.agent for prompt in shop.model.prompts] == ["orders", "service"]
    assert [body["text"] for body in bodies(events, "message")] == ["where is my parcel", "When suits you?"]
    assert bodies(events, "thought")[0] == {"text": "Not mine."}
    passed = bodies(events, "routed")[1]
    assert (passed["agent"], passed["from"]) == ("service", "orders")
    assert "an appointment" in passed["why"]
    assert {tags for _, tags in shop.articles.asked} == {("delivery", ""), ()}


async def test_the_next_message_stays_with_whom_the_last_was_passed_on_to(make_shop):
    shop = await make_shop([PassOn("service", "x")], [Text("When suits you?")], [Text("Fine.")])
    await shop.ask("where is my parcel")
    events = await shop.ask("yes that is good", "m2", 2)
    assert routes(events)[-1] == "service"


async def test_agents_that_pass_on_for_ever_are_cut_off_and_the_default_agent_answers(make_shop):
    async def not_mine(prompt):
        others = [one.name for one in prompt.colleagues if one.name != DEFAULT_AGENT]
        yield PassOn(others[0], "not mine") if others else Text("Let me see.")

    shop = await make_shop(*[not_mine] * 9)
    events = await shop.ask("where is my parcel")
    assert routes(events) == ["orders", "service", "orders", DEFAULT_AGENT][: MAX_PASSES + 2]
    assert bodies(events, "turn.ended")[0]["reason"] == "answered"
    assert bodies(events, "message")[-1]["text"] == "Let me see."


async def test_the_default_agent_cannot_pass_on_and_nothing_comes_of_trying(make_shop):
    shop = await make_shop([PassOn("orders", "")], [Text("Well.")])
    events = await shop.ask("do penguins fly")
    assert routes(events) == [DEFAULT_AGENT]
    assert bodies(events, "message")[-1]["text"] == "Well."


async def test_a_turn_is_taken_up_by_the_agent_that_had_it_when_its_process_died(make_shop, store):
    log = Log(store)
    await log.append(
        KEY,
        [
            NewEvent("m1", "message", "customer", {"text": "where is my parcel"}),
            NewEvent("e:1", "turn.started", "system", {"attempt": 1}, "t:1"),
            NewEvent(
                "e:2", "routed", "system", {"agent": "orders", "upto": 1, "language": "en", "mood": "calm"}, "t:1"
            ),
            NewEvent("e:3", "routed", "system", {"agent": "service", "from": "orders", "upto": 1}, "t:1"),
        ],
    )
    shop = await make_shop([Text("Monday.")])
    shop.turns.poke(KEY)
    events = await shop.until("turn.ended")
    assert [prompt.agent for prompt in shop.model.prompts] == ["service"]
    assert routes(events) == ["orders", "service"]


async def test_a_call_of_a_tool_that_only_another_agent_has_does_not_run(make_shop):
    shop = await make_shop([call("free_slots"), call("find_order", order_id="1")], [Text("ok")])
    events = await shop.ask("where is my parcel")
    ended = {body["code"] if not body["ok"] else "ran" for body in bodies(events, "call.ended")}
    assert ended == {"denied", "ran"}
    assert len(bodies(events, "call.started")) == 1
    denied = next(result for result in shop.model.prompts[1].results if result.tool == "free_slots")
    assert "another agent" in denied.error


async def test_an_agent_can_have_a_model_of_its_own(make_shop):
    own = Model([Text("From mine.")])
    own.name = "own"
    shop = await make_shop([Text("From the shop's.")], models={"service": own})
    await shop.ask("where is my parcel")
    events = await shop.ask("repair my boots", "m2", 2)
    assert [body["model"] for body in bodies(events, "model.called")] == ["test", "own"]


async def test_an_agent_for_one_language_gets_only_that(make_shop):
    german = {"name": "deutsch", "purpose": "Pakete.", "languages": ["de"], "examples": ["where is my parcel"]}
    agents = [german, {**AGENTS[0], "languages": ["en"]}, AGENTS[1]]
    shop = await make_shop(agents=agents)
    await shop.ask("where is my parcel")
    events = await shop.ask("wo ist denn bitte jetzt mein parcel geblieben", "m2", 2)
    assert routes(events) == ["orders", "deutsch"]


async def test_without_an_embedding_the_default_agent_answers(make_shop, caplog):
    shop = await make_shop([Text("Hello.")], embedder=Broken())
    events = await shop.ask("where is my parcel")
    assert routes(events) == [DEFAULT_AGENT]
    assert bodies(events, "message")[-1]["text"] == "Hello."
    assert "could not be compared" in caplog.text


async def test_a_site_without_agents_notes_language_and_mood_and_is_otherwise_as_before(make_shop):
    shop = await make_shop([Text("Hallo.")], agents=[])
    events = await shop.ask("Wo ist mein Paket? Ich warte immer noch!")
    prompt = shop.model.prompts[0]
    assert (prompt.agent, prompt.colleagues, len(prompt.tools)) == ("", (), 2)
    assert (prompt.language, prompt.mood) == ("de", "upset")
    assert "Your part" not in prompt.rules
    assert [event.kind for event in events] == [
        "message", "turn.started", "routed", "retrieved", "model.called", "message", "turn.ended",
    ]  # fmt: skip


async def test_customers_see_nothing_of_the_routes(make_shop):
    shop = await make_shop([PassOn("service", "x")], [Text("ok")])
    events = await shop.ask("where is my parcel")
    routed = [event for event in events if event.kind == "routed"]
    assert len(routed) == 2
    assert [visible(event, Viewer("customer", "full")) for event in routed] == [None, None]
    assert [visible(event, Viewer("staff")) for event in routed] == routed


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        ("I want to talk to a human", "asked", "I'm asking a person"),
        ("My lawyer will hear of this", "legal", "passing our conversation to a person"),
        ("You are useless thieves", "anger", "sorry this has gone wrong"),
        ("I want to kill myself", "self_harm", "112"),
        ("Ich möchte mit einem Menschen sprechen", "asked", "Ich hole einen Menschen"),
    ],
)
async def test_words_that_are_for_a_person_reach_one_without_any_model(make_shop, text, reason, words):
    shop = await make_shop([Text("Never mind.")])
    events = await shop.ask(text)
    assert shop.model.prompts == []
    assert words in bodies(events, "message")[-1]["text"]
    assert bodies(events, "mode") == [{"mode": "waiting", "reason": reason}]
    assert bodies(events, "routed")[0]["cue"] == reason
    assert bodies(events, "turn.ended")[0]["reason"] == "handed_over"


async def test_the_gravest_of_several_messages_counts(make_shop):
    shop = await make_shop()
    await shop.log.append(KEY, [NewEvent("m0", "message", "customer", {"text": "my lawyer will call you"})])
    events = await shop.ask("where is my parcel")
    assert bodies(events, "mode") == [{"mode": "waiting", "reason": "legal"}]
    assert set(bodies(events, "turn.ended")[0]["answers"]) == {"m0", "m1"}


async def test_somebody_in_danger_is_answered_even_while_waiting_and_nobody_is_asked_twice(make_shop):
    shop = await make_shop([Text("x"), HandOver("asked")], [Text("We open at nine.")])
    await shop.log.append(KEY, [NewEvent("e:m", "mode", "system", {"mode": "waiting"})])
    events = await shop.ask("I want to kill myself")
    assert "112" in bodies(events, "message")[-1]["text"]
    assert len(bodies(events, "mode")) == 1
    assert shop.model.prompts == []


async def test_who_wants_a_person_again_while_one_is_awaited_is_told_so(make_shop):
    shop = await make_shop()
    await shop.ask("I want to talk to a human")
    events = await shop.ask("I want a human now", "m2", 2)
    assert "asked already" in bodies(events, "message")[-1]["text"]
    assert len(bodies(events, "mode")) == 1
    assert [body["reason"] for body in bodies(events, "turn.ended")] == ["handed_over", "answered"]


async def test_an_angry_customer_who_asks_for_something_gets_an_answer(make_shop):
    shop = await make_shop([Text("It comes tomorrow.")])
    events = await shop.ask("This is ridiculous. Where is my parcel?")
    assert bodies(events, "message")[-1]["text"] == "It comes tomorrow."
    assert shop.model.prompts[0].mood == "angry"
    assert bodies(events, "mode") == []


async def test_who_is_angry_twice_gets_the_answer_and_a_person(make_shop):
    shop = await make_shop([Text("When suits you?")], [Text("When suits you then?")])
    await shop.ask("This is ridiculous. Where is my parcel?")
    events = await shop.ask("You are useless! Can you tell me where my parcel is?", "m2", 2)
    assert bodies(events, "mode") == [{"mode": "waiting", "reason": "anger"}]
    last = bodies(events, "message")[-1]["text"]
    assert last.startswith("When suits you then?")
    assert "asked a colleague" in last


async def test_fixed_sentences_are_in_the_language_that_was_heard(make_shop):
    shop = await make_shop([HandOver("unknown")])
    events = await shop.ask("Umtausch Schuhe Rechnung Lieferung")
    assert bodies(events, "routed")[0]["language"] == "de"
    assert "Ich habe jemanden aus dem Team gebeten" in bodies(events, "message")[-1]["text"]
