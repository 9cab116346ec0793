"""Syncing: one at a time for each site, never a change passed by, and what went wrong is known."""

import asyncio
import logging

import pytest

from retrieval.types import SourceError, SyncReport
from server.syncing import BROKE, Syncing
from tests.insights.log import Clock


class Index:
    """Counts its syncs; each waits at the gate, if there is one, and then raises what it is told to."""

    def __init__(self):
        self.synced = []
        self.gate = None
        self.began = asyncio.Event()
        self.wrong = None

    async def sync(self, site, sources, *, progress, locale):
        self.synced.append((site, list(sources), locale))
        progress(1, 2)
        self.began.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.wrong is not None:
            raise self.wrong
        return SyncReport(1, 0, 0, 4, 0.5)


def made(index, clock=None):
    return Syncing(index, lambda site: ([f"{site}/help"], "en"), clock_ms=clock or Clock(1_000))


async def test_a_sync_is_seen_under_way_and_after():
    index, clock = Index(), Clock(1_000)
    index.gate = asyncio.Event()
    async with made(index, clock) as syncing:
        assert syncing.last("pk_a") is None
        syncing.start("pk_a")
        assert syncing.last("pk_a").running
        await index.began.wait()
        assert (syncing.last("pk_a").done, syncing.last("pk_a").total) == (1, 2)
        clock.now_ms = 3_000
        index.gate.set()
        last = await syncing.settled("pk_a")
    assert (last.running, last.began_ms, last.ended_ms, last.report.added) == (False, 1_000, 3_000, 1)
    assert index.synced == [("pk_a", ["pk_a/help"], "en")]


async def test_what_is_started_meanwhile_comes_once_after_it_and_other_sites_do_not_wait():
    index = Index()
    index.gate = asyncio.Event()
    async with made(index) as syncing:
        syncing.start("pk_a")
        await index.began.wait()
        for _ in range(3):
            syncing.start("pk_a")
        index.began.clear()
        syncing.start("pk_b")
        await index.began.wait()
        assert [site for site, _, _ in index.synced] == ["pk_a", "pk_b"]
        index.gate.set()
        await syncing.settled("pk_a")
        await syncing.settled("pk_b")
    assert sorted(site for site, _, _ in index.synced) == ["pk_a", "pk_a", "pk_b"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(SourceError("help/a.md:3: expected UTF-8"), "help/a.md:3: expected UTF-8"), (OSError("no route"), BROKE)],
)
async def test_what_goes_wrong_is_told_and_the_next_one_can_go_well(wrong, said, caplog):
    index = Index()
    index.wrong = wrong
    async with made(index) as syncing:
        with caplog.at_level(logging.CRITICAL):
            syncing.start("pk_a")
            last = await syncing.settled("pk_a")
        assert (last.running, last.report, last.error) == (False, None, said)
        index.wrong = None
        syncing.start("pk_a")
        assert (await syncing.settled("pk_a")).error == ""


async def test_leaving_does_not_wait_for_a_sync_that_hangs():
    index = Index()
    index.gate = asyncio.Event()
    async with asyncio.timeout(60), made(index) as syncing:
        syncing.start("pk_a")
        await index.began.wait()
    assert len(index.synced) == 1
