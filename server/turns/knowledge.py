"""Knowledge: what the help center says to the words that a turn answers.

It writes nothing: the `retrieved` event is handed to whoever commits next.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from retrieval.asked import deed_of
from retrieval.types import Passage
from server import phrases, policy
from server.conversation import Conversation
from server.events import NewEvent
from server.turns import routing
from server.turns.work import Agent, Node, Work

logger = logging.getLogger(__name__)

SEARCH_S: Final = 5.0
"""After that an answer without passages is better than none: the model then says that it does not know."""
ALSO: Final = 3
"""Passages that are found by the customer's words in English: half of what a prompt holds by default, in addition."""
SHOWN_SCORE: Final = 0.35
"""Passages below are not named to the customer as looked up: they are there in case, not because they fit."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a search gave, bound to which tags, and how long it took."""

    passages: tuple[Passage, ...]
    tags: tuple[str, ...]
    ms: int


class Knowledge:
    """Searches, if possible ahead of the turn, and notes each search once."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ahead: dict[str, tuple[tuple[str, ...], asyncio.Task[_Found]]] = {}

    def foresee(self, agent: Agent, state: Conversation, text: str) -> None:
        """A message is about to be committed: search for it meanwhile."""
        queries = policy.lookups(state, text)
        self.forget(state.key)
        if queries:
            task = self._node.group.create_task(self._search_ahead(agent, state, text, queries))
            self._ahead[state.key] = (queries, task)

    def forget(self, key: str) -> None:
        """Drop a search that nobody waits for any more."""
        ahead = self._ahead.pop(key, None)
        if ahead is not None:
            ahead[1].cancel()

    def close(self) -> None:
        """Drop all of them."""
        for key in list(self._ahead):
            self.forget(key)

    async def look_up(self, work: Work, state: Conversation) -> None:
        """Search for the unanswered words in what the turn's agent may know, unless that was done.

        The passages are in `work` then.
        """
        upto = policy.unanswered_upto(state)
        tags = routing.tags_of(work.routed, work.agent.site)
        if work.looked_up >= upto and work.tags == tags:
            return
        queries = policy.lookups(state)
        found = await self._foreseen(work.key, queries)
        if found is None or found.tags != tags:
            found = await self._search(work.agent, queries, tags)
        work.passages, work.search_ms, work.tags = found.passages, found.ms, tags
        work.looked_up, work.noted, work.query = upto, -1, queries[0] if queries else ""

    async def _foreseen(self, key: str, queries: Sequence[str]) -> "_Found | None":
        """What a search ahead has found for these queries; None if there was none."""
        ahead = self._ahead.pop(key, None)
        if ahead is None:
            return None
        if ahead[0] != queries:
            ahead[1].cancel()
            return None
        try:
            return await ahead[1]
        except asyncio.CancelledError:
            if not ahead[1].cancelled():
                raise
            return None

    def show(self, work: Work, locale: str) -> None:
        """Name the articles that an answer out of the help center rests on; one out of a tool's result names none."""
        titles = tuple(dict.fromkeys(p.title for p in work.passages if p.score >= SHOWN_SCORE))[:2]
        if titles and work.drafts is not None:
            label = phrases.say("looked_up", locale, titles=", ".join(titles))
            work.drafts.step(f"{work.runner.turn}:search", label, "done")

    async def _search_ahead(self, agent: Agent, state: Conversation, text: str, queries: Sequence[str]) -> "_Found":
        """Search as the agent would that will probably have the turn."""
        tags: tuple[str, ...] = ()
        if agent.router is not None and any(one.knowledge for one in agent.site.agents):
            tags = routing.tags_of(await agent.router.route(state, text), agent.site)
        return await self._search(agent, queries, tags)

    async def _search(self, agent: Agent, queries: Sequence[str], tags: tuple[str, ...]) -> "_Found":
        """The best passages for any of the queries. A help center that does not answer gives none, and is logged."""
        k = agent.site.knowledge.passages
        bound = {"tags": tags} if tags else {}  # a retriever of the merchant's own need not know tags
        since = self._node.clock_ms()
        try:
            async with asyncio.timeout(SEARCH_S):
                search = agent.retriever.search
                english = await agent.router.in_english(queries) if agent.router is not None else ()
                bare = [deed.question for query in queries[:1] if (deed := deed_of(query)) is not None]
                wanted = [*queries, *bare, *english]
                lists = await asyncio.gather(*(search(agent.site.key, query, k=k, **bound) for query in wanted))
        except Exception:
            # A search is an outside: without it the agent can still say that it does not know.
            logger.exception("site %s: the help center could not be searched", agent.site.key)
            return _Found((), tags, self._node.clock_ms() - since)
        found = merge(lists[: len(queries)], k)
        # Found by words put into English, an article may be in another language than the customer's: it comes after, as
        # does one that is about what is asked ("how long can I return …") and not about the thing that the question names.
        also = [passage for passage in merge(lists[len(queries) :], k) if not _is_among(passage, found)]
        return _Found((*found, *also[:ALSO]), tags, self._node.clock_ms() - since)

    def retrieved(self, work: Work, state: Conversation) -> list[NewEvent]:
        """The `retrieved` event, once for each search."""
        if work.noted == work.looked_up:
            return []
        work.noted = work.looked_up
        passages = [
            {
                "document": p.document,
                "title": p.title,
                "heading": p.heading,
                "url": p.url,
                "hash": p.hash,
                "start": p.start,
                "end": p.end,
                "score": round(p.score, 3),
                "text": p.text,
            }
            for p in work.passages
        ]
        body = {
            "query": work.query,
            "passages": passages,
            "upto": policy.unanswered_upto(state),
            "ms": work.search_ms,
        }
        return [work.new("retrieved", "system", body)]


def _is_among(passage: Passage, found: Sequence[Passage]) -> bool:
    return any((other.document, other.start) == (passage.document, passage.start) for other in found)


def merge(lists: Sequence[Sequence[Passage]], k: int) -> tuple[Passage, ...]:
    """The best `k` passages of several searches: the best of each search first, then by score, none twice."""
    firsts = [passages[0] for passages in lists if passages]
    rest = sorted((p for passages in lists for p in passages[1:]), key=lambda p: -p.score)
    seen: set[tuple[str, int]] = set()
    out: list[Passage] = []
    for passage in [*sorted(firsts, key=lambda p: -p.score), *rest]:
        where = (passage.document, passage.start)
        if where not in seen:
            seen.add(where)
            out.append(passage)
    return tuple(out[:k])
