"""Triggers: under which conditions a workflow is offered to a customer who has not asked for it.

Pure. A trigger starts nothing: what it offers, the customer still has to want.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from tools.workflow import types
from tools.workflow.expr import ExprError, expression
from tools.workflow.program import Program
from tools.workflow.types import TEXT, Type

log = logging.getLogger("shopbell.workflows")

MOODS: Final = ("angry", "upset", "pleased", "calm")
"""How a message may sound, to whoever hears the customers' words."""
CONTEXT: Final = Type(
    "object",
    fields={
        "page": Type("object", fields={"url": TEXT, "title": TEXT}),
        "language": TEXT,
        "mood": Type("text", options=MOODS),
        "text": TEXT,
        "words": Type("list", item=TEXT),
        "messages": types.NUMBER,
    },
)
"""What triggers see as `context`."""


def triggered(program: Program, caller: Mapping[str, Any], context: Mapping[str, Any], today: str, locale: str) -> bool:
    """Whether one of a workflow's triggers holds now. One that gives no value, as on a page without an address, does not.

    `caller` is as steps see it, `context` as `CONTEXT` says, `today` a day as 2026-11-21.
    """
    values = {
        "settings": {key: types.dress(value, types.ANY) for key, value in program.workflow.settings.items()},
        "caller": dict(caller),
        "context": dict(context),
        "today": types.day(today),
        "locale": locale,
    }
    for source in program.workflow.triggers:
        try:
            if expression(source).value(values):
                return True
        except ExprError as error:
            log.warning("workflow %s: the trigger %r cannot be evaluated: %s", program.name, source, error)
    return False
