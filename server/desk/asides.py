"""Asides: what staff look up beside a conversation: an approval's limits, the customer, a suggested reply.

Nothing here reaches a customer, and nothing but what a model has used goes into the log; tools that are run only read.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from server import prompt
from server.approvals import Approvals, NotDecided
from server.conversation import Conversation, id_of
from server.desk.board import wire_row
from server.desk.tables import tabled
from server.events import NewEvent
from server.log import Log
from server.ports import Chunk, Find, Gone, ModelFailed, OverLimit, Text, Usage
from server.staff import Staff
from server.turns import Agent
from server.turns.budget import reserve
from tools import Caller, run

logger = logging.getLogger(__name__)

EARLIER: Final = 10
"""Earlier conversations of a customer that are listed."""
SUGGEST_S: Final = 30.0
"""How long a model may think about a suggestion: longer, and the person has written it."""
MAX_SUGGESTION_CHARS: Final = 4_000
"""As a message."""

_MARKERS: Final = re.compile(r"\s*\[\d+(?:,\s*\d+)*\]")


class NotFound(Exception):
    """There is nothing to show; the message is for the person who asked."""


class Asides:
    """Looks things up for staff."""

    def __init__(
        self,
        log: Log,
        approvals: Approvals,
        agents: Mapping[str, Agent],
        *,
        clock_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._log = log
        self._new_id = new_id
        self._approvals = approvals
        self._agents = agents
        self._clock_ms = clock_ms

    async def approval(self, key: str, call: str) -> dict[str, Any]:
        """The amount of a call that waits for staff, and what is booked on the limits that it counts against.

        Raises:
            NotFound: it does not wait any more.
        """
        try:
            found = await self._approvals.about(key, call)
        except NotDecided as error:
            raise NotFound(str(error)) from error
        limits = [
            {"name": one.name, "booked": one.booked, "cost": one.cost, "limit": one.limit} for one in found.limits
        ]
        return {"call": call, "amount": found.amount, "limits": limits, "off": found.off}

    async def card(self, key: str) -> dict[str, Any]:
        """What is known of the customer: how surely, their other conversations, and what the shop's tools say."""
        state = await self._log.load(key)
        agent, known = self._agents.get(state.site), state.identity
        if agent is None or known is None:
            return {"known": None, "earlier": [], "tools": []}
        now_ms = self._clock_ms()
        found = await self._log.store.find(Find(site=state.site, customer=known.customer, limit=EARLIER + 1))
        earlier = [row for row in found if row.conversation != key and not row.erased][:EARLIER]
        level = known.level(now_ms)
        caller = prompt.caller_of(state, agent.site, now_ms)
        if level == "anonymous" and not known.is_guest:
            # The proof is for what the customer may do; that it was this customer, staff know as long as nobody signs out.
            caller = replace(caller, customer=known.customer, email=known.email, name=known.name, level="identified")
        names = agent.site.desk.customer_tools if caller.customer is not None else ()
        tools = await asyncio.gather(*(self._tool(agent, name, caller) for name in names))
        who = {"customer": known.customer, "name": known.name, "email": known.email, "level": level}
        return {
            "known": who | {"guest": known.is_guest, "until_ms": known.until_ms},
            "earlier": [wire_row(row, now_ms) for row in earlier],
            "tools": [one for one in tools if one is not None],
        }

    async def _tool(self, agent: Agent, name: str, caller: Caller) -> dict[str, Any] | None:
        spec = agent.registry.get(name)
        if spec is None or spec.effect != "read" or agent.has_off(name):
            return None
        outcome = await run(spec, caller, {}, breakers=agent.breakers)
        if not outcome.ok:
            return {"tool": name, "error": outcome.error}
        return {"tool": name, **tabled(outcome.result)}

    async def suggest(self, key: str, staff: Staff) -> str:
        """What the agent would answer to the customer's newest words, out of the help center; no call is made.

        It is booked against the site's token limits like a turn, and what it used is in the log; the words are not.

        Raises:
            NotFound: there is nothing to answer, no answer, or no budget left.
        """
        state = await self._log.load(key)
        agent = self._agents.get(state.site)
        asked = _open_words(state)
        if agent is None or not asked:
            raise NotFound("the customer has asked nothing yet")
        began_ms = self._clock_ms()
        try:
            if spend := reserve(agent.site, agent.model, key, began_ms):
                await self._log.append(key, [], spend=spend)
        except OverLimit as error:
            raise NotFound("the shop's budget for the model is used up") from error
        query = "\n".join(message.text for message in state.messages if message.id in asked)
        voice = replace(agent.voice(), tools=(), workflows={}, known={})
        as_agent = replace(state, mode="agent", turn=None, unanswered=asked)
        draft = _Draft()
        failed = True
        try:
            async with asyncio.timeout(SUGGEST_S):
                passages = await agent.retriever.search(state.site, query, k=agent.site.knowledge.passages)
                caller = prompt.caller_of(state, agent.site, began_ms)
                await draft.written(agent.model.stream(prompt.build(as_agent, voice, caller, passages, began_ms)))
            failed = False
        except (TimeoutError, ModelFailed) as error:
            logger.warning("conversation %s: no suggestion: %s", id_of(key), error)
            raise NotFound("no suggestion came; please try again") from error
        finally:
            await self._called(key, agent, staff, draft.used(self._clock_ms() - began_ms, failed=failed))
        text = _MARKERS.sub("", draft.text).strip()
        if not text:
            raise NotFound("the agent knows nothing to say to this")
        return text[:MAX_SUGGESTION_CHARS]

    async def _called(self, key: str, agent: Agent, staff: Staff, used: dict[str, Any]) -> None:
        """Write down that the model was asked, for whom, and what it used; the offline engine uses nothing."""
        if agent.model.name == "offline":
            return
        body = {"model": agent.model.name, "prompt": prompt.VERSION, "suggestion": True, **used}
        event = NewEvent(f"s:{self._new_id()}", "model.called", "system", body | {"by": staff.id, "name": staff.name})
        with contextlib.suppress(Gone):
            await self._log.append(key, [event])


@dataclass(slots=True)
class _Draft:
    """What a model has written for staff so far, and what it says it used."""

    text: str = ""
    usage: Usage | None = None

    async def written(self, chunks: AsyncIterator[Chunk]) -> None:
        """Listen until the end, or until it is longer than a message."""
        async with contextlib.aclosing(chunks):  # type: ignore[type-var]
            async for chunk in chunks:
                if isinstance(chunk, Usage):
                    self.usage = chunk
                self.text += chunk.text if isinstance(chunk, Text) else ""
                if len(self.text) > MAX_SUGGESTION_CHARS:
                    return

    def used(self, ms: int, *, failed: bool) -> dict[str, Any]:
        """What the log holds of it."""
        body: dict[str, Any] = {"ms": ms} | ({"failed": "failed"} if failed else {})
        if self.usage is not None:
            body["usage"] = {"input_tokens": self.usage.input_tokens, "output_tokens": self.usage.output_tokens}
            body["usage"] |= {"cost": self.usage.cost} if self.usage.cost is not None else {}
        return body


def _open_words(state: Conversation) -> list[str]:
    """Ids of what the customer said since somebody answered; the newest words if all is answered."""
    newest: list[str] = []
    for message in reversed(state.messages):
        if message.role == "customer":
            newest.append(message.id)
        elif newest:
            break
    return newest[::-1]
