"""Wire: the WebSocket's frames as pydantic models, the size caps and the close codes (CONTRACT §4).

Pure: turns bytes into frames and frames into bytes, and knows no socket.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

SUBPROTOCOL: Final = "shopbell.v1"
VERSION: Final = 1

MAX_FRAME_BYTES: Final = 65_536
"""64 KiB inbound: a message of 4,000 code points is at most 16 kB; a 153 KB deflate bomb cost 172 MB (DESIGN §10)."""
MAX_TEXT_CHARS: Final = 4_000
"""Code points in a customer's message."""

MAX_FILES: Final = 5
"""Attachments of one message."""

HELLO_S: Final = 10.0
PING_S: Final = 25.0
"""25 s: common proxies cut idle sockets at 30 s or 60 s."""

ErrorCode = Literal[
    "bad_frame",
    "too_large",
    "too_fast",
    "unknown_site",
    "forbidden_origin",
    "bad_token",
    "idempotency_mismatch",
    "erased",
    "busy",
    "blocked",
]

# 4000-4499: reconnect with back-off. 4500-4999: do not.
CLOSE_FAILED: Final = 4000
CLOSE_TOO_SLOW: Final = 4001
CLOSE_RESTART: Final = 4002
CLOSE_TOO_MANY: Final = 4003
CLOSE_IDLE: Final = 4008
CLOSE_BAD_FRAME: Final = 4500
CLOSE_VERSION: Final = 4501
CLOSE_FORBIDDEN: Final = 4502
CLOSE_ERASED: Final = 4503
CLOSE_TOO_LARGE: Final = 1009

ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""An id made by a client."""
AnyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_:-]{1,64})?$")]
"""An id made by a client or by the server; the server's contain a colon."""
Seq = Annotated[int, Field(ge=0, le=2**53 - 1, strict=True)]


class Frame(BaseModel):
    """What every frame is: strict, frozen. Unknown fields are ignored, so that an older server takes a newer widget."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, defer_build=True)


def _cut(size: int) -> BeforeValidator:
    """Cuts a text that is not the customer's own: the page's address, say, is no reason to refuse the customer."""
    return BeforeValidator(lambda value: value[:size] if isinstance(value, str) else value)


class Page(Frame):
    """The page that the customer is on."""

    url: Annotated[str, _cut(2_048)] = ""
    title: Annotated[str, _cut(300)] = ""


class HmacIdentity(Frame):
    """An identity that a shop theme can make; checked in `server.auth`."""

    customer: Annotated[str, Field(max_length=256)]
    email: Annotated[str, Field(max_length=320)] = ""
    at: int | Annotated[str, Field(max_length=20)]
    hmac: Annotated[str, Field(max_length=128)]


IdentityField = Annotated[str, Field(min_length=1, max_length=8_192)] | HmacIdentity


class Hello(Frame):
    """Opens a session. `after` is the last seq that the client has."""

    t: Literal["hello"]
    v: Annotated[int, Field(strict=True)]
    site: Annotated[str, Field(min_length=1, max_length=80)]
    token: Annotated[str, Field(max_length=4_096)] | None = None
    identity: IdentityField | None = None
    conversation: AnyId | None = None
    after: Seq = 0
    epoch: Annotated[str, Field(max_length=128)] | None = None
    locale: Annotated[str, Field(max_length=35)] | None = None
    page: Page | None = None


class Say(Frame):
    """A customer's message."""

    t: Literal["say"]
    id: ClientId
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]
    files: list[ClientId] = Field(default_factory=list, max_length=MAX_FILES)


class Identify(Frame):
    """The customer signed in on the page."""

    t: Literal["identify"]
    identity: IdentityField


class Logout(Frame):
    """The customer signed out on the page."""

    t: Literal["logout"]


class Decide(Frame):
    """The customer's answer to a call that was asked of the customer."""

    t: Literal["decide"]
    call: AnyId
    approve: bool


class Verify(Frame):
    """Asks for a code by mail, for a call that waits for a proof. Who is known needs neither order nor address."""

    t: Literal["verify"]
    id: ClientId
    call: AnyId
    order: Annotated[str, Field(max_length=64)] | None = None
    email: Annotated[str, Field(max_length=320)] | None = None


class Code(Frame):
    """The code that came by mail."""

    t: Literal["code"]
    id: ClientId
    call: AnyId
    code: Annotated[str, Field(max_length=64)]


class Stop(Frame):
    """Ends this turn, if it is the one that runs."""

    t: Literal["stop"]
    turn: AnyId


class Human(Frame):
    """Asks for a person, once."""

    t: Literal["human"]
    id: ClientId


class Transcript(Frame):
    """Asks for all that was said by mail, to the address that is known to be the customer's."""

    t: Literal["transcript"]
    id: ClientId


class Rate(Frame):
    """A thumb for one message (`of`), or 1 to 5 for the whole conversation."""

    t: Literal["rate"]
    id: ClientId
    of: AnyId | None = None
    score: Annotated[int, Field(strict=True)]
    text: Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | None = None

    @model_validator(mode="after")
    def _score_fits(self) -> "Rate":
        allowed = (1, -1) if self.of is not None else (1, 2, 3, 4, 5)
        if self.score not in allowed:
            raise ValueError(f"expected a score of {allowed}, got {self.score}")
        return self


class Typing(Frame):
    """The customer is typing."""

    t: Literal["typing"]


class Seen(Frame):
    """The customer has seen everything up to `seq`."""

    t: Literal["seen"]
    seq: Seq


class Pong(Frame):
    """Answers a ping."""

    t: Literal["pong"]


ClientFrame = Annotated[
    Hello | Say | Identify | Logout | Decide | Verify | Code | Stop | Human | Transcript | Rate | Typing | Seen | Pong,
    Field(discriminator="t"),
]
_FRAME: Final[TypeAdapter[ClientFrame]] = TypeAdapter(ClientFrame, config=ConfigDict(defer_build=True))


class BadFrame(Exception):
    """The bytes are no frame of the contract. `message` says what was expected and what came.

    `frame_id` names the frame if it had an id; `too_long` says that only its text was too long, which the sender may mend;
    `close` is the close code.
    """

    def __init__(
        self, message: str, *, frame_id: str | None = None, too_long: bool = False, close: int = CLOSE_BAD_FRAME
    ) -> None:
        super().__init__(message)
        self.message = message
        self.frame_id = frame_id
        self.too_long = too_long
        self.close = close


def items(text: str | bytes) -> list[Any]:
    """What stands in one inbound text frame: an object, or the objects of an array. `frame` says what each of them is.

    Raises:
        BadFrame: not JSON (orjson refuses NaN, lone surrogates and deep nesting).
    """
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as err:
        raise BadFrame(f"expected JSON, got {str(text[:40])!r} ({err})") from None
    return value if isinstance(value, list) else [value]


def frame(item: Any) -> ClientFrame:  # noqa: ANN401 - a JSON value
    """The frame that this JSON value is.

    Raises:
        BadFrame: not an object, or not a known frame.
    """
    try:
        return _FRAME.validate_python(item)
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False)[0]
        name, frame_id, version = map(item.get, ("t", "id", "v")) if isinstance(item, dict) else (None, None, None)
        if name == "hello" and type(version) is int and version != VERSION:
            # Whatever else another version's hello has: what it needs to know is that this one is spoken here.
            raise BadFrame(f"expected v: {VERSION}, got {version}", close=CLOSE_VERSION) from None
        where = ".".join(str(part) for part in first["loc"][1:]) or "t"
        # A code is shown to nobody, not even to who typed it.
        got = "" if name == "code" or where == "code" else f", got {first['input']!r:.60}"
        message = f"{name!r}: {where}: {first['msg']}{got}"
        too_long = first["type"] == "string_too_long" and where == "text"
        raise BadFrame(
            message, frame_id=frame_id[:64] if isinstance(frame_id, str) else None, too_long=too_long
        ) from None


def dump(frames: Sequence[Mapping[str, Any]]) -> bytes:
    """One outbound text frame: an object when there is one frame, an array when there are several."""
    return orjson.dumps(frames[0] if len(frames) == 1 else list(frames))


def error(
    code: ErrorCode, message: str, *, retry_after_s: float | None = None, frame_id: str | None = None
) -> dict[str, Any]:
    """An `error` frame."""
    out: dict[str, Any] = {"t": "error", "code": code, "message": message}
    if retry_after_s is not None:
        out["retry_after_s"] = round(retry_after_s, 1)
    if frame_id is not None:
        out["id"] = frame_id
    return out
