"""`shopbell route`: which tool, workflow or specialist a message would start, and why.

It runs nothing: no tool, no turn.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from server import agents, app, runs, specialists
from server.commands.knowledge import opened, sync_shop
from server.models.offline import Offline, Pick
from server.models.offline.ears import Ears
from server.settings import Settings
from server.turns.router import Router

_SPECIALISTS: Final = 3
"""Of the agents that are near, so many are shown."""


async def route(settings: Settings, queries: Iterator[dict[str, str]]) -> AsyncIterator[dict[str, Any]]:
    """For each query, in order, the picks of the first shop, best first."""
    async with opened(settings) as (index, shops):
        shop = shops[0]
        await sync_shop(index, shop)
        embedder, ears = app.open_embedder(settings), Ears()
        engine = Offline(embedder, ears=ears)
        router = agents.router_of(shop, embedder, ears)
        tools = runs.direct(shop.offered(), shop.workflows)
        for query in queries:
            passages = await index.search(shop.site.key, query["query"], k=4)
            picks = await engine.route(
                query["query"], tools, passages, workflows=[*shop.workflows.values()], locale=shop.site.locale
            )
            if router.has_specialists:
                picks = beside(picks, await near(router, ears, query["query"], shop.site.locale))
            yield {
                "id": query["id"],
                "picks": [
                    {"kind": p.kind, "name": p.name, "score": round(float(p.score), 4), "why": p.why} for p in picks
                ],
            }


async def near(router: Router, ears: Ears, text: str, locale: str) -> list[Pick]:
    """The specialists that a message by itself is near to, the one that gets it first."""
    tone = await ears.hear(text, before=locale.partition("-")[0].lower())
    found = [one for one in await router.near(text, tone) if one.score >= specialists.FLOOR][:_SPECIALISTS]
    return [Pick("specialist", one.agent, round(one.score, 4), f"near: {one.text}") for one in found]


def beside(picks: Sequence[Pick], experts: Sequence[Pick]) -> list[Pick]:
    """What a message would start, and after that whose it is. Scores fall, as readers of the list may expect.

    Where it would start nothing, whose it is comes in its place.
    """
    if not experts:
        return list(picks)
    started = [pick for pick in picks if pick.kind != "none"]
    least = min((pick.score for pick in started), default=1.0)
    return [*started, *(replace(expert, score=min(expert.score, least)) for expert in experts)]
