"""The customer's language: what the server says by itself, and what tools are told, follow it."""

import pytest

from server import phrases
from server.ports import ModelFailed, Prompt, Start, Text
from server.prompt import people_text
from server.site import Site
from tests.tools.workflow.driver import workflow
from tests.turns.conftest import bodies, call
from tools import Caller, Registry, Rule, tool
from tools.workflow.program import make_program


@tool(scope="orders.read", effect="read")
async def spoken(caller: Caller) -> str:
    """Say which language is spoken."""
    return caller.locale


@tool(scope="orders.read", effect="read", label={"en": "Looking it up", "de": "Ich sehe nach"})
async def looked_up(caller: Caller) -> str:
    """Look something up."""
    raise OSError("no answer")


@tool(scope="orders.read", effect="read", label={"en": "Asking elsewhere", "de": "Ich frage woanders"})
async def elsewhere(caller: Caller) -> str:
    """Look something up elsewhere."""
    return "found"


async def broken(prompt):
    raise ModelFailed("down", retryable=False)
    yield


async def test_tools_are_told_the_language_that_the_customer_writes(make_node):
    node = await make_node([call("spoken")], [Text("Ja.")], tools=[spoken])
    await node.say("Wo ist meine Bestellung?")
    assert bodies(await node.until("turn.ended"), "call.ended")[0]["result"] == "de"


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ("Wo ist meine Bestellung?", ["Ich sehe nach", "Ich frage woanders"]),
        ("Where is my order?", ["Looking it up", "Asking elsewhere"]),
    ],
    ids=["German", "English"],
)
async def test_what_is_shown_of_calls_is_in_the_language_that_the_customer_writes(make_node, said, labels):
    rules = {"looked_up": Rule(permission="auto", fallback="elsewhere")}
    node = await make_node([call("looked_up")], [Text("Ja.")], tools=[looked_up, elsewhere], rules=rules)
    await node.say(said)
    events = await node.until("turn.ended")
    assert [body["label"] for body in bodies(events, "call.planned")] == labels
    assert [body["label"] for body in bodies(events, "call.ended")] == labels


async def test_so_it_is_with_calls_of_a_workflow(make_node):
    registry = Registry()
    registry.add(elsewhere)
    made = make_program(workflow("steps: [{call: elsewhere}, {end: done}]"), registry)
    node = await make_node([Start("flow")], tools=[elsewhere], workflows={"flow": made})
    await node.say("Wo ist meine Bestellung?")
    (planned,) = bodies(await node.until("turn.ended"), "call.planned")
    assert planned["label"] == "Ich frage woanders"


async def test_an_apology_is_in_the_language_that_the_customer_writes(make_node):
    node = await make_node(broken)
    await node.say("Wie lange habe ich Zeit?")
    text = bodies(await node.until("turn.ended"), "message")[-1]["text"]
    assert text.startswith(phrases.say("failed", "de"))
    assert text.endswith(phrases.say("open_now", "de"))


async def test_a_prompt_holds_both_languages(make_node):
    node = await make_node([Text("Ja.")])
    await node.say("Hallo")
    await node.until("turn.ended")
    asked = node.model.prompts[0]
    assert asked.sign_in_in("de") == phrases.say("sign_in", "de")
    assert asked.sign_in_in("sv") == phrases.say("sign_in", "en")


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["Wo ist meine Bestellung 1042?"], "de"),
        (["Where is my order?"], "en"),
        (["1042", "Wo ist sie?"], "de"),
        (["Where is it?", "Wo ist sie?"], "en"),
        (["1042"], None),
        ([], None),
    ],
)
def test_the_newest_words_that_show_a_language_count(texts, language):
    assert phrases.spoken(texts) == language


@pytest.mark.parametrize(
    ("text", "locale", "said"),
    [
        ("Call us.", "en", "Call us."),
        ("Call us.", "de", phrases.say("open_now", "de")),
        ({"en": "Call us.", "de": "Rufen Sie an."}, "de", "Rufen Sie an."),
        ({"de-AT": "Rufen S' an."}, "de", "Rufen S' an."),
        ({"fr": "Appelez."}, "en", "Appelez."),
    ],
)
def test_a_shops_own_words_are_said_in_their_own_language_only(text, locale, said):
    site = Site.model_validate({"key": "pk_test", "name": "Test", "contact": {"text": text}})
    assert people_text(site, locale, 0) == said


def test_a_prompt_without_texts_says_nothing():
    assert Prompt("s", "S", "", (), (), ()).people_in("de") == ""
