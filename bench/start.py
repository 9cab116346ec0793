"""P3: how long `shopbell serve` takes on an indexed shop until it accepts connections, and until the first answer; memory.

Each run is a new process on the same data directory; the first one, which indexes, is told apart.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from websockets.asyncio.client import connect

from bench.speed import site_key
from tests.serving import ROOT, Server


async def once(shop: Path, data: Path) -> tuple[float, float, float]:
    """Seconds to the ready line, seconds to the first answer, MB resident then."""
    start = time.perf_counter()
    with Server(shop, data, demo=True) as server:
        ready_s = time.perf_counter() - start
        url = f"ws://127.0.0.1:{server.port}/v1/chat"
        async with connect(url, origin=server.url, compression=None, proxy=None, ping_interval=None) as ws:
            await ws.send(json.dumps({"t": "hello", "v": 1, "site": site_key(shop)}))
            await ws.send(json.dumps({"t": "say", "id": "m1", "text": "What is your return policy?"}))
            while "turn.ended" not in await ws.recv():
                pass
        answer_s = time.perf_counter() - start
        return ready_s, answer_s, psutil.Process(server.process.pid).memory_info().rss / 1e6


async def main(runs: int) -> None:
    shop = ROOT / "examples" / "demo-shop"
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        first = await once(shop, data)
        print(f"first start, indexing: ready in {first[0]:.2f} s, first answer after {first[1]:.2f} s")
        took = [await once(shop, data) for _ in range(runs)]
    ready, answer, resident = (sorted(column) for column in zip(*took, strict=True))
    print(f"indexed: ready in {statistics.median(ready):.2f} s, worst of {runs} {ready[-1]:.2f} s (≤ 1.5)")
    print(f"cold start to first answer: {statistics.median(answer):.2f} s, worst {answer[-1]:.2f} s (≤ 5)")
    print(f"resident after an answer: {resident[-1]:.0f} MB (≤ 350)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="starts on the indexed shop (default 5)")
    asyncio.run(main(parser.parse_args().runs))
