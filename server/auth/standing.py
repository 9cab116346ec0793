"""Standing: the claims that a conversation's own tokens have in common, signed for one purpose each.

Reads no clock. Each kind has a key of its own, so nothing that was signed for one purpose can be read for another.
"""

import hashlib
import hmac
from dataclasses import dataclass

import orjson

from server.auth.signed import JWS, bad, verified


@dataclass(frozen=True, slots=True)
class Kind:
    """What tokens are for. `name` is their `typ` and `aud`, which no site's key (`pk_…`) equals; `key` derives their key."""

    name: str
    key: bytes
    ttl_s: int
    what: str
    """In messages: "the {what} has expired"."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose conversation a token opens, as it says itself. `generation` is the sign-in it was made in."""

    site: str
    conversation: str
    customer: str | None
    generation: int


def sealed(kind: Kind, secret: str, standing: Standing, now_s: float) -> str:
    """The token as text, good from `now_s` for as long as its kind is.

    Raises:
        ValueError: the secret is empty.
    """
    claims = {
        "aud": kind.name,
        "site": standing.site,
        "con": standing.conversation,
        "cus": standing.customer,
        "gen": standing.generation,
        "exp": int(now_s) + kind.ttl_s,
    }
    return JWS.encode(orjson.dumps(claims), _key(kind, secret), algorithm="HS256", headers={"typ": kind.name})


def opened(kind: Kind, secret: str, text: str, now_s: float) -> tuple[Standing, int]:
    """What a token of this kind says, and when it ends (Unix time, seconds), if it is ours and still good.

    Raises:
        Refused: `bad_token`, with why.
    """
    header, claims = verified(text, _key(kind, secret), kind.what)
    if header.get("typ") != kind.name or claims.get("aud") != kind.name:
        raise bad(f"the {kind.what} was made for something else")
    site, conversation, customer = claims.get("site"), claims.get("con"), claims.get("cus")
    generation, expires_s = claims.get("gen"), claims.get("exp")
    if not (isinstance(site, str) and isinstance(conversation, str) and isinstance(customer, str | None)):
        raise bad(f"the {kind.what} is incomplete")
    if type(generation) is not int or type(expires_s) is not int:
        raise bad(f"the {kind.what} is incomplete")
    if expires_s <= now_s:
        raise bad(f"the {kind.what} has expired")
    return Standing(site, conversation, customer, generation), expires_s


def _key(kind: Kind, secret: str) -> bytes:
    if not secret:
        raise ValueError("the server's secret is empty")
    return hmac.new(secret.encode(), kind.key, hashlib.sha256).hexdigest().encode()
