"""Registry: the tools of one site, by name.

It holds tools; it runs none and decides nothing.
"""

from collections.abc import Iterator
from typing import TypeVar

from tools.spec import ToolSpec

T = TypeVar("T")


class Registry:
    """Tools by name. Names and former names (`aliases`) are unique together."""

    def __init__(self) -> None:
        self._specs: dict[str, ToolSpec] = {}
        self._aliases: dict[str, ToolSpec] = {}

    def add(self, tool: T) -> T:
        """Add a function made with `@tool`, or a ToolSpec, and return it, so that it can be used as a decorator.

        Raises:
            TypeError: it is neither.
            ValueError: the name is taken; says where both are.

        """
        spec = tool if isinstance(tool, ToolSpec) else getattr(tool, "spec", None)
        if not isinstance(spec, ToolSpec):
            raise TypeError(f"expected a function made with @tool, got {tool!r}")
        for name in (spec.name, *spec.aliases):
            other = self.get(name)
            if other is not None:
                raise ValueError(f"two tools are called {name!r}: {other.where} and {spec.where}")
        self._specs[spec.name] = spec
        self._aliases.update(dict.fromkeys(spec.aliases, spec))
        return tool

    def get(self, name: str) -> ToolSpec | None:
        """The tool with this name, or that had it before; None if there is none."""
        return self._specs.get(name) or self._aliases.get(name)

    def __iter__(self) -> Iterator[ToolSpec]:
        """The tools, sorted by name."""
        return iter([self._specs[name] for name in sorted(self._specs)])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __len__(self) -> int:
        return len(self._specs)
