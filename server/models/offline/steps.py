"""Steps: the records of a plan, and what one is made from.

Pure records; nothing is decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retrieval.types import Vectors
from server.models.offline.intents import Reading
from server.models.offline.language import Language
from server.models.offline.lists import Candidate
from server.models.offline.question import Question
from server.models.offline.quote import Answer
from server.models.offline.slots import Slot
from server.models.offline.understand import Part
from server.ports import Heard, Prompt, Start
from tools import ToolSpec

StepKind = Literal[
    "small",
    "cue",
    "call",
    "start",
    "ask",
    "sign_in",
    "quote",
    "unknown",
    "choose",
    "offer",
    "waiting",
    "pending",
    "again",
    "negated",
    "unclear",
    "give_up",
    "cannot",
]


@dataclass(frozen=True)
class Step:
    """What the reply does about one part."""

    kind: StepKind
    part: Part
    tool: ToolSpec | None = None
    args: tuple[Mapping[str, Any], ...] = ()
    slot: Slot | None = None
    answer: Answer | None = None
    topic: str = ""
    choices: tuple[str, ...] = ()
    again: bool = False
    bad: bool = False
    score: float = 0.0


@dataclass(frozen=True)
class Plan:
    """Steps in the order of the message; `calls` are those of them that have not been made yet."""

    steps: tuple[Step, ...] = ()
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    starts: tuple[Start, ...] = ()
    """Workflows to begin."""
    heard: tuple[Heard, ...] = ()
    """What the words mean to the open run; with nothing else to say, `steps` is empty."""
    thoughts: tuple[str, ...] = ()
    readings: tuple[tuple[Any, str, float, str], ...] = ()
    lang: str = "en"
    foreign: bool = False
    resumed: bool = False
    """Nothing is asked: the reply says how the calls that somebody has decided about went."""


@dataclass(frozen=True)
class Views:
    """How one part looks: with what it leans on, as a tool's job, and against the passages."""

    full: str
    readings: list[Reading]
    question: Question
    candidates: list[Candidate]
    near: Vectors | None
    vector: Vectors | None


@dataclass(frozen=True)
class Pending:
    """A call that waits for one more argument, asked for in the agent's last message."""

    spec: ToolSpec
    slot: Slot
    score: float = 0.0


@dataclass(frozen=True)
class Context:
    """What decisions of one prompt share."""

    prompt: Prompt
    language: Language
    tools: Mapping[str, ToolSpec] = field(default_factory=dict)
    waiting: bool = False
