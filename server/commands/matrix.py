"""Matrix: what a shop's tools may do, by whom and up to which limits, as a table and as JSON; also those inside workflows.

It decides nothing: `tools.permission` does, and `server.shop.matrix` says it in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.shop import Shop
from server.shop.matrix import limits_of, permission_of
from server.shop.workflows import Workflows, read_own
from tools import Rule, ToolSpec, needed_level
from tools.permission import LIMITS

_HEADINGS = ("tool", "scope", "effect", "needs", "permission", "limits", "decided by")


@dataclass(frozen=True, slots=True)
class Flow:
    """A workflow, and the tools that it calls, by the shop's names."""

    name: str
    tools: tuple[str, ...]
    missing: tuple[str, ...]
    """Tools that are switched off or denied, for which the workflow is not offered."""


def matrix(shop: Shop) -> list[str]:
    """The tables tool × needs × permission × limits and workflow × tools, as lines of text."""
    if not len(shop.registry):
        return ["", f"{shop.site.name} ({shop.site.key}) has no tools"]
    rows = [_row(spec, shop.rules.get(spec.name)) for spec in shop.registry]
    lines = ["", f"{shop.site.name} ({shop.site.key}): what its tools may do", "", *_table(_HEADINGS, rows)]
    found = flows(shop)
    if found:
        permissions = {row[0]: row[4] for row in rows}
        lines += ["", "and inside its workflows, where the same rules hold", ""]
        lines += _table(("workflow", "calls"), [(flow.name, _calls(flow, permissions)) for flow in found])
    return lines


def as_json(shop: Shop) -> dict[str, Any]:
    """The same for programs. Amounts are text, as they are written in tools.yaml."""
    found = flows(shop)
    return {
        "key": shop.site.key,
        "name": shop.site.name,
        "tools": [_entry(spec, shop.rules.get(spec.name), found) for spec in shop.registry],
        "workflows": [
            {"name": flow.name, "tools": list(flow.tools), "offered": not flow.missing, "missing": list(flow.missing)}
            for flow in found
        ],
    }


def flows(shop: Shop) -> list[Flow]:
    """The shop's workflows, and those that would be offered if no tool were switched off."""
    every = Workflows(shop.registry, None, read_own(shop.dir, []))
    found = []
    for name, program in every.items():
        called = sorted({tool.name for tool in program.tools.values() if tool is not None})
        missing = () if name in shop.workflows else tuple(tool for tool in called if _is_off(shop.rules.get(tool)))
        found.append(Flow(name, tuple(called), missing))
    return found


def _row(spec: ToolSpec, rule: Rule | None) -> tuple[str, ...]:
    permission, by = permission_of(spec, rule)
    return (spec.name, spec.scope, spec.effect, needed_level(spec, rule), permission, limits_of(spec, rule), by)


def _entry(spec: ToolSpec, rule: Rule | None, found: Sequence[Flow]) -> dict[str, Any]:
    permission, by = permission_of(spec, rule)
    return {
        "name": spec.name,
        "scope": spec.scope,
        "effect": spec.effect,
        "needs": needed_level(spec, rule),
        "permission": permission,
        "decided_by": by,
        "limits": {name: str(limit) for name in LIMITS if (limit := getattr(rule, name, None)) is not None},
        "counts": "amount" if spec.has_amount else "calls",
        "undoes": spec.undoes,
        "fallback": rule.fallback if rule is not None and rule.fallback is not None else spec.fallback,
        "workflows": [flow.name for flow in found if spec.name in flow.tools],
    }


def _calls(flow: Flow, permissions: Mapping[str, str]) -> str:
    calls = ", ".join(f"{tool} ({permissions[tool]})" for tool in flow.tools) or "-"
    return f"not offered, for want of {', '.join(flow.missing)}: {calls}" if flow.missing else calls


def _is_off(rule: Rule | None) -> bool:
    return rule is not None and (not rule.enabled or rule.permission == "deny")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[n]) for row in [headings, *rows]) for n in range(len(headings))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [headings, *rows]
    ]
    return [lines[0], "-" * len(lines[0]), *lines[1:]]
