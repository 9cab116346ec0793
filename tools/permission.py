"""Permission: the verdict on one call by one caller.

Pure: no I/O, no clock. What is spent against a limit is booked by whoever commits the call, not here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.canonical import canonical
from tools.spec import ToolSpec
from tools.types import LEVELS, Caller, Level, Permission, ToolError

Amount = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)]
Code = Literal["", "unknown_tool", "disabled", "denied", "sign_in", "step_up", "bad_args", "broken"]

LimitName = Literal["per_customer_per_day", "per_site_per_day", "per_conversation"]
LIMITS: Final[tuple[LimitName, ...]] = ("per_customer_per_day", "per_site_per_day", "per_conversation")
"""What sums a rule can bound, strictest reach first."""

_EXPLAINED: Final[Mapping[Permission, str]] = {
    "auto": "allowed",
    "confirm": "needs the customer's confirmation",
    "approve": "needs approval",
    "deny": "denied",
}


class Rule(BaseModel):
    """What a merchant's tools.yaml says about one tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    permission: Permission | None = Field(
        default=None,
        description="`auto`, `confirm` (the customer agrees first), `approve` (staff agree first) or `deny`.",
    )
    auto_up_to: Amount | None = Field(
        default=None, description="Calls whose amount is at most this need no consent; above it, `permission` decides."
    )
    per_customer_per_day: Amount | None = Field(
        default=None,
        description="Sum of the amounts per customer and day; number of calls for a tool without an amount.",
    )
    per_site_per_day: Amount | None = Field(default=None, description="The same for the whole shop and day.")
    per_conversation: Amount | None = Field(default=None, description="The same within one conversation.")
    currency: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{3}$",
        description="Of the amounts in this rule, such as `EUR`: for a tool whose calls name a currency.",
    )
    needs: Level | None = Field(
        default=None,
        description="How well the caller must be known: `anonymous`, `identified` or `step_up`. "
        "A tool's own demand cannot be lowered.",
    )
    fallback: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="What to do when it fails for technical reasons: another tool's name, or a sentence to say.",
    )
    enabled: bool = Field(default=True, description="`false` takes the tool away: the agent does not even see it.")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict with its reason: a sentence, or exactly `sign_in` or `step_up` when the caller is too little known."""

    permission: Permission
    reason: str
    code: Code = ""
    """Why it is denied, for programs."""


def needed_level(spec: ToolSpec, rule: Rule | None) -> Level:
    """How well a caller must be known: the stricter of what the tool and the rule ask for."""
    asked = rule.needs if rule is not None and rule.needs is not None else "anonymous"
    return max(spec.needs, asked, key=LEVELS.index)


def default_permission(spec: ToolSpec) -> Permission:
    """What holds without a rule and without an `ask`: reading is allowed, everything else needs staff."""
    return "auto" if spec.effect == "read" else "approve"


def verdict(spec: ToolSpec | None, rule: Rule | None, caller: Caller, args: Mapping[str, Any]) -> Verdict:
    """Whether this caller may make this call now, and why.

    The rule goes before the tool's own `ask`, and that before the default of its effect. Whatever is unknown or
    broken is denied. Pass the rule of the site that the caller is on.
    """
    if spec is None:
        return Verdict("deny", "unknown tool", "unknown_tool")
    if rule is not None and not rule.enabled:
        return Verdict("deny", f"{spec.name} is switched off", "disabled")
    if rule is not None and rule.permission == "deny":
        return Verdict("deny", f"{spec.name} is not allowed here", "denied")
    needs = needed_level(spec, rule)
    # A level without a customer would be a bug of the runtime's; it must not open anything.
    level = caller.level if caller.customer is not None else "anonymous"
    if LEVELS.index(level) < LEVELS.index(needs):
        code: Literal["sign_in", "step_up"] = "sign_in" if level == "anonymous" else "step_up"
        return Verdict("deny", code, code)
    try:
        known = spec.validate(args)
    except ToolError as error:
        return Verdict("deny", str(error), "bad_args")
    return _decide(spec, rule, known)


def limits_of(spec: ToolSpec, rule: Rule | None, args: Mapping[str, Any]) -> list[tuple[LimitName, Decimal, Decimal]]:
    """What a call counts for against the rule's limits: `(name of the limit, cost, limit)`, to be booked when it starts.

    The cost is the call's amount, or 1 for a tool without an argument for one. What `verdict` has denied raises here.

    Raises:
        ToolError: the arguments do not fit, or the amount that a limit is about is not said or cannot be moved.
    """
    found: list[tuple[LimitName, Decimal]] = []
    for name in LIMITS:
        limit: Decimal | None = getattr(rule, name, None)
        if limit is not None:
            found.append((name, limit))
    if not found:
        return []
    if not spec.has_amount:
        return [(name, Decimal(1), limit) for name, limit in found]
    known = spec.validate(args)
    cost = spec.amount_of(known)
    if cost is None or not cost.is_finite() or cost < 0:
        raise ToolError(_unsaid(spec, found[0][0], found[0][1]) if cost is None else _unmovable(cost))
    foreign = _foreign(spec, rule, known)
    if foreign is not None:
        raise ToolError(_incomparable(cost, foreign, rule, found[0][1]))
    return [(name, cost, limit) for name, limit in found]


def policy_version(spec: ToolSpec, rule: Rule | None) -> str:
    """A SHA-256 (hex) over what decides calls of this tool: the rule, and the tool's own effect, needs, ask and arguments.

    Equal for equal meaning: `50.0` and `50.00` are one limit, and no rule is an empty rule. What an `Ask.when` does
    inside cannot be seen here; it is asked again whenever a call is judged.
    """
    ruled: dict[str, Any] = {}
    for name in ("permission", "auto_up_to", *LIMITS, "currency", "needs", "enabled"):
        value = getattr(rule or Rule(), name)
        ruled[name] = f"{value.normalize():f}" if isinstance(value, Decimal) else value
    asked = spec.ask and {"of": spec.ask.of, "when": spec.ask.when is not None}
    decided_by = {
        "tool": spec.name,
        "effect": spec.effect,
        "needs": spec.needs,
        "ask": asked,
        "amount": spec.amount,
        "args": spec.json_schema,
        "rule": ruled,
    }
    return hashlib.sha256(canonical(decided_by)).hexdigest()


def args_sha256(args: Mapping[str, Any]) -> str:
    """The SHA-256 (hex) of the arguments in canonical form: what a consent is bound to.

    Raises:
        ValueError: they are no JSON; see `canonical`.
    """
    return hashlib.sha256(canonical(args)).hexdigest()


def _decide(spec: ToolSpec, rule: Rule | None, args: BaseModel) -> Verdict:
    amount = spec.amount_of(args) if spec.has_amount else None
    if amount is not None and (not amount.is_finite() or amount < 0):
        return Verdict("deny", _unmovable(amount), "bad_args")
    permission, why = _base(spec, rule, args)
    foreign = _foreign(spec, rule, args) if amount is not None else None
    if permission == "deny" or rule is None or rule.auto_up_to is None:
        found = Verdict(permission, why, "broken" if permission == "deny" else "")
        return _limited(spec, rule, amount, foreign, found)
    if not spec.has_amount:
        return Verdict("deny", f"the rule has auto_up_to, but {spec.name} has no argument {spec.amount!r}", "broken")
    above: Permission = "approve" if permission == "auto" else permission
    if amount is None:
        found = Verdict(above, f"{_EXPLAINED[above]}: the amount is not known")
    elif foreign is not None:
        found = Verdict(above, f"{_EXPLAINED[above]}: {_incomparable(amount, foreign, rule, rule.auto_up_to)}")
    elif amount > rule.auto_up_to:
        found = Verdict(above, f"{_EXPLAINED[above]}: {amount} is over {rule.auto_up_to}")
    else:
        found = Verdict("auto", f"allowed: {amount} is not over {rule.auto_up_to}")
    return _limited(spec, rule, amount, foreign, found)


def _base(spec: ToolSpec, rule: Rule | None, args: BaseModel) -> tuple[Permission, str]:
    """The permission before amounts are looked at, and why."""
    if rule is not None and rule.permission is not None:
        return rule.permission, f"{_EXPLAINED[rule.permission]}: the rule for {spec.name} says so"
    if spec.ask is None:
        permission = default_permission(spec)
        return permission, f"{_EXPLAINED[permission]}: {spec.name} has the effect {spec.effect!r} and no rule"
    if spec.ask.when is not None:
        try:
            asks = bool(spec.ask.when(args))
        except Exception as error:  # noqa: BLE001 - a merchant's own predicate; whatever goes wrong in it denies the call
            return "deny", f"the condition of {spec.name} failed: {type(error).__name__}"
        if not asks:
            return "auto", f"allowed: {spec.name} asks for nothing in this case"
    permission = "confirm" if spec.ask.of == "customer" else "approve"
    return permission, f"{_EXPLAINED[permission]}: {spec.name} asks for it"


def _limited(spec: ToolSpec, rule: Rule | None, amount: Decimal | None, foreign: str | None, found: Verdict) -> Verdict:
    """Deny what can never fit: a call that is over a limit on its own, or whose amount is not said or not comparable."""
    if rule is None or found.permission == "deny":
        return found
    cost = amount if spec.has_amount else Decimal(1)
    for name in LIMITS:
        limit: Decimal | None = getattr(rule, name)
        if limit is None:
            continue
        if cost is None:
            return Verdict("deny", _unsaid(spec, name, limit), "bad_args")
        if foreign is not None:
            return Verdict("deny", _incomparable(cost, foreign, rule, limit), "bad_args")
        if cost > limit:
            return Verdict("deny", f"over the limit: {cost} is over {name} {limit}", "denied")
    return found


def _unsaid(spec: ToolSpec, name: LimitName, limit: Decimal) -> str:
    return f"{spec.amount}: is required here, because {name} {limit} bounds it"


def _unmovable(amount: Decimal) -> str:
    return f"{amount} is no amount that can be moved"


def _foreign(spec: ToolSpec, rule: Rule | None, args: BaseModel) -> str | None:
    """The currency that the call names, if the rule's amounts are not of it: 50 dinars are not "up to 50.00"."""
    named = spec.currency_of(args) if rule is not None else None
    return None if rule is None or named == rule.currency else named


def _incomparable(amount: Decimal, foreign: str, rule: Rule | None, limit: Decimal) -> str:
    currency = rule.currency if rule is not None else None
    return f"{amount} {foreign} cannot be compared with {limit} {currency or '(the rule names no currency)'}"
