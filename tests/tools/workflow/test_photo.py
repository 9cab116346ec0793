"""A slot that is a photo: taken from what was attached and from nothing else; asked for, skipped, taken back."""

import pytest

from tests.tools.workflow.driver import TODAY, Run, kinds, program, workflow
from tools import Caller, Registry, tool
from tools.workflow.events import Call, Corrected, Said, Started
from tools.workflow.machine import asking
from tools.workflow.program import make_program
from tools.workflow.schema import json_schema
from tools.workflow.view import function_of

SOURCE = """
needs_tools:
  report: {effect: write, args: {problem: text, photo?: text}, result: {id: text}}
slots:
  problem: {ask: What is wrong?}
  photo: {type: photo, what: photo of it, ask: Can you send a photo?, invalid: That is no photo., tries: 2OPTIONAL}
steps:
  - ask: problem
  - ask: photo
  - call: report
    args: {problem: "{{ problem }}", photo: "{{ photo }}"}
  - end: done
"""
A, B = "/desk/files/pk/c/a", "/desk/files/pk/c/b"


def begun(*, optional=False, **started):
    run = Run(program(SOURCE.replace("OPTIONAL", ", optional: true" if optional else "")))
    run.send(Started(today=TODAY, **started))
    return run


def args_of(run):
    [call] = run.open.values()
    return call.args


def test_it_is_asked_for_and_taken_from_what_was_attached():
    run = begun(args={"problem": "torn"})
    assert run.actions[-1].type == "photo"
    run.send(Said(photos=(A,)))
    assert args_of(run) == {"problem": "torn", "photo": A}


def test_one_that_came_with_the_first_words_is_not_asked_for():
    run = begun(args={"problem": "torn"}, photos=(A,))
    assert args_of(run)["photo"] == A


def test_one_that_comes_with_the_answer_to_another_question_is_kept():
    run = begun()
    run.send(Said(text="the handle is torn", photos=(A,)))
    assert args_of(run) == {"problem": "the handle is torn", "photo": A}


def test_one_that_comes_without_words_leaves_the_question_standing():
    run = begun()
    actions = run.send(Said(photos=(A,)))
    assert [(action.kind, action.slot) for action in actions] == [("ask", "problem")]
    run.send(Said(text="torn"))
    assert args_of(run)["photo"] == A


@pytest.mark.parametrize(
    "event", [Said(slots={"photo": B}), Said(slots={"photo": B}, text=B), Corrected(slot="photo", value=B)]
)
def test_no_words_and_no_model_can_make_one_up(event):
    run = begun(args={"problem": "torn", "photo": B})
    run.send(event)
    assert asking(run.state) == "photo"
    assert not any(isinstance(action, Call) for action in run.actions)


def test_words_instead_of_one_that_is_needed_are_asked_again_and_then_a_person():
    run = begun(args={"problem": "torn"})
    assert run.send(Said(text="it looks bad"))[-1].text == "That is no photo. Can you send a photo?"
    assert kinds(run.send(Said(text="really bad"))) == ["hand_over"]


@pytest.mark.parametrize("words", ["skip", "no", "I have no photo", "Ich habe kein Foto"])
def test_one_that_is_optional_can_be_left_out(words):
    run = begun(optional=True, args={"problem": "torn"})
    assert [choice["label"] for choice in run.actions[-1].choices] == ["I have no photo"]
    run.send(Said(text=words))
    assert args_of(run) == {"problem": "torn"}


def test_a_yes_is_no_refusal_and_the_question_stands():
    run = begun(optional=True, args={"problem": "torn"})
    assert kinds(run.send(Said(text="yes, one moment"))) == ["ask"]
    run.send(Said(photos=(A,)))
    assert args_of(run)["photo"] == A


def test_another_one_can_be_sent_after_taking_one_back():
    run = begun(photos=(A,))
    run.send(Said(text="torn", slots={}))
    assert args_of(run)["photo"] == A
    run = begun()
    run.send(Said(photos=(A,)))
    run.send(Corrected(slot="photo"))
    run.send(Said(text="torn", photos=(B,)))
    assert args_of(run)["photo"] == B


def test_the_same_one_twice_is_one():
    run = begun()
    run.send(Said(photos=(A, A)))
    run.send(Said(photos=(A,), text="torn"))
    assert run.state["photos"] == [A]


def test_a_tool_that_takes_none_is_given_none():
    @tool(scope="a.b", effect="write")
    async def report(caller: Caller, problem: str) -> dict[str, str]:
        """Note it."""
        return {"id": problem}

    registry = Registry()
    registry.add(report)
    run = Run(make_program(workflow(SOURCE.replace("OPTIONAL", "")), registry))
    run.send(Started(today=TODAY, args={"problem": "torn"}, photos=(A,)))
    assert args_of(run) == {"problem": "torn"}


def test_models_are_not_offered_it_and_files_are_checked_for_it():
    made = program(SOURCE.replace("OPTIONAL", ""))
    assert list(function_of(made).json_schema["properties"]) == ["problem"]
    assert "photo" in json_schema()["$defs"]["Slot"]["properties"]["type"]["enum"]
    with pytest.raises(AssertionError, match="a photo has no default"):
        program(SOURCE.replace("OPTIONAL", ", default: x"))
