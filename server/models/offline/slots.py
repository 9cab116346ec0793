"""Slots: the values of a tool's arguments, taken from the message, then from what was said and found before.

Pure. Never makes a value up: each one stands in the message, in the history, or is the schema's default.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from rapidfuzz import fuzz

from retrieval.text import number, stem, words
from server.models.offline.language import Language, plain
from server.models.offline.understand import noun_phrase

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL: Final = re.compile(r"https?://[^\s<>\"']+")
_UUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I)
_NUMBER: Final = re.compile(r"(?<![\w.,-])#?-?\d+(?:[.,]\d+)*(?![\w-]|[.,]\d)")
_AMOUNT: Final = re.compile(
    r"(?:[€$£¥]\s?(?P<a>\d+(?:[.,]\d+)*))|(?:(?P<b>\d+(?:[.,]\d+)*)\s?(?:[€$£¥]|(?:eur|euros?|usd|dollars?|gbp|pounds?|chf|francs?|bucks?)\b))",
    re.I,
)
_ISO_DATE: Final = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_NUMERIC_DATE: Final = re.compile(r"\b(\d{1,2})[./](\d{1,2})[./](\d{2,4})\b")
_ORDINARY: Final = ("hello", "the", "banana split", "where is my stuff", "Please help", "abc", "I", "tent")
"""Texts that no identifier looks like: a pattern that matches two of them says nothing about how a value looks."""
_MAX_FREE_CHARS: Final = 200

Value = str | int | float | bool


@dataclass(frozen=True)
class Slot:
    """One argument as its JSON schema describes it."""

    name: str
    kind: str
    """`pattern`, `email`, `url`, `uuid`, `date`, `enum`, `integer`, `number`, `money`, `boolean`, `free` or `other`."""
    required: bool
    what: str
    """Its name in a sentence: the description's beginning, or the name in words."""
    pattern: re.Pattern[str] | None = None
    options: tuple[Any, ...] = ()
    example: str = ""
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Past:
    """What was said and found before, newest first: earlier calls' arguments and results, and customer messages."""

    args: tuple[Mapping[str, Any], ...] = ()
    results: tuple[Any, ...] = ()
    said: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    """Of each call, what it is about: its tool's name and scope, in words."""


@dataclass(frozen=True)
class Filled:
    """The arguments found, and the required ones that were not; `where` says from where each came."""

    args: dict[str, Any]
    missing: tuple[Slot, ...]
    where: Mapping[str, str]
    more: tuple[Any, ...] = ()
    """Further values for the identifying slot ("orders 1042 and 1043")."""


def slots(schema: Mapping[str, Any]) -> tuple[Slot, ...]:
    """The slots of an arguments schema, in its order."""
    required = set(schema.get("required", ()))
    definitions = schema.get("$defs", {})
    return tuple(
        _slot(name, _resolved(raw, definitions), name in required) for name, raw in schema.get("properties", {}).items()
    )


def _resolved(raw: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(raw)
    if "$ref" in out:
        target = definitions.get(str(out.pop("$ref")).rsplit("/", 1)[-1], {})
        out = {**_resolved(target, definitions), **out}
    if isinstance(out.get("allOf"), list) and len(out["allOf"]) == 1:
        out = {**_resolved(out.pop("allOf")[0], definitions), **out}
    choices = [item for item in out.get("anyOf", ()) if item.get("type") != "null"]
    if choices:
        types = {item.get("type") for item in choices}
        if types == {"number", "string"}:  # how pydantic writes a Decimal
            return {**out, "type": "decimal"}
        if len(choices) == 1 or "anyOf" in out:
            out = {**_resolved(choices[0], definitions), **{k: v for k, v in out.items() if k != "anyOf"}}
    return out


def _slot(name: str, raw: Mapping[str, Any], required: bool) -> Slot:
    examples = [str(item) for item in raw.get("examples", ())]
    pattern = _pattern(raw, examples)
    kind = _kind(name, raw, pattern)
    options = tuple(raw.get("enum", ())) or ((raw["const"],) if "const" in raw else ())
    return Slot(name, kind, required, _what(name, raw), pattern, options, examples[0] if examples else "", raw)


def _kind(name: str, raw: Mapping[str, Any], pattern: re.Pattern[str] | None) -> str:
    if "enum" in raw or "const" in raw:
        return "enum"
    formats = {"email": "email", "uri": "url", "uuid": "uuid", "date": "date", "date-time": "date"}
    if raw.get("format") in formats:
        return formats[raw["format"]]
    by_type = {"integer": "integer", "boolean": "boolean", "decimal": "money", "number": "number"}
    if raw.get("type") in by_type:
        kind = by_type[raw["type"]]
        return "money" if kind == "number" and re.search(r"amount|price|money|budget|cost", name) else kind
    if raw.get("type", "string") != "string":
        return "other"
    if pattern is not None:
        return "pattern"
    return "email" if re.search(r"e-?mail", name) else "free"


def _pattern(raw: Mapping[str, Any], examples: Sequence[str]) -> re.Pattern[str] | None:
    """How a value looks inside a message; None if that cannot be told from ordinary words."""
    source = raw.get("pattern")
    if source and raw.get("type", "string") == "string":
        try:
            whole = re.compile(source)
            if sum(1 for text in _ORDINARY if whole.search(text)) < 2:
                inner = source.removeprefix("^").removesuffix("$")
                return re.compile(rf"(?<![\w])(?:{inner})(?![\w]|[.,]\d)", re.I)
        except re.error:
            return None
    shapes = {shape for example in examples if (shape := _shape(example))}
    if shapes and len(shapes) == len({_shape(example) for example in examples}):
        return re.compile(rf"(?<![\w])(?:{'|'.join(sorted(shapes))})(?![\w]|[.,]\d)", re.I)
    return None


def _shape(example: str) -> str:
    """A pattern for values that look like this one: "A-1042" -> letters, dash, digits. Empty for plain words."""
    if not re.search(r"\d", example) or " " in example.strip():
        return ""
    out = ""
    for run in re.findall(r"\d+|[A-Za-z]+|.", example):
        if run.isdigit():
            out += rf"\d{{{max(1, len(run) - 1)},{len(run) + 3}}}"
        elif run.isalpha():
            out += rf"[A-Za-z]{{{len(run)}}}"
        else:
            out += re.escape(run) + ("?" if run in "-/# " else "")
    return out


def _what(name: str, raw: Mapping[str, Any]) -> str:
    said = str(raw.get("description") or "").strip()
    first = re.split(r"[.;:(]|, ", said, maxsplit=1)[0].strip()
    first = re.sub(r"^(the|a|an|your|der|die|das|ihre?) ", "", first, flags=re.I)
    if first and len(first.split()) <= 6:
        return first[0].lower() + first[1:] if first[1:2].islower() else first
    return re.sub(r"\b(id|no|nr)$", "number", name.replace("_", " ").replace("-", " "))


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
            args[slot.name] = values[0]
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


def values_of(
    slot: Slot, text: str, language: Language, phrase: Callable[[str], str] | None = None
) -> tuple[Sequence[Value], str]:
    """The slot's values in the text, and the text without the first of them."""
    if slot.kind in ("email", "url", "uuid", "pattern"):
        pattern = {"email": _EMAIL, "url": _URL, "uuid": _UUID}.get(slot.kind) or slot.pattern
        if pattern is None:
            return [], text
        matches = list(pattern.finditer(text))
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
        value = (phrase(text) if phrase else noun_phrase(text, language))[:_MAX_FREE_CHARS]
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
    found = sorted(item for item in found if item[2])
    return [value for _, _, value in found], _without(text, [(start, end) for start, end, _ in found])


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
    matches = [match for match in _NUMBER.finditer(text) if not _EMAIL.search(match.group())]
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


def remembered(slot: Slot, text: str, past: Past, language: Language) -> Value | None:
    """A value for the slot from before: the nth of a list that was shown, the one of the last call, or last said."""
    if (value := _nth(slot, text, past, language)) is not None:
        return value
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
            if values:
                return values[0]
    return None


def _scalar(value: object) -> Value | None:
    return value if isinstance(value, str | int | float) else None


def _nth(slot: Slot, text: str, past: Past, language: Language) -> Value | None:
    low = plain(text)
    position = next((at for word, at in language.ordinals.items() if re.search(rf"\b{re.escape(word)}\b", low)), 0)
    if not position:
        return None
    for about, result in zip(past.subjects or ("",) * len(past.results), past.results, strict=False):
        rows = _rows(result)
        if len(rows) > 1 and _in_record(slot, rows[0], about) is not None:
            index = position - 1 if position > 0 else position
            return _in_record(slot, rows[index], about) if -len(rows) <= index < len(rows) else None
    return None


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
