"""Answers: what the JSON endpoints share: bodies that are checked, errors in the contract's form, and who is asking.

It knows no endpoint.
"""

import asyncio
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from server.auth import Refused

_T = TypeVar("_T", bound=BaseModel)

MAX_BODY_BYTES: Final = 65_536
"""As a WebSocket frame (CONTRACT §4)."""
BODY_S: Final = 10.0
"""For a whole body; as the handshake."""

STATUS: Final[Mapping[str, int]] = {
    "bad_frame": 400,
    "unauthorized": 401,
    "bad_token": 401,
    "forbidden": 403,
    "forbidden_origin": 403,
    "blocked": 403,
    "not_found": 404,
    "unknown_site": 404,
    "method_not_allowed": 405,
    "idempotency_mismatch": 409,
    "refused": 409,
    "erased": 410,
    "too_large": 413,
    "bad_file": 415,
    "too_fast": 429,
    "failed": 500,
    "busy": 503,
}


async def body_of(request: Request, model: type[_T]) -> _T:
    """The request's JSON body; an empty one is `{}`.

    Raises:
        Refused: too large, too slow, or not what the model expects.
    """
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                data += part
                if len(data) > MAX_BODY_BYTES:
                    raise Refused("too_large", f"a body has at most {MAX_BODY_BYTES} bytes")
    except (TimeoutError, ClientDisconnect):
        raise Refused("bad_frame", f"the body did not come within {BODY_S:g} s") from None
    return parsed(model, bytes(data) or b"{}", strict=True)


def parsed(model: type[_T], data: bytes, *, strict: bool) -> _T:
    """The JSON as the model.

    Raises:
        Refused: it does not fit; the message names the first place.
    """
    try:
        return model.model_validate_json(data, strict=strict)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "body"
        raise Refused("bad_frame", f"{where}: {first['msg']}") from None


def as_json(status: int, body: object) -> Response:
    """A JSON answer that nobody keeps."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body), status, headers, "application/json")


def as_error(code: str, message: str) -> Response:
    """An error in the contract's form; its status follows from the code."""
    return as_json(STATUS.get(code, 400), {"error": {"code": code, "message": message}})


def bearer(request: Request) -> str:
    """The credential of `Authorization: Bearer …`; empty without one."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def from_this_machine(request: Request) -> bool:
    """Whether the request comes from this machine, and through no proxy."""
    # A proxy on this machine would make the whole world look like loopback.
    if any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip", "via")):
        return False
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
