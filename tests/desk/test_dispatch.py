"""Whom a conversation is offered to, for how long, and who may take it; and how one person passes it to another."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from server.approvals import Approvals
from server.desk import Board, Deeds, Dispatch
from server.desk.deeds import NotDone
from server.desk.frames import Release, Reply
from server.events import NewEvent, Viewer, visible
from server.handoff import Colleague, choose
from server.log import Log
from server.site import Site
from server.staff import Staff
from server.stores.memory import MemoryStore

SITE = {"key": "pk_a", "name": "A", "hand_over": {"capacity": 2, "offer_s": 60}}


def staff(name, *, sites=(), languages=(), skills=(), role="agent"):
    words = frozenset(sites), frozenset(languages), frozenset(skills)
    return Staff(f"s:{name}", f"{name}@a.example", name.title(), role, *words)


ADA, BOB, CLEO = (staff(name) for name in ("ada", "bob", "cleo"))


def chosen(people, **need):
    need = {"language": "en", "skill": "", "capacity": 4} | need
    found = choose(people, "pk_a", **need)
    return found and found.name


def test_the_one_with_the_fewest_conversations_is_next_and_of_equals_the_one_whose_turn_was_the_longest_ago():
    assert chosen([Colleague(ADA, 2), Colleague(BOB, 1)]) == "Bob"
    assert chosen([Colleague(ADA, 1, 200), Colleague(BOB, 1, 100)]) == "Bob"


def test_nobody_gets_more_than_there_is_room_for_and_nobody_is_asked_twice():
    assert chosen([Colleague(ADA, 4), Colleague(BOB, 4)]) is None
    assert chosen([Colleague(ADA, 0), Colleague(BOB, 3)], asked={"s:ada"}) == "Bob"
    assert chosen([Colleague(ADA, 0)], asked={"s:ada"}) is None


def test_who_may_not_see_the_site_is_never_asked():
    assert chosen([Colleague(staff("eve", sites=["pk_b"]), 0)]) is None


def test_language_and_skill_come_first_and_the_language_before_the_skill():
    german = Colleague(staff("dora", languages=["de-AT"]), 3)
    both = Colleague(staff("emil", languages=["de"], skills=["returns"]), 3)
    english = Colleague(staff("finn", languages=["en"], skills=["returns"]), 0)
    need = {"language": "de", "skill": "returns"}
    assert chosen([german, both, english], **need) == "Dora"  # who lists no skill has all of them, and is asked in turn
    assert chosen([both, english], **need) == "Emil"
    assert chosen([Colleague(staff("gus", languages=["de"], skills=["orders"]), 3), english], **need) == "Gus"
    assert chosen([english], **need) == "Finn", "somebody is better than nobody"


class Desk:
    """Board, deeds and dispatch over a memory store, with a clock that stands still."""

    def __init__(self):
        self.now_ms = 1_800_000_000_000
        self.ids = itertools.count()
        self.store = MemoryStore(clock_ms=lambda: self.now_ms)
        self.log = Log(self.store)
        self.board = Board(self.log, clock_ms=lambda: self.now_ms)
        parts = {"clock_ms": lambda: self.now_ms, "new_id": lambda: f"i{next(self.ids)}"}
        approvals = Approvals(self.log, {}, poke=lambda _: None, **parts)
        self.deeds = Deeds(self.log, approvals, poke=lambda _: None, present=lambda: self.board.present, **parts)
        self.dispatch = Dispatch(self.log, self.board, {"pk_a": Site.model_validate(SITE)}, **parts)

    async def sits_down(self, *people):
        await self.board.load()
        return [self.board.watch(one, asyncio.Event()) for one in people]

    async def waits(self, chat):
        key = f"pk_a/{chat}"
        mode = {"mode": "waiting", "reason": "asked"}
        said = NewEvent(f"{chat}:m", "message", "customer", {"text": "hello"})
        await self.log.append(key, [said, NewEvent(f"{chat}:w", "mode", "system", mode)])
        return key

    async def offered(self, key):
        offers = (await self.log.load(key)).offers
        return [offer.name for offer in offers]


@pytest.fixture
async def desk():
    return Desk()


async def test_what_waits_is_offered_to_the_next_one_when_it_was_not_taken_in_time(desk):
    await desk.sits_down(ADA, BOB)
    key = await desk.waits("c1")
    assert await desk.dispatch.look() == 1
    assert await desk.dispatch.look() == 0, "it is offered to somebody"
    desk.now_ms += 60_000
    assert await desk.dispatch.look() == 1
    desk.now_ms += 60_000
    assert await desk.dispatch.look() == 0, "everybody was asked; anybody may take it"
    assert sorted(await desk.offered(key)) == ["Ada", "Bob"]
    await desk.sits_down(CLEO)
    assert await desk.dispatch.look() == 1
    assert (await desk.offered(key))[-1] == "Cleo"


async def test_who_leaves_the_desk_keeps_no_offer(desk):
    [watcher] = await desk.sits_down(ADA)
    key = await desk.waits("c1")
    await desk.dispatch.look()
    desk.board.unwatch(watcher)
    assert await desk.dispatch.look() == 0
    await desk.sits_down(BOB)
    assert await desk.dispatch.look() == 1
    assert await desk.offered(key) == ["Ada", "Bob"]


async def test_four_customers_are_spread_over_two_colleagues_and_the_fifth_waits_for_room(desk):
    await desk.sits_down(ADA, BOB)
    keys = [await desk.waits(f"c{n}") for n in range(5)]
    assert await desk.dispatch.look() == 4
    names = [name for key in keys for name in await desk.offered(key)]
    assert sorted(names) == ["Ada", "Ada", "Bob", "Bob"]
    by_name = {"Ada": ADA, "Bob": BOB}
    for key in keys[:4]:
        [name] = await desk.offered(key)
        await desk.deeds.take(key, by_name[name])
    assert await desk.dispatch.look() == 0
    await desk.deeds.release(keys[0], by_name["Ada"], Release(t="release", conversation="c0", to="closed"))
    assert await desk.dispatch.look() == 1


async def test_what_staff_have_put_aside_is_offered_when_its_time_has_come(desk):
    await desk.sits_down(ADA)
    key = await desk.waits("c1")
    until = {"until_ms": desk.now_ms + 5_000, "by": "s:ada", "name": "Ada"}
    await desk.log.append(key, [NewEvent("s:1", "snoozed", "staff", until)])
    assert await desk.dispatch.look() == 0
    desk.now_ms += 5_000
    assert await desk.dispatch.look() == 1


async def test_what_comes_back_is_offered_anew_also_to_who_was_asked_before(desk):
    await desk.sits_down(ADA)
    key = await desk.waits("c1")
    assert await desk.dispatch.look() == 1
    desk.now_ms += 60_000
    assert await desk.dispatch.look() == 0, "everybody was asked"
    until = {"until_ms": desk.now_ms + 5_000, "by": "s:bob", "name": "Bob"}
    await desk.log.append(key, [NewEvent("s:1", "snoozed", "staff", until)])
    desk.now_ms += 5_000
    assert await desk.dispatch.look() == 1


async def test_an_offer_is_told_to_every_desk_with_the_row(desk):
    [watcher] = await desk.sits_down(ADA)
    key = await desk.waits("c1")
    watcher.changed.clear()
    await desk.dispatch.look()
    assert watcher.changed == {key}
    row = desk.board.row(key)
    assert (row.offered, row.offered_name, row.offered_until_ms) == ("s:ada", "Ada", desk.now_ms + 60_000)


async def test_anybody_may_take_what_was_offered_to_another(desk):
    await desk.sits_down(ADA, BOB)
    key = await desk.waits("c1")
    await desk.dispatch.look()
    other = BOB if await desk.offered(key) == ["Ada"] else ADA
    await desk.deeds.take(key, other)
    assert (await desk.log.load(key)).staff == other.id
    assert desk.board.row(key).offered is None


async def test_a_person_passes_a_conversation_to_a_colleague_who_then_takes_it(desk):
    await desk.sits_down(ADA, BOB, CLEO)
    key = await desk.waits("c1")
    await desk.deeds.take(key, ADA)
    with pytest.raises(NotDone):
        await desk.deeds.take(key, BOB)
    await desk.deeds.assign(key, ADA, BOB.id)
    assert (await desk.log.load(key)).staff == ADA.id, "until it is taken nothing changes"
    with pytest.raises(NotDone):
        await desk.deeds.take(key, CLEO)
    await desk.deeds.take(key, BOB)
    assert (await desk.log.load(key)).staff == BOB.id


async def test_what_was_passed_on_and_not_taken_in_time_stays_where_it_was(desk):
    await desk.sits_down(ADA, BOB)
    key = await desk.waits("c1")
    await desk.deeds.take(key, ADA)
    await desk.deeds.assign(key, ADA, BOB.id)
    desk.now_ms += 60_000
    with pytest.raises(NotDone):
        await desk.deeds.take(key, BOB)
    assert (await desk.log.load(key)).staff == ADA.id


async def test_nobody_gives_away_what_is_not_theirs_or_to_whom_is_not_there(desk):
    await desk.sits_down(ADA, BOB, staff("eve", sites=["pk_b"]))
    key = await desk.waits("c1")
    await desk.deeds.take(key, ADA)
    for who, to in ((BOB, ADA.id), (ADA, CLEO.id), (ADA, "s:eve"), (ADA, ADA.id)):
        with pytest.raises(NotDone):
            await desk.deeds.assign(key, who, to)
    await desk.deeds.assign(key, staff("root", role="admin"), BOB.id)
    assert (await desk.log.load(key)).offers[-1].name == "Bob"


async def test_customers_see_the_picture_of_who_took_over_if_there_is_one(desk):
    picture = "/picture/ada"
    key = await desk.waits("c1")
    await desk.deeds.take(key, BOB)
    await desk.deeds.take(key, replace(ADA, picture=picture), force=True)
    seen = [visible(event, Viewer("customer")) for event in await desk.log.read(key)]
    modes = [event.body for event in seen if event is not None and event.kind == "mode"]
    assert modes[1:] == [{"mode": "staff", "name": "Bob"}, {"mode": "staff", "name": "Ada", "picture": picture}]


async def test_what_is_said_carries_the_picture_and_sent_again_under_a_new_picture_it_is_the_same_message(desk):
    key = await desk.waits("c1")
    await desk.deeds.take(key, ADA)
    reply = Reply(t="reply", conversation="c1", id="r1", text="hello")
    await desk.deeds.reply(key, replace(ADA, picture="/picture/ada"), reply)
    head = (await desk.log.load(key)).head
    await desk.deeds.reply(key, replace(ADA, picture="/picture/other"), reply)
    assert (await desk.log.load(key)).head == head
    said = visible((await desk.log.read(key))[-1], Viewer("customer"))
    assert said.body == {"text": "hello", "name": "Ada", "picture": "/picture/ada"}
    with pytest.raises(NotDone):
        await desk.deeds.reply(key, ADA, Reply(t="reply", conversation="c1", id="r1", text="something else"))


async def test_who_puts_a_conversation_back_is_not_the_one_who_is_asked_next(desk):
    await desk.sits_down(ADA, BOB)
    key = await desk.waits("c1")
    await desk.deeds.take(key, ADA)
    other = [await desk.waits(f"o{n}") for n in range(2)]
    for one in other:
        await desk.deeds.take(one, BOB)
    await desk.deeds.release(key, ADA, Release(t="release", conversation="c1", to="waiting"))
    assert await desk.dispatch.look() == 0, "Bob has no room, and Ada did not want it"
    await desk.deeds.release(other[0], BOB, Release(t="release", conversation="o0", to="closed"))
    assert await desk.dispatch.look() == 1
    assert await desk.offered(key) == ["Bob"]


async def test_when_nobody_has_taken_it_for_too_long_all_are_asked_once_more(desk):
    await desk.sits_down(ADA)
    key = await desk.waits("c1")
    assert await desk.dispatch.look() == 1
    desk.now_ms += 60_000
    assert await desk.dispatch.look() == 0
    late = NewEvent("escalated:1", "note", "system", {"text": "Nobody has taken this.", "escalated": True})
    await desk.log.append(key, [late])
    assert await desk.dispatch.look() == 1
    desk.now_ms += 60_000
    assert await desk.dispatch.look() == 0, "once more, and not for ever"


async def test_what_somebody_has_snoozed_leaves_room_for_another(desk):
    await desk.sits_down(ADA)
    keys = [await desk.waits(f"c{n}") for n in range(3)]
    for key in keys[:2]:
        await desk.deeds.take(key, ADA)
    assert await desk.dispatch.look() == 0
    until = {"until_ms": desk.now_ms + 3_600_000, "by": "s:ada", "name": "Ada"}
    await desk.log.append(keys[0], [NewEvent("s:1", "snoozed", "staff", until)])
    assert await desk.dispatch.look() == 1


async def test_a_long_queue_for_which_nobody_has_room_or_is_left_is_not_read_again_and_again(desk, monkeypatch):
    await desk.sits_down(ADA)
    keys = [await desk.waits(f"c{n}") for n in range(20)]
    for key in keys[:2]:
        await desk.deeds.take(key, ADA)
    read = []
    load = desk.log.load

    async def counted(key):
        read.append(key)
        return await load(key)

    monkeypatch.setattr(desk.log, "load", counted)
    assert (await desk.dispatch.look(), read) == (0, []), "she has no room"
    await desk.sits_down(BOB)
    desk.now_ms += 1
    assert await desk.dispatch.look() == 2
    for _ in range(20):  # until everybody was asked about everything that there is room for
        desk.now_ms += 60_000
        await desk.dispatch.look()
    read.clear()
    desk.now_ms += 60_000
    assert (await desk.dispatch.look(), read) == (0, [])
