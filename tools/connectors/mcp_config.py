"""Config of MCP: the `mcp` section of a tools.yaml as pydantic models.

Pure: it checks what is written and opens nothing.
"""

from typing import Annotated

import httpx
from pydantic import AfterValidator, Field, model_validator

from tools.connectors.config import begin
from tools.connectors.described import MAX_TIMEOUT_S, AnyPick, Auth, CallerField, Described, EnvName, Strict, ToolName
from tools.spec import MAX_UNDO_S


def _server_url(value: str) -> str:
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as error:
        raise ValueError(f"expected https://host/path, got {value!r}: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment:
        raise ValueError(f"expected https://host/path without user, password and #, got {value!r}")
    return value


ServerUrl = Annotated[str, AfterValidator(_server_url)]


class McpUndo(Strict):
    """The tool of the same server that takes back a call."""

    tool: str = Field(min_length=1, max_length=200, description="The tool of the same server, by the server's name.")
    args: dict[str, str] = Field(
        default_factory=dict,
        description="Its arguments, each with a path into the call, such as `result.id` or `args.order_id`.",
    )
    caller: dict[str, CallerField] = Field(
        default_factory=dict, description="Its arguments that the server itself puts in, as for the tool."
    )

    @model_validator(mode="after")
    def _sound(self) -> "McpUndo":
        begin(self.args, ("result", "args"))
        return self


class McpReconcile(Strict):
    """The tool of the same server that finds out what became of a call whose end was lost; it changes nothing."""

    tool: str = Field(
        min_length=1,
        max_length=200,
        description="The tool of the same server, by the server's name; it changes nothing.",
    )
    args: dict[str, str] = Field(
        default_factory=dict, description="Its arguments, each with a path into the call, such as `args.order_id`."
    )
    caller: dict[str, CallerField] = Field(
        description="Its arguments that the server itself puts in; `call` must be among it, since that is what to look for."
    )
    result: AnyPick = Field(
        default=None,
        description="The part of the answer that is the call's result. Absent: all of it. Null or an empty list there: it "
        "has not happened, and will not.",
    )

    @model_validator(mode="after")
    def _sound(self) -> "McpReconcile":
        begin(self.args, ("args",))
        if "call" not in self.caller.values():
            raise ValueError("caller: expected the call's id, for example `reference: call`")
        return self


class McpTool(Described):
    """What the merchant says about one tool of an MCP server; the server's own annotations are hints only."""

    name: ToolName | None = Field(default=None, description="Another name for it, for models and rules.")
    description: str | None = Field(
        default=None, max_length=2000, description="In place of the server's own description."
    )
    idempotent: bool = Field(default=False, description="A repeated call has no second effect.")
    errors_are_final: bool = Field(
        default=False,
        description="An error that the tool reports means that nothing was done. Else a failed write goes to a person.",
    )
    reconcile: McpReconcile | None = Field(
        default=None, description="How to find out what became of a call whose end was lost."
    )
    undo: McpUndo | None = Field(
        default=None, description="How a call is taken back; it makes a tool `undo_NAME` with a rule of its own."
    )
    undo_s: float = Field(
        default=3600.0, gt=0, le=MAX_UNDO_S, description="Seconds for which a call can be taken back."
    )

    @model_validator(mode="after")
    def _sound(self) -> "McpTool":
        for name, written in (("undo", self.undo), ("reconcile", self.reconcile)):
            if written is not None and self.effect == "read":
                raise ValueError(f"{name}: expected effect: write or money; a look changes nothing")
        if self.reconcile is not None and "call" not in self.caller.values():
            raise ValueError("reconcile: the tool never sends the call's id; use `caller: {reference: call}`")
        return self


class McpServer(Strict):
    """An MCP server: a program to start, or an address to connect to."""

    command: str | None = Field(default=None, description="The program to start; it runs in the shop's directory.")
    args: tuple[str, ...] = Field(default=(), description="Its arguments.")
    env: tuple[EnvName, ...] = Field(
        default=(), description="Environment variables it gets beside PATH, HOME and the like; no others."
    )
    url: ServerUrl | None = Field(default=None, description="Its address, for streamable HTTP.")
    auth: Auth | None = Field(default=None, description="How requests are signed, for `url`.")
    timeout_s: float = Field(
        default=10.0, gt=0, le=MAX_TIMEOUT_S, description="Seconds for calls of tools not listed below."
    )
    tools: dict[str, McpTool] = Field(
        default_factory=dict,
        description="Its tools by the server's names. One that is not listed counts as writing, and needs approval.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> "McpServer":
        if (self.command is None) == (self.url is None):
            raise ValueError("expected either `command` or `url`")
        if self.url is None and self.auth is not None:
            raise ValueError("auth: expected `url`; a program gets its secrets by `env`")
        if self.url is not None and (self.args or self.env):
            raise ValueError("args, env: expected `command`")
        return self
