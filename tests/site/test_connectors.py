"""The connectors of a tools.yaml: added to the shop's registry, with every mistake said at its line.

No server is asked here; how connectors behave is in tests/tools/connectors.
"""

import importlib.util
from pathlib import Path

import pytest

from server.commands.check import check
from server.commands.matrix import matrix
from server.shop import Shop, read_shop
from tools import Caller, run, verdict
from tools.connectors import connect, write_lock

SITE = "key: pk_test\nname: Test\norigins: [https://shop.example]\nidentity: {secret_env: S}\n"
FIND = """http:
  find_order:
    description: Find an order.
    url: https://api.example/orders/{order_id}
    params: {order_id: {pattern: '^[0-9]{4}$'}}
    caller: {header.X-Customer: customer}
    effect: read
    scope: orders.read
    examples: [where is my order]
    reply: "{{ result }}"
"""
needs_mcp = pytest.mark.skipif(importlib.util.find_spec("mcp") is None, reason="the mcp extra is not installed")


def read(
    root: Path, tools: str, plugin: str = "", **environment: str
) -> tuple[Shop | None, list[tuple[int, str, str]]]:
    (root / "site.yaml").write_text(SITE)
    (root / "tools.yaml").write_text(tools)
    if plugin:
        (root / "plugin.py").write_text(plugin)
    shop, problems = read_shop(root, data=root / "data", environment={"S": "x" * 40, **environment}, articles=False)
    return shop, [(p.line, p.severity, p.message) for p in problems]


def test_an_http_tool_is_a_tool_like_any_other(tmp_path):
    shop, problems = read(tmp_path, FIND + "tools: {find_order: {permission: confirm, per_customer_per_day: 3}}\n")
    assert problems == []
    assert shop is not None
    assert [spec.name for spec in shop.offered()] == ["find_order"]
    assert shop.registry.get("find_order").where == f"{tmp_path / 'tools.yaml'}:2"
    row = next(line for line in matrix(shop) if line.startswith("find_order ")).split()
    assert row[:5] == ["find_order", "orders.read", "read", "identified", "confirm"]
    caller = Caller("pk_test", "c", customer="cus_1", level="identified")
    assert (
        verdict(shop.registry.get("find_order"), shop.rules.get("find_order"), caller, {"order_id": "1042"}).permission
        == "confirm"
    )


MISTAKES = [
    (FIND.replace("effect: read", "effect: reed"), 7, "error", "expected 'read', 'write' or 'money', got 'reed'"),
    (FIND.replace("scope:", "scop:"), 8, "error", "unknown key `http.find_order.scop`; did you mean `scope`?"),
    (FIND.replace("    scope: orders.read\n", ""), 2, "error", "the key `http.find_order.scope` is missing"),
    (FIND.replace("{order_id: {pattern", "{id: {pattern"), 3, "error", "{order_id} is no argument"),
    (FIND.replace("'^[0-9]{4}$'", "'('"), 2, "error", "http.find_order: params.order_id:"),
    (FIND.replace("reply: \"{{ result }}\"", "reply: \"{{ result\""), 10, "error", "expected a template"),
    (FIND.replace("{4}$'}}", "{4}$', in: cookie}}"), 5, "error", "in: expected 'path', 'query', 'header' or 'body'"),
    ("http: [x]\n", 1, "error", "http: expected an entry for each name"),
    ("http:\n  a: yes\n", 2, "error", "http.a: expected an entry such as"),
    ("http:\n  a b: {}\n", 2, "error", "expected a name of letters, digits, _ and -, got 'a b'"),
    ("mcp:\n  s: {}\n", 2, "error", "either `command` or `url`"),
    ("mcp:\n  s: {command: x, auth: {type: bearer, env: X}}\n", 2, "error", "a program gets its secrets by `env`"),
    ("mcp:\n  s: {url: x}\n", 2, "error", "mcp.s.url: expected https://host/path"),
    ("egress: {allow_private: ['https://a.example']}\n", 1, "error", "expected a host such as"),
    ("egress: {allow: [a]}\n", 1, "error", "unknown key `egress.allow`"),
    ("https: {}\n", 1, "error", "unknown key `https`; known are: tools, http, mcp, egress"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "severity", "message"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_said_at_its_line(tmp_path, text, line, severity, message):
    _, problems = read(tmp_path, text)
    assert problems, text
    found = [problem for problem in problems if message in problem[2]]
    assert found, problems
    assert found[0][:2] == (line, severity)


def test_a_secret_that_is_not_set_is_warned_of(tmp_path):
    shop, problems = read(tmp_path, FIND + "    auth: {type: bearer, env: KEY}\n")
    assert shop is not None
    assert problems == [(2, "warning", "http.find_order: the environment variable KEY is not set: calls will fail")]
    assert read(tmp_path, FIND + "    auth: {type: bearer, env: KEY}\n", KEY="x")[1] == []


def test_a_name_that_a_python_tool_has_is_refused(tmp_path):
    plugin = '''
from tools import Caller, tool

@tool(scope="x", effect="read", examples=["x"], reply="x")
async def find_order(caller: Caller) -> str:
    """X."""
    return "x"

def setup(kit):
    kit.tools.add(find_order)
'''
    shop, problems = read(tmp_path, FIND, plugin)
    assert shop is None
    assert [(line, severity) for line, severity, _ in problems] == [(2, "error")]
    assert "two tools are called 'find_order'" in problems[0][2]


async def test_a_shop_whose_connectors_were_never_started_does_no_harm(tmp_path):
    shop, _ = read(tmp_path, FIND.replace("api.example", "127.0.0.1:1"))
    assert shop is not None
    caller = Caller("pk_test", "c", customer="cus_1", level="identified")
    assert not (await run(shop.registry.get("find_order"), caller, {"order_id": "1042"})).ok
    await shop.connectors.aclose()
    await shop.connectors.aclose()


SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@needs_mcp
def test_mcp_tools_come_from_the_lock_without_a_server(tmp_path):
    tools = {name: {"name": name, "description": f"Do {name}.", "inputSchema": SCHEMA} for name in ("a", "b")}
    write_lock(tmp_path, {"s": tools})
    listed = "      a: {effect: read, scope: x.y, examples: [x], reply: x}\n      c: {effect: read, scope: x}\n"
    text = f"mcp:\n  s:\n    command: /does/not/exist\n    tools:\n{listed}"
    shop, problems = read(tmp_path, text)
    assert shop is not None
    assert {spec.name: (spec.effect, spec.scope) for spec in shop.registry} == {
        "a": ("read", "x.y"),
        "b": ("write", "mcp"),
    }
    said = [(line, message) for line, _, message in problems]
    assert (6, "mcp.s: the server had no tool c when it was pinned; there are: a, b") in said
    assert (2, "mcp.s: b is not listed under tools: it counts as writing, and needs approval") in said


def test_without_the_extra_a_shop_with_mcp_servers_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(connect, "installed", lambda: False)
    shop, problems = read(tmp_path, "mcp: {s: {command: x}}\n")
    assert shop is None
    assert problems == [(1, "error", "mcp.s: MCP servers need one more package: pip install 'shopbell[mcp]'")]


@needs_mcp
def test_a_damaged_lock_is_an_error(tmp_path):
    (tmp_path / "tools.lock").write_text("{")
    shop, problems = read(tmp_path, "mcp: {s: {command: x}}\n")
    assert shop is None
    assert "cannot be read" in problems[0][2]


def test_pinning_a_shop_without_servers_says_so(tmp_path):
    read(tmp_path, FIND)
    lines: list[str] = []
    assert check([tmp_path], tmp_path / "data", lines.append, environment={"S": "0123456789abcdef" * 4}, pin=True) == 0
    assert lines[0].endswith("there are no MCP servers in tools.yaml")
    assert not (tmp_path / "tools.lock").exists()
