"""Slots: the arguments of a tool as its JSON schema describes them.

Pure. Reads no message.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_ORDINARY: Final = ("hello", "the", "banana split", "where is my stuff", "Please help", "abc", "I", "tent")
"""Texts that no identifier looks like: a pattern that matches two of them says nothing about how a value looks."""
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
