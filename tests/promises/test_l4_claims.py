"""L4: a claim of an action is true: no draft frame and no message says that something was done unless a call did it.

The model says it at every split of its words, without a call, before one, after one that was refused or failed.
"""

import itertools
import re

import pytest

from server import drafts
from server.claims import Lexicon, claim_in
from server.events import NewEvent
from server.ports import Call, Choices, Text, Thinking
from tests.promises import whole
from tests.promises.visitor import count, record
from tests.pure.test_claims import CLAIMS
from tools import Caller, Rule, ToolError, tool

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

LEXICON = Lexicon.of()
LEAD = "Thanks for waiting. "
TAIL = " Shall I look into something else?"


@tool(scope="orders.refund", effect="money", idempotent=True, label="Order {{ order_id }}")
async def refund(caller: Caller, order_id: str, amount: float) -> dict[str, object]:
    """Refund an order."""
    if order_id == "0":
        raise ToolError("No such order.")
    return {"order": order_id, "amount": amount}


@tool(scope="orders.read", effect="read", label="Looking at order {{ order_id }}")
async def find_order(caller: Caller, order_id: str) -> dict[str, object]:
    """Find an order."""
    return {"order": order_id, "status": "packing", "total": "62.00"}


CALLS = {
    "no call": None,
    "a look-up only": Call("c", "find_order", {"order_id": "1042"}),
    "a call that failed": Call("c", "refund", {"order_id": "0", "amount": 62.0}),
    "a call that was denied": Call("c", "refund", {"order_id": "1042", "amount": 620.0}),
    "a call that does not exist": Call("c", "really_refund", {"order_id": "1042"}),
}
RULES = {"refund": Rule(permission="auto", per_conversation=100)}


def splits(text):
    yield [text]
    yield list(text)
    yield re.findall(r"\S+\s*", text)
    yield re.findall(r"\s*\S+", text)
    yield from ([text[:at], text[at:]] for at in range(1, len(text)))


@pytest.fixture(autouse=True)
def _every_piece_is_sent(monkeypatch):
    monkeypatch.setattr(drafts, "INTERVAL_S", 0.0)


def script(claim, pieces, call, part):
    """Claims it before the call, in its reasoning, in a button, and after the call."""

    def steps(prompt):
        said = [part(piece) for piece in pieces]
        if call is not None and not prompt.results:
            return [*said, call]
        return [*said, *([Text("Well.")] if part is Thinking else []), Choices((claim, "Talk to a person"))]

    return steps


async def test_l4_no_draft_and_no_message_claims_what_no_call_has_done():
    # Each claim in the model's words; small: every 9th of the cases, full: all of them.
    cases = itertools.product(CLAIMS, CALLS.items(), (Text, Thinking))
    tried = shown = frames = 0
    for number, (claim, (_, call), part) in enumerate(cases):
        if number % count(53, 1):
            continue
        text = f"{LEAD}{claim}{TAIL}"
        for at, pieces in enumerate(splits(text)):
            if at > 1 and at % count(20, 7):
                continue
            async with whole.node(script(claim, pieces, call, part), tools=[refund, find_order], rules=RULES) as made:
                async with whole.Screen().on(made, "pk_test/c1") as screen:
                    await made.say("please refund order 1042")
                    await whole.answered(made, "pk_test/c1", "m1")
                said = [line.removeprefix(LEAD) for line in screen.texts()]
                tried += 1
                frames += len(screen.seen)
                shown += sum(claim_in(line, LEXICON) is not None for line in said)
                assert shown == 0, f"{said} after {claim!r} in {pieces}"
    assert tried
    record("L4", f"{tried} answers that claim what was not done ({frames} draft frames): {shown} shown")


@pytest.mark.parametrize("claim", ["I've refunded €62.00 for order 1042.", "Ich habe 62,00 € erstattet.", "Done!"])
async def test_l4_the_same_words_are_shown_once_the_call_succeeded(claim):
    call = Call("c", "refund", {"order_id": "1042", "amount": 62.0})

    def steps(prompt):
        return [Text(f"{LEAD}{claim}{TAIL}")] if prompt.results else [Text(claim), call]

    async with whole.node(steps, tools=[refund], rules=RULES) as made:
        async with whole.Screen().on(made, "pk_test/c1") as screen:
            await made.say("please refund order 1042")
            events = await whole.answered(made, "pk_test/c1", "m1")
        [text] = [e["body"]["text"] for e in screen.events if e["kind"] == "message" and e["role"] == "agent"]
        assert text == f"{LEAD}{claim}{TAIL}"
        before = next(e.seq for e in events if e.kind == "call.ended")
        thoughts = [e["body"]["text"] for e in screen.events if e["kind"] == "thought" and e["seq"] < before]
        assert not any(claim_in(thought, LEXICON) for thought in thoughts), "said before it was done"


async def test_l4_what_was_withheld_is_in_the_log_for_the_merchant_alone():
    async with whole.node([[Text("I've refunded order 1042.")]], tools=[refund], rules=RULES) as made:
        async with whole.Screen().on(made, "pk_test/c1") as screen:
            await made.log.append("pk_test/c1", [NewEvent("m1", "message", "customer", {"text": "refund 1042"})])
            made.turns.poke("pk_test/c1")
            events = await whole.answered(made, "pk_test/c1", "m1")
        assert [e.body["withheld"] for e in events if e.kind == "model.called"] == [["I've refunded order 1042."]]
        assert not any(e["kind"] == "model.called" for e in screen.events)
        [text] = [e["body"]["text"] for e in screen.events if e["kind"] == "message" and e["role"] == "agent"]
        assert text == "I can't confirm that this has been done."
