"""Calls: permitted tool calls of a turn, run and written down.

It decides no permission: `policy` has.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from server import phrases, policy, prompt
from server.conversation import CallRecord, Conversation
from server.turns.work import Node, Work
from tools import Outcome
from tools import run as run_tool


class Calls:
    """Runs calls: `call.started` is committed before the effect, `call.ended` after it, whatever happened meanwhile."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def run(self, work: Work, state: Conversation, calls: Sequence[CallRecord]) -> None:
        """`call.started` for all in one commit, then the effects at the same time, then each one's end."""
        assert work.drafts is not None  # noqa: S101 - a turn was started
        started = [work.new("call.started", "system", {"call": call.id, "attempt": call.attempt + 1}) for call in calls]
        await self._node.log.append(work.key, started, after=state.head)
        caller = prompt.caller_of(state, work.agent.site, self._node.clock_ms())
        tasks: list[asyncio.Task[None]] = []
        for call in calls:
            spec = work.agent.registry.get(call.tool)
            assert spec is not None  # noqa: S101 - policy denies unknown tools
            work.drafts.step(call.id, call.label, "running")

            async def one(call: CallRecord = call, spec: Any = spec) -> None:  # noqa: ANN401 - ToolSpec
                outcome = await run_tool(spec, replace(caller, call=call.id), call.args)
                await self._end_started(work, call, outcome)

            task = self._node.group.create_task(one())
            tasks.append(task)
            if spec.effect == "read":
                work.cancellable.add(task)
        try:
            await asyncio.wait(tasks)
        finally:
            for task in work.cancellable.intersection(tasks):
                task.cancel()  # only if this node stops; what changes something is let finish, and written down
            work.cancellable.difference_update(tasks)
        for call, task in zip(calls, tasks, strict=True):
            if task.cancelled():
                await self._end_started(work, call, Outcome(False, error="stopped"))
            elif not task.cancelled() and task.exception() is not None:
                raise task.exception() or AssertionError

    async def _end_started(self, work: Work, call: CallRecord, outcome: Outcome) -> None:
        """Write down how an effect ended, whoever has fenced the turn meanwhile: what happened, happened."""
        body = ended(call, ok=outcome.ok, result=outcome.result, error=outcome.error)
        body |= {"ms": outcome.ms, "attempts": outcome.attempts}
        if outcome.unknown:
            body["unknown"] = True
        await self._node.log.append(work.key, [work.new("call.ended", "system", body)])
        if work.drafts is not None:
            work.drafts.step(call.id, call.label, "done" if outcome.ok else "failed")

    async def end(self, work: Work, state: Conversation, step: policy.EndCall) -> None:
        """End a call that does not run, with words for the model and the customer."""
        locale = prompt.spoken_in(state, work.agent.site)
        error = step.reason
        if step.code in ("sign_in", "sign_in_again"):
            error = prompt.sign_in_text(work.agent.site, locale, state, self._node.clock_ms())
        elif step.code == "unknown_outcome":
            error = phrases.say("unknown_outcome", locale)
        body = ended(step.call, error=error, code=step.code)
        if step.code == "unknown_outcome":
            body["unknown"] = True
        await self._node.log.append(work.key, [work.new("call.ended", "system", body)], after=state.head)


def ended(call: CallRecord, *, ok: bool = False, result: Any = None, **rest: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The body of a `call.ended`; of `rest`, what is not None."""
    body: dict[str, Any] = {"call": call.id, "ok": ok, "label": call.label}
    if ok:
        body["result"] = result
    return body | {name: value for name, value in rest.items() if value is not None}
