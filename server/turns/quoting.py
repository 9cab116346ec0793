"""Quoting: citations as messages hold them, and the rule that a workflow's sentence rests on, quoted from its article.

It answers no question: what is looked for is known.
"""

import asyncio
import logging
from typing import Any, Final

from retrieval.text import stem, words
from retrieval.types import Citation, Passage, Span
from server.turns.work import Agent
from tools.workflow.quote import split_reference

logger = logging.getLogger(__name__)

SEARCH_S: Final = 2.0
"""A rule without its quotation is better than a customer who waits."""
SEARCHED: Final = 20
"""Passages looked through for one of the article: a help center says few things so often."""
FOLDER: Final = "help/"
"""How a workflow names articles: by their path in the shop's directory."""


async def with_quote(agent: Agent, text: str, reference: str) -> tuple[str, list[dict[str, Any]]]:
    """The text with a marker, and the citation for it; as it is, and none, where the article says nothing to it."""
    article, anchor = split_reference(reference)
    document = article.removeprefix(FOLDER)
    try:
        async with asyncio.timeout(SEARCH_S):
            found = await agent.retriever.search(agent.site.key, text, k=SEARCHED)
    except Exception:
        # A search is an outside; the rule holds without its quotation.
        logger.exception("site %s: the article %s could not be looked up", agent.site.key, document)
        return text, []
    own = [passage for passage in found if passage.document == document]
    there = [passage for passage in own if anchor and passage.url.endswith(f"#{anchor}")] or own
    best = _best(text, there)
    if best is None:
        return text, []
    passage, span = best
    citation = Citation(
        1, document, passage.title, passage.url, passage.hash, span.start, span.end, _raw(passage, span)
    )
    return f"{text} [1]", [citation_body(citation)]


def _best(text: str, passages: list[Passage]) -> tuple[Passage, Span] | None:
    """The sentence that shares the most with the text, a number counting three words; None if none shares a number or two words."""
    wanted = {stem(word, "en") for word in words(text)}
    scored = []
    for passage in passages:
        for span in passage.spans:
            shared = wanted & {stem(word, "en") for word in words(span.text)}
            scored.append((sum(3 if any(c.isdigit() for c in word) else 1 for word in shared), passage, span))
    best = max(scored, key=lambda item: item[0], default=None)
    return (best[1], best[2]) if best is not None and best[0] >= 2 else None


def _raw(passage: Passage, span: Span) -> str:
    return passage.raw[span.start - passage.start : span.end - passage.start]


def citation_body(citation: Citation) -> dict[str, Any]:
    """A citation as a message's body holds it."""
    return {
        "n": citation.n,
        "document": citation.document,
        "title": citation.title,
        "url": citation.url,
        "hash": citation.hash,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
    }
