"""Results: what a call's end means for the step that made it.

Pure; changes no state.
"""

import json
from typing import Any, Final

from tools.workflow import types
from tools.workflow.events import CallEnded, JsonObject
from tools.workflow.expr import ExprError, expression
from tools.workflow.model import Call as CallStep
from tools.workflow.program import Node, Tool

MAX_RESULT_CHARS: Final = 32_000
"""Of one result as JSON: four times what tools may give a model. Larger ones would make every fold slow."""


def has_other_way(node: Node | None) -> bool:
    """Whether the step says where to go when its call fails."""
    return node is not None and isinstance(node.step, CallStep) and node.step.on_error is not None


def may_retry(node: Node | None, tool: Tool | None, entry: JsonObject, event: CallEnded) -> bool:
    """Whether the same call may be made once more: it failed, nobody refused it, and the step has a try left."""
    if node is None or tool is None or not isinstance(node.step, CallStep):
        return False
    safe = tool.repeatable and not event.refused and not event.code and not event.unknown
    return safe and entry["undoes"] is None and entry["action"]["attempt"] <= node.step.retries


def shaped(tool: Tool | None, result: Any) -> tuple[Any, str]:  # noqa: ANN401 - JSON
    """The result as the interface has it, and what is wrong with it."""
    value = plain(result)
    if len(json.dumps(value, ensure_ascii=False)) > MAX_RESULT_CHARS:
        return None, "the result is too large"
    if tool is None or tool.map is None or not tool.map.result:
        return value, ""
    try:
        given = {"result": types.dress(value, types.ANY)}
        return {name: types.undress(expression(source).value(given)) for name, source in tool.map.result.items()}, ""
    except (ExprError, ValueError) as error:
        return None, f"the result does not fit: {error}"


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON, or what a careless caller gave
    """The value as JSON has it, so that a state is the same before and after it was stored."""
    try:
        return json.loads(json.dumps(value, ensure_ascii=False, allow_nan=False, default=str))
    except ValueError:
        return None
