"""Desk settings: the pages on which admins change what their shop's files say.

The files stay the source: a page writes what a developer would write. Articles and workflows have pages of their own.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.http.desk import HEADERS
from server.http.desk_settings.base import NOTHING_WRONG, Asked, Base, Form, SettingsPorts, Wrong, diff
from server.http.desk_settings.canned import CannedPage
from server.http.desk_settings.history import HistoryPage
from server.http.desk_settings.hours import HoursPage
from server.http.desk_settings.look import LookPage
from server.http.desk_settings.permissions import PermissionsPage
from server.http.desk_settings.words import GreetingPage, OriginsPage, ReasoningPage

__all__ = ["NOTHING_WRONG", "Asked", "Base", "Form", "SettingsPorts", "Wrong", "diff", "routes"]


def routes(ports: SettingsPorts) -> list[BaseRoute]:
    """The pages below /desk/settings, but those of articles and workflows."""

    async def start(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/desk/settings/look{query}", 303, HEADERS)

    both = ["GET", "POST"]
    forms = [page(ports) for page in (LookPage, GreetingPage, HoursPage, OriginsPage, ReasoningPage, CannedPage)]
    return [
        Route("/desk/settings", start),
        Route("/desk/settings/history", HistoryPage(ports).show, methods=both),
        Route("/desk/settings/permissions", PermissionsPage(ports).show, methods=both),
        *[Route(f"/desk/settings/{page.section}", page.show, methods=both) for page in forms],
    ]
