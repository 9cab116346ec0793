"""How long a provider may take, and what happens then."""

import asyncio
import logging
from contextlib import aclosing

import pytest

from server.models.llamaindex import Limits, build
from server.ports import ModelFailed, Text
from tests.models.llm.provider import (
    FIRST,
    Stall,
    answered,
    chunk,
    failed,
    serving,
    streamed,
)
from tests.models.llm.test_stream import KEY, PROVIDERS, prompt, said, talking, text_of

SHORT = Limits(first_s=1.0, between_s=1.0, total_s=60)


async def test_a_model_that_never_begins_is_tried_again_and_then_fails():
    async with serving(streamed(FIRST, Stall()), answered("Hi")) as provider:
        assert text_of(await said(provider, limits=SHORT)) == "Hi"
    async with serving(streamed(Stall())) as provider:
        with pytest.raises(ModelFailed, match="in time"):
            await said(provider, limits=SHORT)
    assert len(provider.requests) == 4


async def test_a_model_that_stops_in_the_middle_fails():
    async with serving(streamed(FIRST, chunk({"content": "Your"}), Stall())) as provider:
        with pytest.raises(ModelFailed, match="middle"):
            await said(provider, limits=SHORT)
        await asyncio.wait_for(provider.gone.wait(), 60)


async def test_all_attempts_together_have_a_limit():
    limits = Limits(first_s=60, between_s=60, total_s=0.3)
    async with serving(streamed(Stall())) as provider:
        with pytest.raises(ModelFailed, match="in time"):
            await said(provider, limits=limits)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("kind", PROVIDERS[:2])
async def test_closing_the_stream_closes_the_connection(kind):
    async with (
        serving(streamed(FIRST, chunk({"content": "word"}), Stall())) as provider,
        talking(provider, kind) as model,
    ):
        async with aclosing(model.stream(prompt())) as chunks:
            assert await anext(chunks) == Text("word")
        await asyncio.wait_for(provider.gone.wait(), 60)


async def test_cancelling_a_reader_closes_the_connection():
    async with serving(streamed(FIRST, chunk({"content": "word"}), Stall())) as provider, talking(provider) as model:
        heard = asyncio.Event()

        async def read():
            async with aclosing(model.stream(prompt())) as chunks:
                async for _ in chunks:
                    heard.set()

        task = asyncio.create_task(read())
        await asyncio.wait_for(heard.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(provider.gone.wait(), 60)


async def test_a_server_without_tools_is_used_without_them_from_then_on():
    refusal = failed(400, "registry.ollama.ai/library/tiny does not support tools")
    async with serving(refusal, answered("Hi")) as provider, talking(provider) as model:
        for _ in range(2):
            assert text_of([one async for one in model.stream(prompt())]) == "Hi"
    assert ["tools" in request for request in provider.requests] == [True, False, False]


async def test_no_key_and_no_word_of_the_provider_is_in_an_error_or_the_log(caplog):
    caplog.set_level(logging.DEBUG)
    async with serving(failed(401, f"Incorrect API key provided: {KEY}. Also sk-proj-abc***xyz.")) as provider:
        with pytest.raises(ModelFailed) as caught:
            await said(provider)
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("server"))
    assert "refuses our key" in ours
    for text in (str(caught.value), ours):
        assert "0123456789" not in text
        assert "sk-proj" not in text
    assert "Incorrect" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_nobody_elses_key_goes_to_an_openai_like_server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody")
    async with serving(answered("Hi")) as provider:
        model = build("openai-like/local", url=provider.url)
        assert text_of([one async for one in model.stream(prompt())]) == "Hi"
        await model.close()
    assert "somebody" not in provider.heads[0]


@pytest.mark.parametrize("setting", ["openai", "openai/", "gemini/x", "openai-like/x", "openai/gpt-4o", "anthropic/x"])
def test_a_setting_that_lacks_something_is_refused(setting):
    with pytest.raises(ValueError, match=r"expected|needs"):
        build(setting, environment={})


async def test_a_missing_extra_says_how_to_install_it(caplog):
    model = build("anthropic/claude", key="k")
    with pytest.raises(ModelFailed) as caught:
        await model.warm()
    assert not caught.value.retryable
    assert "pip install 'shopbell[anthropic]'" in caplog.text
