"""Tables: what a tool returns, as a small table that a person can read beside a conversation.

Pure. It knows no tool: only the shape of JSON values.
"""

from collections.abc import Mapping
from typing import Any, Final

MAX_ROWS: Final = 12
MAX_COLUMNS: Final = 5
MAX_CHARS: Final = 80
"""Of a cell: the card is narrow."""


def tabled(result: Any) -> dict[str, Any]:  # noqa: ANN401 - a JSON value
    """`{columns, rows, more}`: the list of objects in the result, or the object itself as names and values."""
    found = _objects(result)
    if found is None:
        pairs = list(result.items()) if isinstance(result, Mapping) else [("", result)]
        rows = [[name, _cell(value)] for name, value in pairs if _is_flat(value) or not isinstance(result, Mapping)]
        return {"columns": [], "rows": rows[:MAX_ROWS], "more": max(0, len(rows) - MAX_ROWS)}
    # What is empty or nested everywhere tells nothing in one line.
    names = list(dict.fromkeys(name for row in found for name in row))
    columns = [
        name for name in names if any(_is_flat(row.get(name)) and row.get(name) not in (None, "") for row in found)
    ]
    columns = columns[:MAX_COLUMNS]
    rows = [[_cell(row.get(name)) for name in columns] for row in found[:MAX_ROWS]]
    return {"columns": columns, "rows": rows, "more": max(0, len(found) - MAX_ROWS)}


def _objects(result: Any) -> list[Mapping[str, Any]] | None:  # noqa: ANN401 - a JSON value
    """The one list of objects that the result is, or holds."""
    if isinstance(result, list):
        return result if all(isinstance(item, Mapping) for item in result) else None
    if isinstance(result, Mapping):
        lists = [value for value in result.values() if isinstance(value, list)]
        return _objects(lists[0]) if len(lists) == 1 else None
    return None


def _is_flat(value: Any) -> bool:  # noqa: ANN401 - a JSON value
    return value is None or isinstance(value, str | int | float)


def _cell(value: Any) -> str:  # noqa: ANN401 - a JSON value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}" if value != int(value) else str(int(value))
    text = str(value) if _is_flat(value) else "…"
    return text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 1]}…"
