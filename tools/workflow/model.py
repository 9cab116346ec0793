"""Model: a workflow as its YAML file describes it.

Pure: only shapes and their limits. Whether names, tools and expressions fit is seen in `check`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from tools.workflow import types

SlotType = Literal["text", "number", "money", "date", "order_number", "choice", "yes_no", "email", "photo"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]

STEP_WORDS: Final = ("call", "ask", "when", "say", "parallel", "hand_over", "end")
DEFAULT_TRIES: Final = 3
"""Questions for one slot before a person is asked; after a third "sorry?" people give up anyway."""
MAX_NESTING: Final = 8
"""Of steps in steps; a drawing of more cannot be read."""


class Part(BaseModel):
    """A mapping in the file: unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, protected_namespaces=(), defer_build=True
    )


def _text(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    if isinstance(value, str) or (
        isinstance(value, Mapping) and value and all(isinstance(v, str) for v in value.values())
    ):
        return value
    raise ValueError(f"expected text, or a map of language to text such as {{en: …, de: …}}, got {value!r:.60}")


Text = Annotated[str | dict[str, str], BeforeValidator(_text)]


def _option(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return {"value": value} if isinstance(value, str) else value


class Each(Part):
    """Choices made from a list that a call has found."""

    each: str = Field(description="An expression that gives a list, such as `order.items`.")
    value: str = Field(description="The entry's field that is the value, such as `id`.")
    label: str = Field(default="", description="What the customer reads: text over `item`; the value if absent.")


class Option(Part):
    """One choice of a fixed list."""

    value: str = Field(description="The value, as conditions and tools get it.")
    label: Text = Field(default="", description="What the customer reads; the value if absent. Per language possible.")
    words: tuple[str, ...] = Field(default=(), description="Other words for it: `too small` for `does not fit`.")


class Slot(Part):
    """Something that has to be known: taken from what the customer said, or asked for."""

    type: SlotType = Field(default="text", description="What kind of value it is.")
    what: str = Field(default="", max_length=200, description="What it is, in words, for the model: `order number`.")
    ask: Text | None = Field(default=None, description="The question. Per language possible.")
    invalid: Text | None = Field(default=None, description="Said before asking again, when the answer cannot be used.")
    pattern: str | None = Field(default=None, max_length=200, description="How an order number or text looks (regex).")
    choices: tuple[Annotated[Option, BeforeValidator(_option)], ...] | Each | None = Field(
        default=None,
        description="For a choice: a list of texts or `{value, label, words}`, or `{each, value, label}` over a result.",
    )
    take_single: bool = Field(default=False, description="A choice of one is taken without asking.")
    min: Decimal | None = Field(default=None, description="Smallest number or amount.")
    max: Decimal | None = Field(default=None, description="Largest number or amount.")
    max_chars: int = Field(default=500, ge=1, le=4000, description="Longest text.")
    default: Any = Field(
        default=None, description="Taken without asking: a value, or `{{ … }}` over caller, context, settings, results."
    )
    tries: int = Field(default=DEFAULT_TRIES, ge=1, le=10, description="How often it is asked for; then a person.")
    optional: bool = Field(default=False, description="Never asked for unless a step `ask`s; absent is nothing.")

    @model_validator(mode="after")
    def _fits(self) -> "Slot":
        if self.type == "choice" and not self.choices:
            raise ValueError("a choice needs `choices`: a list, or {each, value, label}")
        if self.type != "choice" and self.choices:
            raise ValueError(f"choices belong to the type choice, got the type {self.type}")
        if self.type not in ("number", "money") and (self.min is not None or self.max is not None):
            raise ValueError(f"min and max belong to numbers and money, got the type {self.type}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"nothing lies between min {self.min} and max {self.max}")
        if self.pattern is not None and self.type not in ("order_number", "text"):
            raise ValueError(f"a pattern belongs to text and order_number, got the type {self.type}")
        if self.type == "photo" and self.default is not None:
            raise ValueError("a photo has no default: only what the customer has sent is one")
        return self


class OnError(Part):
    """What happens when a call fails for good."""

    say: Text | None = Field(default=None, description="Said first; `error` is the tool's own sentence.")
    ask: Name | None = Field(default=None, description="A slot to ask for again, since its value led to the failure.")
    goto: Name | None = Field(default=None, description="The id of a later step, or of an earlier `ask`.")
    hand_over: str | None = Field(default=None, description="A person takes over, for this reason.")
    end: Name | None = Field(default=None, description="The workflow ends with this outcome.")
    go_on: bool = Field(default=False, description="The next step; the call's result is nothing.")

    @model_validator(mode="after")
    def _one(self) -> "OnError":
        ways = [w for w in ("ask", "goto", "hand_over", "end") if getattr(self, w) is not None]
        ways += ["go_on"] if self.go_on else []
        if len(ways) > 1:
            raise ValueError(f"expected one way to go on, got {' and '.join(ways)}")
        return self

    @property
    def goes_on(self) -> bool:
        """Whether the step after the call is next: nothing else is said."""
        return self.go_on or (self.say is not None and not (self.ask or self.goto or self.hand_over or self.end))


def _on_error(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    if value == "hand_over":
        return {"hand_over": "failed"}
    return {"go_on": True} if value == "go_on" else value


class Undo(Part):
    """How to take back what a call has done, when the customer corrects what it was done for."""

    call: str = Field(description="The tool.")
    args: dict[str, Any] = Field(default_factory=dict, description="Its arguments; `done` is the result to take back.")
    say: Text | None = Field(default=None, description="Said once it is taken back; `done` and `args` are what was.")


class Step(Part):
    """What every step may have."""

    id: Name | None = Field(default=None, description="Its name: for goto, texts and drawings.")
    policy: str | None = Field(default=None, description="The rule it rests on: an article, `help/returns.md#boots`.")


class Call(Step):
    """Run a tool, under the permissions that hold everywhere."""

    call: str = Field(description="The tool.")
    args: dict[str, Any] = Field(default_factory=dict, description="Its arguments: values, or `{{ expression }}`.")
    as_: Name | None = Field(default=None, alias="as", description="The name of its result.")
    timeout_s: float | None = Field(default=None, gt=0, le=60, description="Seconds; the tool's own limit if absent.")
    retries: int = Field(default=0, ge=0, le=5, description="Further attempts; only for what reads or is idempotent.")
    on_error: Annotated[OnError | None, BeforeValidator(_on_error)] = Field(
        default=None,
        description="What happens when it fails: `go_on`, `hand_over`, or {say, ask, goto, hand_over, end}.",
    )
    undo: Undo | None = Field(default=None, description="How to take it back after a correction.")
    again: bool = Field(default=False, description="After a correction it may run again with other arguments.")


class Ask(Step):
    """Ask for a slot, if it is not known yet."""

    ask: Name = Field(description="The slot.")
    text: Text | None = Field(default=None, description="Another question than the slot's own.")


class When(Step):
    """Go one way or the other."""

    when: str = Field(description="The condition: an expression, such as `order.status == 'delivered'`.")
    then: tuple["AnyStep", ...] = Field(description="Steps if it holds.")
    else_: tuple["AnyStep", ...] = Field(default=(), alias="else", description="Steps if it does not.")

    @field_validator("when", mode="before")
    @classmethod
    def _plain_condition(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        return str(value).lower() if isinstance(value, bool) else value


class Say(Step):
    """Say something."""

    say: Text = Field(description="The text, with `{{ … }}`.")
    choices: tuple[str, ...] = Field(default=(), description="Buttons below it: messages to answer with.")


def _branches(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return [[item] if isinstance(item, Mapping) else item for item in value] if isinstance(value, list) else value


class Parallel(Step):
    """Several branches at once; the next step waits for all of them."""

    parallel: Annotated[tuple[tuple["AnyStep", ...], ...], BeforeValidator(_branches)] = Field(
        description="The branches: each a step, or a list of steps."
    )


class HandOver(Step):
    """Give the conversation to a person."""

    hand_over: str = Field(description="Why, for the person.")
    say: Text | None = Field(default=None, description="What the customer is told first.")


class End(Step):
    """End the workflow."""

    end: Name = Field(description="The outcome, such as `done` or `not_eligible`.")
    say: Text | None = Field(default=None, description="Last words.")


def _which(value: Any) -> str | None:  # noqa: ANN401 - whatever stands in the file
    if isinstance(value, Step):
        return f"a {type(value).__name__.lower()} step"
    if not isinstance(value, Mapping):
        return None
    # `say` is also a field of `end` and `hand_over`, so it decides last.
    words = ("call", "ask", "when", "parallel", "hand_over", "end", "say")
    return next((f"a {word.replace('_', '')} step" for word in words if word in value), None)


AnyStep = Annotated[
    Annotated[Call, Tag("a call step")]
    | Annotated[Ask, Tag("a ask step")]
    | Annotated[When, Tag("a when step")]
    | Annotated[Say, Tag("a say step")]
    | Annotated[Parallel, Tag("a parallel step")]
    | Annotated[HandOver, Tag("a handover step")]
    | Annotated[End, Tag("a end step")],
    Discriminator(
        _which,
        custom_error_type="step",
        custom_error_message=f"a step: {', '.join(STEP_WORDS[:-1])} or {STEP_WORDS[-1]}",
    ),
]


class Need(Part):
    """The interface of a tool that a workflow needs; a shop's tool of this name, or one mapped to it, must fit."""

    effect: Literal["read", "write", "money"] = Field(default="read", description="The strongest effect it may have.")
    args: dict[str, Any] = Field(default_factory=dict, description="Arguments by name: a type; `name?` may be absent.")
    result: Any = Field(default="any", description="What it gives: a type, `{field: type, other?: type}` or `[type]`.")
    optional: bool = Field(default=False, description="Without such a tool its steps are left out.")
    what: str = Field(default="", max_length=300, description="What it does, for who writes one.")

    @field_validator("args", "result")
    @classmethod
    def _is_type(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        types.from_yaml(value)
        return value


class Workflow(Part):
    """A fixed sequence of steps for what must always be done the same way."""

    name: Name = Field(description="Its name; the file's name if absent.")
    title: Text = Field(default="", description="What customers read: `Return an item`. Per language possible.")
    description: str = Field(default="", max_length=1000, description="For the model: when to start it.")
    examples: tuple[str, ...] = Field(default=(), description="Messages that start it.")
    triggers: tuple[str, ...] = Field(
        default=(), description="Conditions over `caller` and `context`: if one holds, it is offered unasked, once."
    )
    policy: str | None = Field(default=None, description="The rule it rests on: an article, `help/returns.md#boots`.")
    settings: dict[Name, Any] = Field(default_factory=dict, description="Values that a shop may set: `{days: 30}`.")
    needs_tools: dict[str, Need] = Field(default_factory=dict, description="Interfaces of the tools that it calls.")
    slots: dict[Name, Slot] = Field(default_factory=dict, description="What has to be known, by name.")
    steps: tuple[AnyStep, ...] = Field(description="The steps, in order.")
    max_events: int = Field(default=100, ge=10, le=500, description="After so many events a person takes over.")
    on_cancel: Text | None = Field(default=None, description="Said when the customer stops it.")
    enabled: bool = Field(
        default=True, description="`false`: the shop does not offer it; what has begun goes to a person."
    )

    @field_validator("steps", mode="before")
    @classmethod
    def _some(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        if isinstance(value, list) and not value:
            raise ValueError("expected at least one step, got an empty list")
        return value


class ToolMap(Part):
    """How one of a shop's tools fits an interface."""

    tool: str = Field(description="The shop's tool.")
    args: dict[str, str] = Field(default_factory=dict, description="The interface's argument: the tool's.")
    set: dict[str, Any] = Field(default_factory=dict, description="The tool's other arguments, always the same.")
    result: dict[str, str] = Field(
        default_factory=dict, description="The interface's field: an expression over `result`. As it is, if empty."
    )


def _tool_map(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return {"tool": value} if isinstance(value, str) else value


class Use(Part):
    """A workflow of the library, as a shop wants it."""

    use: Name = Field(description="The library's workflow.")
    name: Name | None = Field(default=None, description="Its name here; the library's if absent.")
    enabled: bool = Field(default=True, description="`false`: the shop does not offer it.")
    title: Text | None = Field(default=None, description="Another title.")
    examples: tuple[str, ...] = Field(default=(), description="Further messages that start it.")
    triggers: tuple[str, ...] | None = Field(
        default=None, description="Conditions under which it is offered unasked, in place of the library's."
    )
    policy: str | None = Field(default=None, description="The shop's article with the rule.")
    settings: dict[Name, Any] = Field(default_factory=dict, description="The shop's values.")
    tools: dict[str, Annotated[ToolMap, BeforeValidator(_tool_map)]] = Field(
        default_factory=dict, description="The shop's tool for an interface: its name, or {tool, args, set, result}."
    )
    texts: dict[Name, Text] = Field(default_factory=dict, description="Other words: by a step's id, or a slot's name.")
