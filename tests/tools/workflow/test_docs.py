"""Every key of a workflow file is documented in docs/workflows.md, with its meaning, and the examples there work.

The models are walked: a key that is added without a row fails here.
"""

import re
from pathlib import Path

import pytest

from tests.tools.workflow.test_library import LIB
from tools import Registry
from tools.places import Problem
from tools.workflow import model
from tools.workflow.expr import FUNCTIONS
from tools.workflow.load import check_loaded, read_file

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")
MODELS = [
    model.Workflow, model.Slot, model.Option, model.Each, model.Step, model.Call, model.OnError, model.Undo, model.Ask, model.When,
    model.Say, model.Parallel, model.HandOver, model.End, model.Need, model.Use, model.ToolMap,
]  # fmt: skip


@pytest.mark.parametrize("part", MODELS)
def test_every_key_has_its_row(part):
    for name, field in part.model_fields.items():
        assert field.description, f"{part.__name__}.{name} has no description"
        row = rf"\| `{field.alias or name}` \| [^|]+ \| {re.escape(field.description)} \|"
        assert re.search(row, PAGE), f"{part.__name__}.{name} is not on the page"


def test_every_step_function_type_and_library_workflow_is_named():
    for word in (*model.STEP_WORDS, *FUNCTIONS, *LIB, "order_number", "yes_no", "money", "email", "choice", "date"):
        assert f"`{word}" in PAGE, word


def test_the_tools_of_the_library_are_listed_as_they_are():
    for name, one in LIB.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}`"))
        assert set(re.findall(r"`(\w+)`", row)) - {name} == set(one.workflow.needs_tools) - {name}


@pytest.mark.parametrize("source", re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
def test_the_examples_are_right(tmp_path, source):
    file = tmp_path / "example.yaml"
    file.write_text(source, encoding="utf-8")
    problems: list[Problem] = []
    one = read_file(file, problems, LIB)
    assert one is not None and not problems, problems
    wrong = check_loaded(one, None if "use:" in source else Registry())
    assert [p.message for p in wrong if "no tool is called" not in p.message] == []
