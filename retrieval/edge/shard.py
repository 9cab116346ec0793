"""A Qdrant Edge shard with one owner and one thread: points in, candidates out.

No LlamaIndex here: importing it costs seconds, and a question must not wait for it.
"""

# ruff: noqa: ANN401 - the shard's thread is handed plain work; payloads are JSON

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

import qdrant_edge as qd

from retrieval.engine import (
    DENSE,
    INDEXED,
    RANKED,
    SPARSE,
    Candidate,
    IndexBusy,
    Stored,
    Wanted,
)
from retrieval.text import LANGUAGES

T = TypeVar("T")
_PAGE = 1000
# Below this many points a scan over all vectors is exact and takes under 2 ms; a graph would cost seconds to build.
_GRAPH_FROM = 20_000


class Shard:
    """All sites of one data directory; every call runs in the shard's own thread."""

    def __init__(self, path: Path, *, dim: int, name: str) -> None:
        """Opens or makes the shard for the embedder `name` below `path`; shards of other embedders there are deleted.

        Raises:
            IndexBusy: another process (or another Shard) has it open.

        """
        path.mkdir(parents=True, exist_ok=True)
        self._owner = _own(path)
        try:
            self._shard = _open(path, dim, name)
        except BaseException:
            self._owner.close()
            raise
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="shard")
        self._bm25: dict[str, Any] = {}

    async def run(self, work: Callable[[Any], T]) -> T:
        """Runs `work(shard)` in the shard's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, self._shard)

    def run_sync(self, work: Callable[[Any], T]) -> T:
        """The same from a thread that may wait."""
        return self._pool.submit(work, self._shard).result()

    def bm25(self, language: str) -> Any:
        """The BM25 weights of that language; words are taken as they are where Qdrant has no stemmer for it."""
        if language not in self._bm25:
            self._bm25[language] = make_bm25(language)
        return self._bm25[language]

    # -- points in ------------------------------------------------------------------------------------------------

    def point(self, key: str, vector: Sequence[float], words: str, payload: dict[str, Any]) -> Any:
        """A point of both arms."""
        sparse = self.bm25(payload["language"]).embed_document(words)
        return qd.Point(key, {DENSE: list(vector), SPARSE: sparse}, payload)

    async def upsert(self, points: Sequence[Any]) -> None:
        """Adds points in one entry of the write-ahead log: after a crash all are there, or none."""
        await self.run(lambda shard: shard.update(qd.UpdateOperation.upsert_points(list(points))))

    async def remove(self, site: str, document: str, *, keep: str | None = None) -> None:
        """Removes a document of a site, but for the version to keep."""
        chosen = _where(must={"site": site, "document": document}, must_not={"version": keep} if keep else {})
        await self.run(lambda shard: shard.update(qd.UpdateOperation.delete_points_by_filter(chosen)))

    async def settle(self) -> None:
        """Flushes; builds the graph index of a shard that has grown large."""

        def work(shard: Any) -> None:
            shard.flush()
            if shard.info().points_count >= _GRAPH_FROM:
                shard.optimize()

        await self.run(work)

    # -- candidates out -------------------------------------------------------------------------------------------

    async def search(self, wanted: Wanted) -> list[Candidate]:
        """What either arm finds; IDF is that of the site's own passages."""
        return await self.run(lambda shard: self._search(shard, wanted))

    def _search(self, shard: Any, wanted: Wanted) -> list[Candidate]:
        chosen = _filter(wanted)
        corpus = qd.SearchParams(idf=qd.IdfParams(_where(must={"site": wanted.site})))
        vector = [float(x) for x in wanted.vector]
        ranked = list(RANKED)
        dense = qd.QueryRequest(
            limit=wanted.limit, query=qd.Query.Nearest(vector, using=DENSE), filter=chosen, with_payload=ranked
        )
        requests = [dense]
        words = self._words(wanted)
        if words is not None:
            query = qd.Query.Nearest(words, using=SPARSE)
            requests.append(
                qd.QueryRequest(limit=wanted.limit, query=query, filter=chosen, with_payload=ranked, params=corpus)
            )
        found = shard.query_batch(qd.QueryBatchRequest(requests))
        payloads = {str(point.id): point.payload for points in found for point in points}
        cosine = {str(point.id): point.score for point in found[0]}
        bm25 = {str(point.id): point.score for point in found[1]} if len(found) > 1 else {}
        missing = [key for key in bm25 if key not in cosine]
        if missing:
            only = qd.Filter(must=[qd.HasIdCondition(set(missing))])
            again = qd.QueryRequest(limit=len(missing), query=qd.Query.Nearest(vector, using=DENSE), filter=only)
            cosine |= {str(point.id): point.score for point in shard.query(again)}
        return [Candidate(key, cosine.get(key, 0.0), bm25.get(key, 0.0), payloads[key]) for key in payloads]

    def _words(self, wanted: Wanted) -> Any:
        weights: dict[int, float] = {}
        for language in wanted.languages:
            sparse = self.bm25(language).embed_query(wanted.words)
            weights |= dict(zip(sparse.indices, sparse.values, strict=True))
        return qd.SparseVector(list(weights), list(weights.values())) if weights else None

    async def fetch(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Whole payloads by key."""
        found = await self.run(lambda shard: shard.retrieve(list(keys), with_payload=True, with_vector=False))
        return {str(record.id): record.payload for record in found}

    async def stored(self, site: str) -> dict[str, dict[str, Stored]]:
        """Document → version → parts and how many are there."""
        found: dict[str, dict[str, Stored]] = {}
        for payload in await self.run(lambda shard: list(_scroll(shard, site, ["document", "version", "parts"]))):
            versions = found.setdefault(payload["document"], {})
            versions.setdefault(payload["version"], Stored(int(payload["parts"]))).present += 1
        return found

    async def terms(self, site: str) -> list[tuple[str, list[str]]]:
        """(language, terms) of every passage."""
        found = await self.run(lambda shard: list(_scroll(shard, site, ["language", "terms"])))
        return [(payload["language"], payload["terms"]) for payload in found]

    async def payloads(self, site: str) -> list[dict[str, Any]]:
        """Every passage, whole."""
        return await self.run(lambda shard: list(_scroll(shard, site, fields=True)))

    async def count(self, site: str) -> int:
        """Passages of a site."""
        request = qd.CountRequest(exact=True, filter=_where(must={"site": site}))
        return int(await self.run(lambda shard: shard.count(request)))

    async def close(self) -> None:
        """Flushes, closes, and lets another process in."""

        def work(shard: Any) -> None:
            shard.flush()
            shard.close()

        try:
            await self.run(work)
        finally:
            await asyncio.to_thread(self._pool.shutdown)
            self._owner.close()


def _open(path: Path, dim: int, name: str) -> Any:
    home = path / f"shard-{''.join(c if c.isalnum() or c in '-.' else '_' for c in name)}-{dim}"
    for other in path.glob("shard-*"):
        if other != home:  # vectors of another embedder: no question can be compared with them
            shutil.rmtree(other)
    ready = home / "ready"
    if ready.exists():
        return qd.EdgeShard.load(str(home / "data"))
    if home.exists():  # died while it was made: nothing was in it
        shutil.rmtree(home)
    (home / "data").mkdir(parents=True)
    # Cold: read as it is asked for. Else 32 MB of file are held in memory, whether one passage is in it or twenty thousand.
    dense = qd.EdgeVectorParams(size=dim, distance=qd.Distance.Cosine, memory=qd.Memory.Cold)
    words = qd.EdgeSparseVectorParams(modifier=qd.Modifier.Idf)
    config = qd.EdgeConfig(vectors={DENSE: dense}, sparse_vectors={SPARSE: words}, max_search_threads=2)
    shard = qd.EdgeShard.create(str(home / "data"), config)
    for field in INDEXED:
        shard.update(qd.UpdateOperation.create_field_index(field, qd.PayloadSchemaType.Keyword))
    shard.flush()
    ready.touch()
    return shard


def _own(path: Path) -> IO[str]:
    """The lock file, held; the operating system lets go of it when the process dies."""
    file = open(path / "owner.lock", "a+", encoding="utf-8")  # noqa: SIM115 - held open as long as the shard is
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise IndexBusy(
            f"{path} belongs to a running process (pid {owner}): ask that server, or stop it first"
        ) from error
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def _where(*, must: dict[str, str], must_not: dict[str, str] | None = None) -> Any:
    return qd.Filter(
        must=[qd.FieldCondition(key, match=qd.MatchValue(value)) for key, value in must.items()],
        must_not=[qd.FieldCondition(key, match=qd.MatchValue(value)) for key, value in (must_not or {}).items()],
    )


def _filter(wanted: Wanted) -> Any:
    must: list[Any] = [
        qd.FieldCondition("site", match=qd.MatchValue(wanted.site)),
        qd.FieldCondition("audience", match=qd.MatchAny(["", *wanted.audience])),
    ]
    if wanted.tags:
        must.append(qd.FieldCondition("tags", match=qd.MatchAny(list(wanted.tags))))
    if wanted.only_language:
        must.append(qd.FieldCondition("language", match=qd.MatchAny([wanted.only_language])))
    return qd.Filter(must=must)


def _scroll(shard: Any, site: str, fields: list[str] | bool) -> Iterable[dict[str, Any]]:
    offset = None
    while True:
        request = qd.ScrollRequest(
            offset=offset, limit=_PAGE, filter=_where(must={"site": site}), with_payload=fields, with_vector=False
        )
        records, offset = shard.scroll(request)
        yield from (record.payload for record in records)
        if offset is None:
            return


def make_bm25(language: str) -> Any:
    """Qdrant's BM25 weights for a two-letter language; neither stems nor stop words where Qdrant has none for it."""
    # Passages have about 120 words left without stop words; 256, the default, would favour long ones.
    if language in LANGUAGES:
        return qd.Bm25(qd.Bm25Config(avg_len=120.0, language=LANGUAGES[language], ascii_folding=True))
    plain = qd.StopwordsSet(languages=set(), custom=set())
    return qd.Bm25(qd.Bm25Config(avg_len=120.0, stemmer=qd.DisabledStemmer(), stopwords=plain, ascii_folding=True))
