"""Undo: a tool that can be taken back brings a tool that does it, bound to one call before it runs."""

import dataclasses
from decimal import Decimal

import pytest

from tools import BadTool, Caller, Registry, ToolError, ToolSpec, run, tool, undo_refused, undoing, verdict

CALLER = Caller("pk_x", "c1", customer="7", level="identified", call="call:10")


class Shop:
    """Refunds that can be taken back."""

    def __init__(self) -> None:
        self.taken_back: list[tuple[str, str, Decimal, dict[str, str]]] = []

    def refund(self, **fields: object) -> ToolSpec:
        async def take_back(caller: Caller, result: dict[str, str], amount: Decimal) -> str:
            self.taken_back.append((caller.call, caller.customer or "", amount, result))
            return "taken back"

        @tool(**{"scope": "orders.refund", "effect": "money", "needs": "identified", "undo": take_back, **fields})
        async def refund(caller: Caller, order_id: str, amount: Decimal) -> dict[str, str]: ...

        return refund.spec


def registry_with(spec: ToolSpec) -> Registry:
    registry = Registry()
    registry.add(spec)
    return registry


def test_a_tool_with_undo_brings_a_tool_that_takes_it_back():
    registry = registry_with(Shop().refund())
    assert [spec.name for spec in registry] == ["refund", "undo_refund"]
    undo = registry.get("undo_refund")
    assert (undo.undoes, undo.effect, undo.needs, undo.idempotent) == ("refund", "write", "identified", False)
    assert list(undo.json_schema["properties"]) == ["call"]
    assert undo.label_for({"call": "call:9"}) == "Taking back: Refund"
    assert undo.label_for({"call": "call:9"}, "de") == "Rückgängig machen: Refund"


def test_it_has_the_limits_of_its_tool_and_talks_to_the_same_system():
    undo = registry_with(Shop().refund(timeout_s=3, retries=2, max_output_chars=500)).get("undo_refund")
    assert (undo.timeout_s, undo.retries, undo.max_output_chars, undo.circuit) == (3, 2, 500, "tool refund")
    shared = registry_with(dataclasses.replace(Shop().refund(), circuit="shop.example:443"))
    assert shared.get("undo_refund").circuit == "shop.example:443"


def test_taking_back_needs_staff_unless_a_rule_of_its_own_says_otherwise():
    undo = registry_with(Shop().refund()).get("undo_refund")
    assert verdict(undo, None, CALLER, {"call": "call:9"}).permission == "approve"
    assert verdict(undo, None, Caller("pk_x", "c1"), {"call": "call:9"}).code == "sign_in"


async def test_it_gets_the_arguments_and_the_result_of_the_call_that_is_meant():
    shop = Shop()
    registry = registry_with(shop.refund())
    original, undo = registry.get("refund"), registry.get("undo_refund")
    bound = undoing(undo, original, {"order_id": "1042", "amount": "20.00"}, {"id": "re_1"})
    done = await run(bound, CALLER, {"call": "call:9"})
    assert (done.ok, done.result) == (True, "taken back")
    assert shop.taken_back == [("call:10", "7", Decimal("20.00"), {"id": "re_1"})]


async def test_without_a_call_that_is_meant_it_does_nothing():
    shop = Shop()
    done = await run(registry_with(shop.refund()).get("undo_refund"), CALLER, {"call": "call:9"})
    assert (done.ok, done.unknown, shop.taken_back) == (False, False, [])


async def test_an_undo_whose_end_is_lost_is_unknown_like_every_write():
    async def take_back(caller: Caller, result: object):
        raise ConnectionResetError

    registry = registry_with(Shop().refund(undo=take_back))
    bound = undoing(registry.get("undo_refund"), registry.get("refund"), {"order_id": "1", "amount": "1"}, None)
    assert (await run(bound, CALLER, {"call": "call:9"})).unknown


def test_it_is_bound_to_calls_of_its_own_tool_only():
    registry = registry_with(Shop().refund())
    registry.add(Shop().refund(name="pay_out"))
    args = {"order_id": "1", "amount": "1"}
    with pytest.raises(ValueError, match="expected the undo tool of pay_out"):
        undoing(registry.get("undo_refund"), registry.get("pay_out"), args, None)
    with pytest.raises(ToolError):
        undoing(registry.get("undo_refund"), registry.get("refund"), {"order": "1"}, None)


def test_a_call_can_be_taken_back_once_in_time_and_only_if_it_succeeded():
    undo = registry_with(Shop().refund(undo_s=60)).get("undo_refund")
    fine = {"tool": "refund", "ok": True, "ended_ms": 1000, "undone": False, "now_ms": 61_000}
    assert undo_refused(undo, **fine) is None
    assert "for 1 minute." in undo_refused(undo, **{**fine, "now_ms": 61_001})
    assert "already" in undo_refused(undo, **{**fine, "undone": True})
    assert "did not succeed" in undo_refused(undo, **{**fine, "ok": False})
    assert "did not succeed" in undo_refused(undo, **{**fine, "ended_ms": None})
    assert "not a call of refund" in undo_refused(undo, **{**fine, "tool": "other"})


def test_former_names_of_the_tool_give_former_names_of_its_undo():
    registry = registry_with(Shop().refund(aliases=["pay_back"]))
    assert registry.get("undo_pay_back") is registry.get("undo_refund")


def test_a_name_that_is_taken_is_an_error_and_adds_nothing():
    registry = registry_with(Shop().refund(name="undo_refund", undo=None))
    with pytest.raises(ValueError, match="two tools are called 'undo_refund'"):
        registry.add(Shop().refund())
    assert len(registry) == 1


def test_the_tools_of_one_registry_can_be_added_to_another():
    first = registry_with(Shop().refund())
    second = Registry()
    for spec in first:
        second.add(spec)
    assert [spec.name for spec in second] == [spec.name for spec in first]


def test_a_tool_is_added_once():
    spec = Shop().refund()
    registry = registry_with(spec)
    with pytest.raises(ValueError, match="two tools are called 'refund'"):
        registry.add(spec)


async def no_result(caller: Caller, amount: Decimal): ...
async def foreign(caller: Caller, result: object, sku: str): ...
def not_async(caller: Caller, result: object): ...
async def fits(caller: Caller, result: object): ...


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"undo": no_result}, "the parameters of undo must begin with caller, result"),
        ({"undo": foreign}, "may take the tool's own arguments: order_id, amount"),
        ({"undo": not_async}, "undo must be an async function"),
        ({"undo": fits, "effect": "read"}, "nothing to take back"),
        ({"undo": fits, "name": "r" * 60}, "at most 59 characters"),
        ({"undo": fits, "undo_s": 0}, "undo_s must be more than 0"),
        ({"undo": fits, "undo_s": 31 * 86400}, "at most 2592000"),
        ({"reconcile": fits}, "reconcile has `result: object`"),
        ({"reconcile": not_async}, "reconcile must be an async function"),
        ({"reconcile": "look_up"}, "reconcile must be an async function"),
    ],
)
def test_a_function_that_cannot_take_back_or_look_up_is_refused_where_it_is_written(fields, message):
    with pytest.raises(BadTool, match=message):
        Shop().refund(**fields)
