"""Registry: the tools of one site, by name.

It holds tools; it runs none and decides nothing.
"""

from collections.abc import Iterator
from typing import TypeVar

from tools.spec import ToolSpec
from tools.undo import undo_spec

T = TypeVar("T")


def _is_same_undo(one: ToolSpec, other: ToolSpec) -> bool:
    """Whether both take back the same tool: one was brought by it, the other comes from another registry's list."""
    return one.undoes is not None and (one.undoes, one.where) == (other.undoes, other.where)


class Registry:
    """Tools by name. Names and former names (`aliases`) are unique together."""

    def __init__(self) -> None:
        self._specs: dict[str, ToolSpec] = {}
        self._aliases: dict[str, ToolSpec] = {}

    def add(self, tool: T) -> T:
        """Add a function made with `@tool`, or a ToolSpec, and return it, so that it can be used as a decorator.

        A tool with `undo` brings the tool `undo_NAME` with it.

        Raises:
            TypeError: it is neither.
            ValueError: the name is taken; says where both are.

        """
        spec = tool if isinstance(tool, ToolSpec) else getattr(tool, "spec", None)
        if not isinstance(spec, ToolSpec):
            raise TypeError(f"expected a function made with @tool, got {tool!r}")
        brought = [undo_spec(spec)] if spec.undo is not None else []
        for one in (spec, *brought):
            for name in (one.name, *one.aliases):
                other = self.get(name)
                if other is not None and not _is_same_undo(one, other):
                    raise ValueError(f"two tools are called {name!r}: {other.where} and {one.where}")
        for one in (spec, *brought):
            self._specs[one.name] = one
            self._aliases.update(dict.fromkeys(one.aliases, one))
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
