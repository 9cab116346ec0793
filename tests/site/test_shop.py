"""A shop directory is loaded with its plugin, and everything that is wrong with it is said with its place.

Every directory here is written by the test that reads it.
"""

import os
import sys
from pathlib import Path

import pytest

from retrieval.types import SourceError
from server.shop import Shop, ShopError, load_shop, load_shops, read_shop
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
    assert [type(source.source).__name__ for source in shop.sources] == ["S"]


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("return Document('a.md')", 4, "TypeError: Document.__init__() missing"),
        ("return [Document.of('a.md', 'A'), 'B']", None, "S.documents(): expected retrieval.types.Document, got 'B'"),
        ("raise ConnectionError('the shelf is away')", 4, "ConnectionError: the shelf is away"),
    ],
)
async def test_a_source_that_fails_is_told_with_the_line_of_the_plugin(tmp_path, body, line, said):
    code = f"from retrieval.types import Document\nclass S:\n    async def documents(self):\n        {body}\n"
    shop, _ = read(shop_at(tmp_path, plugin_dot_py=f"{code}def setup(kit):\n    kit.sources.add(S())\n"))
    (source,) = shop.sources
    with pytest.raises(SourceError) as told:
        await source.documents()
    assert said in str(told.value)
    assert f"plugin.py:{line}" in str(told.value) or line is None
