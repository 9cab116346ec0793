"""Plan: what to do with each part of what was asked — call a tool, quote, ask, offer a choice, or hand over.

Pure: decides from readings and passages that others worked out; writes no reply and runs nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from retrieval.text import words
from server.models.offline import history, told
from server.models.offline.answering import SURE
from server.models.offline.calling import (
    ask_step,
    call_step,
    choice_for,
    given_before,
    is_valid,
    list_tool,
    nth_of_shown,
)
from server.models.offline.fill import Filled, fill, names_place, remembered
from server.models.offline.flow import is_begun_again, is_unknown, split
from server.models.offline.language import Language, plain
from server.models.offline.quote import Answer, answer
from server.models.offline.rank import MAYBE, ranked_for, starts
from server.models.offline.slots import Value, slots
from server.models.offline.steps import Context, Pending, Plan, Step, Views
from server.models.offline.tidy import new_calls, new_starts, tidied
from server.models.offline.understand import Part, is_value, topic
from server.models.offline.values import values_of
from server.models.offline.weigh import is_order, is_slight, must_choose, only_looks, outweighs, says_of_deed
from server.ports import Heard, OpenRun, Prompt
from tools import ToolSpec
from tools.workflow.view import Function

PERHAPS: Final = 0.40
"""Score from which a reading is at least offered, where nothing else answers a message about the customer's own things."""
DOUBT: Final = 0.25
"""How far below an effect that is offered the next reading may lie to be offered with it."""
RIVAL: Final = 0.15
"""How far below it the second of two possible readings may lie."""
OFFER: Final = 0.4
"""Score from which a workflow is offered as a button below the answer to a question about it, if it leads by `LEAD`."""
LEAD: Final = 0.15
STATEMENT: Final = 0.10
"""How much surer a plain statement must be than a question before it is answered by a tool or a quote."""
"""Of one part: "orders 1042, 1043 and 1044"."""


def act_on(part: Part) -> bool:
    """Whether the part may be a tool's job or a question."""
    return part.act in ("ask", "bare", "tell")


def plan_for(
    prompt: Prompt, parts: Sequence[Part], views: Sequence[Views], language: Language, pending: Pending | None = None
) -> Plan:
    """The plan for everything that was asked."""
    context = Context(prompt, language, {spec.name: spec for spec in prompt.tools}, prompt.mode == "waiting")
    heard: tuple[Heard, ...] = ()
    steps: list[Step] = []
    again: list[Step] = []
    run = prompt.run
    if run is not None and not context.waiting and run.view.program.name not in prompt.began:
        again, parts, views = _begun_again(run, parts, views, context)
        heard, left = split(
            run,
            parts,
            views,
            context,
            lambda part, view, sure: _is_elsewhere(part, view, context, sure),
            lambda part, slot: _pointed_at(part, slot, context),
        )
        if heard or left:
            parts, views = [parts[at] for at in left], [views[at] for at in left]
    if pending is not None and (step := _resumed(pending, parts, views, context)) is not None:
        steps.append(step)
    else:
        steps = [_step(part, view, context) for part, view in zip(parts, views, strict=True)]
    steps = tidied([*again, *steps])
    if heard:
        steps = [step for step in steps if step.kind not in ("small", "negated")]
    return Plan(
        tuple(steps),
        new_calls(steps, prompt),
        new_starts(steps, prompt),
        heard,
        told.thoughts(steps, prompt, language, under_way=bool(heard)),
        told.readings(steps, views, MAYBE, context.tools),
        language.code,
    )


def _begun_again(
    run: OpenRun, parts: Sequence[Part], views: Sequence[Views], context: Context
) -> tuple[list[Step], list[Part], list[Views]]:
    """Steps that begin an open run's workflow once more, and the parts and views that are left."""
    steps: list[Step] = []
    left: list[tuple[Part, Views]] = []
    spec = context.tools.get(run.view.program.name)
    for part, view in zip(parts, views, strict=True):
        ranked = [(score, one.name) for score, one, _ in ranked_for(part, view, context)]
        if spec is not None and is_begun_again(run, part, ranked, context.language):
            steps.append(call_step(part, spec, 1.0, context, said=(part.text,)))
        else:
            left.append((part, view))
    return steps, [part for part, _ in left], [view for _, view in left]


def _is_elsewhere(part: Part, view: Views, context: Context, sure: float) -> bool:
    """Whether a part, said while a workflow is under way, is about something else: as surely as that."""
    run = context.prompt.run
    own = run.view.program.name if run is not None else ""
    ranked = ranked_for(part, view, context)
    asks = part.command or part.question or sure < SURE
    if ranked and ranked[0][0] >= sure and ranked[0][1].name != own and asks:
        return True
    return (part.question or sure < SURE) and _found_answer(part, view, context) is not None


def _pointed_at(part: Part, slot: str, context: Context) -> object:
    """The value of the open run's slot at a place in a list that was shown."""
    run = context.prompt.run
    spec = context.tools.get(run.view.program.name) if run is not None else None
    if spec is None or not names_place(part.text, context.language):
        return None
    there = next((one for one in slots(spec.json_schema) if one.name == slot), None)
    past = history.past(context.prompt, part)
    return remembered(there, part.low, past, context.language) if there is not None and past.results else None


def _shown_instead(part: Part, context: Context) -> ToolSpec | None:
    """The tool that lists what the customer does not know the number of, while a workflow asks for it."""
    run = context.prompt.run
    if run is None or not is_unknown(run.view, part, context.language):
        return None
    own = [tool for tool in run.view.program.tools.values() if tool is not None and tool.effect == "read"]
    looks = (context.tools.get(tool.name) for tool in own)
    return next((other for spec in looks if spec is not None and (other := list_tool(spec, context))), None)


def _step(part: Part, view: Views, context: Context) -> Step:
    if (listing := _shown_instead(part, context)) is not None:
        return call_step(part, listing, 1.0, context)
    if _has_offered(context) and _takes(part, context):
        offered = _accepted(context)
        if offered is None:  # another agent's offer: whoever has that tool goes on
            return Step("unknown", part)
        return call_step(part, offered, 1.0, context, said=history.customer_lines(context.prompt))
    if _is_over(part, context):
        done = context.prompt.run is not None and not context.language.has("stop_run", part.low)
        return Step("cannot", part) if done else Step("small", replace(part, act="small", kind="no"))
    if (news := _news(part, context)) is not None:
        return news
    if part.act == "cue":
        return Step("waiting", part) if context.waiting and part.kind not in ("self_harm", "bot") else Step("cue", part)
    if part.act == "small":
        return Step("small", part)
    if (shown := nth_of_shown(part, context)) is not None:
        return shown
    forced = _chosen(part, context)
    if part.negated:
        if (quote := _found_answer(part, view, context)) and part.question:
            return Step("quote", part, answer=quote, score=quote.support)
        return Step("negated", part, topic=topic(part.text, context.language))
    if context.waiting:
        quote = _found_answer(part, view, context)
        return Step("quote", part, answer=quote, score=quote.support) if quote else Step("waiting", part)
    return _decided(part, view, context, forced)


def _news(part: Part, context: Context) -> Step | None:
    """What is said of what waits or was done, to who asks what has become of it, or agrees to it in words."""
    asks = context.language.has("any_news", part.low)
    if context.prompt.waiting:
        return Step("pending", part) if asks or part.kind == "yes" else None
    done = context.prompt.run is not None and context.prompt.run.view.ended
    return Step("again", part) if asks and done else None


def _found_answer(part: Part, view: Views, context: Context) -> Answer | None:
    if view.near is None or view.vector is None:
        return None
    run = context.prompt.run
    if part.followup and run is not None and run.view.asking is not None and not context.language.content(part.text):
        return None  # "why do you need that?" is about the question, not about what was said before it
    line = history.last_agent(context.prompt) if part.followup else None
    shown = line.text if line else ""
    return answer(view.question, view.candidates, view.near, view.vector, context.prompt.passages, shown)


def _chosen(part: Part, context: Context) -> str | None:
    """The tool whose example the customer pressed as a choice; "" for "just a question"; None for neither."""
    line = history.last_agent(context.prompt)
    if line is None or part.text not in line.choices:
        return None
    prefix = context.language.say["choice_question"].split("{", 1)[0].strip()
    if part.text.startswith(prefix):
        return ""
    return next((name for name, spec in context.tools.items() if choice_for(spec, context.language) == part.text), None)


def _has_offered(context: Context) -> bool:
    """Whether the agent's last message offers to do one thing."""
    line = history.last_agent(context.prompt)
    asked = line is not None and len(line.choices) == 1 and context.language.say["offer_deed"] in line.text
    return asked and not context.waiting


def _takes(part: Part, context: Context) -> bool:
    """Whether the part takes what was offered: by a yes, or by a number that it needs, and nothing else that is asked."""
    if part.kind == "yes" or is_value(part, context.language):
        return True
    spec = _accepted(context) if part.act in ("tell", "bare") and not (part.question or part.negated) else None
    wanted = [slot for slot in slots(spec.json_schema) if slot.kind in ("pattern", "uuid")] if spec is not None else []
    return any(values_of(slot, part.text, context.language)[0] for slot in wanted)


def _is_over(part: Part, context: Context) -> bool:
    """Whether the customer wants nothing more of what is not under way, or is done already ("never mind", "keep them")."""
    run = context.prompt.run
    if context.waiting or (run is not None and not run.view.ended):
        return False
    return context.language.has("stop_run", part.low) or context.language.has("let_be", part.low)


def _accepted(context: Context) -> ToolSpec | None:
    """What the agent offered to do in the message that a "yes" answers."""
    line = history.last_agent(context.prompt)
    if line is None or not _has_offered(context):
        return None
    named = (spec for spec in context.tools.values() if choice_for(spec, context.language) == line.choices[0])
    return next(named, None)


def _decided(part: Part, view: Views, context: Context, forced: str | None) -> Step:
    quote = _found_answer(part, view, context)
    support = quote.support if quote else 0.0
    if forced:
        return call_step(part, context.tools[forced], 1.0, context, said=history.customer_lines(context.prompt))
    ranked = [] if forced == "" else _meant(part, view, context)
    best = ranked[0] if ranked else None
    need = 0.0 if part.act != "tell" else STATEMENT * 1.5 if part.past else STATEMENT / 2
    if best is not None and best[0] >= MAYBE + need and outweighs(best, quote, part, context):
        rival = ranked[1] if len(ranked) > 1 else None
        only_asks = part.question and not context.language.has("request", part.low)
        if rival and must_choose(best, rival, part, context.language):
            if quote is not None and only_asks:  # an answer that is there spares the customer a question
                return Step("quote", part, answer=quote, score=support, choices=_offered(part, view, context))
            choices = tuple(choice_for(spec, context.language) for _, spec, _ in (best, rival))
            return _choose(part, choices, context, best[0])
        if not starts(part, best[1], best[0], context):
            if quote is not None and only_asks:
                return Step("quote", part, answer=quote, score=support, choices=_offered(part, view, context))
            if _has_offered(context) and _accepted(context) == best[1] and not part.question:
                # Who goes on to tell what it is about has taken the offer.
                return call_step(part, best[1], 1.0, context, said=[*history.customer_lines(context.prompt), part.text])
            return _offer(part, ranked, context)
        return call_step(part, best[1], best[0], context)
    return _otherwise(part, view, ranked, quote, context)


def _meant(part: Part, view: Views, context: Context) -> list[tuple[float, ToolSpec, Filled]]:
    """The tools that may be meant: what is under way is not begun or offered once more."""
    run = context.prompt.run
    own = run.view.program.name if run is not None and run.view.asking is not None else ""
    ranked = ranked_for(part, view, context)
    return [row for row in ranked if row[1].name != own and not only_looks(part, row[1], context.language)]


def _otherwise(
    part: Part,
    view: Views,
    ranked: Sequence[tuple[float, ToolSpec, Filled]],
    quote: Answer | None,
    context: Context,
) -> Step:
    """What is left where no tool is surely meant: the help center, a question back, or that there is nothing."""
    language = context.language
    best = ranked[0][0] if ranked else 0.0
    order = is_order(part, language)
    deed = order or (part.question and language.has("alters", part.low))
    if quote is not None and (is_slight(part, quote, language) or (deed and not says_of_deed(part, quote, context))):
        quote = None
    if quote is not None and (part.act != "tell" or quote.support >= 0.5):
        choices = _offered(part, view, context)
        if order and not choices and context.prompt.mode == "agent":
            choices = (language.say["choice_human"],)  # it says how, and does nothing
        return Step("quote", part, answer=quote, score=quote.support, choices=choices)
    if not part.question and not order and language.has("upset", part.low):
        return Step("cue", replace(part, act="cue", kind="complaint"))
    if not part.question and not order and language.has("pleased", part.low):
        return Step("small", replace(part, act="small", kind="ok"))
    perhaps = best >= PERHAPS and (part.personal or order or bool(part.before))
    if (part.act == "tell" and not part.question) or (perhaps and (part.followup or order)):
        step = _unclear(part, context)
        near = [choice_for(spec, language) for score, spec, _ in ranked[:2] if score >= PERHAPS - RIVAL]
        choices = tuple(dict.fromkeys(near)) if perhaps and part.text not in near else ()
        if len(choices) > 1 and step.kind != "give_up":
            return Step("choose", part, choices=choices)
        return Step(step.kind, part, choices=choices)
    if is_value(part, language) and not any(char.isdigit() for char in re.sub(r"\S+@\S+", "", part.text)):
        return _unclear(part, context)  # an address by itself asks nothing
    if not part.question and not order and language.has("lost_value", part.low):
        return _unclear(part, context)  # "no idea" is about no idea
    if deed and (choices := _offered(part, view, context)):
        return Step("offer", part, choices=choices)
    asked_to = order or (part.command and language.has("request", part.low) and language.has("alters", part.low))
    return Step("cannot" if asked_to else "unknown", part, topic=topic(part.text, language))


def _offered(part: Part, view: Views, context: Context) -> tuple[str, ...]:
    """A button for the workflow that the question is about: "Can I return …?" is answered, and the return is one press away."""
    rival = view.readings[1].score if len(view.readings) > 1 else 0.0
    wants = part.question or part.act == "tell" or is_order(part, context.language)
    for reading in view.readings[:1] if wants else ():
        spec = context.tools.get(reading.name)
        open_one = context.prompt.run is not None and not context.prompt.run.view.ended
        if (
            isinstance(spec, Function)
            and spec.effect != "read"
            and reading.score >= max(OFFER, rival + LEAD)
            and not open_one
        ):
            return (choice_for(spec, context.language),)
    return ()


def _offer(part: Part, ranked: Sequence[tuple[float, ToolSpec, Filled]], context: Context) -> Step:
    """What would have an effect is offered; with a second one that may be meant, as a choice."""
    score, spec, _ = ranked[0]
    near = (one for other, one, _ in ranked[:2] if other >= max(PERHAPS, score - DOUBT))
    choices = tuple(dict.fromkeys(choice_for(one, context.language) for one in near))
    if len(choices) > 1:
        return _choose(part, choices, context, score)
    return Step("offer", part, tool=spec, choices=choices, score=score)


def _choose(part: Part, choices: tuple[str, ...], context: Context, score: float) -> Step:
    if history.said_before(context.prompt, context.language.say["choose"]):
        return Step("give_up", part, score=score)
    return Step("choose", part, choices=choices, score=score)


def _unclear(part: Part, context: Context) -> Step:
    say = context.language.say
    if history.said_before(context.prompt, say["unclear"]):
        return Step("give_up", part)
    return Step("unclear", part)


def _resumed(pending: Pending, parts: Sequence[Part], views: Sequence[Views], context: Context) -> Step | None:
    """The waiting call with the argument that this message gives; None when the message is about something else."""
    if not parts or any(part.act == "cue" for part in parts) or context.waiting:
        return None
    text = " ".join(part.text for part in parts)
    slot, spec, part = pending.slot, pending.spec, parts[0]
    small = all(p.act == "small" for p in parts)
    asks = any(p.act == "ask" for p in parts)
    if slot.kind == "free":
        values: Sequence[Value] = [] if small or asks or len(words(text)) > 12 else [text.strip(" .!")]
    else:
        values, _ = values_of(slot, text, context.language)
    if values:
        past = history.past(context.prompt, part)
        known = {**given_before(spec, context), slot.name: values[0]}
        filled = fill(slots(spec.json_schema), text, past, context.language, recall=True, known=known)
        if filled.missing:
            return ask_step(part, spec, filled.missing[0], context, pending.score)
        if is_valid(spec, filled.args):
            return Step("call", part, tool=spec, args=(filled.args,), score=1.0)
        return ask_step(part, spec, slot, context, pending.score, bad=True)
    if small and part.kind in ("no", "bye", "thanks"):
        return None
    strong = any(
        view.readings and view.readings[0].name != spec.name and view.readings[0].score >= SURE and not p.followup
        for p, view in zip(parts, views, strict=True)
    )
    if (asks and not context.language.has("lost_value", plain(text))) or strong:
        return None
    if context.language.has("lost_value", plain(text)):
        other = list_tool(spec, context)
        return call_step(part, other, 1.0, context) if other else Step("give_up", part, tool=spec)
    return ask_step(part, spec, slot, context, pending.score, bad=any(char.isdigit() for char in text))
