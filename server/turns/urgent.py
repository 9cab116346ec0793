"""Urgent: what the customer gets at once, before any model is asked.

No model can talk anybody out of it.
"""

from server import handoff, phrases, prompt
from server.conversation import Conversation
from server.events import NewEvent
from server.turns.ending import asks_person, turn_ended
from server.turns.work import Node, Work


def urgent(node: Node, work: Work, state: Conversation) -> list[NewEvent] | None:
    """What the customer gets at once, and the end of the turn, when the words are for a person, not for a model.

    No model can be talked out of it. The offline engine hears the same words by itself, and says more to them.
    """
    routed = work.routed
    tone = routed.tone if routed is not None else None
    if tone is None or tone.cue is None:
        return _for_people(node, work, state, routed.topic if routed is not None else None)
    if work.model.name == "offline":
        return None
    text = tone.reply
    if state.mode != "agent" and tone.cue != "self_harm":
        text = phrases.say("already_waiting", prompt.spoken_in(state, work.agent.site))
    elif tone.cue != "self_harm":
        text = f"{text}\n\n{people_text(node, work, state)}"
    message = work.new("message", "agent", {"text": text})
    events = asks_person(work, state, message, tone.cue) if state.mode == "agent" else [message]
    return [*events, turn_ended(node, work, state, "handed_over" if state.mode == "agent" else "answered")]


def _for_people(node: Node, work: Work, state: Conversation, topic: str | None) -> list[NewEvent] | None:
    """The same where the shop wants a person for these words, or for this customer."""
    found = handoff.at_once(work.agent.site.hand_over, state, topic)
    if found is None:
        return None
    text = f"{phrases.handed_over(found.reason, prompt.spoken_in(state, work.agent.site))} {people_text(node, work, state)}"
    events = asks_person(work, state, work.new("message", "agent", {"text": text}), found.reason, found.detail)
    return [*events, turn_ended(node, work, state, "handed_over")]


def people_text(node: Node, work: Work, state: Conversation) -> str:
    """When somebody answers, in the customer's language."""
    return prompt.people_text(work.agent.site, prompt.spoken_in(state, work.agent.site), node.clock_ms())
