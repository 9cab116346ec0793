"""Frames: what staff's browsers may send on `GET /v1/desk` (CONTRACT §4).

Pure: turns JSON values into frames, and knows no socket.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from server.wire import MAX_FILES, MAX_TEXT_CHARS, VERSION, AnyId, BadFrame, ClientId, Frame, Seq

Queue = Literal["waiting", "mine", "all", "approvals", "closed"]
QUEUES: Final[tuple[Queue, ...]] = ("waiting", "mine", "all", "approvals", "closed")
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class On(Frame):
    """A frame about one conversation; `site` may be left out by staff who see one site only."""

    conversation: AnyId
    site: Annotated[str, Field(max_length=80)] | None = None


class Watch(On):
    """Show this conversation from `after` on."""

    t: Literal["watch"]
    after: Seq = 0


class Unwatch(On):
    """Show it no longer."""

    t: Literal["unwatch"]


class List(Frame):
    """Show this queue, and keep it current."""

    t: Literal["list"]
    queue: Queue
    site: Annotated[str, Field(max_length=80)] | None = None


class Take(On):
    """Take the conversation: from the queue, from the agent in mid-sentence, or (`force`) from a colleague."""

    t: Literal["take"]
    force: bool = False


class Reply(On):
    """Say something to the customer."""

    t: Literal["reply"]
    id: ClientId
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]
    files: list[ClientId] = Field(default_factory=list, max_length=MAX_FILES)


class Note(On):
    """Say something to colleagues only."""

    t: Literal["note"]
    id: ClientId
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]


class Decide(On):
    """Decide a call that waits for staff: exactly the arguments with this hash, or edited ones."""

    t: Literal["decide"]
    call: AnyId
    approve: bool
    args_sha256: Sha256
    comment: Annotated[str, Field(max_length=1_000)] = ""
    args: dict[str, Any] | None = None


class Release(On):
    """Hand the conversation back to the agent, put it back into the queue for a colleague, or close it."""

    t: Literal["release"]
    to: Literal["agent", "waiting", "closed"]
    reason: Annotated[str, Field(max_length=200)] = ""
    answer: bool = False
    """The agent is to answer what the customer said last; else it waits for new words."""


class Assign(On):
    """Offer the conversation to a colleague who is at the desk: one that waits, or one's own."""

    t: Literal["assign"]
    to: Annotated[str, Field(min_length=1, max_length=80)]


class Approval(On):
    """Show the amount of a call that waits for staff, and the limits that it counts against."""

    t: Literal["approval"]
    call: AnyId


class Card(On):
    """Show what is known of the customer."""

    t: Literal["card"]


class Suggest(On):
    """Show what the agent would answer."""

    t: Literal["suggest"]
    id: ClientId


class Search(Frame):
    """Find conversations in which something was said."""

    t: Literal["search"]
    query: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]


class Tag(On):
    """Put a tag on, or take it off. People type it: one that is none is said to be none, and ends no connection."""

    t: Literal["tag"]
    tag: Annotated[str, Field(max_length=MAX_TEXT_CHARS)]
    on: bool = True


class Snooze(On):
    """Take it out of the queues until then, or until the customer writes; without a time, back into them."""

    t: Literal["snooze"]
    until_ms: Annotated[int, Field(ge=0, le=2**53)] | None = None


class Block(On):
    """Take nothing more from this visitor, until then or for good; or take it again."""

    t: Literal["block"]
    on: bool
    until_ms: Annotated[int, Field(ge=0, le=2**53)] | None = None


class Transcript(On):
    """Mail all that was said to the address that is known to be the customer's."""

    t: Literal["transcript"]
    id: ClientId


class Typing(On):
    """A person is writing."""

    t: Literal["typing"]


class Seen(On):
    """A person has read up to here."""

    t: Literal["seen"]
    seq: Seq


class Hello(Frame):
    """A front end begins here as on the customers' line. The cookie has said whose it is, and the welcome is sent already."""

    t: Literal["hello"]
    v: int = VERSION


class Pong(Frame):
    """The answer to a ping."""

    t: Literal["pong"]


Deed = Take | Reply | Note | Decide | Release | Assign | Typing | Seen
Beside = Approval | Card | Suggest | Search | Tag | Snooze | Block | Transcript
DeskFrame = Hello | Watch | Unwatch | List | Pong | Deed | Beside

_FRAME: Final[TypeAdapter[DeskFrame]] = TypeAdapter(
    Annotated[DeskFrame, Field(discriminator="t")], config=ConfigDict(defer_build=True)
)


def frame(item: Any) -> DeskFrame:  # noqa: ANN401 - a JSON value
    """The frame that this JSON value is.

    Raises:
        BadFrame: it is none; the message says what was expected.
    """
    try:
        return _FRAME.validate_python(item)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"][1:])
        found = item.get("id") if isinstance(item, dict) else None
        frame_id = found if isinstance(found, str) and len(found) <= 64 else None
        raise BadFrame(f"{where or 'frame'}: {first['msg']}", frame_id=frame_id) from None
