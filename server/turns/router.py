"""Router: which of a site's agents gets the customer's words, and how those words read.

It asks no model and reads no log but the conversation that it is given.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from retrieval.text import words
from retrieval.types import Embedder
from server import phrases, policy, prompt, specialists
from server.conversation import Conversation
from server.ports import Listener, Tone
from server.site import DEFAULT_AGENT, Site
from server.specialists import Bank, Near, Pick, Row

logger = logging.getLogger(__name__)

COMPARE_S: Final = 3.0
"""After that the agent that has the conversation keeps it. Comparing takes milliseconds unless the embedding is far away."""
_HEARD: Final = 4
"""Newest unanswered messages that are listened to one by one."""
_PARTS: Final = 4
"""Of a message, so many parts are compared one by one: about 5 ms of embedding each."""
TOPIC_FLOOR: Final = 0.6
"""How near a message, or a part of it, must be to an example of a topic. With the 27 bitext intents as topics and 5 examples
each, 84 % of a topic's other messages are that near, 2 % of those of the other intents of a shop, and none of 300 questions about
other subjects (feedbackqa); with 10 examples 91 %. `python -m bench.topics`."""
_GRAVE: Final = ("self_harm", "legal", "asked", "anger")
"""Cues in the order in which they outweigh one another."""
_LOUD: Final = ("angry", "upset", "pleased", "calm")


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a turn's words went. `found` are the agents that may have them, the nearest first."""

    pick: Pick
    upto: int
    """The seq of the newest message that was read."""
    found: tuple[Near, ...] = ()
    tone: Tone | None = None
    """None: nobody listened, or there was nothing new to hear."""
    mood_before: str | None = None
    """Of the message before."""
    ms: int = 0
    """How long it took to read them."""
    came_from: str | None = None
    """The agent that passed it on."""
    topic: str | None = None
    """What they are about, of the topics that the shop leaves to people."""

    @property
    def angry_again(self) -> bool:
        """Whether the customer is angry, as before: whatever is answered, a person should see to it."""
        return self.tone is not None and self.tone.mood == self.mood_before == "angry"

    def score_of(self, agent: str) -> float:
        """How near the words are to an agent; 0 for one that was not compared."""
        return next((near.score for near in self.found if near.agent == agent), 0.0)

    def body(self) -> dict[str, Any]:
        """Of the `routed` event."""
        body: dict[str, Any] = {"agent": self.pick.agent, "why": self.pick.why, "score": round(self.pick.score, 3)}
        body |= {"topic": self.topic} if self.topic is not None else {}
        if self.tone is not None:
            body |= {"language": self.tone.language, "mood": self.tone.mood}
            if self.tone.cue is not None:
                body["cue"] = self.tone.cue
        if self.came_from is not None:
            body["from"] = self.came_from
        else:
            body["ms"] = self.ms
        return body | {"upto": self.upto}


class Router:
    """Reads the customer's words for one site. Its texts are embedded at the first message, or by `warm`."""

    def __init__(
        self,
        site: Site,
        embedder: Embedder,
        listener: Listener | None = None,
        rows: Callable[[], Iterable[Row]] = tuple,
        known: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """`rows` gives the texts that stand for the agents, `known` texts of the shop that say nothing of a language.

        Both are called once, in a thread: reading a shop's workflows takes 0.1 s.
        """
        self.site = site
        self._embedder = embedder
        self._listener = listener
        self._rows = rows
        self._known_texts = known
        self._known: frozenset[str] = frozenset()
        self._bank: Bank | None = None
        self._topics: Bank | None = None
        self._loading = asyncio.Lock()

    @property
    def has_specialists(self) -> bool:
        """Whether there is anybody to choose."""
        return bool(self.site.agents)

    async def warm(self) -> Bank:
        """Embed what stands for the agents, once, and let the listener load what it needs."""
        if self._listener is not None:
            await self._listener.warm()
        async with self._loading:
            if self._bank is None:
                rows, known = await asyncio.to_thread(lambda: (tuple(self._rows()), tuple(self._known_texts())))
                self._known = frozenset(word for text in known for word in words(text))
                made = await self._embedder.embed([text for text, _, _ in rows]) if rows else np.zeros((0, 1))
                topics = tuple(
                    (said, topic.name, 1.0) for topic in self.site.hand_over.topics for said in topic.examples
                )
                if topics:
                    near = await self._embedder.embed([text for text, _, _ in topics])
                    self._topics = Bank(topics, np.asarray(near, dtype=np.float32))
                self._bank = Bank(rows, np.asarray(made, dtype=np.float32))
        return self._bank

    async def route(self, state: Conversation, extra: str | None = None) -> Routed:
        """Who gets the unanswered words, and `extra`, which is about to be appended."""
        since = time.monotonic()
        routed = await self._route(state, extra)
        if state.mode == "agent":
            routed = replace(routed, topic=await self._topic(state, extra, routed.tone))
        return replace(routed, ms=round((time.monotonic() - since) * 1000))

    async def _route(self, state: Conversation, extra: str | None) -> Routed:
        asked = [message.text for mid in state.unanswered if (message := state.message(mid)) is not None]
        asked += [extra] if extra is not None else []
        before = state.route
        current = before.agent if before is not None and before.agent in self._names else None
        upto = policy.unanswered_upto(state)
        if not asked:  # the turn goes on after a decision
            return Routed(Pick(current or DEFAULT_AGENT, "the turn goes on"), upto)
        tone = await self.hear(asked, state)
        mood_before = before.mood if before is not None else None
        if not self.has_specialists:
            return Routed(Pick(DEFAULT_AGENT, "the only agent"), upto, (), tone, mood_before)
        found, several = await self._compared(asked, state, tone)
        mid_turn = before is not None and state.turn is not None and before.turn == state.turn.id
        if mid_turn and current is not None:
            own = next((near.score for near in found if near.agent == current), 0.0)
            pick = Pick(current, "goes on in the same turn", own)
        elif len(several) > 1 and state.open_run is None:
            pick = Pick(DEFAULT_AGENT, f"asks for {' and '.join(several)} at once")
        else:
            pick = specialists.pick(found, current, under_way=state.open_run is not None)
        return Routed(pick, upto, tuple(found), tone, mood_before)

    async def _topic(self, state: Conversation, extra: str | None, tone: Tone | None) -> str | None:
        """What the newest words are about, of the shop's topics for people; words from before a hand-back are settled."""
        if not self.site.hand_over.topics:
            return None
        found = [m for mid in state.unanswered if (m := state.message(mid)) is not None and m.seq > state.handed_back]
        asked = [m.text for m in found] + ([extra] if extra is not None else [])
        parts = tone.parts[:_PARTS] if tone is not None and asked else ()
        wordings = dict.fromkeys([*asked[-_HEARD:], *(wording for part in parts for wording in part)])
        try:
            async with asyncio.timeout(COMPARE_S):
                await self.warm()
                vectors = [await self._embedder.query(text) for text in wordings if text.strip()]
        except Exception:
            logger.exception("site %s: a message could not be compared with the topics", self.site.key)
            return None
        if not vectors or self._topics is None:
            return None
        scores = (self._topics.vectors @ np.stack(vectors).T).max(axis=1)
        best = int(scores.argmax())
        return self._topics.rows[best][1] if scores[best] >= TOPIC_FLOOR else None

    async def hear(self, asked: Sequence[str], state: Conversation) -> Tone | None:
        """How the newest message reads; of several, with the gravest cue and the loudest mood."""
        if self._listener is None:
            return None
        await self.warm()
        language = state.route.language if state.route is not None else None
        language = language or prompt.locale_of(state, self.site)
        tones: list[Tone] = []
        for text in asked[-_HEARD:]:
            tones.append(await self._listener.hear(text, before=language, known=self._known))
            language = tones[-1].language
        cued = [tone for cue in _GRAVE for tone in tones if tone.cue == cue][:1]
        mood = next((mood for mood in _LOUD for tone in tones if tone.mood == mood), tones[-1].mood)
        heard = replace(tones[-1], mood=mood, parts=tuple(part for tone in tones for part in tone.parts))
        heard = replace(heard, asks=any(tone.asks for tone in tones))
        return replace(heard, cue=cued[0].cue if cued else None, reply=cued[0].reply if cued else "")

    async def in_english(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Those that are in another language, in English as far as a glossary goes: for articles that are in English alone."""
        if self._listener is None or phrases.spoken(texts) == "en":
            return ()
        await self.warm()
        heard = [await self._listener.hear(text, before=self.site.locale[:2], known=self._known) for text in texts]
        return tuple(dict.fromkeys(tone.english for tone in heard if tone.english))

    async def near(self, text: str, tone: Tone | None = None) -> list[Near]:
        """All agents that may have this message by itself, the nearest first."""
        return await self._nearest([text, tone.english if tone is not None else ""], tone)

    async def _compared(
        self, asked: Sequence[str], state: Conversation, tone: Tone | None
    ) -> tuple[list[Near], list[str]]:
        """`near`, for words that may lean on those before, and the agents whom their parts are clearly for, one by one.

        Both are empty when nothing can be compared.
        """
        whole = " ".join(" ".join(asked).split())
        parts = tone.parts[:_PARTS] if tone is not None and len(tone.parts) > 1 else ()
        try:
            async with asyncio.timeout(COMPARE_S):
                found = await self.near(whole, tone)
                old = (
                    m.text for m in reversed(state.messages) if m.role == "customer" and m.id not in state.unanswered
                )
                said = next(old, None)
                # Where the words before were passed on, they are near to an agent that they were not for.
                kept = state.route is None or state.route.passes == 0
                if said and kept and len(whole.split()) <= policy.SHORT_WORDS:
                    found = specialists.both(found, await self.near(f"{said} {whole}"))
                return found, specialists.at_once([await self._nearest(part, tone) for part in parts])
        except Exception:
            # An embedding is an outside: without it the agent that has the conversation goes on, or the one for the rest.
            logger.exception("site %s: a message could not be compared with the agents", self.site.key)
            return [], []

    async def _nearest(self, wordings: Iterable[str], tone: Tone | None) -> list[Near]:
        bank = await self.warm()
        variants = np.stack([await self._embedder.query(text) for text in wordings if text])
        return [near for near in specialists.nearness(variants, bank) if self._may_get(near.agent, tone)]

    def _may_get(self, name: str, tone: Tone | None) -> bool:
        agent = next(agent for agent in self.site.agents if agent.name == name)
        language, mood = (tone.language, tone.mood) if tone is not None else (None, None)
        return specialists.may_get(agent, language, mood)

    @property
    def _names(self) -> frozenset[str]:
        return frozenset([DEFAULT_AGENT, *(agent.name for agent in self.site.agents)])
