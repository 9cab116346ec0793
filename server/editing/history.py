"""History: every version of the merchant's files that the desk has written, in DATA/settings.db.

It writes no file of the merchant's, and forgets nothing.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = "settings.db"
_COLUMNS: Final = "id, site, path, at_ms, by, what, before, after, undoes, undone_by"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS versions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, path TEXT NOT NULL, at_ms INTEGER NOT NULL, by TEXT NOT NULL,
  what TEXT NOT NULL, before TEXT, after TEXT, undoes INTEGER, undone_by INTEGER, pending INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS versions_site ON versions (site, path, id);
"""


@dataclass(frozen=True, slots=True)
class Version:
    """One change of one file. `before` and `after` are its whole texts, None where there was no file; `at_ms` is Unix time."""

    id: int
    site: str
    path: str
    at_ms: int
    by: str
    """The e-mail address of who did it."""
    what: str
    """What was changed, in words."""
    before: str | None
    after: str | None
    undoes: int | None = None
    """The version that this one took back."""
    undone_by: int | None = None


class History:
    """The versions of one data directory. Every method blocks for milliseconds: call it in a thread."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        file = data / FILE
        file.touch(mode=0o600)  # what a file said may be more than customers are to know
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=5)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # a version is on the disk before its file is
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def begin(self, version: Version) -> Version:
        """Write down what is about to be done; nobody sees it yet. The id is given here."""
        with self._write() as db:
            found = db.execute(
                "INSERT INTO versions (site, path, at_ms, by, what, before, after, undoes, pending) VALUES"
                " (?, ?, ?, ?, ?, ?, ?, ?, 1) RETURNING id",
                (
                    version.site,
                    version.path,
                    version.at_ms,
                    version.by,
                    version.what,
                    version.before,
                    version.after,
                    version.undoes,
                ),
            ).fetchone()
        return _version((found[0], *_values(version)))

    def settle(self, version: Version, *, happened: bool) -> None:
        """It was done; or it was not, and is forgotten."""
        with self._write() as db:
            if not happened:
                db.execute("DELETE FROM versions WHERE id = ? AND pending = 1", (version.id,))
                return
            db.execute("UPDATE versions SET pending = 0 WHERE id = ?", (version.id,))
            if version.undoes is not None:
                db.execute("UPDATE versions SET undone_by = ? WHERE id = ?", (version.id, version.undoes))

    def pending(self) -> list[Version]:
        """What was begun, and of which nobody knows whether it was done: after a crash."""
        return self._select("pending = 1 ORDER BY id", ())

    def find(self, site: str, path: str | None, before: int | None, limit: int) -> list[Version]:
        """A site's versions, newest first; those of one file, and before an id, if these are given."""
        where, values = "site = ? AND pending = 0", [site]
        if path is not None:
            where, values = f"{where} AND path = ?", [*values, path]
        bounded: list[Any] = [*values, before if before is not None else 2**62, limit]
        return self._select(f"{where} AND id < ? ORDER BY id DESC LIMIT ?", bounded)

    def get(self, site: str, version_id: int) -> Version | None:
        """One version of this site."""
        found = self._select("site = ? AND id = ? AND pending = 0", (site, version_id))
        return found[0] if found else None

    def _select(self, rest: str, values: Any) -> list[Version]:  # noqa: ANN401 - what SQLite takes
        with self._lock:
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM versions WHERE {rest}", values).fetchall()  # noqa: S608 - constants
        return [_version(row) for row in rows]

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _values(version: Version) -> tuple[Any, ...]:
    return (
        version.site,
        version.path,
        version.at_ms,
        version.by,
        version.what,
        version.before,
        version.after,
        version.undoes,
        version.undone_by,
    )


def _version(row: tuple[Any, ...]) -> Version:
    return Version(*row)
