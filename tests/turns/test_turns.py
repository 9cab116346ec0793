"""Turns: every message reaches a visible outcome, whatever the model and the tools do."""

import asyncio

import pytest

from server.events import NewEvent
from server.ports import Call, HandOver, ModelFailed, Text, Thinking, Usage
from tests.turns.conftest import KEY, bodies, call
from tools import Caller, Rule, ToolError, tool


@tool(scope="orders.read", effect="read", label="Looking up order {{ order_id }}")
async def find_order(caller: Caller, order_id: str) -> dict[str, str]:
    """Find an order."""
    if order_id == "0":
        raise ToolError("There is no such order.")
    return {"order": order_id, "status": "sent"}


@tool(scope="orders.read", effect="read", needs="identified")
async def my_orders(caller: Caller) -> list[str]:
    """List my orders."""
    return [str(caller.customer)]


@tool(scope="orders.refund", effect="money")
async def refund(caller: Caller, order_id: str) -> str:
    """Refund an order."""
    raise AssertionError("must not run without consent")


async def test_a_message_is_answered_by_one_turn_in_one_commit(make_node):
    node = await make_node([Thinking("hm"), Text("Hel"), Text("lo"), Usage(3, 2)])
    await node.say("hi")
    events = await node.until("turn.ended")
    assert [e.kind for e in events] == [
        "message", "turn.started", "retrieved", "model.called", "thought", "message", "turn.ended",
    ]  # fmt: skip
    assert events[-2].body == {"text": "Hello"}
    assert events[-1].body["reason"] == "answered"
    assert events[-1].body["answers"] == ["m1"]
    assert events[-1].body["usage"] == {"input_tokens": 3, "output_tokens": 2}


async def test_a_permitted_call_runs_and_its_result_reaches_the_next_model_call(make_node):
    node = await make_node([call("find_order", order_id="1042")], [Text("It was sent.")], tools=[find_order])
    await node.say("where is 1042")
    events = await node.until("turn.ended")
    kinds = [e.kind for e in events]
    assert kinds.index("call.planned") < kinds.index("call.started") < kinds.index("call.ended")
    assert bodies(events, "call.ended")[0]["result"] == {"order": "1042", "status": "sent"}
    assert node.model.prompts[1].results[0].result == {"order": "1042", "status": "sent"}
    assert bodies(events, "call.planned")[0]["label"] == "Looking up order 1042"


async def test_independent_calls_run_at_the_same_time(make_node):
    both = asyncio.Barrier(2)

    @tool(scope="x", effect="read")
    async def left(caller: Caller) -> str:
        """Go left."""
        await both.wait()
        return "l"

    @tool(scope="x", effect="read")
    async def right(caller: Caller) -> str:
        """Go right."""
        await both.wait()
        return "r"

    node = await make_node([call("left"), call("right")], [Text("ok")], tools=[left, right])
    await node.say("go")
    events = await node.until("turn.ended")
    assert {body["result"] for body in bodies(events, "call.ended")} == {"l", "r"}


async def test_the_same_call_twice_in_a_turn_runs_once(make_node):
    node = await make_node(
        [call("find_order", order_id="1"), call("find_order", order_id="1")], [Text("ok")], tools=[find_order]
    )
    await node.say("go")
    events = await node.until("turn.ended")
    assert len(bodies(events, "call.started")) == 1
    assert {body.get("code") for body in bodies(events, "call.ended")} == {None, "repeated"}


async def test_a_guest_is_told_to_sign_in_and_nothing_runs(make_node):
    node = await make_node([call("my_orders")], [Text("Please sign in.")], tools=[my_orders])
    await node.say("my orders")
    events = await node.until("turn.ended")
    assert bodies(events, "call.started") == []
    assert bodies(events, "call.ended")[0]["code"] == "sign_in"
    assert "sign in" in node.model.prompts[1].results[0].error


async def test_an_identity_whose_proof_has_ended_is_a_guest_again(make_node):
    node = await make_node([call("my_orders")], [Text("ok")], tools=[my_orders])
    body = {"customer": "c-1", "verified": "identified", "until_ms": 1}
    await node.log.append(KEY, [NewEvent("e:0", "identified", "system", body)])
    await node.say("my orders")
    events = await node.until("turn.ended")
    assert bodies(events, "call.ended")[0]["code"] == "sign_in_again"


async def test_a_call_that_needs_consent_does_not_run_and_staff_are_asked(make_node):
    node = await make_node([call("refund", order_id="1")], [Text("I have asked.")], tools=[refund])
    await node.say("refund")
    events = await node.until("turn.ended")
    assert bodies(events, "call.started") == []
    assert bodies(events, "call.asked")[0]["of"] == "staff"
    assert bodies(events, "mode") == []
    assert bodies(events, "turn.ended")[0]["reason"] == "waiting"


@pytest.mark.parametrize("name", ["nothing_like_it", "refund"])
async def test_an_unknown_or_denied_tool_never_runs_and_the_model_hears_of_it(make_node, name):
    node = await make_node(
        [call(name, order_id="1")], [Text("I can't.")], tools=[refund], rules={"refund": Rule(permission="deny")}
    )
    await node.say("do it")
    events = await node.until("turn.ended")
    assert bodies(events, "call.started") == []
    assert bodies(events, "call.ended")[0]["code"] == "denied"
    assert bodies(events, "turn.ended")[0]["reason"] == "answered"


async def test_a_denied_tool_is_not_even_named_to_the_model(make_node):
    node = await make_node([Text("ok")], tools=[refund, find_order], rules={"refund": Rule(permission="deny")})
    await node.say("hi")
    await node.until("turn.ended")
    assert [spec.name for spec in node.model.prompts[0].tools] == ["find_order"]


async def fails(prompt):
    raise ModelFailed("unreachable", retryable=True)
    yield


async def breaks(prompt):
    yield Text("Well, ")
    raise RuntimeError("bug in a merchant's model")


async def hangs(prompt):
    yield Text("Well, ")
    await asyncio.Event().wait()


async def never_stops(prompt):
    while True:
        yield Text("and on and on ")


async def nothing(prompt):
    return
    yield


@pytest.mark.parametrize(
    ("model", "reason"), [(fails, "failed"), (breaks, "failed"), (nothing, "failed"), (hangs, "limits")]
)
async def test_a_model_that_gives_out_ends_in_an_apology_and_a_person(make_node, model, reason):
    node = await make_node(model, model, model, limits={"turn_s": 5} if model is hangs else None)
    if model is hangs:
        # The clock of the turn is the test's: nothing here waits five seconds.
        object.__setattr__(node.site.limits, "turn_s", 0.05)
    await node.say("hi")
    events = await node.until("turn.ended")
    [message] = [e for e in events if e.kind == "message" and e.role == "agent"]
    assert "colleague" in message.body["text"]
    assert bodies(events, "mode") == [{"mode": "waiting", "reason": reason}]
    assert bodies(events, "turn.ended")[0]["answers"] == ["m1"]


async def test_a_model_that_never_stops_is_cut(make_node):
    node = await make_node(never_stops)
    await node.say("hi")
    events = await node.until("turn.ended")
    assert len(events[-2].body["text"]) < 20_000
    assert bodies(events, "turn.ended")[0]["reason"] == "answered"


async def test_a_model_that_only_calls_is_stopped_at_the_limit(make_node):
    calls = [[call("find_order", order_id=str(n))] for n in range(1, 30)]
    node = await make_node(*calls, tools=[find_order], limits={"tool_calls_per_turn": 3})
    await node.say("hi")
    events = await node.until("turn.ended")
    assert len(bodies(events, "call.started")) == 3
    assert bodies(events, "mode") == [{"mode": "waiting", "reason": "limits"}]


async def test_a_model_that_calls_a_hundred_tools_at_once_gets_no_more_than_the_limit(make_node):
    hundred = [Call(f"x{n}", "find_order", {"order_id": str(n + 1)}) for n in range(100)]
    node = await make_node(hundred, tools=[find_order], limits={"tool_calls_per_turn": 4})
    await node.say("hi")
    events = await node.until("turn.ended")
    assert len(bodies(events, "call.planned")) == 4
    assert bodies(events, "mode") == [{"mode": "waiting", "reason": "limits"}]


async def test_a_tool_that_fails_is_told_to_the_model_in_words(make_node):
    node = await make_node([call("find_order", order_id="0")], [Text("No such order.")], tools=[find_order])
    await node.say("hi")
    events = await node.until("turn.ended")
    assert bodies(events, "call.ended")[0] | {"ms": 0} == {
        "call": bodies(events, "call.planned")[0]["call"], "ok": False, "label": "Looking up order 0",
        "error": "There is no such order.", "ms": 0, "attempts": 1,
    }  # fmt: skip


async def test_who_speaks_in_the_middle_of_a_turn_is_answered_too(make_node):
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def first(prompt):
        asked.set()
        await go_on.wait()
        yield call("find_order", order_id="1")

    node = await make_node(first, [Text("Both.")], tools=[find_order])
    await node.say("one")
    await asked.wait()
    await node.say("two", said="m2")
    go_on.set()
    events = await node.until("turn.ended")
    assert bodies(events, "turn.ended")[0]["answers"] == ["m1", "m2"]
    assert node.model.prompts[1].asked == ("one", "two")


async def test_a_message_during_the_last_words_gets_a_turn_of_its_own(make_node):
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def first(prompt):
        asked.set()
        await go_on.wait()
        yield Text("One.")

    node = await make_node(first, [Text("Two.")])
    await node.say("one")
    await asked.wait()
    await node.say("two", said="m2")
    go_on.set()
    events = await node.until("turn.ended", count=2)
    assert [body["answers"] for body in bodies(events, "turn.ended")] == [["m1"], ["m2"]]


async def test_a_stop_from_anywhere_cuts_the_model_off_and_nothing_of_it_is_stored_later(make_node):
    node = await make_node(hangs, [Text("next")])
    await node.say("hi")
    await node.until_text("Well")
    state = await node.log.load(KEY)
    stopped = NewEvent("t:stop", "turn.ended", "system", {"reason": "stopped", "answers": ["m1"]}, state.turn.id)
    await node.log.append(KEY, [stopped], after=state.head)
    await node.say("and now?", said="m2")
    events = await node.until("turn.ended", count=2)
    assert [body["reason"] for body in bodies(events, "turn.ended")] == ["stopped", "answered"]
    assert [e.body["text"] for e in events if e.kind == "message" and e.role == "agent"] == ["next"]


async def test_a_person_who_takes_over_ends_the_turn_without_another_word_of_the_agent(make_node):
    node = await make_node(hangs)
    await node.say("hi")
    await node.until_text("Well")
    await node.log.append(KEY, [NewEvent("s:1", "mode", "staff", {"mode": "staff", "name": "Ada"})])
    events = await node.until("turn.ended")
    assert bodies(events, "turn.ended")[0]["reason"] == "handed_over"
    assert not [e for e in events if e.kind == "message" and e.role == "agent"]


async def test_a_look_up_whose_end_is_being_stored_when_a_person_takes_over_ends_once(make_node):
    @tool(scope="orders.read", effect="read")
    async def look(caller: Caller) -> str:
        """Look."""
        return "found"

    node = await make_node([call("look")], [Text("Hm.")], tools=[look])
    append, stored, go_on = node.log.append, asyncio.Event(), asyncio.Event()

    async def slow(key, new, **rest):
        events = await append(key, new, **rest)
        if any(event.kind == "call.ended" for event in new):
            stored.set()
            await go_on.wait()
        return events

    node.log.append = slow
    await node.say("look")
    await stored.wait()
    await append(KEY, [NewEvent("s:1", "mode", "staff", {"mode": "staff", "by": "s:ada", "name": "Ada"})])
    await asyncio.sleep(0)
    go_on.set()
    events = await node.until("turn.ended")
    assert [body["ok"] for body in bodies(events, "call.ended")] == [True]


async def test_a_turn_that_a_dead_process_left_is_finished_by_the_next_one(make_node, store):
    first = await make_node(hangs)
    await first.say("hi")
    await first.until_text("Well")
    await first.turns.__aexit__(None, None, None)
    second = await make_node([Text("Hello again.")], on=store)
    second.turns.poke(KEY)
    events = await second.until("turn.ended")
    assert [body["attempt"] for body in bodies(events, "turn.started")] == [1, 2]
    assert len({e.turn for e in events if e.kind.startswith("turn.")}) == 1
    assert events[-2].body["text"] == "Hello again."


async def test_a_turn_that_took_three_processes_with_it_ends_in_an_apology(make_node):
    node = await make_node([Text("never")])
    await node.log.append(
        KEY,
        [
            NewEvent("m1", "message", "customer", {"text": "hi"}),
            *(NewEvent(f"e:{n}", "turn.started", "system", {"attempt": n}, "t:1") for n in (1, 2, 3)),
        ],
    )
    node.turns.poke(KEY)
    events = await node.until("turn.ended")
    assert bodies(events, "turn.ended")[0]["reason"] == "interrupted"
    assert node.model.prompts == []


@pytest.mark.parametrize(("idempotent", "runs"), [(True, 1), (False, 0)])
async def test_an_effect_that_was_under_way_when_the_process_died_runs_again_only_if_that_is_safe(
    make_node, idempotent, runs
):
    ran = []

    @tool(scope="x", effect="write", idempotent=idempotent)
    async def change(caller: Caller) -> str:
        """Change something."""
        ran.append(caller.call)
        return "done"

    node = await make_node([Text("Done.")], tools=[change], rules={"change": Rule(permission="auto")})
    await node.log.append(
        KEY,
        [
            NewEvent("m1", "message", "customer", {"text": "hi"}),
            NewEvent("e:1", "turn.started", "system", {"attempt": 1}, "t:1"),
            NewEvent(
                "e:2", "call.planned", "agent", {"call": "call:9", "tool": "change", "args": {}, "label": "x"}, "t:1"
            ),
            NewEvent("e:3", "call.started", "system", {"call": "call:9", "attempt": 1}, "t:1"),
        ],
    )
    node.turns.poke(KEY)
    events = await node.until("turn.ended")
    assert ran == ["call:9"] * runs
    if not idempotent:
        assert bodies(events, "mode") == [{"mode": "waiting", "reason": "unknown_outcome"}]


async def test_two_nodes_that_see_the_same_message_give_one_turn(make_node, store):
    left = await make_node([Text("L")])
    right = await make_node([Text("R")], on=store)
    await left.log.append(KEY, [NewEvent("m1", "message", "customer", {"text": "hi"})])
    left.turns.poke(KEY)
    right.turns.poke(KEY)
    events = await left.until("turn.ended")
    first = [e.turn for e in events if e.kind == "turn.started"]
    assert len(set(first)) == 1
    assert len(bodies(events, "turn.ended")) == 1


async def test_the_model_may_ask_for_a_person(make_node):
    node = await make_node([Text("I'll get someone."), HandOver("asked")])
    await node.say("human please")
    events = await node.until("turn.ended")
    assert [e.kind for e in events][-3:] == ["message", "mode", "turn.ended"]
    assert bodies(events, "mode") == [{"mode": "waiting", "reason": "asked"}]


async def test_while_a_person_is_awaited_the_agent_answers_and_does_nothing_else(make_node):
    node = await make_node([call("find_order", order_id="1")], [Text("A person will see.")], tools=[find_order])
    await node.log.append(KEY, [NewEvent("h1", "mode", "customer", {"mode": "waiting"})])
    await node.say("order?")
    events = await node.until("turn.ended")
    assert node.model.prompts[0].tools == ()
    assert bodies(events, "call.started") == []


async def test_a_bug_in_one_conversation_ends_it_visibly_and_leaves_the_others_alone(make_node, monkeypatch):
    node = await make_node([Text("fine")], [Text("fine")])
    good = node.turns._knowledge.look_up

    async def bad(work, state):
        if work.key == KEY:
            raise ZeroDivisionError("a bug")
        await good(work, state)

    monkeypatch.setattr(node.turns._knowledge, "look_up", bad)
    await node.say("hi")
    await node.say("hi", key="pk_test/c2")
    events = await node.until("turn.ended")
    other = await node.until("turn.ended", key="pk_test/c2")
    assert bodies(events, "turn.ended")[0]["reason"] == "failed"
    assert bodies(other, "turn.ended")[0]["reason"] == "answered"
