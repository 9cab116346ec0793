"""Conversations whose colleague has left the desk: when they wait for another, when not, and what everybody is told."""

import asyncio
import datetime as dt

import pytest

from server.desk import Absent, Board, Dispatch
from server.desk.absent import ABSENT_MS
from server.events import NewEvent, Viewer, visible
from server.log import Log
from server.site import Site
from server.staff import Staff
from server.stores.memory import MemoryStore

KEY = "pk_a/c1"
MINUTE_MS = 60_000
ADA = Staff("s:ada", "ada@a.example", "Ada", "agent")
BOB = Staff("s:bob", "bob@a.example", "Bob", "agent")
MONDAY_16_55 = int(dt.datetime(2026, 11, 23, 16, 55, tzinfo=dt.UTC).timestamp() * 1000)
WEEKDAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00-17:00")


class Place:
    """A conversation that Ada has taken, and in which the customer has written since."""

    def __init__(self, **fields):
        self.now_ms = MONDAY_16_55
        self.site = Site.model_validate({"key": "pk_a", "name": "A", **fields})
        self.store = MemoryStore(clock_ms=self.clock)
        self.starts()

    def clock(self):
        return self.now_ms

    def starts(self):
        self.log = Log(self.store)
        self.board = Board(self.log, clock_ms=self.clock)
        self.absent = Absent(self.log, self.board, {"pk_a": self.site}, clock_ms=self.clock)

    async def says(self, *events):
        head = (await self.log.load(KEY)).head
        await self.log.append(KEY, [NewEvent(f"e:{head + n}", *event) for n, event in enumerate(events, 1)])

    async def sits_down(self, staff):
        await self.board.load()
        return self.board.watch(staff, asyncio.Event())

    async def passes(self, ms):
        """So much time, in which the server looks as often as it does."""
        until_ms = self.now_ms + ms
        found = 0
        while self.now_ms < until_ms:
            self.now_ms = min(until_ms, self.now_ms + MINUTE_MS)
            found += await self.absent.look()
        return found

    async def mode(self):
        state = await self.log.load(KEY)
        return state.mode, state.mode_reason


TAKEN = ("mode", "staff", {"mode": "staff", "by": "s:ada", "name": "Ada"})
ASKS = ("message", "customer", {"text": "are you still there?"})
REPLY = ("message", "staff", {"text": "yes", "by": "s:ada", "name": "Ada"})


@pytest.fixture
async def place():
    made = Place()
    await made.says(("message", "customer", {"text": "hello"}), TAKEN, ASKS)
    return made


async def test_who_writes_to_a_colleague_who_has_left_waits_for_another_after_ten_minutes(place):
    assert await place.passes(10 * MINUTE_MS - 1) == 0
    assert await place.passes(MINUTE_MS) == 1
    assert await place.mode() == ("waiting", "lapsed")
    events = await place.log.read(KEY)
    seen = [one.body for event in events if (one := visible(event, Viewer("customer"))) is not None]
    assert seen[-2]["text"].startswith("Ada has had to leave.")
    packet = next(event.body for event in events if event.kind == "note")
    assert packet["packet"]["question"] == "are you still there?"


async def test_another_colleague_is_asked_then_and_not_who_left(place):
    await place.passes(11 * MINUTE_MS)
    await place.sits_down(BOB)
    dispatch = Dispatch(place.log, place.board, {"pk_a": place.site}, clock_ms=place.clock, new_id=lambda: "o1")
    assert await dispatch.look() == 1
    assert (await place.log.load(KEY)).offers[-1].to == "s:bob"


async def test_nothing_is_taken_from_who_is_at_the_desk_however_long_the_customer_waits(place):
    await place.sits_down(ADA)
    assert await place.passes(60 * MINUTE_MS) == 0
    assert await place.mode() == ("staff", None)


async def test_who_has_been_answered_does_not_wait(place):
    await place.says(REPLY)
    assert await place.passes(60 * MINUTE_MS) == 0


async def test_who_writes_again_and_again_waits_from_the_first_time_on(place):
    for _ in range(9):
        await place.passes(MINUTE_MS)
        await place.says(ASKS)
    assert await place.passes(2 * MINUTE_MS) == 1


async def test_a_reload_or_a_restart_of_the_server_is_no_leaving(place):
    place.now_ms += 60 * MINUTE_MS
    place.starts()
    assert await place.absent.look() == 0, "nobody has had the time to come back"
    await place.sits_down(ADA)
    assert await place.passes(10 * MINUTE_MS) == 0
    assert ABSENT_MS == MINUTE_MS


async def test_only_the_time_in_which_somebody_should_be_there_counts():
    place = Place(hours={"timezone": "UTC", "weekly": WEEKDAYS})
    await place.says(("message", "customer", {"text": "hello"}), TAKEN, ASKS)
    assert await place.passes(16 * 60 * MINUTE_MS) == 0, "the night"
    assert await place.passes(15 * MINUTE_MS) == 1


async def test_what_is_snoozed_stays_until_its_time_and_a_shop_may_let_nothing_lapse(place):
    until_ms = place.now_ms + 120 * MINUTE_MS
    await place.says(("snoozed", "staff", {"until_ms": until_ms, "by": "s:ada", "name": "Ada"}))
    assert await place.passes(125 * MINUTE_MS) == 0
    assert await place.passes(10 * MINUTE_MS) == 1
    never = Place(hand_over={"lapse_after_min": None})
    await never.says(("message", "customer", {"text": "hello"}), TAKEN, ASKS)
    assert await never.passes(24 * 60 * MINUTE_MS) == 0
