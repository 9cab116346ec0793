"""Values: what a message says for an argument, read by the argument's schema.

Pure. Never makes a value up: each one stands in the text.
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from rapidfuzz import fuzz

from retrieval.text import number, stem, words
from server.models.offline.language import Language, plain
from server.models.offline.property import thing_in
from server.models.offline.slots import Slot, Value
from server.models.offline.understand import noun_phrase

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL: Final = re.compile(r"https?://[^\s<>\"']+")
_UUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I)
_NUMBER: Final = re.compile(r"(?<![\w.,-])#?-?\d+(?:[.,]\d+)*(?![\w-]|[.,]\d)")
_AMOUNT: Final = re.compile(
    r"(?:[€$£¥]\s?(?P<a>\d+(?:[.,]\d+)*))|(?:(?<!\d)(?<!\d[.,])(?P<b>\d+(?:[.,]\d+)*)\s?(?:[€$£¥]|(?:eur|euros?|usd|dollars?|gbp|pounds?|chf|francs?|bucks?)\b))",
    re.I,
)
_ISO_DATE: Final = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_NUMERIC_DATE: Final = re.compile(r"\b(\d{1,2})[./](\d{1,2})[./](\d{2,4})\b")
_PLACE: Final = re.compile(
    r"\b\d{1,3} ?[a-zA-Z]?\s*[,\n]\s*(?:[A-Z]{1,2}-)?\d{4,5} [A-ZÄÖÜ]\w+|"
    r"\b[A-Z]{1,2}-\d{4,5} (?:[A-ZÄÖÜ][a-zäöüß]\w*|[A-ZÄÖÜ]{3,}\b(?![-\d]))|, [A-Z]{2} \d{5}\b"
)
"""A house number with postcode and town, or a postcode with its country or state: no number in it names anything else."""
_PLACE_WORDS: Final = frozenset({"zip", "postcode", "postal", "plz", "postleitzahl", "address"})
_MAX_FREE_CHARS: Final = 200


def values_of(
    slot: Slot, text: str, language: Language, phrase: Callable[[str], str] | None = None
) -> tuple[Sequence[Value], str]:
    """The slot's values in the text, and the text without the first of them."""
    if slot.kind in ("email", "url", "uuid", "pattern"):
        pattern = {"email": _EMAIL, "url": _URL, "uuid": _UUID}.get(slot.kind) or slot.pattern
        if pattern is None:
            return [], text
        elsewhere = _parts_of_others(slot, text, language)
        matches = [m for m in pattern.finditer(text) if not _is_inside(m.span(), elsewhere)]
        values = list(dict.fromkeys(_as_written(slot, match.group().strip()) for match in matches))
        return values, _without(text, [match.span() for match in matches])
    if slot.kind == "date":
        return _dates(text, language)
    if slot.kind == "enum":
        value = option(slot, text, language)
        return ([value] if value is not None else []), text
    if slot.kind in ("integer", "number", "money"):
        return _numbers(slot, text, language)
    if slot.kind == "boolean":
        return _boolean(slot, text, language), text
    if slot.kind == "free":
        value = (phrase(text) if phrase else noun_phrase(thing_in(text, language), language))[:_MAX_FREE_CHARS]
        return ([value] if value else []), text
    return [], text


def _as_written(slot: Slot, value: str) -> str:
    """In the letter case that the schema's own pattern accepts."""
    source = (slot.schema or {}).get("pattern")
    if source and not re.search(source, value):
        for other in (value.upper(), value.lower(), value.replace(" ", "")):
            if re.search(source, other):
                return other
    return value


def _without(text: str, taken: Sequence[tuple[int, int]]) -> str:
    for start, end in reversed(taken[:1]):
        text = text[:start].rstrip("# ") + " " + text[end:]
    return text


def _dates(text: str, language: Language) -> tuple[list[str], str]:
    found = _dated(text, language)
    return [value for _, _, value in found], _without(text, [(start, end) for start, end, _ in found])


def _dated(text: str, language: Language) -> list[tuple[int, int, str]]:
    """Start, end and ISO form of each date with its year."""
    found: list[tuple[int, int, str]] = []
    for match in _ISO_DATE.finditer(text):
        found.append((*match.span(), match.group()))
    for match in _NUMERIC_DATE.finditer(text):
        first, second, year = (int(part) for part in match.groups())
        day, month = (first, second) if language.day_first or first > 12 or "." in match.group() else (second, first)
        found.append((*match.span(), _iso(year + 2000 if year < 100 else year, month, day)))
    names = "|".join(language.months)
    for match in re.finditer(rf"\b(\d{{1,2}})(?:st|nd|rd|th|\.)?(?: of)? ({names})\.?,? (\d{{4}})\b", text, re.I):
        month = language.months.index(match.group(2).lower()) + 1
        found.append((*match.span(), _iso(int(match.group(3)), month, int(match.group(1)))))
    for match in re.finditer(rf"\b({names}) (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", text, re.I):
        month = language.months.index(match.group(1).lower()) + 1
        found.append((*match.span(), _iso(int(match.group(3)), month, int(match.group(2)))))
    return sorted(item for item in found if item[2])


def _parts_of_others(slot: Slot, text: str, language: Language) -> list[tuple[int, int]]:
    """Where dates and places stand, whose years and postcodes are no numbers of orders."""
    spans = [(start, end) for start, end, _ in _dated(text, language)]
    if _PLACE_WORDS & {*words(slot.name.replace("_", " ")), *words(slot.what)}:
        return spans
    return [*spans, *(match.span() for match in _PLACE.finditer(text))]


def _is_inside(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    """Whether the span is a part of one of the others, not the whole of it."""
    return any(start <= span[0] and span[1] <= end and span != (start, end) for start, end in others)


def _iso(year: int, month: int, day: int) -> str:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        return ""


def option(slot: Slot, text: str, language: Language) -> Value | None:
    """The option that the text names, also misspelt or in the glossary's words; None if none or two are named."""
    heard = [plain(text), plain(language.translated(text))]
    stems = {stem(word, code) for line in heard for word in words(line) for code in {language.code, "en"}}
    named: list[tuple[float, Value]] = []
    for value in slot.options:
        label = str(value).replace("_", " ").replace("-", " ").lower()
        if any(re.search(rf"(?<!\w){re.escape(label)}(?!\w)", line) for line in heard):
            named.append((200 + len(label), value))
        elif all(stem(word, "en") in stems for word in words(label)):
            named.append((150, value))
        elif len(label) > 3:
            near = max((fuzz.ratio(label, word) for line in heard for word in words(line)), default=0.0)
            if near >= 84:
                named.append((near, value))
    named.sort(key=lambda item: -item[0])
    if not named or (len(named) > 1 and named[0][0] == named[1][0]):
        return None
    return named[0][1]


def _numbers(slot: Slot, text: str, language: Language) -> tuple[Sequence[Value], str]:
    if slot.kind == "money":
        for match in _AMOUNT.finditer(text):
            return _kept(_number(slot, match.group("a") or match.group("b"))), _without(text, [match.span()])
    for word in _unit_words(slot, language):
        beside = re.escape(word)
        near = rf"(\d+(?:[.,]\d+)*)\s?{beside}\b|\b{beside}\s?(?:is|=|:|#|no\.?|nr\.?)?\s?(\d+(?:[.,]\d+)*)(?![\w-])"
        if found := re.search(near, text, re.I):
            return _kept(_number(slot, found.group(1) or found.group(2))), _without(text, [found.span()])
    elsewhere = _parts_of_others(slot, text, language)
    matches = [match for match in _NUMBER.finditer(text) if not _is_inside(match.span(), elsewhere)]
    if matches and (slot.required or (len(matches) == 1 and slot.kind == "money")):
        return _kept(_number(slot, matches[0].group().lstrip("#"))), _without(text, [matches[0].span()])
    if slot.required:
        low = plain(text)
        for word, value in language.numbers.items():
            if re.search(rf"\b{re.escape(word)}\b", low):
                return [value], text
    return [], text


def _kept(value: Value | None) -> list[Value]:
    return [] if value is None else [value]


def _unit_words(slot: Slot, language: Language) -> list[str]:
    """Words beside which the slot's number stands: its unit, and its own name."""
    said = f"{slot.what} {slot.name.replace('_', ' ')}"
    unit = next((names for key, names in language.units.items() if re.search(rf"\b{key}\b", said)), ())
    return [*unit, *_near_words(slot)]


def _near_words(slot: Slot) -> list[str]:
    return [word for word in words(slot.name.replace("_", " ")) if word not in {"max", "min", "the", "number", "id"}]


def _number(slot: Slot, written: str) -> Value | None:
    value = number(written)
    if slot.kind == "integer":
        return int(value) if value.lstrip("-").isdigit() else None
    if slot.kind == "money":
        return str(Decimal(value)) if re.fullmatch(r"-?\d+(\.\d+)?", value) else None
    return float(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else None


def _boolean(slot: Slot, text: str, language: Language) -> list[bool]:
    """True or false only where the text names the slot ("with gift wrap", "no gift wrap")."""
    names = {stem(word, "en") for word in words(slot.name.replace("_", " ")) if len(word) > 2}
    heard = words(language.translated(text))
    places = [index for index, word in enumerate(heard) if stem(word, "en") in names]
    if not names or not places:
        return []
    before = set(heard[max(0, places[0] - 3) : places[0]])
    return [not before & language.words["false_words"]]
