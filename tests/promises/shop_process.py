"""A shop in its own process: it does what it is told over HTTP, counts every effect durably, and misbehaves on demand.

Knows nothing of Shopbell. `python shop_process.py DIR` prints its port; effects are lines of DIR/effects.jsonl, each on
the disk (fsync) before it is answered.

    POST /refund | /cancel | /address   {"key", "order", "once": bool, …} -> {"order", …}; `once`: a known key has no second effect
    GET  /effects?key=KEY               what became of a request, for a caller that lost the answer
    POST /fault                         {"fault": NAME, "times": N}: what happens to the next N requests for an effect

Faults: `refused` (409, no effect), `drop_before`, `drop_after` (the line is cut before, after the effect), `hang` (no
effect, no answer), `late` (the effect, then the answer after 0.4 s), `broken_before`, `broken_after` (500), `die` (the
effect, then SIGKILL of the shop).
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

LATE_S = 0.4


class Shop:
    """What it did, on disk; what it will do wrong, in memory."""

    def __init__(self, directory: Path):
        self.file = directory / "effects.jsonl"
        self.file.touch()
        self.done = {line["key"]: line for line in effects(directory)}
        self.faults: list[str] = []

    def act(self, kind, body):
        known = self.done.get(body["key"])
        if known is not None and body.get("once"):
            return known
        line = {"kind": kind, **body}
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
            out.flush()
            os.fsync(out.fileno())
        self.done[body["key"]] = line
        return line

    async def serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split(" ", 2)
            length = next(
                (int(x.split(":")[1]) for x in head.lower().split("\r\n") if x.startswith("content-length:")), 0
            )
            body = json.loads(await reader.readexactly(length)) if length else {}
            await self.answer(method, urlsplit(target), body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, method, url, body, writer):
        if url.path == "/fault":
            self.faults = [body["fault"]] * body.get("times", 1)
            return await reply(writer, 200, {})
        if url.path == "/effects":
            return await reply(writer, 200, {"effect": self.done.get(parse_qs(url.query)["key"][0])})
        fault = self.faults.pop() if self.faults else ""
        if fault == "refused":
            return await reply(writer, 409, {"error": "not possible any more"})
        if fault == "hang":
            return await asyncio.sleep(LATE_S * 60)
        if fault == "drop_before":
            return None
        if fault == "broken_before":
            return await reply(writer, 500, {})
        line = self.act(url.path.strip("/"), body)
        if fault == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "drop_after":
            return None
        if fault == "late":
            await asyncio.sleep(LATE_S)
        return await reply(writer, 500 if fault == "broken_after" else 200, line)


async def reply(writer, status, body):
    data = json.dumps(body).encode()
    writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(data)) + data)
    await writer.drain()


def effects(directory: Path):
    """Every effect that the shop had, in order."""
    return [json.loads(line) for line in (directory / "effects.jsonl").read_text("utf-8").splitlines()]


class ShopProcess:
    """The shop, started, killed and started again on the same port. Use it as a context manager."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.port = 0
        self.process = None

    def start(self):
        if self.process is not None:
            self.process.wait()
            self.process.stdout.close()
        command = [sys.executable, __file__, str(self.directory), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        return self

    @property
    def dead(self):
        return self.process is None or self.process.poll() is not None

    def effects(self):
        return effects(self.directory)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


async def main():
    shop = Shop(Path(sys.argv[1]))
    server = await asyncio.start_server(shop.serve, "127.0.0.1", int(sys.argv[2]))
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
