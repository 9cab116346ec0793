"""The index: documents in by `sync`, passages out by `search`, the same over either engine.

Imports no LlamaIndex itself (2.3 s): a server on an indexed shop answers without it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from retrieval.edge.shard import Shard
from retrieval.engine import Candidate, Engine, Stored, Wanted, to_passage
from retrieval.rank import Question, Vocabulary, rank
from retrieval.split import SPLITTER, split
from retrieval.text import language_of
from retrieval.types import Document, Embedder, Hit, Passage, Progress, Source, SourceError, SyncReport

# Of each arm; the right passage of the question sets is below the 50th place of both in under 1 % of cases.
_CANDIDATES = 50
# Of what is stored with a passage: whenever it changes, `sync` stores every document anew.
_STORED = "3"
# Documents embedded together: large enough for even batches, small enough that a crash costs seconds.
_GROUP = 16
# After this long another process may have synced the server's collection: its words are counted anew.
_VOCABULARY_S = 300.0

State = Literal["current", "added", "changed", "empty", "removed"]
"""Of a document beside its stored passages."""


class EdgeEngine(Shard):
    """The embedded shard as an Engine; the LlamaIndex store around it is made by the first write."""

    _store: Any = None

    async def add(self, nodes: Sequence[Any]) -> None:
        """Adds the nodes of a document, all or none."""
        if self._store is None:
            from retrieval.edge.store import EdgeVectorStore  # 2.3 s: only when there is something to write

            self._store = EdgeVectorStore(self)
        await self._store.async_add(nodes)


class Index:
    """A Retriever: every site's passages in one engine, each query filtered by its site inside that engine."""

    def __init__(self, engine: Engine, embedder: Embedder) -> None:
        self._engine = engine
        self._embedder = embedder
        self._locks: dict[str, asyncio.Lock] = {}
        self._vocabularies: dict[str, tuple[float, Vocabulary]] = {}

    # -- documents in ---------------------------------------------------------------------------------------------

    async def sync(
        self,
        site: str,
        sources: Sequence[Source],
        *,
        progress: Progress | None = None,
        locale: str | None = None,
    ) -> SyncReport:
        """Makes the site's passages those of its sources; unchanged documents cost no embedding.

        A changed document's new passages are there before its old ones go; whenever it stops, the index can be used,
        and the next sync ends the work. `locale` is that of documents which name none.

        Raises:
            SourceError: a source cannot be read, or two documents have the same path; nothing is changed then.

        """
        async with self._lock(site):
            began = time.monotonic()
            documents = await _gather(sources)
            stored = await self._engine.stored(site)
            language = language_of(locale)
            todo: list[tuple[Document, str]] = []
            counts = {"added": 0, "changed": 0, "unchanged": 0, "empty": 0}
            for document in documents.values():
                version = _version(document, self._embedder.name, language)
                state = _state(stored.get(document.path, {}), version)
                if state in {"added", "changed"} and not await asyncio.to_thread(split, site, document):
                    state = "empty"
                if state in {"added", "changed"}:
                    todo.append((document, version))
                elif state == "stale":  # died between new and old
                    await self._engine.remove(site, document.path, keep=version)
                    state = "unchanged"
                elif state == "empty" and document.path in stored:
                    await self._engine.remove(site, document.path)
                counts[state] += 1
            await self._write(site, todo, language, progress)
            gone = [path for path in stored if path not in documents]
            for path in gone:
                await self._engine.remove(site, path)
            if todo or gone:
                await self._engine.settle()
            self._vocabularies.pop(site, None)
            return SyncReport(removed=len(gone), seconds=time.monotonic() - began, **counts)

    async def compare(self, site: str, documents: Sequence[Document], *, locale: str | None = None) -> dict[str, State]:
        """What the next `sync` would find, by path: of these documents, and of those that are stored and not among them.

        It is `current`, `added`, `changed`, `empty` (nothing could be found in it) or `removed`.
        """
        stored = await self._engine.stored(site)
        language = language_of(locale)
        found: dict[str, State] = dict.fromkeys(stored, "removed")
        for document in documents:
            state = _state(stored.get(document.path, {}), _version(document, self._embedder.name, language))
            found[document.path] = "current" if state in {"unchanged", "stale"} else "changed"
            if state == "added":
                empty = not await asyncio.to_thread(split, site, document)
                found[document.path] = "empty" if empty else "added"
        return found

    async def _write(
        self, site: str, todo: Sequence[tuple[Document, str]], language: str, progress: Progress | None
    ) -> None:
        if not todo:
            return
        # LlamaIndex: 2.3 s, and only needed to write; in a thread, so that a running server goes on meanwhile.
        ingest: Any = await asyncio.to_thread(__import__, "retrieval.index.ingest", fromlist=["to_nodes"])
        for at in range(0, len(todo), _GROUP):
            group = todo[at : at + _GROUP]
            made = await ingest.to_nodes(site, group, self._embedder, default_language=language)
            for (document, version), nodes in zip(group, made, strict=True):
                await self._engine.add(nodes)
                await self._engine.remove(site, document.path, keep=version)
            if progress:
                progress(min(at + _GROUP, len(todo)), len(todo))

    # -- passages out ---------------------------------------------------------------------------------------------

    async def search(
        self,
        site: str,
        query: str,
        *,
        k: int = 6,
        locale: str | None = None,
        audience: Sequence[str] = (),
        tags: Sequence[str] = (),
    ) -> list[Passage]:
        """At most `k` passages of this site, best first; what is marked for another audience is left out.

        `locale` prefers articles in that language where the site has some; `tags` leave only articles with one of them;
        "" among them stands for articles without any.
        """
        ranked = await self._ranked(site, query, locale, audience, tags)
        return await self._passages(ranked[:k])

    async def search_documents(
        self, site: str, query: str, k: int = 10, *, locale: str | None = None, audience: Sequence[str] = ()
    ) -> list[Hit]:
        """At most `k` documents, each with its best passage, best first."""
        ranked = await self._ranked(site, query, locale, audience)
        best: dict[str, tuple[str, float]] = {}
        for score, candidate in ranked:
            best.setdefault(str(candidate.payload["document"]), (candidate.key, score))
        chosen = list(best.values())[:k]
        payloads = await self._engine.fetch([key for key, _ in chosen])
        return [
            Hit(payload["document"], score, payload["title"], payload["url"], payload["text"])
            for key, score in chosen
            if (payload := payloads.get(key))
        ]

    async def _ranked(
        self, site: str, query: str, locale: str | None, audience: Sequence[str], tags: Sequence[str] = ()
    ) -> list[tuple[float, Candidate]]:
        if not query.strip():
            return []
        vector, vocabulary = await asyncio.gather(self._embedder.query(query), self.vocabulary(site))
        if not vocabulary.passages:
            return []
        wanted = language_of(locale, "") if locale else ""
        only = wanted if vocabulary.languages.get(wanted) else None
        languages = (only,) if only else tuple(sorted(vocabulary.languages))
        question = Question.of(query, vocabulary, languages)
        words = " ".join((query, *question.corrected))
        found = await self._engine.search(
            Wanted(
                site, vector, words, languages, _CANDIDATES, only, tuple(one.lower() for one in audience), tuple(tags)
            )
        )
        return rank(found, question, vector)

    async def _passages(self, ranked: Sequence[tuple[float, Candidate]]) -> list[Passage]:
        payloads = await self._engine.fetch([candidate.key for _, candidate in ranked])
        return [to_passage(payloads[one.key], score) for score, one in ranked if one.key in payloads]

    async def vocabulary(self, site: str) -> Vocabulary:
        """The site's words; counted when first needed, and again after a sync."""
        made, vocabulary = self._vocabularies.get(site, (0.0, Vocabulary()))
        if not made or time.monotonic() - made > _VOCABULARY_S:
            vocabulary = Vocabulary.of(await self._engine.terms(site))
            self._vocabularies[site] = (time.monotonic(), vocabulary)
        return vocabulary

    async def passages(self, site: str) -> list[Passage]:
        """Every passage of the site, in no order, with a score of 0. Look at `count` first: they are held in memory."""
        return [to_passage(payload, 0.0) for payload in await self._engine.payloads(site)]

    async def count(self, site: str) -> int:
        """How many passages the site has."""
        return await self._engine.count(site)

    async def close(self) -> None:
        """Writes everything to disk and lets another process have the index."""
        await self._engine.close()

    def _lock(self, site: str) -> AbstractAsyncContextManager[None]:
        return self._locks.setdefault(site, asyncio.Lock())


def open_index(path: Path, *, embedder: Embedder, url: str | None = None, key: str | None = None) -> Index:
    """The index below `path`, or, with `url`, the one on a Qdrant server.

    Raises:
        IndexBusy: another process owns the index below `path`.

    """
    if url is None:
        return Index(EdgeEngine(Path(path), dim=embedder.dim, name=embedder.name), embedder)
    from retrieval.qdrant import QdrantEngine  # 3.7 s: only for a shop with a Qdrant server

    return Index(QdrantEngine.at(url, key=key, dim=embedder.dim, name=embedder.name), embedder)


async def _gather(sources: Sequence[Source]) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for source in sources:
        for document in await source.documents():
            if document.path in found:
                raise SourceError(f"{document.path}: two documents have this path; give one of them another")
            found[document.path] = document
    return found


def _version(document: Document, embedder: str, language: str) -> str:
    """Whatever the stored passages depend on."""
    parts = (
        document.hash, document.title, document.url, document.locale or "", document.audience or "",
        "\n".join(document.tags), embedder, SPLITTER, _STORED, language_of(document.locale, language),
    )  # fmt: skip
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _state(versions: dict[str, Stored], version: str) -> str:
    here = versions.get(version)
    if here is None or here.present < here.parts:
        return "changed" if versions else "added"
    return "stale" if len(versions) > 1 else "unchanged"
