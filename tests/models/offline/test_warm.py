"""Warming up: what takes long to load is loaded in a thread, once."""

import asyncio
import threading

import pytest

from retrieval.embed import MiniLM
from server.models.offline import Offline, ears
from server.models.offline.language import Language, load


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
