"""A shop that verifies: a log, a clock that the test turns, a letter box, and a call that waits for a proof."""

import asyncio
import contextlib
import itertools
import re

import pytest

from server.events import NewEvent
from server.kit import Guest
from server.log import Log
from server.site import Site
from server.stores.memory import MemoryStore
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore
from server.verify import Delivery, Desk, Verifier, Words

SITE = "pk_test"
KEY = f"{SITE}/c1"
SECRET = "server-secret-server-secret-server-secret"
START_MS = 1_800_000_000_000


class Clock:
    """Unix milliseconds, as the test says."""

    def __init__(self):
        self.ms = START_MS

    def __call__(self):
        return self.ms

    def go(self, seconds):
        self.ms += int(seconds * 1000)


class LetterBox:
    """A mailer. `errors` are raised first, one for each attempt."""

    def __init__(self):
        self.mails = []
        self.errors = []
        self.came = asyncio.Event()

    async def send(self, to, subject, text, *, share=1.0):
        if self.errors:
            raise self.errors.pop(0)
        self.mails.append((to, subject, text))
        self.came.set()

    async def code(self, count=1):
        """The code of the newest mail, once there are `count`."""
        async with asyncio.timeout(60):
            while len(self.mails) < count:
                self.came.clear()
                await self.came.wait()
        return re.search(r"^\s+([0-9]{6})$", self.mails[-1][2], re.M)[1]


class Orders:
    """The shop's own lookup. `asked` is what it was asked for."""

    def __init__(self):
        self.known = {
            ("1042", "mara@example.com"): Guest("g:mara", "Mara@example.com", "Mara"),
            ("2000", "jo@example.org"): Guest("g:jo", "jo@example.org"),
        }
        self.asked = []
        self.before = None

    async def __call__(self, order, email):
        self.asked.append((order, email))
        if self.before is not None:
            await self.before()
        return self.known.get((order, email))


class Shop:
    """One process of a shop that verifies, over a store that outlives it."""

    def __init__(self, store, clock, *, box=None, orders=None, guests=True, ids=None):
        self.store = store
        self.clock = clock
        self.log = Log(store)
        self.box = box or LetterBox()
        self.orders = orders or Orders()
        site = Site.model_validate({"key": SITE, "name": "Hobnail"})
        desks = {SITE: Desk(site, self.box, self.orders if guests else None)}
        self.ids = ids or itertools.count(1)
        self.delivery = Delivery(desks, before_s=0, pauses_s=(0, 0), close_s=0)
        self.verifier = Verifier(self.log, self.delivery, SECRET, clock_ms=clock, new_id=lambda: f"i{next(self.ids)}")
        self.words = Words(self.log, self.verifier, desks)

    async def put(self, *events, key=KEY):
        """Append (kind, role, body[, turn[, id]]) rows."""
        rows = [NewEvent(rest[1] if len(rest) > 1 else f"s:{next(self.ids)}", kind, role, body, rest[0] if rest else None)
                for kind, role, body, *rest in events]  # fmt: skip
        return await self.log.append(key, rows)

    async def ask(self, call="call:1", *, verify="sign_in", key=KEY, args=None, until_s=900):
        """A call that waits for a proof, as a turn leaves it."""
        turn = f"t:{call}"
        args = {"order_id": "1042"} if args is None else args
        asked = {"call": call, "of": "customer", "verify": verify, "label": "Look", "args": args,
                 "expires_ms": self.clock.ms + until_s * 1000, "caller": {"customer": None, "level": "anonymous"}}  # fmt: skip
        await self.put(
            ("message", "customer", {"text": "where is 1042?"}, None, f"m-{call[5:]}"),
            ("turn.started", "system", {"attempt": 1}, turn),
            ("call.planned", "agent", {"call": call, "tool": "find_order", "args": args, "label": "Look"}, turn),
            ("call.asked", "system", asked, turn),
            ("turn.ended", "system", {"reason": "waiting", "answers": [f"m-{call[5:]}"]}, turn),
            key=key,
        )

    async def sign_in(self, customer="c-7", email="ann@example.net", *, until_s=3600, key=KEY):
        body = {
            "customer": customer,
            "verified": "identified",
            "until_ms": self.clock.ms + until_s * 1000,
            "email": email,
        }
        await self.put(("identified", "system", body), key=key)

    async def send(self, frame="v1", *, call="call:1", order="1042", email="mara@example.com", key=KEY):
        await self.verifier.send(key, call, frame, order=order, email=email)

    async def check(self, code, frame, *, call="call:1", key=KEY):
        await self.verifier.check(key, call, frame, code)

    async def state(self, key=KEY):
        return await self.log.load(key)

    async def level(self, key=KEY):
        known = (await self.state(key)).identity
        return known.level(self.clock.ms) if known is not None else "anonymous"

    async def bodies(self, kind, key=KEY):
        return [event.body for event in await self.log.read(key) if event.kind == kind]

    async def tried(self, key=KEY):
        """What came of each try: (ok, left)."""
        return [(body["ok"], body["left"]) for body in await self.bodies("verify.tried", key)]


def wrong(code):
    """Another code."""
    return f"{(int(code) + 1) % 10**6:06d}"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, clock, tmp_path):
    if request.param == "memory":
        yield MemoryStore(clock_ms=clock)
        return
    owner = Owner(tmp_path)
    store = SqliteStore.open(owner, clock_ms=clock)
    yield store
    await store.close()
    owner.release()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def open_shop(clock):
    """Opens processes over one store (`on`), or over the fixture's own."""
    async with contextlib.AsyncExitStack() as stack:
        own = MemoryStore(clock_ms=clock)

        async def opened(on=None, **parts):
            shop = Shop(on or own, clock, **parts)
            await stack.enter_async_context(shop.delivery)
            return shop

        yield opened


@pytest.fixture
async def shop(open_shop):
    """A shop with a guest's call that waits for a proof."""
    shop = await open_shop()
    await shop.ask()
    return shop
