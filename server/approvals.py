"""Approvals: what waits for a decision of staff, and the deciding. The command line and the desk go through here.

It runs nothing: a decision is an event, and the turn goes on wherever that is read. Nothing waits in memory.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from server import prompt
from server.consent import Wanted, booking_keys, decision_id, expiry_ms, local_day, question_body
from server.conversation import Asked, CallRecord, Conversation
from server.events import NewEvent
from server.log import Log
from server.ports import Conflict, Find, IdempotencyMismatch
from server.turns import Agent
from tools import Caller, ToolError, ToolSpec, args_sha256, limits_of, verdict

BATCH: Final = 200
"""Conversations in one query."""
CONTEXT: Final = 6
"""Messages before the question that are shown with it."""


class NotDecided(Exception):
    """The decision was not taken; the message says why, for the person who wanted to take it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that the call counts against: what is booked already, what the call would add, and where it ends."""

    name: str
    booked: str
    cost: str
    limit: str


@dataclass(frozen=True, slots=True)
class Approval:
    """A call that waits for staff, drawn from what is stored: nothing here is a model's prose."""

    conversation: str
    call: CallRecord
    asked: Asked
    args_sha256: str
    amount: str | None
    limits: tuple[Limit, ...]
    messages: tuple[tuple[str, str], ...]
    """The newest words before it: `(role, text)`."""
    off: bool = False
    """Its tool, or the agent, is switched off: it can only be denied."""


class Approvals:
    """Lists and decides. `poke` wakes the turns of a conversation on this node; other nodes see the event."""

    def __init__(
        self,
        log: Log,
        agents: Mapping[str, Agent],
        *,
        poke: Callable[[str], None],
        clock_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._log = log
        self._agents = agents
        self._poke = poke
        self._clock_ms = clock_ms
        self._new_id = new_id

    async def pending(self, site: str | None = None) -> list[Approval]:
        """All calls that wait for staff, the longest waiting first; of one site, or of all."""
        found = []
        async for state in self._asked(site):
            for call in state.calls.values():
                asked = call.question
                if call.state == "asked" and asked is not None and asked.of == "staff":
                    found.append(await self._approval(state, call, asked))
        return sorted(found, key=lambda approval: (approval.asked.at_ms, approval.call.id))

    async def find(self, call: str, site: str | None = None) -> Approval:
        """The waiting call with this id.

        Raises:
            NotDecided: there is none; it may have been decided, or have expired.
        """
        for approval in await self.pending(site):
            if approval.call.id == call:
                return approval
        raise NotDecided(f"no call {call!r} waits for staff: it was decided, has expired, or never was")

    async def about(self, conversation: str, call: str) -> Approval:
        """The call of this conversation, which waits for staff, with its limits as they are now.

        Raises:
            NotDecided: it does not wait for staff.
        """
        state = await self._log.load(conversation)
        record = state.calls.get(call)
        asked = record.question if record is not None else None
        if record is None or record.state != "asked" or asked is None or asked.of != "staff":
            raise NotDecided(f"call {call!r} does not wait for staff any more")
        return await self._approval(state, record, asked)

    async def decide(  # noqa: PLR0913 - keyword-only: a decision and what it is bound to
        self,
        conversation: str,
        call: str,
        *,
        approve: bool,
        name: str,
        seen: str,
        comment: str = "",
        args: Mapping[str, Any] | None = None,
    ) -> str:
        """Decide one call as the person `name`; returns the id of the call that goes on, or has ended.

        `seen` is the SHA-256 of the arguments that the person saw. With other `args` the call is refused and a new
        one, which names it, is planned and agreed to; the customer is asked again if he had been asked before.

        Raises:
            NotDecided: not waiting any more, expired, other arguments than were seen, or arguments that do not fit; or it
                is to be approved, and its tool is switched off or gone. Nothing is used up then.
        """
        state = await self._log.load(conversation)
        record = state.calls.get(call)
        asked = record.question if record is not None else None
        if record is None or record.state != "asked" or asked is None or asked.of != "staff":
            raise NotDecided(f"call {call!r} does not wait for staff any more")
        if self._clock_ms() >= asked.expires_ms:
            raise NotDecided(f"call {call!r} has expired")
        if seen != asked.args_sha256 or seen != args_sha256(record.args):
            raise NotDecided("the arguments are not those that were shown; look again")
        if approve:
            agent = self._agent(state)
            spec = self._spec(agent, record)
            if agent.has_off(spec.name):
                # It would be used up for nothing: what is switched off is denied when it is to run.
                raise NotDecided(f"{state.site}: {spec.name} is switched off; turn it on first, or deny the call")
        body = {"by": "staff", "args_sha256": seen, "name": name} | ({"comment": comment} if comment else {})
        if args is not None and approve and _is_other(args, seen):
            events, goes_on = self._edited(state, record, body, args)
        else:
            goes_on = call
            decided = {"call": call, "approve": approve, **body}
            events = [NewEvent(decision_id(record), "call.decided", "staff", decided, record.turn)]
        try:
            await self._log.append(conversation, events, after=state.head)
        except (Conflict, IdempotencyMismatch) as error:
            raise NotDecided("something else happened first; look again") from error
        self._poke(conversation)
        return goes_on

    def _edited(
        self, state: Conversation, record: CallRecord, body: Mapping[str, Any], args: Mapping[str, Any]
    ) -> tuple[list[NewEvent], str]:
        """Refuse the call and plan another in its place, which the same person has agreed to: one commit."""
        agent = self._agent(state)
        spec = self._spec(agent, record)
        rule, asked, now_ms = agent.rules.get(spec.name), record.asks[-1], self._clock_ms()
        whose = replace(self._caller(state, agent, now_ms), customer=asked.customer, level=asked.level)
        try:
            spec.validate(args)
        except ToolError as error:
            raise NotDecided(str(error)) from error
        found = verdict(spec, rule, whose, args)
        if found.permission == "deny":  # it would be used up for nothing
            raise NotDecided(found.reason)
        new = CallRecord(
            f"call:{self._new_id()}",
            0,
            record.turn,
            record.tool,
            dict(args),
            spec.label_for(args, whose.locale),
            run=record.run,
            key=record.key,
            replaces=record.id,
        )
        planned: dict[str, Any] = {"call": new.id, "tool": new.tool, "args": new.args, "label": new.label}
        planned |= {"replaces": record.id}
        if record.run is not None:
            planned |= {"run": record.run, "key": record.key}
        question = question_body(new, Wanted("staff", asked.why, currency=agent.site.currency), spec, rule, whose)
        question["expires_ms"] = expiry_ms(agent.site, "staff", now_ms)
        ended = {"call": record.id, "ok": False, "label": record.label, "code": "replaced"}
        yes = {**body, "call": new.id, "approve": True, "args_sha256": question["args_sha256"]}
        no = {**body, "call": record.id, "approve": False, "edited": new.id}
        turn = record.turn
        return [
            NewEvent(decision_id(record), "call.decided", "staff", no, turn),
            NewEvent(f"{record.id}:replaced", "call.ended", "system", ended, turn),
            NewEvent(f"{new.id}:planned", "call.planned", "staff", planned, turn),
            NewEvent(f"{new.id}:asked", "call.asked", "system", question, turn),
            NewEvent(f"{new.id}:decided:1", "call.decided", "staff", yes, turn),
        ], new.id

    async def expire(self) -> int:
        """End every question whose time is over, and tell customer and staff; returns how many."""
        ended = 0
        async for state in self._asked(None):
            for call in state.calls.values():
                asked = call.question
                if call.state != "asked" or asked is None or self._clock_ms() < asked.expires_ms:
                    continue
                body = {"call": call.id, "approve": False, "by": "system", "of": asked.of, "expired": True}
                who = "the customer" if asked.of == "customer" else "staff"
                note = {"text": f"{call.label}: the question to {who} has expired; it was not done."}
                events = [
                    NewEvent(decision_id(call), "call.decided", "system", body, call.turn),
                    NewEvent(f"{decision_id(call)}:note", "note", "system", note, call.turn),
                ]
                try:
                    await self._log.append(state.key, events, after=state.head)
                except (Conflict, IdempotencyMismatch):
                    continue  # somebody answered just now
                ended += 1
                self._poke(state.key)
        return ended

    async def _asked(self, site: str | None) -> AsyncIterator[Conversation]:
        """Every conversation in which something waits for an answer, as it is now."""
        offset = 0
        while found := await self._log.store.find(Find(site=site, asked=True, limit=BATCH, offset=offset)):
            offset += len(found)
            for summary in found:
                if summary.site in self._agents:
                    yield await self._log.load(summary.conversation)

    async def _approval(self, state: Conversation, call: CallRecord, asked: Asked) -> Approval:
        agent = self._agent(state)
        spec = agent.registry.get(call.tool)
        amount: str | None = None
        limits: tuple[Limit, ...] = ()
        if spec is not None:
            try:
                value = spec.amount_of(spec.validate(call.args))
            except ToolError:
                value = None  # the tool has changed since: the call will be refused when it is judged again
            amount = str(value) if value is not None else None
            limits = await self._limits(state, agent, spec, call)
        before = [m for m in state.messages if m.seq < asked.seq][-CONTEXT:]
        messages = tuple((message.role, message.text) for message in before)
        off = spec is None or agent.has_off(spec.name)
        return Approval(state.key, call, asked, args_sha256(call.args), amount, limits, messages, off)

    async def _limits(self, state: Conversation, agent: Agent, spec: ToolSpec, call: CallRecord) -> tuple[Limit, ...]:
        now_ms = self._clock_ms()
        customer = call.asks[-1].customer
        keys = booking_keys(agent.site.key, state.key, spec.name, customer, local_day(agent.site, now_ms))
        try:
            bounds = limits_of(spec, agent.rules.get(spec.name), call.args)
        except ToolError:
            return ()
        found = []
        for name, cost, limit in bounds:
            booked = await self._log.store.spent(keys[name])
            found.append(Limit(name, f"{booked / 10_000:.2f}", str(cost), str(limit)))
        return tuple(found)

    def _agent(self, state: Conversation) -> Agent:
        agent = self._agents.get(state.site)
        if agent is None:
            raise NotDecided(f"this server has no site {state.site}")
        return agent

    @staticmethod
    def _spec(agent: Agent, record: CallRecord) -> ToolSpec:
        spec = agent.registry.get(record.tool)
        if spec is None:
            raise NotDecided(f"the tool {record.tool!r} is not there any more; the call can only be denied")
        return spec

    @staticmethod
    def _caller(state: Conversation, agent: Agent, now_ms: int) -> Caller:
        return prompt.caller_of(state, agent.site, now_ms)


def _is_other(args: Mapping[str, Any], seen: str) -> bool:
    """Whether these are not the arguments with this hash.

    Raises:
        NotDecided: they hold what is no JSON, such as a number that is none.
    """
    try:
        return args_sha256(args) != seen
    except ValueError as error:
        raise NotDecided(str(error)) from error
