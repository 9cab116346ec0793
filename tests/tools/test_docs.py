"""docs/tools.md: what is written there is added to a new shop directory, and works, from the customer's question on."""

import asyncio
import inspect
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.commands.check import check
from server.commands.init import init
from server.shop import Shop, load_shop
from tests.tools.connectors.conftest import Shop as System
from tests.tools.connectors.conftest import answer, shop_running
from tools import Caller, Outcome, ToolSpec, reconcile, run, tool, undo_refused, undoing, verdict

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")
SECRET = "0123456789abcdef" * 4


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.M | re.S)


def block(language: str, containing: str) -> str:
    return next(code for code in blocks(language) if containing in code)


PYTHON, STOCK = blocks("python")[:2]
HTTP, MCP = blocks("yaml")[:2]


def lines_of(code: str) -> int:
    return len([line for line in code.splitlines() if line.strip() and not line.startswith("#")])


def test_each_kind_of_tool_takes_fewer_than_fifteen_lines():
    assert ("def setup(kit)" in PYTHON, "http:" in HTTP, "mcp:" in MCP) == (True, True, True)
    assert max(lines_of(PYTHON), lines_of(HTTP), lines_of(STOCK) + lines_of(MCP)) < 15


def test_the_page_names_every_field_of_the_decorator():
    for name in inspect.signature(tool).parameters:
        assert f"| `{name}` |" in PAGE, name


def test_the_page_names_every_field_of_the_caller():
    for name in [*Caller.__dataclass_fields__, "verified"]:
        assert f"`{name}`" in PAGE, name


def new_shop(root: Path, environment: dict[str, str], said: Callable[[str], None], **files: str) -> Shop:
    """What `shopbell init` writes, with these files in it, looked at and pinned by `shopbell check --pin`."""
    assert init(root, lambda _: None) == 0
    for name, text in files.items():
        (root / name.replace("_dot_", ".")).write_text(text, encoding="utf-8")
    with (root / "site.yaml").open("a", encoding="utf-8") as file:
        file.write("\nidentity: {secret_env: SHOP_IDENTITY}\n")
    code = check(
        [root], root.parent / "data", said, environment=environment, pin="mcp:" in files.get("tools_dot_yaml", "")
    )
    assert code == 0
    return load_shop(root, data=root.parent / "data", environment=environment)


def to_loopback(text: str, port: int) -> str:
    """The page's own YAML, with the shop's system on this machine."""
    here = f"127.0.0.1:{port}"
    egress = f'egress: {{allow_private: ["{here}"], allow_http: ["{here}"]}}\n'
    return text.replace("https://api.shop.example", f"http://{here}") + egress


ORDER = {"order": {"id": "1042", "status": "on its way", "lines": [{"title": "Boots"}], "customer_note": "secret"}}


async def test_the_three_tools_answer_a_customer_of_a_new_shop(tmp_path, monkeypatch):
    pytest.importorskip("mcp", reason="the mcp extra is not installed")
    python = tmp_path / "bin" / "python"  # as the page calls it; here it is the one that runs the tests
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(python.parent), prepend=os.pathsep)
    environment = {"SHOP_API_KEY": "k3y", "SHOP_IDENTITY": SECRET}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with shop_running() as system:
        system.says["/customers/cus_1/orders/1042"] = answer(ORDER)
        lines: list[str] = []
        await asyncio.to_thread(
            new_shop,
            tmp_path / "shop",
            environment,
            lines.append,
            plugin_dot_py=PYTHON,
            stock_dot_py=STOCK,
            tools_dot_yaml=to_loopback(HTTP + MCP, system.port),
        )
        assert "new     stock.in_stock" in "\n".join(lines)
        said = await chat(
            tmp_path,
            "do you wrap gifts?",
            "is the red mug in stock?",
            "where is my order 1042?",
            "where is my order 9999?",
        )
    assert "We wrap gifts for 4.00." in said
    assert "We have 3 of the red mug." in said
    assert "Order 1042 is on its way." in said
    assert "There is no order 9999 on your account." in said
    assert {got.headers["authorization"] for got in system.got} == {"Bearer k3y"}
    assert {got.target.rpartition("/")[0] for got in system.got} == {"/customers/cus_1/orders"}


async def chat(root: Path, *messages: str) -> str:
    """What `shopbell chat` prints to the customer cus_1 who writes these messages."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", "chat", "--shop", str(root / "shop"), "--data", str(root / "chat"),
        "--customer", "cus_1",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    out, errors = await process.communicate("".join(f"{message}\n" for message in messages).encode())
    assert process.returncode == 0, errors.decode()
    return out.decode()


# The longer examples


@pytest.fixture
def refunds(tmp_path: Path) -> Shop:
    return new_shop(
        tmp_path / "shop",
        {"SHOP_IDENTITY": SECRET},
        lambda _: None,
        plugin_dot_py=block("python", "reconcile=look_up"),
        tools_dot_yaml="tools: {refund: {permission: auto, per_site_per_day: 100}}\n",
    )


CALLER = Caller("pk_x", "c1", customer="cus_1", level="identified", call="call:1")
REFUND = {"order_id": "1042", "amount": "20.00"}


def known(shop: Shop, name: str) -> ToolSpec:
    spec = shop.registry.get(name)
    assert spec is not None
    return spec


async def test_the_refund_of_the_page_is_found_when_its_end_was_lost(refunds):
    spec = known(refunds, "refund")
    assert (await reconcile(spec, CALLER, REFUND)).happened is False
    done = await run(spec, CALLER, REFUND)
    found = await reconcile(spec, CALLER, REFUND)
    assert (found.happened, found.result) == (True, done.result)


async def test_the_refund_of_the_page_is_taken_back_after_somebody_agreed_and_in_its_ten_minutes(refunds):
    spec, undo = known(refunds, "refund"), known(refunds, "undo_refund")
    done = await run(spec, CALLER, REFUND)
    assert verdict(undo, refunds.rules.get("undo_refund"), CALLER, {"call": "call:1"}).permission == "approve"
    fine = {"tool": "refund", "ok": True, "ended_ms": 0, "undone": False}
    assert undo_refused(undo, **fine, now_ms=600_000) is None
    assert undo_refused(undo, **fine, now_ms=600_001) is not None
    back = await run(undoing(undo, spec, REFUND, done.result), CALLER, {"call": "call:1"})
    assert back.result == "The refund for order 1042 is cancelled."
    assert (await reconcile(spec, CALLER, REFUND)).happened is False


async def test_the_reservation_of_the_page_is_made_and_taken_back_over_http(tmp_path):
    async with shop_running() as system:
        system.says |= {"/reservations": answer({"id": 77}, 201), "/reservations/77": answer({"id": 77, "gone": True})}
        shop = await asyncio.to_thread(reserving, tmp_path, system)
        async with shop.connectors:
            spec, undo = known(shop, "reserve"), known(shop, "undo_reserve")
            made = await run(spec, CALLER, {"sku": "MG-12"})
            back: Outcome = await run(undoing(undo, spec, {"sku": "MG-12"}, made.result), CALLER, {"call": "call:1"})
    assert (made.result, back.result) == ({"id": 77}, {"id": 77, "gone": True})
    first, second = system.got
    assert (first.method, first.json) == ("POST", {"sku": "MG-12", "customer": "cus_1"})
    assert (second.method, second.target) == ("DELETE", "/reservations/77")
    for name in ("reserve", "undo_reserve"):
        args: dict[str, Any] = {"sku": "MG-12"} if name == "reserve" else {"call": "call:1"}
        assert verdict(known(shop, name), shop.rules.get(name), CALLER, args).permission == "confirm"


def reserving(root: Path, system: System) -> Shop:
    text = to_loopback(block("yaml", "undo_reserve"), system.port)
    return new_shop(root / "shop", {"SHOP_IDENTITY": SECRET}, lambda _: None, tools_dot_yaml=text)


def test_the_matrix_of_the_page_is_what_check_prints(tmp_path):
    lines: list[str] = []
    new_shop(
        tmp_path / "shop",
        {"SHOP_IDENTITY": SECRET},
        lines.append,
        plugin_dot_py=block("python", "reconcile=look_up"),
        tools_dot_yaml="tools: {refund: {permission: approve, auto_up_to: 50.00, per_customer_per_day: 100.00}}\n",
    )
    shown = re.findall(r"^(?:tool|refund)  +.*$", PAGE, flags=re.M)
    assert len(shown) == 2
    printed = {" ".join(line.split()) for line in lines}  # the columns are as wide as the widest of all tools
    assert {" ".join(line.split()) for line in shown} <= printed
