"""Tokens: what a browser keeps, so that a visitor may continue a conversation.

Reads no clock. Nothing else that the server's secret signs can be read as such a token.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import orjson

from server.auth.signed import JWS, bad, verified

TOKEN_TTL_S: Final = 30 * 86_400
"""CONTRACT §4: 30 days, sliding."""
RENEW_AFTER_S: Final = 86_400
"""A token older than a day is renewed over the socket: sliding, yet at most one new token a day per visitor."""
GRACE_S: Final = 120
"""How long the token of a guest who has just shown with a code who they are still opens: the line may be lost before the new
one comes, and a widget that backs off is back within 30 s."""

_VISITOR: Final = (
    "shopbell-visitor"  # `typ` and `aud` of our own tokens; a site's key starts with pk_, so no identity fits
)


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
    claims = {
        "aud": _VISITOR,
        "site": token.site,
        "con": token.conversation,
        "cus": token.customer,
        "gen": token.generation,
        "exp": int(now_s) + TOKEN_TTL_S,
    }
    headers = {"typ": _VISITOR}
    return JWS.encode(orjson.dumps(claims), _visitor_key(secret), algorithm="HS256", headers=headers)


def read(secret: str, text: str, now_s: float) -> VisitorToken:
    """What a token says, if it is ours and still good.

    Raises:
        Refused: `bad_token`, with why.
    """
    header, claims = verified(text, _visitor_key(secret), "token")
    if header.get("typ") != _VISITOR or claims.get("aud") != _VISITOR:
        raise bad("this is not a visitor token")
    site, conversation, customer = claims.get("site"), claims.get("con"), claims.get("cus")
    generation, expires_s = claims.get("gen"), claims.get("exp")
    if not (isinstance(site, str) and isinstance(conversation, str) and isinstance(customer, str | None)):
        raise bad("the token is incomplete")
    if type(generation) is not int or type(expires_s) is not int:
        raise bad("the token is incomplete")
    if expires_s <= now_s:
        raise bad("the token has expired")
    return VisitorToken(site, conversation, customer, generation, expires_s)


def needs_renewal(token: VisitorToken, now_s: float) -> bool:
    """Whether the token is more than a day old."""
    return token.expires_s - now_s < TOKEN_TTL_S - RENEW_AFTER_S


def _visitor_key(secret: str) -> bytes:
    # A key for this purpose alone: nothing else that the server's secret signs can ever be read as a visitor token.
    if not secret:
        raise ValueError("the server's secret is empty")
    return hmac.new(secret.encode(), b"shopbell visitor token v1", hashlib.sha256).hexdigest().encode()
