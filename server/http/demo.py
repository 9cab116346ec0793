"""Demo mode: the storefront around the chat, the sign-in switch and the panel that shows what just happened.

Only with `serve --demo`. It serves one shop directory, whichever it is, and never signs anybody in from another machine.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from server.http.demo_pages import WIDGET, Pages, new_nonce, policy
from server.site import Site

MAX_BODY_BYTES: Final = 1024
"""A sign-in names one customer id of at most 128 characters."""
MAX_AFTER: Final = 2**53 - 1
"""The largest whole number that a browser can count to."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_PANEL_FILES: Final = {"panel.js": "text/javascript", "panel.css": "text/css", "page.css": "text/css"}
# Written by a proxy in front: then the address that we see is not the visitor's.
_PROXY_HEADERS: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class DemoPorts:
    """What the demo needs of the server."""

    read_events: Callable[[str, str, int], Awaitable[list[dict[str, Any]]]]
    """(site, conversation, after) to the staff's view of the events behind `after`, as JSON values, in order."""
    check_token: Callable[[str], tuple[str, str] | None]
    """A visitor's token to its (site, conversation); None if it is not good."""
    sign_identity: Callable[[str], str]
    """A customer id to a fresh identity JWT, signed with the site's own secret."""


def routes(directory: Path, site: Site, ports: DemoPorts, *, on_loopback: bool) -> list[BaseRoute]:
    """The demo's routes for a shop directory. `on_loopback`: the server listens on this machine only.

    They come after the server's own routes: `/` and the storefront's pages are among them.
    """
    demo = _Demo(Pages(directory, site), site, ports, on_loopback)
    found: list[BaseRoute] = [
        Route("/", demo.page("index")),
        Route("/help", demo.help),
        Route("/help/{path:path}", demo.help),
        Route("/demo/panel.json", demo.state),
        Route("/demo/identity", demo.identity, methods=["POST"]),
        Route("/demo/events", demo.events),
        *(Route(f"/demo/{name}", _file(name)) for name in _PANEL_FILES),
    ]
    found.extend(Route(f"/{name}", demo.page(name)) for name in demo.pages.names())
    if demo.pages.storefront is not None and (demo.pages.storefront / "static").is_dir():
        # StaticFiles resolves each path and refuses what leaves its folder, links included.
        found.append(Mount("/static", StaticFiles(directory=demo.pages.storefront / "static")))
    return found


@dataclass(frozen=True, slots=True)
class _Demo:
    pages: Pages
    site: Site
    ports: DemoPorts
    on_loopback: bool

    def page(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a storefront's page."""

        async def show(request: Request) -> Response:
            nonce, query = new_nonce(), dict(request.query_params)
            html = await asyncio.to_thread(self.pages.page, name, path=request.url.path, query=query, nonce=nonce)
            return _html(html, nonce)

        return show

    async def help(self, request: Request) -> Response:
        """The help center."""
        nonce, query = new_nonce(), dict(request.query_params)
        html = await asyncio.to_thread(self.pages.help, path=request.url.path, query=query, nonce=nonce)
        if html is None:
            return PlainTextResponse("There is no such article.\n", 404, _HEADERS)
        return _html(html, nonce)

    async def state(self, request: Request) -> Response:
        """What the panel may offer: the customers to sign in as, or why there are none."""
        why = self._refusal(request)
        people = [{"id": one.id, "name": one.name or one.id} for one in self.site.demo.customers]
        return _json({"site": self.site.key, "customers": [] if why else people, "local": not why, "why": why or ""})

    async def identity(self, request: Request) -> Response:
        """Sign a visitor in as one of the demo's customers: `{"customer": ID}` to `{"identity": JWT}`."""
        why = self._refusal(request)
        if why:
            return _error(403, "forbidden", why)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            # Another site's page cannot send this type without asking the server first, and it is never allowed.
            return _error(415, "bad_request", "expected application/json")
        body = await _body(request)
        if body is None:
            return _error(413, "too_large", f"expected at most {MAX_BODY_BYTES} bytes")
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            return _error(400, "bad_request", "expected JSON")
        customer = asked.get("customer") if isinstance(asked, dict) else None
        if customer not in [one.id for one in self.site.demo.customers]:
            return _error(403, "forbidden", "only customers listed under `demo:` in site.yaml can be signed in here")
        return _json({"identity": self.ports.sign_identity(customer)})

    async def events(self, request: Request) -> Response:
        """The staff's view of the visitor's own conversation; the visitor's token is in the Authorization header."""
        why = self._refusal(request)
        if why:
            return _error(403, "forbidden", why)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        named = self.ports.check_token(token.strip()) if scheme.lower() == "bearer" and token else None
        if named is None or named[0] != self.site.key:
            return _error(401, "bad_token", "expected a visitor's token of this site")
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit()) or len(after) > 16 or int(after) > MAX_AFTER:
            return _error(400, "bad_request", f"after: expected a whole number, got {after[:40]!r}")
        site, conversation = named
        found = await self.ports.read_events(site, conversation, int(after))
        return _json({"conversation": conversation, "events": found})

    def _refusal(self, request: Request) -> str:
        """Why the panel is not for this visitor; empty if it is.

        All must be so: we listen on this machine only, the visitor is on it, no proxy stands between, and the page was
        asked for by a name of this machine (a foreign name that points to it would be another site's page).
        """
        if not self.on_loopback:
            return "the server does not listen on this machine only; start it with --host 127.0.0.1"
        if request.client is None or not _is_loopback(request.client.host):
            return "only from the machine that the server runs on"
        if any(name in request.headers for name in _PROXY_HEADERS):
            return "not through a proxy"
        hosts = list(_hosts(request))
        if not hosts or not all(_is_loopback(host) for host in hosts):
            return "only at http://127.0.0.1 or http://localhost"
        return ""


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of one of the panel's files."""

    async def send(_: Request) -> Response:
        headers = {**_HEADERS, "Cache-Control": "no-cache"}
        return FileResponse(WIDGET / "demo" / name, headers=headers, media_type=_PANEL_FILES[name])

    return send


def _hosts(request: Request) -> Iterator[str]:
    """The machine names in Host and, where the browser sends it, Origin."""
    host = request.headers.get("host", "")
    yield host
    origin = request.headers.get("origin")
    if origin is not None:
        yield origin if origin == f"http://{host}" else "another origin"


def _is_loopback(host: str) -> bool:
    """Whether an address, or the host of `host:port` or of an origin, is this machine."""
    name = host.rpartition("://")[2]
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


async def _body(request: Request) -> bytes | None:
    """The body, or None when it is too large; no more than that is read."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return body


def _html(html: str, nonce: str) -> Response:
    return HTMLResponse(html, headers={**_HEADERS, "Content-Security-Policy": policy(nonce)})


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, _HEADERS, "application/json")


def _error(status: int, code: str, message: str) -> Response:
    return _json({"error": {"code": code, "message": message}}, status)
