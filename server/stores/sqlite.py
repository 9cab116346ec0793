"""SqliteStore: the log in one SQLite file, durable before it is acknowledged.

Owns its data directory alone; never writes but through its one writer thread.
"""

import asyncio
import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from server.events import Event, NewEvent
from server.ports import Find, Hit, Spend, Summary
from server.stores import database
from server.stores.backup import copy_out
from server.stores.content import encode
from server.stores.failed import StoreFailed
from server.stores.leases import Leases
from server.stores.memory import wall_clock_ms
from server.stores.owner import Owner
from server.stores.rules import (
    LASTING_MS,
    SALT_BYTES,
    SPEND_KEPT_MS,
    Row,
    Tail,
    book,
    booked_ms,
    emptied,
    plan,
    unfinished,
)
from server.stores.words import around, excerpt, terms_of, text_of
from server.stores.writer import Writer

T = TypeVar("T")

READERS: Final = 2
"""Reading threads: SQLite lets go of the GIL only while it reads from the disk, so more would not be faster."""

SEQ_BITS: Final = 20
"""Of a row's number in the search index, for the seq: a conversation has fewer than a million events."""

_SUMMARY_FIELDS: Final = frozenset(field.name for field in fields(Summary))
_EVENT_COLUMNS: Final = "seq, at_ms, id, kind, role, turn, body"
_ROW_COLUMNS: Final = f"{_EVENT_COLUMNS}, salt, commitment, chain"


class SqliteStore:
    """`server.ports.Store` in `DATA/log.db`. Make it with `SqliteStore.open`."""

    def __init__(self, owner: Owner, db: sqlite3.Connection, epoch: str, clock_ms: Callable[[], int]) -> None:
        self.epoch = epoch
        self.file = owner.data / database.FILE
        self._owner = owner
        self._clock_ms = clock_ms
        self._leases = Leases(clock_ms)
        self._version = _data_version(db)
        self._writer = Writer(db, self.file)
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="shopbell-log-reader")

    @classmethod
    def open(cls, owner: Owner, *, clock_ms: Callable[[], int] = wall_clock_ms) -> "SqliteStore":
        """Open or make the log in the data directory that `owner` holds. Leases of earlier processes are void.

        Blocks for some milliseconds (up to half a second while it checks a file of 64 MB). `owner` stays the
        caller's to release, after `close`.

        Raises:
            StoreFailed: locked, damaged, not ours, newer than this version, read-only, disk full.
        """
        db, epoch = database.open_log(owner.data / database.FILE)
        return cls(owner, db, epoch, clock_ms)

    async def append(
        self, conversation: str, new: Sequence[NewEvent], *, after: int | None = None, spend: Sequence[Spend] = ()
    ) -> list[Event]:
        """See `server.ports.Store.append`; also raises `StoreFailed` when the disk refuses."""
        items, bookings = list(new), list(spend)
        return await self._writer.run(lambda db: self._append(db, conversation, items, after, bookings))

    def _append(
        self, db: sqlite3.Connection, conversation: str, new: list[NewEvent], after: int | None, spend: list[Spend]
    ) -> list[Event]:
        now_ms = self._clock_ms()
        number, tail = _tail(db, conversation)
        known = _known(db, conversation, number, new) if number is not None else {}
        done = plan(conversation, new, tail, known, (after, now_ms), lambda: secrets.token_bytes(SALT_BYTES))
        if done.fresh or not new:
            totals, at_ms = book(spend, {item.key: _spent(db, item.key) for item in spend}), booked_ms(spend, now_ms)
            db.executemany(
                "INSERT INTO spend VALUES (?, ?, ?) ON CONFLICT (key)"
                " DO UPDATE SET total = excluded.total, booked_ms = max(booked_ms, excluded.booked_ms)",
                [(key, total, at_ms[key]) for key, total in totals.items()],
            )
        if done.fresh:
            number = _move(db, conversation, number, done.tail)
            _insert(db, number, done.fresh)
            _index(db, number, done.fresh)
        return done.events

    async def read(self, conversation: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """See `server.ports.Store.read`."""
        return await self._read(lambda db: read_events(db, conversation, after, max(limit, 0)))

    async def claim(self, conversation: str, owner: str, ttl_s: float) -> bool:
        """See `server.ports.Store.claim`. Kept in memory: this process owns the directory, and a lease outlives none."""
        return self._leases.claim(conversation, owner, ttl_s)

    async def heads(self, conversations: Sequence[str]) -> dict[str, int]:
        """See `server.ports.Store.heads`."""
        keys = list(conversations)
        return await self._read(lambda db: _heads(db, keys))

    async def find(self, query: Find) -> list[Summary]:
        """See `server.ports.Store.find`. Equal times are ordered by conversation."""
        return await self._read(lambda db: _find(db, query))

    async def search(self, query: str, *, sites: Sequence[str], limit: int = 50) -> list[Hit]:
        """See `server.ports.Store.search`."""
        terms, keys = terms_of(query), list(sites)
        return await self._read(lambda db: _search(db, terms, keys, limit)) if terms else []

    async def erase(self, conversation: str) -> None:
        """See `server.ports.Store.erase`. What was erased leaves the write-ahead log too; backups keep what they had."""
        await self._writer.run(lambda db: _erase(db, conversation))
        await self._read(_checkpoint)

    async def rows(self, conversation: str) -> list[Row]:
        """All rows with what proves them, for an audit."""
        return await self._read(lambda db: _rows(db, conversation))

    async def spent(self, key: str) -> int:
        """See `server.ports.Store.spent`."""
        return await self._read(lambda db: _spent(db, key))

    async def sweep(self) -> None:
        """See `server.ports.Store.sweep`."""
        oldest_ms = self._clock_ms() - SPEND_KEPT_MS
        await self._writer.run(lambda db: db.execute("DELETE FROM spend WHERE booked_ms < ?", (oldest_ms,)).rowcount)

    async def changed(self) -> bool:
        """Whether another process has written to the file since the last call."""
        version = await self._writer.run(_data_version)
        changed, self._version = version != self._version, version
        return changed

    async def backup(self, file: Path) -> None:
        """Write a consistent copy to `file` while the store goes on working.

        Raises:
            StoreFailed: `file` exists or cannot be written.
        """
        await asyncio.to_thread(copy_out, self.file, file)

    async def close(self) -> None:
        """Finish pending appends and let go of file and threads; the owner stays the caller's. Safe to call twice."""
        await self._writer.close()
        await asyncio.to_thread(self._readers.shutdown)
        for db in self._connections:
            db.close()
        self._connections.clear()

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._with_reader, work)
        except RuntimeError as error:
            raise StoreFailed(f"{self.file} is closed") from error

    def _with_reader(self, work: Callable[[sqlite3.Connection], T]) -> T:
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = database.connect(self.file, writer=False)
            self._connections.append(db)
        try:
            return work(db)
        except sqlite3.Error as error:
            raise database.explain(error, self.file) from error


def _tail(db: sqlite3.Connection, conversation: str) -> tuple[int | None, Tail]:
    row = db.execute(
        "SELECT n, head, fence, last_ms, summary, chain FROM conversations WHERE key = ?", (conversation,)
    ).fetchone()
    if row is None:
        return None, Tail()
    number, head, fence, last_ms, summary, chain = row
    return number, Tail(head, fence, last_ms, _summary(summary), chain)


def _summary(text: str) -> Summary:
    stored: dict[str, Any] = orjson.loads(text)
    return Summary(**{name: value for name, value in stored.items() if name in _SUMMARY_FIELDS})


def _known(db: sqlite3.Connection, conversation: str, number: int, new: list[NewEvent]) -> dict[str, Row]:
    found = {}
    for item in new:
        row = db.execute(
            f"SELECT {_ROW_COLUMNS} FROM events WHERE conversation = ? AND id = ?",  # noqa: S608 - a constant
            (number, item.id),
        ).fetchone()
        if row is not None:
            found[item.id] = _row(conversation, row)
    return found


def _row(conversation: str, row: tuple[Any, ...]) -> Row:
    return Row(_event(conversation, row[:7]), row[6].encode(), *row[7:])


def _rows(db: sqlite3.Connection, conversation: str) -> list[Row]:
    found = db.execute(
        f"SELECT {_ROW_COLUMNS} FROM events WHERE conversation = (SELECT n FROM conversations WHERE key = ?)"  # noqa: S608 - a constant
        " ORDER BY seq",
        (conversation,),
    )
    return [_row(conversation, row) for row in found]


def _event(conversation: str, row: tuple[Any, ...]) -> Event:
    seq, at_ms, event_id, kind, role, turn, body = row
    return Event(conversation, seq, at_ms, event_id, kind, role, orjson.loads(body), turn)


def _move(db: sqlite3.Connection, conversation: str, number: int | None, tail: Tail) -> int:
    """Write the conversation's row; returns its number."""
    summary = tail.summary
    if summary is None:  # pragma: no cover - an append that adds has folded at least one event
        raise ValueError(f"{conversation}: expected a summary")
    searched = (
        summary.site,
        summary.customer,
        summary.mode,
        unfinished(summary),
        summary.asked > 0,
        summary.updated_ms,
        encode(asdict(summary)).decode(),
    )
    if number is None:
        cursor = db.execute(
            "INSERT INTO conversations (key, head, fence, last_ms, site, customer, mode, unfinished, asked,"
            " updated_ms, summary, chain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (conversation, tail.head, tail.fence, tail.last_ms, *searched, tail.chain),
        )
        return int(cursor.lastrowid or 0)
    db.execute(
        "UPDATE conversations SET head = ?, fence = ?, last_ms = ?, site = ?, customer = ?, mode = ?, unfinished = ?,"
        " asked = ?, updated_ms = ?, summary = ?, chain = ? WHERE n = ?",
        (tail.head, tail.fence, tail.last_ms, *searched, tail.chain, number),
    )
    return number


def _insert(db: sqlite3.Connection, number: int, rows: list[Row]) -> None:
    db.executemany(
        f"INSERT INTO events (conversation, {_ROW_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
        [
            (number, e.seq, e.at_ms, e.id, e.kind, e.role, e.turn, row.body_json.decode(), *_proof(row))
            for row in rows
            for e in (row.event,)
        ],
    )


def _index(db: sqlite3.Connection, number: int, rows: list[Row]) -> None:
    """What can be searched for, in the same transaction."""
    found = [
        (number << SEQ_BITS | e.seq, text) for row in rows for e in (row.event,) if (text := text_of(e.kind, e.body))
    ]
    db.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", found)


def _search(db: sqlite3.Connection, terms: list[str], sites: list[str], limit: int) -> list[Hit]:
    rows = db.execute(
        "SELECT c.key, c.summary, max(words.rowid) & ? FROM words JOIN conversations c ON c.n = words.rowid >> ?"
        " WHERE words MATCH ? AND c.site IN (SELECT value FROM json_each(?))"
        " GROUP BY c.n ORDER BY c.updated_ms DESC, c.key LIMIT ?",
        ((1 << SEQ_BITS) - 1, SEQ_BITS, " ".join(f'"{term}"*' for term in terms), encode(sites).decode(), limit),
    ).fetchall()
    hits = []
    for key, summary, seq in rows:
        event = read_events(db, key, seq - 1, 1)[0]
        hits.append(Hit(_summary(summary), seq, excerpt(event, terms) or around(text_of(event.kind, event.body), 0)))
    return hits


def _proof(row: Row) -> tuple[bytes, bytes, bytes]:
    return row.salt, row.commitment, row.chain


def read_events(db: sqlite3.Connection, conversation: str, after: int = 0, limit: int = -1) -> list[Event]:
    """Events with seq > `after`, in order; all of them with a negative limit."""
    rows = db.execute(
        f"SELECT {_EVENT_COLUMNS} FROM events WHERE conversation = (SELECT n FROM conversations WHERE key = ?)"  # noqa: S608 - a constant
        " AND seq > ? ORDER BY seq LIMIT ?",
        (conversation, after, limit),
    )
    return [_event(conversation, row) for row in rows]


def _heads(db: sqlite3.Connection, keys: list[str]) -> dict[str, int]:
    rows = db.execute(
        "SELECT key, head FROM conversations WHERE key IN (SELECT value FROM json_each(?))", (encode(keys).decode(),)
    )
    return dict.fromkeys(keys, 0) | dict(rows.fetchall())


def _find(db: sqlite3.Connection, query: Find) -> list[Summary]:
    conditions = {
        "key = ?": query.conversation,
        "site = ?": query.site,
        "customer = ?": query.customer,
        "mode = ?": query.mode,
        "unfinished = ?": query.unfinished,
        "asked = ?": query.asked,
        "json_extract(summary, '$.blocked') = ?": query.blocked,
        "updated_ms < ?": query.updated_before_ms,
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    rows = db.execute(
        f"SELECT summary FROM conversations{where} ORDER BY updated_ms DESC, key LIMIT ? OFFSET ?",  # noqa: S608 - conditions are the constants above
        (*given.values(), query.limit, query.offset),
    )
    return [_summary(row[0]) for row in rows]


def _erase(db: sqlite3.Connection, conversation: str) -> None:
    number, tail = _tail(db, conversation)
    if number is None or tail.summary is None:
        return
    db.execute("UPDATE events SET body = '{}', salt = x'' WHERE conversation = ?", (number,))
    own = (LASTING_MS, f"{conversation}/", f"{conversation}0")  # 0 is the letter behind /
    db.execute("DELETE FROM spend WHERE booked_ms = ? AND key > ? AND key < ?", own)
    first, last = number << SEQ_BITS, number + 1 << SEQ_BITS
    if db.execute("DELETE FROM words WHERE rowid >= ? AND rowid < ?", (first, last)).rowcount:
        # A deleted row's words stay in the index until its parts are merged.
        db.execute("INSERT INTO words (words) VALUES ('optimize')")
    _move(db, conversation, number, replace(tail, summary=emptied(tail.summary)))


def _checkpoint(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA query_only=OFF")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.execute("PRAGMA query_only=ON")


def _spent(db: sqlite3.Connection, key: str) -> int:
    row = db.execute("SELECT total FROM spend WHERE key = ?", (key,)).fetchone()
    return int(row[0]) if row else 0


def _data_version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA data_version").fetchone()[0])
