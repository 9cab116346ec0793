"""Report: tallies added up, in all, by day and by site, and what each number means in words.

Pure: the time and the time zones are arguments.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from server.insights.tally import Tally, ToolTally, amount

DAY_MS: Final = 86_400_000
SETTLED_MS: Final = DAY_MS
"""A conversation in which nobody has said anything for a day has come to its end, whether somebody closes it or not."""
BAD_SCORE: Final = 2
"""A customer who gives 1 or 2 of 5 was not helped, whatever the log says."""
GOOD_SCORE: Final = 4

DEFINITIONS: Final[Mapping[str, str]] = {
    "conversations": "Conversations in which the customer wrote something, on the day of the first message (the shop's time zone).",
    "settled": "Those of them that were closed, or in which nobody has said anything for 24 hours.",
    "resolved": "Settled conversations that the agent answered alone: no person was asked for, came or decided; every message "
    "was answered; the last turn did not fail; and the customer did not rate the conversation 1 or 2.",
    "handed_over": "Conversations for which a person was asked, or which a person took. Reasons count each time it happened.",
    "first_response": "From the customer's first message to the first answer of the agent or of a person. The middle value, and "
    "the one that 90 of 100 stay below.",
    "person_response": "From the moment a person was first asked for to that person's first message. The middle value.",
    "resolution": "From the customer's first message to the last answer, of settled conversations that were answered. The middle "
    "value.",
    "csat": "Share of rated conversations that customers gave 4 or 5 of 5; each conversation's newest rating counts once.",
    "tools": "Calls that really ran: how many of them ended well. Those of which nobody knows how they ended count as failures; "
    "those that were refused, declined or never began do not count.",
    "cost": "What the model's provider said that its calls cost, in the provider's currency; tokens as it counts them. The offline "
    "engine costs nothing and counts none.",
    "gaps": "Questions that the agent answered without an article, a tool or a choice, or that it handed over because it did "
    "not know; gathered by meaning, and named by the question that is nearest to all others.",
}
"""What stands beside each number."""


@dataclass(slots=True)
class Sum:
    """Several conversations together."""

    conversations: int = 0
    settled: int = 0
    resolved: int = 0
    handed_over: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first_ms: list[int] = field(default_factory=list)
    person_ms: list[int] = field(default_factory=list)
    resolution_ms: list[int] = field(default_factory=list)
    scores: list[int] = field(default_factory=list)
    thumbs_up: int = 0
    thumbs_down: int = 0
    tools: dict[str, ToolTally] = field(default_factory=dict)
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None
    """None: no provider has said one."""

    def add(self, tally: Tally, now_ms: int) -> None:
        """One conversation more."""
        self.conversations += 1
        settled = tally.closed or tally.last_ms <= now_ms - SETTLED_MS
        self.settled += settled
        self.resolved += settled and is_resolved(tally)
        self.handed_over += bool(tally.reasons)
        self.reasons.update(tally.reasons)
        if tally.replied_ms is not None:
            self.first_ms.append(tally.replied_ms - tally.began_ms)
        if tally.person_asked_ms is not None and tally.person_came_ms is not None:
            self.person_ms.append(tally.person_came_ms - tally.person_asked_ms)
        if settled and tally.answered_ms is not None:
            self.resolution_ms.append(tally.answered_ms - tally.began_ms)
        if tally.score is not None:
            self.scores.append(tally.score)
        self.thumbs_up += tally.thumbs_up
        self.thumbs_down += tally.thumbs_down
        for name, tool in tally.tools.items():
            known = self.tools.setdefault(name, ToolTally())
            known.ok, known.failed = known.ok + tool.ok, known.failed + tool.failed
            known.unknown += tool.unknown
        self.model_calls += tally.model_calls
        self.input_tokens += tally.input_tokens
        self.output_tokens += tally.output_tokens
        if (cost := amount(tally.cost)) is not None:
            self.cost = (self.cost or Decimal(0)) + cost

    @property
    def resolved_share(self) -> float | None:
        """Of settled conversations, 0..1; None where there are none."""
        return self.resolved / self.settled if self.settled else None

    @property
    def handed_over_share(self) -> float | None:
        """Of all conversations, 0..1."""
        return self.handed_over / self.conversations if self.conversations else None

    @property
    def csat(self) -> float | None:
        """Share of good ratings, 0..1."""
        return self.satisfied / len(self.scores) if self.scores else None

    @property
    def satisfied(self) -> int:
        """Good ratings."""
        return sum(score >= GOOD_SCORE for score in self.scores)

    @property
    def calls(self) -> int:
        """Calls of tools that ran."""
        return sum(tool.ok + tool.failed + tool.unknown for tool in self.tools.values())

    @property
    def tool_share(self) -> float | None:
        """Share of them that ended well, 0..1."""
        return self.calls_ok / self.calls if self.calls else None

    @property
    def calls_ok(self) -> int:
        """Those of them that ended well."""
        return sum(tool.ok for tool in self.tools.values())

    @property
    def first_response_ms(self) -> float | None:
        """The middle value."""
        return median(self.first_ms) if self.first_ms else None

    @property
    def first_response_p90_ms(self) -> float | None:
        """The value that 90 of 100 stay at or below (nearest rank)."""
        ordered = sorted(self.first_ms)
        return ordered[-(-9 * len(ordered) // 10) - 1] if ordered else None

    @property
    def person_response_ms(self) -> float | None:
        """The middle value."""
        return median(self.person_ms) if self.person_ms else None

    @property
    def resolution(self) -> float | None:
        """The middle value, in milliseconds."""
        return median(self.resolution_ms) if self.resolution_ms else None


@dataclass(frozen=True, slots=True)
class Report:
    """The numbers of some days: in all, for each day (oldest first, days without conversations too), for each site."""

    total: Sum
    days: Mapping[date, Sum]
    sites: Mapping[str, Sum]
    by_day_and_site: Mapping[tuple[date, str], Sum]


def is_resolved(tally: Tally) -> bool:
    """Whether the agent alone has answered everything, and the customer did not say otherwise."""
    unhappy = tally.score is not None and tally.score <= BAD_SCORE
    answered = tally.replied_ms is not None and tally.open_messages == 0 and not tally.failed
    return answered and not tally.by_people and not unhappy


def first_day(now_ms: int, days: int, zone: ZoneInfo) -> date:
    """The first of so many days up to today, in this time zone."""
    return _day(now_ms, zone) - timedelta(days=days - 1)


def since_ms(now_ms: int, days: int, zones: Iterable[ZoneInfo]) -> int:
    """When the first of these days begins, in the zone where that is earliest."""
    starts = [datetime.combine(first_day(now_ms, days, zone), datetime.min.time(), zone) for zone in zones]
    return min((int(start.timestamp() * 1000) for start in starts), default=now_ms)


def report(tallies: Iterable[tuple[str, Tally]], *, days: int, now_ms: int, zones: Mapping[str, ZoneInfo]) -> Report:
    """Add up what began on the last `days` days, each in its site's own time zone. Sites without a zone are left out."""
    total = Sum()
    by_day: dict[date, Sum] = {}
    by_site = {site: Sum() for site in sorted(zones)}
    by_both: dict[tuple[date, str], Sum] = {}
    for zone in zones.values():
        first = first_day(now_ms, days, zone)
        for ahead in range(days):
            by_day.setdefault(first + timedelta(days=ahead), Sum())
    for site, tally in tallies:
        if site not in zones:
            continue
        day = _day(tally.began_ms, zones[site])
        if day < first_day(now_ms, days, zones[site]) or day not in by_day:
            continue
        for part in (total, by_day[day], by_site[site], by_both.setdefault((day, site), Sum())):
            part.add(tally, now_ms)
    return Report(total, dict(sorted(by_day.items())), by_site, dict(sorted(by_both.items())))


def _day(at_ms: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at_ms / 1000, zone).date()
