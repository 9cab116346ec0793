"""R7 on real lines: a server process, its SQLite log, a customer's socket and a colleague's.

What counts is what came over the customer's line behind the take-over, and what the tool did in the end.
"""

import json

import pytest

from tests.e2e.desk.colleague import Colleague, add_staff
from tests.promises.visitor import count, record
from tests.serving import Client, Server, write_shop

WORDS = 40
PLUGIN = '''
import asyncio
from pathlib import Path
from tools import Caller, tool

@tool(scope="orders.refund", effect="money", idempotent=True)
async def refund(caller: Caller, order: str) -> str:
    """Refund an order."""
    with Path(__file__).with_name("effects.txt").open("a") as file:
        file.write(caller.call + "\\n")
    await asyncio.sleep(0.05)
    return "refunded"

def setup(kit):
    kit.tools.add(refund)
'''
POINTS = ("call.planned", "call.started", "call.ended", *(f"word{n}" for n in range(1, WORDS, 3)))
"""What the customer has just been shown when the colleague presses "Take over"."""


@pytest.fixture
def server(tmp_path):
    calls = [{"call": {"tool": "refund", "args": {"order": order}}} for order in ("1", "2")]
    talk = [{"text": "The orders 1 and 2: "}, {"words": {"tokens": WORDS, "interval_ms": 15}}]
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"rules": [{"match": "refund", "calls": [calls, talk]}]}))
    shop = write_shop(tmp_path / "shop", plugin=PLUGIN)
    (shop / "tools.yaml").write_text("tools: {refund: {permission: auto}}")
    data = tmp_path / "data"
    add_staff(data, "ada@example.com")
    with Server(shop, data, SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


def shows(point, client):
    """Whether the customer has been shown this."""
    if point.startswith("word"):
        return any(f["t"] == "draft" and f"{point} " in f["text"] + " " for f in client.frames)
    return any(event["kind"] == point for event in client.events.values())


def came_late(frames):
    """Drafts, steps that begin and words of the agent that came behind the take-over."""
    late, over = [], False
    for frame in frames:
        if frame["t"] == "events":
            for event in frame["events"]:
                over = over or (event["kind"] == "mode" and event["body"]["mode"] == "staff")
                if over and event["role"] == "agent" and event["kind"] in ("message", "thought"):
                    late.append(event)
        elif over and (frame["t"] == "draft" or (frame["t"] == "step" and frame["state"] == "running")):
            late.append(frame)
    return late


def calls(ada, key, kind):
    """The calls of which staff have seen an event of this kind."""
    return {event["body"]["call"] for event in ada.log(key) if event["kind"] == kind}


async def one(server, ada, point):
    """A customer, silenced at this point; what came late, calls begun and when, and whether staff saw those in flight end."""
    async with Client(server) as client:
        welcome = await client.hello()
        key = welcome["conversation"]
        await client.say("refund both, please refund order 1 and refund order 2")
        await client.until(lambda _: shows(point, client))
        await ada.send("watch", conversation=key, after=0)
        await ada.send("take", conversation=key)
        await ada.until(lambda: "turn.ended" in ada.kinds(key))
        await ada.until(lambda: calls(ada, key, "call.started") <= calls(ada, key, "call.ended"))
        await ada.reply(key, "Ada here.")
        await client.event(lambda e: e["kind"] == "message" and e["role"] == "staff")
        return came_late(client.frames), ada.log(key)


async def test_nothing_of_the_agent_comes_over_a_customers_line_behind_a_take_over(server):
    ada = Colleague(server, "ada@example.com")
    assert ada.sign_in().status_code == 303
    await ada.open()
    total = count(8, 200)
    late = begun_late = in_flight = 0
    effects = []
    for n in range(total):
        came, log = await one(server, ada, POINTS[3 * n % len(POINTS)])
        taken = next(e["seq"] for e in log if e["kind"] == "mode" and e["body"]["mode"] == "staff")
        started = {e["body"]["call"]: e["seq"] for e in log if e["kind"] == "call.started"}
        ended = {e["body"]["call"]: e["seq"] for e in log if e["kind"] == "call.ended" and e["body"]["ok"]}
        late += len(came)
        begun_late += sum(seq > taken for seq in started.values())
        in_flight += sum(seq < taken < ended[call] for call, seq in started.items())
        effects += started
    await ada.close()
    done = (server.shops[0] / "effects.txt").read_text().split()
    record(
        "R7 on lines",
        f"{total} take-overs over two sockets and SQLite: {late} late frames, {begun_late} effects begun late, "
        f"{in_flight} in flight shown to staff with their end",
    )
    assert (late, begun_late) == (0, 0)
    assert sorted(done) == sorted(effects)
    assert in_flight > 0
