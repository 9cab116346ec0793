"""The demo shop's tools: its orders, parcels and products, and how the answers about them are worded.

No tool takes a customer: whose orders they are is in the caller, and another's order looks like none.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tools import Caller, ToolError, tool

OrderNumber = Annotated[
    str, Field(pattern=r"^\d{4}$", description="order number: four digits", examples=["1042", "1031"])
]

MONTHS = {
    "en": "January, February, March, April, May, June, July, August, September, October, November, December",
    "de": "Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, November, Dezember",
}
DAYS = {
    "en": "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday",
    "de": "Montag, Dienstag, Mittwoch, Donnerstag, Freitag, Samstag, Sonntag",
}
MISSING = {
    "en": "I can't find order {} among your orders. The number has four digits and is in every email from us.",
    "de": "Unter Ihren Bestellungen finde ich keine {}. Die Nummer hat vier Ziffern und steht in jeder E-Mail von uns.",
}
NO_PARCEL = {
    "en": "There is no parcel on its way to you at the moment. Tell me an order number and I'll look at that one.",
    "de": "Im Moment ist kein Paket zu Ihnen unterwegs. Nennen Sie mir eine Bestellnummer, dann sehe ich dort nach.",
}


class Words(BaseModel):
    """One thing said in both of the shop's languages; the reply takes the customer's."""

    en: str
    de: str


class Item(BaseModel):
    """One thing in an order."""

    name: str
    size: str = ""
    quantity: int
    price: Decimal


class Parcel(BaseModel):
    """Where an order's parcel is. `expected` and `delivered` are the days in words."""

    carrier: str
    tracking: str
    sent_on: date
    expected_on: date
    expected: Words
    late: bool
    delivered_on: date | None
    delivered: Words
    last_scan: str


class Order(BaseModel):
    """An order. `placed` and `items_text` are in words."""

    number: str
    status: str
    placed_on: date
    placed: Words
    items: list[Item]
    items_text: Words
    total: Decimal
    currency: str = "EUR"
    parcel: Parcel | None


class Orders(BaseModel):
    """A customer's orders, newest first."""

    orders: list[Order]
    count: int


class Product(BaseModel):
    """Something in the shop. `weight` is in words; `sizes` are those that are in stock."""

    name: str
    kind: Words
    price: Decimal
    was: Decimal | None
    currency: str = "EUR"
    weight_g: int
    weight: Words
    stock: int
    sizes: list[str]
    about: str
    url: str


class Products(BaseModel):
    """Products that fit a query, best first."""

    query: str
    products: list[Product]
    count: int


def reply(name: str) -> str:
    """The template that words a tool's result: replies/NAME.jinja, in English and German."""
    return (Path(__file__).parent / "replies" / f"{name}.jinja").read_text(encoding="utf-8").strip()


def language(caller: Caller) -> str:
    """`de` for customers who write German, `en` for everybody else."""
    return "de" if caller.locale[:2].lower() == "de" else "en"


def both(say: Callable[[str], str]) -> Words:
    """What `say` says in each language."""
    return Words(en=say("en"), de=say("de"))


def in_words(day: date | None, lang: str) -> str:
    """A day as people say it; empty without one."""
    if day is None:
        return ""
    weekday, month = DAYS[lang].split(", ")[day.weekday()], MONTHS[lang].split(", ")[day.month - 1]
    return f"{weekday}, {day.day}. {month}" if lang == "de" else f"{weekday}, {day.day} {month}"


def listed(parts: list[str], lang: str) -> str:
    """Several things as one: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + (" und " if lang == "de" else " and ") + parts[-1]


def weight_in_words(grams: int, lang: str) -> str:
    """Grams as a shop writes them: 95 g, 1.98 kg."""
    if grams < 1000:
        return f"{grams} g"
    text = f"{Decimal(grams) / 1000:.2f}".rstrip("0").rstrip(".")
    return f"{text.replace('.', ',') if lang == 'de' else text} kg"


def items_in_words(stored: Any, lang: str) -> str:  # noqa: ANN401 - a record of shopdb.py
    """What is in an order: "Alpin boots in size 41 and 2 × Wanderer socks"."""
    size = "in Größe" if lang == "de" else "in size"
    texts = [
        (f"{line.quantity} × " if line.quantity > 1 else "") + line.name + (f" {size} {line.size}" if line.size else "")
        for line in stored.lines
    ]
    return listed(texts, lang)


def order_of(stored: Any, today: date) -> Order:  # noqa: ANN401 - a record of shopdb.py, which is loaded at run time
    """The order as customers may read it."""
    box = stored.parcel
    return Order(
        number=stored.number,
        status=stored.status,
        placed_on=stored.placed_on,
        placed=both(lambda lang: in_words(stored.placed_on, lang)),
        items=[Item(name=x.name, size=x.size, quantity=x.quantity, price=x.price) for x in stored.lines],
        items_text=both(lambda lang: items_in_words(stored, lang)),
        total=stored.total,
        parcel=box
        and Parcel(
            carrier=box.carrier,
            tracking=box.tracking,
            sent_on=box.sent_on,
            expected_on=box.expected_on,
            expected=both(lambda lang: in_words(box.expected_on, lang)),
            late=box.delivered_on is None and box.expected_on < today,
            delivered_on=box.delivered_on,
            delivered=both(lambda lang: in_words(box.delivered_on, lang)),
            last_scan=box.last_scan,
        ),
    )


def product_of(stored: Any) -> Product:  # noqa: ANN401 - a record of shopdb.py
    """The product as customers may read it."""
    return Product(
        name=stored.name,
        kind=Words(en=stored.kind, de=stored.kind_de),
        price=stored.price,
        was=stored.was,
        weight_g=stored.weight_g,
        weight=both(lambda lang: weight_in_words(stored.weight_g, lang)),
        stock=stored.stock,
        sizes=[size for size, stock in stored.sizes if stock],
        about=stored.blurb,
        url=f"/product?item={stored.slug}",
    )


def order_tools(shop: Any) -> list[Any]:  # noqa: ANN401 - a ShopData
    """The tools about a customer's own orders."""

    async def own_order(caller: Caller, number: str) -> Order:
        lang = language(caller)
        found = await asyncio.to_thread(shop.order, caller.customer, number) if caller.customer else None
        if found is None:
            raise ToolError(MISSING[lang].format(number))
        return order_of(found, shop.today)

    @tool(
        scope="orders.read",
        effect="read",
        needs="identified",
        label="Looking up order {{ order_id }}",
        reply=reply("find_order"),
        examples=[
            "where is my order 1042",
            "what is the status of order 1031",
            "show me order 1009",
            "can you look up my order",
            "I want to know about my order 1042",
            "has my order been sent",
            "did you get my order",
            "is order 1047 packed already",
            "what did I order in 1018",
            "what was in my order",
            "how much did I pay for order 1031",
            "when did I place order 1042",
            "what happened to order 1018",
            "my order hasn't come, it's number 1042",
            "check order number 1024 please",
            "is my order confirmed",
            "any news about order 1042",
            "wie ist der Stand meiner Bestellung 1031",
            "wo bleibt meine Bestellung",
            "was ist mit Bestellung 1042",
        ],
    )
    async def find_order(caller: Caller, order_id: OrderNumber) -> Order:
        """Look up one order of the signed-in customer: what is in it, its status, its total and its parcel."""
        return await own_order(caller, order_id)

    @tool(
        scope="orders.read",
        effect="read",
        needs="identified",
        label="Looking up your orders",
        reply=reply("list_orders"),
        examples=[
            "show me my orders",
            "list all my orders",
            "what have I ordered",
            "what have I bought from you",
            "my order history",
            "which orders do I have",
            "what are my recent orders",
            "I forgot my order number",
            "I don't know my order number",
            "how many orders have I placed",
            "do I have any open orders",
            "what did I buy last month",
            "give me an overview of my purchases",
            "all my past orders please",
            "can you see my orders",
            "zeig mir alle meine Bestellungen",
            "welche Bestellungen habe ich",
        ],
    )
    async def list_orders(caller: Caller) -> Orders:
        """List the newest orders of the signed-in customer with number, day, contents, total and status."""
        found = await asyncio.to_thread(shop.orders, caller.customer) if caller.customer else []
        # Five fit a phone's screen.
        return Orders(orders=[order_of(order, shop.today) for order in found[:5]], count=len(found))

    @tool(
        scope="orders.read",
        effect="read",
        needs="identified",
        label="Tracking the parcel{{ ' for order ' ~ order_id if order_id is defined and order_id else '' }}",
        reply=reply("track_parcel"),
        examples=[
            "track my parcel",
            "where is my parcel",
            "where is my package right now",
            "when will my parcel arrive",
            "when will it arrive",
            "when is it going to be delivered",
            "which day does it come",
            "what's my tracking number",
            "give me the tracking for order 1042",
            "track order 1042",
            "who is delivering my parcel",
            "which carrier has my package",
            "has my parcel left the warehouse",
            "my package is late",
            "my parcel still hasn't arrived",
            "is the delivery coming today",
            "expected delivery date of order 1039",
            "wann kommt mein Paket an",
            "wo ist mein Paket",
            "Sendungsnummer für Bestellung 1042",
        ],
    )
    async def track_parcel(caller: Caller, order_id: OrderNumber | None = None) -> Order:
        """Say where the parcel of an order is and when it should arrive. Without a number: the newest one on its way."""
        if order_id is not None:
            return await own_order(caller, order_id)
        lang = language(caller)
        found = await asyncio.to_thread(shop.orders, caller.customer) if caller.customer else []
        under_way = next((order for order in found if order.status == "sent"), None)
        if under_way is None:
            raise ToolError(NO_PARCEL[lang])
        return order_of(under_way, shop.today)

    return [find_order, list_orders, track_parcel]


def product_tool(shop: Any) -> Any:  # noqa: ANN401 - a ShopData
    """The tool about what is on the shelf."""

    @tool(
        scope="products.read",
        effect="read",
        label="Looking in the shop for {{ query }}",
        reply=reply("find_product"),
        examples=[
            "how much is the Ridge tent",
            "how heavy is the Kar tent",
            "what does the Basecamp tent weigh",
            "weight of the Larch 45 pack",
            "do you have the Alpin boots in stock",
            "are the Scree boots available in 42",
            "is the Föhn jacket in stock",
            "do you sell headlamps",
            "show me your rain jackets",
            "I'm looking for a sleeping bag",
            "which tents do you have",
            "price of the Kettle stove",
            "what do the Couloir skis cost",
            "which is the lightest pack you sell",
            "I need a warm jacket",
            "what sizes of the Meadow shoes do you have",
            "got any trekking poles",
            "tell me about the Pebble mat",
            "was kostet das Ridge Zelt",
            "haben Sie Rucksäcke",
        ],
    )
    async def find_product(
        caller: Caller,  # noqa: ARG001 - every tool has one
        query: Annotated[
            str,
            Field(
                min_length=1,
                max_length=200,
                description="product: its name, or the kind of thing the customer looks for",
                examples=["Ridge tent", "rain jacket", "boots"],
            ),
        ],
    ) -> Products:
        """Search the shop's products by name or kind; gives price, weight, stock and sizes of each."""
        found = await asyncio.to_thread(shop.search, query)
        return Products(query=query, products=[product_of(one) for one in found[:4]], count=len(found))

    return find_product


def setup(kit: Any) -> None:  # noqa: ANN401 - a server.kit.Kit; a plugin imports nothing from the server
    """Give the agent the shop's tools."""
    shop = kit.load("shopdb.py").ShopData(kit.dir / "data", lambda: kit.data / "shop.sqlite")
    for fn in (*order_tools(shop), product_tool(shop)):
        kit.tools.add(fn)
