"""Address: whether words are a postal address, and which part of it is which.

Pure. Knows no shop and no language: people write the address of one country in the language of another.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from retrieval.text import words
from tools.workflow.model import Slot

PartKind = Literal["street", "postcode", "town"]

_KINDS: Final[Mapping[PartKind, frozenset[str]]] = {
    "street": frozenset({"street", "address", "road", "straße", "strasse", "hausnummer", "adresse", "anschrift"}),
    "postcode": frozenset({"postcode", "zip", "zipcode", "postal", "plz", "postleitzahl"}),
    "town": frozenset({"town", "city", "ort", "stadt", "wohnort"}),
}
"""Words of a slot's name, or of what it is, by which it is known as a part of an address."""
_STREET: Final = (
    r"(?:\b\w*(?:stra(?:ß|ss)e|gasse|weg|platz|allee|ring|damm|ufer|steig|steg|zeile|graben|markt|kai)|\b\w*str\.?|"
    r"\b(?:street|st|road|rd|lane|ln|avenue|ave|drive|dr|close|court|crescent|square|sq|way|terrace|place|gardens|grove|hill|row|mews|"
    r"boulevard|blvd|parkway|highway|hwy|rue|via|viale|piazza|calle|plaza|ulica|ul\.?|vej|gade|gatan|vägen|katu|straat|laan|weg|utca|út))"
)
_HOUSE: Final = r"\d{1,4}\s?[a-z]?(?:\s?[-/]\s?\d{1,4}[a-z]?)*"
_STRONG: Final = re.compile(
    rf"{_STREET}(?:\s+(?:am|an|der|dem|den|de|des|la|le|du|(?-i:[A-ZÄÖÜ])\w+))*[\s,]{{0,3}}{_HOUSE}(?!\w)"
    rf"|(?<!\w){_HOUSE},?\s+(?:[^\W\d]+[.']?\s+){{0,4}}{_STREET}(?!\w)"
    r"|\b(?:p\.?\s?o\.?\s?box|postfach|postbus|casella postale|bp)\s+\d+",
    re.I,
)
"""A street with a number on either side of it, or a box: nothing else looks so."""
_NUMBERED: Final = re.compile(
    rf"^(?:[^\W\d][\w.'’-]*\s+){{1,5}}{_HOUSE}[\s.,]*$|^{_HOUSE},?\s+(?:[^\W\d][\w.'’-]*[\s.,]*){{1,5}}$"
)
"""A few words and a house number: "Nuottapolku 4", "12 Rosebank"."""
_JOINER: Final = re.compile(
    r"(?:\b(?:to|at|is|on|it'?s|ist|lautet|nach|an die|an den|an|auf die|auf|in der|in die|in den|in|im|am)\s+|:\s*)",
    re.I,
)
_LEAD: Final = re.compile(
    r"(?:it|it'?s|to|change|send|please|pls|can|could|i|my|the|our|new|use|deliver|ship|put|we|ich|wir|mein\w*|unser\w*|die|neue|an|bitte|"
    r"schick\w*|send\w*|es|das|sie|nach|in|im|am|auf|sorry|ok|okay|yes|ja|no|nein|that|street|address|straße|adresse|also|now|actually)\b",
    re.I,
)
"""What words around an address begin with."""
_TAIL: Final = re.compile(
    r"(?<![\s,.!?])[\s,.!?]*\b(?:please|pls|thanks|thank you|bitte|danke)\b[\s.!?]*$|(?<![\s?!])[\s?!]+$", re.I
)
_LONGEST_CHARS: Final = 160
_ZIP: Final = r"\d{4} ?[A-Z]{2}(?!\w)|\d{3} \d{2}|\d{2}-\d{3}|(?:[A-Z]{1,2}-)?\d{4,5}"
_ZIP_TOWN: Final = re.compile(rf"^(?P<postcode>{_ZIP})\s+(?P<town>[^\W\d][^\d]*)$")
_TOWN_ZIP: Final = re.compile(
    r"^(?:(?P<town>[^\W\d][^\d]*?),?\s+)?(?P<postcode>[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|\d{5}(?:-\d{4})?)$", re.I
)
_ONE_LINE: Final = re.compile(rf"^(?P<street>.*?\d\s?[a-zA-Z]?)[.,]?\s+(?P<rest>(?:{_ZIP})\s+[^\W\d][^\d]*)$")


def kind_of(name: str, slot: Slot) -> PartKind | None:
    """Which part of an address the slot is; None for any other slot."""
    if slot.type != "text":
        return None
    for said in (name.replace("_", " "), slot.what or ""):
        about = set(words(said))
        if "email" in about or "mail" in about:
            return None
        for kind, known in _KINDS.items():
            if about & known:
                return kind
    return None


def is_place(text: str) -> bool:
    """Whether the words surely hold a street or a box with its number."""
    return len(text) <= _LONGEST_CHARS and _STRONG.search(text) is not None


def may_be_place(text: str) -> bool:
    """Whether the words look like a street with a house number, though none of them says "street"."""
    return is_place(text) or _NUMBERED.match(text.strip()) is not None


def without_lead(text: str) -> str:
    """The address in "please send it to Am Markt 1": without the words around it; else the text as it is."""
    bare = _TAIL.sub("", text.strip())
    for match in reversed([*_JOINER.finditer(bare)]):
        rest = bare[match.end() :]
        if is_place(rest) and _LEAD.match(bare) and not any(char.isdigit() for char in bare[: match.start()]):
            return rest
    return bare if is_place(bare) else text.strip()


def found_in(text: str) -> dict[PartKind, str]:
    """The address in an order that names it: "change the address of order 12345 to Am Markt 1, 6020 Innsbruck"."""
    bare = _TAIL.sub("", text.strip())
    for match in reversed([*_JOINER.finditer(bare)]):
        if is_place(bare[match.end() :]):
            return parts_of(bare[match.end() :])
    return {}


def parts_of(text: str) -> dict[PartKind, str]:
    """The parts of an address that are told apart: "Am Markt 1, 6020 Innsbruck" has all three.

    Words that hold no postcode are one street; the order of what is said stays.
    """
    pieces = [piece.strip(" .") for piece in re.split(r"[,;\n]+", text) if piece.strip(" .")]
    if any(len(piece) > _LONGEST_CHARS for piece in pieces):
        return {}
    if pieces and (found := _ONE_LINE.match(pieces[-1])) and may_be_place(found.group("street")):
        pieces[-1:] = [found.group("street").strip(), found.group("rest").strip()]
    for at, piece in enumerate(pieces):
        match = _ZIP_TOWN.match(piece) or _TOWN_ZIP.match(piece)
        if match is None:
            continue
        town, first = match.group("town"), at
        state = town is not None and len(town) == 2 and town.isupper()
        if (state or not town) and at > 0 and not may_be_place(pieces[at - 1]):  # "…, Leeds, LS1 4AB"
            town, first = ", ".join(part for part in (pieces[at - 1], town) if part), at - 1
        out: dict[PartKind, str] = {"postcode": match.group("postcode")}
        if street := ", ".join(pieces[:first]):
            out["street"] = street
        if town := ", ".join(part for part in (town, *pieces[at + 1 :]) if part):
            out["town"] = town
        return out
    return {"street": ", ".join(pieces)} if may_be_place(text) else {}
