"""Lookups: what a desk asks that takes a while, answered beside the frames that come behind it.

It answers nothing itself, and holds no answer.
"""

import asyncio
from collections.abc import Awaitable, Callable

from server.desk import frames
from server.desk.beside import Slow


class Lookups:
    """One desk's questions: one at a time of what is the same question, and next the newest of those asked meanwhile.

    So nobody can have a tool or a model asked a hundred times at once, and the question that is waited for is answered.
    """

    def __init__(self, look: Callable[[str, Slow], Awaitable[None]]) -> None:
        """`look` answers one question about a conversation (the store's key; empty for a search)."""
        self._look = look
        self._following: dict[str, Slow | None] = {}

    def begin(self, group: asyncio.TaskGroup, key: str, frame: Slow) -> None:
        """Answer it, in a task of this group."""
        about = frame.call if isinstance(frame, frames.Approval) else ""
        name = f"{frame.t} {key} {about}"
        if name in self._following:
            self._following[name] = frame
            return
        self._following[name] = None
        group.create_task(self._answer(name, key, frame))

    async def _answer(self, name: str, key: str, frame: Slow) -> None:
        newest: Slow | None = frame
        while newest is not None:
            await self._look(key, newest)
            newest, self._following[name] = self._following[name], None
        del self._following[name]
