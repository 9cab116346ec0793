"""A whole chat: a real server process whose model is an OpenAI-compatible server of ours."""

import asyncio

from tests.models.llm.provider import (
    DONE,
    FIRST,
    USAGE,
    Cut,
    answered,
    call_delta,
    calls,
    chunk,
    failed,
    serving,
    streamed,
)
from tests.serving import Client, Server, write_shop

PLUGIN = """
from tools import Caller, tool

@tool(scope="stock.read", effect="read", label="Looking up the stock")
async def stock(caller: Caller, product: str) -> dict:
    \"\"\"How many of a product there are.\"\"\"
    return {"product": product, "left": 7}

def setup(kit):
    kit.tools.add(stock)
"""


async def test_a_question_is_answered_through_an_openai_like_model_with_a_tool(tmp_path):
    call = calls(call_delta(0, id="a", name="stock", args='{"product": "Ridge tent"}'))
    async with serving(
        failed(503, headers={"Retry-After": "0"}),
        streamed(FIRST, chunk({"reasoning": "Stock."}), call, chunk(finish="tool_calls", usage=USAGE), DONE),
        answered("There are 7 left."),
    ) as provider:
        shop = write_shop(tmp_path / "shop", plugin=PLUGIN)
        server = Server(
            shop, tmp_path / "data", SHOPBELL_MODEL="openai-like/tiny", SHOPBELL_MODEL_URL=provider.url,
            SHOPBELL_MODEL_KEY="sk-test-0123456789",
        )  # fmt: skip
        await asyncio.to_thread(server.start)
        try:
            async with Client(server) as client:
                await client.hello()
                await client.answered(await client.say("Is the Ridge tent in stock?"), timeout_s=60)
                assert client.texts() == [("customer", "Is the Ridge tent in stock?"), ("agent", "There are 7 left.")]
        finally:
            await asyncio.to_thread(server.stop)
        told = provider.requests[-1]["messages"][-1]
        assert told["role"] == "tool"
        assert '"left":7' in told["content"]
        assert "sk-test" not in server.stderr.read_text()


async def test_a_model_that_breaks_off_still_ends_in_something_visible(tmp_path):
    async with serving(streamed(FIRST, chunk({"content": "Your order"}), Cut())) as provider:
        shop = write_shop(tmp_path / "shop")
        server = Server(shop, tmp_path / "data", SHOPBELL_MODEL="openai-like/tiny", SHOPBELL_MODEL_URL=provider.url)
        await asyncio.to_thread(server.start)
        try:
            async with Client(server) as client:
                await client.hello()
                await client.answered(await client.say("Where is it?"), timeout_s=60)
                role, text = client.texts()[-1]
                assert role == "agent"
                assert text
        finally:
            await asyncio.to_thread(server.stop)
