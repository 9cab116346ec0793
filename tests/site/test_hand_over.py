"""`hand_over:` of site.yaml: what it may say, and where it says something wrong."""

from pathlib import Path

import pytest

from server.shop import read_shop
from server.site import Site, check, parse_yaml

HEAD = "key: pk_a\nname: A\norigins: [https://a.example]\n"
PLUGIN = '''
from tools import Caller, tool


@tool(scope="a.b", effect="money", examples=["pay 3"], reply="ok")
async def pay(caller: Caller, amount: float) -> str:
    """Pay."""
    return "paid"


def setup(kit):
    kit.tools.add(pay)
'''


def problems(text):
    found = []
    document = parse_yaml(HEAD + text, Path("site.yaml"), found)
    site = check(Site, document, found) if document is not None else None
    return site, [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("text", "line", "about"),
    [
        ("hand_over: {capacity: 0}", 4, "capacity"),
        ("hand_over:\n  low_confidence: 2", 5, "low_confidence"),
        ("hand_over:\n  amount_over: yes", 5, "amount"),
        ("hand_over:\n  topics: [{name: wholesale}]", 5, "examples"),
        ("hand_over:\n  topics: [{name: a b, examples: [x]}]", 5, "name"),
        ("hand_over:\n  topics:\n    - {name: a, examples: [x]}\n    - {name: A, examples: [y]}", 6, "once"),
        ("hand_over: {escalate: 3}", 4, "escalate"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(text, line, about):
    site, found = problems(text)
    assert site is None
    assert f"site.yaml:{line}:" in found[0]
    assert about in found[0]


def test_without_a_word_about_it_nobody_is_handed_over_for_the_shops_sake():
    site, found = problems("")
    assert found == []
    rules = site.hand_over
    assert (rules.topics, rules.amount_over, rules.tools, rules.customers, rules.low_confidence) == (
        (),
        None,
        (),
        (),
        None,
    )
    assert (rules.capacity, rules.offer_s, rules.escalate_after_min, rules.close_after_h) == (4, 60, 10, 72)


def test_null_switches_escalation_and_closing_off():
    site, found = problems("hand_over: {escalate_after_min: null, close_after_h: null}")
    assert found == []
    assert (site.hand_over.escalate_after_min, site.hand_over.close_after_h) == (None, None)


def test_a_tool_that_does_not_exist_is_an_error_at_its_place_and_what_has_no_effect_is_said(tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "site.yaml").write_text(HEAD + "hand_over:\n  tools: [pay, payy]\n  customers: [cus_1]\n")
    shop, found = read_shop(tmp_path, data=tmp_path / "data", environment={}, articles=False)
    assert shop is None
    errors = [str(problem) for problem in found if problem.severity == "error"]
    assert len(errors) == 1
    assert "site.yaml:5:" in errors[0]
    assert "did you mean `pay`" in errors[0]
    assert any("nobody can sign in" in str(problem) for problem in found)


def test_an_amount_without_a_tool_that_moves_money_is_warned_of(tmp_path):
    (tmp_path / "site.yaml").write_text(HEAD + "hand_over: {amount_over: 5}\n")
    _, found = read_shop(tmp_path, data=tmp_path / "data", environment={}, articles=False)
    assert any("amount_over has no effect" in str(problem) for problem in found)
