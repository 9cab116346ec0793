"""`desk:` and `canned:` of site.yaml: what fits is read, what does not is said with file and line."""

import pytest

from server.shop import read_shop

SITE = "key: pk_x\nname: Shop\n"
PLUGIN = '''
from tools import Caller, tool

def setup(kit):
    @kit.tools.add
    @tool(scope="orders", effect="read", examples=["my orders"])
    async def list_orders(caller: Caller) -> list:
        """Lists orders."""
        return []

    @kit.tools.add
    @tool(scope="orders", effect="read", examples=["order 1"])
    async def get_order(caller: Caller, order_id: str) -> dict:
        """One order."""
        return {}

    @kit.tools.add
    @tool(scope="orders", effect="write", examples=["cancel"])
    async def cancel(caller: Caller) -> dict:
        """Cancels."""
        return {}
'''


def problems(tmp_path, text):
    (tmp_path / "site.yaml").write_text(SITE + text, encoding="utf-8")
    (tmp_path / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    shop, found = read_shop(tmp_path, data=tmp_path / "data")
    return shop, [str(problem) for problem in found if problem.severity == "error"]


def test_a_tool_that_reads_and_canned_replies_are_taken(tmp_path):
    text = "desk: {customer_tools: [list_orders]}\ncanned:\n  - {name: hi, text: 'Hi {{customer or there}}, {{ staff }}'}\n"
    shop, found = problems(tmp_path, text)
    assert found == []
    assert shop.site.desk.customer_tools == ("list_orders",)
    assert shop.site.canned[0].name == "hi"


@pytest.mark.parametrize(
    ("tool", "wrong"),
    [("cancel", "only tools that read"), ("get_order", "needs order_id"), ("list_order", "did you mean `list_orders`")],
)
def test_a_tool_that_does_not_fit_is_named_with_its_line(tmp_path, tool, wrong):
    _, found = problems(tmp_path, f"desk:\n  customer_tools: [{tool}]\n")
    assert len(found) == 1
    assert wrong in found[0]
    assert "site.yaml:4" in found[0]


@pytest.mark.parametrize(
    ("canned", "wrong"),
    [
        ("{name: hi, text: 'Hi {{order}}'}", "{{order}}"),
        ("{name: 'Hi There', text: x}", "small letters"),
        ("{name: hi, text: a}\n  - {name: hi, text: b}", "once per language"),
    ],
)
def test_a_canned_reply_that_cannot_work_is_refused(tmp_path, canned, wrong):
    _, found = problems(tmp_path, f"canned:\n  - {canned}\n")
    assert found
    assert wrong in found[0]
