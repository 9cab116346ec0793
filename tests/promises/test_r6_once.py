"""R6: a tool's effect happens once, and what waits for a yes survives anything.

The node is killed at every commit and at every step of its line to the shop; the shop, in a process of its own, drops
answers, breaks, hangs and dies. Then the shop's own book of effects is compared with the log.
"""

import asyncio
import collections
import itertools
import multiprocessing
import shutil

import pytest

from server.conversation import fold
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore
from tests.promises import crash_node
from tests.promises.shop_process import ShopProcess
from tests.promises.visitor import count, record

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

TOOLS = ("refund", "cancel", "address")
PERMISSIONS = ("auto", "confirm", "approve")
FAULTS = ("refused", "drop_before", "drop_after", "hang", "late", "broken_before", "broken_after", "die")
LIVES = 6
"""A node is started anew at most so often; the third attempt at a turn is the last, and then a person has it."""


@pytest.fixture(scope="module")
def processes():
    """Processes made by forking one that has everything loaded: a life costs some 50 ms instead of a second."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.promises.crash_node"])
    return context


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with ShopProcess(tmp_path_factory.mktemp("shop")) as running:
        yield running


class Case:
    """One customer's wish, one log, as many lives as it takes."""

    def __init__(self, processes, shop, data, tool, permission):
        self.processes = processes
        self.shop = shop
        self.data = data
        self.plan = crash_node.Plan(str(data), shop.port, tool, permission)
        self.first = len(shop.effects())

    def live(self, die_at=0):
        """One life; how it ended: 0, or -9 for a kill."""
        plan = crash_node.Plan(self.plan.data, self.plan.port, self.plan.tool, self.plan.permission, die_at)
        process = self.processes.Process(target=crash_node.live, args=(plan,))
        process.start()
        process.join()
        return process.exitcode

    def settle(self):
        """Start it anew until nothing is open."""
        for _ in range(LIVES):
            if self.shop.dead:
                self.shop.start()
            if self.live() == 0:
                return
        raise AssertionError("it never came to an end")

    def verdict(self):
        """What the log says beside what the shop's book says: `once`, `nothing`, `unknown`; else the broken promise."""
        state = asyncio.run(self.read())
        effects = [line for line in self.shop.effects()[self.first :] if line["key"] in state.calls]
        strange = [line for line in self.shop.effects()[self.first :] if line["key"] not in state.calls]
        if strange:
            return f"effects of no call in the log: {strange}"
        if len(effects) > 1:
            return f"{len(effects)} effects"
        calls = [call for call in state.calls.values() if call.tool == self.plan.tool]
        unknown = [call for call in calls if call.unknown]
        if any(call.ok for call in calls):
            return "once" if len(effects) == 1 else "said to be done, and was not"
        if unknown:
            return "unknown" if state.mode == "waiting" else "unknown, and no person was asked"
        if effects:
            return "done, and said not to be"
        told = any(message.role == "agent" for message in state.messages)
        return "nothing" if told else "nothing, and not a word about it"

    async def read(self):
        with Owner(self.data) as owner:
            store = SqliteStore.open(owner)
            try:
                return fold(crash_node.KEY, await store.read(crash_node.KEY, limit=10_000))
            finally:
                await store.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.data, ignore_errors=True)


def kills(processes, shop, tmp_path, tool, permission, step):
    """The verdict with a kill at the step; None if that life came to its end before."""
    with Case(processes, shop, tmp_path / f"{tool}-{permission}-{step}", tool, permission) as case:
        if case.live(step) == 0:
            return None
        case.settle()
        return case.verdict()


def test_r6_killed_at_every_commit_and_every_step_of_the_line_the_effect_happens_once(processes, shop, tmp_path):
    found = collections.Counter()
    wrong = []
    for tool, permission in itertools.product(TOOLS, PERMISSIONS):
        for step in itertools.count(1, count(11, 1)):
            ended = kills(processes, shop, tmp_path, tool, permission, step)
            if ended is None:
                break
            found[ended] += 1
            if ended not in ("once", "unknown") or (ended == "unknown" and tool != "address"):
                wrong.append(f"{tool}, {permission}, killed at step {step}: {ended}")
    assert wrong == []
    assert found["once"]
    record(
        "R6 killed",
        f"{found.total()} kills: {found['once']} effects once, 0 twice, 0 silently lost, {found['unknown']} handed to a"
        " person as unknown (a tool that can neither be repeated nor looked up)",
    )


def test_r6_a_shop_that_drops_answers_breaks_hangs_and_dies_gets_nothing_twice(processes, shop, tmp_path):
    found = collections.Counter()
    wrong = []
    allowed = {"refund": ("once", "nothing"), "cancel": ("once", "nothing"), "address": ("once", "nothing", "unknown")}
    for number, (tool, fault, times) in enumerate(itertools.product(TOOLS, FAULTS, (1, 5))):
        if number % count(5, 1):
            continue
        with Case(processes, shop, tmp_path / f"{tool}-{fault}-{times}", tool, "auto") as case:
            asyncio.run(
                crash_node.Wire(shop.port, lambda: None).ask("POST", "/fault", {"fault": fault, "times": times})
            )
            case.settle()
            ended = case.verdict()
            if shop.dead:
                shop.start()
            asyncio.run(crash_node.Wire(shop.port, lambda: None).ask("POST", "/fault", {"fault": "", "times": 0}))
        found[ended] += 1
        if ended not in (*allowed[tool], "unknown" if fault == "die" or times > 1 else "once"):
            wrong.append(f"{tool}, {fault} × {times}: {ended}")
    assert wrong == []
    record(
        "R6 faults",
        f"{found.total()} faults of the shop: " + ", ".join(f"{n} {what}" for what, n in sorted(found.items())),
    )


def test_r6_killed_while_the_shop_misbehaves_too(processes, shop, tmp_path):
    found = collections.Counter()
    wrong = []
    for number, (tool, fault) in enumerate(itertools.product(TOOLS, ("drop_after", "broken_after", "late"))):
        for step in range(5 + number % count(16, 1), 26, count(16, 1)):
            with Case(processes, shop, tmp_path / f"{tool}-{fault}-{step}", tool, "auto") as case:
                asyncio.run(
                    crash_node.Wire(shop.port, lambda: None).ask("POST", "/fault", {"fault": fault, "times": 1})
                )
                case.live(step)
                case.settle()
                ended = case.verdict()
                asyncio.run(crash_node.Wire(shop.port, lambda: None).ask("POST", "/fault", {"fault": "", "times": 0}))
            found[ended] += 1
            if ended not in ("once", "unknown"):
                wrong.append(f"{tool}, {fault}, killed at step {step}: {ended}")
    assert wrong == []
    record(
        "R6 both",
        f"{found.total()} kills of the node with a fault of the shop: {found['once']} once, {found['unknown']} unknown",
    )
