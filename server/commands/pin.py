"""`shopbell check --pin`: ask the MCP servers of a shop what their tools are, show it, and write it to tools.lock.

It accepts what the servers say: whoever runs it has to read what it prints.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from server.shop.connect import egress_of, where
from server.site import ToolsFile, read_tools
from tools import BadTool
from tools.connectors import Connectors, Definition, LockError, changes, read_lock, write_lock


def pin(directory: Path, write: Callable[[str], object], *, environment: Mapping[str, str]) -> int:
    """Write the shop's tools.lock; a server that does not answer keeps what was pinned before. Returns the exit code."""
    written = read_tools(directory / "tools.yaml", [])
    if not written.mcp:
        write(f"{directory}: there are no MCP servers in tools.yaml")
        return 0
    try:
        before = read_lock(directory)
    except LockError as error:
        write(f"{directory / 'tools.lock'}: {error}; it is written anew")
        before = {}
    after, failed = asyncio.run(_ask(directory, written, before, write, environment))
    for change in changes({name: before.get(name, {}) for name in before}, after):
        write(f"{change.what:8}{change.server}.{change.tool}")
        if change.definition is not None:
            for line in _described(change.definition):
                write(f"        {line}")
    write_lock(directory, after)
    write(f"wrote {directory / 'tools.lock'}")
    return 1 if failed else 0


async def _ask(
    directory: Path,
    written: ToolsFile,
    before: Mapping[str, Mapping[str, Definition]],
    write: Callable[[str], object],
    environment: Mapping[str, str],
) -> tuple[dict[str, Mapping[str, Definition]], bool]:
    """What each server says now, and whether any of them did not answer."""
    connectors = Connectors(egress_of(written), environment, directory)
    found: dict[str, Mapping[str, Definition]] = {}
    failed = False
    for name, config in written.mcp.items():
        try:
            connectors.add_server(name, config, {}, where=where(written, ("mcp", name)))
            found[name] = await connectors.definitions(name)
        except BadTool as error:
            write(f"{error}")
            failed = True
        except Exception as error:  # noqa: BLE001 - whatever a foreign server does wrong is said, and the next one asked
            write(f"MCP server {name} does not answer: {_words(error)}")
            failed = True
        if name not in found and name in before:
            found[name] = before[name]
    await connectors.aclose()
    return found, failed


def _described(definition: Definition) -> list[str]:
    """What a merchant should look at: the words that models will read, the arguments, the server's own hints."""
    lines = [line for line in str(definition.get("description", "no description")).splitlines() if line.strip()]
    properties = definition.get("inputSchema", {}).get("properties", {})
    lines.append(f"arguments: {', '.join(properties) or 'none'}")
    hints = {key: value for key, value in (definition.get("annotations") or {}).items() if isinstance(value, bool)}
    if hints:
        lines.append("it says of itself: " + ", ".join(f"{key} {str(value).lower()}" for key, value in hints.items()))
    return lines


def _words(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_words(inner) for inner in error.exceptions[:3])
    return f"{type(error).__name__}: {error}"[:300]
