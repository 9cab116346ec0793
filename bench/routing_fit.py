"""Where the weights of server/models/offline/intents.py come from: `python -m bench.routing_fit FILE.jsonl …`.

Lines are `{"query", "intent"}`; the intent "oos" is never a tool. Draws small and large sets of tools from each file and from
the half of bitext_intents that `bench.routing` does not ask, holds a third of the intents out, and fits by logistic regression
when the likeliest tool is the one that was meant. It prints the weights and bases as they stand there; it changes nothing.
The weights in use come from CLINC150 and BANKING77 (both CC BY; at most 45 messages an intent) and that half.
"""

import argparse
import asyncio
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.understanding import half, intent_tool, rows
from retrieval.embed import MiniLM
from retrieval.types import Embedded, TokenEmbedder
from server.models.offline.intents import Bank, Evidence, bank_texts, corrected, evidence, make_bank, masked
from server.models.offline.language import Language, load
from server.models.offline.world import load_world

SIZES: Final = (6, 12, 25, 50)
SHOTS: Final = (3, 5, 10)
MESSAGES: Final = 160
"""A draw, half of them of intents that no tool has: 4,000 messages a file and seed in all."""
PENALTY: Final = 0.002
"""Of 0.002, 0.01 and 0.03 the weights tell right from wrong alike; the smallest leaves them nearest to what was seen."""

_IS_COVERED: Final = np.asarray([name == "covered" for name in Evidence._fields])
"""What the embedder of a shop may not tell: fitted without it, its weight is 0."""

Rows = dict[str, list[str]]
Numbers = npt.NDArray[np.float64]


class Draws:
    """Random tool sets of one file of messages, with the evidence of their messages."""

    def __init__(self, embedder: TokenEmbedder, language: Language) -> None:
        self._embedder = embedder
        self._language = language
        self._world = load_world()
        self._kept: dict[str, Embedded] = {}

    async def evidence(self, said: Rows, size: int, shots: int, rng: random.Random) -> list[tuple[Evidence, bool]]:
        """For each message what speaks for the likeliest tool, and whether it is the right one."""
        names = sorted(name for name in said if name != "oos")
        chosen = rng.sample(names, min(size * 3 // 2, len(names)))
        known, foreign = chosen[: size * 2 // 3 + 1], chosen[size * 2 // 3 + 1 :]
        shown = {name: rng.sample(said[name], shots) for name in known}
        bank = await self._bank([intent_tool(name, examples) for name, examples in shown.items()])
        inside = [(text, name) for name in known for text in said[name] if text not in shown[name]]
        outside = [(text, "oos") for name in [*foreign, "oos"] for text in said.get(name, [])]
        asked = [*rng.sample(inside, MESSAGES // 2), *rng.sample(outside, min(len(outside), MESSAGES // 2))]
        out = []
        for text, wanted in asked:
            variants = list(
                dict.fromkeys(masked(one) for one in (text, corrected(text, bank, self._language, frozenset())))
            )
            heard = zip(variants, await self._embed(variants), strict=True)
            found = [item for one, made in heard for item in evidence(one, made, bank).items()]
            name, best = max(found, key=lambda item: (item[1].lead >= 0, item[1].trained))
            out.append((best, name == wanted))
        return out

    async def _bank(self, tools: Sequence[object]) -> Bank:
        key, rows = bank_texts(tools, self._world)  # type: ignore[arg-type]  # specs of the bench
        return make_bank(key, rows, await self._embed([text for text, _, _ in rows]), self._world)

    async def _embed(self, texts: Sequence[str]) -> list[Embedded]:
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if new:
            self._kept.update(zip(new, await self._embedder.embed_tokens(new), strict=True))
        return [self._kept[text] for text in texts]


def fitted(features: Numbers, right: Numbers) -> tuple[Numbers, float]:
    """Weights and base of a logistic regression with a small penalty on the standardised weights (Newton's method)."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    rows = np.c_[(features - mean) / spread, np.ones(len(features))]
    beta = np.zeros(rows.shape[1])
    keep = PENALTY * len(rows) * np.r_[np.ones(rows.shape[1] - 1), 0.0]
    for _ in range(30):
        chance = 1 / (1 + np.exp(-rows @ beta))
        slope = rows.T @ (chance - right) + keep * beta
        bend = (rows * (chance * (1 - chance))[:, None]).T @ rows + np.diag(keep + 1e-9)
        beta = beta - np.linalg.solve(bend, slope)
    weights = beta[:-1] / spread
    return weights, float(beta[-1] - weights @ mean)


def read(path: Path) -> Rows:
    """The messages of each intent."""
    out: Rows = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        out.setdefault(re.sub(r"\W", "", row["intent"]), []).append(row["query"])
    return out


def tuned(path: Path) -> Rows:
    """The messages of each intent of the half that is not asked to tell how good the result is."""
    out: Rows = {}
    for row in rows(path):
        if half(row["id"]) == "tune":
            out.setdefault(row["intent"], []).append(row["query"])
    return out


def draws() -> Iterator[tuple[int, int]]:
    """Sizes and shots of the tool sets."""
    return ((size, shots) for size in SIZES for shots in SHOTS)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    bench = Draws(MiniLM(), load("en"))
    found = []
    for messages in (*(read(path) for path in given.files), tuned(given.data / "bitext_intents" / "queries.jsonl")):
        for seed in range(given.seeds):
            for size, shots in draws():
                found += await bench.evidence(messages, size, shots, random.Random(f"{seed} {size} {shots}"))
    features = np.asarray([list(one) for one, _ in found], dtype=np.float64)
    right = np.asarray([one for _, one in found], dtype=np.float64)
    print(f"{len(found)} messages, {right.mean():.3f} of them for the likeliest tool")
    for name, columns in (("WORDED", features), ("WORDLESS", np.where(_IS_COVERED, 0.0, features))):
        weights, base = fitted(columns, right)
        print(f"{name} =", Evidence(*(round(float(weight), 2) for weight in weights)), "base", round(base, 2))


if __name__ == "__main__":
    asyncio.run(main())
