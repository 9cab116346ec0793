"""Tidy: the steps of a plan without what the rest makes superfluous, and the calls and workflows that they begin.

Pure records in, pure records out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from server.models.offline.steps import Step
from server.ports import Prompt, Start
from tools import ToolSpec, canonical
from tools.workflow.view import Function

_ABOUT: Final = frozenset({"quote", "offer", "unknown", "unclear", "cannot"})
"""Said about what was only told to say why a workflow is wanted, they would be beside the point."""
_LOOKUPS: Final = frozenset({"call", "ask", "sign_in"})


def tidied(steps: Sequence[Step]) -> list[Step]:
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


def new_calls(steps: Sequence[Step], prompt: Prompt) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """The calls to make now: those of the steps that have not been made in this turn."""
    made = {(result.tool, canonical(result.args)) for result in prompt.results}
    out: list[tuple[str, Mapping[str, Any]]] = []
    for step in steps:
        for args in step.args if step.kind == "call" and step.tool else ():
            key = (step.tool.name, canonical(args))  # type: ignore[union-attr]
            if key not in made:
                made.add(key)
                out.append((step.tool.name, args))  # type: ignore[union-attr]
    return tuple(out)


def new_starts(steps: Sequence[Step], prompt: Prompt) -> tuple[Start, ...]:
    """The workflows to begin, each once; not those that have moved in this turn already."""
    found: dict[str, Start] = {}
    for step in steps:
        if step.kind == "start" and step.tool is not None and step.tool.name not in prompt.began:
            text = f"{step.part.before} {step.part.text}".strip()
            found.setdefault(step.tool.name, Start(step.tool.name, step.args[0], step.topic or text))
    return tuple(found.values())
