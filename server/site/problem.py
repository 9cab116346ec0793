"""Problem: something wrong in a shop directory, with its place.

Pure: it only holds what was found.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong. Sorts by file, line and column; both count from 1, columns in characters."""

    file: Path
    line: int
    column: int
    severity: Severity
    message: str

    def __str__(self) -> str:
        """As compilers print it: `file:line:column: severity: message`."""
        return f"{self.file}:{self.line}:{self.column}: {self.severity}: {self.message}"
