"""Asked: whether what a model wants to do is what the customer's own words ask for.

Pure. A text that a model has read (an article, a note, a product's name) is no customer, whatever it says.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from retrieval.text import STOP_WORDS, fold, stem, word_set
from server.claims.proof import stated
from server.claims.text import WORD, plain
from server.claims.words import ANY, Lexicon, words_of
from server.conversation import Conversation
from tools import ToolSpec

_PART: Final = re.compile(r"[^\W_]+")
_SENTENCE: Final = re.compile(r"[^.!?\n]+[.!?\n]*")
_CLAUSES: Final = re.compile(r"[;,:]+|\s-\s")
_REQUEST: Final = re.compile(
    r"\b(?:(?:can|could|would|will) you|please|(?:können|könnten|würden) sie|(?:kannst|könntest|würdest) du|bitte)\b"
)
"""A question with one of these is a polite command; any other only wants to know."""
_WONDERS: Final = word_set(
    """what how when where which why who whose is are do does did has have was were can may could should if was wie wann wo welche
    welcher welches warum wer ist sind gibt kann darf hat haben wurde falls wenn"""
)
"""Begins a clause that wants to know something, whether it has a question mark or not."""
_NOT: Final = frozenset(
    {"not", "don't", "dont", "never", "no", "nicht", "kein", "keine", "keinen", "without", "ohne", "nie"}
)
_COMMON: Final = frozenset(
    {"order", "orders", "mail", "email", "e-mail", "set", "post", "put", "make", "give", "refunds", "returns"}
)
"""Words that name an action as well, but mostly a thing: they ask for nothing."""
_MONEY: Final = frozenset({"money", "credit", "geld", "betrag"})
_BACK_WORDS: Final = frozenset({"back", "zurück", "return"})
"""Money is asked for only with one of these: "I want my money back"."""
_GENERAL: Final[frozenset[str | None]] = frozenset({None, ANY, "create", "change", "send"})
"""What nearly every tool that writes does: says nothing of which one is meant."""
_BACK: Final = word_set(
    """undo back cancel revert wrong mistake instead other rather no not changed mind rückgängig zurück falsch stattdessen
    anderen andere doch nicht nein stornieren absagen"""
)
"""Any of these may ask to take back what was just done."""
_REMARKS: Final = frozenset(
    {"reason", "note", "notes", "comment", "message", "description", "details", "summary", "text"}
)
"""Arguments in which a model may put the matter into words of its own."""
_DAY: Final = re.compile(r"\b\d{4}-\d\d-\d\d(?=\b|T)")
"""A day: customers say "Friday", and what they agree to names it."""
_ID_DIGITS: Final = 3
"""A part of an argument with so many digits is an order's, an item's or a house's number: a model must not make it up."""
_OWN_WORDS: Final = 0.5
"""Of the words of a longer text that must be the customer's own: addresses are written out, abbreviated and completed."""


def words_since(state: Conversation, spec: ToolSpec) -> list[str]:
    """What the customer has said since this tool last did something here: words are used up by what they asked for.

    For an undo: since what it takes back was done.
    """
    names = (spec.name, spec.undoes)
    done = max((call.seq for call in state.calls.values() if call.tool in names and call.ok), default=0)
    return [message.text for message in state.messages if message.role == "customer" and message.seq > done]


def is_asked_for(spec: ToolSpec, args: Mapping[str, Any], said: Sequence[str]) -> bool:
    """Whether these words of the customer ask for this call: for what the tool's name says, and about what.

    Numbers and most words of a text must be the customer's, and an amount no higher than any that is named.
    """
    if spec.undoes is not None:
        return any(_BACK.intersection(words_of(text)) for text in said)  # which call is meant is a model's to find
    names = words_of(spec.name)
    if not _speak_of(names, said, Lexicon.of([spec])):
        return False
    amounts = [number for text in said for number in _amounts(text)]
    moved = _decimal(args.get(spec.amount))
    if amounts and moved is not None and moved > max(amounts):
        return False
    rest = {name: value for name, value in args.items() if name != spec.amount}
    return is_told(rest, said)


def is_wish(name: str, examples: Sequence[str], args: Mapping[str, Any], said: Sequence[str]) -> bool:
    """The same of a workflow: by its name, or by an action of one of its examples and another word of that example."""
    lexicon = Lexicon.of()
    if not is_told(args, said):
        return False
    return _speak_of(words_of(name), said, lexicon) or any(_is_like(example, said, lexicon) for example in examples)


def _is_like(example: str, said: Sequence[str], lexicon: Lexicon) -> bool:
    known = STOP_WORDS["en"] | STOP_WORDS["de"] | _COMMON
    content = {word for word in words_of(example) if word not in known}
    actions = {lexicon.action(word) for word in content} - _GENERAL
    for text in said:
        for clause in _commands(plain(text)):
            words = {match.group() for match in WORD.finditer(clause)}
            named = {word for word in words if _names(word, actions, (), lexicon)}
            shared = {stem(word, "en") for word in words - named} & {stem(word, "en") for word in content}
            if named and shared and not _NOT.intersection(words):
                return True
    return False


def is_told(args: Mapping[str, Any], said: Sequence[str]) -> bool:
    """Whether the customer has said what these arguments say: each number of some length, and most words of each text."""
    known = {part for text in said for part in _parts(text)}
    return all(_is_known(value, known) for value in _texts(args))


def _speak_of(name: Sequence[str], said: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether every action of a name is spoken of; of one without, any word that is no general verb."""
    words = [word for word in name if word not in _COMMON]
    actions = {lexicon.action(word) for word in words} - _GENERAL
    if actions:
        return all(_is_named({action}, set(), said, lexicon) for action in actions)
    things = {stem(word, "en") for word in words if lexicon.action(word) is None}
    return _is_named(
        {lexicon.action(word) for word in words} - {None, ANY} if not things else set(), things, said, lexicon
    )


def _is_named(actions: Collection[str | None], things: Collection[str], said: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether a clause that asks and denies nothing has a word for one of these."""
    for text in said:
        for clause in _commands(plain(text)):
            words = [match.group() for match in WORD.finditer(clause)]
            if not _BACK_WORDS.intersection(words):
                words = [word for word in words if word not in _MONEY]
            if not _NOT.intersection(words) and any(_names(word, actions, things, lexicon) for word in words):
                return True
    return False


def _commands(text: str) -> Iterator[str]:
    """The clauses that may ask for something to be done: a question about a thing is not the order to do it."""
    for sentence in _SENTENCE.findall(text):
        if _REQUEST.search(sentence):
            yield from _CLAUSES.split(sentence)
        elif "?" not in sentence:
            for clause in _CLAUSES.split(sentence):
                first = WORD.search(clause)
                if first is not None and first.group() not in _WONDERS:
                    yield clause


def _names(word: str, actions: Collection[str | None], things: Collection[str], lexicon: Lexicon) -> bool:
    if word in _COMMON:
        return False
    # "storniere" and "erstatte" are forms of what the lexicon knows as "stornieren", "erstatten".
    named = lexicon.action(word) or (lexicon.action(f"{word}n") if word.endswith("e") else None)
    return (named is not None and named in actions) or stem(word, "en") in things


def _texts(args: object, name: str = "") -> Iterator[str]:
    if isinstance(args, Mapping):
        for key, value in args.items():
            yield from _texts(value, str(key))
    elif isinstance(args, list | tuple):
        for value in args:
            yield from _texts(value, name)
    elif name not in _REMARKS and not isinstance(args, bool) and args is not None:
        yield str(args)


def _is_known(text: str, known: Collection[str]) -> bool:
    parts = _parts(_DAY.sub(" ", text))
    numbers = [part for part in parts if sum(char.isdigit() for char in part) >= _ID_DIGITS]
    if not all(number in known for number in numbers):
        return False
    words = [part for part in parts if part not in numbers and len(part) > 1]
    if len(words) < 2 or not re.search(r"\s", text.strip()):
        return True  # a choice, such as a size or a reason: bounded by the tool's own schema
    return sum(word in known for word in words) >= _OWN_WORDS * len(words)


def _parts(text: str) -> list[str]:
    return _PART.findall(fold(plain(text)))


def _amounts(text: str) -> Iterator[Decimal]:
    for choices in stated(text):
        numbers = [number for number in choices if isinstance(number, Decimal)]
        if numbers and not any(isinstance(number, str) for number in choices):
            yield min(numbers)


def _decimal(value: object) -> Decimal | None:
    value = value.get("amount") if isinstance(value, Mapping) else value
    try:
        return Decimal(str(value)) if value is not None else None
    except ArithmeticError:
        return None
