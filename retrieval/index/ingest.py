"""Documents to LlamaIndex nodes: our splitter as a NodeParser, our embedder as an embedding, in LlamaIndex's pipeline.

Imports LlamaIndex; decides nothing about what is in the index already.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.ingestion.pipeline import arun_transformations
from llama_index.core.node_parser.interface import NodeParser
from llama_index.core.schema import BaseNode, NodeRelationship, RelatedNodeInfo, TextNode, TransformComponent
from llama_index.core.schema import Document as LlamaDocument

from retrieval.engine import UNTAGGED, to_payload
from retrieval.rank import packed
from retrieval.split import embedding_text, split
from retrieval.text import language_of, terms
from retrieval.types import Document, Embedder, Passage, Vectors


class PassageParser(NodeParser):
    """LlamaIndex documents (with a `Document` in their metadata) to nodes, one for each passage."""

    include_metadata: bool = False
    include_prev_next_rel: bool = False
    site: str
    default_language: str = "en"

    @classmethod
    def class_name(cls) -> str:
        """LlamaIndex's name of this class."""
        return "PassageParser"

    def _parse_nodes(self, nodes: Sequence[BaseNode], show_progress: bool = False, **_: Any) -> list[BaseNode]:  # noqa: ANN401, ARG002 - LlamaIndex's signature
        made: list[BaseNode] = []
        for node in nodes:
            document: Document = node.metadata["document"]
            version = str(node.metadata["version"])
            passages = split(self.site, document)
            language = language_of(document.locale, self.default_language)
            for part, passage in enumerate(passages):
                made.append(_node(passage, document, version, (part, len(passages)), language))
        return made


class EmbedNodes(TransformComponent):
    """Gives nodes their vectors, with an Embedder."""

    _embedder: Embedder = PrivateAttr()

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self._embedder = embedder

    def __call__(self, nodes: Sequence[BaseNode], **_: Any) -> Sequence[BaseNode]:  # noqa: ANN401 - LlamaIndex's signature
        """In the calling thread."""
        texts = _texts(nodes)
        return _with_vectors(nodes, dict(zip(texts, self._embedder.embed_sync(texts), strict=True)))

    async def acall(self, nodes: Sequence[BaseNode], **_: Any) -> Sequence[BaseNode]:  # noqa: ANN401 - as above
        """Without blocking the event loop."""
        texts = _texts(nodes)
        return _with_vectors(nodes, dict(zip(texts, await self._embedder.embed(texts), strict=True)))


def _texts(nodes: Sequence[BaseNode]) -> list[str]:
    """Everything to embed, each text once: passages, and the headings that several of them share."""
    return list(dict.fromkeys(text for node in nodes for text in (node.get_content(), _head(node))))


def _head(node: BaseNode) -> str:
    return ": ".join(part for part in (node.metadata["title"], node.metadata["heading"]) if part)


def _with_vectors(nodes: Sequence[BaseNode], vectors: dict[str, Vectors]) -> Sequence[BaseNode]:
    for node in nodes:
        node.embedding = vectors[node.get_content()].tolist()
        node.metadata["head_vector"] = packed(vectors[_head(node)])
        node.excluded_embed_metadata_keys = node.excluded_llm_metadata_keys = list(node.metadata)
    return nodes


async def to_nodes(
    site: str, documents: Sequence[tuple[Document, str]], embedder: Embedder, *, default_language: str
) -> list[list[BaseNode]]:
    """The nodes, with vectors, of each (document, version), in the order given."""
    wrapped = [
        LlamaDocument(
            id_=f"{site}\n{document.path}", text=document.text, metadata={"document": document, "version": version}
        )
        for document, version in documents
    ]
    steps = [PassageParser(site=site, default_language=default_language), EmbedNodes(embedder)]
    nodes = await arun_transformations(wrapped, steps)
    by_document: dict[str, list[BaseNode]] = {document.path: [] for document, _ in documents}
    for node in nodes:
        by_document[node.metadata["document"]].append(node)
    return [by_document[document.path] for document, _ in documents]


def _node(passage: Passage, document: Document, version: str, place: tuple[int, int], language: str) -> TextNode:
    part, parts = place
    payload = to_payload(passage, version=version, part=part, parts=parts, language=language)
    head = f"{passage.title} {passage.heading} {' '.join(document.tags)}"
    payload["tags"] = sorted(set(document.tags)) or [UNTAGGED]
    payload["head_terms"] = sorted(set(terms(head, language)))
    payload["terms"] = sorted(set(terms(f"{head} {passage.text}", language)))
    # The same passage of the same version has the same id on every run: a sync that died half-way writes over its own.
    key = UUID(bytes=sha256(f"{passage.site}\n{passage.document}\n{version}\n{part}".encode()).digest()[:16])
    keys = list(payload)
    return TextNode(
        id_=str(key),
        text=embedding_text(passage),
        metadata=payload,
        excluded_embed_metadata_keys=keys,
        excluded_llm_metadata_keys=keys,
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"{passage.site}\n{passage.document}", hash=passage.hash)
        },
    )
