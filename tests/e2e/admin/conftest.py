"""A server process with a shop whose tools leave traces in files, and the command line against it.

Knows nothing of the server's inside.
"""

import asyncio
import json
import os
import subprocess
import sys

import httpx
import pytest

from tests.e2e.contract.talk import identity
from tests.serving import ROOT, Client, Server, write_shop

PLUGIN = '''
"""Tools that write down each effect, and one that takes until a file is there."""
import asyncio
from decimal import Decimal
from pathlib import Path

from tools import Caller, tool

HERE = Path(__file__).parent


def effect(line):
    with (HERE / "effects.txt").open("a") as file:
        file.write(line + "\\n")


async def until_allowed():
    while not (HERE / "go").exists():
        await asyncio.sleep(0.01)


@tool(scope="orders.refund", effect="money")
async def refund(caller: Caller, order_id: str, amount: Decimal, note: str = "") -> dict:
    """Refund an order."""
    effect(f"refund {caller.customer} {order_id} {amount}")
    return {"amount": amount}


@tool(scope="orders.read", effect="read", timeout_s=50)
async def slow_read(caller: Caller) -> str:
    """Look something up for long."""
    effect("read begun")
    await until_allowed()
    effect("read done")
    return "read"


@tool(scope="orders.write", effect="write", timeout_s=50)
async def slow_write(caller: Caller) -> str:
    """Change something for long."""
    effect("write begun")
    await until_allowed()
    effect("write done")
    return "written"


def setup(kit):
    for fn in (refund, slow_read, slow_write):
        kit.tools.add(fn)
'''
TOOLS = """
tools:
  refund: {permission: approve, auto_up_to: 50.00, per_customer_per_day: 200.00}
  slow_write: {permission: auto}
"""


def _refund(amount, **more):
    return [{"call": {"tool": "refund", "args": {"order_id": "1042", "amount": amount, **more}}}]


SCRIPT = {
    "rules": [
        {"match": "^refund 62$", "calls": [_refund("62.00"), [{"text": "Asked for it."}]]},
        {"match": "^refund 40$", "calls": [_refund("40.00"), [{"text": "Refunded {result}."}]]},
        {
            "match": "^refund hidden$",
            "calls": [_refund("70.00", note="nothing\u202e to see\u200b"), [{"text": "Asked."}]],
        },
        {"match": "^read$", "calls": [[{"call": {"tool": "slow_read"}}], [{"text": "Read it."}]]},
        {"match": "^write$", "calls": [[{"call": {"tool": "slow_write"}}], [{"text": "Wrote it."}]]},
        {"match": "^talk$", "tokens": 100_000, "interval_ms": 2},
        {"match": "^$", "calls": [[{"text": "It is done: {result}"}]]},
        {"match": "", "calls": [[{"text": "Good day."}]]},
    ]
}


class Desk:
    """A shop, its server, and the commands on its data directory."""

    def __init__(self, root, *names):
        self.root = root
        self.data = root / "data"
        self.shops = []
        for name in names:
            shop = write_shop(root / name, key=f"pk_{name}", name=name, plugin=PLUGIN)
            (shop / "tools.yaml").write_text(TOOLS)
            self.shops.append(shop)
        script = root / "script.json"
        script.write_text(json.dumps(SCRIPT))
        self.env = {"SHOPBELL_MODEL": f"scripted:{script}"}
        self.server = Server(self.shops, self.data, **self.env)

    def command(self, *arguments):
        """Start a command; see `run`."""
        known = {key: value for key, value in os.environ.items() if not key.startswith("SHOPBELL_")}
        return [sys.executable, "-m", "server.cli", *map(str, arguments), "--data", str(self.data)], known | self.env

    def run(self, *arguments, data=None):
        """Run a command to its end."""
        command, env = self.command(*arguments)
        if data is not None:
            command[-1] = str(data)
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, timeout=100, check=False)

    async def ran(self, *arguments):
        """The same, while a chat goes on; what it printed, when it succeeded."""
        done = await asyncio.to_thread(self.run, *arguments)
        assert done.returncode == 0, done
        return done.stdout

    async def pending(self, client=None):
        """What waits in the client's conversation, or anywhere, as JSON."""
        found = map(json.loads, (await self.ran("approvals", "list", "--json")).splitlines())
        return [one for one in found if client is None or one["conversation"].endswith(client.welcome["conversation"])]

    def effects(self, about="", shop=0):
        """What the tools have done, as far as it names this."""
        file = self.shops[shop] / "effects.txt"
        return [line for line in file.read_text().splitlines() if about in line] if file.exists() else []

    def all_on(self):
        """Turn on whatever is off."""
        for entry in ask(self).json()["off"]:
            turned = {"site": entry["site"], "tool": entry["tool"], "off": False, "by": "test"}
            assert ask(self, path="switch/turn", body=json.dumps(turned)).status_code == 200

    def visitor(self, shop=0):
        """A browser that is not connected yet."""
        return Client(self.server, site=f"pk_{self.shops[shop].name}")


def held(desk):
    """The pass of the running server."""
    return json.loads((desk.data / "admin.json").read_text())


def ask(desk, *, path="switch/list", port=None, token=None, headers=(), body="{}", method="POST"):
    """Ask at the server's door, as nothing but a test would."""
    known = held(desk)
    wanted = {"Authorization": f"Bearer {known['token'] if token is None else token}"} | dict(headers)
    with httpx.Client(trust_env=False) as web:
        url = f"http://127.0.0.1:{port or known['port']}/v1/admin/{path}"
        return web.request(method, url, headers=wanted, content=body)


async def signed_in(client):
    """Say hello as a customer of this chat's own; the customer's id."""
    customer = f"c-{os.urandom(4).hex()}"
    await client.hello(identity=identity(customer, site=client.site, email=f"{customer}@example.com"))
    return customer


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A running server with two shops."""
    made = Desk(tmp_path_factory.mktemp("desk"), "one", "two")
    with made.server:
        yield made
