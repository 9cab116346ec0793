"""A node in a process of its own, over a real log, that kills itself (SIGKILL) at the commit or network step it is told.

It is started again and again on the same log, as after a crash; nothing but the log and the shop carries over. Who
would agree (customer, staff) is played here, too, and dies with it.
"""

import asyncio
import itertools
import json
import logging
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from server.approvals import Approvals, NotDecided
from server.consent import decision_id
from server.events import NewEvent
from server.files import Files
from server.hub import Hub
from server.insights import Table
from server.log import Log
from server.models.scripted import Scripted
from server.ports import Call, Conflict, IdempotencyMismatch, Text
from server.records import Records
from server.site import Site
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore
from server.sweep import Sweep
from server.turns import Agent, Turns
from tools import AnswerLost, Caller, NotSent, Registry, Rule, ToolError, tool

SITE = "pk_test"
KEY = f"{SITE}/c1"
SETTLED_S = 20.0
"""After that a scenario counts as lost. None takes more than 3 s here."""
TOOL_S = 0.2
ORDER = "1042"


@dataclass(frozen=True, slots=True)
class Plan:
    """One life of the node. `die_at`: the number of the step, from 1, at which it is killed; 0: it lives."""

    data: str
    port: int
    tool: str
    permission: str
    die_at: int = 0


class Steps:
    """Counts the steps of this life; one of them is its last."""

    def __init__(self, die_at):
        self._die_at = die_at
        self.count = 0

    def __call__(self):
        self.count += 1
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Wire:
    """The line to the shop; a step before the request, one once it is sent, one when the answer is here."""

    def __init__(self, port, step):
        self._port = port
        self._step = step

    async def ask(self, method, path, body=None):
        data = json.dumps(body or {}).encode()
        self._step()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            raise NotSent(str(error)) from error
        try:
            writer.write(f"{method} {path} HTTP/1.1\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            await writer.drain()
            self._step()
            answer = await reader.read()
            self._step()
        finally:
            writer.close()
        if not answer:
            raise AnswerLost("the line was cut")
        head, _, text = answer.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if status == 409:
            raise ToolError("The shop refused.")
        if status != 200:
            raise RuntimeError(f"status {status}")
        return json.loads(text)


def tools_of(wire):
    """A refund whose key the shop knows again, a cancellation that can be looked up, an address that is neither."""

    async def was_cancelled(caller: Caller) -> dict[str, str] | None:
        return (await wire.ask("GET", f"/effects?key={caller.call}"))["effect"]

    @tool(scope="orders.refund", effect="money", idempotent=True, timeout_s=TOOL_S, retries=2)
    async def refund(caller: Caller, order_id: str, amount: float) -> dict[str, object]:
        """Refund an order."""
        return await wire.ask(
            "POST", "/refund", {"key": caller.call, "order": order_id, "amount": amount, "once": True}
        )

    @tool(scope="orders.cancel", effect="write", timeout_s=TOOL_S, retries=2, reconcile=was_cancelled)
    async def cancel(caller: Caller, order_id: str) -> dict[str, object]:
        """Cancel an order."""
        return await wire.ask("POST", "/cancel", {"key": caller.call, "order": order_id})

    @tool(scope="orders.address", effect="write", timeout_s=TOOL_S, retries=2)
    async def address(caller: Caller, order_id: str, street: str) -> dict[str, object]:
        """Change where an order goes."""
        return await wire.ask("POST", "/address", {"key": caller.call, "order": order_id, "street": street})

    return [refund, cancel, address]


ARGS = {
    "refund": {"order_id": ORDER, "amount": 62.0},
    "cancel": {"order_id": ORDER},
    "address": {"order_id": ORDER, "street": "Hauptstr. 5"},
}


class NoKnowledge:
    async def search(self, site, query, *, k=6):
        return []


class Store(SqliteStore):
    """The real log, with a step before and after each commit."""

    step: Steps

    async def append(self, conversation, new, *, after=None, spend=()):
        self.step()
        events = await super().append(conversation, new, after=after, spend=spend)
        self.step()
        return events


def live(plan):
    """One life of the node: until the conversation is settled, or the end."""
    logging.disable()  # what fails here fails on purpose
    asyncio.run(_live(plan))


def model(plan):
    """Calls the tool once, and then says what the call's end was."""

    def steps(prompt):
        done = [result for result in prompt.results if result.state != "waiting"]
        past = any(line.calls for line in prompt.history)
        if prompt.results or past:
            return [Text("It is done." if done and done[-1].ok else "It has not been done.")]
        return [Call("c", plan.tool, ARGS[plan.tool])]

    return Scripted(steps)


async def _live(plan):
    step = Steps(plan.die_at)
    clock_ms = lambda: time.time_ns() // 1_000_000  # noqa: E731
    ids = itertools.count(1)
    new_id = lambda: f"{os.getpid()}-{os.urandom(4).hex()}-{next(ids)}"  # noqa: E731
    with Owner(Path(plan.data)) as owner:
        store = Store.open(owner)
        store.step = step
        log = Log(store)
        hub = Hub(log, "node")
        registry = Registry()
        for fn in tools_of(Wire(plan.port, step)):
            registry.add(fn)
        site = Site.model_validate({"key": SITE, "name": "Test"})
        rules = {plan.tool: Rule(permission=plan.permission, per_site_per_day=100)}
        agents = {SITE: Agent(site, "", registry, rules, model(plan), NoKnowledge())}
        async with Turns(log, hub, agents, node="node", new_id=new_id, clock_ms=clock_ms) as turns:
            approvals = Approvals(log, agents, poke=turns.poke, clock_ms=clock_ms, new_id=new_id)
            records = Records(log, Files(Path(plan.data)), Table(Path(plan.data)))
            sweep = Sweep(log, turns, {SITE: site}, clock_ms=clock_ms, approvals=approvals, records=records)
            await _play(log, turns, approvals, sweep)
        await store.close()


async def _play(log, turns, approvals, sweep):
    """The customer asks, once; who is asked agrees, once; then until nothing is open any more."""
    changed = asyncio.Event()
    log.listeners.append(lambda key, events: changed.set())
    await _append(log, NewEvent("e:in", "identified", "system", {"customer": "cus_1", "verified": "identified"}))
    await _append(log, NewEvent("m1", "message", "customer", {"text": "please do it"}))
    await sweep.unfinished()
    async with asyncio.timeout(SETTLED_S):
        while not settled(state := await log.load(KEY)) or turns.running:
            changed.clear()
            for call in state.calls.values():
                if call.state == "asked" and call.question is not None and state.turn is None:
                    await _agree(log, turns, approvals, call)
            if not changed.is_set() and turns.running:
                await _either(changed.wait(), 0.05)
            elif not changed.is_set() and not settled(await log.load(KEY)):
                await sweep.unfinished()
                await asyncio.sleep(0.01)


async def _either(waiting, timeout_s):
    try:
        async with asyncio.timeout(timeout_s):
            await waiting
    except TimeoutError:
        pass


async def _append(log, event):
    if not any(known.id == event.id for known in await log.read(KEY)):
        await log.append(KEY, [event])


async def _agree(log, turns, approvals, call):
    try:
        if call.question.of == "staff":
            await approvals.decide(KEY, call.id, approve=True, name="Ada", seen=call.question.args_sha256)
        else:
            body = {"call": call.id, "approve": True, "by": "customer", "args_sha256": call.question.args_sha256}
            await log.append(KEY, [NewEvent(decision_id(call), "call.decided", "customer", body, call.turn)])
            turns.poke(KEY)
    except (NotDecided, Conflict, IdempotencyMismatch):
        pass


def settled(state):
    """Whether nothing of the conversation is open."""
    return bool(
        state.turns
        and state.turn is None
        and not state.unanswered
        and all(call.state == "ended" for call in state.calls.values())
    )
