"""Desk insights: the page of the merchant's numbers, and the same numbers as CSV.

It counts nothing; charts.py measures the bars. Admins see all of their sites, agents the conversations that they have had.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.http.charts import WEEKS_FROM, charts
from server.http.desk import HEADERS, signed_in
from server.http.figures import counted, duration, money, share
from server.insights import DEFINITIONS, Insights, Scope
from server.staff import Accounts, Staff
from widget.assets import template_dir

DAYS: Final = (7, 30, 90, 365)
SHOWN_GAPS: Final = 50

_REASONS: Final[Mapping[str, str]] = {
    "asked": "The customer asked for a person",
    "anger": "The customer was angry",
    "legal": "Legal steps were spoken of",
    "self_harm": "The customer may have been in danger",
    "unknown": "The agent did not know the answer",
    "unknown_outcome": "Nobody knows whether an action happened",
    "limits": "The agent got nowhere within its limits",
    "failed": "The agent failed",
    "budget": "The agent's budget was used up",
    "switched_off": "The agent was switched off",
    "language": "A language that is not spoken here",
    "topic": "A topic that your shop leaves to people",
    "amount": "An amount that your shop leaves to people",
    "customer": "A customer whom your shop leaves to people",
    "tool": "An action that your shop leaves to people",
    "low_confidence": "The answer would have been too uncertain",
    "taken": "A colleague took it without being asked",
}
_COLUMNS: Final[Mapping[str, str]] = {
    "conversations": "conversations",
    "settled": "settled",
    "resolved": "resolved",
    "handed_over": "handed_over",
    "first_response_s": "first_response_ms",
    "person_response_s": "person_response_ms",
    "resolution_s": "resolution",
    "csat": "csat",
    "tool_calls": "calls",
    "tool_success": "tool_share",
    "model_calls": "model_calls",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cost": "cost",
}
"""Columns of the CSV, and where their values are in a `Sum`."""


@dataclass(frozen=True, slots=True)
class InsightPorts:
    """What the page needs. `sites` are the sites' names by key."""

    accounts: Accounts
    sites: Mapping[str, str]
    insights: Insights


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request is for, as far as who asks may see it."""

    staff: Staff
    scope: Scope
    days: int
    site: str | None
    sites: Mapping[str, str]


def routes(ports: InsightPorts) -> list[BaseRoute]:
    """The page and its two CSV files."""
    pages = _Pages(ports)
    return [
        Route("/desk/insights", pages.page),
        Route("/desk/insights.csv", pages.numbers),
        Route("/desk/insights/gaps.csv", pages.gaps),
    ]


class _Pages:
    def __init__(self, ports: InsightPorts) -> None:
        self._ports = ports
        self._templates = Environment(
            loader=FileSystemLoader(template_dir()), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters |= {
            "share": share,
            "duration": duration,
            "money": money,
            "counted": counted,
            "reason": reason,
        }

    async def page(self, request: Request) -> Response:
        """The numbers of the days and the site that were asked for."""
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        report = await self._ports.insights.report(asked.scope, asked.days)
        gaps = await self._ports.insights.gaps(asked.scope, asked.days) if asked.staff.role == "admin" else None
        values: dict[str, Any] = {
            "staff": asked.staff,
            "asked": asked,
            "choices": DAYS,
            "report": report,
            "gaps": gaps[:SHOWN_GAPS] if gaps is not None else None,
            "define": DEFINITIONS,
            "charts": charts(report),
            "weeks_from": WEEKS_FROM,
        }
        return HTMLResponse(self._templates.get_template("desk-insights.html").render(**values), headers=HEADERS)

    async def numbers(self, request: Request) -> Response:
        """One line for each day and site, one for each day and one in all; shares 0..1, durations in seconds."""
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        report = await self._ports.insights.report(asked.scope, asked.days)
        lines = [(day.isoformat(), site, part) for (day, site), part in report.by_day_and_site.items()]
        lines += [(day.isoformat(), "all", part) for day, part in report.days.items()]
        lines.append(("all", "all", report.total))
        rows = [
            [day, site, *(_cell(name, getattr(part, of)) for name, of in _COLUMNS.items())] for day, site, part in lines
        ]
        return _csv("insights.csv", ["day", "site", *_COLUMNS], rows)

    async def gaps(self, request: Request) -> Response:
        """One line for each thing that was asked in vain."""
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        if asked.staff.role != "admin":
            return PlainTextResponse("Only admins see this.\n", 403, HEADERS)
        found = await self._ports.insights.gaps(asked.scope, asked.days)
        rows = [[gap.label, gap.customers, gap.questions, gap.nearest, " | ".join(gap.examples)] for gap in found]
        return _csv("gaps.csv", ["question", "customers", "questions", "nearest_article", "also_asked_as"], rows)

    async def _asked(self, request: Request) -> _Asked | Response:
        session = await signed_in(request, self._ports.accounts)
        if session is None:
            return RedirectResponse("/desk/login", 303, HEADERS)
        staff = session.staff
        sites = {key: name for key, name in self._ports.sites.items() if staff.sees(key)}
        wanted = request.query_params.get("site") or None
        days = request.query_params.get("days", str(DAYS[1]))
        if days not in {str(known) for known in DAYS}:
            return PlainTextResponse(f"Expected days as one of {DAYS}.\n", 400, HEADERS)
        if wanted is not None and wanted not in sites:
            return PlainTextResponse("There is no such site here.\n", 404, HEADERS)
        scope = Scope(frozenset([wanted] if wanted else sites), None if staff.role == "admin" else staff.id)
        return _Asked(staff, scope, int(days), wanted, sites)


# Words


def reason(code: str) -> str:
    """Why a person was asked, in words; codes of a shop's own stay as they are."""
    return _REASONS.get(code, code.replace("_", " ").capitalize())


def _cell(name: str, value: Any) -> str:  # noqa: ANN401 - one of a Sum's
    if value is None:
        return ""
    if name.endswith("_s"):
        return f"{value / 1000:.3f}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _csv(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_harmless(str(cell)) for cell in row] for row in rows)
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    # With a mark of its encoding: without it, Excel reads UTF-8 as something else.
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _harmless(cell: str) -> str:
    """Customers' words must not become a formula in the merchant's spreadsheet."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell
