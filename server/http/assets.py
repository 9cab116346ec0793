"""Assets: serves the widget's built files: the loader at one address, each chat build at its own for ever.

It builds nothing and reads no file while serving: everything is in memory, compressed once.
"""

import gzip
import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from widget import assets

LOADER_CACHE: Final = "public, max-age=300, stale-while-revalidate=86400"
"""Five minutes: how long a page may miss a release; a browser asks again with the ETag, which costs 200 bytes."""
CHAT_CACHE: Final = "public, max-age=31536000, immutable"

_COMMON: Final = {
    "Content-Type": "text/javascript; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    # Shops load these from their own pages, with `crossorigin` for Subresource Integrity, and under COEP.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Vary": "Accept-Encoding",
}


class Script:
    """One script, plain and compressed, with an ETag for each."""

    def __init__(self, data: bytes, cache: str) -> None:
        """Take the file's bytes and its Cache-Control."""
        digest = hashlib.sha256(data).hexdigest()[:32]
        # mtime=0: the same build gives the same bytes on every node.
        self._bodies = {"identity": data, "gzip": gzip.compress(data, 9, mtime=0)}
        self._etags = {"identity": f'"{digest}"', "gzip": f'"{digest}-gz"'}
        self._cache = cache

    async def __call__(self, request: Request) -> Response:
        """The script, or 304 for who has it."""
        encoding = "gzip" if takes_gzip(request.headers.get("accept-encoding", "")) else "identity"
        headers = {**_COMMON, "Cache-Control": self._cache, "ETag": self._etags[encoding]}
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if "*" in known or known & set(self._etags.values()):
            return Response(status_code=304, headers=headers)
        if encoding == "gzip":
            headers["Content-Encoding"] = "gzip"
        return Response(self._bodies[encoding], headers=headers)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (`gzip;q=0` does not; `*` is taken for a no)."""
    for part in accept_encoding.split(","):
        name, _, options = part.partition(";")
        if name.strip().lower() == "gzip":
            return options.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def routes() -> list[Route]:
    """`/widget.js` and `/widget/<hash>.js` of the installed widget; older builds that it kept are served as well.

    Raises:
        FileNotFoundError: the widget has not been built.
    """
    loader = Script((assets.dist() / assets.manifest().loader.name).read_bytes(), LOADER_CACHE)
    chats = {name: Script(path.read_bytes(), CHAT_CACHE) for name, path in assets.chat_files().items()}

    async def serve_loader(request: Request) -> Response:
        return await loader(request)

    async def serve_chat(request: Request) -> Response:
        script = chats.get(request.path_params["name"])
        if script is None:
            # A page may ask a node that does not have the newest release yet: nobody may remember this answer.
            return PlainTextResponse("no such build\n", 404, {"Cache-Control": "no-store"})
        return await script(request)

    return [Route("/widget.js", serve_loader), Route("/widget/{name}", serve_chat)]
