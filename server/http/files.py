"""Files: attachments over HTTP: taken from a visitor's token or a staff session, and served by signed addresses.

It serves nothing by name, and nothing that it takes is ever run: sandboxed, typed, and never from a web root.
"""

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.auth import Refused
from server.conversation import id_of, key_of, site_of
from server.files import Files, Kept, digest, shown_name
from server.http.answers import as_error, as_json
from server.pictures import MAX_BYTES, NotAccepted, accepted

LINK_S: Final = 3_600
"""An hour: as long as a page with the chat is looked at; whoever still looks asks for a new one."""
BODY_S: Final = 60.0
"""5 MB over a line of 0.7 Mbit/s."""
MOST: Final = 40
"""Files in one conversation."""
COMING: Final = 40
"""Uploads under way at the same time, of all visitors: 200 MB."""
AT_ONCE: Final = 2
"""Uploads that are decoded at the same time: each may need 100 MB for a moment."""

_SERVED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    # The chat on the shop's page shows it.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": f"private, max-age={LINK_S}",
}


@dataclass(frozen=True, slots=True)
class FilePorts:
    """What the routes need. `visitor` and `staff` say whose conversation (the store's key) a request may touch."""

    files: Files
    secret: str
    visitor: Callable[[Request], Awaitable[str]]
    """The key of the conversation whose visitor this is; raises `Refused`."""
    staff: Callable[[Request, str], Awaitable[str]]
    """The id of the colleague who may see this conversation; raises `Refused`."""
    origin: Callable[[str | None, str], bool]
    """Whether the page that asks may have this site's chat."""
    clock_ms: Callable[[], int]
    new_id: Callable[[], str]


def routes(ports: FilePorts) -> list[BaseRoute]:
    """Uploads, addresses, and the files themselves."""
    found = _Files(ports)
    return [
        Route("/v1/files", found.upload, methods=["POST"]),
        Route("/v1/files", found.preflight, methods=["OPTIONS"]),
        Route("/v1/files/{id}", found.address, methods=["GET"]),
        Route("/v1/files/{id}", found.preflight, methods=["OPTIONS"]),
        Route("/file/{site}/{conversation}/{id}", found.serve, methods=["GET"]),
        Route("/desk/files/{site}/{conversation}", found.upload_staff, methods=["POST"]),
        Route("/desk/files/{site}/{conversation}/{id}", found.show_staff, methods=["GET"]),
    ]


class _Files:
    def __init__(self, ports: FilePorts) -> None:
        self._ports = ports
        self._key = hmac.new(ports.secret.encode(), b"shopbell file v1", hashlib.sha256).digest()
        self._decoding = asyncio.Semaphore(AT_ONCE)
        self._coming: Counter[str] = Counter()
        """By conversation, how many uploads are under way: they count as if they were kept."""

    async def preflight(self, request: Request) -> Response:
        """A shop's page may ask with its visitor's token; which page it is, is checked when it does."""
        headers = {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "authorization, content-type, x-file-name",
            "Access-Control-Max-Age": "600",
        }
        return self._shared(request, Response(status_code=204, headers=headers))

    async def upload(self, request: Request) -> Response:
        """The body is the file; its name, percent-encoded, may be in `X-File-Name`."""
        try:
            key = await self._ports.visitor(request)
            answer = await self._take(request, key, "customer")
        except (Refused, NotAccepted) as error:
            answer = as_error(error.code, error.message)
        return self._shared(request, answer)

    async def upload_staff(self, request: Request) -> Response:
        """The same for a colleague, from the desk's own page."""
        try:
            key = _key_in(request)
            return await self._take(request, key, await self._ports.staff(request, key))
        except (Refused, NotAccepted) as error:
            return as_error(error.code, error.message)

    async def _take(self, request: Request, key: str, by: str) -> Response:
        if self._coming.total() >= COMING:
            raise NotAccepted("busy", "too many files are being sent just now; please try again")
        self._coming[key] += 1
        try:
            coming = self._coming[
                key
            ]  # before what is kept is counted: what is kept meanwhile counts twice, and never not
            if len(await asyncio.to_thread(self._ports.files.of, key)) + coming > MOST:
                raise NotAccepted("too_fast", f"a conversation has at most {MOST} files")
            return await self._kept(request, key, by)
        finally:
            self._coming[key] -= 1
            if not self._coming[key]:
                del self._coming[key]

    async def _kept(self, request: Request, key: str, by: str) -> Response:
        ports = self._ports
        data = await upload_of(request)
        async with self._decoding:
            found = await asyncio.to_thread(accepted, data)
        stem = shown_name(unquote(request.headers.get("x-file-name", ""))[:300])
        stem = stem.rpartition(".")[0] or stem
        name = shown_name(f"{stem}.{found.ending}")
        file = Kept(ports.new_id(), name, found.type, len(found.content), digest(found.content), ports.clock_ms(), by)
        file = replace(file, width=found.width, height=found.height)
        await asyncio.to_thread(ports.files.keep, key, file, found.content)
        return as_json(201, {"file": file.wire()})

    async def address(self, request: Request) -> Response:
        """Where the visitor's browser gets one of the conversation's files, for an hour."""
        try:
            key = await self._ports.visitor(request)
            kept = await asyncio.to_thread(self._ports.files.find, key, request.path_params["id"])
            if kept is None:
                answer = as_error("not_found", "there is no such file")
            else:
                answer = as_json(200, {"url": self._signed(key, kept.id), "file": kept.wire()})
        except Refused as error:
            answer = as_error(error.code, error.message)
        return self._shared(request, answer)

    async def show_staff(self, request: Request) -> Response:
        """To the file's signed address, for who is signed in at the desk."""
        try:
            key = _key_in(request)
            await self._ports.staff(request, key)
        except Refused as error:
            return as_error(error.code, error.message)
        return RedirectResponse(self._signed(key, request.path_params["id"]), 303, {"Cache-Control": "no-store"})

    async def serve(self, request: Request) -> Response:
        """A file, to whoever has its address."""
        key, file_id = _key_in(request), request.path_params["id"]
        ends, given = request.query_params.get("ends", ""), request.query_params.get("sig", "")
        good = hmac.compare_digest(self._sign(key, file_id, ends).encode(), given.encode())
        if not good or not ends.isascii() or not ends.isdigit() or int(ends) * 1000 < self._ports.clock_ms():
            return PlainTextResponse("This address has run out.\n", 403, _SERVED | {"Cache-Control": "no-store"})
        kept = await asyncio.to_thread(self._ports.files.find, key, file_id)
        if kept is None:
            return PlainTextResponse("There is no such file.\n", 404, _SERVED | {"Cache-Control": "no-store"})
        content = await asyncio.to_thread(self._ports.files.read, key, file_id)
        how = "inline" if kept.type.startswith("image/") else "attachment"
        headers = {**_SERVED, "Content-Disposition": f"{how}; filename*=UTF-8''{quote(kept.name)}"}
        return Response(content, 200, headers, kept.type)

    def _signed(self, key: str, file_id: str) -> str:
        ends = str(self._ports.clock_ms() // 1000 + LINK_S)
        path = f"/file/{site_of(key)}/{quote(id_of(key), safe='')}/{file_id}"
        return f"{path}?ends={ends}&sig={self._sign(key, file_id, ends)}"

    def _sign(self, key: str, file_id: str, ends: str) -> str:
        return hmac.new(self._key, f"{key}\n{file_id}\n{ends}".encode(), hashlib.sha256).hexdigest()

    def _shared(self, request: Request, answer: Response) -> Response:
        """Let the page read the answer, if it may have the chat of this site; a preflight names no site yet."""
        origin = request.headers.get("origin")
        site = request.query_params.get("site", "")
        if origin and self._ports.origin(origin, site):
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Vary"] = "Origin"
        return answer


def _key_in(request: Request) -> str:
    return key_of(request.path_params["site"], unquote(request.path_params["conversation"]))


async def upload_of(request: Request) -> bytes:
    """A request's body.

    Raises:
        NotAccepted: it is larger than `MAX_BYTES`, or does not come.
    """
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                data += part
                if len(data) > MAX_BYTES:
                    raise NotAccepted("too_large", f"a file has at most {MAX_BYTES // 1024 // 1024} MB")
    except (TimeoutError, ClientDisconnect):
        raise NotAccepted("bad_file", f"the file did not come within {BODY_S:g} s") from None
    return bytes(data)
