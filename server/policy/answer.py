"""Answer: what one model call gave, what to search for before it, and what its words become in the log.

Nothing of it is checked here: claims and citations are judged by who asked the model.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from server.conversation import Conversation
from server.policy.steps import REASONS, Reason
from server.ports import Heard, PassOn, PlannedCall, Start, Usage

MAX_LOOKUPS: Final = 4
"""Searches for one message: the whole of it, and its single questions."""
SHORT_WORDS: Final = 6
"""Up to six words, a message often leaves out what it is about: "and for sale items?", "how long does that take?"."""

_QUESTION: Final = re.compile(r"[^?!.;\n]+[?!.;\n]*")


@dataclass(slots=True)
class Answer:
    """What one model call gave."""

    text: str = ""
    thinking: str = ""
    calls: list[PlannedCall] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    choices: tuple[str, ...] = ()
    hand_over: Reason | None = None
    pass_on: PassOn | None = None
    usage: Usage | None = None
    withheld: tuple[str, ...] = ()
    """Sentences that claim an action which no call has proven: nobody was shown them."""

    @property
    def says_or_does(self) -> bool:
        """Whether it holds anything but what it wants of workflows."""
        return bool(self.text.strip() or self.calls or self.hand_over or self.pass_on or self.withheld)


def reason(text: str) -> Reason:
    """A model's word for why a person should take over, as one of `REASONS`."""
    return text if text in REASONS else "handed_over"  # type: ignore[return-value]


def lookups(state: Conversation, extra: str | None = None) -> tuple[str, ...]:
    """What to search the help center for: the unanswered words as a whole, and each of several questions in them.

    A short message leans on what was said before ("and for sale items?"), so the customer's words before go along.
    `extra` is a message that is about to be appended.
    """
    asked = [message.text for mid in state.unanswered if (message := state.message(mid)) is not None]
    if extra is not None:
        asked.append(extra)
    whole = " ".join(" ".join(asked).split())
    if not whole:
        return ()
    found = [whole]
    parts = [part.strip() for part in _QUESTION.findall(whole) if len(part.split()) >= 2]
    if len(parts) > 1:
        found += parts[-(MAX_LOOKUPS - 1) :]
    if len(whole.split()) <= SHORT_WORDS:
        old = (m.text for m in reversed(state.messages) if m.role == "customer" and m.id not in state.unanswered)
        before = next(old, None)
        if before is not None:
            found.append(f"{before} {whole}")
    return tuple(dict.fromkeys(found))[:MAX_LOOKUPS]


def unanswered_upto(state: Conversation) -> int:
    """The seq of the newest unanswered message; 0 if there is none."""
    return next((m.seq for m in reversed(state.messages) if m.id in state.unanswered), 0)


def answer_body(text: str, citations: Sequence[Mapping[str, Any]], choices: Sequence[str]) -> dict[str, Any]:
    """The body of an agent's `message`."""
    body: dict[str, Any] = {"text": text}
    if citations:
        body["citations"] = list(citations)
    if choices:
        body["choices"] = list(choices)
    return body
