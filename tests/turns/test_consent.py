"""Consent: what needs somebody's yes waits for it in the log alone, and what runs is what was agreed to."""

import pytest

from server.approvals import NotDecided
from server.events import NewEvent
from server.ports import Text
from server.stores.memory import MemoryStore
from tests.turns.conftest import KEY, bodies, call
from tools import Caller, Rule, tool

effects = []


@pytest.fixture(autouse=True)
def _nothing_done_yet():
    effects.clear()


@tool(scope="orders.refund", effect="money", label="Refunding {{ amount }}")
async def refund(caller: Caller, order_id: str, amount: float) -> dict[str, float]:
    """Refund an order."""
    effects.append((caller.call, caller.customer, order_id, amount))
    return {"amount": amount}


@tool(scope="orders.address", effect="write")
async def update_address(caller: Caller, order_id: str, street: str) -> str:
    """Change an address."""
    effects.append((caller.call, caller.customer, order_id, street))
    return street


REFUND = [call("refund", order_id="1", amount=62.0)]


async def waiting(make_node, *answers, tools=(refund,), rules=None, on=None):
    """A node on which a refund waits for staff."""
    node = await make_node(REFUND, [Text("Asked.")], *answers, tools=tools, rules=rules or {}, on=on)
    await node.signs_in()
    await node.say("refund it")
    await node.until("turn.ended")
    [approval] = await node.approvals.pending()
    return node, approval


async def test_what_staff_approve_runs_once_with_the_stored_arguments(make_node):
    node, approval = await waiting(make_node, [Text("Refunded.")])
    assert (approval.amount, approval.call.args) == ("62.0", {"order_id": "1", "amount": 62.0})
    assert approval.asked.why == "needs approval: refund has the effect 'money' and no rule"
    await node.approvals.decide(KEY, approval.call.id, approve=True, name="Ada", seen=approval.args_sha256)
    events = await node.until("turn.ended", count=2)
    assert effects == [(approval.call.id, "cus_1", "1", 62.0)]
    assert [e.kind for e in events if e.kind.startswith("call.")] == [
        "call.planned", "call.asked", "call.decided", "call.started", "call.ended",
    ]  # fmt: skip
    assert bodies(events, "call.decided")[0]["name"] == "Ada"
    assert node.model.prompts[-1].resumed
    assert node.model.prompts[-1].results[-1].ok


async def test_an_approval_is_taken_up_by_another_process_after_a_restart(make_node, store):
    first, approval = await waiting(make_node)
    await first.turns.__aexit__(None, None, None)
    second = await make_node([Text("Refunded.")], tools=[refund], on=store)
    [again] = await second.approvals.pending()
    await second.approvals.decide(KEY, again.call.id, approve=True, name="Ada", seen=approval.args_sha256)
    await second.until("turn.ended", count=2)
    assert len(effects) == 1


async def test_approving_twice_runs_it_once_and_the_second_is_told(make_node):
    node, approval = await waiting(make_node, [Text("Refunded.")])
    await node.approvals.decide(KEY, approval.call.id, approve=True, name="Ada", seen=approval.args_sha256)
    with pytest.raises(NotDecided):
        await node.approvals.decide(KEY, approval.call.id, approve=True, name="Bob", seen=approval.args_sha256)
    await node.until("turn.ended", count=2)
    assert len(effects) == 1


async def test_what_staff_deny_never_runs_and_the_customer_hears_of_it(make_node):
    node, approval = await waiting(make_node, [Text("It was refused.")])
    await node.approvals.decide(
        KEY, approval.call.id, approve=False, name="Ada", seen=approval.args_sha256, comment="too late"
    )
    events = await node.until("turn.ended", count=2)
    assert effects == []
    assert bodies(events, "call.ended")[0]["code"] == "refused"
    assert "too late" in bodies(events, "call.ended")[0]["why"]


async def test_edited_arguments_make_a_new_call_that_names_the_old(make_node):
    node, approval = await waiting(make_node, [Text("Refunded 50.")])
    new = await node.approvals.decide(
        KEY,
        approval.call.id,
        approve=True,
        name="Ada",
        seen=approval.args_sha256,
        args={"order_id": "1", "amount": 50.0},
    )
    events = await node.until("turn.ended", count=2)
    assert effects == [(new, "cus_1", "1", 50.0)]
    assert bodies(events, "call.planned")[-1]["replaces"] == approval.call.id
    assert (await node.state()).calls[approval.call.id].code == "replaced"


async def test_edited_arguments_that_do_not_fit_are_refused_and_it_still_waits(make_node):
    node, approval = await waiting(make_node)
    with pytest.raises(NotDecided, match="amount"):
        await node.approvals.decide(
            KEY,
            approval.call.id,
            approve=True,
            name="Ada",
            seen=approval.args_sha256,
            args={"order_id": "1", "amount": "much"},
        )
    assert len(await node.approvals.pending()) == 1


@pytest.mark.parametrize(
    ("amount", "why"), [(100.01, "over per_customer_per_day 100"), (-5, "no amount"), (float("nan"), "finite")]
)
async def test_an_edit_that_the_rule_would_refuse_uses_nothing_up(make_node, amount, why):
    node, approval = await waiting(make_node, rules={"refund": Rule(permission="approve", per_customer_per_day=100)})
    args = {"order_id": "1", "amount": amount}
    with pytest.raises(NotDecided, match=why):
        await node.approvals.decide(
            KEY, approval.call.id, approve=True, name="Ada", seen=approval.args_sha256, args=args
        )
    assert len(await node.approvals.pending()) == 1


async def test_a_request_that_nobody_answers_expires_and_both_sides_are_told(make_node):
    node, approval = await waiting(make_node, [Text("It expired.")])
    node.now_ms = approval.asked.expires_ms - 1
    assert await node.approvals.expire() == 0
    node.now_ms += 1
    with pytest.raises(NotDecided):
        await node.approvals.decide(KEY, approval.call.id, approve=True, name="Ada", seen=approval.args_sha256)
    assert await node.approvals.expire() == 1
    events = await node.until("turn.ended", count=2)
    assert effects == []
    assert bodies(events, "call.ended")[0]["code"] == "expired"
    assert "expired" in bodies(events, "note")[0]["text"]


async def test_a_rule_that_changed_since_asks_again(make_node, store):
    node, approval = await waiting(make_node)
    await node.turns.__aexit__(None, None, None)
    await node.approvals.decide(KEY, approval.call.id, approve=True, name="Ada", seen=approval.args_sha256)
    stricter = await make_node(
        [Text("Asked again.")],
        tools=[refund],
        rules={"refund": Rule(permission="approve", per_site_per_day=100)},
        on=store,
    )
    stricter.turns.poke(KEY)
    events = await stricter.until("turn.ended", count=2)
    assert effects == []
    assert len(bodies(events, "call.asked")) == 2


async def test_an_approval_for_one_customer_is_none_for_another(make_node):
    node, approval = await waiting(make_node, [Text("No.")])
    await node.signs_in("cus_2", said="e:in2")
    await node.approvals.decide(KEY, approval.call.id, approve=True, name="Ada", seen=approval.args_sha256)
    events = await node.until("turn.ended", count=2)
    assert effects == []
    assert len(bodies(events, "call.asked")) == 2


async def test_an_approval_counts_though_the_customers_proof_has_ended(make_node):
    node = await make_node(
        REFUND, [Text("Asked.")], [Text("Done.")], tools=[refund], rules={"refund": Rule(needs="identified")}
    )
    until_ms = node.clock_ms() + 60_000
    body = {"customer": "cus_1", "verified": "identified", "until_ms": until_ms}
    await node.log.append(KEY, [NewEvent("e:in", "identified", "system", body)])
    await node.say("refund it")
    await node.until("turn.ended")
    [approval] = await node.approvals.pending()
    node.now_ms = until_ms + 1
    await node.approvals.decide(KEY, approval.call.id, approve=True, name="Ada", seen=approval.args_sha256)
    await node.until("turn.ended", count=2)
    assert effects == [(approval.call.id, "cus_1", "1", 62.0)]


CONFIRM = {"update_address": Rule(permission="confirm")}
MOVE = [call("update_address", order_id="1", street="Elm 1")]


@pytest.mark.parametrize(("words", "runs"), [("Yes, please!", 1), ("no thanks", 0)])
async def test_a_customers_bare_yes_or_no_answers_the_open_question(make_node, words, runs):
    node = await make_node(MOVE, [Text("Sure?")], [Text("ok")], tools=[update_address], rules=CONFIRM)
    await node.signs_in()
    await node.say("change it")
    await node.until("turn.ended")
    await node.say(words, said="m2")
    events = await node.until("turn.ended", count=2)
    assert len(effects) == runs
    assert bodies(events, "call.decided")[0]["by"] == "customer"
    assert node.model.prompts[-1].asked == ()


async def test_other_words_leave_the_question_open(make_node):
    node = await make_node(MOVE, [Text("Sure?")], [Text("Well.")], tools=[update_address], rules=CONFIRM)
    await node.signs_in()
    await node.say("change it")
    await node.until("turn.ended")
    await node.say("yes but what is your return policy?", said="m2")
    events = await node.until("turn.ended", count=2)
    assert bodies(events, "call.decided") == []
    assert effects == []


async def test_the_customers_confirmation_runs_it(make_node):
    node = await make_node(MOVE, [Text("Sure?")], [Text("Done.")], tools=[update_address], rules=CONFIRM)
    await node.signs_in()
    await node.say("change it")
    events = await node.until("turn.ended")
    await node.customer_decides(bodies(events, "call.asked")[0]["call"])
    await node.until("turn.ended", count=2)
    assert [item[1:] for item in effects] == [("cus_1", "1", "Elm 1")]


async def test_edited_after_the_customer_agreed_asks_the_customer_again(make_node):
    rules = {"refund": Rule(permission="confirm")}
    node = await make_node(
        REFUND, [Text("Sure?")], [Text("Now staff.")], [Text("Sure?")], [Text("Done.")], tools=[refund], rules=rules
    )
    await node.signs_in()
    await node.say("refund it")
    events = await node.until("turn.ended")
    old = bodies(events, "call.asked")[0]["call"]
    node.turns._agents["pk_test"].rules["refund"] = Rule(permission="approve")
    await node.customer_decides(old)
    await node.until("turn.ended", count=2)
    [approval] = await node.approvals.pending()
    new = await node.approvals.decide(
        KEY, old, approve=True, name="Ada", seen=approval.args_sha256, args={"order_id": "1", "amount": 50.0}
    )
    events = await node.until("turn.ended", count=3)
    assert effects == []
    asked = bodies(events, "call.asked")[-1]
    assert (asked["call"], asked["of"], asked["args"]["amount"]) == (new, "customer", 50.0)
    await node.customer_decides(new)
    await node.until("turn.ended", count=4)
    assert effects == [(new, "cus_1", "1", 50.0)]


async def test_the_same_write_again_in_one_chat_needs_the_customers_yes(make_node):
    rules = {"refund": Rule(permission="auto")}
    node = await make_node(REFUND, [Text("Done.")], REFUND, [Text("Again?")], tools=[refund], rules=rules)
    await node.signs_in()
    await node.say("refund it")
    await node.until("turn.ended")
    await node.say("refund it", said="m2")
    events = await node.until("turn.ended", count=2)
    assert len(effects) == 1
    assert "done before" in bodies(events, "call.asked")[0]["why"]


async def test_a_call_that_waits_already_is_not_asked_for_twice(make_node):
    node, _ = await waiting(make_node, REFUND, [Text("Still waiting.")])
    await node.say("and?", said="m2")
    events = await node.until("turn.ended", count=2)
    assert len(bodies(events, "call.asked")) == 1
    assert bodies(events, "call.ended")[0]["code"] == "repeated"


async def test_limits_are_booked_when_a_call_starts_and_the_one_over_is_refused(make_node):
    rules = {"refund": Rule(permission="auto", per_customer_per_day=100)}
    calls = [call("refund", order_id=str(n), amount=40.0) for n in range(3)]
    node = await make_node(calls, [Text("Two of three.")], tools=[refund], rules=rules)
    await node.signs_in()
    await node.say("refund them")
    events = await node.until("turn.ended")
    assert len(effects) == 2
    over = [body for body in bodies(events, "call.ended") if not body["ok"]]
    assert [body["code"] for body in over] == ["over_limit"]
    assert "this customer's limit for today" in over[0]["error"]


async def test_a_limit_for_a_conversation_still_holds_weeks_later(make_node):
    now = [1_800_000_000_000]
    store = MemoryStore(clock_ms=lambda: now[0])
    rules = {"refund": Rule(permission="auto", per_conversation=100)}
    first, second = [call("refund", order_id="1", amount=62.0)], [call("refund", order_id="2", amount=62.0)]
    node = await make_node(first, [Text("Done.")], second, [Text("Hm.")], tools=[refund], rules=rules, on=store)
    await node.signs_in()
    await node.say("refund 62 of order 1")
    await node.until("turn.ended")
    now[0] += 20 * 24 * 3600 * 1000
    await store.sweep()
    await node.say("refund 62 of order 2", said="m2")
    events = await node.until("turn.ended", count=2)
    assert len(effects) == 1
    assert bodies(events, "call.ended")[-1]["code"] == "over_limit"


async def test_what_a_known_failure_had_booked_is_given_back(make_node):
    @tool(scope="orders.refund", effect="money", name="refund")
    async def failing(caller: Caller, order_id: str, amount: float) -> str:
        """Refund."""
        if order_id == "0":
            from tools import ToolError

            raise ToolError("no such order")
        effects.append(order_id)
        return "ok"

    rules = {"refund": Rule(permission="auto", per_conversation=100)}
    first = [call("refund", order_id="0", amount=100.0)]
    second = [call("refund", order_id="1", amount=100.0)]
    node = await make_node(first, second, [Text("Done.")], tools=[failing], rules=rules)
    await node.signs_in()
    await node.say("refund it")
    await node.until("turn.ended")
    assert effects == ["1"]


def in_flight():
    """A refund that was asked for and begun, by a process that is dead since."""
    planned = {"call": "call:1", "tool": "refund", "args": {"order_id": "1", "amount": 5}, "label": "r"}
    return [
        NewEvent("m1", "message", "customer", {"text": "refund"}),
        NewEvent("a:1", "turn.started", "system", {"attempt": 1}, "t:1"),
        NewEvent("a:2", "call.planned", "agent", planned, "t:1"),
        NewEvent("a:3", "call.started", "system", {"call": "call:1", "attempt": 1}, "t:1"),
    ]


async def test_a_call_left_in_flight_after_its_turn_ended_is_taken_up(make_node):
    """The customer stopped the turn, and the process died before the effect had answered."""
    node = await make_node([Text("x")], tools=[refund])
    await node.signs_in()
    await node.log.append(
        KEY,
        [
            *in_flight()[1:],
            NewEvent("a:4", "turn.ended", "system", {"reason": "stopped", "answers": []}, "t:1"),
        ],
    )
    node.turns.poke(KEY)
    events = await node.until("mode")
    assert effects == []
    assert bodies(events, "call.ended")[0]["unknown"]
    assert bodies(events, "mode")[0]["reason"] == "unknown_outcome"


@pytest.mark.parametrize(("happened", "runs"), [(True, 0), (False, 1)])
async def test_a_tool_that_can_look_up_what_happened_is_asked_after_a_crash(make_node, happened, runs):
    async def look(caller, order_id, amount):
        return {"amount": amount} if happened else None

    @tool(scope="orders.refund", effect="money", name="refund", reconcile=look)
    async def careful(caller: Caller, order_id: str, amount: float) -> dict[str, float]:
        """Refund."""
        effects.append(caller.call)
        return {"amount": amount}

    node = await make_node([Text("done")], tools=[careful], rules={"refund": Rule(permission="auto")})
    await node.signs_in()
    await node.log.append(KEY, in_flight())
    node.turns.poke(KEY)
    events = await node.until("turn.ended")
    assert len(effects) == runs
    assert bodies(events, "call.ended")[0]["ok"]
    assert bodies(events, "call.ended")[0]["result"] == {"amount": 5}


@pytest.mark.parametrize("mode", ["staff", "closed"])
async def test_what_a_dead_process_left_undone_is_not_begun_again_once_a_person_has_it_or_it_is_closed(make_node, mode):
    async def look(caller, order_id, amount):
        return None

    @tool(scope="orders.refund", effect="money", name="refund", reconcile=look)
    async def careful(caller: Caller, order_id: str, amount: float) -> str:
        """Refund."""
        effects.append(caller.call)
        return "done"

    node = await make_node(tools=[careful], rules={"refund": Rule(permission="auto")})
    await node.signs_in()
    await node.log.append(
        KEY,
        [
            *in_flight(),
            NewEvent("a:4", "mode", "staff", {"mode": mode, "by": "s:ada"}),
            NewEvent("a:5", "turn.ended", "system", {"reason": "handed_over", "answers": ["m1"]}, "t:1"),
        ],
    )
    node.turns.poke(KEY)
    events = await node.until("call.ended")
    assert (bodies(events, "call.ended")[0]["ok"], bodies(events, "call.ended")[0]["error"]) == (False, "stopped")
    assert effects == []


async def test_a_bare_yes_is_to_the_stored_question_and_never_to_what_the_model_said(make_node):
    rules = {"refund": Rule(permission="confirm")}
    node = await make_node(
        REFUND, [Text("Shall I tell you our opening hours?")], [Text("Done.")], tools=[refund], rules=rules
    )
    await node.signs_in()
    await node.say("hello")
    events = await node.until("turn.ended")
    text = bodies(events, "message")[-1]["text"]
    assert text.endswith("Before I do this, please confirm it: Refunding 62.0")
    # Something else was said since: a yes now may be to that.
    await node.log.append(KEY, [NewEvent("s1", "message", "staff", {"text": "May I call you?"})])
    await node.say("yes", said="m2")
    events = await node.until("turn.ended", count=2)
    assert effects == []
    assert not bodies(events, "call.decided")


async def test_a_customer_whose_model_claims_what_staff_are_asked_is_told_that_they_are_asked(make_node):
    node = await make_node(REFUND, [Text("I have refunded 62.0 to you.")], tools=[refund], rules={})
    await node.signs_in()
    await node.say("refund it")
    text = bodies(await node.until("turn.ended"), "message")[-1]["text"]
    assert "I have refunded" not in text
    assert "A colleague has to approve this first: Refunding 62.0." in text
