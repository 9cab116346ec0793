"""Words of a text by their vectors: from one run with the text's own vector, without punctuation, kept over restarts."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import retrieval.embed
from retrieval.embed import LlamaEmbedder, MiniLM
from retrieval.remembered import RememberedTokens, remembering
from retrieval.types import Embedded, TokenEmbedder
from tests.retrieval.test_remembered import Counting


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each run of the model had."""
    real, seen = retrieval.embed._run, []

    def noted(session, encoded):
        seen.append(len(encoded))
        return real(session, encoded)

    monkeypatch.setattr(retrieval.embed, "_run", noted)
    return seen


async def test_words_come_without_punctuation_padding_and_marks_and_have_length_one(model: MiniLM) -> None:
    texts = ["Where is my order?", "Hi", "?! …", "What, if it rains, is a jacket's washability?"]
    found = await model.embed_tokens(texts)
    assert [one.tokens.shape for one in found] == [(4, 384), (1, 384), (0, 384), (10, 384)]
    for one in found:
        assert one.tokens.dtype == np.float16
        assert np.allclose(np.linalg.norm(one.tokens.astype(np.float32), axis=1), 1, atol=2e-3)
    assert np.array_equal(np.stack([one.vector for one in found]), await model.embed(texts))
    assert await model.embed_tokens([]) == []


async def test_a_word_is_nearer_to_itself_meant_the_same_than_meant_otherwise(model: MiniLM) -> None:
    paid, river, money = await model.embed_tokens(["my bank account", "the river bank", "his bank account"])
    bank = paid.tokens[1].astype(np.float32)
    assert bank @ money.tokens[1] > bank @ river.tokens[2] + 0.1


async def test_what_was_asked_once_is_not_run_again_for_its_words(runs: list[int]) -> None:
    model = MiniLM()
    vector = await model.query("Where is my parcel?")
    found = await model.query_tokens("Where is my parcel?")
    assert found.vector is vector
    assert len(found.tokens) == 4
    assert await model.query_tokens("Where is it?") is not None
    await model.query("Where is it?")
    assert runs == [1, 1]
    await model.close()


async def test_words_are_forgotten_before_vectors_and_come_back_alike(
    runs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval.embed, "_TOKENS_KEPT", 12)
    model = MiniLM()
    first = await model.query_tokens("Where is my parcel?")
    await asyncio.gather(*(model.query_tokens(f"Is number {n} mine?") for n in (1, 1, 2, 3)))
    runs.clear()
    assert np.array_equal(await model.query("Where is my parcel?"), first.vector)
    assert runs == []
    again = await model.query_tokens("Where is my parcel?")
    assert runs == [1]
    assert np.array_equal(again.tokens, first.tokens)
    assert model._tokens_kept == sum(1 + len(found) for found in model._tokens.values()) <= 12
    await model.close()


class Worded(Counting):
    """The counting embedder, with two words in each text."""

    def __init__(self, name: str = "counting") -> None:
        super().__init__(name)
        self.worded: list[str] = []

    async def query_tokens(self, text: str) -> Embedded:
        return (await self.embed_tokens([text]))[0]

    async def embed_tokens(self, texts: Sequence[str]) -> list[Embedded]:
        self.worded += texts
        vectors = Counting().embed_sync(texts)
        return [
            Embedded(vector, np.stack([vector, -vector])[: len(text)].astype(np.float16))
            for text, vector in zip(texts, vectors, strict=True)
        ]


async def test_words_are_computed_once_over_restarts_and_so_is_the_vector_beside_them(tmp_path: Path) -> None:
    first, again = Worded(), Worded()
    made = await remembering(first, tmp_path / "vectors.db").embed_tokens(["ab", "c", "", "ab"])
    anew = remembering(again, tmp_path / "vectors.db")
    found = await anew.embed_tokens(["c", "de", "ab", ""])
    assert (first.worded, again.worded) == (["ab", "c", ""], ["de"])
    for one, same in zip([found[2], found[0], found[3], found[2]], made, strict=True):
        assert np.array_equal(one.vector, same.vector)
        assert np.array_equal(one.tokens, same.tokens)
        assert one.tokens.dtype == np.float16
    assert [len(one.tokens) for one in made] == [2, 1, 0, 2]
    assert np.array_equal((await anew.embed(["ab"]))[0], made[0].vector)
    assert again.asked == []


async def test_a_text_whose_vector_alone_is_known_gets_its_words(tmp_path: Path) -> None:
    inner = Worded()
    remembered = remembering(inner, tmp_path / "vectors.db")
    await remembered.embed(["ab"])
    assert len((await remembered.embed_tokens(["ab"]))[0].tokens) == 2
    assert (inner.asked, inner.worded) == (["ab"], ["ab"])


async def test_what_customers_say_is_not_written_down_word_by_word_either(tmp_path: Path) -> None:
    inner = Worded()
    remembered = remembering(inner, tmp_path / "vectors.db")
    await remembered.query_tokens("my own")
    await remembered.query_tokens("my own")
    assert inner.worded == ["my own", "my own"]
    assert not (tmp_path / "vectors.db").exists()


async def test_the_words_made_first_go_first_when_there_are_too_many(tmp_path: Path) -> None:
    inner = Worded()
    remembered = RememberedTokens(inner, tmp_path / "vectors.db", most_tokened=2)
    for text in ("ab", "cd", "ef"):
        await remembered.embed_tokens([text])
    inner.worded.clear()
    await remembered.embed_tokens(["cd", "ef"])
    assert inner.worded == []
    await remembered.embed_tokens(["ab"])
    assert inner.worded == ["ab"]


def test_the_memory_can_do_what_its_embedder_can(tmp_path: Path) -> None:
    assert isinstance(remembering(Worded(), tmp_path / "vectors.db"), TokenEmbedder)
    assert not isinstance(remembering(Counting(), tmp_path / "vectors.db"), TokenEmbedder)
    assert isinstance(MiniLM(), TokenEmbedder)
    assert not isinstance(LlamaEmbedder(None, dim=4, name="any"), TokenEmbedder)
