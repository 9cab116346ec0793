"""Hours: when people answer.

Pure: the present time is an argument.
"""

import re
from datetime import date as Date
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_LONG_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_SPAN: Final = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_FULL_DAY_MIN: Final = 24 * 60
_HORIZON_DAYS: Final = 92
"""How far ahead hours are looked through: a shop that is closed for three months has nobody to wait for."""


def _minutes(text: str) -> tuple[int, int]:
    """Minutes after midnight of `09:00-17:30`.

    Raises:
        ValueError: it is no such span, or ends before it starts.

    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"expected a span such as 09:00-17:30, got {text!r}")
    hour, minute, end_hour, end_minute = (int(part) for part in match.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or end > _FULL_DAY_MIN or start >= end:
        raise ValueError(f"expected a span within one day that ends after it starts (24:00 is midnight), got {text!r}")
    return start, end


def _spans(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """One span or a list of them, or `closed`."""
    if isinstance(value, str):
        value = [] if value.strip().lower() == "closed" else [value]
    if not isinstance(value, list | tuple) or not all(isinstance(span, str) for span in value):
        raise ValueError(f"expected a span such as 09:00-17:30, a list of them, or closed, got {value!r}")
    for span in value:
        _minutes(span)
    return tuple(value)


def _holiday(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return {"date": value} if isinstance(value, str | Date) else value


def _days(value: object) -> str:
    """`mon`, or `mon-fri`, from any way to write it."""
    text = str(value).lower().replace(" ", "").replace("–", "-")
    for short, long in zip(DAYS, _LONG_DAYS, strict=True):
        text = text.replace(long, short)
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(f"expected a day such as mon or monday, or several as mon-fri, got {value!r}")
    if dash and DAYS.index(first) >= DAYS.index(last):
        raise ValueError(f"expected several days in the order of the week, such as mon-fri, got {value!r}")
    return text


Days = Annotated[str, BeforeValidator(_days)]
Spans = Annotated[tuple[str, ...], BeforeValidator(_spans)]


class Holiday(BaseModel):
    """A day on which nobody answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    date: Date = Field(description="The day, as 2026-12-25.")
    name: str = Field(default="", description="What it is called.")


class Hours(BaseModel):
    """When people answer, in the shop's own time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: str = Field(
        default="UTC", description="A name from the IANA time zone database, such as `Europe/Berlin`."
    )
    weekly: dict[Days, Spans] = Field(
        default_factory=dict,
        description="For each day (`mon` … `sun`, or `monday`, or several as `mon-fri`) a span such as `09:00-17:30`, a list "
        "of them, or `closed`. A day's own entry stands above one for several; days that are absent are closed.",
    )
    holidays: tuple[Annotated[Holiday, BeforeValidator(_holiday)], ...] = Field(
        default=(), description="Days on which nobody answers: dates, or `{date, name}`."
    )

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"expected a time zone such as Europe/Berlin, got {value!r}") from None
        return value

    @field_validator("weekly", mode="before")
    @classmethod
    def _no_day_twice(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        seen: set[str] = set()
        for key in value if isinstance(value, dict) else ():
            small = str(key).lower()[:3] if "-" not in str(key) else str(key).lower()
            if small in seen:
                raise ValueError(f"expected each day once, got {key!r} again")
            seen.add(small)
        return value

    def open_at(self, now: datetime) -> bool:
        """Whether people answer at this moment; `now` must have a time zone."""
        local = now.astimezone(ZoneInfo(self.timezone))
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self._of(local.date()))

    def next_open(self, now: datetime, *, within_days: int = 60) -> datetime | None:
        """When people answer next, in the shop's time: `now` itself when open, None if not within that many days."""
        zone = ZoneInfo(self.timezone)
        local = now.astimezone(zone)
        if self.open_at(now):
            return local
        for offset in range(within_days + 1):
            day = local.date() + timedelta(days=offset)
            for start, _ in self._of(day):
                opens = datetime.combine(day, time(start // 60, start % 60), zone)
                if opens > local:
                    return opens
        return None

    def after_open(self, now: datetime, seconds: float) -> datetime:
        """When people will have been there for that many seconds from `now` on; `now` plus them if they never are."""
        zone = ZoneInfo(self.timezone)
        left, local = timedelta(seconds=seconds), now.astimezone(zone)
        for offset in range(_HORIZON_DAYS):
            day = local.date() + timedelta(days=offset)
            for start, end in self._of(day):
                midnight = datetime.combine(day, time(), zone)
                opens = max(midnight + timedelta(minutes=start), local)
                closes = midnight + timedelta(minutes=end)
                if closes <= opens:
                    continue
                if closes - opens >= left:
                    return opens + left
                left -= closes - opens
        return now + timedelta(seconds=seconds)

    def spans_on(self, weekday: int) -> tuple[str, ...]:
        """The spans of a day of the week (Monday is 0), as they are written; none when it is closed."""
        own = self.weekly.get(DAYS[weekday])
        if own is not None:
            return own
        ranges = [spans for days, spans in self.weekly.items() if "-" in days and _covers(days, weekday)]
        return tuple(span for spans in ranges for span in spans)

    def _of(self, day: Date) -> list[tuple[int, int]]:
        if any(holiday.date == day for holiday in self.holidays):
            return []
        return sorted(_minutes(span) for span in self.spans_on(day.weekday()))


def _covers(days: str, weekday: int) -> bool:
    first, _, last = days.partition("-")
    return DAYS.index(first) <= weekday <= DAYS.index(last)
