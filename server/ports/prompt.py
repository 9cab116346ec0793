"""Prompt: all that a model gets to see of a conversation.

Records only; who builds it is `server.prompt`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from retrieval.types import Passage
from server.events import Role
from server.ports.store import Mode
from tools import ToolSpec
from tools.workflow.program import Program
from tools.workflow.view import RunView


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call as the model wants it: nothing is decided yet."""

    id: str
    tool: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call ended, as the model may read it."""

    id: str
    tool: str
    args: Mapping[str, Any]
    ok: bool
    result: Any = None
    error: str | None = None
    state: Literal["ended", "denied", "waiting", "unknown"] = "ended"
    code: str | None = None
    """Why it ended without running, such as `declined`, `refused`, `expired`, `over_limit`."""
    comment: str = ""
    """What the colleague who refused it said about that: data, as a result is, which the customer may be told."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the history in a prompt: a message, or the calls of one answer with their results."""

    role: Role
    text: str = ""
    calls: tuple[CallResult, ...] = ()
    message: str | None = None
    """The message event's id, for messages."""
    choices: tuple[str, ...] = ()
    citations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """What a model may know of who is asking."""

    customer: str | None = None
    name: str | None = None
    verified: bool = False
    can_verify: bool = False
    """A guest can show here who he is: a call that needs it waits for that instead of being refused."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another agent of the site, to whom a model can pass the conversation on."""

    name: str
    purpose: str
    score: float = 0.0
    """How near the newest message is to it, 0..1; comparable with the own `Prompt.agent_score`."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A workflow's run that the customer's newest words may be meant for."""

    id: str
    view: RunView


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a model gets: a stable prefix (rules, tools), the history, and the newest customer words with their passages.

    `asked` are the customer messages that this answer must answer (oldest first); they are also the tail of `history`.
    `results` are the calls already made in this turn, in order. `text()`-style rendering belongs to each model.
    """

    site: str
    site_name: str
    rules: str
    """The fixed prefix for language models: who they are, how to cite, what they must not do, the merchant's instructions."""
    tools: tuple[ToolSpec, ...]
    history: tuple[Line, ...]
    asked: tuple[str, ...]
    passages: tuple[Passage, ...] = ()
    results: tuple[CallResult, ...] = ()
    person: Person = field(default_factory=Person)
    locale: str = "en"
    """The site's locale; the customer's own language is found by the model."""
    mode: Mode = "agent"
    """`waiting`: a person has been asked for; only knowledge questions may be answered."""
    people: Mapping[str, str] = field(default_factory=dict)
    """By language, what to tell a customer about reaching a person, from the site's settings (hours, contact)."""
    sign_in: Mapping[str, str] = field(default_factory=dict)
    """By language, what to tell a guest who needs to sign in, from the site's settings."""
    workflows: tuple[Program, ...] = ()
    """What can be started; none while a person has been asked for."""
    run: OpenRun | None = None
    """The run that is open, or else the one that has just come to a good end, which a correction opens again."""
    waiting: tuple[CallResult, ...] = ()
    """Calls of earlier turns that wait for somebody's answer; `error` is what the customer was told of it."""
    began: tuple[str, ...] = ()
    """Names of the workflows that were started, or heard something, in this turn: not to be started once more."""
    call_no: int = 1
    """Which model call of this turn this is, from 1."""
    agent: str = ""
    """Which of the site's agents answers; "" where there is only one."""
    agent_score: float = 0.0
    """How near the newest message is to this agent, 0..1; 0 for the default agent."""
    colleagues: tuple[Colleague, ...] = ()
    """To whom this turn may still be passed on; empty where there is nobody else, or after it was passed on too often."""
    language: str = ""
    """The language that the customer writes, as far as it is known."""
    mood: str = ""
    """How the newest message sounds: one of `server.site.Mood`, or "" if nobody listened."""
    settled: int = 0
    """So many lines of `history` are from before a person last handed the conversation back: no reason to hand over anew."""
    seed: str = ""
    """The turn's id: for choices that should vary between turns and stay the same within one."""
    resumed: bool = False
    """This turn goes on after a decision on one of `results`; `asked` may be empty."""

    def people_in(self, language: str = "") -> str:
        """`people` in this language, else in the prompt's locale, else in any; "" without one."""
        return _in(self.people, language, self.locale)

    def sign_in_in(self, language: str = "") -> str:
        """`sign_in` in this language, else in the prompt's locale, else in any; "" without one."""
        return _in(self.sign_in, language, self.locale)


def _in(texts: Mapping[str, str], *wanted: str) -> str:
    codes = [locale.replace("_", "-").partition("-")[0].lower() for locale in wanted]
    return next((texts[code] for code in codes if code in texts), next(iter(texts.values()), ""))
