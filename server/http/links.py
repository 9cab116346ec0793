"""Links: the page behind a mailed link, and the exchange of its token for a visitor's, or for a rating.

The token stands behind the `#`, and comes in a header: it is in no URL that reaches a server, and in no log.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from server.auth import Refused
from server.http.answers import as_error, as_json, bearer, body_of
from widget.assets import link_dir, template_dir

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; "
    "font-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_FILES: Final = {"link.js": "text/javascript", "link.css": "text/css"}

Reopen = Callable[[str], Awaitable[tuple[str, str, str]]]
"""A link's token to site, conversation and a visitor token; raises `Refused`."""
Allows = Callable[[str | None, str], bool]
"""Whether a page of this origin may have this site's chat; without a site, whether it may have any."""


class Rates(Protocol):
    """Takes ratings by a mailed link's token; both raise `Refused`."""

    async def look(self, link: str) -> tuple[str, bool]:
        """The shop's name, and whether the conversation was rated."""

    async def rate(self, link: str, score: int, text: str | None) -> None:
        """One to five, and a few words."""


class Rating(BaseModel):
    """What the page of a rating link sends: nothing at first, then what was pressed."""

    model_config = ConfigDict(extra="forbid")

    score: Annotated[int, Field(ge=1, le=5)] | None = None
    text: Annotated[str, Field(max_length=4_000)] | None = None


def routes(reopen: Reopen, rates: Rates, allows: Allows) -> list[BaseRoute]:
    """`/c/` with its files, `POST /v1/reopen` (also from the shops' own pages) and `POST /v1/rating`."""

    async def page(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        return HTMLResponse((template_dir() / "link.html").read_text(encoding="utf-8"), headers=_HEADERS)

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _FILES:
            return PlainTextResponse("There is no such file.\n", 404, _HEADERS)
        headers = {**_HEADERS, "Cache-Control": "no-cache"}
        return FileResponse(link_dir() / name, headers=headers, media_type=_FILES[name])

    async def exchange(request: Request) -> Response:
        origin = request.headers.get("origin")
        try:
            site, conversation, token = await reopen(bearer(request))
        except Refused as refused:
            return shared(origin, as_error(refused.code, refused.message))
        if origin is not None and not allows(origin, site):
            return shared(origin, as_error("forbidden_origin", "this page may not open the chat of this site"))
        return shared(origin, as_json(200, {"site": site, "conversation": conversation, "token": token}))

    async def preflight(request: Request) -> Response:
        headers = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "authorization",
            "Access-Control-Max-Age": "600",
        }
        return shared(request.headers.get("origin"), Response(status_code=204, headers=headers))

    def shared(origin: str | None, answer: Response) -> Response:
        """Let the pages of shops read the answer: whose link it is, is known only once its token has been read."""
        if origin is not None and allows(origin, ""):
            answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Vary"] = "Origin"
        return answer

    async def rating(request: Request) -> Response:
        try:
            said = await body_of(request, Rating)
            if said.score is not None:
                await rates.rate(bearer(request), said.score, said.text)
            shop, rated = await rates.look(bearer(request))
        except Refused as refused:
            return as_error(refused.code, refused.message)
        return as_json(200, {"shop": shop, "rated": rated})

    return [
        Route("/c/", page),
        Route("/c/{name}", file),
        Route("/v1/reopen", exchange, methods=["POST"]),
        Route("/v1/reopen", preflight, methods=["OPTIONS"]),
        Route("/v1/rating", rating, methods=["POST"]),
    ]
