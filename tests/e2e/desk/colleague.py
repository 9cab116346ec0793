"""A colleague at the desk: signs in over HTTP with a cookie jar, and speaks the desk's frames.

Knows nothing of the inside, but for how an account is made.
"""

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
import time

import httpx
from argon2 import PasswordHasher
from websockets import ConnectionClosed
from websockets.asyncio.client import connect

from server.staff import Accounts
from tests.serving import PATIENCE_S, ROOT

PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def add_staff(data, email, *, role="agent", site=None):
    """An account, as `shopbell staff add` makes it, but for a hash that takes no time."""
    accounts = Accounts(data, clock_ms=lambda: time.time_ns() // 1_000_000, hasher=QUICK)
    try:
        accounts.add(email, PASSWORD, role=role, sites=frozenset([site] if site else []))
    finally:
        accounts.close()


def add_staff_by_command(data, email, *words):
    """An account, by the real command."""
    command = [sys.executable, "-m", "server.cli", "staff", "add", email, "--data", str(data), *words]
    subprocess.run([*command, "--password-stdin"], input=PASSWORD, text=True, cwd=ROOT, check=True, capture_output=True)


class Colleague:
    """One browser at the desk. What came is in `frames`; events of watched conversations in `events`, by id and seq."""

    def __init__(self, server, email):
        self.server = server
        self.email = email
        self.http = httpx.Client(base_url=server.url, headers={"Origin": server.url})
        self.frames = []
        self.events = {}
        self.rows = {}
        self.counts = {}
        self.ws = None
        self._came = asyncio.Event()
        self._ids = itertools.count(1)

    def sign_in(self, password=PASSWORD):
        return self.http.post("/desk/login", data={"email": self.email, "password": password})

    async def open(self):
        cookie = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        self.ws = await connect(
            self.server.url.replace("http", "ws") + "/v1/desk",
            origin=self.server.url,
            additional_headers={"Cookie": cookie},
            subprotocols=["shopbell.v1"],
        )
        self._reader = asyncio.create_task(self._read())
        await self.until(lambda: any(f["t"] == "welcome" for f in self.frames))
        return self

    async def close(self):
        self.http.close()
        if self.ws is not None:
            await self.ws.close()
            with contextlib.suppress(ConnectionClosed):
                await self._reader

    async def send(self, name, **fields):
        await self.ws.send(json.dumps({"t": name, **fields}))

    async def reply(self, conversation, text, *, said=None):
        said = said or f"r{next(self._ids)}"
        await self.send("reply", conversation=conversation, id=said, text=text)
        await self.until(lambda: any(e["id"] == said for e in self.log(conversation)))

    def log(self, conversation):
        return [self.events[conversation][seq] for seq in sorted(self.events.get(conversation, {}))]

    def kinds(self, conversation):
        return [event["kind"] for event in self.log(conversation)]

    def errors(self):
        return [frame for frame in self.frames if frame["t"] == "error"]

    async def until(self, holds, *, within_s=PATIENCE_S):
        async with asyncio.timeout(within_s):
            while not holds():
                self._came.clear()
                await self._came.wait()

    async def _read(self):
        async for text in self.ws:
            value = json.loads(text)
            for frame in value if isinstance(value, list) else [value]:
                self.frames.append(frame)
                if frame["t"] == "events":
                    known = self.events.setdefault(frame["conversation"], {})
                    known.update({event["seq"]: event for event in frame["events"]})
                elif frame["t"] in ("rows", "queue"):
                    self.counts = frame["counts"]
                    self.rows.update({row["conversation"]: row for row in frame["rows"]})
                elif frame["t"] == "ping":
                    await self.send("pong")
            self._came.set()
        self._came.set()
