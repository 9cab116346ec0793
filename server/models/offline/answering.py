"""Answering: whether words answer a question for free words (a street, a reason), and what of them is the answer.

Pure. Any words are a text; so here it is asked whether they look like what was asked for, or like something else that is wanted.
"""

from collections.abc import Callable
from typing import Any, Final

from retrieval.text import stem, words
from server.models.offline import address
from server.models.offline.language import Language, plain
from server.models.offline.rank import MAYBE
from server.models.offline.understand import Part
from tools.workflow.slots import read
from tools.workflow.view import RunView

SURE: Final = 0.74
"""Score from which a reading is acted on whatever else the words may be: three of four such readings are right even where a
third of what is asked is nothing for any tool (`python -m bench.routing`)."""
_ANSWERS: Final = frozenset({"yes", "no", "ok"})
_SENTENCE: Final = 8
"""Words from which something is no street or town."""
_BETWEEN: Final = frozenset(
    {"number", "no", "nr", "num", "nummer", "is", "ist", "was", "the", "die", "id", "with", "mit"}
)
"""Words that may stand between the name of a thing and its number."""


def is_freely(view: RunView) -> bool:
    """Whether the question that stands may be answered by any words."""
    return view.asking is not None and view.slots[view.asking].slot.type == "text"


def is_place_asked(view: RunView) -> bool:
    """Whether a part of an address is asked for."""
    return view.asking is not None and address.kind_of(view.asking, view.slots[view.asking].slot) is not None


def answers(view: RunView, part: Part, language: Language, elsewhere: Callable[[float], bool]) -> bool:
    """Whether the part answers the question for free words. `elsewhere` says if it is about something else, as surely as that."""
    if part.act == "small":
        return part.kind in _ANSWERS
    if not is_place_asked(view):
        asks = part.question and not language.has("request", part.low)
        return not asks and not ((part.question or part.command) and elsewhere(SURE))
    if address.is_place(part.text):
        return not (language.has("personal", part.low) and part.act == "ask" and elsewhere(SURE))
    if part.question or elsewhere(SURE if address.may_be_place(part.text) else MAYBE):
        return False
    if address.parts_of(part.text):
        return True
    told = any(language.has(cue, part.low) for cue in ("statement", "lost_value", "personal", "followup"))
    return not (told or part.negated or part.past or part.command or len(words(part.text)) > _SENTENCE)


def numbers_named(view: RunView, said: str, language: Language) -> dict[str, Any]:
    """Other values than those known of slots that are numbers, where the words name what the number is of: "order 12345"."""
    out: dict[str, Any] = {}
    for name, there in view.slots.items():
        if there.slot.type != "order_number" or name == view.asking:
            continue
        about = {stem(word, "en") for word in words(there.slot.what or name.replace("_", " "))} - _BETWEEN - {"number"}
        before = ""
        for word in plain(said).split():
            bare = word.strip("#.,;:!?()\"'")
            got = read(there.slot, bare, today="2000-01-01") if any(char.isdigit() for char in bare) else None
            if got is not None and got.ok and (before in about or word.startswith("#")):
                if got.value != view.value_of(name):
                    out[name] = got.value
                break
            if bare not in _BETWEEN:
                before = stem(language.translated(bare).lower(), "en")
    return out


def is_only_number(view: RunView, said: str, language: Language) -> bool:
    """Whether the words do nothing but name the number of another slot: "the order is 12345"."""
    abouts = [there.slot.what or name for name, there in view.slots.items() if there.slot.type == "order_number"]
    about = {stem(word, "en") for what in abouts for word in words(what.replace("_", " "))}
    left = [word for word in language.content(said) if not any(char.isdigit() for char in word)]
    return all(stem(language.translated(word).lower(), "en") in about or word in _BETWEEN for word in left)


def placed(view: RunView, said: str) -> dict[str, Any]:
    """The slots of an address that the words fill; only the one that was asked for where its parts cannot be told apart."""
    kinds: dict[address.PartKind, str] = {}
    for name, there in view.slots.items():
        kind = address.kind_of(name, there.slot)
        if kind is not None and (kind not in kinds or name == view.asking):
            kinds[kind] = name
    bare = address.without_lead(said)
    found = address.parts_of(bare) if len(kinds) > 1 else {}
    out = {kinds[kind]: value for kind, value in found.items() if kind in kinds and view.fits(kinds[kind], value)}
    if view.asking in out or set(out) - {kinds.get("street", "")} or (out and address.is_place(bare)):
        return out
    return {str(view.asking): bare}
