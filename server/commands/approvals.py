"""`shopbell approvals`: see what waits for staff, and decide it.

It shows stored arguments only, never a model's words about them, and decides nothing without the hash of what was shown.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from server.commands.ask import asking, me
from server.commands.plain import piped, short, shown, time_of, visible
from server.questions import Decide, ListApprovals, ShowApproval
from server.settings import Settings

Write = Callable[[str], object]
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


class BadSet(Exception):
    """`--set` cannot be understood; the message says what is expected."""


async def listed(settings: Settings, write: Write, *, site: str | None, as_json: bool) -> None:
    """Print what waits for staff, the longest waiting first.

    Raises:
        AdminRefused, NoServer: nobody can say.
    """
    async with asking(settings) as run:
        found = (await run(ListApprovals(site=site)))["approvals"]
    for approval in found:
        if as_json:
            write(piped(approval))
            continue
        write(f"{approval['call']}  {_headline(approval)}")
        write(f"    {visible(approval['why'])}; {_times(approval)}")
    if not found and not as_json:
        write("nothing waits for approval")


async def show(settings: Settings, call: str, write: Write, *, site: str | None, as_json: bool) -> None:
    """Print all that a person should see before deciding.

    Raises:
        AdminRefused, NoServer: it does not wait, or nobody can say.
    """
    async with asking(settings) as run:
        approval = (await run(ShowApproval(call=call, site=site)))["approval"]
    if as_json:
        write(piped(approval))
        return
    for line in card(approval):
        write(line)


async def decide(
    settings: Settings, call: str, write: Write, *, approve: bool, comment: str, sets: Sequence[str] = ()
) -> None:
    """Approve or deny a call, as it is or with other arguments; prints what was decided.

    Raises:
        AdminRefused, NoServer, BadSet: nothing was decided.
    """
    async with asking(settings) as run:
        approval = (await run(ShowApproval(call=call)))["approval"]
        args = edited(approval["args"], sets) if sets else None
        question = Decide(
            conversation=approval["conversation"],
            call=call,
            approve=approve,
            seen=approval["args_sha256"],
            by=me(),
            comment=comment,
            args=args,
        )
        goes_on = (await run(question))["call"]
    decided = f"{'approved' if approve else 'denied'} {approval['tool']} {shown(args or approval['args'])}"
    write(f"{decided} as {goes_on}, in place of {call}" if goes_on != call else f"{decided} as {call}")


def card(approval: Mapping[str, Any]) -> list[str]:
    """An approval as lines for a person."""
    lines = [
        f"{approval['call']}  {_headline(approval)}",
        f"  why        {visible(approval['why'])} (policy {approval['policy'][:12]})",
        f"  time       {_times(approval)}, on {time_of(approval['expires_ms'])} UTC",
        *_arguments(approval["args"]),
        f"  hash       {approval['args_sha256']}",
    ]
    for limit in approval["limits"]:
        name = limit["name"].replace("_", " ")
        lines.append(f"  limit      {name}: {limit['booked']} booked, {limit['cost']} more, of {limit['limit']}")
    done = approval["done"]
    amount = f", {done['amount']} in all" if done["amount"] is not None else ""
    lines.append(f"  24 hours   this customer had {done['calls']} such calls done{amount}")
    if approval["replaces"]:
        lines.append(f"  edited     in place of {approval['replaces']}")
    lines.append("  before it")
    lines += [f"    {one['role']:<8}  {short(one['text'], 300)}" for one in approval["messages"]]
    return lines


def edited(args: Mapping[str, Any], sets: Sequence[str]) -> dict[str, Any]:
    """The arguments with `path=value` changes.

    A value is JSON, and what is no JSON is text; where text stands now it stays text, so that `amount=50.00` does not
    lose its zeros.

    Raises:
        BadSet: no `=`, or a path that leads through what is no object.
    """
    changed: dict[str, Any] = orjson.loads(orjson.dumps(args))
    for one in sets:
        path, equals, text = one.partition("=")
        if not equals or not path:
            raise BadSet(f"--set: expected NAME=VALUE, got {one!r}")
        *before, last = path.split(".")
        place: Any = changed
        for step in before:
            place = place.setdefault(step, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise BadSet(f"--set {path}: expected a path through objects; the arguments are {shown(args)}")
        place[last] = _value(text, place.get(last))
    return changed


def _value(text: str, now: object) -> Any:  # noqa: ANN401 - any JSON value
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return text if isinstance(now, str) and not isinstance(value, str) else value


def _headline(approval: Mapping[str, Any]) -> str:
    amount = f" {approval['amount']}" if approval["amount"] is not None else ""
    customer = f"customer {approval['customer']}" if approval["customer"] else "a guest"
    return visible(f"{approval['tool']}{amount} for {customer} in {approval['conversation']}")


def _times(approval: Mapping[str, Any]) -> str:
    now_ms = time.time_ns() // 1_000_000
    return f"waits for {_span(now_ms - approval['asked_ms'])}, expires in {_span(approval['expires_ms'] - now_ms)}"


def _span(ms: int) -> str:
    """A stretch of time in its largest unit that gives at least 2."""
    for unit_ms, name in _UNITS:
        if ms >= 2 * unit_ms:
            return f"{ms // unit_ms} {name}"
    return f"{max(0, ms) // 1_000} s"


def _arguments(args: Mapping[str, Any]) -> list[str]:
    width = max((len(name) for name in args), default=0)
    return [
        f"  {'arguments' if n == 0 else '':<11}{visible(name):<{width}} = {shown(value)}"
        for n, (name, value) in enumerate(args.items())
    ] or ["  arguments  none"]
