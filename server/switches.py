"""Switches: what a merchant has switched off at once, for a site or for one tool of it, and who did it, when and why.

It keeps that in one append-only file and tells listeners; what stops, and how, is decided by `turns` and `policy`.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from server.questions import EVERY
from tools import Registry, Rule

logger = logging.getLogger(__name__)

FILE: Final = "switches.jsonl"
_SITE: Final = re.compile(r"\*|pk_[A-Za-z0-9_-]+")

Listener = Callable[[str, str | None, bool], None]
"""(site or `*`, tool or None for the whole agent, whether it is off now)."""


class BadSwitch(Exception):
    """Nothing can be switched this way, or the file of switches is damaged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Switched:
    """One turn of a switch. `site` is `*` for all; `tool` None is the whole agent. `at_ms` is Unix milliseconds."""

    at_ms: int
    site: str
    tool: str | None
    off: bool
    by: str
    why: str


class Switches:
    """The switches of a data directory. Off stays off over restarts, until somebody turns it on."""

    def __init__(self, data: Path) -> None:
        """Read the file, if there is one.

        Raises:
            BadSwitch: it is damaged: what was off must not come on by itself.
        """
        self._file = data / FILE
        self._history = _read(self._file)
        self._off: dict[tuple[str, str | None], Switched] = {}
        for entry in self._history:
            self._fold(entry)
        self.listeners: list[Listener] = []

    def is_off(self, site: str, tool: str | None = None) -> bool:
        """Whether the site's agent is off, or, with `tool`, that tool (also because all of the agent is)."""
        if not self._off:
            return False
        names = {None, tool}
        return any((where, name) in self._off for where in (site, EVERY) for name in names)

    @property
    def off(self) -> list[Switched]:
        """What is off, in the order in which it was switched."""
        return list(self._off.values())

    @property
    def history(self) -> list[Switched]:
        """Every turn of a switch, oldest first."""
        return list(self._history)

    def turn(self, entry: Switched) -> None:
        """Switch, durably; then tell the listeners. Turning off what is off already is recorded again, with its reason.

        Raises:
            BadSwitch: it is to be turned on, and is not off by this site and tool.
            OSError: it could not be written down; nothing is switched then.
        """
        if not _SITE.fullmatch(entry.site):
            raise BadSwitch(f"expected a site's key pk_…, or {EVERY}, got {entry.site!r}")
        if not entry.off and (entry.site, entry.tool) not in self._off:
            known = ", ".join(map(named, self._off.values())) or "nothing"
            raise BadSwitch(f"{named(entry)} is not off; off: {known}")
        _append(self._file, entry)
        self._history.append(entry)
        self._fold(entry)
        for listener in self.listeners:
            listener(entry.site, entry.tool, entry.off)

    def _fold(self, entry: Switched) -> None:
        self._off.pop((entry.site, entry.tool), None)
        if entry.off:
            self._off[entry.site, entry.tool] = entry


class SwitchedRules(Mapping[str, Rule]):
    """A site's rules as they are at this moment: what is switched off is not enabled, under any of its names."""

    def __init__(self, rules: Mapping[str, Rule], registry: Registry, switches: Switches, site: str) -> None:
        self._rules = rules
        self._registry = registry
        self._switches = switches
        self._site = site

    def __getitem__(self, name: str) -> Rule:
        if self._switches.is_off(self._site, self._own(name)):
            return Rule(enabled=False)
        return self._rules[name]

    def _own(self, name: str) -> str:
        spec = self._registry.get(name)
        return spec.name if spec is not None else name

    def __iter__(self) -> Iterator[str]:
        off = [one.tool for one in self._switches.off if one.tool is not None and one.site in (self._site, EVERY)]
        return iter(dict.fromkeys([*self._rules, *off]))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return repr(dict(self))


def named(entry: Switched) -> str:
    """What a switch stands for, for people."""
    where = "all sites" if entry.site == EVERY else entry.site
    return f"{where}: {entry.tool or 'the agent'}"


def _append(file: Path, entry: Switched) -> None:
    line = orjson.dumps(asdict(entry)) + b"\n"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # what a crash left half written stays a line of its own
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(file: Path) -> list[Switched]:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return []
    entries: list[Switched] = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            entries.append(_parse(line))
        except (ValueError, TypeError, KeyError) as error:
            if line is lines[-1] or not line.endswith(b"}"):
                logger.warning("%s:%d: half a line, from a crash while it was written; it is passed over", file, number)
                continue
            raise BadSwitch(f"{file}:{number}: expected a switch as JSON; mend the line, or remove it") from error
    return entries


def _parse(line: bytes) -> Switched:
    entry = orjson.loads(line)
    made = Switched(
        int(entry["at_ms"]), str(entry["site"]), entry["tool"], entry["off"], str(entry["by"]), str(entry["why"])
    )
    if not isinstance(made.off, bool) or not isinstance(made.tool, str | None) or not _SITE.fullmatch(made.site):
        raise TypeError(entry)
    return made
