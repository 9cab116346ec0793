"""Fallbacks: another tool with what fits of the arguments, or a sentence; never from looking to changing."""

import pytest

from tools import Caller, Registry, Rule, fallback_of, fallback_problem, tool


def made(name: str, effect: str = "read", **fields: object):
    @tool(name=name, scope="a.b", effect=effect, **fields)
    async def act(caller: Caller, order_id: str, loud: bool = False): ...

    return act


@tool(scope="a.b", effect="read")
async def by_order(caller: Caller, order_id: str): ...


@tool(scope="a.b", effect="read")
async def by_sku(caller: Caller, sku: str): ...


ARGS = {"order_id": "1042", "loud": True}


def registry(*tools: object) -> Registry:
    held = Registry()
    for one in (*tools, by_order, by_sku):
        held.add(one)
    return held


def test_another_tool_gets_those_of_the_arguments_that_it_takes():
    held = registry(made("act", fallback="by_order"))
    assert fallback_of(held.get("act"), held, ARGS) == ("by_order", {"order_id": "1042"})


@pytest.mark.parametrize("sentence", ["Look at your mail.", "Sorry.", "call us"])
def test_a_sentence_is_said(sentence):
    held = registry(made("act", fallback=sentence))
    assert fallback_of(held.get("act"), held, ARGS) == sentence
    assert fallback_problem(held.get("act"), held, {}) is None


def test_the_rule_goes_before_the_tool():
    held = registry(made("act", fallback="by_sku"))
    assert fallback_of(held.get("act"), held, ARGS, Rule(fallback="by_order")) == ("by_order", {"order_id": "1042"})
    assert fallback_of(held.get("act"), held, ARGS, Rule(fallback="Call us.")) == "Call us."


def test_without_a_fallback_there_is_none():
    held = registry(made("act"))
    assert fallback_of(held.get("act"), held, ARGS) is None
    assert fallback_problem(held.get("act"), held, {}) is None


@pytest.mark.parametrize(
    ("effect", "fallback", "why"),
    [
        ("read", "nobody", "no tool is called `nobody`"),
        ("read", "act", "cannot stand in for itself"),
        ("read", "change", "act only reads, and change does not"),
        ("read", "by_sku", "by_sku needs `sku`"),
    ],
)
def test_what_cannot_stand_in_is_said_and_never_used(effect, fallback, why):
    held = registry(made("act", effect, fallback=fallback), made("change", "write"))
    assert why in fallback_problem(held.get("act"), held, {})
    assert fallback_of(held.get("act"), held, ARGS) is None


@pytest.mark.parametrize("fallback", ["change", "by_order"])
def test_a_tool_that_changes_something_may_fall_back_to_both_kinds(fallback):
    held = registry(made("act", "write", fallback=fallback), made("change", "money"))
    assert fallback_problem(held.get("act"), held, {}) is None
    assert fallback_of(held.get("act"), held, ARGS)[0] == fallback


def test_a_circle_is_said_also_when_a_rule_closes_it():
    held = registry(made("act", fallback="b"), made("b", fallback="c"), made("c"))
    rules = {"c": Rule(fallback="act")}
    assert fallback_problem(held.get("act"), held, {}) is None
    assert fallback_problem(held.get("act"), held, rules) == "it goes round in a circle: act → b → c → act"
    assert fallback_problem(registry(made("x", fallback="act")).get("x"), held, rules) is None
