"""Slots: what a customer's words mean as the value of a slot, and whether a value fits.

Pure. It never makes a value up: each stands in the words, or is refused.
"""

import calendar
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any, Final

import pydantic
from pydantic import StringConstraints, TypeAdapter
from pydantic_core import SchemaError

from tools.workflow import types
from tools.workflow.model import Slot

MAX_HEARD_CHARS: Final = 4_000
"""The longest message that a customer may send."""
ORDER_NUMBER: Final = r"[A-Za-z]{0,4}[-#]?\d{3,12}"
"""Without a pattern of the shop's: some digits, perhaps behind a few letters."""

_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_NUMBER: Final = re.compile(r"(?<![\w.,])-?\d{1,15}(?:[.,]\d{1,15})*(?!\w)")
_MONEY: Final = re.compile(
    r"(?:(?:[€$£]|EUR|USD|GBP|CHF)\s?(\d{1,15}(?:[.,]\d{1,15})*))"
    r"|(?:(?<![\w.,-])(\d{1,15}(?:[.,]\d{1,15})*)\s?(?:[€$£]|(?:EUR|USD|GBP|CHF|euros?|dollars?|pounds?)\b))",
    re.I,
)
_ISO: Final = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_DOTTED: Final = re.compile(r"\b(\d{1,2})[./](\d{1,2})[./](\d{4})\b")
_WORDED: Final = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?([A-Za-zä]{3,9})\.?(?:\s+(\d{4}))?", re.I)
_WORDED_US: Final = re.compile(r"\b([A-Za-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(\d{4}))?\b", re.I)
_MONTHS: Final = {
    **{name.lower()[:3]: n for n, name in enumerate(calendar.month_name) if n},
    **{"mär": 3, "mai": 5, "okt": 10, "dez": 12},
}
_DAYS: Final = {
    name: n
    for n, names in enumerate(
        (
            ("monday", "montag"), ("tuesday", "dienstag"), ("wednesday", "mittwoch"), ("thursday", "donnerstag"),
            ("friday", "freitag"), ("saturday", "samstag"), ("sunday", "sonntag"),
        )
    )
    for name in names
}  # fmt: skip
_NEAR: Final = {"today": 0, "heute": 0, "tomorrow": 1, "morgen": 1, "yesterday": -1, "gestern": -1}
_YES: Final = frozenset(
    (
        "yes", "yep", "yeah", "yup", "sure", "ok", "okay", "please", "correct", "right", "confirm", "confirmed",
        "absolutely", "definitely", "ja", "jo", "klar", "gerne", "genau", "richtig", "stimmt",
    )
)  # fmt: skip
_NO: Final = frozenset(
    (
        "no", "nope", "nah", "not", "don't", "dont", "never", "stop", "wrong", "cancel", "nein", "nicht", "keine",
        "falsch", "lieber",
    )
)  # fmt: skip
_NO_TEXT: Final = frozenset(("yes", "yeah", "yep", "no", "nope", "ok", "okay", "ja", "nein", "nee"))
_DIGITED: Final = re.compile(r"(?<!\S)\S*\d\S*(?:\s+\S*\d\S*)*")
"""Words in a row that each have a digit: "6020", "SW1A 1AA"."""
_COMMON: Final = frozenset(
    (
        "the", "and", "for", "not", "but", "from", "with", "this", "that", "these", "those", "want", "would", "like", "have",
        "has", "had", "you", "your", "are", "was", "were", "can", "could", "will", "please", "need", "them", "they", "there",
        "der", "die", "das", "den", "dem", "des", "und", "oder", "nicht", "für", "von", "aus", "mit", "ich", "mir", "mich",
        "ist", "sind", "war", "ein", "eine", "einen", "einer", "meine", "meinen", "möchte", "will", "bitte", "habe", "sie",
    )
)  # fmt: skip
"""Words that say nothing about which choice is meant."""
_ORDINALS: Final = {
    word: place
    for place, said in (
        (0, "first 1st earliest soonest erste erster erstes ersten früheste frühester frühesten frühste frühsten"),
        (1, "second 2nd zweite zweiter zweites zweiten"),
        (2, "third 3rd dritte dritter drittes dritten"),
        (3, "fourth 4th vierte vierter viertes vierten"),
        (4, "fifth 5th fünfte fünfter fünftes fünften"),
        (-1, "last latest letzte letzter letztes letzten späteste spätester spätesten"),
    )
    for word in said.split()
}
BY_FORM: Final = frozenset({"choice", "date", "money", "email"})
"""Slots whose value can be told from the other words of a message."""
_OTHER: Final = frozenset(("other", "others", "andere", "anderen", "anderes", "anderer"))
_WORD: Final = re.compile(r"[^\W_]+(?:'[a-z]+)?")
_COMPOUND: Final = re.compile(r"(?<!\d)\d++(?:[.:/-]\d+)+")
"""Digits that are one thing together: a date, a time, an amount. 2026-11-24 says nothing about 11:00."""


@dataclass(frozen=True)
class Choice:
    """One choice: the value, and what the customer reads."""

    value: str
    label: str
    words: tuple[str, ...] = ()
    """Other words for it."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is called, lower-cased."""
        return tuple(name.casefold() for name in (self.value, self.label, *self.words) if name)


@dataclass(frozen=True)
class Heard:
    """What a slot's raw value means. Without a `value`, `choices` are those that it could be."""

    value: Any = None
    ok: bool = False
    choices: tuple[Choice, ...] = ()


def read(
    slot: Slot,
    raw: Any,  # noqa: ANN401 - JSON
    *,
    today: str,
    choices: Sequence[Choice] = (),
    before: Any = None,  # noqa: ANN401 - JSON
    shown: Sequence[Choice] = (),
) -> Heard:
    """The value of a slot from something that was said or extracted; a text may hold other words around it.

    `before` is the choice that is being corrected: "the other one" is not it. `shown` are the choices as the customer
    saw them: "the first one".
    """
    if slot.type == "yes_no" and isinstance(raw, bool):
        return Heard(raw, True)
    if isinstance(raw, int | float | Decimal) and not isinstance(raw, bool):
        raw = str(raw)
    if not isinstance(raw, str) or not raw.strip() or len(raw) > MAX_HEARD_CHARS:
        return Heard()
    said = raw.strip()
    match slot.type:
        case "yes_no":
            found = _yes_no(said)
            return Heard() if found is None else Heard(found, True)
        case "choice":
            other = before is not None and _OTHER & {w.lower() for w in _WORD.findall(said)}
            return _other(said, choices, str(before)) if other else _choice(said, choices, shown or choices)
        case "order_number" | "text":
            return _pattern(slot, said)
        case "email":
            emails = list(dict.fromkeys(_EMAIL.findall(said)))
            return Heard(emails[0].rstrip("."), True) if len(emails) == 1 else Heard()
        case "date":
            return _date(said, today)
        case "number" | "money":
            return _amount(slot, said)
        case "photo":
            return Heard()  # no words are one: `Values` takes it from what was attached


def pattern_of(slot: Slot) -> str | None:
    """The slot's pattern, or the usual one of an order number."""
    return slot.pattern or (ORDER_NUMBER if slot.type == "order_number" else None)


@lru_cache(maxsize=256)
def matcher(pattern: str) -> "TypeAdapter[str]":
    """A check for whole texts. pydantic's own regular expressions take linear time, whatever the pattern.

    Raises:
        ValueError: it is no pattern (look-around and back-references are not possible).

    """
    bare = pattern.removeprefix("^").removesuffix("$")
    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=f"^(?:{bare})$")])
    except SchemaError as error:
        raise ValueError(f"not a pattern: {str(error).splitlines()[-1].strip()}") from None


def matches(pattern: str, value: str) -> bool:
    """Whether the whole text looks as the pattern says."""
    try:
        matcher(pattern).validate_python(value)
    except pydantic.ValidationError:
        return False
    return True


def _pattern(slot: Slot, said: str) -> Heard:
    pattern = pattern_of(slot)
    if slot.type == "text" and not _says_something(said):
        return Heard()
    if pattern is None:
        return Heard(said, True) if len(said) <= slot.max_chars else Heard()
    if matches(pattern, said):
        return Heard(said, True)
    # Candidates are words with a digit; a text is never searched with the shop's own pattern.
    if slot.type == "text":
        runs = [run.strip("#.,;:!?()\"' ") for run in _DIGITED.findall(said)]
        inside = list(dict.fromkeys(run for run in runs if matches(pattern, run)))
        return Heard(inside[0], True) if len(inside) == len(runs) == 1 else Heard()
    words = [word.strip("#.,;:!?()\"'") for word in said.split()]
    found = list(dict.fromkeys(w for w in words if any(c.isdigit() for c in w) and matches(pattern, w)))
    return Heard(found[0], True) if len(found) == 1 else Heard()


def _says_something(said: str) -> bool:
    """Whether the words are more than a mark, an emoji, a yes or a no."""
    return any(char.isalnum() for char in said) and said.casefold().strip(" .,!?") not in _NO_TEXT


def agrees(said: str) -> bool:
    """Whether the words are a yes, also as in "one moment, yes"."""
    return _yes_no(said) is True


def _yes_no(said: str) -> bool | None:
    words = [word.lower() for word in _WORD.findall(said.replace("’", "'"))]
    if not words or len(words) > 12:
        return None
    if set(words) & _NO:
        # "no problem" and "why not" are rare, and wrongly taken for yes they would start something.
        return False if words[0] in _NO or not set(words) & _YES else None
    return True if words[0] in _YES or (len(words) <= 4 and set(words) & _YES) else None


def _choice(said: str, choices: Sequence[Choice], shown: Sequence[Choice] = ()) -> Heard:
    plain = said.casefold().replace("’", "'").strip(" .!")
    exact = [c for c in choices if plain in c.names]
    if exact:
        return Heard(exact[0].value, True) if len({c.value for c in exact}) == 1 else Heard(choices=tuple(exact))
    spaced = f" {' '.join(_WORD.findall(plain))} "
    whole = [c for c in choices if any(f" {' '.join(_WORD.findall(name))} " in spaced for name in c.names[1:])]
    if len(whole) == 1:
        return Heard(whole[0].value, True)
    plain = _COMPOUND.sub(" ", plain)
    words = {_stem(w) for w in _WORD.findall(plain) if (len(w) > 2 and w not in _COMMON) or w.isdigit()}
    scores = [(len(words & _stems(c)), c) for c in choices]
    best = max((score for score, _ in scores), default=0)
    near = [c for score, c in scores if score == best and best > 0]
    if len(near) == 1:
        return Heard(near[0].value, True)
    if (placed := _placed(plain, near or shown)) is not None:
        return Heard(placed.value, True)
    return Heard(choices=tuple(near) if len(near) < len(choices) else ())


def _placed(plain: str, shown: Sequence[Choice]) -> Choice | None:
    """The choice whose place is named: "the first one", or a bare number where no choice has one in its name."""
    places = {_ORDINALS[word] for word in _WORD.findall(plain) if word in _ORDINALS}
    if not places and plain.isdecimal() and not any(char.isdigit() for choice in shown for char in choice.label):
        places = {int(plain) - 1} if plain != "0" else set()
    place = places.pop() if len(places) == 1 else None
    return shown[place] if place is not None and -len(shown) <= place < len(shown) else None


def _stems(choice: Choice) -> set[str]:
    return {_stem(word) for name in choice.names[1:] for word in _WORD.findall(name)}


def stated(slot: Slot, said: str, choices: Sequence[Choice], *, today: str) -> Heard:
    """The slot's value in a message that is about more: a choice that it names, the one day, amount or address in it."""
    if slot.type == "choice":
        return mentioned(said, choices)
    if slot.type == "money" and not _MONEY.search(said):
        return Heard()  # any number might be anything
    return read(slot, said, today=today) if slot.type in BY_FORM else Heard()


def mentioned(said: str, choices: Sequence[Choice]) -> Heard:
    """The choice that a message names while it is about more ("I want to return the boots"); nothing if it names none."""
    found = _choice(said, choices) if said.strip() and len(said) <= MAX_HEARD_CHARS else Heard()
    return found if found.ok or len(found.choices) < len(choices) else Heard()


def _other(said: str, choices: Sequence[Choice], before: str) -> Heard:
    """What "the other pair" is: by its own words; else the only other one of the same kind; else the only other one."""
    rest = [c for c in choices if c.value != before]
    found = _choice(" ".join(w for w in _WORD.findall(said) if w.lower() not in _OTHER), rest)
    if found.ok or len(rest) == 1:
        return found if found.ok else Heard(rest[0].value, True)
    kind = {word for c in choices if c.value == before for word in _stems(c) if len(word) > 2 and word not in _COMMON}
    alike = [c for c in rest if kind & _stems(c)]
    if len(alike) == 1 and not found.choices:
        return Heard(alike[0].value, True)
    return Heard(choices=tuple(found.choices or alike or rest))


def _stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


def _date(said: str, today: str) -> Heard:
    now = types.day(today)
    found: set[dt.date] = set()
    for pattern, order in ((_ISO, (0, 1, 2)), (_DOTTED, (2, 1, 0))):
        for groups in pattern.findall(said):
            found |= _made(*(int(groups[n]) for n in order))
    if not found and isinstance(now, dt.date):
        worded = [(d, m, y) for d, m, y in _WORDED.findall(said)] + [(d, m, y) for m, d, y in _WORDED_US.findall(said)]
        for number_of_day, month, year in worded:
            found |= _worded(int(number_of_day), _MONTHS.get(month.lower()[:3]), int(year) if year else None, now)
        for word in (w.lower() for w in _WORD.findall(said)):
            if word in _NEAR and not found:
                found.add(now + dt.timedelta(days=_NEAR[word]))
            elif word in _DAYS and not found:
                found.add(now + dt.timedelta(days=(_DAYS[word] - now.weekday() - 1) % 7 + 1))
    return Heard(found.pop().isoformat(), True) if len(found) == 1 else Heard()


def _worded(day: int, month: int | None, year: int | None, now: dt.date) -> set[dt.date]:
    """The day; without a year the coming one is meant, unless it is less than 60 days past ("I bought it on 3 May")."""
    if month is None:
        return set()
    made = _made(year or now.year, month, day)
    return made if year or all((now - one).days <= 60 for one in made) else _made(now.year + 1, month, day)


def _made(year: int, month: int, day: int) -> set[dt.date]:
    try:
        return {dt.date(year, month, day)}
    except ValueError:
        return set()


def _amount(slot: Slot, said: str) -> Heard:
    signed = [a or b for a, b in _MONEY.findall(said)] if slot.type == "money" else []
    found = {number(item) for item in signed or _NUMBER.findall(said)} - {None}
    if len(found) != 1:
        return Heard()
    value = found.pop()
    assert value is not None  # noqa: S101 - None is taken away above
    if (slot.min is not None and value < slot.min) or (slot.max is not None and value > slot.max):
        return Heard()
    if slot.type == "money" and (value < 0 or value != value.quantize(Decimal("0.01"))):
        return Heard()
    return Heard(types.undress(value), True)


def number(written: str) -> Decimal | None:
    """A number as people write it: 1,234.50 and 1.234,50 are the same; 12,50 is twelve and a half."""
    text = written
    if "," in text and "." in text:
        point = "." if text.rfind(".") > text.rfind(",") else ","
        text = text.replace("," if point == "." else ".", "").replace(point, ".")
    elif text.count(",") == 1 and len(text.partition(",")[2]) != 3:
        text = text.replace(",", ".")
    elif text.count(".") > 1 or "," in text:
        text = text.replace(",", "").replace(".", "") if _grouped(text) else "-"
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _grouped(text: str) -> bool:
    return all(len(part) == 3 for part in re.split("[.,]", text)[1:])
