"""What is wrong with a shop's rules, tools and settings, at its place: tools.yaml, plugin.py, site.yaml."""

from pathlib import Path

import pytest

from server.shop import read_shop
from server.site import Problem
from tests.site.test_shop import SITE, TOOL, only, read, shop_at

# Rules and tools

WRITE = TOOL.replace('"read"', '"write"').replace('scope="', 'aliases=["get_order"], scope="')
MONEY = (
    TOOL.replace('"read"', '"money"')
    .replace("order_id: str)", "amount: float)")
    .replace("-> str", "")
    .replace("    return order_id\n", "")
)
PAID = MONEY.replace("amount: float)", "amount: float, currency: str)")
RULES = [
    (TOOL, "find_ordr: {permission: auto}", "warning", "no tool is called `find_ordr`; did you mean `find_order`?"),
    (TOOL, "zzz: {permission: auto}", "warning", "no tool is called `zzz`; there are: find_order"),
    (WRITE, "find_order: {permission: auto}", "warning", "it changes something, and nobody is asked before"),
    (
        MONEY,
        "find_order: {permission: auto, needs: identified}",
        "warning",
        "it moves money, and nobody is asked before",
    ),
    (MONEY, "find_order: {permission: approve, auto_up_to: 3}", "warning", "anybody may have money moved, also guests"),
    (TOOL, "find_order: {auto_up_to: 3}", "error", "auto_up_to, but the tool has no argument `amount`"),
    (MONEY, "find_order: {permission: deny, auto_up_to: 3, needs: identified}", "warning", "auto_up_to has no effect"),
    (TOOL, "find_order: {per_customer_per_day: 3}", "warning", "guests have no customer to count by"),
    (PAID, "find_order: {auto_up_to: 3, needs: identified}", "warning", "calls name a currency: add `currency: EUR`"),
    (MONEY, "find_order: {auto_up_to: 3, currency: EUR, needs: identified}", "warning", "currency has no effect"),
    (
        TOOL.replace('scope="', 'needs="step_up", scope="'),
        "find_order: {needs: identified}",
        "warning",
        "needs: identified has no effect, the tool itself needs step_up",
    ),
]


@pytest.mark.parametrize(("plugin", "rule", "severity", "message"), RULES, ids=[rule for _, rule, *_ in RULES])
def test_rules_that_do_not_fit_are_said_at_their_line(tmp_path, plugin, rule, severity, message):
    root = shop_at(tmp_path, plugin_dot_py=plugin, tools_dot_yaml=f"# rules\ntools:\n  {rule}\n")
    problems = [problem for problem in read(root)[1] if problem[0] == "tools.yaml"]
    name, line, found, said = only(problems)
    assert (name, line, found) == ("tools.yaml", 3, severity)
    assert message in said


@pytest.mark.parametrize(
    "rule",
    [
        "{permission: confirm}",
        "{permission: approve, auto_up_to: 50.00, needs: identified}",
        "{permission: auto, auto_up_to: 5, needs: identified}",
    ],
)
def test_careful_rules_bring_no_advice(tmp_path, rule):
    root = shop_at(tmp_path, plugin_dot_py=MONEY, tools_dot_yaml=f"tools:\n  find_order: {rule}\n")
    assert read(root)[1] == []


def test_a_rule_under_a_former_name_binds_under_every_name(tmp_path):
    root = shop_at(tmp_path, plugin_dot_py=WRITE, tools_dot_yaml="tools: {get_order: {permission: deny}}\n")
    shop, problems = read(root)
    assert problems == []
    assert shop is not None
    assert {name: rule.permission for name, rule in shop.rules.items()} == {"find_order": "deny", "get_order": "deny"}


def test_two_rules_for_one_tool_are_an_error(tmp_path):
    rules = "tools:\n  find_order: {permission: deny}\n  get_order: {permission: confirm}\n"
    name, line, severity, said = only(read(shop_at(tmp_path, plugin_dot_py=WRITE, tools_dot_yaml=rules))[1])
    assert (name, line, severity) == ("tools.yaml", 3, "error")
    assert "are the same tool" in said


def test_the_agent_is_offered_neither_denied_nor_switched_off_tools(tmp_path):
    plugin = (
        TOOL
        + """
    from tools import tool
    for n in ("a", "b", "c"):
        kit.tools.add(tool(scope="x", effect="read", name=n, examples=[n], reply="x")(find_order))
"""
    )
    rules = "tools: {a: {permission: deny}, b: {enabled: false}, c: {permission: approve}}\n"
    shop, _ = read(shop_at(tmp_path, plugin_dot_py=plugin, tools_dot_yaml=rules))
    assert shop is not None
    assert [spec.name for spec in shop.offered()] == ["c", "find_order"]


ADVICE = [
    ('"""Find an order."""', "", "no docstring"),
    ('examples=["where is my order"], ', "", "no examples=[…]"),
    (', reply="{{ result }}"', "", 'no reply="…"'),
    ('effect="read"', 'effect="write", retries=2', "retries=2 happen only when nothing was sent"),
    ('effect="read"', 'effect="read", needs="identified"', "site.yaml names no identity secret"),
]


@pytest.mark.parametrize(("old", "new", "message"), ADVICE, ids=[message for *_, message in ADVICE])
def test_a_tool_that_lacks_something_is_said_at_its_line(tmp_path, old, new, message):
    assert old in TOOL
    name, line, severity, said = only(read(shop_at(tmp_path, plugin_dot_py=TOOL.replace(old, new)))[1])
    assert (name, line, severity) == ("plugin.py", 4, "warning")
    assert message in said


@pytest.mark.parametrize(
    ("fallback", "message"),
    [
        ("find_it", "fallback: no tool is called `find_it`"),
        ("find_order", "fallback: a tool cannot stand in for itself"),
        ("change_it", "fallback: find_order only reads, and change_it does not"),
    ],
)
def test_a_fallback_that_can_never_be_used_is_an_error_in_the_tool_and_in_its_rule(tmp_path, fallback, message):
    change = """
    from tools import tool
    change_it = tool(scope="x", effect="write", name="change_it", examples=["c"], reply="x")
    kit.tools.add(change_it(find_order))
"""
    own = TOOL.replace('effect="read"', f'effect="read", fallback="{fallback}"') + change
    name, line, severity, said = only(read(shop_at(tmp_path, plugin_dot_py=own))[1])
    assert (name, line, severity, said[: len(message) + 12]) == ("plugin.py", 4, "error", f"find_order: {message}")
    rules = f"tools:\n  find_order:\n    permission: auto\n    fallback: {fallback}\n"
    found = read(shop_at(tmp_path, plugin_dot_py=TOOL + change, tools_dot_yaml=rules))[1]
    name, line, severity, said = only(found)
    assert (name, line, severity, said[: len(message) + 18]) == (
        "tools.yaml",
        4,
        "error",
        f"tools.find_order: {message}",
    )


def test_a_tool_that_can_be_taken_back_is_advised_about_once(tmp_path):
    undo = """
    async def take_back(caller, result): ...
    from tools import tool
    change = tool(scope="x", effect="write", name="change_it", examples=["c"], reply="x", undo=take_back)
    kit.tools.add(change(find_order))
"""
    shop, problems = read(shop_at(tmp_path, plugin_dot_py=TOOL + undo))
    assert problems == []
    assert shop is not None
    assert [spec.name for spec in shop.offered()] == ["change_it", "find_order", "undo_change_it"]


# site.yaml: allowed, and probably not meant

SITE_ADVICE = [
    ("reasoning: full\n", 4, "reasoning: full shows customers the model's own thinking"),
    ("identity: {secret_env: NOT_SET}\n", 4, "the environment variable NOT_SET is not set"),
    ("languages: [de]\n", 4, "the shop's own language 'en' is not among"),
    ("hours: {weekly: {mon: closed}}\n", 4, "people never answer"),
]


@pytest.mark.parametrize(("text", "line", "message"), SITE_ADVICE, ids=[message for *_, message in SITE_ADVICE])
def test_what_is_probably_not_meant_is_a_warning(tmp_path, text, line, message):
    shop, problems = read(shop_at(tmp_path, site_dot_yaml=SITE + text), SET="x" * 40)
    assert shop is not None
    name, at, severity, said = only(problems)
    assert (name, at, severity) == ("site.yaml", line, "warning")
    assert message in said


def test_origins_that_are_missing_or_not_encrypted_are_warned_of(tmp_path):
    no_origin = only(read(shop_at(tmp_path, site_dot_yaml="key: pk_test\nname: T\n"))[1])
    assert "origins: none is listed" in no_origin[3]
    bad = "key: pk_test\nname: T\norigins:\n  - http://shop.example\n  - http://localhost:3000\n"
    _, line, _, said = only(read(shop_at(tmp_path, site_dot_yaml=bad))[1])
    assert line == 4
    assert "not encrypted" in said


def test_a_secret_that_is_set_is_no_problem(tmp_path):
    root = shop_at(tmp_path, site_dot_yaml=SITE + "identity: {secret_env: MINE}\n")
    assert read(root, MINE="x" * 40)[1] == []


def test_files_with_nearly_the_right_name_are_warned_of(tmp_path):
    root = shop_at(tmp_path, tools_dot_yml="tools: {}\n")
    assert only(read(root)[1])[3] == "this file is not read; rename it to tools.yaml"


def test_problems_are_sorted_by_file_line_and_column():
    places = [("b", 1, 1), ("a", 10, 1), ("a", 9, 2), ("a", 9, 1)]
    problems = sorted(Problem(Path(name), line, column, "error", "x") for name, line, column in places)
    assert [(str(p.file), p.line, p.column) for p in problems] == [("a", 9, 1), ("a", 9, 2), ("a", 10, 1), ("b", 1, 1)]


def test_a_broken_workflow_is_an_error_to_check_and_is_not_offered_by_a_server_that_runs(tmp_path, caplog):
    (tmp_path / "site.yaml").write_text("key: pk_test\nname: T\norigins: [https://a.example]\n")
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "bad.yaml").write_text("examples: [x]\nsteps:\n  - call: nothing\n  - end: done\n")
    (tmp_path / "workflows" / "good.yaml").write_text("examples: [y]\nsteps:\n  - say: Hello.\n  - end: done\n")
    checked, problems = read_shop(tmp_path, data=tmp_path / "data", environment={})
    assert checked is None
    assert any("bad.yaml:3" in str(problem) and problem.severity == "error" for problem in problems)
    served, _ = read_shop(tmp_path, data=tmp_path / "data", environment={}, articles=False)
    assert served is not None and [*served.workflows] == ["good"]
    assert "bad.yaml:3" in caplog.text
