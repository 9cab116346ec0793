"""Text: words as claims are looked for in them, whatever marks, letters or invisible characters stand inside.

Pure; knows no language.
"""

import re
import unicodedata
from typing import Final

INNER: Final = "'’‘*_~`\u00ad\u200b\u200c\u200d\u2060\ufeff"
"""What may stand inside a word: apostrophes; and marks and invisible characters, which are taken out."""
WORD: Final = re.compile(rf"[^\W_]+(?:[{INNER}]+[^\W_]+)*")
_MARKS: Final = str.maketrans({**dict.fromkeys("*_~`\u00ad\u200b\u200c\u200d\u2060\ufeff"), "’": "'", "‘": "'"})


def plain(text: str) -> str:
    """The text in lower case, without marks, invisible characters and look-alike forms of letters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return text.translate(_MARKS).lower()


def mixed(word: str) -> bool:
    """Whether a word mixes Latin letters with those of another script, as only a disguise does."""
    if word.isascii():
        return False
    scripts = {unicodedata.name(char, "?").partition(" ")[0] for char in word if char.isalpha()}
    return "LATIN" in scripts and bool(scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
