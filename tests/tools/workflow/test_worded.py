"""States in words: what a tool calls `in_transit`, a customer reads in his language, and a shop may say otherwise."""

import re

import pytest

from server.shop import load_shop, read_shop
from tests.tools.workflow.driver import TODAY, Run, workflow
from tools.workflow.events import Started
from tools.workflow.load import LIBRARY
from tools.workflow.program import make_program
from tools.workflow.worded import common_words, worded

STATUS = """
slots: {n: {type: text, default: "1"}}
needs_tools: {find: {args: {n: text}, result: {status: text}}}
steps:
  - {call: find, args: {n: "{{ n }}"}, as: order}
  - {say: {en: "It is {{ order.status | in_words }}.", de: "Sie ist {{ order.status | in_words }}."}}
"""


@pytest.mark.parametrize(
    ("value", "locale", "said"),
    [
        ("in_transit", "de", "unterwegs"),
        ("In-Transit", "en", "on its way"),
        ("DELIVERED", "de-AT", "zugestellt"),
        ("delivered", "en", "delivered"),
        ("packing", "fr", "being packed"),
        ("at_the_customs", "de", "at the customs"),
        ("", "de", ""),
    ],
)
def test_a_state_is_said_in_the_language_or_in_english_or_as_it_is(value, locale, said):
    assert worded(value, {}, locale) == said


def test_a_shops_words_come_first_and_ours_fill_the_languages_that_it_has_not():
    own = {"In transit": {"de": "auf Reisen"}, "at-the-customs": "beim Zoll"}
    assert worded("in_transit", own, "de") == "auf Reisen"
    assert worded("in_transit", own, "en") == "on its way"
    assert worded("at_the_customs", own, "en") == "beim Zoll"


@pytest.mark.parametrize(("locale", "said"), [("de", "Sie ist unterwegs."), ("en", "It is on its way.")])
def test_a_workflow_says_a_state_in_the_customers_language(locale, said):
    run = Run(make_program(workflow(STATUS)))
    run.send(Started(today=TODAY, locale=locale))
    assert run.end({"status": "in_transit"})[0].text == said


def test_other_words_of_the_shop_are_the_same_workflow():
    plain, worded_ = make_program(workflow(STATUS)), make_program(workflow(STATUS), words={"sent": {"en": "gone"}})
    assert plain.digest == worded_.digest
    run = Run(worded_)
    run.start()
    assert run.end({"status": "SENT"})[0].text == "It is gone."


def test_every_known_state_has_a_german_word_and_the_library_shows_no_raw_state():
    assert all("de" in texts for texts in common_words().values())
    for file in LIBRARY.glob("*.yaml"):
        said = [line for line in file.read_text().splitlines() if re.search(r"\bstatus\b", line) and "{{" in line]
        assert [line for line in said if "in_words" not in line] == [], file.name


PLUGIN = """
from tools import Caller, tool

@tool(scope="x.read", effect="read")
async def find(caller: Caller, n: str) -> dict[str, str]:
    return {"status": n}

def setup(kit):
    kit.tools.add(find)
"""


@pytest.fixture
def shop_dir(tmp_path):
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "flow.yaml").write_text(STATUS + "examples: [what is it]\n")
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "site.yaml").write_text("key: pk_x\nname: X\nwords:\n  customs: {de: beim Zoll}\n")
    return tmp_path


def test_a_shop_adds_words_in_its_site_yaml(shop_dir):
    shop = load_shop(shop_dir, data=shop_dir / "data", environment={})
    run = Run(shop.workflows["flow"])
    run.send(Started(today=TODAY, locale="de"))
    assert run.end({"status": "Customs"})[0].text == "Sie ist beim Zoll."


@pytest.mark.parametrize("wrong", ["7", "{}", "{de: 7}", "{deutsch!: x}"])
def test_words_that_are_none_are_refused_with_file_and_line(shop_dir, wrong):
    (shop_dir / "site.yaml").write_text(f"key: pk_x\nname: X\nwords:\n  customs: {wrong}\n")
    shop, problems = read_shop(shop_dir, data=shop_dir / "data", environment={}, articles=False)
    assert shop is None
    assert [(problem.file.name, problem.line) for problem in problems if problem.severity == "error"] == [
        ("site.yaml", 4)
    ]
