"""What the demo's tests share: the demo shop's place, and its pages with a server's parts made by hand."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

from server.http.demo import DemoPorts, routes
from server.shop import Shop

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "examples" / "demo-shop"


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
