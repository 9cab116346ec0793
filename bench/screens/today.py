"""Today: the demo shop with customers who write now, and two colleagues at its desk; what the desk's and the chat's pictures show.

Everything is said over the real sockets; nothing is written behind the server's back.
"""

import contextlib
import io
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from PIL import Image, ImageDraw

from bench.screens.past import SITE
from tests.e2e.desk.colleague import Colleague, add_staff
from tests.e2e.desk.forms import Sheet
from tests.serving import ROOT, Client, Server

SHOP: Final = ROOT / "examples" / "demo-shop"
WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALWAYS: Final = {"timezone": "Europe/Vienna", "weekly": {day: ["00:00-24:00"] for day in WEEK}}
"""Hours of a shop that is open whenever pictures are taken: else nobody would be asked for a person at night."""
ADA: Final = "ada@example.com"
BEN: Final = "ben@example.com"
REFUND: Final = (
    "I want a refund for order 1042: a sole came off.",
    "a part",
    "The sole of one boot came off; 62 euros would be fair.",
)
FACE_PX: Final = 256
SECONDS_FOR_A_TURN: Final = 60


@dataclass(frozen=True, slots=True)
class Today:
    """A running shop. `held` are conversations by whose they are; `ada` and `ben` sit at the desk."""

    server: Server
    ada: Colleague
    ben: Colleague
    held: dict[str, str]

    @property
    def cookie(self) -> tuple[str, str]:
        """What signs a browser in as Ada."""
        return "shopbell_desk", self.ada.http.cookies["shopbell_desk"]


def copied(place: Path, *, always_open: bool) -> Path:
    """A copy of the demo shop that pages may write into."""
    shutil.copytree(SHOP, place, ignore=shutil.ignore_patterns("__pycache__"))
    if always_open:
        site = yaml.safe_load((place / "site.yaml").read_text("utf-8"))
        (place / "site.yaml").write_text(yaml.safe_dump(site | {"hours": ALWAYS}, allow_unicode=True), "utf-8")
    return place


def face() -> bytes:
    """A portrait in three colours, as PNG."""
    side = FACE_PX
    picture = Image.new("RGB", (side, side), "#d9c7a3")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((side * 0.16, side * 0.64, side * 0.84, side * 1.4), fill="#2f5d4a")
    draw.ellipse((side * 0.27, side * 0.12, side * 0.73, side * 0.66), fill="#5b3a29")
    draw.ellipse((side * 0.32, side * 0.24, side * 0.68, side * 0.7), fill="#e8b48f")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@contextmanager
def serving(place: Path, data: Path, *, always_open: bool) -> Iterator[Server]:
    """The demo shop, with accounts of an admin and a colleague."""
    shop = copied(place, always_open=always_open)
    add_staff(data, ADA, role="admin")
    add_staff(data, BEN)
    with Server(shop, data, demo=True) as server:
        yield server


def identity(server: Server, customer: str) -> str:
    """A sign-in of one of the demo's customers."""
    answer = httpx.post(f"{server.url}/demo/identity", json={"customer": customer})
    return str(answer.raise_for_status().json()["identity"])


def signed_in(server: Server, email: str) -> Colleague:
    """A colleague with a session, not at the desk yet."""
    colleague = Colleague(server, email)
    answer = colleague.sign_in()
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise RuntimeError(f"expected {email} to be signed in, got {answer.status_code}")
    return colleague


@contextlib.asynccontextmanager
async def held(server: Server) -> AsyncIterator[Today]:
    """Customers who write, and what colleagues do about it."""
    ada, ben = signed_in(server, ADA), signed_in(server, BEN)
    csrf = ada.http.get("/desk/account").text.partition('data-csrf="')[2].partition('"')[0]
    ada.http.post("/desk/account/picture", content=face(), headers={"X-CSRF": csrf}).raise_for_status()
    await ada.open()
    await ben.open()
    async with contextlib.AsyncExitStack() as open_:

        async def customer(who: str | None, *words: str) -> tuple[Client, str]:
            client = await open_.enter_async_context(Client(server, site=SITE, origin=server.url))
            page = {"url": f"{server.url}/product/alpin-boots", "title": "Alpin boots"}
            proof: dict[str, Any] = {"identity": identity(server, who)} if who else {}
            welcome = await client.hello(locale="en", page=page, **proof)
            for text in words:
                await client.answered(await client.say(text), SECONDS_FOR_A_TURN)
            return client, welcome["conversation"]

        today = Today(server, ada, ben, {})
        _, today.held["elif"] = await customer("cus_elif", "What is your return policy for sale items?")
        _, mara = await customer("cus_mara", *REFUND)
        today.held["mara"] = mara
        await ben.send("watch", conversation=mara, site=SITE)
        await ben.send("tag", conversation=mara, site=SITE, tag="warranty", on=True)
        note = "@Ada second pair with this sole; the maker pays."
        await ben.send("note", conversation=mara, site=SITE, id="n1", text=note)
        await ben.until(lambda: "note" in ben.kinds(mara))
        jonas, name = await customer("cus_jonas", "How long do I have to return something?", "Where is my order 1039?")
        today.held["jonas"] = name
        await jonas.say("I'd like to talk to a person")
        await jonas.event(lambda e: e["kind"] == "mode" and e["body"]["mode"] == "waiting")
        await take(today, name)
        await ada.reply(
            name, "Hello Jonas, this is Ada. I've asked the carrier to leave the jacket with your neighbour on Monday."
        )
        await jonas.event(lambda e: e["kind"] == "message" and e["role"] == "staff")
        _, today.held["guest"] = await customer(None, "Do you offer gift wrapping?", "I'd like to talk to a person")
        yield today
    await ada.close()
    await ben.close()


async def take(today: Today, conversation: str) -> None:
    """Ada takes a conversation, and has it."""
    await today.ada.send("watch", conversation=conversation, site=SITE)
    await today.ada.send("take", conversation=conversation, site=SITE)
    await today.ada.until(
        lambda: any(e["kind"] == "mode" and e["body"].get("mode") == "staff" for e in today.ada.log(conversation))
    )


def settled(ada: Colleague) -> None:
    """Three changes of the settings, the last of them undone, so that there is a history to see."""
    for action, changes in (
        ("/desk/settings/greeting", {"greeting": "Grüß Gott! What can we do for you?"}),
        ("/desk/settings/permissions", {"auto_up_to": "60.00"}),
    ):
        page = ada.http.get(f"{action}?site={SITE}")
        having = {"value": "refund_charge"} if action.endswith("permissions") else None
        answer = Sheet(ada.http, page, action, having).send(**changes)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise RuntimeError(f"expected {action} to be saved, got {answer.status_code}: {answer.text[:2000]}")
    history = ada.http.get(f"/desk/settings/history?site={SITE}")
    Sheet(ada.http, history, "/desk/settings/history").send()
