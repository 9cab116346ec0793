"""`agents:` in site.yaml: every mistake is said with its line, and the example of the page is right."""

import os
import re
from pathlib import Path

import pytest

from server.shop import read_shop
from server.site import Site, check, parse_yaml

HEAD = "key: pk_test\nname: Test\norigins: [https://shop.example]\nagents:\n"
TOOL = '''
from tools import Caller, tool

@tool(scope="orders.read", effect="read", examples=["where is my order"], reply="{{ result }}", aliases=["order"])
async def find_order(caller: Caller, order_id: str) -> str:
    """Find an order."""
    return order_id

def setup(kit):
    kit.tools.add(find_order)
'''
PAGE = (Path(__file__).parents[2] / "docs" / "specialists.md").read_text(encoding="utf-8")


def read(root: Path, agents: str, *, plugin: str = TOOL, tags: str = "delivery", articles: bool = True):
    root.mkdir()
    (root / "help").mkdir()
    (root / "help" / "a.md").write_text(f"---\ntags: [{tags}]\n---\n# A\n\nText.\n")
    (root / "plugin.py").write_text(plugin)
    (root / "site.yaml").write_text(HEAD + agents)
    shop, problems = read_shop(root, data=root.parent / "data", environment={}, articles=articles)
    return shop, [(os.path.basename(p.file), p.line, p.severity, p.message) for p in problems]


def test_agents_without_mistakes_load_without_a_word(tmp_path):
    shop, problems = read(
        tmp_path / "shop",
        "  - {name: orders, purpose: Orders and parcels., tools: [find_order], knowledge: [delivery]}\n"
        "  - {name: rest-of-it, purpose: All else., examples: [hello], tools: [], model: openai/x, moods: [upset]}\n",
    )
    assert problems == []
    assert [agent.name for agent in shop.site.agents] == ["orders", "rest-of-it"]
    assert (shop.site.agents[0].workflows, shop.site.agents[1].tools) == (None, ())


def test_a_shop_without_agents_has_none(tmp_path):
    site = Site.model_validate({"key": "pk_a", "name": "A"})
    assert site.agents == ()


@pytest.mark.parametrize(
    ("agents", "line", "severity", "message"),
    [
        (
            "  - {name: a, purpose: One., examples: [x]}\n  - {name: A, purpose: Two., examples: [x]}\n",
            6, "error", "the name 'A' is here twice; first in line 5",
        ),
        (
            "  - name: a\n    purpose: One.\n    tools:\n      - find_ordr\n",
            8, "error", "a: no tool is called `find_ordr`; did you mean `find_order`?",
        ),
        (
            "  - {name: a, purpose: One., examples: [x], knowledge: [delivry]}\n",
            5, "warning", "a: no article has the tag 'delivry'; did you mean `delivery`?",
        ),
        (
            "  - {name: a, purpose: One., examples: [x], workflows: [order_state]}\n",
            5, "warning", "a: no workflow 'order_state' is offered",
        ),
        ("  - {name: a, purpose: One.}\n", 5, "warning", "a has neither examples nor tools"),
        ("  - {name: default, purpose: One.}\n", 5, "error", "expected another name than 'default'"),
        ("  - {name: Default, purpose: One.}\n", 5, "error", "expected another name than 'Default'"),
        ("  - {name: a b, purpose: One.}\n", 5, "error", "expected a name of letters, digits, _ and -"),
        ("  - {name: a}\n", 5, "error", "the key `agents[1].purpose` is missing"),
        ("  - {name: a, purpose: One., model: gpt}\n", 5, "error", "expected offline, openai/NAME"),
        ("  - {name: a, purpose: One., moods: [furious]}\n", 5, "error", "expected 'calm', 'pleased', 'upset' or 'angry'"),
        ("  - {name: a, purpose: One., tool: [find_order]}\n", 5, "error", "unknown key `agents[1].tool`"),
        ("  - {name: a, purpose: One., languages: [english!]}\n", 5, "error", "expected a language tag"),
    ],
)  # fmt: skip
def test_mistakes_are_said_with_their_line(tmp_path, agents, line, severity, message):
    _, problems = read(tmp_path / "shop", agents)
    (problem,) = problems
    assert problem[:3] == ("site.yaml", line, severity)
    assert message in problem[3]


def test_a_tool_may_be_named_by_its_former_name(tmp_path):
    _, problems = read(tmp_path / "shop", "  - {name: a, purpose: One., tools: [order]}\n")
    assert problems == []


def test_a_server_that_starts_does_not_read_articles_for_their_tags(tmp_path):
    agents = "  - {name: a, purpose: One., examples: [x], knowledge: [nothing]}\n"
    _, problems = read(tmp_path / "shop", agents, articles=False)
    assert problems == []


def test_the_example_of_the_page_is_valid(tmp_path):
    [example] = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.M | re.S)
    problems = []
    document = parse_yaml(example, Path("site.yaml"), problems)
    site = check(Site, document, problems)
    assert problems == []
    assert [agent.name for agent in site.agents] == ["orders", "service"]
