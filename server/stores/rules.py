"""The rules of an append, as every store applies them: same id, fencing, sequence, time, booking.

Pure: no I/O, no clock; salts come from the function that is passed in. Knows no database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from server.conversation import summarize
from server.events import Event, NewEvent, fences
from server.ports import Conflict, Find, Gone, IdempotencyMismatch, OverLimit, Spend, Summary
from server.stores.chain import Link, follow, genesis
from server.stores.content import commitment, encode

SALT_BYTES: Final = 16
"""128 bits: a commitment whose salt was erased cannot be tried against guessed texts."""
SPEND_KEPT_MS: Final = 3 * 24 * 3600 * 1000
"""3 days: windows are a day at most, and a day somewhere on Earth touches three dates in UTC."""
LASTING_MS: Final = 2**53
"""When what is lasting was booked: later than any time at which the store is swept."""


@dataclass(frozen=True, slots=True)
class Row:
    """One stored event with what proves its content (`content.commitment`) and its place (`chain.follow`)."""

    event: Event
    body_json: bytes
    salt: bytes
    commitment: bytes
    chain: bytes


def link_of(event: Event, proof: bytes) -> Link:
    """An event's link in the chain; `proof` is its commitment."""
    return Link(event.seq, event.at_ms, event.id, event.kind, event.role, event.turn, proof)


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a conversation, all that an append needs to know of it. `fence` is the seq of the last fencing event.

    `chain` is the last row's; empty before the first.
    """

    head: int = 0
    fence: int = 0
    last_ms: int = 0
    summary: Summary | None = None
    chain: bytes = b""


@dataclass(frozen=True, slots=True)
class Appending:
    """What one append comes to: the events to return, the rows to add (none for a pure repeat), the new tail."""

    events: list[Event]
    fresh: list[Row]
    tail: Tail


def plan(
    conversation: str,
    new: Sequence[NewEvent],
    tail: Tail,
    known: Mapping[str, Row],
    at: tuple[int | None, int],
    make_salt: Callable[[], bytes],
) -> Appending:
    """Decide one append. `known` holds the stored rows of those ids that exist already; `at` is `(after, now_ms)`.

    Raises:
        Gone: the conversation is erased; repeats too, for what they could be compared with is gone.
        IdempotencyMismatch: an id is known, or came twice in `new`, with other content.
        Conflict: something is to be added and a fencing event has a seq above `after`.
        TypeError: a body is no JSON value.
    """
    after, now_ms = at
    if tail.summary is not None and tail.summary.erased:
        raise Gone(f"{conversation} is erased")
    at_ms = max(now_ms, tail.last_ms)
    rows = dict(known)
    events: list[Event] = []
    fresh: list[Row] = []
    chain = tail.chain or genesis(conversation)
    for item in new:
        row = rows.get(item.id)
        if row is None:
            event, body_json = _event(conversation, item, tail.head + len(fresh) + 1, at_ms)
            salt = make_salt()
            proof = commitment(salt, item.kind, item.role, event.body)
            chain = follow(chain, link_of(event, proof))
            row = rows[item.id] = Row(event, body_json, salt, proof, chain)
            fresh.append(row)
        elif commitment(row.salt, item.kind, item.role, orjson.loads(encode(item.body))) != row.commitment:
            raise IdempotencyMismatch(item.id)
        events.append(row.event)
    if not fresh:
        return Appending(events, fresh, tail)
    if after is not None and tail.fence > after:
        raise Conflict(f"{conversation}: a fencing event is at {tail.fence}, after the expected head {after}")
    return Appending(events, fresh, _moved(tail, fresh))


def _event(conversation: str, item: NewEvent, seq: int, at_ms: int) -> tuple[Event, bytes]:
    """The event as stored, and its body's bytes."""
    body_json = encode(item.body)
    # Read back, so that the appender holds exactly what every later reader gets.
    body: dict[str, Any] = orjson.loads(body_json)
    return Event(conversation, seq, at_ms, item.id, item.kind, item.role, body, item.turn), body_json


def _moved(tail: Tail, fresh: Sequence[Row]) -> Tail:
    fence, summary = tail.fence, tail.summary
    for row in fresh:
        summary = summarize(summary, row.event)
        if fences(row.event):
            fence = row.event.seq
    last = fresh[-1].event
    return Tail(last.seq, fence, last.at_ms, summary, fresh[-1].chain)


def book(spend: Sequence[Spend], totals: Mapping[str, int]) -> dict[str, int]:
    """The new totals of the booked keys. A negative amount gives a reservation back and always fits.

    Raises:
        OverLimit: a sum would pass its limit.
    """
    booked: dict[str, int] = {}
    for item in spend:
        total = booked.get(item.key, totals.get(item.key, 0)) + item.amount
        if item.amount > 0 and total > item.limit:
            raise OverLimit(item.key, item.limit)
        booked[item.key] = total
    return booked


def booked_ms(spend: Sequence[Spend], now_ms: int) -> dict[str, int]:
    """From when on each key's age counts."""
    return {item.key: now_ms for item in spend} | {item.key: LASTING_MS for item in spend if item.lasting}


def emptied(summary: Summary) -> Summary:
    """The summary of an erased conversation: nobody's, nothing open, no words."""
    return replace(
        summary,
        customer=None,
        mode="closed",
        open_turn=None,
        unanswered=0,
        waiting_since_ms=None,
        asked=0,
        asked_staff=0,
        staff=None,
        staff_name=None,
        offered=None,
        offered_name=None,
        offered_until_ms=None,
        name=None,
        tags=(),
        snoozed_until_ms=None,
        blocked=False,
        blocked_until_ms=None,
        mentions=(),
        unread=0,
        decided=0,
        in_flight=(),
        erased=True,
        last_text="",
    )


def unfinished(summary: Summary) -> bool:
    """True: an open turn, a call in flight, or words or decisions that a turn should take up (`Find.unfinished`)."""
    waits = summary.decided > 0 or (summary.unanswered > 0 and summary.mode in ("agent", "waiting"))
    return not summary.erased and (summary.open_turn is not None or bool(summary.in_flight) or waits)


def matches(query: Find, summary: Summary) -> bool:
    """Whether every condition of the query holds."""
    return (
        query.conversation in (None, summary.conversation)
        and query.site in (None, summary.site)
        and query.customer in (None, summary.customer)
        and query.mode in (None, summary.mode)
        and query.unfinished in (None, unfinished(summary))
        and query.asked in (None, summary.asked > 0)
        and query.blocked in (None, summary.blocked)
        and (query.updated_before_ms is None or summary.updated_ms < query.updated_before_ms)
    )
