"""A made-up bicycle workshop for the tests of the offline engine: its help pages, its tools, and a conversation with it.

Not about any shop that the engine was tried on while it was written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from retrieval.embed import MiniLM
from retrieval.split import embedding_text, split
from retrieval.text import terms
from retrieval.types import Document, Passage
from server.models.offline import Offline
from server.ports import Call, CallResult, Choices, HandOver, Line, Person, Prompt, Text, Thinking
from tools import Ask, Caller, ToolSpec, tool

HELP = {
    "service.md": """# Bike service

## What a service costs

A small service costs €49. A full service costs €119 and includes new cables and brake pads.

## How long it takes

A small service takes 2 working days. A full service takes 5 working days, in spring up to 10.

## How to prepare your bike

1. Clean off the worst mud.
2. Take off bags, computer and child seat.
3. Bring the key of the lock that stays on the bike.

## Brands we work on

We service bikes of any brand. We don't repair motor units of e-bikes; only the maker may open those.
""",
    "bookings.md": """# Workshop bookings

## Changing a booking

You can move or cancel a booking free of charge until 24 hours before it starts. After that we charge €15.

## If you come late

We keep your place for 30 minutes. Then your bike goes to the end of the queue.
""",
    "returns.md": """# Returns

## Unused parts

Unused parts can be returned within 21 days with the receipt.

## Clearance parts

Clearance parts can be exchanged but not refunded.

## Helmets

Helmets that have been worn outdoors cannot be returned, for safety reasons.

## How long refunds take

We refund to the card you paid with. Refunds take 3 to 6 working days.
""",
    "delivery.md": """# Delivery

## Where we deliver

We deliver to these countries:

- Portugal
- Spain
- France
- Ireland
- Malta

## Delivery times

Parts in stock leave us the same day. Delivery takes 2 days in Portugal and 4 to 6 days elsewhere.

## Delivery costs

Delivery costs €5.50 in Portugal and €9.80 elsewhere. Orders over €90 are delivered free.
""",
    "payment.md": """# Payment

## Ways to pay

We accept Visa, Mastercard, MB Way, and cash in the workshop.

## Invoices

You find every invoice under My account. We keep invoices for 10 years.
""",
    "warranty.md": """# Warranty

## How long

Frames carry 5 years of warranty. All other parts carry 2 years.

## What is not covered

- wear of tyres, chains and brake pads
- damage from a fall
- rust after riding in the sea
""",
    "visit.md": """# Visit us

## Opening hours

The workshop is open Monday to Friday from 8:00 to 18:00. On Saturday it is open from 9:00 to 13:00. On Sunday it is closed.

## Address

You find us at Rua das Rodas 12, 4000 Porto. Bikes can be brought in through the yard.

## Phone

Call us on +351 220 555 010.
""",
}

BookingCode = Annotated[str, Field(pattern=r"^B-\d{5}$", description="booking code", examples=["B-20417"])]


@tool(
    scope="bookings.read",
    effect="read",
    needs="identified",
    examples=[
        "when is my booking",
        "what about booking B-20417",
        "show me booking B-20417",
        "is my bike ready",
        "what's the status of my repair",
        "is the repair of my bike finished",
        "look up my booking",
        "when can I pick up my bike",
    ],
    reply="Booking {{ result.code }}: {{ result.work }} on {{ result.day }}, {{ result.state }}.",
    label="Looking up booking {{ code }}",
)
async def find_booking(caller: Caller, code: BookingCode) -> dict[str, Any]:
    """Look up one workshop booking of the customer by its code."""
    return {}


@tool(
    scope="bookings.read",
    effect="read",
    needs="identified",
    examples=["show all my bookings", "which bookings do I have", "list my appointments", "my booking history"],
)
async def list_bookings(caller: Caller) -> list[dict[str, Any]]:
    """List the customer's workshop bookings."""
    return []


@tool(
    scope="bookings.cancel",
    effect="write",
    needs="identified",
    examples=[
        "cancel my booking",
        "cancel booking B-20417",
        "I want to cancel my appointment",
        "please call off booking B-20417",
    ],
    reply="Booking {{ result.code }} is cancelled.",
)
async def cancel_booking(caller: Caller, code: BookingCode) -> dict[str, Any]:
    """Cancel a workshop booking."""
    return {}


@tool(
    scope="bookings.write",
    effect="write",
    examples=[
        "book a service",
        "I'd like to book a small service",
        "make an appointment for my bike",
        "reserve a place for a full service",
    ],
    reply="A {{ result.kind }} service is booked for {{ result.day }}.",
)
async def book_service(
    caller: Caller,
    kind: Annotated[Literal["small", "full"], Field(description="kind of service")],
    day: Annotated[date, Field(description="day")],
    email: Annotated[str, Field(json_schema_extra={"format": "email"}, description="email address")],
) -> dict[str, Any]:
    """Book a bike service on a day."""
    return {}


@tool(
    scope="parts.read",
    effect="read",
    examples=[
        "how much is the Marlin saddle",
        "do you have 28 inch tyres in stock",
        "what does the Condor chain weigh",
        "show me brake pads",
        "I'm looking for a bike light",
        "do you sell helmets",
        "price of the Marlin saddle",
        "which pedals do you have",
    ],
)
async def find_part(
    caller: Caller, query: Annotated[str, Field(description="what to look for")], max_price: float | None = None
) -> list[dict[str, Any]]:
    """Search parts and accessories by name; gives price, weight and stock."""
    return []


@tool(
    scope="orders.refund",
    effect="money",
    needs="identified",
    ask=Ask("staff"),
    examples=[
        "refund booking B-20417",
        "give me my money back for booking B-20417",
        "I want a refund",
        "please refund my booking",
    ],
)
async def refund(caller: Caller, code: BookingCode) -> dict[str, Any]:
    """Refund what was paid for a booking."""
    return {}


TOOLS: tuple[ToolSpec, ...] = tuple(
    made.spec  # type: ignore[attr-defined]
    for made in (find_booking, list_bookings, cancel_booking, book_service, find_part, refund)
)
BOOKINGS = [
    {"code": "B-20417", "work": "full service", "day": "2026-11-27", "state": "waiting for parts"},
    {"code": "B-20555", "work": "new chain", "day": "2026-12-03", "state": "planned"},
]


def answer_of(name: str, args: dict[str, Any]) -> Any:
    """What a tool of the workshop comes back with."""
    if name == "list_bookings":
        return BOOKINGS
    if name == "find_part":
        return [
            {"name": "Marlin saddle", "price": {"amount": "59.90", "currency": "EUR"}, "weight": "310 g", "stock": 4}
        ]
    if name == "book_service":
        return {**args}
    return next((item for item in BOOKINGS if item["code"] == args.get("code")), {"code": args.get("code")})


class Library:
    """Finds passages as a real retriever would: by meaning and words."""

    def __init__(self, embedder: MiniLM, pages: dict[str, str] | None = None) -> None:
        self.embedder = embedder
        documents = [
            Document.of(path, text, title=text[2 : text.index("\n")]) for path, text in (pages or HELP).items()
        ]
        self.passages = [passage for document in documents for passage in split("garage", document)]
        self.vectors = embedder.embed_sync([embedding_text(passage) for passage in self.passages])
        self.words = [set(terms(embedding_text(passage))) for passage in self.passages]

    def search(self, query: str, k: int = 5) -> list[Passage]:
        wanted = set(terms(query)) or {""}
        near = self.vectors @ self.embedder.embed_sync([query])[0]
        score = [
            0.7 * float(d) + 0.3 * len(wanted & own) / len(wanted) for d, own in zip(near, self.words, strict=True)
        ]
        best = sorted(range(len(score)), key=lambda index: -score[index])[:k]
        return [self.passages[index].scored(max(0.0, min(1.0, score[index]))) for index in best]


@dataclass
class Reply:
    """What one message brought."""

    text: str = ""
    thoughts: list[str] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    choices: tuple[str, ...] = ()
    hand_over: str = ""
    passages: tuple[Passage, ...] = ()


PEOPLE = {"en": "We answer within a day.", "de": "Wir antworten binnen eines Tages."}
SIGN_IN = {"en": "Sign in under My account.", "de": "Melden Sie sich unter Mein Konto an."}


class Conversation:
    """A customer talking to the engine, with tools that answer from BOOKINGS."""

    def __init__(
        self, engine: Offline, library: Library, *, signed_in: bool = True, tools: Sequence[ToolSpec] = TOOLS
    ) -> None:
        self.engine, self.library, self.tools = engine, library, tuple(tools)
        self.person = Person("c1", "Rui Costa", True) if signed_in else Person()
        self.history: list[Line] = []
        self.prompt = Prompt("pk_g", "Garage", "", self.tools, (), (), person=self.person)
        self.fail: str | None = None

    async def say(self, text: str, *, mode: Any = "agent") -> Reply:
        before = [line.text for line in self.history if line.role == "customer"]
        queries = [text, *([f"{before[-1]} {text}"] if before and len(text.split()) < 7 else [])]
        queries += [part for part in text.replace("?", "?\n").replace(". ", ".\n").splitlines() if part.strip()][:3]
        found = {(p.document, p.start): p for query in queries for p in reversed(self.library.search(query))}
        passages = tuple(sorted(found.values(), key=lambda p: -p.score)[:8])
        self.history.append(Line("customer", text))
        reply = Reply(passages=passages)
        results: tuple[CallResult, ...] = ()
        for number in range(1, 5):
            self.prompt = replace(
                self.prompt, history=tuple(self.history), asked=(text,), passages=passages, results=results, mode=mode,
                people=PEOPLE, sign_in=SIGN_IN, call_no=number, seed="t1",
            )  # fmt: skip
            new: list[CallResult] = []
            async for chunk in self.engine.stream(self.prompt):
                if isinstance(chunk, Text):
                    reply.text += chunk.text
                elif isinstance(chunk, Thinking):
                    reply.thoughts.append(chunk.text)
                elif isinstance(chunk, Call):
                    args = dict(chunk.args)
                    reply.calls.append((chunk.tool, args))
                    ok = self.fail is None
                    new.append(
                        CallResult(
                            chunk.id, chunk.tool, args, ok, answer_of(chunk.tool, args) if ok else None, self.fail
                        )
                    )
                elif isinstance(chunk, Choices):
                    reply.choices = chunk.texts
                elif isinstance(chunk, HandOver):
                    reply.hand_over = chunk.reason
            if not new:
                break
            results += tuple(new)
        if results:
            self.history.append(Line("agent", calls=results))
        self.history.append(Line("agent", reply.text, choices=reply.choices))
        return reply
