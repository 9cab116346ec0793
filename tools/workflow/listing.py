"""Listing: every workflow that a shop could have, whether customers are offered it, and if not, why.

It reads no file and changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tools.registry import Registry
from tools.workflow.load import LIBRARY, Loaded, answers_itself, offered
from tools.workflow.model import Need, ToolMap
from tools.workflow.program import calls_of, fits, misfits


@dataclass(frozen=True, slots=True)
class Needed:
    """A tool that a workflow calls: the name in its steps, the shop's tool for it, and why that does not do."""

    name: str
    tool: str
    optional: bool
    what: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """One workflow. `reasons` say why it is not offered although it is not switched off."""

    loaded: Loaded
    state: Literal["offered", "off", "unfit"]
    reasons: tuple[str, ...]
    needs: tuple[Needed, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.loaded.workflow.name

    @property
    def is_own(self) -> bool:
        """Whether the shop has a file of it."""
        return self.loaded.file.parent != LIBRARY

    @property
    def base(self) -> str | None:
        """The library's workflow that it is, or is made from; None for one that the shop has written."""
        return self.loaded.base if self.is_own else self.name


def listed(shop: Sequence[Loaded], library: Mapping[str, Loaded], registry: Registry) -> list[Listed]:
    """The shop's own in order of their files, then the rest of the library; `registry` has the tools that may be used."""
    programs = offered(list(shop), registry, library)
    taken = {one.base for one in shop} | {one.workflow.name for one in shop}
    found = []
    for one in [*shop, *(rest for name, rest in library.items() if name not in taken)]:
        needs = tuple(_needed(name, need, registry, one.maps) for name, need in _needs(one).items())
        state: Literal["offered", "off", "unfit"] = "unfit"
        reasons: list[str] = []
        if not one.enabled:
            state = "off"
        elif programs.get(one.workflow.name) is not None:
            state = "offered"
        else:
            reasons = fits(one.workflow, registry, one.maps)
            own = answers_itself(one.workflow, registry) if one.file.parent == LIBRARY else None
            if not reasons and own:
                reasons = [f"{own} answers by itself"]
            if not reasons:
                reasons = [f"{need.name}: {why}" for need in needs if not need.optional for why in need.missing]
        found.append(Listed(one, state, tuple(reasons), needs))
    return found


def _needs(one: Loaded) -> dict[str, Need | None]:
    """What its steps call, with the interface where it declares one."""
    workflow = one.workflow
    called = dict.fromkeys((*workflow.needs_tools, *(name for name, _ in calls_of(workflow))))
    return {name: workflow.needs_tools.get(name) for name in called}


def _needed(name: str, need: Need | None, registry: Registry, maps: Mapping[str, ToolMap]) -> Needed:
    mapped = maps.get(name)
    tool = mapped.tool if mapped is not None else name
    if need is None:
        missing = () if registry.get(tool) is not None else (f"no tool is called {tool}",)
        return Needed(name, tool, False, "", missing)
    return Needed(name, tool, need.optional, need.what, tuple(misfits(name, need, registry, mapped)))
