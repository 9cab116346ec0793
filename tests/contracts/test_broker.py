"""The contract of `server.ports.Broker`, run over every broker.

Asks for nothing that a broker may lose: only that what is delivered is right, in order, and never blocks.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.brokers.memory import MemoryBroker
from server.ports import Broker

KEPT = 8


@pytest.fixture(params=["memory"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    made = MemoryBroker(kept=KEPT)
    yield made
    await made.close()


async def take(messages: AsyncIterator[bytes], count: int) -> list[bytes]:
    async with asyncio.timeout(60):
        return [await anext(messages) for _ in range(count)]


async def test_a_listener_gets_what_is_published_in_order(broker: Broker):
    async with broker.subscribe("a") as messages:
        for n in range(5):
            await broker.publish("a", b"%d" % n)
        assert await take(messages, 5) == [b"0", b"1", b"2", b"3", b"4"]


async def test_every_listener_of_a_channel_gets_a_copy_and_no_other_channel_does(broker: Broker):
    async with broker.subscribe("a") as one, broker.subscribe("a") as two, broker.subscribe("b") as other:
        await broker.publish("a", b"x")
        await broker.publish("b", b"y")
        assert await take(one, 1) == await take(two, 1) == [b"x"]
        assert await take(other, 1) == [b"y"]


async def test_a_listener_that_waits_is_woken(broker: Broker):
    async with broker.subscribe("a") as messages:
        waiting = asyncio.ensure_future(take(messages, 1))
        await asyncio.sleep(0)
        await broker.publish("a", b"x")
        assert await waiting == [b"x"]


async def test_a_slow_reader_loses_the_oldest_and_blocks_nobody(broker: Broker):
    async with broker.subscribe("a") as slow, broker.subscribe("a") as quick:
        for n in range(20):
            await broker.publish("a", b"%d" % n)
            assert await take(quick, 1) == [b"%d" % n]
        assert await take(slow, KEPT) == [b"%d" % n for n in range(20 - KEPT, 20)]


async def test_publishing_to_nobody_is_no_error_and_is_not_kept(broker: Broker):
    await broker.publish("a", b"lost")
    async with broker.subscribe("a") as messages:
        await broker.publish("a", b"seen")
        assert await take(messages, 1) == [b"seen"]


async def test_leaving_ends_a_subscription_also_by_cancellation(broker: Broker):
    listening = asyncio.Event()

    async def listen() -> None:
        async with broker.subscribe("a") as messages:
            listening.set()
            await anext(messages)

    task = asyncio.ensure_future(listen())
    await listening.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with broker.subscribe("a") as messages:
        await broker.publish("a", b"x")
        assert await take(messages, 1) == [b"x"]


async def test_closing_ends_every_subscription_after_what_waits_for_it(broker: Broker):
    async with broker.subscribe("a") as messages, broker.subscribe("b") as idle:
        waiting = asyncio.ensure_future(anext(idle, None))
        await asyncio.sleep(0)
        await broker.publish("a", b"last")
        await broker.close()
        assert [message async for message in messages] == [b"last"]
        assert await waiting is None
    await broker.publish("a", b"nobody")
    async with broker.subscribe("a") as messages:
        assert [message async for message in messages] == []
