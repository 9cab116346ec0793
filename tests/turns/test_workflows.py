"""Workflow runs in a conversation: started and led by whatever model, carried out by the server, kept in the log alone."""

import asyncio
from dataclasses import replace

from server.conversation import fold
from server.events import NewEvent
from server.ports import Call, Heard, Start, Text
from server.prompt import build
from server.site import Specialist
from server.stores.memory import MemoryStore
from tests.tools.workflow.driver import workflow
from tests.turns.conftest import KEY, bodies
from tests.turns.world import AUTO, World
from tools import Caller, Registry, Rule, tool
from tools.workflow.events import Cancelled, Corrected, Said
from tools.workflow.program import make_program

RETURN = Start("return_item", {"order_id": "1042"}, "I want to return the Alpin boots from order 1042")


def hears(event):
    """A model that hands the words on to the open run."""

    async def answer(prompt):
        yield Heard(prompt.run.id, event)

    return answer


def texts(events):
    return [(event.role, event.body["text"]) for event in events if event.kind == "message"]


async def returning(make_node, world, *answers, rules=None, on=None):
    return await make_node(*answers, tools=world.tools(), rules=AUTO | (rules or {}), workflows=True, on=on)


async def test_a_run_asks_what_is_missing_does_what_it_should_and_needs_no_model_for_its_own_words(make_node):
    world = World()
    node = await returning(make_node, world, [RETURN], hears(Said(slots={"reason": "they don't fit"})))
    await node.say("I want to return the Alpin boots from order 1042")
    events = await node.until("turn.ended")
    assert texts(events)[1:] == [("agent", "Why are you sending it back?")]
    assert world.done == []
    await node.say("they don't fit", said="m2")
    events = await node.until("turn.ended", count=2)
    assert [name for name, _ in world.done] == ["create_return", "send_confirmation"]
    assert world.done[0][1] == {"item_id": "1042-1", "reason": "does not fit"}
    assert texts(events)[-1][1].startswith("Your return of Alpin boots from order 1042 is set up.")
    assert bodies(events, "workflow.ended")[0]["outcome"] == "returned"
    assert [body["reason"] for body in bodies(events, "turn.ended")] == ["answered", "answered"]
    assert [body["answers"] for body in bodies(events, "turn.ended")] == [["m1"], ["m2"]]
    assert len(node.model.prompts) == 2, "a run speaks for itself"


async def test_the_call_of_a_run_has_an_id_that_says_where_it_came_from(make_node):
    world = World()
    node = await returning(make_node, world, [RETURN])
    await node.say(RETURN.text)
    events = await node.until("turn.ended")
    (planned,) = bodies(events, "call.planned")
    (started,) = bodies(events, "workflow.started")
    assert planned["run"] == started["run"] and planned["call"] == f"{started['run']}:{planned['key']}"
    assert planned["label"] == "Looking up order 1042"


async def test_a_correction_after_the_end_takes_back_what_was_done_and_does_the_other(make_node):
    world = World()
    node = await returning(
        make_node,
        world,
        [RETURN],
        hears(Said(slots={"reason": "changed my mind"})),
        hears(Corrected(slot="item_id", value="no, the other pair")),
        hears(Said(slots={"reason": "too small"})),
    )
    await node.say(RETURN.text)
    await node.until("turn.ended")
    await node.say("changed my mind", said="m2")
    await node.until("turn.ended", count=2)
    await node.say("no, the other pair", said="m3")
    events = await node.until("turn.ended", count=3)
    assert [name for name, _ in world.done][:3] == ["create_return", "send_confirmation", "cancel_return"]
    made = [args["item_id"] for name, args in world.done if name == "create_return"]
    assert made == ["1042-1", "1042-2"]
    assert "Scree boots" in texts(events)[-1][1]
    assert (await node.state()).open_run is None


async def test_talking_about_something_else_is_answered_and_the_question_comes_again(make_node):
    world = World()
    node = await returning(
        make_node, world, [RETURN], [Text("We are open until six.")], hears(Said(slots={"reason": "damaged"}))
    )
    await node.say(RETURN.text)
    await node.until("turn.ended")
    await node.say("when do you close?", said="m2")
    events = await node.until("turn.ended", count=2)
    assert texts(events)[-1] == ("agent", "Why are you sending it back?")
    assert [heard["event"]["kind"] for heard in bodies(events, "workflow.heard")] == ["digressed", "resumed"]
    await node.say("it was damaged", said="m3")
    events = await node.until("turn.ended", count=3)
    assert bodies(events, "turn.ended")[-1]["reason"] == "handed_over"
    assert bodies(events, "mode")[-1]["mode"] == "waiting"


async def test_a_tool_beside_the_run_is_used_and_the_run_goes_on_after(make_node):
    world = World()
    node = await returning(
        make_node, world, [RETURN], [Call("x", "find_order", {"order_id": "1043"})], [Text("Order 1043 was delivered.")]
    )
    await node.say(RETURN.text)
    await node.until("turn.ended")
    await node.say("and where is 1043?", said="m2")
    events = await node.until("turn.ended", count=2)
    assert [text for _, text in texts(events)][-2:] == ["Order 1043 was delivered.", "Why are you sending it back?"]


async def test_a_question_that_is_never_answered_is_not_repeated_for_ever(make_node):
    world = World()
    node = await returning(make_node, world, [RETURN], *[[Text(f"Answer {n}.")] for n in range(5)])
    await node.say(RETURN.text)
    await node.until("turn.ended")
    for n in range(5):
        await node.say(f"question {n}?", said=f"q{n}")
        events = await node.until("turn.ended", count=n + 2)
    assert [text for _, text in texts(events)].count("Why are you sending it back?") == 3
    assert bodies(events, "workflow.ended")[0] == {
        "run": (await node.state()).runs.popitem()[0],
        "outcome": "left",
        "done": [],
    }
    assert node.model.prompts[-1].run is None


async def test_a_run_that_is_cancelled_does_nothing_more(make_node):
    world = World()
    node = await returning(make_node, world, [RETURN], hears(Cancelled()))
    await node.say(RETURN.text)
    await node.until("turn.ended")
    await node.say("never mind", said="m2")
    events = await node.until("turn.ended", count=2)
    assert bodies(events, "workflow.ended")[0]["outcome"] == "cancelled"
    assert world.done == []


async def test_a_call_that_staff_must_approve_waits_in_the_log_and_is_done_once_after_a_restart(make_node):
    world, store = World(), MemoryStore()
    world.charged(("1042", "62.00"), ("1042", "62.00"))
    rules = {"refund_charge": Rule(permission="approve")}
    node = await returning(make_node, world, [Start("duplicate_charge")], rules=rules, on=store)
    await node.signs_in()
    await node.say("I was charged twice")
    events = await node.until("turn.ended")
    assert bodies(events, "turn.ended")[0]["reason"] == "waiting"
    assert "A colleague has to approve this first" in texts(events)[-1][1]
    assert world.done == []
    other = await returning(make_node, world, rules=rules, on=store)
    (waiting,) = await other.approvals.pending()
    await other.approvals.decide(KEY, waiting.call.id, approve=True, name="Ada", seen=waiting.args_sha256)
    events = await other.until("turn.ended", count=2)
    assert world.done[0] == ("refund_charge", {"charge_id": "ch2", "amount": "62.0"})
    assert "I've refunded €62.00" in texts(events)[-1][1]
    assert bodies(events, "workflow.ended")[0]["outcome"] == "refunded"
    assert other.model.prompts == [], "nothing was asked of a model"


async def test_a_refusal_of_staff_ends_the_run_and_says_so(make_node):
    world = World()
    world.charged(("1042", "62.00"), ("1042", "62.00"))
    node = await returning(
        make_node, world, [Start("duplicate_charge")], rules={"refund_charge": Rule(permission="approve")}
    )
    await node.signs_in()
    await node.say("I was charged twice")
    await node.until("turn.ended")
    (waiting,) = await node.approvals.pending()
    await node.approvals.decide(KEY, waiting.call.id, approve=False, name="Ada", seen=waiting.args_sha256)
    events = await node.until("turn.ended", count=2)
    assert bodies(events, "workflow.ended")[0]["outcome"] == "refused"
    assert texts(events)[-1][0] == "agent" and world.done == []


async def test_arguments_that_staff_edit_are_what_the_run_goes_on_with(make_node):
    world = World()
    world.charged(("1042", "62.00"), ("1042", "62.00"))
    node = await returning(
        make_node, world, [Start("duplicate_charge")], rules={"refund_charge": Rule(permission="approve")}
    )
    await node.signs_in()
    await node.say("I was charged twice")
    await node.until("turn.ended")
    (waiting,) = await node.approvals.pending()
    edited = {**waiting.call.args, "amount": 60}
    await node.approvals.decide(KEY, waiting.call.id, approve=True, name="Ada", seen=waiting.args_sha256, args=edited)
    events = await node.until("turn.ended", count=2)
    assert [args["amount"] for name, args in world.done if name == "refund_charge"] == ["60.0"]
    assert "I've refunded €60.00" in texts(events)[-1][1]


async def test_what_the_customer_must_confirm_is_withdrawn_when_he_wants_something_else(make_node):
    world = World()
    node = await returning(
        make_node,
        world,
        [Start("return_item", {"order_id": "1042", "reason": "too big"}, "return the Alpin boots")],
        hears(Corrected(slot="item_id", value="the other boots")),
        rules={"create_return": Rule(permission="confirm")},
    )
    await node.say(f"{RETURN.text}, too big")
    events = await node.until("turn.ended")
    (first,) = bodies(events, "call.asked")
    await node.say("no, the other boots", said="m2")
    events = await node.until("turn.ended", count=2)
    asked = bodies(events, "call.asked")
    assert [body["args"]["item_id"] for body in asked] == ["1042-1", "1042-2"]
    ended = next(body for body in bodies(events, "call.ended") if body["call"] == first["call"])
    assert ended["code"] == "withdrawn"
    await node.customer_decides(asked[1]["call"])
    await node.until("turn.ended", count=3)
    assert [args["item_id"] for name, args in world.done if name == "create_return"] == ["1042-2"]


async def test_a_guest_is_told_to_sign_in_and_the_run_goes_on_by_itself_once_he_has(make_node):
    world = World()
    world.charged(("1042", "20.00"), ("1043", "20.00"))
    node = await returning(make_node, world, [Start("duplicate_charge")])
    await node.say("I was charged twice")
    events = await node.until("turn.ended")
    assert "sign in" in texts(events)[-1][1]
    assert (await node.state()).open_run is not None
    await node.signs_in()
    node.turns.poke(KEY)
    events = await node.until("turn.ended", count=2)
    assert "two different orders" in texts(events)[-1][1] and world.done == []


async def test_a_failed_call_goes_to_a_person_with_what_was_done_before(make_node):
    world = World()
    world.charged(("1042", "62.00"), ("1042", "62.00"))
    world.fails = {"refund_charge"}
    node = await returning(make_node, world, [Start("duplicate_charge")])
    await node.signs_in()
    await node.say("I was charged twice")
    events = await node.until("turn.ended")
    assert bodies(events, "mode")[-1]["mode"] == "waiting"
    assert "refund_charge is not possible" in bodies(events, "note")[-1]["text"]


async def test_a_workflow_that_the_shop_has_not_is_no_answer(make_node):
    world = World()
    node = await returning(make_node, world, [Start("no_such_thing")], [Start("no_such_thing")])
    await node.say("do it")
    events = await node.until("turn.ended")
    assert bodies(events, "workflow.started") == []
    assert bodies(events, "turn.ended")[0]["reason"] == "failed"


async def test_words_for_a_run_that_is_not_open_are_dropped(make_node):
    world = World()
    node = await returning(make_node, world, [Heard("w:other", Said(text="x")), Text("Hello.")])
    await node.say("hi")
    events = await node.until("turn.ended")
    assert bodies(events, "workflow.heard") == [] and texts(events)[-1] == ("agent", "Hello.")


async def test_a_model_is_offered_workflows_instead_of_the_tools_that_only_they_may_use(make_node):
    world = World()
    node = await returning(make_node, world, [Text("Hello.")])
    await node.say("hi")
    await node.until("turn.ended")
    prompt = node.model.prompts[0]
    assert {spec.name for spec in prompt.tools} == {"find_order", "list_orders", "list_charges"}
    assert {program.name for program in prompt.workflows} >= {"return_item", "duplicate_charge"}


async def told(make_node):
    """The events of a whole conversation with a run in it."""
    world, store = World(), MemoryStore()
    node = await returning(make_node, world, [RETURN], hears(Said(slots={"reason": "too small"})), on=store)
    await node.say(RETURN.text)
    await node.until("turn.ended")
    await node.say("too small", said="m2")
    return await node.until("turn.ended", count=2)


async def test_a_process_that_dies_between_any_two_events_is_gone_on_from_with_the_same_end(make_node):
    whole = await told(make_node)
    said = texts(whole)
    for cut in range(1, len(whole)):
        world, store = World(), MemoryStore()
        prefix = whole[:cut]
        await store.append(KEY, [NewEvent(e.id, e.kind, e.role, e.body, e.turn) for e in prefix])
        # What had been done before the cut is done in this world, too: an effect whose start is in the log may have happened.
        before = sum(e.kind == "call.ended" and e.body["ok"] for e in prefix)
        answers = _rest_of_the_model(prefix)
        node = await returning(make_node, world, *answers, on=store)
        turns = 1
        if not any(e.id == "m2" for e in prefix):
            if not any(e.kind == "turn.ended" for e in prefix):
                node.turns.poke(KEY)
                await node.until("turn.ended")
            await node.say("too small", said="m2")
        else:
            node.turns.poke(KEY)
        turns = 2
        events = await node.until("turn.ended", count=turns)
        assert texts(events) == said, f"cut after {cut} of {len(whole)} events ({prefix[-1].kind})"
        done = [name for name, _ in world.done]
        assert done == [name for name in ["create_return", "send_confirmation"] if name in done], "each once, in order"
        assert before + len(done) >= 2
        state = fold(KEY, events)
        assert state.open_run is None and state.turn is None


def _rest_of_the_model(prefix):
    answers = []
    if not any(e.kind == "workflow.started" for e in prefix):
        answers.append([RETURN])
    if not any(e.kind == "workflow.heard" for e in prefix):
        answers.append(hears(Said(slots={"reason": "too small"})))
    return answers


async def test_what_is_said_while_a_step_runs_is_for_the_run_in_the_same_turn(make_node):
    world = World()
    world.gate = asyncio.Event()
    node = await returning(make_node, world, [RETURN], hears(Said(slots={"reason": "too small"})))
    await node.say(RETURN.text)
    await node.until("call.started")
    await node.say("they are too small", said="m2")
    world.gate.set()
    events = await node.until("turn.ended")
    assert bodies(events, "turn.ended")[0]["answers"] == ["m1", "m2"]
    assert [prompt.asked for prompt in node.model.prompts] == [
        (RETURN.text,), ("they are too small",),
    ]  # fmt: skip
    assert node.model.prompts[1].began == ()
    assert [name for name, _ in world.done] == ["create_return", "send_confirmation"]


async def test_after_a_stop_nothing_more_is_done_until_the_customer_has_been_heard(make_node):
    world = World()
    world.gate = asyncio.Event()
    known = Start("return_item", {"order_id": "1042", "item_id": "Alpin boots", "reason": "too small"})
    node = await returning(make_node, world, [known], hears(Cancelled()))
    await node.say(f"{RETURN.text}, too small")
    events = await node.until("call.started")
    turn = events[-1].turn
    stop = NewEvent(f"{turn}:stopped", "turn.ended", "system", {"reason": "stopped", "answers": ["m1"]}, turn)
    await node.log.append(KEY, [stop])
    world.gate.set()
    await node.until("call.ended")
    await node.say("no, leave it", said="m2")
    events = await node.until("workflow.ended")
    assert world.done == [] and bodies(events, "workflow.ended")[0]["outcome"] == "cancelled"


async def test_a_workflow_may_give_a_call_less_time_than_its_tool_has(make_node):
    slow = tool(scope="x.read", effect="read")(never)
    registry = Registry()
    registry.add(slow)
    source = "steps: [{call: never, timeout_s: 0.01, on_error: {say: 'It took too long.', end: late}}, {end: done}]"
    made = make_program(workflow(source), registry)
    node = await make_node([Start("flow")], tools=[slow], workflows={"flow": made})
    await node.say("go")
    events = await node.until("turn.ended")
    assert texts(events)[-1] == ("agent", "It took too long.")


async def never(caller: Caller) -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    return ""


async def test_a_run_that_one_agent_began_is_shown_to_any_other(make_node):
    node = await returning(make_node, World(), [RETURN])
    await node.say(RETURN.text)
    await node.until("turn.ended")
    specialist = Specialist(name="faq", purpose="Answers questions.", tools=("list_charges",))
    agent = replace(node.agent, site=node.site.model_copy(update={"agents": (specialist,)}))
    state = await node.state()
    prompt = build(state, agent.voice("faq"), Caller("pk_test", "c1"), (), node.clock_ms())
    assert prompt.workflows == () and prompt.run.view.asking == "reason"


APPROVE = {"refund_charge": Rule(permission="approve")}


async def decided(node):
    (waiting,) = await node.approvals.pending()
    await node.approvals.decide(KEY, waiting.call.id, approve=True, name="Ada", seen=waiting.args_sha256)


async def test_an_approval_inside_a_run_survives_a_death_between_any_two_events_and_is_done_once(make_node):
    async def go(store, *answers):
        world = World()
        world.charged(("1042", "62.00"), ("1042", "62.00"))
        return world, await returning(make_node, world, *answers, rules=APPROVE, on=store)

    start = [Start("duplicate_charge")]
    _, node = await go(MemoryStore(), start)
    await node.signs_in()
    await node.say("I was charged twice, please refund one")
    await node.until("turn.ended")
    await decided(node)
    whole = await node.until("turn.ended", count=2)
    for cut in range(2, len(whole)):
        prefix = whole[:cut]
        store = MemoryStore()
        await store.append(KEY, [NewEvent(e.id, e.kind, e.role, e.body, e.turn) for e in prefix])
        begun = any(e.kind == "workflow.started" for e in prefix)
        world, node = await go(store, *([] if begun else [start]))
        node.turns.poke(KEY)
        await node.until("turn.ended")
        if not any(e.kind == "call.decided" for e in prefix):
            await decided(node)
        events = await node.until("turn.ended", count=2)
        assert texts(events) == texts(whole), f"cut after {cut} of {len(whole)} events ({prefix[-1].kind})"
        before = [e.body["call"] for e in prefix if e.kind == "call.ended"]
        effects = [e.body["call"] for e in events if e.kind == "call.planned" and e.body["tool"] != "list_charges"]
        assert world.calls == [call for call in effects if call not in before], "each once, under the same ids"
