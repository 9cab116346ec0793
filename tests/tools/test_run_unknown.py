"""Calls of which nobody knows whether they happened: what was sent, what may have arrived, and looking it up."""

import asyncio
import logging
import sys
from decimal import Decimal
from typing import Any

import pytest

from tests.tools.test_run import CALLER, Shop, Weird, go, spec
from tools import (
    Caller,
    NotSent,
    Reconciled,
    ToolError,
    ToolSpec,
    reconcile,
)
from tools.run import NOTHING_DONE


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
