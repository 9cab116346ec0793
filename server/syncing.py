"""Syncing: brings shops' knowledge up to date while the server runs, and remembers how the last time went.

It reads no article itself and writes nothing but the index: that is `retrieval`'s.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from retrieval.types import Progress, Source, SourceError, SyncReport

logger = logging.getLogger(__name__)

BROKE = "The help center could not be indexed; the server's log says why. What was indexed before is still found."


class Syncs(Protocol):
    """What brings an index up to date: `retrieval.index.Index` does."""

    async def sync(
        self, site: str, sources: Sequence[Source], *, progress: Progress | None = None, locale: str | None = None
    ) -> SyncReport:
        """Make the site's passages those of its sources."""
        ...


@dataclass(frozen=True, slots=True)
class Sync:
    """One time. `done` of `total` documents that had changed; `report` or `error` once it is over. Unix milliseconds."""

    began_ms: int
    done: int = 0
    total: int = 0
    ended_ms: int | None = None
    report: SyncReport | None = None
    error: str = ""

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self.ended_ms is None


class Syncing:
    """Use it as an async context manager. At most one sync of a site is under way; what comes meanwhile follows it."""

    def __init__(
        self,
        index: Syncs,
        sources: Callable[[str], tuple[Sequence[Source], str]],
        *,
        clock_ms: Callable[[], int],
    ) -> None:
        """`sources` gives a site's sources, and its own language, as they are at that moment."""
        self._index = index
        self._sources = sources
        self._clock_ms = clock_ms
        self._last: dict[str, Sync] = {}
        self._again: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:  # noqa: ANN401 - three of a kind that nobody looks at
        # A sync that is cut off is taken up by the next one: the index can be used at any time.
        for task in self._tasks.values():
            task.cancel()
        await self._group.__aexit__(*exc)

    def last(self, site: str) -> Sync | None:
        """The sync that is under way, or the last one since the server was started."""
        return self._last.get(site)

    def start(self, site: str) -> None:
        """Bring the site up to date: now, or, if a sync is under way (it may have passed the change), after it."""
        if site in self._tasks:
            self._again.add(site)
            return
        self._last[site] = Sync(self._clock_ms())
        self._tasks[site] = self._group.create_task(self._run(site))

    async def settled(self, site: str) -> Sync | None:
        """Wait until none of the site is under way; the last one."""
        while (task := self._tasks.get(site)) is not None:
            await asyncio.wait({task})
        return self._last.get(site)

    async def _run(self, site: str) -> None:
        try:
            while True:
                self._again.discard(site)
                self._last[site] = Sync(self._clock_ms())
                ended = await self._once(site)
                self._last[site] = replace(self._last[site], ended_ms=self._clock_ms(), **ended)
                if site not in self._again:
                    return
        finally:
            del self._tasks[site]

    async def _once(self, site: str) -> dict[str, Any]:
        """The report, or what went wrong, as fields of a `Sync`."""

        def progress(done: int, total: int) -> None:
            self._last[site] = replace(self._last[site], done=done, total=total)

        try:
            sources, locale = self._sources(site)
            return {"report": await self._index.sync(site, sources, progress=progress, locale=locale)}
        except SourceError as error:
            return {"error": str(error)}
        except Exception:
            # The top of a task: sources may be a merchant's own, and the engine another server.
            logger.exception("site %s: the help center could not be indexed", site)
            return {"error": BROKE}
