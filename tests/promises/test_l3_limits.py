"""L3: limits hold in every order: partial refunds in many chats at once, some of which fail, some of which nobody knows the end of.

The shop's own book of what was paid is compared with the limits, and with what is booked.
"""

import asyncio
import contextlib
import random
from collections import Counter
from decimal import Decimal

import pytest

from server.consent import booking_units, local_day
from server.events import NewEvent
from server.ports import Call, Text
from server.stores.memory import MemoryStore
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore
from tests.promises import whole
from tests.promises.test_l1_hostile import LIMITS, quiet
from tests.promises.visitor import count, record
from tools import Caller, Rule, ToolError, tool

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

SITE = "pk_test"
START_MS = 1_800_000_000_000
DAY_MS = 86_400_000
CHATS = 12
RULE = Rule(permission="auto", per_customer_per_day=100, per_site_per_day=230, per_conversation=60)
AMOUNTS = (
    "1", "5", "9.99", "20", "33.333333", "0.00001", "29.999999", "60", "60.0001", "99.99", "100", "100.01", "0.1",
    "0.30000000000000004", "1e1", "-5", "0", "NaN", "Infinity", "1e30", "ten",
)  # fmt: skip


class World:
    """Three customers in twelve chats of one shop, and the shop's book: what was paid, to whom, in which chat, on which day."""

    def __init__(self, chance):
        self.chance = chance
        self.now_ms = START_MS
        self.paid: list[tuple[str, str, str, Decimal]] = []
        self.lost: list[tuple[str, str, str, Decimal]] = []
        self.made = None

    def clock_ms(self):
        return self.now_ms

    def refund(self):
        @tool(scope="orders.refund", effect="money", needs="identified")
        async def refund(caller: Caller, order_id: str, amount: Decimal) -> dict[str, str]:
            """Refund a part of an order."""
            line = (caller.customer, caller.conversation, local_day(self.made.site, self.now_ms), amount)
            for _ in range(self.chance.choice((0, 0, 1, 3))):
                await asyncio.sleep(0)
            match self.chance.choice(("paid", "paid", "paid", "refused", "lost", "lost and paid")):
                case "refused":
                    raise ToolError("Not possible.")
                case "lost":
                    self.lost.append(line)
                    raise RuntimeError("the answer was lost")
                case "lost and paid":
                    self.paid.append(line)
                    raise RuntimeError("the answer was lost")
            self.paid.append(line)
            return {"amount": str(amount)}

        return refund

    def script(self, prompt):
        """Some refunds at once, then perhaps some more, then a word."""
        if prompt.call_no > self.chance.choice((1, 2)):
            return [Text("That is all.")]
        number = iter(range(100))
        return [
            Call(
                "x",
                "refund",
                {"order_id": f"{prompt.seed}-{prompt.call_no}-{next(number)}", "amount": self.chance.choice(AMOUNTS)},
            )
            for _ in range(self.chance.choice((1, 2, 4)))
        ]


@contextlib.asynccontextmanager
async def stores(kind, tmp_path, clock_ms):
    if kind == "memory":
        yield MemoryStore(clock_ms=clock_ms)
        return
    with Owner(tmp_path) as owner:
        store = SqliteStore.open(owner, clock_ms=clock_ms)
        yield store
        await store.close()


async def chat(world, number):
    """One customer's chat: asks for money, on some days again the day after."""
    key = f"{SITE}/c{number}"
    body = {"customer": f"cus_{number % 3}", "verified": "identified"}
    asks = NewEvent("m1", "message", "customer", {"text": "my money"})
    await world.made.log.append(key, [NewEvent("in", "identified", "system", body), asks])
    world.made.turns.poke(key)
    return key


async def play(world, store):
    """All chats at once, on two days."""
    async with whole.node(
        world.script, tools=[world.refund()], rules={"refund": RULE}, limits=LIMITS, store=store
    ) as made:
        world.made, made.now_ms = made, world.now_ms
        await asyncio.gather(*(chat(world, number) for number in range(CHATS)))
        await quiet(made)
        if world.chance.random() < 0.3:
            world.now_ms = made.now_ms = START_MS + DAY_MS
            for number in range(CHATS):
                await made.say("and today?", said="m2", key=f"{SITE}/c{number}")
            await quiet(made)
        return [event for number in range(CHATS) for event in await made.log.read(f"{SITE}/c{number}", limit=10_000)]


def over(world):
    """Every limit that was passed by what was really paid."""
    sums = Counter()
    for customer, conversation, day, amount in world.paid:
        sums["customer", customer, day] += amount
        sums["site", day] += amount
        sums["conversation", conversation] += amount
    limits = {
        "customer": RULE.per_customer_per_day,
        "site": RULE.per_site_per_day,
        "conversation": RULE.per_conversation,
    }
    return [(key, total) for key, total in sums.items() if total > limits[key[0]]]


async def unbalanced(world, store):
    """Every key under which not exactly that is booked which was paid or may have been."""
    wanted = Counter()
    for customer, conversation, day, amount in [*world.paid, *world.lost]:
        units = booking_units(amount)
        wanted[f"{SITE}/refund/customer/{customer}/{day}"] += units
        wanted[f"{SITE}/refund/site/{day}"] += units
        wanted[f"{SITE}/{conversation}/refund"] += units
    return [(key, units, booked) for key, units in wanted.items() if (booked := await store.spent(key)) != units]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_l3_no_order_of_partial_refunds_passes_a_limit(kind, tmp_path):
    worlds = count(8, {"memory": 3_900, "sqlite": 300}[kind])
    paid = refused = calls = 0
    world = World(random.Random(kind))
    for number in range(worlds):
        world = World(random.Random(f"{kind}{number}"))
        async with stores(kind, tmp_path / str(number), world.clock_ms) as store:
            events = await play(world, store)
            assert over(world) == [], f"world {number}"
            assert await unbalanced(world, store) == [], f"world {number}"
        calls += sum(event.kind == "call.planned" for event in events)
        refused += sum(event.kind == "call.ended" and event.body.get("code") == "over_limit" for event in events)
        paid += len(world.paid)
    assert paid
    assert refused > worlds, "hardly any limit was reached: the test would not notice"
    record(
        f"L3 {kind}",
        f"{worlds * CHATS} sequences of partial refunds ({calls} refunds asked for, {paid} paid, {refused} over a limit):"
        " 0 sums over a limit; what is booked is what was paid or may have been",
    )
