"""`shopbell serve`: open the data directory, index what is new, listen, and stop cleanly.

It decides nothing about conversations; it starts the parts of `server.app` and waits.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from server import app, passes, routes, wire
from server.app import Parts
from server.commands.knowledge import sync_all
from server.commands.plain import time_of, visible
from server.http.guard import handshake_guard
from server.models.offline import Offline
from server.settings import MIN_SECRET_CHARS, Settings
from server.site import DEFAULT_AGENT
from server.staff import Accounts
from server.switches import named
from server.transport import ChatProtocol
from server.wire import MAX_FRAME_BYTES

logger = logging.getLogger(__name__)

BACKLOG = 2_048
"""Waiting handshakes: a few thousand widgets come back at once after a restart."""
SEND_BUFFER_BYTES = 65_536
"""What the kernel may hold of a connection, beside our own buffer: without a bound it grows with the reader's delay (to
megabytes on Linux), and a reader that has stopped is noticed that much later."""
READ_AHEAD = 1_000
"""Passages of a site whose sentences are embedded before anybody asks: half a minute of one core at the first start, behind the
open door. A larger help center's are when they are first asked for."""
GRACE_S = 5
"""How long open requests get when the server is told to stop; chats are closed at once and come back."""


class Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and leaves the exit status alone."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT with exit status 0; uvicorn's own way raises the signal again at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


async def serve(settings: Settings, *, demo: bool, say: Callable[[str], None]) -> None:
    """Serve until told to stop. `say` gets the one line for stdout.

    Raises:
        SettingsError, ShopError, StoreFailed, OSError: with a message for the person at the command line.
    """
    stop_early = asyncio.current_task()
    if stop_early is not None and sys.platform != "win32":
        # Until the server itself listens for them: a long first indexing ends as cleanly, and goes on at the next start.
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop_early.cancel)
    if settings.secret is not None and len(settings.secret.get_secret_value()) < MIN_SECRET_CHARS:
        logger.warning(
            "SHOPBELL_SECRET is short: whoever guesses it can make visitor tokens; use %d characters", MIN_SECRET_CHARS
        )
    async with app.open_parts(settings) as parts:
        for shop in parts.shops:
            for problem in shop.problems:
                if demo and shop.site.demo.customers and "nobody can sign in" in problem.message:
                    continue  # not so here: the demo signs its own customers in
                logger.warning("%s", problem)
        for entry in parts.switches.off:
            logger.warning("switched off since %s by %s: %s", time_of(entry.at_ms), visible(entry.by), named(entry))
        await sync_all(parts)
        with (
            listen(settings.host, settings.port) as sock,
            listen(passes.HOST, 0) as private,
            passes.withdrawn(settings.data),
        ):
            port = sock.getsockname()[1]
            opened = passes.make_pass(private.getsockname()[1])

            def ready() -> None:
                passes.leave(settings.data, opened)
                say(url(settings, port))
                _invite(settings, port)

            async with app.run_parts(parts, demo=demo, port=port) as running:
                application = routes.build(running, demo=demo, opened=opened)
                server = Server(config_of(settings, application), ready)
                async with warming(parts):
                    await server.serve(sockets=[sock, private])


def _invite(settings: Settings, port: int) -> None:
    """While nobody can sign in at the desk: a link with which one person can make the first admin, once."""
    accounts = Accounts(settings.data, clock_ms=app.clock_ms)
    token = accounts.invite()
    accounts.close()
    if token is not None:
        # Behind the `#` it reaches no other log than this terminal.
        link = f"{settings.public_url or _address(settings, port)}/desk/welcome#{token}"
        sys.stderr.write(f"The desk has no staff yet. Make the first admin, once, within a day: {link}\n")
        sys.stderr.flush()


def _address(settings: Settings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port}"


def url(settings: Settings, port: int) -> str:
    """Where the server is, for people."""
    return f"Shopbell is ready at {_address(settings, port)}"


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket; uvicorn listens on it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error
        sock.set_inheritable(True)
        yield sock


def config_of(settings: Settings, application: ASGIApp) -> uvicorn.Config:
    """uvicorn, as DESIGN §10 measured it: no deflate, 64 KiB frames, our own pings, bounded handshakes."""
    return uvicorn.Config(
        application,
        http=handshake_guard(),
        ws=ChatProtocol,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        backlog=BACKLOG,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or "",
    )


@contextlib.asynccontextmanager
async def warming(parts: Parts) -> AsyncIterator[None]:
    """Load behind the open door what the first question needs: the embedding model, a provider's library."""

    async def warm() -> None:
        await asyncio.to_thread(wire.frame, {"t": "pong"})  # makes what reads frames: 0.02 s
        await parts.embedder.query("warm")
        for key, agent in parts.agents.items():
            await parts.index.vocabulary(key)
            await asyncio.to_thread(len, agent.workflows)  # makes them: 0.1 s for the library
            for part in (agent.model, *agent.models.values(), agent.router):
                prepare = getattr(part, "warm", None)
                if prepare is not None:
                    await prepare()
        offline = [(agent, agent.model) for agent in parts.agents.values() if isinstance(agent.model, Offline)]
        for agent, model in offline:
            for voice in map(agent.voice, (DEFAULT_AGENT, *(one.name for one in agent.site.agents))):
                await model.learn(voice.tools, list(voice.workflows.values()))
        app.settle()
        for agent, model in offline:
            if await parts.index.count(agent.site.key) <= READ_AHEAD:
                await model.read(await parts.index.passages(agent.site.key))
        app.settle()

    task = asyncio.create_task(warm())

    def report(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            logger.error("loading in the background failed", exc_info=done.exception())

    task.add_done_callback(report)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def run(settings: Settings, *, demo: bool) -> None:
    """Run the server on uvloop, where there is one."""

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    async def main() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await serve(settings, demo=demo, say=say)

    app.spare_memory()
    if sys.platform == "win32":
        asyncio.run(main())
    else:
        import uvloop

        uvloop.run(main())
