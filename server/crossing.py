"""Crossing: a customer's words and the closing of the conversation that crossed each other. Nobody has seen those words.

So the conversation is open again, and they are the agent's to answer. It decides no closing.
"""

from server.events import NewEvent
from server.log import Log
from server.ports import Conflict, IdempotencyMismatch


def reopening(said: str) -> NewEvent:
    """What goes before a message in a closed conversation: it is open again, and the agent's to answer."""
    return NewEvent(f"{said}:reopened", "mode", "system", {"mode": "agent", "reason": "reopened"})


async def reopen(log: Log, key: str, since: int) -> bool:
    """Open what is closed if the customer has spoken after `since`, the last seq that whoever closed it, or spoke, knew of.

    Not where staff have blocked the visitor. Whether it was opened.
    """
    state = await log.load(key)
    if state.mode != "closed" or state.mode_reason == "blocked" or state.blocked:
        return False
    crossed = [message.id for message in state.messages if message.role == "customer" and message.seq > since]
    if not crossed:
        return False
    opened = reopening(crossed[0])
    try:
        await log.append(
            key, [NewEvent(opened.id, "mode", "system", {**opened.body, "open": crossed})], after=state.head
        )
    except (Conflict, IdempotencyMismatch):
        return False  # somebody has it already
    return True
