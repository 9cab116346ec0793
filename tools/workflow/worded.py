"""Worded: what a state such as `in_transit` is called, in the customer's language.

It only knows words; which state a thing is in, the shop's tools say.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from tools.words import Text

_FILE: Final = Path(__file__).with_name("words.yaml")


def worded(value: str, words: Mapping[str, Text], locale: str) -> str:
    """What the state is called: by the shop's `words`, else by ours; else as it is, with spaces for `_` and `-`.

    A language that has no word for it gets the English one.
    """
    wanted = _plain(value)
    shops = next((text for name, text in words.items() if _plain(name) == wanted), {})
    if isinstance(shops, str):
        return shops
    ours = common_words().get(wanted, {})
    for key in (locale, locale.split("-")[0], "en"):
        if key in shops or key in ours:
            return shops[key] if key in shops else ours[key]
    return value.strip().replace("_", " ")


@functools.cache  # a file that comes with the package: the same everywhere, so not state that could differ
def common_words() -> Mapping[str, Mapping[str, str]]:
    """The words that come with Shopbell, by the state as it is compared."""
    with _FILE.open(encoding="utf-8") as file:
        read: dict[str, dict[str, str]] = YAML(typ="safe").load(file)
    return {_plain(str(name)): texts for name, texts in read.items()}


def _plain(value: str) -> str:
    return " ".join(value.casefold().replace("_", " ").replace("-", " ").split())
