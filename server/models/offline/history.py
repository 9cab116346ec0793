"""History: what an answer may lean on — earlier words, calls and results, the question that was asked last.

Pure: reads a prompt, decides nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from server.models.offline.fill import Past
from server.models.offline.language import Language, plain
from server.models.offline.slots import Slot, slots
from server.models.offline.understand import Part
from server.ports import Line, Prompt
from tools import ToolSpec


def before(prompt: Prompt) -> tuple[Line, ...]:
    """The history before the messages that are to be answered now."""
    open_count = len(prompt.asked)
    for index in range(len(prompt.history) - 1, -1, -1):
        if not open_count:
            return prompt.history[: index + 1]
        if prompt.history[index].role == "customer" and prompt.history[index].text:
            if prompt.history[index].text not in prompt.asked:
                return prompt.history[: index + 1]  # the prompt does not repeat them at its end
            open_count -= 1
    return () if not open_count else prompt.history


def customer_lines(prompt: Prompt) -> list[str]:
    """What the customer said before, oldest first."""
    return [line.text for line in before(prompt) if line.role == "customer" and line.text]


def last_said(prompt: Prompt) -> list[str]:
    """The customer's newest words, for a prompt that does not say what it asks."""
    return [line.text for line in prompt.history if line.role == "customer" and line.text][-1:]


def last_agent(prompt: Prompt) -> Line | None:
    """The agent's newest message before the customer's newest words."""
    return next((line for line in reversed(before(prompt)) if line.role == "agent" and line.text), None)


def last_tools(prompt: Prompt) -> frozenset[str] | None:
    """The tools that answered last time; empty if words from the help center did; None if nothing was answered yet."""
    out: set[str] = set()
    answered = False
    for line in reversed(before(prompt)):
        if line.role == "customer" and line.text:
            break
        answered = answered or line.role == "agent"
        out.update(call.tool for call in line.calls)
    return frozenset(out) if answered else None


def said_before(prompt: Prompt, text: str) -> int:
    """How often the agent has said this sentence already, since a person last handed the conversation back."""
    lines = before(prompt)[prompt.settled :]
    return sum(line.text.count(text) for line in lines if line.role == "agent") if text else 0


def past(prompt: Prompt, part: Part) -> Past:
    """Earlier calls and words, newest first; what the same message says beside the part comes before all."""
    args: list[Mapping[str, Any]] = []
    results: list[Any] = []
    subjects: list[str] = []
    scopes = {spec.name: spec.scope for spec in prompt.tools}
    for line in reversed(before(prompt)):
        for call in reversed(line.calls):
            if call.ok:
                args.append(call.args)
                results.append(call.result)
                subjects.append(f"{call.tool} {scopes.get(call.tool, '')}".replace("_", " ").replace(".", " "))
    failed = failed_values(prompt)
    said = [*([part.before] if part.before else []), *reversed(customer_lines(prompt))]
    return Past(tuple(args), tuple(results), tuple(said), tuple(subjects), failed)


def failed_values(prompt: Prompt) -> frozenset[str]:
    """The arguments of earlier lookups that found nothing, lower-cased; not those that a later one has found."""
    effects = {spec.name: spec.effect for spec in prompt.tools}
    out: set[str] = set()
    for line in before(prompt):
        for call in line.calls:
            values = {str(value).casefold() for value in call.args.values() if isinstance(value, str | int)}
            if call.ok:
                out -= values
            elif call.state == "ended" and call.code is None and effects.get(call.tool, "read") == "read":
                out |= values
    return frozenset(out)


def resolved(part: Part, prompt: Prompt, language: Language) -> str:
    """The part with what it leans on: the words before it in its message, else the customer's message before."""
    if not part.followup:
        return part.text
    if part.before:
        return f"{part.before} {part.text}"
    earlier = [line for line in customer_lines(prompt) if language.content(line)]
    return f"{earlier[-1]} {part.text}" if earlier else part.text


def asked_for(prompt: Prompt, tools: Sequence[ToolSpec], languages: Sequence[Language]) -> list[tuple[ToolSpec, Slot]]:
    """The arguments that the agent's last message may have asked for: read from its words, so nothing else need be kept."""
    line = last_agent(prompt)
    if line is None or line.calls:
        return []
    text = plain(line.text)
    return [
        (spec, slot)
        for spec in tools
        for slot in slots(spec.json_schema)
        if any(plain(sentence) in text for language in languages for sentence in questions_for(slot, language))
    ]


def questions_for(slot: Slot, language: Language) -> list[str]:
    """The sentences that ask for a slot: the first time, and again."""
    example = language.say["ask_example"].format(example=slot.example) if slot.example else ""
    if slot.kind == "enum":
        options = ", ".join(str(option).replace("_", " ") for option in slot.options)
        return [language.say["ask_enum"].format(what=slot.what, options=options)]
    if slot.kind == "free" and slot.name in {"query", "search", "text", "q", "term", "keywords", "question"}:
        first = language.say["ask_free"]
    else:
        first = language.say["ask"].format(what=slot.what)
    return [
        first,
        language.say["ask_again"].format(what=slot.what, example=example),
        language.say["bad_value"].format(what=slot.what, example=example),
    ]
