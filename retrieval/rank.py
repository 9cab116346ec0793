"""How candidates of both arms become one ranking with scores that can be compared between queries.

Pure: numbers and words in, numbers out. Tuned on a half of public question sets; see docs/knowledge.md.
"""

import math
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from retrieval.engine import Candidate
from retrieval.text import is_stop_word, stem, words
from retrieval.types import Vectors


@dataclass(slots=True)
class Vocabulary:
    """The stems of one site, in how many passages each occurs, and which languages it has."""

    passages: int = 0
    frequency: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    corrections: dict[str, str | None] = field(default_factory=dict)

    @staticmethod
    def of(stored: Iterable[tuple[str, Iterable[str]]]) -> "Vocabulary":
        """From (language, terms) of every passage."""
        made = Vocabulary()
        for language, found in stored:
            made.passages += 1
            made.languages[language] += 1
            made.frequency.update(found)
        return made

    def weight(self, term: str) -> float:
        """Inverse document frequency, 0 for what every passage has; a word nobody wrote weighs most."""
        seen = self.frequency.get(term, 0)
        return math.log(1 + (self.passages - seen + 0.5) / (seen + 0.5))

    def corrected(self, term: str) -> str | None:
        """The word that was probably meant by one that no passage has; None when nothing is near enough."""
        if term not in self.corrections:
            if len(self.corrections) > 10_000:
                self.corrections.clear()
            self.corrections[term] = self._nearest(term)
        return self.corrections[term]

    def _nearest(self, term: str) -> str | None:
        if len(term) < 4 or not term.isalpha():
            return None
        most = 1 if len(term) < 8 else 2
        found = process.extract(term, self.frequency.keys(), scorer=OSA.distance, score_cutoff=most, limit=8)
        # A slip of the finger rarely hits the first letter.
        near = [(distance, -self.frequency[word], word) for word, distance, _ in found if word[0] == term[0]]
        return min(near)[2] if near else None


@dataclass(frozen=True, slots=True)
class Question:
    """The words of a query that carry its subject, each with its weight at this site."""

    terms: tuple[tuple[str, float], ...]
    corrected: tuple[str, ...]  # stems put in for misspelt words

    @staticmethod
    def of(query: str, vocabulary: Vocabulary, languages: Sequence[str]) -> "Question":
        """Stems, weights and corrections of a query."""
        weights: dict[str, float] = {}
        corrected: list[str] = []
        for language in languages:
            for word in dict.fromkeys(words(query)):
                if is_stop_word(word, language):
                    continue
                term = stem(word, language)
                if term not in vocabulary.frequency and (meant := vocabulary.corrected(term)):
                    corrected.append(meant)
                    term = meant
                weights[term] = vocabulary.weight(term)
        return Question(tuple(weights.items()), tuple(dict.fromkeys(corrected)))

    def coverage(self, present: frozenset[str]) -> float:
        """Which share of the query's weight a text has, 0..1."""
        total = sum(weight for _, weight in self.terms)
        return sum(weight for term, weight in self.terms if term in present) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Weights:
    """What each sign counts. Each lies in 0..1 whatever the query, so one scale serves all queries.

    Found by a coarse search over half of the questions of two public sets; see docs/knowledge.md.
    """

    dense: float = 1.0  # cosine of question and passage
    head: float = 0.6  # cosine of question and title with headings
    bm25: float = 0.6  # as a share of the most that BM25 can give for these words
    coverage: float = 0.1  # share of the question's word weight that the passage has
    head_coverage: float = 0.1  # the same for title and headings


# A sum of 0.8 is where questions of another subject (95 % below 0.61) and questions with an answer (95 % above 1.03)
# meet, over all questions of both sets (this scale, unlike the weights, has no held-out half); 5 puts the two at 0.28
# and 0.76.
_MIDDLE, _STEEPNESS = 0.8, 5.0
# BM25 gives a word at most its IDF times k + 1, with Qdrant's k of 1.2.
_BM25_MOST = 2.2


def rank(
    candidates: Sequence[Candidate], question: Question, vector: Vectors, weights: Weights = Weights()
) -> list[tuple[float, Candidate]]:
    """(score in 0..1, candidate), best first; equal ones in the order of document and place.

    `vector` is the question's embedding. A score of 0.5 is as near to an answer as to another subject.
    """
    most = _BM25_MOST * sum(weight for _, weight in question.terms)
    found: list[tuple[float, Candidate]] = []
    for candidate in candidates:
        payload = candidate.payload
        value = (
            weights.dense * candidate.dense
            + weights.head * float(unpacked(payload["head_vector"]) @ vector)
            + weights.bm25 * (min(candidate.sparse / most, 1.0) if most else 0.0)
            + weights.coverage * question.coverage(frozenset(payload["terms"]))
            + weights.head_coverage * question.coverage(frozenset(payload["head_terms"]))
        )
        found.append((1 / (1 + math.exp(-_STEEPNESS * (value - _MIDDLE))), candidate))
    found.sort(key=lambda one: (-one[0], str(one[1].payload["document"]), int(one[1].payload["start"])))
    return found


def packed(vector: Vectors) -> str:
    """A unit vector as text for a payload: half precision, base64; the cosine keeps three digits."""
    return b64encode(vector.astype(np.float16).tobytes()).decode("ascii")


def unpacked(text: str) -> Vectors:
    """The vector that `packed` wrote."""
    return np.frombuffer(b64decode(text), dtype=np.float16).astype(np.float32)
