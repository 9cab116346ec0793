"""The fallback model."""

import asyncio
from contextlib import aclosing

import pytest

from server.models.fallback import Fallback
from server.models.scripted import Hang, Scripted
from server.ports import ModelFailed, Prompt, Text

PROMPT = Prompt("pk_a", "Shop", "", (), (), ("hi",))
DOWN = ModelFailed("down", retryable=True)


async def said(model):
    return [one async for one in model.stream(PROMPT)]


async def test_the_second_answers_when_the_first_fails_without_a_word():
    assert await said(Fallback(Scripted([[DOWN]]), Scripted([[Text("b")]]))) == [Text("b")]


async def test_the_second_is_not_asked_when_the_first_answers_even_with_nothing():
    second = Scripted([])
    assert await said(Fallback(Scripted([[Text("a")]]), second)) == [Text("a")]
    assert await said(Fallback(Scripted([[]]), second)) == []
    assert second.prompts == []


async def test_nobody_goes_on_with_half_an_answer():
    second = Scripted([[Text("b")]])
    with pytest.raises(ModelFailed, match="down"):
        await said(Fallback(Scripted([[Text("a"), DOWN]]), second))
    assert second.prompts == []


async def test_when_both_fail_it_fails():
    with pytest.raises(ModelFailed, match="both"):
        await said(Fallback(Scripted([[DOWN]]), Scripted([[ModelFailed("both", retryable=False)]])))


async def test_closing_it_closes_the_model_that_runs():
    for models in (
        (Scripted([[Text("a"), Hang()]]), Scripted([])),
        (Scripted([[DOWN]]), Scripted([[Text("a"), Hang()]])),
    ):
        async with aclosing(Fallback(*models).stream(PROMPT)) as chunks:
            async with asyncio.timeout(60):
                await anext(chunks)
            assert sum(model.streams for model in models) == 1
        assert sum(model.streams for model in models) == 0


async def test_both_are_warmed_and_let_go_and_one_that_cannot_be_warmed_keeps_nobody_waiting():
    done = []

    class Heavy(Scripted):
        async def warm(self):
            done.append("warm")
            raise DOWN

        async def close(self):
            done.append("close")

    model = Fallback(Heavy([[DOWN]]), Heavy([[Text("b")]]))
    await model.warm()
    assert await said(model) == [Text("b")]
    await model.close()
    assert done == ["warm", "warm", "close", "close"]
