"""Tools: functions the agent may call. All that a merchant's plugin imports comes from here.

A leaf package: it knows neither server nor retrieval nor widget.
"""

from tools.canonical import canonical
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
from tools.run import Outcome, run
from tools.signature import BadTool
from tools.spec import ToolSpec, tool
from tools.types import Ask, Caller, Effect, Level, Permission, ToolError

__all__ = [
    "Ask",
    "BadTool",
    "Caller",
    "Effect",
    "Level",
    "Outcome",
    "Permission",
    "Registry",
    "Rule",
    "ToolError",
    "ToolSpec",
    "Verdict",
    "args_sha256",
    "canonical",
    "default_permission",
    "limits_of",
    "needed_level",
    "policy_version",
    "run",
    "tool",
    "verdict",
]
