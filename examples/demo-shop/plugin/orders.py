"""Orders: the tools that look a customer's own orders up, and give one another address before it is packed.

Another's order looks like none. It pays nothing back and takes nothing back.
"""

import re
import sqlite3
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from tools import Caller, ToolError, tool

from . import base
from .base import OrderNumber, ShopData
from .ledger import Ledger
from .payments import balance
from .words import Refused, Words, both, day_in_words, language, listed, no_order, reply, told

POSTCODES: Final = {"Austria": r"\d{4}", "Germany": r"\d{5}", "Switzerland": r"\d{4}", "Italy": r"\d{5}"}
"""How postcodes look where most parcels go; elsewhere the carrier looks."""

NO_PARCEL: Final = {
    "en": "There is no parcel on its way to you at the moment. Tell me an order number and I'll look at that one.",
    "de": "Im Moment ist kein Paket zu Ihnen unterwegs. Nennen Sie mir eine Bestellnummer, dann sehe ich dort nach.",
}

Part = Annotated[str, Field(min_length=1, max_length=120)]


class Item(BaseModel):
    """One thing in an order. `going_back` is the number of its return or exchange, if there is one."""

    id: str
    name: str
    size: str = ""
    quantity: int
    price: Decimal
    on_sale: bool
    delivered_on: date | None
    going_back: str | None = None
    can_go_back: bool = False
    """Delivered, of a kind that we take back, and not on its way back. How many days there are is another matter."""


class Parcel(BaseModel):
    """Where an order's parcel is. `expected`, `delivered` and `contents` are in words."""

    carrier: str
    tracking: str
    sent_on: date
    expected_on: date
    expected: Words
    late: bool
    delivered_on: date | None
    delivered: Words
    contents: Words
    last_scan: str


class Order(BaseModel):
    """An order. `placed` and `items_text` are in words; `parcel` is the one on its way, else the last that came."""

    number: str
    status: str
    placed_on: date
    placed: Words
    items: list[Item]
    items_text: Words
    total: Decimal
    refunded: Decimal
    currency: str = "EUR"
    delivered_on: date | None
    parcel: Parcel | None
    arrived: Parcel | None
    """The part that has come already, where another is still on its way."""


class Orders(BaseModel):
    """A customer's orders, newest first."""

    orders: list[Order]
    count: int


class Address(BaseModel):
    """Where an order goes now."""

    number: str
    name: str
    street: str
    postcode: str
    town: str


class OrderBook:
    """A customer's orders as they are now: those of the day with what has been done since."""

    def __init__(self, data: ShopData, ledger: Ledger) -> None:
        self.data = data
        self.ledger = ledger

    def order(self, customer: str, number: str) -> Order | None:
        """The order of this customer; None when there is none, or it is another's."""
        found = self.data.order(customer, number) if customer else None
        if found is None:
            return None
        with self.ledger.reading() as db:
            return self._now(db, found)

    def orders(self, customer: str) -> list[Order]:
        """All orders of this customer, newest first."""
        if not customer:
            return []
        with self.ledger.reading() as db:
            return [self._now(db, order) for order in self.data.orders(customer)]

    def update_address(self, caller: Caller, to: Address) -> Address:
        """Send an order that is not packed yet somewhere else in the same country."""
        order = self.data.order(caller.customer or "", to.number)
        if order is None:
            raise no_order(to.number)
        pattern = POSTCODES.get(order.country)
        if pattern is not None and not re.fullmatch(pattern, to.postcode):
            raise Refused(
                f"{to.postcode} is no postcode in {order.country}, and an order can only move within its country.",
                f"{to.postcode} ist keine Postleitzahl im Land der Bestellung; sie kann nur innerhalb davon umziehen.",
            )

        def work(db: sqlite3.Connection, at: str) -> Address:
            if order.status != "received" or _cancelled(db, to.number):
                raise Refused(
                    f"The address of order {to.number} can't be changed any more.",
                    f"Die Adresse der Bestellung {to.number} kann nicht mehr geändert werden.",
                )
            db.execute(
                "INSERT OR REPLACE INTO addresses VALUES (?, ?, ?, ?, ?, ?)",
                (to.number, to.name, to.street, to.postcode, to.town, at),
            )
            return to

        return self.ledger.once(caller, "update_address", to.model_dump(), Address, work)

    def _now(self, db: sqlite3.Connection, order: base.Order) -> Order:
        going_back = {
            row["item"]: return_id(row["n"], row["size"])
            for row in db.execute(
                "SELECT * FROM returns WHERE order_number = ? AND cancelled_at IS NULL", (order.number,)
            )
        }
        known = balance(db, order, self.data.charges(order.customer, order.number))
        boxes = [_parcel(order, box, self.data.today) for box in order.parcels]
        coming = [box for box in boxes if box.delivered_on is None]
        come = [box for box in boxes if box.delivered_on is not None]
        return Order(
            number=order.number,
            status="cancelled" if _cancelled(db, order.number) else order.status,
            placed_on=order.placed_on,
            placed=both(lambda lang: day_in_words(order.placed_on, lang)),
            items=[
                Item(
                    id=line.id,
                    name=line.name,
                    size=line.size,
                    quantity=line.quantity,
                    price=line.price,
                    on_sale=line.on_sale,
                    delivered_on=order.delivered_on(line),
                    going_back=going_back.get(line.id),
                    can_go_back=line.returnable and line.id not in going_back and order.delivered_on(line) is not None,
                )
                for line in order.lines
            ],
            items_text=both(lambda lang: items_in_words(order.lines, lang)),
            total=order.total,
            refunded=known.order_back,
            delivered_on=max((box.delivered_on for box in come if box.delivered_on), default=None),
            parcel=[None, *come, *coming][-1],
            arrived=come[-1] if coming and come else None,
        )


def own_line(data: ShopData, caller: Caller, order_id: str, item_id: str) -> tuple[base.Order, base.Line]:
    """One thing of one of the caller's own orders, with the order.

    Raises:
        Refused: there is none, or it is another's.
    """
    order = data.order(caller.customer or "", order_id)
    if order is None:
        raise no_order(order_id)
    line = order.line(item_id)
    if line is None:
        raise Refused(
            f"There is no item {item_id} in order {order_id}.",
            f"In der Bestellung {order_id} gibt es keinen Artikel {item_id}.",
        )
    return order, line


def return_id(n: int, size: str) -> str:
    """The number of a return, or of an exchange for another size."""
    return f"{'EX' if size else 'RT'}-{n:04}"


def items_in_words(lines: tuple[base.Line, ...], lang: str) -> str:
    """Things of an order: "Alpin boots in size 41 and 2 × Wanderer socks"."""
    size = "in Größe" if lang == "de" else "in size"
    texts = [
        (f"{line.quantity} × " if line.quantity > 1 else "") + line.name + (f" {size} {line.size}" if line.size else "")
        for line in lines
    ]
    return listed(texts, lang)


def _cancelled(db: sqlite3.Connection, number: str) -> bool:
    return db.execute("SELECT 1 FROM cancellations WHERE order_number = ?", (number,)).fetchone() is not None


def _parcel(order: base.Order, box: base.Parcel, today: date) -> Parcel:
    contents = tuple(line for line in order.lines if line.box == box.box)
    return Parcel(
        carrier=box.carrier,
        tracking=box.tracking,
        sent_on=box.sent_on,
        expected_on=box.expected_on,
        expected=both(lambda lang: day_in_words(box.expected_on, lang)),
        late=box.delivered_on is None and box.expected_on < today,
        delivered_on=box.delivered_on,
        delivered=both(lambda lang: day_in_words(box.delivered_on, lang)),
        contents=both(lambda lang: items_in_words(contents, lang)),
        last_scan=box.last_scan,
    )


def order_tools(shop: OrderBook) -> list[Callable[..., Any]]:
    """The tools about a customer's own orders."""

    async def own_order(caller: Caller, number: str) -> Order:
        def look() -> Order:
            found = shop.order(caller.customer or "", number)
            if found is None:
                raise no_order(number)
            return found

        return await told(caller, look)

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
        found = await told(caller, lambda: shop.orders(caller.customer or ""))
        # Five fit a phone's screen.
        return Orders(orders=found[:5], count=len(found))

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
        found = await told(caller, lambda: shop.orders(caller.customer or ""))
        under_way = next((order for order in found if order.parcel and order.parcel.delivered_on is None), None)
        if under_way is None:
            raise ToolError(NO_PARCEL[language(caller)])
        return under_way

    async def address_updated(caller: Caller) -> Address | None:
        return await told(caller, lambda: shop.ledger.done(caller, "update_address", Address))

    @tool(
        scope="orders.address",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=address_updated,
        label="Sending order {{ order_id }} to {{ name }}, {{ street }}, {{ postcode }} {{ town }}",
        reply=reply("update_address"),
    )
    async def update_address(
        caller: Caller, order_id: OrderNumber, name: Part, street: Part, postcode: Part, town: Part
    ) -> Address:
        """Give an order that is not packed yet another delivery address."""
        to = Address(number=order_id, name=name, street=street, postcode=postcode, town=town)
        return await told(caller, lambda: shop.update_address(caller, to))

    return [find_order, list_orders, track_parcel, update_address]
