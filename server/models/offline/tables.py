"""Tables: a row of a table as a line that people read: "**Germany**, standard: 2 to 3 working days".

Pure. Leaves out columns that were not asked for, and changes no cell.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from server.models.offline.language import Language

_MARKDOWN: Final = re.compile(r"(?<!\\)\|")
_CELL: Final = re.compile(r"<t[dh]\b", re.I)
_SHORT: Final = 2
"""Words of a column's name up to which it stands before its value without a colon ("standard 2 days")."""

Cell = tuple[str, str]
"""The name of its column, which may be empty, and what it says."""


def cells(text: str, raw: str) -> tuple[Cell, ...]:
    """The cells of a row; `text` is its plain text ("Country: Germany; Standard: 2 days"), `raw` how it is written.

    Empty for what is no row, or cannot be read as one without doubt.
    """
    count = max(len(_MARKDOWN.findall(raw.strip().strip("|"))), len(_CELL.findall(raw)))
    parts = text.split("; ")
    if count < 1 or not 2 <= len(parts) <= count + 1:  # an empty cell is not told
        return ()
    pairs = [part.partition(": ") for part in parts]
    if any(not value for _, _, value in pairs[1:]):
        return ()  # a table without names of columns says enough as it is
    return tuple((head, value) if value else ("", head) for head, _, value in pairs)


def in_words(found: Sequence[Cell], language: Language, asked: Callable[[Cell], bool]) -> str:
    """The row in words: its first cell in bold, and of the others those that were asked for, if any were."""
    first, rest = found[0][1], [cell for cell in found[1:] if cell[1].strip()]
    chosen = [cell for cell in rest if asked(cell)] or rest
    if len(rest) == 1:
        return f"**{first}**: {rest[0][1]}"
    if len(chosen) == 1:
        head, value = chosen[0]
        return f"**{first}**, {_lowered(head, language)}: {value}"
    short = all(len(head.split()) <= _SHORT or any(char.isdigit() for char in value) for head, value in chosen)
    if short and not any(", " in value or ";" in value for _, value in chosen):
        return f"**{first}**: " + ", ".join(f"{_lowered(head, language)} {value}" for head, value in chosen)
    return f"**{first}** – " + "; ".join(f"{_lowered(head, language)}: {value}" for head, value in chosen)


def _lowered(head: str, language: Language) -> str:
    plain_word = head[1:2].islower() or len(head) == 1
    keeps = language.has("nouns_capital", head) or not plain_word
    return head if keeps else head[:1].lower() + head[1:]
