"""Hand-over rules: when a shop wants a person, whom, and for how long nobody may answer: `hand_over:` of site.yaml.

Pure: no files, no clock. What always goes to a person (asked for, anger, danger, lawyers) is no setting, and not here.
"""

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from server.site.agents import Example
from server.site.forms import Part, form

MAX_TOPICS: Final = 20
"""As many as agents: more cannot be told apart by a few examples each."""

TopicName = Annotated[
    str, form(r"[A-Za-z][A-Za-z0-9_-]{0,39}", "a name of letters, digits, _ and -, at most 40, such as wholesale")
]
Tag = Annotated[str, form(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", "a tag such as vip")]
CustomerId = Annotated[str, Field(min_length=1, max_length=200)]


class Topic(Part):
    """Something that a person is to talk about."""

    name: TopicName = Field(description="Its name: for staff, and as a skill of those who see to it.")
    examples: tuple[Example, ...] = Field(
        min_length=1, max_length=100, description="Messages about it, in every language your customers write."
    )


class HandOverRules(Part):
    """When a person takes over beside what always is a reason, who is asked, and what happens when nobody comes."""

    topics: tuple[Topic, ...] = Field(
        default=(), max_length=MAX_TOPICS, description="What a person talks about, however well the agent could."
    )
    amount_over: Decimal | None = Field(
        default=None, gt=0, description="A call that moves more money than this is not made: a person is asked instead."
    )
    tools: tuple[str, ...] = Field(
        default=(), description="Tools that are never called by the agent: whoever wants that is handed over."
    )
    customers: tuple[CustomerId, ...] = Field(
        default=(), max_length=1_000, description="Ids of customers who get a person with their first message."
    )
    customer_tags: tuple[Tag, ...] = Field(
        default=(), max_length=100, description="The same for customers whose identity has one of these `tags`."
    )
    low_confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="A question that nothing answers, and to which no article is at least this near (0 to 1), goes to a "
        "person; if absent, the agent says that it does not know, and offers one.",
    )
    capacity: int = Field(
        default=4, ge=1, le=100, description="Conversations that one colleague has at a time before others are asked."
    )
    offer_s: int = Field(
        default=60,
        ge=5,
        le=3600,
        description="Seconds that a colleague has to take what is offered; then the next one.",
    )
    escalate_after_min: int | None = Field(
        default=10,
        ge=1,
        le=10_080,
        description="Minutes of opening hours that a customer waits before it is escalated; never with `null`.",
    )
    lapse_after_min: int | None = Field(
        default=10,
        ge=1,
        le=10_080,
        description="Minutes of opening hours that a customer waits for a colleague who has the conversation and has left "
        "the desk; then it waits for another. Never with `null`.",
    )
    close_after_h: int | None = Field(
        default=72,
        ge=1,
        le=8_760,
        description="Hours without a word after which a conversation is closed, with one; never with `null`.",
    )

    @field_validator("topics")
    @classmethod
    def _no_topic_twice(cls, value: tuple[Topic, ...]) -> tuple[Topic, ...]:
        seen: set[str] = set()
        for topic in value:
            if topic.name.lower() in seen:
                raise ValueError(f"expected each topic once, got {topic.name!r} again")
            seen.add(topic.name.lower())
        return value

    @field_validator("amount_over", mode="before")
    @classmethod
    def _no_flag(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        if isinstance(value, bool):
            raise ValueError(f"expected an amount such as 200.00, got {value!r}")  # noqa: TRY004 - pydantic shows these
        return value
