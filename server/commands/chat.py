"""`shopbell chat`: the same engine in the terminal, with a log in memory.

It is a viewer like any other: it appends a message, and prints the events and drafts that come.
"""

import asyncio
import sys
from typing import Any

from server import app
from server.app import Running
from server.commands.knowledge import sync_all
from server.conversation import key_of
from server.events import NewEvent, Viewer
from server.settings import Settings

DIM, PLAIN, BOLD = "\x1b[2m", "\x1b[0m", "\x1b[1m"


async def chat(settings: Settings, *, customer: str | None, email: str | None) -> None:
    """Read messages from stdin until it ends."""
    async with app.open_parts(settings, remember=False) as parts:
        await sync_all(parts)
        async with app.run_parts(parts, demo=False, port=0) as running:
            shop = parts.shops[0]
            key = key_of(shop.site.key, f"c:{app.new_id()}")
            _out(f"{BOLD}{shop.site.name}{PLAIN}: {shop.site.greeting_for(shop.site.locale)}\n")
            if customer is not None:
                body = {"customer": customer, "email": email, "verified": "identified"}
                await running.log.append(key, [NewEvent(f"e:{app.new_id()}", "identified", "system", body)])
            await _talk(running, key)


async def _talk(running: Running, key: str) -> None:
    watch = await running.hub.attach(key, Viewer("customer", "full"), 0)
    try:
        while True:
            _out(f"\n{BOLD}you>{PLAIN} ")
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line:
                return
            if not line.strip():
                continue
            said = app.new_id()
            if await running.line.words.take(key, said, line.strip()) is None:
                await running.log.append(key, [NewEvent(said, "message", "customer", {"text": line.strip()})])
            running.turns.poke(key)
            answered = False
            while not answered:
                await watch.woken.wait()
                watch.woken.clear()
                for frame in await running.hub.pull(watch):
                    answered = _show(frame, said) or answered
    finally:
        running.hub.detach(watch)


def _show(frame: dict[str, Any], said: str) -> bool:
    """Print a frame; True when `said` is answered: by the end of a turn, or by a fixed sentence."""
    if frame["t"] == "step":
        _out(f"{DIM}  · {frame['label']} ({frame['state']}){PLAIN}\n")
    elif frame["t"] == "draft" and frame["part"] == "thinking":
        _out(f"{DIM}{frame['text']}{PLAIN}")
    ended = False
    for event in frame.get("events", ()):
        body = event["body"]
        if event["kind"] == "message" and event["role"] != "customer":
            _out(f"\n{body['text']}\n")
            ended = ended or said in body.get("answers", ())
            for citation in body.get("citations", ()):
                _out(f"{DIM}  [{citation['n']}] {citation['title']} — {citation['url']}{PLAIN}\n")
            for number, choice in enumerate(body.get("choices", ()), 1):
                _out(f"  ({number}) {choice}\n")
        elif event["kind"] == "mode":
            _out(f"{DIM}  — {body['mode']} {body.get('reason', '')}{PLAIN}\n")
        elif event["kind"] == "turn.ended" and said in body["answers"]:
            ended = True
    return ended


def _out(text: str) -> None:
    if not sys.stdout.isatty():
        for code in (DIM, PLAIN, BOLD):
            text = text.replace(code, "")
    sys.stdout.write(text)
    sys.stdout.flush()
