"""Tools: functions the agent may call. All that a merchant's plugin imports comes from here.

A leaf package: it knows neither server nor retrieval nor widget.
"""

from tools.breaker import Breakers
from tools.canonical import canonical
from tools.fallback import fallback_of, fallback_problem
from tools.fields import fields_of
from tools.permission import (
    Rule,
    Verdict,
    args_sha256,
    default_permission,
    limits_of,
    needed_level,
    policy_version,
    verdict,
)
from tools.registry import Registry
from tools.run import Outcome, Pace, Reconciled, reconcile, run
from tools.signature import BadTool
from tools.spec import ToolSpec, tool
from tools.types import AnswerLost, Ask, Caller, Effect, Level, NotSent, Permission, ToolError
from tools.undo import undo_refused, undoing

__all__ = [
    "AnswerLost",
    "Ask",
    "BadTool",
    "Breakers",
    "Caller",
    "Effect",
    "Level",
    "NotSent",
    "Outcome",
    "Pace",
    "Permission",
    "Reconciled",
    "Registry",
    "Rule",
    "ToolError",
    "ToolSpec",
    "Verdict",
    "args_sha256",
    "canonical",
    "default_permission",
    "fallback_of",
    "fallback_problem",
    "fields_of",
    "limits_of",
    "needed_level",
    "policy_version",
    "reconcile",
    "run",
    "tool",
    "undo_refused",
    "undoing",
    "verdict",
]
