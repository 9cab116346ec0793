"""CONTRACT §3 on tools: what they may return and raise, what they are told of the caller, and what the kit takes."""

import json

import pytest

from tests.e2e.contract.talk import identity
from tests.serving import Client, Server, write_shop

PLUGIN = '''
"""A tool that shows what it was told, and tools that behave badly or return oddly. The model is scripted."""
import asyncio
import sys
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import BaseModel

from retrieval.types import Document
from tools import Ask, Caller, ToolError, tool

HERE = __file__
PATHS = list(sys.path)


@dataclass
class Thing:
    price: Decimal
    day: date


class Model(BaseModel):
    name: str


@tool(scope="a", effect="read")
async def who(caller: Caller) -> dict:
    """Who asks."""
    fields = ("site", "conversation", "customer", "email", "verified")
    return {name: getattr(caller, name) for name in fields} | {"file": HERE, "name": __name__}


@tool(scope="a", effect="read")
async def odd(caller: Caller, kind: str):
    """Return something."""
    return {"thing": Thing(Decimal("6.40"), date(2026, 1, 2)), "model": Model(name="x"), "none": None, "list": [1, "a"]}[kind]


@tool(scope="a", effect="read")
async def known(caller: Caller) -> str:
    """Raise what the model may read."""
    raise ToolError("the library is closed on Mondays")


@tool(scope="a", effect="read")
async def broken(caller: Caller) -> str:
    """Raise what nobody may read."""
    raise RuntimeError("password=hunter2")


@tool(scope="a", effect="read", timeout_s=0.2)
async def hangs(caller: Caller) -> str:
    """Never come back."""
    await asyncio.Event().wait()


@tool(scope="a", effect="money", ask=Ask("staff"))
async def pays(caller: Caller, amount: Decimal) -> str:
    """Pay."""
    raise RuntimeError("must not run")


def setup(kit):
    for fn in (who, odd, known, broken, hangs, pays):
        kit.tools.add(fn)
    assert sys.path == PATHS
    assert isinstance(kit.instructions, str)
    kit.instructions += " Be brief."
'''


def call(match, tool, **args):
    """A rule: this message makes the model call this tool, and say something once it has the result."""
    return {"match": f"^{match}$", "calls": [[{"call": {"tool": tool, "args": args}}], [{"text": "Result {result}"}]]}


SCRIPT = {
    "rules": [
        *(call(name, name) for name in ("who", "known", "broken", "hangs")),
        *(call(f"odd {kind}", "odd", kind=kind) for kind in ("thing", "model", "none", "list")),
        call("bad arguments", "odd", sort="x"),
        call("caller given", "who", caller={"customer": "victim"}),
        call("nothing like it", "no_such_tool"),
        call("pays", "pays", amount="5.00"),
        {"match": "^model loops$", "calls": [[{"call": {"tool": "who"}}]]},
        {
            "match": "^many$",
            "calls": [[{"call": {"tool": "odd", "args": {"kind": k}}} for k in ("list", "model")], [{"text": "Both."}]],
        },
    ]
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("tools")
    script = root / "script.json"
    script.write_text(json.dumps(SCRIPT))
    shops = [
        write_shop(root / name, key=f"pk_{name}", name=name.upper(), plugin=PLUGIN, site={"limits": {"turn_s": 30}})
        for name in ("x", "y")
    ]
    with Server(shops, root / "data", demo=True, SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


def visitor(server, shop="x"):
    return Client(server, site=f"pk_{shop}")


async def result_of(client, text):
    """The result that the model was given, and the events that a customer saw of it."""
    ended = await client.answered(await client.say(text))
    events = [e for _, e in sorted(client.events.items()) if e.get("turn") == ended["turn"]]
    said = next(e["body"]["text"] for e in reversed(events) if e["kind"] == "message")
    return said, [e for e in events if e["kind"].startswith("call.")], ended


@pytest.mark.parametrize("shop", ["x", "y"])
async def test_a_tool_is_told_who_asks_and_each_shop_has_a_plugin_of_its_own(server, shop):
    async with visitor(server, shop) as client:
        await client.hello(identity=identity("c-1", site=f"pk_{shop}", email="c@example.com"))
        said, calls, _ = await result_of(client, "who")
        got = json.loads(said.removeprefix("Result "))
        assert got.pop("name") not in ("plugin", "__main__")
        assert got == {
            "site": f"pk_{shop}",
            "conversation": client.welcome["conversation"],
            "customer": "c-1",
            "email": "c@example.com",
            "verified": True,
            "file": str(server.shops["xy".index(shop)] / "plugin.py"),
        }
        assert calls[-1]["body"]["ok"] is True
    async with visitor(server, shop) as client:
        await client.hello()
        said, _, _ = await result_of(client, "who")
        got = json.loads(said.removeprefix("Result "))
        assert (got["customer"], got["email"], got["verified"]) == (None, None, False)


async def test_a_tool_may_return_whatever_pydantic_can_write(server):
    async with visitor(server) as client:
        await client.hello()
        for kind, wanted in {
            "thing": {"price": "6.40", "day": "2026-01-02"},
            "model": {"name": "x"},
            "none": None,
            "list": [1, "a"],
        }.items():
            said, calls, _ = await result_of(client, f"odd {kind}")
            assert json.loads(said.removeprefix("Result ")) == wanted
            assert calls[-1]["body"]["ok"] is True


@pytest.mark.parametrize("text", ["known", "broken", "hangs", "bad arguments", "caller given", "nothing like it"])
async def test_a_call_that_fails_ends_visibly_and_leaks_nothing(server, text):
    async with visitor(server) as client:
        await client.hello()
        _, calls, ended = await result_of(client, text)
        assert calls[-1]["kind"] == "call.ended"
        assert calls[-1]["body"]["ok"] is False
        assert set(calls[-1]["body"]) == {"call", "label", "ok"}
        assert ended["body"]["reason"] in ("answered", "handed_over", "failed")
        sent = json.dumps(client.frames)
        assert "hunter2" not in sent
        assert "library is closed" not in sent


async def test_money_without_a_rule_waits_for_a_person(server):
    async with visitor(server) as client:
        await client.hello()
        _, calls, ended = await result_of(client, "pays")
        assert "call.started" not in {c["kind"] for c in calls}
        assert ended["body"]["reason"] in ("handed_over", "waiting")


async def test_a_model_that_loops_ends_at_the_limit_with_a_person(server):
    async with visitor(server) as client:
        await client.hello()
        said, calls, ended = await result_of(client, "model loops")
        assert len([c for c in calls if c["kind"] == "call.started"]) <= 8
        assert ended["body"]["reason"] == "failed" or ended["body"]["reason"] == "handed_over"
        assert said
        assert [e["body"]["mode"] for e in client.events.values() if e["kind"] == "mode"] == ["waiting"]


async def test_the_calls_of_one_answer_are_planned_together(server):
    async with visitor(server) as client:
        await client.hello()
        said, calls, _ = await result_of(client, "many")
        assert said == "Both."
        assert [c["kind"] for c in calls[:2]] == ["call.planned"] * 2
        assert sorted(c["kind"] for c in calls[2:]) == ["call.ended"] * 2 + ["call.started"] * 2
