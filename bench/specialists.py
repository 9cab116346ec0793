"""Specialists and ears, measured: `python -m bench.specialists [--data DIR]`; about a minute.

The 11 categories of the bitext intents are agents with 5 (3) examples for each of their intents: how many of the other messages
reach their own, how many of another subject reach none, and what choosing costs. Then the false alarms of moods and cues.
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.embed import MiniLM
from retrieval.types import Vectors
from server import specialists
from server.models.offline.ears import Ears
from server.site import DEFAULT_AGENT, Specialist
from server.specialists import Bank

SEEDS = (1, 2, 3, 4)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def team(
    by_intent: dict[str, list[dict[str, Any]]], shots: int, rng: random.Random
) -> tuple[list[Specialist], set[str]]:
    """An agent for each category, and the messages that are its examples."""
    shown: dict[str, list[str]] = {}
    for some in by_intent.values():
        category = some[0]["category"].lower().replace("_", "-")
        shown.setdefault(category, []).extend(row["query"] for row in rng.sample(some, shots))
    agents = [
        Specialist(name=name, purpose=f"{name.replace('-', ' ').capitalize()}.", examples=tuple(examples))
        for name, examples in shown.items()
    ]
    return agents, {text for examples in shown.values() for text in examples}


async def routing(model: MiniLM, data: Path, shots: int, messages: int) -> None:
    by_intent: dict[str, list[dict[str, Any]]] = {}
    for row in rows(data / "bitext_intents" / "queries.jsonl"):
        by_intent.setdefault(row["intent"], []).append(row)
    foreign = [row["query"] for name in ("feedbackqa_dev", "stackfaq") for row in rows(data / name / "queries.jsonl")]
    right, low, away, took = [], [], [], []
    for seed in SEEDS:
        rng = random.Random(seed)
        agents, shown = team(by_intent, shots, rng)
        made = specialists.all_rows(agents)
        bank = Bank(tuple(made), await model.embed([text for text, _, _ in made]))
        own = [row for some in by_intent.values() for row in some if row["query"] not in shown]
        asked = rng.sample(own, messages // len(SEEDS))
        vectors = await model.embed([row["query"] for row in asked])
        picks = [chosen(vector, bank, took) for vector in vectors]
        right += [pick == row["category"].lower().replace("_", "-") for pick, row in zip(picks, asked, strict=True)]
        low += [pick == DEFAULT_AGENT for pick in picks]
        others = await model.embed(rng.sample(foreign, messages // len(SEEDS)))
        away += [chosen(vector, bank, took) == DEFAULT_AGENT for vector in others]
    print(
        f"{len(agents)} agents, {shots} examples an intent: right {np.mean(right):.3f}, near to none {np.mean(low):.3f}; "
        f"other subjects near to none {np.mean(away):.3f}; choosing {micros(took)}"
    )


def chosen(vector: Vectors, bank: Bank, took: list[float]) -> str:
    since = time.perf_counter()
    picked = specialists.pick(specialists.nearness(vector[None, :], bank), None).agent
    took.append(time.perf_counter() - since)
    return picked


async def hearing(data: Path, messages: int) -> None:
    ears = Ears()
    await ears.warm()
    sets = {
        "stackfaq": [row["query"] for row in rows(data / "stackfaq" / "queries.jsonl")],
        "feedbackqa_dev": [row["query"] for row in rows(data / "feedbackqa_dev" / "queries.jsonl")],
    }
    bitext = rows(data / "bitext_intents" / "queries.jsonl")
    # "W" marks utterances that were made offensive. Of them and of complaints some alarms are right.
    sets["bitext"] = [
        row["query"] for row in bitext if "W" not in row["tags"] and row["category"] not in ("CONTACT", "FEEDBACK")
    ]
    sets["bitext, offensive"] = [row["query"] for row in bitext if "W" in row["tags"]]
    sets["bitext, complaints"] = [row["query"] for row in bitext if row["intent"] == "complaint"]
    for name, texts in sets.items():
        asked = random.Random(7).sample(texts, min(messages, len(texts)))
        took, moods, cues, languages = [], Counter[str](), Counter[str](), Counter[str]()
        for text in asked:
            since = time.perf_counter()
            tone = await ears.hear(text, before="en")
            took.append(time.perf_counter() - since)
            moods[tone.mood] += 1
            languages[tone.language] += 1
            cues.update([tone.cue] if tone.cue else [])
        shares = {key: round(count / len(asked), 4) for key, count in [*moods.items(), *cues.items()] if key != "calm"}
        foreign = 1 - languages["en"] / len(asked)
        print(f"{name}: {len(asked)} messages, not calm {shares}, not English {foreign:.4f}, hearing {micros(took)}")


def micros(took: Sequence[float]) -> str:
    ordered = sorted(took)
    return f"p50 {statistics.median(ordered) * 1e6:.0f}, p95 {ordered[int(len(ordered) * 0.95)] * 1e6:.0f} µs"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--messages", type=int, default=1200)
    given = parser.parse_args()
    model = MiniLM()
    for shots in (3, 5):
        await routing(model, given.data, shots, given.messages)
    await hearing(given.data, given.messages)
    await model.close()


if __name__ == "__main__":
    asyncio.run(main())
