"""How the demo shop's answers are worded: days, lists and amounts in both of its languages, and refusals.

It looks nothing up.
"""

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel

from tools import Caller, ToolError

R = TypeVar("R")

MONTHS: Final = {
    "en": "January, February, March, April, May, June, July, August, September, October, November, December",
    "de": "Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, November, Dezember",
}
DAYS: Final = {
    "en": "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday",
    "de": "Montag, Dienstag, Mittwoch, Donnerstag, Freitag, Samstag, Sonntag",
}


class Words(BaseModel):
    """One thing said in both of the shop's languages; the reply takes the customer's."""

    en: str
    de: str


class Refused(Exception):
    """The shop does not do it, and nothing has happened. Said in the customer's language."""

    def __init__(self, en: str, de: str) -> None:
        super().__init__(en)
        self.words = Words(en=en, de=de)


def no_order(number: str) -> Refused:
    """The same words for an order that does not exist and for one that is another's."""
    return Refused(
        f"I can't find order {number} among your orders. The number has four digits and is in every email from us.",
        f"Unter Ihren Bestellungen finde ich keine {number}. Die Nummer hat vier Ziffern und steht in jeder E-Mail von uns.",
    )


async def told(caller: Caller, work: Callable[[], R]) -> R:
    """What `work` returns; it runs in a thread, since it reads and writes files.

    Raises:
        ToolError: the shop refuses, in the customer's language.
    """
    try:
        return await asyncio.to_thread(work)
    except Refused as refused:
        raise ToolError(getattr(refused.words, language(caller))) from None


def language(caller: Caller) -> str:
    """`de` for customers who write German, `en` for everybody else."""
    return "de" if caller.locale[:2].lower() == "de" else "en"


def reply(name: str) -> str:
    """The template that words a tool's result: replies/NAME.jinja, in English and German."""
    return (Path(__file__).parents[1] / "replies" / f"{name}.jinja").read_text(encoding="utf-8").strip()


def both(say: Callable[[str], str]) -> Words:
    """What `say` says in each language."""
    return Words(en=say("en"), de=say("de"))


def day_in_words(day: date | None, lang: str) -> str:
    """A day as people say it; empty without one."""
    if day is None:
        return ""
    weekday, month = DAYS[lang].split(", ")[day.weekday()], MONTHS[lang].split(", ")[day.month - 1]
    return f"{weekday}, {day.day}. {month}" if lang == "de" else f"{weekday}, {day.day} {month}"


def time_in_words(time: datetime, lang: str) -> str:
    """A day with its time: "Friday, 27 November at 9:00"."""
    clock = f"{time.hour}:{time.minute:02}"
    return f"{day_in_words(time, lang)}, {clock} Uhr" if lang == "de" else f"{day_in_words(time, lang)} at {clock}"


def listed(parts: list[str], lang: str) -> str:
    """Several things as one: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + (" und " if lang == "de" else " and ") + parts[-1]


def euros(amount: Decimal, lang: str) -> str:
    """An amount as each language writes it: €5.90, 5,90 €."""
    return f"{amount:.2f} €".replace(".", ",") if lang == "de" else f"€{amount:.2f}"


def weight_in_words(grams: int, lang: str) -> str:
    """Grams as a shop writes them: 95 g, 1.98 kg."""
    if grams < 1000:
        return f"{grams} g"
    text = f"{Decimal(grams) / 1000:.2f}".rstrip("0").rstrip(".")
    return f"{text.replace('.', ',') if lang == 'de' else text} kg"
