"""Hours: when people answer.

Pure: the present time is an argument.
"""

import re
from datetime import date as Date
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SPAN: Final = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_FULL_DAY_MIN: Final = 24 * 60


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
    weekly: dict[Day, Spans] = Field(
        default_factory=dict,
        description="For each day (`mon` … `sun`) a span such as `09:00-17:30`, a list of them, or `closed`. "
        "Days that are absent are closed.",
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

    def _of(self, day: Date) -> list[tuple[int, int]]:
        if any(holiday.date == day for holiday in self.holidays):
            return []
        return sorted(_minutes(span) for span in self.weekly.get(DAYS[day.weekday()], ()))
