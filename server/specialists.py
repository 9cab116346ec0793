"""Specialists: which agent gets a message, by how near it is in meaning to what each of them is for.

Pure over vectors that are handed in: no I/O, no clock. It asks no model, and knows tools by their examples only.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from retrieval.text import language_of
from retrieval.types import Vectors
from server.site import DEFAULT_AGENT, Specialist
from tools import ToolSpec

MAX_PASSES: Final = 2
"""How often one turn is passed on; after that the default agent answers: each pass costs the customer a model call."""

NEAREST_SHARE, NEXT_SHARE, MIDDLE_SHARE = 0.6, 0.2, 0.2
"""Of a score: the nearest text, the mean of the nearest three, and the middle of all. With the 11 categories of the bitext
intents as agents and 3 (5) examples for each of their intents .973 (.983) are right (`python -m bench.specialists`); in the
first trials, where these shares were chosen, the nearest alone was .5 (.2) points worse."""
FLOOR: Final = 0.36
"""Below this a message is near to no specialist. In the same trial 1.5 % of an agent's own messages are below, and 87 % of
questions about other subjects (feedbackqa, stackfaq)."""
STICKY: Final = 0.08
"""By how much another agent must be nearer before a conversation changes hands. Between an agent's own messages and the
next agent lie .25 on average there; follow-ups of a few words, which are near to nobody, are to stay."""
_PURPOSE_WEIGHT: Final = 0.9
"""A purpose says what an agent is for, not how customers ask for it."""
_SHARED_WEIGHT: Final = 0.85
"""Enough to let an agent's own example of the same meaning win, and too little to hide an agent that only shares tools."""
_SHOWN_CHARS: Final = 80

Row = tuple[str, str, float]
"""A text, the agent that it stands for, and what it weighs."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A workflow of the shop, as far as agents differ in it: the tools that it needs, and its examples."""

    needs: frozenset[str]
    examples: tuple[str, ...] = ()


def rows_of(
    agent: Specialist, tools: Sequence[ToolSpec] = (), workflows: Mapping[str, Offer] | None = None
) -> list[Row]:
    """The texts that stand for an agent: its purpose, its examples, and those of the tools and workflows that are its own.

    `tools` and `workflows` are all that the shop has. What an agent has because it has everything tells it from nobody,
    so it does not count.
    """
    rows: list[Row] = [(agent.purpose, agent.name, _PURPOSE_WEIGHT)]
    rows += [(example, agent.name, 1.0) for example in agent.examples]
    if agent.tools is not None:
        rows += [(text, agent.name, 1.0) for spec in tools_of(agent, tools) for text in spec.examples]
    if agent.tools is not None or agent.workflows is not None:
        offers = (workflows or {}).items()
        own = [offer for name, offer in offers if may_start(agent, name, offer.needs)]
        rows += [(text, agent.name, 1.0) for offer in own for text in offer.examples]
    return list(dict.fromkeys(rows))


def all_rows(
    agents: Sequence[Specialist], tools: Sequence[ToolSpec] = (), workflows: Mapping[str, Offer] | None = None
) -> list[Row]:
    """The texts of all agents. One that stands for several of them (the example of a tool that they share) weighs less."""
    rows = [row for agent in agents for row in rows_of(agent, tools, workflows)]
    owners = Counter(text for text, _ in dict.fromkeys((text, owner) for text, owner, _ in rows))
    return [(text, owner, weight * (_SHARED_WEIGHT if owners[text] > 1 else 1)) for text, owner, weight in rows]


def tools_of(agent: Specialist | None, tools: Iterable[ToolSpec]) -> tuple[ToolSpec, ...]:
    """Those of the shop's tools that the agent has. None is the default agent, which has all of them."""
    if agent is None or agent.tools is None:
        return tuple(tools)
    named = {*agent.tools}
    return tuple(spec for spec in tools if named.intersection((spec.name, *spec.aliases)))


def may_start(agent: Specialist | None, workflow: str, needs: Iterable[str]) -> bool:
    """Whether the agent may start this workflow, which calls the tools `needs`: what is listed, else what its tools suffice for."""
    if agent is None or (agent.workflows is None and agent.tools is None):
        return True
    if agent.workflows is not None:
        return workflow in agent.workflows
    return {*needs} <= {*(agent.tools or ())}


@dataclass(frozen=True)
class Bank:
    """The texts of all agents of a site with their vectors: one row of `vectors`, of length 1, for each."""

    rows: tuple[Row, ...]
    vectors: Vectors

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The rows of each agent."""
        out: dict[str, list[int]] = {}
        for index, (_, owner, _) in enumerate(self.rows):
            out.setdefault(owner, []).append(index)
        return out

    @cached_property
    def weights(self) -> Vectors:
        """What each row weighs."""
        return np.asarray([weight for _, _, weight in self.rows], dtype=np.float32)

    @cached_property
    def middles(self) -> dict[str, Vectors]:
        """The direction in which each agent's texts lie on average."""
        found = {name: self.vectors[rows].mean(axis=0) for name, rows in self.places.items()}
        return {name: vector / max(float(np.linalg.norm(vector)), 1e-6) for name, vector in found.items()}


@dataclass(frozen=True, slots=True)
class Near:
    """How near a message is to an agent: `score` in 0..1, and the text that it is nearest to."""

    agent: str
    score: float
    text: str


def nearness(variants: Vectors, bank: Bank) -> list[Near]:
    """All agents, the nearest first. `variants` are vectors of one message in several wordings; the best of each counts."""
    best: dict[str, Near] = {}
    for vector in variants:
        similar = np.clip(bank.vectors @ vector, 0.0, 1.0) * bank.weights
        for name, places in bank.places.items():
            own = similar[places]
            order = np.argsort(own)[::-1][:3]
            middle = max(0.0, float(bank.middles[name] @ vector))
            score = NEAREST_SHARE * float(own[order[0]]) + NEXT_SHARE * float(own[order].mean()) + MIDDLE_SHARE * middle
            if name not in best or score > best[name].score:
                best[name] = Near(name, score, bank.rows[places[int(order[0])]][0])
    return sorted(best.values(), key=lambda near: (-near.score, near.agent))


def both(alone: Sequence[Near], leaning: Sequence[Near]) -> list[Near]:
    """The nearness of a short message that may lean on the one before: half by itself, half with that one before it."""
    before = {near.agent: near.score for near in leaning}
    mixed = [Near(near.agent, (near.score + before.get(near.agent, 0.0)) / 2, near.text) for near in alone]
    return sorted(mixed, key=lambda near: (-near.score, near.agent))


@dataclass(frozen=True, slots=True)
class Pick:
    """The agent that a message goes to, how near it is (0 for the default agent), and why, for people."""

    agent: str
    why: str
    score: float = 0.0


def pick(found: Sequence[Near], current: str | None, *, under_way: bool = False) -> Pick:
    """Who gets the message. `found` are the agents that may, the nearest first; `current` had the one before.

    `under_way`: the current agent is in the middle of a workflow, and keeps the conversation whatever is said.
    """
    own = next((near for near in found if near.agent == current), None)
    if under_way and current is not None:
        return Pick(current, "a workflow is under way", own.score if own else 0.0)
    held = current if own is not None else None
    best = found[0] if found else None
    if best is None or best.score < FLOOR:
        if own is not None:
            return Pick(own.agent, "near to no other specialist, so it stays here", own.score)
        return Pick(DEFAULT_AGENT, "near to no specialist", 0.0)
    if own is not None and best.agent != held and best.score - own.score < STICKY:
        return Pick(own.agent, f"stays here: {best.agent} is only {best.score - own.score:.2f} nearer", own.score)
    return Pick(best.agent, f"near “{_cut(best.text)}”", best.score)


def at_once(parts: Sequence[Sequence[Near]]) -> list[str]:
    """The agents that parts of one message are clearly for, `parts` being the nearness of each."""
    wanted = []
    for found in parts:
        rival = found[1].score if len(found) > 1 else 0.0
        if found and found[0].score >= FLOOR and found[0].score - rival >= STICKY:
            wanted.append(found[0].agent)
    return list(dict.fromkeys(wanted))


def may_get(agent: Specialist, language: str | None, mood: str | None) -> bool:
    """Whether the agent takes messages in this language and mood; what is not known keeps nobody out."""
    speaks = not agent.languages or language is None or language in {language_of(code) for code in agent.languages}
    return speaks and (not agent.moods or mood is None or mood in agent.moods)


def passed_on(to: str, why: str, current: str, passes: int, agents: Iterable[str]) -> Pick:
    """Who goes on when `current` passes the conversation on to `to`; `passes` is how often that happened in this turn."""
    if passes >= MAX_PASSES:
        return Pick(DEFAULT_AGENT, f"passed on by {current}, and {passes} times before in this turn")
    if to == current or to not in {*agents, DEFAULT_AGENT}:
        return Pick(DEFAULT_AGENT, f"passed on by {current} to {to!r}, which is nobody else")
    return Pick(to, f"passed on by {current}: {_cut(' '.join(why.split()), 300)}" if why.strip() else f"from {current}")


def _cut(text: str, limit: int = _SHOWN_CHARS) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
