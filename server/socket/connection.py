"""Connection: a Starlette WebSocket on one side, a link on the other. Frames in, frames out (CONTRACT §4).

It decides nothing: who may come in is the door's to say, and what a frame does is the customer's.
"""

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Final, Protocol

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from server import wire
from server.auth import Refused
from server.hub import Watch
from server.limits import Bucket
from server.ports import Gone
from server.session import Entered, Session
from server.socket.customer import Customer, Line

logger = logging.getLogger(__name__)

WRITE_S: Final = 10.0
"""A reader that takes nothing for 10 s is let go (PROMISES R4: gone in under 20 s)."""
SILENT_S: Final = 60.0
"""Two pings and a little more without a word: the line is dead, whatever TCP thinks."""
SLOW_S: Final = 0.1
"""The longest wait before the next message of somebody who is over the rate: 10 messages a second are read at most."""
FRAMES_PER_S: Final = 50.0
"""Frames of other kinds (typing, seen, pong): far more than a person causes."""
_DEEDS: Final = (wire.Human, wire.Transcript, wire.Rate, wire.Decide, wire.Verify, wire.Code)
"""Frames beside words that do something."""
PENDING: Final = 64
"""Error and control frames waiting for a reader; more than that is a reader that does not read."""


class FastLine(Protocol):
    """What `server.transport` adds to a connection."""

    def abort(self) -> None:
        """Cut the line."""

    def is_clear(self) -> bool:
        """Whether a frame can be written without waiting."""

    def write_text(self, data: bytes) -> None:
        """Write a text frame at once; only while the line is clear."""


class TooSlow(Exception):
    """The other side does not read."""


async def chat(socket: WebSocket, line: Line, *, linked: bool = False) -> None:
    """Serve one customer's connection until it ends. `linked`: it comes on the line of the page for mailed links."""
    origin = socket.headers.get("origin")
    if not line.door.knows(origin, linked=linked):
        body = {"error": {"code": "forbidden_origin", "message": "no site of this server lists this origin"}}
        await socket.send_denial_response(JSONResponse(body, status_code=403))
        return
    offered = socket.scope.get("subprotocols") or []
    await socket.accept(subprotocol=wire.SUBPROTOCOL if wire.SUBPROTOCOL in offered else None)
    await Connection(socket, line, origin, linked=linked).run()


class Connection:
    """One customer's connection: a reader, a writer and a pinger that end together."""

    def __init__(self, socket: WebSocket, line: Line, origin: str | None, *, linked: bool = False) -> None:
        self._socket = socket
        self._linked = linked
        self._line = line
        self._origin = origin
        self._session: Session | None = None
        self._watch: Watch | None = None
        self._woken = asyncio.Event()
        self._wire: FastLine | None = socket.scope.get("extensions", {}).get("shopbell.line")
        self._writing = False
        self._pending: list[dict[str, Any]] = []
        self._closing: tuple[int, str] | None = None
        self._gone = False
        """Nothing reaches the other side any more; what it sent before is still read."""
        self._changing = False
        """The sign-in is being changed by this connection: its own standing is checked again when that is done."""
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._loop.time()
        self._customer = Customer(line, self._send)
        self._says: Bucket | None = None
        self._frames = Bucket.full(FRAMES_PER_S, 4 * FRAMES_PER_S, self._heard_s)

    async def run(self) -> None:
        """Serve until somebody ends it. Every way out closes the socket with the code that says what to do next."""
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write())
                pinger = group.create_task(self._ping())
                try:
                    await self._read()
                finally:
                    pinger.cancel()
                    self._closing = self._closing or (1000, "")
                    self._woken.set()
                    await asyncio.wait({writer}, timeout=WRITE_S)
                    writer.cancel()
        except* TooSlow:
            self._abort()
        except* WebSocketDisconnect:
            pass
        finally:
            if self._watch is not None:
                self._line.hub.detach(self._watch)

    # Reading

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(wire.HELLO_S) as deadline:
                while True:
                    text = await self._receive()
                    if text is None:
                        return
                    for item in wire.items(text):
                        await self._one(item, deadline)
                        if self._pending:
                            await asyncio.sleep(0)  # what one array brings about shall not pile up before the writer
        except TimeoutError:
            self._end(wire.CLOSE_IDLE, "no hello within 10 s")
        except wire.BadFrame as error:
            self._send(wire.error("bad_frame", error.message, frame_id=error.frame_id))
            self._end(error.close, "bad frame")
        except Refused as refused:
            if not isinstance(refused, _Closing):
                code: Any = refused.code
                self._send(wire.error(code, refused.message))
            self._end(refused.close or wire.CLOSE_FORBIDDEN, refused.code)
        except Gone:
            self._send(wire.error("erased", "this conversation was erased"))
            self._end(wire.CLOSE_ERASED, "erased")
        except (WebSocketDisconnect, TooSlow):
            raise
        except Exception:
            # The top of this connection. What the customer said and got no echo for is still in the widget's outbox.
            logger.exception("a connection of %s failed", self._session.key if self._session else "a new visitor")
            self._end(wire.CLOSE_FAILED, "internal error")

    async def _one(self, item: Any, deadline: asyncio.Timeout) -> None:  # noqa: ANN401 - a JSON value
        """One frame; the first must be hello, and then there is no deadline any more."""
        frame = self._parse(item)
        if frame is None:
            return
        if self._session is not None:
            await self._take(self._session, frame)
        elif isinstance(frame, wire.Hello):
            await self._hello(frame)
            deadline.reschedule(None)
        else:
            raise wire.BadFrame(f"expected hello first, got {frame.t}")

    def _parse(self, item: Any) -> wire.ClientFrame | None:  # noqa: ANN401 - a JSON value
        """The frame that this is; None for a message that is only too long, of which the customer was told."""
        try:
            return wire.frame(item)
        except wire.BadFrame as error:
            if not error.too_long or self._session is None:
                raise
            # The customer can shorten it, and the connection is worth keeping.
            message = f"expected at most {wire.MAX_TEXT_CHARS} characters"
            self._send(wire.error("too_large", message, frame_id=error.frame_id))
            return None

    async def _receive(self) -> str | None:
        """The next text; None when the other side is gone."""
        while True:
            message = await self._socket.receive()
            self._heard_s = self._loop.time()
            if message["type"] == "websocket.disconnect":
                self._closing = self._closing or (0, "")
                return None
            text: str | None = message.get("text")
            if text is None:
                raise wire.BadFrame("expected a text frame, got a binary one")
            if len(text) > wire.MAX_FRAME_BYTES:
                raise wire.BadFrame(f"expected at most {wire.MAX_FRAME_BYTES} bytes")
            if self._closing is None:
                return text

    async def _hello(self, frame: wire.Hello) -> None:
        entered = await self._line.door.hello(frame, self._origin, linked=self._linked)
        await self._enter(entered)
        if frame.identity is not None:
            await self._line.door.blocks.shut(entered.session.key)
            self._line.turns.poke(entered.session.key)

    async def _enter(self, entered: Entered) -> None:
        """Watch the conversation; `welcome` goes out before anything of it."""
        watch = await self._line.hub.attach(
            entered.session.key, entered.session.viewer, entered.cursor, woken=self._woken
        )
        watch.push = self._push
        per_minute = entered.session.site.limits.messages_per_minute
        now_s = self._loop.time()
        self._says = self._line.buckets.get(entered.session.key, per_minute / 60, 2 * per_minute, now_s)
        old, self._session = self._watch, entered.session
        self._send(entered.welcome)
        self._watch = watch
        if old is not None:
            self._line.hub.detach(old)

    async def _take(self, session: Session, frame: wire.ClientFrame) -> None:
        line = self._line
        if await self._is_not_taken(session, frame):
            return
        match frame:
            case wire.Say():
                await self._customer.say(session, frame, self._pace)
            case wire.Stop():
                await self._customer.stop(session, frame.turn)
            case wire.Human() | wire.Transcript():
                ask = self._customer.human if isinstance(frame, wire.Human) else self._customer.transcript
                await ask(session, frame.id)
            case wire.Rate():
                await self._customer.rate(session, frame)
            case wire.Decide():
                await self._customer.decide(session, frame)
            case wire.Verify():
                await self._customer.verify(session, frame)
            case wire.Code():
                await self._customer.code(session, frame)
            case wire.Identify():
                await self._identify(session, frame)
            case wire.Logout():
                await self._change(line.door.logout(session))
            case wire.Hello():
                raise wire.BadFrame("expected one hello per connection, got another")
            case wire.Typing():
                line.hub.types(session.key, "customer")
            case wire.Seen():
                line.hub.saw(session.key, "customer", frame.seq)
            case _:
                pass  # pong: that something came is all it says

    async def _is_not_taken(self, session: Session, frame: wire.ClientFrame) -> bool:
        """Whether a frame is passed over: of a visitor whom staff have blocked, who is told so. What is said is looked at later."""
        if isinstance(frame, wire.Say):
            return False
        if self._frames.take(self._loop.time()) > 0:
            await self._too_fast(self._frames)
        if not isinstance(frame, _DEEDS):
            return False
        return await self._customer.is_refused(session, frame.call if isinstance(frame, wire.Decide) else frame.id)

    async def _pace(self) -> None:
        """Read on more slowly for somebody who is over the rate, and not at all for somebody far over it."""
        assert self._says is not None  # noqa: S101 - set by hello
        owed = self._says.take(self._loop.time())
        if owed > self._says.burst:
            await self._too_fast(self._says)
        if owed > 0:
            await asyncio.sleep(min(self._says.wait_s(), SLOW_S))

    async def _too_fast(self, bucket: Bucket) -> None:
        self._send(wire.error("too_fast", "too many messages; please wait", retry_after_s=max(1.0, bucket.wait_s())))
        raise _Closing(wire.CLOSE_TOO_MANY, "too fast")

    async def _identify(self, session: Session, frame: wire.Identify) -> None:
        if not await self._change(self._line.door.identify(session, frame.identity)):
            self._send({"t": "token", "token": self._line.door.token_for(session)})
            await self._line.door.blocks.shut(session.key)
        self._line.turns.poke(session.key)  # what waited to know who is asking goes on

    async def _change(self, change: Awaitable[Entered | None]) -> bool:
        """Let the door change who is on this line; True when that led to a new conversation."""
        self._changing = True
        try:
            entered = await change
            if entered is not None:
                await self._enter(entered)
        finally:
            self._changing = False
            self._woken.set()
        return entered is not None

    # Writing

    def _send(self, frame: dict[str, Any]) -> None:
        if self._gone:
            return
        self._pending.append(frame)
        if len(self._pending) > PENDING:
            raise TooSlow
        self._woken.set()

    def _end(self, code: int, reason: str) -> None:
        """Close once everything that is pending went out."""
        self._closing = self._closing or (code, reason)
        self._woken.set()

    async def _write(self) -> None:
        try:
            await self._write_on()
        except WebSocketDisconnect:
            self._gone = True  # frames that arrived before the close are processed: the reader goes on to the end

    async def _write_on(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            self._writing = True
            watch, session = self._watch, self._session
            frames, self._pending = self._pending, []
            if self._closing is None and watch is not None and session is not None and not self._changing:
                if watch.room.erased:
                    frames.append(wire.error("erased", "this conversation was erased"))
                    self._end(wire.CLOSE_ERASED, "erased")
                elif watch.room.generation > session.generation and not await self._renewed(session):
                    frames.append(wire.error("bad_token", "the sign-in of this conversation has ended"))
                    self._end(wire.CLOSE_FORBIDDEN, "signed out")
                else:
                    frames += await self._line.hub.pull(watch)
            if frames:
                await self._put(frames)
            self._writing = False
            if self._closing is not None:
                code, reason = self._closing
                if code:
                    await self._close(code, reason)
                return

    async def _renewed(self, session: Session) -> bool:
        """Whether this visitor may stay though the sign-in has changed: a code has shown who they are. They get a new token."""
        token = await self._line.door.renewed(session)
        if token is not None:
            self._send({"t": "token", "token": token})
        return token is not None

    def _push(self) -> bool:
        """Write a new piece of a draft at once, if nothing else is to be said on this line; False: wake the writer.

        Most frames are these. Written here they cost no wake-up of a task.
        """
        watch, session, line = self._watch, self._session, self._wire
        if watch is None or session is None or line is None or self._writing or self._woken.is_set():
            return False
        room, link = watch.room, watch.link
        quiet = not self._pending and self._closing is None and not self._changing
        current = link.caught_up and link.cursor == room.head and room.generation <= session.generation
        if not (quiet and current) or room.erased or not line.is_clear():
            return False
        frames = link.drafts(room.shown())
        if frames:
            line.write_text(wire.dump(frames))
        return True

    async def _put(self, frames: list[dict[str, Any]]) -> None:
        text = wire.dump(frames).decode()
        # A bare timer: asyncio.timeout would cost as much as the frame itself, and nothing is left to tidy up.
        deadline = self._loop.call_later(WRITE_S, self._abort)
        try:
            await self._socket.send({"type": "websocket.send", "text": text})
        except RuntimeError:
            raise WebSocketDisconnect(1006) from None  # Starlette's word for a socket that is closed already
        finally:
            deadline.cancel()

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(WRITE_S):
                await self._socket.close(code, reason)
        except TimeoutError:
            raise TooSlow from None
        except RuntimeError:
            raise WebSocketDisconnect(1006) from None

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(wire.PING_S)
            if self._loop.time() - self._heard_s > SILENT_S:
                raise TooSlow
            session = self._session
            if session is None or self._watch is None:
                continue
            if self._line.door.is_stale(session):
                self._send({"t": "token", "token": self._line.door.token_for(session)})
            self._send({"t": "ping", "upto": self._watch.link.cursor})

    def _abort(self) -> None:
        """Cut the line: a close frame would wait behind everything that the other side does not read."""
        if self._wire is not None:
            self._wire.abort()


class _Closing(Refused):
    """Ends the connection with this code; what the client is told was sent already."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason, reason, close=code)
