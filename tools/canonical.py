"""Canonical JSON: one sequence of bytes for equal arguments, to be hashed.

Pure: no I/O, no clock, no ids made here. Text is not normalised: another spelling is another argument.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from tools.types import Json

MAX_DEPTH: Final = 100
"""Arguments are forms, not trees; deeper nesting is refused long before Python's own recursion limit of 1,000."""

_EXACT_INT: Final = 2**53  # up to here a float and an int of the same value are the same number in JavaScript too


def canonical(args: Mapping[str, Any] | BaseModel) -> bytes:
    """UTF-8 JSON with sorted keys and no white space; the same before and after a trip through any JSON library.

    `1.0` and `1` are one number; a `Decimal` is the string of its digits, so `50.0` and `50.00` differ.

    Raises:
        ValueError: NaN, an infinity, a lone surrogate, a key that is not text, or more than 100 levels.

    """
    text = json.dumps(
        _plain(args, 0),
        ensure_ascii=False,
        allow_nan=False,
        sort_keys=True,
        separators=(",", ":"),
        check_circular=False,
    )
    return text.encode("utf-8")


def _plain(value: object, depth: int) -> Json:
    """The value as plain JSON types, with numbers in one form."""
    if depth > MAX_DEPTH:
        raise ValueError(f"arguments are nested more than {MAX_DEPTH} levels deep")
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"expected text as key, got {key!r}")  # noqa: TRY004 - one error for all bad content
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return _plain(to_jsonable_python(value, by_alias=True), depth + 1)


def _number(value: float) -> int | float:
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value!r}")
    return int(value) if value.is_integer() and abs(value) < _EXACT_INT else value
