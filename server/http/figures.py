"""Figures: shares, durations, money and counts as the desk's pages write them.

Pure; it knows no page.
"""

from decimal import Decimal
from typing import Final

_UNITS: Final = ((1, 0.001, "ms"), (90, 1, "s"), (5_400, 60, "min"), (172_800, 3_600, "h"))
"""Below so many seconds: a unit of so many seconds, and its name."""
_FEW: Final = Decimal("0.1")
"""Below this, two decimals would leave one digit or none."""


def share(value: float | None) -> str:
    """A share as per cent; a dash where there is nothing to share."""
    return "–" if value is None else f"{value * 100:.0f} %"


def duration(ms: float | None) -> str:
    """Milliseconds in the unit that one reads easily; a dash for none."""
    if ms is None:
        return "–"
    for limit_s, unit_s, name in _UNITS:
        if ms / 1000 < limit_s:
            value = ms / 1000 / unit_s
            return f"{value:.1f} {name}" if value < 10 and name != "ms" else f"{value:.0f} {name}"
    return f"{ms / 86_400_000:.1f} days"


def money(value: Decimal | None) -> str:
    """An amount with two decimals; a small one with two digits that say something; a dash for none."""
    if value is None:
        return "–"
    if not value or abs(value) >= _FEW:
        return f"{value:,.2f}"
    return f"{value:.{1 - value.adjusted()}f}"


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun: "1 rating", "1,200 ratings"."""
    return f"{number:,} {one if number == 1 else many}"
