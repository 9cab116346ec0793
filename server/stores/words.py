"""Words: what of an event can be searched for, and how a person's query is read. The same for every store.

Pure: no I/O. Knows no database.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from server.events import Event

MAX_TERMS: Final = 8
"""Words of a query that count: nobody types more to find a conversation."""
AROUND_CHARS: Final = 60
"""Of the excerpt, before the word and after it."""

_WORD: Final = re.compile(r"\w+")


def text_of(kind: str, body: Mapping[str, Any]) -> str:
    """What of an event can be found: what was said or noted, and who signed in; "" for everything else."""
    if kind in ("message", "note"):
        return str(body.get("text") or "")
    if kind == "identified" and body.get("customer"):
        return " ".join(str(body[key]) for key in ("name", "email", "customer") if body.get(key))
    return ""


def terms_of(query: str) -> list[str]:
    """The words of a query, in small letters and without accents; what is found begins with each of them."""
    return _WORD.findall(_bare(query))[:MAX_TERMS]


def excerpt(event: Event, terms: list[str]) -> str | None:
    """A piece of the event's text around the first of the words; None if it does not have all of them."""
    text = text_of(event.kind, event.body)
    found = [(m.start(), m.group()) for m in _WORD.finditer(_bare(text))]
    if not terms or not all(any(word.startswith(term) for _, word in found) for term in terms):
        return None
    at = next(start for start, word in found if word.startswith(terms[0]))
    return around(text, at)


def around(text: str, at: int) -> str:
    """A piece of the text around a place, cut at spaces, on one line."""
    start, end = max(0, at - AROUND_CHARS), min(len(text), at + AROUND_CHARS)
    piece = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{piece}{'…' if end < len(text) else ''}"


def _bare(text: str) -> str:
    # Letter by letter, so that places in the bare text are places in the text.
    return "".join(unicodedata.normalize("NFD", char)[0] for char in text).lower()
