"""R4: a reader that stops costs little, is let go, and harms nobody; half-open handshakes are cut.

Counts sockets and memory of a real server process from outside it.
"""

import asyncio
import json
import socket
import statistics
import time

import psutil
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.promises.visitor import PROVE, Visitor, count, record
from tests.serving import ORIGIN, Server, write_shop

pytestmark = [pytest.mark.prove, pytest.mark.timeout(300)]

# 15,000 characters in 10 pieces, 40 ms apart, then the whole text once more as a message: about 80 KB a second.
FLOOD = [{"repeat": {"times": 10, "steps": [{"text": "all the words there are " * 62}, {"pause_ms": 40}]}}]
WINDOW_BYTES = 16_384
"""What the stopped readers' own kernels take before a server can notice: the less, the sooner."""
GONE_S = 20 if PROVE else 90
HANDSHAKE_S = 12 if PROVE else 40


@pytest.fixture
def server(tmp_path):
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"rules": [{"match": ".", "steps": FLOOD}]}))
    shop = write_shop(tmp_path / "shop")
    with Server(shop, tmp_path / "data", SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


async def stopped_reader(server, speaker):
    """A line that says hello, reads the welcome, and then nothing more; its local port."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
    sock.connect(("127.0.0.1", server.port))
    sock.setblocking(False)
    ws = await connect(
        f"ws://127.0.0.1:{server.port}/v1/chat",
        sock=sock,
        origin=ORIGIN,
        compression=None,
        max_size=None,
        max_queue=1,
        ping_interval=None,
        proxy=None,
    )
    await ws.send(json.dumps({"t": "hello", "v": 1, "site": "pk_test", "token": speaker.token}))
    await ws.recv()
    ws.transport.pause_reading()
    return ws, ws.transport.get_extra_info("sockname")[1]


def alive(server, ports):
    """Which of these client ports the server still holds a connection to."""
    held = psutil.Process(server.process.pid).net_connections("tcp")
    return {c.raddr.port for c in held if c.raddr and c.status == psutil.CONN_ESTABLISHED} & ports


async def test_r4_readers_that_stop_are_let_go_and_cost_the_others_nothing(server):
    number = count(10, 100)
    process = psutil.Process(server.process.pid)
    speaker = Visitor(server)
    await speaker.open()
    # Lines that read, and one answer before anybody stops: what a crowd costs anyway.
    await speaker.say("m0", "flood me")
    await speaker.until(lambda: not speaker.outbox)
    readers = [Visitor(server) for _ in range(number)]
    for reader in readers:
        reader.token, reader.conversation = speaker.token, speaker.conversation
        await reader.open()
    await speaker.until(lambda: "m0" in speaker.answers())
    before = process.memory_info().rss
    stopped = [await stopped_reader(server, speaker) for _ in range(number)]
    ports = {port for _, port in stopped}
    assert alive(server, ports) == ports
    started_s, gone_s, most = time.monotonic(), None, before
    said = 0
    # A minute in full; else until they are gone.
    while (gone_s is None or (PROVE and time.monotonic() - started_s < 60)) and time.monotonic() - started_s < 90:
        said += 1
        await speaker.say(f"m{said}", "x" * 3_900)
        last = f"m{said}"
        while last not in speaker.answers():
            await speaker.until(
                lambda seen=speaker.frames, last=last: speaker.frames >= seen + 5 or last in speaker.answers()
            )
            most = max(most, process.memory_info().rss)
            if gone_s is None and not alive(server, ports):
                gone_s = time.monotonic() - started_s
    assert gone_s is not None, f"{len(alive(server, ports))} of {number} stopped readers still held after 90 s"
    for reader in readers:
        await reader.until(lambda reader=reader: f"m{said}" in reader.answers())
        assert reader.faults == []
        assert reader.events == speaker.events
    late_ms = sorted(
        reader.received_ms[seq] - event["at_ms"]
        for reader in readers
        for seq, event in reader.events.items()
        if event["id"] != "m0" and int(event.get("at_ms")) > speaker.events[min(speaker.events)]["at_ms"] + 8_000
    )
    p99_ms = statistics.quantiles(late_ms, n=100)[98]
    each_mib = (most - before) / number / 2**20
    for ws, _ in stopped:
        ws.transport.abort()
    for visitor in [speaker, *readers]:
        await visitor.close()
    record(
        "R4",
        f"{number} readers that stopped gone in {gone_s:.1f} s, {each_mib:.2f} MiB each; {number} that read: p99 {p99_ms:.0f} ms",
    )
    assert gone_s < GONE_S
    assert each_mib < 1.2 * (1 if PROVE else 3)
    if PROVE:
        assert p99_ms < 250


async def test_r4_half_open_handshakes_are_gone_in_12_seconds(server):
    number = count(30, 300)
    head = b"GET /v1/chat HTTP/1.1\r\nHost: x\r\nOrigin: " + ORIGIN.encode()

    async def half_a_head(text):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(text)
        started_s = time.monotonic()
        async with asyncio.timeout(40):
            while await reader.read(1000):
                pass
        writer.close()
        return time.monotonic() - started_s

    async def no_hello():
        ws = await connect(f"ws://127.0.0.1:{server.port}/v1/chat", origin=ORIGIN, proxy=None, ping_interval=None)
        started_s = time.monotonic()
        async with asyncio.timeout(40):
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()
        assert ws.close_code == 4008
        return time.monotonic() - started_s

    lines = [half_a_head(head) if n % 3 == 0 else half_a_head(b"") if n % 3 == 1 else no_hello() for n in range(number)]
    took_s = await asyncio.gather(*lines)
    record("R4 handshakes", f"{number} half-open handshakes gone in {max(took_s):.1f} s")
    assert max(took_s) < HANDSHAKE_S
