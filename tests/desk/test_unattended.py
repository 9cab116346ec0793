"""Customers to whom nobody comes, and conversations that nobody goes on with."""

import datetime as dt

import pytest

from server.events import NewEvent
from server.log import Log
from server.site import Site
from server.stores.memory import MemoryStore
from server.unattended import Unattended

KEY = "pk_a/c1"
HOUR_MS = 3_600_000
MONDAY_17 = dt.datetime(2026, 11, 23, 17, 0, tzinfo=dt.UTC)


class Place:
    def __init__(self, **fields):
        self.now_ms = int(MONDAY_17.timestamp() * 1000)
        self.log = Log(MemoryStore(clock_ms=lambda: self.now_ms))
        site = Site.model_validate({"key": "pk_a", "name": "A", **fields})
        self.unattended = Unattended(self.log, {"pk_a": site}, clock_ms=lambda: self.now_ms)

    async def says(self, *events):
        made = [NewEvent("m1", "message", "customer", {"text": "hello"})]
        await self.log.append(KEY, [*made, *(NewEvent(f"e:{n}", *event) for n, event in enumerate(events))])

    async def kinds(self):
        return [event.kind for event in await self.log.read(KEY)]


WAITS = ("mode", "system", {"mode": "waiting", "reason": "asked"})
STAFF = ("mode", "staff", {"mode": "staff", "by": "s:ada", "name": "Ada"})


async def test_who_waits_too_long_is_escalated_once_and_whoever_should_know_is_told():
    place, told = Place(), []

    async def tell(key):
        told.append(key)

    place.unattended.escalated.append(tell)
    await place.says(WAITS)
    place.now_ms += 10 * 60_000 - 1
    assert await place.unattended.escalate() == 0
    place.now_ms += 1
    assert await place.unattended.escalate() == 1
    assert await place.unattended.escalate() == 0
    assert told == [KEY]
    note = (await place.log.read(KEY))[-1]
    assert (note.kind, note.role, note.body["escalated"]) == ("note", "system", True)


async def test_a_message_that_cannot_be_sent_stops_nobody_else():
    place, told = Place(), []

    async def broken(key):
        raise OSError("no mail server")

    async def tell(key):
        told.append(key)

    place.unattended.escalated += [broken, tell]
    await place.says(WAITS)
    place.now_ms += HOUR_MS
    assert await place.unattended.escalate() == 1
    assert told == [KEY]


async def test_only_the_time_in_which_somebody_should_be_there_counts():
    weekly = {"mon-fri": "09:00-17:05"}
    place = Place(hours={"timezone": "UTC", "weekly": weekly})
    await place.says(WAITS)
    place.now_ms += 15 * HOUR_MS
    assert await place.unattended.escalate() == 0, "it is eight in the morning, and five minutes were waited"
    place.now_ms += HOUR_MS + 5 * 60_000
    assert await place.unattended.escalate() == 1


async def test_whom_a_person_has_or_the_agent_has_again_does_not_wait():
    place = Place()
    await place.says(WAITS, STAFF)
    place.now_ms += HOUR_MS
    assert await place.unattended.escalate() == 0


async def test_what_staff_have_put_aside_is_neither_escalated_nor_closed_before_its_time():
    place = Place()
    aside = ("snoozed", "staff", {"until_ms": place.now_ms + 100 * HOUR_MS, "by": "s:ada", "name": "Ada"})
    await place.says(WAITS, aside)
    place.now_ms += 100 * HOUR_MS - 1
    assert (await place.unattended.escalate(), await place.unattended.close()) == (0, 0)
    place.now_ms += 1 + 10 * 60_000
    assert await place.unattended.escalate() == 1


async def test_a_shop_may_escalate_and_close_nothing():
    place = Place(hand_over={"escalate_after_min": None, "close_after_h": None})
    await place.says(WAITS)
    place.now_ms += 1_000 * HOUR_MS
    assert await place.unattended.escalate() == 0
    assert await place.unattended.close() == 0


@pytest.mark.parametrize(
    ("before", "word"),
    [
        ((), "Nothing was written here"),
        ((WAITS,), "Sorry: nobody could answer"),
        ((WAITS, STAFF), "Nothing was written here"),
    ],
)
async def test_what_nobody_goes_on_with_is_closed_with_a_word_of_the_servers(before, word):
    place = Place()
    await place.says(*before)
    place.now_ms += 72 * HOUR_MS
    assert await place.unattended.close() == 0
    place.now_ms += 1
    assert await place.unattended.close() == 1
    *_, said, mode = await place.log.read(KEY)
    assert said.body["text"].startswith(word)
    assert (said.role, mode.body) == ("system", {"mode": "closed", "reason": "idle"})
    assert await place.unattended.close() == 0


async def test_the_word_is_in_the_customers_language():
    place = Place()
    await place.log.append(KEY, [NewEvent("m1", "message", "customer", {"text": "Wo ist meine Bestellung?"})])
    place.now_ms += 100 * HOUR_MS
    await place.unattended.close()
    assert (await place.log.read(KEY))[-2].body["text"].startswith("Hier wurde länger nichts")


async def test_what_waits_for_a_decision_of_staff_or_is_under_way_is_not_closed():
    planned = ("call.planned", "agent", {"call": "call:1", "tool": "refund", "args": {}, "label": "Refund"})
    asked = ("call.asked", "system", {"call": "call:1", "of": "staff", "label": "Refund", "expires_ms": 1})
    decided = ("call.decided", "staff", {"call": "call:1", "approve": False, "by": "staff"})
    ended = ("call.ended", "system", {"call": "call:1", "ok": False, "label": "Refund"})
    place = Place()
    await place.says(planned, asked)
    place.now_ms += 100 * HOUR_MS
    assert await place.unattended.close() == 0
    await place.log.append(KEY, [NewEvent("d:1", *decided)])
    place.now_ms += 100 * HOUR_MS
    assert await place.unattended.close() == 0
    await place.log.append(KEY, [NewEvent("d:2", *ended)])
    place.now_ms += 100 * HOUR_MS
    assert await place.unattended.close() == 1


async def test_it_looks_at_most_every_ten_seconds():
    place = Place()
    await place.says(WAITS)
    place.now_ms += 10 * 60_000 - 5_000
    await place.unattended.look()
    place.now_ms += 5_000
    await place.unattended.look()
    assert "note" not in await place.kinds()
    place.now_ms += 5_000
    await place.unattended.look()
    assert "note" in await place.kinds()


async def test_what_staff_had_put_aside_waits_anew_from_the_moment_it_is_back():
    place = Place()
    until_ms = place.now_ms + HOUR_MS
    await place.says(WAITS, ("snoozed", "staff", {"until_ms": until_ms, "by": "s:ada", "name": "Ada"}))
    place.now_ms = until_ms + 10 * 60_000 - 1
    assert await place.unattended.escalate() == 0
    place.now_ms += 1
    assert await place.unattended.escalate() == 1
