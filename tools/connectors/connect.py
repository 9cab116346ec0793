"""Connectors: all of one shop's HTTP tools and MCP servers, made from tools.yaml, started and closed together.

It reads no YAML and decides no permission.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tools.connectors.client import Client
from tools.connectors.config import HttpTool
from tools.connectors.egress import Egress
from tools.connectors.http import http_spec, secret_header
from tools.connectors.lock import Definition
from tools.connectors.mcp import mcp_spec
from tools.connectors.mcp_config import McpServer, McpTool
from tools.connectors.server import CONNECT_S, Server, connector, definitions, installed
from tools.signature import BadTool
from tools.spec import ToolSpec
from tools.undo import PREFIX


class Connectors:
    """The connectors of one shop. `specs` are there at once; connections are made by `start`, or when first needed.

    Use it as `async with connectors:`, or call `start` and `aclose` from one event loop.
    """

    def __init__(self, egress: Egress, environment: Mapping[str, str], directory: Path) -> None:
        self._egress = egress
        self._client = Client(egress)
        self._environment = environment
        self._directory = directory
        self._specs: dict[str, ToolSpec] = {}
        self._servers: dict[str, Server] = {}
        self._remote: dict[str, tuple[Server, str]] = {}

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools, for the shop's registry."""
        return tuple(self._specs.values())

    @property
    def servers(self) -> Mapping[str, Server]:
        """The MCP servers by name."""
        return self._servers

    def add_http(self, name: str, tool: HttpTool, *, where: str) -> ToolSpec:
        """Make a tool of an entry of the `http` section.

        Raises:
            BadTool: it cannot be one.
        """
        spec = http_spec(name, tool, self._client, self._environment, where=where)
        self._specs[name] = spec
        return spec

    def add_server(self, name: str, config: McpServer, pinned: Mapping[str, Definition], *, where: str) -> Server:
        """Make a connection of an entry of the `mcp` section; its tools are added one by one, by `add_mcp`.

        Raises:
            BadTool: the MCP library is missing, or its secret cannot be a header.
        """
        if not installed():
            raise BadTool(where, "MCP servers need one more package: pip install 'shopbell[mcp]'")
        header = secret_header(config.auth, self._environment, where=where) if config.auth is not None else None
        opened = connector(
            config, self._egress, self._environment, self._directory, header, lambda: server.tools_may_have_changed()
        )
        server = Server(name, config, pinned, opened)
        self._servers[name] = server
        return server

    def add_mcp(
        self, server: Server, remote: str, said: McpTool | None, pinned: Mapping[str, Definition], *, where: str
    ) -> ToolSpec:
        """Make a tool of one of a server's pinned definitions and what the merchant says about it.

        Raises:
            BadTool: it cannot be one.
        """
        spec = mcp_spec(server, pinned[remote], said, pinned, where=where)
        self._specs[spec.name] = spec
        self._remote[spec.name] = (server, str(pinned[remote]["name"]))
        if said is not None and said.undo is not None:
            self._remote[PREFIX + spec.name] = (server, said.undo.tool)
        return spec

    @property
    def remote(self) -> tuple[str, ...]:
        """The names of the tools that are called as they were pinned, those that take back calls among them."""
        return tuple(self._remote)

    def refused(self, name: str) -> str | None:
        """Why a tool must not be called now (its definition has changed), or None."""
        found = self._remote.get(name)
        return found[0].refused(found[1]) if found is not None else None

    async def definitions(self, name: str) -> dict[str, Definition]:
        """What a server says now about its tools, over a connection of its own; for pinning.

        Raises:
            Exception: whatever keeps it from answering; TimeoutError after 15 s.
        """
        async with asyncio.timeout(CONNECT_S), self._servers[name].opened() as (client, _):
            return {str(found["name"]): found for found in await definitions(client)}

    async def start(self) -> None:
        """Begin to connect to the MCP servers, in the background; returns at once, and raises nothing."""
        for server in self._servers.values():
            await server.start()

    async def aclose(self) -> None:
        """Stop the MCP servers and close every connection. Can be called twice."""
        await asyncio.gather(*(server.aclose() for server in self._servers.values()))
        await self._client.aclose()

    async def __aenter__(self) -> "Connectors":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
