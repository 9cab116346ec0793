"""Switched off: from any point of a conversation nothing is begun any more, and it ends with a word to the customer."""

import pytest

from server import policy
from server.approvals import NotDecided
from server.consent import Rules
from server.conversation import fold
from server.events import Event
from server.policy import Runner
from server.ports import Text
from server.site import Limits
from tests.turns.conftest import KEY, bodies, call
from tools import Caller, Registry, Rule, args_sha256, tool


@tool(scope="a.read", effect="read")
async def look(caller: Caller, n: int = 0) -> str:
    """Look."""
    return "seen"


@tool(scope="a.write", effect="write", idempotent=True)
async def change(caller: Caller, n: int = 0) -> str:
    """Change."""
    return "changed"


CALLER = Caller(site="pk_test", conversation="c1", customer="cus_1", level="identified")
ALLOWED = {"look": Rule(permission="auto"), "change": Rule(permission="auto")}
QUESTION = {
    "of": "staff", "label": "x", "args_sha256": args_sha256({}), "policy": "p", "expires_ms": 10**15,
    "caller": {"customer": "cus_1", "level": "identified"}, "why": "w",
}  # fmt: skip


def rules(*, off):
    registry = Registry()
    for fn in (look, change):
        registry.add(fn)
    return Rules(registry, ALLOWED, Limits(), off=off)


def conversation(*steps):
    """A customer asked, a turn has started, and then these kinds of events of a call."""
    events = [
        ("identified", {"customer": "cus_1", "verified": "identified"}),
        ("message", {"text": "do it"}),
        ("turn.started", {"attempt": 1}),
        *steps,
    ]
    roles = {"message": "customer"}
    return fold(
        KEY,
        [
            Event(KEY, n, 1_000 + n, f"e:{n}", kind, roles.get(kind, "system"), body, "t:1")
            for n, (kind, body) in enumerate(events, 1)
        ],
    )


def planned(name):
    return "call.planned", {"call": "call:1", "tool": name, "args": {}, "label": name}


ASKED = ("call.asked", QUESTION | {"call": "call:1"})
AGREED = ("call.decided", {"call": "call:1", "approve": True, "by": "staff", "args_sha256": args_sha256({})})
STARTED = ("call.started", {"call": "call:1", "attempt": 1})


@pytest.mark.parametrize("name", ["look", "change"])
@pytest.mark.parametrize("steps", [[], [ASKED, AGREED]], ids=["planned", "agreed to"])
def test_what_waits_to_run_is_denied(name, steps):
    state = conversation(planned(name), *steps)
    [step] = policy.decide(state, rules(off=True), CALLER, Runner("t:1", 1), 2_000)
    assert isinstance(step, policy.EndCall)
    assert (step.code, "switched off" in step.reason) == ("denied", True)


@pytest.mark.parametrize("name", ["look", "change"])
def test_what_a_dead_process_started_is_looked_up_and_not_begun_again(name):
    state = conversation(planned(name), STARTED)
    assert policy.decide(state, rules(off=True), CALLER, Runner("t:1", 1), 2_000) == [
        policy.Reconcile(state.calls["call:1"])
    ]
    assert isinstance(policy.decide(state, rules(off=False), CALLER, Runner("t:1", 1), 2_000)[0], policy.RunCall)


def test_with_nothing_left_to_end_the_customer_is_told():
    state = conversation()
    assert policy.decide(state, rules(off=True), CALLER, Runner("t:1", 1), 2_000) == [policy.HandOver("switched_off")]


def test_an_unknown_outcome_is_told_as_such():
    unknown = {"call": "call:1", "ok": False, "label": "x", "unknown": True, "code": "unknown_outcome"}
    state = conversation(planned("change"), STARTED, ("call.ended", unknown))
    assert policy.decide(state, rules(off=True), CALLER, Runner("t:1", 1), 2_000) == [
        policy.HandOver("unknown_outcome")
    ]


effects = []


@tool(scope="a.pay", effect="money")
async def pay(caller: Caller, n: int = 0) -> str:
    """Pay."""
    effects.append(n)
    return "paid"


async def test_what_is_switched_off_between_the_verdict_and_the_effect_does_not_begin(make_node):
    effects.clear()
    allowed = {"pay": Rule(permission="auto")}
    node = await make_node([call("pay", n=1)], [Text("Good.")], tools=[pay], rules=allowed)

    def heard(key, events):
        if any(event.kind == "call.started" for event in events):
            allowed["pay"] = Rule(enabled=False)

    node.log.listeners.append(heard)
    await node.say("pay")
    events = await node.until("turn.ended")
    assert effects == []
    [ended] = bodies(events, "call.ended")
    assert (ended["ok"], ended["error"], ended.get("unknown")) == (False, "stopped", None)


async def test_the_log_says_under_which_verdict_a_call_ran(make_node):
    node = await make_node([call("pay", n=1)], [Text("Good.")], tools=[pay], rules={"pay": Rule(permission="auto")})
    await node.say("pay")
    [started] = bodies(await node.until("turn.ended"), "call.started")
    assert started["why"] == "allowed: the rule for pay says so"


@tool(scope="orders.refund", effect="money")
async def refund(caller: Caller, order_id: str, amount: float) -> dict[str, float]:
    """Refund an order."""
    return {"amount": amount}


@pytest.mark.parametrize("args", [None, {"order_id": "1", "amount": 50.0}], ids=["as asked", "edited"])
async def test_what_is_switched_off_cannot_be_approved_by_anybody_and_nothing_is_used_up(make_node, args):
    rules = {"refund": Rule(permission="approve")}
    wanted = [call("refund", order_id="1", amount=62.0)]
    node = await make_node(wanted, [Text("Asked.")], [Text("Done.")], tools=(refund,), rules=rules)
    await node.signs_in()
    await node.say("refund it")
    await node.until("turn.ended")
    [approval] = await node.approvals.pending()

    async def decide(*, approve):
        seen = approval.args_sha256
        return await node.approvals.decide(KEY, approval.call.id, approve=approve, name="Ada", seen=seen, args=args)

    rules["refund"] = Rule(enabled=False)
    before = await node.events()
    with pytest.raises(NotDecided, match="refund is switched off"):
        await decide(approve=True)
    assert await node.events() == before
    [still] = await node.approvals.pending()
    assert (still.call.id, still.off) == (approval.call.id, True)
    rules["refund"] = Rule(permission="approve")
    went_on = await decide(approve=True)
    ended = bodies(await node.until("turn.ended", count=2), "call.ended")[-1]
    assert (ended["call"], ended["ok"]) == (went_on, True)


async def test_what_is_switched_off_can_be_denied(make_node):
    rules = {"refund": Rule(permission="approve")}
    wanted = [call("refund", order_id="1", amount=62.0)]
    node = await make_node(wanted, [Text("Asked.")], [Text("No.")], tools=(refund,), rules=rules)
    await node.signs_in()
    await node.say("refund it")
    await node.until("turn.ended")
    [approval] = await node.approvals.pending()
    rules["refund"] = Rule(enabled=False)
    await node.approvals.decide(KEY, approval.call.id, approve=False, name="Ada", seen=approval.args_sha256)
    assert await node.approvals.pending() == []
