"""Types of values in a workflow: of slots, of a tool's result, of settings; and values made to fit them.

Pure. A type only says what is known: `any` fits everything and forbids nothing.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

Kind = Literal["any", "text", "number", "money", "date", "yes_no", "object", "list", "none"]

_WORDS: Final[Mapping[str, Kind]] = {
    "any": "any",
    "text": "text",
    "email": "text",
    "choice": "text",
    "order_number": "text",
    "photo": "text",
    "number": "number",
    "money": "money",
    "date": "date",
    "yes_no": "yes_no",
}
TYPE_WORDS: Final = tuple(_WORDS)
MAX_DEPTH: Final = 12
"""Of types made from a tool's JSON Schema: deeper ones, and those that contain themselves, are `any` from there on."""


@dataclass(frozen=True)
class Type:
    """What is known about a value. `fields` belong to objects, `item` to lists, `options` to choices."""

    kind: Kind = "any"
    fields: Mapping[str, "Type"] = field(default_factory=dict)
    item: "Type | None" = None
    nullable: bool = False
    open: bool = False
    """An object that may have fields beside those that are known."""
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As people say it."""
        names = {"yes_no": "yes or no", "object": "an object", "list": "a list", "date": "a date", "number": "a number"}
        return names.get(self.kind, self.kind)


ANY: Final = Type()
TEXT: Final = Type("text")
NUMBER: Final = Type("number")
MONEY: Final = Type("money")
DATE: Final = Type("date")
YES_NO: Final = Type("yes_no")


def from_yaml(written: Any) -> Type:  # noqa: ANN401 - what stands in the file
    """The type that `text`, `money?`, `[text]` or `{number: text, parcel?: {carrier: text}}` describe.

    Raises:
        ValueError: it describes none.

    """
    if isinstance(written, str):
        word = written.removesuffix("?")
        if word not in _WORDS:
            raise ValueError(
                f"expected a type ({', '.join(_WORDS)}), a list [type] or {{field: type}}, got {written!r}"
            )
        return Type(_WORDS[word], nullable=written.endswith("?"))
    if isinstance(written, list) and len(written) == 1:
        return Type("list", item=from_yaml(written[0]))
    if isinstance(written, Mapping):
        fields = {}
        for name, inner in written.items():
            found = from_yaml(inner)
            fields[str(name).removesuffix("?")] = nullable(found) if str(name).endswith("?") else found
        return Type("object", fields=fields)
    raise ValueError(f"expected a type such as text, [text] or {{number: text}}, got {written!r}")


def nullable(of: Type) -> Type:
    """The same type, or nothing."""
    return Type(of.kind, of.fields, of.item, True, of.open, of.options)


def from_schema(schema: Mapping[str, Any] | None, definitions: Mapping[str, Any] | None = None, depth: int = 0) -> Type:
    """The type that a JSON Schema describes, as far as it can be said."""
    if schema is None or depth > MAX_DEPTH:
        return ANY
    known = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return from_schema(known.get(str(schema["$ref"]).rsplit("/", 1)[-1]), known, depth + 1)
    choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if choices:
        inner = [item for item in choices if item.get("type") != "null"]
        names = {item.get("type") for item in inner}
        if len(inner) == 2 and names == {"number", "string"}:  # how pydantic writes a Decimal
            found = MONEY
        else:
            found = from_schema(inner[0], known, depth + 1) if len(inner) == 1 else ANY
        return nullable(found) if len(inner) < len(choices) else found
    if "enum" in schema:
        values = tuple(str(value) for value in schema["enum"])
        return Type("text", options=values) if all(isinstance(v, str) for v in schema["enum"]) else ANY
    return _plain(schema, known, depth)


def _plain(schema: Mapping[str, Any], known: Mapping[str, Any], depth: int) -> Type:
    match schema.get("type"):
        case "string" if schema.get("format") in ("date", "date-time"):
            return DATE
        case "string" if "pattern" in schema and r"\d*\.?\d*" in str(schema["pattern"]):
            return MONEY  # a Decimal as pydantic serializes it
        case "string":
            return TEXT
        case "integer" | "number":
            return NUMBER
        case "boolean":
            return YES_NO
        case "array":
            return Type("list", item=from_schema(schema.get("items"), known, depth + 1))
        case "object" if "properties" in schema:
            required = set(schema.get("required", ()))
            fields = {}
            for name, inner in schema["properties"].items():
                found = from_schema(inner, known, depth + 1)
                fields[name] = found if name in required else nullable(found)
            return Type("object", fields=fields, open=schema.get("additionalProperties") not in (None, False))
    return ANY


def of_value(value: Any) -> Type:  # noqa: ANN401 - a literal of a YAML file
    """The type of a literal."""
    if value is None:
        return Type("none", nullable=True)
    if isinstance(value, bool):
        return YES_NO
    if isinstance(value, int | float | Decimal):
        return NUMBER
    if isinstance(value, dt.date):
        return DATE
    if isinstance(value, str):
        return TEXT
    if isinstance(value, list | tuple):
        return Type("list", item=of_value(value[0]) if value else ANY)
    return ANY


def mismatch(want: Type, got: Type, path: str = "") -> str | None:
    """Why a value of type `got` cannot stand where `want` is declared; None if it can, or nobody can tell."""
    name = path or "it"
    if "any" in (want.kind, got.kind) or (got.kind == "none" and want.nullable):
        return None
    numeric = {"number", "money"}
    if want.kind != got.kind and not (want.kind in numeric and got.kind in numeric):
        # Texts may hold money, dates and order numbers; whether they do is seen when the value is there.
        if got.kind == "text" and want.kind in ("money", "date", "number") and not got.options:
            return None
        if want.kind == "text" and got.kind in ("number", "money", "date"):
            return None
        return f"{name} is {want}, got {got}"
    if want.kind == "list" and want.item and got.item:
        return mismatch(want.item, got.item, f"{path}[]")
    for key, inner in want.fields.items():
        at = f"{path}.{key}" if path else key
        there = got.fields.get(key)
        if there is None and not inner.nullable and not got.open:
            return f"it has no field {at}"
        found = mismatch(inner, there, at) if there is not None else None
        if found is not None:
            return found
    return None


def dress(value: Any, of: Type) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON value as expressions see it: money and fractions as Decimal, dates as dates; what does not fit stays."""
    if value is None:
        return None
    match of.kind:
        case "money" | "number":
            return decimal(value) if isinstance(value, float | str | Decimal) else value
        case "date":
            return day(value)
        case "list" if isinstance(value, list):
            return [dress(item, of.item or ANY) for item in value]
        case "object" | "any" if isinstance(value, Mapping):
            return {key: dress(item, of.fields.get(key, ANY)) for key, item in value.items()}
        case "any" if isinstance(value, list):
            return [dress(item, ANY) for item in value]
        case "any" if isinstance(value, float):
            return decimal(value)
    return value


def undress(value: Any) -> Any:  # noqa: ANN401 - whatever an expression gave
    """The value as JSON: decimals and dates as text, so that no digit is lost.

    Raises:
        ValueError: it has no JSON form.

    """
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else str(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):
        return undress(decimal(value))
    if isinstance(value, Mapping):
        return {str(key): undress(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [undress(item) for item in value]
    raise ValueError(f"expected text, a number, a date, a list or an object, got {value!r:.80}")


def decimal(value: Any) -> Any:  # noqa: ANN401 - any value
    """The value as a finite Decimal, or as it is when it is no number."""
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return value
    return found if found.is_finite() else value


def day(value: Any) -> Any:  # noqa: ANN401 - any value
    """The value as a date (of a time, its day), or as it is when it is none."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value[:10])
        except ValueError:
            return value
    return value
