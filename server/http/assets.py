"""Assets: the widget's loader and its chat builds, compressed once.

It serves what is in widget/dist and nothing else; older builds in there stay served, for pages that still name them.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

LOADER_MAX_AGE_S: Final = 300
"""A new build reaches every page within five minutes."""
BUILD_MAX_AGE_S: Final = 31_536_000
"""A year: a build's name is its hash, so its content never changes."""
_BUILD: Final = re.compile(r"[0-9a-f]{8,64}\.js")


@dataclass(frozen=True, slots=True)
class _File:
    plain: bytes
    packed: bytes
    etag: str


def routes(dist: Path) -> list[BaseRoute]:
    """`/widget.js` and `/widget/<hash>.js`, read once."""
    builds = {path.name: _read(path) for path in sorted(dist.glob("*.js")) if _BUILD.fullmatch(path.name)}
    loader = _read(dist / "widget.js")

    async def widget_loader(request: Request) -> Response:
        return _respond(request, loader, f"public, max-age={LOADER_MAX_AGE_S}")

    async def widget_build(request: Request) -> Response:
        file = builds.get(request.path_params["name"])
        if file is None:
            return Response("Not found\n", 404, _headers("no-store"), "text/plain")
        return _respond(request, file, f"public, max-age={BUILD_MAX_AGE_S}, immutable")

    return [Route("/widget.js", widget_loader), Route("/widget/{name}", widget_build)]


def _read(path: Path) -> _File:
    data = path.read_bytes()
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    # mtime=0: the same bytes on every node, so that a cache may mix them.
    return _File(data, gzip.compress(data, 9, mtime=0), etag)


def _headers(cache: str) -> dict[str, str]:
    return {
        "Cache-Control": cache,
        "X-Content-Type-Options": "nosniff",
        # Subresource Integrity and modules need CORS; the files are public.
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Accept-Encoding",
    }


def _respond(request: Request, file: _File, cache: str) -> Response:
    headers: Mapping[str, str] = _headers(cache) | {"ETag": file.etag}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, 200, {**headers, "Content-Encoding": "gzip"}, "text/javascript")
    return Response(file.plain, 200, headers, "text/javascript")
