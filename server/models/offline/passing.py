"""Passing: when the engine lets another agent of the site answer, because this one has nothing near enough.

Pure; which agents there are, and how near the message is to each, comes with the prompt.
"""

from collections.abc import Sequence
from typing import Final

from server.models.offline.steps import Plan, Step
from server.ports import PassOn, Prompt
from server.site import DEFAULT_AGENT
from server.specialists import FLOOR, STICKY

_NOTHING: Final = frozenset({"unknown", "unclear", "cannot"})
_CLEAR: Final = 2 * STICKY
"""So much nearer is an agent that what is asked is its job, though a help article of this one mentions it, too."""


def passed_on(plan: Plan, prompt: Prompt) -> PassOn | None:
    """To whom the turn goes: another specialist that is near, once; then, or else, the default agent, who has everything.

    None: this agent has something to say, or there is nobody else.
    """
    if not prompt.colleagues or prompt.results or plan.foreign or plan.resumed or not plan.steps:
        return None
    if plan.calls or plan.starts or plan.heard:
        return None
    best = max(prompt.colleagues, key=lambda colleague: colleague.score)
    clear = best.score >= FLOOR and best.score - prompt.agent_score >= _CLEAR
    nothing = [_is_nothing(step, clear=clear) for step in plan.steps]
    if any(nothing) and not all(nothing) and prompt.call_no == 1 and _has_value(plan, nothing):
        everything = next((c.name for c in prompt.colleagues if c.name == DEFAULT_AGENT), None)
        return PassOn(everything, f"{prompt.agent} has something for a part of it only") if everything else None
    if not all(nothing):
        return None
    if prompt.call_no == 1 and best.score >= FLOOR:
        return PassOn(best.name, f"{prompt.agent} has nothing near enough; the message is {best.score:.2f} near to it")
    if any(colleague.name == DEFAULT_AGENT for colleague in prompt.colleagues):
        return PassOn(DEFAULT_AGENT, f"{prompt.agent} has nothing near enough")
    return None


def _has_value(plan: Plan, nothing: Sequence[bool]) -> bool:
    """Whether a part for which there is nothing names a number, which somebody may look up."""
    left = [step for step, none in zip(plan.steps, nothing, strict=True) if none]
    return any(char.isdigit() for step in left for char in step.part.text)


def _is_nothing(step: Step, *, clear: bool) -> bool:
    """Whether a colleague may have more to say; an article is no answer to an order that a colleague may carry out."""
    is_order = step.part.command and not step.part.question
    return step.kind in _NOTHING or (step.kind == "quote" and (clear or is_order))
