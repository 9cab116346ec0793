"""Functions: what expressions can do with dates, money and lists, beside jinja2's own filters.

Pure. Every function checks what it is given; an expression sees its error as its own.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import jinja2
from jinja2 import pass_context
from jinja2.runtime import Context

from tools.workflow import types
from tools.workflow.worded import worded

MAX_REPEATS: Final = 200
"""Entries that `repeats` compares, each with each."""
MAX_NUMBER: Final = Decimal(10) ** 18
WORDS: Final = "_words"
"""Under this name an expression gets the shop's words for states; none that a file could write begins with `_`."""


def kind_of(value: Any) -> str:  # noqa: ANN401 - any value
    """What kind of value it is, in words."""
    if value is None or isinstance(value, jinja2.Undefined):
        return "nothing"
    return {"str": "text", "bool": "yes or no", "dict": "an object", "date": "a date"}.get(
        type(value).__name__, "a list"
    )


def _date(value: Any) -> dt.date:  # noqa: ANN401 - any value
    found = types.day(value)
    if not isinstance(found, dt.date):
        raise TypeError(f"expected a date, got {kind_of(value)}")
    return found


@pass_context
def _days_since(context: Context, value: Any) -> int:  # noqa: ANN401 - a date
    return (_date(context["today"]) - _date(value)).days


@pass_context
def _days_until(context: Context, value: Any) -> int:  # noqa: ANN401 - a date
    return (_date(value) - _date(context["today"])).days


def _days_between(first: Any, second: Any) -> int:  # noqa: ANN401 - dates
    return (_date(second) - _date(first)).days


def _one_of(value: Any, *options: Any) -> bool:  # noqa: ANN401 - any values
    """Whether the value is one of these, without regard to case."""
    return str(value).casefold() in {str(option).casefold() for option in options}


_SIGNS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF ", "": ""}
_MONTHS: Final = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
}


@pass_context
def _money(context: Context, value: Any, currency: Any = "EUR") -> str:  # noqa: ANN401 - a number
    """An amount as a shop writes it: €62.00; in German 62,00 €."""
    amount = _decimal(value).quantize(Decimal("0.01"))
    code = "" if currency is None or isinstance(currency, jinja2.Undefined) else str(currency)
    sign = _SIGNS.get(code, f"{code} ")
    if str(context.get("locale", "en")).startswith("de"):
        return f"{amount:,.2f}".translate(str.maketrans(",.", ".,")) + (f" {sign.strip()}" if sign else "")
    return f"-{sign}{-amount:,.2f}" if amount < 0 else f"{sign}{amount:,.2f}"


@pass_context
def _day(context: Context, value: Any) -> str:  # noqa: ANN401 - a date
    """A day as people say it: 21 November 2026."""
    found = _date(value)
    lang = "de" if str(context.get("locale", "en")).startswith("de") else "en"
    return f"{found.day}{'.' if lang == 'de' else ''} {_MONTHS[lang].split()[found.month - 1]} {found.year}"


@pass_context
def _in_words(context: Context, value: Any) -> str:  # noqa: ANN401 - a state, as a tool gives it
    """What a state is called in the customer's language: `in_transit` is "unterwegs"."""
    if not isinstance(value, str):
        raise TypeError(f"in_words wants a text, got {kind_of(value)}")
    return worded(value, context.get(WORDS) or {}, str(context.get("locale", "en")))


def _decimal(value: Any) -> Decimal:  # noqa: ANN401 - any value
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise TypeError(f"expected a number, got {kind_of(value)}")
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"expected a number, got {str(value)[:40]!r}") from None
    if not found.is_finite() or abs(found) > MAX_NUMBER:
        raise ValueError("expected a finite number")
    return found


def _sum(values: Iterable[Any], attribute: str | None = None) -> Decimal:
    """The exact sum of a list, or of one field of its entries."""
    total = Decimal(0)
    for item in values:
        total += _decimal(item.get(attribute) if attribute and isinstance(item, Mapping) else item)
    return total


def _repeats(values: Iterable[Any], *fields: str) -> list[Any]:
    """The entries that are the same in these fields as one before them: of two equal charges, the second."""
    seen: list[tuple[Any, ...]] = []
    found = []
    for item in itertools.islice(values, MAX_REPEATS):
        key = tuple(item.get(name) for name in fields) if isinstance(item, Mapping) else (item,)
        if key in seen:
            found.append(item)
        seen.append(key)
    return found


def _round(value: Any, digits: int = 0) -> Any:  # noqa: ANN401 - a number
    if not 0 <= digits <= 6:
        raise ValueError("round: expected 0 to 6 digits")
    found = _decimal(value).quantize(Decimal(1).scaleb(-digits))
    return found if digits else int(found)


def _int(value: Any) -> int:  # noqa: ANN401 - a number
    return int(_decimal(value))


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "money": _money, "day": _day, "decimal": _decimal, "number": _decimal, "sum": _sum, "round": _round, "int": _int,
    "repeats": _repeats, "bool": bool, "in_words": _in_words,
}  # fmt: skip
CALLABLES: Final[Mapping[str, Callable[..., Any]]] = {
    "days_since": _days_since, "days_until": _days_until, "days_between": _days_between, "one_of": _one_of,
}  # fmt: skip
