"""Bench: how long the merchant's numbers take over a log of 10,000 conversations: counted anew, and again after one more.

It proves nothing about what the numbers are; tests/insights does.
"""

import argparse
import asyncio
import gc
import resource
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from retrieval.embed import MiniLM
from server.events import NewEvent
from server.insights import Insights, Scope, Table
from server.log import Log
from server.models.offline.ears import Ears
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore

TOPICS = (
    "Do you wrap presents?", "Is there a student discount?", "Do you ship to Iceland?", "Can you repair old boots?",
    "Are these shoes vegan?", "Is there a shop in Hamburg?", "Do you sell gift cards?", "Can I pay by instalments?",
)  # fmt: skip
EVENTS_PER_TURN = 5
TURNS = 5


def conversation(n: int) -> list[NewEvent]:
    """A usual chat: five turns of a question, a search, a model call, an answer; in one of ten a question in vain."""
    made = [NewEvent("o", "opened", "customer", {"locale": "en"})]
    for at in range(TURNS):
        turn = f"t{at}"
        in_vain = at == 0 and n % 10 == 0
        text = f"{TOPICS[n // 10 % len(TOPICS)]} ({n // 80})" if in_vain else "What about returns?"
        passages = [{"title": "Returns", "score": 0.2 if in_vain else 0.7, "text": "You can return any item. " * 20}]
        cites = {} if in_vain else {"citations": [{"n": 1, "title": "Returns", "quote": "You can return any item."}]}
        made += [
            NewEvent(f"m{at}", "message", "customer", {"text": text}),
            NewEvent(f"{turn}:l", "retrieved", "system", {"query": text, "passages": passages * 6}, turn),
            NewEvent(f"{turn}:c", "model.called", "system", {"model": "x", "usage": {"input_tokens": 900}}, turn),
            NewEvent(f"{turn}:r", "message", "agent", {"text": "You can return any item." * 3, **cites}, turn),
            NewEvent(f"{turn}:e", "turn.ended", "system", {"reason": "answered", "answers": [f"m{at}"]}, turn),
        ]
    return made


async def run(count: int, place: Path) -> None:
    """Fill a log, then time the four things that a merchant waits for."""
    ears = Ears()

    async def asks(text: str) -> bool:
        return (await ears.hear(text, before="")).asks

    def clock_ms() -> int:
        return time.time_ns() // 1_000_000

    with Owner(place) as owner:
        store = SqliteStore.open(owner)
        log = Log(store)
        for n in range(count):
            await log.append(f"pk_bench/c{n}", conversation(n))
        embedder = MiniLM()
        await embedder.load()
        await ears.warm()
        gc.freeze()  # as `serve` does
        zones = {"pk_bench": ZoneInfo("UTC")}
        insights = Insights(log, Table(place), embedder, zones=zones, asks=asks, clock_ms=clock_ms)
        scope = Scope(frozenset(zones))
        await timed("counted anew", insights.refresh())
        await timed("report of 30 days", insights.report(scope, 30))
        gaps = await timed("questions gathered, embedded first", insights.gaps(scope, 30))
        await log.append("pk_bench/c0", [NewEvent("more", "message", "customer", {"text": "thanks"})])
        await timed("report after one message more", insights.report(scope, 30))
        await timed("questions gathered again", insights.gaps(scope, 30))
        print(f"{len(gaps)} gaps; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
        await embedder.close()
        await store.close()


async def timed(name, work):
    """Await it and say how long it took, and the longest time in which nothing else could run."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            since = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - since)

    watching = asyncio.create_task(watch())
    since = time.perf_counter()
    result = await work
    took = time.perf_counter() - since
    watching.cancel()
    print(f"{name}: {took:.2f} s, longest pause of the loop {longest * 1000:.0f} ms")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=10_000)
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(run(parser.parse_args().conversations, Path(place)))
