"""Alerts: how staff are told when nobody has the desk open: `alerts:` of site.yaml.

Pure: no files, no environment, no clock. Where a webhook leads is a secret, and stands in no file.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from server.site.forms import Email, Part, Variable
from tools.connectors.mail import is_address

AlertReason = Literal["waiting", "escalated", "approval", "mention"]
MAX_ADDRESSES: Final = 20
"""A mailing list reaches more people with one."""

Addresses = Annotated[tuple[Email, ...], Field(max_length=MAX_ADDRESSES)]


class Webhook(Part):
    """A page of a chat tool that takes messages: Slack, Mattermost, Discord (with `/slack` behind its URL), and alike."""

    url_env: Variable = Field(description="Name of the environment variable that holds its URL.")
    secret_env: Variable | None = Field(
        default=None,
        description="Name of the environment variable that holds the secret that signs what is sent, such as `whsec_…`; "
        "without one, nothing is signed.",
    )


class Alerts(Part):
    """Who is told, when nobody who sees the shop has the desk open, that somebody waits for a person."""

    email: Literal["staff"] | Addresses = Field(
        default=(), description="`staff`, for the accounts of those who see this shop, or a list of addresses."
    )
    webhook: Webhook | None = Field(default=None, description="A chat tool that is told.")
    reasons: tuple[AlertReason, ...] = Field(
        default=(),
        description="What is told: `waiting` for a person, `escalated`, `approval` wanted, `mention` in a note; all if empty.",
    )
    quote: bool = Field(
        default=False,
        description="Whether the customer's words, what is to be approved, and the note are in it; else only the link is.",
    )

    @field_validator("email", mode="before")
    @classmethod
    def _who(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        addresses = isinstance(value, list | tuple) and all(isinstance(one, str) and is_address(one) for one in value)
        if value != "staff" and not addresses:
            raise ValueError(f"expected staff, or a list of e-mail addresses, got {value!r}")
        return value

    @property
    def ways(self) -> tuple[Literal["email", "webhook"], ...]:
        """By what is told; empty: nobody is."""
        return (*(("email",) if self.email else ()), *(("webhook",) if self.webhook is not None else ()))

    def tells(self, reason: AlertReason) -> bool:
        """Whether this is told."""
        return not self.reasons or reason in self.reasons
