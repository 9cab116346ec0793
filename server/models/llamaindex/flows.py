"""Flows: workflows as functions for a language model: to begin one, to answer its question, to correct, to stop.

Pure. What the steps are, and when a step may be done, no model decides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from server.ports import Chunk, Heard, OpenRun, Prompt, Start
from tools.workflow.events import Cancelled, Corrected, Said
from tools.workflow.view import RunView, function_of, schema_of, title_of

ANSWER: Final = "answer_question"
CORRECT: Final = "correct_answer"
STOP: Final = "stop_workflow"

_BEGINS: Final = (
    " This begins a fixed sequence of steps, run by the server, which asks the customer itself for whatever is missing. Call "
    "it as soon as the customer asks for exactly this, with what was said; ask nothing first and write nothing beside it. A "
    "question about how it works is not the wish to do it."
)


@dataclass(frozen=True, slots=True)
class Builtin:
    """A function that the model itself is offered, and that no registry knows."""

    name: str
    description: str
    schema: dict[str, Any]


def functions(prompt: Prompt) -> list[Builtin]:
    """What this prompt offers of workflows: one function for each that can begin, and those of the open run."""
    began = {*prompt.began}
    offered = [
        Builtin(spec.name, spec.description.rstrip() + _BEGINS, spec.json_schema)
        for spec in map(function_of, prompt.workflows)
        if spec.name not in began
    ]
    return [*offered, *_of_run(prompt.run)] if prompt.run is not None and not began else offered


def _of_run(run: OpenRun) -> Iterator[Builtin]:
    view = run.view
    told = {name: there for name, there in view.slots.items() if there.slot.type != "photo"}  # those the server takes
    properties = {name: schema_of(there.slot, name) for name, there in told.items()}
    if view.asking is not None:
        yield Builtin(
            ANSWER,
            f"Hand on what the customer's words answer to the question of “{title_of(view.program, 'en')}”; also other things "
            "that they say for it. Only what was said, nothing guessed. Write nothing beside it: the server says what is next.",
            {"type": "object", "properties": properties, "additionalProperties": False},
        )
    known = [name for name, there in view.slots.items() if there.value is not None]
    if known:
        yield Builtin(
            CORRECT,
            "The customer takes back something said before (“no, the other one”). `value` is what holds instead, in the "
            "customer's own words; leave it out if they did not say. What was done for the old one, the server takes back.",
            {
                "type": "object",
                "properties": {
                    "slot": {"type": "string", "enum": known, "description": "What is taken back."},
                    "value": {"type": "string", "description": "What holds instead."},
                },
                "required": ["slot"],
                "additionalProperties": False,
            },
        )
    if not view.ended:
        yield Builtin(
            STOP,
            "The customer does not want what is under way any more. Write nothing beside it.",
            {"type": "object", "properties": {}, "additionalProperties": False},
        )


def chunk_for(tool: str, args: Mapping[str, Any], prompt: Prompt) -> Chunk | None:
    """What a call of one of these functions is; None for any other call."""
    said = " ".join(prompt.asked)
    given = {name: value for name, value in args.items() if value not in (None, "")}
    if any(program.name == tool for program in prompt.workflows):
        return Start(tool, given, said)
    run = prompt.run
    if run is None:
        return None
    if tool == ANSWER:
        return Heard(run.id, Said(slots=given, text=said))
    if tool == CORRECT and isinstance(given.get("slot"), str):
        value = given.get("value")
        return Heard(run.id, Corrected(slot=given["slot"], value=None if value is None else str(value)))
    return Heard(run.id, Cancelled()) if tool == STOP else None


def state_of(run: OpenRun) -> Iterator[str]:
    """Sentences about the run, for the state that a model is told."""
    view, title = run.view, title_of(run.view.program, "en")
    if view.ended:
        yield f"“{title}” has just been done. If the customer takes something back, call {CORRECT}."
        return
    yield f"“{title}” is under way, step by step, run by the server."
    if view.asking is not None:
        photo = view.slots[view.asking].slot.type == "photo"
        if photo:
            yield "The server itself takes the photo from the customer's message."
        yield f"It has asked for: {_what(view, view.asking)}. If the customer's words answer that, call {ANSWER}."
        yield "Anything else you answer as always; the server then asks its question again, so do not repeat it."
    else:
        yield "It waits for somebody else now; do not repeat what it does."
    if known := [f"{name} = {there.value}" for name, there in view.slots.items() if there.value is not None]:
        yield f"Known so far: {'; '.join(known)}."


def _what(view: RunView, name: str) -> str:
    there = view.slots[name]
    what = there.slot.what or name.replace("_", " ")
    labels = " | ".join(choice.label for choice in there.choices)
    return f"{what} ({name}; one of: {labels})" if labels else f"{what} ({name})"
