"""`guests: {tool: NAME}` in site.yaml: a shop without a plugin finds its guests by one of its tools, and the agent never can."""

import asyncio
import contextlib

import pytest

from server.kit import Guest
from server.shop import read_shop

SITE = "key: pk_test\nname: T\norigins: [https://a.example]\nguests: {tool: find_guest}\n"
DENY = "tools:\n  find_guest: {permission: deny}\n"
PLUGIN = '''
from tools import Caller, ToolError, tool

@tool(scope="orders.read", effect="read", reply="-", examples=["x"])
async def find_guest(caller: Caller, order: str, email: str):
    """Find a guest."""
    if order == "404":
        raise ToolError("Nothing was found.")
    known = {"1042": {"customer": 7, "email": email, "name": "Mara", "phone": "1"}, "1": {}, "2": {"id": 1}, "3": None, "4": "no"}
    return known[order]

def setup(kit):
    kit.tools.add(find_guest)
'''


def load(directory, *, site=SITE, tools=DENY, plugin=PLUGIN):
    (directory / "site.yaml").write_text(site)
    (directory / "tools.yaml").write_text(tools)
    if plugin:
        (directory / "plugin.py").write_text(plugin)
    shop, problems = read_shop(directory, data=directory / "data", environment={"KEY": "k" * 40}, articles=False)
    return shop, [str(problem) for problem in problems if problem.severity == "error"]


async def test_a_tool_finds_guests(tmp_path):
    shop, errors = load(tmp_path)
    assert errors == []
    assert await shop.kit.guests("1042", "mara@example.com") == Guest("7", "mara@example.com", "Mara")


@pytest.mark.parametrize("order", ["404", "1", "2", "3", "4"])
async def test_what_the_tool_refuses_or_leaves_empty_is_nobody(tmp_path, order):
    shop, _ = load(tmp_path)
    assert await shop.kit.guests(order, "mara@example.com") is None


async def test_a_tool_that_fails_is_no_answer(tmp_path):
    shop, _ = load(tmp_path)
    with pytest.raises(OSError):
        await shop.kit.guests("a KeyError", "mara@example.com")


@pytest.mark.parametrize(
    ("tools", "plugin", "expected"),
    [
        ("tools: {}\n", PLUGIN, "permission: deny"),
        ("tools:\n  find_guest: {permission: confirm}\n", PLUGIN, "permission: deny"),
        (DENY, PLUGIN.replace("find_guest", "find_guests"), "there is no tool 'find_guest'"),
        (DENY, PLUGIN.replace("order: str, ", ""), "takes order and email"),
        (DENY, PLUGIN.replace("email: str)", "email: str, day: str)"), "takes order and email"),
        (DENY, PLUGIN.replace('effect="read"', 'effect="write"'), "a tool that reads"),
        (DENY, PLUGIN.replace('effect="read"', 'effect="read", needs="identified"'), "needs no customer"),
        (DENY, f"{PLUGIN}    async def own(order, email): ...\n    kit.guests = own\n", "plugin.py sets kit.guests"),
    ],
)
def test_a_tool_that_cannot_or_must_not_find_guests_is_an_error_at_its_line(tmp_path, tools, plugin, expected):
    shop, errors = load(tmp_path, tools=tools, plugin=plugin)
    assert shop is None
    assert any("site.yaml:4:" in error and expected in error for error in errors), errors


def test_a_tool_that_is_switched_off_for_the_agent_still_finds_guests(tmp_path):
    shop, errors = load(tmp_path, tools="tools:\n  find_guest: {enabled: false}\n")
    assert (errors, shop.offered()) == ([], ())


@contextlib.asynccontextmanager
async def shop_system(answers):
    """A small HTTP server: the path gives status and body."""

    async def serve(incoming, out):
        path = (await incoming.readline()).split()[1].decode()
        status, body = answers.get(path, ("404 Not Found", "{}"))
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close"
        )
        out.write(f"{head}\r\n\r\n{body}".encode())
        await out.drain()
        out.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_shop_without_python_finds_its_guests_over_http(tmp_path):
    found = '{"customer": {"id": 81, "mail": "mara@example.com"}}'
    async with shop_system({"/orders/1042?email=mara%40example.com": ("200 OK", found)}) as port:
        tools = f"""
http:
  find_guest:
    description: Finds who placed an order.
    effect: read
    scope: orders.read
    url: http://127.0.0.1:{port}/orders/{{order}}
    params: {{order: {{}}, email: {{}}}}
    result: {{customer: customer.id, email: customer.mail}}
egress: {{allow_private: ["127.0.0.1:{port}"], allow_http: ["127.0.0.1:{port}"]}}
{DENY}"""
        shop, errors = load(tmp_path, tools=tools, plugin=None)
        assert errors == []
        async with shop.connectors:
            assert await shop.kit.guests("1042", "mara@example.com") == Guest("81", "mara@example.com")
            assert await shop.kit.guests("9999", "mara@example.com") is None
    with pytest.raises(OSError):
        await shop.kit.guests("1042", "mara@example.com")
