"""Records: what is kept of one conversation or of one customer: written out whole, and erased for good.

It decides nothing about who may ask: whoever can read the data directory can.
"""

import asyncio
from typing import Final

from server.conversation import key_of
from server.files import Files
from server.insights import Table
from server.log import Log
from server.ports import Find, Summary

BATCH: Final = 50
"""Conversations that are erased for one question: each is some milliseconds of disk, and the asker waits 30 s."""


class Records:
    """Erases in the running server, so that whoever looks at a conversation is let go."""

    def __init__(self, log: Log, files: Files, counted: Table) -> None:
        self._log = log
        self._files = files
        self._counted = counted

    async def find(self, site: str, *, conversation: str | None, customer: str | None) -> list[Summary]:
        """At most 50 conversations that are meant and not erased yet, newest first."""
        key = key_of(site, conversation) if conversation is not None else None
        query = Find(conversation=key, site=site, customer=customer, limit=BATCH)
        return [one for one in await self._log.store.find(query) if not one.erased]

    async def tidy(self, before_ms: int) -> int:
        """Delete files from before then that no message names: begun, and never sent. Returns how many."""
        count = 0
        for key in await asyncio.to_thread(lambda: list(self._files.conversations())):
            kept = await asyncio.to_thread(self._files.of, key)
            if not any(file.at_ms < before_ms for file in kept):
                continue
            named = {str(file.get("id")) for message in (await self._log.load(key)).messages for file in message.files}
            for file in kept:
                if file.at_ms < before_ms and file.id not in named:
                    await asyncio.to_thread(self._files.drop, key, file.id)
                    count += 1
        return count

    async def erase(self, key: str) -> int:
        """Erase a conversation and its files; returns how many files there were.

        Erased once more after a crash in between, it is erased whole: as long as the log has it, it is found again.
        """
        count = await asyncio.to_thread(self._files.erase, key)
        await self._log.erase(key)
        await asyncio.to_thread(self._counted.drop, [key])  # questions without an answer stand there too
        # What was uploaded in between.
        return count + await asyncio.to_thread(self._files.erase, key)
