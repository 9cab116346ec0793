"""The queues: what leaves them while it is snoozed and how it comes back, also over a restart; and who sees which of them."""

import asyncio
import itertools

import pytest

from server.blocks import Blocks
from server.desk import Board
from server.desk.board import CLOSED_SHOWN
from server.desk.marks import Marks, NotMarked
from server.events import NewEvent
from server.log import Log
from server.staff import Staff
from server.stores.memory import MemoryStore

ADA = Staff("s:ada", "ada@a.example", "Ada", "agent")
BOB = Staff("s:bob", "bob@a.example", "Bob", "agent")
EVE = Staff("s:eve", "eve@b.example", "Eve", "agent", frozenset({"pk_b"}))
HOUR_MS = 3_600_000
WAITING = ("mode", "customer", {"mode": "waiting", "reason": "asked"})
WITH_ADA = ("mode", "staff", {"mode": "staff", "by": "s:ada", "name": "Ada"})


class Shop:
    """A board over a memory store, with a clock that stands still."""

    def __init__(self):
        self.now_ms = 1_800_000_000_000
        self.ids = itertools.count()
        self.store = MemoryStore(clock_ms=self.clock)
        self.start()

    def clock(self):
        return self.now_ms

    def start(self):
        """As after a restart: nothing but the store is left."""
        self.log = Log(self.store)
        self.board = Board(self.log, clock_ms=self.clock)
        new_id = lambda: f"i{next(self.ids)}"  # noqa: E731
        blocks = Blocks(self.log, clock_ms=self.clock)
        self.marks = Marks(self.log, blocks, people=self.people, clock_ms=self.clock, new_id=new_id)

    async def people(self):
        return [ADA, BOB]

    async def sits_down(self, staff):
        await self.board.load()
        return self.board.watch(staff, asyncio.Event())

    async def add(self, key, *events):
        await self.log.append(key, [NewEvent(f"e:{next(self.ids)}", *event) for event in events])

    async def chat(self, name, *events):
        key = f"pk_a/{name}"
        await self.add(key, ("message", "customer", {"text": "hello"}), *events)
        return key

    async def queues(self, staff, key):
        """The queues of this person that hold the conversation."""
        found = []
        for name in ("waiting", "mine", "approvals", "all"):
            rows = await self.board.queue(staff, name)
            assert self.board.counts(staff).get(name, 0) == len(rows), "what is counted is what is listed"
            found += [name for row in rows if row.conversation == key]
        return found


@pytest.fixture
async def shop():
    made = Shop()
    await made.sits_down(ADA)
    return made


async def test_a_snoozed_conversation_leaves_the_queues_and_is_told_of_and_there_again_when_its_time_has_come(shop):
    key = await shop.chat("c1", WAITING)
    watcher = await shop.sits_down(BOB)
    await shop.marks.snooze(key, ADA, shop.now_ms + HOUR_MS)
    assert await shop.queues(BOB, key) == ["all"]
    watcher.changed.clear()
    watcher.woken.clear()
    shop.now_ms += HOUR_MS - 1
    await shop.board.look()
    assert (watcher.changed, watcher.woken.is_set()) == (set(), False)
    shop.now_ms += 1
    await shop.board.look()
    assert (watcher.changed, watcher.woken.is_set()) == ({key}, True)
    assert await shop.queues(BOB, key) == ["waiting", "all"]


@pytest.mark.parametrize(
    ("event", "queues"),
    [
        (("message", "customer", {"text": "are you there?"}), ["waiting", "all"]),
        (("snoozed", "staff", {"by": "s:bob", "name": "Bob"}), ["waiting", "all"]),
        (WITH_ADA, ["mine", "all"]),
        (("note", "staff", {"text": "later", "by": "s:bob"}), ["all"]),
        (("note", "staff", {"text": "@Ada look", "by": "s:bob", "mentions": ["s:ada"]}), ["mine", "all"]),
    ],
)
async def test_what_wakes_it_before_its_time_and_what_does_not(shop, event, queues):
    key = await shop.chat("c1", WAITING)
    await shop.marks.snooze(key, ADA, shop.now_ms + HOUR_MS)
    await shop.add(key, event)
    assert await shop.queues(ADA, key) == queues


async def test_an_approval_stays_where_it_is_while_its_conversation_is_snoozed(shop):
    asked = ("call.asked", "system", {"call": "call:1", "of": "staff"})
    key = await shop.chat("c1", ("call.planned", "agent", {"call": "call:1"}), asked)
    await shop.marks.snooze(key, ADA, shop.now_ms + HOUR_MS)
    assert await shop.queues(ADA, key) == ["approvals", "all"]


async def test_an_approval_of_a_closed_conversation_can_still_be_found_also_over_a_restart(shop):
    asked = ("call.asked", "system", {"call": "call:1", "of": "staff"})
    closed = ("mode", "staff", {"mode": "closed", "by": "s:ada"})
    key = await shop.chat("c1", ("call.planned", "agent", {"call": "call:1"}), asked, closed)
    for _ in range(2):
        while shop.board._reading:  # a closed conversation's summary is read from the store
            await asyncio.gather(*shop.board._reading)
        assert await shop.queues(ADA, key) == ["approvals"]
        shop.start()
        await shop.sits_down(ADA)
    await shop.add(key, ("call.decided", "staff", {"call": "call:1", "approve": False, "by": "staff"}))
    await shop.add(key, ("call.ended", "system", {"call": "call:1", "ok": False, "code": "refused"}))
    assert await shop.queues(ADA, key) == []


async def test_a_restart_forgets_neither_what_is_snoozed_nor_to_bring_it_back(shop):
    key = await shop.chat("c1", WITH_ADA)
    await shop.marks.snooze(key, ADA, shop.now_ms + HOUR_MS)
    shop.start()
    watcher = await shop.sits_down(ADA)
    assert await shop.queues(ADA, key) == ["all"]
    shop.now_ms += HOUR_MS
    watcher.changed.clear()
    await shop.board.look()
    assert watcher.changed == {key}
    assert await shop.queues(ADA, key) == ["mine", "all"]


async def test_a_time_that_passes_while_nobody_is_there_needs_nobody(shop):
    key = await shop.chat("c1", WAITING)
    await shop.marks.snooze(key, ADA, shop.now_ms + HOUR_MS)
    shop.now_ms += 2 * HOUR_MS
    shop.start()
    await shop.sits_down(ADA)
    assert await shop.queues(ADA, key) == ["waiting", "all"]


async def test_who_has_a_conversation_decides_when_it_comes_back(shop):
    key = await shop.chat("c1", WITH_ADA)
    with pytest.raises(NotMarked):
        await shop.marks.snooze(key, BOB, shop.now_ms + HOUR_MS)
    assert await shop.queues(ADA, key) == ["mine", "all"]


async def test_what_is_offered_to_me_is_mine_until_the_offer_ends(shop):
    key = await shop.chat("c1", WAITING)
    watcher = await shop.sits_down(ADA)
    await shop.add(key, ("assigned", "system", {"to": "s:ada", "name": "Ada", "until_ms": shop.now_ms + 60_000}))
    assert await shop.queues(ADA, key) == ["waiting", "mine", "all"]
    assert await shop.queues(BOB, key) == ["waiting", "all"]
    watcher.changed.clear()
    shop.now_ms += 60_000
    await shop.board.look()
    assert watcher.changed == {key}
    assert await shop.queues(ADA, key) == ["waiting", "all"]


async def test_a_row_says_that_a_visitor_is_blocked_until_the_block_has_ended(shop):
    key = await shop.chat("c1")
    await shop.marks.block(key, ADA, on=True, until_ms=shop.now_ms + HOUR_MS)
    row = shop.board.row(key)
    assert shop.board.wire(row)["blocked"]
    shop.now_ms += HOUR_MS
    assert not shop.board.wire(row)["blocked"]


async def test_of_a_shop_that_somebody_does_not_see_they_are_told_nothing(shop):
    watcher = await shop.sits_down(EVE)
    key = await shop.chat("c1", WAITING)
    await shop.marks.snooze(key, ADA, shop.now_ms + HOUR_MS)
    shop.now_ms += HOUR_MS
    await shop.board.look()
    assert watcher.changed == set()
    assert await shop.queues(EVE, key) == []


async def test_a_small_shops_closed_conversations_are_not_crowded_out_by_a_busy_ones(shop):
    await shop.sits_down(EVE)
    closed = ("mode", "system", {"mode": "closed"})
    await shop.add("pk_b/mine", ("message", "customer", {"text": "hello"}), closed)
    shop.now_ms += HOUR_MS
    for n in range(CLOSED_SHOWN + 1):
        await shop.chat(f"c{n}", closed)
    assert [row.conversation for row in await shop.board.queue(EVE, "closed")] == ["pk_b/mine"]
    assert len(await shop.board.queue(ADA, "closed")) == CLOSED_SHOWN
