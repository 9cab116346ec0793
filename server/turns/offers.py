"""Offers: workflows whose triggers hold are offered as buttons below an answer, to a customer who has not asked for them.

It starts nothing, and offers each workflow once in a conversation; what was offered stands in the log.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from retrieval.text import words
from server import prompt, runs
from server.consent import local_day
from server.conversation import Conversation
from server.events import NewEvent
from server.turns.work import Work
from tools.workflow.program import Program
from tools.workflow.triggers import triggered
from tools.workflow.view import title_of

MOST: Final = 2
"""Buttons below one answer: two fit side by side into a widget on a phone, and more would be advertising."""


def with_offers(work: Work, state: Conversation, message: NewEvent, now_ms: int) -> NewEvent:
    """The answer, with what the words, the page or the customer call for; as it is if it has choices of its own."""
    if state.mode != "agent" or state.open_run is not None or message.body.get("choices"):
        return message
    titles = unasked(work, state, now_ms)
    return replace(message, body={**message.body, "choices": titles}) if titles else message


def unasked(work: Work, state: Conversation, now_ms: int) -> list[str]:
    """The titles of the workflows to offer now, in the customer's language."""
    site = work.agent.site
    programs = [program for program in work.agent.workflows.values() if program.workflow.triggers]
    fresh = [program for program in programs if not _is_known(program, state)]
    if not fresh:
        return []
    locale = prompt.spoken_in(state, site)
    caller = runs.known_of(prompt.caller_of(state, site, now_ms))
    context, today = context_of(state, locale), local_day(site, now_ms)
    found = (program for program in fresh if triggered(program, caller, context, today, locale))
    return [title_of(program, locale) for program, _ in zip(found, range(MOST), strict=False)]


def context_of(state: Conversation, locale: str) -> dict[str, Any]:
    """What triggers see of a conversation, as `tools.workflow.triggers.CONTEXT` describes it."""
    said = [message.text for message in state.messages if message.role == "customer"]
    heard = state.route
    newest = said[-1] if said else ""
    return {
        "page": {name: str((state.page or {}).get(name) or "") for name in ("url", "title")},
        "language": (heard.language if heard is not None else None) or locale,
        "mood": (heard.mood if heard is not None else None) or "calm",
        "text": newest.lower(),
        "words": words(newest),
        "messages": len(said),
    }


def was_pressed(program: Program, state: Conversation) -> bool:
    """Whether the customer's newest words are this workflow's button."""
    said = next((message for message in reversed(state.messages) if message.role == "customer"), None)
    return said is not None and said.text in _titles(program) and said.text in _offered(state)


def _is_known(program: Program, state: Conversation) -> bool:
    """Whether it was offered in this conversation, or begun."""
    begun = any(run.workflow == program.name for run in state.runs.values())
    return begun or not _titles(program).isdisjoint(_offered(state))


def _offered(state: Conversation) -> set[str]:
    return {choice for message in state.messages for choice in message.choices}


def _titles(program: Program) -> set[str]:
    title = program.workflow.title
    written: Iterable[str] = title.values() if isinstance(title, Mapping) else (title,)
    return {text for text in (*written, title_of(program, "en")) if text}
