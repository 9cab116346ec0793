"""Questions: what the merchant's command line may ask of a server, as both sides write it.

Light on purpose: whoever wants to stop an agent should not wait for imports. It carries nothing out.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

EVERY: Final = "*"
"""In place of a site: all sites of the server."""
Text = Annotated[str, Field(max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class AdminRefused(Exception):
    """It was not done; the message says why, for the person at the command line."""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ListApprovals(_Asked):
    """What waits for staff."""

    site: Name | None = None


class ShowApproval(_Asked):
    """One call that waits for staff, by its id."""

    call: Name
    site: Name | None = None


class Decide(_Asked):
    """A decision. `seen` is the hash of the arguments that were shown; `args` are other ones to approve in their place."""

    conversation: Name
    call: Name
    approve: bool
    seen: Name
    by: Name
    comment: Text = ""
    args: dict[str, JsonValue] | None = None


class Turn(_Asked):
    """A switch to turn. `site` is `*` for all sites, `tool` None for the whole agent."""

    site: Name
    tool: Name | None = None
    off: bool
    by: Name
    why: Text = ""


class ListSwitches(_Asked):
    """What is off, and every turn of a switch so far."""


class Erase(_Asked):
    """Erase one conversation, or those of one customer: as many as one answer has time for."""

    site: Name
    conversation: Name | None = None
    customer: Name | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Erase":
        if (self.conversation is None) == (self.customer is None):
            raise ValueError("expected either a conversation or a customer")
        return self


Question = ListApprovals | ShowApproval | Decide | Turn | ListSwitches | Erase
Command = Literal["approvals/list", "approvals/show", "approvals/decide", "switch/turn", "switch/list", "records/erase"]
COMMANDS: Final[Mapping[str, type[Question]]] = {
    "approvals/list": ListApprovals,
    "approvals/show": ShowApproval,
    "approvals/decide": Decide,
    "switch/turn": Turn,
    "switch/list": ListSwitches,
    "records/erase": Erase,
}
Run = Callable[[Question], Awaitable[dict[str, Any]]]
"""Carries out a command; returns its answer as JSON, or raises `AdminRefused`."""
