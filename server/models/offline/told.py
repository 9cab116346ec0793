"""Told: a plan in words — the lines of reasoning that a customer may read, and the readings for `shopbell route`.

Pure; decides nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from server.models.offline.language import Language
from server.models.offline.steps import Step, Views
from server.models.offline.understand import topic
from server.ports import Prompt
from tools import ToolSpec
from tools.workflow.view import Function, title_of


def thoughts(steps: Sequence[Step], prompt: Prompt, language: Language, *, under_way: bool = False) -> tuple[str, ...]:
    """One line for each thing that is planned; of a later model call only that the answer is being written."""
    think = language.think
    if prompt.results:
        return (think["results"],)
    lines = []
    if under_way and prompt.run is not None:
        lines.append(think["run"].format(title=title_of(prompt.run.view.program, language.code)))
    topics = [t for step in steps if (t := topic(step.part.text, language)) and step.part.act not in ("small", "cue")]
    if len(topics) > 1:
        lines.append(think["parts"].format(n=len(topics), topics="; ".join(topics)))
    for step in steps:
        if step.part.followup and step.part.act != "cue":
            lines.append(think["follow"].format(text=step.part.text))
        lines.append(_thought(step, think, language.code))
    return tuple(dict.fromkeys(line for line in lines if line))


def _thought(step: Step, think: Mapping[str, str], code: str) -> str:
    name = step.tool.name if step.tool else ""
    texts: dict[str, dict[str, str]] = {
        "call": {"key": "tool", "tool": name, "score": f"{step.score:.2f}"},
        "start": {"key": "start", "title": _title(step.tool, code)},
        "sign_in": {"key": "sign_in"},
        "ask": {"key": "ask", "what": (step.slot.what[:1].upper() + step.slot.what[1:]) if step.slot else ""},
        "quote": {"key": "quote", "title": step.answer.title if step.answer else ""},
        "unknown": {"key": "unknown", "topic": step.topic or step.part.text},
        "cannot": {"key": "cannot"},
        "choose": {"key": "choices", "names": ", ".join(step.choices)},
        "cue": {"key": "human", "reason": step.part.kind},
        "small": {"key": "small"},
        "negated": {"key": "negated", "topic": step.topic},
    }
    values = texts.get(step.kind)
    if values is None or (step.kind == "cue" and step.part.kind == "bot"):
        return ""
    return think[values.pop("key")].format(**values)


def _title(spec: ToolSpec | None, code: str) -> str:
    if isinstance(spec, Function) and spec.program is not None:
        return title_of(spec.program, code)
    return spec.name if spec is not None else ""


def kind_of(spec: ToolSpec | None) -> str:
    """What a pick of it is called."""
    return "workflow" if isinstance(spec, Function) else "tool"


def readings(
    steps: Sequence[Step], views: Sequence[Views], floor: float, tools: Mapping[str, ToolSpec]
) -> tuple[tuple[Any, str, float, str], ...]:
    """(kind, name, score, why) for `route`: what was decided first, then what else was near."""
    rows: list[tuple[Any, str, float, str]] = []
    for step in steps:
        if step.tool is not None:
            rows.append((kind_of(step.tool), step.tool.name, max(step.score, floor), step.kind))
        elif step.answer is not None:
            rows.append(("knowledge", step.answer.title, step.score, "quote"))
        elif step.kind == "cue" and step.part.kind != "bot":
            rows.append(("human", step.part.kind, 1.0, "cue"))
    taken = {name for kind, name, _, _ in rows if kind in ("tool", "workflow")}
    most = min((score for _, _, score, _ in rows), default=1.0)
    for view in views:
        for reading in view.readings:
            chosen = any(step.kind == "choose" for step in steps)
            if reading.name not in taken and reading.score >= floor and (rows or chosen):
                taken.add(reading.name)
                rows.append(
                    (
                        kind_of(tools.get(reading.name)),
                        reading.name,
                        min(reading.score, most),
                        f"near: {reading.example}",
                    )
                )
    return tuple(rows)
