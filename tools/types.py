"""Who is asking, what a tool may ask for, and the errors a tool may raise.

Pure: no I/O, no clock, no ids made here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

Level = Literal["anonymous", "identified", "step_up"]
Effect = Literal["read", "write", "money"]
Permission = Literal["auto", "confirm", "approve", "deny"]
Json: TypeAlias = Any
"""A JSON value: null, true, a number, text, a list or an object."""

LEVELS: Final[tuple[Level, ...]] = ("anonymous", "identified", "step_up")
"""How well a caller can be known, weakest first."""


class ToolError(Exception):
    """A tool could not do what was asked. The message is what the model, and through it the customer, may read."""


class NotSent(Exception):
    """Nothing has reached the other system: no address, no connection, or it must not be talked to.

    So nothing has happened, and trying again is safe, whatever the tool does. The message goes into the log only.
    """


class AnswerLost(Exception):
    """The request went out, and no usable answer came back: whether it had an effect is open.

    `answered`: the other system did say something, so it is not one that has gone silent.
    """

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a tool is run for. Made by the runtime from the session, never from what a model wrote."""

    site: str
    conversation: str
    customer: str | None = None
    email: str | None = None
    name: str | None = None
    level: Level = "anonymous"
    """How well they are known now; an identity that has expired counts as `anonymous` again."""
    call: str = ""
    """The call's id: the idempotency key to hand to the tool's own backend."""
    locale: str = "en"

    @property
    def verified(self) -> bool:
        """Whether the shop has vouched for `customer`."""
        return self.level != "anonymous"


@dataclass(frozen=True, slots=True)
class Ask:
    """Consent that a tool wants before it runs: of the customer or of staff, always or when `when(args)` is true.

    `when` gets the validated arguments (an instance of the tool's `args_model`). If it raises, the call is denied.
    """

    of: Literal["customer", "staff"]
    when: Callable[[Any], bool] | None = None

    def __post_init__(self) -> None:
        if self.of not in ("customer", "staff"):
            raise ValueError(f"Ask(of=…): expected 'customer' or 'staff', got {self.of!r}")
