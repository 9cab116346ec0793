"""Routing: a turn goes to one of the site's agents, and from one to another.

It writes nothing: the `routed` events are handed to whoever commits next.
"""

import copy
from dataclasses import replace

from server import policy, specialists
from server.conversation import Conversation, Route
from server.events import NewEvent
from server.ports import Colleague, PassOn
from server.site import DEFAULT_AGENT, Site
from server.turns.router import Routed
from server.turns.work import Work

_REST = "Whatever is for none of the others: has all tools and all articles."


async def look(work: Work, state: Conversation) -> tuple[Conversation, list[NewEvent]]:
    """Route the unanswered words, unless that was done: the conversation with that route, and the event that notes it.

    The route is in `work` then. A site without a router keeps its one agent, and nothing is noted.
    """
    router = work.agent.router
    if router is None:
        return state, []
    upto = policy.unanswered_upto(state)
    if work.routed is None or work.routed.upto < upto:
        work.routed = await router.route(state)
    if upto == 0 or (state.route is not None and state.route.upto >= work.routed.upto):
        return state, []
    routed, before, tone = copy.copy(state), state.route, work.routed.tone
    routed.route = Route(
        work.routed.pick.agent,
        state.turn.id if state.turn else None,
        work.routed.upto,
        tone.language if tone else before.language if before else None,
        tone.mood if tone else before.mood if before else None,
        tone.cue if tone else None,
        passes_of(state),
    )
    return routed, [work.new("routed", "system", work.routed.body())]


def passed_on(work: Work, state: Conversation, wanted: PassOn) -> Routed:
    """Where the turn goes that an agent passes on. Whoever commits its `routed` event keeps it in `work` afterwards."""
    assert work.routed is not None  # noqa: S101 - only an agent among several is offered to pass on
    current = work.routed.pick.agent
    names = [agent.name for agent in work.agent.site.agents]
    pick = specialists.passed_on(wanted.agent, wanted.why, current, passes_of(state), names)
    pick = replace(pick, score=work.routed.score_of(pick.agent))
    return replace(work.routed, pick=pick, came_from=current, tone=None)


def colleagues(routed: Routed, state: Conversation, site: Site) -> tuple[Colleague, ...]:
    """To whom the agent can pass on. Nobody: for the default agent, and after too many passes.

    In the middle of a workflow only to the default agent: it can do what was asked beside it, and go on with it.
    """
    own, rest = routed.pick.agent, Colleague(DEFAULT_AGENT, _REST)
    others = [Colleague(agent.name, agent.purpose, routed.score_of(agent.name)) for agent in site.agents]
    others = [other for other in others if other.name != own]
    if own == DEFAULT_AGENT or passes_of(state) > specialists.MAX_PASSES:
        return ()
    if state.open_run is not None:
        return (replace(rest, score=max((other.score for other in others), default=0.0)),)
    return (*others, rest)


def passes_of(state: Conversation) -> int:
    """How often the open turn was passed on."""
    route, turn = state.route, state.turn
    return route.passes if route is not None and turn is not None and route.turn == turn.id else 0


def tags_of(routed: Routed | None, site: Site) -> tuple[str, ...]:
    """Tags of the articles that the agent answers from: its own, and "" for articles without any; () for all."""
    name = routed.pick.agent if routed is not None else None
    own = next((agent.knowledge for agent in site.agents if agent.name == name), ())
    return (*own, "") if own else ()
