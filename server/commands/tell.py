"""Tell: one event of a log as lines for a person who audits it.

Pure. It leaves nothing out that decides anything, and makes visible what hides in texts.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from server.commands.plain import short, shown, time_of, visible
from server.events import Event
from tools import args_sha256

Body = Mapping[str, Any]
_INDENT: Final = " " * 33
"""Below the text of the first line, behind time, seq and role."""


def told(event: Event) -> list[str]:
    """The event in words: a first line with time (UTC), seq and role, and further ones for what belongs to it."""
    teller = _TELLERS.get(event.kind)
    if not event.body and event.kind != "opened":
        lines = [f"{event.kind} (erased)"]
    elif teller is None:
        lines = [f"{event.kind} {shown(event.body)}"]  # a kind that this version does not know
    else:
        lines = teller(event.body)
    first = f"{time_of(event.at_ms)}  {event.seq:>4}  {event.role:<8}  {lines[0]}"
    return [first, *(f"{_INDENT}{line}" for line in lines[1:])]


def _opened(body: Body) -> list[str]:
    page = body.get("page") or {}
    return [f"opened{_part(' on ', page.get('url'))}{_part(', locale ', body.get('locale'))}"]


def _identified(body: Body) -> list[str]:
    if body.get("customer") is None:
        return ["signed out"]
    email = _part(" ", body.get("email"))
    return [f"identified as {visible(str(body['customer']))}{email}, level {body.get('verified') or 'identified'}"]


def _message(body: Body) -> list[str]:
    lines = [f"says: {visible(body.get('text', ''))}"]
    for citation in body.get("citations") or ():
        quote = short(citation.get("quote", ""))
        lines.append(f"[{citation.get('n')}] {visible(str(citation.get('document')))}: {quote}")
    return lines


def _thought(body: Body) -> list[str]:
    return [f"thought: {short(body.get('text', ''), 500)}"]


def _routed(body: Body) -> list[str]:
    read = [f"{name} {body[name]}" for name in ("language", "mood") if body.get(name)]
    return [f"routed to {body.get('agent')}: {visible(str(body.get('why', '')))}", *([", ".join(read)] if read else [])]


def _retrieved(body: Body) -> list[str]:
    passages = body.get("passages") or ()
    lines = [f"looked up: {visible(str(body.get('query', '')))}"]
    for one in passages:
        where = f"{one.get('document')} {one.get('start')}–{one.get('end')}"
        lines.append(f"{visible(where)}, score {one.get('score')}, text {str(one.get('hash', ''))[:12]}")
    return lines if passages else [f"{lines[0]} (nothing found)"]


def _model_called(body: Body) -> list[str]:
    usage = body.get("usage") or {}
    tokens = f", {usage.get('input_tokens', 0)} tokens in, {usage.get('output_tokens', 0)} out" if usage else ""
    failed = _part(", failed: ", body.get("failed"))
    return [f"model {body.get('model')}, prompt version {body.get('prompt')}{tokens}{_ms(body)}{failed}"]


def _planned(body: Body) -> list[str]:
    args = body.get("args") or {}
    lines = [f"plans {body.get('call')}: {visible(str(body.get('tool')))} {shown(args)}", f"arguments {_hash(args)}"]
    for name, words in (
        ("run", "in workflow run"),
        ("replaces", "in place of, edited by staff,"),
        ("fallback_for", "as fallback for"),
    ):
        if body.get(name):
            lines.append(f"{words} {visible(str(body[name]))}")
    return lines


def _asked(body: Body) -> list[str]:
    caller = body.get("caller") or {}
    what = {"sign_in": "to sign in", "step_up": "for a code"}.get(str(body.get("verify")), "for consent")
    return [
        f"asks {body.get('of')} {what} to {body.get('call')}: {visible(str(body.get('why', '')))}",
        f"for customer {visible(str(caller.get('customer')))}, level {caller.get('level')}, until {_until(body)}",
        f"arguments {body.get('args_sha256')}, policy {body.get('policy')}",
    ]


def _decided(body: Body) -> list[str]:
    verb = "approved" if body.get("approve") else "expired" if body.get("expired") else "refused"
    who = f"{body.get('by')}{_part(' ', body.get('name'))}"
    comment = _part(": ", body.get("comment"))
    lines = [f"{verb} {body.get('call')} by {who}{comment}"]
    return [*lines, f"arguments {body['args_sha256']}"] if body.get("args_sha256") else lines


def _started(body: Body) -> list[str]:
    lines = [f"starts {body.get('call')}, attempt {body.get('attempt')}{_part('; verdict: ', body.get('why'))}"]
    # Bookings are in ten-thousandths (`consent.booking_units`).
    return lines + [
        f"books {amount / 10_000:.2f} under {visible(str(key))}" for key, amount in body.get("booked") or ()
    ]


def _ended(body: Body) -> list[str]:
    state = (
        "succeeded" if body.get("ok") else "has an unknown outcome" if body.get("unknown") else "did not run or failed"
    )
    tries = f", {body['attempts']} attempts" if body.get("attempts", 1) > 1 else ""
    lines = [f"{body.get('call')} {state}{_part(', code ', body.get('code'))}{_ms(body)}{tries}"]
    lines += [f"{name}: {visible(str(body[name]))}" for name in ("error", "why") if body.get(name)]
    return [*lines, f"result {shown(body['result'])}"] if "result" in body else lines


def _mode(body: Body) -> list[str]:
    return [f"mode {body.get('mode')}{_part(', because ', body.get('reason'))}{_part(', ', body.get('name'))}"]


def _turn_started(body: Body) -> list[str]:
    return [f"turn starts, attempt {body.get('attempt', 1)}"]


def _turn_ended(body: Body) -> list[str]:
    return [f"turn ends: {body.get('reason')}{_ms(body)}"]


def _verify_sent(body: Body) -> list[str]:
    # What the code was sealed with stays out of it: `--json` has everything.
    return [f"code for {body.get('call')} sent to {visible(str(body.get('to')))}, until {_until(body)}"]


def _verify_tried(body: Body) -> list[str]:
    return [
        f"code for {body.get('call')} {'is right' if body.get('ok') else 'is wrong'}, {body.get('left')} tries left"
    ]


def _workflow_started(body: Body) -> list[str]:
    return [f"workflow {body.get('workflow')} starts as {body.get('run')}, definition {str(body.get('digest'))[:12]}"]


def _workflow_ended(body: Body) -> list[str]:
    return [f"workflow run {body.get('run')} ends: {body.get('outcome')}"]


def _workflow_heard(body: Body) -> list[str]:
    return [f"workflow run {body.get('run')} hears {shown(body.get('event'))}"]


def _until(body: Body) -> str:
    return time_of(body.get("expires_ms") or 0)


def _ms(body: Body) -> str:
    return f", {body['ms']} ms" if body.get("ms") is not None else ""


def _part(before: str, value: object) -> str:
    return f"{before}{visible(str(value))}" if value else ""


def _hash(args: Mapping[str, Any]) -> str:
    try:
        return args_sha256(args)
    except ValueError as error:
        return f"without a canonical form: {error}"


_TELLERS: Final[Mapping[str, Callable[[Body], list[str]]]] = {
    "opened": _opened,
    "identified": _identified,
    "message": _message,
    "thought": _thought,
    "routed": _routed,
    "retrieved": _retrieved,
    "model.called": _model_called,
    "call.planned": _planned,
    "call.asked": _asked,
    "call.decided": _decided,
    "call.started": _started,
    "call.ended": _ended,
    "mode": _mode,
    "turn.started": _turn_started,
    "turn.ended": _turn_ended,
    "verify.sent": _verify_sent,
    "verify.tried": _verify_tried,
    "workflow.started": _workflow_started,
    "workflow.heard": _workflow_heard,
    "workflow.ended": _workflow_ended,
}
