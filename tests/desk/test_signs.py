"""Who types and who has read: told to the other side, also to who comes later or is on another node, and in no log."""

import asyncio

import pytest

from server.brokers.memory import MemoryBroker
from server.events import NewEvent, Viewer
from server.hub import Hub
from server.log import Log
from server.stores.memory import MemoryStore

KEY = "pk_a/c1"
ADA = {"name": "Ada", "picture": "/picture/ada"}


class Place:
    """One or more nodes over one store."""

    def __init__(self, nodes=1):
        self.store = MemoryStore()
        self.broker = MemoryBroker() if nodes > 1 else None
        self.logs = [Log(self.store) for _ in range(nodes)]
        self.hubs = [Hub(log, f"n{n}", self.broker) for n, log in enumerate(self.logs)]
        self.hub = self.hubs[0]
        self.watches = []

    async def says(self, role, text, said):
        await self.logs[0].append(KEY, [NewEvent(said, "message", role, {"text": text})])

    async def watches_as(self, audience, node=0):
        hub = self.hubs[node]
        watch = await hub.attach(KEY, Viewer(audience), 0)
        self.watches.append((hub, watch))
        return watch

    async def signs(self, watch):
        """The passing frames that have come to a viewer."""
        hub = next(hub for hub, one in self.watches if one is watch)
        return [frame for frame in await hub.pull(watch) if frame["t"] in ("staff", "customer")]


async def everything_in_memory_is_done():
    """Store and broker answer without waiting for anything: some turns of the loop are all that they take."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.fixture
async def place():
    made = Place()
    await made.says("customer", "hello", "m1")
    await made.says("staff", "hello there", "m2")
    return made


async def test_each_side_is_shown_the_other_and_never_itself(place):
    customer, staff = await place.watches_as("customer"), await place.watches_as("staff")
    place.hub.types(KEY, "staff", ADA)
    place.hub.saw(KEY, "customer", 2)
    assert await place.signs(customer) == [{"t": "staff", "typing": True, **ADA}]
    assert await place.signs(staff) == [{"t": "customer", "typing": False, "seen": 2}]
    assert await place.signs(customer) == [], "each is shown once"


async def test_who_comes_later_is_shown_how_far_the_other_side_has_read(place):
    staff = await place.watches_as("staff")
    place.hub.saw(KEY, "staff", 1)
    customer = await place.watches_as("customer")
    assert await place.signs(customer) == [{"t": "staff", "typing": False, "seen": 1}]
    assert await place.signs(staff) == []


async def test_nobody_has_read_what_is_not_there_and_nobody_reads_backwards(place):
    customer = await place.watches_as("customer")
    for seq in (9_000, 1, 2):
        place.hub.saw(KEY, "staff", seq)
    assert await place.signs(customer) == [{"t": "staff", "typing": False, "seen": 2}]


async def test_reading_does_not_end_typing_and_a_message_does(place):
    customer = await place.watches_as("customer")
    place.hub.types(KEY, "staff", ADA)
    place.hub.saw(KEY, "staff", 1)
    assert [frame["typing"] for frame in await place.signs(customer)] == [True, True]
    await place.says("staff", "one moment", "m3")
    place.hub.saw(KEY, "staff", 3)
    assert [frame["typing"] for frame in await place.signs(customer)] == [False]


async def test_who_reads_slowly_gets_the_newest_of_each_kind(place):
    customer = await place.watches_as("customer")
    for seq in (1, 2):
        for _ in range(50):
            place.hub.types(KEY, "staff", ADA)
        place.hub.saw(KEY, "staff", seq)
    assert await place.signs(customer) == [
        {"t": "staff", "typing": True, **ADA},
        {"t": "staff", "typing": True, "seen": 2},
    ]


async def test_it_is_told_on_other_nodes_too():
    place = Place(nodes=2)
    await place.says("customer", "hello", "m1")
    await place.watches_as("staff", node=0)
    customer = await place.watches_as("customer", node=1)
    await everything_in_memory_is_done()  # the subscription stands
    place.hub.types(KEY, "staff", ADA)
    place.hub.saw(KEY, "staff", 1)
    await everything_in_memory_is_done()
    assert await place.signs(customer) == [
        {"t": "staff", "typing": True, **ADA},
        {"t": "staff", "typing": True, "seen": 1},
    ]
    for hub, watch in place.watches:
        hub.detach(watch)


async def test_nothing_of_it_is_in_the_log(place):
    await place.watches_as("customer")
    place.hub.types(KEY, "staff", ADA)
    place.hub.saw(KEY, "staff", 2)
    assert [event.kind for event in await place.logs[0].read(KEY)] == ["message", "message"]
