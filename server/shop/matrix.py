"""Matrix: what holds for each of a shop's tools, in words: its permission and its limits, and what decided them.

It decides nothing: `tools.permission` does.
"""

from typing import Final

from tools import Rule, ToolSpec, default_permission
from tools.permission import LIMITS

PER: Final = {
    "per_customer_per_day": "per customer and day",
    "per_site_per_day": "per shop and day",
    "per_conversation": "per conversation",
}


def permission_of(spec: ToolSpec, rule: Rule | None) -> tuple[str, str]:
    """The permission that holds, in words, and what decided it."""
    if rule is not None and not rule.enabled:
        return "off", "tools.yaml"
    if rule is not None and rule.permission is not None:
        base, by = rule.permission, "tools.yaml"
    elif spec.ask is not None:
        base = "confirm" if spec.ask.of == "customer" else "approve"
        by = "the tool"
        if spec.ask.when is not None:
            return f"auto, {base} when it says so", by
    else:
        base, by = default_permission(spec), "default"
    if rule is not None and rule.auto_up_to is not None and base != "deny":
        return f"auto up to {rule.auto_up_to}, then {'approve' if base == 'auto' else base}", "tools.yaml"
    return base, by


def limits_of(spec: ToolSpec, rule: Rule | None) -> str:
    """The limits that hold, in words; `-` for none."""
    unit = "" if spec.has_amount else " calls"
    named = [(getattr(rule, name, None), PER[name]) for name in LIMITS]
    return ", ".join(f"{limit}{unit} {what}" for limit, what in named if limit is not None) or "-"
