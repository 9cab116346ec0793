"""Results of tools as plain JSON of a bounded size.

Pure. It never drops anything silently: what was cut is said in words.
"""

import json
import math
from typing import Final

from pydantic_core import to_jsonable_python

from tools.types import Json

CUT_KEY: Final = "_cut"
"""Where a result that was cut says so."""

# (characters of a text, entries of a list or object) to keep, tried in this order until the result fits.
_STEPS: Final = ((4000, 200), (2000, 100), (1000, 50), (500, 30), (300, 20), (200, 10), (120, 5), (60, 3), (30, 2))
_MAX_INT: Final = 2**63 - 1  # the largest whole number that every JSON library here can carry


def plain(result: object) -> Json:
    """The result as JSON types only: records as objects, decimals and times as text, NaN as null.

    Raises:
        ValueError: it holds something that has no JSON form, or holds itself.

    """
    return _clean(to_jsonable_python(result, by_alias=True, bytes_mode="base64"))


def cap(value: Json, max_chars: int) -> tuple[Json, str]:
    """The value, cut to at most `max_chars` characters of compact JSON, and what was cut in words ("" if nothing was).

    Objects stay objects and lists lists: long lists lose their end, long texts theirs. An object says so under `_cut`,
    a list in a last element with that key, a text at its end.
    """
    if size(value) <= max_chars:
        return value, ""
    for chars, entries in _STEPS:
        cuts: list[str] = []
        smaller = _shrink(value, chars, entries, "", cuts)
        note = "; ".join(cuts[:5]) + (f"; and {len(cuts) - 5} more places" if len(cuts) > 5 else "")
        marked = _mark(smaller, note)
        if cuts and size(marked) <= max_chars:
            return marked, note
    note = f"the result was {size(value):,} characters long, too long to show"
    return {CUT_KEY: note}, note


def size(value: Json) -> int:
    """Characters of the value as compact JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _clean(value: Json) -> Json:
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be stored
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_INT:
        return str(value)
    return value


def _shrink(value: Json, chars: int, entries: int, path: str, cuts: list[str]) -> Json:
    name = path or "result"
    if isinstance(value, str) and len(value) > chars:
        cuts.append(f"{name}: {chars:,} of {len(value):,} characters shown")
        return value[: chars - 1] + "…"
    if isinstance(value, list):
        if len(value) > entries:
            cuts.append(f"{name}: {entries} of {len(value):,} entries shown")
        return [_shrink(item, chars, entries, f"{path}[{n}]", cuts) for n, item in enumerate(value[:entries])]
    if isinstance(value, dict):
        if len(value) > entries:
            cuts.append(f"{name}: {entries} of {len(value):,} fields shown")
        kept = list(value.items())[:entries]
        return {key: _shrink(item, chars, entries, f"{path}.{key}" if path else key, cuts) for key, item in kept}
    return value


def _mark(value: Json, note: str) -> Json:
    if isinstance(value, dict):
        return {**value, CUT_KEY: note}
    if isinstance(value, list):
        return [*value, {CUT_KEY: note}]
    return f"{value} [{note}]"
