"""Plan: what to do with each part of what was asked — call a tool, quote, ask, offer a choice, or hand over.

Pure: decides from readings and passages that others worked out; writes no reply and runs nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from retrieval.text import stem, words
from server.models.offline import history, told
from server.models.offline.fill import Filled, Past, fill, remembered
from server.models.offline.flow import is_unknown, split
from server.models.offline.language import Language, plain
from server.models.offline.quote import Answer, answer
from server.models.offline.rank import MAYBE, filled_for, ranked_for, starts
from server.models.offline.slots import Slot, Value, slots
from server.models.offline.steps import Context, Pending, Plan, Step, Views
from server.models.offline.understand import Part, is_value, topic
from server.models.offline.values import values_of
from server.ports import Heard, Prompt, Start
from tools import ToolError, ToolSpec, canonical
from tools.workflow.view import Function, title_of

SURE: Final = 0.74
"""Score from which a reading is acted on whatever the help center says: three of four such readings are right even where a
third of what is asked is nothing for any tool (`python -m bench.routing`)."""
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
SAID_BEFORE: Final = 3
"""Customer messages in which a workflow that begins looks for the order that it is about."""
_ABOUT: Final = frozenset({"quote", "offer", "unknown", "unclear", "cannot"})
"""Said about what was only told to say why a workflow is wanted, they would be beside the point."""
_LOOKUPS: Final = frozenset({"call", "ask", "sign_in"})
_BY_FORM: Final = frozenset({"pattern", "uuid", "url"})
MAX_CALLS: Final = 4
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
    run = prompt.run
    if run is not None and not context.waiting and run.view.program.name not in prompt.began:
        heard, left = split(
            run,
            parts,
            views,
            context,
            lambda part, view: _is_elsewhere(part, view, context),
            lambda part, slot: _pointed_at(part, slot, context),
        )
        if heard or left:
            parts, views = [parts[at] for at in left], [views[at] for at in left]
    if pending is not None and (step := _resumed(pending, parts, views, context)) is not None:
        steps.append(step)
    else:
        steps = [_step(part, view, context) for part, view in zip(parts, views, strict=True)]
    steps = _tidied(steps)
    if heard:
        steps = [step for step in steps if step.kind not in ("small", "negated")]
    return Plan(
        tuple(steps),
        _new_calls(steps, prompt),
        _starts(steps, prompt),
        heard,
        told.thoughts(steps, prompt, language, under_way=bool(heard)),
        told.readings(steps, views, MAYBE, context.tools),
        language.code,
    )


def _is_elsewhere(part: Part, view: Views, context: Context) -> bool:
    """Whether a part, said while a workflow is under way, is surely about something else."""
    run = context.prompt.run
    own = run.view.program.name if run is not None else ""
    ranked = ranked_for(part, view, context)
    if ranked and ranked[0][0] >= SURE and ranked[0][1].name != own and (part.command or part.question):
        return True
    return part.question and _found_answer(part, view, context) is not None


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
    return next((other for spec in looks if spec is not None and (other := _list_tool(spec, context))), None)


def _starts(steps: Sequence[Step], prompt: Prompt) -> tuple[Start, ...]:
    """The workflows to begin, each once; not those that have moved in this turn already."""
    found: dict[str, Start] = {}
    for step in steps:
        if step.kind == "start" and step.tool is not None and step.tool.name not in prompt.began:
            text = f"{step.part.before} {step.part.text}".strip()
            found.setdefault(step.tool.name, Start(step.tool.name, step.args[0], step.topic or text))
    return tuple(found.values())


def _step(part: Part, view: Views, context: Context) -> Step:
    if (listing := _shown_instead(part, context)) is not None:
        return _call(part, listing, 1.0, context)
    if (part.kind == "yes" or is_value(part, context.language)) and (offered := _accepted(context)) is not None:
        return _call(part, offered, 1.0, context, said=history.customer_lines(context.prompt))
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


def choice_for(spec: ToolSpec, language: Language) -> str:
    """How a tool reads as a choice: its shortest example without a number, since pressing it sends just that."""
    if isinstance(spec, Function) and spec.program is not None:
        return title_of(spec.program, language.code)
    rows = []
    for example in spec.examples:
        if not any(char.isdigit() for char in example):
            own = sum(1 for word in words(example) if word in language.words["detect"])
            rows.append((own == 0, len(example), example))
    name = spec.name.replace("_", " ").replace("-", " ")
    text = min(rows)[2] if rows else name
    return text[:1].upper() + text[1:]


def _decided(part: Part, view: Views, context: Context, forced: str | None) -> Step:
    quote = _found_answer(part, view, context)
    support = quote.support if quote else 0.0
    if forced:
        return _call(part, context.tools[forced], 1.0, context, said=history.customer_lines(context.prompt))
    ranked = [] if forced == "" else ranked_for(part, view, context)
    best = ranked[0] if ranked else None
    need = 0.0 if part.act != "tell" else STATEMENT * 1.5 if part.past else STATEMENT / 2
    if best is not None and best[0] >= MAYBE + need and _outweighs(best, quote, part, context):
        rival = ranked[1] if len(ranked) > 1 else None
        if rival and _must_choose(best, rival, part, context.language):
            choices = tuple(choice_for(spec, context.language) for _, spec, _ in (best, rival))
            return _choose(part, choices, context, best[0])
        if not starts(part, best[1], best[0], context):
            if quote is not None and part.question and not context.language.has("request", part.low):
                return Step("quote", part, answer=quote, score=support, choices=_offered(part, view, context))
            return _offer(part, ranked, context)
        return _call(part, best[1], best[0], context)
    if quote is not None and (part.act != "tell" or support >= 0.5):
        return Step("quote", part, answer=quote, score=support, choices=_offered(part, view, context))
    order = part.command and not part.question and part.act != "bare" and not context.language.has("tell_me", part.low)
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


def _offered(part: Part, view: Views, context: Context) -> tuple[str, ...]:
    """A button for the workflow that the question is about: "Can I return …?" is answered, and the return is one press away."""
    rival = view.readings[1].score if len(view.readings) > 1 else 0.0
    for reading in view.readings[:1] if part.question else ():
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
    if typed:
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


def _call(part: Part, spec: ToolSpec, score: float, context: Context, said: Sequence[str] = ()) -> Step:
    """The call, or what stands in its way: signing in, a missing argument, a value that cannot be."""
    if isinstance(spec, Function):
        return _start(part, spec, score, context, said)
    person = context.prompt.person
    if spec.needs != "anonymous" and not (person.verified or person.can_verify):
        return Step("sign_in", part, tool=spec, score=score)
    filled = filled_for(part, spec, context)
    if filled.missing and said:
        extra = Past(said=tuple(reversed(said)))
        filled = fill(slots(spec.json_schema), part.text, extra, context.language, recall=True, known=filled.args)
    if filled.missing:
        if (other := _list_tool(spec, context)) is not None:
            return _call(part, other, score, context)
        return _ask(part, spec, filled.missing[0], context, score)
    many = _each(filled, spec)
    good = [args for args in many if _valid(spec, args)]
    if not good:
        return _ask(part, spec, _wrong(spec, many[0]), context, score, bad=True)
    return Step("call", part, tool=spec, args=tuple(good), score=score)


def _start(part: Part, spec: Function, score: float, context: Context, said: Sequence[str]) -> Step:
    """The beginning of a workflow, with what is known by its form; the rest it asks for, or finds in the words."""
    filled = filled_for(part, spec, context)
    kinds = {slot.name: slot.kind for slot in slots(spec.json_schema)}
    args = {name: value for name, value in filled.args.items() if kinds[name] in _BY_FORM}
    earlier = [*said, *history.customer_lines(context.prompt)][-SAID_BEFORE:]
    for slot in slots(spec.json_schema):
        if slot.kind == "pattern" and slot.name not in args:
            values = {value for line in earlier for value in values_of(slot, line, context.language)[0]}
            if len(values) == 1:  # of several orders that were talked about, which one is meant must be asked
                args[slot.name] = values.pop()
    words_too = " ".join([*said[-1:], part.before, part.text]).strip() if said else ""
    return Step("start", part, tool=spec, args=(args,), topic=words_too, score=score)


def _each(filled: Filled, spec: ToolSpec) -> list[dict[str, Any]]:
    """One set of arguments for each identifying value named; only for tools that read."""
    out = [dict(filled.args)]
    if spec.effect == "read":
        name = next((s.name for s in slots(spec.json_schema) if s.kind == "pattern" and s.name in filled.args), "")
        out += [{**filled.args, name: value} for value in filled.more[: MAX_CALLS - 1] if name]
    return out


def _valid(spec: ToolSpec, args: Mapping[str, Any]) -> bool:
    try:
        spec.validate(args)
    except ToolError:
        return False
    return True


def _wrong(spec: ToolSpec, args: Mapping[str, Any]) -> Slot:
    """The argument that is refused: the one without which the rest passes, else the first."""
    every = slots(spec.json_schema)
    for slot in every:
        if slot.name in args and not slot.required and _valid(spec, {k: v for k, v in args.items() if k != slot.name}):
            return slot
    return next((slot for slot in every if slot.required), every[0])


def _list_tool(spec: ToolSpec, context: Context) -> ToolSpec | None:
    """A reading tool of the same kind that needs no argument: showing all orders beats asking for a number."""
    if spec.effect != "read":
        return None
    kin = spec.scope.split(".")[0]
    nouns = set(spec.name.split("_")[1:])
    for other in context.tools.values():
        if other.name == spec.name or other.effect != "read" or any(slot.required for slot in slots(other.json_schema)):
            continue
        if other.scope.split(".")[0] == kin or nouns & {word.rstrip("s") for word in other.name.split("_")}:
            return other
    return None


def _ask(part: Part, spec: ToolSpec, slot: Slot, context: Context, score: float, *, bad: bool = False) -> Step:
    sentences = history.questions_for(slot, context.language)
    times = [history.said_before(context.prompt, sentence) for sentence in sentences]
    if sum(times) >= 2 or (len(times) > 1 and times[1]):
        return Step("give_up", part, tool=spec, score=score)
    return Step("ask", part, tool=spec, slot=slot, again=bool(times[0]), bad=bad, score=score)


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
        known = {**_given_before(spec, context), slot.name: values[0]}
        filled = fill(slots(spec.json_schema), text, past, context.language, recall=True, known=known)
        if filled.missing:
            return _ask(part, spec, filled.missing[0], context, pending.score)
        if _valid(spec, filled.args):
            return Step("call", part, tool=spec, args=(filled.args,), score=1.0)
        return _ask(part, spec, slot, context, pending.score, bad=True)
    if small and part.kind in ("no", "bye", "thanks"):
        return None
    strong = any(
        view.readings and view.readings[0].name != spec.name and view.readings[0].score >= SURE and not p.followup
        for p, view in zip(parts, views, strict=True)
    )
    if (asks and not context.language.has("lost_value", plain(text))) or strong:
        return None
    if context.language.has("lost_value", plain(text)):
        other = _list_tool(spec, context)
        return _call(part, other, 1.0, context) if other else Step("give_up", part, tool=spec)
    return _ask(part, spec, slot, context, pending.score, bad=any(char.isdigit() for char in text))


def _given_before(spec: ToolSpec, context: Context) -> dict[str, Any]:
    """What the customer has already given for the call in the messages before, newest first."""
    out: dict[str, Any] = {}
    for line in reversed(history.customer_lines(context.prompt)[-4:]):
        for slot in slots(spec.json_schema):
            if slot.kind in ("pattern", "email", "date", "enum", "uuid", "url") and slot.name not in out:
                values, _ = values_of(slot, line, context.language)
                if values:
                    out[slot.name] = values[0]
    return out


def _tidied(steps: Sequence[Step]) -> list[Step]:
    """Without what the rest makes superfluous: small talk beside answers, the same sentence twice, lookups of a workflow's own."""
    begun = {name for step in steps if step.kind == "start" for name in _looked_up_by(step.tool)}
    steps = [step for step in steps if step.kind not in _LOOKUPS or step.tool is None or step.tool.name not in begun]
    why = " ".join(step.part.before for step in steps if step.kind == "start")
    steps = [step for step in steps if step.kind not in _ABOUT or "?" in step.part.text or step.part.text not in why]
    real = [step for step in steps if step.kind not in ("small", "negated")]
    out = real or list(steps[:2])
    seen: list[Step] = []
    for step in out:
        twin = any(
            other.kind == step.kind
            and other.tool == step.tool
            and other.args == step.args
            and other.answer == step.answer
            and other.part.kind == step.part.kind
            and (step.kind not in ("unknown", "unclear") or step.topic == other.topic)
            for other in seen
        )
        absent = step.answer.absent.lower() if step.answer else ""
        told_already = absent and any(other.answer and other.answer.absent.lower() == absent for other in seen)
        if not twin and not told_already:  # "Do you ship to Norway and what does it cost?"
            seen.append(step)
    return seen


def _looked_up_by(spec: ToolSpec | None) -> frozenset[str]:
    """The reading tools that a workflow calls."""
    program = spec.program if isinstance(spec, Function) else None
    tools = program.tools.values() if program is not None else ()
    return frozenset(tool.name for tool in tools if tool is not None and tool.effect == "read")


def _new_calls(steps: Sequence[Step], prompt: Prompt) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    made = {(result.tool, canonical(result.args)) for result in prompt.results}
    out: list[tuple[str, Mapping[str, Any]]] = []
    for step in steps:
        for args in step.args if step.kind == "call" and step.tool else ():
            key = (step.tool.name, canonical(args))  # type: ignore[union-attr]
            if key not in made:
                made.add(key)
                out.append((step.tool.name, args))  # type: ignore[union-attr]
    return tuple(out)
