"""`shopbell switch`: stop a shop's agent, or one tool of it, now; and let it go on.

It stops nothing itself: it asks the server, or leaves the switch for the next one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from server.commands.ask import asking, me
from server.commands.plain import piped, time_of, visible
from server.questions import EVERY, ListSwitches, Turn
from server.settings import Settings

Write = Callable[[str], object]


async def turn(settings: Settings, write: Write, *, off: bool, site: str | None, tool: str | None, why: str) -> None:
    """Turn the switch of a site or of all, and say what is off then.

    Raises:
        AdminRefused, NoServer: it was not turned.
    """
    async with asking(settings) as run:
        answer = await run(Turn(site=site or EVERY, tool=tool, off=off, by=me(), why=why))
    _write_off(answer, write)


async def listed(settings: Settings, write: Write, *, site: str | None, history: bool, as_json: bool) -> None:
    """Say what is off, or every turn of a switch.

    Raises:
        AdminRefused, NoServer: nobody can say.
    """
    async with asking(settings) as run:
        answer = await run(ListSwitches())
    for group in ("off", "history"):
        answer[group] = [entry for entry in answer[group] if site in (None, entry["site"]) or entry["site"] == EVERY]
    if as_json:
        for entry in answer["history" if history else "off"]:
            write(piped(entry))
    elif history:
        for entry in answer["history"]:
            write(f"{'off' if entry['off'] else 'on':<4}{_line(entry)}")
    else:
        _write_off(answer, write)


def _write_off(answer: Mapping[str, Any], write: Write) -> None:
    for entry in answer["off"]:
        write(f"off {_line(entry)}")
    if not answer["off"]:
        write("nothing is switched off")


def _line(entry: Mapping[str, Any]) -> str:
    what = f"{'all sites' if entry['site'] == EVERY else entry['site']}: {entry['tool'] or 'the agent'}"
    why = f": {entry['why']}" if entry["why"] else ""
    return visible(f"{what}, since {time_of(entry['at_ms'])} by {entry['by']}{why}")
