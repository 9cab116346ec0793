"""How long the demo shop takes to answer messages that are all of one thing, one after the other.

A careless pattern takes 19 s of the server's only thread for one of them; a search for each of a thousand sentences, 40 s and more.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from websockets.asyncio.client import connect

from bench.speed import site_key
from tests.serving import ROOT, Server

SIZE = 3_990
"""Characters; a message may have 4,000."""
# fmt: off
UNITS = (
    "x", "a@", "@", "1", "1.", "a.", ".", "a ", "-", "a-", "1 ", "1,", "1-", "http://", "https://a", "'", "\nx",
    "\n\nx", "[1]", "[", "(", "é", "ß", "_", "a_", "str", "i ", "a'b ", "*", "`", "#", "|", "<", "<a ", "&", "a1", "A",
    "- x", '"', "\\", "/", "a:", "1:", "€1", "$1.", "0x", "\tx", "a, ", "a and ", "the ", "please ", "not ", "I have ",
    ". A", "? ", "😀", "why? ", "X. ", "ich habe ", "nicht ", "return ", "order 1042 ", "refund 1042 and ", "cancel, ",
    "am Markt 1, ",
)
# fmt: on
"""What patterns for addresses, numbers, e-mails, lists, markup and sentences look for, without its end."""


async def answered_s(server: Server, site: str, text: str) -> float:
    """Seconds from `say` to the end of the turn, in a conversation of its own."""
    url = f"ws://127.0.0.1:{server.port}/v1/chat"
    async with connect(url, origin=server.url, compression=None, max_size=None, ping_interval=None, proxy=None) as ws:
        await ws.send(json.dumps({"t": "hello", "v": 1, "site": site}))
        while '"welcome"' not in await ws.recv():
            pass
        began = time.perf_counter()
        await ws.send(json.dumps({"t": "say", "id": "m1", "text": text}))
        while '"turn.ended"' not in (raw := str(await ws.recv())):
            if '"t":"error"' in raw.replace(" ", ""):
                raise SystemExit(f"refused: {raw[:200]}")
        return time.perf_counter() - began


async def main(timeout_s: float) -> None:
    took: list[tuple[float, str]] = []
    with tempfile.TemporaryDirectory() as name:
        shop = Path(name) / "shop"
        shutil.copytree(ROOT / "examples" / "demo-shop", shop)
        with Server(shop, Path(name) / "data", demo=True) as server:
            # What is loaded with the first message is no message's time.
            await answered_s(server, site_key(shop), "What is your return policy?")
            for unit in UNITS:
                for before in ("", "can you tell me where my order is "):
                    text = (before + unit * SIZE)[:SIZE]
                    async with asyncio.timeout(timeout_s):
                        took.append((await answered_s(server, site_key(shop), text), before + unit))
    took.sort(reverse=True)
    middle = statistics.median(seconds for seconds, _ in took)
    print(f"{len(took)} messages of {SIZE:,} characters: middle {middle:.2f} s, worst {took[0][0]:.2f} s")
    for seconds, unit in took[:5]:
        print(f"  {seconds:.2f} s  {unit!r} over and over")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one message (default 120)")
    asyncio.run(main(parser.parse_args().timeout))
