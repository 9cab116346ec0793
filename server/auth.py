"""Auth: who may connect, and who they are: visitor tokens, merchants' identities, origins.

Keeps no state and reads no clock: secrets and times come in as arguments. No message names a secret or a credential.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any, Final

import orjson
from jwt import PyJWS, PyJWTError
from jwt.algorithms import HMACAlgorithm

FORBIDDEN: Final = 4502
"""The close code of CONTRACT §4 for bad tokens and origins: the client does not come back with the same credential."""

TOKEN_TTL_S: Final = 30 * 86_400
"""CONTRACT §4: 30 days, sliding."""
RENEW_AFTER_S: Final = 86_400
"""A token older than a day is renewed over the socket: sliding, yet at most one new token a day per visitor."""
IDENTITY_TTL_S: Final = 3_600
"""CONTRACT §4: an identity ends at most one hour ahead."""
LEEWAY_S: Final = 60
"""How far a merchant's clock may run ahead of ours. Never used to lengthen a life: what has ended, has ended."""
WEAK_SECRET_BYTES: Final = 32
"""RFC 7518 §3.2: an HS256 key must be as long as its hash."""

_MAX_TOKEN_CHARS: Final = 4_096  # a page's token has about 300; whatever is longer is not even decoded
_MAX_CUSTOMER_CHARS: Final = 200
_MAX_EMAIL_CHARS: Final = 320  # RFC 3696: 64 + 1 + 255
_MAX_NAME_CHARS: Final = 200
_JWT: Final = re.compile(r"[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{43}")
_VISITOR: Final = (
    "shopbell-visitor"  # `typ` and `aud` of our own tokens; a site's key starts with pk_, so no identity fits
)
_HMAC_KEYS: Final = frozenset({"customer", "email", "at", "hmac"})


class Refused(Exception):
    """A client's credential, origin or frame was turned down. `code` and the message are for the client to read.

    `close` is the close code that belongs to it, None when the connection may stay.
    """

    def __init__(self, code: str, message: str, *, close: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.close = close


class _Hs256(HMACAlgorithm):
    def check_key_length(self, key: bytes) -> str | None:  # noqa: ARG002 - the base class's signature
        return None  # `shopbell check` tells the merchant about a weak secret, once; a warning per message helps nobody


def _jws() -> PyJWS:
    jws = PyJWS(algorithms=[])
    jws.register_algorithm("HS256", _Hs256(hashlib.sha256))
    return jws


_JWS: Final = _jws()  # never changed after import; it knows one algorithm and nothing else


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


@dataclass(frozen=True, slots=True)
class Identity:
    """A customer as the merchant's backend vouches for them, until `until_s` (Unix seconds)."""

    customer: str
    email: str | None
    name: str | None
    until_s: int


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
    return _JWS.encode(orjson.dumps(claims), _visitor_key(secret), algorithm="HS256", headers=headers)


def read(secret: str, text: str, now_s: float) -> VisitorToken:
    """What a token says, if it is ours and still good.

    Raises:
        Refused: `bad_token`, with why.
    """
    header, claims = _verified(text, _visitor_key(secret), "token")
    if header.get("typ") != _VISITOR or claims.get("aud") != _VISITOR:
        raise _bad("this is not a visitor token")
    site, conversation, customer = claims.get("site"), claims.get("con"), claims.get("cus")
    generation, expires_s = claims.get("gen"), claims.get("exp")
    if not (isinstance(site, str) and isinstance(conversation, str) and isinstance(customer, str | None)):
        raise _bad("the token is incomplete")
    if type(generation) is not int or type(expires_s) is not int:
        raise _bad("the token is incomplete")
    if expires_s <= now_s:
        raise _bad("the token has expired")
    return VisitorToken(site, conversation, customer, generation, expires_s)


def needs_renewal(token: VisitorToken, now_s: float) -> bool:
    """Whether the token is more than a day old."""
    return token.expires_s - now_s < TOKEN_TTL_S - RENEW_AFTER_S


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
        raise _bad("this site has no identity secret")
    if isinstance(identity, str):
        return _verify_jwt(identity, site_key, known, now_s)
    if isinstance(identity, Mapping):
        return _verify_hmac(identity, known, now_s)
    raise _bad("the identity must be a JWT or an object with customer, email, at and hmac")


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
    }
    present = {claim: value for claim, value in claims.items() if value is not None}
    headers = {"kid": kid} if kid is not None else None
    try:
        text = _JWS.encode(orjson.dumps(present), secret, algorithm="HS256", headers=headers)
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


def _visitor_key(secret: str) -> bytes:
    # A key for this purpose alone: nothing else that the server's secret signs can ever be read as a visitor token.
    if not secret:
        raise ValueError("the server's secret is empty")
    return hmac.new(secret.encode(), b"shopbell visitor token v1", hashlib.sha256).hexdigest().encode()


def _bad(why: str) -> Refused:
    return Refused("bad_token", why, close=FORBIDDEN)


def _verified(text: str, key: str | bytes, what: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a compact HS256 JWS whose signature holds."""
    # The pattern also refuses padding, so that a token has exactly one spelling.
    if not isinstance(text, str) or len(text) > _MAX_TOKEN_CHARS or not _JWT.fullmatch(text):
        raise _bad(f"the {what} is malformed")
    try:
        whole = _JWS.decode_complete(text, key, algorithms=["HS256"])
        claims = orjson.loads(whole["payload"])
    except (PyJWTError, orjson.JSONDecodeError):
        raise _bad(f"the {what} is not signed as expected") from None
    if not isinstance(claims, dict):
        raise _bad(f"the {what} is malformed")
    return whole["header"], claims


def _verify_jwt(text: str, site_key: str, secrets: Mapping[str | None, str], now_s: float) -> Identity:
    refused = _bad("the identity is malformed")
    for secret in _candidates(text, secrets):
        try:
            _, claims = _verified(text, secret, "identity")
        except Refused as error:
            refused = error
        else:
            return _identity_of(claims, site_key, now_s)
    raise refused


def _candidates(text: str, secrets: Mapping[str | None, str]) -> Sequence[str]:
    if len(text) > _MAX_TOKEN_CHARS or not _JWT.fullmatch(text):
        raise _bad("the identity is malformed")
    try:
        kid = _JWS.get_unverified_header(text).get("kid")
    except PyJWTError:
        raise _bad("the identity is malformed") from None
    if kid is None:
        return list(secrets.values())
    if not isinstance(kid, str) or kid not in secrets:
        raise _bad("the identity names a key (kid) that this site does not have")
    return [secrets[kid]]


def _identity_of(claims: Mapping[str, Any], site_key: str, now_s: float) -> Identity:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if site_key not in audiences or not all(isinstance(one, str) for one in audiences):
        raise _bad("the identity is meant for another site (aud)")
    until_s = _seconds(claims, "exp")
    if until_s is None:
        raise _bad("the identity has no end (exp)")
    if until_s <= now_s:
        raise _bad("the identity has expired")
    if until_s > now_s + IDENTITY_TTL_S + LEEWAY_S:
        raise _bad("the identity ends more than one hour ahead (exp)")
    for claim in ("nbf", "iat"):
        start_s = _seconds(claims, claim)
        if start_s is not None and start_s > now_s + LEEWAY_S:
            raise _bad(f"the identity is not valid yet ({claim})")
    customer = _word(claims.get("sub"), "sub", _MAX_CUSTOMER_CHARS)
    email = _word(claims["email"], "email", _MAX_EMAIL_CHARS) if claims.get("email") is not None else None
    name = _word(claims["name"], "name", _MAX_NAME_CHARS) if claims.get("name") is not None else None
    if not customer:
        raise _bad("the identity names no customer (sub)")
    return Identity(customer, email or None, name or None, int(until_s))


def _seconds(claims: Mapping[str, Any], claim: str) -> float | None:
    value = claims.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(f"the identity's {claim} must be a number of seconds")
    return float(value)


def _word(value: object, what: str, limit: int) -> str:
    if not isinstance(value, str):
        raise _bad(f"the identity's {what} must be a text")
    # Line ends and other controls: "a\nb" + "c" must not sign the same bytes as "a" + "b\nc".
    if len(value) > limit or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise _bad(f"the identity's {what} is too long or holds control characters")
    return value


def _verify_hmac(identity: Mapping[str, Any], secrets: Mapping[str | None, str], now_s: float) -> Identity:
    # Exactly these: anything more would be unsigned, and a visitor could have written it.
    if set(identity) != _HMAC_KEYS:
        raise _bad("the identity must have exactly customer, email, at and hmac")
    customer = _word(identity["customer"], "customer", _MAX_CUSTOMER_CHARS)
    email = _word(identity["email"], "email", _MAX_EMAIL_CHARS)
    at, given = identity["at"], identity["hmac"]
    if (
        isinstance(at, bool)
        or not isinstance(at, int | str)
        or not re.fullmatch(r"[1-9][0-9]{0,11}", str(at), re.ASCII)
    ):
        raise _bad("the identity's at must be Unix seconds")
    if not isinstance(given, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", given):
        raise _bad("the identity's hmac must be 64 hex digits")
    if not customer:
        raise _bad("the identity names no customer")
    # Two line ends are in what is signed and none in a JWT, so that neither signature can serve as the other.
    try:
        signed = f"{customer}\n{email}\n{at}".encode()
    except UnicodeEncodeError:
        raise _bad("the identity is malformed") from None
    # A list, not a generator: every secret costs the same time, whichever fits.
    matches = [
        hmac.compare_digest(hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(), given.lower())
        for secret in secrets.values()
    ]
    if not any(matches):
        raise _bad("the identity is not signed as expected")
    at_s = int(at)
    if at_s > now_s + LEEWAY_S:
        raise _bad("the identity is from the future (at)")
    if at_s + IDENTITY_TTL_S <= now_s:
        raise _bad("the identity has expired")
    return Identity(customer, email or None, None, at_s + IDENTITY_TTL_S)


_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?)(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def origin_of(text: str) -> str | None:
    """The origin as browsers write it: lower case, no default port; None when it is no http(s) origin.

    A path, a user name, white space, `null`, a wildcard, a trailing dot and letters outside ASCII are no origin:
    browsers never send them (they send punycode).
    """
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme, host = match["scheme"].lower(), match["host"].lower()
    try:
        if host.startswith("["):
            host = f"[{IPv6Address(host[1:-1])}]"
        elif re.fullmatch(r"[0-9.]+", host):
            host = str(IPv4Address(host))
    except AddressValueError:
        return None
    if ".." in host:
        return None
    if match["port"] is None:
        return f"{scheme}://{host}"
    port = int(match["port"])
    if not 1 <= port <= 65_535:
        return None
    return f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


class Origins:
    """Which pages may open which site's chat: exact match, deny by default."""

    def __init__(
        self,
        sites: Mapping[str, Iterable[str]],
        *,
        own: Iterable[str] = (),
        own_sites: Iterable[str] = (),
    ) -> None:
        """Take each site key's origins; `own` are the server's own origins, which count for `own_sites` (--demo).

        Raises:
            ValueError: a configured origin is none.
        """
        found: dict[str, set[str]] = {}
        for key, origins in [*sites.items(), *((key, own) for key in own_sites)]:
            for given in origins:
                origin = origin_of(given)
                if origin is None:
                    raise ValueError(f"site {key}: expected an origin such as https://shop.example, got {given!r}")
                found.setdefault(origin, set()).add(key)
        self._sites: Mapping[str, frozenset[str]] = {origin: frozenset(keys) for origin, keys in found.items()}

    def sites(self, origin: str | None) -> frozenset[str]:
        """The keys of the sites that list this origin; empty when it is missing, `null`, or nobody's: answer 403."""
        normal = origin_of(origin) if origin else None
        return self._sites.get(normal, frozenset()) if normal else frozenset()

    def check(self, origin: str | None, site_key: str) -> None:
        """Raise `Refused` (`forbidden_origin`, 4502) unless the site lists the origin."""
        if site_key not in self.sites(origin):
            raise Refused("forbidden_origin", "this page may not open the chat of this site", close=FORBIDDEN)
