"""A whole node in this process for the promise tests, and a screen: all that a customer got to see, piece by piece.

A model says and does what its script says; nothing here decides whether that was right.
"""

import asyncio
import contextlib

from server.events import Viewer
from server.models.scripted import Scripted
from server.stores.memory import MemoryStore
from tests.turns.conftest import Node
from tools import Registry

REASONING = Viewer("customer", "full")


@contextlib.asynccontextmanager
async def node(script, *, tools=(), rules=None, limits=None, store=None):
    """A running node with these tools; `script` is a function from the prompt to steps, or a list of steps."""
    registry = Registry()
    for fn in tools:
        registry.add(fn)
    made = Node(store or MemoryStore(), Scripted(script), registry, rules or {}, limits or {})
    async with made.turns:
        yield made


class Screen:
    """What one customer sees, with reasoning shown in full: every state of every draft, and every event."""

    def __init__(self):
        self.drafts = {"reply": "", "thinking": ""}
        self.seen = []
        self.events = []

    @contextlib.asynccontextmanager
    async def on(self, made, key):
        watch = await made.hub.attach(key, REASONING, 0)

        def push():
            for frame in watch.link.drafts(watch.room.shown()):
                if frame["t"] == "draft":
                    have = self.drafts[frame["part"]] if frame["at"] else ""
                    assert len(have) >= frame["at"], "a draft with a hole"
                    self.drafts[frame["part"]] = have[: frame["at"]] + frame["text"]
                    self.seen.append(self.drafts[frame["part"]])
            return True

        watch.push = push
        try:
            yield self
            for frame in await made.hub.pull(watch):
                if frame["t"] == "events":
                    self.events += frame["events"]
        finally:
            made.hub.detach(watch)

    def texts(self):
        """Everything that was to be read: drafts, messages, thoughts, labels, buttons."""
        bodies = [event["body"] for event in self.events]
        said = [body[name] for body in bodies for name in ("text", "label") if name in body]
        return [*self.seen, *said, *(text for body in bodies for text in body.get("choices") or ())]


async def answered(made, key, said):
    """Wait for the end of the turn that answers this message; the events."""
    watch = await made.hub.attach(key, Viewer("staff"), 0)
    try:
        async with asyncio.timeout(60):
            while True:
                events = await made.log.read(key, limit=10_000)
                if any(e.kind == "turn.ended" and said in e.body.get("answers", ()) for e in events):
                    return events
                await watch.woken.wait()
                watch.woken.clear()
    finally:
        made.hub.detach(watch)
