"""Content: an event's body as the bytes that are stored, and the salted commitment that proves them.

Pure: no I/O, no clock, makes no salt.
"""

import hashlib
from collections.abc import Mapping

import orjson


def encode(value: object) -> bytes:
    """The value as JSON, in its own key order.

    Raises:
        TypeError: it is no JSON value.
    """
    return orjson.dumps(value, default=_plain)


def commitment(salt: bytes, kind: str, role: str, body: Mapping[str, object]) -> bytes:
    """SHA-256 over the salt and the canonical (sorted, compact) JSON of kind, role and body.

    Raises:
        TypeError: the body is no JSON value.
    """
    content = orjson.dumps([kind, role, body], default=_plain, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(salt + content).digest()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"expected a JSON value, got {type(value).__name__}")
