"""`shopbell check`: everything that is wrong with a shop directory, and what its tools may do.

It runs the shop's plugin as `serve` would, and changes nothing itself.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from server.auth import weak_secret
from server.commands import matrix
from server.commands.pin import pin as write_pins
from server.shop import Shop, read_shop
from server.site import Problem, parse_yaml, read_text


def check(
    directories: Sequence[Path],
    data: Path,
    write: Callable[[str], object],
    *,
    environment: Mapping[str, str] = os.environ,
    pin: bool = False,
    as_json: bool = False,
) -> int:
    """Print the problems of each shop as `file:line:column: severity: message`, then what its tools may do.

    `data` is the server's data directory, of which a plugin may use its shop's part. `pin` first asks the MCP servers
    for their tools and writes tools.lock. `as_json` prints one JSON object per shop and line instead.
    Returns the exit code: 1 if there is any error, else 0.
    """
    failed = False
    keys: dict[str, Path] = {}
    for directory in directories:
        if pin:
            pinned = write_pins(directory, (lambda _: None) if as_json else write, environment=environment)
            failed = pinned != 0 or failed
        shop, problems = read_shop(directory, data=data, environment=environment)
        if shop is not None:
            problems = sorted([*problems, *_weak_secrets(shop, environment), *_same_key(shop, keys)])
        failed = failed or any(problem.severity == "error" for problem in problems)
        if as_json:
            write(_as_json(directory, shop, problems))
        else:
            _say(directory, shop, problems, write)
    return 1 if failed else 0


def _say(directory: Path, shop: Shop | None, problems: Sequence[Problem], write: Callable[[str], object]) -> None:
    for problem in problems:
        write(_relative(problem))
    if shop is not None:
        for line in matrix.matrix(shop):
            write(line)
        write("")
    errors = sum(problem.severity == "error" for problem in problems)
    write(f"{directory}: {_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}")


def _as_json(directory: Path, shop: Shop | None, problems: Sequence[Problem]) -> str:
    found: dict[str, Any] = {"shop": str(directory)}
    found["problems"] = [
        {
            "file": str(problem.file),
            "line": problem.line,
            "column": problem.column,
            "severity": problem.severity,
            "message": problem.message,
        }
        for problem in problems
    ]
    if shop is not None:
        found |= matrix.as_json(shop)
    return orjson.dumps(found).decode()


def _weak_secrets(shop: Shop, environment: Mapping[str, str]) -> list[Problem]:
    found = []
    for variable in shop.site.identity.variables:
        said = weak_secret(environment[variable]) if environment.get(variable) else None
        if said is not None:
            line, column = _place(shop.dir / "site.yaml", ("identity",))
            message = f"{variable}: {said}"
            found.append(Problem(shop.dir / "site.yaml", line, column, "warning", message))
    return found


def _same_key(shop: Shop, keys: dict[str, Path]) -> list[Problem]:
    """An error if another of the shops has this one's key; notes the key."""
    other = keys.setdefault(shop.site.key, shop.dir)
    if other == shop.dir:
        return []
    line, column = _place(shop.dir / "site.yaml", ("key",))
    message = f"key: {shop.site.key!r} is also that of {other}"
    return [Problem(shop.dir / "site.yaml", line, column, "error", message)]


def _place(file: Path, path: tuple[str, ...]) -> tuple[int, int]:
    text = read_text(file, [])
    document = parse_yaml(text, file, []) if text is not None else None
    if document is None:
        return 1, 1
    place = document.place(path)
    return place.line, place.column


def _relative(problem: Problem) -> str:
    """The problem with its file as seen from the working directory, where it lies below it."""
    text = str(problem)
    here = f"{Path.cwd()}{os.sep}"
    return text.removeprefix(here)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
