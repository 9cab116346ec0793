"""Charts: the bars of the insights page, by day or by week, in units that the page draws.

It counts nothing and knows no colours. Pure: no clock, no I/O.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Final

from server.http.figures import duration
from server.insights import Report, Sum

WIDTH: Final = 300
HEIGHT: Final = 120
"""Of a chart's bars, in its own units: about pixels, for three stand side by side on a desktop and one on a phone."""
TICKS: Final = 4
"""Dates below a chart: more would run into each other at this width."""
LINES: Final = 4
"""Lines across, at most, beside the one at the foot."""
WEEKS_FROM: Final = 100
"""More days than this are drawn by week: a bar for a day would be thinner than a pixel or two."""
WEEK: Final = 7
STEPS: Final = (1, 2, 5)
_S: Final = 1_000
_MIN: Final = 60 * _S
_H: Final = 60 * _MIN
TIMES_MS: Final = (
    *(step * scale for scale in (1, 10, 100) for step in STEPS),
    *(step * _S for step in (1, 2, 5, 10, 15, 30)),
    *(step * _MIN for step in (1, 2, 5, 10, 15, 30)),
    *(step * _H for step in (1, 2, 4, 8, 12, 24, 48, 96, 168)),
)
"""Distances between lines of a chart of durations, in milliseconds: what clocks are divided into."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in chart units, from the top left; `part` is the height of its filled lower part."""

    x: float
    y: float
    width: float
    height: float
    part: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars with what the whole bar and its filled part mean; without a part where `part` is empty. No bars: nothing to draw.

    `tone` is what the filled part is, for a colour: "good", "handed" or "time". `lines` are heights with their words, `ticks`
    places with their dates.
    """

    title: str
    whole: str
    part: str
    tone: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Stretch:
    """A day or a week, with the numbers of its days."""

    first: date
    last: date
    days: tuple[Sum, ...]

    def total(self, count: Callable[[Sum], int]) -> int:
        """Added up over its days."""
        return sum(count(day) for day in self.days)

    def middle(self, times: Callable[[Sum], Sequence[int]]) -> float | None:
        """The middle value of all of its days; None where there is none."""
        found = [value for day in self.days for value in times(day)]
        return median(found) if found else None

    @property
    def name(self) -> str:
        """In words."""
        if self.first == self.last:
            return self.first.isoformat()
        return f"{self.first.isoformat()} to {self.last.isoformat()}"


def charts(report: Report) -> list[Chart]:
    """What a merchant looks at by day: six charts, each with the same dates."""
    spans = stretches(report.days)

    def counted(title: str, names: tuple[str, str], whole: Callable[[Sum], int], part: Callable[[Sum], int]) -> Chart:
        values = [(span, span.total(whole), span.total(part)) for span in spans]
        tone = "handed" if names[1] == "handed over" else "good"
        return counts(title, names, tone, values)

    def timed(title: str, name: str, times: Callable[[Sum], Sequence[int]]) -> Chart:
        return durations(title, name, [(span, span.middle(times)) for span in spans])

    return [
        counted(
            "Resolved without a person",
            ("conversations", "resolved without a person"),
            lambda day: day.conversations,
            lambda day: day.resolved,
        ),
        counted(
            "Handed over",
            ("conversations", "handed over"),
            lambda day: day.conversations,
            lambda day: day.handed_over,
        ),
        counted("Satisfied customers", ("rated", "satisfied"), lambda day: len(day.scores), lambda day: day.satisfied),
        counted("Tool calls", ("calls", "ended well"), lambda day: day.calls, lambda day: day.calls_ok),
        timed("First response", "first response, the middle value", lambda day: day.first_ms),
        timed("Time to resolution", "time to resolution, the middle value", lambda day: day.resolution_ms),
    ]


def stretches(days: Mapping[date, Sum]) -> list[Stretch]:
    """The days, one by one or by week; the newest week is whole."""
    every = WEEK if len(days) > WEEKS_FROM else 1
    ordered = list(days.items())
    starts = range(-(-len(ordered) % every), len(ordered), every)
    found = []
    for start in starts:
        part = ordered[max(start, 0) : start + every]
        found.append(Stretch(part[0][0], part[-1][0], tuple(one for _, one in part)))
    return found


def counts(title: str, names: tuple[str, str], tone: str, values: Sequence[tuple[Stretch, int, int]]) -> Chart:
    """Two whole numbers each, the second a part of the first."""
    most = max((whole for _, whole, _ in values), default=0)
    step = next(
        step * 10**power for power in range(19) for step in STEPS if most <= LINES * step * 10**power
    )  # up to 2 * 10**19
    top = step * -(-most // step)
    drawn = [(whole, part, f"{span.name}: {whole:,} {names[0]}, {part:,} {names[1]}") for span, whole, part in values]
    lines = [(value, f"{value:,}") for value in range(0, top + 1, step)]
    return _chart((title, *names, tone), drawn if most else [], [span.first for span, *_ in values], lines)


def durations(title: str, name: str, values: Sequence[tuple[Stretch, float | None]]) -> Chart:
    """One duration each, in milliseconds, or none."""
    most = max((value for _, value in values if value is not None), default=0)
    step = next((step for step in TIMES_MS if most <= LINES * step), -(-int(most) // LINES))
    top = max(step, step * -(-int(most) // step))
    drawn = [(value or 0, value or 0, f"{span.name}: {duration(value)}") for span, value in values]
    lines = [(value, _mark(value)) for value in range(0, top + 1, step)]
    known = any(value is not None for _, value in values)
    return _chart((title, name, "", "time"), drawn if known else [], [span.first for span, _ in values], lines)


def _mark(ms: int) -> str:
    """A round duration beside a line."""
    if _MIN <= ms < _H and ms % _MIN == 0:
        return f"{ms // _MIN} min"
    return duration(ms).replace(".0 ", " ") if ms else "0"


def _chart(
    words: tuple[str, str, str, str],
    values: Sequence[tuple[float, float, str]],
    dates: Sequence[date],
    lines: Sequence[tuple[int, str]],
) -> Chart:
    """Numbers as lengths: (whole, part, title) for each date, below the highest of the lines."""
    top = lines[-1][0] or 1
    step = WIDTH / max(len(dates), 1)
    bars = tuple(
        Bar(
            round(index * step + step * 0.1, 2),
            round(HEIGHT - HEIGHT * whole / top, 2),
            round(step * 0.8, 2),
            round(HEIGHT * whole / top, 2),
            round(HEIGHT * part / top, 2),
            title,
        )
        for index, (whole, part, title) in enumerate(values)
    )
    every = max(1, -(-len(dates) // TICKS))
    ticks = tuple(
        (round((at + 0.5) * step, 2), f"{dates[at].day} {dates[at]:%b}") for at in range(0, len(dates), every)
    )
    across = tuple((round(HEIGHT - HEIGHT * value / top, 2), text) for value, text in lines)
    return Chart(*words, bars, ticks, across)
