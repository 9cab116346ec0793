"""Desk account: a colleague's own page, with the picture that customers are shown, and the address that serves it.

It changes nobody else's account, and takes no picture as it came: every one is written anew.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.http.answers import as_error, as_json
from server.http.desk import HEADERS, same_origin, signed_in
from server.http.files import AT_ONCE, upload_of
from server.pictures import NotAccepted, square
from server.staff import Accounts, StaffSession
from widget.assets import template_dir

PICTURE_S: Final = 300
"""Five minutes: how long a browser may show a picture that was changed or taken away."""

_SERVED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # The chat on the shop's page shows it.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Origin",
}


@dataclass(frozen=True, slots=True)
class FacePorts:
    """What the pages need."""

    accounts: Accounts
    origin: Callable[[str | None, str], bool]
    """Whether a page of this origin may have the chat of a site; of any site, with ""."""


def routes(ports: FacePorts) -> list[BaseRoute]:
    """A colleague's own page, and what it sends."""
    found = _Account(ports)
    return [
        Route("/desk/account", found.page),
        Route("/desk/account/picture", found.change, methods=["POST", "DELETE"]),
    ]


def pictures(ports: FacePorts) -> list[BaseRoute]:
    """The pictures."""

    async def serve(request: Request) -> Response:
        return await _picture(ports, request)

    return [Route("/picture/{name}", serve, methods=["GET"])]


class _Account:
    def __init__(self, ports: FacePorts) -> None:
        self._accounts = ports.accounts
        self._decoding = asyncio.Semaphore(AT_ONCE)
        self._templates = Environment(
            loader=FileSystemLoader(template_dir()), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    async def page(self, request: Request) -> Response:
        """Who one is here."""
        session = await signed_in(request, self._accounts)
        if session is None:
            return RedirectResponse("/desk/login", 303, HEADERS)
        page = self._templates.get_template("desk-account.html")
        return HTMLResponse(page.render(staff=session.staff, csrf=session.csrf), 200, HEADERS)

    async def change(self, request: Request) -> Response:
        """Take the body as one's picture, or take the picture away."""
        session = await signed_in(request, self._accounts)
        if session is None:
            return as_error("unauthorized", "sign in at /desk first")
        if not _is_own(request, session):
            return as_error("forbidden", "this did not come from the desk's own page; reload it and try again")
        content = None
        if request.method == "POST":
            try:
                data = await upload_of(request)
                async with self._decoding:
                    content = (await asyncio.to_thread(square, data)).content
            except NotAccepted as error:
                return as_error(error.code, error.message)
        path = await asyncio.to_thread(self._accounts.set_picture, session.staff.id, content)
        return as_json(200, {"picture": path})


def _is_own(request: Request, session: StaffSession) -> bool:
    """Whether the desk's own page sent this; the session's cookie alone does not show it."""
    return same_origin(request) and compare_digest(request.headers.get("x-csrf", ""), session.csrf)


async def _picture(ports: FacePorts, request: Request) -> Response:
    """A colleague's picture, to whoever has been told its address, on a page that may have a chat."""
    origin = request.headers.get("origin")
    if origin is not None and not (ports.origin(origin, "") or same_origin(request)):
        return PlainTextResponse("no site of this server lists this origin\n", 403, _SERVED)
    content = await asyncio.to_thread(ports.accounts.picture, f"/picture/{request.path_params['name']}")
    if content is None:
        return PlainTextResponse("There is no such picture.\n", 404, _SERVED | {"Cache-Control": "no-store"})
    headers = {**_SERVED, "Cache-Control": f"private, max-age={PICTURE_S}"}
    headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if origin is not None:
        headers["Access-Control-Allow-Origin"] = origin
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, "image/jpeg")
