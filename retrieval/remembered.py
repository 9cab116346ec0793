"""Remembered: an embedder whose vectors of a shop's own texts outlast the process, in one SQLite file.

What customers write is never kept in it, and losing the file loses nothing but time.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from retrieval.types import Embedded, Embedder, Progress, TokenEmbedder, Vectors

logger = logging.getLogger(__name__)

FILE: Final = "vectors.db"
MOST: Final = 50_000
"""Vectors kept: 75 MB of 384 dimensions. A shop's tools and workflows have some hundred texts, an article has some twenty
sentences; the oldest go first."""
MOST_TOKENED: Final = 10_000
"""Texts whose words are kept: 75 MB of ten words each. Only what tools and workflows say is read word by word."""
_AT_ONCE: Final = 500
"""Parameters of one query: SQLite before 3.32 takes no more than 999."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS vectors (n INTEGER PRIMARY KEY, model TEXT NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS vectors_text ON vectors (model, text);
CREATE TABLE IF NOT EXISTS tokens (n INTEGER PRIMARY KEY, model TEXT NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS tokens_text ON tokens (model, text);
"""


class Remembered:
    """`embed` looks a text up before it is computed; `query` is the other embedder's own, and keeps nothing on the disk.

    Safe to use from many tasks and threads.
    """

    def __init__(self, embedder: Embedder, file: Path, *, most: int = MOST) -> None:
        """`file` is made when first needed. A file that cannot be used is said once, and then done without."""
        self.name = embedder.name
        self.dim = embedder.dim
        self._embedder = embedder
        self._file = file
        self._most = most
        self._db: sqlite3.Connection | None = None
        self._broken = False
        self._lock = threading.Lock()

    async def query(self, text: str) -> Vectors:
        """One vector of shape (dim,), length 1, of words that are not the shop's: they are not written down."""
        return await self._embedder.query(text)

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Vectors of shape (n, dim), each of length 1, of texts of the shop."""
        found = await asyncio.to_thread(self._vectors, texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            made = np.asarray(await self._embedder.embed(missing, progress), dtype=np.float32)
            new = dict(zip(missing, made, strict=True))
            await asyncio.to_thread(self._keep, new)
            found |= new
        return self._rows(texts, found)

    def embed_sync(self, texts: Sequence[str]) -> Vectors:
        """The same in the calling thread."""
        found = self._vectors(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            new = dict(zip(missing, np.asarray(self._embedder.embed_sync(missing), dtype=np.float32), strict=True))
            self._keep(new)
            found |= new
        return self._rows(texts, found)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db, self._broken = None, True

    def _rows(self, texts: Sequence[str], found: dict[str, Vectors]) -> Vectors:
        return np.stack([found[text] for text in texts]) if texts else np.zeros((0, self.dim), dtype=np.float32)

    def _vectors(self, texts: Sequence[str]) -> dict[str, Vectors]:
        rows = self._read("vectors", texts)
        return {text: _array(row, "<f4") for text, row in rows.items() if len(row) == self.dim * 4}

    def _keep(self, new: dict[str, Vectors]) -> None:
        self._write("vectors", {text: vector.astype("<f4").tobytes() for text, vector in new.items()}, self._most)

    def _read(self, table: str, texts: Sequence[str]) -> dict[str, bytes]:
        wanted = {_key(text): text for text in texts}
        found: dict[str, bytes] = {}
        with self._lock:
            db = self._open()
            if db is None:
                return found
            try:
                keys = list(wanted)
                for at in range(0, len(keys), _AT_ONCE):
                    part = keys[at : at + _AT_ONCE]
                    marks = ",".join("?" * len(part))
                    query = f"SELECT text, vector FROM {table} WHERE model = ? AND text IN ({marks})"  # noqa: S608 - ours
                    found.update((wanted[key], row) for key, row in db.execute(query, (self.name, *part)))
            except sqlite3.Error as error:
                self._give_up(error)
        return found

    def _write(self, table: str, new: dict[str, bytes], most: int) -> None:
        rows = [(self.name, _key(text), made) for text, made in new.items()]
        insert = f"INSERT OR REPLACE INTO {table} (model, text, vector) VALUES (?, ?, ?)"  # noqa: S608 - ours
        # Rows get ascending numbers, so that what was made first goes first.
        last = f"SELECT n FROM {table} ORDER BY n DESC LIMIT 1 OFFSET ?"  # noqa: S608 - ours
        with self._lock:
            db = self._open()
            if db is None:
                return
            try:
                with db:
                    db.executemany(insert, rows)
                    db.execute(f"DELETE FROM {table} WHERE n <= ({last})", (most,))  # noqa: S608 - ours
            except sqlite3.Error as error:
                self._give_up(error)

    def _open(self) -> sqlite3.Connection | None:
        """The file, opened; None if it cannot be used. The lock is held."""
        if self._db is None and not self._broken:
            try:
                self._db = _opened(self._file)
            except (sqlite3.Error, OSError) as error:
                self._give_up(error)
        return self._db

    def _give_up(self, error: Exception) -> None:
        logger.warning(
            "%s cannot be used, so texts are embedded anew at each start: %s; it can be deleted", self._file, error
        )
        if self._db is not None:
            self._db.close()
        self._db, self._broken = None, True


class RememberedTokens(Remembered):
    """The same for an embedder that gives the words of a text: `embed_tokens` looks them up, too."""

    def __init__(
        self, embedder: TokenEmbedder, file: Path, *, most: int = MOST, most_tokened: int = MOST_TOKENED
    ) -> None:
        super().__init__(embedder, file, most=most)
        self._tokener = embedder
        self._most_tokened = most_tokened

    async def query_tokens(self, text: str) -> Embedded:
        """One vector and those of its words, of a text that is not the shop's: they are not written down."""
        return await self._tokener.query_tokens(text)

    async def embed_tokens(self, texts: Sequence[str]) -> list[Embedded]:
        """Vectors of texts of the shop and of their words."""
        found = await asyncio.to_thread(self._embedded, texts)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            new = dict(zip(missing, await self._tokener.embed_tokens(missing), strict=True))
            await asyncio.to_thread(self._keep_embedded, new)
            found |= new
        return [found[text] for text in texts]

    def _embedded(self, texts: Sequence[str]) -> dict[str, Embedded]:
        """The texts of which both is there."""
        vectors, rows = self._vectors(texts), self._read("tokens", texts)
        whole = {text: row for text, row in rows.items() if text in vectors and len(row) % (self.dim * 2) == 0}
        return {text: Embedded(vectors[text], _array(row, "<f2").reshape(-1, self.dim)) for text, row in whole.items()}

    def _keep_embedded(self, new: dict[str, Embedded]) -> None:
        self._keep({text: made.vector for text, made in new.items()})
        tokens = {text: made.tokens.astype("<f2").tobytes() for text, made in new.items()}
        self._write("tokens", tokens, self._most_tokened)


def remembering(embedder: Embedder, file: Path) -> Remembered:
    """The embedder with a memory in this file, with all that it can do."""
    return RememberedTokens(embedder, file) if isinstance(embedder, TokenEmbedder) else Remembered(embedder, file)


def _array(row: bytes, kind: str) -> Any:  # noqa: ANN401 - of the kind that is asked for
    """The numbers as this machine has them, in memory of their own."""
    made = np.frombuffer(row, dtype=kind)
    return made.astype(made.dtype.newbyteorder("="))


def _key(text: str) -> bytes:
    """Texts are known by their digest: a file that only saves time need not hold them once more."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _opened(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    db = sqlite3.connect(file, check_same_thread=False, timeout=1)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=OFF")  # it holds nothing that cannot be computed again
        db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db
