"""What the hold on claims (L4) costs: `python -m bench.promises_claims [--data DIR] [--show N]`; about 20 s.

How many sentences of real support texts it would withhold, and how long a token takes.

It needs collections of texts: DIR/*/docs.jsonl with "text" or "markdown" on each line, and agents' lines in *conversations.jsonl.
"""

import argparse
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

from retrieval.text import sentences
from server.claims import Hold, Lexicon, Proof

TOKENS = 220
ROUNDS = 20


def texts(folder: Path) -> Iterator[str]:
    for file in folder.glob("*docs.jsonl"):
        for line in file.read_text("utf-8").splitlines():
            row = json.loads(line)
            yield row.get("text") or row.get("markdown") or ""
    for file in folder.glob("*conversations.jsonl"):
        for line in file.read_text("utf-8").splitlines():
            yield from (text for who, text in json.loads(line)["turns"] if who == "agent")


def withheld(text: str, proof: Proof) -> list[str]:
    hold = Hold(proof)
    hold.feed(text)
    hold.finish()
    return hold.withheld


def token_us(tokens: list[str], proof: Proof) -> float:
    """Of the fastest of some rounds: the machine's other work does not count."""
    best = float("inf")
    for _ in range(ROUNDS):
        hold = Hold(proof)
        started_s = time.perf_counter()
        for token in tokens:
            hold.feed(token)
        best = min(best, time.perf_counter() - started_s)
    return best / len(tokens) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default, help="a directory of collections")
    parser.add_argument("--show", type=int, default=0, help="sentences to print of each")
    args = parser.parse_args()
    proof = Proof(lexicon=Lexicon.of())
    prose = (
        "Our boots are waterproof and weigh about two kilos a pair. Most customers wear them for hiking in the Alps, and"
        " they come in sizes from 36 to 48. If you need half sizes, please have a look at the table below the pictures. "
    )
    tokens = (re.findall(r"\s?\S+", prose) * 10)[:TOKENS]
    print(f"prose: {token_us(tokens, proof):.2f} µs a token")
    print(f"plain words: {token_us([f' word{n}' for n in range(TOKENS)], proof):.2f} µs a token")
    if not args.data.is_dir():
        print("no directory of texts: false alarms are not measured")
        return
    for folder in sorted(path for path in args.data.iterdir() if path.is_dir()):
        found = list(texts(folder))
        if not found:
            continue
        total = sum(len(sentences(text)) for text in found)
        held = [sentence for text in found for sentence in withheld(text, proof)]
        print(f"{folder.name}: {len(held)} of {total} sentences withheld ({len(held) / total:.2%})")
        for sentence in held[: args.show]:
            print(f"  {sentence}")


if __name__ == "__main__":
    main()
