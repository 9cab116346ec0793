"""Steps of the tests of MCP tools: a shop directory with a server, pinned, loaded, and called.

They assert nothing.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.commands.check import check
from server.shop import Shop, load_shop
from tools import Caller, Outcome, run

CALLER = Caller("pk_x", "c1", customer="cus_7", email="a@x.example", level="identified", call="call:9")
PROGRAM = Path(__file__).with_name("mcp_shop.py")
TOOLS = """
      find_order: {effect: read, scope: orders.read, caller: {customer_id: customer}, reply: "{{ result.status }}"}
      cancel_order: {effect: write, scope: orders.cancel, needs: identified, errors_are_final: true, name: cancel}
      environment: {effect: read, scope: x}
      wait: {effect: write, scope: x, timeout_s: 0.5}
      long_list: {effect: read, scope: x, max_output_chars: 500}
"""


def write_shop(root: Path, how: str, tools: str = TOOLS) -> Path:
    (root / "site.yaml").write_text("key: pk_x\nname: X\norigins: [https://x.example]\nidentity: {secret_env: S}\n")
    (root / "tools.yaml").write_text(f"mcp:\n  shop:\n    {how}\n    tools:{tools}")
    return root


def over_stdio(root: Path, tools: str = TOOLS) -> Path:
    """A shop whose server is the program of mcp_shop.py, with `root` as its state."""
    args = json.dumps([str(PROGRAM), str(root)])
    how = f"command: {json.dumps(sys.executable)}\n    args: {args}\n    env: [PASSED, S3]"
    return write_shop(root, how, tools)


def said(lines: list[str]) -> Callable[[str], None]:
    return lines.append


async def pin(directory: Path, **environment: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    code = await asyncio.to_thread(
        check,
        [directory],
        directory / "data",
        said(lines),
        environment={"S": "0123456789abcdef" * 4, **environment},
        pin=True,
    )
    return code, lines


def load(directory: Path, **environment: str) -> Shop:
    return load_shop(directory, data=directory / "data", environment=environment)


async def call(shop: Shop, name: str, /, **args: Any) -> Outcome:
    spec = shop.registry.get(name)
    assert spec is not None
    return await run(spec, CALLER, args)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for has no event; the test's own limit ends it
        await asyncio.sleep(0.01)
