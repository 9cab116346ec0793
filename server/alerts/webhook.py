"""Webhook: one signed POST to a chat tool, through the same guard as the tools over HTTP.

It decides nothing about what is said, and no message of it names the URL: whoever has that can write there.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson

from tools.connectors.client import Client, Request
from tools.types import AnswerLost, NotSent

TIMEOUT_S: Final = 10.0
"""Chat tools answer within a second; nobody waits for it."""
PREFIX: Final = "whsec_"
_LATER: Final = frozenset({408, 425, 429})
"""Answers below 500 after which it may be tried again."""


class HookError(Exception):
    """It was not taken; trying again does not help. Says why, without the URL."""


class HookFailed(HookError):
    """It was not taken, or nobody knows; it may be tried again, under the same id."""


def key_of(secret: str) -> bytes:
    """The key behind a secret: of `whsec_…` the bytes in base64 (Standard Webhooks), else its own letters.

    Raises:
        ValueError: what stands behind `whsec_` is no base64, or empty.
    """
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError(f"expected {PREFIX} and base64 behind it")
    return key


def signed(secret: str | None, hook_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks: id, timestamp in Unix seconds and, with a secret, the signature.

    Raises:
        ValueError: as `key_of` says.
    """
    headers = {"webhook-id": hook_id, "webhook-timestamp": str(at_s)}
    if secret is not None:
        said = hmac.new(key_of(secret), f"{hook_id}.{at_s}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(said).decode()}"
    return headers


async def post(client: Client, url: str, secret: str | None, hook_id: str, at_s: int, said: Mapping[str, Any]) -> None:
    """Send it once. `hook_id` is the same for every attempt, so that a receiver can tell a repeat.

    Raises:
        HookError: it is refused for good, or the URL or the secret is none.
        HookFailed: it can be tried again.
    """
    body = orjson.dumps(said)
    try:
        request = Request("POST", httpx.URL(url), signed(secret, hook_id, at_s, body), body)
    except (httpx.InvalidURL, ValueError):
        raise HookError("the URL or the secret of the webhook is none") from None
    try:
        answer = await client.send(request, timeout_s=TIMEOUT_S, once=True)
    except (NotSent, AnswerLost) as error:
        raise HookFailed(str(error)) from None
    if 200 <= answer.status < 300:
        return
    again = answer.status >= 500 or answer.status in _LATER
    raise (HookFailed if again else HookError)(f"the webhook was answered with {answer.status}")
