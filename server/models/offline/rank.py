"""Rank: the tools that a part of a message may start, by meaning, form and the values it gives.

Pure; decides nothing.
"""

import re
from typing import Final

from retrieval.text import words
from server.models.offline import history
from server.models.offline.fill import Filled, Past, fill
from server.models.offline.intents import EXPLAINED_WEIGHT
from server.models.offline.language import Language, plain
from server.models.offline.slots import slots
from server.models.offline.steps import Context, Views
from server.models.offline.understand import Part, is_value, noun_phrase
from server.models.offline.values import values_of
from tools import ToolSpec
from tools.workflow.view import Function

MAYBE: Final = 0.57
"""Below it a reading is none. It stands for odds of 1 to 2 (intents._SCALE) and is older than they are: each weighing's `even` was
set so that about 8 of 10 messages of intents that no tool has stay below this score, on the half of bitext_intents that
`bench.routing` does not ask; on the half that it asks .82 and .83 do, with 5 and 10 examples (6 draws)."""
SURELY: Final = 0.75
"""Score from which an effect begins without an offer first: odds of 3 to 1. Chosen between .72, at which .011 of messages began
something else than they asked for with 5 examples (the goal is .005), and .80, at which .004 did but more plain orders were only
offered; both were asked of the held half of bitext_intents (`python -m bench.routing`). With the present weights .75 gives .005."""
PLAIN: Final = 0.70
"""The same for an order that gives a value which the tool takes by its form ("return the jacket from order 1042"): whatever else
is not clear, the number is. Of 12 orders between this and `SURELY` on the tuning half of bitext_intents none was for another of
the shop's tools (3 draws with 5 and 10 examples); the one of an intent that no tool has gave no number."""
NUMBER: Final = 0.05
"""How surely a number by itself is to be looked up."""
CHANGE: Final = -0.15
"""What speaks against a tool when a message only adds a word to a question that the help center answered."""


def ranked_for(part: Part, view: Views, context: Context) -> list[tuple[float, ToolSpec, Filled]]:
    """The tools that the part may start, with their scores after what its form says."""
    rows = []
    for reading in view.readings:
        spec = context.tools.get(reading.name)
        if spec is None or not _may_start(part, spec):
            continue
        alone = is_value(part, context.language) and spec.effect == "read" and _has_value(part, spec, context)
        alone = alone or _is_sought(part, spec, context.language)
        if reading.score < MAYBE - 0.25 and not alone:
            continue
        filled = filled_for(part, spec, context)
        score = reading.score + _form(part, spec, filled, context.language)
        if alone:  # nothing but a number, or a thing by its name: whoever looks such things up
            score = max(score, MAYBE + NUMBER * (1 + reading.score))
        free = any(slot.kind == "free" and filled.where.get(slot.name) == "message" for slot in slots(spec.json_schema))
        if free and not isinstance(spec, Function):  # a workflow reads its own slots out of the words, and asks
            phrase = [word for slot in slots(spec.json_schema) for word in words(str(filled.args.get(slot.name, "")))]
            clumsy = len(phrase) > 5 or any(word in context.language.words["possessive"] for word in phrase)
            # What is searched for need not be known; but a whole clause is no name of a thing.
            left = part.low.replace(" ".join(phrase), " ")
            sought = context.language.has("seeks", left) and part.act != "bare"
            if context.language.has("terms", part.low):
                continue  # nobody looks for a product called "match"
            score += -0.15 if clumsy else 0.7 * EXPLAINED_WEIGHT * (1 - reading.explained) if sought else 0.0
        rows.append((min(1.0, score), spec, filled))
    if _adds(part, context.language) and (last := history.last_tools(context.prompt)) is not None:
        rows = [(score + (0.05 if spec.name in last else 0.0 if last else CHANGE), spec, f) for score, spec, f in rows]
    rows.sort(key=lambda row: (-row[0], row[1].name))
    return rows


def _is_sought(part: Part, spec: ToolSpec, language: Language) -> bool:
    """Whether a search can find what is named: "tent under 300", "is the Ridge tent waterproof?"."""
    searches = any(slot.kind == "free" and slot.required for slot in slots(spec.json_schema))
    if spec.effect != "read" or not searches or not any(language.has("seeks", plain(e)) for e in spec.examples):
        return False
    if language.has("terms", part.low):
        return False
    limited = language.constraints.search(part.low) is not None and part.act == "bare"
    found = re.findall(r"([a-z]+) [A-Z][a-z]+", part.text) if not language.has("nouns_capital", part.text) else []
    names = [before for before in found if before not in language.words["prepositions"]]  # "in Lisbon" is a place
    second = words(part.low)[1:2]
    asks = part.question and language.asking.search(part.low) is not None
    named = asks and bool(names) and bool(second) and second[0] in language.words["determiners"]
    return limited or named


def _adds(part: Part, language: Language) -> bool:
    """Whether the part only adds a word to what was asked before ("and for boots?")."""
    few = len(language.content(part.text)) <= 2
    return part.followup and few and not part.types and language.has("followup", part.low)


def _may_start(part: Part, spec: ToolSpec) -> bool:
    """Whether a part of this form can mean what the tool does at all."""
    if part.negated:
        return False
    if spec.effect == "read":
        return not (part.hypothetical and part.general and not part.personal)
    return not part.hypothetical and (part.command or part.question or not part.past)


def starts(part: Part, spec: ToolSpec, score: float, context: Context) -> bool:
    """Whether the tool may begin at once. What has an effect is offered first, unless it is ordered, and surely meant.

    A question about a thing is no order to do it.
    """
    if spec.effect == "read":
        return True
    plain_order = part.command and not part.question and _has_value(part, spec, context)
    if score < (PLAIN if plain_order else SURELY) or part.past:
        return False
    asks_how = part.question and part.general and not context.language.has("request", part.low)
    return (part.command or part.act == "bare") and not (asks_how and not _has_value(part, spec, context))


def _has_value(part: Part, spec: ToolSpec, context: Context) -> bool:
    return any(
        values_of(slot, part.text, context.language)[0]
        for slot in slots(spec.json_schema)
        if slot.kind in ("pattern", "uuid")
    ) and not context.language.has("how", part.low)


def _form(part: Part, spec: ToolSpec, filled: Filled, language: Language) -> float:
    """What form and values add to a reading: an order number in the message speaks for the tool that takes one."""
    kinds = {slot.name: slot.kind for slot in slots(spec.json_schema)}
    typed = [name for name, source in filled.where.items() if source == "message" and kinds.get(name) != "free"]
    bonus = 0.08 if typed else 0.0
    if filled.args and "history" in filled.where.values():
        bonus += 0.2 if language.has("nth", part.low) else 0.04 if part.followup else 0.0
    if part.general and not part.personal and not typed:
        bonus -= 0.05 if spec.needs != "anonymous" or spec.effect != "read" else 0.0
    if part.personal and spec.needs != "anonymous":
        bonus += 0.03
    return bonus


def filled_for(part: Part, spec: ToolSpec, context: Context) -> Filled:
    """The tool's arguments as far as the part gives them, or what it leans on."""
    past = history.past(context.prompt, part)
    leans = part.followup or context.language.has("same_one", part.low)
    recall = spec.effect == "read" or leans
    every = slots(spec.json_schema)
    if part.followup and part.before and any(word in context.language.words["pronouns"] for word in words(part.low)):
        # "How tall is the Ridge tent, and is it waterproof?": what is looked up is what "it" stands for.
        thing = noun_phrase(part.before.rstrip("."), context.language)
        known = {slot.name: thing for slot in every if slot.kind == "free" and slot.required and thing}
        if known:
            return fill(every, part.text, past, context.language, recall=recall, leans=leans, known=known)
    if not recall and part.before:
        past, recall = Past(said=(part.before,)), True
    return fill(slots(spec.json_schema), part.text, past, context.language, recall=recall, leans=leans)
