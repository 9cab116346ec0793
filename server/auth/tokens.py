"""Tokens: what a browser keeps, so that a visitor may continue a conversation.

Reads no clock. Nothing else that the server's secret signs can be read as such a token.
"""

from dataclasses import dataclass
from typing import Final

from server.auth.standing import Kind, Standing, opened, sealed

TOKEN_TTL_S: Final = 30 * 86_400
"""CONTRACT §4: 30 days, sliding."""
RENEW_AFTER_S: Final = 86_400
"""A token older than a day is renewed over the socket: sliding, yet at most one new token a day per visitor."""
GRACE_S: Final = 120
"""How long the token of a guest who has just shown with a code who they are still opens: the line may be lost before the new
one comes, and a widget that backs off is back within 30 s."""

_VISITOR: Final = Kind("shopbell-visitor", b"shopbell visitor token v1", TOKEN_TTL_S, "token")


@dataclass(frozen=True, slots=True)
class VisitorToken:
    """What our own token says: this visitor may continue this conversation. `expires_s` is Unix time in seconds.

    `generation` is the sign-in it was minted in: after a log-out the conversation's generation is another.
    """

    site: str
    conversation: str
    customer: str | None
    generation: int
    expires_s: int


def mint(secret: str, token: VisitorToken, now_s: float) -> str:
    """The token as text, good for 30 days from `now_s` (`token.expires_s` is not looked at).

    Raises:
        ValueError: the secret is empty.
    """
    standing = Standing(token.site, token.conversation, token.customer, token.generation)
    return sealed(_VISITOR, secret, standing, now_s)


def read(secret: str, text: str, now_s: float) -> VisitorToken:
    """What a token says, if it is ours and still good.

    Raises:
        Refused: `bad_token`, with why.
    """
    standing, expires_s = opened(_VISITOR, secret, text, now_s)
    return VisitorToken(standing.site, standing.conversation, standing.customer, standing.generation, expires_s)


def needs_renewal(token: VisitorToken, now_s: float) -> bool:
    """Whether the token is more than a day old."""
    return token.expires_s - now_s < TOKEN_TTL_S - RENEW_AFTER_S
