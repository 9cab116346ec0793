"""A shop's own system for tests: a real HTTP server on the loopback that says what it is told and notes what it gets.

It uses no HTTP library, so that it can misbehave.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tools.connectors.client import Client
from tools.connectors.egress import Egress


@dataclass
class Got:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    sni: str | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Say = Callable[[Got, asyncio.StreamWriter], Awaitable[None]]


def raw(status: int, body: bytes = b"", **headers: str) -> Say:
    async def say(got: Got, out: asyncio.StreamWriter) -> None:
        named = {"content-type": "application/json", "content-length": str(len(body))}
        named |= {key.replace("_", "-"): value for key, value in headers.items()}
        lines = [f"HTTP/1.1 {status} X", *(f"{key}: {value}" for key, value in named.items())]
        out.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    return say


def answer(value: Any = None, status: int = 200, **headers: str) -> Say:
    return raw(status, json.dumps(value).encode(), **headers)


def redirect(location: str, status: int = 302) -> Say:
    return raw(status, b"", location=location)


async def hang_up(got: Got, out: asyncio.StreamWriter) -> None:
    out.close()


async def silent(got: Got, out: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@dataclass
class Shop:
    """`says[path]` is what it answers there; a list is said one after the other."""

    says: dict[str, Say | list[Say]] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    sni: str | None = None
    clients: list[Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://shop.example:{self.port}"

    async def serve(self, incoming: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not out.is_closing():
                head = (await incoming.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                body = await incoming.readexactly(int(headers.get("content-length", 0)))
                got = Got(method, target, headers, body, self.sni)
                self.got.append(got)
                say = self.says.get(target.partition("?")[0], answer({"error": "no such page"}, 404))
                if isinstance(say, list):
                    say = say.pop(0)
                await say(got, out)
                await out.drain()
        out.close()


@contextlib.asynccontextmanager
async def shop_running(context: ssl.SSLContext | None = None) -> AsyncIterator[Shop]:
    shop = Shop()
    if context is not None:
        context.sni_callback = lambda _socket, name, _context: setattr(shop, "sni", name)
    tasks: set[asyncio.Task[None]] = set()

    def accept(incoming: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(shop.serve(incoming, out))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    shop.port = server.sockets[0].getsockname()[1]
    try:
        yield shop
    finally:
        server.close()
        for client in shop.clients:
            await client.aclose()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with shop_running() as running:
        yield running


class Names:
    """A resolver whose answers the test decides, one list after the other; the last one stays."""

    def __init__(self, **hosts: list[list[str]]) -> None:
        self.hosts = {name.replace("_", "."): answers for name, answers in hosts.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self.hosts.get(host)
        if answers is None:
            raise OSError(-2, "Name or service not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]


LOCAL = frozenset({"shop.example", "other.example"})


def local(**hosts: list[list[str]]) -> Egress:
    """Both names lead to this machine, and may be spoken to without encryption."""
    names = Names(shop_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]], **hosts)
    return Egress(LOCAL, LOCAL, names)
