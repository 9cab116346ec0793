"""Ending: the events with which a turn ends, and those with which a person is asked.

It decides nothing.
"""

from typing import Any

from server import handoff, phrases, prompt, runs
from server.conversation import Conversation
from server.events import NewEvent
from server.turns.work import Node, Work
from tools.workflow.events import Cancelled


def turn_ended(node: Node, work: Work, state: Conversation, why: str) -> NewEvent:
    """The end of a turn that answers everything that is unanswered in `state`."""
    started_ms = state.turn.started_ms if state.turn else node.clock_ms()
    usage = {"input_tokens": work.usage.input_tokens, "output_tokens": work.usage.output_tokens}
    body = {"reason": why, "answers": list(state.unanswered), "usage": usage, "ms": node.clock_ms() - started_ms}
    return work.new("turn.ended", "system", body)


def closing(node: Node, work: Work, state: Conversation, why: str) -> list[NewEvent]:
    """The end of a turn in which all is said; where nothing was (a workflow that was stopped has no word for it), one word."""
    ended = turn_ended(node, work, state, why)
    silent = why == "answered" and bool(state.messages) and state.messages[-1].id in state.unanswered
    if not silent:
        return [ended]
    text = phrases.say("left_at_that", prompt.spoken_in(state, work.agent.site))
    return [work.new("message", "agent", {"text": text}), ended]


def asks_person(work: Work, state: Conversation, said: NewEvent, reason: str, detail: str = "") -> list[NewEvent]:
    """What the person gets who takes over, what the customer is told (`said`), and that a person is asked.

    Calls that nobody began are over, and so are the workflows that wanted them: from here on only people may want them.
    """
    language = prompt.spoken_in(state, work.agent.site)
    events = [work.new("note", "system", handoff.packet(state, reason, detail=detail, language=language))]
    left = [call for call in state.calls.values() if call.state == "planned" and call.turn == work.runner.turn]
    for call in left:
        body = {"call": call.id, "ok": False, "label": call.label, "code": "handed_over"}
        events.append(work.new("call.ended", "system", body))
    for run in dict.fromkeys(call.run for call in left if call.run is not None):
        folded = runs.folded(state, state.runs[run], work.agent.workflows)
        ended = {"run": run, "outcome": f"hand_over:{reason}", "done": list(folded.done)}
        events.append(work.new("workflow.heard", "system", runs.heard_body(run, Cancelled())))
        events.append(work.new("workflow.ended", "system", ended))
    return [*events, said, work.new("mode", "system", waiting(reason, detail))]


def waiting(reason: str, detail: str = "") -> dict[str, Any]:
    """The body of the `mode` with which a person is asked; `detail` is for staff."""
    return {"mode": "waiting", "reason": reason} | ({"detail": detail} if detail else {})
