"""Running a tool: limits, retries, errors and results.

Waits are recorded, never slept; a tool that must hang waits for an event that never comes.
"""

import asyncio
import dataclasses
import datetime
import enum
import logging
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tools import (
    Caller,
    Outcome,
    Pace,
    ToolError,
    ToolSpec,
    output,
    tool,
)
from tools import run as run_tool
from tools.run import FAILED, TIMED_OUT

CALLER = Caller("pk_x", "c1", customer="7", email="a@b.example", level="identified", call="call:9")


def spec(fn: Any, **fields: Any) -> ToolSpec:
    return tool(**{"scope": "a.b", "effect": "read", "timeout_s": 5, **fields})(fn).spec


class Waits:
    """Records each wait, and the bounds that jitter was asked for."""

    def __init__(self) -> None:
        self.bounds: list[tuple[float, float]] = []
        self.waited: list[float] = []

    def jitter(self, low: float, high: float) -> float:
        self.bounds.append((low, high))
        return high / 2

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


async def go(
    tool_spec: ToolSpec, args: dict[str, Any] | None = None, waits: Waits | None = None, **rest: Any
) -> Outcome:
    waits = waits or Waits()
    return await run_tool(tool_spec, CALLER, args or {}, pace=Pace(waits.jitter, waits.sleep), **rest)


class Shop:
    """Counts calls and does what it is told, in order; the last entry is repeated."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.calls = 0
        self.hangs = asyncio.Event()

    async def act(self) -> Any:
        step = self.script[min(self.calls, len(self.script) - 1)]
        self.calls += 1
        if step == "hang":
            self.hangs.set()
            await asyncio.Event().wait()
        if isinstance(step, BaseException):
            raise step
        return step

    def tool(self, **fields: Any) -> ToolSpec:
        async def act(caller: Caller) -> Any:
            return await self.act()

        return spec(act, **fields)


async def test_a_tool_gets_the_caller_and_its_arguments_validated():
    seen = []

    async def find(caller: Caller, order_id: str, total: Decimal, lines: int = 3):
        seen.append((caller, order_id, total, lines))
        return "found"

    done = await go(spec(find), {"order_id": 1042, "total": "3.10"})
    assert seen == [(CALLER, "1042", Decimal("3.10"), 3)]
    assert (done.ok, done.result, done.error, done.attempts, done.unknown) == (True, "found", None, 1, False)


async def test_wrong_arguments_never_reach_the_tool():
    shop = Shop("x")
    done = await go(shop.tool(effect="money"), {"customer_id": "8"})
    assert (done.ok, done.attempts, done.unknown, shop.calls) == (False, 0, False, 0)
    assert "customer_id: not an argument of act" in done.error


# Errors


async def test_a_tool_error_is_told_and_never_tried_again():
    shop = Shop(ToolError("There is no order 1042."))
    done = await go(shop.tool(retries=5, effect="write", idempotent=True))
    assert (done.ok, done.error, done.unknown, shop.calls) == (False, "There is no order 1042.", False, 1)


async def test_a_tool_error_is_cut_at_500_characters_and_never_empty():
    assert len((await go(Shop(ToolError("x" * 9000)).tool())).error) == 500
    assert (await go(Shop(ToolError()).tool())).error == FAILED


async def test_a_bug_is_logged_without_arguments_and_told_in_one_fixed_sentence(caplog):
    async def find(caller: Caller, order_id: str):
        raise KeyError("db password is hunter2")

    with caplog.at_level(logging.ERROR, "shopbell.tools"):
        done = await go(spec(find), {"order_id": "secret-order"})
    assert (done.ok, done.error) == (False, FAILED)
    (record,) = caplog.records
    assert record.exc_info is not None
    text = record.getMessage()
    assert "find" in text
    assert "c1" in text
    assert "call:9" in text
    assert "secret-order" not in text


@pytest.mark.parametrize(
    ("effect", "step", "unknown"),
    [
        ("read", ValueError(), False),
        ("read", "hang", False),
        ("write", ValueError(), True),
        ("write", "hang", True),
        ("money", ConnectionResetError(), True),
        ("money", ToolError("no"), False),
    ],
)
async def test_what_may_have_happened_is_unknown_unless_the_tool_only_reads(effect, step, unknown):
    done = await go(Shop(step).tool(effect=effect, timeout_s=0.01))
    assert (done.ok, done.unknown) == (False, unknown)


# Time


async def test_a_tool_that_hangs_is_stopped_at_its_limit():
    stopped = []

    async def hang(caller: Caller):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(True)
            raise

    done = await go(spec(hang, timeout_s=0.01))
    assert (done.ok, done.error, stopped) == (False, TIMED_OUT, [True])


async def test_a_tool_that_ignores_its_cancellation_does_not_hold_the_turn(monkeypatch, caplog):
    monkeypatch.setattr(sys.modules["tools.run"], "GRACE_S", 0.01)  # the package's `run` is the function
    release = asyncio.Event()

    async def stubborn(caller: Caller):
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    with caplog.at_level(logging.ERROR, "shopbell.tools"):
        done = await go(spec(stubborn, timeout_s=0.01))
    release.set()
    assert done.error == TIMED_OUT
    assert "left behind" in caplog.text


async def test_a_cancellation_from_outside_stops_the_tool_and_passes_on():
    started, stopped = asyncio.Event(), asyncio.Event()

    async def slow(caller: Caller):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    task = asyncio.create_task(go(spec(slow, retries=5)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()


async def test_a_cancellation_while_waiting_to_try_again_passes_on():
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(run_tool(Shop(OSError()).tool(retries=1), CALLER, {}, pace=Pace(sleep=sleep)))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_tool_that_cancels_itself_ends_its_call_and_not_the_turn():
    done = await go(Shop(asyncio.CancelledError()).tool())
    assert (done.ok, done.error) == (False, FAILED)


async def test_a_tool_that_finishes_while_being_stopped_counts_as_timed_out():
    async def late(caller: Caller):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "late"

    assert (await go(spec(late, effect="money", timeout_s=0.01))).unknown


async def test_a_tool_that_calls_sys_exit_ends_its_call_and_not_the_server():
    done = await go(Shop(SystemExit(3)).tool())
    assert (done.ok, done.error) == (False, FAILED)


# Retries


@pytest.mark.parametrize(
    ("fields", "calls"),
    [
        ({"effect": "read", "retries": 2}, 3),
        ({"effect": "write", "idempotent": True, "retries": 2}, 3),
        ({"effect": "money", "idempotent": True, "retries": 1}, 2),
        ({"effect": "read"}, 1),
        ({"effect": "write", "retries": 2}, 1),
        ({"effect": "money", "retries": 2}, 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("step", [OSError(), "hang"], ids=["error", "hang"])
async def test_only_reading_and_idempotent_tools_are_tried_again(fields, calls, step):
    shop = Shop(step)
    done = await go(shop.tool(**fields, timeout_s=0.01))
    assert (shop.calls, done.attempts, done.ok) == (calls, calls, False)


async def test_a_later_attempt_may_succeed():
    shop = Shop(OSError(), "hang", {"id": 1})
    done = await go(shop.tool(retries=3, timeout_s=0.01))
    assert (done.ok, done.result, done.attempts) == (True, {"id": 1}, 3)


async def test_waits_double_from_200_ms_to_5_s_with_full_jitter():
    waits = Waits()
    await go(Shop(OSError()).tool(retries=5), waits=waits)
    assert waits.bounds == [(0, 0.2), (0, 0.4), (0, 0.8), (0, 1.6), (0, 3.2)]
    assert waits.waited == [0.1, 0.2, 0.4, 0.8, 1.6]


async def test_every_attempt_has_the_same_call_id_as_idempotency_key():
    keys = []

    async def act(caller: Caller):
        keys.append(caller.call)
        raise OSError

    await go(spec(act, effect="money", idempotent=True, retries=2))
    assert keys == ["call:9"] * 3


# Results


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Line:
    sku: str
    price: Decimal


class Order(BaseModel):
    id: str
    at: datetime.date
    lines: list[Line]


@pytest.mark.parametrize(
    ("result", "value"),
    [
        (None, None),
        (Decimal("62.00"), "62.00"),
        (Colour.RED, "red"),
        (
            Order(id="1", at=datetime.date(2026, 11, 21), lines=[Line("a", Decimal("1.50"))]),
            {"id": "1", "at": "2026-11-21", "lines": [{"sku": "a", "price": "1.50"}]},
        ),
        ({1: {2}}, {"1": [2]}),
        (float("nan"), None),
        (b"\xff", "_w=="),
        ("\ud800x", "?x"),
        (2**70, str(2**70)),
        (True, True),
    ],
    ids=repr,
)
async def test_results_become_plain_json(result, value):
    done = await go(Shop(result).tool())
    assert done.ok
    assert done.result == value
    assert type(done.result) is type(value)


class Weird:
    pass


def circle() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize("result", [Weird(), {"x": Weird()}, circle()], ids=["object", "inside", "circle"])
async def test_a_result_without_json_form_is_a_bug_that_is_never_retried(result):
    shop = Shop(result)
    done = await go(shop.tool(effect="write", idempotent=True, retries=3))
    assert (done.ok, done.error, done.unknown, shop.calls) == (False, FAILED, True, 1)


async def test_a_long_result_is_cut_and_says_so():
    orders = [{"id": str(n), "note": "n" * 100} for n in range(500)]
    done = await go(Shop({"orders": orders, "total": 500}).tool(max_output_chars=2000))
    assert done.ok
    assert output.size(done.result) <= 2000
    assert done.result["total"] == 500
    assert done.result["orders"] == orders[: len(done.result["orders"])]
    assert done.result["_cut"] == done.cut
    assert f"orders: {len(done.result['orders'])} of 500 entries shown" in done.cut


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=60) | st.dictionaries(st.text(max_size=30), inner, max_size=60),
    max_leaves=100,
)


@given(JSON, st.integers(200, 3000))
def test_any_result_fits_its_cap_and_nothing_is_cut_in_silence(value, cap):
    cut, note = output.cap(value, cap)
    assert output.size(cut) <= cap
    if output.size(value) <= cap:
        assert (cut, note) == (value, "")
    else:
        assert note
        said = cut["_cut"] if isinstance(cut, dict) else cut[-1]["_cut"] if isinstance(cut, list) else cut
        assert note in said


@pytest.mark.parametrize(
    "value",
    ["x" * 20_000, [["x" * 500] * 50] * 50, {"k" * 5000: 1}, {str(n): n for n in range(9000)}, list(range(9000))],
)
def test_extreme_results_fit_too(value):
    cut, note = output.cap(value, 400)
    assert output.size(cut) <= 400
    assert note


async def test_the_outcome_says_how_long_it_took():
    assert (await go(Shop("x").tool())).ms >= 0


# Nothing was sent
