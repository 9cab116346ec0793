"""The embedded shard under SIGKILL and with two owners; MiniLM's vectors, file checks and threads."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import retrieval.embed
from retrieval.embed import LlamaEmbedder, MiniLM, ModelFileError, make_embedder
from retrieval.engine import IndexBusy
from retrieval.index import open_index
from retrieval.sources import MarkdownFolder
from tests.contracts.test_retriever import RETURNS, SHIPPING, Articles, HashEmbedder

ROOT = Path(__file__).parents[2]

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from retrieval.edge.shard import Shard
from retrieval.index import open_index
from retrieval.sources import MarkdownFolder
from tests.contracts.test_retriever import HashEmbedder

left = int(sys.argv[3])
def dying(name, after):
    real = getattr(Shard, name)
    async def step(self, *args, **kwargs):
        global left
        if not after and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= not after
        result = await real(self, *args, **kwargs)
        return result
    setattr(Shard, name, step)
for name in ("upsert", "remove", "settle"):
    dying(name, False)
async def main():
    index = open_index(Path(sys.argv[1]), embedder=HashEmbedder())
    await index.sync("a", [MarkdownFolder(sys.argv[2])])
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def run_killed(tmp_path: Path, left: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "index"), str(tmp_path / "help"), str(left)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


async def test_a_process_killed_between_any_two_writes_leaves_an_index_that_the_next_sync_repairs(tmp_path):
    home = tmp_path / "help"
    home.mkdir()
    (home / "returns.md").write_text(RETURNS)
    (home / "shipping.md").write_text(SHIPPING)
    (home / "old.md").write_text("Old words.")
    run_killed(tmp_path, 99)  # the whole sync, killed without a close: what it wrote must be there
    index = open_index(tmp_path / "index", embedder=HashEmbedder())
    assert await index.count("a") == 4
    assert (await index.sync("a", [MarkdownFolder(home)])).unchanged == 3
    await index.close()
    (home / "old.md").unlink()
    for step in range(4):
        days = 20 + step
        (home / "returns.md").write_text(RETURNS.replace("14", str(days)))
        (home / "new.md").write_text(f"New words {step}.")
        run_killed(tmp_path, step)
        index = open_index(tmp_path / "index", embedder=HashEmbedder())
        assert any(p.document == "shipping.md" for p in await index.search("a", "ship to Norway", k=9))
        assert any(p.heading == "Sale items" for p in await index.search("a", "sale items", k=9))
        await index.sync("a", [MarkdownFolder(home)])
        found = await index.search("a", "sale items new words ship", k=20)
        assert {p.document for p in found} == {"returns.md", "shipping.md", "new.md"}
        assert [p.text for p in found if p.heading] == [f"Sale items go back within {days} days."]
        await index.close()


async def test_a_second_owner_is_refused_by_name_and_welcome_after_the_first_has_closed(tmp_path):
    index = open_index(tmp_path, embedder=HashEmbedder())
    with pytest.raises(IndexBusy, match=rf"pid {os.getpid()}"):
        open_index(tmp_path, embedder=HashEmbedder())
    await index.close()
    await open_index(tmp_path, embedder=HashEmbedder()).close()


async def test_another_embedder_indexes_again(tmp_path):
    source = Articles(returns=RETURNS)
    index = open_index(tmp_path, embedder=HashEmbedder())
    await index.sync("a", [source])
    await index.close()
    index = open_index(tmp_path, embedder=HashEmbedder("other"))
    assert (await index.sync("a", [source])).added == 1
    assert await index.search("a", "sale items")
    await index.close()


def test_a_server_on_an_indexed_shop_answers_without_llama_index(tmp_path):
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "returns.md").write_text(RETURNS)
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom retrieval.index import open_index\n"
        "from retrieval.sources import MarkdownFolder\nfrom tests.contracts.test_retriever import HashEmbedder\n"
        "async def main():\n"
        "    index = open_index(Path(sys.argv[1]) / 'index', embedder=HashEmbedder())\n"
        "    report = await index.sync('a', [MarkdownFolder(sys.argv[1] + '/help')])\n"
        "    found = await index.search('a', 'sale items')\n"
        "    print(report.unchanged, len(found), 'llama_index' in sys.modules)\n"
        "    await index.close()\nasyncio.run(main())\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, check=True, text=True,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert outputs == [["0", "2", "True"], ["1", "2", "False"]]


async def test_minilm_puts_meaning_near_and_every_vector_has_length_one():
    model = MiniLM()
    vectors = await model.embed(
        ["How do I send something back?", "Our return policy", "The weather in Oslo", "x " * 2000]
    )
    assert vectors.shape == (4, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1
    assert np.allclose(await model.query("Our return policy"), vectors[1], atol=1e-3)
    assert (await model.embed([])).shape == (0, 384)
    await model.close()


async def test_minilm_computes_beside_the_event_loop_and_serves_many_at_once():
    model = MiniLM()
    threads: set[int] = set()
    real = model.tokens_sync

    def seen(texts):
        threads.add(threading.get_ident())
        return real(texts)

    model.tokens_sync = seen
    one = await asyncio.gather(*(model.query(f"question {n % 5}") for n in range(40)))
    assert threads
    assert threading.get_ident() not in threads
    assert all(np.array_equal(one[n], one[n % 5]) for n in range(40))
    await model.close()


async def test_a_model_file_that_is_not_the_tested_one_is_refused(monkeypatch):
    monkeypatch.setattr(retrieval.embed, "MINILM_SHA256", "0" * 64)
    with pytest.raises(ModelFileError, match=r"model\.onnx: expected SHA-256 0000"):
        await MiniLM().load()


async def test_any_llama_index_embedding_can_be_set():
    made = make_embedder("llama_index.core.embeddings.mock_embed_model:MockEmbedding", {"embed_dim": 8})
    assert isinstance(made, LlamaEmbedder)
    assert made.dim == 8
    assert (await made.query("x")).shape == (8,)
    assert (await made.embed(["a", "b"])).shape == (2, 8)
    with pytest.raises(ValueError, match=r"expected `minilm` or `module\.path:Class`, got 'nowhere:At'"):
        make_embedder("nowhere:At")


def test_the_edge_store_answers_as_a_llama_index_vector_store(tmp_path):
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import (
        MetadataFilter,
        MetadataFilters,
        VectorStoreQuery,
        VectorStoreQueryMode,
    )

    from retrieval.edge.shard import Shard
    from retrieval.edge.store import EdgeVectorStore

    shard = Shard(tmp_path, dim=2, name="t")
    store = EdgeVectorStore(shard)
    ids = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(3)]
    store.add([
        TextNode(id_=key, text=text, embedding=vector, metadata={"site": site})
        for key, text, vector, site in zip(ids, ["red fox", "blue dog", "red dog"], [[1, 0], [0, 1], [0.6, 0.8]], "aab",
        strict=True)
    ])  # fmt: skip
    only = MetadataFilters(filters=[MetadataFilter(key="site", value="a")])
    dense = store.query(VectorStoreQuery(query_embedding=[0, 1], similarity_top_k=9, filters=only))
    assert [node.text for node in dense.nodes] == ["blue dog", "red fox"]
    words = VectorStoreQuery(query_str="red", similarity_top_k=9, mode=VectorStoreQueryMode.SPARSE)
    assert set(store.query(words).ids) == {ids[0], ids[2]}
    both = VectorStoreQuery(
        query_str="dog", query_embedding=[0, 1], similarity_top_k=9, mode=VectorStoreQueryMode.HYBRID
    )
    assert store.query(both).ids[0] == ids[1]
    store.delete_nodes(filters=only)
    assert [node.node_id for node in store.get_nodes()] == [ids[2]]
    asyncio.run(shard.close())
