"""Measures search and sync on the two public question sets: `python -m bench.retrieval [--data DIR] [--json]`.

Knows nothing that the index does not: every row of a set becomes a Markdown file, as a shop's articles would.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.embed import MiniLM
from retrieval.engine import Wanted
from retrieval.index import Index, open_index
from retrieval.rank import Question, Weights, rank
from retrieval.sources import MarkdownFolder

SETS = ("stackfaq", "feedbackqa_dev")


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def write_help(docs: Sequence[dict[str, Any]], folder: Path) -> None:
    folder.mkdir(parents=True)
    for doc in docs:
        url = f"url: {json.dumps(doc['url'])}\n" if doc.get("url") else ""
        text = doc.get("text") or doc.get("markdown") or ""
        (folder / f"{doc['id']}.md").write_text(f"---\ntitle: {json.dumps(doc['title'])}\n{url}---\n{text}\n", "utf-8")


def held_out(question: dict[str, Any]) -> bool:
    """The half that no weight was chosen on."""
    return int(hashlib.sha256(question["id"].encode()).hexdigest(), 16) % 2 == 1


def metrics(ranks: Sequence[int]) -> dict[str, float]:
    """`ranks` of the first right document, 0 for none in ten. One right document each, so nDCG is 1 / log2(rank + 1)."""
    r = np.array(ranks, dtype=float)
    found = r > 0
    return {
        "recall@1": float(np.mean(found & (r <= 1))),
        "recall@5": float(np.mean(found & (r <= 5))),
        "recall@10": float(np.mean(found & (r <= 10))),
        "mrr@10": float(np.mean(np.where(found & (r <= 10), 1 / np.maximum(r, 1), 0))),
        "ndcg@10": float(np.mean(np.where(found & (r <= 10), 1 / np.log2(np.maximum(r, 1) + 1), 0))),
    }


def first_right(documents: Sequence[str], gold: Sequence[str]) -> int:
    seen = list(dict.fromkeys(documents))[:10]
    return next((place + 1 for place, document in enumerate(seen) if document in gold), 0)


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    both = np.concatenate([positive, negative])
    ranks = both.argsort().argsort() + 1
    size = len(positive)
    return float((ranks[:size].sum() - size * (size + 1) / 2) / (size * len(negative)))


async def orders(index: Index, site: str, query: str) -> dict[str, list[str]]:
    """Documents by each way of ranking, over the same two arms of 50."""
    engine, embedder = index._engine, index._embedder
    vocabulary, vector = await index.vocabulary(site), await embedder.query(query)
    question = Question.of(query, vocabulary, ("en",))
    found = await engine.search(Wanted(site, vector, query, ("en",), 50))
    dense = sorted(found, key=lambda one: -one.dense)
    sparse = sorted((one for one in found if one.sparse), key=lambda one: -one.sparse)
    rrf: dict[str, float] = {}
    for arm in (dense[:50], sparse[:50]):
        for place, one in enumerate(arm):
            rrf[one.key] = rrf.get(one.key, 0) + 1 / (60 + place + 1)
    by_key = {one.key: one for one in found}
    fused = [by_key[key] for key in sorted(rrf, key=lambda key: -rrf[key])]
    plain = [one for _, one in rank(found, question, vector, Weights(head=0, bm25=0.6))]
    ways = {"dense": dense, "bm25": sparse, "rrf": fused, "without headings": plain}
    return {way: [str(one.payload["document"]) for one in order] for way, order in ways.items()}


async def quality(index: Index, name: str, questions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    ranks: dict[str, list[int]] = {}
    times: list[float] = []
    best: list[float] = []
    for question in questions:
        gold = [f"{one}.md" for one in question["gold_doc_ids"]]
        began = time.perf_counter()
        hits = await index.search_documents(name, question["query"], 10)
        times.append((time.perf_counter() - began) * 1000)
        best.append(hits[0].score if hits else 0.0)
        ranks.setdefault("ours", []).append(first_right([hit.document for hit in hits], gold))
        for way, order in (await orders(index, name, question["query"])).items():
            ranks.setdefault(way, []).append(first_right(order, gold))
    chosen = [held_out(question) for question in questions]
    return {
        "all": {way: metrics(found) for way, found in ranks.items()},
        "held out": {
            way: metrics([r for r, out in zip(found, chosen, strict=True) if out]) for way, found in ranks.items()
        },
        "query_ms": {"p50": float(np.percentile(times, 50)), "p95": float(np.percentile(times, 95))},
        "best": best,
    }


async def large(index: Index, embedder: MiniLM, queries: Sequence[str]) -> dict[str, float]:
    """Latency at 10,000 passages, made of real ones with noise on their vectors; the query cache is off."""
    engine = index._engine
    base = [p for name in SETS for p in await _passages(index, name)]
    rng = np.random.default_rng(7)
    points = []
    for number in range(10_000):
        payload, vector = base[number % len(base)]
        noisy = np.array(vector) + rng.normal(0, 0.02, len(vector))
        copy = {**payload, "site": "large", "document": f"{number}-{payload['document']}"}
        points.append(engine.point(_uuid(number), (noisy / np.linalg.norm(noisy)).tolist(), payload["text"], copy))
    for at in range(0, len(points), 500):
        await engine.upsert(points[at : at + 500])
    began = time.perf_counter()
    await index.vocabulary("large")
    words_ms = (time.perf_counter() - began) * 1000
    times = []
    for query in queries:
        embedder._kept.clear()
        began = time.perf_counter()
        await index.search("large", query, k=6)
        times.append((time.perf_counter() - began) * 1000)
    return {
        "p50_ms": float(np.percentile(times, 50)),
        "p95_ms": float(np.percentile(times, 95)),
        "first_vocabulary_ms": words_ms,
    }


def _uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


async def _passages(index: Index, site: str) -> list[tuple[dict[str, Any], list[float]]]:
    import qdrant_edge as qd

    only = qd.Filter(must=[qd.FieldCondition("site", match=qd.MatchValue(site))])
    request = qd.ScrollRequest(limit=20_000, filter=only, with_payload=True, with_vector=True)
    records, _ = await index._engine.run(lambda shard: shard.scroll(request))
    return [(record.payload, record.vector["dense"]) for record in records]


async def measure(data: Path, docs: Path | None) -> dict[str, Any]:
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        embedder = MiniLM()
        await embedder.load()
        index = open_index(Path(temporary) / "index", embedder=embedder)
        names = [*SETS] if docs is None else [docs.name]
        questions = {}
        for name in names:
            home = docs or data / name
            articles = rows(home / "docs.jsonl")
            questions[name] = rows(home / "queries.jsonl")
            write_help(articles, Path(temporary) / name)
            source = MarkdownFolder(Path(temporary) / name)
            report = await index.sync(
                name, [source], progress=lambda a, b: print(f"\r{a}/{b}", end="", file=sys.stderr)
            )
            again = await index.sync(name, [source])
            print(file=sys.stderr)
            result[name] = {
                "documents": len(articles),
                "passages": await index.count(name),
                "sync_documents_per_s": report.added / report.seconds,
                "second_sync_s": again.seconds,
                **await quality(index, name, questions[name]),
            }
        for name in names:
            for other in names:
                if other != name:
                    foreign = [
                        max((p.score for p in await index.search(name, q["query"], k=1)), default=0.0)
                        for q in questions[other]
                        if held_out(q)
                    ]
                    own = [b for b, q in zip(result[name]["best"], questions[name], strict=True) if held_out(q)]
                    result[name]["foreign"] = {
                        "auc": auc(own, foreign),
                        "own below 0.5": float(np.mean(np.array(own) < 0.5)),
                        "foreign above 0.5": float(np.mean(np.array(foreign) >= 0.5)),
                    }
        if docs is None:
            result["large"] = await large(index, embedder, [q["query"] for q in questions[SETS[1]][:300]])
        for name in names:
            del result[name]["best"]
        await index.close()
    return result


def show(result: dict[str, Any]) -> None:
    for name, found in result.items():
        print(f"\n{name}: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items() if not isinstance(v, dict)))
        for part in ("query_ms", "foreign"):
            if part in found:
                print(f"  {part}: " + ", ".join(f"{k} {v:.4f}" for k, v in found[part].items()))
        for part in ("all", "held out"):
            for way, figures in found.get(part, {}).items():
                print(f"  {part:9}{way:18}" + "  ".join(f"{k} {v:.3f}" for k, v in figures.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default, help="folder with stackfaq and feedbackqa_dev")
    parser.add_argument("--docs", type=Path, help="one folder with docs.jsonl and queries.jsonl instead")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = asyncio.run(measure(chosen.data, chosen.docs))
    print(json.dumps(result, indent=1)) if chosen.json else show(result)


if __name__ == "__main__":
    main()
