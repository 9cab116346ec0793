"""Ending: the event with which a turn ends.

It decides nothing.
"""

from server.conversation import Conversation
from server.events import NewEvent
from server.turns.work import Node, Work


def turn_ended(node: Node, work: Work, state: Conversation, why: str) -> NewEvent:
    """The end of a turn that answers everything that is unanswered in `state`."""
    started_ms = state.turn.started_ms if state.turn else node.clock_ms()
    usage = {"input_tokens": work.usage.input_tokens, "output_tokens": work.usage.output_tokens}
    body = {"reason": why, "answers": list(state.unanswered), "usage": usage, "ms": node.clock_ms() - started_ms}
    return work.new("turn.ended", "system", body)
