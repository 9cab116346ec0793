"""Past: conversations that a shop has had, written into its log with their own times: a month of them, and a morning's.

Nothing is random: the same day gives the same conversations. It starts no server.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from server.events import NewEvent
from server.log import Log
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore

SITE: Final = "pk_demo_hobnail"
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
DAYS: Final = 30
SUNDAY: Final = 6

GAPS: Final = (
    (
        "Do you wrap presents?",
        "Can you gift wrap the boots?",
        "Is gift wrapping available?",
        "could you wrap it as a gift please",
    ),
    ("Is there a student discount?", "do students get a discount", "any discount for students?"),
    ("Do you sell second-hand skis?", "second-hand skis", "do you have used skis?"),
)
ASKED: Final = (
    ("How long can I return sale items?", "returns/returns.md", "Returns"),
    ("What does shipping to Norway cost?", "delivery/shipping-costs.md", "Shipping costs"),
    ("How do I wash a down jacket?", "products/down-care.md", "Caring for down"),
)
TOOLS: Final = ("find_order",) * 5 + ("list_orders",) * 3 + ("refund_charge", "create_return", "create_return")
REASONS: Final = ("asked",) * 5 + ("anger", "anger", "amount", "unknown_outcome", "unknown", "topic")

Line = tuple[Any, ...]


class Book:
    """Writes conversations with times of their own, each event some milliseconds after the one before."""

    def __init__(self, data: Path) -> None:
        self._owner = Owner(data)
        self._now_ms = 0

    async def __aenter__(self) -> "Book":
        self._store = SqliteStore.open(self._owner, clock_ms=lambda: self._now_ms)
        self._log = Log(self._store)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._store.close()
        self._owner.release()

    async def put(self, conversation: str, at_ms: int, *lines: Line) -> None:
        """Events of one moment: (id, kind, role, body[, turn])."""
        self._now_ms = at_ms
        await self._log.append(f"{SITE}/{conversation}", [NewEvent(*line) for line in lines])


async def month(data: Path, now_ms: int) -> None:
    """Thirty days with what a merchant asks of their numbers: hand-overs, ratings, tools that fail, questions in vain."""
    dice = random.Random(7)
    async with Book(data) as book:
        number = 0
        for back in range(DAYS - 1, -1, -1):
            day_ms = (now_ms - back * DAY_MS) // DAY_MS * DAY_MS
            weekday = time.gmtime(day_ms / 1000).tm_wday
            for _ in range(dice.randint(9, 16) - (5 if weekday == SUNDAY else 0) + (DAYS - back) // 6):
                number += 1
                at_ms = day_ms + dice.randint(7 * HOUR_MS, 20 * HOUR_MS)
                # Of today only what is over by now.
                await _talk(book, f"c{number}", min(at_ms, now_ms - HOUR_MS - number * 1000), dice)


async def _talk(book: Book, name: str, at_ms: int, dice: random.Random) -> None:
    in_vain = dice.random() < 0.16
    question, document, title = dice.choice(ASKED)
    if in_vain:
        question = dice.choice(dice.choice(GAPS))
    answered_ms = at_ms + dice.randint(300, 2_400)
    await book.put(
        name,
        at_ms,
        ("o", "opened", "customer", {"locale": "en"}),
        ("m0", "message", "customer", {"text": question}),
    )
    await book.put(name, answered_ms, *_answer(question, document, title, in_vain=in_vain))
    at_ms = answered_ms
    if dice.random() < 0.45:
        at_ms += 40_000
        await book.put(name, at_ms, *_call(dice))
    if dice.random() < 0.17:
        at_ms = await _person(book, name, at_ms, dice)
    if dice.random() < 0.35:
        score = dice.choice([5, 5, 5, 5, 4, 4, 3, 2, 1])
        await book.put(name, at_ms + MINUTE_MS, ("ra", "rated", "customer", {"score": score}))
    elif dice.random() < 0.3:
        await book.put(
            name, at_ms + 9_000, ("ra", "rated", "customer", {"score": dice.choice([1, 1, 1, -1]), "of": "t0:r"})
        )


def _answer(question: str, document: str, title: str, *, in_vain: bool) -> list[Line]:
    passages = [{"title": title, "score": 0.31 if in_vain else 0.7, "text": "As our help page says."}]
    cites = {} if in_vain else {"citations": [{"n": 1, "document": document, "title": title, "quote": "As it says."}]}
    reply = "I do not find that in our help center." if in_vain else "As our help page says [1]."
    usage = {"input_tokens": 1_800, "output_tokens": 160, "cost": "0.0031"}
    return [
        ("t0:l", "retrieved", "system", {"query": question, "passages": passages}, "t0"),
        ("t0:c", "model.called", "system", {"model": "example", "usage": usage}, "t0"),
        ("t0:r", "message", "agent", {"text": reply, **cites}, "t0"),
        ("t0:e", "turn.ended", "system", {"reason": "answered", "answers": ["m0"]}, "t0"),
    ]


def _call(dice: random.Random) -> list[Line]:
    ok = dice.random() < 0.96
    end: dict[str, Any] = {"call": "k", "ok": ok}
    if not ok:
        end |= {"error": "no answer", "unknown": dice.random() < 0.3}
    return [
        ("m1", "message", "customer", {"text": "It is order 1042."}),
        ("p", "call.planned", "system", {"call": "k", "tool": dice.choice(TOOLS), "args": {}}, "t1"),
        ("s", "call.started", "system", {"call": "k"}, "t1"),
        ("e", "call.ended", "system", end, "t1"),
        ("t1:r", "message", "agent", {"text": "Here it is."}, "t1"),
        ("t1:e", "turn.ended", "system", {"reason": "answered", "answers": ["m1"]}, "t1"),
    ]


async def _person(book: Book, name: str, at_ms: int, dice: random.Random) -> int:
    """Somebody comes and settles it; when that was."""
    at_ms += 30_000
    await book.put(
        name,
        at_ms,
        ("m2", "message", "customer", {"text": "a person please"}),
        ("w", "mode", "system", {"mode": "waiting", "reason": dice.choice(REASONS)}),
    )
    at_ms += dice.randint(20_000, 400_000)
    await book.put(
        name,
        at_ms,
        ("s1", "mode", "staff", {"mode": "staff", "by": "u1", "name": "Ada"}),
        ("sm", "message", "staff", {"text": "Hello!"}),
    )
    at_ms += dice.randint(MINUTE_MS, 15 * MINUTE_MS)
    await book.put(name, at_ms, ("cl", "mode", "staff", {"mode": "closed", "by": "u1", "reason": "solved"}))
    return at_ms


MORNING: Final[Sequence[tuple[int, str, str, str, tuple[str, str] | None]]] = (
    # minutes ago, customer, what they said, what the agent said; (mode, reason)
    (6, "Piet van Dam", "This is the third time I ask. Where is my parcel?", "I am sorry.", ("waiting", "anger")),
    (3, "Chiara Conti", "Can somebody call me about the tent?", "I have asked a colleague.", ("waiting", "asked")),
    (14, "Tomas Novak", "Which gas fits the Scree stove?", "Any threaded EN 417 canister fits it.", None),
    (31, "Anouk Maes", "Do you ship to Norway?", "Yes, Norway is among the countries we ship to.", None),
    (48, "", "How do I wash a down jacket?", "At 30 degrees, with a detergent for down.", None),
    (55, "Lena Huber", "Wie lange kann ich Stiefel zurückgeben?", "Innerhalb von 30 Tagen.", None),
    (72, "", "When are you open on Saturday?", "On Saturdays from 9 to 17.", None),
    (95, "Marek Zielinski", "thanks, that is all!", "Gladly.", ("closed", "resolved")),
)
"""Beside the conversations that are really held while pictures are taken, so that a queue looks like one."""


async def morning(data: Path, now_ms: int) -> None:
    """What stands in the queues when a colleague comes to the desk."""
    async with Book(data) as book:
        for number, (ago, customer, said, reply, mode) in enumerate(MORNING):
            name, at_ms = f"c:{number}morning", now_ms - ago * MINUTE_MS
            lines: list[Line] = [("o", "opened", "customer", {"locale": "en"})]
            if customer:
                who = {"customer": f"cus_{customer.split()[0].lower()}", "name": customer, "verified": True}
                lines.append(("i", "identified", "system", who))
            lines += [
                ("m", "message", "customer", {"text": said}),
                ("t:s", "turn.started", "system", {"attempt": 1}, "t"),
                ("t:r", "message", "agent", {"text": reply}, "t"),
                ("t:e", "turn.ended", "system", {"reason": "answered", "answers": ["m"]}, "t"),
            ]
            if mode:
                lines.append(("w", "mode", "system", {"mode": mode[0], "reason": mode[1]}))
            await book.put(name, at_ms, *lines)
