"""Say: the engine's sentences, and replies from tools' templates and results.

Runs no tool. Templates are the merchant's, results are data: both are rendered in a sandbox, neither can call anything.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from server.models.offline.language import Language
from server.models.offline.quote import Answer
from server.ports import CallResult, Person
from tools import ToolSpec

_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_MAX_ROWS: Final = 6
"""Of a list without a template: more would fill a phone's screen."""
_MAX_FIELDS: Final = 8
_HIDDEN: Final = re.compile(r"(^|_)(id|uuid|hash|token|secret|password|internal|url|sku)$")
_MARKER: Final = re.compile(r"\[(\d+(?:\s*,\s*\d+)*)\]")


def environment(language: Language) -> jinja2.Environment:
    """The sandbox for reply templates, with filters that write in this language."""
    env = ImmutableSandboxedEnvironment(undefined=jinja2.ChainableUndefined, autoescape=False)
    helpers: dict[str, Callable[..., str]] = {
        "money": lambda value, currency="": money(value, currency, language),
        "date": lambda value, style="full": date(value, language, style=style),
        "plural": plural,
        "listed": lambda values: listed([str(value) for value in values], language),
    }
    env.filters.update(helpers)
    env.globals.update(helpers)  # {{ money(x) }} too: a tool's template is checked without our filters
    return env


def money(value: object, currency: str = "", language: Language | None = None) -> str:
    """An amount with its currency; `value` is a number, a decimal string or {amount, currency}; else as it is."""
    if isinstance(value, Mapping):
        currency = str(value.get("currency", currency))
        value = value.get("amount", "")
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    text = f"{amount:,.2f}"
    symbol = _SYMBOLS.get(currency.upper(), currency)
    if language is not None and language.decimal_point == ",":
        text = text.translate(str.maketrans(",.", ".,"))
        return f"{text} {symbol}".strip()
    return f"{symbol}{text}" if len(symbol) == 1 else f"{text} {symbol}".strip()


def date(value: object, language: Language, *, style: str = "full") -> str:
    """A date in words ("24 December 2026"); `value` is a date or ISO text; else as it is."""
    day = value
    if isinstance(value, str):
        try:
            day = dt.datetime.fromisoformat(value)
        except ValueError:
            return value
    if not isinstance(day, dt.date):
        return str(value)
    form = language.dates["short" if style == "short" else "full"]
    return form.format(day=day.day, month=_titled(language.months[day.month - 1]), year=day.year)


def _titled(word: str) -> str:
    return word[:1].upper() + word[1:]


def plural(count: object, one: str, many: str = "") -> str:
    """`one` or `many` (`one` + "s") with its number: {{ 2|plural("parcel") }} -> "2 parcels"."""
    try:
        single = Decimal(str(count)) == 1
    except InvalidOperation:
        return f"{count} {many or one + 's'}"
    return f"{count} {one if single else many or one + 's'}"


def listed(values: Sequence[str], language: Language, word: str = "and") -> str:
    """Several things as one: "a, b and c"."""
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} {language.say[word]} {values[-1]}"


def reply(spec: ToolSpec | None, call: CallResult, person: Person, language: Language) -> str:
    """What the call came back with, in words: by the tool's template, else field by field."""
    if spec is not None and spec.reply:
        values = {
            "result": call.result,
            "args": call.args,
            "caller": {
                "customer": person.customer,
                "name": person.name,
                "verified": person.verified,
                "locale": language.code,
            },
            "person": person,
            "locale": language.code,
        }
        try:
            text = environment(language).from_string(spec.reply).render(values).strip()
        except (jinja2.TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError):
            text = ""  # a template that breaks must not cost the customer the answer
        if text:
            return unmarked(re.sub(r"[ \t]*\n[ \t]*\n[\n \t]*", "\n\n", text))
    return unmarked(generic(call.result, language))


def unmarked(text: str) -> str:
    """Without anything that looks like a citation marker: only quotations cite."""
    return _MARKER.sub(r"(\1)", text)


def generic(result: object, language: Language) -> str:
    """A result without a template, as a short text or list."""
    if result is None or result is True:
        return language.say["done"]
    if result is False or result in ("", [], {}):
        return language.say["empty"]
    if isinstance(result, str | int | float):
        return str(result)
    if isinstance(result, list):
        return _table(result, language)
    if isinstance(result, Mapping):
        return _record(result, language)
    return str(result)


def _table(rows: Sequence[object], language: Language) -> str:
    lines = [f"- {_line(row, language)}" for row in rows[:_MAX_ROWS]]
    if len(rows) > _MAX_ROWS:
        lines.append("- " + language.say["others"].format(n=len(rows) - _MAX_ROWS))
    return "\n".join(lines)


def _line(row: object, language: Language) -> str:
    if not isinstance(row, Mapping):
        return _scalar(row, language)
    named = next((key for key in ("name", "title", "label", "number", "id") if row.get(key) not in (None, "")), None)
    head = f"**{row[named]}**: " if named else ""
    rest = [
        f"{_label(key)} {_scalar(value, language)}"
        for key, value in row.items()
        if key != named
        and value not in (None, "", [], {})
        and not isinstance(value, list)
        and (not isinstance(value, Mapping) or "amount" in value)
        and not _HIDDEN.search(key)
    ]
    return (head + ", ".join(rest[:_MAX_FIELDS])).removesuffix(": ")


def _record(record: Mapping[str, Any], language: Language) -> str:
    simple, nested = [], []
    for key, value in record.items():
        if value in (None, "", [], {}) or (_HIDDEN.search(key) and len(record) > 2):
            continue
        if isinstance(value, list):
            nested.append(f"{_titled(_label(key))}:\n{_table(value, language)}")
        elif isinstance(value, Mapping) and set(value) != {"amount", "currency"}:
            nested.append(f"{_titled(_label(key))}: {_line(value, language)}")
        else:
            simple.append(f"- {_titled(_label(key))}: {_scalar(value, language)}")
    if not simple and not nested:
        return language.say["empty"]
    return "\n".join([*simple[: 2 * _MAX_FIELDS], *nested[:3]])


def _label(key: str) -> str:
    return str(key).replace("_", " ").replace("-", " ").strip()


def _scalar(value: object, language: Language) -> str:
    if isinstance(value, bool):
        return language.say["yes_word" if value else "no_word"]
    if isinstance(value, Mapping) and "amount" in value:
        return money(value, "", language)
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}([T ].*)?", value):
        return date(value, language)
    return str(value)


def quoted(answer: Answer, language: Language) -> str:
    """The quotations with their markers; list lines below each other."""
    out = f"{answer.label}:" if answer.label else ""
    for index, piece in enumerate(answer.pieces):
        line = f"{piece.shown or piece.text.strip()} [{piece.n}]"
        if piece.item and piece.more and out:
            out += " " + line
        elif piece.item:
            out += ("\n" if out else "") + f"- {line}"
        else:
            after_item = index > 0 and answer.pieces[index - 1].item
            out += ("\n\n" if after_item else " " if out else "") + line
    if answer.absent:
        thing = answer.absent[:1].upper() + answer.absent[1:]
        gap = "\n\n" if out.startswith("- ") else " "
        return f"{language.say['not_listed'].format(topic=thing)}{gap}{out}"
    return out


def pieces_of(text: str) -> list[str]:
    """The text in word-sized pieces that join to the same text."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text)
