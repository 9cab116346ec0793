"""Which agent gets a message: at every edge of the floor, the margin, the filters and the passes. Vectors are made by hand."""

import numpy as np
import pytest

from server.site import DEFAULT_AGENT, Specialist
from server.specialists import (
    FLOOR,
    MAX_PASSES,
    STICKY,
    Bank,
    Near,
    Offer,
    all_rows,
    at_once,
    both,
    may_get,
    may_start,
    nearness,
    passed_on,
    pick,
    rows_of,
    tools_of,
)
from tools import Caller, tool


@tool(scope="orders.read", effect="read", examples=["where is my order"], aliases=["order"])
async def find_order(caller: Caller) -> str:
    """Find an order."""
    return ""


@tool(scope="slots.read", effect="read", examples=["when can I come"])
async def slots(caller: Caller) -> str:
    """Find an appointment."""
    return ""


SPECS = [find_order.spec, slots.spec]


def agent(name="orders", **more):
    return Specialist.model_validate({"name": name, "purpose": f"All about {name}.", **more})


def near(**scores):
    return sorted((Near(name, score, f"{name} text") for name, score in scores.items()), key=lambda one: -one.score)


def unit(*values):
    vector = np.asarray(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


# What stands for an agent


def test_purpose_and_examples_stand_for_an_agent_and_those_of_the_tools_that_it_alone_has():
    rows = rows_of(agent(examples=["my parcel"], tools=["find_order"]), SPECS)
    assert [text for text, _, _ in rows] == ["All about orders.", "my parcel", "where is my order"]
    assert {owner for _, owner, _ in rows} == {"orders"}


def test_tools_that_everybody_has_tell_nobody_apart():
    assert [text for text, _, _ in rows_of(agent(), SPECS)] == ["All about orders."]


def test_an_example_that_stands_for_several_agents_weighs_less_than_one_that_stands_for_one():
    agents = [agent(tools=["find_order"], examples=["my parcel"]), agent("returns", tools=["find_order", "slots"])]
    weights = {(text, owner): weight for text, owner, weight in all_rows(agents, SPECS)}
    assert weights[("where is my order", "orders")] == weights[("where is my order", "returns")] < 1
    assert weights[("my parcel", "orders")] == weights[("when can I come", "returns")] == 1


def test_a_tool_may_be_listed_by_its_former_name():
    assert tools_of(agent(tools=["order"]), SPECS) == (find_order.spec,)
    assert tools_of(agent(tools=[]), SPECS) == ()
    assert tools_of(agent(), SPECS) == tuple(SPECS)
    assert tools_of(None, SPECS) == tuple(SPECS)


@pytest.mark.parametrize(
    ("keys", "may"),
    [
        ({}, True),
        ({"tools": []}, False),
        ({"tools": ["find_order"]}, False),
        ({"tools": ["find_order", "refund"]}, True),
        ({"workflows": []}, False),
        ({"workflows": ["refund_it"]}, True),
        ({"workflows": ["refund_it"], "tools": []}, True),
        ({"workflows": ["another"], "tools": ["find_order", "refund"]}, False),
    ],
)
def test_a_workflow_is_started_by_who_lists_it_or_has_all_tools_that_it_needs(keys, may):
    offer = Offer(frozenset({"find_order", "refund"}), ("refund me",))
    assert may_start(agent(**keys), "refund_it", offer.needs) is may
    texts = [text for text, _, _ in rows_of(agent(**keys), (), {"refund_it": offer})]
    assert ("refund me" in texts) is (may and bool(keys))


def test_the_default_agent_may_start_everything():
    assert may_start(None, "refund_it", {"find_order"})


# How near a message is


def test_the_nearest_text_counts_most_and_the_best_wording_of_a_message_counts():
    rows = (("parcels", "orders", 1.0), ("refunds", "orders", 1.0), ("skis", "service", 1.0))
    bank = Bank(rows, np.stack([unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)]))
    found = nearness(np.stack([unit(1, 0, 0.1)]), bank)
    assert [one.agent for one in found] == ["orders", "service"]
    assert found[0].text == "parcels"
    foreign_and_english = nearness(np.stack([unit(1, 1, 1), unit(0, 0, 1)]), bank)
    assert foreign_and_english[0].agent == "service"
    assert foreign_and_english[0].score == pytest.approx(1.0, abs=1e-5)


def test_a_purpose_weighs_less_than_an_example_of_the_same_words():
    bank = Bank((("a", "purpose", 0.9), ("a", "example", 1.0)), np.stack([unit(1, 0), unit(1, 0)]))
    assert [one.agent for one in nearness(np.stack([unit(1, 0)]), bank)] == ["example", "purpose"]


def test_a_message_that_leans_on_the_one_before_is_half_that_one():
    mixed = both(near(orders=0.2, service=0.3), near(orders=0.8, service=0.2))
    assert [(one.agent, pytest.approx(one.score)) for one in mixed] == [("orders", 0.5), ("service", 0.25)]


# Who gets it


@pytest.mark.parametrize(
    ("score", "who"), [(0.9, "orders"), (FLOOR, "orders"), (FLOOR - 0.001, DEFAULT_AGENT), (0, DEFAULT_AGENT)]
)
def test_what_is_near_to_nobody_goes_to_the_default_agent(score, who):
    assert pick(near(orders=score, service=0.0), None).agent == who


@pytest.mark.parametrize(("lead", "who"), [(STICKY + 0.001, "service"), (STICKY - 0.001, "orders"), (0.0, "orders")])
def test_a_conversation_changes_hands_only_for_a_clear_lead(lead, who):
    picked = pick(near(orders=0.5, service=0.5 + lead), "orders")
    assert picked.agent == who
    assert picked.why


def test_what_is_near_to_nobody_stays_with_who_has_the_conversation():
    assert pick(near(orders=0.1, service=FLOOR - 0.01), "orders").agent == "orders"
    assert pick(near(orders=0.1, service=FLOOR - 0.01), DEFAULT_AGENT).agent == DEFAULT_AGENT


def test_the_default_agent_gives_up_a_conversation_as_soon_as_somebody_is_near():
    assert pick(near(orders=FLOOR + 0.01, service=0.0), DEFAULT_AGENT).agent == "orders"


def test_an_open_workflow_keeps_its_agent_whatever_is_said():
    assert pick(near(orders=0.0, service=0.99), "orders", under_way=True).agent == "orders"
    assert pick(near(service=0.99), DEFAULT_AGENT, under_way=True).agent == DEFAULT_AGENT
    assert pick(near(service=0.99), None, under_way=True).agent == "service"


def test_an_agent_that_may_not_have_a_message_loses_it():
    """`found` holds only those that may: the current one is gone from it when language or mood have changed."""
    assert pick(near(service=0.5), "orders").agent == "service"
    assert pick(near(service=0.1), "orders").agent == DEFAULT_AGENT
    assert pick([], "orders").agent == DEFAULT_AGENT


@pytest.mark.parametrize(
    ("keys", "language", "mood", "may"),
    [
        ({}, "fr", "angry", True),
        ({"languages": ["de-AT"]}, "de", "calm", True),
        ({"languages": ["de"]}, "en", "calm", False),
        ({"languages": ["de"]}, None, None, True),
        ({"moods": ["upset", "angry"]}, "en", "upset", True),
        ({"moods": ["upset", "angry"]}, "en", "calm", False),
        ({"moods": ["angry"], "languages": ["de"]}, "de", "angry", True),
        ({"moods": ["angry"], "languages": ["de"]}, "en", "angry", False),
    ],
)
def test_agents_can_be_for_certain_languages_and_moods_only(keys, language, mood, may):
    assert may_get(agent(**keys), language, mood) is may


def test_parts_of_a_message_that_are_clearly_for_different_agents_are_told_apart():
    orders, service = near(orders=0.8, service=0.2), near(orders=0.2, service=0.8)
    assert at_once([orders, service, orders]) == ["orders", "service"]
    assert at_once([orders, near(orders=0.5, service=0.5 + STICKY / 2)]) == ["orders"]
    assert at_once([orders, near(orders=0.1, service=FLOOR - 0.01)]) == ["orders"]
    assert at_once([]) == at_once([[]]) == []


# Passing on


def test_a_turn_is_passed_on_to_another_agent_with_the_reason():
    picked = passed_on("service", "wants an appointment", "orders", 0, ["orders", "service"])
    assert picked.agent == "service"
    assert picked.why == "passed on by orders: wants an appointment"


def test_a_turn_is_passed_on_only_so_often_and_then_the_default_agent_answers():
    seen = [
        passed_on("service", "w", "orders", passes, ["orders", "service"]).agent for passes in range(MAX_PASSES + 2)
    ]
    assert seen == ["service"] * MAX_PASSES + [DEFAULT_AGENT] * 2


@pytest.mark.parametrize("to", ["orders", "nobody", "", DEFAULT_AGENT])
def test_whoever_is_passed_on_to_nobody_else_goes_to_the_default_agent(to):
    assert passed_on(to, "", "orders", 0, ["orders", "service"]).agent == DEFAULT_AGENT


def test_a_reason_is_one_line_and_not_a_novel():
    why = passed_on("service", "a\nb " + "x" * 5000, "orders", 0, ["service"]).why
    assert "\n" not in why
    assert len(why) < 400
