"""A customer's line for the promise tests: an outbox, a cursor, and a record of all that was shown.

Behaves as the widget must (DESIGN §1): a message stays in the outbox until it comes back as an event.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import websockets
from websockets.asyncio.client import connect

from tests.serving import ORIGIN, ROOT

PROVE = os.environ.get("SHOPBELL_PROVE") == "1"


def count(small: int, full: int) -> int:
    """The full count of PROMISES.md under `make prove`, else a small one."""
    return full if PROVE else small


def record(promise: str, figure: str) -> None:
    """Print the promise's figure and keep it in .cache/promises.json for docs/promises.md."""
    file = ROOT / ".cache" / "promises.json"
    file.parent.mkdir(exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of several files run at the same time
        known = json.loads(file.read_text("utf-8")) if file.exists() else {}
        known[promise] = {"figure": figure, "counts": "full" if PROVE else "small"}
        file.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    sys.stdout.write(f"\n{promise}: {figure}\n")


class Lost(Exception):
    """The line is gone."""


class Visitor:
    """One tab. Keeps what it knows across lines; `faults` are broken promises, as sentences."""

    def __init__(self, server, *, site="pk_test", origin=ORIGIN, conversation=None):
        self.server = server
        self.site = site
        self.origin = origin
        self.conversation = conversation
        self.token = None
        self.epoch = None
        self.upto = 0
        self.events = {}
        self.received_ms = {}
        self.outbox = {}
        self.drafts = {}
        self.frames = 0
        self.cut_at = None
        self.faults = []
        self.errors = []
        self.close_code = None
        self.lost = True
        self.ws = None
        self._reader = None
        self._changed = asyncio.Event()

    async def open(self, **fields):
        """A new line: hello with what is known, then the outbox; returns once `welcome` is here.

        Raises:
            Lost: there is no server, or it let go of the line.
        """
        url = f"ws://127.0.0.1:{self.server.port}/v1/chat"
        try:
            self.ws = await connect(
                url,
                origin=self.origin,
                subprotocols=["shopbell.v1"],
                compression=None,
                max_size=None,
                ping_interval=None,
                proxy=None,
            )
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            raise Lost from error
        self.lost, self.welcomed, self.close_code = False, False, None
        self._reader = asyncio.create_task(self._read(self.ws))
        hello = {"t": "hello", "v": 1, "site": self.site, "after": self.upto}
        known = {"token": self.token, "epoch": self.epoch, "conversation": self.conversation}
        hello |= {name: value for name, value in known.items() if value is not None}
        await self.send(hello | fields, *({"t": "say", "id": i, "text": text} for i, text in self.outbox.items()))
        await self.until(lambda: self.welcomed)

    async def send(self, *frames):
        try:
            for frame in frames:
                await self.ws.send(json.dumps(frame))
        except websockets.ConnectionClosed as error:
            raise Lost from error

    async def say(self, said, text):
        self.outbox[said] = text
        await self.send({"t": "say", "id": said, "text": text})

    async def until(self, wanted, timeout_s=60):
        """Wait for frames until `wanted()`.

        Raises:
            Lost: the line ended before.
        """
        async with asyncio.timeout(timeout_s):
            while not wanted():
                if self.lost:
                    raise Lost(f"closed with {self.close_code}: {self.errors[-1:]}")
                await self._changed.wait()

    async def cut(self):
        """End the line as a dead phone does: no close frame."""
        if self.ws is not None:
            self.ws.transport.abort()
            await asyncio.wait({self._reader})

    async def close(self):
        if self.ws is not None:
            await self.ws.close()
            await asyncio.wait({self._reader})

    def answers(self):
        """Every message id that an ended turn named, once for each time."""
        ended = [event for event in self.events.values() if event["kind"] == "turn.ended"]
        return [said for event in ended for said in event["body"]["answers"]]

    def transcript(self):
        """What was said and done, without the names and times that differ from run to run."""
        turns = {}
        lines = []
        for seq, event in sorted(self.events.items()):
            turn = turns.setdefault(event["turn"], len(turns)) if "turn" in event else None
            lines.append([seq, event["kind"], event["role"], event["body"], turn])
        return hashlib.sha256(json.dumps(lines, sort_keys=True).encode()).hexdigest()

    async def _read(self, ws):
        try:
            async for text in ws:
                data = json.loads(text)
                for frame in data if isinstance(data, list) else [data]:
                    self._take(frame)
                    if frame["t"] == "ping":
                        await ws.send('{"t": "pong"}')
                self._tell()
                self.frames += 1
                if self.frames == self.cut_at:
                    ws.transport.abort()
                    break
        except websockets.ConnectionClosed:
            pass
        finally:
            with contextlib.suppress(AttributeError):
                self.close_code = ws.close_code
            self.lost = True
            self._tell()

    def _tell(self):
        self._changed.set()
        self._changed = asyncio.Event()

    def _take(self, frame):
        match frame["t"]:
            case "welcome":
                self._welcome(frame)
            case "token":
                self.token = frame["token"]
            case "events":
                for event in frame["events"]:
                    self._event(event)
                if frame["upto"] < self.upto:
                    self.faults.append(f"upto went from {self.upto} to {frame['upto']}")
                self.upto = frame["upto"]
            case "draft" if frame["part"] == "reply":
                have = self.drafts.get(frame["turn"], "")
                if frame["at"] > len(have):
                    self.faults.append(f"a draft at {frame['at']} after only {len(have)} characters")
                self.drafts[frame["turn"]] = have[: frame["at"]] + frame["text"]
            case "error":
                self.errors.append(frame)

    def _welcome(self, frame):
        if self.upto and not frame["recovered"]:
            self.faults.append(f"a cursor of {self.upto} was not recovered (head {frame['head']})")
        if self.epoch not in (None, frame["epoch"]):
            self.faults.append("the epoch changed")
        self.welcomed = True
        self.token, self.epoch, self.conversation = frame["token"], frame["epoch"], frame["conversation"]

    def _event(self, event):
        seq = event["seq"]
        if seq <= self.upto:
            self.faults.append(f"event {seq} came after {self.upto}")
        if self.events.setdefault(seq, event) != event:
            self.faults.append(f"event {seq} changed")
        self.received_ms.setdefault(seq, time.time() * 1000)
        if event["kind"] == "message":
            self.outbox.pop(event["id"], None)


def stored(data: Path, site: str, conversations):
    """The events of conversations as they are in the log of a server that does not run any more, by conversation."""
    from server.stores.owner import Owner
    from server.stores.sqlite import SqliteStore

    async def read():
        with Owner(data) as owner:
            store = SqliteStore.open(owner)
            try:
                return {c: await store.read(f"{site}/{c}", limit=10**6) for c in conversations}
            finally:
                await store.close()

    return read()
