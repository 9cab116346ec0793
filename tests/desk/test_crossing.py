"""What a customer sends in the very moment in which the conversation changes hands or is closed: nothing of it is lost."""

import itertools
from types import SimpleNamespace

import pytest

from server.blocks import Blocks
from server.desk import Deeds
from server.desk.frames import Release
from server.events import NewEvent
from server.log import Log
from server.site import Site
from server.socket.customer import Customer
from server.staff import Staff
from server.stores.memory import MemoryStore
from server.unattended import Unattended
from server.wire import Say

ADA = Staff("s:ada", "ada@a.example", "Ada", "agent")
KEY = "pk_a/c1"
HOUR_MS = 3_600_000


class Place:
    """A conversation with a word of the customer's; what a customer and a colleague do to it, over the server's own code."""

    def __init__(self):
        self.now_ms = 1_800_000_000_000
        ids = itertools.count()
        new_id = lambda: f"i{next(ids)}"  # noqa: E731 - used twice
        self.site = Site.model_validate({"key": "pk_a", "name": "A"})
        self.log = Log(MemoryStore(clock_ms=self.clock_ms))
        self.deeds = Deeds(self.log, None, poke=lambda _: None, new_id=new_id, clock_ms=self.clock_ms)
        self.unattended = Unattended(self.log, {"pk_a": self.site}, clock_ms=self.clock_ms)
        self.told = []
        taker = SimpleNamespace(take=self.nothing)
        door = SimpleNamespace(blocks=Blocks(self.log, clock_ms=self.clock_ms), opening_events=lambda _: [])
        turns = SimpleNamespace(foresee=lambda *_: None, poke=lambda _: None)
        line = SimpleNamespace(
            log=self.log, door=door, turns=turns, words=taker, contacts=taker, clock_ms=self.clock_ms
        )
        self.customer = Customer(line, self.told.append)
        self.session = SimpleNamespace(key=KEY, site=self.site)

    def clock_ms(self):
        return self.now_ms

    async def nothing(self, *_):
        return None

    async def says(self, said="late"):
        await self.customer.say(self.session, Say(t="say", id=said, text="one more thing"), self.nothing)

    async def asks(self, said="h1"):
        await self.customer.human(self.session, said)

    async def takes(self):
        await self.deeds.take(KEY, ADA)

    async def closes(self):
        await self.deeds.release(KEY, ADA, Release(t="release", conversation="c1", to="closed"))

    def meets(self, deed, looks=1):
        """So many looks into the log from now, this is done before whoever looked does anything."""
        load, left = self.log.load, [looks]

        async def look(key):
            state = await load(key)
            left[0] -= 1
            if left[0] == 0:
                self.log.load = load
                await deed()
            return state

        self.log.load = look

    async def state(self):
        return await self.log.load(KEY)

    async def modes(self):
        found = [event.body for event in await self.log.read(KEY) if event.kind == "mode"]
        return [(body["mode"], body.get("reason")) for body in found]


@pytest.fixture
async def place():
    made = Place()
    await made.log.append(KEY, [NewEvent("m1", "message", "customer", {"text": "hello"})])
    return made


@pytest.mark.parametrize("looks", [1, 2])
async def test_a_message_that_meets_the_closing_opens_the_conversation_again_and_is_the_agents(place, looks):
    await place.takes()
    place.meets(place.closes, looks)
    await place.says()
    state = await place.state()
    assert (state.mode, state.unanswered) == ("agent", ["late"])
    assert await place.modes() == [("staff", None), ("closed", None), ("agent", "reopened")]


async def test_a_closing_that_meets_a_message_nobody_has_seen_is_opened_again(place):
    await place.takes()
    place.meets(place.says)
    await place.closes()
    state = await place.state()
    assert (state.mode, state.unanswered) == ("agent", ["late"])


async def test_what_was_said_before_the_closing_opens_nothing(place):
    await place.takes()
    await place.says()
    await place.closes()
    assert (await place.state()).mode == "closed"


async def test_who_writes_in_the_moment_of_being_closed_for_silence_is_not_silent(place):
    place.now_ms += 73 * HOUR_MS
    place.meets(place.says)
    assert await place.unattended.close() == 0
    state = await place.state()
    assert (state.mode, state.unanswered) == ("agent", ["late"])


async def test_who_asks_for_a_person_as_one_comes_takes_it_from_nobody(place):
    place.meets(place.takes)
    await place.asks()
    assert (await place.state()).mode == "staff"
    assert await place.modes() == [("staff", None)]


async def test_two_tabs_that_ask_for_a_person_at_once_ask_once(place):
    place.meets(lambda: place.asks("h2"))
    await place.asks("h1")
    assert await place.modes() == [("waiting", "asked")]
    assert place.told == []


@pytest.mark.parametrize("deed", ["takes", "closes"])
async def test_a_call_that_nobody_had_begun_is_over_with_its_turn_and_nobody_is_shown_it_as_under_way(place, deed):
    wanted = [{"call": f"call:{n}", "tool": "look", "args": {}, "label": "Looking"} for n in range(3)]
    turn = [NewEvent("t1", "turn.started", "system", {"attempt": 1}, "t:1")]
    turn += [NewEvent(body["call"], "call.planned", "agent", body, "t:1") for body in wanted]
    turn += [NewEvent("b1", "call.started", "system", {"call": "call:1"}, "t:1")]
    await place.log.append(KEY, turn)
    await getattr(place, deed)()
    assert [call.state for call in (await place.state()).calls.values()] == ["ended", "started", "ended"]
    over = [event.body for event in await place.log.read(KEY) if event.kind == "call.ended"]
    assert [(body["call"], body["ok"], body["code"]) for body in over] == [
        ("call:0", False, "handed_over"),
        ("call:2", False, "handed_over"),
    ]


async def test_a_call_that_begins_in_the_moment_of_the_take_over_goes_on_and_is_not_said_to_be_over(place):
    wanted = {"call": "call:0", "tool": "look", "args": {}, "label": "Looking"}
    turn = [NewEvent("t1", "turn.started", "system", {"attempt": 1}, "t:1")]
    await place.log.append(KEY, [*turn, NewEvent("p1", "call.planned", "agent", wanted, "t:1")])
    begun = NewEvent("b1", "call.started", "system", {"call": "call:0"}, "t:1")
    place.meets(lambda: place.log.append(KEY, [begun]))
    await place.takes()
    assert (await place.state()).calls["call:0"].state == "started"
    assert "call.ended" not in [event.kind for event in await place.log.read(KEY)]
