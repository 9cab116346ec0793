"""Desk pages: signing in and out, the first admin, and the one page that the desk is. Its life comes over the socket.

It knows no conversation; who may do what is `server.staff`'s and the socket's.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.staff import Accounts, LockedOut, Staff, StaffError, StaffSession
from widget.assets import desk_dir, template_dir

COOKIE: Final = "shopbell_desk"
MAX_BODY_BYTES: Final = 16_384
"""A form of four short fields."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
    "media-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with that, browsers say `Origin: null` of a form, and nobody could tell it from another page's.
    "Referrer-Policy": "same-origin",
}
"""Of every page of the desk."""
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class DeskPorts:
    """What the pages need."""

    accounts: Accounts
    sites: Mapping[str, str]
    """Names of the sites by their keys."""


def routes(ports: DeskPorts) -> list[BaseRoute]:
    """The desk's pages; the socket is another's."""
    pages = _Pages(ports)
    return [
        Route("/desk", pages.desk),
        Route("/desk/login", pages.login, methods=["GET", "POST"]),
        Route("/desk/welcome", pages.welcome, methods=["GET", "POST"]),
        Route("/desk/logout", pages.logout, methods=["POST"]),
        Route("/desk/static/{name}", _static),
    ]


async def signed_in(connection: HTTPConnection, accounts: Accounts, *, turn: bool = False) -> StaffSession | None:
    """Whose browser this is; None for nobody's."""
    token = connection.cookies.get(COOKIE)
    return await asyncio.to_thread(accounts.session, token, turn=turn) if token else None


def same_origin(connection: HTTPConnection) -> bool:
    """Whether this came from a page of this server, or from a program, which has no page and nobody's cookie but its own.

    Every browser says by `Origin` where a socket or a POST comes from, or at least by `Sec-Fetch-Site`.
    """
    origin = connection.headers.get("origin")
    if origin is None:
        return connection.headers.get("sec-fetch-site") in (None, "same-origin")
    return urlsplit(origin).netloc == connection.headers.get("host")


class _Pages:
    def __init__(self, ports: DeskPorts) -> None:
        self._ports = ports
        self._templates = Environment(
            loader=FileSystemLoader(template_dir()), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    async def desk(self, request: Request) -> Response:
        """The desk, for who is signed in."""
        session = await signed_in(request, self._ports.accounts, turn=True)
        if session is None:
            return RedirectResponse("/desk/login", 303, HEADERS)
        sites = {key: name for key, name in self._ports.sites.items() if session.staff.sees(key)}
        answer = self._page("desk.html", staff=session.staff, csrf=session.csrf, sites=sites)
        if session.turned is not None:
            _set_cookie(request, answer, session.turned)
        return answer

    async def login(self, request: Request) -> Response:
        """Sign in with e-mail address and password."""
        if request.method == "GET":
            if await signed_in(request, self._ports.accounts) is not None:
                return RedirectResponse("/desk", 303, HEADERS)
            return self._page("desk-login.html", error="", email="", first=False)
        form = await _form(request)
        if form is None:
            return _refused()
        email, password = form.get("email", ""), form.get("password", "")
        address = request.client.host if request.client else "?"
        try:
            staff = await asyncio.to_thread(self._ports.accounts.verify, email, password, address)
        except LockedOut as error:
            text = str(error)[:1].upper() + str(error)[1:] + "."
            return self._page("desk-login.html", 429, error=text, email=email, first=False)
        if staff is None:
            error_text = "That e-mail address and password do not belong together."
            return self._page("desk-login.html", 401, error=error_text, email=email, first=False)
        return await self._enter(request, staff)

    async def welcome(self, request: Request) -> Response:
        """Make the first admin. The one-time token stands behind the `#` of the link, so it reaches no log."""
        if request.method == "GET":
            return self._page("desk-login.html", error="", email="", first=True)
        form = await _form(request)
        if form is None:
            return _refused()
        accounts = self._ports.accounts
        try:
            staff = await asyncio.to_thread(
                accounts.redeem,
                form.get("token", ""),
                form.get("email", ""),
                form.get("password", ""),
                form.get("name", ""),
            )
        except StaffError as error:
            text = str(error)[:1].upper() + str(error)[1:] + "."
            return self._page("desk-login.html", 400, error=text, email=form.get("email", ""), first=True)
        return await self._enter(request, staff)

    async def _enter(self, request: Request, staff: Staff) -> Response:
        token = await asyncio.to_thread(self._ports.accounts.open_session, staff)
        answer = RedirectResponse("/desk", 303, HEADERS)
        _set_cookie(request, answer, token)
        return answer

    async def logout(self, request: Request) -> Response:
        """Sign this browser out, or, with `everywhere`, all browsers of this person."""
        form = await _form(request)
        session = await signed_in(request, self._ports.accounts)
        if form is None or (
            session is not None and not compare_digest(form.get("csrf", "").encode(), session.csrf.encode())
        ):
            return _refused()
        if session is not None and form.get("everywhere"):
            await asyncio.to_thread(self._ports.accounts.close_all, session.staff.id)
        elif session is not None:
            await asyncio.to_thread(self._ports.accounts.close_session, request.cookies[COOKIE])
        answer = RedirectResponse("/desk/login", 303, HEADERS)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    def _page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401 - a template's
        return HTMLResponse(self._templates.get_template(name).render(**values), status, HEADERS)


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form that a page of this server sent; None if another page did, or it is none of these forms."""
    if not same_origin(request):
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items()}


def _set_cookie(request: Request, answer: Response, token: str) -> None:
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, token, path="/", httponly=True, secure=secure, samesite="strict", max_age=7 * 24 * 3600)


def _refused() -> Response:
    return PlainTextResponse(
        "This form did not come from this server's own page. Reload the page and try again.\n", 403, HEADERS
    )


async def _static(request: Request) -> Response:
    """A script or style sheet of the desk."""
    name = request.path_params["name"]
    known = {file.name: file for file in desk_dir().iterdir() if file.suffix in _TYPES}
    if name not in known:
        return PlainTextResponse("There is no such file.\n", 404, HEADERS)
    headers = {**HEADERS, "Cache-Control": "no-cache"}
    return FileResponse(known[name], headers=headers, media_type=_TYPES[known[name].suffix])
