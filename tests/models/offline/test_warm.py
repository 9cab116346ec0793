"""Warming up: what takes long to load is loaded in a thread, once."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from retrieval.embed import MiniLM
from retrieval.types import Progress, Vectors
from server.models.offline import Offline, ears
from server.models.offline.language import Language, load
from tests.models.offline.garage import TOOLS, Library


async def test_languages_are_loaded_once_and_not_on_the_loops_thread(
    embedder: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[str, int]] = []

    def noted(code: str) -> Language:
        loaded.append((code, threading.get_ident()))
        return load(code)

    monkeypatch.setattr(ears, "load", noted)
    model = Offline(embedder, languages=("en", "de"))
    await asyncio.gather(model.warm(), model.warm(), model.route("Hello", []))
    assert sorted(code for code, _ in loaded) == ["de", "en"]
    assert threading.get_ident() not in {thread for _, thread in loaded}


class Asked:
    """An embedder that notes the texts of the shop for which it was asked."""

    def __init__(self, embedder: MiniLM) -> None:
        self._embedder = embedder
        self.name, self.dim = embedder.name, embedder.dim
        self.texts: list[str] = []

    async def query(self, text: str) -> Vectors:
        return await self._embedder.query(text)

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self.texts += texts
        return await self._embedder.embed(texts, progress)

    def embed_sync(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.embed_sync(texts)


async def test_what_was_learnt_and_read_before_is_not_embedded_when_somebody_asks(
    embedder: MiniLM, library: Library
) -> None:
    asked = Asked(embedder)
    model = Offline(asked, languages=("en",))
    passages = library.search("How long do refunds take?")
    await model.learn(TOOLS)
    await model.read(passages)
    before = list(asked.texts)
    assert any("3 to 6 working days" in text for text in before)
    assert TOOLS[0].examples[0] in before
    [pick] = [
        pick for pick in await model.route("How long do refunds take?", TOOLS, passages) if pick.kind == "knowledge"
    ]
    assert pick.score > 0
    assert asked.texts == before
