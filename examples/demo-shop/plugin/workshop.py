"""Workshop: appointments for ski service and boot fitting, at times that are free.

Times are the shop's own; two customers never have the same one.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from tools import Caller, tool

from .base import ShopData
from .ledger import Ledger
from .words import Refused, euros, language, reply, time_in_words, told

AHEAD_DAYS: Final = 60
"""So far ahead the workshop plans its people."""
NOTICE: Final = timedelta(hours=2)
"""Somebody has to read it in the morning."""
CANCEL_NOTICE: Final = timedelta(hours=24)
"""help/services/ski-service.md, "Changing an appointment"."""
SECOND_THOUGHT: Final = timedelta(minutes=30)
"""The same section: what was just booked can always be given back."""

ServiceId = Annotated[str, Field(pattern=r"^[a-z-]{2,30}$", description="id of the service, from list_services")]
TimeId = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d$", description="id of the time, from free_times")]
AppointmentId = Annotated[
    str, Field(pattern=r"^AP-\d{4,9}$", description="number of the appointment", examples=["AP-0001"])
]


class Service(BaseModel):
    """Something that can be booked. `price` is absent where it costs nothing."""

    id: str
    name: str
    minutes: int
    price: Decimal | None
    currency: str = "EUR"


class Services(BaseModel):
    """What can be booked at this time of the year."""

    services: list[Service]


class Time(BaseModel):
    """A time that is free."""

    id: str
    label: str


class Times(BaseModel):
    """Free times on one day."""

    times: list[Time]


class Appointment(BaseModel):
    """A booked time. `label` says what and when."""

    id: str
    label: str


class Appointments(BaseModel):
    """A customer's appointments that are still to come, the next one first."""

    appointments: list[Appointment]


class GivenBack(BaseModel):
    """A time that is free again."""

    id: str


class Diary:
    """The rules of the workshop's diary."""

    def __init__(
        self, data: ShopData, ledger: Ledger, now: Callable[[], datetime], closed: Collection[date] = ()
    ) -> None:
        """`now` is the shop's own clock; `closed` are its holidays."""
        self.data = data
        self.ledger = ledger
        self._now = now
        self._closed = frozenset(closed)

    def services(self, caller: Caller) -> Services:
        """What can be booked now: services out of their season are left out."""
        month = self.data.today.month
        rows = self.data.rows("SELECT * FROM services ORDER BY rowid")
        return Services(
            services=[
                Service(
                    id=row["id"],
                    name=_name(row, caller),
                    minutes=row["minutes"],
                    price=Decimal(row["price"]) or None,
                )
                for row in rows
                if _in_season(row, month)
            ]
        )

    def free(self, service_id: str, on: date) -> Times:
        """The free times of one day; none on days when nothing can be booked."""
        row = self._service(service_id)
        with self.ledger.reading() as db:
            found = self._free(db, row, on)
        return Times(times=[Time(id=f"{time:%Y-%m-%dT%H:%M}", label=f"{time.hour}:{time.minute:02}") for time in found])

    def book(self, caller: Caller, service_id: str, time_id: str) -> Appointment:
        """Book a free time."""
        row = self._service(service_id)
        try:
            starts = datetime.fromisoformat(time_id).replace(tzinfo=self._now().tzinfo)
        except ValueError:
            raise Refused("There is no such time.", "Diese Uhrzeit gibt es nicht.") from None

        def work(db: sqlite3.Connection, at: str) -> Appointment:
            if starts not in self._free(db, row, starts.date()):
                raise Refused(
                    f"{time_in_words(starts, 'en')} is not free.", f"{time_in_words(starts, 'de')} ist nicht frei."
                )
            made = db.execute(
                "INSERT INTO appointments (customer, service, starts, booked_at) VALUES (?, ?, ?, ?)",
                (caller.customer, service_id, time_id, at),
            )
            return Appointment(id=f"AP-{made.lastrowid:04}", label=_label(row, starts, caller))

        args = {"service_id": service_id, "time_id": time_id}
        return self.ledger.once(caller, "book_appointment", args, Appointment, work)

    def give_back(self, caller: Caller, tool_name: str, number: str) -> GivenBack:
        """Give a booked time back."""

        def work(db: sqlite3.Connection, at: str) -> GivenBack:
            row = db.execute(
                "SELECT * FROM appointments WHERE n = ? AND customer = ?", (int(number[3:]), caller.customer)
            ).fetchone()
            if row is None:
                raise Refused(
                    f"I can't find an appointment {number} of yours.", f"Ich finde keinen Termin {number} von Ihnen."
                )
            now = self._now()
            notice = datetime.fromisoformat(row["starts"]).replace(tzinfo=now.tzinfo) - now
            just_booked = now - datetime.fromisoformat(row["booked_at"]) <= SECOND_THOUGHT
            if row["cancelled_at"] is None and notice < CANCEL_NOTICE and not just_booked:
                raise Refused(
                    "Appointments can be cancelled up to 24 hours before. Please call the workshop: +43 512 555 0142.",
                    "Termine können bis 24 Stunden vorher abgesagt werden. Bitte rufen Sie an: +43 512 555 0142.",
                )
            db.execute("UPDATE appointments SET cancelled_at = ? WHERE n = ? AND cancelled_at IS NULL", (at, row["n"]))
            return GivenBack(id=number)

        return self.ledger.once(caller, tool_name, {"id": number}, GivenBack, work)

    def booked(self, caller: Caller) -> Appointments:
        """The customer's appointments that are still to come."""
        now = self._now()
        with self.ledger.reading() as db:
            rows = db.execute(
                "SELECT * FROM appointments WHERE customer = ? AND cancelled_at IS NULL AND starts >= ? ORDER BY starts",
                (caller.customer or "", f"{now:%Y-%m-%dT%H:%M}"),
            ).fetchall()
        found = []
        for row in rows:
            label = _label(self._service(row["service"]), datetime.fromisoformat(row["starts"]), caller)
            found.append(Appointment(id=f"AP-{row['n']:04}", label=label))
        return Appointments(appointments=found)

    def _service(self, service_id: str) -> sqlite3.Row:
        rows = self.data.rows("SELECT * FROM services WHERE id = ?", service_id)
        if not rows:
            raise Refused(f"There is no service {service_id}.", f"Es gibt keinen Service {service_id}.")
        return rows[0]

    def _free(self, db: sqlite3.Connection, row: sqlite3.Row, on: date) -> list[datetime]:
        now = self._now()
        if (
            on in self._closed
            or str(on.isoweekday()) not in row["weekdays"]
            or not _in_season(row, on.month)
            or not now.date() <= on <= now.date() + timedelta(days=AHEAD_DAYS)
        ):
            return []
        rows = db.execute(
            "SELECT starts FROM appointments WHERE service = ? AND cancelled_at IS NULL AND starts LIKE ?",
            (row["id"], f"{on.isoformat()}T%"),
        ).fetchall()
        taken = {found["starts"] for found in rows}
        close = row["saturday_closes"] if on.isoweekday() == 6 else row["closes"]
        time = datetime.fromisoformat(f"{on.isoformat()}T{row['opens']}").replace(tzinfo=now.tzinfo)
        last = datetime.fromisoformat(f"{on.isoformat()}T{close}").replace(tzinfo=now.tzinfo)
        last -= timedelta(minutes=row["minutes"])
        free = []
        while time <= last:
            key = f"{time:%Y-%m-%dT%H:%M}"
            if time >= now + NOTICE and key not in taken and not _walked_in(row["id"], key):
                free.append(time)
            time += timedelta(hours=1)
        return free


def _walked_in(service: str, key: str) -> bool:
    """Whether this time is taken by those who book in the shop: every third, the same ones whenever one looks."""
    return hashlib.sha256(f"{service} {key}".encode()).digest()[0] % 3 == 0


def _in_season(row: sqlite3.Row, month: int) -> bool:
    first, last = row["first_month"], row["last_month"]
    return bool(first <= month <= last if first <= last else month >= first or month <= last)


def _name(row: sqlite3.Row, caller: Caller) -> str:
    return str(row["name_de"] if language(caller) == "de" else row["name"])


def _label(row: sqlite3.Row, starts: datetime, caller: Caller) -> str:
    lang = language(caller)
    price = Decimal(row["price"])
    cost = f" ({euros(price, lang)})" if price else ""
    return f"{_name(row, caller)}{cost}, {time_in_words(starts, lang)}"


def workshop_tools(shop: Diary) -> list[Callable[..., Any]]:
    """The tools about appointments."""

    @tool(
        scope="appointments.read",
        effect="read",
        label="Looking at what can be booked",
        reply=reply("list_services"),
        examples=[
            "which appointments can I book",
            "what services can I book with you",
            "what can I get an appointment for",
            "do you take bookings for boot fitting",
            "list your services with prices",
            "which ski services can be booked",
            "what can I make a reservation for",
            "which fittings do you offer",
            "services with an appointment",
            "what is there to book in the workshop",
            "wofür kann ich einen Termin buchen",
            "welche Termine bieten Sie an",
        ],
    )
    async def list_services(caller: Caller) -> Services:
        """List the services that can be booked now, with their prices."""
        return await told(caller, lambda: shop.services(caller))

    @tool(scope="appointments.read", effect="read", label="Looking for free times", reply=reply("free_times"))
    async def free_times(caller: Caller, service_id: ServiceId, on: date) -> Times:
        """The free times of a service on one day."""
        return await told(caller, lambda: shop.free(service_id, on))

    async def booked(caller: Caller) -> Appointment | None:
        return await told(caller, lambda: shop.ledger.done(caller, "book_appointment", Appointment))

    async def give_booked_back(caller: Caller, result: dict[str, Any]) -> GivenBack:
        return await told(caller, lambda: shop.give_back(caller, "undo_book_appointment", str(result["id"])))

    @tool(
        scope="appointments.write",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=booked,
        undo=give_booked_back,
        undo_s=SECOND_THOUGHT.total_seconds(),
        label="Booking {{ service_id }} at {{ time_id | replace('T', ' ') }}",
        reply=reply("book_appointment"),
    )
    async def book_appointment(caller: Caller, service_id: ServiceId, time_id: TimeId) -> Appointment:
        """Book a free time of a service."""
        return await told(caller, lambda: shop.book(caller, service_id, time_id))

    async def given_back(caller: Caller) -> GivenBack | None:
        return await told(caller, lambda: shop.ledger.done(caller, "cancel_appointment", GivenBack))

    @tool(
        scope="appointments.write",
        effect="write",
        needs="identified",
        idempotent=True,
        retries=1,
        reconcile=given_back,
        label="Cancelling appointment {{ appointment_id }}",
        reply=reply("cancel_appointment"),
    )
    async def cancel_appointment(caller: Caller, appointment_id: AppointmentId) -> GivenBack:
        """Cancel an appointment of the signed-in customer."""
        return await told(caller, lambda: shop.give_back(caller, "cancel_appointment", appointment_id))

    @tool(
        scope="appointments.read",
        effect="read",
        needs="identified",
        label="Looking at your appointments",
        reply=reply("list_appointments"),
        examples=[
            "when is my appointment",
            "which appointments do I have",
            "show me my appointments",
            "what time is my ski service",
            "when is my boot fitting",
            "did I book a time",
            "my upcoming appointments",
            "list my bookings",
            "at what time do I have to come",
            "what is the number of my appointment",
            "wann ist mein Termin",
            "welche Termine habe ich",
        ],
    )
    async def list_appointments(caller: Caller) -> Appointments:
        """List the appointments of the signed-in customer that are still to come."""
        return await told(caller, lambda: shop.booked(caller))

    return [list_services, free_times, book_appointment, cancel_appointment, list_appointments]
