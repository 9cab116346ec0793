"""Connect: the connectors that a tools.yaml describes, added to a shop's registry; and the rules that follow them.

It opens no connection.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from server.site import BROKEN, Problem, Severity, ToolsFile
from tools import BadTool, Registry, Rule
from tools.connectors import Auth, Connectors, Egress


def connect(
    written: ToolsFile, registry: Registry, environment: Mapping[str, str], directory: Path, problems: list[Problem]
) -> Connectors:
    """Make the connectors and add their tools to the registry; what does not work is added to `problems`."""
    egress = Egress(frozenset(written.egress.allow_private), frozenset(written.egress.allow_http))
    connectors = Connectors(egress, environment, directory)
    for name, tool in written.http.items():
        path = ("http", name)
        if tool.auth is not None:
            _say_unset(tool.auth, environment, written, (*path, "auth", "env"), problems)
        try:
            registry.add(connectors.add_http(name, tool, where=_where(written, path)))
        except (BadTool, ValueError) as error:
            _say(written, path, "error", error.message if isinstance(error, BadTool) else str(error), problems)
    return connectors


class LiveRules(Mapping[str, Rule]):
    """A shop's rules, with `deny` for whatever a connector refuses at this moment (a definition that has changed)."""

    def __init__(self, rules: Mapping[str, Rule], connectors: Connectors) -> None:
        self._rules = rules
        self._connectors = connectors

    def __getitem__(self, name: str) -> Rule:
        return BROKEN if self._connectors.refused(name) is not None else self._rules[name]

    def __iter__(self) -> Iterator[str]:
        refused = [spec.name for spec in self._connectors.specs if self._connectors.refused(spec.name) is not None]
        return iter(dict.fromkeys([*self._rules, *refused]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return repr(dict(self))


def _say_unset(
    auth: Auth, environment: Mapping[str, str], written: ToolsFile, path: tuple[str, ...], problems: list[Problem]
) -> None:
    if not environment.get(auth.env):
        message = f"the environment variable {auth.env} is not set: calls will fail"
        _say(written, path, "warning", message, problems)


def _where(written: ToolsFile, path: tuple[str, ...]) -> str:
    assert written.document is not None  # noqa: S101 - a connector comes from a document
    return f"{written.document.file}:{written.document.keys[path].line}"


def _say(written: ToolsFile, path: tuple[str, ...], severity: Severity, message: str, problems: list[Problem]) -> None:
    assert written.document is not None  # noqa: S101 - a connector comes from a document
    document = written.document
    place = document.keys.get(path, document.place(path))
    problems.append(Problem(document.file, place.line, place.column, severity, f"{'.'.join(path[:2])}: {message}"))
