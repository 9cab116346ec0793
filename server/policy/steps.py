"""Steps: what can be done next in a conversation, and which process decides it.

Records only: nothing is decided or done here.
"""

from dataclasses import dataclass
from typing import Final, Literal

from server.consent import Code, Wanted
from server.conversation import CallRecord
from server.runs import Due, Run

Reason = Literal[
    "asked", "anger", "legal", "self_harm", "unknown", "unknown_outcome", "limits", "failed", "interrupted", "language",
    "budget", "switched_off", "handed_over", "topic", "amount", "tool", "customer", "low_confidence",
]  # fmt: skip
REASONS: Final = frozenset(Reason.__args__)  # type: ignore[attr-defined]
"""Why a conversation goes to a person."""


@dataclass(frozen=True, slots=True)
class StartTurn:
    """Claim a turn: a new one (`turn` is None), or one more attempt at one that a dead process left behind."""

    turn: str | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class CallModel:
    """Let the model go on."""


@dataclass(frozen=True, slots=True)
class RunCall:
    """Run these permitted calls, at the same time."""

    calls: tuple[CallRecord, ...]


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Ask for consent, or for proof of who is asking, for each of these calls.

    Only the questions are written: the model goes on, the turn ends `waiting`, and whoever answers begins the next.
    """

    asks: tuple[tuple[CallRecord, Wanted], ...]


@dataclass(frozen=True, slots=True)
class Decide:
    """Write down an answer to the question about this call: the customer said it in words, or the proof has come."""

    call: CallRecord
    approve: bool
    by: Literal["customer", "system"]


@dataclass(frozen=True, slots=True)
class Reconcile:
    """A dead process started this call: find out what became of it."""

    call: CallRecord


@dataclass(frozen=True, slots=True)
class EndCall:
    """End this call without running it. `code` says why, for programs; `reason` in words."""

    call: CallRecord
    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Do what workflow runs want: say, ask, plan their calls, end. One commit."""

    due: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Say that this call of a workflow waits for somebody's answer."""

    call: CallRecord


@dataclass(frozen=True, slots=True)
class Resume:
    """Let this run go on: what it rested for has come, or the customer's other question has been answered."""

    run: Run


@dataclass(frozen=True, slots=True)
class Leave:
    """End this run: the customer has gone on to other things."""

    run: Run


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give up, visibly: an apology, and a person is asked."""

    reason: Reason
    ended: Literal["failed", "handed_over", "interrupted"] = "handed_over"
    detail: str = ""
    """For staff: which setting of the shop says so."""


@dataclass(frozen=True, slots=True)
class EndTurn:
    """End the turn without a further word: a person has taken over, or a workflow's run has said everything."""

    reason: Literal["handed_over", "stopped", "answered", "waiting"]


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until something new is in the log."""


RunStep = CarryOut | Tell | Resume | Leave
"""What is done for workflow runs."""
Step = StartTurn | CallModel | RunCall | AskPerson | Decide | Reconcile | EndCall | RunStep | HandOver | EndTurn | Rest


@dataclass(frozen=True, slots=True)
class Runner:
    """The process that decides: which attempt at which turn it holds, and how its last model calls went."""

    turn: str | None = None
    attempt: int = 0
    empty: int = 0
    """Model calls in a row that said and did nothing."""
    failed: Reason | None = None
    """The model or the budget gave out in this attempt."""
