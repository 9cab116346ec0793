"""Summary: the one row about a conversation that stores keep beside its events.

Pure: no I/O, no clock. It can be made anew from the events at any time.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from server.conversation.records import Conversation, site_of
from server.events import Event
from server.ports import Mode, Summary

PREVIEW_CHARS = 140
"""How much of the newest message a summary keeps: one line in a list."""


def summarize(summary: Summary | None, event: Event) -> Summary:
    """The summary row after one more event; `None` is the row of a conversation that has none yet."""
    if summary is None:
        summary = Summary(event.conversation, site_of(event.conversation), opened_ms=event.at_ms)
    summary = replace(summary, head=event.seq, updated_ms=event.at_ms)
    body = event.body
    if event.role == "staff" and body.get("by") in summary.mentions:
        summary = replace(summary, mentions=tuple(one for one in summary.mentions if one != body.get("by")))
    match event.kind:
        case "identified":
            # Who waits to be known goes on now: whether that is so, `policy` sees.
            return replace(
                summary,
                customer=body.get("customer") or summary.customer,
                name=body.get("name") or summary.name,
                decided=min(summary.asked, 1),
            )
        case "message":
            counts = event.role == "customer" and summary.mode in ("agent", "waiting")
            return replace(
                summary,
                last_text=str(body.get("text", ""))[:PREVIEW_CHARS],
                last_role=event.role,
                snoozed_until_ms=None if event.role == "customer" else summary.snoozed_until_ms,
                unread=summary.unread + 1 if event.role == "customer" else 0,
                unread_since_ms=(summary.unread_since_ms or event.at_ms) if event.role == "customer" else None,
                unmailed=0 if event.role == "customer" else summary.unmailed + (event.role == "staff"),
                unanswered=max(0, summary.unanswered + (1 if counts else 0) - len(body.get("answers") or ())),
            )
        case "mode":
            mode: Mode = body.get("mode", summary.mode)
            since = event.at_ms if mode == "waiting" and summary.mode != "waiting" else summary.waiting_since_ms
            left = len(body.get("open") or ()) if mode == "agent" else 0
            return replace(
                summary,
                mode=mode,
                offered=None,
                offered_name=None,
                offered_until_ms=None,
                escalated=False,
                snoozed_until_ms=None,
                waiting_since_ms=since if mode == "waiting" else None,
                reason=body.get("reason"),
                staff=body.get("by") if mode == "staff" else None,
                staff_name=body.get("name") if mode == "staff" else None,
                unanswered=0 if mode in ("staff", "closed") else summary.unanswered + left,
            )
        case "mailed":
            return replace(summary, unmailed=0) if body.get("of") else summary
        case "assigned":
            return replace(
                summary,
                offered=body.get("to"),
                offered_name=body.get("name"),
                offered_until_ms=body.get("until_ms"),
            )
        case "note" | "tagged" | "snoozed" | "blocked":
            return _aside(summary, event.kind, body)
        case "turn.started":
            attempt = body.get("attempt", 1)
            return replace(summary, open_turn=event.turn, turn_attempt=attempt, turn_ms=event.at_ms, decided=0)
        case "turn.ended":
            left = max(0, summary.unanswered - len(body.get("answers") or ()))
            open_turn = None if summary.open_turn == event.turn else summary.open_turn
            return replace(summary, open_turn=open_turn, unanswered=left)
        case "call.asked" | "call.decided" | "call.started" | "call.ended":
            return _called(summary, event.kind, body)
        case _:
            return summary


def is_blocked(seen: Summary | Conversation, now_ms: int) -> bool:
    """Whether staff have blocked this conversation's visitor here, and that has not ended by itself."""
    return seen.blocked and (seen.blocked_until_ms is None or now_ms < seen.blocked_until_ms)


def _aside(summary: Summary, kind: str, body: Mapping[str, Any]) -> Summary:
    """What staff do among themselves."""
    match kind:
        case "note":
            named = tuple(sorted({*summary.mentions, *(body.get("mentions") or ())}))
            return replace(summary, escalated=summary.escalated or bool(body.get("escalated")), mentions=named)
        case "tagged":
            kept = {tag for tag in summary.tags if tag != body.get("tag")}
            return replace(summary, tags=tuple(sorted({*kept, str(body.get("tag"))} if body.get("on") else kept)))
        case "snoozed":
            until_ms = body.get("until_ms")
            return replace(summary, snoozed_until_ms=until_ms, offered=None, offered_name=None, offered_until_ms=None)
        case "blocked":
            return replace(summary, blocked=bool(body.get("on")), blocked_until_ms=body.get("until_ms"))
        case _:
            return summary


def _called(summary: Summary, kind: str, body: Mapping[str, Any]) -> Summary:
    """What waits for an answer, and what is in flight."""
    match kind:
        case "call.asked":
            staff = 1 if body.get("of") == "staff" else 0
            return replace(summary, asked=summary.asked + 1, asked_staff=summary.asked_staff + staff)
        case "call.decided":
            staff = 1 if "staff" in (body.get("of"), body.get("by")) else 0
            return replace(
                summary,
                asked=max(0, summary.asked - 1),
                asked_staff=max(0, summary.asked_staff - staff),
                decided=summary.decided + 1,
            )
        case _:
            others = tuple(call for call in summary.in_flight if call != body.get("call"))
            if kind == "call.started":
                return replace(summary, in_flight=(*others, str(body.get("call"))))
            # What staff agree to while they have the conversation runs without a turn to take the decision up.
            return replace(summary, in_flight=others, decided=max(0, summary.decided - 1))
