"""Tally: what one conversation adds to the merchant's numbers.

Pure: no I/O, no clock, no ids made here. Old logs must be counted too: what they do not say is not guessed.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from server.events import Event

VERSION: Final = 2
"""Of what is counted, and how: another number counts everything anew."""
QUESTION_CHARS: Final = 300
"""Of a question and of the reply to it: enough to see what was meant."""
GAP_REASONS: Final = frozenset({"unknown", "low_confidence"})
"""Hand-overs that say by themselves that the agent had no answer."""
TAKEN: Final = "taken"
"""Why a conversation is a person's that nobody asked a person for."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something a customer asked that the agent answered with nothing: no article, no tool, no choice."""

    text: str
    at_ms: int
    reply: str = ""
    nearest: str = ""
    """The title of the article that came nearest, and how near it was, 0..1."""
    score: float = 0.0


@dataclass(slots=True)
class ToolTally:
    """How often a tool's calls ended well, badly, and in nobody knows what; only calls that really ran count."""

    ok: int = 0
    failed: int = 0
    unknown: int = 0


@dataclass(slots=True)
class Tally:
    """The numbers of one conversation. Times are Unix milliseconds, durations milliseconds."""

    began_ms: int = 0
    """The customer's first message; 0: the customer never wrote, and the conversation counts nowhere."""
    last_ms: int = 0
    """The last thing that anybody said."""
    messages: int = 0
    """Of the customer."""
    replied_ms: int | None = None
    """The first message of the agent or of staff after `began_ms`."""
    answered_ms: int | None = None
    """The last one so far."""
    person_asked_ms: int | None = None
    person_came_ms: int | None = None
    """The first message of staff after a person was first asked for."""
    reasons: list[str] = field(default_factory=list)
    """Why a person was asked for, or came, each time it happened."""
    staff: list[str] = field(default_factory=list)
    """Ids of the people who had it."""
    decided_by_staff: bool = False
    closed: bool = False
    open_messages: int = 0
    """Customer messages that nothing has answered."""
    failed: bool = False
    """The last turn failed or was interrupted."""
    score: int | None = None
    """The customer's newest rating of the whole conversation, 1 to 5."""
    thumbs_up: int = 0
    thumbs_down: int = 0
    tools: dict[str, ToolTally] = field(default_factory=dict)
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: str = ""
    """The sum, as a decimal; empty if the provider said none."""
    cited: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of each article, by its path: how many messages rest on it, and when the last of them was said."""

    @property
    def by_people(self) -> bool:
        """Whether a person was asked for, came, or decided."""
        return bool(self.reasons) or bool(self.staff) or self.decided_by_staff


def count(events: Iterable[Event]) -> tuple[Tally, list[Question]]:
    """The conversation's numbers, and its questions without an answer. `events` are all of its events, in order."""
    counting = _Counting()
    for event in events:
        counting.take(event)
    tally = counting.tally
    tally.open_messages = len(counting.open)
    return tally, [question for question in counting.questions if question.text]


@dataclass(slots=True)
class _Turn:
    """What the open turn has rested on so far."""

    acted: bool = False
    cited: bool = False
    chose: bool = False
    reply: str = ""
    nearest: str = ""
    score: float = 0.0


class _Counting:
    """One pass over a conversation."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.questions: list[Question] = []
        self.open: dict[str, tuple[str, int, str]] = {}
        """Unanswered customer messages: text, time, and the mode they were said in."""
        self._mode = "agent"
        self._why: str | None = None
        self._turns: dict[str, _Turn] = {}
        self._tools: dict[str, str] = {}
        self._started: Counter[str] = Counter()

    def take(self, event: Event) -> None:
        """One event more."""
        turn = self._turns.setdefault(event.turn, _Turn()) if event.turn is not None else None
        if turn is not None and (event.kind.startswith("call.") or event.kind.startswith("workflow.")):
            turn.acted = True
        match event.kind:
            case "message":
                self._message(event, turn)
            case "retrieved":
                self._retrieved(event.body, turn)
            case "turn.ended":
                self._turn_ended(event, turn or _Turn())
            case "mode":
                self._mode_changed(event)
            case "model.called":
                self._model_called(event.body.get("usage") or {})
            case "call.planned" | "call.started" | "call.ended" | "call.decided":
                self._call(event)
            case "rated":
                self._rated(event.body)
            case _:
                pass

    def _message(self, event: Event, turn: _Turn | None) -> None:
        tally, body = self.tally, event.body
        if event.role == "customer":
            tally.messages += 1
            tally.began_ms = tally.began_ms or event.at_ms
            tally.last_ms = event.at_ms
            if self._mode != "closed":
                self.open[event.id] = (str(body.get("text", "")), event.at_ms, self._mode)
            return
        for article in {str(one.get("document") or "") for one in body.get("citations") or ()} - {""}:
            times, _ = tally.cited.get(article, (0, 0))
            tally.cited[article] = (times + 1, event.at_ms)
        answers = body.get("answers") or ()
        for said in answers:
            self.open.pop(said, None)
        if event.role == "staff":
            self.open.clear()
            if tally.person_asked_ms is not None and tally.person_came_ms is None:
                tally.person_came_ms = event.at_ms
        elif turn is not None:
            turn.cited = turn.cited or bool(body.get("citations"))
            # One choice alone is the offer of a person.
            turn.chose = turn.chose or len(body.get("choices") or ()) > 1
            turn.reply = str(body.get("text", ""))
        elif not answers:
            return  # a word that goes with a closing, or with a wait, answers nobody
        if tally.began_ms:
            tally.replied_ms = tally.replied_ms if tally.replied_ms is not None else event.at_ms
            tally.answered_ms = tally.last_ms = event.at_ms

    @staticmethod
    def _retrieved(body: Any, turn: _Turn | None) -> None:  # noqa: ANN401 - a stored event's
        passages = body.get("passages") or ()
        if turn is None or not passages:
            return
        best = max(passages, key=lambda passage: passage.get("score", 0.0))
        if best.get("score", 0.0) >= turn.score:
            turn.nearest, turn.score = str(best.get("title", "")), float(best.get("score", 0.0))

    def _turn_ended(self, event: Event, turn: _Turn) -> None:
        why = event.body.get("reason")
        self.tally.failed = why in ("failed", "interrupted")
        asked = [said for one in event.body.get("answers") or () if (said := self.open.pop(one, None)) is not None]
        given_up = why == "handed_over" and self._why in GAP_REASONS
        in_vain = why == "answered" and not (turn.acted or turn.cited or turn.chose)
        words = [(text, at_ms) for text, at_ms, mode in asked if mode == "agent"]
        if words and (given_up or in_vain):
            text = " ".join(" ".join(text.split()) for text, _ in words)
            self.questions.append(
                Question(
                    text[:QUESTION_CHARS], words[0][1], turn.reply[:QUESTION_CHARS], turn.nearest, round(turn.score, 3)
                )
            )

    def _mode_changed(self, event: Event) -> None:
        before, self._mode = self._mode, event.body.get("mode", self._mode)
        tally, self._why = self.tally, event.body.get("reason")
        if self._mode == "waiting" and before not in ("waiting", "staff"):  # from staff it is only put back
            tally.reasons.append(str(self._why or "asked"))
            tally.person_asked_ms = tally.person_asked_ms if tally.person_asked_ms is not None else event.at_ms
        if self._mode == "staff":
            if before in ("agent", "closed"):
                tally.reasons.append(TAKEN)
            who = event.body.get("by")
            if isinstance(who, str) and who not in tally.staff:
                tally.staff.append(who)
        if self._mode == "staff":
            self.open.clear()  # that person has seen them
        tally.closed = self._mode == "closed"

    def _model_called(self, usage: Any) -> None:  # noqa: ANN401 - a stored event's
        tally = self.tally
        tally.model_calls += 1
        tally.input_tokens += int(usage.get("input_tokens") or 0)
        tally.output_tokens += int(usage.get("output_tokens") or 0)
        if (cost := amount(usage.get("cost"))) is not None:
            tally.cost = str((amount(tally.cost) or Decimal(0)) + cost)

    def _call(self, event: Event) -> None:
        body, call = event.body, str(event.body.get("call", ""))
        match event.kind:
            case "call.planned":
                self._tools[call] = str(body.get("tool", ""))
            case "call.decided":
                self.tally.decided_by_staff = self.tally.decided_by_staff or body.get("by") == "staff"
            case "call.started":
                self._started[call] += 1
            case _:
                if not self._started.pop(call, 0):
                    return  # refused, declined or given up: it never ran
                tool = self.tally.tools.setdefault(self._tools.get(call, "?"), ToolTally())
                tool.ok += bool(body.get("ok"))
                tool.unknown += bool(body.get("unknown"))
                tool.failed += not body.get("ok") and not body.get("unknown")

    def _rated(self, body: Any) -> None:  # noqa: ANN401 - a stored event's
        score = body.get("score")
        if not isinstance(score, int):
            return
        if "of" not in body:
            self.tally.score = score
        elif score > 0:
            self.tally.thumbs_up += 1
        else:
            self.tally.thumbs_down += 1


def amount(text: Any) -> Decimal | None:  # noqa: ANN401 - a stored event's
    """The decimal that a text is; None if it is none."""
    try:
        found = Decimal(text) if text else None
    except (InvalidOperation, TypeError, ValueError):
        return None
    return found if found is not None and found.is_finite() else None
