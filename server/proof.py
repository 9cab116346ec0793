"""Proof: how a customer shows who they are, by the shop's sign-in or by a code sent to their mail, as the log tells it.

Pure: no I/O, no clock, no ids and no codes made here. The code itself is never in an event; what is kept is `seal`.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from server.events import Event
from tools import Caller

Provable = Literal["sign_in", "step_up"]
"""What a customer can prove in the chat itself: who they are, or that they read the mail on file."""

DIGITS: Final = 6
TRIES: Final = 3
"""For one code: with 5 codes an hour, 15 guesses in a million an hour; who knows an order and its address, and asks in several
conversations, has 30."""
CODE_S: Final = 10 * 60
"""How long a code is good: mail takes a minute or two, and people look for it."""
WINDOW_S: Final = 30 * 60
"""How long what a code has proven holds."""
SENDS: Final = 5
"""Codes within `SENDS_S`, for one conversation, and for one signed-in customer at the address on file."""
ORDER_SENDS: Final = 10
"""The same for one order and address, from all guests together: more than one conversation has, so that others are left."""
ADDRESS_SENDS: Final = 50
"""The same for one address, whatever the orders: who does not know the order needs ten conversations to use it up."""
SENDS_S: Final = 3_600
HIDDEN: Final = "••••••"
"""What stands in the log in place of a message that was a code."""

_CODE: Final = re.compile(r"[\s\u2013-]*(?:[0-9][\s\u2013-]*){6}", re.ASCII)
_EMAIL: Final = re.compile(r"[^\s<>()\[\],;:\"]{1,64}@[A-Za-z0-9.-]{1,250}\.[A-Za-z]{2,63}")
_ORDER: Final = re.compile(r"(?<![\w@.-])#?([A-Za-z]{0,8}-?[0-9][A-Za-z0-9-]{2,30})(?![\w@])")
"""At least three characters with a digit at the front, or behind a short prefix: 1042, #1042, SO-2201, R100-7."""

ASKING_WORDS: Final = 8
"""Up to eight words ("please send me a new code to my mail"), a message asks for nothing else."""
_CODE_WORDS: Final = frozenset({"code", "codes", "one", "it", "mail", "email", "einen", "ihn", "zahl"})
_AGAIN_WORDS: Final = frozenset(
    {"new", "again", "another", "resend", "neu", "neuen", "neuer", "nochmal", "nochmals", "erneut", "anderen"}
)


@dataclass(frozen=True, slots=True)
class Identified:
    """Who the customer proved to be. `until_ms` is when the shop's word for it ends; None: it does not end."""

    customer: str
    email: str | None = None
    name: str | None = None
    until_ms: int | None = None
    step_up_until_ms: int = 0
    """Until then a code sent to `email` vouches for them, whatever `until_ms` says; 0: none does."""
    is_guest: bool = False
    """Only a code has proven it: the shop has not signed them in."""
    at_ms: int = 0
    before: int = 0
    """The conversation's generation when a code proved it: a token of that one still opens for a moment."""
    tags: tuple[str, ...] = ()
    """What the shop said of the customer when it last vouched."""

    def level(self, now_ms: int) -> Literal["anonymous", "identified", "step_up"]:
        """How well they are known now."""
        if now_ms < self.step_up_until_ms:
            return "step_up"
        if self.is_guest or (self.until_ms is not None and now_ms >= self.until_ms):
            return "anonymous"
        return "identified"


@dataclass(frozen=True, slots=True)
class CodeSent:
    """The newest code, as the log knows it. `order` and `email` are what a guest gave; None: it went to the mail on file."""

    call: str
    to: str
    """The address, masked."""
    expires_ms: int
    nonce: str
    seal: str
    left: int = TRIES
    order: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What a conversation's verification events add up to."""

    count: int = 0
    """How many there were: the next one's id is made of it, so that of two at once only one is stored."""
    frames: frozenset[str] = frozenset()
    """Ids of the frames and messages that caused them: a repeat is no second try."""
    passed: frozenset[str] = frozenset()
    """Ids of messages that were nothing but the right code."""
    sends_ms: tuple[int, ...] = ()
    """When the newest codes were asked for, at most `SENDS`."""
    code: CodeSent | None = None

    def heard(self, event: Event) -> "Verification":
        """After a `verify.sent` or `verify.tried`."""
        body = event.body
        after = replace(self, count=self.count + 1, frames=self.frames | {str(body.get("frame", ""))})
        if event.kind == "verify.sent":
            code = CodeSent(
                body.get("call", ""),
                body.get("to", ""),
                body.get("expires_ms", 0),
                body.get("nonce", ""),
                body.get("seal", ""),
                TRIES,
                body.get("order"),
                body.get("email"),
            )
            return replace(after, code=code, sends_ms=(*self.sends_ms, event.at_ms)[-SENDS:])
        if body.get("ok"):
            message = body.get("message")
            return replace(after, code=None, passed=self.passed | {message} if message else self.passed)
        if self.code is None:
            return after
        return replace(after, code=replace(self.code, left=int(body.get("left", 0))))

    def wait_ms(self, now_ms: int) -> int:
        """How long until this conversation may have another code; 0: now."""
        if len(self.sends_ms) < SENDS:
            return 0
        return max(0, self.sends_ms[-SENDS] + SENDS_S * 1000 - now_ms)


def identified(known: Identified | None, event: Event, generation: int) -> Identified:
    """The standing after an `identified` event that names a customer; `generation` is the conversation's before it."""
    body = event.body
    customer, email = body["customer"], body.get("email")
    step_up_until_ms = int(body.get("step_up_until_ms") or 0)
    if body.get("verified") == "step_up" and not step_up_until_ms:
        step_up_until_ms = event.at_ms + WINDOW_S * 1000
    if known is not None and (known.customer, known.email) == (customer, email):
        # The shop vouches again for the same person with the same mail: what the code has proven holds on.
        step_up_until_ms = max(step_up_until_ms, known.step_up_until_ms)
    is_guest = bool(body.get("guest"))
    until_ms = body.get("until_ms")
    tags = tuple(body.get("tags") or ())
    if known is not None and known.customer == customer and body.get("verified") == "step_up":
        tags = known.tags
    name = body.get("name")
    return Identified(customer, email, name, until_ms, step_up_until_ms, is_guest, event.at_ms, generation, tags)


def can_verify(caller: Caller, *, guests: bool) -> frozenset[Provable]:
    """What this caller can prove with a code, in a shop that can look guests up (`guests`) or cannot.

    A code goes to the mail on file; for who has none here, to the address of an order that they name.
    """
    if guests:
        return frozenset({"sign_in", "step_up"})
    return frozenset({"step_up"}) if caller.email else frozenset()


def code_in(text: str) -> str | None:
    """The six digits, if the text is nothing else (spaces and dashes between them are fine)."""
    if len(text) > 32 or not _CODE.fullmatch(text):
        return None
    return "".join(char for char in text if char.isdigit())


def email_in(text: str) -> str | None:
    """The first e-mail address in a text."""
    found = _EMAIL.search(text)
    return found[0].rstrip(".") if found else None


def order_in(text: str) -> str | None:
    """What looks like an order number in a text: the last of the kind, e-mail addresses aside."""
    found = _ORDER.findall(_EMAIL.sub(" ", text))
    return found[-1] if found else None


def order_of(args: Mapping[str, Any]) -> str | None:
    """The order that a call is about, by the names of its arguments."""
    for name, value in args.items():
        if (
            "order" in name.lower()
            and isinstance(value, str | int)
            and not isinstance(value, bool)
            and str(value).strip()
        ):
            return str(value).strip()
    return None


def asks_again(text: str) -> bool:
    """Whether a short message asks for another code, in one of our own languages."""
    words = set(re.findall(r"[^\W\d_]+", text.casefold()))
    return len(words) <= ASKING_WORDS and bool(words & _CODE_WORDS) and bool(words & _AGAIN_WORDS)


def leftover_words(text: str) -> int:
    """How many words a text has beside addresses and numbers."""
    return len(re.findall(r"[^\W\d_]{2,}", _ORDER.sub(" ", _EMAIL.sub(" ", text))))


def masked(email: str) -> str:
    """An address that its owner knows again and nobody else learns, such as `m…@e…`."""
    user, _, domain = email.partition("@")
    return f"{user[:1]}…@{domain[:1]}…"


def normal_email(email: str) -> str:
    """An address as addresses are compared: people write capitals and spaces."""
    return email.strip().casefold()


def normal_order(order: str) -> str:
    """An order number as typed, without the sign before it."""
    return order.strip().lstrip("#").strip()


def key_for(secret: str, purpose: str) -> bytes:
    """A key for one purpose alone, out of the server's secret.

    Raises:
        ValueError: the secret is empty.
    """
    if not secret:
        raise ValueError("the server's secret is empty")
    return hmac.new(secret.encode(), f"shopbell {purpose} v1".encode(), hashlib.sha256).digest()


def seal(key: bytes, code: str, bound: Collection[str]) -> str:
    """What is kept of a code: HMAC-SHA256 over it and all that it is bound to. Without the key it tells nothing."""
    parts = [code, *bound]
    # Lengths before the parts: no two lists of parts make the same bytes.
    data = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hmac.new(key, data, hashlib.sha256).hexdigest()


def fits(key: bytes, code: str, bound: Collection[str], sealed: str) -> bool:
    """Whether this is the code that was sealed; in constant time."""
    return hmac.compare_digest(seal(key, code, bound), sealed)
