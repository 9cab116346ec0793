"""Customer: what the frames of a customer do to the log.

It knows no socket: what the customer is to be told at once goes to `send`; everything else comes back as events.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from server import blocks, crossing, handoff, phrases, prompt, wire
from server.after import Contacts, NoAddress, Post
from server.consent import decision_id
from server.conversation import Conversation
from server.events import NewEvent
from server.files import Files, attached
from server.hub import Hub
from server.limits import Buckets
from server.log import Log
from server.ports import Conflict, IdempotencyMismatch
from server.session import Door, Session
from server.turns import Turns
from server.verify import NotNow, Verifier, Words

DECIDE_TRIES: Final = 5
"""Fencing events that may come between a question and its answer: the end of the turn that asked, and few more."""
_MARKERS: Final = re.compile(r"\s*\[\d+(?:,\s*\d+)*\]")
"""Of citations, which an answer that was stopped has not got yet."""


@dataclass(frozen=True, slots=True)
class Line:
    """What every connection needs."""

    log: Log
    hub: Hub
    turns: Turns
    door: Door
    clock_ms: Callable[[], int]
    new_id: Callable[[], str]
    buckets: Buckets
    """How fast each conversation may go on, whichever line it speaks on."""
    verifier: Verifier
    words: Words
    contacts: Contacts
    files: Files
    post: Post


class Customer:
    """One customer's deeds on one line."""

    def __init__(self, line: Line, send: Callable[[dict[str, Any]], None]) -> None:
        self._line = line
        self._send = send

    async def say(self, session: Session, frame: wire.Say, pace: Callable[[], Awaitable[None]]) -> None:
        """A message. `pace` waits for whoever is over the rate; a repeat is free."""
        line = self._line
        state = await line.log.load(session.key)
        if frame.id not in state.said:
            await pace()
        if frame.id not in state.said and await self.is_refused(session, frame.id):
            return
        body: dict[str, Any] = {"text": frame.text}
        if frame.files:
            sent = await asyncio.to_thread(attached, line.files, session.key, frame.files, by_customer=True)
            if sent is None:
                self._send(wire.error("bad_frame", "one of the files is not there; send it again", frame_id=frame.id))
                return
            body["files"] = sent
        else:
            for taker in (line.words, line.contacts):
                if await taker.take(session.key, frame.id, frame.text) is not None:
                    line.turns.poke(session.key)
                    return
        if frame.id not in state.said:
            line.turns.foresee(state, frame.text)
        events = line.door.opening_events(session)
        opens = state.mode == "closed" and frame.id not in state.said
        if opens:
            events.append(crossing.reopening(frame.id))
        events.append(NewEvent(frame.id, "message", "customer", body))
        try:
            # Only what is closed still, and whose visitor nobody has blocked meanwhile, is opened again.
            await line.log.append(session.key, events, after=state.head if opens else None)
        except Conflict:
            await self.say(session, frame, pace)
            return
        except IdempotencyMismatch:
            message = "this id was used with another text; the first one stands"
            self._send(wire.error("idempotency_mismatch", message, frame_id=frame.id))
            return
        await crossing.reopen(line.log, session.key, state.head)
        line.turns.poke(session.key)

    async def is_refused(self, session: Session, frame_id: str) -> bool:
        """Whether staff have blocked this visitor, who then is told so: nothing of theirs reaches agent, tools or staff."""
        state = await self._line.log.load(session.key)
        blocked = await self._line.door.blocks.holds(state)
        if blocked:
            self._send(wire.error("blocked", blocks.sentence(state), frame_id=frame_id))
        return blocked

    async def stop(self, session: Session, turn: str) -> None:
        """End the turn now, if it is the one that runs; what was shown of the reply stays as a message."""
        log = self._line.log
        for _ in range(3):
            state = await log.load(session.key)
            if state.turn is None or state.turn.id != turn:
                return
            shown = _MARKERS.sub("", self._line.hub.reply_so_far(session.key, turn)).strip()
            events = [NewEvent(f"{turn}:partial", "message", "agent", {"text": shown}, turn)] if shown else []
            body = {"reason": "stopped", "answers": list(state.unanswered)}
            events.append(NewEvent(f"{turn}:stopped", "turn.ended", "system", body, turn))
            try:
                await log.append(session.key, events, after=state.head)
            except (Conflict, IdempotencyMismatch):
                continue  # the turn moved on, or another tab stopped it: look again
            self._line.turns.poke(session.key)
            return

    async def human(self, session: Session, frame_id: str) -> None:
        """The customer asks for a person: once is enough, whoever else asked before."""
        line, opening = self._line, None
        for _ in range(DECIDE_TRIES):
            state = await line.log.load(session.key)
            if state.mode in ("waiting", "staff") or state.message(f"{frame_id}:said") is not None:
                return  # also when a person has handed back since: this asking was heard
            opening = line.door.opening_events(session) if opening is None else opening
            try:
                await line.log.append(
                    session.key, [*opening, *self._asking(session, state, frame_id)], after=state.head
                )
            except Conflict:
                continue  # such as a person who took it just now, or another tab that asked: look again
            except IdempotencyMismatch:
                self._send(wire.error("idempotency_mismatch", "this id was used before", frame_id=frame_id))
            line.turns.poke(session.key)
            return
        self._send(wire.error("busy", "something else happened first; please try again", frame_id=frame_id))

    def _asking(self, session: Session, state: Conversation, frame_id: str) -> list[NewEvent]:
        locale = prompt.spoken_in(state, session.site)
        people = prompt.people_text(session.site, locale, self._line.clock_ms())
        return [
            NewEvent(f"{frame_id}:packet", "note", "system", handoff.packet(state, "asked", language=locale)),
            NewEvent(frame_id, "mode", "customer", {"mode": "waiting", "reason": "asked"}),
            NewEvent(f"{frame_id}:said", "message", "agent", {"text": f"{phrases.say('asked', locale)} {people}"}),
        ]

    async def transcript(self, session: Session, frame_id: str) -> None:
        """All that was said, by mail; what came of it is in `mailed`."""
        try:
            await self._line.post.transcript(session.key, frame_id)
        except NoAddress:
            locale = prompt.spoken_in(await self._line.log.load(session.key), session.site)
            self._send(wire.error("bad_frame", phrases.say("transcript_no_address", locale), frame_id=frame_id))

    async def rate(self, session: Session, frame: wire.Rate) -> None:
        """A thumb for an answer, or one to five for the conversation."""
        state = await self._line.log.load(session.key)
        rated = state.message(frame.of) if frame.of is not None else None
        if frame.of is not None and (rated is None or rated.role == "customer"):
            self._send(wire.error("bad_frame", f"there is no answer {frame.of!r} to rate", frame_id=frame.id))
            return
        body: dict[str, Any] = {"score": frame.score}
        if frame.of is not None:
            body["of"] = frame.of
        if frame.text is not None:
            body["text"] = frame.text
        try:
            await self._line.log.append(session.key, [NewEvent(frame.id, "rated", "customer", body)])
        except IdempotencyMismatch:
            self._send(wire.error("idempotency_mismatch", "this id was used before", frame_id=frame.id))

    async def decide(self, session: Session, frame: wire.Decide) -> None:
        """The customer's answer to a call that was asked of him; anything else is not his to decide."""
        for _ in range(DECIDE_TRIES):
            state = await self._line.log.load(session.key)
            call = state.calls.get(frame.call)
            if call is None or call.state != "asked" or call.asked_of != "customer":
                self._send(wire.error("bad_frame", "there is no such question to decide", frame_id=frame.call))
                return
            if call.expires_ms is not None and self._line.clock_ms() >= call.expires_ms:
                self._send(wire.error("bad_frame", "the question has expired", frame_id=frame.call))
                return
            asked = call.question
            if asked is None or (asked.verify is not None and frame.approve):
                self._send(wire.error("bad_frame", "this asks for a proof, not for a decision", frame_id=frame.call))
                return
            body = {"call": call.id, "approve": frame.approve, "by": "customer", "args_sha256": asked.args_sha256}
            event = NewEvent(decision_id(call), "call.decided", "customer", body, call.turn)
            try:
                await self._line.log.append(session.key, [event], after=state.head)
            except Conflict:
                continue  # such as the end of the turn that asked: look whether the question still stands
            except IdempotencyMismatch:
                break
            self._line.turns.poke(session.key)
            return
        self._send(wire.error("busy", "something else happened first; please look again", frame_id=frame.call))
        self._line.turns.poke(session.key)

    async def verify(self, session: Session, frame: wire.Verify) -> None:
        """The customer asks for a code by mail."""
        try:
            await self._line.verifier.send(session.key, frame.call, frame.id, order=frame.order, email=frame.email)
        except NotNow as late:
            self._send(wire.error(late.code, late.message, retry_after_s=late.retry_after_s, frame_id=frame.id))

    async def code(self, session: Session, frame: wire.Code) -> None:
        """The customer gives the code; with the right one, what waited for it goes on."""
        try:
            await self._line.verifier.check(session.key, frame.call, frame.id, frame.code)
        except NotNow as late:
            self._send(wire.error(late.code, late.message, retry_after_s=late.retry_after_s, frame_id=frame.id))
        await self._line.door.blocks.shut(session.key)  # it may have shown who they are
        self._line.turns.poke(session.key)
