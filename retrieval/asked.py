"""Asked: what a question is about, where it only mentions a thing: in "how long can I return a jacket?" the returning.

Pure. Knows no shop; English and German.
"""

import re
from dataclasses import dataclass
from typing import Final

_EN_AFTER: Final = (
    r"(?:(?:still|also|usually|maximally|have|has|had|got|get|(?:the |a )?(?:time|chance|right)|allowed|able|left|"
    r"normally|at most|to|take|takes)\s+)*"
)
_PATTERNS: Final = (
    # "how long can I return …", "until when may we exchange …", "how many days do I have to send back …"
    re.compile(
        r"\b(?P<opening>(?:how (?:long|often|late|soon|fast|quickly|many (?:\w+ )?(?:days|weeks|months|years))|"
        r"(?:until|till|by) when|"
        r"(?:by )?what (?:time|date))\b[^?.!,;]{0,30}?\b(?:can|could|may|do|does|must|should|will|would|have|is|are|am|'m)\s+"
        r"(?:(?:i|we|you|u|one|someone|customers|people|it|they|there)\s+)?" + _EN_AFTER + r")"
        r"(?P<deed>(?!the\b|your\b|my\b|our\b)[a-z]{3,}(?: back| in| up)?)(?= (?!takes?\b|lasts?\b|please\b)[a-z])",
        re.I,
    ),
    # "what does it cost to return …", "is there a fee for returning …"
    re.compile(
        r"\b(?P<opening>(?:what|how much)\b[^?.!,;]{0,20}?\b(?:costs?|charges?|fees?|price|pay)\b"
        r"[^?.!,;]{0,12}?\b(?:to|for|if (?:i|we))\s+)"
        r"(?P<deed>[a-z]{3,}(?: back| in| up)?)\b",
        re.I,
    ),
    # "what is the return period for …", "how long is the warranty on …"
    re.compile(
        r"\b(?P<opening>how long (?:is|are|lasts?) (?:the |your |my )?|what(?:'s| is| are) (?:the |your |my )?"
        r"(?=\w+ (?:period|window|deadline|time limit|time frame|policy)\b|(?:deadline|time limit)\b))"
        r"(?P<deed>(?!your\b)[a-z]{4,}(?: (?:period|window|deadline|time limit|time frame|policy))?) (?:on|for|of) ",
        re.I,
    ),
    # "Wie lange habe ich Garantie auf …", "Wie lang ist die Rückgabefrist für …"
    re.compile(
        r"\b(?P<opening>wie (?:lange?|viele (?:tage|wochen|monate|jahre))\s+"
        r"(?:ist|gilt|habe|haben|hat|bekomme)\b\s*(?:ich |man |wir |die |eure |ihre )*)"
        r"(?P<deed>[a-zäöüß]{4,}) (?:auf|für|bei) ",
        re.I,
    ),
    # "Wie lange kann ich … zurückgeben?", "Wie lange habe ich Zeit, … zurückzuschicken?", "Was kostet es, … umzutauschen?"
    re.compile(
        r"\b(?P<opening>(?:wie lange|wie oft|bis wann|wie viele (?:tage|wochen|monate)|wie viel|was)\b\s+"
        r"(?:kann|darf|muss|soll|könnte|dürfte|habe|haben|hat|können|dürfen|dauert|kostet)\b\s*(?:ich|man|wir|es)?(?:\s+zeit)?)"
        r"[^?.!;]*?(?<!nach )(?<!in )(?<!aus )(?<!für )(?<!auf )(?<!von )(?<!mit )"
        r"\b(?P<deed>(?-i:[a-zäöüß]{3,})(?:en|ern|eln))\s*[?.!]*$",
        re.I,
    ),
)


_INFINITIVE: Final = re.compile(r"^(ab|an|auf|aus|ein|her|hin|mit|nach|um|vor|weg|zurück)zu(\w+)$", re.I)
"""German "zurückzugeben", which is "zurückgeben" where no verb stands before it."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What is asked how long, until when or for how much it may be done."""

    written: str
    """As it stands in the question: "send back", "zurückzugeben"."""
    words: str
    """The same as a verb by itself: "send back", "zurückgeben"."""
    question: str
    """The question without the thing that it is done to."""


def deed_of(text: str) -> Deed | None:
    """The deed that a question asks about; None for other questions."""
    for pattern in _PATTERNS:
        if match := pattern.search(text):
            written = match.group("deed")
            deed = _INFINITIVE.sub(r"\1\2", written)
            return Deed(written, deed, f"{match.group('opening').strip()} {deed}?")
    return None
