"""World: what customers ask businesses of every kind, and the words for what is to be done; read from locales/world.yml.

Knows no shop; it only says what else a message might mean when no tool is meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final

from ruamel.yaml import YAML

from retrieval.text import is_stop_word, stem, words

_LANGUAGES: Final = ("en", "de")
"""Whose words of deeds are known. A word of one language is rarely one of another's."""


@dataclass(frozen=True)
class World:
    """Requests that nobody's tools need to know, and groups of words for one deed by their stems."""

    elsewhere: tuple[str, ...]
    deeds: Mapping[str, frozenset[str]]
    weak: frozenset[str]
    verbs: frozenset[str] = frozenset()
    """The English words for deeds, as they are written."""

    def deeds_in(self, text: str) -> frozenset[str]:
        """What the text wants done: `end` for "cancel", "stop", "close" …. Looking counts only where nothing else is wanted.

        In "I want to see how to cancel" seeing is not what is wanted.
        """
        found: set[str] = set()
        for word in words(text):
            for code in _LANGUAGES[:1] if is_stop_word(word, "en") else _LANGUAGES:  # "and" is no stem of "ändern"
                found |= self.deeds.get(stem(word, code), frozenset())
        return frozenset(found - self.weak or found)


def load_world() -> World:
    """The file's content; about 10 ms, so once for each bank."""
    source = resources.files("server.models.offline") / "locales" / "world.yml"
    raw = YAML(typ="safe").load(source.read_text(encoding="utf-8"))
    deeds: dict[str, set[str]] = {}
    verbs = {word for by_language in raw["deeds"].values() for word in str(by_language["en"]).split()}
    for group, by_language in raw["deeds"].items():
        for code, listed in by_language.items():
            for word in str(listed).split():
                deeds.setdefault(stem(word, code), set()).add(group)
    known = {word: frozenset(groups) for word, groups in deeds.items()}
    return World(tuple(raw["elsewhere"]), known, frozenset(raw["weak"]), frozenset(verbs))
