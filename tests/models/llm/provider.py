"""A server that speaks OpenAI's chat completions, on loopback, byte by byte as a test wants it."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


class Cut:
    """Break the connection off."""


class Stall:
    """Say nothing more, until the client goes."""


@dataclass
class Provider:
    """`answers` are used in order, the last again and again; each is (status, headers, pieces)."""

    answers: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    heads: list = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has closed a connection on which we were stalling."""
    port: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:"))
        self.heads.append(head)
        self.requests.append(json.loads(await reader.readexactly(length)))
        status, headers, pieces = self.answers[min(len(self.requests), len(self.answers)) - 1]
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        lines.append("Transfer-Encoding: chunked")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
        for piece in pieces:
            if isinstance(piece, Cut):
                await writer.drain()
                writer.transport.abort()
                return False
            if isinstance(piece, Stall):
                assert await reader.read() == b""
                self.gone.set()
                return False
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


@asynccontextmanager
async def serving(*answers):
    provider = Provider(list(answers))
    tasks = []
    server = await asyncio.start_server(
        lambda reader, writer: tasks.append(asyncio.create_task(provider.serve(reader, writer))), "127.0.0.1", 0
    )
    provider.port = server.sockets[0].getsockname()[1]
    try:
        yield provider
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def chunk(delta=None, *, finish=None, usage=None, choices=None):
    """One `data:` line of a stream."""
    body = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body["choices"] = choices if choices is not None else [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    if usage:
        body["usage"] = usage
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def call_delta(index, *, id=None, name=None, args=None):
    function = {key: value for key, value in (("name", name), ("arguments", args)) if value is not None}
    one = {"index": index, "function": function}
    if id:
        one |= {"id": id, "type": "function"}
    return one


def calls(*deltas):
    return chunk({"tool_calls": list(deltas)})


USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
FIRST = chunk({"role": "assistant", "content": ""})
DONE = b"data: [DONE]\n\n"
STREAM = {"Content-Type": "text/event-stream"}


def streamed(*pieces):
    return 200, STREAM, pieces


def answered(text, *, finish="stop"):
    return streamed(FIRST, chunk({"content": text}), chunk(finish=finish), chunk(choices=[], usage=USAGE), DONE)


def failed(status, message="no", headers=None, code=None):
    body = json.dumps({"error": {"message": message, "type": "x", "code": code}}).encode()
    return status, {"Content-Type": "application/json", **(headers or {})}, [body]
