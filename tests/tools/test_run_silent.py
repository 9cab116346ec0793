"""A system that has gone silent is left alone, whatever calls it."""

import asyncio
import dataclasses
from typing import Any

import pytest

from tests.tools.test_run import CALLER, Shop, Waits
from tools import (
    AnswerLost,
    Breakers,
    NotSent,
    Pace,
    ToolError,
    ToolSpec,
)
from tools import run as run_tool

# A system that has gone silent


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def silent_until_open(shop: Shop, breakers: Breakers, clock: Clock, **fields: Any) -> ToolSpec:
    tool_spec = shop.tool(**fields)
    for _ in range(2):
        await run_tool(tool_spec, CALLER, {}, breakers=breakers, pace=Pace(clock_s=clock))
    return tool_spec


async def test_a_silent_system_is_left_alone_and_looked_at_again_later():
    shop, breakers, clock = Shop(OSError(), OSError(), {"id": 1}), Breakers(failures=2, open_s=30), Clock()
    tool_spec = await silent_until_open(shop, breakers, clock, effect="money")
    left = await run_tool(tool_spec, CALLER, {}, breakers=breakers, pace=Pace(clock_s=clock))
    assert (left.ok, left.unknown, left.code, left.attempts, shop.calls) == (False, False, "not_sent", 0, 2)
    clock.now_s = 30
    back = await run_tool(tool_spec, CALLER, {}, breakers=breakers, pace=Pace(clock_s=clock))
    assert (back.ok, shop.calls, breakers.open(30)) == (True, 3, ())


async def test_tools_of_one_system_are_left_alone_together_and_others_are_not():
    breakers, clock = Breakers(failures=2), Clock()
    await silent_until_open(Shop(OSError()), breakers, clock)
    fine, same = Shop("x"), Shop("x")
    here = dataclasses.replace(fine.tool(name="other"), circuit="")
    await run_tool(here, CALLER, {}, breakers=breakers, pace=Pace(clock_s=clock))
    there = dataclasses.replace(same.tool(name="third"), circuit="tool act")
    await run_tool(there, CALLER, {}, breakers=breakers, pace=Pace(clock_s=clock))
    assert (fine.calls, same.calls) == (1, 0)


@pytest.mark.parametrize(
    ("step", "counts"),
    [
        (OSError(), True),
        ("hang", True),
        (NotSent("gone"), True),
        (AnswerLost("gone"), True),
        (AnswerLost("a 500", answered=True), False),
        (ValueError("a bug"), False),
        (ToolError("no"), False),
        (object(), False),
    ],
    ids=lambda value: type(value).__name__ if type(value) is object else repr(value),
)
async def test_only_silence_opens_a_circuit_and_no_request_that_breaks_something(step, counts):
    breakers, clock = Breakers(failures=2), Clock()
    await silent_until_open(Shop(step), breakers, clock, timeout_s=0.01)
    assert (breakers.open(0) == ("tool act",)) is counts


async def test_a_librarys_own_error_counts_by_its_cause():
    class LibraryError(Exception): ...

    wrapped = LibraryError()
    wrapped.__cause__ = LibraryError()
    wrapped.__cause__.__cause__ = ConnectionRefusedError()
    breakers, clock = Breakers(failures=2), Clock()
    await silent_until_open(Shop(wrapped), breakers, clock)
    assert breakers.open(0) == ("tool act",)


async def test_one_call_counts_once_however_often_it_is_tried():
    breakers = Breakers(failures=2)
    waits = Waits()
    await run_tool(
        Shop(OSError()).tool(retries=5),
        CALLER,
        {},
        breakers=breakers,
        pace=Pace(waits.jitter, waits.sleep, Clock()),
    )
    assert breakers.open(0) == ()


async def test_a_look_at_a_silent_system_that_meets_a_bug_lets_another_one_look():
    shop, breakers, clock = (
        Shop(OSError(), OSError(), ValueError("a bug"), "x"),
        Breakers(failures=2, open_s=30),
        Clock(),
    )
    tool_spec = await silent_until_open(shop, breakers, clock)
    clock.now_s = 30
    assert not (await run_tool(tool_spec, CALLER, {}, breakers=breakers, pace=Pace(clock_s=clock))).ok
    assert (await run_tool(tool_spec, CALLER, {}, breakers=breakers, pace=Pace(clock_s=clock))).ok


async def test_a_cancelled_look_at_a_silent_system_lets_another_one_look():
    shop, breakers, clock = Shop(OSError(), OSError(), "hang", "x"), Breakers(failures=2, open_s=30), Clock()
    tool_spec = await silent_until_open(shop, breakers, clock)
    clock.now_s = 30
    task = asyncio.create_task(run_tool(tool_spec, CALLER, {}, breakers=breakers, pace=Pace(clock_s=clock)))
    await shop.hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await run_tool(tool_spec, CALLER, {}, breakers=breakers, pace=Pace(clock_s=clock))).ok
