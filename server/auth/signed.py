"""Signed: what a compact HS256 JWS says, if its signature holds; and the error for what is turned down.

Knows one algorithm and nothing else. No message names a secret or a credential.
"""

import hashlib
import re
from typing import Any, Final

import orjson
from jwt import PyJWS, PyJWTError
from jwt.algorithms import HMACAlgorithm

FORBIDDEN: Final = 4502
"""The close code of CONTRACT §4 for bad tokens and origins: the client does not come back with the same credential."""
MAX_TOKEN_CHARS: Final = 4_096
"""A page's token has about 300; whatever is longer is not even decoded."""
JWT: Final = re.compile(r"[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{43}")
"""It also refuses padding, so that a token has exactly one spelling."""


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


def make_jws() -> PyJWS:
    """A JWS that takes HS256 alone."""
    jws = PyJWS(algorithms=[])
    jws.register_algorithm("HS256", _Hs256(hashlib.sha256))
    return jws


JWS: Final = make_jws()
"""Never changed after import; it knows one algorithm and nothing else."""


def bad(why: str) -> Refused:
    """`bad_token`, with why."""
    return Refused("bad_token", why, close=FORBIDDEN)


def verified(text: str, key: str | bytes, what: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a compact HS256 JWS whose signature holds.

    Raises:
        Refused: `bad_token`, with why.
    """
    if not isinstance(text, str) or len(text) > MAX_TOKEN_CHARS or not JWT.fullmatch(text):
        raise bad(f"the {what} is malformed")
    try:
        whole = JWS.decode_complete(text, key, algorithms=["HS256"])
        claims = orjson.loads(whole["payload"])
    except (PyJWTError, orjson.JSONDecodeError):
        raise bad(f"the {what} is not signed as expected") from None
    if not isinstance(claims, dict):
        raise bad(f"the {what} is malformed")
    return whole["header"], claims
