"""Workflows of a shop: its own files, and those of the library that its tools fit, ready to run when first wanted.

It runs none of them.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from server.site import Problem
from tools import Registry, Rule
from tools.words import Text
from tools.workflow.load import Loaded, articles_of, check_loaded, offered, read_library, read_workflows
from tools.workflow.program import Program

logger = logging.getLogger(__name__)

FOLDER = "workflows"


class Workflows(Mapping[str, Program]):
    """A shop's workflows by name, in order of their names.

    Made when first looked at: reading the library takes 0.1 s, and a server must start at once.
    """

    def __init__(
        self,
        registry: Registry,
        rules: Mapping[str, Rule] | None = None,
        own: tuple[Loaded, ...] = (),
        *,
        directory: Path | None = None,
        words: Mapping[str, Text] | None = None,
    ) -> None:
        """`own` are those of the shop's folder; else they are read from its `directory`, when first looked at.

        `words`: what the shop calls states. The registry must hold all tools by then. A file that is broken is logged,
        and its workflow is not offered.

        A tool that is switched off or denied counts as not there: what cannot be done to its end is not begun.
        """
        self._registry = registry
        self._rules = rules or {}
        self._own = own
        self._directory = directory
        self._words = words or {}

    @cached_property
    def _programs(self) -> dict[str, Program]:
        usable = usable_of(self._registry, self._rules)
        library = read_library()
        found = offered(self._read(library), usable, library, self._words)
        return {name: found[name] for name in sorted(found)}

    def _read(self, library: Mapping[str, Loaded]) -> list[Loaded]:
        if self._directory is None:
            return list(self._own)
        problems: list[Problem] = []
        own = read_workflows(self._directory / FOLDER, problems, library)
        found = [(one, check_loaded(one, self._registry)) for one in own]
        for problem in sorted([*problems, *(problem for _, wrong in found for problem in wrong)]):
            logger.warning("%s", problem)
        # One that is broken stays in the list, switched off, so that the library's of its name does not step in.
        return [replace(one, enabled=one.enabled and not _has_error(wrong)) for one, wrong in found]

    def __getitem__(self, name: str) -> Program:
        return self._programs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._programs)

    def __len__(self) -> int:
        return len(self._programs)


def usable_of(registry: Registry, rules: Mapping[str, Rule]) -> Registry:
    """The tools that are neither switched off nor denied."""
    usable = Registry()
    for spec in registry:
        rule = rules.get(spec.name) or Rule()
        if rule.enabled and rule.permission != "deny":
            usable.add(spec)
    return usable


def steps_of(workflows: Workflows) -> frozenset[str]:
    """The names of all tools that these workflows call."""
    return frozenset(tool.name for one in workflows.values() for tool in one.tools.values() if tool is not None)


def _has_error(problems: list[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)


def read_own(directory: Path, problems: list[Problem]) -> tuple[Loaded, ...]:
    """The workflows of a shop's folder; what cannot be read goes to `problems`."""
    if not (directory / FOLDER).is_dir():
        return ()
    return tuple(read_workflows(directory / FOLDER, problems, read_library()))


def about_workflows(own: tuple[Loaded, ...], registry: Registry, directory: Path, *, articles: bool) -> list[Problem]:
    """What is wrong with them, given these tools; with `articles`, also numbers that the quoted articles contradict."""
    look_up = articles_of(directory) if articles else None
    return [problem for one in own for problem in check_loaded(one, registry, look_up)]
