"""The ledger: what customers have had done, in a SQLite file that outlives days and restarts.

Every change is one transaction together with the call that made it, so that the same call changes nothing a second
time. It knows no rule of the shop: those are where the tools are.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from tools import Caller, ToolError
from tools.canonical import canonical

M = TypeVar("M", bound=BaseModel)


class Ledger:
    """The file, opened for each use. Times are those of `now`, the shop's own clock."""

    def __init__(self, schema: Path, place: Callable[[], Path], now: Callable[[], datetime]) -> None:
        """`place` gives the file and is asked on first use, so that a mere check of the shop makes no directory."""
        self._schema = schema
        self._place = place
        self._now = now
        self._file: Path | None = None
        self._lock = threading.Lock()

    def once(
        self,
        caller: Caller,
        tool: str,
        args: Mapping[str, Any],
        kind: type[M],
        work: Callable[[sqlite3.Connection, str], M],
    ) -> M:
        """Do `work(db, at)` and keep its result, in one transaction; for a call that is done already, only that result.

        `at` is the time now. What `work` raises undoes everything.

        Raises:
            ToolError: there is no call to tell this one by, or it was something else that this call did.
        """
        if not caller.call or caller.customer is None:
            raise ToolError("Nothing was done: there is no call, or no customer, that this could be noted under.")
        wanted = canonical(dict(args)).decode()
        with self.writing() as db:
            row = _call(db, caller)
            if row is not None:
                if (row["tool"], row["customer"], row["args"]) != (tool, caller.customer, wanted):
                    raise ToolError("Nothing was done: this call has already done something else.")
                return kind.model_validate_json(row["result"])
            at = self._now().isoformat(timespec="seconds")
            made = work(db, at)
            db.execute(
                "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?)",
                (caller.conversation, caller.call, caller.customer, tool, wanted, made.model_dump_json(), at),
            )
            return made

    def done(self, caller: Caller, tool: str, kind: type[M]) -> M | None:
        """What this call of this tool returned, or None: it has changed nothing."""
        with self.reading() as db:
            row = _call(db, caller)
        found = row is not None and (row["tool"], row["customer"]) == (tool, caller.customer)
        return kind.model_validate_json(row["result"]) if row is not None and found else None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to look things up with."""
        with closing(self._open()) as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes during; undone if the block raises."""
        with closing(self._open()) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        with self._lock:
            file = self._file or self._place()
            # 5 s: a tool's own limit is 10 s, and nobody holds the file for more than milliseconds.
            db = sqlite3.connect(file, timeout=5.0, isolation_level=None)
            db.row_factory = sqlite3.Row
            if self._file is None:
                db.executescript(
                    f"BEGIN;{self._schema.read_text(encoding='utf-8')}COMMIT;"
                )  # one commit, not one a table
                self._file = file
        return db


def _call(db: sqlite3.Connection, caller: Caller) -> sqlite3.Row | None:
    found = db.execute("SELECT * FROM calls WHERE conversation = ? AND call = ?", (caller.conversation, caller.call))
    row: sqlite3.Row | None = found.fetchone()
    return row
