"""Routes: which URL is answered by which part. The HTTP half of the composition root.

It holds no logic of its own.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.websockets import WebSocket

from server import alerts, app, auth, blocks, crossing, desk, socket
from server.after import Ratings
from server.app import Running
from server.conversation import key_of, site_of
from server.editing import Editing
from server.events import Event, NewEvent, Viewer, visible
from server.http import (
    admin,
    assets,
    desk_account,
    desk_articles,
    desk_insights,
    desk_settings,
    desk_workflows,
    files,
    health,
    links,
    rest,
)
from server.http import demo as demo_pages
from server.http import desk as desk_pages
from server.http.answers import bearer
from server.insights import Insights, Table
from server.keys import Keys
from server.live import later
from server.metrics import Metrics
from server.passes import Pass
from server.ports import Conflict, Find
from server.settings import signing_secret
from server.shop import Shop
from server.staff import Accounts, Staff

DEMO_IDENTITY_S = 3_000
"""How long a demo customer stays signed in: under the hour that the contract allows."""


def build(running: Running, *, demo: bool, opened: Pass) -> Starlette:
    """The ASGI application. `opened` is what lets the command line in."""

    async def chat(websocket: WebSocket) -> None:
        await socket.chat(websocket, running.line)

    async def linked(websocket: WebSocket) -> None:
        await socket.chat(websocket, running.line, linked=True)

    routes: list[BaseRoute] = [
        WebSocketRoute("/v1/chat", chat),
        WebSocketRoute("/c/v1/chat", linked),
        *_health(running),
        *assets.routes(),
        *rest.routes(_rest(running)),
        *admin.routes(running.admin.run, opened),
        *links.routes(running.door.reopen, _ratings(running), running.door.allows),
        *_desk(running),  # after the links' own page: the attachments are below /c too
    ]
    if demo:
        routes += _demo(running)
    return Starlette(routes=routes, exception_handlers={HTTPException: rest.unrouted, Exception: rest.unrouted})


def _desk(running: Running) -> list[BaseRoute]:
    """The desk's pages and its socket."""
    settings = running.parts.settings
    accounts = Accounts(settings.data, clock_ms=app.clock_ms)
    board = desk.Board(running.log, clock_ms=app.clock_ms)
    deeds = desk.Deeds(
        running.log,
        running.approvals,
        poke=running.turns.poke,
        new_id=app.new_id,
        clock_ms=app.clock_ms,
        present=lambda: board.present,
    )
    dispatch = desk.Dispatch(running.log, board, running.sites, clock_ms=app.clock_ms, new_id=app.new_id)
    absent = desk.Absent(running.log, board, running.sites, clock_ms=app.clock_ms)
    running.sweep.chores += [board.look, absent.look, dispatch.look]
    sites = {key: gate.site.name for key, gate in running.gates.items()}

    async def people() -> Sequence[Staff]:
        return await asyncio.to_thread(accounts.everybody)

    running.alerts.attend(alerts.Desk(lambda: board.present, people))
    marks = desk.Marks(running.log, running.door.blocks, people=people, clock_ms=app.clock_ms, new_id=app.new_id)
    asides = desk.Asides(running.log, running.approvals, running.parts.agents, clock_ms=app.clock_ms, new_id=app.new_id)
    beside = desk.Beside(running.log, marks, asides, board, running.post)
    canned: dict[str, list[dict[str, Any]]] = {}

    def changed(key: str, shop: Shop) -> None:
        sites[key] = shop.site.name
        canned[key] = [one.model_dump(mode="json") for one in shop.site.canned]

    for key, shop in running.live.shops.items():
        changed(key, shop)
    running.live.changed.append(changed)
    line = desk.DeskLine(running.log, running.hub, board, deeds, sites, app.new_id, beside, canned, running.line.files)

    async def connect(websocket: WebSocket) -> None:
        session = await desk_pages.signed_in(websocket, accounts)
        if session is None or not desk_pages.same_origin(websocket):
            body = {"error": {"code": "unauthorized", "message": "sign in at /desk first"}}
            await websocket.send_denial_response(JSONResponse(body, status_code=401))
            return

        async def still_good() -> Staff | None:
            return await asyncio.to_thread(accounts.standing, session.id)

        await desk.desk(websocket, line, session, still_good)

    insights, settings_ports = _insights(running), _settings(running, accounts)
    articles = desk_articles.ArticlePorts(settings_ports, running.parts.index, insights, running.syncing)
    faces = desk_account.FacePorts(accounts, running.door.allows)
    attached = [*files.routes(_files(running, accounts)), *desk_account.pictures(faces)]
    return [
        WebSocketRoute("/v1/desk", connect),
        *desk_pages.routes(desk_pages.DeskPorts(accounts, sites)),
        *desk_account.routes(faces),
        *desk_insights.routes(desk_insights.InsightPorts(accounts, sites, insights)),
        *desk_settings.routes(settings_ports),
        *desk_articles.routes(articles),
        *desk_workflows.routes(settings_ports),
        *attached,
        Mount("/c", routes=attached),  # the page for mailed links asks below its own path
    ]


def _settings(running: Running, accounts: Accounts) -> desk_settings.SettingsPorts:
    """What the settings' pages need."""
    live = running.live
    places = {key: shop.dir for key, shop in live.shops.items()}
    editing = Editing(running.parts.settings.data, places, check=live.trial, clock_ms=app.clock_ms)
    return desk_settings.SettingsPorts(accounts, live.shops, editing, live.trial, live.apply, later)


def _ratings(running: Running) -> Ratings:
    secret = signing_secret(running.parts.settings).get_secret_value()
    return Ratings(running.log, running.gates, secret, clock_ms=app.clock_ms)


def _files(running: Running, accounts: Accounts) -> files.FilePorts:
    """Who may send and see attachments."""

    async def visitor(request: Request) -> str:
        token = await running.door.standing(bearer(request))
        origin = request.headers.get("origin")
        if origin is not None and not running.door.allows(origin, token.site):
            raise auth.Refused("forbidden_origin", "this page may not have the chat of this site")
        return key_of(token.site, token.conversation)

    async def staff(request: Request, key: str) -> str:
        session = await desk_pages.signed_in(request, accounts)
        if session is None or (request.method != "GET" and not desk_pages.same_origin(request)):
            raise auth.Refused("unauthorized", "sign in at /desk first")
        if not session.staff.sees(site_of(key)) or (await running.log.load(key)).head == 0:
            raise auth.Refused("not_found", "there is no such conversation")
        return session.staff.id

    secret = signing_secret(running.parts.settings).get_secret_value()
    return files.FilePorts(
        running.line.files, secret, visitor, staff, running.door.allows, clock_ms=app.clock_ms, new_id=app.new_id
    )


def _insights(running: Running) -> Insights:
    """The merchant's numbers."""
    parts = running.parts
    zones: dict[str, ZoneInfo] = {}

    def changed(key: str, shop: Shop) -> None:
        zones[key] = ZoneInfo(shop.site.hours.timezone if shop.site.hours else "UTC")

    for key, shop in running.live.shops.items():
        changed(key, shop)
    running.live.changed.append(changed)

    async def asks(text: str) -> bool:
        # Words of a language that nobody here reads are a question if they have its mark.
        return "?" in text or (await parts.listener.hear(text, before="")).asks

    table = Table(parts.settings.data)
    return Insights(running.log, table, parts.embedder, zones=zones, asks=asks, clock_ms=app.clock_ms)


def _health(running: Running) -> Sequence[BaseRoute]:
    """Health, readiness and metrics."""
    settings = running.parts.settings
    site = running.parts.shops[0].site.key

    async def store() -> None:
        await running.log.store.find(Find(limit=1))

    async def broker() -> None:
        """In this process: it answers as long as anything does."""

    async def retriever() -> None:
        await running.parts.index.count(site)

    async def model() -> None:
        await running.parts.embedder.query("ready")

    checks: dict[str, health.Check] = {"store": store, "broker": broker, "retriever": retriever, "model": model}
    metrics = _metrics(running)
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
    return health.routes(health.Readiness(checks, time.monotonic), metrics, metrics_token=token)


def _metrics(running: Running) -> Metrics:
    """What is counted: open chats, running turns, and what the log gets."""
    metrics = Metrics()
    for name, text in {
        "shopbell_viewers": "Open chats on this node.",
        "shopbell_turns_running": "Conversations that the agent works on, on this node.",
        "shopbell_messages_total": "Messages stored, by who wrote them.",
        "shopbell_turns_total": "Turns ended, by how.",
        "shopbell_turn_seconds": "How long turns took.",
        "shopbell_calls_total": "Tool calls ended, by whether they succeeded.",
    }.items():
        metrics.describe(name, text)
    metrics.gauge("shopbell_viewers", lambda: float(running.hub.watching))
    metrics.gauge("shopbell_turns_running", lambda: float(running.turns.running))

    def heard(key: str, events: Sequence[Event]) -> None:  # noqa: ARG001 - a listener of the log
        for event in events:
            match event.kind:
                case "message":
                    metrics.count("shopbell_messages_total", role=event.role)
                case "turn.ended":
                    metrics.count("shopbell_turns_total", reason=str(event.body.get("reason")))
                    if "ms" in event.body:
                        metrics.observe("shopbell_turn_seconds", event.body["ms"] / 1000)
                case "call.ended":
                    metrics.count("shopbell_calls_total", ok="yes" if event.body.get("ok") else "no")
                case _:
                    pass

    running.log.listeners.append(heard)
    return metrics


def _rest(running: Running) -> rest.RestPorts:
    """What merchants' backends may do."""
    log = running.log

    async def create(site: str) -> str:
        conversation = f"c:{app.new_id()}"
        opened = NewEvent(f"e:{app.new_id()}", "opened", "customer", {})
        await log.append(key_of(site, conversation), [opened])
        return conversation

    async def known(site: str, conversation: str) -> str:
        key = key_of(site, conversation)
        if (await log.load(key)).head == 0:
            raise LookupError(conversation)
        return key

    async def say(site: str, conversation: str, said: str | None, text: str) -> Event:
        key = await known(site, conversation)
        said = said or f"m:{app.new_id()}"
        state = await log.load(key)
        if said not in state.said and await running.door.blocks.holds(state):
            raise auth.Refused("blocked", blocks.sentence(state))
        for taker in (running.line.words, running.line.contacts):
            if (event := await taker.take(key, said, text)) is not None:
                running.turns.poke(key)
                return event
        message = NewEvent(said, "message", "customer", {"text": text})
        again = [crossing.reopening(said)] if state.mode == "closed" and said not in state.said else []
        try:
            *_, event = await log.append(key, [*again, message], after=state.head if again else None)
        except Conflict:
            return await say(site, conversation, said, text)  # opened, or blocked, just now
        await crossing.reopen(log, key, state.head)
        running.turns.poke(key)
        return event

    async def events(site: str, conversation: str, after: int) -> Sequence[Event]:
        return await log.read(await known(site, conversation), after=after)

    keys = Keys(running.parts.settings.data)

    def key_site(key: str) -> str | None:
        site = keys.site(key)
        return site if site in running.gates else None  # a key may be older than its shop's removal

    return rest.RestPorts(key_site, create, say, events)


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
