"""Post: mails to customers, at the address on file and nowhere else.

It writes no mail of its own accord.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tools import Caller, tool
from tools.connectors.mail import MailError

from .base import ShopData
from .words import Refused, reply, told

Send = Callable[[str, str, str], Awaitable[None]]
"""`await send(to, subject, text)`."""


class Sent(BaseModel):
    """A mail that is on its way; the address is not shown in full."""

    to: str


def _not_sent() -> None:
    raise Refused("The email could not be sent just now.", "Die E-Mail ließ sich gerade nicht verschicken.")


def post_tools(data: ShopData, send: Send) -> list[Callable[..., Any]]:
    """The tool that mails a confirmation."""

    @tool(
        scope="mail.send",
        effect="write",
        needs="identified",
        timeout_s=20,
        label="Sending you an email",
        reply=reply("send_confirmation"),
    )
    async def send_confirmation(
        caller: Caller,
        subject: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\r\n]+$")],
        text: Annotated[str, Field(min_length=1, max_length=2000)],
    ) -> Sent:
        """Mail the signed-in customer, at the address on file."""

        def address() -> str:
            found = data.customer(caller.customer or "")
            if found is None:
                raise Refused("There is no address on file.", "Es ist keine Adresse hinterlegt.")
            return found.email

        to = await told(caller, address)
        try:
            await send(to, subject, text)
        except MailError:
            # Should it have gone out all the same, a mail too many is no harm: nobody need look into it.
            await told(caller, _not_sent)
        return Sent(to=f"{to[0]}…@{to.partition('@')[2]}")

    return [send_confirmation]
