"""A whole node without a socket: memory store, hub, turns, and a model that does what the test says."""

import asyncio
import contextlib
import itertools
import time

import pytest

from server.approvals import Approvals
from server.consent import decision_id
from server.events import NewEvent, Viewer
from server.hub import Hub
from server.log import Log
from server.ports import Call, Text
from server.shop.workflows import Workflows
from server.site import Site
from server.stores.memory import MemoryStore
from server.turns import Agent, Turns
from tools import Registry

KEY = "pk_test/c1"


class NoKnowledge:
    """A help center without articles."""

    async def search(self, site, query, *, k=6):
        return []


class Model:
    """Gives the next of a list of answers: chunks, or a function of the prompt that gives an async iterator."""

    name = "test"
    quotes_only = False

    def __init__(self, *answers):
        self.answers = list(answers)
        self.prompts = []

    async def stream(self, prompt):
        self.prompts.append(prompt)
        answer = self.answers.pop(0) if self.answers else [Text("…")]
        if callable(answer):
            async for chunk in answer(prompt):
                yield chunk
        else:
            for chunk in answer:
                yield chunk


class Node:
    """One node over a store that a test may share between several."""

    def __init__(
        self, store, model, registry, rules, limits, workflows=None, retriever=None, hand_over=None, site=None
    ):
        self.ids = itertools.count(1)
        self.node = f"n{id(self)}"
        self.model = model
        self.log = Log(store)
        self.hub = Hub(self.log, self.node)
        written = {"key": "pk_test", "name": "Test", "limits": limits, "hand_over": hand_over or {}}
        self.site = Site.model_validate(written | (site or {}))
        self.now_ms = None
        self.agent = agent = Agent(
            self.site, "", registry, rules, model, retriever or NoKnowledge(), workflows=workflows or {}
        )
        new_id = lambda: f"{self.node}-{next(self.ids)}"  # noqa: E731 - used twice
        self.turns = Turns(
            self.log,
            self.hub,
            {"pk_test": agent},
            node=self.node,
            new_id=new_id,
            clock_ms=self.clock_ms,
        )
        self.approvals = Approvals(
            self.log, {"pk_test": agent}, poke=self.turns.poke, clock_ms=self.clock_ms, new_id=new_id
        )

    def clock_ms(self):
        return self.now_ms if self.now_ms is not None else time.time_ns() // 1_000_000

    async def signs_in(self, customer="cus_1", *, level="identified", key=KEY, said="e:in"):
        body = {"customer": customer, "verified": level}
        await self.log.append(key, [NewEvent(said, "identified", "system", body)])

    async def state(self, key=KEY):
        return await self.log.load(key)

    async def customer_decides(self, call, *, approve=True, key=KEY):
        """As the socket writes it down."""
        record = (await self.state(key)).calls[call]
        body = {"call": call, "approve": approve, "by": "customer", "args_sha256": record.question.args_sha256}
        await self.log.append(key, [NewEvent(decision_id(record), "call.decided", "customer", body, record.turn)])
        self.turns.poke(key)

    async def say(self, text, *, said="m1", key=KEY):
        await self.log.append(key, [NewEvent(said, "message", "customer", {"text": text})])
        self.turns.poke(key)

    async def events(self, key=KEY):
        return await self.log.read(key)

    async def until(self, kind, *, count=1, key=KEY):
        """Wait until the log holds `count` events of this kind; the events."""
        watch = await self.hub.attach(key, Viewer("staff"), 0)
        try:
            async with asyncio.timeout(60):
                while True:
                    events = await self.events(key)
                    if sum(event.kind == kind for event in events) >= count:
                        return events
                    await watch.woken.wait()
                    watch.woken.clear()
        finally:
            self.hub.detach(watch)

    async def until_text(self, text, *, key=KEY):
        """Wait until the reply that is being written contains `text`."""
        watch = await self.hub.attach(key, Viewer("staff"), 0)
        try:
            async with asyncio.timeout(60):
                while text not in (watch.room.live.parts.get("reply", "") if watch.room.live else ""):
                    await watch.woken.wait()
                    watch.woken.clear()
        finally:
            self.hub.detach(watch)


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
async def make_node(store):
    async with contextlib.AsyncExitStack() as stack:

        async def make(
            *answers, tools=(), rules=None, limits=None, on=None, workflows=False, hand_over=None, site=None
        ):
            registry = Registry()
            for fn in tools:
                registry.add(fn)
            offered = Workflows(registry, rules) if workflows is True else workflows or {}
            model = Model(*answers)
            node = Node(
                on or store, model, registry, rules or {}, limits or {}, offered, hand_over=hand_over, site=site
            )
            await stack.enter_async_context(node.turns)
            return node

        yield make


def call(tool, **args):
    return Call(f"x-{tool}", tool, args)


def bodies(events, kind):
    return [event.body for event in events if event.kind == kind]
