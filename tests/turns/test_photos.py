"""Photos in workflow runs, as the server takes them from messages: whatever a model makes of the words."""

import pytest

from server.events import NewEvent
from server.ports import Heard, Start, Text
from tests.tools.workflow.driver import workflow
from tests.turns.conftest import KEY, bodies
from tools import Caller, Registry, Rule, tool
from tools.workflow.events import Said
from tools.workflow.program import make_program

SOURCE = """
name: report_damage
slots:
  problem: {ask: What is wrong?}
  photo: {type: photo, ask: Can you send a photo?}
steps:
  - ask: problem
  - ask: photo
  - call: report
    args: {problem: "{{ problem }}", photo: "{{ photo }}"}
  - end: done
    say: Noted.
"""
IMAGE = {"id": "f1", "name": "IMG_1.jpg", "type": "image/jpeg", "bytes": 9}
PAPER = {"id": "f2", "name": "bill.pdf", "type": "application/pdf", "bytes": 9}
PATH = "/desk/files/pk_test/c1/f1"
BEGIN = Start("report_damage", {"problem": "torn"}, "please report the damage, it is torn")


@pytest.fixture
async def begun(make_node):
    """A run that has asked for a photo, and what the tool has got so far."""
    got = []

    @tool(scope="a.b", effect="write")
    async def report(caller: Caller, problem: str, photo: str) -> str:
        """Note it."""
        got.append((problem, photo))
        return "ok"

    registry = Registry()
    registry.add(report)
    made = make_program(workflow(SOURCE), registry)

    async def make(*answers, first=BEGIN, files=()):
        rules = {"report": Rule(permission="auto")}
        node = await make_node([first], *answers, tools=[report], rules=rules, workflows={"report_damage": made})
        await sends(node, "please report the damage, it is torn", *files)
        await node.until("turn.ended")
        return node, got

    return make


async def sends(node, text, *files, said="m1"):
    body = {"text": text, **({"files": list(files)} if files else {})}
    await node.log.append(KEY, [NewEvent(said, "message", "customer", body)])
    node.turns.poke(KEY)


def hears(**said):
    async def answer(prompt):
        yield Heard(prompt.run.id, Said(**said))

    return answer


async def test_the_question_says_that_it_takes_a_photo(begun):
    node, _ = await begun()
    assert bodies(await node.events(), "message")[-1] == {"text": "Can you send a photo?", "wants": "photo"}


@pytest.mark.parametrize(
    "answer",
    [
        [Text("Nice picture!")],
        hears(slots={"photo": "IMG_1.jpg"}, text="IMG_1.jpg"),
        hears(slots={"photo": "/desk/files/pk_b/c9/f9"}),
    ],
    ids=["talks", "answers with the name", "makes one up"],
)
async def test_a_photo_reaches_the_run_whatever_a_model_makes_of_it(begun, answer):
    node, got = await begun(answer)
    await sends(node, "IMG_1.jpg", IMAGE, said="m2")
    await node.until("turn.ended", count=2)
    assert got == [("torn", PATH)]


async def test_one_that_comes_with_the_first_words_is_not_asked_for(begun):
    _, got = await begun(files=[IMAGE])
    assert got == [("torn", PATH)]


async def test_the_name_of_a_file_is_no_answer_to_another_question(begun):
    node, got = await begun(
        hears(slots={"problem": "IMG_1.jpg"}, text="IMG_1.jpg"),
        first=Start("report_damage", {}, "please report the damage"),
    )
    await sends(node, "IMG_1.jpg", IMAGE, said="m2")
    await node.until("turn.ended", count=2)
    assert got == []
    assert bodies(await node.events(), "message")[-1]["text"] == "What is wrong?"


async def test_a_paper_is_no_photo(begun):
    node, got = await begun([Text("Thank you.")])
    await sends(node, "bill.pdf", PAPER, said="m2")
    await node.until("turn.ended", count=2)
    assert got == []
