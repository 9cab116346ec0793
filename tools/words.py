"""The small sandboxed templates of a tool: its label and its reply; and texts that are there in several languages.

Pure: templates see the values they are given and can neither change them nor reach anything else.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

Text: TypeAlias = str | Mapping[str, str]
"""A text, or the same by language: `{en: …, de: …}`."""

MAX_LABEL_CHARS: Final = 120
"""One line of the widget on a desktop; longer ones are cut."""

# What templates make is plain text, escaped where it is shown; HTML escapes here would end up in front of customers.
_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(autoescape=False, undefined=StrictUndefined)


def template(source: str) -> Template:
    """The compiled template.

    Raises:
        jinja2.TemplateSyntaxError: it is none; says the line and why.

    """
    return _ENVIRONMENT.from_string(source)


def text_in(text: Text, locale: str) -> str:
    """The text in this language, else in English, else the first."""
    if isinstance(text, str):
        return text
    for key in (locale, locale.split("-")[0], "en"):
        if key in text:
            return text[key]
    return next(iter(text.values()))


def texts_of(text: Text | None) -> tuple[str, ...]:
    """The text in every language that it has."""
    return () if text is None else (text,) if isinstance(text, str) else tuple(text.values())


def check(source: str) -> None:
    """Read a template without compiling it: its filters belong to whoever renders it.

    Raises:
        jinja2.TemplateSyntaxError: it is none; says the line and why.

    """
    _ENVIRONMENT.parse(source)


def sentence(name: str) -> str:
    """A tool's name as words: `find_order` is "Find order"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = re.sub(r"[_\-\s]+", " ", spaced).strip().lower()
    return words[:1].upper() + words[1:]


def line(source: str, values: dict[str, Any]) -> str | None:
    """The template's text on one line, at most 120 characters; None when a value is missing or it cannot be made."""
    try:
        text = template(source).render(values)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return None
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= MAX_LABEL_CHARS else text[: MAX_LABEL_CHARS - 1] + "…"
