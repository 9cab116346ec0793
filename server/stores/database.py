"""The SQLite file of a data directory: opening, checking, migrating it, and saying in words what is wrong with it.

Knows nothing of events beyond the numbered files in `sql/`, and how to chain those that an older version left unchained.
"""

import re
import secrets
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Final

from server.stores.chain import Link, follow, genesis
from server.stores.failed import StoreFailed

FILE: Final = "log.db"
CHAINED: Final = 3
"""The schema that brought the hash chain."""
APPLICATION_ID: Final = 0x53484F50
"""`SHOP`: tells our files from other SQLite databases (`PRAGMA application_id`)."""
BUSY_MS: Final = 5_000
"""How long to wait for another process's lock, such as a backup tool's: shorter than a person's patience."""
CHECKED_BYTES: Final = 64 * 1024 * 1024
"""Files up to this size are checked whole at opening (`quick_check`, about 0.2 s); larger ones by `shopbell doctor`."""


def explain(error: sqlite3.Error, file: Path) -> StoreFailed:
    """The SQLite error as a sentence with what to do."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreFailed(f"{file} is locked by another program; close whatever has it open ({text})")
    if "full" in text:
        return StoreFailed(f"no space left for {file}; nothing was stored. Make room on that disk ({text})")
    if "readonly" in text or "unable to open" in text:
        return StoreFailed(
            f"{file} cannot be written by this user; check the owner and mode of it and its directory ({text})"
        )
    if "not a database" in text or "malformed" in text:
        return StoreFailed(f"{file} is damaged or no database; restore a backup with `shopbell restore` ({text})")
    return StoreFailed(f"{file}: {text}")


def connect(file: Path, *, writer: bool) -> sqlite3.Connection:
    """A connection, in autocommit (transactions are written out). May be used from any one thread at a time.

    Raises:
        StoreFailed: see `explain`.
    """
    try:
        db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
        db.execute("PRAGMA foreign_keys=OFF")
        if writer:
            db.execute("PRAGMA journal_mode=WAL")
            # FULL: a commit is on the disk before it is acknowledged; NORMAL would lose the last ones with the power.
            db.execute("PRAGMA synchronous=FULL")
            # What is erased must not stay readable in free pages.
            db.execute("PRAGMA secure_delete=ON")
        else:
            db.execute("PRAGMA query_only=ON")
    except sqlite3.Error as error:
        raise explain(error, file) from error
    return db


def migrations() -> list[tuple[int, str]]:
    """The numbered schema files, in order: (number, SQL)."""
    found = []
    for entry in files("server.stores").joinpath("sql").iterdir():
        if match := re.fullmatch(r"(\d{4})-[a-z0-9-]+\.sql", entry.name):
            found.append((int(match[1]), entry.read_text("utf-8")))
    return sorted(found)


def check(file: Path, *, whole: bool) -> None:
    """See that the file is a Shopbell log that this version can read; `whole` also walks every page.

    Raises:
        StoreFailed: it is not; the message says why.
    """
    if not file.is_file():
        raise StoreFailed(f"expected a file, there is none at {file}")
    db = connect(file, writer=False)
    try:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if (application, tables) != (0, 0) and application != APPLICATION_ID:
            raise StoreFailed(f"{file} is a database of another program (application_id {application:#x})")
        newest = migrations()[-1][0]
        if version > newest:
            raise StoreFailed(
                f"{file} was written by a newer Shopbell (schema {version}, this one knows {newest}); install that version"
            )
        if whole:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise StoreFailed(f"{file} is damaged; restore a backup with `shopbell restore` ({found})")
    except sqlite3.Error as error:
        raise explain(error, file) from error
    finally:
        db.close()


def open_log(file: Path) -> tuple[sqlite3.Connection, str]:
    """Check the file, make or migrate it, and return its writer connection and its epoch.

    Raises:
        StoreFailed: locked, damaged, not ours, newer than this version, read-only, disk full.
    """
    if file.exists():
        check(file, whole=file.stat().st_size <= CHECKED_BYTES)
    else:
        try:
            file.touch(mode=0o600)
        except OSError as error:
            raise StoreFailed(f"{file} cannot be made: {error.strerror}") from error
    db = connect(file, writer=True)
    try:
        db.execute("BEGIN IMMEDIATE")
        _migrate(db)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (secrets.token_hex(8),))
        epoch: str = db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0]
        db.execute("COMMIT")
    except sqlite3.Error as error:
        db.close()
        raise explain(error, file) from error
    return db, epoch


def _migrate(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    for number, sql in migrations():
        if number > version:
            for statement in statements(sql):
                db.execute(statement)
            if number == CHAINED:
                _chain(db)
            # PRAGMA takes no parameters; the number comes from a file name of the package.
            db.execute(f"PRAGMA user_version={number:d}")
    db.execute(f"PRAGMA application_id={APPLICATION_ID:d}")


def _chain(db: sqlite3.Connection) -> None:
    """Chain the rows of an older version as they are now: 10 µs a row, so a second for 100,000."""
    for number, key in db.execute("SELECT n, key FROM conversations").fetchall():
        chain = genesis(key)
        links = db.execute(
            "SELECT seq, at_ms, id, kind, role, turn, commitment FROM events WHERE conversation = ? ORDER BY seq",
            (number,),
        )
        chained = []
        for row in links:
            chain = follow(chain, Link(*row))
            chained.append((chain, number, row[0]))
        db.executemany("UPDATE events SET chain = ? WHERE conversation = ? AND seq = ?", chained)
        db.execute("UPDATE conversations SET chain = ? WHERE n = ?", (chain, number))


def statements(sql: str) -> list[str]:
    """The single statements of a schema file: `executescript` would end the transaction that they run in."""
    found, lines = [], []
    for line in sql.splitlines():
        lines.append(line)
        if sqlite3.complete_statement("\n".join(lines)):
            found.append("\n".join(lines))
            lines = []
    return found
