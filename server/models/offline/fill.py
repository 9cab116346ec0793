"""Fill: a tool's arguments, taken from the message, then from what was said and found before.

Pure. Never makes a value up: each one stands in the message, in the history, or is the schema's default.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from retrieval.text import stem, words
from server.models.offline.language import Language, plain
from server.models.offline.slots import Slot, Value
from server.models.offline.values import values_of


@dataclass(frozen=True)
class Past:
    """What was said and found before, newest first: earlier calls' arguments and results, and customer messages."""

    args: tuple[Mapping[str, Any], ...] = ()
    results: tuple[Any, ...] = ()
    said: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    """Of each call, what it is about: its tool's name and scope, in words."""
    failed: frozenset[str] = frozenset()
    """Values with which calls have failed, and none has gone well since: nothing to try again unless it is said again."""


@dataclass(frozen=True)
class Filled:
    """The arguments found, and the required ones that were not; `where` says from where each came."""

    args: dict[str, Any]
    missing: tuple[Slot, ...]
    where: Mapping[str, str]
    more: tuple[Any, ...] = ()
    """Further values for the identifying slot ("orders 1042 and 1043")."""


def fill(  # noqa: PLR0913 - what is known, what may be remembered and how: each is one thing
    found: Sequence[Slot],
    text: str,
    past: Past,
    language: Language,
    *,
    recall: bool,
    leans: bool = False,
    known: Mapping[str, Any] | None = None,
    phrase: Callable[[str], str] | None = None,
) -> Filled:
    """Values for the slots from `text`; with `recall`, what is missing also from `past`. `known` is already settled.

    Optional identifiers are only remembered when the text `leans` on what was said before ("when will it arrive?").

    `phrase` finds what a free-text slot is about; the default takes the noun phrase of the text.
    """
    args: dict[str, Any] = dict(known or {})
    where: dict[str, str] = dict.fromkeys(args, "settled")
    rest = text
    more: tuple[Any, ...] = ()
    order = sorted(found, key=lambda slot: _PRECISION.index(slot.kind))
    for slot in order:
        if slot.name in args:
            continue
        values, rest_after = values_of(slot, rest, language, phrase)
        if values:
            args[slot.name] = _as_said(values[0], text)
            where[slot.name] = "message"
            more = tuple(values[1:]) if slot.kind == "pattern" and not more else more
            rest = rest_after
    for slot in found:
        wanted = (slot.required and recall) or (leans and slot.kind in ("pattern", "uuid"))
        if slot.name not in args and wanted:
            value = remembered(slot, text, past, language)
            if value is not None:
                args[slot.name] = value
                where[slot.name] = "history"
    missing = tuple(slot for slot in found if slot.required and slot.name not in args)
    return Filled(args, missing, where, more)


def _as_said(value: Value, text: str) -> Value:
    """The value; of words between which another value was taken out ("helmet 49 red"), those before the gap."""
    if isinstance(value, str) and "  " in value and value.lower() not in text.lower():
        return value.split("  ", 1)[0].strip()
    return value


_PRECISION: Final = (
    "email",
    "url",
    "uuid",
    "pattern",
    "date",
    "money",
    "enum",
    "integer",
    "number",
    "boolean",
    "free",
    "other",
)
"""The most recognisable kind first: it takes its words away from the vaguer ones."""


def remembered(slot: Slot, text: str, past: Past, language: Language) -> Value | None:
    """A value for the slot from before: the nth of a list that was shown, the one of the last call, or last said."""
    if (value := _nth(slot, text, past, language)) is not None:
        return value
    if language.has("other_one", plain(text)):
        return _other(slot, past)
    for index, (args, result) in enumerate(zip(past.args, past.results, strict=False)):
        about = past.subjects[index] if index < len(past.subjects) else ""
        if args.get(slot.name) is not None:
            return _scalar(args[slot.name])
        if isinstance(result, Mapping) and (value := _in_record(slot, result, about)) is not None:
            return value
        rows = _rows(result)
        if len(rows) == 1 and (value := _in_record(slot, rows[0], about)) is not None:
            return value
        if len(rows) > 1 and _in_record(slot, rows[0], about) is not None:
            break  # several: which one is meant must be asked
    if slot.kind in ("pattern", "email", "uuid", "url"):
        for said in past.said:
            values, _ = values_of(slot, said, language)
            left = [value for value in values if str(value).casefold() not in past.failed]
            if left:
                return left[0]
    return None


def _other(slot: Slot, past: Past) -> Value | None:
    """What "the other one" is: of exactly two that were looked up or shown, not the last."""
    looked = [value for args in past.args if (value := _scalar(args.get(slot.name))) is not None]
    seen = list(dict.fromkeys(looked))
    for about, result in zip(past.subjects, past.results, strict=False):
        rows = _rows(result)
        shown = [value for row in rows if (value := _in_record(slot, row, about)) is not None] if len(rows) > 1 else []
        if shown:
            seen = list(dict.fromkeys([*seen[:1], *shown]))
            break
    return seen[1] if len(seen) == 2 else None


def _scalar(value: object) -> Value | None:
    return value if isinstance(value, str | int | float) else None


def names_place(text: str, language: Language) -> int:
    """The place in a list that the text names, from 1 or from -1 at its end; 0 if it names none."""
    low = plain(text)
    return next((at for word, at in language.ordinals.items() if re.search(rf"\b{re.escape(word)}\b", low)), 0)


def _nth(slot: Slot, text: str, past: Past, language: Language) -> Value | None:
    position = names_place(text, language)
    if not position:
        return None
    for about, result in zip(past.subjects or ("",) * len(past.results), past.results, strict=False):
        rows = _rows(result)
        if len(rows) > 1 and _in_record(slot, rows[0], about) is not None:
            index = position - 1 if position > 0 else position
            return _in_record(slot, rows[index], about) if -len(rows) <= index < len(rows) else None
    return None


def is_list(result: object) -> bool:
    """Whether a result holds several records."""
    return len(_rows(result)) > 1


def _rows(result: object) -> list[Mapping[str, Any]]:
    """The list of records in a result: itself, or the first list of records inside it."""
    if isinstance(result, Mapping):
        result = next((value for value in result.values() if isinstance(value, list) and value), [])
    return [row for row in result if isinstance(row, Mapping)] if isinstance(result, list) else []


def _in_record(slot: Slot, record: Mapping[str, Any], about: str) -> Value | None:
    """The record's value for the slot: of the same name, or its identifier if record and slot are about one thing."""
    value = record.get(slot.name)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return _typed(slot, value)
    parts = [word for word in words(slot.name.replace("_", " ")) if word not in _GENERIC]
    keys = [key for key in record if isinstance(record[key], str | int) and not isinstance(record[key], bool)]
    subject = {stem(word, "en") for word in words(about)}
    same = not parts or any(stem(word, "en") in subject for word in parts)
    for key in keys:
        named = set(words(key.replace("_", " ")))
        mine = bool(named & set(parts)) and (named - set(parts)) <= _GENERIC
        if (
            mine or (same and named <= _GENERIC and (slot.kind == "free") == ("name" in named or "title" in named))
        ) and (slot.pattern is None or slot.pattern.fullmatch(str(record[key]))):
            return _typed(slot, record[key])
    if slot.kind == "free":
        return next((str(record[key]) for key in ("name", "title") if isinstance(record.get(key), str)), None)
    return None


_GENERIC: Final = {"id", "number", "no", "nr", "code", "name", "title", "ref", "reference", "key", "query"}
"""Words of a key that say "this is its identifier", not what it identifies."""


def _typed(slot: Slot, value: str | int) -> str | int:
    return str(value) if (slot.schema or {}).get("type", "string") == "string" else value
