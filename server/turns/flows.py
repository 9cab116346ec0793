"""Flows: what workflow runs want done is written down: their words, their calls, their ends; and what they have heard.

It decides nothing: `policy` has, and the machine of the workflow.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from server import handoff, phrases, policy, prompt, runs
from server.claims import is_told, is_wish
from server.consent import local_day
from server.conversation import RUN_PREFIX, Conversation
from server.events import NewEvent
from server.ports import Heard, OpenRun, Start
from server.runs import Due, Run
from server.turns.ending import turn_ended, waiting
from server.turns.offers import was_pressed
from server.turns.quoting import with_quote
from server.turns.work import Node, Work
from tools.workflow.events import Ask, Call, Corrected, Digressed, End, HandOver, Said, Say, Started
from tools.workflow.program import Program


class Flows:
    """Carries out the actions of workflow runs, each as the event of its own id: doing it twice does nothing."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def do(self, work: Work, state: Conversation, step: policy.RunStep) -> None:
        """Carry out one step.

        Raises:
            Conflict: somebody else's event came first; nothing was stored.
        """
        match step:
            case policy.CarryOut():
                await self._carry_out(work, state, step.due)
            case policy.Tell():
                await self._tell(work, state, step)
            case policy.Resume():
                await self._resume(work, state, step.run)
            case policy.Leave():
                await self._leave(work, state, step.run)

    async def _carry_out(self, work: Work, state: Conversation, due: Sequence[Due]) -> None:
        """Write down what is due, in one commit."""
        events: list[NewEvent] = []
        for one in due:
            if isinstance(one.action, HandOver):
                events += self._hand_over(work, state, one, one.action, after_words=_said_before(events))
                break
            events.append(await self._event(work, state, one))
        await self._node.log.append(work.key, events, after=state.head)

    async def _event(self, work: Work, state: Conversation, due: Due) -> NewEvent:
        turn = work.runner.turn
        match due.action:
            case Say(text=text, choices=choices, policy=article):
                citations: list[dict[str, Any]] = []
                if article is not None:
                    text, citations = await with_quote(work.agent, text, article)
                body = policy.answer_body(text, citations, choices)
                return NewEvent(due.id, "message", "agent", body, turn)
            case Ask(text=text, choices=offered):
                body = policy.answer_body(text, (), [choice["label"] for choice in offered])
                body |= {"wants": "photo"} if due.action.type == "photo" else {}
                return NewEvent(due.id, "message", "agent", body, turn)
            case Call() as call:
                spec = work.agent.registry.get(call.tool)
                locale = prompt.spoken_in(state, work.agent.site)
                label = spec.label_for(call.args, locale) if spec is not None else call.tool
                planned: dict[str, Any] = {"call": runs.carried(due), "tool": call.tool, "args": call.args}
                planned |= {"label": label, "run": due.run, "key": call.call}
                planned |= {"timeout_s": call.timeout_s} if call.timeout_s is not None else {}
                return NewEvent(due.id, "call.planned", "system", planned, turn)
            case End(outcome=outcome, done=done):
                return NewEvent(due.id, "workflow.ended", "system", _ended(due.run, outcome, done), turn)
        raise TypeError(f"expected an action of a workflow, got {due.action!r}")

    def _hand_over(
        self, work: Work, state: Conversation, due: Due, action: HandOver, *, after_words: bool
    ) -> list[NewEvent]:
        """The run ends, staff learn what was done and why, the customer what comes next, and the turn ends."""
        locale = prompt.spoken_in(state, work.agent.site)
        people = prompt.people_text(work.agent.site, locale, self._node.clock_ms())
        reason = policy.reason(action.reason)
        text = people if after_words else f"{phrases.handed_over(reason, locale)} {people}"
        why = f"the workflow stopped: {action.reason}{f', {action.detail}' if action.detail else ''}"
        note = handoff.packet(state, reason, detail=why, language=locale)
        turn = work.runner.turn
        ended = _ended(due.run, f"hand_over:{action.reason}", action.done)
        return [
            NewEvent(due.id, "workflow.ended", "system", ended, turn),
            NewEvent(f"{due.id}:note", "note", "system", note, turn),
            NewEvent(f"{due.id}:said", "message", "agent", {"text": text}, turn),
            NewEvent(f"{due.id}:mode", "mode", "system", waiting(reason, why), turn),
            turn_ended(self._node, work, state, "handed_over"),
        ]

    async def _tell(self, work: Work, state: Conversation, step: policy.Tell) -> None:
        """Say that a call waits, for whom, and for what."""
        locale = prompt.spoken_in(state, work.agent.site)
        text = prompt.waiting_text(step.call, locale) or phrases.say("handed_over", locale)
        event = NewEvent(runs.told_id(step.call), "message", "agent", {"text": text}, work.runner.turn)
        await self._node.log.append(work.key, [event], after=state.head)

    async def _resume(self, work: Work, state: Conversation, run: Run) -> None:
        """Let a run go on."""
        body = runs.resumed_body(run)
        event = NewEvent(runs.resumed_id(run), "workflow.heard", "system", body, work.runner.turn)
        await self._node.log.append(work.key, [event], after=state.head)

    async def _leave(self, work: Work, state: Conversation, run: Run) -> None:
        """End a run without a word: nobody comes back to it."""
        body = _ended(run.record.id, runs.LEFT, run.done)
        event = NewEvent(runs.left_id(run), "workflow.ended", "system", body, work.runner.turn)
        await self._node.log.append(work.key, [event], after=state.head)

    # What a model has understood

    def moves(self, work: Work, state: Conversation, answer: policy.Answer) -> list[NewEvent]:
        """The events for what an answer starts, and for what it says that open runs have heard; what cannot be is dropped."""
        if state.mode != "agent" or answer.hand_over is not None:
            return []
        known = runs.for_model(state, work.agent.workflows)
        events = []
        for heard in answer.heard:
            if known is not None and heard.run == known.id and (not known.view.ended or _reopens(heard)):
                events.append(self._heard(work, state, heard, known))
        begun = (
            {program.name for program in (known.view.program,) if not known.view.ended} if known is not None else set()
        )
        for start in answer.starts:
            program = work.agent.workflows.get(start.workflow)
            if program is None:
                continue
            if start.workflow in begun and known is not None:
                again = runs.repeated(start, known, runs.open_runs(state, work.agent.workflows))
                if again is not None:
                    events += self._again(work, state, known, again) if not events else []
                    continue
            begun.add(start.workflow)
            events += self.digression(work, state) if not events else []
            events.append(self._started(work, state, program, start))
        return events or self._photos_only(work, state, known)

    def _photos_only(self, work: Work, state: Conversation, run: OpenRun | None) -> list[NewEvent]:
        """A photo that a run waits for reaches it, whatever a model has made of the message that it came with."""
        if run is None or run.view.ended or not any(one.slot.type == "photo" for one in run.view.slots.values()):
            return []
        told = {photo for heard in state.runs[run.id].heard for photo in heard.get("photos") or ()}
        if told.issuperset(photos_of(state)):
            return []
        asked = run.view.slots.get(run.view.asking or "")
        wanted = asked is not None and asked.slot.type == "photo"
        return [self._heard(work, state, Heard(run.id, Said()), run)] if wanted else []

    def digression(self, work: Work, state: Conversation) -> list[NewEvent]:
        """A `Digressed` for the newest open run, if it waits for an answer and the customer talks about something else."""
        open_runs = runs.open_runs(state, work.agent.workflows) if state.mode == "agent" else []
        if not open_runs or not open_runs[-1].asking:
            return []
        body = runs.heard_body(open_runs[-1].record.id, Digressed())
        return [work.new("workflow.heard", "system", body)]

    def holds_the_turn(self, work: Work, state: Conversation) -> bool:
        """Whether a run comes back to its question once this turn's words are said."""
        open_runs = runs.open_runs(state, work.agent.workflows) if state.mode == "agent" else []
        if not open_runs or state.turn is None:
            return False
        newest = open_runs[-1]
        return newest.asking or (newest.paused == "digression" and state.turn.ran)

    def _again(self, work: Work, state: Conversation, run: OpenRun, said: Said | Digressed) -> list[NewEvent]:
        """What an open run hears when it is begun once more: new words, or nothing new; then it asks again."""
        if isinstance(said, Said):
            return [self._heard(work, state, Heard(run.id, said), run)]
        return self.digression(work, state)

    def _heard(self, work: Work, state: Conversation, heard: Heard, run: OpenRun) -> NewEvent:
        if isinstance(heard.event, Said):
            heard = replace(heard, event=_with_photos(state, heard.event, run))
        body = runs.heard_body(heard.run, heard.event)
        match heard.event:
            case Said(slots=told):
                asked = run.view.slots.get(run.view.asking or "")
                offered = [choice.value for choice in asked.choices] if asked is not None else []
                # One of those that the run has just offered may be chosen in any words.
                told = {name: value for name, value in told.items() if asked is None or value not in offered}
            case Corrected(slot=slot, value=value):
                told = {slot: value}
            case _:
                told = {}
        said = [m.text for m in state.messages if m.role == "customer"] + [c for m in state.messages for c in m.choices]
        if not (work.quotes_only or is_told(told, said)):
            body |= {"unasked": True}
        return work.new("workflow.heard", "system", body)

    def _started(self, work: Work, state: Conversation, program: Program, start: Start) -> NewEvent:
        site, now_ms = work.agent.site, self._node.clock_ms()
        event = Started(
            args={name: value for name, value in start.args.items() if name in program.slots},
            caller=runs.known_of(prompt.caller_of(state, site, now_ms)),
            context={"page": dict(state.page or {})},
            today=local_day(site, now_ms),
            locale=prompt.spoken_in(state, site),
            photos=photos_of(state),
            text=start.text,
        )
        body = runs.started_body(f"{RUN_PREFIX}{self._node.new_id()}", program, event)
        said = [message.text for message in state.messages if message.role == "customer"]
        pressed = was_pressed(program, state) and is_told(event.args, said)
        wished = pressed or is_wish(program.name, program.workflow.examples, event.args, said)
        if not (work.quotes_only or wished):
            body |= {"unasked": True}
        return work.new("workflow.started", "system", body)


def _ended(run: str, outcome: str, done: Sequence[Any]) -> dict[str, Any]:
    return {"run": run, "outcome": outcome, "done": list(done)}


def _said_before(events: Sequence[NewEvent]) -> bool:
    return bool(events) and events[-1].kind == "message"


def _reopens(heard: Heard) -> bool:
    return heard.event.kind == "corrected"


def photos_of(state: Conversation) -> tuple[str, ...]:
    """The images that came with the messages that nobody has answered yet, as the paths at which staff open them."""
    return tuple(
        f"/desk/files/{state.site}/{state.id}/{file['id']}"
        for message in state.messages
        if message.id in state.unanswered
        for file in message.files
        if str(file.get("type", "")).startswith("image/")
    )


def _with_photos(state: Conversation, said: Said, run: OpenRun) -> Said:
    """The words with the images that came with them; a file's name, which stands in place of words, is no words.

    No photo is what a model says is one.
    """
    names = {str(file.get("name")) for m in state.messages if m.id in state.unanswered for file in m.files}
    photos = {name for name, there in run.view.slots.items() if there.slot.type == "photo"}
    slots = {name: value for name, value in said.slots.items() if value not in names and name not in photos}
    return Said(slots=slots, photos=photos_of(state), text="" if said.text.strip() in names else said.text)
