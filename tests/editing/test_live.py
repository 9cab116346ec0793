"""A change of a shop's files reaches everybody who looks something up, in place; what cannot is said to come later."""

import asyncio
import re

import pytest

from server import auth
from server.after import PostOffice
from server.editing import Version
from server.live import LIVE_KEYS, Live, Places, later
from server.session import Gate
from server.shop import load_shop
from server.site import Site
from server.turns import Agent
from server.verify import Desk
from tests.serving import ROOT, write_shop

PLUGIN = """
from tools import Caller, tool

def setup(kit):
    @kit.tools.add
    @tool(scope="a.read", effect="read", examples=["look it up"], reply="{{ result }}", aliases=["former"])
    async def look(caller: Caller) -> str:
        "Look."
        return "seen"
"""
SITE = "key: pk_test\nname: {name}\norigins: [{origin}]\ninstructions: {words}\nlocale: en\nmodel: offline\n"


class Turns:
    def __init__(self):
        self.cuts = []

    def cut(self, site, tool=None):
        self.cuts.append((site, tool))


class Supplied:
    embedder = None
    ears = None


def made(tmp_path):
    directory = write_shop(tmp_path / "shop", plugin=PLUGIN)
    (directory / "site.yaml").write_text(SITE.format(name="A", origin="https://a.example", words="Be kind."))
    (directory / "tools.yaml").write_text("tools: {look: {permission: auto}}\n")
    shop = load_shop(directory, data=tmp_path / "data")
    agent = Agent(shop.site, shop.instructions, shop.registry, shop.rules, None, None)
    mail = shop.kit.mail
    places = Places(
        {"pk_test": shop},
        {"pk_test": agent},
        {"pk_test": Gate(shop.site)},
        {"pk_test": shop.site},
        {"pk_test": Desk(shop.site, mail)},
        {"pk_test": PostOffice(shop.site, mail)},
    )
    origins = auth.Origins({"pk_test": shop.site.origins})
    turns, synced = Turns(), []
    live = Live(places, Supplied(), turns, sync=synced.append, allow=origins.allow)
    return directory, places, live, origins, turns, synced


def version(path, before=None, after=None):
    return Version(1, "pk_test", path, 0, "ada@example.com", "something", before, after)


def test_everybody_who_looks_the_site_up_finds_the_new_one(tmp_path):
    directory, places, live, origins, _, synced = made(tmp_path)
    told = []
    live.changed.append(lambda site, shop: told.append((site, shop.site.name)))
    (directory / "site.yaml").write_text(SITE.format(name="B", origin="https://b.example", words="Be short."))
    asyncio.run(live.apply(version("site.yaml")))
    found = [
        live.shops["pk_test"].site,
        places.agents["pk_test"].site,
        places.gates["pk_test"].site,
        places.sites["pk_test"],
        places.desks["pk_test"].site,
        places.offices["pk_test"].site,
    ]
    assert [site.name for site in found] == ["B"] * 6
    assert places.agents["pk_test"].instructions == "Be short."
    assert origins.sites("https://b.example") == {"pk_test"}
    assert origins.sites("https://a.example") == frozenset()
    assert told == [("pk_test", "B")]
    assert synced == []


def test_a_turn_that_runs_meets_the_new_rules_and_what_is_off_is_stopped(tmp_path):
    directory, places, live, _, turns, _ = made(tmp_path)
    begun_with = places.agents["pk_test"]
    (directory / "tools.yaml").write_text("tools: {look: {permission: deny}}\n")
    asyncio.run(live.apply(version("tools.yaml")))
    assert begun_with.rules["look"].permission == "deny"
    assert begun_with.rules["former"].permission == "deny"
    assert ("pk_test", "look") in turns.cuts
    assert live.shops["pk_test"].offered() == ()
    (directory / "tools.yaml").unlink()
    asyncio.run(live.apply(version("tools.yaml")))
    assert begun_with.rules.get("look") is None


def test_files_that_are_broken_by_then_change_nothing(tmp_path):
    directory, places, live, _, _, _ = made(tmp_path)
    for text in ("key: [", SITE.format(name="B", origin="https://b.example", words="x").replace("pk_test", "pk_new")):
        (directory / "site.yaml").write_text(text)
        assert asyncio.run(live.reread("pk_test")) is False
        assert places.sites["pk_test"].name == "A"


def test_what_is_opened_once_stays_until_the_next_start(tmp_path):
    directory, places, live, _, _, _ = made(tmp_path)
    text = SITE.format(name="A", origin="https://a.example", words="x").replace("offline", "openai/gpt")
    (directory / "site.yaml").write_text(text + "agents: [{name: orders, purpose: Orders of customers}]\n")
    asyncio.run(live.apply(version("site.yaml")))
    assert places.sites["pk_test"].model == "offline"
    assert places.sites["pk_test"].agents == ()


def test_articles_and_what_decides_about_them_begin_a_sync(tmp_path):
    directory, _, live, _, _, synced = made(tmp_path)
    asyncio.run(live.apply(version("help/returns.md")))
    assert synced == ["pk_test"]
    text = SITE.format(name="A", origin="https://a.example", words="Be kind.")
    (directory / "site.yaml").write_text(text + "knowledge: {tags: [public]}\n")
    asyncio.run(live.apply(version("site.yaml")))
    assert synced == ["pk_test"] * 2


@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [
        ("site.yaml", "name: A\n", "name: B\n", []),
        (
            "site.yaml",
            "name: A\n",
            "name: B\nmodel: offline\nguests: {tool: t}\n",
            ["site.yaml: guests", "site.yaml: model"],
        ),
        ("site.yaml", "model: offline\n", None, ["site.yaml: model"]),
        ("tools.yaml", "tools: {a: {permission: auto}}\n", "tools: {}\nhttp: {}\n", ["tools.yaml: http"]),
        ("help/a.md", None, "# A\n", []),
    ],
)
def test_what_takes_effect_later_is_named(path, before, after, expected):
    assert later(version(path, before, after)) == expected


def test_every_key_of_site_yaml_holds_at_once_or_is_known_to_come_later():
    at_the_next_start = {"key", "model", "agents", "identity", "guests", "mail", "alerts", "demo"}
    assert set(Site.model_fields) - LIVE_KEYS == at_the_next_start
    page = (ROOT / "docs/settings.md").read_text()
    told = re.findall(r"^\| `([a-z_ ]+)` of site\.yaml", page, re.M)
    assert [set(one.split()) for one in told] == [set(LIVE_KEYS), at_the_next_start]
