"""A made-up shop whose tools fit workflows of the library, for tests of runs in a conversation.

It counts what was done, and is no test itself.
"""

import asyncio
import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from tools import Caller, Rule, ToolError, tool

OrderId = Annotated[str, Field(pattern=r"^\d{4}$", description="order number", examples=["1042"])]
ORDERS = {
    "1042": ["Alpin boots", "Scree boots", "Rain jacket"],
    "1043": ["Wool socks"],
}


class World:
    """Orders, charges, and every effect in the order in which it happened."""

    def __init__(self):
        self.done: list[tuple[str, dict[str, Any]]] = []
        self.calls: list[str] = []
        self.charges: list[dict[str, Any]] = []
        self.fails: set[str] = set()
        self.gate: asyncio.Event | None = None
        """Looking up an order waits for it."""

    def charged(self, *charges):
        self.charges = [
            {"id": f"ch{n}", "order": order, "amount": amount, "currency": "EUR"}
            for n, (order, amount) in enumerate(charges, 1)
        ]

    def effect(self, caller, name, **args):
        if name in self.fails:
            raise ToolError(f"{name} is not possible just now.")
        self.calls.append(caller.call)
        self.done.append((name, args))

    def tools(self):
        world = self

        @tool(scope="orders.read", effect="read", label="Looking up order {{ order_id }}")
        async def find_order(caller: Caller, order_id: str) -> dict[str, Any]:
            """Find an order."""
            if world.gate is not None:
                await world.gate.wait()
            if order_id not in ORDERS:
                raise ToolError(f"I can't find an order {order_id}.")
            items = [{"id": f"{order_id}-{n}", "name": name} for n, name in enumerate(ORDERS[order_id], 1)]
            day = dt.datetime.now(tz=dt.UTC).date() - dt.timedelta(days=5)
            return {"number": order_id, "status": "delivered", "delivered_on": day.isoformat(), "items": items}

        @tool(scope="orders.read", effect="read", examples=["show me my orders"])
        async def list_orders(caller: Caller) -> list[dict[str, Any]]:
            """List all orders."""
            return [{"number": number, "status": "delivered"} for number in ORDERS]

        @tool(scope="returns.create", effect="write", idempotent=True)
        async def create_return(caller: Caller, order_id: str, item_id: str, reason: str) -> dict[str, Any]:
            """Make a return."""
            world.effect(caller, "create_return", item_id=item_id, reason=reason)
            return {"id": f"R{len(world.done)}", "label_url": "https://shop.example/label"}

        @tool(scope="returns.cancel", effect="write", idempotent=True)
        async def cancel_return(caller: Caller, return_id: str) -> dict[str, Any]:
            """Take a return back."""
            world.effect(caller, "cancel_return", return_id=return_id)
            return {}

        @tool(scope="mail.send", effect="write", idempotent=True)
        async def send_confirmation(caller: Caller, subject: str, text: str) -> dict[str, Any]:
            """Mail a confirmation."""
            world.effect(caller, "send_confirmation", subject=subject)
            return {}

        @tool(scope="charges.read", effect="read", needs="identified")
        async def list_charges(caller: Caller) -> dict[str, Any]:
            """List charges."""
            return {"charges": world.charges}

        @tool(scope="charges.refund", effect="money", idempotent=True)
        async def refund_charge(caller: Caller, charge_id: str, amount: float, reason: str) -> dict[str, Any]:
            """Refund a charge."""
            world.effect(caller, "refund_charge", charge_id=charge_id, amount=str(amount))
            return {"amount": f"{amount:.2f}", "currency": "EUR"}

        return [find_order, list_orders, create_return, cancel_return, send_confirmation, list_charges, refund_charge]


AUTO = {
    name: Rule(permission="auto")
    for name in ("create_return", "cancel_return", "send_confirmation", "refund_charge", "update_address")
}


class Addresses(World):
    """The same shop, where nothing is packed yet and the address of an order can be changed."""

    def tools(self):
        world = self

        @tool(scope="orders.read", effect="read", label="Looking up order {{ order_id }}",
              examples=["where is my order", "where is order 1042", "has my order been sent"])  # fmt: skip
        async def find_order(caller: Caller, order_id: OrderId) -> dict[str, Any]:
            """Find an order by its number and say where it is."""
            if order_id not in ORDERS:
                raise ToolError(f"I can't find an order {order_id}.")
            return {"number": order_id, "status": "received"}

        @tool(scope="orders.read", effect="read", examples=["show me my orders"])
        async def list_orders(caller: Caller) -> list[dict[str, Any]]:
            """List all orders."""
            return [{"number": number, "status": "received"} for number in ORDERS]

        @tool(scope="orders.write", effect="write", idempotent=True)
        async def update_address(
            caller: Caller, order_id: str, name: str, street: str, postcode: str, town: str
        ) -> dict[str, Any]:
            """Change an address."""
            world.effect(caller, "update_address", order=order_id, street=street, postcode=postcode, town=town)
            return {}

        return [find_order, list_orders, update_address]
