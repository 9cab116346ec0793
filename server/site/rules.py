"""Rules: tools.yaml, which says what each tool may do, and which tools there are over HTTP and MCP.

It knows no tools; whether a rule fits its tool is seen when the shop is loaded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel

from server.site.problem import Problem
from server.site.text import Document, check, parse_yaml, read_text
from tools import Rule
from tools.connectors import EgressRules, HttpTool, McpServer

M = TypeVar("M", bound=BaseModel)

BROKEN: Final = Rule(permission="deny")
"""What stands for a rule that cannot be read: nothing is allowed by mistake."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")  # what models accept as a function's name
_KEYS: Final = ("tools", "http", "mcp", "egress")


@dataclass(frozen=True, slots=True)
class ToolsFile:
    """A tools.yaml as read: the rules, and the connectors that it describes."""

    document: Document | None = None
    """For the places of what is in it; None when there is no file, or nothing in it."""
    rules: Mapping[str, Rule] = field(default_factory=dict)
    http: Mapping[str, HttpTool] = field(default_factory=dict)
    mcp: Mapping[str, McpServer] = field(default_factory=dict)
    egress: EgressRules = field(default_factory=EgressRules)


def read_tools(file: Path, problems: list[Problem]) -> ToolsFile:
    """All of a tools.yaml. A rule with an error becomes `deny`; a connector with one is left out.

    Every error is added to `problems`.
    """
    if not file.exists():
        return ToolsFile()
    text = read_text(file, problems)
    return ToolsFile() if text is None else tools_in(text, file, problems)


def tools_in(text: str, file: Path, problems: list[Problem]) -> ToolsFile:
    """The same of a text; `file` is for the places of what is wrong."""
    if not _says_anything(text):
        return ToolsFile()
    document = parse_yaml(text, file, problems)
    if document is None:
        return ToolsFile()
    for key in document.data:
        if key not in _KEYS:
            place = document.keys[(key,)]
            message = f"unknown key `{key}`; known are: {', '.join(_KEYS)}"
            problems.append(Problem(file, place.line, place.column, "error", message))
    rules = {
        name: rule or BROKEN for name, rule in _entries(Rule, "tools", "{permission: confirm}", document, problems)
    }
    http = _entries(HttpTool, "http", "{url: https://…, …}", document, problems)
    mcp = _entries(McpServer, "mcp", "{url: https://…}", document, problems)
    egress = EgressRules()
    if document.data.get("egress") is not None:
        egress = check(EgressRules, document, problems, at=("egress",)) or egress
    return ToolsFile(
        document, rules, {name: tool for name, tool in http if tool}, {name: s for name, s in mcp if s}, egress
    )


def read_rules(file: Path, problems: list[Problem]) -> tuple[dict[str, Rule], Document | None]:
    """The rules of a tools.yaml by tool, with the document for their places; ({}, None) when there is no such file."""
    read = read_tools(file, problems)
    return dict(read.rules), read.document


def _entries(
    model: type[M], section: str, example: str, document: Document, problems: list[Problem]
) -> list[tuple[str, M | None]]:
    """The entries of a section by name; None for one with an error."""
    entries = document.data.get(section)
    if entries is None:
        return []

    def wrong(path: tuple[str, ...], message: str) -> None:
        place = document.place(path)
        problems.append(Problem(document.file, place.line, place.column, "error", message))

    if not isinstance(entries, dict):
        what = "a rule for each tool's name" if section == "tools" else "an entry for each name"
        wrong((section,), f"{section}: expected {what}")
        return []
    found: list[tuple[str, M | None]] = []
    for name, entry in entries.items():
        good = None
        if not isinstance(entry, dict):
            what = "a rule" if section == "tools" else "an entry"
            wrong((section, name), f"{section}.{name}: expected {what} such as {example}, got {entry!r}")
        elif section != "tools" and not _NAME.fullmatch(name):
            wrong((section, name), f"{section}: expected a name of letters, digits, _ and -, got {name!r}")
        else:
            good = check(model, document, problems, at=(section, name))
        found.append((name, good))
    return found


def _says_anything(text: str) -> bool:
    """Whether there is more than comments: a tools.yaml in which all is commented out is fine."""
    return any(line.strip() and not line.strip().startswith("#") for line in text.splitlines())
