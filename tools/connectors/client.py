"""Client: one guarded HTTP request: redirects checked, size and time bounded, nothing kept between calls.

It knows no tool and no meaning of an answer; it says whether anything was sent, and what came back.
"""

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from tools.connectors.egress import Egress, EgressRefused
from tools.connectors.transport import pinned_transport, tls_context
from tools.types import AnswerLost, NotSent

MAX_BYTES: Final = 5_000_000
"""Of an answer, unpacked. A tool's result is cut to some thousand characters anyway; this bounds memory."""
MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. Its text shows no header and no body: they hold secrets and customers' data."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    """For the first origin only: after a redirect to another one they are left out."""
    body: bytes | None = None
    content_type: str = "application/json"

    def __repr__(self) -> str:
        return f"{self.method} {self.url.scheme}://{self.url.host}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content_type: str
    """In lower case and without parameters."""
    body: bytes
    too_large: bool = False
    """The body was over 5 MB and is not here."""


class Client:
    """Guarded requests for one shop. Connections are made when needed, in the event loop of the first request."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._context: ssl.SSLContext | None = None
        self._kept: Any = None
        self._fresh: Any = None

    async def aclose(self) -> None:
        """Close all connections; requests under way end as lost."""
        kept, fresh, self._kept, self._fresh = self._kept, self._fresh, None, None
        for transport in (kept, fresh):
            if transport is not None:
                await transport.aclose()

    async def send(self, request: Request, *, timeout_s: float, once: bool) -> Answer:
        """The answer to the request, whatever its status. `once`: a connection of its own, so that nothing is sent twice.

        Raises:
            NotSent: nothing left this machine.
            AnswerLost: it was sent, and the answer is missing, late, or a redirect that must not be followed.
        """
        sent = [False]
        transport = await self._transport(once=once)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._follow(request, transport, timeout_s=timeout_s, sent=sent)
        except TimeoutError:
            raise (AnswerLost if sent[0] else NotSent)(f"{request!r}: no answer within {timeout_s:g} s") from None

    async def _follow(self, request: Request, transport: Any, *, timeout_s: float, sent: list[bool]) -> Answer:  # noqa: ANN401
        url, headers = request.url, dict(request.headers)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._one(transport, request, url, headers, timeout_s=timeout_s, sent=sent)
            try:
                if response.status_code not in _REDIRECTS:
                    return await _read(response, request)
                url, headers = self._next(request, response, url, headers)
            finally:
                await response.stream.aclose()
        raise AnswerLost(f"{request!r}: more than {MAX_REDIRECTS} redirects")

    async def _one(
        self,
        transport: Any,  # noqa: ANN401 - see pinned_transport
        request: Request,
        url: httpx.URL,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        sent: list[bool],
    ) -> Any:  # noqa: ANN401 - an httpx.Response
        lost = AnswerLost if sent[0] else NotSent  # behind a redirect something has been sent already
        try:
            self._egress.check(url)
        except EgressRefused as error:
            raise lost(f"{request!r}: {error}") from None
        out = httpx.Request(
            request.method,
            url,
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "shopbell", **headers},
            content=request.body,
            extensions={
                "timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout_s),
                "trace": _noted(sent),
            },
        )
        if request.body is not None:
            out.headers["Content-Type"] = request.content_type
        try:
            return await transport.handle_async_request(out)
        except (EgressRefused, httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, OSError) as error:
            raise lost(f"{request!r}: {error}") from None
        except httpx.TransportError as error:
            # `from None`: the protocol library's own words may repeat a header.
            raise (AnswerLost if sent[0] else NotSent)(f"{request!r}: {type(error).__name__}") from None

    def _next(
        self, request: Request, response: httpx.Response, url: httpx.URL, headers: Mapping[str, str]
    ) -> tuple[httpx.URL, dict[str, str]]:
        """Where a redirect leads, with the headers that may go there.

        Raises:
            AnswerLost: it would change the method, leave https, or take a body to another origin.
        """
        status = response.status_code
        if request.method != "GET" and status not in (307, 308):
            raise AnswerLost(f"{request!r}: a redirect {status} would make a GET of it; not followed")
        try:
            target = url.join(response.headers.get("location", ""))
        except (httpx.InvalidURL, ValueError):
            raise AnswerLost(f"{request!r}: a redirect to something that is no URL") from None
        target = target.copy_with(fragment=None)
        if url.scheme == "https" and target.scheme != "https":
            raise AnswerLost(f"{request!r}: a redirect from https to {target.scheme}; not followed")
        if _origin(target) == _origin(url):
            return target, dict(headers)
        if request.method != "GET":
            raise AnswerLost(f"{request!r}: a redirect to {target.host}, another origin; not followed")
        return target, {}  # secrets and customers' data were meant for the first origin only

    async def _transport(self, *, once: bool) -> Any:  # noqa: ANN401 - see pinned_transport
        if self._context is None:
            self._context = await asyncio.to_thread(tls_context)  # reads 140 authorities: 20 to 60 ms
        if once:
            self._fresh = self._fresh or pinned_transport(self._egress, self._context, keep_alive=False)
            return self._fresh
        self._kept = self._kept or pinned_transport(self._egress, self._context)
        return self._kept


def _noted(sent: list[bool]) -> Any:  # noqa: ANN401 - httpcore's trace function
    async def note(event: str, info: Any) -> None:  # noqa: ANN401, ARG001 - httpcore's interface
        if event == "http11.send_request_headers.started":
            sent[0] = True

    return note


def _origin(url: httpx.URL) -> tuple[str, bytes, int]:
    return url.scheme, url.raw_host, url.port or (443 if url.scheme == "https" else 80)


async def _read(response: httpx.Response, request: Request) -> Answer:
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    gone = Answer(response.status_code, content_type, b"", too_large=True)
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BYTES:
        return gone
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise AnswerLost(f"{request!r}: expected gzip or no packing, got the encoding {encoding[:40]!r}")
    unpack = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    parts: list[bytes] = []
    size = 0
    stream: Any = response.stream  # the raw bytes; the transport makes asynchronous streams only
    try:
        async for part in stream:
            # Unpacked no further than the limit: a few kilobytes can stand for gigabytes.
            piece = part if unpack is None else unpack.decompress(part, MAX_BYTES - size + 1)
            size += len(piece)
            if size > MAX_BYTES:
                return gone
            parts.append(piece)
    except (httpx.TransportError, zlib.error) as error:
        raise AnswerLost(f"{request!r}: the answer broke off: {type(error).__name__}") from None
    return Answer(response.status_code, content_type, b"".join(parts))
