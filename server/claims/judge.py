"""Judge: whether a sentence says that something was done, and what.

Pure; knows no calls. When in doubt a sentence with a form of "was done" is a claim: what is no claim has to show it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from retrieval.text import stem, word_set
from server.claims import grammar
from server.claims.text import WORD, mixed, plain
from server.claims.words import (
    ADVERBS,
    ANY,
    COMPLETION,
    HAND_OVER,
    NO_VERB,
    PARTICIPLE_DE,
    STATES,
    TALK,
    TALK_DE,
    Lexicon,
)

_TOKEN: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[#€$£?]")
_CLAUSE: Final = re.compile(
    r"(?<!\d)[,:]|[,:](?!\d)|[;()–—\n…!]|\s-\s|\.(?=\s|$)|\b(?:but|aber|sondern|mais|pero|maar|because|weil)\b"
)
CITED: Final = re.compile(r"\[\d+(?:\s*,\s*\d+)*\]")
_FILLER: Final = re.compile(
    r"\b(?:no (?:worries|problem|need to worry)|not a problem|don't worry|keine sorge|kein problem|not (?:only|just)"
    r"|nicht nur|once (?:again|more)|as you (?:said|asked|requested|wished|wanted|know|can see))\b"
)


_FOREIGN_SHORT: Final = 4
"""A participle of another language with no verb beside it is a claim in a line as short as this: "Erledigt!"."""
_SHORT: Final = 8
"""Words of a headline such as "Refund of order 1042 issued"."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sentence says to have been done.

    `needs`: for each thing that it claims the actions of which one must have succeeded. `own`: the speaker claims to have
    done it, so that a look-up proves nothing. `forms`: the words that say so.
    """

    needs: tuple[frozenset[str], ...]
    own: bool
    forms: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause as words, and what of its sentence bears on it."""

    words: Sequence[str]
    asks: bool
    conditional: bool
    usual: bool
    cited: bool


def claim_in(sentence: str, lexicon: Lexicon, *, quoted: bool = False) -> Claim | None:
    """What the sentence claims; None if nothing. `quoted`: its words stand in a passage that it cites."""
    if any(mixed(match.group()) for match in WORD.finditer(sentence)):
        return Claim((frozenset({"?"}),), True, frozenset())
    text = _FILLER.sub(" ", plain(sentence))
    cited = quoted and CITED.search(text) is not None
    text = CITED.sub(" ", text)
    clauses = [words for part in _CLAUSE.split(text) if (words := _TOKEN.findall(part))]
    every = [word for words in clauses for word in words]
    asks = text.rstrip(" \n\t\"'”»)").endswith("?")
    conditional = any(words[0] in grammar.IF or "if" in words for words in clauses) or text.startswith("as soon")
    usual = any(word in grammar.USUAL for word in every)
    needs: list[frozenset[str]] = []
    said: set[str] = set()
    own = False
    for words in clauses:
        clause = _Clause([w for w in words if w != "?"], asks, conditional, usual, cited)
        for at, word in enumerate(clause.words):
            found = _evidence(clause, at, lexicon)
            if found is not None:
                own = own or found
                said.add(word)
                needs.append(_needs(word, clause.words, every, lexicon))
    return Claim(tuple(needs), own, frozenset(said)) if needs else None


def _needs(word: str, words: Sequence[str], every: Sequence[str], lexicon: Lexicon) -> frozenset[str]:
    """The actions that would make it true: the word's own, or with a verb that names none those that are spoken of."""
    action = lexicon.past.get(word) or lexicon.doing.get(word)
    topics: frozenset[str] = frozenset(
        named for part in (words, every) for w in part if (named := lexicon.nouns.get(w)) is not None
    ) or frozenset(topic for w in words if w != word and (topic := lexicon.bases.get(w)) not in (None, ANY))
    passed_on = frozenset({HAND_OVER}) if _TO_A_PERSON.search(" ".join(words)) else frozenset()
    if word in STATES or action == ANY:
        return (topics or frozenset({ANY})) | passed_on
    if action is None:
        return frozenset({stem(word, "en")})
    if action == "send" and "refund" in topics:
        return frozenset({"refund"})
    if action in ("send", "create", "book", "change"):
        return topics | {action} | passed_on
    return frozenset({action})


def _evidence(clause: _Clause, at: int, lexicon: Lexicon) -> bool | None:
    """Whether the word there says that something was done: True by the speaker, False by anyone; None if it does not."""
    word = clause.words[at]
    if word in STATES and (state := _state(clause, at)) is not None:
        return state
    if word in lexicon.past:
        return _foreign(clause) if word in lexicon.foreign else _past(clause, at, lexicon)
    if PARTICIPLE_DE.fullmatch(word) and word not in TALK_DE and _SPEAKS_DE.search(" ".join(clause.words)):
        return _foreign(clause)
    if word in lexicon.doing:
        return _doing(clause, at)
    if _unknown_verb(clause.words, at):
        return None if _not_said(clause, at, own=True) else True
    if lexicon.bases.get(word) is not None and _able(clause.words, at):
        return None if _not_said(clause, at, own=True) else True
    return None


def _past(clause: _Clause, at: int, lexicon: Lexicon) -> bool | None:
    words = clause.words
    aux = next((i for i in range(at - 1, -1, -1) if words[i] in grammar.FINITE), None)
    subject = _before(words, at)
    if subject in grammar.OWN and (aux is None or words[aux] not in grammar.MODAL or aux < at - 3):
        return None if _not_said(clause, at, own=True) else True
    if _describes(words, at):
        return None
    if aux is None or (words[aux] in grammar.MODAL and _clear_between(words, aux, at)):
        return None if aux is not None else _bare(clause, at, lexicon)
    verb = words[aux]
    speaker = verb in grammar.OWN_HAVE or (
        verb in grammar.HAVE and _before(words, aux) in grammar.OWN and "been" not in words[aux:at]
    )
    if speaker:
        return None if _not_said(clause, at, own=True) or at - aux > _REACH else True
    if verb in grammar.MODAL or (
        aux and verb in grammar.HAVE | grammar.BE and (words[aux - 1] in grammar.MODAL or words[aux - 1] == "to")
    ):
        return None
    if verb == "you've" or (
        verb in grammar.HAVE and _before(words, aux) in ("you", "they") and "been" not in words[aux:at]
    ):
        return None if "been" not in words[aux:at] else (None if _not_said(clause, at) else False)
    if verb == "been" and any(word in grammar.MODAL for word in words[max(0, aux - 3) : aux]):
        return None
    return None if _not_said(clause, at) or _general_rule(clause, aux, at, lexicon) else False


_REACH: Final = 14
"""Words between "I have" and its participle: "I have, as you asked in your last message, cancelled it"."""


def _clear_between(words: Sequence[str], aux: int, at: int) -> bool:
    """Whether a modal still governs the participle: "will be refunded", "can be returned or exchanged"."""
    return not any(word in grammar.OWN_HAVE for word in words[aux:at])


def _before(words: Sequence[str], at: int) -> str:
    """The nearest word before that is no adverb; "" at the beginning."""
    return next((words[i] for i in range(at - 1, -1, -1) if words[i] not in ADVERBS), "")


def _describes(words: Sequence[str], at: int) -> bool:
    """Whether the participle describes a noun: "the cancelled order", "for returned items"."""
    if at == 0 or at + 1 >= len(words):
        return False
    after = words[at + 1]
    return (
        words[at - 1] in grammar.DETERMINERS
        and after not in grammar.FUNCTION
        and after.isalpha()
        and after not in ADVERBS
    )


def _bare(clause: _Clause, at: int, lexicon: Lexicon) -> bool | None:
    """A participle without an auxiliary: a headline ("Refund issued"), or somebody else's deed ("Our team cancelled it")."""
    words = clause.words
    if _not_said(clause, at) or _before(words, at) in ("you", "they", "who"):
        return None
    if words[at] in lexicon.bases or words[at] == "given":
        return None  # "Set the font": as likely a command
    finite = any(word in grammar.FINITE for word in words)
    after = words[at + 1] if at + 1 < len(words) else ""
    first = all(word in ADVERBS for word in words[:at])
    named = [
        word for word in words[:at] if word in lexicon.nouns or word.isdigit() or word in ("your", "it", "order", "all")
    ]
    if first:
        return None if finite or _noun_phrase(words, at) else False
    if finite:
        return None
    last = all(word in ADVERBS or word.isdigit() or word in "#€$£" for word in words[at + 1 :])
    if (last and len(words) <= _SHORT) or (after in grammar.OBJECT and at > 1) or (named and len(words) <= _SHORT):
        return False
    return None


def _noun_phrase(words: Sequence[str], at: int) -> bool:
    """Whether a participle at the beginning only describes what follows: "Returned items", "Fixed version", "Made in"."""
    after = words[at + 1] if at + 1 < len(words) else ""
    return (
        bool(after) and after not in grammar.OBJECT and after not in ADVERBS and after != "to" and not after.isdigit()
    )


def _general_rule(clause: _Clause, aux: int, at: int, lexicon: Lexicon) -> bool:
    """Whether the passive states a rule instead of a fact: "Refunds are paid within five days"."""
    words = clause.words
    before = words[:aux]
    definite = any(word in grammar.DEFINITE or word.isdigit() for word in [*before, words[aux]])
    if words[aux] in grammar.PRESENT:
        if any(word in COMPLETION for word in words[aux:at]):
            return False
        if words[at] in _STATIVE and not any(word == "your" or word.isdigit() for word in before):
            return True
        if at + 1 < len(words) and words[at + 1] in grammar.IF | {"as"}:
            return True
        spoken_of = any(word in lexicon.nouns or word in _IT for word in words[: aux + 1])
        light = lexicon.past.get(words[at]) == ANY and not spoken_of
        return light or not definite or clause.usual or clause.conditional or clause.cited
    relative = any(word in ("that", "which", "who") for word in before[-2:])
    return relative and not any(word in grammar.DEFINITE - {"that"} or word.isdigit() for word in before)


_SPEAKS_DE: Final = re.compile(r"\b(?:ich hab|ich habe|habe ich|hab ich|wir haben|haben wir)\b")
_TO_A_PERSON: Final = re.compile(
    r"\b(?:to|with|an|mit) (?:\w+ ){0,2}(?:colleagues?|team|person|human|staff|kolleg\w*|mitarbeiter\w*)\b"
)
_STATIVE: Final = word_set("closed fixed made given set put open")
"""Said of how things are at least as often as of what was done."""
_IT: Final = word_set("it that this everything all it's that's everything's all's these both they they're")


def _not_said(clause: _Clause, at: int, *, own: bool = False) -> bool:
    """Whether the clause denies it, asks for it, or makes it a condition."""
    words = clause.words
    aux = next((i for i in range(at - 1, -1, -1) if words[i] in grammar.FINITE), None)
    start = 0 if aux is None else aux
    if any(word in grammar.NOT or word.endswith("n't") for word in words[start if own else max(0, start - 1) : at]):
        return True
    if clause.asks and words[0] in grammar.ASKING:
        return True
    if not own and _doubted(words[:at]):
        return True
    opener = next((i for i in range(start, -1, -1) if words[i] in grammar.IF), None)
    if own:
        subject = next(
            (i for i in range(min(at, start + 1), -1, -1) if words[i] in grammar.OWN or words[i] in grammar.OWN_HAVE),
            start,
        )
        return opener is not None and opener >= subject - 2
    if any(word in ("no", "nothing", "none", "neither", "nobody") for word in words[:at]):
        return True
    return opener is not None and not any(word in ("i", "we", "you", "they") for word in words[opener + 1 : start])


_KNOW: Final = word_set("confirm tell say see know sure verify check promise guarantee find")


def _doubted(words: Sequence[str]) -> bool:
    """A doubt: "I can't confirm that …", "I'm not sure whether …", "make sure that …"."""
    if "ensure" in words or "verify" in words or ("make" in words and "sure" in words):
        return True
    return any(
        word in _KNOW and any(w in ("not", "cannot", "unable") or w.endswith("n't") for w in words[max(0, at - 3) : at])
        for at, word in enumerate(words)
    )


def _is_state(words: Sequence[str], at: int, before: str) -> bool:
    """Whether the word stands as it must to mean one."""
    if before == "to" or (at + 1 < len(words) and words[at + 1] in grammar.IF | {"as"}):
        return False
    match words[at]:
        case "set" | "sorted":
            return before in ("all", "is", "are", "now", "")
        case "way":
            return before in ("its", "the", "their", "your") and words[max(0, at - 2)] == "on"
        case "care":
            return "taken" in words[max(0, at - 2) : at]
        case "back" | "wieder":
            return any(word in ("money", "amount", "geld", "betrag") for word in words[:at])
        case "through" | "durch":
            return before in ("gone", "went", "ist", "sind")
        case "route" | "chemin" | "camino" | "cammino":
            return before in ("en", "in")
    return True


def _state(clause: _Clause, at: int) -> bool | None:
    """A state that somebody brought about: "Done!", "you're all set", "it is on its way", "went through"."""
    words = clause.words
    word = words[at]
    before = words[at - 1] if at else ""
    if not _is_state(words, at, before):
        return None
    aux = next((i for i in range(at - 1, max(-1, at - 6), -1) if words[i] in grammar.FINITE | {"you're"}), None)
    alone = aux is None and len([w for w in words if w not in ADVERBS and w not in ("and", "consider", "it")]) <= 3
    moves = word in ("way", "unterwegs", "onderweg")
    if aux is not None and words[aux] in grammar.MODAL:
        return None
    if not (alone or aux is not None or moves or before in ("gone", "went", "taken")):
        return None
    if "you" in words[:at] and aux is not None and words[aux] in grammar.HAVE:
        return None
    if any(w in grammar.NO_CLAIM - {"no", "si", "na", "als"} for w in words[:at]):
        return None
    if clause.usual and aux is not None and words[aux] in grammar.PRESENT and "your" not in words:
        return None  # "This is always done the same way"
    return None if _not_said(clause, at) else False


def _doing(clause: _Clause, at: int) -> bool | None:
    """Under way, says the speaker: "I'm refunding your order now"."""
    words = clause.words
    before = _before(words, at)
    took = "took" in words[:at] and before == "of" and any(w in grammar.OWN for w in words[:at])
    speaks = (
        took
        or before in ("i'm", "im", "we're")
        or (before in ("am", "are") and _before(words, max(words.index(before), 0)) in grammar.OWN)
    )
    if not speaks:
        return None
    return None if _not_said(clause, at, own=True) else True


def _unknown_verb(words: Sequence[str], at: int) -> bool:
    """After "I've" or as "I ...ed", a verb that no list holds: only looking, thinking and talking need no call."""
    word = words[at]
    if (
        word in TALK
        or word in NO_VERB
        or word in ADVERBS
        or not word.replace("-", "").isalpha()
        or word in grammar.FINITE
        or word in grammar.OWN
    ):
        return False
    before = _before(words, at)
    about_it = any(w in grammar.OBJECT for w in words[at + 1 : at + 4])
    if not about_it and ("we" in words[:at] or "we've" in words[:at]):
        return False  # "We have published guidance": what a shop says of itself
    if before in grammar.OWN_HAVE or (
        before in ("have", "had") and _before(words, _index_before(words, at)) in grammar.OWN
    ):
        return word.endswith(("ed", "en", "wn", "ght", "ung", "elt", "ept", "ought"))
    return before in grammar.OWN and word.endswith("ed") and word != "need"


def _index_before(words: Sequence[str], at: int) -> int:
    return next((i for i in range(at - 1, -1, -1) if words[i] not in ADVERBS), 0)


def _able(words: Sequence[str], at: int) -> bool:
    """What succeeded: "I was able to cancel it", "we managed to refund it"."""
    lead = list(words[max(0, at - 5) : at])
    return (
        any(w in ("able", "managed", "succeeded", "ahead") for w in lead)
        and not any(w in grammar.MODAL - {"to"} for w in lead)
        and any(w in grammar.OWN or w in grammar.OWN_HAVE for w in words[:at])
        and "if" not in words[:at]
    )


def _foreign(clause: _Clause) -> bool | None:
    """A participle of another language: German, or one of those with a list only."""
    words = clause.words
    if clause.asks and words[0] in grammar.ASKING:
        return None
    if any(word in grammar.NO_CLAIM for word in words) or ("wird" in words or "werden" in words):
        return None
    if "sie" in words and "haben" in words and "ich" not in words and "wir" not in words:
        return None  # "Sie haben bestellt": what the customer did
    speaker = any(word in ("ich", "wir", "j'ai", "nous", "he", "hemos", "ho", "abbiamo", "ik", "wij") for word in words)
    if any(word in grammar.DE_HAVE for word in words) and speaker:
        return True
    done = any(word in grammar.DE_DONE for word in words)
    if any(word in grammar.DE_BE for word in words) and not done:
        definite = any(word in ("ihre", "ihr", "die", "der", "das", "es", "alles") or word.isdigit() for word in words)
        return None if clause.usual or clause.conditional or clause.cited or not definite else False
    spoken = speaker or done or any(word in _ROMANCE for word in words)
    return speaker if spoken or len(words) <= _FOREIGN_SHORT else None


_ROMANCE: Final = word_set(
    "j'ai ai avons a été est sont he hemos ha han sido está fue ho abbiamo è stato stata heb hebben is zijn werd"
)
