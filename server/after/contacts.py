"""Contacts: the address that a customer leaves in words, while a person is awaited or has the conversation.

It mails nothing. Elsewhere an address is an answer to somebody else's question, and not looked at here.
"""

from collections.abc import Mapping

from server import phrases, prompt
from server.after import letters
from server.conversation import Conversation
from server.events import Event, NewEvent
from server.log import Log
from server.ports import Conflict
from server.session import Gate

TRIES = 5
"""Fencing events that may come first: a colleague takes the conversation, a turn ends."""


class Contacts:
    """Takes the messages that leave an address."""

    def __init__(self, log: Log, gates: Mapping[str, Gate], *, on: bool) -> None:
        """`on`: mails can be sent from here; without it every message is an ordinary one."""
        self._log = log
        self._gates = gates
        self._on = on

    async def take(self, key: str, message: str, text: str) -> Event | None:
        """The message's event as it is stored; None: it is an ordinary message, and nothing was stored.

        Raises:
            IdempotencyMismatch, Gone: as `Log.append` says.
        """
        email = letters.address_in(text) if self._on else None
        for _ in range(TRIES if email is not None else 0):
            state = await self._log.load(key)
            if message in state.said or state.mode not in ("waiting", "staff"):
                return None
            try:
                stored = await self._log.append(key, self._events(state, message, text, str(email)), after=state.head)
            except Conflict:
                continue
            return stored[0]
        return None

    def _events(self, state: Conversation, message: str, text: str, email: str) -> list[NewEvent]:
        events = [
            NewEvent(message, "message", "customer", {"text": text}),
            NewEvent(f"{message}:contact", "contact", "customer", {"email": email, "of": message}),
        ]
        if state.mode == "waiting":  # else a person answers, and no other word comes
            said = phrases.say("email_kept", prompt.spoken_in(state, self._gates[state.site].site), to=email)
            body = {"text": said} | ({"answers": [message]} if letters.only_address(text) else {})
            events.append(NewEvent(f"{message}:kept", "message", "agent", body))
        return events
