"""Language: the words, cues and sentences of one language, read from locales/*.yaml; and which language a text is in.

Knows no shop and decides nothing; a further language is one more file.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier
from ruamel.yaml import YAML

from retrieval.text import stem, words

Patterns = tuple[re.Pattern[str], ...]

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*", re.UNICODE)
_OTHER_LANGUAGES: Final = (
    "fr",
    "es",
    "it",
    "nl",
    "pt",
    "pl",
    "sv",
    "da",
    "tr",
    "cs",
    "fi",
    "ru",
    "uk",
    "ja",
    "zh",
    "ar",
)
"""What a foreign text is told apart from: naming all 97 that py3langid knows makes short texts look like rare ones."""
SURE: Final = 12.0
"""How much better (log probability) another language must fit before a text of a few words counts as foreign."""
_COMPOUND_STEM: Final = 4
"""Shorter glossary words are no part of a compound: too many longer words contain them by chance."""


@dataclass(frozen=True)
class Language:
    """All that the engine knows of one language. Patterns match lower-cased text with straight apostrophes."""

    code: str
    name: str
    words: Mapping[str, frozenset[str]]
    numbers: Mapping[str, int]
    ordinals: Mapping[str, int]
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    dates: Mapping[str, str]
    day_first: bool
    decimal_point: str
    whole: Mapping[str, Patterns]
    cues: Mapping[str, Patterns]
    types: Mapping[str, Mapping[str, Patterns]]
    membership: Patterns
    frames: Patterns
    tails: Patterns
    constraints: re.Pattern[str]
    """A limit on a number at the end of a search ("under 300 euros")."""
    asking: re.Pattern[str]
    dangling: re.Pattern[str]
    units: Mapping[str, tuple[str, ...]]
    gloss: Mapping[str, str]
    """This language's words in English: what lets English examples of tools match. Empty for English."""
    implied: tuple[tuple[re.Pattern[str], str], ...]
    """Questions that do not name what they are about ("where are you?"), with the words that do."""
    rephrased: tuple[tuple[re.Pattern[str], str], ...]
    """What is told and asked in several sentences, with the one question in English that it amounts to."""
    synonyms: Mapping[str, tuple[str, ...]]
    """Stems of words, with the stems of words that help centers use instead."""
    say: Mapping[str, str]
    think: Mapping[str, str]

    def stem(self, word: str) -> str:
        """The stem of a lower-cased word."""
        return stem(word, self.code)

    def has(self, cue: str, text: str) -> bool:
        """Whether the cue stands anywhere in the lower-cased text."""
        return any(pattern.search(text) for pattern in self.cues.get(cue, ()))

    def calmed(self, text: str) -> str:
        """The text without swear words before a thing: "my *** order" is about an order."""
        for pattern in self.cues.get("sworn", ()):
            text = pattern.sub(r"\1 ", text)
        return text

    def is_stop(self, word: str) -> bool:
        """Whether a lower-cased word carries no topic."""
        return word in self.words["stop"]

    def content(self, text: str) -> list[str]:
        """The lower-cased words that carry a topic, in order."""
        return [word for word in words(text) if word not in self.words["stop"]]

    def stems(self, text: str) -> list[str]:
        """The stems of the words that carry a topic, in order."""
        return [self.stem(word) for word in self.content(text)]

    def translated(self, text: str) -> str:
        """The text word by word in English, as far as the glossary goes; compounds by their known parts."""
        if not self.gloss:
            return text
        return _WORD.sub(lambda match: self._gloss(match.group()), text)

    def _gloss(self, word: str) -> str:
        low = word.lower()
        if low in self.gloss:
            return self.gloss[low]
        for key, english in self.gloss.items():
            if len(key) >= _COMPOUND_STEM and " " not in key and self.stem(key) == self.stem(low):
                return english
        found = [
            (low.find(key), english) for key, english in self.gloss.items() if len(key) > _COMPOUND_STEM and key in low
        ]
        return " ".join(english for _, english in sorted(found)[:3]) or word


def plain(text: str) -> str:
    """Lower-cased, with straight quotes and single spaces: what patterns are matched against. Length may change."""
    text = (
        text.replace("’", "'").replace("‘", "'").replace("`", "'").replace("“", '"').replace("”", '"').replace("„", '"')
    )
    return " ".join(text.lower().split())


def spans(text: str) -> list[tuple[int, int, str]]:
    """Start, end and text (as written) of each word."""
    return [(match.start(), match.end(), match.group()) for match in _WORD.finditer(text)]


def load(code: str) -> Language:
    """The language from its file.

    Raises:
        FileNotFoundError: there is no such file.

    """
    source = resources.files("server.models.offline") / "locales" / f"{code}.yaml"
    return _language(YAML(typ="safe").load(source.read_text(encoding="utf-8")))


def available() -> tuple[str, ...]:
    """The codes of all languages there are files for."""
    folder = resources.files("server.models.offline") / "locales"
    return tuple(sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml")))


_WORD_LISTS: Final = (
    *(
        "stop",
        "detect",
        "pronouns",
        "possessive",
        "lead",
        "openers",
        "meta",
        "determiners",
        "prepositions",
        "attributes",
    ),
    *("true_words", "false_words"),
)


def _language(raw: Mapping[str, Any]) -> Language:
    return Language(
        code=raw["language"],
        name=raw["name"],
        words={key: _words(raw[key]) for key in _WORD_LISTS},
        numbers=dict(raw["numbers"]),
        ordinals={str(key): value for key, value in raw["ordinals"].items()},
        months=tuple(raw["months"]),
        weekdays=tuple(raw["weekdays"]),
        dates=dict(raw["dates"]),
        day_first=raw["date_order"] == "dmy",
        decimal_point=raw["decimal_point"],
        whole={key: _compiled(value) for key, value in raw["whole"].items()},
        cues={key: _compiled(value) for key, value in raw["cues"].items()},
        types={kind: {side: _compiled(value) for side, value in both.items()} for kind, both in raw["types"].items()},
        membership=_compiled(raw["membership"]),
        frames=_compiled(raw["frames"]),
        tails=_compiled(raw["tails"]),
        constraints=re.compile(raw["constraints"]),
        asking=re.compile(raw["asking"]),
        dangling=re.compile(raw["dangling"]),
        units={key: tuple(str(word) for word in value) for key, value in raw["units"].items()},
        gloss={str(key).lower(): str(value) for key, value in raw["gloss"].items()},
        implied=tuple((re.compile(pattern), str(said)) for pattern, said in raw["implied"].items()),
        rephrased=tuple((re.compile(pattern), str(said)) for pattern, said in raw["rephrased"].items()),
        synonyms={
            stem(w, raw["language"]): tuple(stem(o, raw["language"]) for o in others.split())
            for w, others in raw["synonyms"].items()
        },
        say=dict(raw["say"]),
        think=dict(raw["think"]),
    )


def _words(value: str | Sequence[Any]) -> frozenset[str]:
    return frozenset(value.split()) if isinstance(value, str) else frozenset(str(word) for word in value)


def _compiled(patterns: Sequence[str]) -> Patterns:
    return tuple(re.compile(pattern) for pattern in patterns)


class Detector:
    """Tells which of some languages a text is in; by their own common words first, since messages are short."""

    def __init__(self, languages: Mapping[str, Language]) -> None:
        self._languages = languages
        self._identifier: Any = None

    @property
    def is_loaded(self) -> bool:
        """Whether what tells foreign languages apart is in memory: 80 MB and half a second, for the first text that needs it."""
        return self._identifier is not None

    def _foreign(self) -> Any:  # noqa: ANN401 - py3langid has no types
        if self._identifier is None:
            identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
            identifier.set_languages([*self._languages, *_OTHER_LANGUAGES])
            self._identifier = identifier
        return self._identifier

    def detect(self, text: str, *, before: str, known: frozenset[str] = frozenset()) -> str:
        """The language's code, or another ISO code when the text is surely foreign.

        `before` is the answer for a text that does not say: the conversation's language so far. `known` are words of
        the shop (from tools and passages), which say nothing about the language.
        """
        found = words(text)
        counts = {code: self._count(found, language) for code, language in self._languages.items()}
        best = max(counts.values(), default=0)
        if best:
            winners = [code for code, count in counts.items() if count == best]
            if len(winners) > 1 and before in winners:
                return before
            if best >= 2 or len(found) < 4:
                return winners[0]
        letters = [word for word in found if word.isalpha() and word not in known]
        if len(letters) < 3:
            return next((code for code, count in counts.items() if count == best and best), before)
        return self._identify(" ".join(letters), counts, before)

    @staticmethod
    def _count(found: Sequence[str], language: Language) -> int:
        return sum(1 for word in found if word in language.words["detect"] or word in language.gloss)

    def _identify(self, text: str, counts: Mapping[str, int], before: str) -> str:
        ranked = [(str(code), float(score)) for code, score in self._foreign().rank(text)]
        own = next((score for code, score in ranked if code in self._languages), float("-inf"))
        own_code = next((code for code, _ in ranked if code in self._languages), before)
        first, score = ranked[0]
        if first in self._languages:
            return first if first == before or score - _score(ranked, before) > SURE / 4 else before
        return first if score - own > SURE and not any(count > 1 for count in counts.values()) else own_code


def _score(ranked: Sequence[tuple[str, float]], code: str) -> float:
    return next((score for other, score in ranked if other == code), float("-inf"))
