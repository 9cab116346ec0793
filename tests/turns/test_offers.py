"""Triggers: a workflow whose condition holds is offered below an answer, by whatever model, once, and starts nothing by itself."""

import pytest

from server.conversation import fold
from server.events import NewEvent
from server.ports import Choices, HandOver, Start, Text, Tone
from server.site.agents import Mood
from server.turns.offers import context_of
from server.turns.router import Router
from tests.tools.workflow.driver import workflow
from tests.turns.conftest import KEY, bodies
from tools import Caller, Registry, Rule, tool
from tools.workflow.program import make_program
from tools.workflow.triggers import CONTEXT, MOODS, triggered

LOST = """
name: lost
title: {{en: Report a lost parcel, de: Verlorenes Paket melden}}
triggers: {triggers}
steps: [{{call: report}}, {{end: done, say: We are looking for it.}}]
"""
CALM = {"page": {"url": "", "title": ""}, "language": "en", "mood": "calm", "text": "", "words": [], "messages": 1}
GUEST = {"customer": None, "email": None, "name": None, "level": "anonymous"}


@tool(scope="parcels.report", effect="write")
async def report(caller: Caller) -> None:
    """Report a lost parcel."""


def lost(*triggers):
    registry = Registry()
    registry.add(report)
    return make_program(workflow(LOST.format(triggers=list(triggers))), registry)


@pytest.fixture
async def make_chat(make_node):
    async def make(*answers, triggers=("'parcel' in context.words",)):
        rules = {"report": Rule(permission="auto")}
        return await make_node(*answers, tools=[report], rules=rules, workflows={"lost": lost(*triggers)})

    return make


async def talked(node, *messages):
    """The choices below each of the agent's last messages."""
    found = []
    for n, text in enumerate(messages, 1):
        await node.say(text, said=f"m{n}")
        events = await node.until("turn.ended", count=n)
        found.append([e.body.get("choices", []) for e in events if e.kind == "message" and e.role == "agent"][-1])
    return found


HOLDS = [
    ("'parcel' in context.words", {"words": ["my", "parcel"]}, True),
    ("'never arrived' in context.text", {"text": "it never arrived!"}, True),
    ("context.mood in ['angry', 'upset']", {"mood": "upset"}, True),
    ("context.mood in ['angry', 'upset']", {"mood": "pleased"}, False),
    ("context.language == 'de'", {"language": "de"}, True),
    ("'/tracking' in context.page.url", {"page": {"url": "https://shop.example/tracking/7", "title": ""}}, True),
    ("'/tracking' in context.page.url", {}, False),
    ("caller.level == 'identified'", {}, False),
    ("context.messages > 2 and locale == 'en'", {"messages": 3}, True),
    ("days_since('2026-11-11') == 10", {}, True),
    ("days_since(context.text) == 10", {"text": "no day"}, False),
]


@pytest.mark.parametrize(("trigger", "changed", "holds"), HOLDS)
def test_a_trigger_holds_or_not(trigger, changed, holds):
    assert triggered(lost(trigger), GUEST, CALM | changed, "2026-11-21", "en") is holds


def test_one_trigger_of_several_is_enough_and_a_broken_one_stops_no_other():
    program = lost("days_since(context.text) == 1", "false", "context.mood == 'calm'")
    assert triggered(program, GUEST, CALM, "2026-11-21", "en")


def test_triggers_see_what_is_checked_and_the_moods_are_those_that_are_heard():
    assert set(MOODS) == set(Mood.__args__)
    assert context_of(fold("c1", []), "en").keys() == CONTEXT.fields.keys()
    assert context_of(fold("c1", []), "en")["page"].keys() == CONTEXT.fields["page"].fields.keys()


async def test_what_the_words_call_for_is_offered_below_the_answer_once(make_chat):
    node = await make_chat([Text("I am sorry.")], [Text("Delivery takes 4 days.")])
    assert await talked(node, "my parcel is not here", "where is my parcel?") == [["Report a lost parcel"], []]
    assert bodies(await node.events(), "workflow.started") == []


async def test_it_is_offered_in_the_customers_language(make_chat):
    node = await make_chat([Text("Das tut mir leid.")], triggers=["'paket' in context.words"])
    assert await talked(node, "Wo ist mein Paket, ich warte schon lange") == [["Verlorenes Paket melden"]]


async def test_other_words_offer_nothing(make_chat):
    node = await make_chat([Text("We open at nine.")])
    assert await talked(node, "when do you open?") == [[]]


async def test_an_answer_with_choices_of_its_own_keeps_just_these(make_chat):
    node = await make_chat([Text("Which one?"), Choices(("This", "That"))], [Text("Fine.")])
    assert await talked(node, "my parcel", "that parcel") == [["This", "That"], ["Report a lost parcel"]]


async def test_whoever_goes_to_a_person_is_offered_nothing_else(make_chat):
    node = await make_chat([Text("A colleague will help."), HandOver("asked")])
    assert await talked(node, "my parcel") == [[]]


async def test_the_button_pressed_is_the_customers_own_wish(make_chat):
    node = await make_chat([Text("I am sorry.")], [Start("lost", {}, "Report a lost parcel")])
    await talked(node, "my parcel is not here", "Report a lost parcel")
    events = await node.events()
    assert "unasked" not in bodies(events, "workflow.started")[0]
    assert bodies(events, "workflow.ended")[0]["outcome"] == "done"


async def test_what_has_been_done_in_the_conversation_is_not_offered(make_chat):
    node = await make_chat([Start("lost", {}, "lost parcel")], [Text("Yes.")])
    found = await talked(node, "report my lost package", "is my parcel found?")
    assert found[1] == []


class Upset:
    """Hears everybody upset."""

    async def warm(self):
        pass

    async def hear(self, text, *, before, known=frozenset()):
        return Tone("en", "upset")


async def test_the_mood_that_was_heard_and_the_page_that_was_open_count(make_chat):
    node = await make_chat(
        [Text("I am sorry.")], triggers=["context.mood == 'upset' and context.page.title == 'Tracking'"]
    )
    page = {"page": {"url": "https://shop.example/t", "title": "Tracking"}, "locale": "en"}
    await node.log.append(KEY, [NewEvent("o:1", "opened", "system", page)])
    object.__setattr__(node.agent, "router", Router(node.site, None, Upset()))
    assert await talked(node, "still nothing") == [["Report a lost parcel"]]
