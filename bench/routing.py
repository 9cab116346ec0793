"""How well `shopbell route` understands without a model: `python -m bench.routing [--data DIR] [--seeds N]`; about 4 minutes.

Writes shops whose tools are the intents of bitext_intents with 5 and 10 of its messages as examples, all intents and with
a third of them held out, and asks the real command. Asked are messages of the half that no weight was fitted on; what else
was seen of that half is told in docs/promises.md.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Final

from bench.understanding import half, rows

SHOTS: Final = (5, 10)
MESSAGES: Final = 400
"""Asked of each shop: a share of .90 is then known to .03 (two standard errors), of .005 to .007."""
QUESTIONS: Final = 150
"""Questions of each foreign set that are asked of each shop with all tools."""
STARTS: Final = frozenset({"call", "ask", "sign_in", "start"})
"""Reasons of a pick with which something begins; "offer" and "near: …" begin nothing."""
PEOPLE: Final = ("contact_", "complaint")
"""Intents for which going to a person is right as well."""
_WRITES: Final = ("cancel", "change", "create", "delete", "edit", "place", "recover", "set_", "switch", "get_refund")
_ALSO: Final = ("newsletter_subscription",)

PLUGIN: Final = '''"""The intents as tools."""

import json
from pathlib import Path

from tools import Caller, tool


def setup(kit):
    for name, (effect, examples) in json.loads((Path(__file__).parent / "intents.json").read_text()).items():
        kit.tools.add(made(name, effect, examples))


def made(name, effect, examples):
    async def run(caller: Caller) -> None:
        pass

    run.__name__ = name
    run.__doc__ = name.replace("_", " ").capitalize() + "."
    return tool(scope="bench", effect=effect, examples=examples)(run)
'''

Row = Mapping[str, Any]
Pick = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """A message, the intent that it has (none for a question from elsewhere), and what came first."""

    intent: str
    first: Pick

    @property
    def is_tool(self) -> bool:
        """Whether a tool came first, to begin or to be offered."""
        return self.first["kind"] in ("tool", "workflow")

    @property
    def right(self) -> bool:
        """Whether what came first is the intent, or a person where one was wanted."""
        person = self.first["kind"] == "human" and self.intent.startswith(PEOPLE)
        return person or (self.is_tool and self.first["name"] == self.intent)

    @property
    def unrequested(self) -> bool:
        """Whether something with an effect would begin that the message did not ask for."""
        begins = self.is_tool and self.first["why"] in STARTS and writes(self.first["name"])
        return begins and self.first["name"] != self.intent


def writes(intent: str) -> bool:
    """Whether a tool for the intent changes something."""
    return intent.startswith(_WRITES) or intent in _ALSO


def shop(folder: Path, shown: Mapping[str, Sequence[str]]) -> Path:
    """A shop directory whose tools are these intents with these examples."""
    (folder / "help").mkdir(parents=True)
    (folder / "site.yaml").write_text("key: pk_bench\nname: Bench\n", encoding="utf-8")
    (folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    intents = {name: ("write" if writes(name) else "read", list(examples)) for name, examples in shown.items()}
    (folder / "intents.json").write_text(json.dumps(intents), encoding="utf-8")
    return folder


def routed(folder: Path, messages: Sequence[tuple[str, str]]) -> list[Asked]:
    """What `shopbell route` says of each (text, intent)."""
    queries = folder / "queries.jsonl"
    lines = (json.dumps({"id": str(at), "query": text}) for at, (text, _) in enumerate(messages))
    queries.write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "server.cli", "route", "--shop", str(folder), "--data", str(folder / "data")]
    done = subprocess.run([*command, "--queries", str(queries)], check=True, capture_output=True, text=True)
    found = [json.loads(line)["picks"][0] for line in done.stdout.splitlines()]
    return [Asked(intent, first) for (_, intent), first in zip(messages, found, strict=True)]


def questions(data: Path, rng: random.Random) -> list[tuple[str, str]]:
    """Questions that no intent has: to know something is no order to do it."""
    out: list[tuple[str, str]] = []
    for name in ("stackfaq", "feedbackqa_dev"):
        path = data / name / "queries.jsonl"
        out += [(row["query"], "") for row in rng.sample(rows(path), QUESTIONS)] if path.exists() else []
    return out


def trial(data: Path, shots: int, seed: int) -> Iterator[tuple[str, float]]:
    """The figures of one draw of examples."""
    rng = random.Random(f"{shots} {seed}")
    every = rows(data / "bitext_intents" / "queries.jsonl")
    by_intent: dict[str, list[Row]] = {}
    for row in every:
        by_intent.setdefault(row["intent"], []).append(row)
    names = sorted(by_intent)
    drawn = {name: rng.sample([row for row in by_intent[name] if row["split"] == "train"], shots) for name in names}
    shown = {name: [row["query"] for row in some] for name, some in drawn.items()}
    taken = {row["query"] for some in drawn.values() for row in some}
    left = [(row["query"], row["intent"]) for row in every if row["query"] not in taken and half(row["id"]) == "held"]
    asked = rng.sample(left, MESSAGES)
    foreign = set(rng.sample(names, len(names) // 3))
    with tempfile.TemporaryDirectory() as folder:
        full = routed(shop(Path(folder) / "full", shown), [*asked, *questions(data, rng)])
        known = {name: examples for name, examples in shown.items() if name not in foreign}
        part = routed(shop(Path(folder) / "part", known), asked)
    inside, elsewhere = full[: len(asked)], full[len(asked) :]
    outside = [one for one in part if one.intent in foreign]
    kept = [one for one in part if one.intent not in foreign]
    yield "accuracy", mean(one.right for one in inside)
    yield "another tool first", mean(one.is_tool and not one.right for one in inside)
    yield "unrequested starts", mean(one.unrequested for one in inside)
    yield "out of scope: no tool", mean(not one.is_tool for one in outside)
    yield "out of scope: unrequested starts", mean(one.unrequested for one in outside)
    yield "in scope beside it: right", mean(one.right for one in kept)
    if elsewhere:
        yield "foreign questions: no tool", mean(not one.is_tool for one in elsewhere)
        yield "foreign questions: unrequested starts", mean(one.unrequested for one in elsewhere)


GOALS: Final = {
    5: {"accuracy": "≥ .88", "unrequested starts": "≤ .005", "out of scope: no tool": "≥ .80"},
    10: {"accuracy": "≥ .93", "unrequested starts": "≤ .005", "out of scope: no tool": "≥ .80"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    for shots in SHOTS:
        found: dict[str, list[float]] = {}
        for seed in range(given.seeds):
            for name, figure in trial(given.data, shots, seed):
                found.setdefault(name, []).append(figure)
        print(f"{shots} examples an intent, {given.seeds} draws of {MESSAGES} messages of the held half:")
        for name, figures in found.items():
            each = " ".join(f"{figure:.3f}" for figure in figures)
            print(f"  {name:40} {mean(figures):.3f}  ({each})  {GOALS[shots].get(name, '')}", flush=True)


if __name__ == "__main__":
    main()
