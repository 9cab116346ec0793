"""Desk: 1,000 open conversations and 50 events a second in Chromium: frame times, long tasks, bytes a second.

The server is a process of its own; the customers are sockets of this one. Headless Chromium draws 60 frames a second.

    .venv/bin/python -m bench.desk [--open 1000] [--rate 50] [--seconds 20] [--throttle 1] [--json]
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright
from websockets import ConnectionClosed

from server.events import NewEvent
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore
from tests.e2e.desk.colleague import PASSWORD, Colleague, add_staff
from tests.serving import Client, Server, write_shop

SPEAKERS = 25
"""Customers who write, in turn, in conversations that a colleague has: each word is then exactly one event."""
LATE_MS = 34.0
"""Two frames of a 60 Hz screen: what a person sees as a jerk begins there."""

SAYS = (
    "{view:13} {events_per_s:.0f} events/s: frame p50 {p50_ms:.1f}, p95 {p95_ms:.1f}, p99 {p99_ms:.1f}, max {max_ms:.1f} ms; "
    "over {late:.0f} ms {late_percent:.2f} %; long tasks {long_tasks} (longest {longest_task_ms:.0f} ms); "
    "the page's thread: {cpu_ms_per_s:.0f} ms CPU a second, longest task {longest_cpu_ms:.1f} ms CPU; "
    "{kb:.1f} kB/s in {socket_frames_per_s:.1f} frames/s; {rows_drawn} rows drawn"
)

WATCH = """() => {
  window.frames_ms = [];
  window.long_ms = [];
  let last = 0;
  const look = (now) => {
    if (last) frames_ms.push(now - last);
    last = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  new PerformanceObserver((list) => list.getEntries().forEach((e) => long_ms.push(e.duration))).observe({ type: 'longtask' });
}"""


async def fill(data: Path, count: int) -> None:
    """So many conversations, open, as a day's work leaves them: one in ten waits for a person."""
    start_ms = time.time_ns() // 1_000_000 - 8 * 3_600_000
    ticks = itertools.count(start_ms, 8 * 3_600_000 // (5 * count))
    with Owner(data) as owner:
        store = SqliteStore.open(owner, clock_ms=lambda: next(ticks))
        for first in range(0, count, 100):
            await asyncio.gather(*(one(store, n) for n in range(first, min(count, first + 100))))
        await store.close()


async def one(store: SqliteStore, number: int) -> None:
    said = f"m{number}"
    events = [
        NewEvent("e:1", "opened", "customer", {"locale": "en"}),
        NewEvent(
            said, "message", "customer", {"text": f"Where is my order {1000 + number}? It should be here by now."}
        ),
        NewEvent("e:2", "turn.started", "system", {"attempt": 1}, "t:1"),
        NewEvent("e:3", "message", "agent", {"text": "It is on its way and should arrive tomorrow."}, "t:1"),
        NewEvent("e:4", "turn.ended", "system", {"reason": "answered", "answers": [said]}, "t:1"),
    ]
    if number % 10 == 0:
        events.append(NewEvent("e:5", "mode", "customer", {"mode": "waiting", "reason": "asked"}))
    await store.append(f"pk_test/c:bench{number}", events)


async def speakers(server: Server) -> tuple[list[Client], Colleague]:
    """Customers whose conversations a colleague has taken."""
    bob = Colleague(server, "bob@example.com")
    bob.sign_in()
    await bob.open()
    clients = []
    for _ in range(SPEAKERS):
        client = await Client(server).open()
        welcome = await client.hello()
        await client.answered(await client.say("hello"))
        await bob.send("take", conversation=welcome["conversation"], site="pk_test")
        await client.event(lambda e: e["kind"] == "mode" and e["body"]["mode"] == "staff")
        clients.append(client)
    return clients, bob


async def listen(client: Client) -> None:
    """Take in what comes, as a browser would: a full socket would hold the server up, and its own end."""
    with contextlib.suppress(ConnectionClosed):
        async for _ in client.ws:
            pass


async def speak(clients: list[Client], rate: float, until_s: float) -> int:
    """So many words a second, evenly; returns how many."""
    loop = asyncio.get_running_loop()
    begin_s, said = loop.time(), 0
    while loop.time() < until_s:
        await clients[said % len(clients)].say(f"and another word, number {said}")
        said += 1
        await asyncio.sleep(max(0.0, begin_s + said / rate - loop.time()))
    return said


async def measure(server: Server, args: argparse.Namespace) -> dict[str, Any]:
    clients, bob = await speakers(server)
    listening = [asyncio.create_task(listen(client)) for client in clients]
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        page = await browser.new_page(viewport={"width": 1360, "height": 820})
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Network.enable")
        got = {"bytes": 0, "frames": 0}

        def received(event: dict[str, Any]) -> None:
            got["bytes"] += len(event["response"]["payloadData"].encode())
            got["frames"] += 1

        cdp.on("Network.webSocketFrameReceived", received)
        await page.goto(f"{server.url}/desk")
        await page.fill("input[name=email]", "ada@example.com")
        await page.fill("input[name=password]", PASSWORD)
        await page.click("form button")
        await page.wait_for_selector("#desk .tabs")
        begin_s = time.perf_counter()
        await page.reload()
        await page.wait_for_selector("#desk .tabs >> text=Open")
        await page.keyboard.press("4")
        await page.wait_for_selector(".row")
        first_ms = 1000 * (time.perf_counter() - begin_s)
        if args.throttle > 1:
            await cdp.send("Emulation.setCPUThrottlingRate", {"rate": args.throttle})
        views = {}
        for view in ("all", "waiting", "conversation"):
            views[view] = await watch(page, view, clients, args, got)
        await browser.close()
    for client in clients:
        await client.close()
    await asyncio.gather(*listening)
    await bob.close()
    return {"first_ms": first_ms, "views": views}


def tasks_ms(trace: bytes) -> list[float]:
    """CPU time of each task of the page's main thread: what the page costs, however busy the machine is."""
    events = json.loads(trace)["traceEvents"]
    named = (e for e in events if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain")
    mains = {(e["pid"], e["tid"]) for e in named}
    tasks = (e for e in events if e["name"] == "ThreadControllerImpl::RunTask" and "tdur" in e)
    return [e["tdur"] / 1000 for e in tasks if (e["pid"], e["tid"]) in mains]


async def watch(
    page: Page, view: str, clients: list[Client], args: argparse.Namespace, got: dict[str, int]
) -> dict[str, Any]:
    """One view, while customers write."""
    await page.keyboard.press({"all": "4", "waiting": "1", "conversation": "4"}[view])
    await page.wait_for_selector(".row")
    if view == "conversation":
        await page.locator(".row", has_text="another word").first.click()
        await page.mouse.move(800, 300)  # off the list: below the pointer rows keep their places
    before = dict(got)
    browser = page.context.browser
    assert browser is not None
    await page.evaluate(WATCH)
    await browser.start_tracing(page=page, categories=["toplevel"])
    said = await speak(clients, args.rate, asyncio.get_running_loop().time() + args.seconds)
    frames, long = await page.evaluate("() => [frames_ms, long_ms]")
    tasks = tasks_ms(await browser.stop_tracing())
    rows = await page.locator(".row").count()
    frames.sort()
    return {
        "events_per_s": said / args.seconds,
        "rows_drawn": rows,
        "p50_ms": statistics.median(frames),
        "p95_ms": frames[int(len(frames) * 0.95)],
        "p99_ms": frames[int(len(frames) * 0.99)],
        "max_ms": frames[-1],
        "late_percent": 100 * sum(ms > LATE_MS for ms in frames) / len(frames),
        "long_tasks": len(long),
        "longest_task_ms": max(long, default=0),
        "cpu_ms_per_s": sum(tasks) / args.seconds,
        "longest_cpu_ms": max(tasks, default=0),
        "bytes_per_s": (got["bytes"] - before["bytes"]) / args.seconds,
        "socket_frames_per_s": (got["frames"] - before["frames"]) / args.seconds,
    }


async def run(args: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "data").mkdir()
        (place / "script.json").write_text(json.dumps({"rules": [{"match": ".", "steps": [{"text": "Hello."}]}]}))
        shop = write_shop(place / "shop", site={"limits": {"messages_per_minute": 60_000}})
        await fill(place / "data", args.open)
        add_staff(place / "data", "ada@example.com", role="admin")
        add_staff(place / "data", "bob@example.com")
        with Server(shop, place / "data", SHOPBELL_MODEL=f"scripted:{place / 'script.json'}") as server:
            return await measure(server, args)


def main() -> int:
    parser = argparse.ArgumentParser(description="The desk under load, in Chromium.")
    parser.add_argument("--open", type=int, default=1_000, help="open conversations")
    parser.add_argument("--rate", type=float, default=50.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each view")
    parser.add_argument("--throttle", type=int, default=1, help="slow the browser's CPU down by this factor")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = asyncio.run(run(args))
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{args.open} open conversations; the page anew to its first rows: {found['first_ms']:.0f} ms")
    for view, one_view in found["views"].items():
        print(SAYS.format(view=view, late=LATE_MS, kb=one_view["bytes_per_s"] / 1000, **one_view))
    return 0


if __name__ == "__main__":
    sys.exit(main())
