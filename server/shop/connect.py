"""Connect: the connectors that a tools.yaml describes, added to a shop's registry; and the rules that follow them.

It opens no connection.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from server.site import BROKEN, Problem, Severity, ToolsFile
from tools import BadTool, Registry, Rule
from tools.connectors import Connectors, Definition, Egress, LockError, McpServer, read_lock
from tools.connectors.lock import FILE


def connect(
    written: ToolsFile, registry: Registry, environment: Mapping[str, str], directory: Path, problems: list[Problem]
) -> Connectors:
    """Make the connectors and add their tools to the registry; what does not work is added to `problems`."""
    connectors = Connectors(egress_of(written), environment, directory)
    for name, tool in written.http.items():
        path = ("http", name)
        _say_unset([tool.auth.env] if tool.auth else [], environment, written, path, problems)
        with _said(written, path, "error", problems):
            registry.add(connectors.add_http(name, tool, where=where(written, path)))
    if written.mcp:
        try:
            pinned = read_lock(directory)
        except LockError as error:
            problems.append(Problem(directory / FILE, 1, 1, "error", str(error)))
            return connectors
        for name, config in written.mcp.items():
            _connect_server(connectors, name, config, pinned.get(name), written, registry, environment, problems)
    return connectors


def egress_of(written: ToolsFile) -> Egress:
    """Where the connectors of a tools.yaml may go."""
    return Egress(frozenset(written.egress.allow_private), frozenset(written.egress.allow_http))


def where(written: ToolsFile, path: tuple[str, ...]) -> str:
    """Where an entry is written, as `file:line`."""
    assert written.document is not None  # noqa: S101 - a connector comes from a document
    return f"{written.document.file}:{written.document.keys[path].line}"


def _connect_server(  # noqa: PLR0913 - one step of connect(), in this file only
    connectors: Connectors,
    name: str,
    config: McpServer,
    pinned: Mapping[str, Definition] | None,
    written: ToolsFile,
    registry: Registry,
    environment: Mapping[str, str],
    problems: list[Problem],
) -> None:
    path = ("mcp", name)
    _say_unset([*config.env, *([config.auth.env] if config.auth else [])], environment, written, path, problems)
    with _said(written, path, "error", problems):
        server = connectors.add_server(name, config, pinned or {}, where=where(written, path))
        if pinned is None:
            message = "its tools are not pinned, so none can be used; look at them with `shopbell check --pin`"
            _say(written, path, "warning", message, problems)
            return
        for remote in pinned:
            said = config.tools.get(remote)
            at = (*path, "tools", remote) if said is not None else path
            with _said(written, at, "error" if said is not None else "warning", problems):
                registry.add(connectors.add_mcp(server, remote, said, pinned, where=where(written, at)))
            if said is None:
                message = f"{remote} is not listed under tools: it counts as writing, and needs approval"
                _say(written, path, "warning", message, problems)
        for remote in config.tools.keys() - pinned.keys():
            message = f"the server had no tool {remote} when it was pinned; there are: {', '.join(pinned) or 'none'}"
            _say(written, (*path, "tools", remote), "warning", message, problems)


class LiveRules(Mapping[str, Rule]):
    """A shop's rules, with `deny` for whatever a connector refuses at this moment (a definition that has changed)."""

    def __init__(self, rules: Mapping[str, Rule], connectors: Connectors) -> None:
        self._rules = rules
        self._connectors = connectors

    @property
    def written(self) -> Mapping[str, Rule]:
        """The rules alone, whatever the connectors say."""
        return self._rules

    def change(self, rules: Mapping[str, Rule]) -> None:
        """Other rules from now on, for everybody who holds this."""
        self._rules = rules

    def __getitem__(self, name: str) -> Rule:
        return BROKEN if self._connectors.refused(name) is not None else self._rules[name]

    def __iter__(self) -> Iterator[str]:
        refused = [name for name in self._connectors.remote if self._connectors.refused(name) is not None]
        return iter(dict.fromkeys([*self._rules, *refused]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return repr(dict(self))


def _say_unset(
    names: list[str],
    environment: Mapping[str, str],
    written: ToolsFile,
    path: tuple[str, ...],
    problems: list[Problem],
) -> None:
    for name in names:
        if not environment.get(name):
            _say(written, path, "warning", f"the environment variable {name} is not set: calls will fail", problems)


@contextlib.contextmanager
def _said(written: ToolsFile, path: tuple[str, ...], severity: Severity, problems: list[Problem]) -> Iterator[None]:
    """What cannot be a tool, or has a name that is taken, becomes a problem at its place."""
    try:
        yield
    except BadTool as error:
        _say(written, (*path, error.key) if error.key else path, severity, error.message, problems)
    except ValueError as error:
        _say(written, path, severity, str(error), problems)


def _say(written: ToolsFile, path: tuple[str, ...], severity: Severity, message: str, problems: list[Problem]) -> None:
    assert written.document is not None  # noqa: S101 - a connector comes from a document
    place = written.document.keys[path]
    problems.append(
        Problem(written.document.file, place.line, place.column, severity, f"{'.'.join(path[:2])}: {message}")
    )
