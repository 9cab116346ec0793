"""Rules: tools.yaml, which says what each tool may do.

It knows no tools; whether a rule fits its tool is seen when the shop is loaded.
"""

from pathlib import Path
from typing import Final

from server.site.problem import Problem
from server.site.text import Document, check, parse_yaml, read_text
from tools import Rule

BROKEN: Final = Rule(permission="deny")
"""What stands for a rule that cannot be read: nothing is allowed by mistake."""

_KEYS: Final = ("tools",)


def read_rules(file: Path, problems: list[Problem]) -> tuple[dict[str, Rule], Document | None]:
    """The rules of a tools.yaml by tool, with the document for their places; ({}, None) when there is no such file.

    A rule with an error becomes `deny`, and the error is added to `problems`.
    """
    if not file.exists():
        return {}, None
    text = read_text(file, problems)
    if text is None or not _says_anything(text):
        return {}, None
    document = parse_yaml(text, file, problems)
    if document is None:
        return {}, None
    for key in document.data:
        if key not in _KEYS:
            place = document.keys[(key,)]
            message = f"unknown key `{key}`; known are: {', '.join(_KEYS)}"
            problems.append(Problem(file, place.line, place.column, "error", message))
    entries = document.data.get("tools")
    if entries is None:
        return {}, document
    if not isinstance(entries, dict):
        place = document.place(("tools",))
        problems.append(Problem(file, place.line, place.column, "error", "tools: expected a rule for each tool's name"))
        return {}, document
    rules: dict[str, Rule] = {}
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            place = document.place(("tools", name))
            message = f"tools.{name}: expected a rule such as {{permission: confirm}}, got {entry!r}"
            problems.append(Problem(file, place.line, place.column, "error", message))
            rules[name] = BROKEN
        else:
            rules[name] = check(Rule, document, problems, at=("tools", name)) or BROKEN
    return rules, document


def _says_anything(text: str) -> bool:
    """Whether there is more than comments: a tools.yaml in which all is commented out is fine."""
    return any(line.strip() and not line.strip().startswith("#") for line in text.splitlines())
