"""Quotes: which sentences of the passages answer a question, verbatim; and whether anything supports an answer at all.

Pure over vectors that are handed in. Never rewrites a sentence, and reads passages as data only.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from rapidfuzz import fuzz

from retrieval.text import language_of, stem, words
from retrieval.types import Passage, Vectors
from server.models.offline.language import Language, plain, spans
from server.models.offline.understand import Part, topic

MAX_CANDIDATES: Final = 24
"""Sentences embedded for one message: 24 short ones take about 60 ms on one core (MiniLM, int8)."""
SUPPORTED: Final = 0.46
"""Support from which a quote answers a question; between foreign and own questions on half of feedbackqa_dev."""
_MAX_ITEMS: Final = 12
_ITEM: Final = re.compile(r"(?:^|\n)[ \t]*(?:[-*+•]|\d{1,2}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?[*_`\[\"“]*$")
_ENUMERATION: Final = re.compile(
    r"(?:[^,.;:]{1,40},\s+){2,}|(?:[^,.;:]{1,30},\s+)[^,.;:]{1,30}\s(?:and|or|und|oder|&)\s"
)


@dataclass(frozen=True)
class Candidate:
    """A sentence, or a list with its introduction, that may be quoted."""

    n: int
    """1-based index of its passage, as in a marker."""
    at: int
    """Index of its (first) span in the passage."""
    text: str
    context: str
    """Title and heading: what the sentence is about without saying so."""
    items: tuple[int, ...] = ()
    """Span indexes of the list's items, for a list."""
    score: float = 0.0
    listing: bool = False

    @property
    def embedded(self) -> str:
        """What its vector is made from."""
        return f"{self.context.rsplit(' > ', 1)[-1]}: {self.text}"[:400]


@dataclass(frozen=True)
class Piece:
    """A verbatim quotation from passage `n`; an `item` is shown as a line of a list."""

    n: int
    text: str
    item: bool = False


@dataclass(frozen=True)
class Answer:
    """The quotations that answer a question; with `absent`, they show a list in which that thing does not stand."""

    pieces: tuple[Piece, ...]
    support: float
    title: str
    absent: str = ""


@dataclass(frozen=True)
class Question:
    """What is asked, in terms that can be looked for: weighted stems in the languages of the passages."""

    text: str
    stems: Mapping[str, float]
    entities: frozenset[str]
    types: tuple[str, ...]
    language: Language

    @property
    def weight(self) -> float:
        """Of all terms together."""
        return sum(self.stems.values()) or 1.0


def question_of(part: Part, text: str, language: Language, passages: Sequence[Passage]) -> Question:
    """The question of a part; `text` is the part with what it leans on."""
    frequency: Counter[str] = Counter()
    lines = [span.text for passage in passages for span in passage.spans]
    for line in lines:
        frequency.update(_stemmed(line, _codes(passages, language)))
    total = max(len(lines), 1)
    weights: dict[str, float] = {}
    entities: set[str] = set()
    found = spans(text)
    for index, (_, _, word) in enumerate(found):
        low = word.lower().replace("’", "'")
        if language.is_stop(low):
            continue
        weight = math.log(1 + total / (1 + frequency[stem(low, language.code)])) / math.log(1 + total)
        if _is_entity(word, index, found, text, language):
            entities.add(low)
            weight = max(weight, 0.8) * 1.4
        weights[low] = max(weight, 0.25)
    return Question(text, weights, frozenset(entities), part.types, language)


def _codes(passages: Sequence[Passage], language: Language) -> tuple[str, ...]:
    return tuple(sorted({language_of(passage.locale, language.code) for passage in passages} | {language.code}))


def _stemmed(text: str, codes: Iterable[str]) -> set[str]:
    return {stem(word, code) for word in words(text) for code in codes}


def _is_entity(word: str, index: int, found: Sequence[tuple[int, int, str]], text: str, language: Language) -> bool:
    """A name or a number: written with a capital inside a sentence (not in German, where all nouns are), or digits."""
    if word.isdigit() and len(word) >= 2:
        return True
    if any(char.isdigit() for char in word):
        return True
    starts = index == 0 or text[: found[index][0]].rstrip()[-1:] in ".?!:"
    shouting = text.upper() == text
    return (
        word[0].isupper() and not starts and not shouting and not language.has("nouns_capital", "x") and len(word) > 1
    )


def gather(
    passages: Sequence[Passage], questions: Sequence[Question], *, limit: int = MAX_CANDIDATES
) -> list[Candidate]:
    """What may be quoted for any of the questions: the lexically nearest sentences, and the first of each passage."""
    rows: list[tuple[float, Candidate]] = []
    for n, passage in enumerate(passages, 1):
        every = _of_passage(n, passage)
        for place, candidate in enumerate(every):
            near = max((_coverage(question, candidate, (0.6, 1.0)) for question in questions), default=0.0)
            prior = (
                0.5 * passage.score + (0.08 if place == 0 else 0.0) + (0.06 if candidate.listing else 0.0) - 0.02 * n
            )
            rows.append((near + prior, candidate))
    rows.sort(key=lambda row: (-row[0], row[1].n, row[1].at))
    return [candidate for _, candidate in rows[:limit]]


def _of_passage(n: int, passage: Passage) -> list[Candidate]:
    context = passage.heading or passage.title
    if passage.title and passage.title not in context:
        context = f"{passage.title} > {context}"
    out = [
        Candidate(n, at, span.text, context, listing=bool(_ENUMERATION.search(span.text)))
        for at, span in enumerate(passage.spans)
        if len(words(span.text)) > 1 and not _is_title(span.text, passage)
    ]
    run: list[int] = []
    for at in range(len(passage.spans) + 1):
        if at < len(passage.spans) and is_item(passage, at):
            run.append(at)
            continue
        if len(run) >= 2:
            first = run[0] - 1 if run[0] > 0 and not _is_title(passage.spans[run[0] - 1].text, passage) else run[0]
            text = " ".join(passage.spans[index].text for index in ([first] if first < run[0] else []) + run)
            out.append(Candidate(n, first, text[:600], context, items=tuple(run), listing=True))
        run = []
    return out


def _is_title(text: str, passage: Passage) -> bool:
    return plain(text).strip(" .:#") in {
        plain(part).strip(" .:") for part in (passage.title, *passage.heading.split(" > "))
    }


def is_item(passage: Passage, at: int) -> bool:
    """Whether the span is a line of a list."""
    span = passage.spans[at]
    before = passage.raw[: max(0, span.start - passage.start)]
    line = before[before.rfind("\n") + 1 :]
    if _ITEM.search("\n" + line):
        return True
    opening = passage.raw[max(0, span.start - passage.start) :][:8]
    return bool(re.match(r"[-*+•] ", opening)) or before.rstrip().endswith("<li>")


def _coverage(question: Question, candidate: Candidate, weights: tuple[float, float]) -> float:
    """The weighted share of the question's terms that stand in the context (weights[0]) or the text (weights[1])."""
    language = question.language
    codes = (language.code, "en") if language.code != "en" else ("en",)
    text, context = words(candidate.text), words(candidate.context)
    text_stems = {stem(word, code) for word in text for code in codes}
    context_stems = {stem(word, code) for word in context for code in codes}
    total = 0.0
    for word, weight in question.stems.items():
        total += weight * max(
            weights[1] * _match(word, text_stems, text, language),
            weights[0] * _match(word, context_stems, context, language),
        )
    return total / question.weight


def _match(word: str, stems: set[str], plain_words: Sequence[str], language: Language) -> float:
    mine = stem(word, language.code)
    if mine in stems or word in plain_words:
        return 1.0
    if language.gloss and any(
        stem(other, "en") in stems for other in words(language.translated(word)) if other != word
    ):
        return 0.9
    if len(mine) >= 5 and any(
        len(other) >= 5 and (other.startswith(mine) or mine.startswith(other)) for other in stems
    ):
        return 0.8
    if len(mine) >= 5 and any(abs(len(other) - len(mine)) <= 2 and fuzz.ratio(mine, other) >= 84 for other in stems):
        return 0.8
    return 0.0


def stands_in(word: str, passages: Sequence[Passage], language: Language) -> bool:
    """Whether the word, or a form of it, stands anywhere in the passages."""
    for passage in passages:
        line = f"{passage.title} {passage.heading} {passage.text}"
        found = words(line)
        codes = {language.code, language_of(passage.locale, "en")}
        if _match(word, {stem(other, code) for other in found for code in codes}, found, language):
            return True
    return False


def answer(
    question: Question,
    candidates: Sequence[Candidate],
    vectors: Vectors,
    vector: Vectors,
    passages: Sequence[Passage],
) -> Answer | None:
    """The shortest sufficient quotation, or None when nothing supports one."""
    if not candidates:
        return None
    language = question.language
    dense = np.clip(vectors @ vector, 0.0, 1.0)
    if (absent := _absent(question, passages)) is not None:
        return _not_listed(absent, question, candidates, dense, passages)
    missing = [word for word in question.entities if not stands_in(word, passages, language)]
    if missing and not any(char.isdigit() for char in "".join(missing)):
        return None
    scored = _scored(question, candidates, dense, passages)
    if not scored:
        return None
    best, support = scored[0]
    if support < SUPPORTED:
        return None
    pieces = _pieces(best, question, passages)
    second = _second(best, scored, question, pieces)
    if second is not None:
        pieces = [*pieces, *(piece for piece in _pieces(second, question, passages) if piece not in pieces)]
    return Answer(tuple(_in_order(pieces, passages)), support, passages[best.n - 1].title)


def _scored(
    question: Question, candidates: Sequence[Candidate], dense: Vectors, passages: Sequence[Passage]
) -> list[tuple[Candidate, float]]:
    """Candidates with their support (0..1), best first by their fitness as the answer."""
    rows = []
    for candidate, similar in zip(candidates, dense, strict=True):
        inside = _coverage(question, candidate, (0.0, 1.0))
        covered = _coverage(question, candidate, (0.85, 1.0))
        fits = _type_fit(question, candidate.text)
        prior = passages[candidate.n - 1].score
        support = 0.5 * float(similar) + 0.32 * covered + 0.18 * prior
        long = 0.0015 * max(0, len(words(candidate.text)) - 30)
        named = sum(
            1
            for word in question.entities
            if _match(word, _all_stems(candidate, question), words(candidate.text), question.language)
        )
        fitness = support + 0.22 * inside + 0.16 * fits + 0.12 * named - long - (0.03 if candidate.items else 0.0)
        rows.append((fitness, candidate, support))
    rows.sort(key=lambda row: (-row[0], row[1].n, row[1].at))
    return [(candidate, support) for _, candidate, support in rows]


def _all_stems(candidate: Candidate, question: Question) -> set[str]:
    return {stem(word, code) for word in words(candidate.text) for code in {question.language.code, "en"}}


def _type_fit(question: Question, text: str) -> float:
    """1 when the text holds what is asked for (a duration for "how long"), 0 when not, 0.5 when nothing is asked for."""
    low = plain(text)
    kinds = [kind for kind in question.types if kind in question.language.types]
    if not kinds:
        return 0.5
    fitting = [any(p.search(low) for p in question.language.types[kind]["answer"]) for kind in kinds]
    return sum(fitting) / len(fitting)


def _pieces(candidate: Candidate, question: Question, passages: Sequence[Passage]) -> list[Piece]:
    passage = passages[candidate.n - 1]
    if candidate.items:
        intro = [Piece(candidate.n, passage.spans[candidate.at].text)] if candidate.at not in candidate.items else []
        return intro + _items(candidate.n, candidate.items, question, passage)
    at = candidate.at
    text = passage.spans[at].text
    own = Piece(candidate.n, text, item=is_item(passage, at))
    if own.item:
        first = at
        while first > 0 and is_item(passage, first):
            first -= 1
        opening = passage.spans[first].text
        wanted = len(words(text)) < 7 or opening.endswith(":")
        lead = [Piece(candidate.n, opening)] if wanted and first != at and not _is_title(opening, passage) else []
        return [*lead, own]
    if text.rstrip().endswith(":") and at + 1 < len(passage.spans) and is_item(passage, at + 1):
        run = []
        for index in range(at + 1, len(passage.spans)):
            if not is_item(passage, index):
                break
            run.append(index)
        return [own, *_items(candidate.n, run, question, passage)]
    before = passage.spans[at - 1].text if at > 0 else ""
    if before and question.language.dangling.search(plain(text)) and not is_item(passage, at - 1):
        return [own] if _is_title(before, passage) else [Piece(candidate.n, before), own]
    return [own]


def _items(n: int, run: Sequence[int], question: Question, passage: Passage) -> list[Piece]:
    """The lines of a list; of a long one only those that name what was asked about, if any do."""
    chosen = list(run)
    if len(run) > 2:
        asked = question.entities or frozenset(words(_thing(question)))
        language = question.language
        named = [at for at in run if any(_names(word, passage.spans[at].text, language) for word in asked)]
        chosen = named or chosen
    return [Piece(n, passage.spans[at].text, item=True) for at in chosen[:_MAX_ITEMS]]


def _names(word: str, text: str, language: Language) -> bool:
    found = words(text)
    return not language.is_stop(word) and _match(word, {stem(w, language.code) for w in found}, found, language) >= 0.9


def _thing(question: Question) -> str:
    """What a membership question asks about; empty for other questions."""
    low = question.text.replace("’", "'")
    for pattern in question.language.membership:
        if match := re.search(pattern.pattern, low, re.I):
            return topic(match.group("it"), question.language)
    return ""


def _second(
    best: Candidate, scored: Sequence[tuple[Candidate, float]], question: Question, pieces: Sequence[Piece]
) -> Candidate | None:
    """A further sentence, if it says about the question what the best one does not: an open term, or the asked-for kind."""
    if best.items or len(pieces) > 2:
        return None
    have = " ".join(piece.text for piece in pieces)
    shown = Candidate(best.n, best.at, have, best.context)
    covered = _coverage(question, shown, (0.85, 1.0))
    fit = _type_fit(question, have)
    for candidate, support in scored[1:6]:
        if (
            candidate.items
            or candidate.text in have
            or support < SUPPORTED
            or len({*(p.n for p in pieces), candidate.n}) > 2
        ):
            continue
        both = Candidate(best.n, best.at, f"{have} {candidate.text}", f"{best.context} > {candidate.context}")
        gain = _coverage(question, both, (0.85, 1.0)) - covered
        if gain > 0.2 or (fit < 0.5 and _type_fit(question, candidate.text) == 1.0 and support > SUPPORTED + 0.05):
            return candidate
    return None


def _in_order(pieces: Sequence[Piece], passages: Sequence[Passage]) -> list[Piece]:
    """Pieces of one passage as they stand there; passages as they were chosen."""
    order = list(dict.fromkeys(piece.n for piece in pieces))
    where = {(n, span.text): at for n in order for at, span in reversed(list(enumerate(passages[n - 1].spans)))}
    return sorted(pieces, key=lambda piece: (order.index(piece.n), where.get((piece.n, piece.text), 0)))


def _absent(question: Question, passages: Sequence[Passage]) -> str | None:
    """The thing asked about in "do you ship to X?", if no passage names it."""
    language = question.language
    thing = _thing(question)
    inside = [word for word in words(thing) if not language.is_stop(word)]
    lost = [word for word in inside if not stands_in(word, passages, language)]
    if lost and (len(lost) == len(inside) or any(word in question.entities for word in lost)):
        return thing
    return None


def _not_listed(
    thing: str, question: Question, candidates: Sequence[Candidate], dense: Vectors, passages: Sequence[Passage]
) -> Answer | None:
    """The list in which the thing would stand if it were there; None if there is none that is about the question."""
    rest = {word: weight for word, weight in question.stems.items() if word not in words(thing)}
    if not rest:
        return None
    about = Question(question.text, rest, frozenset(), question.types, question.language)
    best: tuple[float, Candidate] | None = None
    for candidate, similar in zip(candidates, dense, strict=True):
        if not candidate.listing:
            continue
        near = 0.5 * float(similar) + 0.5 * _coverage(about, candidate, (0.8, 1.0))
        if near >= 0.4 and (best is None or near > best[0]):
            best = (near, candidate)
    if best is None:
        return None
    pieces = _pieces(best[1], question, passages)
    return Answer(tuple(pieces), best[0], passages[best[1].n - 1].title, absent=thing)
