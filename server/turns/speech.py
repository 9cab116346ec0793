"""Speech: one model call of a turn, and what its words and calls become in the log.

It runs no tool. Whatever a model does, what it wrote is checked before it is committed.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from retrieval.cite import cite, ground, merged, without
from retrieval.types import Cited
from server import handoff, phrases, policy, prompt
from server.claims import Hold, Lexicon, Open, Proof, claim_in, is_asked_for, words_since
from server.conversation import Conversation
from server.drafts import Drafts
from server.events import NewEvent
from server.link import Part
from server.policy import Answer
from server.ports import (
    Call,
    Choices,
    Chunk,
    Conflict,
    HandOver,
    Heard,
    ModelFailed,
    OverLimit,
    PassOn,
    PlannedCall,
    Prompt,
    Start,
    Text,
    Thinking,
    Usage,
)
from server.turns import routing
from server.turns.budget import reserve
from server.turns.ending import asks_person, turn_ended
from server.turns.flows import Flows
from server.turns.knowledge import Knowledge
from server.turns.offers import with_offers
from server.turns.quoting import citation_body
from server.turns.urgent import people_text, urgent
from server.turns.work import Node, Work
from tools import Registry

logger = logging.getLogger(__name__)

MAX_ANSWER_CHARS: Final = 16_000
"""An answer longer than this is a model that loops: cut. Some 4,000 tokens."""
MAX_THINKING_CHARS: Final = 200_000
"""Reasoning beyond this goes nowhere: some 50,000 tokens."""


class Speech:
    """Lets the model go on, and writes down what it said."""

    def __init__(self, node: Node, knowledge: Knowledge, flows: Flows) -> None:
        self._node = node
        self._knowledge = knowledge
        self._flows = flows
        self._lexicons: dict[str, tuple[Registry, int, Lexicon]] = {}

    async def call_model(self, work: Work, state: Conversation) -> None:
        """One model call, and one commit of what came of it.

        Raises:
            Conflict: somebody else's event came first; nothing of this call is stored.
        """
        assert work.drafts is not None  # noqa: S101 - a turn was started
        state, first = await routing.look(work, state)
        if (at_once := urgent(self._node, work, state)) is not None:
            await self._node.log.append(work.key, [*first, *at_once], after=state.head)
            return
        await self._knowledge.look_up(work, state)
        now_ms = self._node.clock_ms()
        asked = self._prompt(work, state, now_ms)
        spend = reserve(work.agent.site, work.model, work.key, self._node.clock_ms())
        first += self._knowledge.retrieved(work, state)
        if spend:
            try:
                await self._node.log.append(work.key, first, after=state.head, spend=spend)
            except OverLimit:
                work.runner = replace(work.runner, failed="budget")
                return
            first = []
            state = await self._node.log.load(work.key)
        work.drafts.begin(state.head)
        answer = Answer()
        left_s = work.agent.site.limits.turn_s - (now_ms - (state.turn.started_ms if state.turn else now_ms)) / 1000
        failed = await self._listen_to(work, asked, self._proof(work, state), answer, max(0.1, left_s))
        work.drafts.flush()
        ms = self._node.clock_ms() - now_ms
        current = await self._node.log.load(work.key)
        called = self._called(work, state, answer, ms, failed)
        if failed is not None:
            await self._node.log.append(work.key, [*first, called], after=state.head)
            work.runner = replace(work.runner, failed=failed)
            return
        moves = self._flows.moves(work, current, answer)
        if not (moves or answer.says_or_does):
            await self._node.log.append(work.key, [*first, called], after=state.head)
            work.runner = replace(work.runner, empty=work.runner.empty + 1)
            return
        work.runner = replace(work.runner, empty=0)
        events = [*first, called]
        if answer.thinking.strip():
            events.append(work.new("thought", "agent", {"text": answer.thinking}))
        if answer.pass_on is not None:
            await self._pass_on(work, state, answer, events)
        elif moves:
            if answer.text.strip() and work.quotes_only:
                events.append(await self._message(work, state, answer))
                answer.text = ""
            await self._plan(work, current, answer, [*events, *moves], state.head)
        elif answer.calls:
            await self._plan(work, current, answer, [*events, *self._flows.digression(work, current)], state.head)
        else:
            await self._answer(work, state, current, answer, events)

    def _prompt(self, work: Work, state: Conversation, now_ms: int) -> Prompt:
        caller = prompt.caller_of(state, work.agent.site, now_ms)
        voice = work.voice()
        if (routed := work.routed) is not None:
            others = routing.colleagues(routed, state, work.agent.site)
            voice = replace(voice, agent_score=routed.pick.score, colleagues=others)
        can_verify = "sign_in" in work.agent.verifies(caller)
        return prompt.build(state, voice, caller, work.passages, now_ms, can_verify=can_verify)

    async def _pass_on(self, work: Work, state: Conversation, answer: Answer, events: list[NewEvent]) -> None:
        """Another agent goes on with the turn; what this one wrote is a thought, and its calls were never planned."""
        assert answer.pass_on is not None  # noqa: S101 - the caller has looked
        routed = routing.passed_on(work, state, answer.pass_on)
        if answer.text.strip():
            events.append(work.new("thought", "agent", {"text": answer.text}))
        events.append(work.new("routed", "system", routed.body()))
        await self._node.log.append(work.key, events, after=state.head)
        work.routed = routed

    async def _listen_to(
        self, work: Work, asked: Prompt, proof: Proof, answer: Answer, left_s: float
    ) -> policy.Reason | None:
        """Stream one model call into `answer`; returns why it failed, or None.

        Raises:
            Conflict: somebody else's event cut it off.
        """
        stream = self._node.group.create_task(self._stream(work, asked, proof, answer))
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

    def _proof(self, work: Work, state: Conversation) -> Proof:
        """What may be said to have been done."""
        registry, site = work.agent.registry, work.agent.site.key
        known = self._lexicons.get(site)
        if known is None or known[0] is not registry or known[1] != len(registry):
            changing = [spec for spec in registry if spec.effect != "read"]
            known = self._lexicons[site] = (registry, len(registry), Lexicon.of(changing))
        return Proof.of(state, registry, known[2])

    async def _stream(self, work: Work, asked: Prompt, proof: Proof, answer: Answer) -> policy.Reason | None:
        drafts = work.drafts
        assert drafts is not None  # noqa: S101 - a turn was started
        limit = work.agent.site.limits.tool_calls_per_turn
        locale = prompt.said_in(asked)
        passages = tuple(passage.text for passage in asked.passages)
        # The offline engine says what tools, articles and fixed sentences say; a word list would only spoil theirs.
        free = work.model.name == "offline"
        said = Open() if free else Hold(proof, instead=phrases.say("not_proven", locale), passages=passages)
        thought = Open() if free else Hold(proof)
        size = mused = 0
        try:
            chunks = work.model.stream(asked)
            async with contextlib.aclosing(chunks):  # type: ignore[type-var]
                async for chunk in chunks:
                    match chunk:
                        case Text(text=text):
                            if not size and not asked.results:
                                self._knowledge.show(work, locale)
                            size += len(text)
                            more = said.feed(text)
                            if said.is_rewritten:
                                _show(drafts, "reply", said, more)
                            elif more:  # most tokens: without another call
                                drafts.add("reply", more)
                            if size > MAX_ANSWER_CHARS:
                                break
                        case Thinking(text=text):
                            mused += len(text)
                            _show(drafts, "thinking", thought, thought.feed(text))
                            if mused > MAX_THINKING_CHARS:
                                break
                        case Call():
                            answer.calls.append(PlannedCall(chunk.id, chunk.tool, chunk.args))
                            if len(answer.calls) > limit:
                                break  # a model that does not stop calling is stopped here
                        case _:
                            _take(answer, chunk, asked)
            handed_over = answer.hand_over is not None
            _show(drafts, "thinking", thought, thought.finish(handed_over=handed_over))
            _show(drafts, "reply", said, said.finish(handed_over=handed_over))
            answer.choices = _proven(answer.choices, proof)
        except ModelFailed as error:
            logger.warning("conversation %s: the model failed: %s", work.key, error)
            return "failed"
        except Exception:
            # The top of this task. A model is an outside, whatever it raises: the customer gets an apology and a person.
            logger.exception("conversation %s: the model broke", work.key)
            return "failed"
        finally:
            answer.text, answer.thinking = said.text, thought.text
            answer.withheld = (*said.withheld, *thought.withheld)
        return None

    async def _plan(self, work: Work, state: Conversation, answer: Answer, events: list[NewEvent], after: int) -> None:
        """Write down all calls of one answer in one commit; words before a call are thoughts, not a message."""
        if answer.text.strip():
            events.append(work.new("thought", "agent", {"text": answer.text}))
        used, locale = state.turn.tool_calls if state.turn else 0, prompt.spoken_in(state, work.agent.site)
        room = max(0, work.agent.site.limits.tool_calls_per_turn - used)
        for call in answer.calls[:room]:
            spec = work.agent.registry.get(call.tool)
            label = spec.label_for(call.args, locale) if spec is not None else call.tool
            body: dict[str, Any] = {"call": f"call:{self._node.new_id()}", "tool": call.tool, "args": dict(call.args)}
            body["label"] = label
            if spec is not None and spec.effect != "read" and not work.quotes_only:
                # What obeys no text needs no guard; what may, could have got this from an article or an order's note.
                said = words_since(state, spec)
                body |= {} if is_asked_for(spec, call.args, said) else {"unasked": True}
            events.append(work.new("call.planned", "agent", body))
            if work.agent.is_elsewhere(call.tool, work.name):
                error = "only another agent of the shop has this tool: pass on to it"
                events.append(work.new("call.ended", "system", _ended(body, error)))
        await self._node.log.append(work.key, events, after=after)
        if len(answer.calls) > room:
            work.runner = replace(work.runner, failed="limits")

    async def _answer(
        self, work: Work, asked: Conversation, current: Conversation, answer: Answer, events: list[NewEvent]
    ) -> None:
        """The message with its checked citations, and the end of the turn, in one commit.

        Where a workflow's run waits for an answer, its question comes after the message, and then the turn's end.
        """
        if work.routed is not None and work.routed.angry_again and answer.hand_over is None and current.mode == "agent":
            answer.hand_over = "anger"
        message = await self._message(work, asked, answer)
        if answer.hand_over is None and current.mode == "agent" and _is_unsure(work, asked, message):
            answer.hand_over = "low_confidence"
            said = phrases.handed_over(answer.hand_over, prompt.spoken_in(asked, work.agent.site))
            text = f"{message.body['text']}\n\n{said} {people_text(self._node, work, asked)}"
            # The offer of a person, which is all the choice there is, has come true.
            message = replace(message, body={k: v for k, v in message.body.items() if k != "choices"} | {"text": text})
        hands_over = answer.hand_over is not None and current.mode == "agent"
        if not hands_over and self._flows.holds_the_turn(work, current):
            events += [*self._flows.digression(work, current), message]
            await self._node.log.append(work.key, events, after=asked.head)
            return
        message = message if hands_over else with_offers(work, asked, message, self._node.clock_ms())
        events += asks_person(work, asked, message, answer.hand_over) if hands_over and answer.hand_over else [message]
        waits = asked.turn is not None and any(call.state == "asked" for call in asked.turn_calls(asked.turn.id))
        ended = "handed_over" if hands_over else "waiting" if waits else "answered"
        events.append(turn_ended(self._node, work, asked, ended))
        await self._node.log.append(work.key, events, after=asked.head)

    async def _message(self, work: Work, asked: Conversation, answer: Answer) -> NewEvent:
        """The answer as a message, its citations checked."""
        locale = prompt.spoken_in(asked, work.agent.site)
        # Some milliseconds of matching words: in a thread, so that no other chat waits for it.
        cited = await asyncio.to_thread(self._checked, work, asked, answer)
        text = cited.text.strip()
        if not text and answer.text.strip():
            text = phrases.say("not_proven" if answer.withheld else "unsupported", locale)
        if answer.hand_over and (not text or (work.routed is not None and work.routed.angry_again)):
            phrase = "asked" if answer.hand_over == "asked" else "handed_over"
            text = f"{text}\n\n{phrases.say(phrase, locale)} {people_text(self._node, work, asked)}".strip()
        for question in _open_questions(asked, locale, untold=bool(answer.withheld)):
            # The last that is read before a yes is what the yes is to, and no model's words.
            text = text if text.endswith(question) else f"{text}\n\n{question}".strip()
        body = policy.answer_body(text, [citation_body(c) for c in cited.citations], answer.choices)
        return work.new("message", "agent", body)

    def _checked(self, work: Work, state: Conversation, answer: Answer) -> Cited:
        """The answer with its citations checked, and without what nothing supports.

        What a tool's result says cannot be looked up in passages: such an answer is only checked where it cites.
        """
        did = state.turn is not None and any(call.ok for call in state.turn_calls(state.turn.id))
        if did or work.quotes_only:
            cited = cite(answer.text, work.passages)
            text = without(cited.text, cited.unsupported)
            return merged(Cited(text, cited.citations, cited.unsupported), work.passages)
        said = [message.text for message in state.messages] + [prompt.refusal(call) for call in state.calls.values()]
        known = " ".join(said)
        return merged(ground(answer.text, work.passages, known=known), work.passages)

    def _called(self, work: Work, state: Conversation, answer: Answer, ms: int, failed: str | None) -> NewEvent:
        body: dict[str, Any] = {"model": work.model.name, "ms": ms, "prompt": prompt.VERSION}
        body["upto"] = policy.unanswered_upto(state)
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
        if answer.withheld:
            body["withheld"] = list(answer.withheld)
        return work.new("model.called", "system", body)


def _show(drafts: Drafts, part: Part, hold: Hold | Open, more: str) -> None:
    if hold.rewritten():
        drafts.retake(part, hold.text)
    elif more:
        drafts.add(part, more)


def _open_questions(state: Conversation, locale: str, *, untold: bool) -> list[str]:
    """What the customer is asked to agree to since this turn began, in the server's own words.

    Where the model's words were held back (`untold`), first what staff were asked: else nobody says what happens next.
    """
    calls = state.turn_calls(state.turn.id) if state.turn is not None else []
    asked = [call for call in calls if call.question is not None and call.question.verify is None]
    told = [call for call in asked if call.asked_of == "staff" and untold]
    told += [call for call in asked if call.asked_of == "customer"]
    return [text for call in told if (text := prompt.waiting_text(call, locale)) is not None]


def _is_unsure(work: Work, state: Conversation, message: NewEvent) -> bool:
    """Whether the shop would rather have a person than this answer."""
    tone = work.routed.tone if work.routed is not None else None
    did = state.turn is not None and (state.turn.ran or bool(state.turn_calls(state.turn.id)))
    offered = len(message.body.get("choices") or ())  # one alone is the offer of a person
    rests = did or bool(message.body.get("citations")) or offered > 1
    nearest = max((passage.score for passage in work.passages), default=0.0)
    asks = tone is not None and tone.asks
    return handoff.unsure(work.agent.site.hand_over, asks=asks, rests_on_something=rests, nearest=nearest)


def _proven(texts: tuple[str, ...], proof: Proof) -> tuple[str, ...]:
    """Those that claim nothing, or what was done."""
    found = [(text, claim_in(text, proof.lexicon)) for text in texts]
    return tuple(text for text, claim in found if claim is None or proof.holds(claim, text))


def _ended(planned: Mapping[str, Any], error: str) -> dict[str, Any]:
    """The body of a `call.ended` for a call that is ended as soon as it is planned."""
    return {"call": planned["call"], "ok": False, "label": planned["label"], "error": error, "code": "denied"}


def _take(answer: Answer, chunk: Chunk, asked: Prompt) -> None:
    """What an answer says beside words and calls."""
    match chunk:
        case Start():
            answer.starts.append(chunk)
        case Heard():
            answer.heard.append(chunk)
        case Choices():
            answer.choices = chunk.texts
        case PassOn():
            answer.pass_on = chunk if asked.colleagues else None  # else nobody offered it
        case HandOver():
            answer.hand_over = policy.reason(chunk.reason)
        case Usage():
            answer.usage = chunk
