"""Plan: what to do with each part of what was asked — call a tool, quote, ask, offer a choice, or hand over.

Pure: decides from readings and passages that others worked out; writes no reply and runs nothing.
"""

from collections.abc import Sequence
from typing import Final

from retrieval.text import stem, words
from server.models.offline import history, told
from server.models.offline.answering import SURE
from server.models.offline.calling import ask_step, call_step, choice_for, given_before, is_valid, list_tool
from server.models.offline.fill import Filled, fill, remembered
from server.models.offline.flow import is_begun_again, is_unknown, split
from server.models.offline.language import Language, plain
from server.models.offline.question import means
from server.models.offline.quote import Answer, answer
from server.models.offline.rank import MAYBE, ranked_for, starts
from server.models.offline.slots import Value, slots
from server.models.offline.steps import Context, Pending, Plan, Step, Views
from server.models.offline.tidy import new_calls, new_starts, tidied
from server.models.offline.understand import Part, is_value, topic
from server.models.offline.values import values_of
from server.ports import Heard, OpenRun, Prompt
from tools import ToolSpec
from tools.workflow.view import Function

NEAR: Final = 0.04
"""Two readings nearer than this are told apart by the customer, not by us."""
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
    if spec is None or not context.language.has("nth", part.low):
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
    if (part.kind == "yes" or is_value(part, context.language)) and (offered := _accepted(context)) is not None:
        return call_step(part, offered, 1.0, context, said=history.customer_lines(context.prompt))
    if context.prompt.waiting and context.language.has("any_news", part.low):
        return Step("pending", part)
    if part.act == "cue":
        return Step("waiting", part) if context.waiting and part.kind not in ("self_harm", "bot") else Step("cue", part)
    if part.act == "small":
        return Step("small", part)
    forced = _chosen(part, context)
    if part.negated:
        if (quote := _found_answer(part, view, context)) and part.question:
            return Step("quote", part, answer=quote, score=quote.support)
        return Step("negated", part, topic=topic(part.text, context.language))
    if context.waiting:
        quote = _found_answer(part, view, context)
        return Step("quote", part, answer=quote, score=quote.support) if quote else Step("waiting", part)
    return _decided(part, view, context, forced)


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


def _accepted(context: Context) -> ToolSpec | None:
    """What the agent offered to do in the message that a "yes" answers."""
    line = history.last_agent(context.prompt)
    if line is None or context.waiting or len(line.choices) != 1 or context.language.say["offer_deed"] not in line.text:
        return None
    named = (spec for spec in context.tools.values() if choice_for(spec, context.language) == line.choices[0])
    return next(named, None)


def _decided(part: Part, view: Views, context: Context, forced: str | None) -> Step:
    quote = _found_answer(part, view, context)
    support = quote.support if quote else 0.0
    if forced:
        return call_step(part, context.tools[forced], 1.0, context, said=history.customer_lines(context.prompt))
    run = context.prompt.run
    own = run.view.program.name if run is not None and run.view.asking is not None else ""
    # What is under way is not offered once more.
    ranked = [] if forced == "" else [row for row in ranked_for(part, view, context) if row[1].name != own]
    best = ranked[0] if ranked else None
    need = 0.0 if part.act != "tell" else STATEMENT * 1.5 if part.past else STATEMENT / 2
    if best is not None and best[0] >= MAYBE + need and _outweighs(best, quote, part, context):
        rival = ranked[1] if len(ranked) > 1 else None
        only_asks = part.question and not context.language.has("request", part.low)
        if rival and _must_choose(best, rival, part, context.language):
            if quote is not None and only_asks:  # an answer that is there spares the customer a question
                return Step("quote", part, answer=quote, score=support, choices=_offered(part, view, context))
            choices = tuple(choice_for(spec, context.language) for _, spec, _ in (best, rival))
            return _choose(part, choices, context, best[0])
        if not starts(part, best[1], best[0], context):
            if quote is not None and only_asks:
                return Step("quote", part, answer=quote, score=support, choices=_offered(part, view, context))
            return _offer(part, ranked, context)
        return call_step(part, best[1], best[0], context)
    order = _is_order(part, context.language)
    if quote is not None and order and not _says_of_deed(part, quote, context):
        quote = None
    if quote is not None and (part.act != "tell" or support >= 0.5):
        return Step("quote", part, answer=quote, score=support, choices=_offered(part, view, context))
    perhaps = best is not None and best[0] >= PERHAPS and (part.personal or order or bool(part.before))
    if (part.act == "tell" and not part.question) or (perhaps and (part.followup or order)):
        step = _unclear(part, context)
        near = [choice_for(spec, context.language) for score, spec, _ in ranked[:2] if score >= PERHAPS - RIVAL]
        choices = tuple(dict.fromkeys(near)) if perhaps and part.text not in near else ()
        if len(choices) > 1 and step.kind != "give_up":
            return Step("choose", part, choices=choices)
        return Step(step.kind, part, choices=choices)
    about = topic(part.text, context.language)
    return Step("cannot" if order else "unknown", part, topic=about)


def _is_order(part: Part, language: Language) -> bool:
    """Whether something is to be done, and not only told."""
    return part.command and not part.question and part.act != "bare" and not language.has("tell_me", part.low)


def _says_of_deed(part: Part, quote: Answer, context: Context) -> bool:
    """Whether the quote, or the title above it, has a word for what is ordered: "return the tent" is no question about tents."""
    language = context.language
    codes = {language.code, "en"}
    told = words(f"{quote.title} {quote.label} {' '.join(piece.text for piece in quote.pieces)}")
    stems = {stem(word, code) for word in told for code in codes}
    wanted = language.content(part.text)
    deed = wanted[-1:] if language.has("nouns_capital", part.low) else wanted[:1]  # German verbs come last
    return all(means(word, stems, told, language) for word in deed)


def _offered(part: Part, view: Views, context: Context) -> tuple[str, ...]:
    """A button for the workflow that the question is about: "Can I return …?" is answered, and the return is one press away."""
    rival = view.readings[1].score if len(view.readings) > 1 else 0.0
    for reading in view.readings[:1] if part.question or _is_order(part, context.language) else ():
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


def _outweighs(best: tuple[float, ToolSpec, Filled], quote: Answer | None, part: Part, context: Context) -> bool:
    """Whether the tool is the likelier meaning than the question that the help center answers."""
    score, spec, filled = best
    support = quote.support if quote else 0.0
    kinds = {slot.name: slot.kind for slot in slots(spec.json_schema)}
    nth = context.language.has("nth", part.low)
    typed = not filled.missing and any(
        (source == "message" or nth) and kinds.get(name) != "free" for name, source in filled.where.items()
    )
    if support == 0.0:
        return True
    if quote is not None and _unexplained(part, best, quote, context):
        return score >= support + (0.25 if typed else 0.3)
    if typed or (_is_order(part, context.language) and spec.effect != "read"):
        return True
    if score >= SURE:
        return score >= support - 0.12
    if part.personal or (part.followup and not filled.missing):
        return score >= support - 0.1
    return score >= support + 0.03


def _unexplained(part: Part, best: tuple[float, ToolSpec, Filled], quote: Answer, context: Context) -> bool:
    """Whether the quote speaks of a word of the message that the tool knows nothing of ("damaged")."""
    _, spec, filled = best
    language = context.language
    codes = {language.code, "en"}
    about = " ".join((*spec.examples, spec.description, spec.name.replace("_", " ")))
    heads = " ".join(f"{p.title} {p.heading}" for p in context.prompt.passages)
    own = {stem(word, code) for word in words(about) for code in codes}
    titles = {stem(word, code) for word in words(heads) for code in codes}
    told = {stem(word, code) for piece in quote.pieces for word in words(piece.text) for code in codes}
    taken = {word for value in filled.args.values() for word in words(str(value))}
    for word in language.content(part.text):
        others = language.synonyms.get(stem(word, language.code), ())
        forms = {stem(word, language.code), *others, *(stem(other, "en") for other in words(language.translated(word)))}
        if not forms & own and forms & (titles if word in taken else titles | told):
            return True
    return False


def _must_choose(
    best: tuple[float, ToolSpec, Filled], rival: tuple[float, ToolSpec, Filled], part: Part, language: Language
) -> bool:
    if best[0] - rival[0] >= NEAR or rival[0] < MAYBE:
        return False
    harmless = best[1].effect == "read" and rival[1].effect == "read"
    if harmless and (not best[2].missing or best[1].scope.split(".")[0] == rival[1].scope.split(".")[0]):
        return False  # looking up the likelier one costs nothing and needs no question
    choices = {choice_for(best[1], language), choice_for(rival[1], language)}
    return len(choices) == 2 and part.text not in choices


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
