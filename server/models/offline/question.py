"""Question: what a message asks, in terms that can be looked for, and whether a text has them.

Pure; chooses no answer.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz

from retrieval.asked import deed_of
from retrieval.text import language_of, stem, words
from retrieval.types import Passage
from server.models.offline.language import Language, plain, spans
from server.models.offline.lists import Candidate
from server.models.offline.understand import Part, topic

SYNONYM: Final = 0.7
"""What a help center's own word for the customer's counts."""
_DEED, _MENTIONED = 1.0, 0.5
"""What counts the deed that is asked about, and what a thing that it is done to: half of what it would count by itself."""


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
    deed: str = ""
    """What is asked how long, until when or for how much it may be done; what it is done to is only mentioned."""

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
    weights, deed = _about_deed(text, weights, frozenset(entities), language, passages)
    new = frozenset(language.content(part.text)) if part.followup and text != part.text else frozenset[str]()
    return Question(text, weights, frozenset(entities), part.types, language, new, part.act == "tell", deed)


def _about_deed(
    text: str, weights: dict[str, float], entities: frozenset[str], language: Language, passages: Sequence[Passage]
) -> tuple[dict[str, float], str]:
    """The weights, and the deed of "how long can I return a jacket?" if a passage says anything about it, else ""."""
    found = deed_of(text)
    written = words(found.written) if found else []
    deed = next((word for word in words(found.words) if not language.is_stop(word)), "") if found else ""
    told = words(" ".join(f"{p.title} {p.heading} {p.text}" for p in passages))
    stems = {stem(word, code) for word in told for code in _codes(passages, language)}
    if not deed or not means(deed, stems, told, language):
        return weights, ""
    rest = {
        word: weight if word in entities else weight * _MENTIONED
        for word, weight in weights.items()
        if word not in written
    }
    return {**rest, deed: _DEED}, deed


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


def coverage(question: Question, candidate: Candidate, weights: tuple[float, float]) -> float:
    """The weighted share of the question's terms that stand in the context (weights[0]) or the text (weights[1])."""
    language = question.language
    codes = (language.code, "en") if language.code != "en" else ("en",)
    text, context = words(candidate.text), words(candidate.context)
    text_stems = {stem(word, code) for word in text for code in codes}
    context_stems = {stem(word, code) for word in context for code in codes}
    total = 0.0
    for word, weight in question.stems.items():
        total += weight * max(
            weights[1] * means(word, text_stems, text, language),
            weights[0] * means(word, context_stems, context, language),
        )
    return total / question.weight


def means(word: str, stems: set[str], plain_words: Sequence[str], language: Language) -> float:
    """As `matches`, but other words for the same thing count too."""
    found = matches(word, stems, plain_words, language)
    others = language.synonyms.get(stem(word, language.code), ())
    return found or (SYNONYM if any(other in stems for other in others) else 0.0)


def matches(word: str, stems: set[str], plain_words: Sequence[str], language: Language) -> float:
    """How surely the word, or a form of it, is among the stems or words: 0..1."""
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
        if matches(word, {stem(other, code) for other in found for code in codes}, found, language):
            return True
    return False


def asked_about(case: str, question: Question, text: str = "") -> bool:
    """Whether a word of the case is in the question, or in `text` if given."""
    language = question.language
    against = words(text or question.text)
    stems = {stem(word, code) for word in against for code in {language.code, "en"}}
    content = [word for word in words(case) if not language.is_stop(word)]
    return not content or any(means(word, stems, against, language) for word in content)


def rarest(question: Question) -> list[str]:
    """The question's rarest word, if it has any; or the deed that it asks about."""
    return [question.deed] if question.deed else sorted(question.stems, key=lambda word: -question.stems[word])[:1]


def without(question: Question, thing: Sequence[str]) -> Question:
    """The question without these words."""
    rest = {word: weight for word, weight in question.stems.items() if word not in thing}
    return Question(question.text, rest, frozenset(), question.types, question.language)


def all_stems(text: str, question: Question) -> set[str]:
    """The stems of a text's words, in the question's language and in English."""
    return {stem(word, code) for word in words(text) for code in {question.language.code, "en"}}


def type_fit(question: Question, candidate: Candidate | str) -> float:
    """1 when the text holds what is asked for (a duration for "how long"), 0 when not, 0.5 when nothing is asked for."""
    low = plain(candidate if isinstance(candidate, str) else candidate.text)
    kinds = [kind for kind in question.types if kind in question.language.types]
    if not kinds:
        return 0.5
    fitting = [any(p.search(low) for p in question.language.types[kind]["answer"]) for kind in kinds]
    if isinstance(candidate, Candidate) and candidate.items and kinds == ["way"]:
        return 1.0
    return sum(fitting) / len(fitting)


def any_named_in(asked: Sequence[str], text: str, language: Language) -> bool:
    """Whether one of the words is named in the text."""
    return any(named_in(word, text, language) for word in asked)


def named_in(word: str, text: str, language: Language) -> bool:
    """Whether the text names the word: itself or a form of it, nothing that only looks alike."""
    found = words(text)
    return not language.is_stop(word) and matches(word, {stem(w, language.code) for w in found}, found, language) >= 0.9


def membership_of(question: Question) -> str:
    """What a membership question asks about; empty for other questions."""
    low = question.text.replace("’", "'")
    for pattern in question.language.membership:
        if match := re.search(pattern.pattern, low, re.I):
            return topic(match.group("it"), question.language)
    return ""
