"""Covered: a tool is meant the less, the more of the message it knows nothing of; and all of it works without words."""

from collections.abc import Sequence

import numpy as np
import pytest

from retrieval.embed import MiniLM
from retrieval.types import Halves, Progress, Vectors
from server.models.offline import Offline
from server.models.offline.covered import make_covering
from server.models.offline.intents import Evidence, bank_texts, evidence, make_bank
from server.models.offline.world import load_world
from tests.models.offline.garage import TOOLS


def along(*axes: int) -> Halves:
    """Words of four dimensions, each along one of them."""
    return np.eye(4, dtype=np.float16)[list(axes)]


def test_every_word_counts_the_same_and_what_is_asked_elsewhere_counts_against_it() -> None:
    covering = make_covering([along(0, 1), along(2), along(3)], [0, 1, -1], [1.0, 1.0, 1.0])
    assert covering is not None
    assert covering.covered(along(0, 1)) == pytest.approx([1, 0], abs=0.01)
    assert covering.covered(along(0, 2)) == pytest.approx([0.5, 0.5], abs=0.01)
    assert covering.covered(along(0, 1, 2, 3)) == pytest.approx([0.5 - 0.25, 0.25 - 0.25], abs=0.01)
    assert covering.covered(along(3)) == pytest.approx([-1, -1], abs=0.01)


def test_a_word_that_is_asked_elsewhere_too_counts_against_no_tool_that_has_it_as_well() -> None:
    covering = make_covering([along(0, 1), along(2), along(0, 3)], [0, 1, -1], [1.0, 1.0, 1.0])
    assert covering is not None
    assert covering.covered(along(0)) == pytest.approx([1, -1], abs=0.01)


def test_a_word_counts_only_as_much_as_the_text_that_has_it() -> None:
    covering = make_covering([along(0), along(1), along(2)], [0, 0, 1], [1.0, 0.45, 1.0])
    assert covering is not None
    assert covering.covered(along(0))[0] == pytest.approx(1, abs=0.01)
    assert covering.covered(along(1))[0] == pytest.approx(0.5, abs=0.01)


def test_a_message_or_a_tool_without_words_and_nothing_asked_elsewhere_are_no_harm() -> None:
    none = along()
    covering = make_covering([none, along(2), along(0)], [0, 1, 1], [1.0, 1.0, 1.0])
    assert covering is not None
    assert covering.covered(none) == pytest.approx([0, 0])
    assert covering.covered(along(2)) == pytest.approx([0, 1], abs=0.01)


def test_without_any_words_of_a_tool_there_is_no_covering() -> None:
    assert make_covering([], [], []) is None
    assert make_covering([along(), along(1)], [0, -1], [1.0, 1.0]) is None


async def test_evidence_tells_what_a_tool_has_no_word_for(embedder: MiniLM) -> None:
    world = load_world()
    key, rows = bank_texts(TOOLS, world)
    bank = make_bank(key, rows, await embedder.embed_tokens([text for text, _, _ in rows]), world)
    name, example = TOOLS[0].name, TOOLS[0].examples[0]
    covered = []
    for text in (example, example + " because of my sister's wedding in the mountains"):
        covered.append(evidence(text, await embedder.query_tokens(text), bank)[name].covered)
    assert 1 >= covered[0] > covered[1] + 0.1
    assert Evidence._fields[-1] == "covered"


async def test_a_number_alone_is_covered_by_nothing_as_every_tool_that_takes_one_would_have_it(
    embedder: MiniLM,
) -> None:
    world = load_world()
    key, rows = bank_texts(TOOLS, world)
    bank = make_bank(key, rows, await embedder.embed_tokens([text for text, _, _ in rows]), world)
    for text, is_word in (("31-147", False), ("order 31-147", True)):
        heard = await embedder.query_tokens(text)
        assert len(heard.tokens)
        assert any(one.covered for one in evidence(text, heard, bank).values()) is is_word


class Wordless:
    """An embedder that does not tell words apart."""

    def __init__(self, embedder: MiniLM) -> None:
        self._embedder = embedder
        self.name, self.dim = embedder.name, embedder.dim

    async def query(self, text: str) -> Vectors:
        return await self._embedder.query(text)

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        return await self._embedder.embed(texts, progress)

    def embed_sync(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.embed_sync(texts)


async def test_an_embedder_without_words_finds_the_same_tools_by_weights_of_its_own(embedder: MiniLM) -> None:
    worded, wordless = Offline(embedder, languages=("en",)), Offline(Wordless(embedder), languages=("en",))
    for spec in TOOLS:
        for text in spec.examples[:2]:
            picks = [(await model.route(text, TOOLS))[0] for model in (worded, wordless)]
            assert picks[0].name == picks[1].name, text
