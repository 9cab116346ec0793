"""Calls: permitted tool calls of a turn, run and written down.

It decides no permission: `policy` has.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from server import phrases, policy, prompt
from server.consent import (
    booking_keys,
    booking_units,
    caller_for,
    decision_id,
    expiry_ms,
    local_day,
    question_body,
)
from server.conversation import CallRecord, Conversation
from server.events import NewEvent
from server.ports import Conflict, IdempotencyMismatch, OverLimit, Spend
from server.turns.work import Node, Work
from tools import (
    Caller,
    Outcome,
    ToolError,
    ToolSpec,
    args_sha256,
    fallback_of,
    limits_of,
    reconcile,
    undo_refused,
    undoing,
    verdict,
)
from tools import run as run_tool

SPOKEN: Final = frozenset({"unknown_outcome", "declined", "refused", "expired"})
"""Ends of a call that a customer is told in a sentence of the server's own."""


class Calls:
    """Runs calls: `call.started` is committed before the effect, `call.ended` after it, whatever happened meanwhile."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def run(self, work: Work, state: Conversation, calls: Sequence[CallRecord]) -> None:
        """`call.started` is committed, then the effects happen at the same time, then each one's end is written down."""
        assert work.drafts is not None or state.mode in ("staff", "closed")  # noqa: S101 - a turn was started
        caller = prompt.caller_of(state, work.agent.site, self._node.clock_ms())
        tasks: list[asyncio.Task[None]] = []
        started = await self._start(work, state, calls, caller)
        for call in started:
            spec = work.agent.registry.get(call.tool)
            assert spec is not None  # noqa: S101 - policy denies unknown tools
            self._show(work, call, "running")
            work.calling.append(spec.name)
            task = self._node.group.create_task(
                self._one(work, state, call, replace(caller_for(state, call, caller), call=call.id))
            )
            tasks.append(task)
            if spec.effect == "read":
                work.cancellable.add(task)
        if not tasks:
            return
        try:
            await asyncio.wait(tasks)
        finally:
            for task in work.cancellable.intersection(tasks):
                task.cancel()  # only if this node stops; what changes something is let finish, and written down
            work.cancellable.difference_update(tasks)
            work.calling.clear()
        for call, task in zip(started, tasks, strict=True):
            if task.cancelled():
                await self._end_started(work, call, Outcome(False, error="stopped"))
            elif task.exception() is not None:
                raise task.exception() or AssertionError

    async def _start(
        self, work: Work, state: Conversation, calls: Sequence[CallRecord], caller: Caller
    ) -> list[CallRecord]:
        """Commit `call.started`, with what it books against limits; returns the calls that may have their effect now.

        What books nothing goes in one commit; each other call in one of its own, so that one over a limit stops
        itself alone. A fence in between stops the rest: those that are committed are let happen.

        Raises:
            Conflict: somebody else's event came first, and nothing was started.
        """
        now_ms = self._node.clock_ms()
        bookings = {
            call.id: self._bookings(work, state, call, caller_for(state, call, caller), now_ms) for call in calls
        }
        free = [call for call in calls if not bookings[call.id]]
        groups = [*([free] if free else []), *([call] for call in calls if bookings[call.id])]
        started: list[CallRecord] = []
        for group in groups:
            spend = bookings[group[0].id]
            events = []
            booked = [[item.key, item.amount] for item in spend]
            for call in group:
                why = self._why(work, state, call, caller)
                body: dict[str, Any] = {"call": call.id, "attempt": call.attempt + 1, "why": why}
                events.append(work.new("call.started", "system", body | ({"booked": booked} if booked else {})))
            try:
                await self._node.log.append(work.key, events, after=state.head, spend=spend)
            except OverLimit as error:
                await self.end(work, state, policy.EndCall(group[0], "over_limit", over_limit(error)))
            except Conflict:
                if not started:
                    raise
                break
            else:
                new = tuple((item.key, item.amount) for item in spend)
                started += [replace(call, booked=call.booked + new) for call in group]
        return started

    @staticmethod
    def _why(work: Work, state: Conversation, call: CallRecord, caller: Caller) -> str:
        """The rule's verdict on it, for the audit; who agreed is in the events before."""
        agent = work.agent
        spec = agent.registry.get(call.tool)
        return verdict(spec, agent.rules.get(call.tool), caller_for(state, call, caller), call.args).reason

    def _bookings(self, work: Work, state: Conversation, call: CallRecord, caller: Caller, now_ms: int) -> list[Spend]:
        """What the call counts for against its rule's limits; nothing for a further attempt at what is booked already."""
        spec = work.agent.registry.get(call.tool)
        if spec is None or call.attempt:
            return []
        day = local_day(work.agent.site, now_ms)
        keys = booking_keys(work.agent.site.key, state.key, spec.name, caller.customer, day)
        return [
            Spend(keys[name], booking_units(amount), int(limit * 10_000), lasting=name == "per_conversation")
            for name, amount, limit in limits_of(spec, work.agent.rules.get(spec.name), call.args)
        ]

    async def _one(self, work: Work, state: Conversation, call: CallRecord, caller: Caller) -> None:
        spec = work.agent.registry.get(call.tool)
        assert spec is not None  # noqa: S101 - policy denies unknown tools
        earlier = call.state == "started"  # by a process that died, and nobody has looked up what became of it
        if work.agent.has_off(spec.name):  # since `policy` allowed it, a commit ago
            outcome = Outcome(False, error="stopped", unknown=earlier and spec.effect != "read")
            await self._end_started(work, call, outcome)
            return
        try:
            bound = spec if spec.undoes is None else self._bound(work, state, call, spec)
        except ToolError as error:
            outcome = Outcome(False, error=str(error), code="refused")
        else:
            if call.timeout_s is not None and call.timeout_s < bound.timeout_s:
                bound = replace(bound, timeout_s=call.timeout_s)
            outcome = await run_tool(bound, caller, call.args, earlier=earlier, breakers=work.agent.breakers)
        await self._end_started(work, call, outcome)

    def _bound(self, work: Work, state: Conversation, call: CallRecord, undo: ToolSpec) -> ToolSpec:
        """The undo tool bound to the call of this conversation that it is to take back.

        Raises:
            ToolError: there is no such call, or it cannot be taken back (any more).
        """
        meant = state.calls.get(str(call.args.get("call")))
        original = work.agent.registry.get(undo.undoes or "")
        if meant is None or original is None:
            raise ToolError(f"There is no call of {undo.undoes} with this id in this conversation.")
        undone = any(
            other.id != call.id
            and other.tool in (undo.name, *undo.aliases)
            and other.args.get("call") == meant.id
            and (other.state == "started" or other.ok or other.unknown)
            for other in state.calls.values()
        )
        why = undo_refused(
            undo,
            tool=original.name if meant.tool in (original.name, *original.aliases) else meant.tool,
            ok=bool(meant.ok),
            ended_ms=meant.ended_ms or None,
            undone=undone,
            now_ms=self._node.clock_ms(),
        )
        if why is not None:
            raise ToolError(why)
        return undoing(undo, original, meant.args, meant.result)

    def _show(self, work: Work, call: CallRecord, step: Literal["running", "done", "failed"]) -> None:
        if work.drafts is not None:
            work.drafts.step(call.id, call.label, step)

    async def _end_started(self, work: Work, call: CallRecord, outcome: Outcome) -> None:
        """Write down how an effect ended, whoever has fenced the turn meanwhile: what happened, happened."""
        own = asyncio.current_task()
        if own is not None:
            work.cancellable.discard(own)  # cut off while this is being stored, it would end a second time, as stopped
        body = ended(call, ok=outcome.ok, result=outcome.result, error=outcome.error)
        body |= {"ms": outcome.ms, "attempts": outcome.attempts}
        back: list[Spend] = []
        if outcome.unknown:
            body["unknown"] = True
        elif not outcome.ok:
            back = [Spend(key, -amount, 0) for key, amount in call.booked]  # it has moved nothing
        events = await self._instead(work, call, body) if outcome.wants_fallback else []
        events.insert(0, work.new("call.ended", "system", body))
        await self._node.log.append(work.key, events, spend=back)
        self._show(work, call, "done" if outcome.ok else "failed")

    async def _instead(self, work: Work, call: CallRecord, body: dict[str, Any]) -> list[NewEvent]:
        """What the tool has for the case that it fails: a sentence, which goes into `body`, or another call."""
        spec = work.agent.registry.get(call.tool)
        if spec is None:
            return []
        other = fallback_of(spec, work.agent.registry, call.args, work.agent.rules.get(spec.name))
        if other is None or isinstance(other, str):
            body["error"] = other or body.get("error")
            return []
        name, args = other
        stand_in = work.agent.registry.get(name)
        assert stand_in is not None  # noqa: S101 - `fallback_of` has looked
        planned: dict[str, Any] = {"call": f"call:{self._node.new_id()}", "tool": name, "args": args}
        locale = prompt.spoken_in(await self._node.log.load(work.key), work.agent.site)
        planned |= {"label": stand_in.label_for(args, locale), "fallback_for": call.id}
        if call.run is not None:  # the run hears of the one that stands in
            planned |= {"run": call.run, "key": call.key}
            body["code"] = "replaced"
        return [work.new("call.planned", "system", planned)]

    async def reconcile(self, work: Work, state: Conversation, call: CallRecord) -> None:
        """A dead process started this call: where the tool can look up what happened, that is written down.

        If it did not happen, it is run again, but not while a person has the conversation, once it is closed, or while
        the agent is switched off; if nobody can tell, it ends as unknown.
        """
        spec = work.agent.registry.get(call.tool)
        caller = caller_for(state, call, prompt.caller_of(state, work.agent.site, self._node.clock_ms()))
        caller = replace(caller, call=call.id)
        found = await reconcile(spec, caller, call.args) if spec is not None else None
        if found is not None and found.happened:
            await self._end_started(work, call, Outcome(True, found.result, attempts=call.attempt))
        elif (
            found is not None and found.happened is False and (state.mode in ("staff", "closed") or work.agent.is_off())
        ):
            await self._end_started(work, call, Outcome(False, error="stopped", attempts=call.attempt))
        elif found is not None and found.happened is False:
            await self.run(work, state, [replace(call, state="planned")])
        else:
            why = "outcome unknown: the server stopped while this was running"
            await self.end(work, state, policy.EndCall(call, "unknown_outcome", why))

    async def ask(self, work: Work, state: Conversation, step: policy.AskPerson) -> None:
        """`call.asked`, bound to arguments, rule, customer and time, for all in one commit."""
        now_ms = self._node.clock_ms()
        caller = prompt.caller_of(state, work.agent.site, now_ms)
        events = []
        for call, wanted in step.asks:
            spec = work.agent.registry.get(call.tool)
            assert spec is not None  # noqa: S101 - policy denies unknown tools
            body = question_body(call, wanted, spec, work.agent.rules.get(spec.name), caller)
            body["expires_ms"] = expiry_ms(work.agent.site, wanted.of, now_ms)
            events.append(work.new("call.asked", "system", body))
        await self._node.log.append(work.key, events, after=state.head)

    async def decide(self, work: Work, state: Conversation, step: policy.Decide) -> None:
        """`call.decided` for what the customer said in words, or has proved."""
        call = step.call
        body: dict[str, Any] = {"call": call.id, "approve": step.approve, "by": step.by}
        if step.by == "customer":
            body |= {"args_sha256": args_sha256(call.args), "message": state.unanswered[-1]}
        event = NewEvent(decision_id(call), "call.decided", step.by, body, work.runner.turn)
        try:
            await self._node.log.append(work.key, [event], after=state.head)
        except IdempotencyMismatch as error:
            raise Conflict from error  # somebody else's answer came first

    async def end(self, work: Work, state: Conversation, step: policy.EndCall) -> None:
        """End a call that does not run, with words for the model and the customer."""
        locale = prompt.spoken_in(state, work.agent.site)
        error = step.reason
        if step.code in ("sign_in", "sign_in_again"):
            error = prompt.sign_in_text(work.agent.site, locale, state, self._node.clock_ms())
        elif step.code in SPOKEN:
            error = phrases.say(step.code, locale)
        body = ended(step.call, error=error, code=step.code)
        if step.code == "unknown_outcome":
            body["unknown"] = True
        elif error != step.reason:
            body["why"] = step.reason
        await self._node.log.append(work.key, [work.new("call.ended", "system", body)], after=state.head)


def over_limit(error: OverLimit) -> str:
    """In words, which limit a call would pass."""
    what = "this customer's limit for today" if "/customer/" in error.key else "today's limit for the whole shop"
    return f"over the limit: it would pass {what if error.key.count('/') > 2 else 'the limit for one conversation'}"


def ended(call: CallRecord, *, ok: bool = False, result: Any = None, **rest: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The body of a `call.ended`; of `rest`, what is not None."""
    body: dict[str, Any] = {"call": call.id, "ok": ok, "label": call.label}
    if ok:
        body["result"] = result
    return body | {name: value for name, value in rest.items() if value is not None}
