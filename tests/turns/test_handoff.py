"""Handing over and back in whole turns: the shop's own reasons, the packet, knowledge only while waiting, and no loops."""

import asyncio
import contextlib

import pytest

from retrieval.types import Passage, Span
from server.approvals import Approvals
from server.desk import Deeds
from server.desk.frames import Release, Reply
from server.events import NewEvent
from server.models.llamaindex.render import messages
from server.models.offline import Offline
from server.models.offline.ears import Ears
from server.ports import HandOver, Start, Text
from server.site import Site
from server.staff import Staff
from server.turns import Agent, Turns
from server.turns.router import Router
from tests.turns.conftest import KEY, Model, Node, bodies, call
from tests.turns.test_routing import Words
from tests.turns.world import AUTO, World
from tools import Caller, Registry, Rule, tool

ADA = Staff("s:ada", "ada@example.com", "Ada", "agent")
TOPICS = [{"name": "wholesale", "examples": ["do you sell boots to resellers", "order boots for my company"]}]
AUTO_REFUND = {"refund": Rule(permission="auto")}


@tool(scope="orders.refund", effect="money", idempotent=True, label="Refunding {{ amount }} of order {{ order_id }}")
async def refund(caller: Caller, order_id: str, amount: float) -> str:
    """Refund an order."""
    DONE.append((order_id, amount))
    return "refunded"


DONE = []


@pytest.fixture(autouse=True)
def _nothing_done():
    DONE.clear()


class Shelf:
    """A help center with one article, found for whatever is asked, at a distance."""

    score = 0.9

    async def search(self, site, query, *, k=6, tags=()):
        text = "Parcels take three days."
        spans = (Span(0, len(text), text),)
        return [Passage(site, "delivery.md", "Delivery", "", "", "h", 0, len(text), text, text, self.score, spans)]


class Shop(Node):
    """A node that listens, as a real shop's does."""

    def __init__(self, store, model, *, hand_over=None, tools=(), rules=None, shelf=None):
        registry = Registry()
        for fn in tools:
            registry.add(fn)
        super().__init__(store, model, registry, rules or {}, {}, hand_over=hand_over)
        written = {"key": "pk_test", "name": "Test", "hand_over": hand_over or {}}
        self.site = Site.model_validate(written)
        router = Router(self.site, Words(), Ears(["en", "de"]))
        agent = Agent(self.site, "", registry, rules or {}, model, shelf or Shelf(), router=router)
        new_id = lambda: f"{self.node}-{next(self.ids)}"  # noqa: E731 - used twice
        self.turns = Turns(
            self.log, self.hub, {"pk_test": agent}, node=self.node, new_id=new_id, clock_ms=self.clock_ms
        )
        self.approvals = Approvals(
            self.log, {"pk_test": agent}, poke=self.turns.poke, clock_ms=self.clock_ms, new_id=new_id
        )
        self.deeds = Deeds(self.log, self.approvals, poke=self.turns.poke, new_id=new_id, clock_ms=self.clock_ms)

    async def ask(self, text, said, count):
        await self.say(text, said=said)
        return await self.until("turn.ended", count=count)

    async def replies(self, text):
        await self.deeds.reply(KEY, ADA, Reply(t="reply", conversation="c1", id="r1", text=text))

    async def hand_back(self, **fields):
        await self.deeds.take(KEY, ADA)
        frame = Release(t="release", conversation="c1", to="agent", **fields)
        await self.deeds.release(KEY, ADA, frame)


@pytest.fixture
async def make_shop(store):
    async with contextlib.AsyncExitStack() as stack:

        async def make(*answers, model=None, **parts):
            shop = Shop(store, model or Model(*answers), **parts)
            await stack.enter_async_context(shop.turns)
            return shop

        yield make


def modes(events):
    return [(body["mode"], body.get("reason")) for body in bodies(events, "mode")]


def packets(events):
    return [body["packet"] for body in bodies(events, "note") if "packet" in body]


# The shop's own reasons


async def test_a_topic_that_the_shop_leaves_to_people_goes_to_one_before_any_model_is_asked(make_shop):
    shop = await make_shop([Text("We have no such thing.")], hand_over={"topics": TOPICS})
    events = await shop.ask("do you sell boots to resellers?", "m1", 1)
    assert modes(events) == [("waiting", "topic")]
    assert bodies(events, "mode")[0]["detail"] == "wholesale"
    assert bodies(events, "routed")[0]["topic"] == "wholesale"
    assert shop.model.prompts == []
    assert bodies(events, "turn.ended")[0]["reason"] == "handed_over"
    assert packets(events)[0]["skill"] == "wholesale"


async def test_other_words_are_the_agents_to_answer(make_shop):
    shop = await make_shop([Text("Parcels take three days [1].")], hand_over={"topics": TOPICS})
    events = await shop.ask("how long does delivery take?", "m1", 1)
    assert modes(events) == []
    assert bodies(events, "turn.ended")[0]["reason"] == "answered"


async def test_a_topic_of_words_from_before_the_hand_back_is_no_reason_again(make_shop):
    shop = await make_shop([Text("Parcels take three days [1].")], [Text("Yes.")], hand_over={"topics": TOPICS})
    await shop.ask("do you sell boots to resellers?", "m1", 1)
    await shop.hand_back()
    events = await shop.ask("thanks, and how long does delivery take?", "m2", 2)
    assert modes(events)[-1] == ("agent", "released")
    events = await shop.ask("do you sell boots to resellers?", "m3", 3)
    assert modes(events)[-1] == ("waiting", "topic"), "new words are"


async def test_a_customer_whom_the_shop_wants_met_by_a_person_gets_one_once(make_shop):
    shop = await make_shop([Text("Parcels take three days [1].")], hand_over={"customers": ["cus_1"]})
    await shop.signs_in("cus_1")
    events = await shop.ask("hello there", "m1", 1)
    assert modes(events) == [("waiting", "customer")]
    await shop.hand_back()
    events = await shop.ask("how long does delivery take?", "m2", 2)
    assert modes(events)[-1] == ("agent", "released")
    assert bodies(events, "message")[-1]["text"].startswith("Parcels take three days")


async def test_so_does_one_whom_the_shop_signs_in_with_a_tag(make_shop):
    shop = await make_shop([Text("Hi.")], hand_over={"customer_tags": ["vip"]})
    body = {"customer": "cus_7", "verified": "identified", "tags": ["new", "vip"]}
    await shop.log.append(KEY, [NewEvent("e:in", "identified", "system", body)])
    events = await shop.ask("hello there", "m1", 1)
    assert modes(events) == [("waiting", "customer")]
    assert bodies(events, "mode")[0]["detail"] == "vip"


async def test_another_customer_gets_the_agent(make_shop):
    shop = await make_shop([Text("Hi.")], hand_over={"customers": ["cus_1"]})
    await shop.signs_in("cus_2")
    assert modes(await shop.ask("hello there", "m1", 1)) == []


@pytest.mark.parametrize(
    ("hand_over", "reason", "detail"),
    [({"amount_over": 200}, "amount", "300.0 is over 200"), ({"tools": ["refund"]}, "tool", "refund")],
)
@pytest.mark.parametrize("rules", [AUTO_REFUND, {"refund": Rule(permission="confirm")}, {}])
async def test_a_call_that_the_shop_leaves_to_people_neither_runs_nor_is_asked_about(
    make_shop, hand_over, reason, detail, rules
):
    answers = [call("refund", order_id="1042", amount=300.0)]
    shop = await make_shop(answers, [Text("Hm.")], hand_over=hand_over, tools=[refund], rules=rules)
    await shop.signs_in()
    events = await shop.ask("refund 300.00 of order 1042", "m1", 1)
    assert modes(events) == [("waiting", reason)]
    assert bodies(events, "mode")[0]["detail"] == detail
    assert not {"call.started", "call.asked"} & {event.kind for event in events}
    assert bodies(events, "call.ended")[0]["code"] == "handed_over"
    (packet,) = packets(events)
    assert packet["tried"][0]["outcome"] == "not_done"
    assert packet["next"] == "Check it and do it yourself, or say why not: Refunding 300.0 of order 1042."
    await shop.hand_back()
    events = await shop.ask("ok", "m2", 2)
    assert modes(events)[-1] == ("agent", "released")
    assert DONE == []


async def test_a_smaller_amount_is_the_agents(make_shop):
    answers = [call("refund", order_id="1042", amount=200.0)]
    shop = await make_shop(answers, [Text("Done.")], hand_over={"amount_over": 200}, tools=[refund], rules=AUTO_REFUND)
    events = await shop.ask("refund 200.00 of order 1042", "m1", 1)
    assert modes(events) == []
    assert DONE == [("1042", 200.0)]


async def test_a_workflow_that_wants_such_a_call_ends_and_does_not_come_back(make_node):
    world = World()
    started = [
        Start("return_item", {"order_id": "1042", "reason": "they don't fit"}, "return the Alpin boots, they don't fit")
    ]
    node = await make_node(
        started,
        [Text("You are welcome.")],
        tools=world.tools(),
        rules=AUTO,
        workflows=True,
        hand_over={"tools": ["create_return"]},
    )
    await node.say("I want to return the Alpin boots from order 1042, they don't fit")
    events = await node.until("turn.ended")
    assert modes(events) == [("waiting", "tool")]
    assert bodies(events, "workflow.ended")[0]["outcome"] == "hand_over:tool"
    back = {"mode": "agent", "by": "s:ada", "reason": "released"}
    await node.log.append(KEY, [NewEvent("s:1", "mode", "staff", {"mode": "staff", "by": "s:ada", "name": "Ada"})])
    await node.log.append(KEY, [NewEvent("s:2", "mode", "staff", back)])
    await node.say("thanks", said="m2")
    events = await node.until("turn.ended", count=2)
    assert modes(events)[-1] == ("agent", "released")
    assert bodies(events, "message")[-1]["text"] == "You are welcome."
    assert world.done == []


class Empty:
    """A help center without articles."""

    async def search(self, site, query, *, k=6, tags=()):
        return []


class Far(Shelf):
    score = 0.2


@pytest.mark.parametrize(
    ("said", "shelf", "handed"),
    [
        ("do penguins like boots?", Far(), True),
        ("do penguins like boots?", Shelf(), False),
        ("thanks!", Far(), False),
    ],
)
async def test_a_question_to_which_nothing_is_near_goes_to_a_person(make_shop, said, shelf, handed):
    shop = await make_shop([Text("I do not know that.")], hand_over={"low_confidence": 0.3}, shelf=shelf)
    events = await shop.ask(said, "m1", 1)
    assert modes(events) == ([("waiting", "low_confidence")] if handed else [])
    text = bodies(events, "message")[-1]["text"]
    assert ("colleague" in text) == handed


async def test_the_offline_engine_that_does_not_know_hands_over_too(make_shop):
    engine = Offline(Words(), ears=Ears(["en", "de"]))
    shop = await make_shop(model=engine, hand_over={"low_confidence": 0.3}, shelf=Empty())
    events = await shop.ask("do penguins like boots?", "m1", 1)
    assert modes(events) == [("waiting", "low_confidence")]
    assert "choices" not in bodies(events, "message")[-1], "a person was asked already: no button asks for one"


# The packet


async def test_every_way_to_a_person_commits_a_packet_with_it(make_shop):
    shop = await make_shop([Text("One moment."), HandOver("asked")])
    events = await shop.ask("can I talk with Kim about order 1042?", "m1", 1)
    order = [event.kind for event in events]
    assert order[order.index("note") :] == ["note", "message", "mode", "turn.ended"]
    (packet,) = packets(events)
    assert packet["question"] == "can I talk with Kim about order 1042?"
    assert packet["reason"] == "asked"
    assert packet["language"] == "en"


# While a person is awaited, and while one is there


async def test_while_a_person_is_awaited_the_agent_answers_from_the_help_center_and_does_nothing_else(make_shop):
    answers = (
        [Text("Someone comes."), HandOver("asked")],
        [call("refund", order_id="1042", amount=5.0)],
        [Text("Parcels take three days [1].")],
    )
    shop = await make_shop(*answers, tools=[refund], rules=AUTO_REFUND)
    await shop.ask("get me Kim please", "m1", 1)
    events = await shop.ask("refund 5 of order 1042, and how long does delivery take?", "m2", 2)
    assert shop.model.prompts[1].tools == ()
    assert DONE == []
    assert "call.started" not in {event.kind for event in events}
    assert bodies(events, "message")[-1]["citations"][0]["title"] == "Delivery"
    assert modes(events) == [("waiting", "asked")]


async def test_what_staff_agree_to_runs_while_a_person_is_there_and_the_agent_says_nothing(make_shop):
    shop = await make_shop(
        [call("refund", order_id="1042", amount=62.0)], [Text("Asked.")], [Text("Hm.")], tools=[refund]
    )
    await shop.signs_in()
    events = await shop.ask("refund 62.00 of order 1042", "m1", 1)
    asked = bodies(events, "call.asked")[0]
    await shop.deeds.take(KEY, ADA)
    await shop.approvals.decide(KEY, asked["call"], approve=True, name="Ada", seen=asked["args_sha256"])
    events = await shop.until("call.ended")
    assert DONE == [("1042", 62.0)]
    taken = next(event.seq for event in events if event.kind == "mode" and event.body["mode"] == "staff")
    assert [e.kind for e in events if e.seq > taken and e.role == "agent" and e.kind in ("message", "thought")] == []


async def test_every_decision_while_a_person_is_there_is_carried_out_whatever_the_customer_calls_their_messages(
    make_shop,
):
    calls = [call("refund", order_id=number, amount=62.0) for number in ("1", "2", "3")]
    shop = await make_shop(calls, [Text("Asked.")], tools=[refund])
    await shop.signs_in()
    events = await shop.ask("refund 62.00 of the orders 1, 2 and 3", "1", 1)
    await shop.deeds.take(KEY, ADA)
    for number in range(2, 6):
        await shop.say("well?", said=str(number))
    for done, asked in enumerate(bodies(events, "call.asked"), 1):
        yes = {"approve": done != 2, "name": "Ada", "seen": asked["args_sha256"]}
        await shop.approvals.decide(KEY, asked["call"], **yes)
        events = await shop.until("call.ended", count=done)
    assert [body["ok"] for body in bodies(events, "call.ended")] == [True, False, True]
    assert sorted(DONE) == [("1", 62.0), ("3", 62.0)]
    assert all(":" in event.id for event in events if event.role == "system" and event.kind.startswith("call."))


async def test_what_staff_agree_to_after_closing_the_conversation_runs_as_well(make_shop):
    shop = await make_shop([call("refund", order_id="1042", amount=62.0)], [Text("Asked.")], tools=[refund])
    await shop.signs_in()
    events = await shop.ask("refund 62.00 of order 1042", "m1", 1)
    asked = bodies(events, "call.asked")[0]
    await shop.deeds.release(KEY, ADA, Release(t="release", conversation="c1", to="closed"))
    await shop.approvals.decide(KEY, asked["call"], approve=True, name="Ada", seen=asked["args_sha256"])
    events = await shop.until("call.ended")
    assert DONE == [("1042", 62.0)]
    assert bodies(events, "call.ended")[0]["ok"]


async def test_closing_in_the_midst_of_an_answer_ends_the_turn_that_the_message_has(make_shop):
    async def for_ever(prompt):
        yield Text("Well, ")
        await asyncio.Event().wait()

    shop = await make_shop(for_ever)
    await shop.say("where is my order?")
    await shop.until_text("Well")
    await shop.deeds.release(KEY, ADA, Release(t="release", conversation="c1", to="closed", reason="resolved"))
    events = await shop.until("turn.ended")
    assert modes(events)[-1] == ("closed", "resolved")
    assert bodies(events, "turn.ended") == [{"reason": "handed_over", "answers": ["m1"]}]


# Handing back


async def test_the_agent_has_read_what_the_person_wrote(make_shop):
    shop = await make_shop([Text("One moment."), HandOver("asked")], [Text("As Ada said.")])
    await shop.ask("get me Kim please", "m1", 1)
    await shop.deeds.take(KEY, ADA)
    await shop.replies("Your boots are on their way.")
    await shop.hand_back()
    events = await shop.ask("and when will they come?", "m2", 2)
    history = [(line.role, line.text) for line in shop.model.prompts[-1].history]
    assert ("staff", "Your boots are on their way.") in history
    assert modes(events)[-1] == ("agent", "released")


async def test_anger_from_before_the_hand_back_does_not_count_with_new_anger(make_shop):
    shop = await make_shop(*([Text("I see.")] for _ in range(4)))
    angry = "this is outrageous 😡, where is order {}?"
    await shop.ask(angry.format(1042), "m1", 1)
    await shop.hand_back()
    events = await shop.ask(angry.format(1043), "m2", 2)
    assert modes(events)[-1] == ("agent", "released")
    events = await shop.ask(angry.format(1044), "m3", 3)
    assert modes(events)[-1] == ("waiting", "anger"), "twice since is"


async def test_what_was_asked_last_is_answered_after_the_hand_back_only_if_the_person_leaves_it_to_the_agent(make_shop):
    shop = await make_shop([Text("Parcels take three days [1].")])
    await shop.log.append(KEY, [NewEvent("m0", "message", "customer", {"text": "hello"})])
    await shop.deeds.take(KEY, ADA)
    await shop.replies("Hello!")
    await shop.say("how long does delivery take?")
    await shop.hand_back(answer=True)
    events = await shop.until("turn.ended")
    assert bodies(events, "turn.ended")[0]["answers"] == ["m1"]
    assert bodies(events, "mode")[-1]["open"] == ["m1"]


async def test_without_that_the_agent_waits_for_new_words(make_shop):
    shop = await make_shop([Text("Parcels take three days [1].")])
    await shop.log.append(KEY, [NewEvent("m0", "message", "customer", {"text": "hello"})])
    await shop.deeds.take(KEY, ADA)
    await shop.say("I want a person!")
    await shop.hand_back()
    events = await shop.ask("how long does delivery take?", "m2", 1)
    assert bodies(events, "turn.ended")[0]["answers"] == ["m2"]
    assert modes(events)[-1] == ("agent", "released")


@pytest.mark.parametrize("back", [True, False])
async def test_the_offline_engine_does_not_give_up_for_what_it_did_not_understand_before_a_hand_back(make_shop, back):
    shop = await make_shop(model=Offline(Words(), ears=Ears(["en", "de"])), shelf=Empty())
    await shop.ask("I have a zork", "m1", 1)
    if back:
        await shop.hand_back()
    events = await shop.ask("I have a florb", "m2", 2)
    assert modes(events)[-1:] == ([("agent", "released")] if back else [("waiting", "unknown")])


async def test_a_language_model_is_told_that_what_was_before_the_hand_back_is_settled(make_shop):
    shop = await make_shop([Text("One moment."), HandOver("asked")], [Text("Yes.")])
    await shop.ask("get me Kim please", "m1", 1)
    await shop.hand_back()
    await shop.ask("how long does delivery take?", "m2", 2)
    told = [prompt.settled for prompt in shop.model.prompts]
    assert told == [0, 2]
    newest = [messages(prompt, b"k")[-1].text for prompt in shop.model.prompts]
    assert ["gave it back to you" in text for text in newest] == [False, True]
