"""Words: codes and addresses that a customer says in a message, instead of in a form.

What is nothing but a code is stored as dots: no model and no transcript ever gets it.
"""

from collections.abc import Mapping
from typing import Final

from server import phrases, prompt, proof
from server.conversation import CallRecord, Conversation
from server.events import Event, NewEvent
from server.log import Log
from server.policy import bare_answer
from server.proof import CodeSent
from server.verify.delivery import Desk, Target
from server.verify.verifier import RACES, NotNow, Verifier
from tools.connectors.mail import is_address

WORDS_BESIDE: Final = 8
"""Up to eight words beside address and number ("hi, it's order 1042 and my mail is …"), a message says nothing else."""


class Words:
    """Takes the messages that answer a question of the verification."""

    def __init__(self, log: Log, verifier: Verifier, desks: Mapping[str, Desk]) -> None:
        self._log = log
        self._verifier = verifier
        self._desks = desks

    async def take(self, key: str, message: str, text: str) -> Event | None:
        """The message's event as it is stored; None: it is an ordinary message, and nothing was stored."""
        for _ in range(RACES):
            state = await self._log.load(key)
            if message in state.said:
                # Said before: only what became dots would not be the same event again.
                return await self._stored(key, message) if message in state.verification.frames else None
            sent = state.verification.code
            digits = proof.code_in(text) if sent is not None else None
            if sent is not None and digits is not None and self._is_for(state, sent, digits):
                events = await self._code(state, sent, digits, message)
                stored = await self._verifier.append(state, events)
            else:
                waiting = self._verifier.waiting(state)
                if waiting is None or state.mode not in ("agent", "waiting"):
                    return None
                took = await self._address(state, waiting, message, text)
                if took is None:
                    return None
                stored = took
            if stored:
                return next(event for event in stored if event.id == message)
        return None

    def _is_for(self, state: Conversation, sent: CodeSent, digits: str) -> bool:
        """Whether six digits are meant as the code: while it is awaited, and when it is the code though it came too late."""
        return self._verifier.waiting(state, sent.call) is not None or self._verifier.fits(state, sent, digits)

    async def _code(self, state: Conversation, sent: CodeSent, digits: str, message: str) -> list[NewEvent]:
        """A message that was nothing but a code: stored as dots, with what came of it."""
        verifier = self._verifier
        said = NewEvent(message, "message", "customer", {"text": proof.HIDDEN})
        if verifier.is_over(sent) or verifier.waiting(state, sent.call) is None:
            tried = verifier.outcome(state, sent, message, ok=False, left=0, message=message)
            return [said, tried, *self._answer(state, message, "code_over")]
        events = await verifier.tried(state, sent, digits, message, message=message)
        if events is None:
            tried = verifier.outcome(state, sent, message, ok=False, left=sent.left, message=message)
            return [said, tried, *self._answer(state, message, "code_busy")]
        left = events[0].body["left"]
        if events[0].body["ok"]:
            return [said, *events]
        if not left:
            return [said, *events, *self._answer(state, message, "code_used_up")]
        tries = phrases.say("try" if left == 1 else "tries", prompt.spoken_in(state, self._desks[state.site].site))
        return [said, *events, *self._answer(state, message, "code_wrong", left=f"{left} {tries}")]

    async def _address(self, state: Conversation, call: CallRecord, message: str, text: str) -> list[Event] | None:
        """A message with what is needed for a code; None: it holds nothing of the kind. Empty: look again."""
        said = NewEvent(message, "message", "customer", {"text": text})
        found = self._wanted(state, call, text)
        if found is None or isinstance(found, str):
            return await self._reply(state, said, found) if found is not None else None
        target, is_all, is_new = found
        phrase, to = "code_sent" if target.order is not None else "code_sent_on_file", proof.masked(target.email)
        if not is_new:
            return await self._reply(state, said, phrase, to=to)
        answer = self._answer(state, message, phrase, to=to)[0] if is_all else None
        try:
            return await self._verifier.sent(state, call, target, message, said=said, answer=answer)
        except NotNow as late:
            minutes = max(1, round((late.retry_after_s or 60) / 60))
            return await self._reply(state, said, "code_too_many", minutes=str(minutes))

    def _wanted(self, state: Conversation, call: CallRecord, text: str) -> tuple[Target, bool, bool] | str | None:
        """Where a message wants a code to be sent, whether it says nothing else, and whether that is a new code.

        A text: the phrase that asks for what is missing. None: the message is not about it.
        """
        sent = state.verification.code
        sent = sent if sent is not None and sent.call == call.id else None
        is_good = sent is not None and not self._verifier.is_over(sent)
        on_file = self._verifier.on_file(state)
        if on_file is not None:
            wants = (bare_answer(text) is True and not is_good) or (sent is not None and proof.asks_again(text))
            return (Target(on_file), True, True) if wants else None
        if self._desks[state.site].guests is None:
            return None
        if sent is not None and sent.email is not None and proof.asks_again(text):
            return Target(sent.email, sent.order), True, True
        order, email, is_all = gathered(state, call, text)
        if order is None and email is None:
            return None
        if order is None or email is None:
            missing = "code_need_email" if email is None else "code_need_order"
            return missing if is_all else None
        target = Target(proof.normal_email(email), proof.normal_order(order))
        if not is_address(target.email):
            return None
        # A number that was known before, while a good code is on its way, asks for no other.
        is_same = is_good and sent is not None and (sent.email, sent.order) == (target.email, target.order)
        return target, is_all, not is_same or proof.email_in(text) is not None

    async def _reply(self, state: Conversation, said: NewEvent, phrase: str, **parts: str) -> list[Event]:
        return await self._verifier.append(state, [said, *self._answer(state, said.id, phrase, **parts)])

    def _answer(self, state: Conversation, message: str, phrase: str, **parts: str) -> list[NewEvent]:
        """The agent's fixed sentence that answers a message without a turn; none while a person has the conversation."""
        if state.mode not in ("agent", "waiting"):
            return []
        locale = prompt.spoken_in(state, self._desks[state.site].site)
        body = {"text": phrases.say(phrase, locale, **parts), "answers": [message]}
        return [NewEvent(f"{message}:said", "message", "agent", body)]

    async def _stored(self, key: str, message: str) -> Event | None:
        after = 0
        while events := await self._log.read(key, after=after):
            for event in events:
                if event.id == message:
                    return event
            after = events[-1].seq
        return None


def gathered(state: Conversation, call: CallRecord, text: str) -> tuple[str | None, str | None, bool]:
    """Order number and address, and whether the message says nothing else; neither, if this message brings neither.

    What the message leaves out comes from those since the question, the order also from the call itself.
    """
    email, order = proof.email_in(text), proof.order_in(text)
    beside = proof.leftover_words(text)
    is_all = "?" not in text and beside <= (WORDS_BESIDE if email is not None else 1)
    if email is None and (order is None or not is_all):
        return None, None, False
    asked_seq = call.asks[-1].seq
    since = [m.text for m in reversed(state.messages) if m.role == "customer" and m.seq > asked_seq]
    email = email or next((found for one in since if (found := proof.email_in(one))), None)
    order = order or next((found for one in since if (found := proof.order_in(one))), None) or proof.order_of(call.args)
    return order, email, is_all
