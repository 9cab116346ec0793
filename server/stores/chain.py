"""Chain: what ties each event of a conversation to all before it, and the check that nothing was changed since.

Pure: no I/O, no clock. It says that a log was changed, never who changed it, and cannot put it right.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from server.stores.content import commitment, encode

_GENESIS: Final = b"shopbell chain 1\n"
"""Names this way of chaining; another way would begin with another line."""


class Link(NamedTuple):
    """What one link of the chain covers. The commitment stands for kind, role and body, also once the body is erased."""

    seq: int
    at_ms: int
    id: str
    kind: str
    role: str
    turn: str | None
    commitment: bytes


def genesis(conversation: str) -> bytes:
    """What the first link follows: another value for each conversation, so that no log passes for another's."""
    return hashlib.sha256(_GENESIS + conversation.encode()).digest()


def follow(previous: bytes, link: Link) -> bytes:
    """SHA-256 over the previous link and this one's fields as compact JSON, whose ends nobody can mistake."""
    fields = orjson.dumps([*link[:6], link.commitment.hex()])
    return hashlib.sha256(previous + fields).digest()


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as it was found, whatever is in it: nothing here is to be believed before it is checked."""

    seq: Any
    at_ms: Any
    id: Any
    kind: Any
    role: Any
    turn: Any
    body: Any
    salt: Any
    commitment: Any
    chain: Any


@dataclass(frozen=True, slots=True)
class Head:
    """Where a conversation's chain ends. `chain` is 32 bytes; `events` = the last seq."""

    conversation: str
    events: int
    chain: bytes
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place of a conversation that is not as it was written. `seq` 0: the conversation as a whole."""

    conversation: str
    seq: int
    what: str

    def __str__(self) -> str:
        where = f"{self.conversation} seq {self.seq}" if self.seq else self.conversation
        return f"{where}: {self.what}"


def check(head: Head, rows: Iterable[Stored], marks: dict[int, bytes] | None = None) -> Broken | None:
    """The first broken place of a conversation whose summary says `head`; None if there is none.

    `marks`: for each seq in it, the chain at that seq is put in, as far as the check came.
    """
    conversation = head.conversation
    previous, seq = genesis(conversation), 0
    for seq, row in enumerate(rows, 1):
        what = _wrong(row, seq, previous, erased=head.erased)
        if what is not None:
            return Broken(conversation, seq, what)
        previous = row.chain
        if marks is not None and seq in marks:
            marks[seq] = previous
    if seq < head.events:
        return Broken(conversation, seq + 1, f"missing, with all to the end: there were {head.events} events")
    if seq > head.events:
        return Broken(conversation, head.events + 1, f"added: the conversation's head is {head.events}")
    if previous != head.chain:
        return Broken(conversation, seq, "the chain's end is not the one that the conversation's row holds")
    return None


def _wrong(row: Stored, seq: int, previous: bytes, *, erased: bool) -> str | None:
    """What is wrong with the row that should be the next one."""
    if row.seq != seq or type(row.seq) is not int:
        return f"missing: the next row has seq {row.seq!r}"
    texts = (row.id, row.kind, row.role, row.body)
    if not (
        all(type(text) is str for text in texts) and type(row.at_ms) is int and type(row.turn) in (str, type(None))
    ):
        return "time, id, kind, role, turn or body are no values that a store writes"
    if type(row.commitment) is not bytes or type(row.chain) is not bytes or type(row.salt) is not bytes:
        return "salt, commitment or chain are no values that a store writes"
    if erased:
        if row.body != "{}" or row.salt:
            return "the conversation is marked as erased, and here is content"
    elif not _holds(row):
        return "kind, role, body, salt or commitment was changed"
    link = Link(row.seq, row.at_ms, row.id, row.kind, row.role, row.turn, row.commitment)
    try:
        followed = follow(previous, link)
    except TypeError:  # text that is no UTF-8, numbers beyond 64 bits
        return "id, kind, role, turn or time are no values that a store writes"
    if followed != row.chain:
        return "time, id, kind, role, turn, commitment or chain was changed, or it stood elsewhere"
    return None


def _holds(row: Stored) -> bool:
    """Whether the row's content is the one that it committed to, letter by letter."""
    try:
        body = orjson.loads(row.body)
        letters = encode(body).decode()
        return bool(letters == row.body and commitment(row.salt, row.kind, row.role, body) == row.commitment)
    except (ValueError, TypeError):  # no JSON, or text that is no UTF-8
        return False
