"""How well the offline engine picks intents and answers: `python -m bench.understanding [--data DIR]`.

Prints accuracy over the bitext intents as tools (5 and 10 examples each), how many messages of unknown intents are left
alone, and how often a question is answered from its passage and refused without one. Tuned on half of each set only.
"""

import argparse
import asyncio
import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retrieval.embed import MiniLM
from retrieval.split import split
from retrieval.types import Document
from server.models.offline import Offline
from tools import Caller, ToolSpec, tool


def half(identifier: str) -> str:
    """`tune` or `held`, by the hash of the id."""
    return "tune" if hashlib.sha256(identifier.encode()).digest()[0] % 2 else "held"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def intent_tool(name: str, examples: Sequence[str]) -> ToolSpec:
    async def run(caller: Caller) -> None:
        """Replaced below."""

    run.__name__ = name
    run.__doc__ = name.replace("_", " ").capitalize() + "."
    spec: ToolSpec = tool(scope="bench", effect="read", examples=tuple(examples))(run).spec  # type: ignore[attr-defined]
    return spec


async def intents(engine: Offline, data: Path, part: str, shots: int, queries: int) -> dict[str, float]:
    """Accuracy over all intents as tools, and what happens to intents that no tool has (a third held out)."""
    every = rows(data / "bitext_intents" / "queries.jsonl")
    rng = random.Random(7)
    by_intent: dict[str, list[dict[str, Any]]] = {}
    for row in every:
        by_intent.setdefault(row["intent"], []).append(row)
    names = sorted(by_intent)
    shown = {name: rng.sample([r for r in by_intent[name] if r["split"] == "train"], shots) for name in names}
    tools = {name: intent_tool(name, [row["query"] for row in shown[name]]) for name in names}
    taken = {row["id"] for some in shown.values() for row in some}
    asked = [row for row in every if row["id"] not in taken and half(row["id"]) == part]
    rng.shuffle(asked)
    asked = asked[:queries]
    right = taken_wrong = silent = 0
    for row in asked:
        pick = (await engine.route(row["query"], list(tools.values())))[0]
        person = pick.kind == "human" and ("contact" in row["intent"] or row["intent"] == "complaint")
        if person or pick.name == row["intent"]:
            right += 1
        elif pick.kind == "tool":
            taken_wrong += 1
        else:
            silent += 1
    foreign = set(names[::3])
    known = [tools[name] for name in names if name not in foreign]
    outside = [row for row in asked if row["intent"] in foreign]
    inside = [row for row in asked if row["intent"] not in foreign]
    left = sum([(await engine.route(row["query"], known))[0].kind != "tool" for row in outside])
    kept = sum([(await engine.route(row["query"], known))[0].name == row["intent"] for row in inside])
    return {
        "accuracy": right / len(asked),
        "wrong tool": taken_wrong / len(asked),
        "no tool": silent / len(asked),
        "unknown left alone": left / max(len(outside), 1),
        "known, with a third unknown": kept / max(len(inside), 1),
    }


async def knowledge(engine: Offline, data: Path, part: str, queries: int) -> dict[str, float]:
    """Questions with the passages of their own document, and with those of a document of another subject."""
    docs = {row["id"]: row for row in rows(data / "feedbackqa_dev" / "docs.jsonl")}
    other = rows(data / "stackfaq" / "docs.jsonl")
    asked = [row for row in rows(data / "feedbackqa_dev" / "queries.jsonl") if half(row["id"]) == part]
    random.Random(7).shuffle(asked)
    asked = asked[:queries]
    answered = refused = 0
    for index, row in enumerate(asked):
        gold = docs[row["gold_doc_ids"][0]]
        passages = split("bench", Document.of("a.md", f"# {gold['title']}\n\n{gold['text']}", title=gold["title"]))
        foreign = other[index % len(other)]
        wrong = split(
            "bench", Document.of("b.md", f"# {foreign['title']}\n\n{foreign['text']}", title=foreign["title"])
        )
        own = await engine.route(row["query"], [], [passage.scored(0.6) for passage in passages[:6]])
        away = await engine.route(row["query"], [], [passage.scored(0.3) for passage in wrong[:6]])
        answered += own[0].kind == "knowledge"
        refused += away[0].kind != "knowledge"
    return {"answered from its page": answered / len(asked), "refused on a foreign page": refused / len(asked)}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--half", choices=("tune", "held"), default="held")
    given = parser.parse_args()
    engine = Offline(MiniLM())
    for shots in (5, 10):
        found = await intents(engine, given.data, given.half, shots, given.queries)
        print(f"bitext, {shots} examples an intent ({given.half}):", {k: round(v, 3) for k, v in found.items()})
    found = await knowledge(engine, given.data, given.half, given.queries)
    print(f"feedbackqa_dev ({given.half}):", {k: round(v, 3) for k, v in found.items()})


if __name__ == "__main__":
    asyncio.run(main())
