"""Desk admin: what every page of the merchant's settings begins with: an admin, one of their shops, and a form that came from here.

It shows no page of its own and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import parse_qs, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from server.http.desk import HEADERS, same_origin, signed_in
from server.staff import Accounts, Staff
from widget.assets import template_dir


@dataclass(frozen=True, slots=True)
class Admin:
    """An admin at work on one shop."""

    staff: Staff
    csrf: str
    site: str
    """The key of the shop that the page is about: `?site=`, or the first that they may see."""
    sites: Mapping[str, str]
    """Names by key of all that they may see."""

    def url(self, path: str, **query: str) -> str:
        """A page of this shop's; empty values are left out."""
        return f"{path}?{urlencode({'site': self.site, **{key: value for key, value in query.items() if value}})}"


async def admin_of(request: Request, accounts: Accounts, sites: Mapping[str, str]) -> Admin | Response:
    """Who asks, and for which shop; or the answer to somebody who may not. `sites` are all there are: names by key."""
    session = await signed_in(request, accounts)
    if session is None:
        return RedirectResponse("/desk/login", 303, HEADERS)
    if session.staff.role != "admin":
        return PlainTextResponse("Only admins see this.\n", 403, HEADERS)
    seen = {key: name for key, name in sites.items() if session.staff.sees(key)}
    site = request.query_params.get("site") or next(iter(seen), "")
    if site not in seen:
        return PlainTextResponse("There is no such shop here.\n", 404, HEADERS)
    return Admin(session.staff, session.csrf, site, seen)


async def form_of(request: Request, csrf: str, *, max_bytes: int) -> dict[str, str] | Response:
    """The fields of a form of this session's own page, each once; or the answer to what is none."""
    if not same_origin(request):
        return _refused()
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            return PlainTextResponse(f"This is too long: at most {max_bytes:,} bytes can be sent.\n", 413, HEADERS)
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=500)
    except ValueError:  # no UTF-8, or more fields than any of our forms has
        return _refused()
    form = {name: values[0] for name, values in fields.items()}
    return form if compare_digest(form.get("csrf", "").encode(), csrf.encode()) else _refused()


def environment() -> Environment:
    """The templates of these pages."""
    return Environment(
        loader=FileSystemLoader(template_dir()), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def _refused() -> Response:
    return PlainTextResponse(
        "This form did not come from this server's own page, or you have signed in anew since. "
        "Go back, copy what you wrote, reload the page and try again.\n",
        403,
        HEADERS,
    )
