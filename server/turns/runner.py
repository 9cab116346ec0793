"""Turns: decide, do, write down, repeat. One task per conversation that has work.

It holds nothing that matters: whatever dies here is decided again from the log.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from server import handoff, phrases, policy, prompt
from server.conversation import Conversation
from server.drafts import Drafts
from server.events import Event, fences
from server.hub import Hub
from server.log import Log
from server.policy import Runner
from server.ports import Conflict, Gone, Usage
from server.turns.calls import Calls
from server.turns.ending import asks_person, closing, turn_ended
from server.turns.flows import Flows
from server.turns.knowledge import Knowledge
from server.turns.speech import Speech
from server.turns.work import Agent, Node, Work

logger = logging.getLogger(__name__)

LEASE_S: Final = 5.0
RENEW_S: Final = 2.0


class Turns:
    """Runs the turns of this node. Use it as an async context manager: its tasks end with it."""

    def __init__(  # noqa: PLR0913 - the parts that it connects
        self,
        log: Log,
        hub: Hub,
        agents: Mapping[str, Agent],
        *,
        node: str,
        new_id: Callable[[], str],
        clock_ms: Callable[[], int],
        leased: bool = False,
    ) -> None:
        """`leased`: other nodes run turns on the same store, so a lease is taken before any work."""
        self._log = log
        self._agents = agents
        self._owner = node
        self._leased = leased
        self._group = asyncio.TaskGroup()
        self._node = Node(log, hub, new_id, clock_ms, self._group)
        self._knowledge = Knowledge(self._node)
        self._flows = Flows(self._node)
        self._speech = Speech(self._node, self._knowledge, self._flows)
        self._calls = Calls(self._node)
        self._running: dict[str, Work] = {}
        self._again: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        log.listeners.append(self._heard)

    async def __aenter__(self) -> "Turns":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._closing = True
        self._knowledge.close()
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    @property
    def running(self) -> int:
        """How many conversations are being worked on here."""
        return len(self._running)

    def poke(self, key: str) -> None:
        """Something new may be in this log: see to it. Cheap, and harmless when nothing is."""
        site = key.partition("/")[0]
        agent = self._agents.get(site)
        if self._closing or agent is None:
            return
        if key in self._running:
            self._again.add(key)
            return
        # Also what it does without a turn, such as a call that staff agree to while they have it, has ids of its own.
        self._running[key] = work = Work(key, agent, prefix=f"e:{self._node.new_id()}:")
        task = self._group.create_task(self._work(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cut(self, site: str, tool: str | None = None) -> None:
        """The merchant has switched a site's agent, or one tool of it, off: stop what can be stopped, and decide anew.

        Effects that are under way are let finish, and written down.
        """
        for key, work in self._running.items():
            if key.partition("/")[0] == site and (tool is None or tool in work.calling):
                work.fence()
                self._again.add(key)

    def foresee(self, state: Conversation, text: str) -> None:
        """A message is about to be committed: search for it meanwhile."""
        agent = self._agents.get(state.site)
        if agent is not None and not self._closing and state.mode in ("agent", "waiting"):
            self._knowledge.foresee(agent, state, text)

    def _heard(self, key: str, events: Sequence[Event]) -> None:
        work = self._running.get(key)
        if work is None or work.runner.turn is None:
            return
        if any(fences(event) and not event.id.startswith(work.prefix) for event in events):
            work.fence()

    async def _work(self, work: Work) -> None:
        """One conversation's task. Its bug ends here, visibly; it never touches another conversation."""
        key = work.key
        try:
            while True:
                self._again.discard(key)
                async with self._lease(key) as held:
                    if not held:
                        return
                    await self._run(work)
                if key not in self._again:
                    return
        except Gone:
            return
        except Exception:
            logger.exception("conversation %s: turn %s failed", key, work.runner.turn)
            await self._give_up_after_bug(work)
        finally:
            if work.drafts is not None:
                work.drafts.close()
            self._running.pop(key, None)
            self._knowledge.forget(key)
            if key in self._again and not self._closing:
                self._again.discard(key)
                self.poke(key)

    @contextlib.asynccontextmanager
    async def _lease(self, key: str) -> AsyncIterator[bool]:
        """Hold the conversation's lease while working on it; yields whether it was to be had."""
        if not self._leased:
            yield True
            return
        store = self._log.store
        if not await store.claim(key, self._owner, LEASE_S):
            yield False
            return

        async def renew() -> None:
            while True:
                await asyncio.sleep(RENEW_S)
                await store.claim(key, self._owner, LEASE_S)

        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(renew())
            try:
                yield True
            finally:
                renewing.cancel()
        await store.claim(key, self._owner, 0)

    async def _run(self, work: Work) -> None:
        while not self._closing:
            state = await self._log.load(work.key)
            caller = prompt.caller_of(state, work.agent.site, self._node.clock_ms())
            rules = work.agent.ruled(caller)
            steps = policy.decide(state, rules, caller, work.runner, self._node.clock_ms())
            steps = handoff.instead(steps, state, work.agent.site.hand_over, work.agent.registry)
            for step in steps:
                try:
                    if await self._do(work, state, step):
                        return
                    if len(steps) > 1:
                        state = await self._log.load(work.key)
                except Conflict:
                    break  # somebody else's event came first: decide again

    async def _do(self, work: Work, state: Conversation, step: policy.Step) -> bool:
        """Carry out one step; True when there is nothing more to do for now."""
        match step:
            case policy.Rest():
                return True
            case policy.StartTurn():
                await self._start(work, state, step)
            case policy.RunCall():
                await self._calls.run(work, state, step.calls)
            case policy.EndCall():
                await self._calls.end(work, state, step)
            case policy.AskPerson():
                await self._calls.ask(work, state, step)
            case policy.Decide():
                await self._calls.decide(work, state, step)
            case policy.Reconcile():
                await self._calls.reconcile(work, state, step.call)
            case policy.CarryOut() | policy.Tell() | policy.Resume() | policy.Leave():
                await self._flows.do(work, state, step)
            case policy.HandOver():
                await self._hand_over(work, state, step)
            case policy.EndTurn():
                await self._log.append(work.key, closing(self._node, work, state, step.reason), after=state.head)
            case policy.CallModel():
                await self._speech.call_model(work, state)
        return False

    async def _start(self, work: Work, state: Conversation, step: policy.StartTurn) -> None:
        turn = step.turn or f"t:{self._node.new_id()}"
        work.prefix = f"e:{self._node.new_id()}:"
        work.count = 0
        started = work.new("turn.started", "system", {"attempt": step.attempt}, turn=turn)
        await self._log.append(work.key, [started], after=state.head)
        work.runner = Runner(turn, step.attempt)
        work.usage = Usage()
        if work.drafts is not None:
            work.drafts.close()
        work.drafts = Drafts(self._node.hub, work.key, turn, state.head + 1)

    # When it does not work out

    async def _hand_over(self, work: Work, state: Conversation, step: policy.HandOver) -> None:
        """An apology, a person is asked, and the turn ends: one commit."""
        locale = prompt.spoken_in(state, work.agent.site)
        people = prompt.people_text(work.agent.site, locale, self._node.clock_ms())
        known = step.reason == "switched_off" and state.mode == "waiting"  # said with an earlier message
        said = phrases.say("already_waiting", locale) if known else phrases.handed_over(step.reason, locale)
        message = work.new("message", "agent", {"text": f"{said} {people}"})
        events = [message]
        if state.mode == "agent":
            events = asks_person(work, state, message, step.reason, step.detail)
        events.append(turn_ended(self._node, work, state, step.ended))
        await self._log.append(work.key, events, after=state.head)

    async def _give_up_after_bug(self, work: Work) -> None:
        """Our own code failed in this turn: the customer gets one fixed sentence, and nothing is lost."""
        try:
            state = await self._log.load(work.key)
            if state.turn is not None and state.turn.id == work.runner.turn:
                await self._hand_over(work, state, policy.HandOver("failed", "failed"))
        except Exception:
            logger.exception("conversation %s: could not even apologise; the sweep will try again", work.key)
