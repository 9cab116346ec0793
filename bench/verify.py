"""What time tells a guesser: how long `verify` takes to be answered, for orders that exist and for those that do not.

Prints medians, p95 and the chance that a random answer for an existing order takes longer than one for another (0.5: nothing
can be told). It judges nothing but itself: no limit is set on the times.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from tests.serving import Client, Server, write_shop

PLUGIN = '''
import asyncio
from server.kit import Guest
from tools import Caller, tool

@tool(scope="a", effect="read", needs="identified", examples=["where is my order"], reply="Here.")
async def order(caller: Caller) -> str:
    """Find the order."""
    return "here"

async def guests(number, email):
    await asyncio.sleep(0.001)
    if not number.startswith("1"):
        return None
    await asyncio.sleep(0.03)  # a second query for the customer, as many shops need
    sum(range(50_000))
    return Guest("g", email)

def setup(kit):
    kit.tools.add(order)
    kit.guests = guests
'''


async def one(server: Server, number: int, *, exists: bool) -> tuple[float, float]:
    """Milliseconds to `verify.sent`, and to the echo of a message that is said right behind it."""
    async with Client(server) as client:
        await client.hello()
        await client.answered(await client.say("Where is my order?"))
        call = (await client.event(lambda e: e["kind"] == "call.asked"))["body"]["call"]
        address = f"a{number}{'x' if exists else 'y'}@mail.example"
        began = time.perf_counter()
        await client.send({"t": "verify", "id": "v", "call": call, "order": "1" if exists else "2", "email": address})
        said = await client.say("What about returns?")
        await client.event(lambda e: e["kind"] == "verify.sent")
        answered = time.perf_counter()
        await client.event(lambda e: e["id"] == said)
        return (answered - began) * 1000, (time.perf_counter() - began) * 1000


def chance(longer: list[float], shorter: list[float]) -> float:
    """That a random one of the first takes longer than a random one of the second."""
    wins = sum((a > b) + 0.5 * (a == b) for a in longer for b in shorter)
    return wins / (len(longer) * len(shorter))


async def measure(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        shop = write_shop(root / "shop", plugin=PLUGIN)
        with Server(shop, root / "data") as server:
            times: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
            plan = [True, False] * rounds
            random.Random(7).shuffle(plan)
            for number, exists in enumerate([True, False] * 5 + plan):
                took = await one(server, number, exists=exists)
                if number >= 10:  # the first ones load what is loaded once
                    times[exists].append(took)
    for at, what in ((0, "verify to verify.sent"), (1, "verify to the echo of the next message")):
        known, unknown = ([took[at] for took in times[exists]] for exists in (True, False))
        for name, values in (("exists", known), ("does not", unknown)):
            p95 = sorted(values)[int(0.95 * len(values))]
            print(f"{what}, order {name}: median {statistics.median(values):.2f} ms, p95 {p95:.2f} ms ({len(values)})")
        print(
            f"{what}: chance that an existing order takes longer {chance(known, unknown):.3f} (0.5: nothing can be told)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=150, help="of each kind")
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
