"""Passes: the file in the data directory that lets its owner's commands into the running server.

It opens no connection; what the pass opens is `server.http.admin`.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

FILE: Final = "admin.json"
"""In the data directory, while a server runs: its admin port and token, for its owner alone."""
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Pass:
    """What opens the door of one run of the server."""

    port: int
    token: str
    pid: int


def make_pass(port: int) -> Pass:
    """A pass for a server whose admin port this is. 256 random bits, new at each start."""
    return Pass(port, secrets.token_urlsafe(32), os.getpid())


def leave(data: Path, opened: Pass) -> None:
    """Write the pass where only the owner of the data directory reads it."""
    file = data / FILE
    part = file.with_name(f"{FILE}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(orjson.dumps(asdict(opened)))
    part.replace(file)


@contextlib.contextmanager
def withdrawn(data: Path) -> Iterator[None]:
    """Take away the pass that a killed server has left, and this one's at the end."""
    (data / FILE).unlink(missing_ok=True)
    try:
        yield
    finally:
        (data / FILE).unlink(missing_ok=True)


def read_pass(data: Path) -> Pass | None:
    """The pass of the server that runs on this data directory; None if there is none to be read."""
    try:
        held = orjson.loads((data / FILE).read_bytes())
        return Pass(int(held["port"]), str(held["token"]), int(held["pid"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
