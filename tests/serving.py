"""A real `shopbell serve` process, a shop directory to serve, and a WebSocket client that speaks the contract.

For every test that is about the outside: nothing here knows the server's inside.
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import websockets
from ruamel.yaml import YAML
from websockets.asyncio.client import connect

ORIGIN = "https://shop.example"
SECRET = "0123456789abcdef0123456789abcdef-test"
PATIENCE_S = 60
"""How long anything that must come may take: only used up when something is wrong, or the machine is very busy."""
ROOT = Path(__file__).resolve().parent.parent


def write_shop(directory, *, key="pk_test", name="Test Shop", origins=(ORIGIN,), articles=None, site=None, plugin=None):
    """A shop directory; `site` adds to site.yaml, `articles` are texts by path below help/."""
    directory.mkdir(parents=True, exist_ok=True)
    limits = {"messages_per_minute": 600}
    body = {
        "key": key,
        "name": name,
        "origins": list(origins),
        "limits": limits,
        "identity": {"secret_env": "TEST_SECRET"},
    }
    # JSON is YAML.
    (directory / "site.yaml").write_text(json.dumps(body | (site or {})), encoding="utf-8")
    for path, text in (articles or {"returns.md": RETURNS}).items():
        file = directory / "help" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    if plugin is not None:
        (directory / "plugin.py").write_text(plugin, encoding="utf-8")
    return directory


RETURNS = """---
title: Returns
url: https://shop.example/help/returns
---
# Returns

You can return any unworn item within 30 days of delivery. Sale items can be returned within 14 days.
"""


INDEXED = ("knowledge", "vectors.db", "vectors.db-wal")
"""What a server makes in its data directory of its articles and tools alone."""


class Indexed:
    """What a server has made of its articles, kept for others that begin with the same articles and an empty directory.

    Each start compares the index with the articles and mends what differs: what is kept here saves time and changes no
    answer. It is kept for one run of the tests, in a directory made by tests/conftest.py; without it nothing is kept.
    """

    def __init__(self, shops, data):
        self.shops = shops
        self.data = data
        self.root = os.environ.get("TEST_INDEXED")
        self.kept = self._kept()

    def _kept(self):
        """Where the index of the shops, as they are now, is kept."""
        if not self.root:
            return None
        about = []
        for shop in self.shops:
            site = YAML(typ="safe", pure=True).load(shop / "site.yaml")
            about += [site.get(name) for name in ("key", "locale", "knowledge")]
            about += [(file.name, file.read_bytes()) for file in sorted((shop / "help").rglob("*")) if file.is_file()]
        return Path(self.root) / hashlib.sha256(repr(about).encode()).hexdigest()

    def begin(self):
        """Put what is kept where there is nothing."""
        if self.kept and self.kept.is_dir() and not (self.data / "knowledge").exists():
            self.data.mkdir(parents=True, exist_ok=True)
            _copy(self.kept, self.data)

    def keep(self):
        """Keep what a server has left that has ended: the first one's, and if the articles are still the same."""
        if self.kept and not self.kept.exists() and self._kept() == self.kept:
            own = self.kept.with_name(f"{self.kept.name}.{os.getpid()}")
            own.mkdir(exist_ok=True)
            _copy(self.data, own)
            try:
                own.rename(self.kept)
            except OSError:  # another worker was faster
                shutil.rmtree(own)


def _copy(source, to):
    """An index is 207 MB of holes and 0.5 MB: cp knows holes."""
    found = [str(source / name) for name in INDEXED if (source / name).exists()]
    if found:
        subprocess.run(["cp", "-R", "--sparse=always", *found, str(to)], check=True)


class Server:
    """A server process on a port of its own. Use it as a context manager."""

    def __init__(self, shops, data, *, port=None, demo=False, cores=None, **env):
        self.shops = [shops] if isinstance(shops, Path) else list(shops)
        self.data = Path(data)
        self.indexed = None
        self.port = port or free_port()
        self.demo = demo
        self.cores = cores
        self.env = env
        self.process = None
        self.stderr = Path(data).with_suffix(".stderr")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        shops = [part for shop in self.shops for part in ("--shop", str(shop))]
        command = [
            sys.executable,
            "-m",
            "server.cli",
            "serve",
            *shops,
            "--data",
            str(self.data),
            "--port",
            str(self.port),
        ]
        if self.demo:
            command.append("--demo")
        if self.cores:
            command = ["taskset", "-c", self.cores, *command]
        env = (
            {k: v for k, v in os.environ.items() if not k.startswith("SHOPBELL_")} | {"TEST_SECRET": SECRET} | self.env
        )
        self.stderr.parent.mkdir(parents=True, exist_ok=True)
        indexed = Indexed(self.shops, self.data)
        indexed.begin()
        with self.stderr.open("ab") as stderr:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=env, cwd=ROOT)
        line = self.process.stdout.readline().decode()
        if not line.startswith("Shopbell is ready at "):
            self.kill()
            raise RuntimeError(f"the server did not start: {line!r}\n{self.stderr.read_text()[-4000:]}")
        self.indexed = indexed
        return self

    def kill(self):
        """SIGKILL, as the power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._ended()

    def stop(self):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=PATIENCE_S)
        self._ended()
        return status

    def _ended(self):
        self.process.stdout.close()
        self.process = None
        if self.indexed:
            self.indexed.keep()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.kill()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Client:
    """One connection. What came is kept in `frames`; events by seq in `events`."""

    def __init__(self, server, *, site="pk_test", origin=ORIGIN):
        self.server = server
        self.site = site
        self.origin = origin
        self.ws = None
        self.frames = []
        self.events = {}
        self.upto = 0
        self.welcome = None
        self.close_code = None
        self._read = 0
        self._ids = itertools.count(1)

    async def open(self):
        url = f"ws://127.0.0.1:{self.server.port}/v1/chat"
        self.ws = await connect(
            url, origin=self.origin, subprotocols=["shopbell.v1"], compression=None, max_size=None, ping_interval=None,
            proxy=None,
        )  # fmt: skip
        return self

    async def send(self, *frames):
        for frame in frames:
            await self.ws.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def hello(self, **fields):
        """Say hello and wait for what comes; the welcome frame, or None when the server closed."""
        await self.send({"t": "hello", "v": 1, "site": self.site, **fields})
        return await self.until(lambda f: f["t"] == "welcome")

    async def again(self, before, **fields):
        """Say hello as the same visitor who was on another connection."""
        w = before.welcome
        self.events = dict(before.events)
        known = {"token": w["token"], "conversation": w["conversation"], "after": before.upto, "epoch": w["epoch"]}
        return await self.hello(**(known | fields))

    async def say(self, text, said=None):
        said = said or f"m{next(self._ids)}-{os.urandom(4).hex()}"
        await self.send({"t": "say", "id": said, "text": text})
        return said

    async def until(self, wanted, timeout_s=PATIENCE_S):
        """The first frame, among those not looked at yet and those to come, that `wanted` accepts; None at the end."""
        async with asyncio.timeout(timeout_s):
            while True:
                while self._read < len(self.frames):
                    frame = self.frames[self._read]
                    self._read += 1
                    if wanted(frame):
                        return frame
                if not await self._receive():
                    return None

    async def event(self, wanted, timeout_s=PATIENCE_S):
        """The first event, known or to come, that `wanted` accepts; None at the end."""
        async with asyncio.timeout(timeout_s):
            while True:
                for seq in sorted(self.events):
                    if wanted(self.events[seq]):
                        return self.events[seq]
                if not await self._receive():
                    return None

    async def answered(self, said, timeout_s=PATIENCE_S):
        """Wait for the end of the turn that answers this message."""
        return await self.event(lambda e: e["kind"] == "turn.ended" and said in e["body"].get("answers", ()), timeout_s)

    async def closed(self, timeout_s=PATIENCE_S):
        """Read on until the server closes; the close code."""
        async with asyncio.timeout(timeout_s):
            while await self._receive():
                pass
        return self.close_code

    async def close(self):
        if self.ws is not None:
            with contextlib.suppress(Exception):
                await self.ws.close()

    async def __aenter__(self):
        return await self.open()

    async def __aexit__(self, *exc):
        await self.close()

    def texts(self):
        """(role, text) of every message, in order."""
        return [(e["role"], e["body"]["text"]) for _, e in sorted(self.events.items()) if e["kind"] == "message"]

    async def _receive(self):
        try:
            data = json.loads(await self.ws.recv())
        except websockets.ConnectionClosed as closed:
            self.close_code = closed.rcvd.code if closed.rcvd else 1006
            return False
        for frame in data if isinstance(data, list) else [data]:
            self.frames.append(frame)
            if frame["t"] == "welcome":
                self.welcome = frame
            elif frame["t"] == "token":
                self.welcome["token"] = frame["token"]
            elif frame["t"] == "events":
                for event in frame["events"]:
                    self.events[event["seq"]] = event
                self.upto = frame["upto"]
        return True
