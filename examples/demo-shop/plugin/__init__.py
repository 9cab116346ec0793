"""The demo shop's plugin: its back end in small, and the tools that the agent gets.

No tool takes a customer: who is asking is in the caller, and another's order looks like none.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from .account import AccountDesk, account_tools
from .base import ShopData
from .damage import DamageDesk, damage_tools
from .ledger import Ledger
from .orders import OrderBook, order_tools
from .payments import Payments, payment_tools
from .post import post_tools
from .returns import ReturnDesk, return_tools
from .shelf import shelf_tools
from .workshop import Diary, workshop_tools


@dataclass(frozen=True, slots=True)
class Guest:
    """Who placed an order, as the server wants to know it."""

    customer: str
    email: str
    name: str


def setup(kit: Any) -> None:  # noqa: ANN401 - a server.kit.Kit; a plugin imports nothing from the server
    """Give the agent the shop's tools, and tell the server how to find a guest's order."""
    zone = ZoneInfo(kit.site.hours.timezone)
    fill(kit, lambda: datetime.now(zone))


def fill(kit: Any, now: Callable[[], datetime]) -> None:  # noqa: ANN401 - as above
    """What `setup` does, by this clock."""
    data = ShopData(kit.dir / "data", lambda: kit.data / "shop.sqlite", now)
    ledger = Ledger(kit.dir / "data" / "ledger.sql", lambda: kit.data / "ledger.sqlite", now)
    for fn in (
        *order_tools(OrderBook(data, ledger)),
        *payment_tools(Payments(data, ledger)),
        *return_tools(ReturnDesk(data, ledger)),
        *damage_tools(DamageDesk(data, ledger)),
        *account_tools(AccountDesk(data, ledger)),
        *workshop_tools(Diary(data, ledger, now, [day.date for day in kit.site.hours.holidays])),
        *post_tools(data, kit.mail.send),
        *shelf_tools(data),
    ):
        kit.tools.add(fn)

    async def guest(order: str, email: str) -> Guest | None:
        found = await asyncio.to_thread(data.orderer, order, email)
        return Guest(found.id, found.email, found.name) if found is not None else None

    kit.guests = guest
