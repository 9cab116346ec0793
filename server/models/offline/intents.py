"""Intents: how near a message is to each tool, by the meaning and the words of the tools' own examples.

Pure over vectors that are handed in; decides nothing: it only says which readings there are and how sure they are.
"""

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from rapidfuzz import fuzz, process

from retrieval.text import stem, words
from retrieval.types import Vectors
from server.models.offline.language import Language
from server.models.offline.slots import slots
from tools import ToolSpec

DENSE_WEIGHT, WORDS_WEIGHT, EXPLAINED_WEIGHT = 0.6, 0.2, 0.2
"""Meaning, words shared with one example, and words that any example knows. Chosen on half of the bitext intents with
bench/understanding.py: against meaning and shared words alone, 3 points of accuracy and 11 of unknown intents left alone."""
TOP_SHARE, SECOND_SHARE, MIDDLE_SHARE = 0.33, 0.17, 0.5
"""Of meaning: the nearest example, the next, and the middle of all. On the tuning half of the bitext intents the middle brings
1.8 points of the best reading at 5 examples an intent and 1.4 at 10, and 2 of unknown intents left alone."""
_DESCRIPTION_WEIGHT: Final = 0.9
"""A description says what a tool does, not how customers ask for it."""
_FRAME_WEIGHT: Final = 0.75
"""A frame says how something is asked for, not what: less than an example."""
_TYPO: Final = 80.0
"""Similarity (0-100, rapidfuzz) from which an unknown word counts as a misspelt known one: one edit in four letters."""
_DIGITS: Final = re.compile(r"#?\b[A-Za-z]{0,4}[-–]?\d{3,}[\w-]*")


@dataclass(frozen=True)
class Reading:
    """How well one tool fits a text: `score` 0..1; `dense` and `lexical` are what it was made of."""

    name: str
    score: float
    dense: float
    lexical: float
    example: str
    explained: float = 1.0
    """The weighted share of the text's words that some example of the tool has."""


@dataclass(frozen=True)
class Bank:
    """The example texts of a set of tools with their vectors and stems."""

    key: str
    texts: tuple[str, ...]
    owners: tuple[str, ...]
    weights: tuple[float, ...]
    stems: tuple[frozenset[str], ...]
    idf: Mapping[str, float]
    vocabulary: tuple[str, ...]
    """All words of the examples: what misspelt words are compared with."""
    vectors: Vectors

    @cached_property
    def rows(self) -> dict[str, list[int]]:
        """The indexes of each tool's texts."""
        out: dict[str, list[int]] = {}
        for index, owner in enumerate(self.owners):
            out.setdefault(owner, []).append(index)
        return out

    @cached_property
    def middles(self) -> dict[str, Vectors]:
        """The direction in which each tool's texts lie on average."""
        found = {
            name: np.asarray(self.vectors[rows].mean(axis=0), dtype=np.float32) for name, rows in self.rows.items()
        }
        return {name: vector / np.float32(max(float(np.linalg.norm(vector)), 1e-6)) for name, vector in found.items()}


def masked(text: str) -> str:
    """The text with every long number made the same, so that order 99123 is as near to "order 1042" as 1042 itself."""
    return _DIGITS.sub("1234", text)


def bank_texts(
    tools: Sequence[ToolSpec], frame: Callable[[str], str] = lambda _: ""
) -> tuple[str, list[tuple[str, str, float]]]:
    """A content hash of what tools say about themselves, and (text, tool, weight) of each thing they say.

    `frame` is the text with what it searches for left open, or "": a product that no example names is asked for in the
    same words as those that are named.
    """
    rows: list[tuple[str, str, float]] = []
    for spec in tools:
        rows += [(masked(example), spec.name, 1.0) for example in spec.examples]
        if any(slot.kind == "free" and slot.required for slot in slots(spec.json_schema)):
            open_ones = dict.fromkeys(frame(example) for example in spec.examples)
            rows += [(text, spec.name, _FRAME_WEIGHT) for text in open_ones if text]
        first = re.split(r"(?<=[.!?])\s|\n", spec.description.strip(), maxsplit=1)[0]
        if first:
            rows.append((first, spec.name, _DESCRIPTION_WEIGHT))
        rows.append((spec.name.replace("_", " ").replace("-", " "), spec.name, _DESCRIPTION_WEIGHT))
    digest = hashlib.sha256("\x1f".join(f"{name}\x1e{text}" for text, name, _ in rows).encode()).hexdigest()
    return digest, rows


def make_bank(key: str, rows: Sequence[tuple[str, str, float]], vectors: Vectors) -> Bank:
    """The bank for these rows; `vectors` has one row for each."""
    stems = tuple(frozenset(_stems(text)) for text, _, _ in rows)
    owners = tuple(name for _, name, _ in rows)
    per_owner: dict[str, set[str]] = {}
    for owner, found in zip(owners, stems, strict=True):
        per_owner.setdefault(owner, set()).update(found)
    count = max(len(per_owner), 1)
    known = {word for found in per_owner.values() for word in found}
    idf = {
        word: math.log(1 + count / sum(1 for found in per_owner.values() if word in found)) for word in sorted(known)
    }
    vocabulary = tuple(sorted({word for text, _, _ in rows for word in words(text) if word.isalpha()}))
    weights = tuple(weight for _, _, weight in rows)
    return Bank(key, tuple(text for text, _, _ in rows), owners, weights, stems, idf, vocabulary, vectors)


_LIGHT: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "to",
        "of",
        "for",
        "in",
        "on",
        "at",
        "is",
        "are",
        "be",
        "me",
        "i",
        "you",
        "it",
        "my",
        "your",
        "we",
        "do",
        "does",
        "can",
        "could",
        "would",
        "please",
        "and",
        "or",
        "with",
        "that",
        "this",
    ]
)


def _stems(text: str) -> list[str]:
    return [stem(word, "en") for word in words(text) if word not in _LIGHT]


def corrected(text: str, bank: Bank, language: Language, known: frozenset[str]) -> str:
    """The text with unknown words replaced by the nearest known word, if one is near enough.

    Known are the words of the examples, of the language's questions, and `known` (from the passages).
    """
    vocabulary = frozenset(bank.vocabulary) | known | language.words["openers"] | language.words["attributes"]
    choices = sorted(word for word in vocabulary if len(word) > 2)

    def fix(match: re.Match[str]) -> str:
        word = match.group().lower()
        right = word in vocabulary or language.is_stop(word) or word in language.words["detect"]
        if len(word) < 4 or right or (match.group()[0].isupper() and match.start() > 0):
            return match.group()
        found = process.extractOne(word, choices, scorer=fuzz.ratio, score_cutoff=_TYPO)
        if found is None:
            found = process.extractOne(word, choices, scorer=fuzz.ratio, score_cutoff=_TYPO - 6)
            if found is None or sorted(found[0]) != sorted(word):  # letters swapped: "ordre"
                return match.group()
        return found[0] if found[0][0] == word[0] else match.group()

    return re.sub(r"[^\W\d_]+", fix, text)


def readings(texts: Sequence[str], vectors: Vectors, bank: Bank) -> list[Reading]:
    """All tools, best first. `texts` are variants of one message (as written, corrected, in English); the best counts."""
    best: dict[str, Reading] = {}
    for text, vector in zip(texts, vectors, strict=True):
        similar = np.clip(bank.vectors @ vector, 0.0, 1.0) * np.asarray(bank.weights, dtype=np.float32)
        stems = frozenset(_stems(masked(text)))
        lexical = [
            _overlap(stems, other, bank.idf) * weight for other, weight in zip(bank.stems, bank.weights, strict=True)
        ]
        for name, rows in bank.rows.items():
            middle = max(0.0, float(bank.middles[name] @ vector))
            if any(bank.weights[index] == _FRAME_WEIGHT for index in rows):
                # Of a search the examples share how they ask, not what for: their middle is near whatever is asked so.
                middle = min(middle, max(float(similar[index]) for index in rows))
            reading = _reading(rows, similar, lexical, (_explained(stems, rows, bank), middle), bank)
            if name not in best or reading.score > best[name].score:
                best[name] = reading
    return sorted(best.values(), key=lambda reading: (-reading.score, reading.name))


def _explained(stems: frozenset[str], rows: Sequence[int], bank: Bank) -> float:
    known = frozenset[str]().union(*(bank.stems[index] for index in rows))
    unknown = max(bank.idf.values(), default=1.0)
    total = sum(bank.idf.get(word, unknown) for word in stems)
    return sum(bank.idf.get(word, unknown) for word in stems & known) / total if total else 0.0


def _reading(
    rows: Sequence[int], similar: Vectors, lexical: Sequence[float], whole: tuple[float, float], bank: Bank
) -> Reading:
    """`whole`: how much of the text all examples together explain, and how near it is to their middle."""
    explained, middle = whole
    order = sorted(rows, key=lambda index: -float(similar[index]))
    top = float(similar[order[0]])
    second = float(similar[order[1]]) if len(order) > 1 else top * 0.9
    dense = TOP_SHARE * top + SECOND_SHARE * second + MIDDLE_SHARE * middle
    words_score = max((lexical[index] for index in rows), default=0.0)
    score = DENSE_WEIGHT * dense + WORDS_WEIGHT * words_score + EXPLAINED_WEIGHT * explained
    score = min(max(score, 0.9 * top if top > 0.9 else 0.0), 1.0)
    return Reading(bank.owners[order[0]], score, dense, words_score, bank.texts[order[0]], explained)


def _overlap(mine: frozenset[str], other: frozenset[str], idf: Mapping[str, float]) -> float:
    """Shared weight in both directions (F1), so that neither a long message nor a long example wins by length."""
    if not mine or not other:
        return 0.0
    unknown = max(idf.values(), default=1.0)
    both = sum(idf.get(word, unknown) for word in mine & other)
    if not both:
        return 0.0
    mine_total = sum(idf.get(word, unknown) for word in mine)
    other_total = sum(idf.get(word, unknown) for word in other)
    return 2 * both / (mine_total + other_total)


def command_verbs(tools: Sequence[ToolSpec], language: Language) -> frozenset[str]:
    """Words that begin examples of the tools: what a further command in a message may begin with."""
    firsts = {found[0] for spec in tools for example in spec.examples if (found := words(example))}
    return frozenset(word for word in firsts if word.isalpha() and not language.is_stop(word))
