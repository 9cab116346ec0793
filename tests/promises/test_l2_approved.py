"""L2: what is approved is what runs.

Between the question and the effect everything changes: arguments, customer, rule, time, who else answers, how often.
Each effect is then compared with the log: a yes to exactly this, by the right side, under this rule, in time, once.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass

import pytest

from server.approvals import NotDecided
from server.consent import decision_id
from server.conversation import CallRecord, Conversation, fold
from server.events import NewEvent
from server.ports import Call, Conflict, IdempotencyMismatch, Text
from server.stores.memory import MemoryStore
from tests.promises import whole
from tests.promises.test_l1_hostile import LIMITS, quiet
from tests.promises.visitor import count, record
from tools import Caller, Rule, args_sha256, policy_version, tool, verdict

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

KEY = "pk_test/c1"
START_MS = 1_800_000_000_000
MINUTE_MS = 60_000
RULES = (
    Rule(permission="approve"),
    Rule(permission="approve", needs="identified"),
    Rule(permission="confirm"),
    Rule(permission="confirm", per_conversation=500),
    Rule(permission="approve", auto_up_to=10),
    Rule(permission="confirm", auto_up_to=10),
    Rule(permission="deny"),
    Rule(permission="approve", needs="step_up"),
    Rule(permission="approve", enabled=False),
)


@dataclass(frozen=True)
class Effect:
    """What ran: for whom, with which arguments, under which rule, when."""

    caller: Caller
    args: dict
    rule: Rule
    now_ms: int


class World:
    """One conversation in which everything may change, and the book of what ran."""

    def __init__(self, chance):
        self.chance = chance
        self.effects: list[Effect] = []
        self.rules = {"refund": chance.choice(RULES)}
        self.ids = iter(range(10**9))
        self.made = None
        self.spec = None

    @contextlib.asynccontextmanager
    async def node(self):
        """A running node whose rules and clock are this world's."""
        store = MemoryStore(clock_ms=lambda: self.made.now_ms)
        async with whole.node(self.script, tools=self.tools(), rules=self.rules, limits=LIMITS, store=store) as made:
            self.made = made
            made.now_ms = START_MS
            yield made

    def tools(self):
        @tool(
            scope="orders.refund", effect="money", needs="identified", label="Refunding {{ amount }} of {{ order_id }}"
        )
        async def refund(caller: Caller, order_id: str, amount: float) -> dict[str, float]:
            """Refund an order."""
            args = {"order_id": order_id, "amount": amount}
            self.effects.append(Effect(caller, args, self.rules["refund"], self.made.now_ms))
            return {"amount": amount}

        self.spec = refund.spec
        return [refund]

    def script(self, prompt):
        """Wants a refund, and says that it is about something else."""
        if prompt.results:
            return [Text("Please agree to sending you a voucher of 1 euro.")]
        amount = self.chance.choice((5.0, 62.0, 620.0))
        return [Call("x", "refund", {"order_id": self.chance.choice(("1", "2", "3")), "amount": amount})]

    async def step(self):
        """One thing that may happen."""
        what = self.chance.choice(
            (self.say, self.say, self.staff, self.staff, self.staff, self.customer, self.customer, self.clock, self.rule,
             self.sign, self.replay, self.expire, self.at_once)
        )  # fmt: skip
        await what()

    async def say(self):
        text = self.chance.choice(("refund it", "yes", "no", "do it"))
        await self.made.say(text, said=f"m{next(self.ids)}")

    async def asked(self, of) -> CallRecord | None:
        state = await self.made.state()
        calls = [call for call in state.calls.values() if call.state == "asked" and call.asked_of == of]
        return self.chance.choice(calls) if calls else None

    async def staff(self):
        call = await self.asked("staff")
        if call is None:
            return
        chance = self.chance
        seen = args_sha256(call.args) if chance.random() < 0.8 else args_sha256({"order_id": "1", "amount": 1.0})
        args = {"order_id": "1", "amount": chance.choice((7.0, 70.0, -1.0, "x"))} if chance.random() < 0.3 else None
        with contextlib.suppress(NotDecided):
            await self.made.approvals.decide(
                KEY, call.id, approve=chance.random() < 0.8, name="Ada", seen=seen, args=args, comment="ok"
            )

    async def at_once(self):
        """Several people, and the customer, answer at the same moment."""
        await asyncio.gather(self.staff(), self.staff(), self.customer(), self.staff())

    async def customer(self):
        call = await self.asked("customer")
        if call is None:
            return
        sha = args_sha256(call.args) if self.chance.random() < 0.8 else "0" * 64
        body = {"call": call.id, "approve": self.chance.random() < 0.8, "by": "customer", "args_sha256": sha}
        await self.decided(call, "customer", body)

    async def replay(self):
        """An old yes, given again: as it was, and as an answer to the newest question."""
        events = [event for event in await self.made.events() if event.kind == "call.decided"]
        if not events:
            return
        old = self.chance.choice(events)
        call = (await self.made.state()).calls[old.body["call"]]
        with contextlib.suppress(IdempotencyMismatch):
            await self.made.log.append(KEY, [NewEvent(old.id, old.kind, old.role, old.body, old.turn)])
        if call.state == "asked" and call.question.of == old.body["by"]:
            await self.decided(call, old.role, old.body)

    async def decided(self, call, role, body):
        try:
            await self.made.log.append(KEY, [NewEvent(decision_id(call), "call.decided", role, body, call.turn)])
        except (Conflict, IdempotencyMismatch):
            return
        self.made.turns.poke(KEY)

    async def clock(self):
        await quiet(self.made)  # a turn that takes an hour would end for that reason
        self.made.now_ms += self.chance.choice((MINUTE_MS, 16 * MINUTE_MS, 25 * 60 * MINUTE_MS))

    async def rule(self):
        await quiet(self.made)  # a rule that changes in the same instant is before or after it, nobody can say which
        self.rules["refund"] = self.chance.choice(RULES)

    async def sign(self):
        who = self.chance.choice(("cus_1", "cus_1", "cus_2", None))
        body = {"customer": who, "verified": "identified", "until_ms": self.made.now_ms + 60 * MINUTE_MS}
        if self.chance.random() < 0.3 and who:
            body |= {"verified": "step_up", "step_up_until_ms": self.made.now_ms + 30 * MINUTE_MS}
        await self.made.log.append(KEY, [NewEvent(f"in:{next(self.ids)}", "identified", "system", body)])
        self.made.turns.poke(KEY)

    async def expire(self):
        await self.made.approvals.expire()


def agreed(call: CallRecord, of, effect, spec):
    """Whether that side has said yes to exactly this."""
    return any(
        one.of == of
        and one.verify is None
        and one.approve is True
        and one.args_sha256 == args_sha256(effect.args)
        and one.policy == policy_version(spec, effect.rule)
        and one.customer == effect.caller.customer
        and effect.now_ms < one.expires_ms
        for one in call.asks
    )


def faults(events, effects, spec):
    """Every effect that nobody had agreed to, as a sentence."""
    found = []
    started: dict[str, Conversation] = {}
    state = None
    times = {}
    for event in events:
        if event.kind == "call.started":
            started[event.body["call"]] = state
            times[event.body["call"]] = times.get(event.body["call"], 0) + 1
        state = fold(KEY, [event], state)
    found += [f"{call} started {n} times" for call, n in times.items() if n > 1]
    for effect in effects:
        before = started[effect.caller.call]
        call = before.calls[effect.caller.call]
        if dict(call.args) != effect.args:
            found.append(f"planned {call.args}, ran {effect.args}")
        if before.identity is None or before.identity.customer != effect.caller.customer:
            found.append(f"ran as {effect.caller.customer}, signed in is {before.customer}")
        if any(one.approve is False for one in call.asks):
            found.append("ran after a no")
        permission = verdict(spec, effect.rule, effect.caller, effect.args).permission
        wanted = {"auto": (), "confirm": ("customer",), "approve": ("staff",)}.get(permission)
        if wanted is None:
            found.append("ran though it was denied")
        edited = before.calls.get(call.replaces or "")
        if edited is not None and any(one.of == "customer" and one.verify is None for one in edited.asks):
            wanted = (*(wanted or ()), "customer")
        found += [f"ran without the yes of {of}" for of in wanted or () if not agreed(call, of, effect, spec)]
    if len({effect.caller.call for effect in effects}) != len(effects):
        found.append("a call had two effects")
    return found


def cards(events):
    """Every card that does not show exactly what would run."""
    planned = {event.body["call"]: event.body["args"] for event in events if event.kind == "call.planned"}
    asked = [event.body for event in events if event.kind == "call.asked"]
    return [
        body
        for body in asked
        if body["args"] != planned[body["call"]] or body["args_sha256"] != args_sha256(body["args"])
    ]


async def run(chance, steps):
    world = World(chance)
    async with world.node() as made:
        await made.signs_in()
        await world.say()
        for _ in range(steps):
            if chance.random() < 0.8:
                await quiet(made)
            await world.step()
        await quiet(made)
        return world, await made.log.read(KEY, limit=100_000)


async def test_l2_nothing_runs_that_was_not_agreed_to_exactly_so():
    effects = asks = decisions = 0
    sequences = count(60, 5_000)
    for number in range(sequences):
        world, events = await run(random.Random(number), 14)
        assert faults(events, world.effects, world.spec) == [], f"sequence {number}"
        assert cards(events) == [], f"sequence {number}"
        effects += len(world.effects)
        asks += sum(event.kind == "call.asked" for event in events)
        decisions += sum(event.kind == "call.decided" for event in events)
    assert effects > sequences / 5, "hardly anything ran: the test would not notice"
    record(
        "L2",
        f"{sequences} sequences of changes between question and effect ({asks} questions, {decisions} answers):"
        f" {effects} effects, 0 of them not agreed to, 0 twice, 0 cards that show anything else",
    )


async def test_l2_a_customers_sign_out_between_decision_and_start_stops_the_call():
    world = World(random.Random(1))
    world.rules["refund"] = Rule(permission="auto")

    class Late:
        """Signs the customer out right before the first `call.started` reaches the store."""

        def __init__(self, store):
            self.store = store
            self.done = False

        def __getattr__(self, name):
            return getattr(self.store, name)

        async def append(self, conversation, new, *, after=None, spend=()):
            if not self.done and any(event.kind == "call.started" for event in new):
                self.done = True
                out = NewEvent("out", "identified", "system", {"customer": None, "verified": False})
                await world.made.log.append(conversation, [out])
            return await self.store.append(conversation, new, after=after, spend=spend)

    async with world.node() as made:
        made.log.store = Late(made.log.store)
        await made.signs_in()
        await made.say("refund it")
        await quiet(made)
        assert world.effects == []
        assert "call.started" not in [event.kind for event in await made.events()]
