"""A workflow that is begun once more while a run of it is open: an answer, a correction, the question again, or a new run.

With a model that says what the test tells it; the offline engine's reading of such words is in test_workflows_offline.
"""

from server.ports import Start
from tests.tools.workflow.driver import workflow
from tests.turns.conftest import bodies
from tests.turns.test_workflows import RETURN, returning, texts
from tests.turns.world import AUTO, World
from tools import Caller, Registry, Rule, tool
from tools.workflow.program import make_program


async def talked(node, *messages):
    """A conversation in which the model answers each message by beginning a workflow; its events."""
    for n, text in enumerate(messages, 1):
        await node.say(text, said=f"m{n}")
        events = await node.until("turn.ended", count=n)
    return events


async def returned(make_node, world, *starts):
    """A return of the Alpin boots begun, and then again by each of these: words, and the arguments that a model gives."""
    answers = [[Start("return_item", args, text)] for text, args in starts]
    node = await returning(make_node, world, [RETURN], *answers)
    return await talked(node, RETURN.text, *(text for text, _ in starts))


def heard(events):
    return [body["event"]["kind"] for body in bodies(events, "workflow.heard")]


def agent_words(events):
    return [text for role, text in texts(events) if role == "agent"]


async def test_nothing_new_brings_the_question_again_without_a_reproach(make_node):
    events = await returned(make_node, World(), ("I want to return something, please", {}))
    assert agent_words(events) == ["Why are you sending it back?"] * 2
    assert heard(events) == ["digressed", "resumed"]
    assert len(bodies(events, "workflow.started")) == 1


async def test_the_same_values_again_are_nothing_new(make_node):
    events = await returned(make_node, World(), ("return order 1042", {"order_id": "order 1042"}))
    assert heard(events) == ["digressed", "resumed"]


async def test_at_the_third_time_it_counts_as_an_answer_that_cannot_be_used(make_node):
    events = await returned(make_node, World(), *[("I want to return something", {})] * 3)
    assert heard(events) == ["digressed", "resumed", "digressed", "resumed", "said"]
    assert agent_words(events)[-1] == "Sorry, I couldn't use that. Why are you sending it back?"


async def test_words_that_answer_the_question_are_the_answer(make_node):
    world = World()
    events = await returned(make_node, world, ("I want to return it, it does not fit", {}))
    assert [name for name, _ in world.done] == ["create_return", "send_confirmation"]
    assert len(bodies(events, "workflow.started")) == 1


async def test_another_order_before_anything_was_done_corrects_the_run(make_node):
    world = World()
    events = await returned(
        make_node,
        world,
        ("I want to return the socks from order 1043", {"order_id": "1043"}),
        ("return them, they do not fit", {"reason": "does not fit"}),
    )
    assert [args["item_id"] for name, args in world.done if name == "create_return"] == ["1043-1"]
    assert len(bodies(events, "workflow.started")) == 1


LENDING = """
name: lend_tent
examples: [lend me a small tent, lend me a large tent]
slots:
  size: {type: choice, choices: [small, large]}
  days: {type: number}
steps:
  - {call: lend, args: {size: "{{ size }}"}, undo: {call: take_back}}
  - ask: days
  - {end: lent}
"""


async def test_after_an_effect_other_values_are_another_matter_and_what_was_done_stands(make_node):
    done = []

    @tool(scope="x.lend", effect="write")
    async def lend(caller: Caller, size: str) -> str:
        """Lend a tent."""
        done.append(size)
        return size

    @tool(scope="x.lend", effect="write")
    async def take_back(caller: Caller) -> None:
        """Take a tent back."""
        done.append("back")

    registry = Registry()
    for one in (lend, take_back):
        registry.add(one)
    made = make_program(workflow(LENDING), registry)
    rules = AUTO | {"lend": Rule(permission="auto"), "take_back": Rule(permission="auto")}
    starts = [[Start("lend_tent", {"size": size}, f"lend me a {size} tent")] for size in ("small", "large", "large")]
    node = await make_node(*starts, tools=[lend, take_back], rules=rules, workflows={"lend_tent": made})
    events = await talked(node, "lend me a small tent", "lend me a large tent", "lend me a large tent")
    assert done == ["small", "large"]
    assert len(bodies(events, "workflow.started")) == 2, "the last one says nothing new"
