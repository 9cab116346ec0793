"""Damage: reports about things that came broken or wrong, and replacements for them.

It takes nothing back and pays nothing back.
"""

import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from tools import Caller, tool

from .base import OrderNumber, ShopData
from .ledger import Ledger
from .orders import own_line
from .returns import ItemId
from .words import Refused, Words, both, day_in_words, reply, told

SLOWEST_DAYS: Final = {"Austria": 2, "Germany": 3, "Switzerland": 5}
"""Working days of standard delivery, the longer figure of help/delivery/delivery-times.md; 6 elsewhere."""


class Report(BaseModel):
    """A report that the warehouse and the carrier see."""

    id: str


class Replacement(BaseModel):
    """The same thing once more. `expected` is the day in words."""

    report: str
    expected_on: date
    expected: Words


class DamageDesk:
    """The rules: a report is about something that has come, a replacement rests on a report, and there is one."""

    def __init__(self, data: ShopData, ledger: Ledger) -> None:
        self.data = data
        self.ledger = ledger

    def report(self, caller: Caller, order_id: str, item_id: str, problem: str, photo: str | None = None) -> Report:
        """Note what is wrong with a thing that has come. `photo` is the path at which staff open it."""
        order, line = own_line(self.data, caller, order_id, item_id)

        def work(db: sqlite3.Connection, at: str) -> Report:
            if order.delivered_on(line) is None:
                raise Refused(
                    f"{line.name} has not been delivered yet.", f"{line.name}: Das ist noch nicht zugestellt."
                )
            made = db.execute(
                "INSERT INTO reports (customer, item, problem, at) VALUES (?, ?, ?, ?)",
                (order.customer, line.id, problem, at),
            )
            if photo is not None:
                db.execute("INSERT INTO report_photos VALUES (?, ?)", (made.lastrowid, photo))
            return Report(id=f"DM-{made.lastrowid:04}")

        args = {"order_id": order_id, "item_id": item_id, "problem": problem}
        args |= {"photo": photo} if photo is not None else {}
        return self.ledger.once(caller, "report_damage", args, Report, work)

    def replace(self, caller: Caller, order_id: str, item_id: str, report_id: str) -> Replacement:
        """Send the same thing once more, for a report about it."""
        order, line = own_line(self.data, caller, order_id, item_id)
        expected_on = _working_day(self.data.today, SLOWEST_DAYS.get(order.country, 6))

        def work(db: sqlite3.Connection, at: str) -> Replacement:
            reported = db.execute(
                "SELECT 1 FROM reports WHERE n = ? AND customer = ? AND item = ?",
                (int(report_id[3:]), caller.customer, item_id),
            ).fetchone()
            if reported is None:
                raise Refused(
                    f"There is no report {report_id} about {line.name}.", f"Zu {line.name} gibt es keine {report_id}."
                )
            if db.execute("SELECT 1 FROM replacements WHERE item = ?", (item_id,)).fetchone():
                raise Refused(f"{line.name} has been replaced already.", f"Für {line.name} ist schon Ersatz unterwegs.")
            db.execute("INSERT INTO replacements VALUES (?, ?, ?)", (item_id, int(report_id[3:]), at))
            return Replacement(
                report=report_id,
                expected_on=expected_on,
                expected=both(lambda lang: day_in_words(expected_on, lang)),
            )

        args = {"order_id": order_id, "item_id": item_id, "report_id": report_id}
        return self.ledger.once(caller, "replace_item", args, Replacement, work)


def _working_day(day: date, ahead: int) -> date:
    """The day so many working days ahead; Monday to Friday."""
    while ahead:
        day += timedelta(days=1)
        ahead -= day.weekday() < 5
    return day


def damage_tools(shop: DamageDesk) -> list[Callable[..., Any]]:
    """The tools about damaged and wrong things."""

    async def reported(caller: Caller) -> Report | None:
        return await told(caller, lambda: shop.ledger.done(caller, "report_damage", Report))

    @tool(
        scope="orders.damage",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=reported,
        label="Noting what is wrong",
        reply=reply("report_damage"),
    )
    async def report_damage(
        caller: Caller,
        order_id: OrderNumber,
        item_id: ItemId,
        problem: Annotated[str, Field(min_length=1, max_length=500, description="what is wrong with it")],
        photo: Annotated[str, Field(pattern=r"^/desk/files/[^?#]{1,250}$", description="where staff open it")]
        | None = None,
    ) -> Report:
        """Note an item of an order that came damaged, faulty or wrong, for the warehouse and the carrier."""
        return await told(caller, lambda: shop.report(caller, order_id, item_id, problem, photo))

    async def replaced(caller: Caller) -> Replacement | None:
        return await told(caller, lambda: shop.ledger.done(caller, "replace_item", Replacement))

    @tool(
        scope="orders.damage",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=replaced,
        label="Sending item {{ item_id }} of order {{ order_id }} once more",
        reply=reply("replace_item"),
    )
    async def replace_item(
        caller: Caller,
        order_id: OrderNumber,
        item_id: ItemId,
        report_id: Annotated[str, Field(pattern=r"^DM-\d{4,9}$", description="number of the report about it")],
    ) -> Replacement:
        """Send the same item once more, for a report that it came damaged or wrong."""
        return await told(caller, lambda: shop.replace(caller, order_id, item_id, report_id))

    return [report_damage, replace_item]
