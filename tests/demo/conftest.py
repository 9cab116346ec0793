"""Fixtures for the demo: the demo shop loaded from its directory, and its pages with a server's parts made by hand."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from server.http.demo import DemoPorts, routes
from server.shop import Shop, load_shop

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples" / "demo-shop"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return load_shop(SHOP, data=tmp_path_factory.mktemp("data"), environment=os.environ)


def events_of(found: list[dict[str, Any]]) -> Callable[[str, str, int], Awaitable[list[dict[str, Any]]]]:
    async def read(site: str, conversation: str, after: int) -> list[dict[str, Any]]:
        assert (site, conversation) == ("pk_demo_hobnail", "c-mine")
        return [event for event in found if event["seq"] > after]

    return read


def ports() -> DemoPorts:
    events = [{"seq": n, "kind": "note", "role": "system", "body": {"text": f"event {n}"}} for n in range(1, 6)]
    tokens = {"good": ("pk_demo_hobnail", "c-mine"), "elsewhere": ("pk_other", "c-mine")}
    return DemoPorts(events_of(events), tokens.get, lambda customer: f"signed:{customer}")


@pytest.fixture
def client(shop: Shop) -> TestClient:
    return client_for(shop)


def client_for(shop: Shop, *, directory: Path = SHOP, on_loopback: bool = True, address: str = "127.0.0.1") -> TestClient:
    app = Starlette(routes=routes(directory, shop.site, ports(), on_loopback=on_loopback))
    return TestClient(app, base_url="http://127.0.0.1:8000", client=(address, 50000))
