"""`shopbell route`: which tool, workflow or specialist a message would start, and why.

It runs nothing: no tool, no turn.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from server import app
from server.commands.knowledge import opened, sync_shop
from server.models.offline import Offline
from server.settings import Settings


async def route(settings: Settings, queries: Iterator[dict[str, str]]) -> AsyncIterator[dict[str, Any]]:
    """For each query, in order, the picks of the first shop, best first."""
    async with opened(settings) as (index, shops):
        shop = shops[0]
        await sync_shop(index, shop)
        engine = Offline(app.open_embedder(settings))
        tools = shop.offered()
        for query in queries:
            passages = await index.search(shop.site.key, query["query"], k=4)
            picks = await engine.route(query["query"], tools, passages=passages, locale=shop.site.locale)
            yield {
                "id": query["id"],
                "picks": [
                    {"kind": p.kind, "name": p.name, "score": round(float(p.score), 4), "why": p.why} for p in picks
                ],
            }
