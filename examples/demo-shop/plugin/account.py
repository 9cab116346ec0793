"""Account: gift cards, points of the Larch Club, and subscriptions.

It changes no order.
"""

import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from tools import Caller, tool

from .base import ShopData
from .ledger import Ledger
from .words import Refused, Words, both, day_in_words, language, reply, told

CARD_YEARS: Final = 5
"""help/orders/gift-cards.md, "How long they last"."""
POINTS_STEP: Final = 100
STEP_EUROS: Final = Decimal(5)
"""help/shop/larch-club.md, "Points": 100 points are worth €5, and count in steps of 100."""

Change = Literal["pause", "skip", "resume", "end"]


class GiftCard(BaseModel):
    """What is left on a gift card."""

    balance: Decimal
    currency: str = "EUR"
    expires_on: date
    expires: Words


class Points(BaseModel):
    """Points of the Larch Club; `expires_on` is the day on which the oldest go."""

    member: bool
    points: int
    worth: Decimal
    currency: str = "EUR"
    expires_on: date | None
    expires: Words


class Subscription(BaseModel):
    """Something that comes again and again. `status` is active, paused or ended."""

    id: str
    name: str
    status: str
    next_on: date | None
    next: Words
    price: Decimal
    currency: str = "EUR"


class Subscriptions(BaseModel):
    """A customer's subscriptions."""

    subscriptions: list[Subscription]


class Left(BaseModel):
    """The club without this customer."""

    points_lost: int


class AccountDesk:
    """A customer's account as it is now: that of the day with what has been changed since."""

    def __init__(self, data: ShopData, ledger: Ledger) -> None:
        self.data = data
        self.ledger = ledger

    def gift_card(self, code: str) -> GiftCard:
        """What is left on the card with this code; whoever has the code has the card."""
        plain = code.upper().replace("-", "").replace(" ", "")
        rows = self.data.rows("SELECT * FROM gift_cards WHERE replace(code, '-', '') = ?", plain)
        if not rows:
            raise Refused(
                "I can't find a gift card with this code. It has three groups of four signs.",
                "Ich finde keine Geschenkkarte mit diesem Code. Er hat drei Gruppen zu vier Zeichen.",
            )
        bought = date.fromisoformat(rows[0]["bought_on"])
        until = bought.replace(year=bought.year + CARD_YEARS, day=min(bought.day, 28))
        words = both(lambda lang: f"{day_in_words(until, lang)} {until.year}")
        return GiftCard(balance=Decimal(rows[0]["balance"]), expires_on=until, expires=words)

    def points(self, customer: str) -> Points:
        """The customer's points; none for who is not, or no more, a member."""
        with self.ledger.reading() as db:
            return self._points(db, customer)

    def leave_club(self, caller: Caller) -> Left:
        """Leave the Larch Club; the points are lost."""

        def work(db: sqlite3.Connection, at: str) -> Left:
            known = self._points(db, caller.customer or "")
            if not known.member:
                raise Refused("You are not a member of the Larch Club.", "Sie sind kein Mitglied im Larch Club.")
            db.execute("INSERT INTO left_club VALUES (?, ?)", (caller.customer, at))
            return Left(points_lost=known.points)

        return self.ledger.once(caller, "leave_club", {}, Left, work)

    def subscriptions(self, caller: Caller) -> Subscriptions:
        """The customer's subscriptions, those that ended left out."""
        with self.ledger.reading() as db:
            found = self._subscriptions(db, caller)
        return Subscriptions(subscriptions=[one for one in found if one.status != "ended"])

    def change(self, caller: Caller, subscription_id: str, change: Change) -> Subscription:
        """Pause, skip, resume or end a subscription."""

        def work(db: sqlite3.Connection, at: str) -> Subscription:
            one = next((s for s in self._subscriptions(db, caller) if s.id == subscription_id), None)
            if one is None:
                raise Refused(
                    f"I can't find a subscription {subscription_id} of yours.",
                    f"Ich finde kein Abo {subscription_id} von Ihnen.",
                )
            every = self.data.rows("SELECT every_days FROM subscriptions WHERE id = ?", one.id)[0]["every_days"]
            status, next_on = _changed(one, change, self.data.today, timedelta(days=every))
            values = (one.id, status, next_on.isoformat() if next_on else "", at)
            db.execute("INSERT OR REPLACE INTO subscriptions VALUES (?, ?, ?, ?)", values)
            words = both(lambda lang: day_in_words(next_on, lang))
            return one.model_copy(update={"status": status, "next_on": next_on, "next": words})

        args = {"subscription_id": subscription_id, "change": change}
        return self.ledger.once(caller, "change_subscription", args, Subscription, work)

    def _points(self, db: sqlite3.Connection, customer: str) -> Points:
        rows = self.data.rows("SELECT * FROM members WHERE customer = ?", customer)
        if not rows or db.execute("SELECT 1 FROM left_club WHERE customer = ?", (customer,)).fetchone():
            return Points(member=False, points=0, worth=Decimal(0), expires_on=None, expires=Words(en="", de=""))
        points, until = rows[0]["points"], date.fromisoformat(rows[0]["expires_on"])
        return Points(
            member=True,
            points=points,
            worth=points // POINTS_STEP * STEP_EUROS,
            expires_on=until,
            expires=both(lambda lang: day_in_words(until, lang)),
        )

    def _subscriptions(self, db: sqlite3.Connection, caller: Caller) -> list[Subscription]:
        rows = self.data.rows("SELECT * FROM subscriptions WHERE customer = ? ORDER BY id", caller.customer or "")
        found = []
        for row in rows:
            changed = db.execute("SELECT * FROM subscriptions WHERE id = ?", (row["id"],)).fetchone()
            status, written = (changed["status"], changed["next_on"]) if changed else ("active", row["next_on"])
            next_on = _ahead(date.fromisoformat(written), row["every_days"], self.data.today) if written else None
            found.append(
                Subscription(
                    id=row["id"],
                    name=row["name_de"] if language(caller) == "de" else row["name"],
                    status=status,
                    next_on=next_on,
                    next=both(lambda lang, day=next_on: day_in_words(day, lang)),  # type: ignore[misc]  # the default binds this round's day
                    price=Decimal(row["price"]),
                )
            )
        return found


def _ahead(day: date, every_days: int, today: date) -> date:
    """The first delivery that is not past."""
    while day < today:
        day += timedelta(days=every_days)
    return day


def _changed(one: Subscription, change: Change, today: date, every: timedelta) -> tuple[str, date | None]:
    """The status and the next delivery after a change.

    Raises:
        Refused: it cannot be changed so.
    """
    if one.status == "ended":
        raise Refused("This subscription has ended. You can take out a new one.", "Dieses Abo ist beendet.")
    match change:
        case "pause":
            return "paused", None
        case "end":
            return "ended", None
        case "resume":
            return "active", one.next_on or today + timedelta(days=7)
        case "skip":
            if one.next_on is None:
                raise Refused(
                    "This subscription is paused, so there is nothing to skip.", "Dieses Abo pausiert gerade."
                )
            return "active", one.next_on + every


def account_tools(shop: AccountDesk) -> list[Callable[..., Any]]:
    """The tools about gift cards, points and subscriptions."""

    @tool(
        scope="giftcards.read",
        effect="read",
        label="Looking at the gift card",
        reply=reply("gift_card_balance"),
    )
    async def gift_card_balance(
        caller: Caller,
        code: Annotated[
            str,
            Field(
                pattern=r"^[A-Za-z0-9]{4}[- ]?[A-Za-z0-9]{4}[- ]?[A-Za-z0-9]{4}$",
                description="code of the gift card: three groups of four letters and digits",
                examples=["HL4F-7K92-QD3M"],
            ),
        ],
    ) -> GiftCard:
        """Say how much is left on a gift card."""
        return await told(caller, lambda: shop.gift_card(code))

    @tool(scope="club.read", effect="read", needs="identified", label="Looking at your points", reply=reply("points"))
    async def loyalty_balance(caller: Caller) -> Points:
        """Say how many points of the Larch Club the signed-in customer has."""
        return await told(caller, lambda: shop.points(caller.customer or ""))

    @tool(
        scope="subscriptions.read",
        effect="read",
        needs="identified",
        label="Looking at your subscriptions",
        reply=reply("list_subscriptions"),
        examples=[
            "which subscriptions do I have",
            "show me my subscriptions",
            "when does my next gas delivery come",
            "when is the next delivery of my subscription",
            "what does my subscription cost",
            "list my subscriptions",
            "do I have a subscription with you",
            "is my gas subscription still active",
            "what comes next in my subscription",
            "status of my subscription",
            "welche Abos habe ich",
            "wann kommt meine nächste Abo-Lieferung",
        ],
    )
    async def list_subscriptions(caller: Caller) -> Subscriptions:
        """List the subscriptions of the signed-in customer with their next delivery."""
        return await told(caller, lambda: shop.subscriptions(caller))

    async def subscription_changed(caller: Caller) -> Subscription | None:
        return await told(caller, lambda: shop.ledger.done(caller, "change_subscription", Subscription))

    @tool(
        scope="subscriptions.write",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=subscription_changed,
        label="{{ {'pause': 'Pausing', 'skip': 'Skipping the next delivery of', 'resume': 'Resuming', 'end': 'Ending'}[change] }} "
        "subscription {{ subscription_id }}",
        reply=reply("change_subscription"),
    )
    async def change_subscription(
        caller: Caller,
        subscription_id: Annotated[str, Field(pattern=r"^SUB-\d{3,6}$", description="number of the subscription")],
        change: Annotated[Change, Field(description="what to do with it")],
    ) -> Subscription:
        """Pause, skip, resume or end a subscription."""
        return await told(caller, lambda: shop.change(caller, subscription_id, change))

    async def club_left(caller: Caller) -> Left | None:
        return await told(caller, lambda: shop.ledger.done(caller, "leave_club", Left))

    @tool(
        scope="club.leave",
        effect="write",
        needs="identified",
        idempotent=True,
        reconcile=club_left,
        label="Leaving the Larch Club",
        reply=reply("leave_club"),
        examples=[
            "I want to leave the Larch Club",
            "cancel my club membership",
            "ich möchte aus dem Larch Club austreten",
        ],
    )
    async def leave_club(caller: Caller) -> Left:
        """Leave the Larch Club; points that are not used are lost."""
        return await told(caller, lambda: shop.leave_club(caller))

    return [gift_card_balance, loyalty_balance, list_subscriptions, change_subscription, leave_club]
