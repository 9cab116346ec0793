"""The offline engine as a Model: reads a prompt, plans, calls tools or quotes, and writes the reply.

Deterministic, without a network and without any knowledge of a shop but what the prompt holds. Runs no tool itself.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from retrieval.asked import deed_of
from retrieval.text import sentences, words
from retrieval.types import Embedded, Embedder, Passage, TokenEmbedder, Vectors
from server.models.offline import history
from server.models.offline.ears import Ears
from server.models.offline.fit import gather
from server.models.offline.intents import Bank, bank_texts, command_verbs, corrected, make_bank, masked, readings
from server.models.offline.language import Language, plain
from server.models.offline.lists import candidates as quotable
from server.models.offline.passing import passed_on
from server.models.offline.plan import act_on, plan_for
from server.models.offline.question import question_of
from server.models.offline.say import pieces_of
from server.models.offline.steps import Pending, Plan, Views
from server.models.offline.understand import Part, noun_phrase, understand
from server.models.offline.world import World, load_world
from server.models.offline.write import written
from server.ports import Call, Choices, Chunk, HandOver, Person, Prompt, Text, Thinking
from tools import ToolSpec
from tools.workflow.program import Program
from tools.workflow.view import Function, function_of

_BANKS: Final = 32
"""Tool sets kept embedded: one per site and node, some 2.5 MB for 500 texts, a third of it their words."""
_SENTENCES: Final = 4096
"""Sentence vectors kept (1.5 kB each): questions of one shop come back to the same passages."""

_READ: Final = 2
"""Sentences embedded at once ahead of questions: a question that comes meanwhile waits for no more, some 15 ms."""
_QUIET_S: Final = 3.0
"""So long after a message nothing is read ahead: who writes again soon should not share the core."""

Kind = Literal["tool", "workflow", "specialist", "knowledge", "human", "none"]


@dataclass(frozen=True)
class Pick:
    """One place where a message may go. `score` 0..1; `why` is for people."""

    kind: Kind
    name: str
    score: float
    why: str = ""


class Offline:
    """The embedded default model. `embedder` gives unit vectors; `pace_s` is a pause between words, for demonstrations."""

    name = "offline"
    quotes_only = True

    def __init__(
        self,
        embedder: Embedder,
        *,
        languages: Sequence[str] | None = None,
        pace_s: float = 0.0,
        ears: Ears | None = None,
    ) -> None:
        """`ears`: the server's own, so that languages are loaded once; else it gets some for these `languages`.

        Texts of the shop go through the embedder's `embed`, customers' words through its `query`.
        """
        self._embedder = embedder
        self._tokener = embedder if isinstance(embedder, TokenEmbedder) else None
        self._pace_s = pace_s
        self._ears = ears or Ears(languages)
        self._banks: OrderedDict[str, Bank] = OrderedDict()
        self._world: World | None = None
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()
        self._asked_s = float("-inf")  # when a message came last, on the monotonic clock

    async def warm(self) -> None:
        """Load the languages in a thread; a message that comes earlier waits for it, nobody else does."""
        await self._ears.warm()

    async def learn(self, tools: Sequence[ToolSpec], workflows: Sequence[Program] = ()) -> None:
        """Get ready for the messages of an agent with these tools and workflows; else the first of them waits for it."""
        await self.warm()
        await self._bank((*tools, *(function_of(program) for program in workflows)))

    async def read(self, passages: Sequence[Passage]) -> None:
        """Embed the sentences of these passages; else the first question about each of them waits for it.

        A few at a time, with as long a rest after each, and not while somebody asks something.
        """
        await self.warm()
        wanted = await asyncio.to_thread(self._sentences_of, passages)
        for at in range(0, len(wanted), _READ):
            while (rest_s := self._asked_s + _QUIET_S - time.monotonic()) > 0:  # noqa: ASYNC110 - the time itself is awaited
                await asyncio.sleep(rest_s)
            since = time.monotonic()
            await self._embed(wanted[at : at + _READ])
            await asyncio.sleep(time.monotonic() - since)

    def _sentences_of(self, passages: Sequence[Passage]) -> list[str]:
        """What of them is embedded when somebody asks: a millisecond for each passage."""
        english = self._languages["en"]
        texts: dict[str, None] = {}
        for passage in passages:
            language = self._languages.get((passage.locale or "en").split("-")[0].lower(), english)
            texts |= dict.fromkeys(candidate.embedded for candidate in quotable(1, passage, language))
        return list(texts)

    @property
    def _languages(self) -> dict[str, Language]:
        return self._ears.languages

    async def stream(self, prompt: Prompt) -> AsyncIterator[Chunk]:
        """One model call: the plan as `Thinking`, then calls, or the reply in word-sized pieces."""
        plan = await self._plan(prompt)
        if (other := passed_on(plan, prompt)) is not None:
            yield other
            return
        for line in plan.thoughts:
            yield Thinking(line + "\n")
        if plan.calls:
            for index, (tool, args) in enumerate(plan.calls, 1):
                digest = hashlib.sha256(f"{prompt.seed}|{prompt.call_no}|{index}".encode()).hexdigest()[:10]
                yield Call(f"off-{digest}", tool, args)
        for start in plan.starts:
            yield start
        for heard in plan.heard:
            yield heard
        if plan.calls:
            return
        reply = written(plan, prompt, self._languages)
        for piece in pieces_of(reply.text):
            yield Text(piece)
            if self._pace_s:
                await asyncio.sleep(self._pace_s)
        if reply.choices:
            yield Choices(reply.choices)
        if reply.hand_over:
            yield HandOver(reply.hand_over)

    async def route(
        self,
        text: str,
        tools: Sequence[ToolSpec],
        passages: Sequence[Passage] = (),
        *,
        workflows: Sequence[Program] = (),
        locale: str = "en",
    ) -> list[Pick]:
        """Where a message by itself would go, best first; a single `none` when nothing is near enough."""
        anybody = Person(customer="-", verified=True)  # routing does not depend on who asks
        prompt = Prompt("", "", "", tuple(tools), (), (text,), tuple(passages), person=anybody, locale=locale)
        prompt = replace(prompt, workflows=tuple(workflows))
        plan = await self._plan(prompt)
        return picks(plan)

    async def _plan(self, prompt: Prompt) -> Plan:
        self._asked_s = time.monotonic()
        await self.warm()
        # To the reading of a message a workflow is one more function; what becomes of it differs.
        prompt = replace(prompt, tools=(*prompt.tools, *(function_of(program) for program in prompt.workflows)))
        if self._ears.detector.is_loaded:
            language = self._language_of(prompt)
        else:
            # It may have to be loaded for this text: nothing for the event loop.
            language = await asyncio.to_thread(self._language_of, prompt)
        if language is None:
            return Plan(foreign=True, lang=prompt.locale.split("-")[0] if prompt.locale else "en")
        if prompt.resumed and not prompt.asked:
            return Plan(resumed=True, lang=language.code)
        asked = [*prompt.asked] or history.last_said(prompt)
        verbs = command_verbs(prompt.tools, language)
        bank = await self._bank(prompt.tools)
        known = frozenset(word for p in prompt.passages for word in words(f"{p.title} {p.heading} {p.text}"))

        def fix(text: str) -> str:
            return corrected(language.calmed(text), bank, language, known)

        parts = [part for message in asked for part in understand(message, language, verbs, fix)]
        views = await self._views(prompt, parts, bank, language, fix)
        pending = await self._pending(prompt, bank, language)
        return plan_for(prompt, parts, views, language, pending)

    async def _pending(self, prompt: Prompt, bank: Bank, language: Language) -> Pending | None:
        """The call for which the agent's last message asked an argument; of several, the one asked for before."""
        if prompt.run is not None and prompt.run.view.asking is not None:
            return None  # the question was the workflow's
        tools = [spec for spec in prompt.tools if not isinstance(spec, Function)]
        asked = history.asked_for(prompt, tools, list(self._languages.values()))
        if not asked:
            return None
        earlier = history.customer_lines(prompt)[-3:]
        variants = list(dict.fromkeys(masked(text) for line in earlier for text in (line, language.translated(line))))
        if len({spec.name for spec, _ in asked}) == 1 or not variants:
            return Pending(*asked[0])
        heard = await self._heard(variants)
        found = readings(variants, [heard[text] for text in variants], bank)
        order = {reading.name: place for place, reading in enumerate(found)}
        return Pending(*min(asked, key=lambda item: order.get(item[0].name, len(order))))

    def _language_of(self, prompt: Prompt) -> Language | None:
        """The language of what was asked; None for one that the engine does not speak."""
        default = prompt.locale.split("-")[0].lower()
        before = default if default in self._languages else "en"
        known = frozenset(
            word
            for line in (
                *(f"{p.title} {p.text}" for p in prompt.passages),
                *(e for t in prompt.tools for e in t.examples),
            )
            for word in words(line)
        )
        for line in history.customer_lines(prompt):
            code = self._ears.detector.detect(line, before=before, known=known)
            before = code if code in self._languages else before
        code = self._ears.detector.detect(" ".join(prompt.asked), before=before, known=known)
        return self._languages.get(code)

    async def _bank(self, tools: Sequence[ToolSpec]) -> Bank:
        if self._world is None:
            self._world = await asyncio.to_thread(load_world)
        key, rows = bank_texts(tools, self._world, lambda text: frame(text, self._languages["en"]))
        if key in self._banks:
            self._banks.move_to_end(key)
            return self._banks[key]
        texts = list(dict.fromkeys(text for text, _, _ in rows))
        if self._tokener:
            made = dict(zip(texts, await self._tokener.embed_tokens(texts), strict=True))
        else:
            made = {text: _wordless(vector) for text, vector in (await self._embed(texts)).items()}
        bank = await asyncio.to_thread(make_bank, key, rows, [made[text] for text, _, _ in rows], self._world)
        self._banks[key] = bank
        while len(self._banks) > _BANKS:
            self._banks.popitem(last=False)
        return bank

    async def _views(
        self, prompt: Prompt, parts: Sequence[Part], bank: Bank, language: Language, fix: Callable[[str], str]
    ) -> list[Views]:
        """For each part that asks for something: how it reads as a tool's job and what the passages say about it."""
        texts: list[str] = []
        per_part: list[tuple[list[str], str]] = []
        for part in parts:
            full = history.resolved(part, prompt, language)
            variants = [part.text, full, fix(part.text), language.translated(fix(part.text))]
            if part.act != "bare" and (opened := frame(part.text, language)):
                variants.append(language.translated(opened))
            meant = next((said for pattern, said in language.rephrased if pattern.search(plain(full))), "")
            if meant:
                variants = [part.text, meant]
            elif part.followup and part.before:  # "It hasn't arrived. Can you look?": the first half says what is meant
                variants += [part.before[a:b] for a, b in sentences(part.before)[-2:]]
            variants = list(dict.fromkeys(masked(text) for text in variants)) if act_on(part) else []
            per_part.append((variants, full))
            texts += [*variants, *([full, language.translated(full)] if act_on(part) else [])]
        questions = [
            question_of(part, fix(full) if part.repaired else full, language, prompt.passages)
            for part, (_, full) in zip(parts, per_part, strict=True)
        ]
        asking = [question for part, question in zip(parts, questions, strict=True) if act_on(part)]
        candidates = gather(prompt.passages, asking) if asking else []
        bare = [
            deed.question if question.deed and (deed := deed_of(question.text)) is not None else ""
            for question in questions
        ]
        texts += [wording for text in bare if text for wording in (text, language.translated(text))]
        heard = await self._heard(texts)
        vectors = {text: one.vector for text, one in heard.items()}
        vectors |= await self._embed([candidate.embedded for candidate in candidates])
        out = []
        for part, (variants, full), question, plainly in zip(parts, per_part, questions, bare, strict=True):
            if not act_on(part):
                out.append(Views(full, [], question, [], None, None))
                continue
            found = readings(variants, [heard[text] for text in variants], bank) if bank.texts else []
            near = np.stack([vectors[c.embedded] for c in candidates]) if candidates else None
            vector = vectors[full]
            if full != part.text:  # what is new counts as much as what it leans on
                vector = vector + vectors[masked(part.text)]
                vector = vector / max(float(np.linalg.norm(vector)), 1e-6)
            shorter = [vectors[text] for text in (plainly, language.translated(plainly)) if plainly]
            put = np.stack([vector, vectors[language.translated(full)], *shorter])
            out.append(Views(full, found, question, candidates, near, put))
        return out

    async def _heard(self, texts: Sequence[str]) -> dict[str, Embedded]:
        """Vectors of what a customer said, and of readings of it: the search has asked for some of them before."""
        wanted = list(dict.fromkeys(texts))
        if self._tokener:
            return dict(zip(wanted, await asyncio.gather(*map(self._tokener.query_tokens, wanted)), strict=True))
        found = await asyncio.gather(*map(self._embedder.query, wanted))
        return {text: _wordless(vector) for text, vector in zip(wanted, found, strict=True)}

    async def _embed(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """Vectors of texts of the shop."""
        wanted = list(dict.fromkeys(texts))
        new = [text for text in wanted if text not in self._vectors]
        if new:
            made = np.asarray(await self._embedder.embed(new), dtype=np.float32)
            for text, vector in zip(new, made, strict=True):
                self._vectors[text] = vector
        out = {}
        for text in wanted:
            self._vectors.move_to_end(text)
            out[text] = self._vectors[text]
        while len(self._vectors) > _SENTENCES:
            self._vectors.popitem(last=False)
        return out


def _wordless(vector: Vectors) -> Embedded:
    return Embedded(vector, np.zeros((0, len(vector)), dtype=np.float16))


def frame(text: str, language: Language) -> str:
    """How something is asked for, with what is asked for left open: "price of something". Empty without such words."""
    phrase = noun_phrase(text, language)
    if not phrase or len(words(phrase)) > 4 or phrase not in text:
        return ""
    left = text.replace(phrase, " ")
    return text.replace(phrase, "something") if language.has("seeks", plain(left)) else ""


def picks(plan: Plan) -> list[Pick]:
    """A plan's readings as picks, best first."""
    rows = [Pick(kind, name, round(score, 4), why) for kind, name, score, why in plan.readings]
    return sorted(rows, key=lambda pick: -pick.score) or [Pick("none", "", 0.0, "nothing is near enough")]
