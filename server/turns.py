"""Turns: decide, do, write down, repeat. One task per conversation that has work.

It holds nothing that matters: whatever dies here is decided again from the log.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from retrieval.cite import cite
from retrieval.types import Passage
from server import phrases, policy, prompt
from server.conversation import CallRecord, Conversation
from server.drafts import Drafts
from server.events import FENCING, Event, NewEvent
from server.hub import Hub
from server.log import Log
from server.policy import Answer, Runner
from server.ports import (
    Call,
    Choices,
    Conflict,
    Gone,
    HandOver,
    Model,
    ModelFailed,
    OverLimit,
    PlannedCall,
    Prompt,
    Retriever,
    Spend,
    Text,
    Thinking,
    Usage,
)
from server.site import Site
from tools import Outcome, Registry, Rule, run

logger = logging.getLogger(__name__)

LEASE_S: Final = 5.0
RENEW_S: Final = 2.0
SEARCH_S: Final = 5.0
"""After that an answer without passages is better than none: the model then says that it does not know."""
SHOWN_SCORE: Final = 0.35
"""Passages below are not named to the customer as looked up: they are there in case, not because they fit."""
RESERVE_TOKENS: Final = 4_000
"""Booked before a model call where the site has a token limit, and corrected afterwards: about a usual prompt and answer."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who answers for one site: what it may do and know, and the model that writes."""

    site: Site
    instructions: str
    registry: Registry
    rules: Mapping[str, Rule]
    model: Model
    retriever: Retriever

    def voice(self) -> prompt.Voice:
        """What the prompt says of this site. Tools that are denied are not even named to the model."""
        rules = self.rules
        allowed = tuple(
            spec
            for spec in self.registry
            if (rule := rules.get(spec.name)) is None or (rule.enabled and rule.permission != "deny")
        )
        return prompt.Voice(self.site, self.instructions, allowed)


@dataclass(slots=True, eq=False)
class _Work:
    """One conversation's run on this node."""

    key: str
    agent: Agent
    runner: Runner = field(default_factory=Runner)
    prefix: str = ""
    """Begins the ids of all events that this run writes: what fences it has another."""
    count: int = 0
    drafts: Drafts | None = None
    passages: tuple[Passage, ...] = ()
    looked_up: int = -1
    noted: int = -1
    query: str = ""
    usage: Usage = field(default_factory=Usage)
    cancellable: set[asyncio.Task[Any]] = field(default_factory=set)
    """What may be cut off when somebody else fences this run: the model's stream, tools that only read."""

    def new(self, kind: Any, role: Any, body: Mapping[str, Any], *, turn: str | None = None) -> NewEvent:  # noqa: ANN401 - Literals
        """An event of this run."""
        self.count += 1
        return NewEvent(f"{self.prefix}{self.count}", kind, role, body, turn or self.runner.turn)

    def fence(self) -> None:
        """Somebody else's event came first: stop what can be stopped, and decide again."""
        for task in self.cancellable:
            task.cancel()


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
        self._hub = hub
        self._agents = agents
        self._node = node
        self._new_id = new_id
        self._clock_ms = clock_ms
        self._leased = leased
        self._running: dict[str, _Work] = {}
        self._again: set[str] = set()
        self._ahead: dict[str, tuple[tuple[str, ...], asyncio.Task[tuple[Passage, ...]]]] = {}
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        log.listeners.append(self._heard)

    async def __aenter__(self) -> "Turns":
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._closing = True
        for task in [*self._tasks, *(ahead[1] for ahead in self._ahead.values())]:
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
        self._running[key] = work = _Work(key, agent)
        task = self._group.create_task(self._work(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def foresee(self, state: Conversation, text: str) -> None:
        """A message is about to be committed: search for it meanwhile."""
        agent = self._agents.get(state.site)
        if agent is None or self._closing or state.mode not in ("agent", "waiting"):
            return
        queries = policy.lookups(state, text)
        old = self._ahead.pop(state.key, None)
        if old is not None:
            old[1].cancel()
        if queries:
            task = self._group.create_task(self._search(agent, queries))
            self._ahead[state.key] = (queries, task)

    def _heard(self, key: str, events: Sequence[Event]) -> None:
        work = self._running.get(key)
        if work is None or not work.prefix:
            return
        if any(event.kind in FENCING and not event.id.startswith(work.prefix) for event in events):
            work.fence()

    async def _work(self, work: _Work) -> None:
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
            ahead = self._ahead.pop(key, None)
            if ahead is not None:
                ahead[1].cancel()
            if key in self._again and not self._closing:
                self._again.discard(key)
                self.poke(key)

    @contextlib.asynccontextmanager
    async def _lease(self, key: str) -> Any:  # noqa: ANN401 - an async generator of bool
        """Hold the conversation's lease while working on it; yields whether it was to be had."""
        if not self._leased:
            yield True
            return
        store = self._log.store
        if not await store.claim(key, self._node, LEASE_S):
            yield False
            return

        async def renew() -> None:
            while True:
                await asyncio.sleep(RENEW_S)
                await store.claim(key, self._node, LEASE_S)

        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(renew())
            try:
                yield True
            finally:
                renewing.cancel()
        await store.claim(key, self._node, 0)

    async def _run(self, work: _Work) -> None:
        while not self._closing:
            state = await self._log.load(work.key)
            caller = prompt.caller_of(state, work.agent.site, self._clock_ms())
            rules = policy.Rules(work.agent.registry, work.agent.rules, work.agent.site.limits)
            steps = policy.decide(state, rules, caller, work.runner, self._clock_ms())
            for step in steps:
                try:
                    if await self._do(work, state, step):
                        return
                    if len(steps) > 1:
                        state = await self._log.load(work.key)
                except Conflict:
                    break  # somebody else's event came first: decide again

    async def _do(self, work: _Work, state: Conversation, step: policy.Step) -> bool:
        """Carry out one step; True when there is nothing more to do for now."""
        match step:
            case policy.Rest():
                return True
            case policy.StartTurn():
                await self._start(work, state, step)
            case policy.RunCall():
                await self._run_calls(work, state, step.calls)
            case policy.EndCall():
                await self._end_call(work, state, step)
            case policy.AskPerson():
                locale = prompt.locale_of(state, work.agent.site)
                body = self._ended(
                    step.call, error=phrases.say("not_yet", locale), code="not_yet", why=step.verdict.reason
                )
                await self._log.append(work.key, [work.new("call.ended", "system", body)], after=state.head)
                work.runner = replace(work.runner, failed="not_yet")
            case policy.HandOver():
                await self._hand_over(work, state, step)
            case policy.EndTurn():
                ended = work.new("turn.ended", "system", {"reason": step.reason, "answers": list(state.unanswered)})
                await self._log.append(work.key, [ended], after=state.head)
            case policy.CallModel():
                await self._call_model(work, state)
        return False

    async def _start(self, work: _Work, state: Conversation, step: policy.StartTurn) -> None:
        turn = step.turn or f"t:{self._new_id()}"
        work.prefix = f"e:{self._new_id()}:"
        work.count = 0
        started = work.new("turn.started", "system", {"attempt": step.attempt}, turn=turn)
        await self._log.append(work.key, [started], after=state.head)
        work.runner = Runner(turn, step.attempt)
        work.usage = Usage()
        if work.drafts is not None:
            work.drafts.close()
        work.drafts = Drafts(self._hub, work.key, turn, state.head + 1)

    # What the model says

    async def _call_model(self, work: _Work, state: Conversation) -> None:
        assert work.drafts is not None  # noqa: S101 - a turn was started
        await self._look_up(work, state)
        now_ms = self._clock_ms()
        caller = prompt.caller_of(state, work.agent.site, now_ms)
        asked = prompt.build(state, work.agent.voice(), caller, work.passages, now_ms)
        spend = self._reserve(work)
        if spend:
            try:
                await self._log.append(work.key, self._retrieved(work, state), after=state.head, spend=spend)
            except OverLimit:
                work.runner = replace(work.runner, failed="budget")
                return
            state = await self._log.load(work.key)
        work.drafts.begin(state.head)
        answer = Answer()
        left_s = work.agent.site.limits.turn_s - (now_ms - (state.turn.started_ms if state.turn else now_ms)) / 1000
        failed = await self._listen_to(work, asked, answer, max(0.1, left_s))
        work.drafts.flush()
        ms = self._clock_ms() - now_ms
        current = await self._log.load(work.key)
        called = self._called(work, answer, ms, failed)
        if failed is not None:
            await self._log.append(work.key, [*self._retrieved(work, state), called], after=state.head)
            work.runner = replace(work.runner, failed=failed)
            return
        if answer.is_empty:
            await self._log.append(work.key, [*self._retrieved(work, state), called], after=state.head)
            work.runner = replace(work.runner, empty=work.runner.empty + 1)
            return
        work.runner = replace(work.runner, empty=0)
        events = [*self._retrieved(work, state), called]
        if answer.thinking.strip():
            events.append(work.new("thought", "agent", {"text": answer.thinking}))
        if answer.calls:
            await self._plan(work, current, answer, events, state.head)
        else:
            await self._answer(work, state, current, answer, events)

    async def _listen_to(self, work: _Work, asked: Prompt, answer: Answer, left_s: float) -> policy.Reason | None:
        """Stream one model call into `answer`; returns why it failed, or None.

        Raises:
            Conflict: somebody else's event cut it off.
        """
        stream = self._group.create_task(self._stream(work, asked, answer))
        work.cancellable.add(stream)
        try:
            done, _ = await asyncio.wait({stream}, timeout=left_s)
            if not done:
                logger.warning("conversation %s: the model took longer than %.0f s", work.key, left_s)
                return "limits"
            if stream.cancelled():
                raise Conflict
            return stream.result()
        finally:
            work.cancellable.discard(stream)
            if not stream.done():
                stream.cancel()
                await asyncio.wait({stream}, timeout=1.0)

    async def _stream(self, work: _Work, asked: Prompt, answer: Answer) -> policy.Reason | None:
        drafts = work.drafts
        assert drafts is not None  # noqa: S101 - a turn was started
        limit = work.agent.site.limits.tool_calls_per_turn
        try:
            chunks = work.agent.model.stream(asked)
            async with contextlib.aclosing(chunks):  # type: ignore[type-var]
                async for chunk in chunks:
                    match chunk:
                        case Text(text=text):
                            if not answer.text and not asked.results:
                                self._show_look_up(work, asked.locale)
                            answer.text += text
                            drafts.add("reply", text)
                        case Thinking(text=text):
                            answer.thinking += text
                            drafts.add("thinking", text)
                        case Call():
                            answer.calls.append(PlannedCall(chunk.id, chunk.tool, chunk.args))
                            if len(answer.calls) > limit:
                                break  # a model that does not stop calling is stopped here
                        case Choices():
                            answer.choices = chunk.texts
                        case HandOver():
                            answer.hand_over = policy.reason(chunk.reason)
                        case Usage():
                            answer.usage = chunk
                    if len(answer.text) > MAX_ANSWER_CHARS:
                        break
        except ModelFailed as error:
            logger.warning("conversation %s: the model failed: %s", work.key, error)
            return "failed"
        except Exception:
            # The top of this task. A model is an outside, whatever it raises: the customer gets an apology and a person.
            logger.exception("conversation %s: the model broke", work.key)
            return "failed"
        return None

    async def _plan(self, work: _Work, state: Conversation, answer: Answer, events: list[NewEvent], after: int) -> None:
        """Write down all calls of one answer in one commit; words before a call are thoughts, not a message."""
        if answer.text.strip():
            events.append(work.new("thought", "agent", {"text": answer.text}))
        used = state.turn.tool_calls if state.turn else 0
        room = max(0, work.agent.site.limits.tool_calls_per_turn - used)
        for call in answer.calls[:room]:
            spec = work.agent.registry.get(call.tool)
            label = spec.label_for(call.args) if spec is not None else call.tool
            body = {"call": f"call:{self._new_id()}", "tool": call.tool, "args": dict(call.args), "label": label}
            events.append(work.new("call.planned", "agent", body))
        await self._log.append(work.key, events, after=after)
        if len(answer.calls) > room:
            work.runner = replace(work.runner, failed="limits")

    async def _answer(
        self, work: _Work, asked: Conversation, current: Conversation, answer: Answer, events: list[NewEvent]
    ) -> None:
        """The message with its checked citations, and the end of the turn, in one commit."""
        locale = prompt.locale_of(asked, work.agent.site)
        cited = cite(answer.text, work.passages)
        text = cited.text
        for sentence in cited.unsupported:
            text = text.replace(sentence, "")
        text = text.strip()
        if not text and answer.text.strip():
            text = phrases.say("unsupported", locale)
        if answer.hand_over and not text:
            phrase = "asked" if answer.hand_over == "asked" else "handed_over"
            text = f"{phrases.say(phrase, locale)} {prompt.people_text(work.agent.site, locale, self._clock_ms())}"
        body = policy.answer_body(text, [_citation(c) for c in cited.citations], answer.choices)
        events.append(work.new("message", "agent", body))
        hands_over = answer.hand_over is not None and current.mode == "agent"
        if hands_over:
            events.append(work.new("mode", "system", {"mode": "waiting", "reason": answer.hand_over}))
        events.append(self._turn_ended(work, asked, "handed_over" if hands_over else "answered"))
        await self._log.append(work.key, events, after=asked.head)

    def _turn_ended(self, work: _Work, state: Conversation, why: str) -> NewEvent:
        started_ms = state.turn.started_ms if state.turn else self._clock_ms()
        usage = {"input_tokens": work.usage.input_tokens, "output_tokens": work.usage.output_tokens}
        body = {"reason": why, "answers": list(state.unanswered), "usage": usage, "ms": self._clock_ms() - started_ms}
        return work.new("turn.ended", "system", body)

    def _called(self, work: _Work, answer: Answer, ms: int, failed: str | None) -> NewEvent:
        body: dict[str, Any] = {"model": work.agent.model.name, "ms": ms, "prompt": prompt.VERSION}
        if answer.usage is not None:
            used = answer.usage
            work.usage = Usage(
                work.usage.input_tokens + used.input_tokens, work.usage.output_tokens + used.output_tokens, used.cost
            )
            body["usage"] = {"input_tokens": used.input_tokens, "output_tokens": used.output_tokens}
            if used.cost is not None:
                body["usage"]["cost"] = used.cost
        if failed is not None:
            body["failed"] = failed
        return work.new("model.called", "system", body)

    def _reserve(self, work: _Work) -> list[Spend]:
        limits = work.agent.site.limits
        if work.agent.model.name == "offline":
            return []
        day = self._clock_ms() // 86_400_000
        spend = []
        if limits.model_tokens_per_day is not None:
            spend.append(Spend(f"{work.agent.site.key}/tokens/{day}", RESERVE_TOKENS, limits.model_tokens_per_day))
        if limits.model_tokens_per_conversation is not None:
            limit = limits.model_tokens_per_conversation
            spend.append(Spend(f"{work.key}/tokens/{day}", RESERVE_TOKENS, limit))
        return spend

    # What the help center says

    async def _look_up(self, work: _Work, state: Conversation) -> None:
        upto = policy.unanswered_upto(state)
        if work.looked_up >= upto:
            return
        queries = policy.lookups(state)
        ahead = self._ahead.pop(work.key, None)
        if ahead is not None and ahead[0] == queries:
            try:
                work.passages = await ahead[1]
            except asyncio.CancelledError:
                if not ahead[1].cancelled():
                    raise
                work.passages = await self._search(work.agent, queries)
        else:
            if ahead is not None:
                ahead[1].cancel()
            work.passages = await self._search(work.agent, queries)
        work.looked_up, work.query = upto, queries[0] if queries else ""

    def _show_look_up(self, work: _Work, locale: str) -> None:
        """Name the articles that an answer out of the help center rests on; one out of a tool's result names none."""
        titles = tuple(dict.fromkeys(p.title for p in work.passages if p.score >= SHOWN_SCORE))[:2]
        if titles and work.drafts is not None:
            label = phrases.say("looked_up", locale, titles=", ".join(titles))
            work.drafts.step(f"{work.runner.turn}:search", label, "done")

    async def _search(self, agent: Agent, queries: Sequence[str]) -> tuple[Passage, ...]:
        """The best passages for any of the queries. A help center that does not answer gives none, and is logged."""
        k = agent.site.knowledge.passages
        try:
            async with asyncio.timeout(SEARCH_S):
                lists = await asyncio.gather(*(agent.retriever.search(agent.site.key, query, k=k) for query in queries))
        except Exception:
            # A search is an outside: without it the agent can still say that it does not know.
            logger.exception("site %s: the help center could not be searched", agent.site.key)
            return ()
        return merge(lists, k)

    def _retrieved(self, work: _Work, state: Conversation) -> list[NewEvent]:
        """The `retrieved` event, once for each search."""
        if work.noted == work.looked_up:
            return []
        work.noted = work.looked_up
        passages = [
            {
                "document": p.document,
                "title": p.title,
                "heading": p.heading,
                "url": p.url,
                "hash": p.hash,
                "start": p.start,
                "end": p.end,
                "score": round(p.score, 3),
                "text": p.text,
            }
            for p in work.passages
        ]
        body = {"query": work.query, "passages": passages, "upto": policy.unanswered_upto(state)}
        return [work.new("retrieved", "system", body)]

    # What the tools do

    async def _run_calls(self, work: _Work, state: Conversation, calls: Sequence[CallRecord]) -> None:
        """`call.started` for all in one commit, then the effects at the same time, then each one's end."""
        assert work.drafts is not None  # noqa: S101 - a turn was started
        started = [work.new("call.started", "system", {"call": call.id, "attempt": call.attempt + 1}) for call in calls]
        await self._log.append(work.key, started, after=state.head)
        caller = prompt.caller_of(state, work.agent.site, self._clock_ms())
        tasks: list[asyncio.Task[None]] = []
        for call in calls:
            spec = work.agent.registry.get(call.tool)
            assert spec is not None  # noqa: S101 - policy denies unknown tools
            work.drafts.step(call.id, call.label, "running")

            async def one(call: CallRecord = call, spec: Any = spec) -> None:  # noqa: ANN401 - ToolSpec
                outcome = await run(spec, replace(caller, call=call.id), call.args)
                await self._end_started(work, call, outcome)

            task = self._group.create_task(one())
            tasks.append(task)
            if spec.effect == "read":
                work.cancellable.add(task)
        try:
            await asyncio.wait(tasks)
        finally:
            work.cancellable.difference_update(tasks)
        for call, task in zip(calls, tasks, strict=True):
            if task.cancelled() and not self._closing:
                await self._end_started(work, call, Outcome(False, error="stopped"))
            elif not task.cancelled() and task.exception() is not None:
                raise task.exception() or AssertionError

    async def _end_started(self, work: _Work, call: CallRecord, outcome: Outcome) -> None:
        """Write down how an effect ended, whoever has fenced the turn meanwhile: what happened, happened."""
        body = self._ended(call, ok=outcome.ok, result=outcome.result, error=outcome.error)
        body |= {"ms": outcome.ms, "attempts": outcome.attempts}
        if outcome.unknown:
            body["unknown"] = True
        await self._log.append(work.key, [work.new("call.ended", "system", body)])
        if work.drafts is not None:
            work.drafts.step(call.id, call.label, "done" if outcome.ok else "failed")

    async def _end_call(self, work: _Work, state: Conversation, step: policy.EndCall) -> None:
        locale = prompt.locale_of(state, work.agent.site)
        error = step.reason
        if step.code in ("sign_in", "sign_in_again"):
            error = prompt.sign_in_text(work.agent.site, locale, state, self._clock_ms())
        elif step.code == "unknown_outcome":
            error = phrases.say("unknown_outcome", locale)
        body = self._ended(step.call, error=error, code=step.code)
        if step.code == "unknown_outcome":
            body["unknown"] = True
        await self._log.append(work.key, [work.new("call.ended", "system", body)], after=state.head)

    def _ended(self, call: CallRecord, *, ok: bool = False, result: Any = None, **rest: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        body: dict[str, Any] = {"call": call.id, "ok": ok, "label": call.label}
        if ok:
            body["result"] = result
        return body | {name: value for name, value in rest.items() if value is not None}

    # When it does not work out

    async def _hand_over(self, work: _Work, state: Conversation, step: policy.HandOver) -> None:
        """An apology, a person is asked, and the turn ends: one commit."""
        locale = prompt.locale_of(state, work.agent.site)
        people = prompt.people_text(work.agent.site, locale, self._clock_ms())
        text = f"{phrases.say(step.reason, locale)} {people}"
        events = [work.new("message", "agent", {"text": text})]
        if state.mode == "agent":
            events.append(work.new("mode", "system", {"mode": "waiting", "reason": step.reason}))
        events.append(self._turn_ended(work, state, step.ended))
        await self._log.append(work.key, events, after=state.head)

    async def _give_up_after_bug(self, work: _Work) -> None:
        """Our own code failed in this turn: the customer gets one fixed sentence, and nothing is lost."""
        try:
            state = await self._log.load(work.key)
            if state.turn is not None and state.turn.id == work.runner.turn:
                await self._hand_over(work, state, policy.HandOver("failed", "failed"))
        except Exception:
            logger.exception("conversation %s: could not even apologise; the sweep will try again", work.key)


MAX_ANSWER_CHARS: Final = 16_000
"""An answer longer than this is a model that loops: cut. Some 4,000 tokens."""


def merge(lists: Sequence[Sequence[Passage]], k: int) -> tuple[Passage, ...]:
    """The best `k` passages of several searches: the best of each search first, then by score, none twice."""
    firsts = [passages[0] for passages in lists if passages]
    rest = sorted((p for passages in lists for p in passages[1:]), key=lambda p: -p.score)
    seen: set[tuple[str, int]] = set()
    out: list[Passage] = []
    for passage in [*sorted(firsts, key=lambda p: -p.score), *rest]:
        where = (passage.document, passage.start)
        if where not in seen:
            seen.add(where)
            out.append(passage)
    return tuple(out[:k])


def _citation(citation: Any) -> dict[str, Any]:  # noqa: ANN401 - retrieval.cite.Citation
    return {
        "n": citation.n,
        "document": citation.document,
        "title": citation.title,
        "url": citation.url,
        "hash": citation.hash,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
    }
