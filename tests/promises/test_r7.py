"""R7: after a person takes over, no AI word is shown and no new effect starts, whenever it comes.

A turn plans two effects, waits for them, and streams an answer. The take-over comes at every one of its points.
"""

import asyncio
import itertools
import time

from server.approvals import Approvals
from server.desk import Deeds
from server.events import NewEvent, Viewer
from server.hub import Hub
from server.log import Log
from server.ports import Call, Text
from server.site import Site
from server.staff import Staff
from server.stores.memory import MemoryStore
from server.turns import Agent, Turns
from tests.promises.visitor import count, record
from tools import Caller, Registry, Rule, tool

KEY = "pk_r7/c1"
ADA = Staff("s:ada", "ada@example.com", "Ada", "agent")
WORDS = [f"word{n} " for n in range(40)]
POINTS = 3 + 2 * 3 + len(WORDS)
"""Where a take-over can come: before and in the first model call, around each effect, at each word of the answer."""


class NoKnowledge:
    """A help center without articles."""

    async def search(self, site, query, *, k=6, **_):
        return []


class Scene:
    """One conversation, in which Ada takes over when the `at`-th point is passed."""

    def __init__(self, at):
        self.at = at
        self.points = itertools.count()
        self.ids = itertools.count()
        self.taking = None
        self.effects = []
        store = MemoryStore()
        self.log = Log(store)
        self.hub = Hub(self.log, "n1")
        registry = Registry()

        @tool(scope="orders.refund", effect="money", idempotent=True)
        async def refund(caller: Caller, order: str) -> str:
            """Refund."""
            self.effects.append(caller.call)
            for _ in range(3):
                await self.point()
            return "done"

        registry.add(refund)
        site = Site.model_validate({"key": "pk_r7", "name": "R7"})
        agent = Agent(site, "", registry, {"refund": Rule(permission="auto")}, self, NoKnowledge())
        parts = {"new_id": lambda: f"i{next(self.ids)}", "clock_ms": lambda: time.time_ns() // 1_000_000}
        self.turns = Turns(self.log, self.hub, {"pk_r7": agent}, node="n1", **parts)
        approvals = Approvals(self.log, {"pk_r7": agent}, poke=self.turns.poke, **parts)
        self.deeds = Deeds(self.log, approvals, poke=self.turns.poke, **parts)

    name = "test"
    quotes_only = False

    async def stream(self, prompt):
        """The model: two refunds first, then forty words, whether or not anybody still listens."""
        await self.point()
        if not prompt.results:
            await self.point()
            yield Call("a", "refund", {"order": "1"})
            yield Call("b", "refund", {"order": "2"})
            await self.point()
            return
        for word in WORDS:
            await self.point()
            yield Text(word)

    async def point(self):
        if next(self.points) == self.at:
            self.taking = asyncio.create_task(self.deeds.take(KEY, ADA))
        await asyncio.sleep(0)

    async def play(self):
        """What the customer was shown, in order, and the log."""
        shown = []
        watch = await self.hub.attach(KEY, Viewer("customer", "full"), 0)

        async def look():
            while True:
                await watch.woken.wait()
                watch.woken.clear()
                shown.extend(await self.hub.pull(watch))

        async with self.turns:
            looking = asyncio.create_task(look())
            await self.log.append(KEY, [NewEvent("m1", "message", "customer", {"text": "refund both"})])
            self.turns.poke(KEY)
            async with asyncio.timeout(60):
                while self.taking is None or not self.taking.done() or self.turns.running:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0)
            await self.taking
            shown.extend(await self.hub.pull(watch))
            looking.cancel()
        return shown, await self.log.read(KEY)


def late(shown, events):
    """How many drafts and messages came after the take-over, in what was shown and in the log; and effects begun late."""
    taken = next(e.seq for e in events if e.kind == "mode" and e.body["mode"] == "staff")
    drafts = messages = 0
    over = False
    for frame in shown:
        if frame["t"] == "events":
            over = over or any(e["kind"] == "mode" and e["body"]["mode"] == "staff" for e in frame["events"])
            messages += sum(
                e["kind"] in ("message", "thought") and e["role"] == "agent"
                for e in frame["events"]
                if e["seq"] > taken
            )
        elif frame["t"] == "draft":
            drafts += over
    messages += sum(e.kind in ("message", "thought") and e.role == "agent" for e in events if e.seq > taken)
    begun = sum(e.kind == "call.started" for e in events if e.seq > taken)
    return drafts, messages, begun


async def test_a_take_over_at_every_point_of_a_turn_silences_it():
    total = count(2 * POINTS, 1_000)
    drafts = messages = begun = shown_in_flight = in_flight = 0
    for n in range(total):
        scene = Scene(n % POINTS)
        shown, events = await scene.play()
        found = late(shown, events)
        drafts, messages, begun = drafts + found[0], messages + found[1], begun + found[2]
        taken = next(e.seq for e in events if e.kind == "mode")
        started = {e.body["call"]: e.seq for e in events if e.kind == "call.started"}
        ended = {e.body["call"]: e.seq for e in events if e.kind == "call.ended" and e.body.get("ok")}
        assert sorted(scene.effects) == sorted(started)
        open_then = [call for call, seq in started.items() if seq < taken < ended.get(call, taken + 1)]
        in_flight += len(open_then)
        shown_in_flight += sum(call in ended for call in open_then)  # begun before, finished and written down after
        assert sum(e.kind == "turn.ended" for e in events) == 1
    record(
        "R7",
        f"{total:,} take-overs, {drafts} late drafts, {messages} late messages, {begun} effects begun late; "
        f"{shown_in_flight} of {in_flight} in flight shown to staff",
    )
    assert (drafts, messages, begun) == (0, 0, 0)
    assert shown_in_flight == in_flight > 0
