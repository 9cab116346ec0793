"""A shop directory is loaded with its plugin, and everything that is wrong with it is said with its place.

Every directory here is written by the test that reads it.
"""

import os
import sys
from pathlib import Path

import pytest

from server.shop import Shop, ShopError, load_shop, load_shops, read_shop
from server.site import Problem
from tools import Caller, Rule, run

SITE = "key: pk_test\nname: Test\norigins: [https://shop.example]\n"
TOOL = '''
from tools import Caller, tool

@tool(scope="orders.read", effect="read", examples=["where is my order"], reply="{{ result }}")
async def find_order(caller: Caller, order_id: str) -> str:
    """Find an order."""
    return order_id

def setup(kit):
    kit.tools.add(find_order)
'''


def shop_at(root: Path, **files: str) -> Path:
    """A directory with these files; `__` in a name is `/`, `_dot_` is `.`."""
    for name, text in {"site_dot_yaml": SITE, "help__a_dot_md": "# A\n\nText.\n", **files}.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def read(root: Path, **environment: str) -> tuple[Shop | None, list[tuple[str, int, str, str]]]:
    shop, problems = read_shop(root, data=root.parent / "data", environment=environment)
    return shop, [(os.path.relpath(p.file, root), p.line, p.severity, p.message) for p in problems]


def only(problems: list[tuple[str, int, str, str]]) -> tuple[str, int, str, str]:
    (problem,) = problems
    return problem


async def test_a_shop_without_mistakes_loads_without_a_word(tmp_path):
    root = shop_at(tmp_path / "shop", plugin_dot_py=TOOL, tools_dot_yaml="tools: {find_order: {permission: confirm}}\n")
    shop, problems = read(root)
    assert problems == []
    assert shop is not None
    assert shop.site.key == "pk_test"
    assert [spec.name for spec in shop.registry] == ["find_order"]
    assert shop.rules == {"find_order": Rule(permission="confirm")}
    assert shop.help_dir == root / "help"
    spec = shop.registry.get("find_order")
    assert spec.where == f"{root / 'plugin.py'}:4"
    assert (await run(spec, Caller("pk_test", "c"), {"order_id": "7"})).result == "7"


def test_a_directory_without_plugin_and_tools_is_a_shop_too(tmp_path):
    shop, problems = read(shop_at(tmp_path))
    assert problems == []
    assert shop is not None
    assert (len(shop.registry), shop.sources, shop.rules) == (0, (), {})


def test_load_shop_raises_with_all_problems_and_shows_the_errors(tmp_path):
    root = shop_at(tmp_path, site_dot_yaml="key: x\nnam: y\n")
    with pytest.raises(ShopError) as caught:
        load_shop(root, data=tmp_path)
    assert len(str(caught.value).splitlines()) == 3
    assert str(caught.value).startswith(f"{root / 'site.yaml'}:1:")


def test_every_file_is_looked_at_even_if_all_are_broken(tmp_path):
    root = shop_at(
        tmp_path,
        site_dot_yaml="key: x\nname: y\n",
        tools_dot_yaml="tools: {a: {permission: x}}\n",
        plugin_dot_py="def setup(kit:\n",
        help__a_dot_md="---\ntitle: [x]\n---\n# A\n",
    )
    shop, problems = read(root)
    assert shop is None
    assert {name for name, _, severity, _ in problems if severity == "error"} == {
        "site.yaml", "tools.yaml", "plugin.py", "help/a.md",
    }  # fmt: skip


def test_a_server_starts_whatever_stands_in_the_articles(tmp_path):
    root = shop_at(tmp_path, help__a_dot_md="---\ntitle: [x]\n---\n# A\n")
    assert load_shop(root, data=tmp_path, environment={}).site.key == "pk_test"
    assert read(root)[0] is None


def test_a_directory_that_is_none_is_said(tmp_path):
    assert "no such directory" in only(read(tmp_path / "nowhere")[1])[3]
    (tmp_path / "empty").mkdir()
    assert any("there is no site.yaml here" in message for *_, message in read(tmp_path / "empty")[1])


def test_two_shops_with_one_key_are_refused(tmp_path):
    one, two = shop_at(tmp_path / "one"), shop_at(tmp_path / "two")
    with pytest.raises(ShopError, match="'pk_test' is also that of"):
        load_shops([one, two], data=tmp_path)


# The plugin

PLUGINS = [
    ("import no_such_module\n", 1, "ModuleNotFoundError: No module named 'no_such_module'"),
    ("import os\nfrom .db import x\ndef setup(kit): ...\n", 2, "use kit.load"),
    ("x = 1\n", 1, "there is no `def setup(kit):`"),
    ("\nasync def setup(kit): ...\n", 2, "setup must be a plain function"),
    ("setup = 3\n", 1, "setup must be a plain function"),
    ("def setup(kit):\n    helper()\n\ndef helper():\n    1 / 0\n", 5, "ZeroDivisionError"),
    ("def setup(kit):\n    kit.tools.add(print)\n", 2, "TypeError: expected a function made with @tool"),
    ("def setup(kit):\n    kit.sources.add(3)\n", 2, "TypeError: expected a source"),
    ("def setup():\n    ...\n", 1, "TypeError: setup() takes 0 positional arguments"),
    ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
    ("def setup(kit):\n    kit.instructions = 3\n", 1, "kit.instructions: expected text, got 3"),
    ("def setup(kit):\n    kit.model = 3\n", 1, "kit.model: expected a name"),
    ("def setup(kit):\n    kit.load('../x.py')\n", 2, "ValueError: expected a file inside"),
    ("def setup(kit):\n    kit.load('x.py')\n", 2, "FileNotFoundError: no such file"),
    (TOOL + "    kit.tools.add(find_order)\n", 11, "two tools are called 'find_order'"),
    (TOOL.replace("order_id: str)", "customer_id: str)"), 4, "no tool takes a customer id"),
    (TOOL.replace("async def", "def"), 4, "must be an async function"),
    (TOOL.replace('effect="read"', 'effect="look"'), 4, "effect must be read, write or money"),
    ("def setup(kit):\n  \tif True:\n\tpass\n", 3, "TabError"),
    ("x = '\n", 1, "SyntaxError"),
]


@pytest.mark.parametrize(("code", "line", "message"), PLUGINS, ids=[message for *_, message in PLUGINS])
def test_whatever_goes_wrong_in_a_plugin_is_said_with_its_line(tmp_path, code, line, message):
    shop, problems = read(shop_at(tmp_path, plugin_dot_py=code))
    assert shop is None
    name, at, severity, said = only(problems)
    assert (name, at, severity) == ("plugin.py", line, "error")
    assert message in said


def test_an_error_in_a_helper_file_is_said_at_the_helpers_line(tmp_path):
    root = shop_at(
        tmp_path, plugin_dot_py="def setup(kit):\n    kit.load('lib/db.py')\n", lib__db_dot_py="x = 1\n1 / 0\n"
    )
    name, line, *_ = only(read(root)[1])
    assert (name, line) == ("lib/db.py", 2)


def test_helper_files_come_by_kit_load_once_and_under_a_name_of_the_sites_own(tmp_path):
    code = (
        "def setup(kit):\n"
        "    a, b = kit.load('db.py'), kit.load('./db.py')\n"
        "    kit.instructions = f'{a is b} {a.__name__} {a.__file__}'\n"
    )
    root = shop_at(tmp_path, plugin_dot_py=code, db_dot_py="x = 1\n")
    shop, _ = read(root)
    assert shop is not None
    same, name, file = shop.instructions.split()
    assert (same, file) == ("True", str(root / "db.py"))
    assert name.startswith("shopbell_plugin_pk_5ftest.")


def test_a_plugin_may_be_a_package_with_relative_imports(tmp_path):
    root = shop_at(tmp_path, plugin____init___dot_py="x", plugin__db_dot_py="WORDS = 'from the package'\n")
    (root / "plugin" / "__init__.py").write_text(
        "from .db import WORDS\ndef setup(kit):\n    kit.instructions = WORDS\n"
    )
    shop, problems = read(root)
    assert problems == []
    assert shop is not None
    assert shop.instructions == "from the package"


def test_a_plugin_file_and_a_plugin_package_together_are_an_error(tmp_path):
    root = shop_at(tmp_path, plugin_dot_py="def setup(kit): ...\n")
    (root / "plugin").mkdir()
    (root / "plugin" / "__init__.py").write_text("")
    assert "only plugin.py is read" in only(read(root)[1])[3]


def test_loading_never_changes_the_path_and_keeps_the_real_file(tmp_path, capsys):
    before = list(sys.path)
    code = "print('noise')\ndef setup(kit):\n    print('more')\n    kit.instructions = __file__\n"
    shop, _ = read(shop_at(tmp_path, plugin_dot_py=code))
    assert shop is not None
    assert sys.path == before
    assert shop.instructions == str(tmp_path / "plugin.py")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "noise\nmore\n")  # stdout is for the line that says the server is ready


def test_two_shops_plugins_do_not_meet(tmp_path):
    code = (
        "import sys\nSEEN = []\ndef setup(kit):\n    SEEN.append(kit.site.key)\n    kit.instructions = ' '.join(SEEN)\n"
    )
    one = shop_at(tmp_path / "one", plugin_dot_py=code)
    two = shop_at(tmp_path / "two", plugin_dot_py=code, site_dot_yaml=SITE.replace("pk_test", "pk_te-st"))
    three = shop_at(tmp_path / "three", plugin_dot_py=code, site_dot_yaml=SITE.replace("pk_test", "pk_te_st"))
    shops = load_shops([one, two, three], data=tmp_path)
    assert [shop.instructions for shop in shops] == ["pk_test", "pk_te-st", "pk_te_st"]


def test_loading_again_sees_the_changed_files(tmp_path):
    root = shop_at(
        tmp_path, plugin_dot_py="def setup(kit):\n    kit.instructions = kit.load('w.py').W\n", w_dot_py="W = 'one'\n"
    )
    assert read(root)[0].instructions == "one"
    shop_at(
        root,
        plugin_dot_py="def setup(kit):\n    kit.instructions = kit.load('w.py').W + '!!'\n",
        w_dot_py="W = 'second'\n",
    )
    assert read(root)[0].instructions == "second!!"


def test_the_kit_knows_the_shop_and_a_private_data_directory(tmp_path):
    code = (
        "def setup(kit):\n"
        "    kit.instructions += f'|{kit.site.key}|{kit.dir}|{kit.data}'\n"
        "    kit.model = 'openai/x'\n"
        "    (kit.data / 'shop.db').write_text('x')\n"
    )
    root = shop_at(tmp_path / "shop", plugin_dot_py=code, site_dot_yaml=SITE + "instructions: Be kind.\n")
    shop, _ = read(root)
    data = tmp_path / "data" / "shops" / "pk_test"
    assert shop is not None
    assert shop.instructions == f"Be kind.|pk_test|{root}|{data}"
    assert shop.kit.model == "openai/x"
    assert data.stat().st_mode & 0o777 == 0o700


def test_no_data_directory_is_made_where_nobody_asks_for_one(tmp_path):
    read(shop_at(tmp_path / "shop", plugin_dot_py=TOOL))
    assert not (tmp_path / "data").exists()


def test_a_source_is_kept(tmp_path):
    code = "class S:\n    async def documents(self):\n        return []\ndef setup(kit):\n    kit.sources.add(S())\n"
    shop, _ = read(shop_at(tmp_path, plugin_dot_py=code))
    assert shop is not None
    assert [type(source).__name__ for source in shop.sources] == ["S"]


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
