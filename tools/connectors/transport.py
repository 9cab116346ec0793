"""Transport: HTTP connections that go to the checked address and nowhere else.

It follows no redirect, keeps no cookie, reads no proxy from the environment, and decides nothing about answers.
"""

import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from types import ModuleType
from typing import Any, Final

import certifi
import httpcore
import httpx

from tools.connectors.egress import Egress

MAX_CONNECTIONS: Final = 20
"""Per shop: a few calls at once for each of the conversations that act at the same moment."""


def pinned_transport(
    egress: Egress,
    context: ssl.SSLContext,
    *,
    keep_alive: bool = True,
    max_bytes: int | None = None,
    libraries: tuple[ModuleType, ModuleType] = (httpx, httpcore),
) -> Any:  # noqa: ANN401 - an AsyncBaseTransport of httpx, or of httpx2 which the `mcp` client uses
    """A transport whose every connection goes to an address that `egress` has checked.

    The name is resolved once, all its addresses are checked, and the connection is made to one of just these; `Host`,
    SNI and the certificate are those of the name. Without `keep_alive` every request has a connection of its own: a
    server that closes an idle connection at the wrong moment would leave open whether a write has arrived.
    `max_bytes` bounds answers that are no event streams, and refuses packed ones. `libraries` are httpx and httpcore, or
    the newer pair that the `mcp` client uses.
    """
    core = libraries[1]
    backend = _backend(egress, core)
    pool = core.AsyncConnectionPool(
        ssl_context=context,
        max_connections=MAX_CONNECTIONS,
        max_keepalive_connections=MAX_CONNECTIONS if keep_alive else 0,
        keepalive_expiry=5.0,  # shorter than the 60 s and more after which proxies close idle connections
        network_backend=backend,
    )
    return _transport(egress, pool, max_bytes, libraries)


def tls_context() -> ssl.SSLContext:
    """What certificates are checked by: the authorities in the file that SSL_CERT_FILE names, else certifi's."""
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())


def _backend(egress: Egress, core: ModuleType) -> Any:  # noqa: ANN401 - an AsyncNetworkBackend of `core`
    class Pinned(core.AsyncNetworkBackend):  # type: ignore[misc, name-defined]
        """Connects to checked addresses."""

        def __init__(self) -> None:
            self._plain = core.AnyIOBackend()

        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109 - the interface is httpcore's
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> Any:  # noqa: ANN401 - an AsyncNetworkStream of `core`
            """A stream to the first of the host's addresses that takes the connection."""
            try:
                addresses = await egress.addresses(host, port)
            except OSError as error:
                raise core.ConnectError(f"{host} cannot be found: {error.strerror or error}") from error
            failed: Exception | None = None
            for address in addresses:
                try:
                    return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
                except (core.ConnectError, core.ConnectTimeout) as error:
                    failed = error
            raise core.ConnectError(f"{host} takes no connection") from failed

        async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, ARG002
            """Never."""
            raise core.ConnectError("connectors use no sockets of this machine")

        async def sleep(self, seconds: float) -> None:
            """Wait."""
            await self._plain.sleep(seconds)

    return Pinned()


def _translator(web: ModuleType, core: ModuleType) -> Callable[[Exception], Exception]:
    """From errors of httpcore to those of httpx."""
    errors = tuple(
        (getattr(core, name), getattr(web, name))
        for name in (
            # The most special ones first: each is looked up by isinstance.
            "ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout", "ConnectError", "ReadError", "WriteError",
            "ProxyError", "UnsupportedProtocol", "LocalProtocolError", "RemoteProtocolError",
            "TimeoutException", "NetworkError", "ProtocolError",
        )
    )  # fmt: skip

    def translated(error: Exception) -> Exception:
        for mine, theirs in errors:
            if isinstance(error, mine):
                made: Exception = theirs(str(error))
                return made
        return error

    return translated


def _transport(
    egress: Egress,
    pool: Any,  # noqa: ANN401 - an AsyncConnectionPool
    max_bytes: int | None,
    libraries: tuple[ModuleType, ModuleType],
) -> Any:  # noqa: ANN401 - see pinned_transport
    web, core = libraries
    translated = _translator(web, core)

    class Body(web.AsyncByteStream):  # type: ignore[misc, name-defined]
        """The raw bytes of an answer."""

        def __init__(self, stream: Any, limit: int | None) -> None:  # noqa: ANN401 - of `core`
            self._stream = stream
            self._limit = limit

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            try:
                async for part in self._stream:
                    size += len(part)
                    if self._limit is not None and size > self._limit:
                        break
                    yield part
            except Exception as error:
                raise translated(error) from error
            if self._limit is not None and size > self._limit:
                raise web.ReadError(f"the answer is larger than {self._limit:,} bytes")

        async def aclose(self) -> None:
            await self._stream.aclose()

    class Transport(web.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        """One pool of pinned connections."""

        async def handle_async_request(self, request: Any) -> Any:  # noqa: ANN401 - Request and Response of `web`
            """Send the request; the answer's body is not read yet."""
            egress.check(httpx.URL(str(request.url)))
            url = core.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            )
            wanted = core.Request(
                method=request.method,
                url=url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
            try:
                answer = await pool.handle_async_request(wanted)
            except Exception as error:
                raise translated(error) from error
            headers = web.Headers(answer.headers)
            if max_bytes is not None and headers.get("content-encoding", "identity") != "identity":
                await answer.stream.aclose()
                raise web.ReadError("the answer is packed, which was not asked for")
            endless = headers.get("content-type", "").startswith("text/event-stream")
            return web.Response(
                status_code=answer.status,
                headers=headers,
                stream=Body(answer.stream, None if endless else max_bytes),
                extensions=answer.extensions,
            )

        async def aclose(self) -> None:
            """Close every connection."""
            await pool.aclose()

    return Transport()
