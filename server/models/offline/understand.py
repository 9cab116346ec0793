"""Understanding a message without models: its parts, what each part does (asks, tells, greets …), what it is about.

Pure: no I/O; looks at no tool and no passage.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Literal

from retrieval.text import words
from server.models.offline.language import Language, plain, spans

Act = Literal["ask", "tell", "small", "cue", "bare"]
"""`bare` is a phrase without a verb form that says what is wanted ("price match?", "order 1042")."""

_PROTECTED: Final = re.compile(
    r"https?://\S+|(?<!\S)[^\s@]++@\S+\.\w+|(?<!\d)\d++[.,:]\d+|\b(?:[a-z]\.){2,}|\b(?:e\.g|i\.e|z\.B|d\.h|Dr|Mr|Mrs|Ms|Nr|No|bzw|etc|ca|approx)\.|(?:(?<!\w)\w*str|\b(?:st|rd|ave|ln|blvd|sq|pl|ul))\.(?=\s*\d)",
    re.I,
)
_ENDER: Final = re.compile(r"(?<=[?!.;])\s+|(?<=[?!])(?=[A-Za-zÄÖÜäöü])|\n+")
_QUOTED: Final = re.compile(
    r"\"[^\"]{2,200}\"|“[^”]{2,200}”|„[^“”]{2,200}[“”]|«[^»]{2,200}»|(?<!\w)'[^']*\s[^']*'(?!\w)"
)
_FINE: Final = re.compile(r"[👍👌🙏🙂😀-😆😇-😍😘👏💯✅❤♥🥰🤗🎉]|:-?\)|<3")
"""What says by itself that all is well."""
_AMISS: Final = re.compile(r"[👎😞-😤😩😫😭🙁☹😠😡🤬💔]|:-?\(")
"""What says by itself that something is not."""
_CUES: Final = ("self_harm", "legal", "bot", "human", "anger", "complaint")
"""In the order in which they outweigh one another."""
MAX_PIECES: Final = 24
"""Sentences, or clauses, of one message that are understood one by one. Each costs a search and a run of the embedder, some 20 ms
together, and 4,000 characters of "why? what?" are a thousand of them; a mail of this length asks at its beginning or its end."""
_GERUND_WORDS: Final = 8
"""Words of the longest deed without a sentence around it ("updating the details of my account")."""


@dataclass(frozen=True)
class Part:
    """One thing that a customer said. `text` is as written; `low` is lower-cased with straight quotes."""

    text: str
    low: str
    act: Act
    kind: str = ""
    """Which small talk, or which cue."""
    question: bool = False
    negated: bool = False
    """Names something only to say that it is not wanted."""
    past: bool = False
    hypothetical: bool = False
    general: bool = False
    """Asks how things are done or what holds in general."""
    command: bool = False
    personal: bool = False
    followup: bool = False
    """Cannot be understood without what came before."""
    types: tuple[str, ...] = ()
    """What kinds of answer it asks for, as in the language file."""
    before: str = ""
    """What the customer said just before it in the same message, for context."""
    lang: str = "en"
    repaired: bool = False
    """`low` holds words put right."""
    also: tuple[str, ...] = field(default=())
    """Cues beside the main act, such as anger in a message that also asks something."""


def understand(
    text: str, language: Language, verbs: frozenset[str] = frozenset(), fix: Callable[[str], str] = str
) -> list[Part]:
    """The parts of a message in order. `verbs` are words that begin commands here (from the tools' examples).

    `fix` puts misspelt words right; parts keep their text as written.
    """
    sentences = _telling(_sentences(text), language)
    pieces = _telling([piece for one in sentences for piece in _whole_or_clauses(one, language, verbs)], language)
    parts = [part for piece in pieces if (part := _part(piece, language, fix))]
    return _merged(parts, language, fix) or [_nothing(text, language)]


def _nothing(text: str, language: Language) -> Part:
    if _AMISS.search(text):
        return Part(text.strip(), plain(text), "cue", "complaint", lang=language.code)
    kind = "ok" if _FINE.search(text) else "what"
    return Part(text.strip(), plain(text), "small", kind, lang=language.code)


def _sentences(text: str) -> list[str]:
    kept: list[str] = []

    def hide(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"\ue000{len(kept) - 1}\ue001"

    hidden = _PROTECTED.sub(hide, text.strip())
    shown = [re.sub("\ue000(\\d+)\ue001", lambda m: kept[int(m.group(1))], piece) for piece in _ENDER.split(hidden)]
    return [piece.strip() for piece in shown if piece and re.search(r"\w", piece)]


def _telling(pieces: Sequence[str], language: Language) -> list[str]:
    """Those that are worth a look: each once; of very many the first, the last, and what holds a cue."""
    once = list(dict.fromkeys(pieces))
    if len(once) <= MAX_PIECES:
        return once
    half = MAX_PIECES // 2
    middle = once[half:-half]
    # By weight: no number of complaints hides that somebody is in danger.
    cues = dict.fromkeys(one for cue in _CUES for one in middle if language.has(cue, plain(one)))
    kept = set(list(cues)[:MAX_PIECES])
    return [*once[:half], *(one for one in middle if one in kept), *once[-half:]]


def _whole_or_clauses(sentence: str, language: Language, verbs: frozenset[str]) -> list[str]:
    """The clauses, unless only the whole sentence says what it says ("great job, you broke it")."""
    found = _clauses(sentence, language, verbs)
    for cue in ("self_harm", "legal", "anger"):
        if language.has(cue, plain(sentence)) and not any(language.has(cue, plain(piece)) for piece in found):
            return [sentence]
    return found


def _clauses(sentence: str, language: Language, verbs: frozenset[str]) -> list[str]:
    """Split at a comma, a dash or an "and" behind which a new question or command begins."""
    openers = language.words["openers"] | verbs
    cut = 0
    out: list[str] = []
    joiners = "|".join(re.escape(word) for word in ("and", language.say["and"], "but", *sorted(language.words["lead"])))
    joints = re.finditer(
        rf"\s*[,–—]\s+(?:(?:{joiners})\s+)?|\s+(?:{re.escape(language.say['and'])}|&|\+|but|aber)\s+(?:(?:{joiners})\s+)?",
        sentence,
        re.I,
    )
    for match in islice(joints, 2 * MAX_PIECES):  # each looks at all of the sentence
        left, right = sentence[cut : match.start()], sentence[match.end() :]
        if _begins(right, language, openers) and _stands(left, language, openers):
            out.append(left)
            cut = match.start() + (len(match.group()) - len(match.group().lstrip(" ,–—")))
    return [*out, sentence[cut:]]


def _begins(text: str, language: Language, openers: frozenset[str]) -> bool:
    """Whether a question, a command or a new statement begins here."""
    if not words(text):
        return False
    first = plain(text).split(" ", 1)[0].strip(",.!?")
    if first in openers:
        # "who", "which" and the like also begin relative clauses; a clause that asks has more than two words
        return len(words(text)) > 2 or "?" in text
    return language.has("cue_start", plain(text)) or any(
        language.has(cue, plain(text)) for cue in ("human", "legal", "self_harm")
    )


def _stands(text: str, language: Language, openers: frozenset[str]) -> bool:
    """Whether what is left of a cut says something by itself."""
    found = words(text)
    low = plain(text).strip(" ,.!?")
    if not found or language.has("conditional", low):
        return False
    if any(pattern.fullmatch(low) for patterns in language.whole.values() for pattern in patterns):
        return True
    return len(language.content(text)) > 0 and (len(found) > 1 or found[0] in openers or not language.is_stop(found[0]))


def _part(text: str, language: Language, fix: Callable[[str], str]) -> Part | None:
    """The part as written; with misspelt words put right if only that makes a question or a cue of it."""
    part = _read(text, plain(text.strip(" ,;–—-")), language)
    if part is None or part.act not in ("tell", "bare"):
        return part
    other = _read(text, plain(fix(text.strip(" ,;–—-"))), language)
    return (
        _with(other, repaired=True)
        if other and other.low != part.low and other.act in ("ask", "cue", "small")
        else part
    )


def _read(text: str, low: str, language: Language) -> Part | None:
    shown = text.strip(" ,;–—-")
    bare = re.sub(r"[^\w\s',?&€$£%#@.:/+-]", " ", low)
    bare = " ".join(bare.split()).strip(" .,!?-:")
    if not bare:
        return None
    for kind, patterns in language.whole.items():
        if any(pattern.fullmatch(bare) for pattern in patterns):
            return Part(shown, low, "small", kind, lang=language.code)
    mention = _QUOTED.sub(" ", low).strip(" .,!?-:;")
    cues = [cue for cue in _CUES if language.has(cue, mention)]
    if "human" in cues and language.has("not_human", mention):
        cues.remove("human")
    question = "?" in text or bool(language.asking.search(bare))
    command = language.has("command", mention)
    sworn = "anger" in cues and (question or command) and not language.has("anger", language.calmed(mention))
    if sworn:  # whoever swears at a thing and asks for something about it gets that first
        cues.remove("anger")
        mention = language.calmed(mention)
    types = tuple(kind for kind, sides in language.types.items() if any(p.search(bare) for p in sides["ask"]))
    if "complaint" in cues and question and {"duration", "date"} & {*types}:
        cues.remove("complaint")  # "how long do I have to complain?" asks, and complains of nothing
    main = cues[0] if cues else ""
    # "I don't want to live" negates nothing.
    negated = _negates(mention, language) and not question and main != "self_harm"
    act: Act = "cue" if main else "ask" if question or command else "tell"
    short = len(words(low)) <= 4 or (language.has("gerund", bare) and len(words(low)) <= _GERUND_WORDS)
    if act != "cue" and not command and not language.asking.search(bare) and short:
        act = "tell" if language.has("statement", bare) and not question else "bare"
    return Part(
        text=shown,
        low=mention if mention.strip() else low,
        act=act,
        kind=main,
        question=question,
        negated=negated,
        past=language.has("past", mention) and not question,
        hypothetical=language.has("hypothetical", mention),
        general=language.has("general", bare),
        command=command and not negated,
        personal=language.has("personal", mention),
        followup=_leans(bare, language),
        types=types,
        lang=language.code,
        also=("anger", *cues[1:]) if sworn else tuple(cues[1:]),
    )


def _negates(low: str, language: Language) -> bool:
    """Whether something is named only to say that it is not wanted, and nothing is asked for behind it."""
    found = [match.end() for pattern in language.cues.get("negated", ()) if (match := pattern.search(low))]
    return bool(found) and not language.has("plea", low[max(found) :])


def _leans(low: str, language: Language) -> bool:
    """Whether the part points at something said before: it begins with "and …", or names nothing but a pronoun."""
    found = words(low)
    content = [word for word in found if not language.is_stop(word)]
    if any(word.isdigit() and len(word) > 2 for word in content):
        return False
    if language.has("followup", low):
        asks_itself = language.asking.search(low.split(" ", 1)[-1]) is not None and bool(content)
        if len(content) <= 3 and not asks_itself:
            return True
    return not content or (any(word in language.words["pronouns"] for word in found) and len(content) <= 2)


def _merged(parts: Sequence[Part], language: Language, fix: Callable[[str], str]) -> list[Part]:
    """Statements become the context of the request after (or before) them; greetings beside a request fall away."""
    if len(parts) > 1:  # "Is it ready? B-20417": the code belongs to the question
        parts = [_with(part, act="tell") if part.act == "bare" and is_value(part, language) else part for part in parts]
    wanted = [part for part in parts if part.act in ("ask", "bare", "cue") and not part.negated]
    told = [part for part in parts if part.act == "tell" or (part.negated and part.act != "cue")]
    small = [part for part in parts if part.act == "small"]
    if not wanted:
        if not told:
            return small[:2]
        joined = " ".join(_ended(part.text) for part in told) if len(told) > 1 else told[0].text
        first = _part(joined, language, fix) or told[0]
        negated = all(part.negated for part in told)
        return [_with(first, act="tell", negated=negated, past=any(part.past for part in told))]
    out: list[Part] = []
    context: list[str] = []
    for part in parts:
        if part in wanted:
            out.append(_with(part, before=" ".join(context)))
            if part.act != "cue":
                context.append(_ended(part.text))
        elif part in told:
            context.append(_ended(part.text))
            if out and (is_value(part, language) or (part is parts[-1] and not out[-1].before)):
                out[-1] = _with(out[-1], before=f"{out[-1].before} {_ended(part.text)}".strip())
    return _one_cue(out)


def is_value(part: Part, language: Language) -> bool:
    """Whether the part is nothing but a number, code or address."""
    if "@" not in part.low and not any(char.isdigit() for char in part.low):
        return False
    left = [word for word in re.sub(r"\S+@\S+", " ", part.low).split() if not any(char.isdigit() for char in word)]
    return not any(not language.is_stop(word.strip(".,:!?#")) for word in left)


def _one_cue(parts: list[Part]) -> list[Part]:
    """Anger beside a real request is noted on the request; danger and lawyers outweigh everything else."""
    for kind in ("self_harm", "legal"):
        for part in parts:
            if part.kind == kind or kind in part.also:
                return [_with(part, act="cue", kind=kind)]
    requests = [part for part in parts if part.act != "cue"]
    cues = [part for part in parts if part.act == "cue"]
    if requests and any(part.kind in ("anger", "complaint") for part in cues):
        rest = [part for part in cues if part.kind not in ("anger", "complaint")]
        return [*rest, *(_with(part, also=("anger", *part.also)) for part in requests)]
    kinds = [part.kind if part.act == "cue" else "" for part in parts]
    # Either way a person is asked: "a person, now! this is a joke" is answered once, and nothing is offered that is done.
    beside = {"human"} if "anger" in kinds else {"complaint"} if "human" in kinds else set()
    parts, kinds = (
        [p for p, kind in zip(parts, kinds, strict=True) if kind not in beside],
        [k for k in kinds if k not in beside],
    )
    return [part for at, part in enumerate(parts) if not kinds[at] or kinds[at] not in kinds[:at]]


def _with(part: Part, **changes: object) -> Part:
    return Part(**{**{name: getattr(part, name) for name in Part.__dataclass_fields__}, **changes})


def _ended(text: str) -> str:
    return text if text[-1:] in ".?!" else text + "."


def unquoted(text: str) -> str:
    """The text without what stands in quotation marks: words that are mentioned, not said."""
    return _QUOTED.sub(" ", text)


def topic(text: str, language: Language, *, limit: int = 7) -> str:
    """What a question is about, in the customer's own words: "Do you do price matching?" -> "price matching"."""
    rest = text.strip(" \t\n.,!?;:-–—")
    for _ in range(4):
        rest, before = _cut(rest, language), rest
        if rest == before:
            break
    found = spans(rest)
    keep = [index for index, (_, _, word) in enumerate(found) if not language.is_stop(word.lower().replace("’", "'"))]
    if not keep:
        return ""
    first, last = keep[0], min(keep[-1], keep[0] + limit - 1)
    out = rest[found[first][0] : found[last][1]]
    starts = text.lstrip().startswith(out[:1]) and text.lstrip().startswith(out.split(" ", 1)[0])
    plain_word = found[first][2][1:].islower() and not language.has("nouns_capital", out)
    return (
        out[0].lower() + out[1:] if starts and plain_word and (last == first or found[first + 1][2].islower()) else out
    )


def _cut(text: str, language: Language) -> str:
    low = text.lower().replace("’", "'")
    for pattern in language.frames:
        if (match := pattern.search(low)) and match.start() == 0 and len(low) > match.end():
            return text[match.end() :].strip()
    for pattern in language.tails:
        if (match := pattern.search(low)) and match.start() > 0:
            return text[: match.start()].strip()
    return text


def noun_phrase(text: str, language: Language) -> str:
    """What is searched for: the topic without words about its properties at either end ("the Ridge tent's weight")."""
    text = language.constraints.sub("", text.rstrip(" ?.!")) if language.constraints.search(text.lower()) else text
    rest = topic(unquoted(text), language, limit=12) or topic(text, language, limit=12)
    found = spans(rest)
    low = [word.lower() for _, _, word in found]
    stop, about = language.words["stop"], language.words["attributes"]
    # "price of the saddle" is about a saddle, "price match" about neither.
    keep = [
        index
        for index, word in enumerate(low)
        if word not in stop
        and (word not in about or (index + 1 < len(low) and low[index + 1] not in stop | about and index == 0))
    ]
    if not keep:
        return ""
    phrase = rest[found[keep[0]][0] : found[keep[-1]][1]]
    return rest[found[max(0, keep[0] - 1)][0] : found[keep[-1]][1]] if phrase.isdigit() else phrase
