"""A reply that is drafted for staff: what it may cost, what is written down of it, and that a turn's calls all count."""

import itertools

import pytest

from server.desk.asides import Asides, NotFound
from server.events import NewEvent
from server.ports import ModelFailed, Text, Usage
from server.staff import Staff
from server.stores.memory import MemoryStore
from tests.turns.conftest import KEY, bodies, call
from tools import Caller, Rule, tool

ADA = Staff("s:ada", "ada@a.example", "Ada", "agent")
NOW_MS = 1_800_000_000_000
WITH_ADA = NewEvent("taken", "mode", "staff", {"mode": "staff", "by": "s:ada", "name": "Ada"})
ASKED = NewEvent("m1", "message", "customer", {"text": "Until when?"})


def asides(node):
    ids = itertools.count()
    agents = {"pk_test": node.agent}
    return Asides(node.log, node.approvals, agents, clock_ms=node.clock_ms, new_id=lambda: f"a{next(ids)}")


async def booked(node):
    """How many tokens are booked today."""
    day = node.clock_ms() // 86_400_000
    return await node.log.store.spent(f"pk_test/tokens/{day}")


async def test_a_suggestion_is_booked_like_a_turn_and_written_down_without_its_words(make_node):
    node = await make_node([Text("Within 30 days."), Usage(900, 20, 0.01)], limits={"model_tokens_per_day": 100_000})
    node.now_ms = NOW_MS
    await node.log.append(KEY, [WITH_ADA, ASKED])
    assert await asides(node).suggest(KEY, ADA) == "Within 30 days."
    assert await booked(node) == 4_000
    [called] = bodies(await node.events(), "model.called")
    assert (called["suggestion"], called["by"], called["model"]) == (True, "s:ada", "test")
    assert called["usage"] == {"input_tokens": 900, "output_tokens": 20, "cost": 0.01}
    assert "30 days" not in str(await node.events())


async def test_without_budget_no_model_is_asked(make_node):
    node = await make_node(limits={"model_tokens_per_day": 4_000})
    node.now_ms = NOW_MS
    await node.log.append(KEY, [WITH_ADA, ASKED])
    await asides(node).suggest(KEY, ADA)
    before = await node.events()
    with pytest.raises(NotFound, match="budget"):
        await asides(node).suggest(KEY, ADA)
    assert (len(node.model.prompts), await node.events()) == (1, before)


async def test_a_model_that_fails_was_asked_all_the_same(make_node):
    async def fails(prompt):
        raise ModelFailed("no answer", retryable=False)
        yield

    node = await make_node(fails)
    await node.log.append(KEY, [WITH_ADA, ASKED])
    with pytest.raises(NotFound, match="try again"):
        await asides(node).suggest(KEY, ADA)
    [called] = bodies(await node.events(), "model.called")
    assert called["failed"] == "failed"


@tool(scope="a.read", effect="read")
async def look(caller: Caller) -> str:
    """Look."""
    return "seen"


async def test_every_model_call_of_a_turn_is_booked_not_only_the_first(make_node):
    allowed = {"look": Rule(permission="auto")}
    limits = {"model_tokens_per_day": 100_000}
    store = MemoryStore(clock_ms=lambda: NOW_MS)
    answers = [call("look")], [Text("There it is.")]
    node = await make_node(*answers, tools=(look,), rules=allowed, limits=limits, on=store)
    node.now_ms = NOW_MS
    await node.say("look")
    await node.until("turn.ended")
    assert (len(node.model.prompts), await booked(node)) == (2, 8_000)
