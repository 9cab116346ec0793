"""Problem: something wrong in a shop directory, with its place; see `tools.places`.

Nothing of its own.
"""

from tools.places import Problem, Severity

__all__ = ["Problem", "Severity"]
