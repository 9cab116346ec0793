"""Routes: which URL is answered by which part. The HTTP half of the composition root.

It holds no logic of its own.
"""

import time

from starlette.applications import Starlette
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from server import app, auth, socket
from server.app import Running
from server.conversation import key_of
from server.events import Viewer, visible
from server.http import assets
from server.http import demo as demo_pages
from server.http.demo_pages import WIDGET

DEMO_IDENTITY_S = 3_000
"""How long a demo customer stays signed in: under the hour that the contract allows."""


def build(running: Running, *, demo: bool) -> Starlette:
    """The ASGI application."""

    async def chat(websocket: WebSocket) -> None:
        await socket.chat(websocket, running.line)

    routes: list[BaseRoute] = [WebSocketRoute("/v1/chat", chat), *assets.routes(WIDGET / "dist")]
    if demo:
        routes += _demo(running)
    return Starlette(routes=routes)


def _demo(running: Running) -> list[BaseRoute]:
    """The storefront of the demo's shop, with its panel."""
    settings = running.parts.settings
    key = app.demo_sites(running.gates)[0]
    shop = running.parts.by_key[key]
    gate = running.gates[key]

    async def read_events(site: str, conversation: str, after: int) -> list[dict[str, object]]:
        events = await running.log.read(key_of(site, conversation), after=after)
        return [seen.wire() for event in events if (seen := visible(event, Viewer("staff"))) is not None]

    def check_token(text: str) -> tuple[str, str] | None:
        token = running.door.check_token(text)
        return (token.site, token.conversation) if token is not None else None

    def sign_identity(customer: str) -> str:
        known = next(one for one in shop.site.demo.customers if one.id == customer)
        kid, secret = next(iter(gate.identity_secrets.items()))
        now_s = time.time()
        identity = auth.Identity(known.id, known.email, known.name or None, int(now_s) + DEMO_IDENTITY_S)
        return auth.sign_identity(secret, identity, site_key=key, now_s=now_s, kid=kid)

    ports = demo_pages.DemoPorts(read_events, check_token, sign_identity)
    on_loopback = settings.host in ("127.0.0.1", "localhost", "::1")
    return demo_pages.routes(shop.dir, shop.site, ports, on_loopback=on_loopback)
