"""Table: what was counted, kept in DATA/insights.db, so that a conversation is read again only when it has gone on.

It counts nothing, and it is no truth: the file can be deleted at any time, and is filled anew from the log.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from retrieval.types import Vectors
from server.insights.tally import VERSION, Question, Tally, ToolTally

FILE: Final = "insights.db"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tallies (
  key TEXT PRIMARY KEY, site TEXT NOT NULL, head INTEGER NOT NULL, began_ms INTEGER NOT NULL, tally TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS tallies_by_time ON tallies (site, began_ms);
CREATE TABLE IF NOT EXISTS questions (
  key TEXT NOT NULL, n INTEGER NOT NULL, site TEXT NOT NULL, at_ms INTEGER NOT NULL, question TEXT NOT NULL,
  embedder TEXT, vector BLOB, PRIMARY KEY (key, n)
);
CREATE INDEX IF NOT EXISTS questions_by_time ON questions (site, at_ms);
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """One conversation as it was counted; `head` is the seq up to which."""

    key: str
    site: str
    head: int
    tally: Tally
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in the table, with its vector if it was embedded by the embedder of now."""

    key: str
    n: int
    question: Question
    vector: Vectors | None


class Table:
    """The file. Every method blocks: call it in a thread, one at a time."""

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._file = data / FILE
        self._file.touch(mode=0o600)  # customers' questions stand in it
        with self._open() as db:
            db.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=5)) as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA secure_delete=ON")
            with db:
                yield db

    def begin(self, epoch: str) -> dict[str, int]:
        """The head of every conversation that was counted, by key. Another log, or another way to count: none."""
        wanted = f"{VERSION} {epoch}"
        with self._open() as db:
            found = db.execute("SELECT value FROM meta WHERE name = 'of'").fetchone()
            if found is None or found[0] != wanted:
                db.execute("DELETE FROM tallies")
                db.execute("DELETE FROM questions")
                db.execute("INSERT OR REPLACE INTO meta VALUES ('of', ?)", (wanted,))
            return dict(db.execute("SELECT key, head FROM tallies").fetchall())

    def put(self, counted: Iterable[Counted]) -> None:
        """Keep these in place of what was counted of them before; vectors of the same words stay."""
        with self._open() as db:
            for one in counted:
                kept = _vectors(db, one.key)
                db.execute("DELETE FROM questions WHERE key = ?", (one.key,))
                db.execute(
                    "INSERT OR REPLACE INTO tallies VALUES (?, ?, ?, ?, ?)",
                    (one.key, one.site, one.head, one.tally.began_ms, orjson.dumps(asdict(one.tally)).decode()),
                )
                db.executemany(
                    "INSERT INTO questions VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (
                            one.key,
                            n,
                            one.site,
                            q.at_ms,
                            orjson.dumps(asdict(q)).decode(),
                            *kept.get(q.text, (None, None)),
                        )
                        for n, q in enumerate(one.questions)
                    ],
                )

    def drop(self, keys: Collection[str]) -> None:
        """Forget these, words and numbers."""
        with self._open() as db:
            for table in ("tallies", "questions"):
                db.executemany(f"DELETE FROM {table} WHERE key = ?", [(key,) for key in keys])  # noqa: S608 - two constants
        with closing(sqlite3.connect(self._file, timeout=5)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def tallies(self, sites: Collection[str], since_ms: int) -> list[tuple[str, Tally]]:
        """Site and numbers of every conversation of these sites that began then or later."""
        with self._open() as db:
            rows = db.execute(
                "SELECT site, tally FROM tallies WHERE began_ms >= ? AND site IN (SELECT value FROM json_each(?))",
                (max(since_ms, 1), orjson.dumps(sorted(sites)).decode()),
            ).fetchall()
        return [(site, _tally(text)) for site, text in rows]

    def cited(self, site: str, since_ms: int) -> dict[str, tuple[int, int, int]]:
        """Of each article that conversations of this site cite which began then or later: messages, conversations, last time."""
        with self._open() as db:
            rows = db.execute(
                "SELECT one.key, SUM(json_extract(one.value, '$[0]')), COUNT(*), MAX(json_extract(one.value, '$[1]'))"
                " FROM tallies, json_each(tallies.tally, '$.cited') AS one"
                " WHERE tallies.site = ? AND tallies.began_ms >= ? GROUP BY one.key",
                (site, max(since_ms, 1)),
            ).fetchall()
        return {article: (messages, conversations, last_ms) for article, messages, conversations, last_ms in rows}

    def questions(self, sites: Collection[str], since_ms: int, embedder: str, limit: int) -> list[Asked]:
        """The newest questions without an answer of these sites since then."""
        with self._open() as db:
            rows = db.execute(
                "SELECT key, n, question, vector, embedder = ? FROM questions WHERE at_ms >= ?"
                " AND site IN (SELECT value FROM json_each(?)) ORDER BY at_ms DESC, key, n LIMIT ?",
                (embedder, since_ms, orjson.dumps(sorted(sites)).decode(), limit),
            ).fetchall()
        return [
            Asked(key, n, Question(**orjson.loads(text)), np.frombuffer(blob, np.float32) if same and blob else None)
            for key, n, text, blob, same in rows
        ]

    def keep_vectors(self, asked: Sequence[Asked], vectors: Vectors, embedder: str) -> None:
        """Keep the vectors of these questions, in the same order."""
        with self._open() as db:
            db.executemany(
                "UPDATE questions SET embedder = ?, vector = ? WHERE key = ? AND n = ?",
                [
                    (embedder, np.asarray(vector, np.float32).tobytes(), one.key, one.n)
                    for one, vector in zip(asked, vectors, strict=True)
                ],
            )


def _vectors(db: sqlite3.Connection, key: str) -> Mapping[str, tuple[str, bytes]]:
    rows = db.execute("SELECT question, embedder, vector FROM questions WHERE key = ? AND vector IS NOT NULL", (key,))
    return {orjson.loads(text)["text"]: (embedder, vector) for text, embedder, vector in rows.fetchall()}


def _tally(text: str) -> Tally:
    stored: dict[str, Any] = orjson.loads(text)
    tools = {name: ToolTally(**tool) for name, tool in stored.pop("tools").items()}
    cited = {article: (int(times), int(last_ms)) for article, (times, last_ms) in stored.pop("cited").items()}
    return Tally(**stored, tools=tools, cited=cited)
