"""Breaker: leaves a system that has gone silent alone for a while, so that customers are told at once instead of waiting.

It calls nothing and reads no clock: time comes in as an argument.
"""

from dataclasses import dataclass
from typing import Final

FAILURES: Final = 5
"""Calls in a row without an answer. One may be bad luck; of a system that loses one call in ten, five in a row are one
in 100,000."""
OPEN_S: Final = 30.0
"""Restarting a service takes 10 to 60 s, and a customer who is told "not at the moment" tries again after about that."""


@dataclass(slots=True)
class _Circuit:
    silent: int = 0
    """Calls in a row that had no answer."""
    closed_from_s: float | None = None
    """When the circuit is open: from then on one call may look whether the system is back."""
    probing_since_s: float | None = None


class Breakers:
    """A circuit for each system that a site's tools talk to: one object per site, kept as long as the site is served.

    A circuit opens after `failures` calls in a row without an answer, and stays open for `open_s` seconds. Then one call
    is let through: if it is answered the circuit is closed, else it opens again. Times are of any clock that only
    goes forward, in seconds. For one event loop, or under a lock of the caller's.
    """

    def __init__(self, *, failures: int = FAILURES, open_s: float = OPEN_S) -> None:
        if failures < 1 or open_s <= 0:
            raise ValueError(f"expected failures >= 1 and open_s > 0, got {failures!r} and {open_s!r}")
        self._failures = failures
        self._open_s = open_s
        self._circuits: dict[str, _Circuit] = {}

    def wait_s(self, target: str, now_s: float) -> float:
        """0 if a call may be made now, and it must then be reported; else the seconds until it is worth trying."""
        circuit = self._circuits.get(target)
        if circuit is None or circuit.closed_from_s is None:
            return 0.0
        if now_s < circuit.closed_from_s:
            return circuit.closed_from_s - now_s
        if circuit.probing_since_s is not None and now_s - circuit.probing_since_s < self._open_s:
            return self._open_s - (now_s - circuit.probing_since_s)
        circuit.probing_since_s = now_s  # one that is never reported is given up after `open_s`
        return 0.0

    def answered(self, target: str) -> None:
        """The system has answered, whatever it said."""
        self._circuits.pop(target, None)

    def silent(self, target: str, now_s: float) -> bool:
        """The system has not answered. Says whether this has opened the circuit."""
        circuit = self._circuits.setdefault(target, _Circuit())
        circuit.silent += 1
        was_open = circuit.closed_from_s is not None
        if circuit.silent < self._failures or (was_open and circuit.probing_since_s is None):
            return False
        circuit.closed_from_s, circuit.probing_since_s = now_s + self._open_s, None
        return True

    def unclear(self, target: str) -> None:
        """The call ended without saying anything about the system: another one may look whether it is back."""
        circuit = self._circuits.get(target)
        if circuit is not None:
            circuit.probing_since_s = None

    def open(self, now_s: float) -> tuple[str, ...]:
        """The systems that are left alone at this moment, by name."""
        circuits = self._circuits.items()
        return tuple(
            sorted(name for name, one in circuits if one.closed_from_s is not None and now_s < one.closed_from_s)
        )
