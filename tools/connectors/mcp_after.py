"""After, over MCP: the tools of the same server that take back a call of another one, and find out what became of it.

It decides no permission: what is taken back is asked for by a tool of its own, `undo_NAME`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from tools.connectors import pick as picks
from tools.connectors.after import check_name, is_nothing, to_look_up, to_take_back
from tools.connectors.described import CallerField, is_customer
from tools.connectors.http import of_caller
from tools.connectors.lock import Definition
from tools.connectors.mcp_config import McpReconcile, McpTool, McpUndo
from tools.connectors.server import Server
from tools.signature import BadTool
from tools.types import AnswerLost, Caller, Json

Beside = Callable[..., Awaitable[Json]]
Pinned = Mapping[str, Definition]


def mcp_undo(name: str, server: Server, said: McpTool, pinned: Pinned, where: str) -> Beside | None:
    """The function that takes back a call of the tool; None if it has no `undo`.

    Raises:
        BadTool: the server has no such tool as pinned, or the tool takes other arguments.
    """
    wanted = said.undo
    if wanted is None:
        return None
    check_name(name, where)
    _check(name, "undo", wanted, pinned, where)
    other = server.config.tools.get(wanted.tool)
    final = other is not None and other.errors_are_final
    timeout_s = other.timeout_s if other is not None else said.timeout_s

    async def take_back(caller: Caller, result: Json, arguments: Mapping[str, Any]) -> Json:
        values = to_take_back(name, wanted.args, _data(result), arguments)
        values |= _of_session(wanted.caller, caller)
        return await server.call(wanted.tool, values, timeout_s=timeout_s, final_errors=final)

    return take_back


def mcp_reconcile(name: str, server: Server, said: McpTool, pinned: Pinned, where: str) -> Beside | None:
    """The function that finds out what became of a call of the tool; None if it has no `reconcile`.

    Raises:
        BadTool: the server has no such tool as pinned, it takes other arguments, or it changes something itself.
    """
    wanted = said.reconcile
    if wanted is None:
        return None
    _check(name, "reconcile", wanted, pinned, where)
    other = server.config.tools.get(wanted.tool)
    if other is not None and other.effect != "read":
        why = f"{name}: reconcile: expected a tool that only reads, {wanted.tool} has effect: {other.effect}"
        raise BadTool(where, why, "reconcile")

    async def look_up(caller: Caller, arguments: Mapping[str, Any]) -> Json:
        values = to_look_up(name, wanted.args, arguments) | _of_session(wanted.caller, caller)
        # An error that it reports may mean anything: then nobody knows.
        found = _data(await server.call(wanted.tool, values, timeout_s=said.timeout_s, final_errors=False))
        if not isinstance(found, dict | list):
            # Neither null nor a sentence such as "nothing found" says surely that it has not happened.
            raise AnswerLost(f"{name}: the answer to a look-up is no object and no list", answered=True)
        picked = picks.pick(found, wanted.result)
        return None if is_nothing(picked) else picked

    return look_up


def _check(name: str, key: str, wanted: McpUndo | McpReconcile, pinned: Pinned, where: str) -> None:
    """Whether the other tool is there as pinned, and gets exactly arguments that it takes."""
    definition = pinned.get(wanted.tool)
    if definition is None:
        there = ", ".join(sorted(pinned)) or "none"
        raise BadTool(where, f"{name}: {key}: the server has no tool {wanted.tool} as pinned; there are: {there}", key)
    schema = definition.get("inputSchema", {})
    taken, given = schema.get("properties", {}), [*wanted.args, *wanted.caller]
    for argument in given:
        if argument not in taken:
            there = ", ".join(taken) or "none"
            raise BadTool(where, f"{name}: {key}: {wanted.tool} takes no {argument!r}; it takes: {there}", key)
    twice = set(wanted.args) & set(wanted.caller)
    if twice:
        raise BadTool(where, f"{name}: {key}: {min(twice)} is filled twice", key)
    missing = [argument for argument in schema.get("required", ()) if argument not in given]
    if missing:
        raise BadTool(where, f"{name}: {key}: {wanted.tool} needs {missing[0]!r}, under `args` or `caller`", key)
    for argument in wanted.args:
        if is_customer(argument):
            why = f"{name}: {key}: put `{argument}` in from the session: `caller: {{{argument}: customer}}`"
            raise BadTool(where, why, key)


def _of_session(wanted: Mapping[str, CallerField], caller: Caller) -> dict[str, Json]:
    return {key: of_caller(caller, field) for key, field in wanted.items()}


def _data(value: Json) -> Json:
    """A result as data: servers of older protocols write objects and lists as JSON in a text."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        found: Json = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return found
