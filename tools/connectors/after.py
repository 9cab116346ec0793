"""After: what follows a call of an HTTP or MCP tool: finding out what became of it, and taking it back.

It sends nothing itself: it says which request or tool is meant, and what its answer means.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from tools.connectors import pick as picks
from tools.connectors.config import HttpTool
from tools.signature import BadTool
from tools.spec import MAX_NAME_CHARS
from tools.types import AnswerLost, Caller, Json, ToolError
from tools.undo import PREFIX

log = logging.getLogger("shopbell.tools")

Ask = Callable[[HttpTool, Caller, Mapping[str, Any]], Awaitable[Json]]
"""Makes the request of a tool for a caller, with these arguments."""


class NotFound(ToolError):
    """What was asked for is not there, or not the caller's own."""


def undo_of(name: str, tool: HttpTool, ask: Ask, where: str) -> Callable[..., Any] | None:
    """The function that takes back a call of the tool; None if it has no `undo`.

    Raises:
        BadTool: the tool's name is too long for it.
    """
    wanted, back = tool.undo, tool.taking_back
    if wanted is None or back is None:
        return None
    check_name(name, where)

    async def take_back(caller: Caller, result: Json, **args: Any) -> Json:  # noqa: ANN401 - the call's arguments
        return await ask(back, caller, to_take_back(name, wanted.args, result, args))

    return take_back


def reconcile_of(name: str, tool: HttpTool, ask: Ask) -> Callable[..., Any] | None:
    """The function that finds out what became of a call of the tool; None if it has no `reconcile`."""
    wanted, look = tool.reconcile, tool.looking_up
    if wanted is None or look is None:
        return None

    async def look_up(caller: Caller, **args: Any) -> Json:  # noqa: ANN401 - the call's arguments
        values = to_look_up(name, wanted.args, args)
        try:
            found = await ask(look, caller, values)
        except NotFound:
            return None
        if found is None:
            raise AnswerLost(f"{name}: the answer to a look-up is empty", answered=True)  # that says nothing at all
        return None if is_nothing(found) else found

    return look_up


def check_name(name: str, where: str) -> None:
    """Whether there is room for the name of a tool's undo.

    Raises:
        BadTool: the tool's name is too long for it.
    """
    if len(PREFIX + name) > MAX_NAME_CHARS:
        raise BadTool(where, f"{name}: with undo, a name has at most {MAX_NAME_CHARS - len(PREFIX)} characters")


def to_take_back(name: str, wanted: Mapping[str, str], result: Json, args: Mapping[str, Any]) -> dict[str, Json]:
    """What is sent to take back a call with this result and these arguments.

    Raises:
        ToolError: the call has not what is to be sent.
    """
    values, absent = _values(wanted, {"result": result, "args": to_jsonable_python(args)})
    if absent is not None:
        log.warning("tool %s: a call cannot be taken back, it has no %s", name, absent)
        raise ToolError("This cannot be taken back automatically.")
    return values


def to_look_up(name: str, wanted: Mapping[str, str], args: Mapping[str, Any]) -> dict[str, Json]:
    """What is sent to look up a call with these arguments.

    Raises:
        ValueError: the call has not what is to be sent.
    """
    values, absent = _values(wanted, {"args": to_jsonable_python(args)})
    if absent is not None:
        raise ValueError(f"{name}: a call cannot be looked up, it has no {absent}")
    return values


def _values(wanted: Mapping[str, str], call: Json) -> tuple[dict[str, Json], str | None]:
    """What the paths lead to, and the first path that leads nowhere."""
    values = {key: picks.get(call, path) for key, path in wanted.items()}
    return values, next((path for key, path in wanted.items() if values[key] is None), None)


def is_nothing(value: Json) -> bool:
    """Whether a search has found nothing: null, an empty list, or names with nothing behind any of them."""
    if isinstance(value, dict):
        return all(is_nothing(inner) for inner in value.values())
    return value is None or value == []
