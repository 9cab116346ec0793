"""The edge shard as a LlamaIndex vector store, so that ingestion goes one way whichever engine is below.

Imports LlamaIndex: only a sync that has something to write loads this file.
"""

from collections.abc import Sequence
from typing import Any

import qdrant_edge as qd
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, MetadataMode, TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

from retrieval.edge.shard import Shard
from retrieval.engine import DENSE, SPARSE

_EXACT = {FilterOperator.EQ, FilterOperator.NE, FilterOperator.IN, FilterOperator.NIN}


class EdgeVectorStore(BasePydanticVectorStore):
    """Nodes with embedding in, nodes out; dense, sparse and hybrid (RRF) queries with exact metadata filters.

    The synchronous methods wait for the shard's thread: call the asynchronous ones on an event loop.
    """

    stores_text: bool = True
    flat_metadata: bool = False
    _shard: Shard = PrivateAttr()

    def __init__(self, shard: Shard, **data: Any) -> None:  # noqa: ANN401 - pydantic's own fields
        super().__init__(**data)
        self._shard = shard

    @classmethod
    def class_name(cls) -> str:
        """LlamaIndex's name of this class."""
        return "EdgeVectorStore"

    @property
    def client(self) -> Shard:
        """The shard."""
        return self._shard

    def _points(self, nodes: Sequence[BaseNode]) -> list[Any]:
        return [
            self._shard.point(
                node.node_id, node.get_embedding(), node.get_content(MetadataMode.EMBED), _payload_of(node)
            )
            for node in nodes
        ]

    def add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:  # noqa: ANN401 - LlamaIndex's signature
        """Adds nodes, all or none."""
        operation = qd.UpdateOperation.upsert_points(self._points(nodes))
        self._shard.run_sync(lambda shard: shard.update(operation))
        return [node.node_id for node in nodes]

    async def async_add(self, nodes: Sequence[BaseNode], **_: Any) -> list[str]:  # noqa: ANN401 - as above
        """Adds nodes, all or none."""
        await self._shard.upsert(self._points(nodes))
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **_: Any) -> None:  # noqa: ANN401 - as above
        """Removes every node of a document (its LlamaIndex id)."""
        self.delete_nodes(filters=MetadataFilters(filters=[MetadataFilter(key="ref_doc_id", value=ref_doc_id)]))

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **_: Any,  # noqa: ANN401 - as above
    ) -> None:
        """Removes nodes by id or by metadata; neither given: nothing happens."""
        chosen = _filter(filters, node_ids)
        if chosen is not None:
            operation = qd.UpdateOperation.delete_points_by_filter(chosen)
            self._shard.run_sync(lambda shard: shard.update(operation))

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes by id or by metadata, at most 10,000."""
        request = qd.ScrollRequest(limit=10_000, filter=_filter(filters, node_ids), with_payload=True)
        records, _ = self._shard.run_sync(lambda shard: shard.scroll(request))
        return [_node(str(record.id), record.payload) for record in records]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:  # noqa: ANN401 - as above
        """The nearest nodes by `query.mode`: DEFAULT, SPARSE or HYBRID."""
        request = self._request(query, **kwargs)
        return _result(self._shard.run_sync(lambda shard: shard.query(request)))

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:  # noqa: ANN401 - as above
        """The same without blocking the event loop."""
        request = self._request(query, **kwargs)
        return _result(await self._shard.run(lambda shard: shard.query(request)))

    def _request(self, query: VectorStoreQuery, language: str = "en") -> Any:  # noqa: ANN401 - untyped library
        chosen = _filter(query.filters, query.node_ids)
        limit = query.similarity_top_k
        arms: list[Any] = []
        if query.mode != VectorStoreQueryMode.SPARSE and query.query_embedding is not None:
            arms.append(qd.Query.Nearest(list(query.query_embedding), using=DENSE))
        if query.mode in {VectorStoreQueryMode.SPARSE, VectorStoreQueryMode.HYBRID} and query.query_str:
            arms.append(qd.Query.Nearest(self._shard.bm25(language).embed_query(query.query_str), using=SPARSE))
        if not arms:
            raise ValueError(f"expected an embedding or words to look for, got neither (mode {query.mode})")
        if len(arms) == 1:
            return qd.QueryRequest(limit=limit, query=arms[0], filter=chosen, with_payload=True)
        deeper = max(query.sparse_top_k or limit, limit)
        rrf: Any = qd.Fusion.Rrf(60)
        return qd.QueryRequest(
            limit=query.hybrid_top_k or limit,
            prefetches=[qd.Prefetch(limit=deeper, query=arm, filter=chosen) for arm in arms],
            query=rrf,  # the usual constant
            filter=chosen,
            with_payload=True,
        )


def _payload_of(node: BaseNode) -> dict[str, Any]:
    return {
        "language": "en",
        **node.metadata,
        "ref_doc_id": node.ref_doc_id or "",
        "node_text": "" if "raw" in node.metadata else node.get_content(MetadataMode.NONE),
    }


def _node(key: str, payload: dict[str, Any]) -> TextNode:
    metadata = dict(payload)
    text = metadata.pop("node_text", "") or metadata.get("text", "")
    metadata.pop("ref_doc_id", None)
    return TextNode(id_=key, text=text, metadata=metadata)


def _result(points: Sequence[Any]) -> VectorStoreQueryResult:
    return VectorStoreQueryResult(
        nodes=[_node(str(point.id), point.payload) for point in points],
        similarities=[float(point.score) for point in points],
        ids=[str(point.id) for point in points],
    )


def _filter(filters: MetadataFilters | None, node_ids: list[str] | None = None) -> Any:  # noqa: ANN401 - untyped library
    conditions = [_condition(one) for one in filters.filters] if filters else []
    ids: list[Any] = [qd.HasIdCondition(set(node_ids))] if node_ids else []
    if not conditions and not ids:
        return None
    if filters and filters.condition == FilterCondition.OR and conditions:
        return qd.Filter(must=ids, should=conditions)
    if filters and filters.condition == FilterCondition.NOT:
        return qd.Filter(must=ids, must_not=conditions)
    return qd.Filter(must=[*ids, *conditions])


def _condition(one: MetadataFilter | MetadataFilters) -> Any:  # noqa: ANN401 - untyped library
    if isinstance(one, MetadataFilters):
        return _filter(one)
    if one.operator not in _EXACT:
        raise NotImplementedError(f"expected an exact metadata filter (==, !=, in, nin), got {one.operator}")
    value: Any = one.value
    if one.operator in {FilterOperator.EQ, FilterOperator.NE}:
        match = qd.FieldCondition(one.key, match=qd.MatchValue(value))
    else:
        match = qd.FieldCondition(one.key, match=qd.MatchAny(list(value or [])))
    negated = one.operator in {FilterOperator.NE, FilterOperator.NIN}
    return qd.Filter(must_not=[match]) if negated else match
