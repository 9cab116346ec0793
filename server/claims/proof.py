"""Proof: what the calls of a conversation have done, as far as a sentence may say so.

Pure; reads calls that ended, starts none.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from server.claims.judge import Claim
from server.claims.text import plain
from server.claims.words import ANY, HAND_OVER, Lexicon, verbs_of, words_of
from server.conversation import Conversation
from tools import Registry, ToolSpec
from tools.words import texts_of

Number = Decimal | str

_CURRENCY: Final = r"(?:[€$£]|\b(?:eur|usd|gbp|chf|euros?|dollars?|pounds?|francs?|franken)\b)"
_NUMBER: Final = re.compile(rf"(?P<before>{_CURRENCY})?\s?(?P<digits>\d+(?:[.,'’]\d+)*)\s?(?P<after>{_CURRENCY})?")
_IDENTIFIER: Final = re.compile(r"(?<![a-z])(?:[a-z]*\d[\w-]*\d[\w-]*|[a-z][\w-]*\d[\w-]*)")
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|jän|mär|mai|okt|dez"
_DATES: Final = re.compile(
    rf"\d{{4}}-\d\d-\d\d|\b\d{{1,2}}\.\d{{1,2}}\.(?:\d{{2,4}})?|\b\d{{1,2}}:\d\d\b|\b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}"
    rf"|\b\d{{1,2}}\.?(?:st|nd|rd|th)?\s(?:of\s)?(?:{_MONTHS})\w*(?:,?\s\d{{4}})?"
    rf"|\b(?:{_MONTHS})\w*\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?|\[\d+(?:,\s*\d+)*\]"
)
_LENGTHS: Final = re.compile(
    r"(?<!\d)(?<!\d[.,–-])\d[\d.,–-]*+(?:\s(?:to|or|bis|oder)\s\d+)?\s?"
    r"(?:%|percent|prozent|(?:business|working|calendar)\b|(?:day|week|month|hour|minute|tag|werktag|woche|monat|stunde|minute)\w*)"
)
_ID_DIGITS: Final = 3
"""Fewer digits without a currency are a quantity, a size or a position, not an order."""
MAX_LEAVES: Final = 2_000
"""Values of one result that are looked at; results are capped at some 8,000 characters."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A call that ended well. `changes`: it wrote something; one that only read proves what it read."""

    actions: frozenset[str]
    numbers: frozenset[Number]
    words: frozenset[str]
    changes: bool
    here: bool = True
    """Whether the open turn made it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What may be said to have been done. `clear`: no call of the open turn that changes something failed or is open."""

    deeds: Sequence[Deed] = ()
    lexicon: Lexicon = field(default_factory=Lexicon.of)
    clear: bool = True
    person: bool = False
    """Whether a person has been asked for."""

    @classmethod
    def of(cls, state: Conversation, registry: Registry, lexicon: Lexicon) -> "Proof":
        """What the calls of this conversation prove now."""
        turn = state.turn.id if state.turn else None
        deeds: list[Deed] = []
        clear, person = True, state.mode != "agent"
        for call in state.calls.values():
            spec = registry.get(call.tool)
            changes = spec is None or spec.effect != "read"
            person = person or (call.state == "asked" and call.asked_of == "staff")
            if not (call.state == "ended" and call.ok):
                clear = clear and not (changes and call.turn == turn)
            elif spec is not None:
                said = frozenset(_words((call.args, call.result) if changes else call.result))
                actions = actions_of(spec, lexicon) if changes else frozenset()
                told = frozenset(action for word in said if (action := lexicon.past.get(word)) not in (None, ANY))
                deeds.append(
                    Deed(actions | told, numbers_in((call.args, call.result)), said, changes, call.turn == turn)
                )
        return cls(tuple(deeds), lexicon, clear, person)

    def holds(self, claim: Claim, sentence: str, *, handed_over: bool = False) -> bool:
        """Whether what the sentence claims was done: by a call of that kind, with the amounts and numbers that it names."""
        named = stated(sentence)
        for need in claim.needs:
            if HAND_OVER in need and (self.person or handed_over):
                continue
            fitting = [deed for deed in self.deeds if self._fits(deed, need, claim)]
            known: set[Number] = set().union(*(deed.numbers for deed in fitting))
            if not fitting or not all(choices & known for choices in named):
                return False
        return True

    def _fits(self, deed: Deed, need: frozenset[str], claim: Claim) -> bool:
        if deed.changes:
            return (self.clear and deed.here) if need == {ANY} else bool(need & deed.actions)
        if claim.own:
            return False
        if need & deed.actions or claim.forms & deed.words:
            return True
        return bool(claim.forms & {"way", "unterwegs", "underway"}) and bool(
            deed.words & {"send", "sent", "transit", "way"}
        )


def actions_of(spec: ToolSpec, lexicon: Lexicon) -> frozenset[str]:
    """What a tool does, by its name, scope, examples, label, reply and the first sentence of its description."""
    reply = re.sub(r"{[{%#].*?[}%#]}", " ", spec.reply, flags=re.DOTALL)
    first = spec.description.partition(". ")[0]
    words = [
        *verbs_of(spec),
        *(word for label in texts_of(spec.label) for word in words_of(label)),
        *words_of(first),
        *words_of(reply),
        *words_of(" ".join(spec.examples)),
    ]
    return frozenset(action for word in words if (action := lexicon.action(word)) not in (None, ANY))


def stated(sentence: str) -> list[frozenset[Number]]:
    """The amounts and identifiers that a sentence names; for each the ways to read it. Dates and durations are left out."""
    text = _LENGTHS.sub(" ", _DATES.sub(" ", plain(sentence)))
    found: list[frozenset[Number]] = []
    for match in _NUMBER.finditer(text):
        digits = match["digits"]
        if match["before"] or match["after"]:
            found.append(frozenset(cents for value in _read(digits) for cents in (value, value * 100)))
    text = _NUMBER.sub(lambda m: " " if m["before"] or m["after"] else m.group(), text)
    for match in _IDENTIFIER.finditer(text):
        if sum(char.isdigit() for char in match.group()) >= _ID_DIGITS:
            found.append(frozenset({match.group(), *_read(match.group())}))
    return found


def numbers_in(value: object) -> frozenset[Number]:
    """Every number and identifier in a call's arguments and result."""
    found: set[Number] = set()
    for leaf in _leaves(value):
        if isinstance(leaf, bool) or leaf is None:
            continue
        text = plain(str(leaf))
        found.update(match.group() for match in _IDENTIFIER.finditer(text))
        for match in _NUMBER.finditer(text):
            found.add(match["digits"])
            found.update(_read(match["digits"]))
    return frozenset(found)


def _read(digits: str) -> Iterator[Decimal]:
    """The numbers that these digits can mean, with a point or a comma as the decimal sign."""
    plain_digits = digits.replace("'", "").replace("’", "")
    for text in {plain_digits.replace(",", ""), plain_digits.replace(".", "").replace(",", ".")}:
        try:
            yield Decimal(text).normalize()
        except InvalidOperation:
            continue


def _leaves(value: object) -> Iterator[object]:
    stack: list[object] = [value]
    for _ in range(MAX_LEAVES):
        if not stack:
            return
        top = stack.pop()
        if isinstance(top, Mapping):
            stack.extend(top.values())
        elif isinstance(top, list | tuple):
            stack.extend(top)
        else:
            yield top


def _words(value: object) -> Iterable[str]:
    """The words of a result: of its texts, and of the names of fields that hold something."""
    stack: list[Any] = [value]
    for _ in range(MAX_LEAVES):
        if not stack:
            return
        top = stack.pop()
        if isinstance(top, Mapping):
            for key, item in top.items():
                if item not in (None, False, "", 0) and item != [] and item != {}:
                    stack.append(item)
                    if not isinstance(item, str) or any(char.isdigit() for char in item):
                        yield from words_of(
                            str(key)
                        )  # "shipped_on": a day; the words of "refund": "none" say otherwise
        elif isinstance(top, list | tuple):
            stack.extend(top)
        elif isinstance(top, str):
            yield from words_of(top)
