"""Events: the stored facts of a conversation, and which viewer may see which part of them.

Pure: no I/O, no clock, no ids made here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal[
    "opened",
    "identified",
    "message",
    "thought",
    "routed",
    "retrieved",
    "model.called",
    "call.planned",
    "call.asked",
    "call.decided",
    "call.started",
    "call.ended",
    "workflow.started",
    "workflow.heard",
    "workflow.ended",
    "mode",
    "assigned",
    "turn.started",
    "turn.ended",
    "note",
    "rated",
    "verify.sent",
    "verify.tried",
    "contact",
    "mailed",
    "tagged",
    "snoozed",
    "blocked",
    "alerted",
]
Role = Literal["customer", "agent", "staff", "system"]
Reasoning = Literal["off", "steps", "full"]
Audience = Literal["customer", "staff"]

FENCING: Final = frozenset({"mode", "call.decided", "turn.started", "turn.ended", "blocked"})
"""After one of these, an append that was planned on an older head is refused with `Conflict`.

`turn.ended` is here because a stop, and a sweep, end somebody else's turn; `blocked` because what a visitor sent just before
must not open a closed conversation again.
"""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact about to be stored. `id` is unique in its conversation; a repeated id with the same body is the same event."""

    id: str
    kind: Kind
    role: Role
    body: Mapping[str, Any] = field(default_factory=dict)
    turn: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A stored fact. `seq` counts from 1 without gaps in its conversation; `at_ms` is Unix time in milliseconds."""

    conversation: str
    seq: int
    at_ms: int
    id: str
    kind: Kind
    role: Role
    body: Mapping[str, Any]
    turn: str | None = None

    def wire(self) -> dict[str, Any]:
        """The event as the frames and the REST interface carry it (CONTRACT §4)."""
        out: dict[str, Any] = {
            "seq": self.seq,
            "id": self.id,
            "at_ms": self.at_ms,
            "kind": self.kind,
            "role": self.role,
            "body": self.body,
        }
        if self.turn is not None:
            out["turn"] = self.turn
        return out


def fences(event: Event | NewEvent) -> bool:
    """Whether what was decided before this event must be decided anew: a kind of `FENCING`, or a sign-out.

    After a sign-out nothing more may begin in the name of the customer who was there before.
    """
    signed_out = event.kind == "identified" and "customer" in event.body and event.body["customer"] is None
    return signed_out or event.kind in FENCING


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a log: the customer, with the reasoning that the site shows, or staff."""

    audience: Audience
    reasoning: Reasoning = "steps"


# What of each kind's body a customer gets; a kind that is absent is not for customers at all.
_CUSTOMER_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "message": ("text", "files", "citations", "name", "picture", "choices", "wants", "answers"),
    "mode": ("mode", "reason", "name", "picture"),
    "turn.started": ("attempt",),
    "turn.ended": ("reason", "answers"),
    "call.planned": ("call", "label"),
    "call.asked": ("call", "label"),
    "call.decided": ("call", "approve"),
    "call.started": ("call",),
    "call.ended": ("call", "label", "ok"),
    "rated": ("score", "of", "text"),
    "verify.sent": ("call", "to", "expires_ms"),
    "verify.tried": ("call", "ok", "left", "message"),
    "contact": ("email", "of"),
    "mailed": ("of", "to", "state", "what"),
}
_ASKED_OF_CUSTOMER_KEYS: Final = ("call", "label", "of", "args", "fields", "expires_ms", "verify", "to")


def visible(event: Event, viewer: Viewer) -> Event | None:
    """What this viewer may see of the event: the event itself, a reduced copy, or None.

    Depends on nothing but its arguments, so that a viewer gets the same bytes live and later.
    """
    if viewer.audience == "staff":
        return event
    keys = _CUSTOMER_KEYS.get(event.kind)
    if event.kind == "thought" and viewer.reasoning == "full":
        keys = ("text",)
    if event.kind == "call.asked" and event.body.get("of") == "customer":
        keys = _ASKED_OF_CUSTOMER_KEYS
    if keys is None:
        return None
    body = {key: event.body[key] for key in keys if key in event.body}
    return Event(event.conversation, event.seq, event.at_ms, event.id, event.kind, event.role, body, event.turn)
