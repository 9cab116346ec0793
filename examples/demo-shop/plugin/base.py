"""The demo shop's stock and orders: customers, orders, parcels, products and services in a small SQLite file.

It knows nothing of chats and changes nothing: whoever asks for an order names the customer, and gets only that customer's.
"""

import csv
import hashlib
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field
from rapidfuzz import fuzz

OrderNumber = Annotated[
    str, Field(pattern=r"^\d{4}$", description="order number: four digits", examples=["1042", "1031"])
]

TABLES: Final = ("customers", "products", "sizes", "orders", "lines", "parcels", "charges")
ACCOUNT_TABLES: Final = ("subscriptions", "gift_cards", "members", "services")
DAY_COLUMNS: Final = {
    "placed_day": "placed_on",
    "sent_day": "sent_on",
    "expected_day": "expected_on",
    "delivered_day": "delivered_on",
    "day": "charged_on",
    "next_day": "next_on",
    "bought_day": "bought_on",
    "expires_day": "expires_on",
}
"""Columns of the CSV files that count days from today, and what they become."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who has ordered; `country` in English."""

    id: str
    name: str
    email: str
    country: str


@dataclass(frozen=True, slots=True)
class Line:
    """One thing in an order. `price` is for one piece, in euros; `box` is the parcel that it travels in."""

    id: str
    slug: str
    name: str
    size: str
    quantity: int
    price: Decimal
    on_sale: bool
    returnable: bool
    box: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A box on its way, or delivered."""

    box: int
    carrier: str
    tracking: str
    sent_on: date
    expected_on: date
    delivered_on: date | None
    last_scan: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order with what is in it, as it was when the day began. Money is in euros."""

    number: str
    customer: str
    country: str
    placed_on: date
    status: str
    shipping: Decimal
    lines: tuple[Line, ...]
    parcels: tuple[Parcel, ...]

    @property
    def total(self) -> Decimal:
        """What it cost, shipping included."""
        return sum((line.price * line.quantity for line in self.lines), self.shipping)

    def line(self, item: str) -> Line | None:
        """The thing in it with this id."""
        return next((line for line in self.lines if line.id == item), None)

    def delivered_on(self, line: Line) -> date | None:
        """The day on which this thing came; None: not yet."""
        return next((box.delivered_on for box in self.parcels if box.box == line.box), None)


@dataclass(frozen=True, slots=True)
class Charge:
    """Money taken for an order, in euros."""

    id: str
    order: str
    amount: Decimal
    method: str
    on: date


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy. Prices are in euros; `was` is the price before the sale. `sizes` has pieces in stock by size."""

    slug: str
    name: str
    kind: str
    kind_de: str
    price: Decimal
    was: Decimal | None
    weight_g: int
    stock: int
    words: str
    blurb: str
    sizes: tuple[tuple[str, int], ...] = ()


class ShopData:
    """The day's database, made from the CSV files on first use and anew when another day has begun.

    Days in those files count from today, so that an order that is under way stays so.
    """

    def __init__(self, source: Path, place: Callable[[], Path], now: Callable[[], datetime]) -> None:
        """`place` gives the file and is asked on first use, so that a mere check of the shop makes no directory."""
        self._source = source
        self._place = place
        self._now = now
        self._lock = threading.Lock()
        self._built: tuple[Path, date] | None = None

    @property
    def today(self) -> date:
        """The shop's own day."""
        return self._now().date()

    def customer(self, customer: str) -> Customer | None:
        """The customer with this id; None when there is none."""
        rows = self.rows("SELECT id, name, email, country FROM customers WHERE id = ?", customer)
        return Customer(*rows[0]) if rows else None

    def orderer(self, number: str, email: str) -> Customer | None:
        """Who placed the order with this number, if this is the address it was placed with."""
        rows = self.rows(
            "SELECT c.id, c.name, c.email, c.country FROM orders o JOIN customers c ON c.id = o.customer WHERE o.number = ?",
            number,
        )
        found = Customer(*rows[0]) if rows else None
        return found if found is not None and found.email.casefold() == email.strip().casefold() else None

    def order(self, customer: str, number: str) -> Order | None:
        """The order of this customer; None when there is none, or it is another's."""
        return next(iter(self._orders("o.customer = ? AND o.number = ?", (customer, number))), None)

    def orders(self, customer: str) -> list[Order]:
        """All orders of this customer, newest first."""
        return list(self._orders("o.customer = ?", (customer,)))

    def charges(self, customer: str, number: str | None = None) -> list[Charge]:
        """What this customer was charged, for one order or for all, oldest first."""
        rows = self.rows(
            "SELECT * FROM charges WHERE customer = ? AND (? = '' OR order_number = ?) ORDER BY charged_on, at",
            customer,
            number or "",
            number or "",
        )
        return [
            Charge(
                row["id"],
                row["order_number"],
                Decimal(row["amount"]),
                row["method"],
                date.fromisoformat(row["charged_on"]),
            )
            for row in rows
        ]

    def sizes(self, slug: str) -> dict[str, int]:
        """Pieces in stock by size, in the order of the shelf."""
        return {
            row["size"]: row["stock"] for row in self.rows("SELECT * FROM sizes WHERE product = ? ORDER BY rowid", slug)
        }

    def rows(self, sql: str, *values: str) -> list[sqlite3.Row]:
        """Rows of the day's tables."""
        with closing(self._open()) as db:
            return db.execute(sql, values).fetchall()

    def products(self) -> list[Product]:
        """Everything in the shop, in the order of the shelf."""
        with closing(self._open()) as db:
            sizes: dict[str, list[tuple[str, int]]] = {}
            for row in db.execute("SELECT product, size, stock FROM sizes ORDER BY rowid"):
                sizes.setdefault(row["product"], []).append((row["size"], row["stock"]))
            return [_product(row, sizes) for row in db.execute("SELECT * FROM products ORDER BY rowid")]

    def search(self, query: str) -> list[Product]:
        """Products that the words of the query fit best, best first; none if no word fits."""
        wanted = set(_words(query))
        if not wanted:
            return []
        shelf = [(product, set(_words(product.name)), set(_words(_all_words(product)))) for product in self.products()]
        known = [words for _, _, words in shelf]
        scores: dict[str, float] = {}
        for product, name, words in shelf:
            score = 0.0
            for word in wanted:
                found = _nearest(word, words)
                if found is not None:
                    rarity = 1 / sum(found in others for others in known)
                    score += rarity * (3 if found in name else 1)
            scores[product.slug] = score
        best = max(scores.values())
        # Two thirds: "rain jacket" keeps the jackets that are for rain, "jacket" keeps them all.
        fitting = [product for product, _, _ in shelf if best and scores[product.slug] >= best * 2 / 3]
        return sorted(fitting, key=lambda product: -scores[product.slug])

    def _orders(self, where: str, values: tuple[str, ...]) -> Iterator[Order]:
        with closing(self._open()) as db:
            head = (
                "SELECT o.*, c.country FROM orders o JOIN customers c ON c.id = o.customer "  # noqa: S608 - fixed texts
                f"WHERE {where} ORDER BY o.placed_on DESC, o.number DESC"
            )
            for row in db.execute(head, values).fetchall():
                lines = db.execute(
                    "SELECT l.*, p.name, p.was, p.returnable FROM lines l JOIN products p ON p.slug = l.product "
                    "WHERE l.order_number = ? ORDER BY l.rowid",
                    (row["number"],),
                ).fetchall()
                parcels = db.execute("SELECT * FROM parcels WHERE order_number = ? ORDER BY box", (row["number"],))
                yield _order(row, lines, parcels.fetchall())

    def _open(self) -> sqlite3.Connection:
        today = self.today
        with self._lock:
            if self._built is None or self._built[1] != today:
                file = self._place()
                self._build(file, today)
                self._built = file, today
            file = self._built[0]
        db = sqlite3.connect(file)
        db.row_factory = sqlite3.Row
        return db

    def _build(self, file: Path, today: date) -> None:
        stamp = f"{today.isoformat()} {self._fingerprint()}"
        if file.exists():
            with closing(sqlite3.connect(file)) as db:
                row = db.execute("SELECT value FROM meta WHERE key = 'built'").fetchone()
            if row is not None and row[0] == stamp:
                return
        new = file.with_suffix(f".{os.getpid()}.new")
        new.unlink(missing_ok=True)
        with closing(sqlite3.connect(new)) as db:
            db.executescript("BEGIN;" + (self._source / "schema.sql").read_text(encoding="utf-8"))
            for table in (*TABLES, *ACCOUNT_TABLES):
                self._fill(db, table, today)
            db.execute("INSERT INTO meta VALUES ('built', ?)", (stamp,))
            db.commit()
        new.replace(file)  # in one step: another process sees the old file or the new one

    def _fill(self, db: sqlite3.Connection, table: str, today: date) -> None:
        with (self._source / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                values = {DAY_COLUMNS.get(key, key): _value(key, value, today) for key, value in row.items()}
                marks = ", ".join("?" * len(values))
                db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - names from our own files

    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name in ("schema.sql", *(f"{table}.csv" for table in (*TABLES, *ACCOUNT_TABLES))):
            digest.update((self._source / name).read_bytes())
        return digest.hexdigest()[:16]


def _value(key: str, value: str, today: date) -> str:
    """A value of a CSV file, with days counted from today."""
    if key not in DAY_COLUMNS or not value:
        return value
    day = today + timedelta(days=int(value))
    # Parcels move on working days: what was sent, on the one before; what is delivered, on the one after.
    if key in ("sent_day", "placed_day", "day"):
        return (day - timedelta(days=max(0, day.weekday() - 4)) if int(value) else day).isoformat()
    return (day + timedelta(days=(7 - day.weekday()) if day.weekday() > 4 else 0)).isoformat()


def _order(row: sqlite3.Row, lines: list[sqlite3.Row], parcels: list[sqlite3.Row]) -> Order:
    return Order(
        number=row["number"],
        customer=row["customer"],
        country=row["country"],
        placed_on=date.fromisoformat(row["placed_on"]),
        status=row["status"],
        shipping=Decimal(row["shipping"]),
        lines=tuple(_line(line, f"{row['number']}-{n}") for n, line in enumerate(lines, 1)),
        parcels=tuple(_parcel(parcel) for parcel in parcels),
    )


def _line(row: sqlite3.Row, item: str) -> Line:
    return Line(
        id=item,
        slug=row["product"],
        name=row["name"],
        size=row["size"],
        quantity=row["quantity"],
        price=Decimal(row["unit_price"]),
        on_sale=bool(row["was"]),
        returnable=bool(row["returnable"]),
        box=row["box"],
    )


def _parcel(row: sqlite3.Row) -> Parcel:
    return Parcel(
        box=row["box"],
        carrier=row["carrier"],
        tracking=row["tracking"],
        sent_on=date.fromisoformat(row["sent_on"]),
        expected_on=date.fromisoformat(row["expected_on"]),
        delivered_on=date.fromisoformat(row["delivered_on"]) if row["delivered_on"] else None,
        last_scan=row["last_scan"],
    )


def _product(row: sqlite3.Row, sizes: dict[str, list[tuple[str, int]]]) -> Product:
    return Product(
        slug=row["slug"],
        name=row["name"],
        kind=row["kind"],
        kind_de=row["kind_de"],
        price=Decimal(row["price"]),
        was=Decimal(row["was"]) if row["was"] else None,
        weight_g=row["weight_g"],
        stock=row["stock"],
        words=row["words"],
        blurb=row["blurb"],
        sizes=tuple(sizes.get(row["slug"], ())),
    )


_EMPTY: Final = frozenset(
    re.findall(
        r"\w+",
        "a an and any are cost costs do does for from gram grams have heavy how i in is it light many me much my of on "
        "or our price show stock the there this to weigh weighs weight what whats which with you your "
        "das der die ein eine es gibt haben ich ist kostet schwer sie viel was wie",
    )
)
"""Words that fit every product, or none."""


def _words(text: str) -> list[str]:
    """Words in small letters, without plural endings and words that fit every product."""
    found = re.findall(r"[^\W_]+", text.casefold())
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in found if word not in _EMPTY]


def _all_words(product: Product) -> str:
    sale = "sale" if product.was is not None else ""
    return f"{product.name} {product.kind} {product.kind_de} {product.words} {sale}"


def _nearest(word: str, words: set[str]) -> str | None:
    """The same word, or one that is written almost alike; short words must be the same."""
    if word in words:
        return word
    if len(word) < 5:
        return None
    best = max(words, key=lambda other: fuzz.ratio(word, other))
    return best if len(best) > 3 and fuzz.ratio(word, best) >= 84 else None  # 84: one letter wrong in six
