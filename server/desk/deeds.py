"""Deeds: what staff do to a conversation's log: take, reply, note, decide, hand back, close.

It knows no socket. Everybody sees a deed through the same events as everybody else.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from server import crossing
from server.approvals import Approvals, NotDecided
from server.conversation import Conversation
from server.desk import frames
from server.events import NewEvent
from server.log import Log
from server.ports import Conflict, IdempotencyMismatch
from server.staff import Staff

TRIES: Final = 5
"""Fencing events that may come first while a person takes a conversation: the agent writes a few in a turn."""

ASSIGNED_MS: Final = 60_000
"""How long a colleague can take what another has offered: time to read the packet."""


_RELEASED: Final[Mapping[str, str]] = {"agent": "released", "waiting": "put_back"}
"""Why it changed hands, where the person does not say."""


class NotDone(Exception):
    """The deed was not done; the message is for the person who wanted it. `code` is an error frame's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Deeds:
    """Staff's deeds, on any conversation of a site that they see."""

    def __init__(
        self,
        log: Log,
        approvals: Approvals,
        *,
        poke: Callable[[str], None],
        new_id: Callable[[], str],
        clock_ms: Callable[[], int],
        present: Callable[[], Mapping[str, Staff]] = dict,
    ) -> None:
        """`present` says who is at the desk now, by id: only they can be offered a conversation."""
        self._clock_ms = clock_ms
        self._present = present
        self._log = log
        self._approvals = approvals
        self._poke = poke
        self._new_id = new_id

    async def take(self, key: str, staff: Staff, *, force: bool = False) -> None:
        """Take the conversation. Whatever the agent was writing is over: no word of it commits from here on.

        Raises:
            NotDone: a colleague has it, and `force` was not set; or it is closed.
        """
        for _ in range(TRIES):
            state = await self._known(key)
            if state.mode == "staff" and state.staff == staff.id:
                return
            if state.mode == "staff" and not (force or self._is_offered(state, staff)):
                raise NotDone("busy", f"{state.staff_name or 'a colleague'} has this conversation")
            mode = {"mode": "staff"} | staff.signature
            events = [NewEvent(f"s:{self._new_id()}", "mode", "staff", mode), *_turn_over(state)]
            try:
                await self._log.append(key, events, after=state.head)
            except (Conflict, IdempotencyMismatch):
                continue  # the agent, or a colleague, was first: look again
            await self._end_unbegun(key, state)
            self._poke(key)
            return
        raise NotDone("busy", "too much happens here at once; please try again")

    async def assign(self, key: str, staff: Staff, to: str) -> None:
        """Offer the conversation to a colleague, who can take it for a minute: one that waits, or the person's own.

        Until the colleague takes it nothing changes, so that a customer is never with nobody.

        Raises:
            NotDone: the colleague is not at the desk or may not see it, somebody else has it, or nobody is to have it.
        """
        state = await self._known(key)
        colleague = self._present().get(to)
        if colleague is None or not colleague.sees(state.site) or to == staff.id:
            raise NotDone("busy", "this colleague is not at the desk now")
        if state.mode == "staff" and state.staff != staff.id and staff.role != "admin":
            raise NotDone("busy", f"{state.staff_name or 'a colleague'} has this conversation")
        if state.mode not in ("waiting", "staff"):
            raise NotDone("busy", "take the conversation first")
        body = {"to": colleague.id, "name": colleague.name, "until_ms": self._clock_ms() + ASSIGNED_MS, "by": staff.id}
        try:
            event = NewEvent(f"s:{self._new_id()}", "assigned", "staff", body)
            await self._log.append(key, [event], after=state.head)
        except Conflict as error:
            raise NotDone("busy", "something else happened first; please look again") from error

    def _is_offered(self, state: Conversation, staff: Staff) -> bool:
        """Whether the conversation is this person's to take just now."""
        last = state.offers[-1] if state.offers else None
        return last is not None and last.to == staff.id and self._clock_ms() < last.until_ms

    async def reply(self, key: str, staff: Staff, frame: frames.Reply, files: Sequence[Mapping[str, Any]] = ()) -> None:
        """Say something to the customer, with attachments. Sent again with the same id and text, it is the same message.

        Raises:
            NotDone: somebody else has the conversation, or the id was used with another text.
        """
        state = await self._known(key)
        said = state.message(frame.id)
        if said is None and not (state.mode == "staff" and state.staff == staff.id):
            raise NotDone("busy", "take the conversation first")
        if said is not None and (said.role, said.text) == ("staff", frame.text):
            return  # it came back before its sender knew; what they are called or look like may have changed since
        body: dict[str, Any] = {"text": frame.text} | staff.signature
        if files:
            body["files"] = list(files)
        await self._once(key, NewEvent(frame.id, "message", "staff", body))

    async def note(self, key: str, staff: Staff, note_id: str, text: str, mentions: Sequence[str] = ()) -> None:
        """Say something to colleagues; a customer never sees it.

        Raises:
            NotDone: the id was used with another text.
        """
        await self._known(key)
        body: dict[str, Any] = {"text": text, "name": staff.name, "by": staff.id}
        body |= {"mentions": list(mentions)} if mentions else {}
        await self._once(key, NewEvent(note_id, "note", "staff", body))

    async def decide(self, key: str, staff: Staff, frame: frames.Decide) -> None:
        """Approve or deny a call that waits for staff; with `args`, approve it with these arguments instead.

        Raises:
            NotDone: it does not wait any more, or the arguments are not those that were seen.
        """
        args: Mapping[str, Any] | None = frame.args
        try:
            await self._approvals.decide(
                key,
                frame.call,
                approve=frame.approve,
                name=staff.name,
                seen=frame.args_sha256,
                comment=frame.comment,
                args=args,
            )
        except NotDecided as error:
            raise NotDone("busy", str(error)) from error

    async def release(self, key: str, staff: Staff, frame: frames.Release) -> None:
        """Hand back to the agent, put back into the queue, or close.

        Raises:
            NotDone: a colleague has it; or nobody has what is to be put back.
        """
        state = await self._known(key)
        if state.mode == frame.to:
            return
        if state.mode == "staff" and state.staff != staff.id:
            raise NotDone("busy", f"{state.staff_name or 'a colleague'} has this conversation")
        if frame.to == "waiting" and state.mode != "staff":
            raise NotDone("busy", "take the conversation first")
        body: dict[str, Any] = {"mode": frame.to, "by": staff.id}
        body["reason"] = frame.reason or _RELEASED.get(frame.to, "")
        body["open"] = _unanswered(state) if frame.to == "agent" and frame.answer else []
        events = [NewEvent(f"s:{self._new_id()}", "mode", "staff", {k: v for k, v in body.items() if v})]
        events += _turn_over(state) if frame.to == "closed" else []
        try:
            await self._log.append(key, events, after=state.head)
        except Conflict as error:
            raise NotDone("busy", "something else happened first; please look again") from error
        if frame.to == "closed":
            await self._end_unbegun(key, state)
            await crossing.reopen(self._log, key, state.head)
        self._poke(key)

    async def _end_unbegun(self, key: str, before: Conversation) -> None:
        """End what the turn that was taken over had planned and not begun: from its fence on it can begin nothing.

        Until then it can, between a look and a commit: so this is a second commit.
        """
        if before.turn is None:
            return
        state = await self._known(key)
        events = _unbegun(state, before.turn.id)
        if events and state.mode in ("staff", "closed"):
            with contextlib.suppress(Conflict):  # it changed hands again: whoever has it now sees to it
                await self._log.append(key, events, after=state.head)

    async def _once(self, key: str, event: NewEvent) -> None:
        try:
            await self._log.append(key, [event])
        except IdempotencyMismatch as error:
            message = "this id was used with another text; the first one stands"
            raise NotDone("idempotency_mismatch", message) from error

    async def _known(self, key: str) -> Conversation:
        state = await self._log.load(key)
        if state.head == 0:
            raise NotDone("bad_frame", "there is no such conversation")
        return state


def _turn_over(state: Conversation) -> list[NewEvent]:
    """The turn under way ends with what staff do, whether or not its process still lives: they answer what it was for."""
    turn = state.turn
    if turn is None:
        return []
    body = {"reason": "handed_over", "answers": list(state.unanswered)}
    return [NewEvent(f"{turn.id}:taken:{state.head}", "turn.ended", "system", body, turn.id)]


def _unbegun(state: Conversation, turn: str) -> list[NewEvent]:
    """The end of the turn's calls that nobody began. One that a workflow wanted is the workflow's to want again later."""
    events = []
    for call in state.turn_calls(turn):
        if call.state == "planned":
            code = "handed_over" if call.run is None else "withdrawn"
            body = {"call": call.id, "ok": False, "label": call.label, "code": code}
            events.append(NewEvent(f"{call.id}:taken", "call.ended", "system", body, turn))
    return events


def _unanswered(state: Conversation) -> list[str]:
    """What the customer has said since anybody last answered, as far as the agent does not know of it already."""
    left: list[str] = []
    for message in reversed(state.messages):
        if message.role in ("staff", "agent"):
            break
        if message.role == "customer" and message.id not in state.unanswered:
            left.append(message.id)
    return left[::-1]
