"""Config of MCP: the `mcp` section of a tools.yaml as pydantic models.

Pure: it checks what is written and opens nothing.
"""

from typing import Annotated

import httpx
from pydantic import AfterValidator, Field, model_validator

from tools.connectors.described import MAX_TIMEOUT_S, Auth, Described, EnvName, Strict, ToolName


def _server_url(value: str) -> str:
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as error:
        raise ValueError(f"expected https://host/path, got {value!r}: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment:
        raise ValueError(f"expected https://host/path without user, password and #, got {value!r}")
    return value


ServerUrl = Annotated[str, AfterValidator(_server_url)]


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
