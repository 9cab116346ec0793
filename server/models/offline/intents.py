"""Intents: how near a message is to each tool, by the meaning and the words of the tools' own examples.

Pure over vectors that are handed in; decides nothing: it only says which readings there are and how sure they are.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from rapidfuzz import fuzz, process

from retrieval.text import is_stop_word, stem, words
from retrieval.types import Embedded, Vectors
from server.models.offline.covered import Covering, make_covering
from server.models.offline.language import Language
from server.models.offline.slots import slots
from server.models.offline.trained import Trained, centred, train
from server.models.offline.world import World
from tools import ToolSpec

EXPLAINED_WEIGHT: Final = 0.2
"""What the words of a message that some example of the tool has are worth: for searches, whose objects no example names."""
_DESCRIPTION_WEIGHT: Final = 0.9
"""A description says what a tool does, not how customers ask for it."""
_FRAME_WEIGHT: Final = 0.75
"""A frame says how something is asked for, not what: less than an example."""
_NAMED_ELSEWHERE: Final = 0.4
"""Likeness (centred) to an example from which a request of no tool is one of this shop's after all, and left out."""
FIRST_WEIGHTS: Final = (1.0, 0.5, 0.25, 0.1)
"""Which tool is meant: the trained score, the middle of its texts, the nearest of them, the deeds that fit or do not."""


class Evidence(NamedTuple):
    """What speaks for one tool. Likenesses are cosines, `*_centred` of what tells the tools apart."""

    trained: float
    middle_centred: float
    near_centred: float
    lead: float
    """Over the next tool; negative for all but the first."""
    explained: float
    elsewhere: float
    """Likeness to what customers ask that no tool here does."""
    middle: float
    deed: float
    """The share of the tool's examples that want the same thing done."""
    other_deed: float
    """The share of them that want something done, where none wants what the message does."""
    few: float
    """How often the number of the tool's texts (examples, its name, its description) is halved below `_USUAL`."""
    covered: float
    """The share of the message's words that are near to some word of the tool, less how much nearer they are to what none does."""


class Weighing(NamedTuple):
    """What each piece of evidence adds to the log odds that the tool is meant, and the odds without any."""

    weights: Evidence
    base: float
    even: float
    """The score that even odds have."""


WORDED: Final = Weighing(
    Evidence(3.67, 2.05, 0.34, 3.08, 0.4, -1.46, -0.88, -0.02, -1.64, 1.03, 4.05), base=-5.82, even=0.63
)
WORDLESS: Final = Weighing(
    Evidence(3.28, 3.17, 2.76, 3.7, 0.89, -2.37, -0.67, -0.2, -1.89, 0.73, 0.0), base=-4.79, even=0.64
)
"""With the words of each text (retrieval.types.TokenEmbedder), and for an embedder that does not give them. Fitted on CLINC150,
BANKING77 and one half of the bitext intents, with 6 to 50 tools of 3 to 10 examples (`python -m bench.routing_fit`). With words,
likeness to what is asked elsewhere as a whole says little more: `covered` holds it, word by word."""
_WORDED_FROM: Final = 5
"""Texts of a tool from which its words are weighed: three examples, its name and its description. With two examples both weighings
tell as much, with one the words cost up to a tenth of the right readings (3 tools of CLINC150, BANKING77, the tuning half): so few
texts have not even the usual words that everybody asks with."""
_USUAL: Final = 9
"""Texts of a tool of which enough is known. To a tool with fewer its own messages are less near, and so is everything else."""
_MOSTLY, _CONTRARY = 0.5, 0.68
"""A tool whose examples mostly want something else done scores no more than this, so that no effect begins by it."""
_ENOUGH: Final = 4
"""One text in so many that wants the same thing done is enough for a tool to be no other: examples word it in many ways."""
_LARGEST_LEAD: Final = 0.5
"""A longer lead says no more."""
_SCALE: Final = 0.1
"""A score is `even` plus the log odds times `_SCALE`, cut to 0..1: with words even odds are .63, 1 to 2 are .56, 3 to 1 are .74. A
choice by hand, no fit: `_SCALE` puts the odds on the scale of the likenesses that scores once were, so that the limits of plan.py
and rank.py could stay; `even` was set anew with each set of weights (.69, .55, .64, with words .63). Without words 8 of 10 messages
of intents that no tool has stay below rank.MAYBE and 9 of 10 of the tools' own do not, on the half of bitext_intents that
`bench.routing` does not ask. With words, at .63, .882 and .776 stay below there and .893 and .934 are right, with 5 and 10
examples (6 draws): its two goals are about equally far away, in standard errors."""
_TYPO: Final = 80.0
"""Similarity (0-100, rapidfuzz) from which an unknown word counts as a misspelt known one: one edit in four letters."""
_DIGITS: Final = re.compile(r"#?\b[A-Za-z]{0,4}[-–]?\d{3}[\w-]*")


@dataclass(frozen=True)
class Reading:
    """How well one tool fits a text: `score` 0..1; `dense` is the likeness of its nearest example."""

    name: str
    score: float
    dense: float
    example: str
    explained: float = 1.0
    """The weighted share of the text's words that some example of the tool has."""


@dataclass(frozen=True)
class Bank:
    """The example texts of a set of tools with their vectors and stems, and the classifier trained on them."""

    key: str
    texts: tuple[str, ...]
    owners: tuple[str, ...]
    weights: tuple[float, ...]
    stems: tuple[frozenset[str], ...]
    idf: Mapping[str, float]
    vocabulary: tuple[str, ...]
    """All words of the examples, and those of every trade: what misspelt words are compared with."""
    vectors: Vectors
    trained: Trained
    elsewhere: Vectors
    """Centred vectors of what customers ask that none of the tools does."""
    world: World
    covering: Covering | None = None
    """None where the embedder does not tell words apart."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The tools in the order of the classifier."""
        return tuple(dict.fromkeys(self.owners))

    @cached_property
    def rows(self) -> dict[str, list[int]]:
        """The indexes of each tool's texts."""
        out: dict[str, list[int]] = {}
        for index, owner in enumerate(self.owners):
            out.setdefault(owner, []).append(index)
        return out

    @cached_property
    def centred(self) -> Vectors:
        """The vectors without what all texts share."""
        return centred(self.vectors, self.trained.middle)

    @cached_property
    def middles(self) -> tuple[Vectors, Vectors]:
        """The directions in which each tool's texts lie on average, as they are and centred."""
        return self._middles(self.vectors), self._middles(self.centred)

    def _middles(self, vectors: Vectors) -> Vectors:
        means = np.stack([vectors[self.rows[name]].mean(axis=0) for name in self.names])
        out: Vectors = (means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6)).astype(np.float32)
        return out

    @cached_property
    def known(self) -> dict[str, frozenset[str]]:
        """The stems of each tool's texts."""
        return {
            name: frozenset[str]().union(*(self.stems[index] for index in rows)) for name, rows in self.rows.items()
        }

    @cached_property
    def deeds(self) -> dict[str, tuple[Mapping[str, float], float]]:
        """For each tool the share of its texts that want each thing done, and of those that want anything done."""
        out: dict[str, tuple[Mapping[str, float], float]] = {}
        for name, rows in self.rows.items():
            found = [self.world.deeds_in(self.texts[index]) for index in rows]
            counted = Counter(deed for some in found for deed in some)
            shares = {deed: times / len(rows) for deed, times in counted.items()}
            out[name] = (shares, sum(1 for some in found if some) / len(rows))
        return out


def masked(text: str) -> str:
    """The text with every long number made the same, so that order 99123 is as near to "order 1042" as 1042 itself."""
    return _DIGITS.sub("1234", text)


def bank_texts(
    tools: Sequence[ToolSpec], world: World, frame: Callable[[str], str] = lambda _: ""
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
    rows += [(text, "", 1.0) for text in world.elsewhere] if rows else []
    digest = hashlib.sha256("\x1f".join(f"{name}\x1e{text}" for text, name, _ in rows).encode()).hexdigest()
    return digest, rows


def make_bank(key: str, rows: Sequence[tuple[str, str, float]], made: Sequence[Embedded], world: World) -> Bank:
    """The bank for these rows, trained; `made` has the vectors of each. About 0.3 s for 300 rows."""
    vectors = np.stack([one.vector for one in made]) if made else np.zeros((0, 1), np.float32)
    own = [index for index, (_, owner, _) in enumerate(rows) if owner]
    away = [index for index, (_, owner, _) in enumerate(rows) if not owner]
    texts = tuple(rows[index][0] for index in own)
    owners = tuple(rows[index][1] for index in own)
    weights = tuple(rows[index][2] for index in own)
    stems = tuple(frozenset(_stems(text)) for text in texts)
    per_owner: dict[str, set[str]] = {}
    for owner, found in zip(owners, stems, strict=True):
        per_owner.setdefault(owner, set()).update(found)
    count = max(len(per_owner), 1)
    known = {word for found in per_owner.values() for word in found}
    idf = {
        word: math.log(1 + count / sum(1 for found in per_owner.values() if word in found)) for word in sorted(known)
    }
    vocabulary = tuple(
        sorted({word for text in (*texts, *world.elsewhere) for word in words(text) if word.isalpha()} | world.verbs)
    )
    middle = np.asarray(vectors.mean(axis=0) if len(rows) else np.zeros(vectors.shape[1:]), dtype=np.float32)
    seen = centred(vectors, middle)
    if own and away:  # what this shop does is nothing that is asked elsewhere
        like = (seen[away] @ seen[own].T).max(axis=1)
        away = [index for index, near in zip(away, like, strict=True) if near < _NAMED_ELSEWHERE]
    numbers = {name: place for place, name in enumerate(dict.fromkeys(owners))}
    every = [*own, *away]
    places, trust = [numbers.get(rows[index][1], -1) for index in every], [rows[index][2] for index in every]
    trained = train([rows[index][0] for index in every], places, trust, seen[every], middle)
    covering = make_covering([made[index].tokens for index in every], places, trust)
    return Bank(key, texts, owners, weights, stems, idf, vocabulary, vectors[own], trained, seen[away], world, covering)


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
        swapped = sorted(found[0]) == sorted(word)  # "omney"
        return found[0] if found[0][0] == word[0] or swapped else match.group()

    return re.sub(r"[^\W\d_]+", fix, text)


def readings(texts: Sequence[str], heard: Sequence[Embedded], bank: Bank) -> list[Reading]:
    """All tools, best first. `texts` are variants of one message (as written, corrected, in English); the best counts."""
    best: dict[str, Reading] = {}
    worded = {name for name, rows in bank.rows.items() if bank.covering and len(rows) >= _WORDED_FROM}
    for text, one in zip(texts, heard, strict=True):
        similar = np.clip(bank.vectors @ one.vector, 0.0, 1.0) * np.asarray(bank.weights, dtype=np.float32)
        for name, found in evidence(text, one, bank).items():
            nearest = max(bank.rows[name], key=lambda index: float(similar[index]))
            dense = float(similar[nearest])
            weighing = WORDED if name in worded else WORDLESS
            odds = weighing.base + sum(weight * value for weight, value in zip(weighing.weights, found, strict=True))
            score = min(max(weighing.even + _SCALE * odds, 0.9 * dense if dense > 0.9 else 0.0, 0.0), 1.0)
            if found.other_deed > _MOSTLY:
                score = min(score, _CONTRARY)
            if name not in best or score > best[name].score:
                best[name] = Reading(name, score, dense, bank.texts[nearest], found.explained)
    return sorted(best.values(), key=lambda reading: (-reading.score, reading.name))


def evidence(text: str, heard: Embedded, bank: Bank) -> dict[str, Evidence]:
    """What speaks for each tool, of one wording of a message, its vector and those of its words."""
    vector = heard.vector
    text = masked(text)
    seen = centred(vector, bank.trained.middle)
    trained = bank.trained.scores(text, seen)
    near, near_centred = _nearest(bank.vectors @ vector, bank), _nearest(bank.centred @ seen, bank)
    middle, middle_centred = bank.middles[0] @ vector, bank.middles[1] @ seen
    deeds = bank.world.deeds_in(text)
    fits = np.asarray([_deeds_fit(deeds, bank.deeds[name]) for name in bank.names])
    parts = (trained, middle_centred, near, fits[:, 0] - fits[:, 1])
    first = sum(weight * part for weight, part in zip(FIRST_WEIGHTS, parts, strict=True))
    order = np.sort(np.append(first, np.min(first) - _LARGEST_LEAD))
    rivals = np.where(first == order[-1], order[-2], order[-1])
    elsewhere = float((bank.elsewhere @ seen).max()) if len(bank.elsewhere) else 0.0
    stems = frozenset(_stems(text))
    # A number alone is no word: every tool that takes one would have it ("31-147", asked for as a postcode).
    covering = bank.covering if any(map(str.isalpha, text)) else None
    covered = covering.covered(heard.tokens) if covering else np.zeros(len(bank.names))
    return {
        name: Evidence(
            float(trained[at]),
            float(middle_centred[at]),
            float(near_centred[at]),
            min(float(first[at] - rivals[at]), _LARGEST_LEAD),
            _explained(stems, bank.known[name], bank),
            elsewhere,
            float(middle[at]),
            float(fits[at, 0]),
            float(fits[at, 1]),
            math.log2(_USUAL / len(bank.rows[name])),
            float(covered[at]),
        )
        for at, name in enumerate(bank.names)
    }


def _nearest(similar: Vectors, bank: Bank) -> Vectors:
    """The likeness of each tool's nearest text; a description or a frame is worth less than an example."""
    weighed = similar * np.asarray(bank.weights, dtype=np.float32)
    return np.asarray([float(weighed[bank.rows[name]].max()) for name in bank.names], dtype=np.float32)


def _deeds_fit(deeds: frozenset[str], own: tuple[Mapping[str, float], float]) -> tuple[float, float]:
    """How many of a tool's texts want what the message wants done; if none, how many want something else."""
    shares, any_share = own
    fit = max((shares.get(deed, 0.0) for deed in deeds), default=0.0)
    return fit, any_share * max(0.0, 1 - _ENOUGH * fit) if deeds else 0.0


def _explained(stems: frozenset[str], known: frozenset[str], bank: Bank) -> float:
    unknown = max(bank.idf.values(), default=1.0)
    telling = [word for word in stems if not _empty(word)] or list(stems)
    total = sum(bank.idf.get(word, unknown) for word in telling)
    return sum(bank.idf.get(word, unknown) for word in telling if word in known) / total if total else 0.0


def _empty(word: str) -> bool:
    return is_stop_word(word, "en") or is_stop_word(word, "de")


def command_verbs(tools: Sequence[ToolSpec], language: Language) -> frozenset[str]:
    """Words that begin examples of the tools: what a further command in a message may begin with."""
    firsts = {found[0] for spec in tools for example in spec.examples if (found := words(example))}
    return frozenset(word for word in firsts if word.isalpha() and not language.is_stop(word))
