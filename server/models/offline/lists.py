"""Lists: which spans of a passage are lines of a list or table, and which spans together make one quotable piece.

Pure. Decides nothing about what fits a question.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from retrieval.text import words
from retrieval.types import Passage
from server.models.offline.language import Language, plain

MAX_ITEMS: Final = 40
"""Lines of a list that are quoted at most: a list that shows that something is not on it must be whole."""
_BRIEF: Final = 6
"""Words below which a sentence is quoted together with the next."""
_ITEM: Final = re.compile(r"^[ \t>]*(?:[-*+•]|\d{1,2}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?[*_`\[\"“!]*$")
_ROW: Final = re.compile(r"^[ \t]*\|[ \t*_`\[]*$")
_HTML: Final = re.compile(r"<(?:li|tr|td|dt|dd)\b[^>]*>(?:\s*<(?:p|b|strong|em|a|span|td|th)\b[^>]*>)*\s*$", re.I)
_ONE_OF_LIST: Final = re.compile(r"[^\n]*[^\n:]\n(?:[ \t]+\S[^\n]*\n)*[ \t]*(?:(?:[-*+•]|\d{1,2}[.)])[ \t]|\|)")
_ENUMERATION: Final = re.compile(
    r"(?:[^,.;:]{1,40},\s+){2,}|(?:[^,.;:]{1,30},\s+)[^,.;:]{1,30}\s(?:and|or|und|oder|&)\s"
)


@dataclass(frozen=True)
class Candidate:
    """A sentence, or a list with its introduction, that may be quoted."""

    n: int
    """1-based index of its passage, as in a marker."""
    at: int
    """Index of its (first) span in the passage."""
    text: str
    context: str
    """Title and heading: what the sentence is about without saying so."""
    items: tuple[int, ...] = ()
    """Span indexes of the list's items, for a list."""
    listing: bool = False

    @property
    def heading(self) -> str:
        """The nearest heading."""
        return self.context.rsplit(" > ", 1)[-1]

    @property
    def embedded(self) -> str:
        """What its vector is made from; more would cost time and say little."""
        return f"{self.heading}: {self.text}"[:300]


@dataclass(frozen=True)
class Piece:
    """A verbatim quotation from passage `n`; an `item` is shown as a line of a list."""

    n: int
    text: str
    item: bool = False
    more: bool = False
    """A further sentence of the same item."""
    shown: str = ""
    """The same for people, where a quotation word for word reads badly (the row of a table)."""


def is_item(passage: Passage, at: int) -> bool:
    """Whether the span is a line of a list or a row of a table."""
    span = passage.spans[at]
    before = passage.raw[: max(0, span.start - passage.start)]
    line = before[before.rfind("\n") + 1 :]
    if _ITEM.match(line) or _ROW.match(line) or _HTML.search(before[-200:]):
        return True
    if at == 0 and not before.strip() and _ONE_OF_LIST.match(passage.raw.split("\n\n", 1)[0]):
        return True  # passages that begin inside a list begin behind its marker
    opening = passage.raw[max(0, span.start - passage.start) :][:8]
    return bool(re.match(r"(?:[-*+•]|\d{1,2}[.)]) |\|", opening))


def is_title(text: str, passage: Passage) -> bool:
    """Whether the text is the passage's title or a heading, and says nothing by itself."""
    return plain(text).strip(" .:#") in {
        plain(part).strip(" .:") for part in (passage.title, *passage.heading.split(" > "))
    }


def candidates(n: int, passage: Passage, language: Language) -> list[Candidate]:
    """Every sentence, item and list of passage number `n`; one that leans on the sentence before has that as context."""
    context = passage.heading or passage.title
    if passage.title and passage.title not in context:
        context = f"{passage.title} > {context}"
    out = [
        Candidate(
            n, at, span.text, _leaning(passage, at, language) + context, listing=bool(_ENUMERATION.search(span.text))
        )
        for at, span in enumerate(passage.spans)
        if words(span.text) and not is_title(span.text, passage)
    ]
    for run in runs(passage):
        first = run[0] - 1 if run[0] > 0 and passage.spans[run[0] - 1].text.rstrip().endswith(":") else run[0]
        text = " ".join(passage.spans[index].text for index in ([first] if first < run[0] else []) + run)
        out.append(Candidate(n, first, text[:600], context, items=tuple(run), listing=True))
    return out


def _leaning(passage: Passage, at: int, language: Language) -> str:
    """The sentence before, if this one is about something that only that one names ("They can be …")."""
    if at == 0 or is_item(passage, at) or not language.dangling.search(plain(passage.spans[at].text)):
        return ""
    return f"{passage.spans[at - 1].text} > "


def paragraph(n: int, at: int, passage: Passage) -> list[Piece]:
    """The sentences of the paragraph in which span `at` stands."""
    first = last = at
    while first > 0 and continues(passage, first) and not is_item(passage, first):
        first -= 1
    while last + 1 < len(passage.spans) and continues(passage, last + 1) and not is_item(passage, last + 1):
        last += 1
    return [Piece(n, passage.spans[index].text) for index in range(first, last + 1)]


def runs(passage: Passage) -> list[list[int]]:
    """The lists of a passage: runs of two and more items, with every sentence of theirs."""
    out: list[list[int]] = [[]]
    for at in range(len(passage.spans)):
        if is_item(passage, at) or (out[-1] and continues(passage, at)):
            out[-1].append(at)
        elif out[-1]:
            out.append([])
    return [run for run in out if sum(1 for at in run if is_item(passage, at)) >= 2]


def continues(passage: Passage, at: int) -> bool:
    """Whether the span is a further sentence of the item before it."""
    between = passage.raw[
        max(0, passage.spans[at - 1].end - passage.start) : max(0, passage.spans[at].start - passage.start)
    ]
    return at > 0 and "\n\n" not in between and not re.search(r"\n\S|</li>|</td>", between)


def pieces(
    candidate: Candidate, passage: Passage, language: Language, keep: Sequence[int] | None = None
) -> list[Piece]:
    """What is shown for a candidate: with its introduction, and with the sentence that it hangs on or that limits it.

    `keep` are the items of its list to show; None shows all.
    """
    if candidate.items:
        intro = [Piece(candidate.n, passage.spans[candidate.at].text)] if candidate.at not in candidate.items else []
        return intro + _items(candidate.n, candidate.items if keep is None else keep, passage)
    at = candidate.at
    text = passage.spans[at].text
    own = Piece(candidate.n, text, item=is_item(passage, at))
    if own.item:
        first = at
        while first > 0 and is_item(passage, first):
            first -= 1
        opening = passage.spans[first].text
        return [Piece(candidate.n, opening), own] if opening.rstrip().endswith(":") and first != at else [own]
    out = [own]
    before = passage.spans[at - 1].text if at > 0 else ""
    if before and language.dangling.search(plain(text)) and not is_item(passage, at - 1):
        out = [own] if is_title(before, passage) else [Piece(candidate.n, before), own]
    after = at + 1
    brief = sum(len(words(piece.text)) for piece in out) < _BRIEF and not text.rstrip().endswith(":")
    goes_on = after < len(passage.spans) and not is_item(passage, after)
    if goes_on and (brief or _limits(passage.spans[after].text, language)):
        out.append(Piece(candidate.n, passage.spans[after].text))
        after += 1
    if passage.spans[after - 1].text.rstrip().endswith(":"):
        run = next((run for run in runs(passage) if run[0] == after), [])
        out += _items(candidate.n, run if keep is None else keep, passage)
    return out


def _limits(text: str, language: Language) -> bool:
    """Whether a sentence takes back or goes on with the one before, so that it may not be left out."""
    return language.has("limiting", plain(text))


def _items(n: int, run: Sequence[int], passage: Passage) -> list[Piece]:
    return [Piece(n, passage.spans[at].text, item=True, more=not is_item(passage, at)) for at in run[:MAX_ITEMS]]
