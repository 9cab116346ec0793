"""Returns and exchanges: what may come back, until when, and the tools that set it up and take it back.

No money moves here: the refund follows when the parcel is in. The rules are those of help/returns/.
"""

import sqlite3
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from tools import Caller, tool

from .base import Line, Order, OrderNumber, ShopData
from .ledger import Ledger
from .orders import own_line, return_id
from .words import Refused, day_in_words, reply, told

RETURN_DAYS: Final = 30
"""help/returns/returns.md, "How long you have"."""
SALE_RETURN_DAYS: Final = 14
"""help/returns/returns.md, "Sale items"."""
EXCHANGE_COUNTRIES: Final = ("Austria", "Germany", "Italy")
"""help/returns/exchanges.md, "Exchanging abroad"."""
UNDO_S: Final = 3600.0
"""An hour: long enough for "no, the other pair", and the label is hardly on a parcel yet."""

ItemId = Annotated[
    str, Field(pattern=r"^\d{4}-\d{1,2}$", description="id of an item, from find_order", examples=["1042-1"])
]
Reason = Annotated[str, Field(min_length=1, max_length=300, description="why it goes back")]
Size = Annotated[str, Field(min_length=1, max_length=10, description="the new size", examples=["42", "M"])]


class Return(BaseModel):
    """A return that is set up. `label_url` is the page with the label to print."""

    id: str
    order: str
    name: str
    label_url: str


class Exchange(BaseModel):
    """An exchange that is set up: the new size is put aside."""

    id: str
    order: str
    name: str
    size: str
    label_url: str


class TakenBack(BaseModel):
    """A return or exchange that will not happen."""

    id: str


class Sizes(BaseModel):
    """Sizes in stock."""

    sizes: list[str]


class Returns(BaseModel):
    """A customer's open returns and exchanges, newest first."""

    returns: list[Return]


class ReturnDesk:
    """The rules of what may come back."""

    def __init__(self, data: ShopData, ledger: Ledger) -> None:
        self.data = data
        self.ledger = ledger

    def create(self, caller: Caller, order_id: str, item_id: str, reason: str) -> Return:
        """Set up the return of one line of an order."""
        order, line = own_line(self.data, caller, order_id, item_id)

        def work(db: sqlite3.Connection, at: str) -> Return:
            self._check(db, order, line)
            n = _noted(db, at, order, line, size="", reason=reason)
            return Return(id=return_id(n, ""), order=order_id, name=line.name, label_url=_label(return_id(n, "")))

        args = {"order_id": order_id, "item_id": item_id, "reason": reason}
        return self.ledger.once(caller, "create_return", args, Return, work)

    def exchange(self, caller: Caller, order_id: str, item_id: str, size: str) -> Exchange:
        """Put the new size aside and set up the way back for the old one."""
        order, line = own_line(self.data, caller, order_id, item_id)

        def work(db: sqlite3.Connection, at: str) -> Exchange:
            self._check(db, order, line)
            if order.country not in EXCHANGE_COUNTRIES:
                raise Refused(
                    f"Exchanges by post don't work from {order.country}. Please return it and order the right one.",
                    "Ein Umtausch per Post geht von dort nicht. Bitte zurückgeben und neu bestellen.",
                )
            if size not in self._sizes(db, line):
                raise Refused(f"Size {size} is not in stock.", f"Größe {size} ist nicht auf Lager.")
            n = _noted(db, at, order, line, size=size, reason="exchange")
            number = return_id(n, size)
            return Exchange(id=number, order=order_id, name=line.name, size=size, label_url=_label(number))

        args = {"order_id": order_id, "item_id": item_id, "size": size}
        return self.ledger.once(caller, "create_exchange", args, Exchange, work)

    def take_back(self, caller: Caller, tool_name: str, number: str) -> TakenBack:
        """Take a return or an exchange back; what is taken back already stays so."""

        def work(db: sqlite3.Connection, at: str) -> TakenBack:
            row = db.execute(
                "SELECT * FROM returns WHERE n = ? AND customer = ?", (int(number[3:]), caller.customer)
            ).fetchone()
            if row is None or return_id(row["n"], row["size"]) != number:
                raise Refused(
                    f"I can't find {number} among your returns.", f"Unter Ihren Rückgaben finde ich keine {number}."
                )
            db.execute("UPDATE returns SET cancelled_at = ? WHERE n = ? AND cancelled_at IS NULL", (at, row["n"]))
            return TakenBack(id=number)

        return self.ledger.once(caller, tool_name, {"id": number}, TakenBack, work)

    def sizes(self, caller: Caller, order_id: str, item_id: str) -> Sizes:
        """The other sizes of an item that are in stock and not put aside for others."""
        _, line = own_line(self.data, caller, order_id, item_id)
        with self.ledger.reading() as db:
            return Sizes(sizes=self._sizes(db, line))

    def open(self, customer: str) -> Returns:
        """What is set up and not taken back."""
        with self.ledger.reading() as db:
            rows = db.execute(
                "SELECT * FROM returns WHERE customer = ? AND cancelled_at IS NULL ORDER BY n DESC", (customer,)
            ).fetchall()
        found = []
        for row in rows:
            order = self.data.order(customer, row["order_number"])
            line = order and order.line(row["item"])
            number = return_id(row["n"], row["size"])
            if line:
                found.append(Return(id=number, order=row["order_number"], name=line.name, label_url=_label(number)))
        return Returns(returns=found)

    def _check(self, db: sqlite3.Connection, order: Order, line: Line) -> None:
        """Raise Refused unless this may come back now."""
        came = order.delivered_on(line)
        days = SALE_RETURN_DAYS if line.on_sale else RETURN_DAYS
        if order.status not in ("delivered", "partly delivered") or came is None:
            raise Refused(
                f"{line.name}: this has not been delivered yet.", f"{line.name}: Das ist noch nicht zugestellt."
            )
        if not line.returnable:
            raise Refused(f"{line.name} can't be returned.", f"{line.name}: Das können wir nicht zurücknehmen.")
        if (self.data.today - came).days > days:
            what_en, what_de = ("Sale items", "Reduzierte Artikel") if line.on_sale else ("Items", "Artikel")
            raise Refused(
                f"{what_en} can be returned within {days} days of delivery; {line.name} came on {day_in_words(came, 'en')}.",
                f"{what_de} können innerhalb von {days} Tagen nach der Zustellung zurückgegeben werden; "
                f"{line.name} kam am {day_in_words(came, 'de')}.",
            )
        row = db.execute("SELECT * FROM returns WHERE item = ? AND cancelled_at IS NULL", (line.id,)).fetchone()
        if row is not None:
            number = return_id(row["n"], row["size"])
            raise Refused(
                f"{line.name} is on its way back already: {number}.", f"{line.name} geht schon zurück: {number}."
            )

    def _sizes(self, db: sqlite3.Connection, line: Line) -> list[str]:
        rows = db.execute(
            "SELECT size, count(*) AS taken FROM returns WHERE product = ? AND cancelled_at IS NULL GROUP BY size",
            (line.slug,),
        ).fetchall()
        taken = {row["size"]: row["taken"] for row in rows}
        stock = self.data.sizes(line.slug)
        # A line of two pairs needs two of the new size.
        return [size for size, n in stock.items() if size != line.size and n - taken.get(size, 0) >= line.quantity]


def _noted(db: sqlite3.Connection, at: str, order: Order, line: Line, *, size: str, reason: str) -> int:
    made = db.execute(
        "INSERT INTO returns (customer, order_number, item, product, size, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (order.customer, order.number, line.id, line.slug, size, reason, at),
    )
    assert made.lastrowid is not None  # noqa: S101 - SQLite gives one for every insert
    return made.lastrowid


def _label(number: str) -> str:
    return f"/label?number={number}"


def return_tools(shop: ReturnDesk) -> list[Callable[..., Any]]:
    """The tools about returns and exchanges."""

    async def returned(caller: Caller) -> Return | None:
        return await told(caller, lambda: shop.ledger.done(caller, "create_return", Return))

    async def take_return_back(caller: Caller, result: dict[str, Any]) -> TakenBack:
        return await told(caller, lambda: shop.take_back(caller, "undo_create_return", str(result["id"])))

    @tool(
        scope="returns.write",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=returned,
        undo=take_return_back,
        undo_s=UNDO_S,
        label="Setting up the return of item {{ item_id }} from order {{ order_id }}",
        reply=reply("create_return"),
    )
    async def create_return(caller: Caller, order_id: OrderNumber, item_id: ItemId, reason: Reason) -> Return:
        """Set up the return of one item of a delivered order, with its label."""
        return await told(caller, lambda: shop.create(caller, order_id, item_id, reason))

    async def return_cancelled(caller: Caller) -> TakenBack | None:
        return await told(caller, lambda: shop.ledger.done(caller, "cancel_return", TakenBack))

    @tool(
        scope="returns.write",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=return_cancelled,
        label="Taking back return {{ return_id }}",
        reply=reply("taken_back"),
    )
    async def cancel_return(
        caller: Caller,
        return_id: Annotated[
            str, Field(pattern=r"^RT-\d{4,9}$", description="number of the return", examples=["RT-0001"])
        ],
    ) -> TakenBack:
        """Take a return back that is set up and not sent."""
        return await told(caller, lambda: shop.take_back(caller, "cancel_return", return_id))

    @tool(
        scope="returns.read",
        effect="read",
        needs="identified",
        label="Looking at your returns",
        reply=reply("list_returns"),
        examples=[
            "show me my open returns",
            "which of my returns are open",
            "I lost my label, send me the label again",
            "where did my label go",
            "I need my label once more",
            "has what I sent back reached you",
            "what happened to my open return",
            "list my exchanges",
            "is my exchange set up",
            "have you got my parcel back",
            "welche meiner Rückgaben sind offen",
            "wo ist mein Etikett",
        ],
    )
    async def list_returns(caller: Caller) -> Returns:
        """List labels and numbers of what the signed-in customer is sending back (RT-0001, EX-0001)."""
        return await told(caller, lambda: shop.open(caller.customer or ""))

    @tool(
        scope="products.read", effect="read", needs="identified", label="Looking for other sizes", reply=reply("sizes")
    )
    async def find_sizes(caller: Caller, order_id: OrderNumber, item_id: ItemId) -> Sizes:
        """The other sizes of an item of an order that are in stock now."""
        return await told(caller, lambda: shop.sizes(caller, order_id, item_id))

    async def exchanged(caller: Caller) -> Exchange | None:
        return await told(caller, lambda: shop.ledger.done(caller, "create_exchange", Exchange))

    @tool(
        scope="returns.write",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=exchanged,
        label="Exchanging item {{ item_id }} for size {{ size }}",
        reply=reply("create_exchange"),
    )
    async def create_exchange(caller: Caller, order_id: OrderNumber, item_id: ItemId, size: Size) -> Exchange:
        """Put another size of an item aside, and make the label for the old one."""
        return await told(caller, lambda: shop.exchange(caller, order_id, item_id, size))

    async def exchange_cancelled(caller: Caller) -> TakenBack | None:
        return await told(caller, lambda: shop.ledger.done(caller, "cancel_exchange", TakenBack))

    @tool(
        scope="returns.write",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=exchange_cancelled,
        label="Taking back exchange {{ exchange_id }}",
        reply=reply("taken_back"),
    )
    async def cancel_exchange(
        caller: Caller,
        exchange_id: Annotated[
            str, Field(pattern=r"^EX-\d{4,9}$", description="number of the exchange", examples=["EX-0002"])
        ],
    ) -> TakenBack:
        """Take an exchange back that is set up and not sent."""
        return await told(caller, lambda: shop.take_back(caller, "cancel_exchange", exchange_id))

    return [create_return, cancel_return, list_returns, find_sizes, create_exchange, cancel_exchange]
