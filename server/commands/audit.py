"""`shopbell audit`: check the log's hash chains, and say who did what in a conversation.

It only reads the log, so it may run beside the server; the one file it writes is the list of heads that it is asked for.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from server.commands.plain import piped
from server.commands.tell import told
from server.settings import Settings, SettingsError
from server.stores.chain import Head
from server.stores.look import events_of, find_key, reading
from server.stores.verify import Found, Mark, verify
from tools import args_sha256

Write = Callable[[str], object]
_FORMAT: Final = "shopbell heads 1"


class BadHeads(Exception):
    """A file of kept heads cannot be read or written; the message names file and line."""


def data_of(settings: Settings) -> Path:
    """The data directory whose log is to be read.

    Raises:
        SettingsError: the log is elsewhere.
    """
    if settings.store != "sqlite":
        raise SettingsError(f"SHOPBELL_STORE: expected sqlite, whose log can be audited, got {settings.store!r}")
    return settings.data


def check(
    settings: Settings,
    write: Write,
    *,
    site: str | None,
    conversation: str | None,
    heads: Path | None,
    against: Path | None,
) -> int:
    """Check the chains; returns the exit code: 1 if something is broken.

    Raises:
        BadHeads, StoreFailed, SettingsError: it could not be checked.
    """
    data = data_of(settings)
    kept = read_heads(against) if against is not None else None
    key = None
    if conversation is not None:
        with reading(data) as db:
            key = find_key(db, conversation, site)
    found = verify(data, site=site, conversation=key, against=kept)
    for broken in found.broken:
        write(f"broken: {broken}")
    events = sum(head.events for head in found.heads)
    erased = sum(head.erased for head in found.heads)
    write(f"whole: {len(found.heads)} conversations, {events} events; {erased} conversations erased")
    if found.broken:
        return 1
    if kept is not None:
        write(f"{against}: all {len(kept)} heads hold")
    if heads is not None:
        write_heads(heads, found)
        write(f"wrote {heads}; keep it where nobody who can write to {data} can change it")
    return 0


def write_heads(file: Path, found: Found) -> None:
    """Write the heads as JSON lines. Overwrites nothing: an older file is evidence.

    Raises:
        BadHeads: the file exists or cannot be written.
    """
    lines = [{"format": _FORMAT, "epoch": found.epoch}, *map(_line, found.heads)]
    try:
        with file.open("xb") as out:
            out.writelines(orjson.dumps(line) + b"\n" for line in lines)
    except FileExistsError as error:
        raise BadHeads(f"{file} exists; kept heads are evidence and never overwritten, name another file") from error
    except OSError as error:
        raise BadHeads(f"{file} cannot be written: {error.strerror}") from error


def _line(head: Head) -> Mapping[str, object]:
    return {"conversation": head.conversation, "events": head.events, "chain": head.chain.hex()}


def read_heads(file: Path) -> dict[str, Mark]:
    """The heads of a file that `write_heads` wrote.

    Raises:
        BadHeads: it is not one, or cannot be read.
    """
    marks: dict[str, Mark] = {}
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise BadHeads(f"{file} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines or [b""], 1):
        try:
            entry = orjson.loads(line)
            if number == 1:
                if entry["format"] != _FORMAT:
                    raise ValueError(entry["format"])  # noqa: TRY301 - one message for all that a line can be
                continue
            mark = Mark(str(entry["conversation"]), int(entry["events"]), bytes.fromhex(entry["chain"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadHeads(f"{file}:{number}: expected a line of `shopbell audit verify --heads`") from error
        marks[mark.conversation] = mark
    return marks


def show(settings: Settings, named: str, write: Write, *, site: str | None, as_json: bool) -> int:
    """Print who did what in a conversation, in order.

    Raises:
        StoreFailed, SettingsError: there is no such conversation, or no log.
    """
    events = events_of(data_of(settings), named, site)
    if as_json:
        for event in events:
            write(piped(_with_hash(event.wire() | {"conversation": event.conversation})))
        return 0
    write(events[0].conversation)
    for event in events:
        for line in told(event):
            write(line)
    return 0


def _with_hash(event: dict[str, Any]) -> dict[str, Any]:
    if event["kind"] == "call.planned" and "args" in event["body"]:
        event["args_sha256"] = args_sha256(event["body"]["args"])
    return event
