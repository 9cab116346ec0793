"""What the demo's tests share: the demo shop's place, and its pages with a server's parts made by hand."""

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.testclient import TestClient

from server.http.demo import DemoPorts, routes
from server.kit import load_module
from server.shop import Shop
from tools import Caller, Outcome, Registry, run, words

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples" / "demo-shop"


NOON = datetime(2026, 11, 25, 12, 0, tzinfo=ZoneInfo("Europe/Vienna"))
"""A Wednesday in the ski season, when nothing is closed."""


def plugin() -> ModuleType:
    """The demo shop's plugin, loaded once."""
    name = "test_demo_plugin"
    return sys.modules.get(name) or load_module(SHOP / "plugin" / "__init__.py", name)


def caller(customer: str | None = "cus_mara", locale: str = "en", call: str = "") -> Caller:
    level = "anonymous" if customer is None else "identified"
    return Caller(site="pk_demo_hobnail", conversation="c", customer=customer, level=level, locale=locale, call=call)


class Till:
    """The shop's tools over files in one directory, by a clock that stands. Made anew, it is the shop after a restart."""

    def __init__(self, shop: Shop, directory: Path, now: datetime = NOON, source: Path = SHOP) -> None:
        self.now = now
        self.mails: list[tuple[str, str, str]] = []
        self.mail_error: Exception | None = None
        self.tools = Registry()
        self.kit = SimpleNamespace(
            site=shop.site,
            dir=source,
            data=directory,
            tools=self.tools,
            mail=SimpleNamespace(send=self._send),
            guests=None,
        )
        self._calls = 0
        plugin().fill(self.kit, lambda: self.now)

    async def _send(self, to: str, subject: str, text: str) -> None:
        if self.mail_error is not None:
            raise self.mail_error
        self.mails.append((to, subject, text))

    async def call(
        self,
        name: str,
        customer: str | None = "cus_mara",
        /,
        *,
        call: str | None = None,
        locale: str = "en",
        **args: Any,
    ) -> Outcome:
        """Run a tool; every call is another one unless `call` says which."""
        spec = self.tools.get(name)
        assert spec is not None, name
        self._calls += 1
        return await run(spec, caller(customer, locale, call or f"call:{self.now}:{self._calls}"), args)

    async def done(self, name: str, customer: str | None = "cus_mara", /, **args: Any) -> Any:
        """The result of a call that must succeed."""
        outcome = await self.call(name, customer, **args)
        assert outcome.ok, outcome.error
        return outcome.result

    async def refused(self, name: str, customer: str | None = "cus_mara", /, **args: Any) -> str:
        """The words of a call that must be refused, with nothing done."""
        outcome = await self.call(name, customer, **args)
        assert not outcome.ok, outcome.result
        assert not outcome.unknown
        assert outcome.error
        return outcome.error

    def reply(self, name: str, result: Any, locale: str = "en", **args: Any) -> str:
        """How the result is worded."""
        spec = self.tools.get(name)
        assert spec is not None
        return words.template(spec.reply).render(result=result, args=args, caller=caller(locale=locale))


def events_of(found: list[dict[str, Any]]) -> Callable[[str, str, int], Awaitable[list[dict[str, Any]]]]:
    async def read(site: str, conversation: str, after: int) -> list[dict[str, Any]]:
        assert (site, conversation) == ("pk_demo_hobnail", "c-mine")
        return [event for event in found if event["seq"] > after]

    return read


def ports() -> DemoPorts:
    events = [{"seq": n, "kind": "note", "role": "system", "body": {"text": f"event {n}"}} for n in range(1, 6)]
    tokens = {"good": ("pk_demo_hobnail", "c-mine"), "elsewhere": ("pk_other", "c-mine")}
    return DemoPorts(events_of(events), tokens.get, lambda customer: f"signed:{customer}")


def client_for(
    shop: Shop, *, directory: Path = SHOP, on_loopback: bool = True, address: str = "127.0.0.1"
) -> TestClient:
    app = Starlette(routes=routes(directory, shop.site, ports(), on_loopback=on_loopback))
    return TestClient(app, base_url="http://127.0.0.1:8000", client=(address, 50000))
