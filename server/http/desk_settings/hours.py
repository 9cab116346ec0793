"""Hours page: `hours:` of site.yaml: a time zone, a week and the days on which nobody answers.

It keeps the way in which the week is written: long or short days, several as `mon-fri`, spans or lists of them.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import available_timezones

from server.http.desk_settings.base import Form
from server.http.desk_settings.forms import lines
from server.http.desk_settings.site import Changes, SitePage, Written
from server.site import Hours
from server.site.hours import DAYS

NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DATE: Final = re.compile(r"(\S+)\s*(.*)")


class HoursPage(SitePage):
    """When people answer."""

    section = "hours"
    label = "Opening hours"
    groups = ("hours", "hours.weekly")

    def fields(self, written: Written) -> dict[str, str]:
        """A field for each day, its spans with commas between them; empty is closed."""
        hours = written.site.hours
        fields = {
            "hours.always": "" if hours is not None else "1",
            "hours.timezone": hours.timezone if hours else "UTC",
        }
        fields |= {f"hours.weekly.{day}": _spans(hours, n) for n, day in enumerate(DAYS)}
        days = hours.holidays if hours is not None else ()
        return fields | {"hours.holidays": "\n".join(f"{one.date.isoformat()} {one.name}".strip() for one in days)}

    def sent(self, form: Form, written: Written) -> dict[str, str]:
        """As the base has it, with the spaces of spans as they are written."""
        return {name: form.text(name).strip() for name in self.fields(written)}

    def changes(self, before: Mapping[str, str], now: Mapping[str, str], written: Written) -> Changes:
        """Each day by itself, so that the others stay as they are written."""
        changes = Changes()
        if now["hours.always"]:
            if not before["hours.always"]:
                changes.put(("hours",), None, "people answer at any time")
            return changes
        if now["hours.timezone"] != before["hours.timezone"] or before["hours.always"]:
            changes.put(("hours", "timezone"), now["hours.timezone"] or "UTC", f"time zone {now['hours.timezone']}")
        raw = _raw_week(written)
        for n, day in enumerate(DAYS):
            spans = _split(now[f"hours.weekly.{day}"])
            if spans != _split(before[f"hours.weekly.{day}"]):
                key = _key_of(day, raw)
                changes.put(("hours", "weekly", key), _day(spans, raw.get(key), raw), NAMES[n])
        if lines(now["hours.holidays"]) != lines(before["hours.holidays"]):
            changes.put(("hours", "holidays"), [_holiday(line) for line in lines(now["hours.holidays"])], "holidays")
        return changes

    def aliases(self, written: Written) -> Mapping[str, str]:
        """The days by the names that they have in the file."""
        raw = _raw_week(written)
        return {f"hours.weekly.{_key_of(day, raw)}": f"hours.weekly.{day}" for day in DAYS}

    def more(self, written: Written, fields: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002 - as the base has it
        """The days' names, and the time zones that there are."""
        zones = sorted(
            zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/"))
        )
        return {"days": dict(zip(DAYS, NAMES, strict=True)), "zones": ["UTC", *zones]}


def _spans(hours: Hours | None, weekday: int) -> str:
    """What holds on this day of the week."""
    return ", ".join(hours.spans_on(weekday)) if hours is not None else ""


def _split(text: str) -> list[str]:
    """`09:00-12:00, 13:00-18:00` as a list; nothing for a closed day."""
    small = text.strip().lower()
    return [] if small in ("", "closed", "-") else [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]


def _raw_week(written: Written) -> Mapping[str, Any]:
    hours = written.data.get("hours")
    week = hours.get("weekly") if isinstance(hours, dict) else None
    return week if isinstance(week, dict) else {}


def _key_of(day: str, raw: Mapping[str, Any]) -> str:
    """The key that this day has, or should have beside the others."""
    for key in raw:
        if "-" not in key and key.strip().lower()[:3] == day:
            return key
    long = any("-" not in key and len(key) > 3 for key in raw)
    return NAMES[DAYS.index(day)].lower() if long else day


def _day(spans: list[str], written: Any, raw: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a text or a list of them
    """The spans as this day is written, or as the others are."""
    in_lists = isinstance(written if written is not None else next(iter(raw.values()), None), list)
    if in_lists or len(spans) > 1:
        return spans
    return spans[0] if spans else "closed"


def _holiday(line: str) -> Any:  # noqa: ANN401 - a date, or a map
    found = _DATE.fullmatch(line)
    date, name = (found[1], found[2].strip()) if found is not None else (line, "")
    return {"date": date, "name": name} if name else date
