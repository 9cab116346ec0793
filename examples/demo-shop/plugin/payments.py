"""Payments: what was charged, and the tools that pay money back. Never more than was paid less what went back before.

It moves no real money: a refund is a row in the ledger.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from tools import Caller, tool

from .base import Charge, Order, OrderNumber, ShopData
from .ledger import Ledger
from .words import Refused, euros, no_order, reply, told

NOTHING: Final = Decimal("0.00")
CENT: Final = Decimal("0.01")
SHOWN_DAYS: Final = 120
"""About four statements of a card."""

Euros = Annotated[
    Decimal, Field(gt=0, max_digits=8, decimal_places=2, description="amount in euros", examples=["42.80"])
]
Reason = Annotated[str, Field(min_length=1, max_length=300, description="why it is paid back")]
ChargeId = Annotated[str, Field(pattern=r"^ch_\w{1,20}$", description="id of a charge, from list_charges")]


class ChargeLine(BaseModel):
    """One charge that has not been paid back. `order` is the order's number."""

    id: str
    order: str
    amount: Decimal
    currency: str = "EUR"
    on: date
    method: str


class Charges(BaseModel):
    """A customer's charges, oldest first."""

    charges: list[ChargeLine]


class Refund(BaseModel):
    """Money on its way back, the way it was paid."""

    id: str
    order: str
    amount: Decimal
    currency: str = "EUR"
    method: str


class Cancelled(BaseModel):
    """An order that will not be sent. `refunded` is what goes back."""

    number: str
    refunded: Decimal
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class Balance:
    """Where the money of one order stands, in euros."""

    total: Decimal
    charged: Decimal
    order_back: Decimal
    """Paid back of the order itself."""
    extra_back: Decimal
    """Paid back of what was charged beyond its total."""

    @property
    def extra(self) -> Decimal:
        """What was charged beyond the order's total and is still with us."""
        return max(NOTHING, self.charged - self.total - self.extra_back)

    @property
    def left(self) -> Decimal:
        """What can still be paid back of the order itself."""
        mine = min(self.total, self.charged) - self.order_back
        return max(NOTHING, min(mine, self.charged - self.order_back - self.extra_back))


def balance(db: sqlite3.Connection, order: Order, charges: list[Charge]) -> Balance:
    """The order's balance; `charges` are those of this order."""
    return Balance(
        total=order.total,
        charged=sum((charge.amount for charge in charges), NOTHING),
        order_back=_order_back(db, order.number),
        extra_back=sum((_back(db, charge) for charge in charges), NOTHING),
    )


class Payments:
    """The rules: a charge is paid back only as far as it was one too many, an order only as far as it was paid."""

    def __init__(self, data: ShopData, ledger: Ledger) -> None:
        self.data = data
        self.ledger = ledger

    def charges(self, customer: str) -> Charges:
        """What was charged in the last months and not wholly paid back, oldest first."""
        since = self.data.today - timedelta(days=SHOWN_DAYS)
        found = []
        back: dict[str, Decimal] = {}  # of each order: what went back of it, and is still to be set against its charges
        with self.ledger.reading() as db:
            for one in self.data.charges(customer):
                left = one.amount - _back(db, one)
                pool = back.setdefault(one.order, _order_back(db, one.order))
                back[one.order] = pool - min(left, pool)
                if one.on >= since and left > pool:
                    found.append(
                        ChargeLine(id=one.id, order=one.order, amount=one.amount, on=one.on, method=one.method)
                    )
        return Charges(charges=found)

    def refund_charge(self, caller: Caller, charge_id: str, amount: Decimal, reason: str) -> Refund:
        """Pay back a charge that was one too many."""
        customer = caller.customer or ""
        charge = next((one for one in self.data.charges(customer) if one.id == charge_id), None)
        order = self.data.order(customer, charge.order) if charge is not None else None
        if charge is None or order is None:
            raise Refused(
                f"I can't find the charge {charge_id} among yours.",
                f"Unter Ihren Abbuchungen finde ich keine {charge_id}.",
            )

        def work(db: sqlite3.Connection, at: str) -> Refund:
            known = balance(db, order, self.data.charges(customer, order.number))
            most = min(charge.amount - _back(db, charge), known.extra)
            if amount > most:
                raise _too_much_of_a_charge(charge, most)
            return _refunded(db, at, order, charge, amount, reason, of_charge=True)

        args = {"charge_id": charge_id, "amount": amount, "reason": reason}
        return self.ledger.once(caller, "refund_charge", args, Refund, work)

    def refund_order(self, caller: Caller, order_id: str, amount: Decimal, reason: str) -> Refund:
        """Pay back a part of what an order cost, or all of it."""
        order, charges = self._own(caller, order_id)

        def work(db: sqlite3.Connection, at: str) -> Refund:
            left = balance(db, order, charges).left
            if amount > left:
                raise Refused(
                    f"At most {euros(left, 'en')} of order {order_id} can still be refunded.",
                    f"Von der Bestellung {order_id} können noch höchstens {euros(left, 'de')} erstattet werden.",
                )
            return _refunded(db, at, order, charges[0], amount, reason, of_charge=False)

        args = {"order_id": order_id, "amount": amount, "reason": reason}
        return self.ledger.once(caller, "refund_order", args, Refund, work)

    def cancel(self, caller: Caller, order_id: str) -> Cancelled:
        """Cancel an order that is not packed yet and pay everything back that was charged for it."""
        order, charges = self._own(caller, order_id)

        def work(db: sqlite3.Connection, at: str) -> Cancelled:
            if db.execute("SELECT 1 FROM cancellations WHERE order_number = ?", (order_id,)).fetchone():
                raise Refused(
                    f"Order {order_id} is cancelled already.", f"Die Bestellung {order_id} ist bereits storniert."
                )
            if order.status != "received":
                raise Refused(
                    f"Order {order_id} can't be cancelled any more: only orders that we have not begun to pack can.",
                    f"Die Bestellung {order_id} kann nicht mehr storniert werden: Das geht nur, bevor wir packen.",
                )
            db.execute("INSERT INTO cancellations VALUES (?, ?)", (order_id, at))
            known = balance(db, order, charges)
            if known.left:
                _refunded(db, at, order, charges[0], known.left, "order cancelled", of_charge=False)
            if known.extra:
                _refunded(db, at, order, charges[-1], known.extra, "order cancelled", of_charge=True)
            return Cancelled(number=order_id, refunded=known.left + known.extra)

        return self.ledger.once(caller, "cancel_order", {"order_id": order_id}, Cancelled, work)

    def _own(self, caller: Caller, number: str) -> tuple[Order, list[Charge]]:
        customer = caller.customer or ""
        order = self.data.order(customer, number)
        if order is None:
            raise no_order(number)
        return order, self.data.charges(customer, number)


def _back(db: sqlite3.Connection, charge: Charge) -> Decimal:
    """What of this very charge has been paid back."""
    rows = db.execute("SELECT amount FROM refunds WHERE charge = ?", (charge.id,)).fetchall()
    return sum((Decimal(row["amount"]) for row in rows), NOTHING)


def _order_back(db: sqlite3.Connection, number: str) -> Decimal:
    """What of the order itself has been paid back."""
    rows = db.execute("SELECT amount FROM refunds WHERE order_number = ? AND charge = ''", (number,)).fetchall()
    return sum((Decimal(row["amount"]) for row in rows), NOTHING)


def _too_much_of_a_charge(charge: Charge, most: Decimal) -> Refused:
    if most <= 0:
        return Refused(
            f"The charge for order {charge.order} was not one too many, or has been paid back already.",
            f"Die Abbuchung für Bestellung {charge.order} war keine zu viel, oder sie ist schon erstattet.",
        )
    return Refused(
        f"Only {euros(most, 'en')} were charged too much for order {charge.order}.",
        f"Für die Bestellung {charge.order} wurden nur {euros(most, 'de')} zu viel abgebucht.",
    )


def _refunded(  # noqa: PLR0913 - one row of the ledger
    db: sqlite3.Connection, at: str, order: Order, charge: Charge, amount: Decimal, reason: str, *, of_charge: bool
) -> Refund:
    amount = amount.quantize(CENT)
    made = db.execute(
        "INSERT INTO refunds (order_number, charge, amount, reason, at) VALUES (?, ?, ?, ?, ?)",
        (order.number, charge.id if of_charge else "", str(amount), reason, at),
    )
    return Refund(id=f"RF-{made.lastrowid:04}", order=order.number, amount=amount, method=charge.method)


def payment_tools(shop: Payments) -> list[Callable[..., Any]]:
    """The tools about charges and refunds."""

    @tool(
        scope="payments.read",
        effect="read",
        needs="identified",
        label="Looking at what you were charged",
        reply=reply("list_charges"),
        examples=[
            "what did you charge me",
            "show me my charges",
            "which payments did you take from my card",
            "what was taken from my account",
            "list my payments",
            "how much did you charge me for order 1031",
            "what are the charges on my card from you",
            "my payment history",
            "when was my card charged",
            "which amounts have you debited",
            "was wurde mir abgebucht",
            "zeig mir meine Zahlungen",
        ],
    )
    async def list_charges(caller: Caller) -> Charges:
        """List what the signed-in customer was charged in the last four months and has not got back, oldest first."""
        return await told(caller, lambda: shop.charges(caller.customer or ""))

    async def charge_refunded(caller: Caller) -> Refund | None:
        return await told(caller, lambda: shop.ledger.done(caller, "refund_charge", Refund))

    @tool(
        scope="payments.refund",
        effect="money",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=charge_refunded,
        label="Refunding €{{ amount }} that were charged twice",
        reply=reply("refund"),
    )
    async def refund_charge(caller: Caller, charge_id: ChargeId, amount: Euros, reason: Reason) -> Refund:
        """Pay back a charge that was made twice for one order."""
        return await told(caller, lambda: shop.refund_charge(caller, charge_id, amount, reason))

    async def order_refunded(caller: Caller) -> Refund | None:
        return await told(caller, lambda: shop.ledger.done(caller, "refund_order", Refund))

    @tool(
        scope="payments.refund",
        effect="money",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=order_refunded,
        label="Refunding €{{ amount }} of order {{ order_id }}",
        reply=reply("refund"),
    )
    async def refund_order(caller: Caller, order_id: OrderNumber, amount: Euros, reason: Reason) -> Refund:
        """Pay back a part of an order, or all of it."""
        return await told(caller, lambda: shop.refund_order(caller, order_id, amount, reason))

    async def order_cancelled(caller: Caller) -> Cancelled | None:
        return await told(caller, lambda: shop.ledger.done(caller, "cancel_order", Cancelled))

    @tool(
        scope="orders.cancel",
        effect="money",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=order_cancelled,
        label="Cancelling order {{ order_id }}",
        reply=reply("cancel_order"),
    )
    async def cancel_order(caller: Caller, order_id: OrderNumber) -> Cancelled:
        """Cancel an order that is not packed yet, and pay it back."""
        return await told(caller, lambda: shop.cancel(caller, order_id))

    return [list_charges, refund_charge, refund_order, cancel_order]
