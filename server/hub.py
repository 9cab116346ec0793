"""Hub: per node, who watches which conversation, the newest events of each, and what is being written.

It writes nothing to the log. What it holds may be lost at any time: the store is the truth.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from server.events import Audience, Event, Viewer
from server.link import Link, Live, Part, StepState
from server.log import Log
from server.ports import Broker, Mode

logger = logging.getLogger(__name__)

TAIL = 64
"""Events kept in memory per watched conversation: a few turns, so that a live viewer never costs a read."""
TYPING_S = 6.0
"""How long somebody is taken to be typing after the last sign of it: as the widget and the desk show it."""
LOOK_S = 5.0
"""How often a node that shares its store asks for heads, in case the broker lost a wake-up (PROMISES R8: at most 5 s late)."""


@dataclass(slots=True, eq=False)
class Watch:
    """One connection's place in a room: its link, and the bell that wakes its writer."""

    room: "Room"
    link: Link
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    notices: list[dict[str, Any]] = field(default_factory=list)
    """Passing frames, such as who is typing: given out once, or lost."""
    push: Callable[[], bool] | None = None
    """Writes a new piece of a draft at once, where the line is clear; False when the writer has to be woken."""


@dataclass(slots=True, eq=False)
class Room:
    """What this node knows of one watched conversation, as of `head`."""

    key: str
    head: int = 0
    mode: Mode = "agent"
    turn: str | None = None
    generation: int = 0
    erased: bool = False
    tail: list[Event] = field(default_factory=list)
    live: Live | None = None
    read: dict[Audience, int] = field(default_factory=dict)
    """Up to which seq each side was seen to have read. No event: it is a courtesy, and lost with the last viewer."""
    typing_s: dict[Audience, float] = field(default_factory=dict)
    """When each side last typed, by the loop's clock."""
    watches: set[Watch] = field(default_factory=set)
    listener: asyncio.Task[None] | None = None
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def take(self, event: Event) -> None:
        """Note the next event."""
        self.head = event.seq
        self.tail.append(event)
        if len(self.tail) > TAIL:
            del self.tail[: -TAIL // 2]
        match event.kind:
            case "turn.started":
                self.turn = event.turn
            case "turn.ended" if self.turn == event.turn:
                self.turn = None
            case "mode":
                self.mode = event.body.get("mode", self.mode)
            case "message" if event.role in ("customer", "staff"):
                self.typing_s.pop(event.role, None)

    def shown(self) -> Live | None:
        """What is being written, unless the log has gone past it: an ended turn, or a person who took over."""
        live = self.live
        if live is None or live.turn != self.turn or self.mode not in ("agent", "waiting"):
            return None
        return live


class Hub:
    """Rooms by conversation key. `broker` is None on a single node, where nobody else needs to be told."""

    def __init__(self, log: Log, node: str, broker: Broker | None = None) -> None:
        self._log = log
        self._node = node
        self._broker = broker
        self._rooms: dict[str, Room] = {}
        self._live: dict[str, Live] = {}
        """What turns on this node are writing, watched or not: who comes back in mid-answer gets it at once."""
        self._sending: set[asyncio.Task[None]] = set()
        log.listeners.append(self.notice)
        log.gone.append(self.erased)

    @property
    def watching(self) -> int:
        """How many viewers this node has."""
        return sum(len(room.watches) for room in self._rooms.values())

    def is_there(self, key: str) -> bool:
        """Whether a customer has this conversation open on this node."""
        room = self._rooms.get(key)
        return room is not None and any(watch.link.viewer.audience == "customer" for watch in room.watches)

    async def attach(self, key: str, viewer: Viewer, cursor: int, *, woken: asyncio.Event | None = None) -> Watch:
        """Watch a conversation from `cursor` on; `woken` is set whenever there may be something to pull."""
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = Room(key, live=self._live.get(key))
            if self._broker is not None:
                room.listener = asyncio.create_task(self._listen(room, self._broker))
        watch = Watch(room, Link(viewer, cursor), woken or asyncio.Event())
        room.watches.add(watch)
        await self._catch_up(room)
        other: Audience = "customer" if viewer.audience == "staff" else "staff"
        if other in room.read:
            watch.notices.append(self._sign(room, other))
        watch.woken.set()
        return watch

    def detach(self, watch: Watch) -> None:
        """Stop watching; the last viewer closes the room."""
        room = watch.room
        room.watches.discard(watch)
        if not room.watches and self._rooms.get(room.key) is room:
            del self._rooms[room.key]
            if room.listener is not None:
                room.listener.cancel()

    async def pull(self, watch: Watch) -> list[dict[str, Any]]:
        """The frames that bring a viewer up to date: events first, then what is being written."""
        room, link = watch.room, watch.link
        frames: list[dict[str, Any]] = []
        while link.cursor < room.head:
            events = self._from_tail(room, link.cursor)
            if events is None:
                events = await self._log.read(room.key, after=link.cursor)
                if not events:
                    break  # erased between the head and here
            frames += link.events(events, room.head)
        frames += link.events([], room.head)
        frames += link.drafts(room.shown())
        if watch.notices:
            frames += watch.notices
            watch.notices = []
        return frames

    def types(self, key: str, by: Audience, who: Mapping[str, str] | None = None) -> None:
        """Show the other side that somebody is typing: `who`, as customers are shown them. It may be lost."""
        self._typed(key, by, who or {})
        self._tell(key, {"types": by, "who": dict(who or {})})

    def saw(self, key: str, by: Audience, seq: int) -> None:
        """Show the other side, now or when it comes, that somebody has read up to `seq`. It may be lost."""
        self._read_to(key, by, seq)
        self._tell(key, {"saw": by, "seq": seq})

    def _typed(self, key: str, by: Audience, who: Mapping[str, str]) -> None:
        room = self._rooms.get(key)
        if room is not None:
            room.typing_s[by] = asyncio.get_running_loop().time()
            self._give(room, by, {"t": by, "typing": True, **who})

    def _read_to(self, key: str, by: Audience, seq: int) -> None:
        room = self._rooms.get(key)
        if room is None or min(seq, room.head) <= room.read.get(by, 0):
            return
        room.read[by] = min(seq, room.head)
        self._give(room, by, self._sign(room, by))

    def _sign(self, room: Room, by: Audience) -> dict[str, Any]:
        """Up to where this side has read; that it has, does not end its typing."""
        typed_s = room.typing_s.get(by)
        typing = typed_s is not None and asyncio.get_running_loop().time() - typed_s < TYPING_S
        return {"t": by, "typing": typing, "seen": room.read[by]}

    def _give(self, room: Room, by: Audience, frame: dict[str, Any]) -> None:
        """Give a passing frame to the viewers of the other side; of one who reads slowly the newest of each kind is kept."""
        for watch in room.watches:
            if watch.link.viewer.audience != by:
                kept = [one for one in watch.notices if ("seen" in one) != ("seen" in frame)]
                watch.notices = [*kept, frame]
                watch.woken.set()

    def notice(self, key: str, events: Sequence[Event]) -> None:
        """Events were committed on this node."""
        room = self._rooms.get(key)
        if room is not None:
            self._take(room, events)
        if events and self._broker is not None:
            self._tell(key, {"head": events[-1].seq})

    def draft(self, key: str, live: Live, part: Part, at: int) -> None:
        """Something was written on this node: `live` is its state, of which `part` is new from `at` on."""
        self._live[key] = live
        room = self._rooms.get(key)
        if room is not None:
            room.live = live
            self._push(room)
        if self._broker is not None:
            text = live.parts.get(part, "")[at:]
            self._tell(
                key, {"turn": live.turn, "base": live.base, "rev": live.rev, "part": part, "at": at, "text": text}
            )

    def step(self, key: str, live: Live, step_id: str) -> None:
        """A step of a turn on this node began or ended."""
        self._live[key] = live
        room = self._rooms.get(key)
        if room is not None:
            room.live = live
            self._push(room)
        if self._broker is not None:
            label, state = live.steps[step_id]
            self._tell(
                key,
                {
                    "turn": live.turn,
                    "base": live.base,
                    "rev": live.rev,
                    "step": step_id,
                    "label": label,
                    "state": state,
                },
            )

    def quiet(self, key: str) -> None:
        """Nothing more is written here: forget what was."""
        self._live.pop(key, None)

    def reply_so_far(self, key: str, turn: str) -> str:
        """The reply that viewers on this node have seen being written in this turn, for a stop."""
        room = self._rooms.get(key)
        live = room.live if room is not None else self._live.get(key)
        return live.parts.get("reply", "") if live is not None and live.turn == turn else ""

    def erased(self, key: str) -> None:
        """The conversation was erased: everybody is let go."""
        self._live.pop(key, None)
        room = self._rooms.get(key)
        if room is not None:
            room.erased = True
            self._wake(room)

    async def look(self) -> None:
        """For ever: ask for the heads of what is watched, in case a wake-up was lost."""
        while True:
            await asyncio.sleep(LOOK_S)
            keys = list(self._rooms)
            if not keys:
                continue
            heads = await self._log.store.heads(keys)
            for key, head in heads.items():
                room = self._rooms.get(key)
                if room is not None and head > room.head:
                    await self._catch_up(room)

    async def _catch_up(self, room: Room) -> None:
        """Bring a room to the log's head."""
        async with room.loading:
            state = await self._log.load(room.key)
            if state.head >= room.head:
                if state.head > room.head:
                    room.tail = []
                room.head, room.mode, room.generation = state.head, state.mode, state.generation
                room.turn = state.turn.id if state.turn else None
        self._wake(room)

    def _take(self, room: Room, events: Sequence[Event]) -> None:
        for event in events:
            if event.seq <= room.head:
                continue
            if event.seq != room.head + 1:
                task = asyncio.create_task(self._catch_up(room))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
                return
            room.take(event)
            if event.kind == "identified":
                # Who may watch has changed: the fold knows the generation, and it was folded before this call.
                task = asyncio.create_task(self._catch_up(room))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
        self._wake(room)

    def _push(self, room: Room) -> None:
        for watch in room.watches:
            if watch.push is None or not watch.push():
                watch.woken.set()

    def _wake(self, room: Room) -> None:
        for watch in room.watches:
            watch.woken.set()

    def _from_tail(self, room: Room, after: int) -> list[Event] | None:
        if not room.tail or room.tail[0].seq > after + 1:
            return None
        return room.tail[after + 1 - room.tail[0].seq :]

    def _tell(self, key: str, message: dict[str, Any]) -> None:
        if self._broker is None:
            return
        data = orjson.dumps({"node": self._node, **message})
        task = asyncio.create_task(self._broker.publish(key, data))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _listen(self, room: Room, broker: Broker) -> None:
        async with broker.subscribe(room.key) as messages:
            await self._catch_up(room)  # what was committed before the subscription stood
            async for data in messages:
                message = orjson.loads(data)
                if message.get("node") == self._node:
                    continue
                if "head" in message:
                    if message["head"] > room.head:
                        await self._catch_up(room)
                elif "types" in message:
                    self._typed(room.key, message["types"], message["who"])
                elif "saw" in message:
                    self._read_to(room.key, message["saw"], message["seq"])
                else:
                    self._take_live(room, message)

    def _take_live(self, room: Room, message: dict[str, Any]) -> None:
        """What another node writes. A piece that does not fit waits for the next whole text, within a second."""
        live = room.live
        if live is None or live.turn != message["turn"]:
            live = room.live = Live(message["turn"], message["base"], message["rev"])
        live.base = message["base"]
        if "step" in message:
            state: StepState = message["state"]
            live.steps[message["step"]] = (message["label"], state)
        else:
            part: Part = message["part"]
            at, text = message["at"], message["text"]
            have = live.parts.get(part, "")
            if at == 0:
                if not text.startswith(have):
                    live.rev += 1
                live.parts[part] = text
            elif at == len(have) and message["rev"] == live.rev:
                live.parts[part] = have + text
        self._wake(room)
