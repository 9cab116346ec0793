"""The tools of a site by name: sorted, found by former names, and never two of one name."""

import subprocess
import sys

import pytest

from tests.tools.test_spec import find_order, made, plain
from tools import Caller, Registry, tool


def test_the_registry_is_sorted_by_name_and_finds_former_names():
    registry = Registry()
    second = registry.add(tool(scope="a", effect="read", name="b_tool", aliases=["old_b"])(find_order))
    first = made(find_order, name="a_tool")
    registry.add(first)
    assert second is find_order
    assert [spec.name for spec in registry] == ["a_tool", "b_tool"]
    assert registry.get("old_b").name == "b_tool"
    assert "old_b" in registry
    assert "c_tool" not in registry
    assert registry.get("c_tool") is None
    assert 3 not in registry
    assert len(registry) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "x"}, {"name": "x"}),
        ({"name": "x"}, {"name": "y", "aliases": ["x"]}),
        ({"name": "x", "aliases": ["y"]}, {"name": "y"}),
        ({"name": "x", "aliases": ["z"]}, {"name": "y", "aliases": ["z"]}),
    ],
)
def test_two_tools_of_one_name_are_refused_and_both_places_named(first, second):
    async def other(caller: Caller): ...

    registry = Registry()
    one, two = made(find_order, **first), made(other, **second)
    registry.add(one)
    with pytest.raises(ValueError, match="two tools are called") as caught:
        registry.add(two)
    assert one.where in str(caught.value)
    assert two.where in str(caught.value)
    assert one.where != two.where
    assert len(registry) == 1


def test_only_tools_can_be_added():
    with pytest.raises(TypeError, match="expected a function made with @tool"):
        Registry().add(plain)


def test_importing_tools_loads_neither_server_nor_retrieval_nor_widget():
    code = "import sys, tools; print([n for n in sys.modules if n.split('.')[0] in ('server', 'retrieval', 'widget')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
