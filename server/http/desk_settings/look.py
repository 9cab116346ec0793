"""Look page: `theme:` of site.yaml, with what its preview needs.

What the chat looks like is the widget's; this only says which fields stand for which keys.
"""

from collections.abc import Mapping
from typing import Any, Final, get_args

from server.http.desk_settings.base import Form
from server.http.desk_settings.forms import (
    codes_in,
    languages_of,
    sent_texts,
    text_changed,
    text_fields,
    text_value,
)
from server.http.desk_settings.site import Changes, SitePage, Written
from server.site import Theme

COLOURS: Final[Mapping[str, str]] = {
    "accent": "Your colour",
    "accent_text": "Text on your colour",
    "background": "Background",
    "text": "Text",
    "accent_dark": "Your colour, dark",
    "background_dark": "Background, dark",
    "text_dark": "Text, dark",
}
CHOICES: Final[Mapping[str, str]] = {"launcher": "Icon of the launcher", "position": "Corner", "dark": "Light or dark"}
OTHERS: Final[Mapping[str, str]] = {"radius": "Rounding of corners", "font": "Font", "logo": "Logo"}
TEXTS: Final[Mapping[str, str]] = {"title": "Heading", "chips": "First messages offered"}
_NAMES: Final = {**COLOURS, **CHOICES, **OTHERS}


class LookPage(SitePage):
    """How the chat looks."""

    section = "look"
    label = "Look"
    groups = ("theme.title", "theme.chips")

    def fields(self, written: Written) -> dict[str, str]:
        """One for each key of the theme, and one for each text in each language."""
        theme = written.site.theme
        plain = {f"theme.{name}": _shown(getattr(theme, name)) for name in _NAMES}
        languages = languages_of(written.site, theme.title, theme.chips, written.site.greeting)
        title = text_fields("theme.title", theme.title, languages)
        return plain | title | text_fields("theme.chips", theme.chips, languages, joined=True)

    def sent(self, form: Form, written: Written) -> dict[str, str]:  # noqa: ARG002 - as the base has it
        """Those of the form: it may have had other languages."""
        plain = {f"theme.{name}": form.get(f"theme.{name}") for name in _NAMES}
        return plain | sent_texts(form, "theme.title") | sent_texts(form, "theme.chips")

    def changes(self, before: Mapping[str, str], now: Mapping[str, str], written: Written) -> Changes:
        """Only the keys that differ; a field that was emptied takes its key away."""
        changes = Changes()
        own = written.site.locale
        for name, words in _NAMES.items():
            field = f"theme.{name}"
            if now[field] != before[field]:
                changes.put(("theme", name), _value(name, now[field]), words.lower())
        for name, words in TEXTS.items():
            field, joined = f"theme.{name}", name == "chips"
            value = text_value(field, now, own, joined=joined)
            if value != text_value(field, before, own, joined=joined):
                which = text_changed(field, before, now)
                changes.put(("theme", name), value, f"{words.lower()} ({which})" if which else words.lower())
        return changes

    def more(self, written: Written, fields: Mapping[str, str]) -> dict[str, Any]:
        """The choices, the languages, and what stands beside them in the chat."""
        languages = codes_in("theme.title", fields)
        greetings = {code: written.site.greeting_for(code) for code in languages}
        return {
            "colours": COLOURS,
            "choices": {name: (words, _literals(name)) for name, words in CHOICES.items()},
            "languages": languages,
            "greetings": greetings,
        }


def _literals(name: str) -> tuple[str, ...]:
    return get_args(Theme.model_fields[name].annotation)


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _value(name: str, typed: str) -> Any:  # noqa: ANN401 - a number or text
    if not typed:
        return None
    return int(typed) if name == "radius" and typed.isascii() and typed.isdigit() and len(typed) < 9 else typed
