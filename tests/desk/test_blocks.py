"""From whom nothing is taken: for how long, where, and what becomes of what is open of theirs."""

import itertools
from types import SimpleNamespace

import pytest

from server.blocks import Blocks
from server.desk.marks import MAX_BLOCK_MS, Marks, NotMarked
from server.events import NewEvent
from server.log import Log
from server.socket.customer import Customer
from server.staff import Staff
from server.stores.memory import MemoryStore
from server.wire import Say

ADA = Staff("s:ada", "ada@a.example", "Ada", "agent")
HOUR_MS = 3_600_000


class Shop:
    def __init__(self):
        self.now_ms = 1_800_000_000_000
        self.ids = itertools.count()
        self.log = Log(MemoryStore(clock_ms=lambda: self.now_ms))
        self.blocks = Blocks(self.log, clock_ms=lambda: self.now_ms)
        self.marks = Marks(
            self.log, self.blocks, people=self.nobody, clock_ms=lambda: self.now_ms, new_id=lambda: f"i{next(self.ids)}"
        )

    async def nobody(self):
        return []

    async def chat(self, name, *, customer=None, said="hello", site="pk_a"):
        key = f"{site}/{name}"
        who = [NewEvent(f"{name}:i", "identified", "system", {"customer": customer})] if customer else []
        words = [NewEvent(f"{name}:m", "message", "customer", {"text": said})] if said else []
        await self.log.append(key, [NewEvent(f"{name}:o", "opened", "customer"), *who, *words])
        return key

    async def block(self, key, *, on=True, until_ms=None):
        await self.marks.block(key, ADA, on=on, until_ms=until_ms)

    async def is_blocked(self, key):
        return await self.blocks.holds(await self.log.load(key))

    async def kinds(self, key):
        return [event.kind for event in await self.log.read(key)]


@pytest.fixture
async def shop():
    return Shop()


async def test_a_signed_in_customer_is_blocked_in_every_conversation_with_this_shop_and_nobody_else_is(shop):
    here = await shop.chat("c1", customer="mara")
    old, other = await shop.chat("c2", customer="mara"), await shop.chat("c3", customer="bo")
    elsewhere, guest = await shop.chat("c4", customer="mara", site="pk_b"), await shop.chat("c5")
    await shop.block(here)
    new = await shop.chat("c6", customer="mara", said="")
    assert [await shop.is_blocked(key) for key in (here, old, new)] == [True] * 3
    assert [await shop.is_blocked(key) for key in (other, elsewhere, guest)] == [False] * 3


async def test_of_a_guest_only_the_conversation_is_blocked(shop):
    here, other = await shop.chat("c1"), await shop.chat("c2")
    await shop.block(here)
    assert await shop.is_blocked(here)
    assert not await shop.is_blocked(other)


async def test_what_else_is_open_of_a_blocked_customer_ends_with_the_sentence_and_the_agents_turn_too(shop):
    here, other = await shop.chat("c1", customer="mara"), await shop.chat("c2", customer="mara")
    await shop.log.append(other, [NewEvent("t1:s", "turn.started", "system", {"attempt": 1}, "t1")])
    await shop.block(here)
    state = await shop.log.load(other)
    assert (state.mode, state.mode_reason, state.turn) == ("closed", "blocked", None)
    assert state.messages[-1].text == "This chat has been ended by our team, and nothing more can be sent here."
    assert not state.blocked, "the block stands in one conversation, where staff made it"


async def test_who_signs_in_while_blocked_finds_the_conversation_ended_unless_nothing_was_said_there(shop):
    await shop.block(await shop.chat("c1", customer="mara"))
    talk, empty = await shop.chat("c2", customer="mara"), await shop.chat("c3", customer="mara", said="")
    for key in (talk, empty):
        await shop.blocks.shut(key)
    assert (await shop.log.load(talk)).mode == "closed"
    assert (await shop.log.load(empty)).mode == "agent"


async def test_staff_free_the_visitor_from_any_of_their_conversations(shop):
    here, other = await shop.chat("c1", customer="mara"), await shop.chat("c2", customer="mara")
    await shop.block(here)
    await shop.block(other)
    new = await shop.chat("c3", customer="mara", said="")
    await shop.block(new, on=False)
    assert [await shop.is_blocked(key) for key in (here, other, new)] == [False] * 3
    assert "blocked" not in await shop.kinds(new), "there was none to lift"


async def test_a_block_ends_with_its_time(shop):
    here, other = await shop.chat("c1", customer="mara"), await shop.chat("c2", customer="mara")
    await shop.block(here, until_ms=shop.now_ms + HOUR_MS)
    shop.now_ms += HOUR_MS - 1
    assert [await shop.is_blocked(key) for key in (here, other)] == [True, True]
    shop.now_ms += 1
    assert [await shop.is_blocked(key) for key in (here, other)] == [False, False]


async def test_the_end_of_a_block_can_be_moved_and_the_visitor_hears_of_the_block_once(shop):
    here = await shop.chat("c1")
    await shop.block(here, until_ms=shop.now_ms + HOUR_MS)
    await shop.block(here)
    await shop.block(here)
    shop.now_ms += 2 * HOUR_MS
    assert await shop.is_blocked(here)
    kinds = await shop.kinds(here)
    assert (kinds.count("blocked"), kinds.count("message")) == (2, 2)


@pytest.mark.parametrize("in_ms", [-1, 0, MAX_BLOCK_MS + 1])
async def test_a_block_does_not_end_in_the_past_or_after_more_than_a_year(shop, in_ms):
    here = await shop.chat("c1")
    with pytest.raises(NotMarked):
        await shop.block(here, until_ms=shop.now_ms + in_ms)
    assert not await shop.is_blocked(here)


class Meanwhile:
    """Looks at a message as codes and addresses are looked for, while something else happens."""

    def __init__(self, *deeds):
        self.deeds = list(deeds)

    async def take(self, key, said, text):
        if self.deeds:
            await self.deeds.pop(0)()


async def says(shop, key, meanwhile, said="late"):
    """A message of this conversation's visitor, over the socket's own code; what the visitor is told at once."""
    told = []
    door = SimpleNamespace(blocks=shop.blocks, opening_events=lambda _: [])
    turns = SimpleNamespace(foresee=lambda *_: None, poke=lambda _: None)
    line = SimpleNamespace(log=shop.log, door=door, turns=turns, words=meanwhile, contacts=Meanwhile())

    async def pace():
        pass

    frame = Say(t="say", id=said, text="more of it")
    await Customer(line, told.append).say(SimpleNamespace(key=key), frame, pace)
    return [frame["code"] for frame in told]


async def test_a_message_that_meets_the_block_in_a_closed_conversation_does_not_open_it_again(shop):
    key = await shop.chat("c1")
    await shop.log.append(key, [NewEvent("end", "mode", "staff", {"mode": "closed", "by": "s:ada"})])
    assert await says(shop, key, Meanwhile(lambda: shop.block(key))) == ["blocked"]
    state = await shop.log.load(key)
    assert (state.mode, "late" in state.said) == ("closed", False)


async def test_two_messages_that_meet_in_a_closed_conversation_open_it_once_and_are_both_there(shop):
    key = await shop.chat("c1")
    await shop.log.append(key, [NewEvent("end", "mode", "staff", {"mode": "closed", "by": "s:ada"})])
    first = Meanwhile(lambda: says(shop, key, Meanwhile(), said="other"))
    assert await says(shop, key, first) == []
    state = await shop.log.load(key)
    assert (state.mode, {"late", "other"} <= state.said) == ("agent", True)
    reasons = [event.body.get("reason") for event in await shop.log.read(key) if event.kind == "mode"]
    assert reasons == [None, "reopened"]
