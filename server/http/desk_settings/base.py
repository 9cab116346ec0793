"""Base of the settings' pages: who asks for which shop, what a form sent, and what happens to a change.

It knows no section; those of articles and workflows build on it as well.
"""

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from server.editing import BadPath, Conflict, Editing, FileText, Invalid, Trial, Unwritable, Version
from server.http.desk import HEADERS, same_origin, signed_in
from server.shop import Shop
from server.site import Problem
from server.staff import Accounts, Staff
from widget.assets import template_dir

SECTIONS: Final[Mapping[str, str]] = {
    "look": "Look",
    "greeting": "Greeting",
    "hours": "Opening hours",
    "origins": "Pages",
    "reasoning": "Reasoning",
    "permissions": "Permissions",
    "canned": "Canned replies",
    "articles": "Articles",
    "workflows": "Workflows",
    "history": "History",
}
"""The pages below /desk/settings/, and what their links say."""
MAX_BODY_BYTES: Final = 16_000_000
"""An article of 5 MB (see server.site.articles), each byte of it written as three, as forms do."""
MAX_FIELDS: Final = 5_000
"""200 canned replies of three fields, or 300 tools of nine."""


@dataclass(frozen=True, slots=True)
class SettingsPorts:
    """What the pages need."""

    accounts: Accounts
    shops: Mapping[str, Shop]
    """By key, as they are served at this moment: a change puts a new one there."""
    editing: Editing
    trial: Trial
    apply: Callable[[Version], Awaitable[None]]
    """Makes a saved version take effect, as far as that is possible while the shop is served."""
    later: Callable[[Version], Sequence[str]]
    """What of a version takes effect at the next start only, in words; nothing, if all of it holds already."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form's fields, in the order in which they stand on the page; text as it was typed, with single line ends."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """The first field of this name, without the space around it."""
        return next((value.strip() for key, value in self.fields if key == name), default)

    def text(self, name: str) -> str:
        """The same, with the space around it."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        """All fields of this name, without the space around them."""
        return [value.strip() for key, value in self.fields if key == name]

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self.fields)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, for which of the shops that they see; `form` is what they sent, None for a page that is only looked at."""

    staff: Staff
    csrf: str
    site: str
    shop: Shop
    sites: Mapping[str, str]
    """Names of the shops by key."""
    path: str
    """The page's own address, to which its forms go."""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Form | None = None

    def url(self, section: str, **more: str | int) -> str:
        """The address of a section, for this shop."""
        query = {"site": self.site} if len(self.sites) > 1 else {}
        said = urlencode({**query, **{name: str(value) for name, value in more.items()}})
        return f"/desk/settings/{section}" + (f"?{said}" if said else "")


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why something was not saved. `at` are messages by the field that each belongs to; `general` those of none."""

    at: Mapping[str, str] = field(default_factory=dict)
    general: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.at or self.general)


NOTHING_WRONG: Final = Wrong()


class Base:
    """What every page of the settings does."""

    def __init__(self, ports: SettingsPorts) -> None:
        self.ports = ports
        self._templates = Environment(
            loader=FileSystemLoader(template_dir()),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["moment"] = moment

    async def asked(self, request: Request) -> Asked | Response:
        """Who asks, and for what; or the answer that they get instead: sign in, 403 or 404.

        A POST has to come from a page of this server, with the form's own token.
        """
        session = await signed_in(request, self.ports.accounts)
        if session is None:
            return RedirectResponse("/desk/login", 303, HEADERS)
        if session.staff.role != "admin":
            return PlainTextResponse("Only admins may see and change the settings.\n", 403, HEADERS)
        form = None
        if request.method == "POST":
            form = await read_form(request)
            if form is None or not compare_digest(form.get("csrf").encode(), session.csrf.encode()):
                words = "This form did not come from this server's own page, or is too old. Reload the page and try again.\n"
                return PlainTextResponse(words, 403, HEADERS)
        sites = {key: shop.site.name for key, shop in self.ports.shops.items() if session.staff.sees(key)}
        wanted = (
            (form.get("site") if form is not None else "") or request.query_params.get("site") or next(iter(sites), "")
        )
        if wanted not in sites:
            return PlainTextResponse("There is no such shop here.\n", 404, HEADERS)
        shop = self.ports.shops[wanted]
        query = dict(request.query_params)
        return Asked(session.staff, session.csrf, wanted, shop, sites, request.url.path, query, form)

    async def page(self, name: str, asked: Asked, section: str, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 - a template's
        """A page of a section, drawn; above it what was saved last, if the address says so."""
        saved = await self._saved(asked)
        later = list(self.ports.later(saved)) if saved is not None else []
        given = {"asked": asked, "section": section, "sections": SECTIONS, "saved": saved, "later": later, **values}
        return HTMLResponse(self._templates.get_template(name).render(**given), status, HEADERS)

    async def read(self, asked: Asked, path: str) -> FileText:
        """What one of the shop's files says now; `sha256` goes into the form, as the `base` of the change."""
        return await asyncio.to_thread(self.ports.editing.read, asked.site, path)

    async def save(
        self, asked: Asked, section: str, path: str, text: str | None, what: str
    ) -> Response | list[Problem]:
        """Save a file that the form changed, and go back to the section; or the errors that it would have.

        The form's `base` says what it was made from. If the file has changed since, the answer is the page that shows both
        texts. `what` says in words what is changed.
        """
        assert asked.form is not None  # noqa: S101 - whoever saves has been sent a form
        try:
            version = await asyncio.to_thread(
                self.ports.editing.save,
                asked.site,
                path,
                text,
                base=asked.form.get("base"),
                by=asked.staff.email,
                what=what,
            )
        except Conflict as conflict:
            return await self.conflict(asked, section, conflict.current, text)
        except Invalid as invalid:
            return invalid.problems
        except (BadPath, Unwritable) as error:
            return [Problem(asked.shop.dir / path, 1, 1, "error", str(error))]
        except OSError as error:
            words = f"{path} could not be written: {error.strerror or error}"
            return [Problem(asked.shop.dir / path, 1, 1, "error", words)]
        return await self.done(asked, section, version)

    async def done(self, asked: Asked, section: str, version: Version | None) -> Response:
        """Back to the section, with what was done; None: nothing was different."""
        if version is not None:
            await self.ports.apply(version)
        more = {"saved": version.id} if version is not None else {"saved": 0}
        return RedirectResponse(asked.url(section, **more), 303, HEADERS)

    async def conflict(self, asked: Asked, section: str, current: FileText, mine: str | None) -> Response:
        """The file was changed meanwhile: both texts, their difference, and the same form again, made from what the file says."""
        lines = diff(current.text if current.sha256 else None, mine)
        sent = asked.form.fields if asked.form is not None and section != "history" else ()
        again = [(name, value) for name, value in sent if name not in ("csrf", "site", "base")]
        values = {"current": current, "mine": mine, "lines": lines, "again": again}
        return await self.page("desk-settings-conflict.html", asked, section, 409, **values)

    async def _saved(self, asked: Asked) -> Version | None:
        number = whole(asked.query.get("saved", ""))
        return await asyncio.to_thread(self.ports.editing.version, asked.site, number) if number is not None else None


async def read_form(request: Request) -> Form | None:
    """The fields of a form that a page of this server sent; None if another page did, or it is too large."""
    if not same_origin(request):
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    return Form(tuple((name, value.replace("\r\n", "\n")) for name, value in pairs))


def diff(before: str | None, after: str | None, around: int = 3) -> list[tuple[str, str]]:
    """What is different between two texts, as (`same` | `out` | `in` | `gap`, line), with some lines around each change."""
    old, new = (before or "").splitlines(), (after or "").splitlines()
    found: list[tuple[str, str]] = []
    for n, group in enumerate(difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(around)):
        if n or group[0][1]:
            found.append(("gap", f"line {group[0][3] + 1}"))
        for kind, i1, i2, j1, j2 in group:
            if kind == "equal":
                found.extend(("same", line) for line in old[i1:i2])
                continue
            found.extend(("out", line) for line in old[i1:i2])
            found.extend(("in", line) for line in new[j1:j2])
    return found


def whole(text: str) -> int | None:
    """The number of a version that an address or a form names; None when it names none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def moment(at_ms: int) -> str:
    """A time for people, in UTC; the page's script shows it in the reader's own."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
