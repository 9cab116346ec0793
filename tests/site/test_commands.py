"""`shopbell init` and `shopbell check`, as the command line calls them."""

import json
from pathlib import Path

import pytest

from server.commands.check import check
from server.commands.init import init
from server.commands.matrix import matrix
from server.shop import load_shop
from tools import Caller, run


def initialised(directory: Path) -> list[str]:
    lines: list[str] = []
    assert init(directory, lines.append) == 0
    return lines


def checked(*directories: Path, **environment: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    code = check(directories, directories[0].parent / "data", lines.append, environment=environment)
    return code, lines


def test_what_init_writes_passes_check_without_a_warning(tmp_path):
    initialised(tmp_path / "shop")
    code, lines = checked(tmp_path / "shop")
    assert code == 0
    assert lines[-1] == f"{tmp_path / 'shop'}: 0 errors, 0 warnings"


def test_init_writes_a_commented_shop_with_two_articles_and_a_tool(tmp_path):
    initialised(tmp_path / "shop")
    assert sorted(path.relative_to(tmp_path / "shop").as_posix() for path in (tmp_path / "shop").rglob("*.*")) == [
        "README.md", "help/delivery.md", "help/returns.md", "plugin.py", "site.yaml", "tools.yaml",
    ]  # fmt: skip
    assert (tmp_path / "shop" / "site.yaml").read_text().count("#") >= 10


async def test_the_tool_that_init_writes_works(tmp_path):
    initialised(tmp_path)
    shop = load_shop(tmp_path, data=tmp_path / "data", environment={})
    spec = shop.registry.get("find_product")
    caller = Caller(shop.site.key, "c")
    found = await run(spec, caller, {"name": "the mug"})
    assert (found.result["name"], found.result["stock"]) == ("Enamel mug", 31)
    missing = await run(spec, caller, {"name": "kayak"})
    assert (missing.ok, missing.error) == (False, "We have no product called kayak.")


def test_every_shop_gets_a_key_of_its_own(tmp_path):
    keys = set()
    for name in ("a", "b"):
        initialised(tmp_path / name)
        keys.add(load_shop(tmp_path / name, data=tmp_path, environment={}).site.key)
    assert len(keys) == 2
    assert "pk_starter" not in keys


def test_init_never_overwrites_anything(tmp_path):
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "mine.md").write_text("# Mine\n")
    (tmp_path / "site.yaml").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    lines = initialised(tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    assert [path.name for path in (tmp_path / "help").iterdir()] == ["mine.md"]  # no examples among one's own articles
    assert any(line.startswith("kept") and "site.yaml" in line for line in lines)
    assert (tmp_path / "plugin.py").exists()
    again = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    initialised(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == again


def test_init_does_not_follow_a_link_to_overwrite(tmp_path):
    (tmp_path / "precious").write_text("precious")
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "site.yaml").symlink_to(tmp_path / "precious")
    initialised(shop)
    assert (tmp_path / "precious").read_text() == "precious"


def test_init_into_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    lines: list[str] = []
    assert init(tmp_path / "file", lines.append) == 1
    assert "is a file" in lines[0]


def test_check_prints_problems_as_compilers_do_and_fails_on_errors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "site.yaml").write_text("key: pk_x1\nname: X\norigins: ['*']\nlocal: de\n")
    code, lines = checked(shop)
    assert code == 1
    assert lines[0].startswith("shop/help:1:1: warning: ")
    assert lines[1].startswith("shop/site.yaml:3:11: error: origins[1]: expected an origin")
    assert lines[2] == "shop/site.yaml:4:1: error: unknown key `local`; did you mean `locale`?"
    assert lines[-1] == f"{shop}: 2 errors, 1 warning"


def test_warnings_alone_do_not_fail(tmp_path):
    initialised(tmp_path / "shop")
    with (tmp_path / "shop" / "site.yaml").open("a") as file:
        file.write("\nlanguages: [fr]\n")
    code, lines = checked(tmp_path / "shop")
    assert code == 0
    assert lines[-1].endswith("0 errors, 1 warning")


@pytest.mark.parametrize(
    ("secret", "warned"),
    [("short", True), ("a" * 64, True), ("0123456789abcdef" * 4, False)],
    ids=["short", "same", "good"],
)
def test_a_weak_identity_secret_is_warned_of_and_not_shown(tmp_path, secret, warned):
    initialised(tmp_path / "shop")
    with (tmp_path / "shop" / "site.yaml").open("a") as file:
        file.write("\nidentity: {secret_env: MY_SECRET}\n")
    code, lines = checked(tmp_path / "shop", MY_SECRET=secret)
    text = "\n".join(lines)
    assert code == 0
    assert ("MY_SECRET" in text) is warned
    assert f" {secret}" not in text


def test_two_shops_with_one_key_fail(tmp_path):
    initialised(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "site.yaml").write_text((tmp_path / "a" / "site.yaml").read_text())
    code, lines = checked(tmp_path / "a", tmp_path / "b")
    assert code == 1
    assert any("is also that of" in line for line in lines)


PLUGIN = """
from decimal import Decimal
from tools import Ask, Caller, tool

def made(name, effect, **fields):
    async def fn(caller: Caller, amount: Decimal = Decimal(1)): ...
    return tool(scope="x.y", effect=effect, name=name, **fields)(fn)

def setup(kit):
    kit.tools.add(made("a_read", "read"))
    kit.tools.add(made("b_write", "write"))
    kit.tools.add(made("c_asks", "write", ask=Ask("customer")))
    kit.tools.add(made("d_sometimes", "money", ask=Ask("staff", when=lambda args: args.amount > 50)))
    kit.tools.add(made("e_ruled", "money", needs="identified"))
    kit.tools.add(made("f_denied", "money"))
    kit.tools.add(made("g_off", "money"))
"""
RULES = """
tools:
  e_ruled: {permission: approve, auto_up_to: 50.00, per_customer_per_day: 100, per_site_per_day: 2000, needs: step_up}
  f_denied: {permission: deny}
  g_off: {enabled: false}
"""


def test_the_matrix_shows_tool_permission_and_limits(tmp_path):
    (tmp_path / "site.yaml").write_text("key: pk_x1\nname: X\n")
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "tools.yaml").write_text(RULES)
    rows = [line.split("  ") for line in matrix(load_shop(tmp_path, data=tmp_path, environment={}))[5:]]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert [(row[0], *row[2:]) for row in cells] == [
        ("a_read", "read", "anonymous", "auto", "-", "default"),
        ("b_write", "write", "anonymous", "approve", "-", "default"),
        ("c_asks", "write", "anonymous", "confirm", "-", "the tool"),
        ("d_sometimes", "money", "anonymous", "auto, approve when it says so", "-", "the tool"),
        (
            "e_ruled", "money", "step_up", "auto up to 50.00, then approve",
            "100 per customer and day, 2000 per shop and day", "tools.yaml",
        ),
        ("f_denied", "money", "anonymous", "deny", "-", "tools.yaml"),
        ("g_off", "money", "anonymous", "off", "-", "tools.yaml"),
    ]  # fmt: skip


FLOW = """
title: Cancelling
description: Looks, and cancels.
examples: [cancel my thing]
steps:
  - call: a_read
  - id: act
    call: g_off
  - end: done
"""


def with_flow(root: Path, rules: str) -> Path:
    (root / "site.yaml").write_text("key: pk_x1\nname: X\norigins: [https://a.example]\n")
    (root / "plugin.py").write_text(PLUGIN)
    (root / "tools.yaml").write_text(rules)
    (root / "workflows").mkdir()
    (root / "workflows" / "look_and_cancel.yaml").write_text(FLOW)
    return root


def test_the_matrix_shows_what_workflows_call_and_which_a_switched_off_tool_takes_away(tmp_path):
    shop = load_shop(with_flow(tmp_path, "tools: {g_off: {permission: confirm}}\n"), data=tmp_path, environment={})
    assert matrix(shop)[-1] == "look_and_cancel  a_read (auto), g_off (confirm)"
    (tmp_path / "tools.yaml").write_text(RULES)
    line = matrix(load_shop(tmp_path, data=tmp_path, environment={}))[-1]
    assert line == "look_and_cancel  not offered, for want of g_off: a_read (auto), g_off (off)"


def test_the_matrix_for_programs_says_the_same(tmp_path):
    lines: list[str] = []
    directory = with_flow(tmp_path, RULES)
    assert check([directory], tmp_path, lines.append, environment={}, as_json=True) == 0
    (found,) = [json.loads(line) for line in lines]
    assert (found["shop"], found["key"]) == (str(directory), "pk_x1")
    assert {problem["severity"] for problem in found["problems"]} <= {"warning"}
    tools = {tool["name"]: tool for tool in found["tools"]}
    assert tools["g_off"]["permission"] == "off"
    assert tools["g_off"]["workflows"] == ["look_and_cancel"]
    assert tools["e_ruled"] == {
        "name": "e_ruled", "scope": tools["e_ruled"]["scope"], "effect": "money", "needs": "step_up",
        "permission": "auto up to 50.00, then approve", "decided_by": "tools.yaml",
        "limits": {"per_customer_per_day": "100", "per_site_per_day": "2000"}, "counts": "amount",
        "undoes": None, "fallback": None, "workflows": [],
    }  # fmt: skip
    assert found["workflows"] == [
        {"name": "look_and_cancel", "tools": ["a_read", "g_off"], "offered": False, "missing": ["g_off"]}
    ]


def test_problems_for_programs_have_their_place_and_the_exit_status_says_so(tmp_path):
    (tmp_path / "site.yaml").write_text("key: pk_x1\nname: X\nnam: Y\n")
    lines: list[str] = []
    assert check([tmp_path], tmp_path, lines.append, environment={}, as_json=True) == 1
    (found,) = [json.loads(line) for line in lines]
    (problem,) = [problem for problem in found["problems"] if problem["severity"] == "error"]
    assert (problem["file"], problem["line"]) == (str(tmp_path / "site.yaml"), 3)
    assert "tools" not in found
