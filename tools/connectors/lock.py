"""Lock: the tool definitions of MCP servers, as the merchant has seen and accepted them, in tools.lock.

It talks to no server. A definition is what a model reads as instructions, so a changed one is not used unseen.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from tools.canonical import canonical

FILE: Final = "tools.lock"
PINNED_KEYS: Final = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
"""Whatever reaches a model or says how to call the tool. Icons and the like may change."""
MAX_BYTES: Final = 5_000_000

Definition = Mapping[str, Any]


class LockError(Exception):
    """A tools.lock cannot be used; the message says why."""


class _Pin(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    definition: dict[str, Any]


class _Lock(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    servers: dict[str, dict[str, _Pin]]


@dataclass(frozen=True, slots=True)
class Change:
    """What pinning has changed for one tool."""

    server: str
    tool: str
    what: str
    """`new`, `changed` or `gone`."""
    definition: Definition | None


def trimmed(definition: Definition) -> dict[str, Any]:
    """The part of a definition that is pinned."""
    return {key: definition[key] for key in PINNED_KEYS if definition.get(key) is not None}


def digest(definition: Definition) -> str:
    """SHA-256 over the canonical form of the pinned part, in hex.

    Raises:
        ValueError: it has no canonical form (nested too deeply, a lone surrogate).
    """
    return hashlib.sha256(canonical(trimmed(definition))).hexdigest()


def read_lock(directory: Path) -> dict[str, dict[str, Definition]]:
    """The pinned definitions by server and tool; nothing where there is no tools.lock.

    Raises:
        LockError: it cannot be read, or a hash is not that of its definition.
    """
    file = directory / FILE
    if not file.exists():
        return {}
    try:
        if file.stat().st_size > MAX_BYTES:
            raise LockError(f"expected at most {MAX_BYTES:,} bytes")
        lock = _Lock.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise LockError("it cannot be read; write it anew with `shopbell check --pin`") from error
    if lock.version != 1:
        raise LockError(f"expected version 1, got {lock.version}")
    for server, pins in lock.servers.items():
        for tool, pin in pins.items():
            if pin.definition.get("name") != tool or digest(pin.definition) != pin.sha256:
                raise LockError(f"the hash of {server}.{tool} is not that of its definition; was it edited by hand?")
    return {server: {tool: pin.definition for tool, pin in pins.items()} for server, pins in lock.servers.items()}


def write_lock(directory: Path, servers: Mapping[str, Mapping[str, Definition]]) -> None:
    """Write tools.lock, whole or not at all."""
    pins = {
        server: {
            tool: {"sha256": digest(definition), "definition": trimmed(definition)}
            for tool, definition in sorted(tools.items())
        }
        for server, tools in sorted(servers.items())
    }
    text = json.dumps({"version": 1, "servers": pins}, indent=2, ensure_ascii=False) + "\n"
    fresh = directory / f"{FILE}.new"
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(directory / FILE)


def changes(
    before: Mapping[str, Mapping[str, Definition]], after: Mapping[str, Mapping[str, Definition]]
) -> list[Change]:
    """What is different, sorted by server and tool."""
    found = []
    for server in sorted(before.keys() | after.keys()):
        old, new = before.get(server, {}), after.get(server, {})
        for tool in sorted(old.keys() | new.keys()):
            if tool not in old:
                found.append(Change(server, tool, "new", new[tool]))
            elif tool not in new:
                found.append(Change(server, tool, "gone", None))
            elif digest(old[tool]) != digest(new[tool]):
                found.append(Change(server, tool, "changed", new[tool]))
    return found
