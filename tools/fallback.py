"""Fallback: what else to do when a tool fails for technical reasons.

Pure: it runs nothing and decides no permission; a tool that stands in for another is judged like every call.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from tools.permission import Rule
from tools.registry import Registry
from tools.spec import ToolSpec
from tools.types import ToolError

_TOOL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")  # one word; a sentence has blanks, or ends with a full stop


def fallback_of(
    spec: ToolSpec, registry: Registry, args: Mapping[str, Any], rule: Rule | None = None
) -> tuple[str, dict[str, Any]] | str | None:
    """What to do when this call has failed and `Outcome.wants_fallback`; the rule's fallback goes before the tool's own.

    Another tool, with those of the arguments that it takes; or a sentence to say; or None. None, too, when the other
    tool is unknown, would write where this one only reads, or cannot do with these arguments.
    """
    text = _written(spec, rule)
    if text is None:
        return None
    if not _TOOL.fullmatch(text):
        return text
    other = registry.get(text)
    if other is None or other is spec or _begins_to_write(spec, other):
        return None
    taken = other.json_schema.get("properties", {})
    fitting = {name: value for name, value in args.items() if name in taken}
    try:
        other.validate(fitting)
    except ToolError:
        return None
    return other.name, fitting


def fallback_problem(spec: ToolSpec, registry: Registry, rules: Mapping[str, Rule]) -> str | None:
    """Why the tool's fallback can never be used, in words; None: it can, or there is none."""
    text = _written(spec, rules.get(spec.name))
    if text is None or not _TOOL.fullmatch(text):
        return None
    other = registry.get(text)
    if other is None:
        return f"no tool is called `{text}` (a sentence to say ends with a full stop)"
    if other is spec:
        return "a tool cannot stand in for itself"
    if _begins_to_write(spec, other):
        return f"{spec.name} only reads, and {other.name} does not; a failed look must not change anything"
    known = spec.json_schema.get("properties", {})
    missing = [name for name in other.json_schema.get("required", ()) if name not in known]
    if missing:
        return f"{other.name} needs `{missing[0]}`, which {spec.name} has not"
    return _circle(spec, registry, rules)


def _circle(spec: ToolSpec, registry: Registry, rules: Mapping[str, Rule]) -> str | None:
    path = [spec.name]
    at: ToolSpec | None = spec
    while at is not None:
        text = _written(at, rules.get(at.name))
        at = registry.get(text) if text is not None else None
        if at is None or at.name in path[1:]:
            return None  # a circle that does not come back here is told of at those that form it
        path.append(at.name)
        if at is spec:
            return f"it goes round in a circle: {' → '.join(path)}"
    return None


def _written(spec: ToolSpec, rule: Rule | None) -> str | None:
    written = rule.fallback if rule is not None and rule.fallback is not None else spec.fallback
    return written.strip() if written else None


def _begins_to_write(spec: ToolSpec, other: ToolSpec) -> bool:
    return spec.effect == "read" and other.effect != "read"
