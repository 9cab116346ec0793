"""Events and actions of a running workflow: what happened to it, and what it wants done.

Pure records with a JSON form. Who makes events out of the log, and carries actions out, is not known here.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

JsonObject = dict[str, Any]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    def as_json(self) -> JsonObject:
        """The record as a JSON object; `event_of` and `action_of` read it back."""
        return self.model_dump(mode="json")


class Started(_Record):
    """It begins. `args` are slots that are known already; everything else that it may read from outside stands here."""

    kind: Literal["started"] = "started"
    args: JsonObject = Field(default_factory=dict)
    caller: JsonObject = Field(default_factory=dict)
    """`customer, email, name, level`, as the runtime vouches for them; never from a model."""
    context: JsonObject = Field(default_factory=dict)
    """Such as `page`, `mood`, `order_id`."""
    today: str
    """The day as 2026-11-21: its rules hold to the end."""
    locale: str = "en"
    photos: tuple[str, ...] = ()
    """References to images that came with the words; never from a model."""
    text: str = ""
    """The customer's words: a choice, a day, an amount or an address in them is taken; what they do not name is asked for."""


class Said(_Record):
    """The customer said something: slots that were understood, and the words themselves.

    Without slots the words answer the question that was asked; otherwise they may also name other choices.
    """

    kind: Literal["said"] = "said"
    slots: JsonObject = Field(default_factory=dict)
    photos: tuple[str, ...] = ()
    """As of `Started`."""
    text: str = ""


class CallEnded(_Record):
    """A call that was asked for has ended."""

    kind: Literal["call_ended"] = "call_ended"
    call: str
    ok: bool
    result: Any = None
    error: str = ""
    unknown: bool = False
    """Nobody knows whether it has had its effect."""
    refused: bool = False
    """The tool itself said no (a ToolError), or staff did: trying again is no use."""
    code: str = ""
    """`sign_in`, `sign_in_again` and `step_up` wait for the customer; `declined`: the customer did not want it;
    `withdrawn`: it was given up before it began, since the customer said something else meanwhile."""


class Corrected(_Record):
    """The customer takes back what a slot was, and gives another value, or none yet."""

    kind: Literal["corrected"] = "corrected"
    slot: str
    value: Any = None


class Cancelled(_Record):
    """The customer does not want it any more."""

    kind: Literal["cancelled"] = "cancelled"


class Digressed(_Record):
    """The customer talks about something else for a while."""

    kind: Literal["digressed"] = "digressed"


class Resumed(_Record):
    """The customer comes back to it."""

    kind: Literal["resumed"] = "resumed"


Event = Started | Said | CallEnded | Corrected | Cancelled | Digressed | Resumed


class Call(_Record):
    """Run this tool. `call` is unique within the run and comes back in `CallEnded`."""

    kind: Literal["call"] = "call"
    call: str
    step: str
    tool: str
    args: JsonObject
    effect: Literal["read", "write", "money"]
    attempt: int = 1
    timeout_s: float | None = None
    """The tool's own limit, if absent."""


class Ask(_Record):
    """Ask this question; the answer comes as `Said`."""

    kind: Literal["ask"] = "ask"
    slot: str
    text: str
    type: str
    choices: tuple[JsonObject, ...] = ()
    """`{value, label}`."""
    again: bool = False
    """The last answer could not be used."""


class Say(_Record):
    """Say this."""

    kind: Literal["say"] = "say"
    text: str
    choices: tuple[str, ...] = ()
    policy: str | None = None
    """The article that this rests on, to be quoted."""


class HandOver(_Record):
    """Give the conversation to a person; the run has ended."""

    kind: Literal["hand_over"] = "hand_over"
    reason: str
    detail: str = ""
    """For the person."""
    done: tuple[JsonObject, ...] = ()
    """Effects that have happened: `{tool, args, result}`."""


class End(_Record):
    """The run has ended."""

    kind: Literal["end"] = "end"
    outcome: str
    done: tuple[JsonObject, ...] = ()


Action = Call | Ask | Say | HandOver | End

_LATER: Final = ConfigDict(defer_build=True)
_EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Annotated[Event, Field(discriminator="kind")], config=_LATER)
_ACTION: Final[TypeAdapter[Action]] = TypeAdapter(Annotated[Action, Field(discriminator="kind")], config=_LATER)


def event_of(json: Mapping[str, Any]) -> Event:
    """The event from its JSON form.

    Raises:
        pydantic.ValidationError: it is none.

    """
    return _EVENT.validate_python(json)


def action_of(json: Mapping[str, Any]) -> Action:
    """The action from its JSON form.

    Raises:
        pydantic.ValidationError: it is none.

    """
    return _ACTION.validate_python(json)
