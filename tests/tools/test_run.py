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
    AnswerLost,
    Breakers,
    Caller,
    NotSent,
    Outcome,
    Pace,
    Reconciled,
    ToolError,
    ToolSpec,
    output,
    reconcile,
    tool,
)
from tools import run as run_tool
from tools.run import FAILED, NOTHING_DONE, TIMED_OUT

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


@pytest.mark.parametrize("effect", ["read", "write", "money"])
async def test_what_was_not_sent_is_tried_again_whatever_the_tool_does(effect):
    shop = Shop(NotSent("no route"), NotSent("no route"), {"id": 1})
    done = await go(shop.tool(effect=effect, retries=2))
    assert (done.ok, done.attempts, done.unknown) == (True, 3, False)


async def test_what_was_never_sent_is_a_known_failure_whose_cause_is_only_logged(caplog):
    with caplog.at_level(logging.WARNING, "shopbell.tools"):
        done = await go(Shop(NotSent("10.0.0.5 is down")).tool(effect="money"))
    assert (done.ok, done.unknown, done.error, done.code) == (False, False, NOTHING_DONE, "not_sent")
    assert "10.0.0.5 is down" in caplog.text


# An attempt that may have arrived

LATER = [ToolError("Already refunded; nothing was done."), NotSent("gone"), OSError(), "hang"]


@pytest.mark.parametrize("later", LATER, ids=["refused", "not sent", "error", "hang"])
@pytest.mark.parametrize("first", [ConnectionResetError(), "hang"], ids=["lost", "hang"])
async def test_whatever_a_later_attempt_says_the_first_one_may_have_arrived(first, later):
    done = await go(Shop(first, later).tool(effect="money", idempotent=True, retries=1, timeout_s=0.01))
    assert (done.ok, done.unknown, done.attempts) == (False, True, 2)
    assert "nothing was done" not in done.error
    assert not done.wants_fallback


@pytest.mark.parametrize("later", LATER, ids=["refused", "not sent", "error", "hang"])
async def test_an_attempt_in_another_process_may_have_arrived_too(later):
    tool_spec = Shop(later).tool(effect="write", idempotent=True, timeout_s=0.01)
    assert (await go(tool_spec, earlier=True)).unknown
    assert not (await go(Shop(later).tool(timeout_s=0.01), earlier=True)).unknown


async def test_arguments_that_no_longer_fit_leave_an_earlier_attempt_open():
    done = await go(Shop("x").tool(effect="write"), {"order": 1}, earlier=True)
    assert (done.ok, done.unknown, done.attempts) == (False, True, 0)


async def test_a_success_after_an_attempt_that_may_have_arrived_is_a_success():
    done = await go(Shop(OSError(), {"id": 1}).tool(effect="money", idempotent=True, retries=1))
    assert (done.ok, done.result, done.unknown) == (True, {"id": 1}, False)


@pytest.mark.parametrize(
    ("fields", "step", "wants"),
    [
        ({"effect": "read"}, OSError(), True),
        ({"effect": "read"}, "hang", True),
        ({"effect": "read"}, ToolError("There is no such order."), False),
        ({"effect": "write"}, OSError(), False),
        ({"effect": "write"}, NotSent("gone"), True),
        ({"effect": "read"}, "found", False),
    ],
)
async def test_only_a_technical_failure_without_an_effect_wants_a_fallback(fields, step, wants):
    assert (await go(Shop(step).tool(**fields, timeout_s=0.01))).wants_fallback is wants
    assert not (await go(Shop(step).tool(**fields), {"wrong": 1})).wants_fallback


# Looking up what happened


class Ledger(Shop):
    """A shop that can also be asked what became of a call; `looks` is what it says, in order."""

    def __init__(self, *script: Any, looks: tuple[Any, ...] = (None,)) -> None:
        super().__init__(*script)
        self.looks = list(looks)
        self.asked: list[str] = []

    def tool(self, **fields: Any) -> ToolSpec:
        async def look(caller: Caller) -> Any:
            found = self.looks[min(len(self.asked), len(self.looks) - 1)]
            self.asked.append(caller.call)
            if found == "hang":
                await asyncio.Event().wait()
            if isinstance(found, BaseException):
                raise found
            return found

        return super().tool(**{"effect": "money", "reconcile": look, "timeout_s": 0.01, **fields})


@pytest.mark.parametrize("step", [OSError(), "hang"], ids=["lost", "hang"])
async def test_an_effect_that_happened_is_found_and_its_result_given_on(step):
    shop = Ledger(step, looks=({"id": "re_1", "amount": Decimal("5.00")},))
    done = await go(shop.tool(retries=3))
    assert (done.ok, done.result, done.reconciled) == (True, {"id": "re_1", "amount": "5.00"}, True)
    assert (shop.calls, shop.asked) == (1, ["call:9"])


async def test_what_did_not_happen_may_be_run_again_within_the_retries():
    shop = Ledger(OSError(), OSError(), {"id": 1})
    done = await go(shop.tool(retries=2))
    assert (done.ok, done.attempts, len(shop.asked)) == (True, 3, 2)


async def test_what_did_not_happen_is_a_known_failure_when_the_retries_are_used_up():
    shop = Ledger(OSError())
    done = await go(shop.tool(retries=1))
    assert (done.ok, done.unknown, shop.calls) == (False, False, 2)
    assert done.wants_fallback


async def test_what_nobody_can_tell_is_unknown_and_not_run_again():
    for look in (OSError(), "hang", ToolError("no"), object()):
        shop = Ledger(OSError(), looks=(look,))
        done = await go(shop.tool(retries=3))
        assert (done.ok, done.unknown, shop.calls, len(shop.asked)) == (False, True, 1, 2)


async def test_an_idempotent_tool_is_tried_again_before_anybody_looks():
    shop = Ledger(OSError(), {"id": 1})
    done = await go(shop.tool(idempotent=True, retries=1))
    assert (done.ok, shop.asked) == (True, [])


async def test_after_a_lost_attempt_a_refusal_is_looked_into():
    first = {"idempotent": True, "retries": 1}
    happened = await go(Ledger(OSError(), ToolError("Already refunded."), looks=({"id": 1},)).tool(**first))
    not_so = await go(Ledger(OSError(), ToolError("Not possible."), looks=(None,)).tool(**first))
    assert (happened.ok, happened.result) == (True, {"id": 1})
    assert (not_so.ok, not_so.unknown, not_so.error) == (False, False, "Not possible.")


async def test_a_refusal_stands_when_the_lost_attempt_did_nothing():
    shop = Ledger(OSError(), ToolError("Not possible."))
    done = await go(shop.tool(idempotent=True, retries=3))
    assert (done.error, shop.calls) == ("Not possible.", 2)


async def test_what_was_looked_up_is_not_asked_again():
    shop = Ledger(OSError(), NotSent("gone"))
    done = await go(shop.tool(retries=1))
    assert (done.unknown, done.code, len(shop.asked)) == (False, "not_sent", 1)


async def test_a_function_that_came_to_its_end_is_never_run_again():
    shop = Ledger(Weird(), looks=(None,))
    done = await go(shop.tool(retries=3))
    assert (done.unknown, shop.calls) == (True, 1)


async def test_a_function_that_runs_on_after_its_time_is_never_denied(monkeypatch):
    monkeypatch.setattr(sys.modules["tools.run"], "GRACE_S", 0.01)
    release, calls = asyncio.Event(), []

    async def stubborn(caller: Caller):
        calls.append(caller.call)
        if len(calls) == 2:
            raise ToolError("Busy with it.")
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async def look(caller: Caller) -> None: ...

    fields = {"effect": "money", "timeout_s": 0.01, "retries": 3, "reconcile": look}
    once = await go(spec(stubborn, **fields))
    assert (once.unknown, calls) == (True, ["call:9"])
    calls.clear()
    again = await go(spec(stubborn, **fields, idempotent=True))
    release.set()
    assert (again.unknown, calls) == (True, ["call:9"] * 2)


async def test_nobody_looks_after_a_success_or_a_refusal():
    for step in ({"id": 1}, ToolError("no"), NotSent("gone")):
        shop = Ledger(step)
        await go(shop.tool())
        assert shop.asked == []


async def test_reconcile_says_what_happened_what_did_not_and_what_nobody_knows():
    async def ask(*looks: Any) -> Reconciled:
        return await reconcile(Ledger("x", looks=looks).tool(), CALLER, {})

    assert await ask({"id": 1}) == Reconciled(True, {"id": 1})
    assert await ask(None) == Reconciled(False)
    assert await ask(OSError()) == Reconciled(None)
    assert await ask(OSError(), {"id": 1}) == Reconciled(True, {"id": 1})
    assert await reconcile(Shop("x").tool(effect="write"), CALLER, {}) == Reconciled(None)
    assert await reconcile(Ledger("x").tool(), CALLER, {"wrong": 1}) == Reconciled(None)


async def test_reconcile_gets_those_of_the_arguments_that_it_names():
    got = []

    async def look(caller: Caller, amount: Decimal):
        got.append((caller.call, amount))
        return "done"

    async def pay(caller: Caller, order_id: str, amount: Decimal): ...

    await reconcile(spec(pay, effect="money", reconcile=look), CALLER, {"order_id": "1", "amount": "2.50"})
    assert got == [("call:9", Decimal("2.50"))]


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
