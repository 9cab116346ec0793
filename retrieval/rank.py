"""How candidates of both arms become one ranking with scores that can be compared between queries.

Pure: numbers and words in, numbers out. Tuned on a half of public question sets; see docs/knowledge.md.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import process
from rapidfuzz.distance import OSA

from retrieval.engine import Candidate
from retrieval.text import is_stop_word, stem, words


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
    """What each sign counts; see docs/knowledge.md for how they were found."""

    dense: float = 1.0
    bm25: float = 0.25
    coverage: float = 0.15
    head: float = 0.1


def rank(
    candidates: Sequence[Candidate], question: Question, weights: Weights = Weights()
) -> list[tuple[str, float, Mapping[str, object]]]:
    """(key, score in 0..1, payload), best first; equal scores in the order of document and place."""
    if not candidates:
        return []
    best = max(candidate.sparse for candidate in candidates) or 1.0
    found = []
    for candidate in candidates:
        present = frozenset(candidate.payload["terms"])
        head = frozenset(candidate.payload["head_terms"])
        value = (
            weights.dense * candidate.dense
            + weights.bm25 * candidate.sparse / best
            + weights.coverage * question.coverage(present)
            + weights.head * question.coverage(head)
        )
        found.append((value, candidate))
    found.sort(key=lambda one: (-one[0], str(one[1].payload["document"]), int(one[1].payload["start"])))
    total = weights.dense + weights.bm25 + weights.coverage + weights.head
    return [(one.key, min(max(value / total, 0.0), 1.0), one.payload) for value, one in found]
