"""Connection: a staff browser's WebSocket: queues, and as many conversations as it watches. Frames in, frames out.

It decides nothing: what a frame does is `deeds`' to say, and what waits is the board's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from server import wire
from server.conversation import id_of, key_of, site_of
from server.desk import frames
from server.desk.beside import Beside, Slow
from server.desk.board import Board, Watcher
from server.desk.deeds import Deeds, NotDone
from server.desk.lookups import Lookups
from server.events import Viewer
from server.files import Files, attached
from server.hub import Hub
from server.hub import Watch as HubWatch
from server.limits import Bucket
from server.log import Log
from server.ports import Gone, Summary
from server.staff import Staff, StaffSession

logger = logging.getLogger(__name__)

WRITE_S: Final = 10.0
SILENT_S: Final = 60.0
"""As the customer's line: two pings and a little more without a word."""
ROWS_EVERY_S: Final = 0.25
"""Changes of queues are told at most four times a second: 50 events a second are then a dozen rows in one frame."""
WATCHED: Final = 20
"""Conversations that one desk watches at once; the one watched longest ago is let go."""
FRAMES_PER_S: Final = 50.0
PENDING: Final = 500
"""Frames waiting for a reader: more is a desk that does not read."""
SESSION_EVERY_S: Final = 15.0
"""How soon a desk whose session was ended elsewhere is let go."""


@dataclass(frozen=True, slots=True)
class DeskLine:
    """What every desk needs."""

    log: Log
    hub: Hub
    board: Board
    deeds: Deeds
    sites: Mapping[str, str]
    """Names of the sites by their keys."""
    new_id: Callable[[], str]
    beside: Beside
    canned: Mapping[str, Sequence[Mapping[str, Any]]]
    """Replies that are written once, by site."""
    files: Files


class _TooSlow(Exception):
    """The other side does not read."""


async def desk(
    socket: WebSocket, line: DeskLine, session: StaffSession, still_good: Callable[[], Awaitable[Staff | None]]
) -> None:
    """Serve one desk, whose session was checked, until it ends. `still_good` says whose session it still is, if it stands."""
    offered = socket.scope.get("subprotocols") or []
    await socket.accept(subprotocol=wire.SUBPROTOCOL if wire.SUBPROTOCOL in offered else None)
    await Desk(socket, line, session.staff, still_good).run()


class Desk:
    """One desk: a reader, a writer and a pinger that end together."""

    def __init__(
        self, socket: WebSocket, line: DeskLine, staff: Staff, still_good: Callable[[], Awaitable[Staff | None]]
    ) -> None:
        self._socket = socket
        self._line = line
        self._staff = staff
        self._still_good = still_good
        self._woken = asyncio.Event()
        self._watches: dict[str, HubWatch] = {}
        self._watcher: Watcher | None = None
        self._listed: frames.List | None = None
        self._pending: list[dict[str, Any]] = []
        self._group: asyncio.TaskGroup | None = None
        self._lookups = Lookups(self._look)
        self._closing: tuple[int, str] | None = None
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._loop.time()
        self._told_s = 0.0
        self._bucket = Bucket.full(FRAMES_PER_S, 4 * FRAMES_PER_S, self._heard_s)

    async def run(self) -> None:
        """Serve until somebody ends it."""
        line = self._line
        await line.board.load()
        self._watcher = line.board.watch(self._staff, self._woken)
        try:
            self._send(self._welcome())
            async with asyncio.TaskGroup() as group:
                self._group = group
                writer = group.create_task(self._write())
                pinger = group.create_task(self._ping())
                try:
                    await self._read()
                finally:
                    pinger.cancel()
                    self._group = None
                    self._closing = self._closing or (1000, "")
                    self._woken.set()
                    await asyncio.wait({writer}, timeout=WRITE_S)
                    writer.cancel()
        except* (WebSocketDisconnect, _TooSlow):
            pass
        finally:
            line.board.unwatch(self._watcher)
            for watch in self._watches.values():
                line.hub.detach(watch)

    def _welcome(self) -> dict[str, Any]:
        staff = self._staff
        canned = self._line.canned
        sites = [
            {"key": key, "name": name, "canned": list(canned.get(key, ()))}
            for key, name in self._line.sites.items()
            if staff.sees(key)
        ]
        me = {"id": staff.id, "name": staff.name, "email": staff.email, "role": staff.role, "picture": staff.picture}
        return {"t": "welcome", "v": wire.VERSION, "epoch": self._line.log.epoch, "staff": me, "sites": sites}

    # Reading

    async def _read(self) -> None:
        try:
            while True:
                message = await self._socket.receive()
                self._heard_s = self._loop.time()
                if message["type"] == "websocket.disconnect":
                    self._closing = self._closing or (0, "")
                    return
                for item in wire.items(_text(message.get("text"))):
                    if self._bucket.take(self._loop.time()) > 0:
                        self._end(wire.CLOSE_TOO_MANY, "too fast")
                        return
                    await self._one(frames.frame(item))
        except wire.BadFrame as error:
            self._send(wire.error("bad_frame", error.message, frame_id=error.frame_id))
            self._end(error.close, "bad frame")
        except (WebSocketDisconnect, _TooSlow):
            raise
        except Exception:
            # The top of this connection; what was written and has no echo is still in the desk's outbox.
            logger.exception("a desk of %s failed", self._staff.id)
            self._end(wire.CLOSE_FAILED, "internal error")

    async def _one(self, frame: frames.DeskFrame) -> None:
        try:
            match frame:
                case frames.List():
                    self._listed = frame
                    await self._list(frame)
                case frames.Search():
                    self._later("", frame)
                case frames.Hello(v=version):
                    if version != wire.VERSION:
                        raise wire.BadFrame(f"expected v: {wire.VERSION}, got {version}", close=wire.CLOSE_VERSION)
                case frames.Pong():
                    pass
                case _:
                    await self._on(await self._key(frame), frame)
        except NotDone as error:
            frame_id = getattr(frame, "id", None) or getattr(frame, "call", None)
            self._refuse(error.code, error.message, frame_id, getattr(frame, "conversation", None))
        except Gone:
            self._refuse("erased", "this conversation was erased", None, getattr(frame, "conversation", None))

    async def _on(self, key: str, frame: frames.DeskFrame) -> None:
        deeds, staff = self._line.deeds, self._staff
        state = await self._line.log.load(key)
        if state.head == 0:
            raise NotDone("bad_frame", "there is no such conversation")
        if state.erased:
            raise Gone(key)
        match frame:
            case frames.Watch():
                # A cursor beyond the head is of another log, before a restore: as a customer, everything from 1.
                await self._watch(key, frame.after if frame.after <= state.head else 0)
            case frames.Unwatch():
                self._unwatch(key)
            case frames.Take():
                await deeds.take(key, staff, force=frame.force)
            case frames.Reply():
                await deeds.reply(key, staff, frame, await self._attached(key, frame.files))
            case frames.Note():
                named = await self._line.beside.named(key, frame.text)
                await deeds.note(key, staff, frame.id, frame.text, named)
            case frames.Decide():
                await deeds.decide(key, staff, frame)
            case frames.Release():
                await deeds.release(key, staff, frame)
            case frames.Assign():
                await deeds.assign(key, staff, frame.to)
            case frames.Typing() | frames.Seen():
                await self._sign(key, frame)
            case frames.Approval() | frames.Card() | frames.Suggest():
                self._later(key, frame)
            case frames.Tag() | frames.Snooze() | frames.Block() | frames.Transcript():
                await self._line.beside.mark(key, staff, frame)
            case _:
                pass

    def _later(self, key: str, frame: Slow) -> None:
        """Look something up without holding up the frames behind."""
        if self._group is not None:
            self._lookups.begin(self._group, key, frame)

    async def _look(self, key: str, frame: Slow) -> None:
        whose = {"conversation": id_of(key), "site": site_of(key)} if key else {}
        sites = [site for site in self._line.sites if self._staff.sees(site)]
        try:
            self._send(await self._line.beside.look(key, self._staff, frame, sites) | whose)
        except NotDone as error:
            self._refuse(error.code, error.message, getattr(frame, "id", None), whose.get("conversation"))
        except _TooSlow:
            raise
        except Exception:
            # The top of this task: what was looked up is not there, and the desk goes on.
            logger.exception("a desk of %s: %s failed", self._staff.id, frame.t)
            self._refuse("busy", "this could not be looked up", getattr(frame, "id", None), whose.get("conversation"))

    async def _sign(self, key: str, frame: frames.Typing | frames.Seen) -> None:
        """Let the customer know that the person who has the conversation writes, or has read. Who only looks on is not shown."""
        state = await self._line.log.load(key)
        if state.mode != "staff" or state.staff != self._staff.id:
            return
        if isinstance(frame, frames.Seen):
            self._line.hub.saw(key, "staff", frame.seq)
        else:
            who = {name: text for name, text in self._staff.signature.items() if name != "by"}
            self._line.hub.types(key, "staff", who)

    async def _attached(self, key: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        sent = await asyncio.to_thread(attached, self._line.files, key, ids, by_customer=False) if ids else []
        if sent is None:
            raise NotDone("bad_frame", "one of the files is not there; send it again")
        return sent

    async def _key(self, frame: frames.DeskFrame) -> str:
        """The store's key of the conversation that a frame is about. What this person may not see is not there."""
        assert isinstance(frame, frames.On)  # noqa: S101 - lists and pongs were dealt with
        sites = [key for key in self._line.sites if self._staff.sees(key)]
        named = frame.site or (sites[0] if len(sites) == 1 else await self._site_of(frame.conversation, sites))
        if named not in sites:
            raise NotDone("bad_frame", "there is no such conversation")
        return key_of(named, frame.conversation)

    async def _site_of(self, conversation: str, sites: list[str]) -> str | None:
        """The first of these sites that has it; what was closed before this server started stands on no board."""
        keys = {site: key_of(site, conversation) for site in sites}
        shown = next((site for site, key in keys.items() if self._line.board.row(key) is not None), None)
        if shown is not None:
            return shown
        heads = await self._line.log.store.heads(list(keys.values()))
        return next((site for site, key in keys.items() if heads.get(key)), None)

    async def _watch(self, key: str, after: int) -> None:
        self._unwatch(key)
        if len(self._watches) >= WATCHED:
            self._unwatch(next(iter(self._watches)))
        self._watches[key] = await self._line.hub.attach(key, Viewer("staff"), after, woken=self._woken)

    def _unwatch(self, key: str) -> None:
        old = self._watches.pop(key, None)
        if old is not None:
            self._line.hub.detach(old)

    async def _list(self, frame: frames.List) -> None:
        board = self._line.board
        rows = [board.wire(row) for row in await board.queue(self._staff, frame.queue, site=frame.site)]
        counts = board.counts(self._staff)
        self._send({"t": "queue", "queue": frame.queue, "site": frame.site, "rows": rows, "counts": counts})

    # Writing

    def _send(self, frame: dict[str, Any]) -> None:
        self._pending.append(frame)
        if len(self._pending) > PENDING:
            raise _TooSlow
        self._woken.set()

    def _refuse(self, code: str, message: str, frame_id: str | None, conversation: str | None) -> None:
        error: dict[str, Any] = {"t": "error", "code": code, "message": message}
        error |= {"id": frame_id} if frame_id else {}
        self._send(error | ({"conversation": conversation} if conversation else {}))

    def _end(self, code: int, reason: str) -> None:
        self._closing = self._closing or (code, reason)
        self._woken.set()

    async def _write(self) -> None:
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                out, self._pending = self._pending, []
                if self._closing is None:
                    out += await self._pulled()
                    out += self._moved()
                    out += self._company()
                if out:
                    await self._put(out)
                if self._closing is not None:
                    code, reason = self._closing
                    if code:
                        async with asyncio.timeout(WRITE_S):
                            await self._socket.close(code, reason)
                    return
        except (TimeoutError, RuntimeError):
            raise WebSocketDisconnect(1006) from None

    async def _pulled(self) -> list[dict[str, Any]]:
        """What is new in the conversations that are watched, each frame with its conversation."""
        out: list[dict[str, Any]] = []
        for key, watch in list(self._watches.items()):
            if watch.room.erased:
                self._unwatch(key)
                self._refuse("erased", "this conversation was erased", None, id_of(key))
                continue
            whose = {"conversation": id_of(key), "site": key.partition("/")[0]}
            out += [{**frame, **whose} for frame in await self._line.hub.pull(watch)]
        return out

    def _moved(self) -> list[dict[str, Any]]:
        """Rows of the queues that changed, not more often than a person can read."""
        watcher = self._watcher
        if watcher is None or not watcher.changed or self._listed is None:
            return []
        now_s = self._loop.time()
        wait_s = self._told_s + ROWS_EVERY_S - now_s
        if wait_s > 0:
            self._loop.call_later(wait_s, self._woken.set)
            return []
        self._told_s = now_s
        changed, watcher.changed = watcher.changed, set()
        board, listed = self._line.board, self._listed
        rows: list[Summary] = [row for key in changed if (row := board.row(key)) is not None]
        shown = [row for row in rows if listed.site in (None, row.site)]
        queues = {row.conversation: [q for q in frames.QUEUES if board.holds(self._staff, q, row)] for row in shown}
        told = [board.wire(row) | {"queues": queues[row.conversation]} for row in shown]
        return [{"t": "rows", "rows": told, "counts": board.counts(self._staff)}]

    def _company(self) -> list[dict[str, Any]]:
        """Who is at the desk, when that has changed."""
        watcher = self._watcher
        if watcher is None or not watcher.company:
            return []
        watcher.company = False
        me, sites = self._staff, [key for key in self._line.sites if self._staff.sees(key)]
        people = [one for one in self._line.board.present.values() if any(one.sees(key) for key in sites)]
        told = [{"id": one.id, "name": one.name, "picture": one.picture, "me": one.id == me.id} for one in people]
        return [{"t": "people", "people": sorted(told, key=lambda one: str(one["name"]))}]

    async def _put(self, out: list[dict[str, Any]]) -> None:
        text = wire.dump(out).decode()
        async with asyncio.timeout(WRITE_S):
            await self._socket.send({"type": "websocket.send", "text": text})

    async def _ping(self) -> None:
        checked_s = self._loop.time()
        while True:
            await asyncio.sleep(SESSION_EVERY_S)
            if self._loop.time() - self._heard_s > SILENT_S:
                raise _TooSlow
            staff = await self._still_good()
            if staff is None:
                self._send(wire.error("bad_token", "you have been signed out"))
                self._end(wire.CLOSE_FORBIDDEN, "signed out")
                return
            if staff != self._staff and self._watcher is not None:  # another name, or another picture
                self._staff = staff
                self._line.board.renamed(self._watcher, staff)
            if self._loop.time() - checked_s >= wire.PING_S:
                checked_s = self._loop.time()
                self._send({"t": "ping"})


def _text(text: str | None) -> str:
    if text is None or len(text) > wire.MAX_FRAME_BYTES:
        raise wire.BadFrame("expected a text frame of at most 64 KiB")
    return text
