"""Policy: what to do next in a conversation, and what a finished model call means.

Pure: no I/O, no clock, no ids made here.
"""

from server.policy.answer import MAX_LOOKUPS, SHORT_WORDS, Answer, answer_body, lookups, reason, unanswered_upto
from server.policy.decision import MAX_ATTEMPTS, MAX_EMPTY, decide, due
from server.policy.steps import (
    REASONS,
    AskPerson,
    CallModel,
    CarryOut,
    Decide,
    EndCall,
    EndTurn,
    HandOver,
    Leave,
    Reason,
    Reconcile,
    Rest,
    Resume,
    RunCall,
    Runner,
    RunStep,
    StartTurn,
    Step,
    Tell,
)
from server.policy.words import bare_answer

__all__ = [
    "MAX_ATTEMPTS",
    "MAX_EMPTY",
    "MAX_LOOKUPS",
    "REASONS",
    "SHORT_WORDS",
    "Answer",
    "AskPerson",
    "CallModel",
    "CarryOut",
    "Decide",
    "EndCall",
    "EndTurn",
    "HandOver",
    "Leave",
    "Reason",
    "Reconcile",
    "Rest",
    "Resume",
    "RunCall",
    "RunStep",
    "Runner",
    "StartTurn",
    "Step",
    "Tell",
    "answer_body",
    "bare_answer",
    "decide",
    "due",
    "lookups",
    "reason",
    "unanswered_upto",
]
