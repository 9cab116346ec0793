"""Conversation: the fold of a conversation's events, and the one summary row that stores keep.

Pure: no I/O, no clock, no ids made here.
"""

from server.conversation.fold import fold
from server.conversation.records import (
    RUN_PREFIX,
    Asked,
    CallRecord,
    CallState,
    Conversation,
    Message,
    Offer,
    OpenTurn,
    Route,
    RunRecord,
    id_of,
    key_of,
    site_of,
)
from server.conversation.summary import PREVIEW_CHARS, is_blocked, summarize

__all__ = [
    "PREVIEW_CHARS",
    "RUN_PREFIX",
    "Asked",
    "CallRecord",
    "CallState",
    "Conversation",
    "Message",
    "Offer",
    "OpenTurn",
    "Route",
    "RunRecord",
    "fold",
    "id_of",
    "is_blocked",
    "key_of",
    "site_of",
    "summarize",
]
