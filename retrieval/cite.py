"""Citations: every marker of an answer is checked against the words of the passage it names.

Pure. What is not supported loses its marker and is reported; nothing is ever added, and no quote is anything but a
slice of the document.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.facts import Facts, content, contradicts, facts, missing
from retrieval.text import fold, language_of, sentences
from retrieval.types import Citation, Cited, Passage, Span

# [1], [2, 3], [^1]; no link text, reference definition or escaped bracket.
_MARKER = re.compile(r"(?<![ \t\u00a0])[ \t\u00a0]*+(?<!\\)\[\^?(\d{1,3}(?:\s*[,;]\s*\^?\d{1,3})*)\](?![(:])")
_MASKED = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|(`+)(?!`).*?(?<!`)\1(?!`)|!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s+\"[^\"]*\")?\)"
    r"|<https?://[^>\s]*>|https?://[^\s\])]*(?:\[[^\s\]]*\][^\s\])]*)*",
    re.S,
)
# Share of a sentence's subject words that must stand in the span or the headings above it. Half: a paraphrase keeps
# its nouns. Where every number and unit is found again, a third is enough.
_COVERAGE, _COVERAGE_WITH_NUMBERS = 0.5, 0.33
# A quotation is the shortest that supports: one sentence, at most three in a row.
_MOST_SPANS = 3


@dataclass(frozen=True, slots=True)
class _Claim:
    """One sentence with the passages it names."""

    text: str
    wanted: frozenset[str]
    facts: Facts
    language: str


def cite(text: str, passages: Sequence[Passage]) -> Cited:
    """Checks every marker `[n]` (1-based into `passages`) against the passage; keeps, renumbers or drops it.

    A marker belongs to the sentence it ends. It is kept when that passage holds a run of at most three sentences that
    says the same: the same words, or enough of them, every number, unit, name and date, and the same yes or no.
    Markers that stay are numbered 1..n in the order of first use; sentences that lose all theirs are `unsupported`.
    """
    plain, markers = _without_markers(text)
    found: dict[tuple[str, int, int], Citation] = {}
    unsupported: list[str] = []
    pieces: list[str] = []
    at = 0
    for start, end in _units(plain):
        mine = [(place, named) for place, named in markers if start < place <= end or (place == start == 0)]
        if not mine:
            continue
        sentence = plain[start:end].strip()
        numbers = list(dict.fromkeys(n for _, named in mine for n in named))
        supported = _supported(sentence, numbers, passages)
        for place, named in mine:
            pieces.append(plain[at:place])
            at = place
            shown = [_number(found, supported[n]) for n in named if n in supported]
            pieces.append("".join(f" [{n}]" if i == 0 else f"[{n}]" for i, n in enumerate(dict.fromkeys(shown))))
        if not supported and sentence:
            unsupported.append(sentence)
    pieces.append(plain[at:])
    return Cited("".join(pieces), tuple(found.values()), tuple(unsupported))


def ground(text: str, passages: Sequence[Passage], *, known: str) -> Cited:
    """Checks an answer that a language model wrote freely; what rests on nothing is taken out of it.

    A sentence without a marker gets one where a passage says the same. Taken out are the sentences that `cite` finds
    unsupported, and those that name a number, an amount or a date that neither a passage nor `known` (what was said in
    the conversation) has. A sentence that names none of these is not judged: "Yes, we do" may still be wrong.
    """
    marked = _marked(text, passages)
    cited = cite(marked, passages)
    plain, markers = _without_markers(cited.text)
    said = " ".join([known, *(f"{passage.title} {passage.heading} {passage.text}" for passage in passages)])
    invented = []
    for start, end in _units(plain):
        sentence = plain[start:end].strip()
        claimed = facts(re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", sentence), names=False)
        if not any(start < place <= end for place, _ in markers) and missing(claimed, said):
            invented.append(sentence)
    gone = (*cited.unsupported, *invented)
    kept = without(cited.text, gone)
    # What is left may name fewer citations: number them again from what is still there.
    return _renumbered(kept, cited.citations, gone)


def merged(cited: Cited, passages: Sequence[Passage]) -> Cited:
    """The same answer with neighbouring quotations as one: a list of ten items is one place to look, not ten."""
    order = sorted(cited.citations, key=lambda c: (c.document, c.hash, c.start))
    runs: list[list[Citation]] = []
    for citation in order:
        if runs and _touch(runs[-1], citation, passages):
            runs[-1].append(citation)
        else:
            runs.append([citation])
    if len(runs) == len(order):
        return cited
    joined: dict[int, Citation] = {}
    for run in runs:
        whole = _joined(run, passages)
        joined.update({citation.n: whole for citation in run})
    text = _spoken_once(cited.text, {n: citation.n for n, citation in joined.items()})
    return _renumbered(text, tuple({c.n: c for c in joined.values()}.values()), cited.unsupported)


def _touch(run: Sequence[Citation], citation: Citation, passages: Sequence[Passage]) -> bool:
    last = max(run, key=lambda c: c.end)
    if (last.document, last.hash) != (citation.document, citation.hash):
        return False
    if citation.start < last.end:
        return True
    passage = _holding(last.document, last.start, citation.end, passages)
    if passage is None:
        return False
    between = passage.raw[last.end - passage.start : citation.start - passage.start]
    # A paragraph ends a quotation, unless what comes before announces what follows ("These countries:").
    return not re.search(r"\w", between) and ("\n\n" not in between or last.quote.rstrip("*_ ").endswith(":"))


def _joined(run: Sequence[Citation], passages: Sequence[Passage]) -> Citation:
    first, start, end = run[0], min(c.start for c in run), max(c.end for c in run)
    passage = _holding(first.document, start, end, passages)
    quote = first.quote if passage is None else passage.raw[start - passage.start : end - passage.start]
    number = min(c.n for c in run)
    return Citation(number, first.document, first.title, first.url, first.hash, start, end, quote)


def _holding(document: str, start: int, end: int, passages: Sequence[Passage]) -> Passage | None:
    return next((p for p in passages if p.document == document and p.start <= start and end <= p.end), None)


def _spoken_once(text: str, numbers: dict[int, int]) -> str:
    """The text with these numbers instead of the old; of lines in a row that end in the same marker, only the last has it."""
    plain, markers = _without_markers(text)
    shown: list[tuple[int, list[int]]] = []
    for place, named in markers:
        new = list(dict.fromkeys(numbers[n] for n in named))
        if shown and shown[-1][1] == new and plain.count("\n", shown[-1][0], place) <= 1:
            shown.pop()
        shown.append((place, new))
    return _with_markers(plain, shown)


def _with_markers(plain: str, markers: Sequence[tuple[int, Sequence[int]]]) -> str:
    pieces: list[str] = []
    at = 0
    for place, named in markers:
        pieces.append(plain[at:place])
        pieces.append("".join(f" [{n}]" if i == 0 else f"[{n}]" for i, n in enumerate(named)))
        at = place
    return "".join([*pieces, plain[at:]])


def _renumbered(text: str, citations: Sequence[Citation], unsupported: Sequence[str]) -> Cited:
    """The citations that the text still names, numbered in the order of first use."""
    by_number = {citation.n: citation for citation in citations}
    plain, markers = _without_markers(text)
    new: dict[int, int] = {}
    shown = []
    for place, named in markers:
        for n in named:
            if n in by_number:
                new.setdefault(n, len(new) + 1)
        shown.append((place, [new[n] for n in named if n in new]))
    kept = tuple(
        Citation(number, c.document, c.title, c.url, c.hash, c.start, c.end, c.quote)
        for number, c in ((number, by_number[n]) for n, number in new.items())
    )
    return Cited(_with_markers(plain, shown), kept, tuple(unsupported))


def _marked(text: str, passages: Sequence[Passage]) -> str:
    """The text with a marker behind each sentence that has none and that some passage says."""
    plain, markers = _without_markers(text)
    shown = list(markers)
    for start, end in _units(plain):
        if any(start < place <= end for place, _ in markers):
            continue
        sentence = plain[start:end].rstrip()
        if sentence.endswith("?"):
            continue
        n = next((n for n, passage in enumerate(passages, 1) if supports(sentence.strip(), passage)), None)
        if n is not None:
            shown.append((start + len(sentence), [n]))
    return _with_markers(plain, sorted(shown))


def without(text: str, gone: Sequence[str]) -> str:
    """The text without these sentences, and without the list marks and blank lines that they leave behind."""
    for sentence in gone:
        text = text.replace(sentence, "")
    lines = [line.rstrip() for line in text.splitlines() if not re.fullmatch(r"\s*(?:[-*+]|\d+[.)])\s*", line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def supports(sentence: str, passage: Passage) -> tuple[int, int] | None:
    """Offsets into the document of the shortest run of spans of `passage` that says the sentence; None without one."""
    if len(passage.raw) != passage.end - passage.start:
        return None
    claim = _claim(sentence, passage)
    if not claim.wanted and not claim.facts.numbers:
        return None
    exact = _exact(sentence, passage)
    if exact:
        return exact
    context = frozenset(content(f"{passage.title} {passage.heading}", claim.language))
    best: tuple[float, int, int, int] | None = None
    for size in range(1, _MOST_SPANS + 1):
        for first in range(len(passage.spans) - size + 1):
            run = passage.spans[first : first + size]
            share = _share(claim, run, context)
            if share is not None and (best is None or share > best[0] + 0.15 * (size - 1)):
                best = (share, size, run[0].start, run[-1].end)
        if best:
            break  # the shortest sufficient quote
    if best is None or _denied(claim, passage, best[2], best[3]):
        return None
    return best[2], best[3]


def _supported(sentence: str, numbers: Sequence[int], passages: Sequence[Passage]) -> dict[int, Citation]:
    found: dict[int, Citation] = {}
    for n in numbers:
        if not 1 <= n <= len(passages):
            continue
        passage = passages[n - 1]
        place = supports(sentence, passage)
        if place:
            quote = passage.raw[place[0] - passage.start : place[1] - passage.start]
            found[n] = Citation(
                0, passage.document, passage.title, passage.url, passage.hash, place[0], place[1], quote
            )
    return found


def _number(found: dict[tuple[str, int, int], Citation], citation: Citation) -> int:
    key = (citation.document, citation.start, citation.end)
    if key not in found:
        c = citation
        found[key] = Citation(len(found) + 1, c.document, c.title, c.url, c.hash, c.start, c.end, c.quote)
    return found[key].n


def _claim(sentence: str, passage: Passage) -> _Claim:
    language = language_of(passage.locale)
    readable = re.sub(r"^[\s>#*+-]+|[*_`]", " ", sentence).strip()
    readable = re.sub(r"^\d+[.)]\s+", "", readable)
    # German writes every noun with a capital: there the words themselves must do.
    return _Claim(readable, frozenset(content(readable, language)), facts(readable, names=language != "de"), language)


def _share(claim: _Claim, run: Sequence[Span], context: frozenset[str]) -> float | None:
    """Which share of the claim's words the run and its headings have; None when it does not support the claim."""
    said = " ".join(span.text for span in run)
    present = frozenset(content(said, claim.language))
    if not claim.wanted & present:
        return None
    share = len(claim.wanted & (present | context)) / len(claim.wanted)
    needed = _COVERAGE_WITH_NUMBERS if claim.facts.numbers else _COVERAGE
    if len(claim.wanted) <= 3 and not claim.facts.numbers:
        needed = 0.6  # of two words, one says nothing
    if share < needed or missing(_within(claim.facts, context), said):
        return None
    if any(contradicts(claim.text, part, claim.language) for part in _speaking(claim, run)):
        return None
    return len(claim.wanted & present) / len(claim.wanted) + share


def _denied(claim: _Claim, passage: Passage, start: int, end: int) -> bool:
    """Whether another sentence of the passage, nearer to the claim than the run, says the opposite."""
    shares = {span: len(claim.wanted & frozenset(content(span.text, claim.language))) for span in passage.spans}
    mine = max((share for span, share in shares.items() if start <= span.start and span.end <= end), default=0)
    return any(share > mine and contradicts(claim.text, span.text, claim.language) for span, share in shares.items())


def _within(claimed: Facts, context: frozenset[str]) -> Facts:
    """The facts without the names that the headings already say; numbers must be in the sentence itself."""
    names = frozenset(name for name in claimed.names if not set(content(name)) <= context)
    return Facts(claimed.numbers, claimed.measures, names, claimed.dates)


def _speaking(claim: _Claim, run: Sequence[Span]) -> list[str]:
    """The sentences of the run that share most words with the claim: those must not say the opposite."""
    shares = [len(claim.wanted & frozenset(content(span.text, claim.language))) for span in run]
    best = max(shares)
    return [span.text for span, share in zip(run, shares, strict=True) if share == best]


def _exact(sentence: str, passage: Passage) -> tuple[int, int] | None:
    """Where the passage has the sentence word for word, as whole spans."""
    wanted = _plain(re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", sentence))  # the mark of a list is no word of it
    if len(wanted) < 8:
        return None
    for size in range(1, _MOST_SPANS + 1):
        for first in range(len(passage.spans) - size + 1):
            run = passage.spans[first : first + size]
            if wanted == _plain(" ".join(span.text for span in run)):
                return run[0].start, run[-1].end
    return None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+|[%€$£¥+-]", fold(text)))


def _without_markers(text: str) -> tuple[str, list[tuple[int, list[int]]]]:
    """The text without its markers, and for each where it stood and which passages it names."""
    masked = [match.span() for match in _MASKED.finditer(text)]
    markers: list[tuple[int, list[int]]] = []
    kept: list[str] = []
    at = size = 0
    for match in _MARKER.finditer(text):
        bracket = text.index("[", match.start())
        if any(a <= bracket < b for a, b in masked):
            continue
        before = text[at : match.start()]
        kept.append(before)
        size += len(before)
        markers.append((size, [int(n) for n in re.findall(r"\d+", match.group(1))]))
        at = match.end()
    kept.append(text[at:])
    return "".join(kept), markers


def _units(plain: str) -> list[tuple[int, int]]:
    """Sentences, line by line (a list item is one of its own), each up to where the next begins."""
    starts: list[int] = []
    at = 0
    for line in plain.splitlines(keepends=True):
        starts.extend(at + a for a, _ in sentences(line))
        at += len(line)
    ends = [*starts[1:], len(plain) + 1] if starts else []
    return list(zip(starts, ends, strict=True))
