"""Server: one MCP server, held open by one task, whose tools are only called as they were pinned.

It registers no tool and decides no permission. The MCP library is loaded when it is first needed.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import logging
import os
import random
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tools.connectors.client import MAX_BYTES
from tools.connectors.egress import Egress
from tools.connectors.lock import Definition, digest
from tools.connectors.mcp_config import McpServer
from tools.connectors.transport import pinned_transport, tls_context
from tools.types import AnswerLost, Json, NotSent, ToolError

log = logging.getLogger("shopbell.tools")

CONNECT_S: Final = 15.0
"""A program may have to load a language runtime first."""
READY_S: Final = 5.0
"""How long a call waits for a connection that is being made; a customer is waiting."""
BACKOFF_S: Final = 0.5
MAX_BACKOFF_S: Final = 60.0
"""Doubled from 0.5 s for each failure in a row, drawn evenly from 0 to that ("full jitter")."""
RECHECK_S: Final = 300.0
"""Not every server says that its tools have changed."""
MAX_PAGES: Final = 20
MAX_TOOLS: Final = 500
NOT_NOW: Final = "This is not available at the moment."
REFUSED: Final = "The shop's system did not accept this; nothing was done."
MAX_SAID_CHARS: Final = 500

_NOT_DONE: Final = (-32700, -32600, -32601, -32602, -32020, -32021, -32022)
"""JSON-RPC errors with which a server says that it did not begin: unparsable, invalid, unknown method or parameters, version."""


Opened = Callable[[], contextlib.AbstractAsyncContextManager[tuple[Any, asyncio.Event]]]
"""Opens a connection: an entered mcp.Client, and an event that is set when the server is gone."""


class Server:
    """A connection to one MCP server: `start` begins to connect in the background, `aclose` ends it."""

    def __init__(self, name: str, config: McpServer, pinned: Mapping[str, Definition], connect: Opened) -> None:
        self.name = name
        self.config = config
        self._pinned = {tool: digest(definition) for tool, definition in pinned.items()}
        self.opened = connect
        self._task: asyncio.Task[None] | None = None
        self._client: Any = None
        self._ready = asyncio.Event()
        self._recheck = asyncio.Event()
        self._refused: dict[str, str] = {}
        self._unknown: set[str] = set()

    @property
    def connected(self) -> bool:
        """Whether calls can be made at this moment."""
        return self._ready.is_set()

    def refused(self, tool: str) -> str | None:
        """Why a tool must not be called, or None. Stays so until its definition is again the pinned one."""
        return self._refused.get(tool)

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._own(), name=f"mcp {self.name}")

    async def aclose(self) -> None:
        """End the connection, and the program if it is one. Calls under way end as lost."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def call(self, tool: str, args: Mapping[str, Any], *, timeout_s: float, final_errors: bool) -> Json:
        """Call a tool and give on its result. `final_errors`: an error it reports means that nothing was done.

        Raises:
            ToolError: nothing was done.
            NotSent: there is no connection.
            AnswerLost: it was sent; whether it had an effect is open. (So it is for whatever else is raised.)
        """
        sent = False
        try:
            async with asyncio.timeout(timeout_s):
                async with asyncio.timeout(READY_S):
                    await self._ready.wait()  # also while definitions are being compared anew
                client, sent = self._client, tool not in self._refused
                result = await client.session.call_tool(tool, dict(args)) if sent else None
        except TimeoutError:
            state = "no answer in time" if sent else "no connection"
            raise (AnswerLost if sent else NotSent)(f"MCP server {self.name}: {state}") from None
        except Exception as error:
            code = getattr(error, "code", None)
            if code in _NOT_DONE:
                log.warning("MCP server %s refused to run %s (%s)", self.name, tool, code)
                raise ToolError(REFUSED) from None
            self.tools_may_have_changed()  # looks at the connection again, and makes it anew if it is gone
            raise
        if result is None:
            raise ToolError(NOT_NOW)
        if result.is_error:
            said = _texts(result)[:MAX_SAID_CHARS] or REFUSED
            if final_errors:
                raise ToolError(said)
            raise AnswerLost(f"MCP server {self.name}: {tool} reports an error", answered=True)
        return _value(result)

    async def _own(self) -> None:
        """Hold the connection, and make it anew when it breaks, until cancelled."""
        failures = 0
        while True:
            try:
                async with contextlib.AsyncExitStack() as stack:
                    async with asyncio.timeout(CONNECT_S):
                        client, ended = await stack.enter_async_context(self.opened())
                        await self._compare(client)
                    failures = 0
                    await self._hold(client, ended)
                log.warning("MCP server %s: the connection has ended", self.name)
            except Exception as error:  # noqa: BLE001 - the top of this task: whatever a server does, it is tried again
                log.warning("MCP server %s cannot be used: %s", self.name, _words(error))
            finally:
                self._ready.clear()
                self._client = None
            failures += 1
            await asyncio.sleep(random.uniform(0, min(MAX_BACKOFF_S, BACKOFF_S * 2 ** min(failures - 1, 10))))  # noqa: S311 - spreads load

    async def _hold(self, client: Any, ended: asyncio.Event) -> None:  # noqa: ANN401 - mcp.Client
        """Keep it open until the server ends it, comparing the definitions whenever they may have changed."""
        listening = asyncio.create_task(self._listen(client))
        gone = asyncio.create_task(ended.wait())
        try:
            while not gone.done():
                changed = asyncio.create_task(self._recheck.wait())
                await asyncio.wait({gone, changed}, timeout=RECHECK_S, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                await asyncio.wait({changed})
                if not gone.done():
                    async with asyncio.timeout(CONNECT_S):
                        await self._compare(client)
        finally:
            for task in (listening, gone):
                task.cancel()
            await asyncio.wait({listening, gone})

    async def _listen(self, client: Any) -> None:  # noqa: ANN401 - mcp.Client
        """Servers of the 2026 protocol say that their tools have changed to those who listen; older ones to everybody."""
        try:
            async with client.listen(tools_list_changed=True) as events:
                async for _ in events:
                    self.tools_may_have_changed()
        except Exception as error:  # noqa: BLE001 - without it, definitions are compared every five minutes
            log.debug("MCP server %s: no news of changes: %s", self.name, _words(error))

    def tools_may_have_changed(self) -> None:
        """Let no call pass until the definitions have been compared anew."""
        self._ready.clear()
        self._recheck.set()

    async def _compare(self, client: Any) -> None:  # noqa: ANN401 - mcp.Client
        """List the server's tools and refuse those that are not as they were pinned."""
        self._recheck.clear()
        live = {definition["name"]: digest(definition) for definition in await definitions(client)}
        for tool, pinned in self._pinned.items():
            why = None
            if tool not in live:
                why = "the server no longer has it"
            elif live[tool] != pinned:
                why = f"its definition has changed (pinned {pinned[:12]}, now {live[tool][:12]})"
            if why is None:
                self._refused.pop(tool, None)
            elif self._refused.get(tool) != why:
                self._refused[tool] = why
                log.error(
                    "ALARM: tool %s of MCP server %s is denied: %s. Look at it, then run `shopbell check --pin`",
                    tool, self.name, why,
                )  # fmt: skip
        fresh = live.keys() - self._pinned.keys() - self._unknown
        if fresh:
            self._unknown |= fresh
            log.warning(
                "MCP server %s has tools that are not pinned, and not used: %s", self.name, ", ".join(sorted(fresh))
            )
        if not self._recheck.is_set():
            self._client = client
            self._ready.set()


def connector(
    config: McpServer,
    egress: Egress,
    environment: Mapping[str, str],
    directory: Path,
    header: Callable[[], tuple[str, str]] | None,
    changed: Callable[[], None],
) -> Opened:
    """How the server is opened. `changed` is called when its tools may have changed, and when it is gone."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Any, asyncio.Event]]:
        # An optional extra that takes 1.4 s to import: only shops with MCP servers pay for it, and the event loop does not.
        await asyncio.to_thread(importlib.import_module, "mcp")
        import mcp
        import mcp_types

        ended = asyncio.Event()

        def gone() -> None:
            ended.set()
            changed()  # whatever comes now is not the server that was compared

        async def note(message: Any) -> None:  # noqa: ANN401 - mcp's IncomingMessage
            if isinstance(message, mcp_types.ToolListChangedNotification):
                changed()

        async with contextlib.AsyncExitStack() as stack:
            if config.command is not None:
                transport: Any = _program(config, environment, directory, stack)
            else:
                transport = await _address(config, egress, header, stack)
            client = mcp.Client(
                _Watched(transport, gone),
                message_handler=note,
                client_info=mcp_types.Implementation(name="shopbell", version="1"),
                cache=None,
            )
            yield await stack.enter_async_context(client), ended

    return opened


def installed() -> bool:
    """Whether the MCP library is there."""
    return importlib.util.find_spec("mcp") is not None


async def definitions(client: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - mcp.Client
    """All tools of a server, as it describes them.

    Raises:
        AnswerLost: there are more than 500, or 20 pages of them.
    """
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
        cursor = page.next_cursor
        if len(found) > MAX_TOOLS:
            break
        if not cursor:
            return found
    raise AnswerLost(f"expected at most {MAX_TOOLS} tools on {MAX_PAGES} pages")


def _program(
    config: McpServer, environment: Mapping[str, str], directory: Path, stack: contextlib.AsyncExitStack
) -> Any:  # noqa: ANN401 - a transport of mcp
    import mcp
    from mcp.client.stdio import stdio_client

    # What it says on stderr goes to the server's own log, where there is a real one.
    try:
        sys.stderr.fileno()
        errors: Any = sys.stderr
    except (OSError, ValueError, AttributeError):
        errors = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - the stack closes it
    assert config.command is not None  # noqa: S101 - the caller has looked
    passed = {key: environment[key] for key in config.env if key in environment}
    parameters = mcp.StdioServerParameters(
        command=config.command, args=list(config.args), env=passed, cwd=str(directory)
    )
    return stdio_client(parameters, errors)


async def _address(
    config: McpServer,
    egress: Egress,
    header: Callable[[], tuple[str, str]] | None,
    stack: contextlib.AsyncExitStack,
) -> Any:  # noqa: ANN401 - a transport of mcp
    import httpcore2
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    context = await asyncio.to_thread(tls_context)
    transport = pinned_transport(egress, context, max_bytes=MAX_BYTES, libraries=(httpx2, httpcore2))
    headers = {"Accept-Encoding": "identity", "User-Agent": "shopbell", **dict([header()] if header else [])}
    # Reading may take long: a server keeps streams open. Each call has its own limit.
    client = httpx2.AsyncClient(
        transport=transport, headers=headers, timeout=httpx2.Timeout(10.0, read=300.0), trust_env=False
    )
    await stack.enter_async_context(client)
    assert config.url is not None  # noqa: S101 - the caller has looked
    return streamable_http_client(config.url, http_client=client)


class _Watched:
    """A transport of mcp that says when the server's side of it ends."""

    def __init__(self, transport: Any, gone: Callable[[], None]) -> None:  # noqa: ANN401 - a transport of mcp
        self._transport = transport
        self._gone = gone

    async def __aenter__(self) -> tuple[Any, Any]:
        incoming, outgoing = await self._transport.__aenter__()
        return _Incoming(incoming, self._gone), outgoing

    async def __aexit__(self, *error: Any) -> Any:  # noqa: ANN401 - as the transport's
        return await self._transport.__aexit__(*error)


class _Incoming:
    """A read stream of mcp that says when it ends."""

    def __init__(self, stream: Any, gone: Callable[[], None]) -> None:  # noqa: ANN401 - a stream of mcp
        self._stream = stream
        self._gone = gone

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has besides
        return getattr(self._stream, name)

    def __aiter__(self) -> "_Incoming":
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 - a message
        try:
            return await self._stream.__anext__()
        except BaseException:
            self._gone()
            raise

    async def __aenter__(self) -> "_Incoming":
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:  # noqa: ANN401 - as the stream's
        self._gone()
        return await self._stream.__aexit__(*error)


def _value(result: Any) -> Json:  # noqa: ANN401 - mcp's CallToolResult
    """What a tool's result says: its structured content, else its texts; pictures and the like are only named."""
    if result.structured_content is not None:
        content = result.structured_content
        # A bare value is wrapped by servers of older protocols.
        return content["result"] if isinstance(content, dict) and set(content) == {"result"} else content
    return _texts(result)


def _texts(result: Any) -> str:  # noqa: ANN401 - mcp's CallToolResult
    parts = [item.text if item.type == "text" else f"[{item.type}, not shown]" for item in result.content]
    return "\n".join(parts)


def _words(error: BaseException) -> str:
    """An error of a connection in a few words, groups unfolded."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_words(inner) for inner in error.exceptions[:3])
    if isinstance(error, TimeoutError):
        return f"not ready within {CONNECT_S:g} s"
    return f"{type(error).__name__}: {error}"[:300]
