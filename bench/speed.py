"""P1: CPU and delay of each streamed token, beside a bare Starlette socket that sends the same frames; echo; first text.

Measures a real server process on one core, from a client on the others; asserts nothing but that all arrived.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from websockets.asyncio.client import connect

from tests.serving import ORIGIN, ROOT, Server, free_port, write_shop

TOKENS = 400
RATE = 50
"""Tokens a second and answer: a fast hosted model's."""

PLUGIN = f"""
import asyncio
import time
from server.ports import Text

class Stamping:
    name = "stamping"
    quotes_only = True  # time stamps are in no help center: what is measured here is the streaming, not the checking

    async def stream(self, prompt):
        if not prompt.asked[-1].startswith("stream"):
            yield Text("Noted.")
            return
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range({TOKENS}):
            # Its own time of birth in microseconds, so that whoever gets it knows how old it is.
            yield Text(f"{{time.time_ns() // 1000}} ")
            await asyncio.sleep(max(0, start + (number + 1) / {RATE} - loop.time()))

def setup(kit):
    kit.model = Stamping()
"""

BARE = """
import asyncio, json, sys
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

FRAMES, TOKENS, RATE = json.load(open(sys.argv[2])), int(sys.argv[3]), float(sys.argv[4])

async def chat(ws):
    await ws.accept()
    await ws.receive_text()
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(TOKENS):
        # The same source of tokens as the other server has: a timer for each.
        for frame in FRAMES[number * len(FRAMES) // TOKENS : (number + 1) * len(FRAMES) // TOKENS]:
            await ws.send_text(frame)
        await asyncio.sleep(max(0, start + (number + 1) / RATE - loop.time()))
    await ws.close()

app = Starlette(routes=[WebSocketRoute("/v1/chat", chat)])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), ws="websockets-sansio", ws_per_message_deflate=False,
            ws_ping_interval=None, log_level="warning", loop="uvloop")
"""


def cores() -> tuple[str | None, set[int]]:
    """The server's core, and those for the client."""
    have = sorted(os.sched_getaffinity(0))
    return (str(have[0]), set(have[1:])) if len(have) > 1 else (None, set(have))


def line(port, origin=ORIGIN):
    return connect(
        f"ws://127.0.0.1:{port}/v1/chat", origin=origin, compression=None, max_size=None, ping_interval=None, proxy=None
    )


def cpu_s(pid):
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


class Window:
    """The stretch in which all answers are being written: from the last one's first token to the first one's end.

    What comes before it, the searches of all these messages, is not the cost of streaming.
    """

    def __init__(self, pid: int, answers: int) -> None:
        self.pid, self.waiting = pid, answers
        self.tokens, self.ages, self.started, self.ended = 0, [], None, None

    def begun(self) -> None:
        """Another answer's first token is here."""
        self.waiting -= 1
        if self.waiting == 0:
            self.started = cpu_s(self.pid)

    def count(self, tokens, ages=()) -> None:
        """So many tokens came, this old in ms; counted while the window is open."""
        if self.started is not None and self.ended is None:
            self.tokens += tokens
            self.ages += ages

    def end(self) -> None:
        """An answer is complete: the window closes."""
        if self.ended is None:
            self.ended = cpu_s(self.pid)

    def us_a_token(self) -> float:
        """CPU of the server's process within the window, in microseconds a token."""
        if self.started is None or self.tokens < 1000:
            raise SystemExit("the answers did not overlap: take fewer")
        return (self.ended - self.started) * 1e6 / self.tokens


async def stream_one(port, number, window, gate, frames=None):
    """One answer; returns the age of its first token in ms. `frames` gets the raw draft frames."""
    async with line(port) as ws:
        await ws.send(json.dumps({"t": "hello", "v": 1, "site": "pk_test"}))
        while '"welcome"' not in await ws.recv():
            pass
        await gate.wait()
        # Spread over one second, as customers are.
        await asyncio.sleep(number % 200 / 200)
        await ws.send(json.dumps({"t": "say", "id": f"m{number}", "text": "stream"}))
        text, first, ended = "", None, False
        while not ended:
            raw = await ws.recv()
            now_us = time.time_ns() // 1000
            data = json.loads(raw)
            for frame in data if isinstance(data, list) else [data]:
                if frame["t"] == "draft":
                    fresh = frame["text"][len(text) - frame["at"] :]
                    text = text[: frame["at"]] + frame["text"]
                    ages = [(now_us - int(stamp)) / 1000 for stamp in fresh.split()]
                    if first is None:
                        first = ages[0]
                        window.begun()
                    window.count(len(ages), ages)
                    if frames is not None:
                        frames.append(raw)
                elif frame["t"] == "events":
                    ended = ended or any(event["kind"] == "turn.ended" for event in frame["events"])
        window.end()
        if len(text.split()) < TOKENS:
            raise SystemExit(f"only {len(text.split())} of {TOKENS} tokens came")
        return first


async def stream(server, answers_n):
    """So many answers at once: the window, the ages of the first tokens, and the draft frames of one answer."""
    window, frames, gate = Window(server.process.pid, answers_n), [], asyncio.Event()
    tasks = [
        asyncio.create_task(stream_one(server.port, n, window, gate, frames if n == 0 else None))
        for n in range(answers_n)
    ]
    # All are connected and idle before they ask.
    await asyncio.sleep(2)
    gate.set()
    return window, await asyncio.gather(*tasks), frames


async def bare(frames, answers_n, core, directory):
    """CPU a token of a bare Starlette socket that sends the same frames to as many lines."""
    program, listing, port = directory / "bare.py", directory / "frames.json", free_port()
    program.write_text(BARE)
    listing.write_text(json.dumps(frames))
    command = [sys.executable, str(program), str(port), str(listing), str(TOKENS), str(RATE)]
    process = await asyncio.create_subprocess_exec(*(["taskset", "-c", core, *command] if core else command))
    try:
        await listening(port)
        gate, window = asyncio.Event(), Window(process.pid, answers_n)

        async def one(number):
            async with line(port) as ws:
                await gate.wait()
                await asyncio.sleep(number % 200 / 200)
                await ws.send("go")
                got = 0
                async for _ in ws:
                    got += 1
                    if got == 1:
                        window.begun()
                    window.count(TOKENS / len(frames))
                window.end()
                return got

        tasks = [asyncio.create_task(one(n)) for n in range(answers_n)]
        await asyncio.sleep(2)
        gate.set()
        got = await asyncio.gather(*tasks)
        if set(got) != {len(frames)}:
            raise SystemExit(f"the bare socket delivered {sorted(set(got))} of {len(frames)} frames")
        return window.us_a_token()
    finally:
        process.kill()
        await process.wait()


async def listening(port):
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise SystemExit(f"nothing listens on {port}")


def fsync_ms(directory, times=400):
    """How long one 4 KiB append and fsync takes on this disk: what no durable echo can beat."""
    took = []
    with (directory / "fsync").open("ab") as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            file.flush()
            start = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - start) * 1000)
    return took


async def echo(server, lines_n, each):
    """Milliseconds from `say` to its echo, at ten messages a second and line, each answered too."""
    took = []

    async def one(number):
        async with line(server.port) as ws:
            await ws.send(json.dumps({"t": "hello", "v": 1, "site": "pk_test"}))
            await asyncio.sleep(number / lines_n / 10)
            sent = {}

            async def read():
                waiting = each
                while waiting:
                    raw = await ws.recv()
                    now = time.perf_counter()
                    data = json.loads(raw)
                    for frame in data if isinstance(data, list) else [data]:
                        for event in frame["events"] if frame["t"] == "events" else ():
                            if event["id"] in sent:
                                took.append((now - sent.pop(event["id"])) * 1000)
                                waiting -= 1

            reading = asyncio.create_task(read())
            for n in range(each):
                said = f"m{n}"
                sent[said] = time.perf_counter()
                await ws.send(json.dumps({"t": "say", "id": said, "text": "hello there"}))
                await asyncio.sleep(0.1)
            await reading

    await asyncio.gather(*(one(n) for n in range(lines_n)))
    return took


async def first_text(server, site, questions):
    """Milliseconds from `say` to the first piece of the reply, one after the other, offline and with retrieval."""
    took = []
    async with line(server.port, server.url) as ws:
        await ws.send(json.dumps({"t": "hello", "v": 1, "site": site}))
        for number, question in enumerate(questions):
            start, first, ended = time.perf_counter(), None, False
            await ws.send(json.dumps({"t": "say", "id": f"q{number}", "text": question}))
            while not ended:
                data = json.loads(await ws.recv())
                for frame in data if isinstance(data, list) else [data]:
                    if frame["t"] == "draft" and frame["part"] == "reply":
                        first = first or time.perf_counter() - start
                    for event in frame["events"] if frame["t"] == "events" else ():
                        if event["kind"] == "message" and event["role"] == "agent":
                            first = first or time.perf_counter() - start
                        ended = ended or event["kind"] == "turn.ended"
            took.append(first * 1000)
    return took


QUESTIONS = """What is your return policy?
How long does delivery take?
Do you ship to Norway?
How do I return a sale item?
Can I change my delivery address?
How do I wash a down jacket?
Do you match prices?
Which payment methods do you take?
How do I use a gift card?
What does shipping cost?
How long do refunds take?
Is there a warranty on tents?""".splitlines()


LATER = """Can I return boots that I wore outside?
How long is the warranty on skis?
Do you deliver to a parcel station?
What if my parcel is lost?
How do I waterproof my jacket?
Which size should I take?
Can I pay by invoice?
Is there a discount for students?
When will my money be back?
Do you repair zips?
Where is your shop?
Can I exchange a gift?""".splitlines()


async def measure_stream(server, answers_n, core, directory):
    """CPU and age of tokens, beside the bare socket."""
    _, few, _ = await stream(server, 5)
    window, _, frames = await stream(server, answers_n)
    ours_us, ages = window.us_a_token(), window.ages
    bare_us = await bare(frames, answers_n, core, directory)
    p50, p95, p99 = statistics.median(ages), quantile(ages, 0.95), quantile(ages, 0.99)
    print(
        f"{answers_n} answers of {TOKENS} tokens at {RATE}/s, {len(frames)} frames each, server on one core; all delivered"
    )
    print(f"  CPU a token: {ours_us:.1f} µs (≤ 20), bare Starlette {bare_us:.1f} µs: {ours_us / bare_us:.2f}× (≤ 1.5)")
    print(f"  age of a token, merging included: p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms (≤ 50)")
    print(f"  the model's first token to the first draft, 5 answers: worst {max(few):.1f} ms (≤ 3)")


async def measure_echo(server, directory):
    """`say` to echo, beside the disk's own time."""
    took, disk = await echo(server, 20, 100), fsync_ms(directory)
    print(
        f"say to echo at 200 messages/s: p50 {statistics.median(took):.1f}, p99 {quantile(took, 0.99):.1f} ms;"
        f" fsync alone p99 {quantile(disk, 0.99):.1f} ms (≤ 10 over it)"
    )


async def measure_first_text(server, site):
    """`say` to the first useful text of the offline engine: right after its first start, and once it has read the articles."""
    await first_text(server, site, QUESTIONS[:2])
    took = await first_text(server, site, QUESTIONS * 2)
    print(f"say to first text, offline engine with retrieval: {spread(took)} right after the first start")
    vectors = Path(server.data) / "vectors.db"
    before, same = -1, 0
    while same < 3:  # it reads ahead while nobody asks; what it has read is there at every later start
        await asyncio.sleep(4)
        with sqlite3.connect(vectors) as db:
            now = db.execute("SELECT count(*) FROM vectors").fetchone()[0]
        before, same = now, same + 1 if now == before else 0
    took = await first_text(server, site, QUESTIONS[2:] + LATER)
    print(f"  {spread(took)} (≤ 150) for questions that were not asked before, or once, when it has read the articles")


def spread(took):
    """The middle of so many milliseconds, and what 95 of 100 stay below."""
    return f"p50 {statistics.median(took):.0f}, p95 {quantile(took, 0.95):.0f} ms"


async def main(answers_n: int) -> None:
    core, rest = cores()
    if rest:
        os.sched_setaffinity(0, rest)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        shop = write_shop(directory / "shop", plugin=PLUGIN, site={"limits": {"messages_per_minute": 600}})
        with Server(shop, directory / "data", cores=core) as server:
            await measure_stream(server, answers_n, core, directory)
            await measure_echo(server, directory)
        demo = ROOT / "examples" / "demo-shop"
        with Server(demo, directory / "demo", demo=True, cores=core) as server:
            await measure_first_text(server, site_key(demo))


def site_key(shop):
    text = (shop / "site.yaml").read_text("utf-8")
    return next(found.split(":", 1)[1].split("#")[0].strip() for found in text.splitlines() if found.startswith("key:"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=200, help="answers at once (default 200)")
    asyncio.run(main(parser.parse_args().answers))
