"""Metrics: counters, gauges and histograms of one process, written as Prometheus text.

It keeps numbers only: no customer, conversation or message ever becomes a label. Leaf: imports nothing of ours.
"""

import re
from bisect import bisect_left
from collections.abc import Callable
from typing import Final, TypeVar

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bucket limits for durations: Prometheus' own defaults, and up to a turn's time limit."""
MAX_SERIES: Final = 1000
"""Label combinations of one name; more is a mistake (an id used as a label), and would eat memory."""

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_T = TypeVar("_T")
_Labels = tuple[tuple[str, str], ...]


class Metrics:
    """The numbers of one process. Not for threads: use it on the event loop."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._help: dict[str, str] = {}
        self._values: dict[str, dict[_Labels, float]] = {}
        self._reads: dict[str, Callable[[], float]] = {}
        self._histograms: dict[str, dict[_Labels, list[float]]] = {}
        self._buckets: dict[str, tuple[float, ...]] = {}

    def describe(self, name: str, text: str) -> None:
        """Say what a number means, for the HELP line."""
        self._help[_checked(name)] = text.replace("\\", "\\\\").replace("\n", "\\n")

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter; its name ends in `_total`."""
        if not name.endswith("_total") or amount < 0:
            raise ValueError(f"expected a counter …_total and an amount of at least 0, got {name!r}, {amount!r}")
        series = self._series(self._values, name, labels)
        if series is not None:
            values, key = series
            values[key] = values.get(key, 0.0) + amount

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        series = self._series(self._values, name, labels)
        if series is not None:
            values, key = series
            values[key] = value

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """A gauge that is read when the metrics are: costs nothing in between."""
        self._reads[_checked(name)] = read

    def observe(self, name: str, value: float, *, buckets: tuple[float, ...] = SECONDS, **labels: str) -> None:
        """Add a value to a histogram; `buckets` counts at the name's first use."""
        limits = self._buckets.setdefault(name, buckets)
        series = self._series(self._histograms, name, labels)
        if series is not None:
            histograms, key = series
            # One count for each bucket, one above them all, then the sum.
            numbers = histograms.setdefault(key, [0.0] * (len(limits) + 2))
            numbers[bisect_left(limits, value)] += 1
            numbers[-1] += value

    def text(self) -> str:
        """Everything, in the Prometheus text format 0.0.4, in a fixed order."""
        lines: list[str] = []
        for name in sorted({*self._values, *self._reads}):
            lines += self._head(name, "counter" if name.endswith("_total") else "gauge")
            if name in self._reads:
                lines.append(f"{name} {_number(self._reads[name]())}")
            for labels, value in sorted(self._values.get(name, {}).items()):
                lines.append(f"{name}{_labels(labels)} {_number(value)}")
        for name, histograms in sorted(self._histograms.items()):
            lines += self._head(name, "histogram")
            for labels, numbers in sorted(histograms.items()):
                below = 0.0
                for limit, counted in zip((*self._buckets[name], float("inf")), numbers[:-1], strict=True):
                    below += counted
                    lines.append(f"{name}_bucket{_labels((*labels, ('le', _number(limit))))} {_number(below)}")
                lines.append(f"{name}_sum{_labels(labels)} {_number(numbers[-1])}")
                lines.append(f"{name}_count{_labels(labels)} {_number(below)}")
        return "\n".join(lines) + "\n" if lines else ""

    def _head(self, name: str, kind: str) -> list[str]:
        described = [f"# HELP {name} {self._help[name]}"] if name in self._help else []
        return [*described, f"# TYPE {name} {kind}"]

    def _series(
        self, kinds: dict[str, dict[_Labels, _T]], name: str, labels: dict[str, str]
    ) -> tuple[dict[_Labels, _T], _Labels] | None:
        series = kinds.get(name)
        if series is None:
            series = kinds[_checked(name)] = {}
        key = tuple(sorted(labels.items()))
        if key not in series and len(series) >= MAX_SERIES:
            dropped = self._values.setdefault("shopbell_metrics_dropped_total", {})
            dropped[()] = dropped.get((), 0.0) + 1
            return None
        return series, key


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"expected a metric name of a-z, 0-9 and _, got {name!r}")
    return name


def _labels(labels: _Labels) -> str:
    if not labels:
        return ""
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels)
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(value)
