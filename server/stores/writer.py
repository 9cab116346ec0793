"""Writer: the one thread that writes to a SQLite file, with group commit.

Knows no SQL of its own but the transaction's: what a job does is the caller's. Nothing else may write to the file.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from server.stores.database import explain
from server.stores.failed import StoreFailed

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BATCH: Final = 256
"""Most jobs in one transaction: about 20 ms of work on a slow core, so that the first of a burst does not wait for all."""


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work[Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


@dataclass(frozen=True, slots=True)
class _Outcome:
    job: _Job
    value: Any = None
    error: Exception | None = None


class Writer:
    """Runs jobs in order, all that wait in one transaction, each under its own savepoint; answers after the commit."""

    def __init__(self, db: sqlite3.Connection, file: Path) -> None:
        self._db = db
        self._file = file
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        # A daemon: a process that forgot to close must still be able to end; what was acknowledged is on the disk.
        self._thread = threading.Thread(target=self._run, name="shopbell-log-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Work[T]) -> T:
        """Run the job in the next transaction; returns, or raises what it raised, once that is durable.

        A job that raises changes nothing and harms none of its neighbours. A job whose caller was cancelled may
        still be committed.

        Raises:
            StoreFailed: the commit failed, or the store is closed. Nothing of the transaction was stored.
        """
        if self._closed:
            raise StoreFailed(f"{self._file} is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work, future, loop))
        return await future

    async def close(self) -> None:
        """Finish what was asked for, then close the connection. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        ended = False
        while not ended:
            waiting = [self._jobs.get()]
            while len(waiting) < BATCH:
                try:
                    waiting.append(self._jobs.get_nowait())
                except queue.Empty:
                    break
            ended = waiting[-1] is None
            self._answer(self._commit([job for job in waiting if job is not None]))
        self._db.close()

    def _commit(self, jobs: list[_Job]) -> list[_Outcome]:
        jobs = [job for job in jobs if not job.future.cancelled()]
        if not jobs:
            return []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(job) for job in jobs]
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            return [_Outcome(job, error=explain(error, self._file)) for job in jobs]
        return outcomes

    def _attempt(self, job: _Job) -> _Outcome:
        self._db.execute("SAVEPOINT job")
        try:
            value = job.work(self._db)
        except Exception as error:
            # The top of a job: whatever it raised goes to who asked for it.
            if not self._db.in_transaction:
                # SQLite gave up the whole transaction (disk full, I/O error): all jobs fail together.
                raise sqlite3.OperationalError(str(error)) from error
            self._db.execute("ROLLBACK TO job")
            self._db.execute("RELEASE job")
            return _Outcome(job, error=explain(error, self._file) if isinstance(error, sqlite3.Error) else error)
        self._db.execute("RELEASE job")
        return _Outcome(job, value=value)

    def _roll_back(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            # Nothing more can be done here; the next BEGIN says what is wrong, in words, to whoever asks next.
            return

    @staticmethod
    def _answer(outcomes: list[_Outcome]) -> None:
        loops: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
        for outcome in outcomes:
            loops.setdefault(outcome.job.loop, []).append(outcome)
        for loop, settled in loops.items():
            try:
                # One wake-up for the whole batch: each costs a system call and a lock.
                loop.call_soon_threadsafe(_settle, settled)
            except RuntimeError:
                # The loop is closed: nobody waits any more.
                continue


def _settle(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.job.future
        if future.done():
            continue
        if outcome.error is not None:
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.value)
