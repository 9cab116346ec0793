"""Verifier: commits that a code was asked for, and what came of each try.

No code, and no word about whether an order exists, is ever in an event, a frame or a log record.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from server import proof
from server.conversation import CallRecord, Conversation
from server.events import Event, NewEvent
from server.kit import Guest
from server.log import Log
from server.ports import Conflict, IdempotencyMismatch, OverLimit, Spend
from server.proof import CodeSent
from server.verify.delivery import Delivery, Target, log_failure
from tools.connectors.mail import is_address

GRAIN_S: Final = 300
"""Windows of the limits beyond one conversation begin every 5 minutes and are one hour and 5 minutes long. Every hour lies in
one of them, wherever it begins, so that no hour sees more; who has used a limit up waits 5 minutes longer at most."""
WINDOWS: Final = proof.SENDS_S // GRAIN_S + 1
RACES: Final = 20
"""Rounds against others who write verification events of the same conversation at the same moment; one of them wins each."""


class NotNow(Exception):
    """A frame that cannot be followed, as the client is told: one of the error codes of CONTRACT §4."""

    def __init__(
        self, code: Literal["bad_frame", "too_fast", "busy"], message: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code: Final = code
        self.message = message
        self.retry_after_s = retry_after_s


class Verifier:
    """Asks for codes and checks them; what a code is bound to is read from the log each time."""

    def __init__(
        self,
        log: Log,
        delivery: Delivery,
        secret: str,
        *,
        clock_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._log = log
        self._delivery = delivery
        self._key = proof.key_for(secret, "verification code")
        self._address_key = proof.key_for(secret, "verification address")
        self._clock_ms = clock_ms
        self._new_id = new_id

    async def send(self, key: str, call: str, frame: str, *, order: str | None, email: str | None) -> None:
        """`verify`: mail a code for this call. The answer, `verify.sent`, is the same whatever the shop knows.

        Raises:
            NotNow: the call waits for no proof, something is missing, or too many codes were asked for.
        """
        for _ in range(RACES):
            state = await self._log.load(key)
            if frame in state.verification.frames:
                return
            waiting = self.waiting(state, call)
            if waiting is None:
                raise NotNow("bad_frame", "this call does not wait for a proof")
            target = self.target(state, order or proof.order_of(waiting.args), email)
            if await self.sent(state, waiting, target, frame):
                return
        raise NotNow("busy", "something else happened first; please try again")

    async def check(self, key: str, call: str, frame: str, code: str) -> None:
        """`code`: the code that the customer got. The answer is `verify.tried`, and with the right one `identified`.

        Raises:
            NotNow: no code is awaited for this call, it has run out, or this is not six digits.
        """
        digits = proof.code_in(code)
        if digits is None:
            raise NotNow("bad_frame", f"expected {proof.DIGITS} digits")
        for _ in range(RACES):
            state = await self._log.load(key)
            if frame in state.verification.frames:
                return
            sent = state.verification.code
            if sent is None or sent.call != call or self.waiting(state, call) is None:
                raise NotNow("bad_frame", "no code is awaited for this call")
            if self.is_over(sent):
                raise NotNow("bad_frame", "the code has run out; ask for a new one")
            tried = await self.tried(state, sent, digits, frame)
            if tried is None:
                raise NotNow("busy", "this could not be checked just now; please try again")
            if await self.append(state, tried):
                return
        raise NotNow("busy", "something else happened first; please try again")

    # What is waited for

    def waiting(self, state: Conversation, call: str | None = None) -> CallRecord | None:
        """The call that waits for a proof: this one, or the newest."""
        now_ms = self._clock_ms()
        for one in reversed(state.calls.values()):
            asked = one.question
            if one.state != "asked" or asked is None or asked.verify is None or call not in (None, one.id):
                continue
            if now_ms < asked.expires_ms:
                return one
        return None

    def on_file(self, state: Conversation) -> str | None:
        """The address that a code can go to without a question: that of a customer who is known now."""
        known = state.identity
        if known is None or known.level(self._clock_ms()) == "anonymous" or not known.email:
            return None
        return known.email if is_address(known.email) else None

    def target(self, state: Conversation, order: str | None, email: str | None) -> Target:
        """Where a code goes: to the mail on file, else to the address of the order.

        Raises:
            NotNow: neither is there.
        """
        on_file = self.on_file(state)
        if on_file is not None:
            return Target(on_file)
        if self._delivery.desks[state.site].guests is None:
            raise NotNow("bad_frame", "there is no address on file that a code could go to")
        number, address = proof.normal_order(order or ""), proof.normal_email(email or "")
        if not number or not is_address(address):
            raise NotNow("bad_frame", "expected an order number and the e-mail address of the order")
        return Target(address, number)

    def is_over(self, sent: CodeSent) -> bool:
        """Whether this code is used up or has run out."""
        return sent.left <= 0 or self._clock_ms() > sent.expires_ms

    def fits(self, state: Conversation, sent: CodeSent, digits: str) -> bool:
        """Whether these digits are the code, in this conversation and for whoever is here now."""
        return proof.fits(self._key, digits, _bound(state, sent.nonce, _target_of(state, sent)), sent.seal)

    # What is written down

    async def sent(
        self,
        state: Conversation,
        call: CallRecord,
        target: Target,
        frame: str,
        *,
        said: NewEvent | None = None,
        answer: NewEvent | None = None,
    ) -> list[Event]:
        """Commit `verify.sent` (between the message that asked for it and its answer), then let the shop look and mail.

        The commit rests on nothing that the shop knows, and comes before the shop is asked: neither words nor time tell
        anything. Empty: somebody else's event came first, and nothing was stored.

        Raises:
            NotNow: too many codes were asked for, in this conversation or for this address.
        """
        now_ms = self._clock_ms()
        wait_ms = state.verification.wait_ms(now_ms)
        if wait_ms:
            raise NotNow("too_fast", "too many codes were asked for", retry_after_s=wait_ms / 1000)
        code = f"{secrets.randbelow(10**proof.DIGITS):0{proof.DIGITS}d}"
        nonce = secrets.token_urlsafe(16)
        body: dict[str, Any] = {
            "call": call.id,
            "to": proof.masked(target.email),
            "expires_ms": now_ms + proof.CODE_S * 1000,
            "frame": frame,
            "nonce": nonce,
            "seal": proof.seal(self._key, code, _bound(state, nonce, target)),
        }
        if target.order is not None:
            body |= {"order": target.order, "email": target.email}
        event = NewEvent(next_id(state), "verify.sent", "system", body)
        events = [one for one in (said, event, answer) if one is not None]
        stored = await self.append(state, events, self._spend(state, target))
        if stored:
            self._delivery.start(state, target, code)
        return stored

    async def tried(
        self, state: Conversation, sent: CodeSent, digits: str, frame: str, *, message: str | None = None
    ) -> list[NewEvent] | None:
        """The events of one try; None: the code is right, and the shop could not say whose order it is."""
        proven: dict[str, Any] | None = None
        if self.fits(state, sent, digits):
            try:
                proven = await self._identity(state, sent)
            except Exception as error:  # noqa: BLE001 - a merchant's own code; the try does not count
                log_failure(state.site, f"a guest could not be looked up: {type(error).__name__}")
                return None
        left = sent.left if proven is not None else sent.left - 1
        events = [self.outcome(state, sent, frame, ok=proven is not None, left=left, message=message)]
        if proven is not None:
            events.append(NewEvent(f"e:{self._new_id()}", "identified", "system", proven))
        return events

    def outcome(
        self, state: Conversation, sent: CodeSent, frame: str, *, ok: bool, left: int, message: str | None = None
    ) -> NewEvent:
        """A `verify.tried`."""
        # With the frame's id, two tries at the same moment are never the same event, whatever came of them.
        body: dict[str, Any] = {"call": sent.call, "ok": ok, "left": left, "frame": frame}
        if message is not None:
            body["message"] = message
        return NewEvent(next_id(state), "verify.tried", "system", body)

    async def append(self, state: Conversation, events: Sequence[NewEvent], spend: Sequence[Spend] = ()) -> list[Event]:
        """Store them all, or none when somebody else's event came first: another try, or a person who took over.

        Raises:
            NotNow: too many codes for this address.
        """
        try:
            return await self._log.append(state.key, events, after=state.head, spend=spend)
        except (Conflict, IdempotencyMismatch):
            await asyncio.sleep(0)  # the winner's commit is folded in by its own task
            return []
        except OverLimit as over:
            ends_s = (int(over.key.rpartition("/")[2]) + WINDOWS) * GRAIN_S
            wait_s = max(1.0, ends_s - self._clock_ms() / 1000)
            raise NotNow("too_fast", "too many codes were asked for", retry_after_s=wait_s) from None

    def _spend(self, state: Conversation, target: Target) -> list[Spend]:
        """One code, booked against every limit that it falls under, in every window that now lies in; the newest first.

        Strangers do not use up what a signed-in customer has at the address on file, nor, with made-up orders, what there
        is for an order. Each counts whether or not there is such an order.
        """
        email = proof.normal_email(target.email)
        if target.order is None:
            limits = {f"customer\n{state.customer}\n{email}": proof.SENDS}
        else:
            order = target.order.casefold()
            limits = {f"order\n{order}\n{email}": proof.ORDER_SENDS, f"guests\n{email}": proof.ADDRESS_SENDS}
        newest = self._clock_ms() // (GRAIN_S * 1000)
        return [
            Spend(f"{state.site}/verify/{self._keyed(state.site, what)}/{newest - back}", 1, most)
            for what, most in limits.items()
            for back in range(WINDOWS)
        ]

    def _keyed(self, site: str, what: str) -> str:
        # Keyed, so that what is booked shows nobody's address.
        return hmac.new(self._address_key, f"{site}\n{what}".encode(), hashlib.sha256).hexdigest()[:32]

    async def _identity(self, state: Conversation, sent: CodeSent) -> dict[str, Any] | None:
        """The body of the `identified` that a right code brings; None: there is nobody whom it could prove."""
        known = state.identity
        if sent.order is not None:
            who = await self._delivery.guest(state, _target_of(state, sent))
        else:
            who = Guest(known.customer, known.email or "", known.name) if known is not None else None
        if who is None:
            return None
        until_ms = self._clock_ms() + proof.WINDOW_S * 1000
        body = {
            "customer": who.customer,
            "email": who.email,
            "name": who.name,
            "verified": "step_up",
            "step_up_until_ms": until_ms,
            "generation": state.generation,
        }
        if known is None or known.is_guest:
            return body | {"guest": True, "until_ms": until_ms}
        return body | {"until_ms": known.until_ms}


def next_id(state: Conversation) -> str:
    """Of the next verification event: of several at the same moment, one is stored, and the others look again."""
    return f"v:{state.verification.count + 1}"


def _bound(state: Conversation, nonce: str, target: Target) -> tuple[str, ...]:
    """All that a code is good for: this conversation and sign-in, this customer, this address and order."""
    customer = state.customer or ""
    return (state.key, str(state.generation), customer, nonce, proof.normal_email(target.email), target.order or "")


def _target_of(state: Conversation, sent: CodeSent) -> Target:
    known = state.identity
    return Target(sent.email or (known.email if known is not None else None) or "", sent.order)
