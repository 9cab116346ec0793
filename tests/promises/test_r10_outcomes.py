"""R10: every message reaches a visible outcome, whatever the model or a tool does.

An answer, or an apology with a person asked for, within the turn's time limit.
"""

import asyncio
import json
import time

import pytest

from tests.promises.visitor import PROVE, Visitor, count, record
from tests.serving import Server, write_shop

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]

TURN_S = 6
CALL = {"call": {"tool": "slow", "args": {}}}
CASES = {
    "answers": ([[{"text": "Here you are."}]], "answered"),
    "hangs at once": ([[{"hang": True}]], "failed"),
    "hangs in mid-word": ([[{"text": "Well, let me s"}, {"hang": True}]], "failed"),
    "thinks for ever": ([[{"repeat": {"steps": [{"thinking": "hm "}, {"pause_ms": 5}]}}]], "failed"),
    "fails at once": ([[{"fail": {"message": "no"}}]], "failed"),
    "fails in mid-answer": ([[{"text": "Well, "}, {"fail": {"message": "no", "retryable": True}}]], "failed"),
    "says nothing": ([[]], "failed"),
    "says only spaces": ([[{"text": "  \n "}]], "failed"),
    "says nothing, then answers": ([[], [{"text": "Here you are."}]], "answered"),
    "talks for ever": ([[{"repeat": {"steps": [{"text": "and "}, {"pause_ms": 1}]}}]], None),
    "calls for ever": ([[{"call": {"tool": "quick", "args": {"n": 1}}}]], "handed_over"),
    "calls the unknown": ([[{"call": {"tool": "nonsense", "args": {}}}], [{"text": "Sorry."}]], "answered"),
    "calls with nonsense": (
        [[{"call": {"tool": "quick", "args": {"n": "x", "y": []}}}], [{"text": "Sorry."}]],
        "answered",
    ),
    "a tool hangs": ([[CALL], [{"text": "It takes too long today."}]], "answered"),
    "a tool breaks": ([[{"call": {"tool": "broken", "args": {}}}], [{"text": "That did not work."}]], "answered"),
    "a tool hangs, then the model": ([[CALL], [{"hang": True}]], "failed"),
    "hands over": ([[{"text": "A person will see to it."}, {"hand_over": "anger"}]], "handed_over"),
    "hands over without a word": ([[{"hand_over": "asked"}]], "handed_over"),
}
PLUGIN = """
import asyncio
from tools import Caller, tool

@tool(scope="test.slow", effect="read", timeout_s=1)
async def slow(caller: Caller) -> str:
    \"\"\"Never answers.\"\"\"
    await asyncio.Event().wait()
    return ""

@tool(scope="test.broken", effect="read", timeout_s=1)
async def broken(caller: Caller) -> str:
    \"\"\"Breaks.\"\"\"
    raise RuntimeError("broken")

@tool(scope="test.quick", effect="read", timeout_s=1)
async def quick(caller: Caller, n: int) -> int:
    \"\"\"A number.\"\"\"
    return n

def setup(kit):
    for fn in (slow, broken, quick):
        kit.tools.add(fn)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("r10")
    script = root / "script.json"
    rules = [{"match": f"^{case}$", "calls": calls} for case, (calls, _) in CASES.items()]
    script.write_text(json.dumps({"rules": rules}))
    limits = {"turn_s": TURN_S, "messages_per_minute": 600}
    shop = write_shop(root / "shop", plugin=PLUGIN, site={"limits": limits, "contact": {"email": "help@shop.example"}})
    with Server(shop, root / "data", SHOPBELL_MODEL=f"scripted:{script}") as running:
        yield running


async def outcome(server, case, number):
    """Ask once; (reason, texts of the agent, modes, seconds)."""
    visitor = Visitor(server)
    await visitor.open()
    started_s = time.monotonic()
    await visitor.say(f"m{number}", case)
    await visitor.until(lambda: f"m{number}" in visitor.answers(), timeout_s=TURN_S + 60)
    took_s = time.monotonic() - started_s
    events = [event for _, event in sorted(visitor.events.items())]
    [reason] = [event["body"]["reason"] for event in events if event["kind"] == "turn.ended"]
    texts = [event["body"]["text"] for event in events if event["kind"] == "message" and event["role"] == "agent"]
    modes = [event["body"]["mode"] for event in events if event["kind"] == "mode"]
    await visitor.close()
    assert visitor.faults == []
    return reason, texts, modes, took_s


@pytest.fixture(scope="module")
def outcomes(server):
    """What became of the cases that end in no answer, by name; asked at once, as most of them take a turn's whole limit."""
    slow = [case for case, (_, expected) in CASES.items() if expected in ("failed", None)]

    async def all_at_once():
        return await asyncio.gather(*(outcome(server, case, 0) for case in slow))

    return dict(zip(slow, asyncio.run(all_at_once()), strict=True))


@pytest.mark.parametrize("case", CASES)
async def test_r10_every_message_reaches_a_visible_outcome(server, outcomes, case):
    expected = CASES[case][1]
    slowest_s = 0.0
    for number in range(count(1, 5)):
        reason, texts, modes, took_s = (
            outcomes[case] if number == 0 and case in outcomes else await outcome(server, case, number)
        )
        slowest_s = max(slowest_s, took_s)
        assert texts, f"{reason}, and not a word to the customer"
        assert all(text.strip() for text in texts)
        if expected is not None:
            assert reason == expected
        if reason != "answered":
            # An apology, and a person is asked for; how to reach one is said.
            assert modes == ["waiting"]
        else:
            assert modes == []
    # The time limit of a turn, and a second for what is written down at its end.
    assert slowest_s < TURN_S + (3 if PROVE else 60)
    record(f"R10 {case}", f"{reason} in {slowest_s:.1f} s")


async def test_r10_nobody_there_still_says_how_to_reach_a_person(server):
    visitor = Visitor(server)
    await visitor.open()
    await visitor.send({"t": "human", "id": "h1"})
    await visitor.until(lambda: any(e["kind"] == "message" for e in visitor.events.values()))
    [text] = [e["body"]["text"] for e in visitor.events.values() if e["kind"] == "message"]
    assert "help@shop.example" in text
    await visitor.close()
