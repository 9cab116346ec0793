"""Quotes: which sentences of the passages answer a question, verbatim; and whether anything supports an answer at all.

Pure over vectors that are handed in. Never rewrites a sentence, and reads passages as data only.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from rapidfuzz import fuzz

from retrieval.cite import supports
from retrieval.text import language_of, stem, words
from retrieval.types import Passage, Span, Vectors
from server.models.offline.language import Language, plain, spans
from server.models.offline.lists import Candidate, Piece, is_item, is_title, paragraph, runs
from server.models.offline.lists import candidates as gathered
from server.models.offline.lists import pieces as pieces_of
from server.models.offline.tables import Cell, cells, in_words
from server.models.offline.understand import Part, topic

MAX_CANDIDATES: Final = 20
"""Sentences embedded for one message: 20 short ones take about 50 ms on one core (MiniLM, int8)."""
SUPPORTED: Final = 0.46
"""Support from which a quote answers a question; between foreign and own questions on half of feedbackqa_dev."""
_FRAGMENT: Final = 6
"""Words below which a sentence without a figure rarely answers anything by itself."""
_STEPS: Final = 4
"""Sentences of a passage that tells how something is done, up to which it is quoted as a whole."""
_NAMES: Final = 2
"""Names in a sentence from which it counts as a list of names."""
_TELLING: Final = frozenset({"duration", "money", "weight", "date", "contact"})
"""Kinds of answers that a sentence shows or does not show beyond doubt: there is an amount in it, or none."""
_ABOUT: Final = 0.4
"""How near a list must be to the rest of the question before it shows that something is not on it."""
_SYNONYM: Final = 0.7
"""What a help center's own word for the customer's counts."""
_RESTRICTED: Final = 0.14
"""What speaks against a sentence about a special case that nobody asked about: as much as naming the thing speaks for it."""
_ANOTHER: Final = 0.3
"""What speaks against a sentence about something else: below "What isn't covered", or about the question before."""
_TWIN: Final = 0.5
"""Share of words from which a sentence says of another case what an earlier one says of the usual case."""
_WHOLE: Final = 8
"""A list up to this long is shown whole when no line of it stands out."""


@dataclass(frozen=True)
class Answer:
    """The quotations that answer a question; with `absent`, they show a list in which that thing does not stand."""

    pieces: tuple[Piece, ...]
    support: float
    title: str
    absent: str = ""
    label: str = ""
    """The heading above a list that has no sentence to introduce it: without it, its lines may say the opposite."""


@dataclass(frozen=True)
class Question:
    """What is asked, in terms that can be looked for: weighted stems in the languages of the passages."""

    text: str
    stems: Mapping[str, float]
    entities: frozenset[str]
    types: tuple[str, ...]
    language: Language
    own: frozenset[str] = frozenset()
    """Of a question that leans on an earlier one, the words that are new in it: what it is really about."""
    told: bool = False
    """It is a statement ("it arrived broken"): what to do is wanted, not one sentence that matches."""

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
    mine = set(words(part.text))
    for index, (_, _, word) in enumerate(found):
        low = word.lower().replace("’", "'")
        if language.is_stop(low):
            continue
        weight = math.log(1 + total / (1 + frequency[stem(low, language.code)])) / math.log(1 + total)
        if _is_entity(word, index, found, text, language):
            entities.add(low)
            weight = max(weight, 0.8) * 1.4
        if low in language.words["meta"] or low in language.numbers:
            weight *= 0.2
        own = low in mine or not part.followup
        weights[low] = max(
            weights.get(low, 0.0),
            max(weight, 0.1 if low in language.words["meta"] or low in language.numbers else 0.25)
            * (1.0 if own else 0.5),
        )
    for pattern, said in language.implied:
        if pattern.search(plain(text)):
            weights.update(dict.fromkeys(said.split(), 1.0))
    new = frozenset(language.content(part.text)) if part.followup and text != part.text else frozenset[str]()
    return Question(text, weights, frozenset(entities), part.types, language, new, part.act == "tell")


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
        for place, candidate in enumerate(gathered(n, passage, questions[0].language)):
            near = max((_coverage(question, candidate, (0.6, 1.0)) for question in questions), default=0.0)
            titled = max((_titled(question, candidate) for question in questions), default=0.0)
            prior = 0.5 * passage.score + (0.08 if place == 0 else 0.0) + (0.06 if candidate.listing else 0.0)
            rows.append((near + titled + prior - 0.02 * n, candidate))
    rows.sort(key=lambda row: (-row[0], row[1].n, row[1].at))
    return [candidate for _, candidate in rows[:limit]]


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
            weights[1] * _means(word, text_stems, text, language),
            weights[0] * _means(word, context_stems, context, language),
        )
    return total / question.weight


def _means(word: str, stems: set[str], plain_words: Sequence[str], language: Language) -> float:
    """As `_match`, but other words for the same thing count too."""
    found = _match(word, stems, plain_words, language)
    others = language.synonyms.get(stem(word, language.code), ())
    return found or (_SYNONYM if any(other in stems for other in others) else 0.0)


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
    scored = _scored(question, candidates, dense, passages, shown)
    best, support = scored[0]
    if support < SUPPORTED:
        return None
    best = _widened(best, scored, question, passages)
    pieces = _pieces(best, question, passages)
    second = _second(best, scored, question, pieces, passages)
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


def _row(span: Span, passage: Passage) -> tuple[Cell, ...]:
    return cells(span.text, passage.raw[span.start - passage.start : span.end - passage.start])


def _columns(found: Sequence[Cell], question: Question) -> list[Cell]:
    """The cells that the question asks for: by the name of their column, else by the kind of answer."""
    language = question.language
    asked = words(question.text)
    stems = {stem(word, code) for word in asked for code in {language.code, "en"}}
    named = [
        cell
        for cell in found[1:]
        if (head := language.content(cell[0])) and all(_means(word, stems, asked, language) for word in head)
    ]
    kinds = [kind for kind in question.types if kind in _TELLING]
    others = [kind for kind in sorted(_TELLING - set(kinds)) if kind in language.types]
    fitting = [cell for cell in found[1:] if kinds and _type_fit(question, cell[1]) == 1.0]
    brief = [
        cell  # "none", "not available"
        for cell in found[1:]
        if cell not in fitting
        and len(words(cell[1])) <= _FRAGMENT / 2
        and not any(p.search(plain(cell[1])) for kind in others for p in language.types[kind]["answer"])
    ]
    return named or ([cell for cell in found[1:] if cell in fitting or cell in brief] if fitting else [])


def _label(pieces: Sequence[Piece], passages: Sequence[Passage]) -> str:
    return passages[pieces[0].n - 1].heading.rsplit(" > ", 1)[-1] if pieces[0].item else ""


def _scored(
    question: Question, candidates: Sequence[Candidate], dense: Vectors, passages: Sequence[Passage], shown: str
) -> list[tuple[Candidate, float]]:
    """Candidates with their support (0..1), best first by their fitness as the answer."""
    language = question.language
    thing = [word for word in words(_thing(question)) if not language.is_stop(word)]
    about = _without(question, thing)
    denies = language.has("negation", plain(question.text))
    rows = []
    for candidate, similar in zip(candidates, dense, strict=True):
        inside = _coverage(question, candidate, (0.0, 1.0))
        covered = _coverage(question, candidate, (0.85, 1.0))
        support = 0.5 * float(similar) + 0.32 * covered + 0.18 * passages[candidate.n - 1].score
        stems, found = _all_stems(candidate.text, question), words(candidate.text)
        named = sum(1 for word in question.entities if _match(word, stems, found, language))
        fragment = len(found) < _FRAGMENT and not candidate.items and not any(c.isdigit() for c in candidate.text)
        strong = any(kind in _TELLING for kind in question.types)
        fitness = (-0.08 if fragment else 0.0) + support + 0.08 * inside + 0.2 * passages[candidate.n - 1].score
        fitness += 0.04 if candidate.at == _first(passages[candidate.n - 1]) else 0.0
        fitness += (0.26 if strong else 0.08) * _type_fit(question, candidate) + 0.12 * named
        fitness += _titled(question, candidate) * (1.5 if candidate.items else 1.0) - 0.0015 * max(0, len(found) - 30)
        if not _covers_key(question, candidate):
            fitness -= 0.1
        fitness -= _beside(question, candidate, inside, denies=denies) + _later(question, candidate, candidates)
        if "way" in question.types and not denies and language.has("negation", plain(candidate.text)):
            fitness -= 0.08
        if candidate.items and thing and all(_match(word, stems, found, language) for word in thing):
            fitness += 0.3 * _coverage(about, candidate, (0.8, 1.0))
        if denies:
            says_no = language.has("negation", plain(f"{candidate.text} {candidate.heading}"))
            fitness += 0.08 if says_no else -0.08
        if shown and candidate.text in shown:
            fitness -= 0.3
        rows.append((fitness, candidate, support))
    rows.sort(key=lambda row: (-row[0], row[1].n, row[1].at))
    return [(candidate, support) for _, candidate, support in rows]


def _beside(question: Question, candidate: Candidate, inside: float, *, denies: bool) -> float:
    """How far the sentence is about a case that the question does not name: a special one, one that is excluded."""
    language = question.language
    low, heading = plain(candidate.text), plain(candidate.heading)
    out = 0.0
    special = [match.group() for p in language.cues.get("special", ()) for match in p.finditer(f"{heading} > {low}")]
    if special and not any(_asked_about(case, question) for case in special):
        out += _RESTRICTED
    elif language.has("conditional", low) and not _asked_about(low.split(",", 1)[0], question):
        out += _RESTRICTED / 2
    if not denies and inside < 0.34 and language.has("negation", heading):  # below "What isn't covered"
        out += _ANOTHER
    if question.own and not any(
        _asked_about(word, question, text=f"{low} {candidate.context}") for word in question.own
    ):
        out += _ANOTHER
    if question.told and candidate.items:
        out += _RESTRICTED
    return out


def _asked_about(case: str, question: Question, text: str = "") -> bool:
    """Whether a word of the case is in the question, or in `text` if given."""
    language = question.language
    against = words(text or question.text)
    stems = {stem(word, code) for word in against for code in {language.code, "en"}}
    content = [word for word in words(case) if not language.is_stop(word)]
    return not content or any(_means(word, stems, against, language) for word in content)


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


def _covers_key(question: Question, candidate: Candidate) -> bool:
    """Whether the question's rarest word stands in the sentence or above it."""
    text = f"{candidate.text} {candidate.context}"
    return all(_match(key, _all_stems(text, question), words(text), question.language) for key in _key(question))


def _key(question: Question) -> list[str]:
    """The question's rarest word, if it has any."""
    return sorted(question.stems, key=lambda word: -question.stems[word])[:1]


def _without(question: Question, thing: Sequence[str]) -> Question:
    rest = {word: weight for word, weight in question.stems.items() if word not in thing}
    return Question(question.text, rest, frozenset(), question.types, question.language)


def _all_stems(text: str, question: Question) -> set[str]:
    return {stem(word, code) for word in words(text) for code in {question.language.code, "en"}}


def _titled(question: Question, candidate: Candidate) -> float:
    """How much a heading that is nearly the question itself speaks for what stands below it."""
    near = fuzz.token_sort_ratio(plain(question.text).strip(" ?.!"), plain(candidate.heading)) / 100
    return 0.4 * max(0.0, near - 0.6)


def _type_fit(question: Question, candidate: Candidate | str) -> float:
    """1 when the text holds what is asked for (a duration for "how long"), 0 when not, 0.5 when nothing is asked for."""
    low = plain(candidate if isinstance(candidate, str) else candidate.text)
    kinds = [kind for kind in question.types if kind in question.language.types]
    if not kinds:
        return 0.5
    fitting = [any(p.search(low) for p in question.language.types[kind]["answer"]) for kind in kinds]
    if isinstance(candidate, Candidate) and candidate.items and kinds == ["way"]:
        return 1.0
    return sum(fitting) / len(fitting)


def _widened(
    best: Candidate, scored: Sequence[tuple[Candidate, float]], question: Question, passages: Sequence[Passage]
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
        others = [support for candidate, support in scored if candidate.n == best.n and candidate.at in run]
        own = next(support for candidate, support in scored if candidate == best)
        wide = len(run) <= _WHOLE and sum(1 for support in others if own - support < 0.06) > len(run) / 2
        wide = wide and not any(
            _names(word, passage.spans[best.at].text, question.language) for word in question.entities
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
            [] if "way" in question.types or _names_any(_key(question), candidate.context, language) else _key(question)
        )
        asked = question.entities or frozenset(words(_thing(question))) or frozenset(key)
        named = [at for at in run if any(_names(word, passage.spans[at].text, language) for word in asked)]
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


def _names_any(asked: Sequence[str], text: str, language: Language) -> bool:
    return any(_names(word, text, language) for word in asked)


def _names(word: str, text: str, language: Language) -> bool:
    found = words(text)
    return not language.is_stop(word) and _match(word, {stem(w, language.code) for w in found}, found, language) >= 0.9


def _second(
    best: Candidate,
    scored: Sequence[tuple[Candidate, float]],
    question: Question,
    pieces: Sequence[Piece],
    passages: Sequence[Passage],
) -> Candidate | None:
    """A further sentence, if it says about the question what the best one does not: an open term, or the asked-for kind."""
    if best.items or len(pieces) > 2:
        return None
    have = " ".join(piece.text for piece in pieces)
    covered = _coverage(question, Candidate(best.n, best.at, have, best.context), (0.85, 1.0))
    fit = _type_fit(question, have)
    denies = question.language.has("negation", plain(question.text))
    for candidate, support in scored[1:6]:
        loose = candidate.n != best.n and is_item(passages[candidate.n - 1], candidate.at)
        if candidate.items or loose or candidate.text in have:
            continue
        if support < SUPPORTED or not _covers_key(question, candidate):
            continue
        if _beside(question, candidate, _coverage(question, candidate, (0.0, 1.0)), denies=denies):
            continue
        both = Candidate(best.n, best.at, f"{have} {candidate.text}", f"{best.context} > {candidate.context}")
        gain = _coverage(question, both, (0.85, 1.0)) - covered
        if gain > 0.2 or (fit < 0.5 and _type_fit(question, candidate) == 1.0 and support > SUPPORTED + 0.05):
            return candidate
    return None


def _in_order(pieces: Sequence[Piece], passages: Sequence[Passage]) -> list[Piece]:
    """Pieces of one passage as they stand there; passages as they were chosen."""
    order = list(dict.fromkeys(piece.n for piece in pieces))
    where = {(n, span.text): at for n in order for at, span in reversed(list(enumerate(passages[n - 1].spans)))}
    return sorted(pieces, key=lambda piece: (order.index(piece.n), where.get((piece.n, piece.text), 0)))


def _thing(question: Question) -> str:
    """What a membership question asks about; empty for other questions."""
    low = question.text.replace("’", "'")
    for pattern in question.language.membership:
        if match := re.search(pattern.pattern, low, re.I):
            return topic(match.group("it"), question.language)
    return ""


def _absent(question: Question, passages: Sequence[Passage]) -> str | None:
    """The thing asked about in "do you ship to X?", if no passage names it."""
    language = question.language
    thing = _thing(question)
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
    about = _without(question, words(thing))
    if not about.stems:
        return None
    best: tuple[float, Candidate] | None = None
    for candidate, similar in zip(candidates, dense, strict=True):
        if not candidate.listing or not _of_its_kind(thing, candidate, question):
            continue
        near = 0.5 * float(similar) + 0.5 * _coverage(about, candidate, (0.8, 1.0))
        near += 0.05 if candidate.items else 0.0
        if near >= _ABOUT and (best is None or near > best[0]):
            best = (near, candidate)
    if best is None:
        return None
    passage = passages[best[1].n - 1]
    pieces = pieces_of(best[1], passage, question.language)
    return Answer(tuple(pieces), min(best[0], 1.0), passage.title, absent=thing, label=_label(pieces, passages))
