"""Pick: the part of a foreign system's answer that a tool gives on.

Pure. What is not there is null; nothing here raises on an answer, whatever it looks like.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from tools.types import Json

Pick: TypeAlias = str | Mapping[str, Any]
"""A dotted path; or a mapping from new names to picks; or `{list: path, each: pick}`."""

MAX_DEPTH: Final = 8
_STEP: Final = re.compile(r"(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]|(?P<each>\[\])")
_EACH: Final = ("list", "each")


def steps(path: str) -> tuple[str | int | None, ...]:
    """The steps of a path such as `order.lines[].title` or `items[0].id`; None stands for `[]`, every entry.

    Raises:
        ValueError: it is no path.
    """
    found: list[str | int | None] = []
    at = 0
    while at < len(path):
        if found and path[at] == ".":
            at += 1
        match = _STEP.match(path, at)
        if match is None or (found and path[at - 1] != "." and match["name"]):
            raise ValueError(f"expected a path such as order.lines[].title, got {path!r}")
        found.append(match["name"] if match["name"] else int(match["index"]) if match["index"] else None)
        at = match.end()
    if not found or path.endswith("."):
        raise ValueError(f"expected a path such as order.lines[].title, got {path!r}")
    return tuple(found)


def get(value: Json, path: str) -> Json:
    """What the path leads to, or null. With `[]` in it a list, of whatever is there in each entry."""
    return _walk(value, steps(path))


def _walk(value: Json, path: tuple[str | int | None, ...]) -> Json:
    for n, step in enumerate(path):
        if step is None:
            rest = path[n + 1 :]
            return [_walk(item, rest) for item in value] if isinstance(value, list) else None
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def pick(value: Json, wanted: Pick | None) -> Json:
    """The wanted part; everything if nothing is said."""
    if wanted is None:
        return value
    if isinstance(wanted, str):
        return get(value, wanted)
    if set(wanted) == set(_EACH):
        entries = get(value, wanted["list"])
        return [pick(entry, wanted["each"]) for entry in entries] if isinstance(entries, list) else []
    return {name: pick(value, inner) for name, inner in wanted.items()}


def check(wanted: object, depth: int = 0) -> None:
    """Whether it is a pick.

    Raises:
        ValueError: it is none; says where.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"expected at most {MAX_DEPTH} levels")
    if isinstance(wanted, str):
        steps(wanted)
    elif isinstance(wanted, Mapping) and wanted:
        if set(wanted) == set(_EACH):
            if not isinstance(wanted["list"], str):
                raise ValueError(f"list: expected a path, got {wanted['list']!r}")
            steps(wanted["list"])
            check(wanted["each"], depth + 1)
        else:
            for inner in wanted.values():
                check(inner, depth + 1)
    else:
        raise ValueError(f"expected a path such as order.status, or names with paths, got {wanted!r}")
