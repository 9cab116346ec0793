"""Work: who answers for a site, and one conversation's run on this node.

It holds nothing that matters: what is here dies with the process and is decided again from the log.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from retrieval.types import Passage
from server import prompt, runs, specialists
from server.consent import Level, Rules
from server.drafts import Drafts
from server.events import NewEvent
from server.hub import Hub
from server.log import Log
from server.policy import Runner
from server.ports import Model, Retriever, Usage
from server.site import DEFAULT_AGENT, Site, Specialist
from server.turns.router import Routed, Router
from tools import Breakers, Caller, Registry, Rule
from tools.workflow.program import Program


@dataclass(frozen=True, slots=True)
class Node:
    """What every part of a running turn needs: the log, the hub, ids, the clock, and the group its tasks live in."""

    log: Log
    hub: Hub
    new_id: Callable[[], str]
    clock_ms: Callable[[], int]
    group: asyncio.TaskGroup


@dataclass(frozen=True, slots=True)
class Agent:
    """Who answers for one site: what it may do and know, and the model that writes."""

    site: Site
    instructions: str
    registry: Registry
    rules: Mapping[str, Rule]
    model: Model
    retriever: Retriever
    verifies: Callable[[Caller], frozenset[Level]] = lambda _: frozenset()
    """What this caller could prove in the chat, so that a call waits for it instead of being refused."""
    is_off: Callable[[], bool] = lambda: False
    """Whether the merchant has switched the agent off."""
    breakers: Breakers = field(default_factory=Breakers)
    """Leaves systems that do not answer alone for a while."""
    router: Router | None = None
    """Reads what customers write and chooses among the specialists; None: one agent, and nobody listens."""
    models: Mapping[str, Model] = field(default_factory=dict)
    """Of the specialists that have a model of their own."""
    workflows: Mapping[str, Program] = field(default_factory=dict)
    """What is always done the same way, by name."""

    def has_off(self, tool: str) -> bool:
        """Whether the merchant has taken this tool away, or switched the agent off."""
        rule = self.rules.get(tool)
        return self.is_off() or (rule is not None and not rule.enabled)

    def ruled(self, caller: Caller) -> Rules:
        """What the site allows, as `policy` takes it."""
        site = self.site
        return Rules(
            self.registry, self.rules, site.limits, self.verifies(caller), self.is_off(), self.workflows, site.currency
        )

    def voice(self, name: str = DEFAULT_AGENT) -> prompt.Voice:
        """What the prompt says of this site, in the words of one of its agents.

        Tools that are denied, or that this agent has not, are not even named to the model.
        """
        rules, own = self.rules, self.specialist(name)
        allowed = tuple(
            spec
            for spec in self.registry
            if (rule := rules.get(spec.name)) is None or (rule.enabled and rule.permission != "deny")
        )
        workflows = {
            program.name: program
            for program in self.workflows.values()
            if specialists.may_start(own, program.name, runs.needs_of(program))
        }
        tools = runs.direct(specialists.tools_of(own, allowed), self.workflows)
        return prompt.Voice(self.site, self.instructions, tools, own, workflows=workflows, known=self.workflows)

    def is_elsewhere(self, tool: str, name: str) -> bool:
        """Whether the site has this tool, but not this agent of it."""
        spec = self.registry.get(tool)
        return spec is not None and not specialists.tools_of(self.specialist(name), (spec,))

    def specialist(self, name: str) -> Specialist | None:
        """The specialist of this name; None for the default agent."""
        return next((agent for agent in self.site.agents if agent.name == name), None)


@dataclass(slots=True, eq=False)
class Work:
    """One conversation's run on this node."""

    key: str
    agent: Agent
    prefix: str
    """Begins the ids of all events that this run writes: what fences it has another."""
    runner: Runner = field(default_factory=Runner)
    count: int = 0
    drafts: Drafts | None = None
    passages: tuple[Passage, ...] = ()
    looked_up: int = -1
    noted: int = -1
    query: str = ""
    search_ms: int = 0
    usage: Usage = field(default_factory=Usage)
    routed: Routed | None = None
    """Where the words went that this run answers."""
    tags: tuple[str, ...] = ()
    """Of the articles that `passages` were looked for in."""
    calling: list[str] = field(default_factory=list)
    """Names of the tools whose calls run now."""
    cancellable: set[asyncio.Task[Any]] = field(default_factory=set)
    """What may be cut off when somebody else fences this run: the model's stream, tools that only read."""

    @property
    def model(self) -> Model:
        """Of the agent that has the turn."""
        return self.agent.models.get(self.name, self.agent.model)

    @property
    def quotes_only(self) -> bool:
        """Whether that model says nothing of its own; a merchant's own model may not say."""
        return bool(getattr(self.model, "quotes_only", False))

    @property
    def name(self) -> str:
        """Of the agent that has the turn."""
        return self.routed.pick.agent if self.routed is not None else DEFAULT_AGENT

    def voice(self) -> prompt.Voice:
        """Of the agent that has the turn."""
        return self.agent.voice(self.name)

    def new(self, kind: Any, role: Any, body: Mapping[str, Any], *, turn: str | None = None) -> NewEvent:  # noqa: ANN401 - Literals
        """An event of this run."""
        self.count += 1
        return NewEvent(f"{self.prefix}{self.count}", kind, role, body, turn or self.runner.turn)

    def fence(self) -> None:
        """Somebody else's event came first: stop what can be stopped, and decide again."""
        for task in self.cancellable:
            task.cancel()
