"""Consent: whether a call may run now, and if not, who has to say something first.

Pure: no I/O, no clock. Nothing a model wrote counts here but the stored arguments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from server.conversation import Asked, CallRecord, Conversation, id_of
from server.proof import masked
from server.site import Limits, Site
from tools import Caller, Registry, Rule, ToolSpec, Verdict, args_sha256, canonical, fields_of, policy_version, verdict
from tools.types import LEVELS
from tools.workflow.program import Program

MAX_ASKS: Final = 3
"""Questions about one call. A rule that changes while somebody thinks asks once more, not for ever."""
UNASKED: Final = "nothing that the customer wrote asks for it"
CUSTOMER_S: Final = 15 * 60
"""How long a customer may think about a question (DESIGN §7)."""
STAFF_OPEN_S: Final = 24 * 3600
"""How long staff may, in hours in which the shop is open (DESIGN §7)."""

Level = Literal["sign_in", "step_up"]
Code = Literal[
    "denied", "sign_in", "sign_in_again", "step_up", "unknown_outcome", "repeated", "declined", "refused", "expired",
    "over_limit", "failed", "withdrawn",
]  # fmt: skip
"""Why a call ends without running, for programs."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a site allows: its tools, the merchant's rule for each, and the limits of a turn."""

    registry: Registry
    rules: Mapping[str, Rule]
    limits: Limits
    verifies: frozenset[Level] = frozenset()
    """What a customer can prove in the chat itself: who he is (`sign_in`), that he reads his own mail (`step_up`)."""
    off: bool = False
    """The merchant has switched the agent off."""
    workflows: Mapping[str, Program] = field(default_factory=dict)
    """What runs are walked by, by name."""
    currency: str | None = None
    """What the shop's amounts are of, where nothing else says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody has to agree first, or the customer to show who he is (`verify`). `why` is in words.

    `currency` is the shop's, for the card.
    """

    of: Literal["customer", "staff"]
    why: str
    verify: Level | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class No:
    """It must not run. `code` says why, for programs; `reason` in words."""

    code: Code
    reason: str


def judge(state: Conversation, call: CallRecord, rules: Rules, caller: Caller, now_ms: int) -> Wanted | No | None:
    """What stands between a planned call and its run; None: nothing. Everything is looked at anew each time."""
    asked = call.question
    if asked is not None and asked.approve is False:
        return _answered_no(asked)
    if rules.off:
        return No("denied", "the agent is switched off; nothing is done until it is on again")
    if state.mode != "agent" and not any(one.of == "staff" and one.approve for one in call.asks):
        return No("denied", "a person has been asked for; nothing is done until then")
    caller = caller_for(state, call, caller)
    spec, rule = rules.registry.get(call.tool), rules.rules.get(call.tool)
    found = verdict(spec, rule, caller, call.args)
    if found.permission == "deny" or spec is None:
        return _denied(state, call, found, rules, now_ms)
    for of, why in _needed(state, call, found, spec):
        same = [one for one in call.asks if one.of == of and one.verify is None]
        if any(_holds(one, call, policy_version(spec, rule), caller, now_ms) for one in same):
            continue
        return (
            Wanted(of, why, currency=rules.currency)
            if len(same) < MAX_ASKS
            else No("denied", "it was asked for too often")
        )
    return None


def _answered_no(asked: Asked) -> No:
    if asked.expired:
        return No("expired", "nobody answered in time, so it was not done")
    said = f": {asked.comment}" if asked.comment else ""
    if asked.by == "customer":
        return No("declined", "the customer did not want it, so it was not done")
    return No("refused", f"a member of the team decided against it{said}")


def _denied(state: Conversation, call: CallRecord, found: Verdict, rules: Rules, now_ms: int) -> Wanted | No:
    if found.code != "sign_in" and found.code != "step_up":
        return No("denied", found.reason)
    tried = sum(1 for one in call.asks if one.verify is not None)
    if found.code in rules.verifies and tried < MAX_ASKS:
        return Wanted("customer", found.reason, found.code)
    known = state.identity
    lapsed = known is not None and known.until_ms is not None and now_ms >= known.until_ms
    if found.code == "step_up":
        return No("step_up", found.reason)
    return No("sign_in_again" if lapsed else "sign_in", found.reason)


def _needed(
    state: Conversation, call: CallRecord, found: Verdict, spec: ToolSpec
) -> list[tuple[Literal["customer", "staff"], str]]:
    """Whose agreement the call needs, and why; the customer is asked first."""
    customer = found.reason if found.permission == "confirm" else ""
    staff = found.reason if found.permission == "approve" else ""
    before = state.calls.get(call.replaces or "")
    if before is not None and any(one.of == "customer" and one.verify is None for one in before.asks):
        customer = customer or "needs the customer's confirmation: it was changed after the customer was asked"
    if spec.effect != "read" and _unasked(state, call):
        if found.permission == "auto":
            customer = customer or f"needs the customer's confirmation: {UNASKED}"
        staff = f"{staff}; {UNASKED}" if staff else ""
    if spec.effect != "read" and call.run is None:  # a workflow has a stricter guard of its own
        for other in _same(state, call):
            if other.unknown:
                staff = staff or "needs approval: nobody knows whether the same call before has had its effect"
            elif other.ok:
                customer = customer or "needs the customer's confirmation: the same was done before in this chat"
    needed: list[tuple[Literal["customer", "staff"], str]] = []
    if customer:
        needed.append(("customer", customer))
    if staff:
        needed.append(("staff", staff))
    return needed


def _unasked(state: Conversation, call: CallRecord) -> bool:
    """Whether a model wants it, and nothing in the customer's words does."""
    run = state.runs.get(call.run or "")
    return call.unasked or (run is not None and run.unasked)


def _same(state: Conversation, call: CallRecord) -> list[CallRecord]:
    """Calls before this one with the same tool and arguments that may have had their effect."""
    args = canonical(call.args)
    return [
        other
        for other in state.calls.values()
        if other.seq < call.seq
        and other.tool == call.tool
        and (other.ok or other.unknown)
        and canonical(other.args) == args
    ]


def _holds(asked: Asked, call: CallRecord, policy: str, caller: Caller, now_ms: int) -> bool:
    """Whether this yes is to exactly this: arguments, rule, customer, and still in time."""
    return (
        asked.approve is True
        and asked.args_sha256 == args_sha256(call.args)
        and asked.policy == policy
        and asked.customer == caller.customer
        and now_ms < asked.expires_ms
    )


def known_enough(call: CallRecord, caller: Caller) -> bool:
    """Whether the proof that this call waits for is there."""
    asked = call.question
    if call.state != "asked" or asked is None or asked.verify is None:
        return False
    return caller.level == "step_up" or (asked.verify == "sign_in" and caller.level == "identified")


def caller_for(state: Conversation, call: CallRecord, caller: Caller) -> Caller:
    """Who a call is made for. What staff have agreed to is made for whom they were asked about, as well as he was known then.

    So an approval counts though the customer's proof, which lasts an hour, has ended meanwhile; not once he has signed
    out, or somebody else has signed in.
    """
    asked, known = call.question, state.identity
    if asked is None or asked.of != "staff" or not asked.approve or asked.customer is None or known is None:
        return caller
    if known.customer != asked.customer or LEVELS.index(caller.level) >= LEVELS.index(asked.level):
        return caller
    return replace(caller, customer=known.customer, email=known.email, name=known.name, level=asked.level)


def decision_id(call: CallRecord) -> str:
    """The id of the answer to the newest question about a call: whoever answers, only one answer is stored."""
    return f"{call.id}:decided:{len(call.asks)}"


def expiry_ms(site: Site, of: Literal["customer", "staff"], now_ms: int) -> int:
    """When a question that is asked now ends, in Unix milliseconds; staff's time runs in the shop's hours only."""
    if of == "customer":
        return now_ms + CUSTOMER_S * 1000
    if site.hours is None:
        return now_ms + STAFF_OPEN_S * 1000
    ends = site.hours.after_open(datetime.fromtimestamp(now_ms / 1000, UTC), STAFF_OPEN_S)
    return int(ends.timestamp() * 1000)


def local_day(site: Site, now_ms: int) -> str:
    """The day at the shop, as 2026-11-21: limits per day are the merchant's days."""
    zone = ZoneInfo(site.hours.timezone) if site.hours is not None else UTC
    return f"{datetime.fromtimestamp(now_ms / 1000, zone):%Y-%m-%d}"


def question_body(
    call: CallRecord, wanted: Wanted, spec: ToolSpec, rule: Rule | None, caller: Caller
) -> dict[str, Any]:
    """The body of a `call.asked`, but for its end: what a yes to it is bound to."""
    body: dict[str, Any] = {
        "call": call.id,
        "of": wanted.of,
        "label": call.label,
        "args": dict(call.args),
        "args_sha256": args_sha256(call.args),
        "policy": policy_version(spec, rule),
        "caller": {"customer": caller.customer, "level": caller.level},
        "why": wanted.why,
    }
    if wanted.verify is None:
        fields = fields_of(spec, rule, call.args, wanted.currency)
        return body | ({"fields": fields} if fields else {})
    # With an address on file a code can be sent at once; without, the front end asks for order number and address.
    to = {"to": masked(caller.email)} if caller.email else {}
    return body | {"verify": wanted.verify} | to


def booking_keys(site: str, conversation: str, tool: str, customer: str | None, day: str) -> dict[str, str]:
    """Under which keys a tool's sums are booked, by the limit's name. A guest's day is that of his conversation."""
    whose = customer or f"guest:{id_of(conversation)}"
    return {
        "per_customer_per_day": f"{site}/{tool}/customer/{whose}/{day}",
        "per_site_per_day": f"{site}/{tool}/site/{day}",
        "per_conversation": f"{conversation}/{tool}",
    }


def booking_units(amount: Decimal) -> int:
    """An amount as the whole number that is booked: ten-thousandths, rounded up, so that no sum is ever too low."""
    return int((amount * 10_000).to_integral_value(ROUND_CEILING))
