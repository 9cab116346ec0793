"""Fit: how well each sentence of the passages would answer a question.

Pure over vectors that are handed in; quotes nothing.
"""

from collections.abc import Sequence
from typing import Final

from rapidfuzz import fuzz

from retrieval.text import language_of, words
from retrieval.types import Passage, Vectors
from server.models.offline.language import plain
from server.models.offline.lists import Candidate, is_title
from server.models.offline.lists import candidates as gathered
from server.models.offline.question import (
    Question,
    all_stems,
    asked_about,
    coverage,
    matches,
    means,
    membership_of,
    named_in,
    rarest,
    type_fit,
    without,
)

MAX_CANDIDATES: Final = 20
"""Sentences embedded for one message: 20 short ones take about 50 ms on one core (MiniLM, int8)."""
FRAGMENT: Final = 6
"""Words below which a sentence without a figure rarely answers anything by itself."""
TELLING: Final = frozenset({"duration", "money", "weight", "date", "contact"})
"""Kinds of answers that a sentence shows or does not show beyond doubt: there is an amount in it, or none."""
_RESTRICTED: Final = 0.14
"""What speaks against a sentence about a special case that nobody asked about: as much as naming the thing speaks for it."""
_ANOTHER: Final = 0.3
"""What speaks against a sentence about something else: below "What isn't covered", or about the question before."""
_FOREIGN: Final = 0.1
"""What speaks against a sentence in another language than the question's, where the help center has both."""
_TWIN: Final = 0.5
"""Share of words from which a sentence says of another case what an earlier one says of the usual case."""


def gather(
    passages: Sequence[Passage], questions: Sequence[Question], *, limit: int = MAX_CANDIDATES
) -> list[Candidate]:
    """What may be quoted for any of the questions: the lexically nearest sentences, and the first of each passage."""
    rows: list[tuple[float, Candidate]] = []
    for n, passage in enumerate(passages, 1):
        for place, candidate in enumerate(gathered(n, passage, questions[0].language)):
            near = max((coverage(question, candidate, (0.6, 1.0)) for question in questions), default=0.0)
            titled = max((_titled(question, candidate) for question in questions), default=0.0)
            prior = 0.5 * passage.score + (0.08 if place == 0 else 0.0) + (0.06 if candidate.listing else 0.0)
            rows.append((near + titled + prior - 0.02 * n, candidate))
    rows.sort(key=lambda row: (-row[0], row[1].n, row[1].at))
    return [candidate for _, candidate in rows[:limit]]


def scored(
    question: Question, candidates: Sequence[Candidate], dense: Vectors, passages: Sequence[Passage], shown: str
) -> list[tuple[Candidate, float]]:
    """Candidates with their support (0..1), best first by their fitness as the answer."""
    language = question.language
    thing = [word for word in words(membership_of(question)) if not language.is_stop(word)]
    about = without(question, thing)
    denies = language.has("negation", plain(question.text))
    rows = []
    for candidate, similar in zip(candidates, dense, strict=True):
        inside = coverage(question, candidate, (0.0, 1.0))
        covered = coverage(question, candidate, (0.85, 1.0))
        support = 0.5 * float(similar) + 0.32 * covered + 0.18 * passages[candidate.n - 1].score
        stems, found = all_stems(candidate.text, question), words(candidate.text)
        named = sum(1 for word in question.entities if matches(word, stems, found, language))
        fragment = len(found) < FRAGMENT and not candidate.items and not any(c.isdigit() for c in candidate.text)
        strong = any(kind in TELLING for kind in question.types)
        fitness = (-0.08 if fragment else 0.0) + support + 0.08 * inside + 0.2 * passages[candidate.n - 1].score
        fitness += 0.04 if candidate.at == _first(passages[candidate.n - 1]) else 0.0
        # "Do you have vouchers?": an article about them says so, whatever else may or may not be done with them.
        itself = bool(thing) and all(named_in(word, candidate.context, language) for word in thing)
        fits = 0.5 if itself and not strong else type_fit(question, candidate)
        headed = itself and all(named_in(word, candidate.heading, language) for word in thing)
        if (
            headed
            and len(words(candidate.heading)) <= len(thing) + 1
            and candidate.at == _first(passages[candidate.n - 1])
        ):
            fitness += _RESTRICTED
        fitness += (0.26 if strong else 0.08) * fits + 0.12 * named
        fitness += _titled(question, candidate) * (1.5 if candidate.items else 1.0) - 0.0015 * max(0, len(found) - 30)
        if not covers_key(question, candidate):
            fitness -= 0.1
        fitness -= beside(question, candidate, inside, denies=denies) + _later(question, candidate, candidates)
        if "way" in question.types and not denies and language.has("negation", plain(candidate.text)):
            fitness -= 0.08
        if candidate.items and thing and all(matches(word, stems, found, language) for word in thing):
            fitness += 0.3 * coverage(about, candidate, (0.8, 1.0))
        if denies:
            says_no = language.has("negation", plain(f"{candidate.text} {candidate.heading}"))
            fitness += 0.08 if says_no else -0.08
        if shown and candidate.text in shown:
            fitness -= 0.3
        locale = passages[candidate.n - 1].locale
        fitness -= _FOREIGN if locale and language_of(locale, language.code) != language.code else 0.0
        rows.append((fitness, candidate, support))
    rows.sort(key=lambda row: (-row[0], row[1].n, row[1].at))
    return [(candidate, support) for _, candidate, support in rows]


def beside(question: Question, candidate: Candidate, inside: float, *, denies: bool) -> float:
    """How far the sentence is about a case that the question does not name: a special one, one that is excluded."""
    language = question.language
    low, heading = plain(candidate.text), plain(candidate.heading)
    out = 0.0
    special = [match.group() for p in language.cues.get("special", ()) for match in p.finditer(f"{heading} > {low}")]
    if special and not any(asked_about(case, question) for case in special):
        out += _RESTRICTED
    elif language.has("conditional", low) and not asked_about(low.split(",", 1)[0], question):
        out += _RESTRICTED / 2
    if not denies and inside < 0.34 and language.has("negation", heading):  # below "What isn't covered"
        out += _ANOTHER
    if question.own and not any(
        asked_about(word, question, text=f"{low} {candidate.context}") for word in question.own
    ):
        out += _ANOTHER
    if question.deed and not covers_key(question, candidate):  # says how long something else takes
        out += _ANOTHER
    if question.told and candidate.items:
        out += _RESTRICTED
    return out


def _later(question: Question, candidate: Candidate, candidates: Sequence[Candidate]) -> float:
    """What speaks against a sentence that repeats an earlier one for another case: the usual case is told first."""
    if candidate.items:
        return 0.0
    mine = set(question.language.stems(candidate.text))
    for other in candidates:
        if other.n != candidate.n or other.at >= candidate.at or other.items:
            continue
        theirs = set(question.language.stems(other.text))
        alike = len(mine & theirs) >= _TWIN * max(1, min(len(mine), len(theirs))) and len(mine & theirs) > 1
        if alike and not any(question.language.stem(word) in mine - theirs for word in question.stems):
            return _RESTRICTED / 2
    return 0.0


def _first(passage: Passage) -> int:
    """Where the words below the heading begin: what comes first is mostly what the heading promises."""
    return next((at for at, span in enumerate(passage.spans) if not is_title(span.text, passage)), 0)


def covers_key(question: Question, candidate: Candidate) -> bool:
    """Whether the question's rarest word stands in the sentence or above it; for a deed another word for it does, too."""
    text = f"{candidate.text} {candidate.context}"
    found = means if question.deed else matches
    return all(found(key, all_stems(text, question), words(text), question.language) for key in rarest(question))


def _titled(question: Question, candidate: Candidate) -> float:
    """How much a heading that is nearly the question itself speaks for what stands below it."""
    near = fuzz.token_sort_ratio(plain(question.text).strip(" ?.!"), plain(candidate.heading)) / 100
    return 0.4 * max(0.0, near - 0.6)
