"""Remembered vectors: computed once, kept over restarts; customers' words are not kept, and a broken file costs only time."""

import asyncio
import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from retrieval.remembered import Remembered
from retrieval.types import Progress, Vectors


class Counting:
    """An embedder that notes what it was asked."""

    dim = 4

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.asked: list[str] = []

    async def query(self, text: str) -> Vectors:
        return self.embed_sync([text])[0]

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        if progress is not None:
            progress(len(texts), len(texts))
        return self.embed_sync(texts)

    def embed_sync(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        rows = [[digest[0] + 1.0, digest[1], digest[2], digest[3]] for text in texts if (digest := _digest(text))]
        made = np.array(rows, dtype=np.float32).reshape(len(texts), 4)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float32)


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "vectors.db"


async def test_a_text_is_computed_once_over_restarts_and_comes_back_to_the_bit(file: Path) -> None:
    first = Counting()
    made = await Remembered(first, file).embed(["a", "b", "a"])
    again = Counting()
    anew = Remembered(again, file)
    found = await anew.embed(["b", "c", "a"])
    assert (first.asked, again.asked) == (["a", "b"], ["c"])
    assert np.array_equal(made[0], made[2])
    assert np.array_equal(found[[2, 0]], made[:2])
    assert np.array_equal(anew.embed_sync(["c", "d"])[0], found[1])
    assert again.asked == ["c", "d"]


async def test_nothing_is_nothing_and_more_than_one_query_can_hold_is_found(file: Path) -> None:
    inner = Counting()
    remembered = Remembered(inner, file)
    assert (await remembered.embed([])).shape == (0, 4)
    texts = [f"text {n}" for n in range(1_234)]
    made = await remembered.embed(texts)
    assert np.array_equal(await remembered.embed(texts), made)
    assert len(inner.asked) == 1_234


async def test_words_of_customers_are_not_written_down(file: Path) -> None:
    inner = Counting()
    remembered = Remembered(inner, file)
    await remembered.embed(["ours"])
    await remembered.query("my own words")
    with sqlite3.connect(file) as db:
        assert [row[0] for row in db.execute("SELECT text FROM vectors")] == [_digest("ours")]
    assert (await asyncio.to_thread(file.stat)).st_mode & 0o077 == 0


async def test_another_model_does_not_get_this_ones_vectors(file: Path) -> None:
    await Remembered(Counting(), file).embed(["a"])
    other = Counting("another")
    await Remembered(other, file).embed(["a"])
    assert other.asked == ["a"]


async def test_the_oldest_go_first_when_there_are_too_many(file: Path) -> None:
    inner = Counting()
    remembered = Remembered(inner, file, most=3)
    for text in "abcd":
        await remembered.embed([text])
    inner.asked.clear()
    await remembered.embed(["b", "c", "d"])
    assert inner.asked == []
    await remembered.embed(["a"])
    assert inner.asked == ["a"]


@pytest.fixture(params=["no database", "a directory"])
def broken(request: pytest.FixtureRequest, file: Path) -> Path:
    file.parent.mkdir()
    if request.param == "a directory":
        file.mkdir()
    else:
        file.write_bytes(b"no database at all" * 500)
    return file


async def test_a_file_that_cannot_be_used_is_said_once_and_done_without(
    broken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inner = Counting()
    remembered = Remembered(inner, broken)
    assert len(await remembered.embed(["a", "b"])) == 2
    assert len(await remembered.embed(["a"])) == 1
    assert inner.asked == ["a", "b", "a"]
    assert len([record for record in caplog.records if "vectors.db" in record.message]) == 1


async def test_after_it_was_closed_it_goes_on_without_the_file(file: Path) -> None:
    inner = Counting()
    remembered = Remembered(inner, file)
    await remembered.embed(["a"])
    remembered.close()
    assert len(await remembered.embed(["a"])) == 1
    assert inner.asked == ["a", "a"]
