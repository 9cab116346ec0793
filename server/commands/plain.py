"""Plain: text of strangers for a terminal, with everything that cannot be seen made visible.

It changes nothing else: letters that look alike stay as they are.
"""

import json
import unicodedata
from datetime import UTC, datetime
from typing import Final

import orjson

_KINDS: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories without a shape of their own: controls (terminal escapes), format (bidi, zero width), unassigned."""
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that draw nothing, though their category is that of letters and marks."""


def visible(text: str) -> str:
    """The text on one line (`⏎` ends one), with each unseen character as `⟨U+202E⟩`; spaces but the usual one, too."""
    return "".join(_sign(letter) if _unseen(letter) else letter for letter in text)


def _sign(letter: str) -> str:
    return "⏎" if letter == "\n" else f"⟨U+{ord(letter):04X}⟩"


def _unseen(letter: str) -> bool:
    if letter == " " or "!" <= letter <= "~":
        return False
    kind = unicodedata.category(letter)
    return (
        kind in _KINDS or kind == "Zs" or letter in _BLANK or "\ufe00" <= letter <= "\ufe0e" or ord(letter) >= 0xE0100
    )


def shown(value: object) -> str:
    """A JSON value on one line, in its own key order, with unseen characters made visible."""
    return visible(orjson.dumps(value).decode())


def piped(value: object) -> str:
    """A JSON value for another program: all there is, in letters that a terminal shows."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def short(text: str, most: int = 160) -> str:
    """At most so many characters of it, made visible, and a sign where there was more."""
    return visible(text if len(text) <= most else text[: most - 1] + "…")


def time_of(at_ms: int) -> str:
    """Unix milliseconds as a UTC time."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
