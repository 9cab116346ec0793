"""Verdicts: rule before the tool's own ask before the effect's default; whatever is unknown or broken is denied."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tools import (
    Ask,
    Caller,
    Rule,
    ToolError,
    ToolSpec,
    args_sha256,
    limits_of,
    needed_level,
    policy_version,
    tool,
    verdict,
)
from tools.connectors.schema import SchemaArgs, SchemaSpec

GUEST = Caller("pk_x", "c1")
KNOWN = Caller("pk_x", "c1", customer="7", level="identified")
STEPPED_UP = Caller("pk_x", "c1", customer="7", level="step_up")


async def read(caller: Caller, order_id: str): ...


async def refund(caller: Caller, amount: Decimal | None = None): ...


def spec(fn: Any = read, **fields: Any) -> ToolSpec:
    return tool(**{"scope": "a.b", "effect": "read", **fields})(fn).spec


def money(**fields: Any) -> ToolSpec:
    return spec(refund, effect="money", **fields)


ARGS = {"order_id": "1042"}


@pytest.mark.parametrize(("effect", "permission"), [("read", "auto"), ("write", "approve"), ("money", "approve")])
def test_without_a_rule_reading_is_allowed_and_everything_else_needs_staff(effect, permission):
    assert verdict(spec(effect=effect), None, GUEST, ARGS).permission == permission
    assert verdict(spec(effect=effect), Rule(), GUEST, ARGS).permission == permission


def test_an_unknown_tool_is_denied():
    found = verdict(None, Rule(permission="auto"), STEPPED_UP, {})
    assert (found.permission, found.code) == ("deny", "unknown_tool")


@pytest.mark.parametrize("permission", ["auto", "confirm", "approve", "deny"])
@pytest.mark.parametrize("effect", ["read", "write", "money"])
@pytest.mark.parametrize("ask", [None, Ask("customer"), Ask("staff", when=lambda args: False)])
def test_a_rule_stands_above_ask_and_default(permission, effect, ask):
    assert verdict(spec(effect=effect, ask=ask), Rule(permission=permission), GUEST, ARGS).permission == permission


@pytest.mark.parametrize(
    ("ask", "permission"),
    [
        (Ask("customer"), "confirm"),
        (Ask("staff"), "approve"),
        (Ask("staff", when=lambda args: args.order_id == "1042"), "approve"),
        (Ask("staff", when=lambda args: args.order_id == "9999"), "auto"),
    ],
)
@pytest.mark.parametrize("effect", ["read", "write", "money"])
def test_the_tools_own_ask_stands_above_the_default(ask, permission, effect):
    assert verdict(spec(effect=effect, ask=ask), None, GUEST, ARGS).permission == permission


def test_a_condition_that_fails_denies():
    found = verdict(spec(ask=Ask("staff", when=lambda args: args.no_such_thing)), None, GUEST, ARGS)
    assert (found.permission, found.code) == ("deny", "broken")
    assert "AttributeError" in found.reason


@pytest.mark.parametrize("args", [{}, {"order_id": "1", "more": 1}, {"order_id": None}])
def test_wrong_arguments_are_denied_and_explained(args):
    found = verdict(spec(), Rule(permission="auto"), GUEST, args)
    assert (found.permission, found.code) == ("deny", "bad_args")
    assert found.reason.startswith("Wrong arguments for read")


# Who is asking


@pytest.mark.parametrize(
    ("caller", "needs", "reason"),
    [
        (GUEST, "identified", "sign_in"),
        (GUEST, "step_up", "sign_in"),
        (KNOWN, "step_up", "step_up"),
        (Caller("s", "c", level="identified"), "identified", "sign_in"),
        (Caller("s", "c", level="step_up"), "step_up", "sign_in"),
        (Caller("s", "c", customer="7"), "identified", "sign_in"),
    ],
)
def test_a_caller_who_is_not_known_well_enough_is_denied_whatever_the_rule_says(caller, needs, reason):
    for rule in (None, Rule(permission="auto"), Rule(permission="auto", needs="anonymous")):
        found = verdict(spec(needs=needs), rule, caller, {})  # even with wrong arguments
        assert (found.permission, found.reason, found.code) == ("deny", reason, reason)


@pytest.mark.parametrize("caller", [KNOWN, STEPPED_UP])
def test_a_caller_who_is_known_well_enough_passes(caller):
    assert verdict(spec(needs="identified"), None, caller, ARGS).permission == "auto"


def test_a_rule_can_ask_for_more_but_never_for_less():
    assert needed_level(spec(needs="identified"), Rule(needs="anonymous")) == "identified"
    assert needed_level(spec(), Rule(needs="step_up")) == "step_up"
    assert verdict(spec(), Rule(needs="identified"), GUEST, ARGS).reason == "sign_in"


def test_switched_off_and_denied_say_so_before_anything_else():
    assert verdict(spec(needs="identified"), Rule(enabled=False), GUEST, {}).code == "disabled"
    assert verdict(spec(needs="identified"), Rule(permission="deny"), GUEST, {}).code == "denied"


# Amounts


@pytest.mark.parametrize(
    ("amount", "permission", "reason"),
    [
        ("62.00", "approve", "needs approval: 62.00 is over 50.00"),
        ("50.01", "approve", "needs approval: 50.01 is over 50.00"),
        ("50.00", "auto", "allowed: 50.00 is not over 50.00"),
        ("0", "auto", "allowed: 0 is not over 50.00"),
        (None, "approve", "needs approval: the amount is not known"),
    ],
)
def test_auto_up_to_is_explained(amount, permission, reason):
    rule = Rule(permission="approve", auto_up_to=Decimal("50.00"))
    found = verdict(money(), rule, GUEST, {"amount": amount})
    assert (found.permission, found.reason) == (permission, reason)


@pytest.mark.parametrize(("permission", "above"), [("auto", "approve"), ("confirm", "confirm"), ("approve", "approve")])
def test_above_auto_up_to_the_permission_decides_and_auto_means_staff(permission, above):
    assert verdict(money(), Rule(permission=permission, auto_up_to=10), GUEST, {"amount": 11}).permission == above


def test_auto_up_to_never_opens_what_is_denied():
    assert verdict(money(), Rule(permission="deny", auto_up_to=10), GUEST, {"amount": 1}).permission == "deny"


def test_auto_up_to_for_a_tool_without_an_amount_is_a_broken_rule():
    found = verdict(spec(effect="write"), Rule(permission="approve", auto_up_to=10), GUEST, ARGS)
    assert (found.permission, found.code) == ("deny", "broken")


@pytest.mark.parametrize("amount", [-1, "-0.01", float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("permission", ["auto", "confirm", "approve"])
def test_an_amount_that_cannot_be_moved_is_denied(amount, permission):
    async def loose(caller: Caller, amount: float): ...

    for tool_spec in (money(), spec(loose, effect="money")):
        for rule in (Rule(permission=permission), Rule(permission=permission, auto_up_to=50)):
            assert verdict(tool_spec, rule, GUEST, {"amount": amount}).permission == "deny"


@pytest.mark.parametrize("limit", ["per_customer_per_day", "per_site_per_day", "per_conversation"])
def test_one_call_over_a_limit_can_never_fit(limit):
    found = verdict(money(), Rule(permission="approve", **{limit: 100}), GUEST, {"amount": "100.01"})
    assert (found.permission, found.reason) == ("deny", f"over the limit: 100.01 is over {limit} 100")
    assert verdict(money(), Rule(permission="approve", **{limit: 100}), GUEST, {"amount": 100}).permission == "approve"


def test_limits_of_a_tool_without_an_amount_count_calls():
    assert verdict(spec(), Rule(per_conversation=1), GUEST, ARGS).permission == "auto"
    assert verdict(spec(), Rule(per_conversation=0), GUEST, ARGS).permission == "deny"


@given(
    amount=st.decimals(-1000, 1000, places=2) | st.none(),
    up_to=st.decimals(0, 1000, places=2) | st.none(),
    permission=st.sampled_from(["auto", "confirm", "approve", "deny", None]),
    day=st.decimals(0, 1000, places=2) | st.none(),
    caller=st.sampled_from([GUEST, KNOWN, STEPPED_UP]),
)
def test_money_moves_unasked_only_by_an_explicit_rule_within_its_limits(amount, up_to, permission, day, caller):
    rule = Rule(permission=permission, auto_up_to=up_to, per_customer_per_day=day)
    found = verdict(money(needs="identified"), rule, caller, {"amount": amount})
    assert found.reason
    assert bool(found.code) == (found.permission == "deny")
    if found.permission != "auto":
        return
    assert caller.verified
    assert amount is None or amount >= 0
    assert permission == "auto" or up_to is not None
    assert up_to is None or (amount is not None and amount <= up_to)
    assert day is None or amount is None or amount <= day


@given(st.data())
def test_a_verdict_depends_on_nothing_but_its_arguments(data):
    rule = Rule(permission=data.draw(st.sampled_from(["auto", "confirm", "approve", "deny"])))
    args = {"amount": data.draw(st.integers(-5, 5))}
    assert verdict(money(), rule, GUEST, args) == verdict(money(), rule, GUEST, dict(args))


@pytest.mark.parametrize(
    "fields",
    [
        {"permission": "yes"},
        {"auto_up_to": -1},
        {"auto_up_to": "NaN"},
        {"auto_up_to": "Infinity"},
        {"per_site_per_day": "lots"},
        {"needs": "vip"},
        {"permision": "auto"},
    ],
    ids=str,
)
def test_a_broken_rule_is_not_a_rule(fields):
    with pytest.raises(ValidationError):
        Rule(**fields)


# What is booked, and what a consent is bound to

THREE = Rule(permission="auto", per_customer_per_day=100, per_site_per_day=2000, per_conversation="60.00")


def test_a_call_counts_its_amount_against_every_limit_of_the_rule():
    assert limits_of(money(), THREE, {"amount": "50.00"}) == [
        ("per_customer_per_day", Decimal("50.00"), Decimal(100)),
        ("per_site_per_day", Decimal("50.00"), Decimal(2000)),
        ("per_conversation", Decimal("50.00"), Decimal("60.00")),
    ]


def test_a_tool_without_an_amount_counts_its_calls():
    assert limits_of(spec(), Rule(per_conversation=20), ARGS) == [("per_conversation", Decimal(1), Decimal(20))]


@pytest.mark.parametrize("rule", [None, Rule(), Rule(permission="auto", auto_up_to=5)])
def test_without_a_limit_nothing_is_booked(rule):
    assert limits_of(money(), rule, {"amount": 3}) == []


@pytest.mark.parametrize("permission", ["auto", "confirm", "approve"])
@pytest.mark.parametrize("auto_up_to", [None, 50])
def test_a_call_that_does_not_say_its_amount_gets_past_no_limit(permission, auto_up_to):
    rule = Rule(permission=permission, auto_up_to=auto_up_to, per_site_per_day=100)
    found = verdict(money(), rule, STEPPED_UP, {})
    assert (found.permission, found.code) == ("deny", "bad_args")
    assert found.reason == "amount: is required here, because per_site_per_day 100 bounds it"
    with pytest.raises(ToolError):
        limits_of(money(), rule, {})


@given(st.decimals(-10, 300, places=2), st.decimals(0, 300, places=2))
def test_what_a_verdict_lets_through_can_be_booked_and_is_never_negative(amount, limit):
    rule = Rule(permission="auto", per_conversation=limit)
    if verdict(money(), rule, KNOWN, {"amount": str(amount)}).permission != "deny":
        [(_, cost, found)] = limits_of(money(), rule, {"amount": str(amount)})
        assert 0 <= cost <= found


async def send(caller: Caller, amount: float): ...


@pytest.mark.parametrize("amount", ["inf", "nan", -1])
def test_what_is_no_amount_is_never_booked(amount):
    with pytest.raises(ToolError):
        limits_of(spec(send, effect="money"), THREE, {"amount": amount})


def test_no_policy_changes_by_another_way_to_write_it():
    assert policy_version(spec(), None) == policy_version(spec(), Rule())
    assert policy_version(money(), Rule(auto_up_to="50.0")) == policy_version(money(), Rule(auto_up_to="50.00"))


async def read_more(caller: Caller, order_id: str, more: bool = False): ...


def test_every_change_of_what_decides_makes_another_policy():
    specs = [
        spec(),
        spec(effect="write"),
        spec(needs="identified"),
        spec(ask=Ask("customer")),
        spec(ask=Ask("staff")),
        spec(ask=Ask("staff", when=lambda args: True)),
        spec(amount="order_id"),
        spec(read_more, name="read"),
        spec(name="read_it"),
    ]
    rules = [
        Rule(permission="approve"),
        Rule(permission="confirm"),
        Rule(permission="approve", auto_up_to=50),
        Rule(permission="approve", auto_up_to=51),
        Rule(per_customer_per_day=50),
        Rule(per_site_per_day=50),
        Rule(per_conversation=50),
        Rule(needs="identified"),
        Rule(enabled=False),
    ]
    versions = [policy_version(one, None) for one in specs] + [policy_version(spec(), rule) for rule in rules]
    assert len(set(versions)) == len(versions)


def test_what_decides_nothing_leaves_the_policy_as_it_is():
    assert policy_version(spec(reply="Yes.", examples=["hi"], retries=2), None) == policy_version(spec(), None)


def test_equal_arguments_have_one_hash_and_others_have_another():
    assert args_sha256({"a": 1, "b": "x"}) == args_sha256({"b": "x", "a": 1.0})
    assert len({args_sha256(args) for args in ({}, {"a": 1}, {"a": "1"}, {"a": 1, "b": None}, {"b": 1})}) == 5


# Currencies


class Money(BaseModel):
    amount: Decimal
    currency: str = "EUR"


async def pay(caller: Caller, amount: Money | None = None): ...


async def pay_plain(caller: Caller, amount: Decimal, currency: str | None = None): ...


async def pay_by_schema(caller: Caller, arguments: dict[str, Any]): ...


def payment(fn: Any) -> ToolSpec:
    if fn is not pay_by_schema:
        return spec(fn, effect="money")
    pytest.importorskip("jsonschema", reason="the mcp extra is not installed")
    schema = {"type": "object", "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}}}
    return SchemaSpec("pay", "Pays.", "a.b", "money", fn, SchemaArgs, schema=schema)


def paying(fn: Any, amount: str, currency: str) -> dict[str, Any]:
    return (
        {"amount": {"amount": amount, "currency": currency}} if fn is pay else {"amount": amount, "currency": currency}
    )


PAYMENTS = pytest.mark.parametrize("fn", [pay, pay_plain, pay_by_schema])


@PAYMENTS
def test_a_call_in_another_currency_is_not_up_to_the_rules_amount(fn):
    rule = Rule(permission="approve", auto_up_to="50.00", currency="EUR")
    assert verdict(payment(fn), rule, KNOWN, paying(fn, "50.00", "eur")).permission == "auto"
    found = verdict(payment(fn), rule, KNOWN, paying(fn, "50.00", "KWD"))
    assert found.permission == "approve"
    assert found.reason == "needs approval: 50.00 KWD cannot be compared with 50.00 EUR"


@PAYMENTS
@pytest.mark.parametrize("currency", ["USD", None])
def test_a_call_in_another_currency_fits_into_no_limit(fn, currency):
    rule = Rule(permission="auto", per_site_per_day=2000, currency=currency)
    found = verdict(payment(fn), rule, KNOWN, paying(fn, "1.00", "EUR"))
    assert (found.permission, found.code) == ("deny", "bad_args")
    with pytest.raises(ToolError, match="cannot be compared"):
        limits_of(payment(fn), rule, paying(fn, "1.00", "EUR"))


@PAYMENTS
def test_a_call_in_the_rules_currency_is_booked(fn):
    rule = Rule(per_site_per_day=2000, currency="EUR")
    assert limits_of(payment(fn), rule, paying(fn, "1.00", "EUR")) == [
        ("per_site_per_day", Decimal("1.00"), Decimal(2000))
    ]


def test_a_call_that_names_no_currency_is_of_the_rules():
    rule = Rule(permission="auto", per_site_per_day=2000, currency="EUR")
    assert verdict(payment(pay_plain), rule, KNOWN, {"amount": "1.00"}).permission == "auto"


def test_another_currency_in_the_rule_is_another_policy():
    rules = [Rule(auto_up_to=50), Rule(auto_up_to=50, currency="EUR"), Rule(auto_up_to=50, currency="USD")]
    assert len({policy_version(payment(pay), rule) for rule in rules}) == 3


@pytest.mark.parametrize(("fn", "names"), [(pay, True), (pay_plain, True), (pay_by_schema, True), (refund, False)])
def test_it_is_known_whether_calls_can_name_a_currency(fn, names):
    assert payment(fn).names_currency is names
