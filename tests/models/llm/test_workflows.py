"""Workflows with a language model: a whole chat over a real server whose model is an OpenAI-compatible server of ours."""

import asyncio

import pytest

from server.models.llamaindex.flows import chunk_for, functions
from server.ports import Heard, OpenRun, Prompt, Start
from tests.models.llm.provider import DONE, FIRST, USAGE, answered, call_delta, calls, chunk, serving, streamed
from tests.serving import Client, Server, write_shop
from tools.workflow.events import Cancelled, Corrected, Said, Started
from tools.workflow.load import read_library
from tools.workflow.machine import fold
from tools.workflow.program import make_program
from tools.workflow.view import view_of

PLUGIN = """
import datetime as dt
from tools import Caller, tool

ITEMS = [{"id": "1", "name": "Alpin boots"}, {"id": "2", "name": "Scree boots"}]

@tool(scope="orders.read", effect="read")
async def find_order(caller: Caller, order_id: str) -> dict:
    \"\"\"Find an order.\"\"\"
    return {"number": order_id, "status": "delivered", "delivered_on": dt.date.today().isoformat(), "items": ITEMS}

@tool(scope="returns.create", effect="write", idempotent=True)
async def create_return(caller: Caller, order_id: str, item_id: str, reason: str) -> dict:
    \"\"\"Make a return.\"\"\"
    return {"id": f"R{item_id}", "label_url": None}

@tool(scope="returns.cancel", effect="write", idempotent=True)
async def cancel_return(caller: Caller, return_id: str) -> dict:
    \"\"\"Take a return back.\"\"\"
    return {}

def setup(kit):
    for fn in (find_order, create_return, cancel_return):
        kit.tools.add(fn)
"""
RULES = "tools: {create_return: {permission: auto}, cancel_return: {permission: auto}}"


def calling(name, args):
    delta = call_delta(0, id="a", name=name, args=args)
    return streamed(FIRST, calls(delta), chunk(finish="tool_calls", usage=USAGE), DONE)


async def test_a_model_starts_answers_digresses_and_corrects_and_the_server_says_every_step(tmp_path):
    async with serving(
        calling("return_item", '{"order_id": "1042", "item_id": "the Alpin boots"}'),
        answered("We are open until six."),
        calling("answer_question", '{"reason": "does not fit"}'),
        calling("correct_answer", '{"slot": "item_id", "value": "the other pair"}'),
    ) as provider:
        shop = write_shop(tmp_path / "shop", plugin=PLUGIN, articles={"a.md": "# Hours\n\nWe are open until six.\n"})
        (shop / "tools.yaml").write_text(RULES, encoding="utf-8")
        server = Server(shop, tmp_path / "data", SHOPBELL_MODEL="openai-like/tiny", SHOPBELL_MODEL_URL=provider.url)
        await asyncio.to_thread(server.start)
        try:
            async with Client(server) as client:
                await client.hello()
                for text in (
                    "I want to return the Alpin boots from order 1042", "When do you close?", "They don't fit",
                    "no, the other pair",
                ):  # fmt: skip
                    await client.answered(await client.say(text), timeout_s=60)
                said = [text for role, text in client.texts() if role == "agent"]
        finally:
            await asyncio.to_thread(server.stop)
    assert said[0] == "Why are you sending it back?"
    assert said[1].startswith("We are open until six") and said[2] == said[0]
    assert said[3] == "Your return of Alpin boots from order 1042 is set up."
    assert said[4] == "Return R1 is cancelled."
    assert said[5] == "Your return of Scree boots from order 1042 is set up."
    assert len(provider.requests) == 4, "one model call for each message: steps need none"
    offered = [{tool["function"]["name"] for tool in request["tools"]} for request in provider.requests]
    assert "return_item" in offered[0] and not offered[0] & {"create_return", "answer_question"}
    assert {"answer_question", "correct_answer", "stop_workflow"} <= offered[2]
    assert "correct_answer" in offered[3] and "stop_workflow" not in offered[3]
    told = provider.requests[2]["messages"][-1]["content"]
    assert "reason for the return" in told and "does not fit" in told


@pytest.fixture
def prompt():
    program = make_program(read_library()["return_item"].workflow)
    state = fold(program, [Started(args={"order_id": "1042"}, today="2026-11-21")])
    run = OpenRun("w:1", view_of(program, state))
    return Prompt("pk", "Shop", "", (), (), ("no, 1043",), workflows=(program,), run=run)


@pytest.mark.parametrize(
    ("tool", "args", "chunk"),
    [
        ("return_item", {"order_id": "1043", "reason": None}, Start("return_item", {"order_id": "1043"}, "no, 1043")),
        ("answer_question", {"reason": "damaged"}, Heard("w:1", Said(slots={"reason": "damaged"}, text="no, 1043"))),
        ("correct_answer", {"slot": "order_id", "value": 1043}, Heard("w:1", Corrected(slot="order_id", value="1043"))),
        ("correct_answer", {"value": "x"}, None),
        ("stop_workflow", {}, Heard("w:1", Cancelled())),
        ("find_order", {"order_id": "1"}, None),
    ],
)
def test_what_a_call_of_each_function_means(prompt, tool, args, chunk):
    assert chunk_for(tool, args, prompt) == chunk


def test_the_caller_the_day_and_the_context_are_nothing_that_a_model_can_say(prompt):
    schemas = [one.schema for one in functions(prompt)]
    names = {name for schema in schemas for name in schema["properties"]}
    assert not names & {"caller", "customer", "today", "context", "level"}
    assert all(schema["additionalProperties"] is False for schema in schemas)
