"""Gaps: questions that mean the same are gathered, so that a merchant sees which article is missing.

Pure: vectors come in, no model is asked here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from retrieval.types import Vectors
from server.conversation import site_of
from server.insights.tally import Question

NEAR: Final = 0.55
"""Cosine similarity from which two questions mean the same to MiniLM: docs/insights.md has what was tried."""
NO_ARTICLE: Final = 0.35
"""Below this score no article is about it: what `server.turns.knowledge.SHOWN_SCORE` is for customers."""
EXAMPLES: Final = 4


@dataclass(frozen=True, slots=True)
class Gap:
    """Questions about one thing that nothing answered."""

    label: str
    """The question that is nearest to all the others."""
    questions: int
    customers: int
    """Conversations in which it was asked."""
    reply: str
    """What was said to that question."""
    nearest: str
    """The article that came nearest to it; empty if none is about it."""
    examples: tuple[str, ...]
    last_ms: int
    site: str
    """The shop that the question in `label` was asked in."""


def gather(asked: Sequence[tuple[str, Question]], vectors: Vectors) -> list[Gap]:
    """Clusters of `(conversation, question)` by their unit vectors, those that most customers asked first.

    Greedy: the question with most neighbours takes them all, then the next of those that are left. n × n floats of memory.
    """
    if not asked:
        return []
    near = np.asarray(vectors @ vectors.T)
    close = near >= NEAR
    left = np.ones(len(asked), dtype=bool)
    gaps = []
    while left.any():
        counts = np.where(left, (close & left).sum(axis=1), -1)
        middle = int(counts.argmax())
        members = np.flatnonzero(close[middle] & left)
        members = members if middle in members else np.append(members, middle)
        gaps.append(_gap([asked[int(index)] for index in members], near[np.ix_(members, members)]))
        left[members] = False
    return sorted(gaps, key=lambda gap: (-gap.customers, -gap.questions, -gap.last_ms, gap.label))


def _gap(members: Sequence[tuple[str, Question]], near: Vectors) -> Gap:
    key, central = members[int(near.sum(axis=1).argmax())]
    others = dict.fromkeys(question.text for _, question in members if question.text != central.text)
    return Gap(
        central.text,
        len(members),
        len({key for key, _ in members}),
        central.reply,
        central.nearest if central.score >= NO_ARTICLE else "",
        tuple(others)[:EXAMPLES],
        max(question.at_ms for _, question in members),
        site_of(key),
    )
