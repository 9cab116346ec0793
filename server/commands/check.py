"""`shopbell check`: everything that is wrong with a shop directory, and what its tools may do.

It runs the shop's plugin as `serve` would, and changes nothing itself.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from server.auth import weak_secret
from server.commands.pin import pin as write_pins
from server.shop import Shop, read_shop
from server.site import Problem, parse_yaml, read_text
from tools import Rule, ToolSpec, default_permission, needed_level

_HEADINGS = ("tool", "scope", "effect", "needs", "permission", "limits", "decided by")


def check(
    directories: Sequence[Path],
    data: Path,
    write: Callable[[str], object],
    *,
    environment: Mapping[str, str] = os.environ,
    pin: bool = False,
) -> int:
    """Print the problems of each shop as `file:line:column: severity: message`, then its permission matrix.

    `data` is the server's data directory, of which a plugin may use its shop's part. `pin` first asks the MCP servers
    for their tools and writes tools.lock. Returns the exit code: 1 if there is any error, else 0.
    """
    failed = False
    keys: dict[str, Path] = {}
    for directory in directories:
        if pin:
            failed = write_pins(directory, write, environment=environment) != 0 or failed
        shop, problems = read_shop(directory, data=data, environment=environment)
        if shop is not None:
            problems = sorted([*problems, *_weak_secrets(shop, environment), *_same_key(shop, keys)])
        for problem in problems:
            write(_relative(problem))
        errors = sum(problem.severity == "error" for problem in problems)
        warnings = len(problems) - errors
        failed = failed or errors > 0
        if shop is not None:
            for line in matrix(shop):
                write(line)
            write("")
        write(f"{directory}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    return 1 if failed else 0


def matrix(shop: Shop) -> list[str]:
    """The table tool × permission × limits, as lines of text."""
    if not len(shop.registry):
        return ["", f"{shop.site.name} ({shop.site.key}) has no tools"]
    rows = [_HEADINGS, *(_row(spec, shop.rules.get(spec.name)) for spec in shop.registry)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [
        "",
        f"{shop.site.name} ({shop.site.key}): what its tools may do",
        "",
        lines[0],
        "-" * len(lines[0]),
        *lines[1:],
    ]


def _row(spec: ToolSpec, rule: Rule | None) -> tuple[str, ...]:
    permission, by = _permission(spec, rule)
    return (spec.name, spec.scope, spec.effect, needed_level(spec, rule), permission, _limits(spec, rule), by)


def _permission(spec: ToolSpec, rule: Rule | None) -> tuple[str, str]:
    """The permission that holds, and what decided it."""
    if rule is not None and not rule.enabled:
        return "off", "tools.yaml"
    if rule is not None and rule.permission is not None:
        base, by = rule.permission, "tools.yaml"
    elif spec.ask is not None:
        base = "confirm" if spec.ask.of == "customer" else "approve"
        by = "the tool"
        if spec.ask.when is not None:
            return f"auto, {base} when it says so", by
    else:
        base, by = default_permission(spec), "default"
    if rule is not None and rule.auto_up_to is not None and base != "deny":
        return f"auto up to {rule.auto_up_to}, then {'approve' if base == 'auto' else base}", "tools.yaml"
    return base, by


def _limits(spec: ToolSpec, rule: Rule | None) -> str:
    if rule is None:
        return "-"
    unit = "" if spec.has_amount else " calls"
    named = (
        (rule.per_customer_per_day, "customer and day"),
        (rule.per_site_per_day, "shop and day"),
        (rule.per_conversation, "conversation"),
    )
    return ", ".join(f"{limit}{unit} per {what}" for limit, what in named if limit is not None) or "-"


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
