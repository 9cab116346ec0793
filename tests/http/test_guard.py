"""The handshake guard, against a real uvicorn server on loopback."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from server.http.guard import HEAD_BYTES, handshake_guard


async def _hello(request):
    return PlainTextResponse("hello")


async def _slow(request):
    await request.app.state.go.wait()
    return PlainTextResponse("late")


async def _echo(socket):
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@asynccontextmanager
async def serving(timeout_s, keep_alive_s=5):
    app = Starlette(routes=[Route("/", _hello), Route("/slow", _slow), WebSocketRoute("/ws", _echo)])
    app.state.go = asyncio.Event()
    config = uvicorn.Config(
        app,
        port=0,
        http=handshake_guard(timeout_s),
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=keep_alive_s,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1], app.state.go, server
    finally:
        await server.shutdown()


async def _ends(reader):
    """Everything until the connection ends, however it ends."""
    try:
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionResetError:
        return b""


async def test_fifty_half_open_handshakes_are_all_cut_while_others_are_served():
    starts = [b"", b"G", b"GET /ws HTTP/1.1\r\n", b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-", b"\r\n"]
    async with serving(0.3) as (port, _, server):
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        for number, (_, writer) in enumerate(opened):
            writer.write(starts[number % len(starts)])
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"http://127.0.0.1:{port}/")).text == "hello"
        ended = await asyncio.gather(*(_ends(reader) for reader, _ in opened))
        assert ended == [b""] * 50
        for _, writer in opened:
            writer.close()
        while server.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)


async def test_a_trickle_does_not_buy_time():
    async with serving(0.3) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 10_000

        async def trickle():
            for byte in head:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.01)

        task = asyncio.create_task(trickle())
        assert await _ends(reader) == b""
        task.cancel()
        writer.close()


async def test_a_half_head_behind_an_answered_request_is_cut_too():
    async with serving(0.3, keep_alive_s=3600) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"hello")
        writer.write(b"GET / HT")
        assert await _ends(reader) == b""
        writer.close()


async def test_a_head_without_end_is_cut_at_its_limit():
    async with serving(3600) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nX: " + b"a" * HEAD_BYTES)
        assert await _ends(reader) == b""
        writer.close()


async def test_a_large_body_in_one_breath_with_its_head_is_answered():
    async with serving(3600) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        size = 3 * HEAD_BYTES
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)
        assert (await reader.readline()).startswith(b"HTTP/1.1 405")
        writer.close()


async def test_a_request_that_is_being_answered_is_left_alone():
    async with serving(0.1) as (port, go, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        # Another connection, made later, is cut: so more than the time limit has passed for the first.
        other, other_writer = await asyncio.open_connection("127.0.0.1", port)
        assert await _ends(other) == b""
        go.set()
        assert (await reader.readuntil(b"late")).startswith(b"HTTP/1.1 200")
        writer.close()
        other_writer.close()


async def test_a_websocket_lives_on_after_its_handshake():
    async with serving(0.1) as (port, _, _), websockets.connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as socket:
        other, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await _ends(other) == b""
        await socket.send("still here")
        assert await socket.recv() == "still here"
        writer.close()
