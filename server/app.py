"""App: the composition root. Makes every part once, connects them, and lets go of them in the right order.

It holds no logic of its own: what it decides is only which part is used.
"""

import asyncio
import contextlib
import ctypes
import functools
import gc
import hashlib
import hmac
import logging
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from retrieval.embed import make_embedder
from retrieval.index import Index, open_index
from retrieval.remembered import FILE as VECTORS
from retrieval.remembered import remembering
from retrieval.sources import MarkdownFolder
from retrieval.types import Embedder, Source
from server import auth, socket
from server.admin import Admin
from server.after import Contacts, Post, PostOffice, Use, link_of
from server.agents import Supplies, agent_of
from server.alerts import Alerts, office_of
from server.approvals import Approvals
from server.conversation import Conversation
from server.files import Files
from server.hub import Hub
from server.insights import Table
from server.limits import Buckets
from server.live import Live, Places
from server.log import Log
from server.mail import directory_of, mailer_of
from server.ports import Listener, Store
from server.questions import EVERY
from server.records import Records
from server.session import Door, Gate
from server.settings import Settings, SettingsError, embedding_class, signing_secret
from server.shop import Shop, Tagged, load_shops
from server.shop.connect import egress_of
from server.site import Site, read_tools
from server.stores.memory import MemoryStore
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore
from server.sweep import Sweep
from server.switches import SwitchedRules, Switches
from server.syncing import Syncing
from server.turns import Agent, Turns
from server.unattended import Unattended
from server.verify import Delivery, Desk, Verifier, Words
from tools.connectors.client import Client

logger = logging.getLogger(__name__)


def clock_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """128 random bits, 22 characters."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a process has opened: shops, log, index and the agents that answer."""

    settings: Settings
    shops: Sequence[Shop]
    store: Store
    index: Index
    embedder: Embedder
    agents: dict[str, Agent]
    supplies: Supplies
    switches: Switches
    listener: Listener
    node: str = field(default_factory=new_id)

    @property
    def by_key(self) -> dict[str, Shop]:
        """The shops by their site's key."""
        return {shop.site.key: shop for shop in self.shops}


@contextlib.asynccontextmanager
async def open_parts(settings: Settings, *, remember: bool = True) -> AsyncIterator[Parts]:
    """Own the data directory and open everything in it. `remember=False` keeps the log in memory (`shopbell chat`).

    Raises:
        SettingsError, ShopError, StoreFailed, BadSwitch: with a message for the person at the command line.
    """
    check_broker(settings)
    shops = load_shops(settings.shops, data=settings.data)
    for shop in shops:
        shop.kit.mail.send_by(mailer_of(settings, shop.site))
    async with contextlib.AsyncExitStack() as stack:
        owner = stack.enter_context(Owner(settings.data))
        store = open_store(settings, owner) if remember else MemoryStore(clock_ms=clock_ms)
        stack.push_async_callback(store.close)
        embedder = open_embedder(settings)
        index = open_configured_index(settings, embedder)
        stack.push_async_callback(index.close)
        switches = Switches(settings.data)
        remembered = remembering(embedder, settings.data / VECTORS)
        stack.callback(remembered.close)
        supplies = Supplies(settings, remembered, index)
        stack.push_async_callback(supplies.close)
        agents = {shop.site.key: _under(switches, agent_of(shop, supplies)) for shop in shops}
        yield Parts(settings, shops, store, index, embedder, agents, supplies, switches, supplies.ears)


def open_store(settings: Settings, owner: Owner) -> Store:
    """The configured store.

    Raises:
        SettingsError: a store that this version does not have.
    """
    if settings.store == "memory":
        return MemoryStore(clock_ms=clock_ms)
    if settings.store == "sqlite":
        return SqliteStore.open(owner, clock_ms=clock_ms)
    raise SettingsError("SHOPBELL_STORE: PostgreSQL is not supported yet; use sqlite")


def check_broker(settings: Settings) -> None:
    """One node needs no broker.

    Raises:
        SettingsError: a broker that this version does not have.
    """
    if settings.broker != "memory":
        raise SettingsError("SHOPBELL_BROKER: Redis is not supported yet; one node needs no broker: use memory")


def open_embedder(settings: Settings) -> Embedder:
    """The configured embedder. The built-in one loads behind; another LlamaIndex embedding is imported now."""
    embedding_class(settings)
    return make_embedder(settings.embedding, dict(settings.embedding_options))


def open_configured_index(settings: Settings, embedder: Embedder) -> Index:
    """The knowledge index: embedded in the data directory, or a Qdrant server."""
    key = settings.qdrant_key.get_secret_value() if settings.qdrant_key else None
    return open_index(settings.data / "knowledge", embedder=embedder, url=settings.qdrant, key=key)


def sources_of(shop: Shop) -> list[Source]:
    """Where a shop's knowledge comes from: its help/ folder, and what its plugin adds."""
    sources: list[Source] = list(shop.sources)
    if shop.help_dir.is_dir():  # a shop may live on its tools, or on its plugin's sources
        sources.insert(0, MarkdownFolder(shop.help_dir, locale=shop.site.locale))
    tags = shop.site.knowledge.tags
    return [Tagged(source, tags) for source in sources] if tags else sources


def _under(switches: Switches, agent: Agent) -> Agent:
    """The agent, as far as the merchant has not switched it off."""
    site = agent.site.key
    rules = SwitchedRules(agent.rules, agent.registry, switches, site)
    return replace(agent, rules=rules, is_off=functools.partial(switches.is_off, site))


def demo_secret(server_secret: str, site: str) -> str:
    """A secret to sign demo customers with, where the shop's own is not set: derived, so that a restart keeps sign-ins."""
    return hmac.new(server_secret.encode(), f"demo identity {site}".encode(), hashlib.sha256).hexdigest()


def gates_of(
    shops: Sequence[Shop], server_secret: str, *, demo: bool, environment: Mapping[str, str]
) -> dict[str, Gate]:
    """What the door knows about each site."""
    gates = {}
    for shop in shops:
        known = dict(shop.site.identity.secrets_in(environment))
        if demo and not known and shop.site.demo.customers:
            known = {None: demo_secret(server_secret, shop.site.key)}
        gates[shop.site.key] = Gate(shop.site, known)
    return gates


def demo_sites(gates: Mapping[str, Gate]) -> list[str]:
    """The sites that the demo's own pages may open: those with demo customers, else the first."""
    listed = [key for key, gate in gates.items() if gate.site.demo.customers]
    return listed or list(gates)[:1]


def own_origins(host: str, port: int, public_url: str | None) -> list[str]:
    """The origins under which this server's own pages are opened; they count for demo sites only."""
    hosts = ["127.0.0.1", "localhost"] if host in ("127.0.0.1", "localhost", "0.0.0.0", "::", "") else [host]  # noqa: S104 - compared, not bound
    if host in ("::1", "::"):
        hosts.append("[::1]")
    return [f"http://{name}:{port}" for name in dict.fromkeys(hosts)] + ([public_url] if public_url else [])


@dataclass(frozen=True, slots=True)
class Running:
    """The parts that live while the server runs."""

    parts: Parts
    log: Log
    hub: Hub
    turns: Turns
    door: Door
    gates: Mapping[str, Gate]
    line: socket.Line
    approvals: Approvals
    admin: Admin
    sweep: Sweep
    unattended: Unattended
    post: Post
    syncing: Syncing
    alerts: Alerts
    live: Live
    sites: Mapping[str, Site]
    """As they are now, by key."""


@contextlib.asynccontextmanager
async def run_parts(parts: Parts, *, demo: bool, port: int) -> AsyncIterator[Running]:
    """Hub, turns and sweep over the opened parts, until the context ends."""
    settings = parts.settings
    secret = signing_secret(settings).get_secret_value()
    gates = gates_of(parts.shops, secret, demo=demo, environment=os.environ)
    own = own_origins(settings.host, port, settings.public_url) if demo else []
    origins = auth.Origins(
        {key: gate.site.origins for key, gate in gates.items()},
        own=own,
        own_sites=demo_sites(gates) if demo else [],
        pages=own_origins(settings.host, port, settings.public_url),
    )
    mails = directory_of(settings)
    if mails is not None:
        logger.info("mails are written into %s; set SHOPBELL_SMTP to send them", mails.absolute())
    log = Log(parts.store)
    hub = Hub(log, parts.node)
    door = Door(log, gates, origins, secret, clock_ms=clock_ms, new_id=new_id)
    sites = {key: gate.site for key, gate in gates.items()}
    async with contextlib.AsyncExitStack() as stack:
        for shop in parts.shops:
            await stack.enter_async_context(shop.connectors)  # connects behind: it returns at once
        turns = Turns(log, hub, parts.agents, node=parts.node, new_id=new_id, clock_ms=clock_ms)
        await stack.enter_async_context(turns)
        desks = {shop.site.key: Desk(shop.site, shop.kit.mail, shop.kit.guests) for shop in parts.shops}
        delivery = await stack.enter_async_context(Delivery(desks))
        verifier = Verifier(log, delivery, secret, clock_ms=clock_ms, new_id=new_id)
        words = Words(log, verifier, desks)
        approvals = Approvals(log, parts.agents, poke=turns.poke, clock_ms=clock_ms, new_id=new_id)
        parts.switches.listeners.append(functools.partial(_switched, turns, list(parts.agents)))
        files = Files(settings.data)
        records = Records(log, files, Table(settings.data))
        admin = Admin(log, approvals, parts.switches, parts.agents, clock_ms, records)
        sweep = Sweep(log, turns, sites, clock_ms=clock_ms, approvals=approvals, records=records)
        unattended = Unattended(log, sites, clock_ms=clock_ms)
        sweep.chores.append(unattended.look)
        base = settings.public_url or f"http://{settings.host}:{port}"
        offices = {shop.site.key: PostOffice(shop.site, shop.kit.mail) for shop in parts.shops}
        link = functools.partial(_link, secret, base)
        post = Post(log, hub, offices, link=link, clock_ms=clock_ms, new_id=new_id)
        await stack.enter_async_context(post)
        contacts = Contacts(log, gates, on=can_mail(settings))
        if can_mail(settings):
            sweep.chores.append(post.look)
            unattended.escalated.append(post.ask)
        alerts = await stack.enter_async_context(_alerts(parts, log, base))
        sweep.chores.append(alerts.look)
        shops = parts.by_key
        syncing = Syncing(parts.index, functools.partial(_knowledge, shops), clock_ms=clock_ms)
        await stack.enter_async_context(syncing)
        places = Places(shops, parts.agents, gates, sites, desks, offices)
        live = Live(places, parts.supplies, turns, sync=syncing.start, allow=origins.allow)
        async with asyncio.TaskGroup() as group:
            sweeping = group.create_task(sweep.forever())
            line = socket.Line(
                log, hub, turns, door, clock_ms, new_id, Buckets(), verifier, words, contacts, files, post
            )
            yield Running(
                parts,
                log,
                hub,
                turns,
                door,
                gates,
                line,
                approvals,
                admin,
                sweep,
                unattended,
                post,
                syncing,
                alerts,
                live,
                sites,
            )
            sweeping.cancel()


def _knowledge(shops: Mapping[str, Shop], site: str) -> tuple[Sequence[Source], str]:
    shop = shops[site]
    return sources_of(shop), shop.site.locale


def _alerts(parts: Parts, log: Log, base: str) -> Alerts:
    offices = {
        shop.site.key: office_of(
            shop.site, shop.kit.mail, Client(egress_of(read_tools(shop.dir / "tools.yaml", []))), os.environ
        )
        for shop in parts.shops
    }
    mailed = [key for key, office in offices.items() if office.site.alerts.email]
    if mailed and not can_mail(parts.settings):
        logger.warning("site %s: alerts.email: nobody gets one: set SHOPBELL_SMTP", ", ".join(mailed))
    return Alerts(log, offices, base=base, clock_ms=clock_ms)


def _link(secret: str, base: str, state: Conversation, site: Site, use: Use) -> str:
    return link_of(secret, base, state, site, clock_ms(), use)


def can_mail(settings: Settings) -> bool:
    """Whether customers may be promised answers by mail: a mail server is set, or a directory, or this is only for this machine."""
    return (
        settings.smtp is not None or settings.mail_dir is not None or settings.host in ("127.0.0.1", "localhost", "::1")
    )


def _switched(turns: Turns, sites: Sequence[str], site: str, tool: str | None, off: bool) -> None:
    """Stop what runs and must not run any more."""
    for one in sites if site == EVERY else [site]:
        if off:
            turns.cut(one, tool)


_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
"""As glibc's malloc.h numbers them."""
_KEPT_BYTES = 1_000_000
"""Freed memory that stays with the process. glibc starts with 128 KiB, and raises it to twice the largest block that was ever
freed: after the models have been loaded, to so much that nothing is given back (70 MB after the first answer)."""


def spare_memory() -> None:
    """Give back to the system what is freed, and keep few pools of it. With another C library than glibc: nothing."""
    if sys.platform == "linux":
        tune = getattr(ctypes.CDLL(None), "mallopt", None)
        if tune is not None:
            tune(_M_TRIM_THRESHOLD, _KEPT_BYTES)
            tune(_M_ARENA_MAX, 2)


def settle() -> None:
    """Once everything is loaded: keep the garbage collector away from it, and give back what loading has freed.

    Full collections over large libraries were pauses of 76-119 ms. What the embedding model's loading leaves in malloc's
    hands was 70-95 MB of 240 (measured with onnxruntime 1.31, glibc 2.36).
    """
    gc.collect()
    gc.freeze()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
        if trim is not None:
            trim(0)
