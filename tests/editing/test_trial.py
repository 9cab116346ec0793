"""A change is tried with the loader that reads the shop, before anything is written, and never runs the shop's plugin again."""

from pathlib import Path

import pytest

from server.editing import Trial
from server.shop import load_shop
from tests.serving import write_shop

PLUGIN = """
from pathlib import Path
from tools import Ask, tool

def setup(kit):
    with open(kit.dir / "runs", "a") as file:
        file.write("x")

    @kit.tools.add
    @tool(scope="orders.refund", effect="money", idempotent=True, reply="Done.", examples=["refund order 1"])
    async def refund(caller: "tools.Caller", order: str, amount: float) -> str:
        "Refund."
        return "done"
"""


@pytest.fixture
def shop(tmp_path: Path):
    directory = write_shop(
        tmp_path / "shop", plugin=PLUGIN.replace('"tools.Caller"', "Caller").replace("Ask, tool", "Caller, tool")
    )
    return load_shop(directory, data=tmp_path / "data")


def test_an_error_is_said_at_its_line_in_the_shops_own_file(shop):
    text = "key: pk_test\nname: A\nreasoning: loud\n"
    [problem] = Trial(lambda site: shop)("pk_test", "site.yaml", text)
    assert (problem.file, problem.line) == (shop.dir / "site.yaml", 3)
    assert "loud" in problem.message


def test_the_plugin_is_not_run_again_and_its_tools_are_known(shop):
    trial = Trial(lambda site: shop)
    assert trial("pk_test", "tools.yaml", "tools:\n  refund: {permission: approve, auto_up_to: 5}\n") == []
    [problem] = trial("pk_test", "tools.yaml", "tools:\n  refund: {permission: maybe}\n")
    assert "maybe" in problem.message
    made, _ = trial.read("pk_test", "tools.yaml", "tools:\n  refund: {permission: deny}\n")
    assert made is not None
    assert made.rules["refund"].permission == "deny"
    assert (shop.dir / "runs").read_text() == "x"


def test_what_was_broken_before_does_not_stop_another_change_and_what_breaks_by_it_does(shop):
    (shop.dir / "help/broken.md").write_text("---\ntitle: A\n")
    trial = Trial(lambda site: shop)
    assert trial("pk_test", "site.yaml", "key: pk_test\nname: A\n") == []
    assert [one.file.name for one in trial("pk_test", "help/broken.md", "---\nurl: no link\n---\n# A\n")] == [
        "broken.md"
    ]
    assert trial("pk_test", "help/broken.md", "# A\n") == []
    assert trial("pk_test", "help/broken.md", None) == []


def test_neither_the_key_can_be_changed_nor_the_shop_removed(shop):
    trial = Trial(lambda site: shop)
    assert "pk_test" in trial("pk_test", "site.yaml", "key: pk_other\nname: A\n")[0].message
    assert trial("pk_test", "site.yaml", None)


def test_a_broken_workflow_is_refused_at_its_line(shop):
    problems = Trial(lambda site: shop)("pk_test", "workflows/a.yaml", "name: a\nsteps: nothing\n")
    assert problems
    assert {one.file for one in problems} == {shop.dir / "workflows/a.yaml"}
