"""Undo and fallback: taking back what was done in this conversation, and another way when a tool fails."""

import pytest

from server.ports import Text
from server.stores.memory import MemoryStore, wall_clock_ms
from tests.turns.conftest import bodies, call
from tools import Caller, NotSent, Rule, ToolError, tool

AUTO = Rule(permission="auto")


@pytest.fixture
def shop():
    """A tool that books, and its undo; what was taken back is in `undone`."""
    undone = []

    async def give_back(caller, result, slot):
        undone.append((result["id"], slot))
        return {"id": result["id"]}

    @tool(scope="visits.book", effect="write", undo=give_back, undo_s=3600)
    async def book(caller: Caller, slot: str) -> dict[str, str]:
        """Book a visit."""
        if slot == "never":
            raise ToolError("That is not free.")
        return {"id": f"b-{slot}"}

    return book, undone


async def booked(make_node, book, *, slot="mon", on=None):
    rules = {"book": AUTO, "undo_book": AUTO}
    node = await make_node([call("book", slot=slot)], [Text("ok")], tools=[book], rules=rules, on=on)
    await node.signs_in()
    await node.say("book it")
    events = await node.until("turn.ended")
    return node, bodies(events, "call.planned")[0]["call"]


async def undo(node, meant, *, said="m2", count=2):
    node.model.answers += [[call("undo_book", call=meant)], [Text("ok")]]
    await node.say("take it back", said=said)
    events = await node.until("turn.ended", count=count)
    return bodies(events, "call.ended")[-1]


async def test_a_call_of_this_conversation_is_taken_back_with_its_own_arguments_and_result(make_node, shop):
    book, undone = shop
    node, meant = await booked(make_node, book)
    assert (await undo(node, meant))["ok"]
    assert undone == [("b-mon", "mon")]


async def test_it_is_taken_back_once(make_node, shop):
    book, undone = shop
    node, meant = await booked(make_node, book)
    await undo(node, meant)
    node.turns._agents["pk_test"].rules["undo_book"] = AUTO
    again = await undo(node, f" {meant}", said="m3", count=3)
    assert len(undone) == 1
    assert not again["ok"]


@pytest.mark.parametrize("after_ms", [3_600_000, 3_600_001])
async def test_only_within_its_time(make_node, shop, after_ms):
    book, undone = shop
    ahead_ms = [0]
    node, meant = await booked(make_node, book, on=MemoryStore(clock_ms=lambda: wall_clock_ms() + ahead_ms[0]))
    node.now_ms = (await node.state()).calls[meant].ended_ms + after_ms
    ahead_ms[0] = node.now_ms - wall_clock_ms()
    ended = await undo(node, meant)
    assert ended["ok"] == (after_ms == 3_600_000)
    assert len(undone) == (after_ms == 3_600_000)


@pytest.mark.parametrize("meant", ["call:nobody", ""])
async def test_what_was_not_done_here_cannot_be_taken_back(make_node, shop, meant):
    book, undone = shop
    node, _ = await booked(make_node, book)
    assert not (await undo(node, meant or "x"))["ok"]
    assert undone == []


async def test_what_failed_cannot_be_taken_back(make_node, shop):
    book, undone = shop
    node, meant = await booked(make_node, book, slot="never")
    assert "did not succeed" in (await undo(node, meant))["error"]
    assert undone == []


async def test_undo_is_a_call_with_a_rule_of_its_own(make_node, shop):
    book, undone = shop
    node = await make_node([call("book", slot="mon")], [Text("ok")], tools=[book], rules={"book": AUTO})
    await node.signs_in()
    await node.say("book it")
    events = await node.until("turn.ended")
    node.model.answers += [[call("undo_book", call=bodies(events, "call.planned")[0]["call"])], [Text("ok")]]
    await node.say("take it back", said="m2")
    events = await node.until("turn.ended", count=2)
    assert bodies(events, "call.asked")[0]["of"] == "staff"
    assert undone == []


async def test_a_tool_that_is_not_reached_is_stood_in_for_by_another(make_node):
    @tool(scope="orders.read", effect="read")
    async def slow_copy(caller: Caller, order_id: str) -> str:
        """Look at yesterday's copy."""
        return f"copy of {order_id}"

    @tool(scope="orders.read", effect="read", fallback="slow_copy")
    async def find_order(caller: Caller, order_id: str, fresh: bool = True) -> str:
        """Find an order."""
        raise NotSent("no connection")

    node = await make_node([call("find_order", order_id="1")], [Text("ok")], tools=[find_order, slow_copy])
    await node.say("where is it")
    events = await node.until("turn.ended")
    first, second = bodies(events, "call.ended")
    assert (first["ok"], second["ok"], second["result"]) == (False, True, "copy of 1")
    assert bodies(events, "call.planned")[1]["fallback_for"] == first["call"]


async def test_a_sentence_stands_in_for_a_tool_that_has_nothing_else(make_node):
    @tool(scope="orders.read", effect="read", fallback="Parcels can be followed at parcels.example.")
    async def track(caller: Caller) -> str:
        """Track."""
        raise NotSent("no connection")

    node = await make_node([call("track")], [Text("ok")], tools=[track])
    await node.say("where is it")
    events = await node.until("turn.ended")
    assert bodies(events, "call.ended")[0]["error"] == "Parcels can be followed at parcels.example."
