"""Quotes: which sentences of the passages answer a question, verbatim; and whether anything supports an answer at all.

Pure over vectors that are handed in. Never rewrites a sentence, and reads passages as data only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from retrieval.cite import supports
from retrieval.text import stem, words
from retrieval.types import Passage, Span, Vectors
from server.models.offline.fit import FRAGMENT, TELLING, beside, covers_key, scored
from server.models.offline.language import plain, spans
from server.models.offline.lists import Candidate, Piece, is_item, is_title, paragraph, runs
from server.models.offline.lists import candidates as gathered
from server.models.offline.lists import pieces as pieces_of
from server.models.offline.question import (
    SYNONYM,
    Question,
    any_named_in,
    coverage,
    means,
    membership_of,
    named_in,
    rarest,
    stands_in,
    type_fit,
    without,
)
from server.models.offline.tables import Cell, cells, in_words

SUPPORTED: Final = 0.46
"""Support from which a quote answers a question; between foreign and own questions on half of feedbackqa_dev."""
_STEPS: Final = 4
"""Sentences of a passage that tells how something is done, up to which it is quoted as a whole."""
_NAMES: Final = 2
"""Names in a sentence from which it counts as a list of names."""
_ABOUT: Final = 0.4
"""How near a list must be to the rest of the question before it shows that something is not on it."""
_WHOLE: Final = 8
"""A list up to this long is shown whole when no line of it stands out."""


_FRAGMENT_SUPPORTED: Final = 0.6
"""Support from which a sentence of a few words answers by itself."""


@dataclass(frozen=True)
class Answer:
    """The quotations that answer a question; with `absent`, they show a list in which that thing does not stand."""

    pieces: tuple[Piece, ...]
    support: float
    title: str
    absent: str = ""
    label: str = ""
    """The heading above a list that has no sentence to introduce it: without it, its lines may say the opposite."""


def answer(
    question: Question,
    candidates: Sequence[Candidate],
    vectors: Vectors,
    vector: Vectors,
    passages: Sequence[Passage],
    shown: str = "",
) -> Answer | None:
    """The shortest sufficient quotation, or None when nothing supports one. `shown` has been said already.

    `vector` has a row for each way in which the question is put (as written, in English); the nearest counts.
    """
    if not candidates:
        return None
    dense = np.clip((vectors @ np.atleast_2d(vector).T).max(axis=1), 0.0, 1.0)
    if (absent := _absent(question, passages)) is not None:
        return _not_listed(absent, question, candidates, dense, passages)
    missing = [word for word in question.entities if not stands_in(word, passages, question.language)]
    if missing and not any(char.isdigit() for char in "".join(missing)):
        return None
    fits = scored(question, candidates, dense, passages, shown)
    best, support = fits[0]
    if support < SUPPORTED or (support < _FRAGMENT_SUPPORTED and _says_little(best)):
        return None
    if question.deed and not covers_key(question, best):
        return None  # how long something else may be done
    best = _widened(best, fits, question, passages)
    pieces = _pieces(best, question, passages)
    second = _second(best, fits, question, pieces, passages)
    if second is not None:
        pieces = [*pieces, *(piece for piece in _pieces(second, question, passages) if piece not in pieces)]
    ordered = tuple(_as_rows(_in_order(pieces, passages), question, passages))
    return Answer(ordered, support, passages[best.n - 1].title, label=_label(ordered, passages))


def _as_rows(pieces: Sequence[Piece], question: Question, passages: Sequence[Passage]) -> list[Piece]:
    """Rows of tables as lines for people; one row by itself needs no list. What `cite` would not find stays as it is."""
    out = []
    for piece in pieces:
        passage = passages[piece.n - 1]
        span = next((s for s in passage.spans if s.text == piece.text), None)
        found = _row(span, passage) if span else ()
        wanted = _columns(found, question)
        lines = (
            (
                in_words(found, question.language, wanted.__contains__),
                in_words(found, question.language, found.__contains__),
            )
            if found
            else ()
        )
        shown = next((text for text in lines if supports(text, passage)), "")
        out.append(replace(piece, shown=shown, item=piece.item and not (shown and len(pieces) == 1)))
    return out


def _says_little(candidate: Candidate) -> bool:
    """Whether the sentence is a fragment ("Not in its stuff sack.")."""
    return (
        not candidate.items and len(words(candidate.text)) < FRAGMENT and not any(c.isdigit() for c in candidate.text)
    )


def _row(span: Span, passage: Passage) -> tuple[Cell, ...]:
    return cells(span.text, passage.raw[span.start - passage.start : span.end - passage.start])


def _said(sure: float) -> bool:
    """Whether a word of a column's name was really said, or another word for it: what only begins alike is no answer."""
    return sure >= 0.9 or sure == SYNONYM


def _columns(found: Sequence[Cell], question: Question) -> list[Cell]:
    """The cells that the question asks for: by the name of their column, else by the kind of answer."""
    language = question.language
    asked = words(question.text)
    stems = {stem(word, code) for word in asked for code in {language.code, "en"}}
    named = [
        cell
        for cell in found[1:]
        if (head := language.content(cell[0])) and all(_said(means(word, stems, asked, language)) for word in head)
    ]
    kinds = [kind for kind in question.types if kind in TELLING]
    others = [kind for kind in sorted(TELLING - set(kinds)) if kind in language.types]
    fitting = [cell for cell in found[1:] if kinds and type_fit(question, cell[1]) == 1.0]
    brief = [
        cell  # "none", "not available"
        for cell in found[1:]
        if cell not in fitting
        and len(words(cell[1])) <= FRAGMENT / 2
        and not any(p.search(plain(cell[1])) for kind in others for p in language.types[kind]["answer"])
    ]
    return named or ([cell for cell in found[1:] if cell in fitting or cell in brief] if fitting else [])


def _label(pieces: Sequence[Piece], passages: Sequence[Passage]) -> str:
    return passages[pieces[0].n - 1].heading.rsplit(" > ", 1)[-1] if pieces[0].item else ""


def _widened(
    best: Candidate, fits: Sequence[tuple[Candidate, float]], question: Question, passages: Sequence[Passage]
) -> Candidate:
    """The whole list instead of one of its lines, when steps are asked for or its lines fit equally well."""
    passage = passages[best.n - 1]
    if best.items or not is_item(passage, best.at):
        return best
    run = next((run for run in runs(passage) if best.at in run), [])
    if not 2 <= len(run) <= _WHOLE:
        return best
    if "way" in question.types:
        wide = True
    else:
        others = [support for candidate, support in fits if candidate.n == best.n and candidate.at in run]
        own = next(support for candidate, support in fits if candidate == best)
        wide = len(run) <= _WHOLE and sum(1 for support in others if own - support < 0.06) > len(run) / 2
        wide = wide and not any(
            named_in(word, passage.spans[best.at].text, question.language) for word in question.entities
        )
    return next((c for c in gathered(best.n, passage, question.language) if wide and c.items == tuple(run)), best)


def _pieces(candidate: Candidate, question: Question, passages: Sequence[Passage]) -> list[Piece]:
    """The candidate's pieces; of a list only the lines that name what was asked about, if any do."""
    passage = passages[candidate.n - 1]
    language = question.language
    run = [*candidate.items] or next(
        (run for run in runs(passage) if run[0] in (candidate.at + 1, candidate.at + 2)), []
    )
    named: list[int] = []
    if len(run) > 2 or (len(run) == 2 and _row(passage.spans[run[0]], passage)):
        key = (
            []
            if "way" in question.types or any_named_in(rarest(question), candidate.context, language)
            else rarest(question)
        )
        asked = question.entities or frozenset(words(membership_of(question))) or frozenset(key)
        named = [at for at in run if any(named_in(word, passage.spans[at].text, language) for word in asked)]
        named = named if question.entities or 2 * len(named) <= len(run) else []
    found = pieces_of(candidate, passage, language, named or None)
    if question.told and not candidate.items and not any(piece.item for piece in found):
        whole = paragraph(candidate.n, candidate.at, passage)
        return whole if len(found) < len(whole) <= _STEPS else found
    if "way" in question.types and not candidate.items and not any(piece.item for piece in found):
        return _steps(candidate.n, passage) or found
    return found


def _steps(n: int, passage: Passage) -> list[Piece]:
    """A short passage as a whole, for a question how something is done: leaving out a step would be wrong."""
    told = [span.text for span in passage.spans if not is_title(span.text, passage)]
    return [Piece(n, text) for text in told] if len(told) <= _STEPS and not runs(passage) else []


def _second(
    best: Candidate,
    fits: Sequence[tuple[Candidate, float]],
    question: Question,
    pieces: Sequence[Piece],
    passages: Sequence[Passage],
) -> Candidate | None:
    """A further sentence, if it says about the question what the best one does not: an open term, or the asked-for kind."""
    if best.items or len(pieces) > 2:
        return None
    have = " ".join(piece.text for piece in pieces)
    covered = coverage(question, Candidate(best.n, best.at, have, best.context), (0.85, 1.0))
    fit = type_fit(question, have)
    denies = question.language.has("negation", plain(question.text))
    for candidate, support in fits[1:6]:
        loose = candidate.n != best.n and is_item(passages[candidate.n - 1], candidate.at)
        if candidate.items or loose or candidate.text in have:
            continue
        if support < SUPPORTED or not covers_key(question, candidate):
            continue
        if beside(question, candidate, coverage(question, candidate, (0.0, 1.0)), denies=denies):
            continue
        both = Candidate(best.n, best.at, f"{have} {candidate.text}", f"{best.context} > {candidate.context}")
        gain = coverage(question, both, (0.85, 1.0)) - covered
        if gain > 0.2 or (fit < 0.5 and type_fit(question, candidate) == 1.0 and support > SUPPORTED + 0.05):
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
    thing = membership_of(question)
    inside = [word for word in words(thing) if not language.is_stop(word)]
    lost = [word for word in inside if not stands_in(word, passages, language)]
    if lost and (len(lost) == len(inside) or any(word in question.entities for word in lost)):
        return thing
    return None


def _of_its_kind(thing: str, candidate: Candidate, question: Question) -> bool:
    """Whether the list may hold the thing: a name belongs among names."""
    if candidate.items or not question.entities & set(words(thing)):
        return True
    dates = {*question.language.months, *question.language.weekdays}
    names = [word for _, _, word in spans(candidate.text)[1:] if word[0].isupper() and word.lower() not in dates]
    return len(names) >= _NAMES


def _not_listed(
    thing: str, question: Question, candidates: Sequence[Candidate], dense: Vectors, passages: Sequence[Passage]
) -> Answer | None:
    """The list in which the thing would stand if it were there; None if there is none that is about the question."""
    about = without(question, words(thing))
    if not about.stems:
        return None
    best: tuple[float, Candidate] | None = None
    for candidate, similar in zip(candidates, dense, strict=True):
        if not candidate.listing or not _of_its_kind(thing, candidate, question):
            continue
        near = 0.5 * float(similar) + 0.5 * coverage(about, candidate, (0.8, 1.0))
        near += 0.05 if candidate.items else 0.0
        if near >= _ABOUT and (best is None or near > best[0]):
            best = (near, candidate)
    if best is None:
        return None
    passage = passages[best[1].n - 1]
    pieces = _as_rows(pieces_of(best[1], passage, question.language), question, passages)
    return Answer(tuple(pieces), min(best[0], 1.0), passage.title, absent=thing, label=_label(pieces, passages))
