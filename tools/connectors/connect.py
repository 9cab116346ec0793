"""Connectors: all of one shop's HTTP tools and MCP servers, made from tools.yaml, started and closed together.

It reads no YAML and decides no permission.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tools.connectors.client import Client
from tools.connectors.config import HttpTool
from tools.connectors.egress import Egress
from tools.connectors.http import http_spec
from tools.spec import ToolSpec


class Connectors:
    """The connectors of one shop. `specs` are there at once; connections are made by `start`, or when first needed.

    Use it as `async with connectors:`, or call `start` and `aclose` from one event loop.
    """

    def __init__(self, egress: Egress, environment: Mapping[str, str], directory: Path) -> None:
        self._client = Client(egress)
        self._environment = environment
        self._directory = directory
        self._specs: dict[str, ToolSpec] = {}
        self._refused: dict[str, str] = {}

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools, for the shop's registry."""
        return tuple(self._specs.values())

    def add_http(self, name: str, tool: HttpTool, *, where: str) -> ToolSpec:
        """Make a tool of an entry of the `http` section.

        Raises:
            BadTool: it cannot be one.
        """
        spec = http_spec(name, tool, self._client, self._environment, where=where)
        self._specs[name] = spec
        return spec

    def refused(self, name: str) -> str | None:
        """Why a tool must not be called now (its definition has changed), or None."""
        return self._refused.get(name)

    async def start(self) -> None:
        """Begin to connect to the MCP servers, in the background; returns at once, and raises nothing."""

    async def aclose(self) -> None:
        """Stop the MCP servers and close every connection. Can be called twice."""
        await self._client.aclose()

    async def __aenter__(self) -> "Connectors":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
