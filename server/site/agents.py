"""Agents: the specialists among whom a shop divides its customers' questions, as `agents:` of site.yaml lists them.

Pure: no files, no clock; which specialist gets a message is decided in `server.specialists`.
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from server.site.forms import Locale, ModelName, Part, form

Mood = Literal["calm", "pleased", "upset", "angry"]
"""How a customer's message sounds."""

DEFAULT_AGENT: Final = "default"
"""The agent that has all tools and all articles: the only one where none is configured, and the one for the rest."""

MAX_AGENTS: Final = 20
"""More cannot be told apart by a few examples each; the shops we know of have four to eight teams."""
MAX_EXAMPLES: Final = 100


def _not_reserved(name: str) -> str:
    if name.lower() == DEFAULT_AGENT:
        raise ValueError(f"expected another name than {name!r}: that is the agent for whatever no specialist is for")
    return name


AgentName = Annotated[
    str,
    form(r"[A-Za-z][A-Za-z0-9_-]{0,39}", "a name of letters, digits, _ and -, at most 40, such as orders"),
    AfterValidator(_not_reserved),
]
Example = Annotated[str, Field(min_length=1, max_length=300)]


class Specialist(Part):
    """An agent for one kind of question: with tools, articles and instructions of its own."""

    name: AgentName = Field(description="Its name: for the log, for staff, and for the other agents.")
    purpose: str = Field(
        min_length=3, max_length=500, description="What it is for, in a sentence: messages are matched with it."
    )
    examples: tuple[Example, ...] = Field(
        default=(),
        max_length=MAX_EXAMPLES,
        description="Messages that it should get, in every language your customers write.",
    )
    instructions: str = Field(
        default="", max_length=8000, description="What only this agent must know, after the shop's own `instructions`."
    )
    tools: tuple[str, ...] | None = Field(
        default=None, description="The tools it has; all if absent, none if `[]`. Their examples count as its own."
    )
    workflows: tuple[str, ...] | None = Field(
        default=None,
        description="The workflows it may start; if absent, those that need no other tools than its own.",
    )
    knowledge: tuple[str, ...] = Field(
        default=(),
        description="Tags: it answers from articles with one of these, and from those without tags; from all if empty.",
    )
    languages: tuple[Locale, ...] = Field(
        default=(), description="It gets messages in these languages only; in any if empty."
    )
    moods: tuple[Mood, ...] = Field(
        default=(),
        description="It gets messages in these moods only (`calm`, `pleased`, `upset`, `angry`); any if empty.",
    )
    model: ModelName | None = Field(default=None, description="Another model than the shop's for this agent.")
