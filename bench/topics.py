"""Where TOPIC_FLOOR of server/turns/router.py comes from: `python -m bench.topics DATA`.

DATA holds bitext_intents/ and feedbackqa_dev/. Each intent is a topic with a few examples: how many of its other messages
are as near as that to one of them, how many of the other intents' are, and of questions about something else. It changes nothing.
"""

import argparse
import asyncio
import json
import random
from pathlib import Path
from typing import Final

import numpy as np

from retrieval.embed import MiniLM

SHOTS: Final = (3, 5, 10)
FLOORS: Final = (0.55, 0.6, 0.65, 0.7, 0.75)
MESSAGES: Final = 40
OTHERS: Final = 10
ELSEWHERE: Final = 300


async def main(data: Path) -> None:
    """Print one line for each number of examples and floor."""
    rows = [json.loads(line) for line in (data / "bitext_intents" / "queries.jsonl").read_text().splitlines()]
    intents: dict[str, list[str]] = {}
    for row in rows:
        intents.setdefault(row["intent"], []).append(row["query"])
    rng = random.Random(1)
    drawn = {name: rng.sample(said, min(MESSAGES, len(said))) for name, said in intents.items()}
    lines = (data / "feedbackqa_dev" / "queries.jsonl").read_text().splitlines()[:ELSEWHERE]
    embedder = MiniLM()
    texts = [text for said in drawn.values() for text in said]
    known = dict(zip(texts, np.asarray(await embedder.embed(texts)), strict=True))
    elsewhere = np.asarray(await embedder.embed([json.loads(line)["query"] for line in lines]))
    for shots in SHOTS:
        own, others, far = [], [], []
        for name, said in drawn.items():
            examples = np.stack([known[text] for text in said[:shots]])
            own += [float((examples @ known[text]).max()) for text in said[shots:]]
            rest = [text for other, some in drawn.items() if other != name for text in some[:OTHERS]]
            others += [float((examples @ known[text]).max()) for text in rest]
            far += [float(score) for score in (elsewhere @ examples.T).max(axis=1)]
        for floor in FLOORS:
            caught, hit, missed = (float((np.asarray(scores) >= floor).mean()) for scores in (own, others, far))
            print(f"{shots} examples, {floor}: own {caught:.3f}, other intents {hit:.4f}, elsewhere {missed:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    asyncio.run(main(parser.parse_args().data))
