"""What a sentence claims that can be checked by looking: numbers with their units, names, dates, yes or no.

Pure. It errs on the side of "not the same claim"; it understands no synonyms beyond the lists below.
"""

import re
from dataclasses import dataclass

from retrieval.text import fold, is_stop_word, number, stem, word_set, words

_NUMBER_WORDS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "fourteen": "14", "fifteen": "15", "twenty": "20", "thirty": "30",
    "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100", "thousand": "1000",
    "zwei": "2", "drei": "3", "vier": "4", "fünf": "5", "sechs": "6", "sieben": "7", "acht": "8", "neun": "9",
    "zehn": "10", "elf": "11", "zwölf": "12", "vierzehn": "14", "zwanzig": "20", "dreißig": "30", "hundert": "100",
}  # fmt: skip
_UNITS = {
    "%": "%", "percent": "%", "per cent": "%", "prozent": "%",
    "€": "eur", "eur": "eur", "euro": "eur", "euros": "eur", "$": "usd", "usd": "usd", "dollar": "usd",
    "dollars": "usd", "£": "gbp", "gbp": "gbp", "pound": "gbp", "pounds": "gbp", "¥": "jpy", "chf": "chf", "nok": "nok",
    "sek": "sek", "dkk": "dkk", "second": "s", "seconds": "s", "minute": "min", "minutes": "min", "min": "min",
    "minuten": "min", "hour": "h", "hours": "h", "stunde": "h", "stunden": "h", "day": "d", "days": "d", "tag": "d",
    "tage": "d", "tagen": "d", "week": "w", "weeks": "w", "woche": "w", "wochen": "w", "month": "m", "months": "m",
    "monat": "m", "monate": "m", "monaten": "m", "year": "y", "years": "y", "jahr": "y", "jahre": "y", "jahren": "y",
    "g": "g", "kg": "kg", "kilo": "kg", "mm": "mm", "cm": "cm", "metre": "mtr", "metres": "mtr", "meter": "mtr",
    "meters": "mtr", "km": "km", "ml": "ml", "l": "l", "litre": "l", "litres": "l", "liter": "l", "liters": "l",
    "mb": "mb", "gb": "gb", "am": "am", "pm": "pm", "a.m": "am", "p.m": "pm", "uhr": "clock",
}  # fmt: skip
_SYMBOLS = "%€$£¥"
_DATE_WORDS = word_set("""january february march april may june july august september october november december
    monday tuesday wednesday
    thursday friday saturday sunday januar februar märz mai juni juli oktober dezember montag dienstag mittwoch
    donnerstag freitag samstag sonntag weekend weekends""")
_NEGATIONS = word_set("""not no never none nothing nobody neither nor cannot without nicht kein keine keinen
    keinem keiner nie niemals
    ohne weder pas jamais sans aucun aucune nunca sin ningún ninguna mai senza nessun nessuna niet geen nooit zonder
    não nunca sem nenhum unable refuse refuses refused""")
_OPPOSITES = tuple(
    (frozenset(a.split()), frozenset(b.split()))
    for a, b in (
        ("before earlier vor", "after later nach"), ("open opens opened", "closed closes close"),
        ("accept accepts accepted", "reject rejects rejected refuse"), ("include includes included including",
        "exclude excludes excluded excluding except"),
        ("more above over maximum most", "less below under minimum least fewer"), ("allowed permitted",
        "forbidden prohibited banned"),
        ("possible erlaubt", "impossible unmöglich verboten"), ("refundable", "non-refundable nonrefundable"), ("always immer",
        "never nie"),
        ("increase increases", "decrease decreases reduce"), ("buyer customer", "seller merchant"), ("online", "offline"),
    )
)  # fmt: skip
_TOKEN = re.compile(r"\d+(?:[.,’'\u00a0\u202f]\d+)*|[^\W\d_]+(?:['’.][^\W\d_]+)*|[%€$£¥]")
_CLAUSES = re.compile(r"[,;:—–()]|\s-\s|\b(?:but|however|unless|except|although|aber|jedoch|außer|mais|pero)\b", re.I)
_NAME = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be found again in a text for it to support a sentence."""

    numbers: frozenset[str]
    measures: frozenset[tuple[str, str]]  # (number, unit)
    names: frozenset[str]
    dates: frozenset[str]


def facts(sentence: str, *, names: bool = True) -> Facts:
    """The checkable facts of a sentence; `names=False` for languages that write every noun with a capital."""
    pairs = measures(sentence)
    lower = set(words(sentence))
    codes = {fold(word) for word in lower if re.search(r"\d", word) and re.search(r"[^\W\d_]", word)}
    return Facts(
        numbers=frozenset(value for value, _ in pairs),
        measures=frozenset((value, unit) for value, unit in pairs if unit),
        names=frozenset(codes | (_names(sentence) if names else set())),
        dates=frozenset(word for word in lower & _DATE_WORDS if word not in {"may", "march", "mai"}),
    )


def measures(text: str) -> list[tuple[str, str]]:
    """Each number of a text with the unit near it ("" without); number words count."""
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    found: list[tuple[str, str]] = []
    for index, token in enumerate(tokens):
        value = number(token) if token[0].isdigit() else _NUMBER_WORDS.get(token.lower())
        if value is None:
            continue
        before = tokens[index - 1] if index else ""
        unit = ""
        # "14 business days", "2 to 3 days": a unit is at most three words on.
        for after in tokens[index + 1 : index + 4]:
            if unit := _UNITS.get(after.lower().rstrip("."), ""):
                break
            if after in ".;":
                break
        nearest = _UNITS.get(before.lower(), "") if before and (before in _SYMBOLS or len(before) == 3) else ""
        found.append((value, nearest or unit))
    return found


def missing(claim: Facts, text: str) -> str | None:
    """The first fact of a claim that a text lacks, in words; None when it has them all."""
    pairs = measures(text)
    values = {value for value, _ in pairs}
    for value in sorted(claim.numbers - values):
        return f"number {value}"
    for value, unit in sorted(claim.measures):
        units = {u for v, u in pairs if v == value}
        if unit not in units:
            return f"{value} {unit}"
    present = {fold(word) for word in words(text)}
    stems = {stem(word) for word in words(text)}
    lower = fold(text)
    for name in sorted(claim.names):
        if name not in present and stem(name) not in stems and name not in lower:
            return f"name {name}"
    for date in sorted(claim.dates):
        if stem(date) not in stems:
            return f"date {date}"
    return None


def contradicts(sentence: str, text: str, language: str = "en") -> bool:
    """Whether the part of `text` that speaks of the same thing says no where the sentence says yes, or the reverse."""
    if _negated(sentence) != _negated(text) or _negated(sentence):
        wanted = set(content(sentence, language))
        parts = [part for part in _CLAUSES.split(text) if part and part.strip()] or [text]
        shares = [len(wanted & set(content(part, language))) for part in parts]
        best = max(shares)
        near = [part for part, share in zip(parts, shares, strict=True) if share == best]
        claims = _CLAUSES.split(sentence)
        mine = any(_negated(part) for part in claims if part)
        theirs = [_negated(part) for part in near]
        # A clause may lean on the negation of the whole ("We do not, at present, ship there").
        leans = mine and best < len(wanted) and _negated(text) and len(parts) <= 3
        if mine not in theirs and not leans:
            return True
    said, there = set(words(sentence)), set(words(text))
    return any(
        (said & a and not there & a and there & b) or (said & b and not there & b and there & a) for a, b in _OPPOSITES
    )


def content(text: str, language: str = "en") -> list[str]:
    """Stems of the words that carry a subject; number words as digits, numbers in one form."""
    found: list[str] = []
    for token in words(text):
        if token in _NUMBER_WORDS:
            found.append(_NUMBER_WORDS[token])
        elif token.isdigit():
            found.append(number(token))
        elif not is_stop_word(token, language):
            found.append(stem(token, language))
    return found


def _negated(text: str) -> bool:
    found = words(text)
    return any(word in _NEGATIONS or word.endswith("n't") for word in found) or "non-" in text.lower()


def _names(sentence: str) -> set[str]:
    found: set[str] = set()
    start = True
    for match in _NAME.finditer(sentence):
        word = match.group()
        if word[0].isupper() and not start and len(word) > 1 and not is_stop_word(word.lower()):
            found.add(fold(word))
        rest = sentence[match.end() : match.end() + 2].strip()
        start = rest[:1] in set(".!?:•\n") and rest != ""
    return {name for name in found if name not in _DATE_WORDS}
