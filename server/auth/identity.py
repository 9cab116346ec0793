"""Identity: who the merchant's backend says a customer is, as a JWT or as the hex HMAC of a shop theme.

Keeps no state and reads no clock. No message names a secret or a credential.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from jwt import PyJWTError
from jwt.algorithms import HMACAlgorithm

from server.auth.signed import JWS, JWT, MAX_TOKEN_CHARS, Refused, bad, verified

IDENTITY_TTL_S: Final = 3_600
"""CONTRACT §4: an identity ends at most one hour ahead."""
LEEWAY_S: Final = 60
"""How far a merchant's clock may run ahead of ours. Never used to lengthen a life: what has ended, has ended."""
WEAK_SECRET_BYTES: Final = 32
"""RFC 7518 §3.2: an HS256 key must be as long as its hash."""

_MAX_CUSTOMER_CHARS: Final = 200
_MAX_EMAIL_CHARS: Final = 320  # RFC 3696: 64 + 1 + 255
_MAX_NAME_CHARS: Final = 200
_MAX_TAGS: Final = 20
_TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", re.ASCII)
_HMAC_KEYS: Final = frozenset({"customer", "email", "at", "hmac"})


@dataclass(frozen=True, slots=True)
class Identity:
    """A customer as the merchant's backend vouches for them, until `until_s` (Unix seconds)."""

    customer: str
    email: str | None
    name: str | None
    until_s: int
    tags: tuple[str, ...] = ()
    """What the shop says of this customer beside who it is, such as `vip`. Of no account for any permission."""


def verify_identity(
    identity: str | Mapping[str, Any],
    *,
    site_key: str,
    secrets: Mapping[str | None, str],
    now_s: float,
) -> Identity:
    """Who the merchant says this is: a JWT (HS256), or the hex HMAC that a shop theme can make (docs/identity.md).

    `secrets` are the site's, by `kid`; None is the one without a name. A JWT that names no `kid`, and an HMAC, are
    tried against each, so that a secret can be changed while pages signed with the old one are still open.

    Raises:
        Refused: `bad_token`, with why.
    """
    known = {kid: secret for kid, secret in secrets.items() if secret}
    if not known:
        raise bad("this site has no identity secret")
    if isinstance(identity, str):
        return _verify_jwt(identity, site_key, known, now_s)
    if isinstance(identity, Mapping):
        return _verify_hmac(identity, known, now_s)
    raise bad("the identity must be a JWT or an object with customer, email, at and hmac")


def sign_identity(secret: str, identity: Identity, *, site_key: str, now_s: float, kid: str | None = None) -> str:
    """An identity JWT as a merchant's backend would sign it, until `identity.until_s` (at most one hour ahead).

    Raises:
        ValueError: no secret, or an identity that `verify_identity` would refuse.
    """
    if not secret:
        raise ValueError("the site has no identity secret to sign with")
    if identity.until_s > now_s + IDENTITY_TTL_S:
        raise ValueError(f"an identity ends at most {IDENTITY_TTL_S} s ahead, got {identity.until_s - int(now_s)} s")
    claims: dict[str, Any] = {
        "sub": identity.customer,
        "aud": site_key,
        "iat": int(now_s),
        "exp": identity.until_s,
        "email": identity.email,
        "name": identity.name,
        "tags": list(identity.tags) or None,
    }
    present = {claim: value for claim, value in claims.items() if value is not None}
    headers = {"kid": kid} if kid is not None else None
    try:
        text = JWS.encode(orjson.dumps(present), secret, algorithm="HS256", headers=headers)
        verify_identity(text, site_key=site_key, secrets={kid: secret}, now_s=now_s)
    except (Refused, PyJWTError, TypeError) as error:
        raise ValueError(str(error)) from error
    return text


def sign_hmac(secret: str, *, customer: str, email: str, at: int | str) -> dict[str, str]:
    """The identity object of a theme that can only make a hex HMAC; `at` in Unix seconds."""
    signed = f"{customer}\n{email}\n{at}".encode()
    return {
        "customer": customer,
        "email": email,
        "at": str(at),
        "hmac": hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
    }


def weak_secret(secret: str) -> str | None:
    """What is wrong with an identity secret, as a sentence for `shopbell check`; None when nothing is."""
    size = len(secret.encode())
    if size < WEAK_SECRET_BYTES:
        return f"the identity secret is {size} bytes long; use {WEAK_SECRET_BYTES} random bytes (openssl rand -hex 32)"
    if len(set(secret)) < 8:  # 32 random hex digits have fewer than 8 different ones once in 10^7
        return "the identity secret repeats a few characters; use random bytes (openssl rand -hex 32)"
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except PyJWTError:
        return "the identity secret looks like a public key or a certificate; use random bytes (openssl rand -hex 32)"
    return None


def _verify_jwt(text: str, site_key: str, secrets: Mapping[str | None, str], now_s: float) -> Identity:
    refused = bad("the identity is malformed")
    for secret in _candidates(text, secrets):
        try:
            _, claims = verified(text, secret, "identity")
        except Refused as error:
            refused = error
        else:
            return _identity_of(claims, site_key, now_s)
    raise refused


def _candidates(text: str, secrets: Mapping[str | None, str]) -> Sequence[str]:
    if len(text) > MAX_TOKEN_CHARS or not JWT.fullmatch(text):
        raise bad("the identity is malformed")
    try:
        kid = JWS.get_unverified_header(text).get("kid")
    except PyJWTError:
        raise bad("the identity is malformed") from None
    if kid is None:
        return list(secrets.values())
    if not isinstance(kid, str) or kid not in secrets:
        raise bad("the identity names a key (kid) that this site does not have")
    return [secrets[kid]]


def _identity_of(claims: Mapping[str, Any], site_key: str, now_s: float) -> Identity:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if site_key not in audiences or not all(isinstance(one, str) for one in audiences):
        raise bad("the identity is meant for another site (aud)")
    until_s = _seconds(claims, "exp")
    if until_s is None:
        raise bad("the identity has no end (exp)")
    if until_s <= now_s:
        raise bad("the identity has expired")
    if until_s > now_s + IDENTITY_TTL_S + LEEWAY_S:
        raise bad("the identity ends more than one hour ahead (exp)")
    for claim in ("nbf", "iat"):
        start_s = _seconds(claims, claim)
        if start_s is not None and start_s > now_s + LEEWAY_S:
            raise bad(f"the identity is not valid yet ({claim})")
    customer = _word(claims.get("sub"), "sub", _MAX_CUSTOMER_CHARS)
    email = _word(claims["email"], "email", _MAX_EMAIL_CHARS) if claims.get("email") is not None else None
    name = _word(claims["name"], "name", _MAX_NAME_CHARS) if claims.get("name") is not None else None
    if not customer:
        raise bad("the identity names no customer (sub)")
    return Identity(customer, email or None, name or None, int(until_s), _tags(claims.get("tags")))


def _tags(value: object) -> tuple[str, ...]:
    """The tags that are words; a claim of that name that a shop uses for something else is passed over."""
    listed = value if isinstance(value, list) else []
    return tuple(one for one in listed if isinstance(one, str) and _TAG.fullmatch(one))[:_MAX_TAGS]


def _seconds(claims: Mapping[str, Any], claim: str) -> float | None:
    value = claims.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(f"the identity's {claim} must be a number of seconds")
    return float(value)


def _word(value: object, what: str, limit: int) -> str:
    if not isinstance(value, str):
        raise bad(f"the identity's {what} must be a text")
    # Line ends and other controls: "a\nb" + "c" must not sign the same bytes as "a" + "b\nc".
    if len(value) > limit or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise bad(f"the identity's {what} is too long or holds control characters")
    return value


def _verify_hmac(identity: Mapping[str, Any], secrets: Mapping[str | None, str], now_s: float) -> Identity:
    # Exactly these: anything more would be unsigned, and a visitor could have written it.
    if set(identity) != _HMAC_KEYS:
        raise bad("the identity must have exactly customer, email, at and hmac")
    customer = _word(identity["customer"], "customer", _MAX_CUSTOMER_CHARS)
    email = _word(identity["email"], "email", _MAX_EMAIL_CHARS)
    at, given = identity["at"], identity["hmac"]
    if (
        isinstance(at, bool)
        or not isinstance(at, int | str)
        or not re.fullmatch(r"[1-9][0-9]{0,11}", str(at), re.ASCII)
    ):
        raise bad("the identity's at must be Unix seconds")
    if not isinstance(given, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", given):
        raise bad("the identity's hmac must be 64 hex digits")
    if not customer:
        raise bad("the identity names no customer")
    # Two line ends are in what is signed and none in a JWT, so that neither signature can serve as the other.
    try:
        signed = f"{customer}\n{email}\n{at}".encode()
    except UnicodeEncodeError:
        raise bad("the identity is malformed") from None
    # A list, not a generator: every secret costs the same time, whichever fits.
    matches = [
        hmac.compare_digest(hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(), given.lower())
        for secret in secrets.values()
    ]
    if not any(matches):
        raise bad("the identity is not signed as expected")
    at_s = int(at)
    if at_s > now_s + LEEWAY_S:
        raise bad("the identity is from the future (at)")
    if at_s + IDENTITY_TTL_S <= now_s:
        raise bad("the identity has expired")
    return Identity(customer, email or None, None, at_s + IDENTITY_TTL_S)
