"""Weigh: whether a tool is meant, or the question that the help center answers; whether one of two tools is, or either.

Pure; starts nothing.
"""

from typing import Final

from retrieval.text import stem, words
from server.models.offline.answering import SURE
from server.models.offline.calling import choice_for
from server.models.offline.fill import Filled
from server.models.offline.language import Language
from server.models.offline.property import untold
from server.models.offline.question import means
from server.models.offline.quote import Answer
from server.models.offline.rank import MAYBE
from server.models.offline.slots import slots
from server.models.offline.steps import Context
from server.models.offline.understand import Part
from tools import ToolSpec

NEAR: Final = 0.04
"""Two readings nearer than this are told apart by the customer, not by us."""
SLIGHT: Final = 0.6
"""Support from which a quote answers a single word ("boots"), which may be meant in many ways."""

Ranked = tuple[float, ToolSpec, Filled]
"""A tool that a part may start: its score, and the arguments found."""


def outweighs(best: Ranked, quote: Answer | None, part: Part, context: Context) -> bool:
    """Whether the tool is the likelier meaning than the question that the help center answers."""
    score, spec, filled = best
    support = quote.support if quote else 0.0
    kinds = {slot.name: slot.kind for slot in slots(spec.json_schema)}
    nth = context.language.has("nth", part.low)
    typed = not filled.missing and any(
        (source == "message" or nth) and kinds.get(name) != "free" for name, source in filled.where.items()
    )
    if support == 0.0:
        return True
    if quote is not None and _answers_better(part, spec, quote, context.language):
        return False
    if quote is not None and _unexplained(part, best, quote, context):
        return score >= support + (0.25 if typed else 0.3)
    orders = context.language.has("request", part.low) and context.language.has("alters", part.low)
    asks_around = part.question and part.general and not (part.personal or orders)  # "can you change …" is for us to do
    if asks_around and any(kind in ("pattern", "uuid") and name not in filled.args for name, kind in kinds.items()):
        return score >= support + 0.25  # "do you have gift cards?" is not about the code of one
    if typed or (is_order(part, context.language) and spec.effect != "read"):
        return True
    if score >= SURE:
        return score >= support - 0.12
    if part.personal or (part.followup and not filled.missing):
        return score >= support - 0.1
    return score >= support + 0.03


def _answers_better(part: Part, spec: ToolSpec, quote: Answer, language: Language) -> bool:
    """Whether the quote names what the tool would leave untold: "are they poisonous?" of things that a search looks up."""
    points = part.followup and any(word in language.words["pronouns"] for word in words(part.low))
    lost = untold(part, spec, "", language) if points and spec.effect == "read" else ""
    told = words(f"{quote.title} {' '.join(piece.text for piece in quote.pieces)}")
    stems = {stem(word, code) for word in told for code in {language.code, "en"}}
    return bool(lost) and all(means(word, stems, told, language) for word in words(lost))


def _unexplained(part: Part, best: Ranked, quote: Answer, context: Context) -> bool:
    """Whether the quote speaks of a word of the message that the tool knows nothing of ("damaged")."""
    _, spec, filled = best
    language = context.language
    codes = {language.code, "en"}
    about = " ".join((*spec.examples, spec.description, spec.name.replace("_", " ")))
    heads = " ".join(f"{p.title} {p.heading}" for p in context.prompt.passages)
    own = {stem(word, code) for word in words(about) for code in codes}
    titles = {stem(word, code) for word in words(heads) for code in codes}
    told = {stem(word, code) for piece in quote.pieces for word in words(piece.text) for code in codes}
    taken = {word for value in filled.args.values() for word in words(str(value))}
    for word in language.content(part.text):
        others = language.synonyms.get(stem(word, language.code), ())
        forms = {stem(word, language.code), *others, *(stem(other, "en") for other in words(language.translated(word)))}
        if not forms & own and forms & (titles if word in taken else titles | told):
            return True
    return False


def must_choose(best: Ranked, rival: Ranked, part: Part, language: Language) -> bool:
    """Whether the customer must say which of two tools is meant."""
    if best[0] - rival[0] >= NEAR or rival[0] < MAYBE:
        return False
    harmless = best[1].effect == "read" and rival[1].effect == "read"
    if harmless and (not best[2].missing or best[1].scope.split(".")[0] == rival[1].scope.split(".")[0]):
        return False  # looking up the likelier one costs nothing and needs no question
    choices = {choice_for(best[1], language), choice_for(rival[1], language)}
    return len(choices) == 2 and part.text not in choices


def is_order(part: Part, language: Language) -> bool:
    """Whether something is to be done, and not only told."""
    asks = part.question or part.general  # "refund policy" is none
    return part.command and not asks and part.act != "bare" and not language.has("tell_me", part.low)


def says_of_deed(part: Part, quote: Answer, context: Context) -> bool:
    """Whether the quote, or the title above it, has a word for what is ordered: "return the tent" is no question about tents."""
    language = context.language
    codes = {language.code, "en"}
    told = words(f"{quote.title} {quote.label} {' '.join(piece.text for piece in quote.pieces)}")
    stems = {stem(word, code) for word in told for code in codes}
    wanted = language.content(part.text)
    last = language.has("nouns_capital", part.low)  # German verbs come last
    deed = [word for word in wanted if language.has("alters", word)][:1] or (wanted[-1:] if last else wanted[:1])
    return all(means(word, stems, told, language) for word in deed)


def only_looks(part: Part, spec: ToolSpec, language: Language) -> bool:
    """Whether the part orders a change ("change the size of order 12345"), and the tool looks up and knows no such word."""
    if spec.effect != "read" or not part.command or not language.has("alters", part.low):
        return False
    own = words(" ".join((*spec.examples, spec.description, spec.name.replace("_", " "))))
    stems = {stem(word, code) for word in own for code in {language.code, "en"}}
    deeds = [word for word in language.content(part.text) if language.has("alters", word)]
    return not any(means(word, stems, own, language) for word in deeds)


def is_slight(part: Part, quote: Answer, language: Language) -> bool:
    """Whether the quote rests on one word of a message that asks nothing ("too small")."""
    return part.act in ("bare", "tell") and len(language.content(part.text)) < 2 and quote.support < SLIGHT
