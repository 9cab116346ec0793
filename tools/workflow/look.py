"""Look: what a check of one workflow needs and finds, and the look at its expressions.

Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes as jinja

from tools.places import Severity
from tools.registry import Registry
from tools.workflow import types
from tools.workflow.expr import ExprError, Expression, argument, expression, text
from tools.workflow.infer import infer
from tools.workflow.model import ToolMap, Workflow
from tools.workflow.program import Node, Path
from tools.workflow.types import ANY, Type


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong, at a path in the file."""

    path: tuple[str | int, ...]
    severity: Severity
    message: str


@dataclass
class Looked:
    """What the look at one workflow needs and finds."""

    workflow: Workflow
    registry: Registry | None
    maps: Mapping[str, ToolMap]
    articles: Callable[[str], str | None] | None
    findings: list[Finding] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    settings_used: set[str] = field(default_factory=set)
    ids: dict[str, Node] = field(default_factory=dict)

    def error(self, path: Path, message: str) -> None:
        """Note an error."""
        self.findings.append(Finding(path, "error", message))

    def warn(self, path: Path, message: str) -> None:
        """Note a warning."""
        self.findings.append(Finding(path, "warning", message))


def look_at_expression(look: Looked, path: Path, source: str, names: Mapping[str, Type]) -> Type:
    """The type of an expression; what is wrong with it is noted."""
    try:
        made = expression(source)
    except ExprError as error:
        look.error(path, str(error))
        return ANY
    return _inferred(look, path, made, names)


def look_at_argument(look: Looked, path: Path, value: Any, names: Mapping[str, Type]) -> Type:  # noqa: ANN401 - YAML
    """The type of an argument's value, whatever stands in it."""
    if isinstance(value, str):
        try:
            made = argument(value)
        except ExprError as error:
            look.error(path, str(error))
            return ANY
        return types.TEXT if made is None else _inferred(look, path, made, names)
    if isinstance(value, Mapping):
        fields = {str(key): look_at_argument(look, (*path, str(key)), item, names) for key, item in value.items()}
        return Type("object", fields=fields)
    if isinstance(value, list | tuple):
        found = [look_at_argument(look, (*path, n), item, names) for n, item in enumerate(value)]
        return Type("list", item=found[0] if found else ANY)
    return types.of_value(value)


def look_at_text(look: Looked, path: Path, said: str | Mapping[str, str] | None, names: Mapping[str, Type]) -> None:
    """Note what is wrong with a text, in each of its languages."""
    parts = {} if said is None else {"": said} if isinstance(said, str) else said
    for locale, source in parts.items():
        at = (*path, locale) if locale else path
        try:
            made = text(source)
        except ExprError as error:
            look.error(at, str(error))
            continue
        _inferred(look, at, made, names)


def _inferred(look: Looked, path: Path, made: Expression, names: Mapping[str, Type]) -> Type:
    said: list[str] = []
    found = infer(made, names, said)
    look.used |= made.names
    for node in made.tree.find_all(jinja.Getattr):
        if isinstance(node.node, jinja.Name) and node.node.name == "settings":
            look.settings_used.add(node.attr)
    for message in said:
        look.error(path, message)
    return found
