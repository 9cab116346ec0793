"""The insights' charts and figures: what is drawn for which numbers. Nothing here draws."""

import itertools
from datetime import date, timedelta
from decimal import Decimal

import pytest

from server.http.charts import HEIGHT, LINES, TICKS, WIDTH, charts
from server.http.figures import counted, duration, money, share
from server.insights import Report, Sum
from server.insights.tally import ToolTally

FIRST = date(2026, 10, 23)


def reported(*days):
    """A report of these days, one after the other."""
    return Report(Sum(), {FIRST + timedelta(days=at): day for at, day in enumerate(days)}, {}, {})


def drawn(report):
    return {chart.title: chart for chart in charts(report)}


def test_every_bar_stands_within_the_chart_and_its_part_within_the_bar():
    days = [
        Sum(conversations=n, resolved=n // 2, handed_over=n % 3, scores=[5, 1] * n, first_ms=[n * 999])
        for n in range(30)
    ]
    for chart in charts(reported(*days)):
        for bar in chart.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
            assert 0 <= bar.y <= HEIGHT
            assert bar.y + bar.height == pytest.approx(HEIGHT, abs=0.02)
            assert bar.part <= bar.height


def test_the_parts_are_what_their_names_say():
    tools = {"find_order": ToolTally(ok=3, failed=1, unknown=1)}
    day = Sum(conversations=8, resolved=5, handed_over=2, scores=[5, 4, 3], tools=tools, first_ms=[800, 1200, 9000])
    found = drawn(reported(day))
    titles = {name: [bar.title for bar in chart.bars] for name, chart in found.items()}
    assert titles["Resolved without a person"] == ["2026-10-23: 8 conversations, 5 resolved without a person"]
    assert titles["Handed over"] == ["2026-10-23: 8 conversations, 2 handed over"]
    assert titles["Satisfied customers"] == ["2026-10-23: 3 rated, 2 satisfied"]
    assert titles["Tool calls"] == ["2026-10-23: 5 calls, 3 ended well"]
    assert titles["First response"] == ["2026-10-23: 1.2 s"]


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 7, 9, 13, 40, 99, 1_000, 12_345])
def test_lines_are_round_numbers_from_zero_to_above_the_highest_bar(most):
    chart = drawn(reported(Sum(conversations=most)))["Handed over"]
    values = [int(text.replace(",", "")) for _, text in chart.lines]
    [step] = {after - before for before, after in itertools.pairwise(values)}
    assert values[0] == 0
    assert values[-1] - step < most <= values[-1]
    assert str(step).rstrip("0") in {"1", "2", "5"}
    assert len(values) <= LINES + 1
    assert chart.lines[0][0] == HEIGHT
    assert chart.lines[-1][0] == 0


@pytest.mark.parametrize(
    ("most_ms", "words"),
    [
        (1_800, ["0", "500 ms", "1 s", "1.5 s", "2 s"]),
        (3_000, ["0", "1 s", "2 s", "3 s"]),
        (200_000, ["0", "1 min", "2 min", "3 min", "4 min"]),
        (6 * 3_600_000, ["0", "2 h", "4 h", "6 h"]),
    ],
)
def test_lines_of_durations_are_what_clocks_are_divided_into(most_ms, words):
    chart = drawn(reported(Sum(first_ms=[most_ms])))["First response"]
    assert [text for _, text in chart.lines] == words


@pytest.mark.parametrize("days", [7, 30, 90])
def test_dates_below_a_chart_are_few(days):
    chart = drawn(reported(*[Sum(conversations=1)] * days))["Handed over"]
    assert len(chart.bars) == days
    assert chart.ticks[0][1] == "23 Oct"
    assert len(chart.ticks) <= TICKS


def test_a_year_is_drawn_by_week_and_the_newest_week_is_whole():
    days = [Sum(conversations=2, first_ms=[at]) for at in range(365)]
    found = drawn(reported(*days))
    bars = found["Handed over"].bars
    assert len(bars) == 53
    assert bars[0].title == "2026-10-23: 2 conversations, 0 handed over"
    assert bars[-1].title == "2027-10-16 to 2027-10-22: 14 conversations, 0 handed over"
    assert found["First response"].bars[-1].title.endswith(": 361 ms")


def test_where_there_is_nothing_nothing_is_drawn():
    assert [chart.bars for chart in charts(reported(Sum(), Sum()))] == [()] * 6
    assert [len(chart.bars) for chart in charts(reported(Sum(conversations=1), Sum()))] == [2, 2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        ("0", "0.00"),
        ("1.2741", "1.27"),
        ("1234.5", "1,234.50"),
        ("0.1", "0.10"),
        ("0.0031", "0.0031"),
        ("0.04678", "0.047"),
    ],
)
def test_money_has_the_digits_that_say_something(value, words):
    assert money(value if value is None else Decimal(value)) == words


def test_one_of_something_is_not_many():
    assert counted(1, "time", "times") == "1 time"
    assert counted(0, "time", "times") == "0 times"
    assert counted(1_200, "rating", "ratings") == "1,200 ratings"


def test_shares_and_durations_read_easily():
    assert [share(value) for value in (None, 0, 0.704, 1)] == ["–", "0 %", "70 %", "100 %"]
    found = [duration(value) for value in (None, 40, 1_400, 41_000, 192_000, 9_000_000, 260_000_000)]
    assert found == ["–", "40 ms", "1.4 s", "41 s", "3.2 min", "2.5 h", "3.0 days"]
