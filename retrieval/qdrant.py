"""A Qdrant server as the engine, through LlamaIndex's QdrantVectorStore.

Loaded only where a server's URL is configured: it imports LlamaIndex and the Qdrant client (3.7 s).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode, VectorStoreQueryResult
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import AsyncQdrantClient, models

from retrieval.edge.shard import make_bm25
from retrieval.engine import DENSE, INDEXED, SPARSE, Candidate, Stored, Wanted

_PAGE = 1000
_TIMEOUT_S = 10  # of one request; a shop's customer waits no longer for passages


class QdrantEngine:
    """One collection for each embedder, all sites in it, each request filtered by its site."""

    def __init__(self, client: AsyncQdrantClient, *, dim: int, name: str) -> None:
        self._client = client
        self._dim = dim
        clean = "".join(c if c.isalnum() or c in "-." else "_" for c in name)
        self.collection = f"shopbell_{clean}_{dim}"
        self._stores: dict[str, QdrantVectorStore] = {}
        self._ready = False
        self._making = asyncio.Lock()

    @staticmethod
    def at(url: str, *, key: str | None, dim: int, name: str) -> "QdrantEngine":
        """The engine on the server at `url`; nothing is asked of it before the first call."""
        return QdrantEngine(AsyncQdrantClient(url=url, api_key=key, timeout=_TIMEOUT_S), dim=dim, name=name)

    async def add(self, nodes: Sequence[BaseNode]) -> None:
        """Adds the nodes of a document; after a crash a part of them may be there."""
        await self._prepare()
        await self._store(str(nodes[0].metadata["language"])).async_add(list(nodes))

    async def remove(self, site: str, document: str, *, keep: str | None = None) -> None:
        """Removes a document, but for the version to keep."""
        await self._prepare()
        chosen = models.Filter(
            must=[_equals("site", site), _equals("document", document)],
            must_not=[_equals("version", keep)] if keep else None,
        )
        await self._client.delete(self.collection, points_selector=models.FilterSelector(filter=chosen))

    async def search(self, wanted: Wanted) -> list[Candidate]:
        """What either arm finds. A language's words are stemmed as its passages were."""
        await self._prepare()
        chosen = _filter(wanted)
        vector = [float(x) for x in wanted.vector]
        store = self._store("+".join(wanted.languages))
        dense = VectorStoreQuery(query_embedding=vector, similarity_top_k=wanted.limit)
        sparse = VectorStoreQuery(
            query_str=wanted.words, similarity_top_k=wanted.limit, mode=VectorStoreQueryMode.SPARSE
        )
        by_dense, by_sparse = await asyncio.gather(
            store.aquery(dense, qdrant_filters=chosen), store.aquery(sparse, qdrant_filters=chosen)
        )
        found = {key: metadata for one in (by_dense, by_sparse) for key, _, metadata in _rows(one)}
        cosine = {key: score for key, score, _ in _rows(by_dense)}
        bm25 = {key: score for key, score, _ in _rows(by_sparse)}
        missing = [key for key in bm25 if key not in cosine]
        if missing:
            only = models.Filter(must=[models.HasIdCondition(has_id=list(missing))])
            more = VectorStoreQuery(query_embedding=vector, similarity_top_k=len(missing))
            cosine |= {key: score for key, score, _ in _rows(await store.aquery(more, qdrant_filters=only))}
        return [Candidate(key, cosine.get(key, 0.0), bm25.get(key, 0.0), found[key]) for key in found]

    async def fetch(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Whole payloads by key."""
        if not keys:
            return {}
        await self._prepare()
        most = models.PayloadSelectorExclude(exclude=["_node_content"])
        records = await self._client.retrieve(self.collection, ids=list(keys), with_payload=most)
        return {str(record.id): dict(record.payload or {}) for record in records}

    async def stored(self, site: str) -> dict[str, dict[str, Stored]]:
        """Document → version → parts and how many are there."""
        found: dict[str, dict[str, Stored]] = {}
        for payload in await self._scroll(site, ["document", "version", "parts"]):
            versions = found.setdefault(payload["document"], {})
            versions.setdefault(payload["version"], Stored(int(payload["parts"]))).present += 1
        return found

    async def terms(self, site: str) -> list[tuple[str, list[str]]]:
        """(language, terms) of every passage."""
        return [(payload["language"], payload["terms"]) for payload in await self._scroll(site, ["language", "terms"])]

    async def payloads(self, site: str) -> list[dict[str, Any]]:
        """Every passage, whole."""
        return await self._scroll(site, fields=True)

    async def count(self, site: str) -> int:
        """Passages of a site."""
        await self._prepare()
        chosen = models.Filter(must=[_equals("site", site)])
        return (await self._client.count(self.collection, count_filter=chosen, exact=True)).count

    async def settle(self) -> None:
        """Nothing: the server indexes and flushes by itself."""

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def _scroll(self, site: str, fields: list[str] | bool) -> list[dict[str, Any]]:
        await self._prepare()
        found: list[dict[str, Any]] = []
        offset: Any = None
        while True:
            records, offset = await self._client.scroll(
                self.collection,
                scroll_filter=models.Filter(must=[_equals("site", site)]),
                limit=_PAGE,
                offset=offset,
                with_payload=fields,
            )
            found.extend(dict(record.payload or {}) for record in records)
            if offset is None:
                return found

    async def _prepare(self) -> None:
        """Makes the collection and its payload indexes once."""
        if self._ready:
            return
        async with self._making:
            if not self._ready and not await self._client.collection_exists(self.collection):
                await self._client.create_collection(
                    self.collection,
                    vectors_config={DENSE: models.VectorParams(size=self._dim, distance=models.Distance.COSINE)},
                    sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                )
                for field in INDEXED:
                    await self._client.create_payload_index(
                        self.collection, field, field_schema=models.PayloadSchemaType.KEYWORD
                    )
            self._ready = True

    def _store(self, languages: str) -> QdrantVectorStore:
        """The LlamaIndex store that stems in these languages (`en`, or `de+en` for a question to both)."""
        if languages not in self._stores:
            models_of = [make_bm25(language) for language in languages.split("+")]
            self._stores[languages] = QdrantVectorStore(
                self.collection,
                aclient=self._client,
                enable_hybrid=True,
                dense_vector_name=DENSE,
                sparse_vector_name=SPARSE,
                sparse_doc_fn=_sparse(lambda text: [model.embed_document(text) for model in models_of]),
                sparse_query_fn=_sparse(lambda text: [model.embed_query(text) for model in models_of]),
            )
        return self._stores[languages]


def _sparse(embed: Callable[[str], list[Any]]) -> Callable[[list[str]], tuple[list[list[int]], list[list[float]]]]:
    def of(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
        indices: list[list[int]] = []
        values: list[list[float]] = []
        for text in texts:
            weights: dict[int, float] = {}
            for vector in embed(text):
                weights |= dict(zip(vector.indices, vector.values, strict=True))
            indices.append(list(weights))
            values.append(list(weights.values()))
        return indices, values

    return of


def _rows(result: VectorStoreQueryResult) -> list[tuple[str, float, dict[str, Any]]]:
    rows = zip(result.ids or [], result.similarities or [], result.nodes or [], strict=True)
    return [(key, float(score), node.metadata) for key, score, node in rows]


def _equals(field: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))


def _filter(wanted: Wanted) -> models.Filter:
    audience = models.FieldCondition(key="audience", match=models.MatchAny(any=["", *wanted.audience]))
    must: list[Any] = [_equals("site", wanted.site), audience]
    if wanted.tags:
        must.append(models.FieldCondition(key="tags", match=models.MatchAny(any=list(wanted.tags))))
    if wanted.only_language:
        must.append(_equals("language", wanted.only_language))
    return models.Filter(must=must)
