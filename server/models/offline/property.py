"""Property: what a question asks whether it is true of a thing ("is the Ridge tent waterproof?"), and whether a result says so.

Pure; it answers nothing.
"""

import re

from retrieval.text import stem, words
from server.models.offline.language import Language, plain
from server.models.offline.understand import Part
from tools import ToolSpec

MAX_WORDS = 2
"""More words than this that a result does not name are a question about something else than one property."""


def thing_in(text: str, language: Language) -> str:
    """The thing of which something is asked: "is the Ridge tent waterproof?" -> "the Ridge tent"; the text for other questions.

    A last word that is itself a property known by name (a price, a weight) is left to those who look for things by name.
    """
    low = text.lower().replace("’", "'")
    for pattern in language.cues.get("predicate", ()):
        match = pattern.match(low)
        if match is not None and len(low) == len(text):
            how = language.content(match.group("how"))
            if how and not any(word in language.words["attributes"] for word in how):
                return text[match.start("thing") : match.end("thing")]
    return text


def untold(part: Part, spec: ToolSpec, told: str, language: Language) -> str:
    """What a question that wants a yes or a no asks about, where neither `told` nor the tool's own examples name it; else "".

    `told` is all that the result says: its reply, and its data as text.
    """
    if not part.question or not language.has("yes_or_no", part.low):
        return ""
    codes = {language.code, "en"}
    about = words(" ".join((*spec.examples, spec.description, spec.name.replace("_", " ")))) + words(plain(told))
    known = {stem(word, code) for word in about for code in codes}
    joined = " ".join(about)
    missing = []
    for word in words(re.sub(r"\S*\d\S*", " ", part.text)):
        if language.is_stop(word) or word in language.words["attributes"] or word in language.words["meta"]:
            continue
        forms = {stem(word, code) for code in codes} | {stem(other, "en") for other in words(language.translated(word))}
        if not forms & known and word not in joined:
            missing.append(word)
    return " ".join(missing) if len(missing) <= MAX_WORDS else ""
