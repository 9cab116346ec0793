"""Verify: read the log of a data directory beside a running server, and check every conversation's hash chain.

Writes nothing, and believes nothing that it reads.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from server.stores import database
from server.stores.chain import Broken, Head, Stored, check
from server.stores.failed import StoreFailed

_COLUMNS: Final = "seq, at_ms, id, kind, role, turn, body, salt, commitment, chain"


@dataclass(frozen=True, slots=True)
class Mark:
    """A head that was written down earlier, outside the data directory."""

    conversation: str
    events: int
    chain: bytes


@dataclass(slots=True)
class Found:
    """What a check found: the heads of what is whole, and each broken conversation's first broken place."""

    epoch: str
    heads: list[Head] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def verify(
    data: Path, *, site: str | None = None, conversation: str | None = None, against: Mapping[str, Mark] | None = None
) -> Found:
    """Check the whole log, one site's, or one conversation's (`SITE/ID`); also against heads that were kept elsewhere.

    The file's own structure is checked only with the whole log. Each conversation is read in one snapshot, so a
    server may go on writing.

    Raises:
        StoreFailed: there is no log, it cannot be read, or no server of this version has opened it yet.
    """
    file = data / database.FILE
    database.check(file, whole=False)
    with closing(database.connect(file, writer=False)) as db:
        db.text_factory = _text
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version < database.CHAINED:
                raise StoreFailed(
                    f"{file} has no hash chain yet (schema {version}): start the server once, which adds it"
                )
            epoch = db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
            found = Found(str(epoch[0]) if epoch else "unknown")
            if site is None and conversation is None:
                found.broken += _structure(db)
            marks = dict(against or {})
            for key in _keys(db, site, conversation):
                _verify_one(db, key, found, marks.pop(key, None) if isinstance(key, str) else None)
        except sqlite3.Error as error:
            raise database.explain(error, file) from error
    for mark in marks.values():
        if conversation in (None, mark.conversation) and site in (None, mark.conversation.partition("/")[0]):
            found.broken.append(
                Broken(mark.conversation, 0, f"gone: it had {mark.events} events when the heads were kept")
            )
    return found


def _text(data: bytes) -> str:
    # What is no UTF-8 must still be readable, to be found wrong.
    return data.decode("utf-8", "surrogateescape")


def _structure(db: sqlite3.Connection) -> Iterator[Broken]:
    """What no conversation shows: damaged pages, indexes that differ from their tables, events of no conversation."""
    problem = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if problem != "ok":
        yield Broken(database.FILE, 0, str(problem))
    query = "SELECT DISTINCT conversation FROM events WHERE conversation NOT IN (SELECT n FROM conversations)"
    for (number,) in db.execute(query):
        yield Broken(database.FILE, 0, f"events of a conversation that is not there (number {number!r})")


def _keys(db: sqlite3.Connection, site: str | None, conversation: str | None) -> list[Any]:
    if conversation is not None:
        return [conversation]
    keys = [row[0] for row in db.execute("SELECT key FROM conversations ORDER BY key")]
    return keys if site is None else [key for key in keys if isinstance(key, str) and key.startswith(f"{site}/")]


def _verify_one(db: sqlite3.Connection, key: object, found: Found, mark: Mark | None) -> None:
    db.execute("BEGIN")  # one snapshot for head and rows
    try:
        row = db.execute(
            "SELECT n, key, head, last_ms, site, summary, chain FROM conversations WHERE key = ?", (key,)
        ).fetchone()
        if row is None:
            raise StoreFailed(f"expected a conversation SITE/ID of this log, got {key!r}")
        rows = (
            Stored(*values)
            for values in db.execute(f"SELECT {_COLUMNS} FROM events WHERE conversation = ? ORDER BY seq", row[:1])  # noqa: S608 - a constant
        )
        _check(row[1:], rows, found, mark)
    finally:
        db.execute("ROLLBACK")


def _check(row: tuple[Any, ...], rows: Iterator[Stored], found: Found, mark: Mark | None) -> None:
    key, events, last_ms, site, summary, chain = row
    name = key if isinstance(key, str) else repr(key)
    head = _head(name, events, site, summary, chain)
    if isinstance(head, Broken):
        found.broken.append(head)
        return
    last = _Last()
    seen = {mark.events: b""} if mark is not None else {}
    broken = check(head, last.watch(rows), seen)
    if broken is None and last.at_ms != last_ms:
        broken = Broken(name, head.events, f"the conversation's row says it ended at {last_ms!r}, not {last.at_ms!r}")
    if broken is None and mark is not None:
        broken = _against(head, mark, seen[mark.events])
    if broken is None:
        found.heads.append(head)
    else:
        found.broken.append(broken)


@dataclass(slots=True)
class _Last:
    """The time of the last row that passed by."""

    at_ms: Any = None

    def watch(self, rows: Iterator[Stored]) -> Iterator[Stored]:
        for row in rows:
            self.at_ms = row.at_ms
            yield row


def _head(name: str, events: object, site: object, summary: object, chain: object) -> Head | Broken:
    """What the conversation's row says of its end."""
    try:
        name.encode()
        told = orjson.loads(summary) if isinstance(summary, str) else None
    except ValueError:
        told = None
    if not isinstance(told, dict) or type(events) is not int or type(chain) is not bytes:
        return Broken(name, 0, "the conversation's row has values that no store writes")
    if site != name.partition("/")[0] or told.get("conversation") != name or told.get("head") != events:
        return Broken(name, 0, "the conversation's row contradicts itself in site, name or head")
    return Head(name, events, chain, told.get("erased") is True)


def _against(head: Head, mark: Mark, chain: bytes) -> Broken | None:
    if head.events < mark.events:
        return Broken(head.conversation, head.events + 1, f"missing: there were {mark.events} when the heads were kept")
    if chain != mark.chain:
        return Broken(head.conversation, 0, f"rewritten: up to seq {mark.events} it is not what the kept heads prove")
    return None
