"""Links: the token behind the `#` of a mailed link, which opens one conversation again.

Reads no clock. It is no visitor token: it is good for one thing only, to be changed for one.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import orjson

from server.auth.signed import JWS, bad, verified

LINK_TTL_S: Final = 7 * 86_400
"""A week: a mail is read on the next working day, and a mailbox may be another's one day."""
_LINK: Final = "shopbell-link"


@dataclass(frozen=True, slots=True)
class LinkToken:
    """Whose conversation a link opens: nobody's after a sign-in or sign-out, when the generation is another."""

    site: str
    conversation: str
    customer: str | None
    generation: int


def mint_link(secret: str, link: LinkToken, now_s: float) -> str:
    """The token as text, good for 7 days from `now_s`.

    Raises:
        ValueError: the secret is empty.
    """
    claims = {
        "aud": _LINK,
        "site": link.site,
        "con": link.conversation,
        "cus": link.customer,
        "gen": link.generation,
        "exp": int(now_s) + LINK_TTL_S,
    }
    return JWS.encode(orjson.dumps(claims), _key(secret), algorithm="HS256", headers={"typ": _LINK})


def read_link(secret: str, text: str, now_s: float) -> LinkToken:
    """What a link's token says, if it is ours and still good.

    Raises:
        Refused: `bad_token`, with why.
    """
    header, claims = verified(text, _key(secret), "link")
    if header.get("typ") != _LINK or claims.get("aud") != _LINK:
        raise bad("this is not the token of a link")
    site, conversation, customer = claims.get("site"), claims.get("con"), claims.get("cus")
    generation, expires_s = claims.get("gen"), claims.get("exp")
    if not (isinstance(site, str) and isinstance(conversation, str) and isinstance(customer, str | None)):
        raise bad("the link is incomplete")
    if type(generation) is not int or type(expires_s) is not int:
        raise bad("the link is incomplete")
    if expires_s <= now_s:
        raise bad("the link has run out")
    return LinkToken(site, conversation, customer, generation)


def _key(secret: str) -> bytes:
    # A key for this purpose alone, as for visitor tokens.
    if not secret:
        raise ValueError("the server's secret is empty")
    return hmac.new(secret.encode(), b"shopbell link v1", hashlib.sha256).hexdigest().encode()
