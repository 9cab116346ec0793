"""MCP tools: from pinned definitions and the merchant's word on them to ToolSpecs.

What a server says about a tool's effect is a hint to the merchant, never a permission.
"""

import re
from collections.abc import Mapping
from typing import Any

from tools import words
from tools.connectors.described import is_customer
from tools.connectors.http import BACKSTOP_S, of_caller
from tools.connectors.lock import Definition
from tools.connectors.mcp_after import mcp_reconcile, mcp_undo
from tools.connectors.mcp_config import McpTool
from tools.connectors.schema import SchemaArgs, SchemaSpec, offered
from tools.connectors.server import Server
from tools.signature import BadTool, _property_names
from tools.types import Caller, Json


def mcp_spec(
    server: Server, definition: Definition, said: McpTool | None, pinned: Mapping[str, Definition], *, where: str
) -> SchemaSpec:
    """The tool, ready for a registry. Without a word of the merchant's it counts as writing: staff must approve.

    `pinned` are all tools of the server, for `undo` and `reconcile`.

    Raises:
        BadTool: its schema is none, it takes a customer id that is not put in from the session, or the tool that it names
            for `undo` or `reconcile` does not fit.
    """
    remote = str(definition["name"])
    name = (said.name if said is not None else None) or remote
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", name):
        raise BadTool(where, f"{server.name}: {remote!r} is no name for a tool; give it another with `name:`")
    injected = dict(said.caller) if said is not None else {}
    schema = offered(definition.get("inputSchema", {}), frozenset(injected), where, name)
    for key in sorted(_property_names(schema)):
        if is_customer(key):
            raise BadTool(
                where,
                f"{name} takes `{key}`, which a model would choose; put it in from the session: "
                f"`caller: {{{key}: customer}}`",
            )
    settled = said or McpTool(effect="write", scope="mcp", timeout_s=server.config.timeout_s)
    final_errors = settled.effect == "read" or settled.errors_are_final
    description = settled.description or str(definition.get("description") or words.sentence(name) + ".")

    async def call(caller: Caller, arguments: Mapping[str, Any]) -> Json:
        args = {**arguments, **{key: of_caller(caller, field) for key, field in injected.items()}}
        return await server.call(remote, args, timeout_s=settled.timeout_s, final_errors=final_errors)

    call.__doc__ = description
    return SchemaSpec(
        name=name,
        description=description,
        scope=settled.scope,
        effect=settled.effect,
        fn=call,
        args_model=SchemaArgs,
        result_schema=definition.get("outputSchema"),
        needs=settled.needed,
        idempotent=settled.idempotent,
        timeout_s=settled.timeout_s + BACKSTOP_S,
        retries=settled.retries,
        examples=settled.examples,
        reply=settled.reply,
        label=settled.label,
        max_output_chars=settled.max_output_chars,
        amount=settled.amount,
        reconcile=mcp_reconcile(name, server, settled, pinned, where),
        undo=mcp_undo(name, server, settled, pinned, where),
        undo_s=settled.undo_s,
        fallback=settled.fallback,
        circuit=f"MCP server {server.name}",
        where=where,
        schema=schema,
    )
