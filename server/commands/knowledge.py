"""`shopbell knowledge`: bring the index up to date, and search it.

It changes nothing but the index in the data directory.
"""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TextIO

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from retrieval.index import Index
from retrieval.types import SyncReport
from server import app
from server.app import Parts
from server.settings import Settings
from server.shop import Shop, load_shops
from server.stores.owner import Owner


class BadQueries(Exception):
    """The file of queries cannot be read; the message has the line."""


async def sync_all(parts: Parts) -> dict[str, SyncReport]:
    """Bring the index of every shop up to date, with a progress bar on a terminal's stderr."""
    return {shop.site.key: await sync_shop(parts.index, shop) for shop in parts.shops}


async def sync_shop(index: Index, shop: Shop) -> SyncReport:
    """Bring one shop's index up to date."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"Indexing {shop.site.name}", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        sources = app.sources_of(shop)
        return await index.sync(shop.site.key, sources, progress=progress, locale=shop.site.locale)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Index, tuple[Shop, ...]]]:
    """The index and the shops, without the log."""
    shops = load_shops(settings.shops, data=settings.data)
    with Owner(settings.data):
        index = app.open_configured_index(settings, app.open_embedder(settings))
        try:
            yield index, shops
        finally:
            await index.close()


async def sync(settings: Settings, write: Callable[[str], object]) -> None:
    """Sync every shop and print what changed."""
    async with opened(settings) as (index, shops):
        for shop in shops:
            report = await sync_shop(index, shop)
            write(
                f"{shop.site.name}: {report.added} added, {report.changed} changed, {report.removed} removed, "
                f"{report.unchanged} unchanged in {report.seconds:.1f} s"
            )


async def search(settings: Settings, queries: Iterator[dict[str, str]], k: int) -> AsyncIterator[dict[str, Any]]:
    """For each query, in order, its best documents; the shop is synced first."""
    async with opened(settings) as (index, shops):
        for shop in shops:
            await sync_shop(index, shop)
        site = shops[0].site.key
        for query in queries:
            hits = await index.search_documents(site, query["query"], k=k)
            yield {
                "id": query["id"],
                "hits": [
                    {
                        "document": hit.document,
                        "score": round(float(hit.score), 4),
                        "title": hit.title,
                        "url": hit.url,
                        "text": hit.text,
                    }
                    for hit in hits
                ],
            }


def read_queries(path: Path, progress: TextIO = sys.stderr) -> Iterator[dict[str, str]]:
    """The lines of a file of queries, `{"id": …, "query": …}` each; empty lines are passed over.

    Raises:
        BadQueries: a line is no such object; the message names it.
    """
    count = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                item = orjson.loads(line)
                found = {"id": item["id"], "query": item["query"]}
            except (orjson.JSONDecodeError, KeyError, TypeError):
                raise BadQueries(f'{path}:{number}: expected {{"id": "…", "query": "…"}}, got {line[:60]!r}') from None
            if not isinstance(found["query"], str) or not isinstance(found["id"], str | int):
                raise BadQueries(f"{path}:{number}: expected texts for id and query")
            count += 1
            if count % 500 == 0:
                progress.write(f"{count} queries\n")
            yield found
