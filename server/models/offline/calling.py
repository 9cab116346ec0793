"""Calling: a tool's call or a workflow's beginning as a step, or what stands in its way: signing in, a missing argument.

Pure: it runs nothing and writes no reply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from retrieval.text import stem, words
from server.models.offline import history
from server.models.offline.fill import Filled, Past, fill, is_list, names_place, remembered
from server.models.offline.language import Language
from server.models.offline.rank import filled_for
from server.models.offline.slots import Slot, slots
from server.models.offline.steps import Context, Step
from server.models.offline.understand import Part
from server.models.offline.values import values_of
from tools import ToolError, ToolSpec
from tools.workflow.view import Function, title_of

SAID_BEFORE: Final = 3
"""Customer messages in which a workflow that begins looks for the order that it is about."""
_BY_FORM: Final = frozenset({"pattern", "uuid", "url"})
MAX_CALLS: Final = 4
_NO_THING: Final = frozenset(
    {"list", "find", "get", "show", "balanc", "balance", "status", "detail", "info", "my", "all"}
)
"""Words of tools' names that say nothing of the things that they are about."""


def call_step(part: Part, spec: ToolSpec, score: float, context: Context, said: Sequence[str] = ()) -> Step:
    """The call, or what stands in its way: signing in, a missing argument, a value that cannot be."""
    if isinstance(spec, Function):
        return _start(part, spec, score, context, said)
    person = context.prompt.person
    if spec.needs != "anonymous" and not (person.verified or person.can_verify):
        return Step("sign_in", part, tool=spec, score=score)
    filled = _leaning(part, spec, filled_for(part, spec, context), context)
    if filled.missing and said:
        extra = Past(said=tuple(reversed(said)))
        filled = fill(slots(spec.json_schema), part.text, extra, context.language, recall=True, known=filled.args)
    if filled.missing:
        if (other := list_tool(spec, context)) is not None:
            return call_step(part, other, score, context)
        return ask_step(part, spec, filled.missing[0], context, score)
    many = _each(filled, spec)
    good = [args for args in many if is_valid(spec, args)]
    if not good:
        return ask_step(part, spec, _wrong(spec, many[0]), context, score, bad=True)
    return Step("call", part, tool=spec, args=tuple(good), score=score)


def _leaning(part: Part, spec: ToolSpec, filled: Filled, context: Context) -> Filled:
    """With the thing that was looked up last in place of words about it: "is it waterproof?" looks for no waterproof."""
    points = part.followup and any(word in context.language.words["pronouns"] for word in words(part.low))
    if not points or part.before or spec.name not in (history.last_tools(context.prompt) or ()):
        return filled
    past = history.past(context.prompt, part)
    things = {
        slot.name: thing
        for slot in slots(spec.json_schema)
        if slot.kind == "free" and filled.where.get(slot.name) == "message"
        if (thing := remembered(slot, part.text, past, context.language)) is not None
    }
    return replace(filled, args={**filled.args, **things}) if things else filled


def nth_of_shown(part: Part, context: Context) -> Step | None:
    """The call for "the second one" of the list that was shown last: the search itself, or a lookup of one of its kind.

    None where the words say more than the place.
    """
    language = context.language
    more = [word for word in language.content(part.text) if word not in language.ordinals]
    if more or not names_place(part.text, language):
        return None
    past = history.past(context.prompt, part)
    listed = (
        context.tools.get(call.tool)
        for line in reversed(history.before(context.prompt))
        for call in reversed(line.calls)
        if call.ok and is_list(call.result)
    )
    shown = next((spec for spec in listed if spec is not None), None)
    kin = [spec for spec in context.tools.values() if shown and spec.effect == "read" and spec.scope == shown.scope]
    for spec in kin:
        needed = [slot for slot in slots(spec.json_schema) if slot.required]
        thing = remembered(needed[0], part.text, past, language) if len(needed) == 1 else None
        if thing is not None and is_valid(spec, {needed[0].name: thing}):
            return Step("call", part, tool=spec, args=({needed[0].name: thing},), score=1.0)
    return None


def _start(part: Part, spec: Function, score: float, context: Context, said: Sequence[str]) -> Step:
    """The beginning of a workflow, with what is known by its form; the rest it asks for, or finds in the words."""
    filled = filled_for(part, spec, context)
    kinds = {slot.name: slot.kind for slot in slots(spec.json_schema)}
    args = {name: value for name, value in filled.args.items() if kinds[name] in _BY_FORM}
    earlier = [*said, *history.customer_lines(context.prompt)][-SAID_BEFORE:]
    failed = history.failed_values(context.prompt)
    for slot in slots(spec.json_schema):
        if slot.kind == "pattern" and slot.name not in args:
            values = {value for line in earlier for value in values_of(slot, line, context.language)[0]}
            values = {value for value in values if str(value).casefold() not in failed}
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


def is_valid(spec: ToolSpec, args: Mapping[str, Any]) -> bool:
    """Whether the tool takes these arguments."""
    try:
        spec.validate(args)
    except ToolError:
        return False
    return True


def _wrong(spec: ToolSpec, args: Mapping[str, Any]) -> Slot:
    """The argument that is refused: the one without which the rest passes, else the first."""
    every = slots(spec.json_schema)
    for slot in every:
        if (
            slot.name in args
            and not slot.required
            and is_valid(spec, {k: v for k, v in args.items() if k != slot.name})
        ):
            return slot
    return next((slot for slot in every if slot.required), every[0])


def list_tool(spec: ToolSpec, context: Context) -> ToolSpec | None:
    """A reading tool of the same kind that needs no argument: showing all orders beats asking for a number."""
    if spec.effect != "read":
        return None
    about = {stem(word, "en") for word in spec.name.split("_")[1:]}
    for slot in slots(spec.json_schema):
        about |= (
            {stem(word, "en") for word in words(f"{slot.name.replace('_', ' ')} {slot.what}")}
            if slot.required
            else set()
        )
    for other in context.tools.values():
        if other.name == spec.name or other.effect != "read" or any(slot.required for slot in slots(other.json_schema)):
            continue
        if about & {stem(word, "en") for word in other.name.split("_")} - _NO_THING:
            return other
    return None


def ask_step(part: Part, spec: ToolSpec, slot: Slot, context: Context, score: float, *, bad: bool = False) -> Step:
    """The question for an argument; after the second time a person is asked instead."""
    sentences = history.questions_for(slot, context.language)
    times = [history.said_before(context.prompt, sentence) for sentence in sentences]
    if sum(times) >= 2 or (len(times) > 1 and times[1]):
        return Step("give_up", part, tool=spec, score=score)
    return Step("ask", part, tool=spec, slot=slot, again=bool(times[0]), bad=bad, score=score)


def given_before(spec: ToolSpec, context: Context) -> dict[str, Any]:
    """What the customer has already given for the call in the messages before, newest first."""
    out: dict[str, Any] = {}
    for line in reversed(history.customer_lines(context.prompt)[-4:]):
        for slot in slots(spec.json_schema):
            if slot.kind in ("pattern", "email", "date", "enum", "uuid", "url") and slot.name not in out:
                values, _ = values_of(slot, line, context.language)
                if values:
                    out[slot.name] = values[0]
    return out


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
