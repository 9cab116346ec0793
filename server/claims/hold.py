"""Hold: a reply on its way to the customer, let through but for claims that no call has proven.

Pure: pieces in, safe text out. Whatever pieces the text comes in, the same text goes out.
"""

import re
from collections.abc import Sequence
from typing import Final

from server.claims.judge import CITED, claim_in
from server.claims.proof import Proof
from server.claims.text import INNER, WORD, plain
from server.claims.words import ADVERBS, HAND_OVER, NO_VERB, PARTICIPLE_DE, TALK, TALK_DE

_END: Final = re.compile(r"[.!?…]++[\"'”’»)\]*_]*+(?=\s)|\n|[!?。！？](?=\w)|(?<=[a-zäöüß])\.(?=[A-ZÄÖÜ])")
_ABBREVIATED: Final = re.compile(
    r"(?:^|[\s(])(?:nr|no|mr|mrs|ms|dr|st|ca|bzw|inkl|exkl|usw|e\.g|i\.e|z\.b|d\.h|vs|approx|\d{1,2})\.$", re.I
)
_CITATION: Final = re.compile(r"\s*(?:\[\d+(?:\s*,\s*\d+)*\]\s*)+")
_MAYBE_CITATION: Final = re.compile(r"[ \t]*(?:\[[\d,\s]*)?$")
MAX_SENTENCE_CHARS: Final = 1_500
"""A longer sentence is judged as it stands: nobody writes one, and looking at it again and again would cost time."""
_ADDRESSED: Final = re.compile(r"\byou\b|\byour\b|\bihre?\b|\bdeine?\b|\d{3}")
"""A quotation that speaks to this customer, or of one order, is no rule."""
_OWN: Final = frozenset({"i", "we"})
_OWN_HAVE: Final = frozenset({"i've", "we've"})
_OWN_BE: Final = frozenset({"i'm", "we're"})
_ICH: Final = frozenset({"ich", "wir"})
_HABE: Final = frozenset({"hab", "habe", "haben"})
_ALERT: Final = _OWN | _OWN_HAVE | _OWN_BE | {"have", "am", "are"}
"""After these, the next word matters."""


class Open:
    """Lets everything through, as `Hold` does what is proven: for words that are quotations, or the tools' and the shop's own."""

    withheld: tuple[str, ...] = ()
    is_rewritten = False

    def __init__(self) -> None:
        self._out: list[str] = []

    @property
    def text(self) -> str:
        """What came so far."""
        return "".join(self._out)

    def feed(self, piece: str) -> str:
        """Take a piece, which may be shown."""
        self._out.append(piece)
        return piece

    def finish(self, *, handed_over: bool = False) -> str:  # noqa: ARG002 - as Hold's
        """Nothing was held."""
        return ""

    def rewritten(self) -> bool:
        """Nothing ever is."""
        return False


class Hold:
    """One stretch of text, as it is written. `text` is what was let through, `withheld` the sentences that were not."""

    def __init__(self, proof: Proof, *, instead: str = "", passages: Sequence[str] = ()) -> None:
        """`instead` is said once, in the place of the first claim that nothing proves. `passages` are what it may quote."""
        self.withheld: list[str] = []
        self._proof = proof
        self._markers = proof.lexicon.markers
        self._beginnings = proof.lexicon.beginnings
        self._past = proof.lexicon.past
        self._doing = proof.lexicon.doing
        self._instead = instead
        self._passages = passages
        self._buffer = ""  # the sentence being written
        self._shown = 0  # how much of it was let through
        self._at = 0  # where its newest word begins
        self._from: int | None = None  # where it may begin to claim something
        self._last = ""  # its last complete word that is no adverb
        self._before = ""  # and the one before that
        self._ich_habe = False  # whether the sentence says "ich habe"
        self._kept: list[str] = []  # sentences that wait for the end
        self.is_rewritten = False  # whether something that was shown had to be taken back: see `rewritten`
        self._out: list[str] = []
        self._word = ""  # the newest word, if all of it was shown and nothing before it matters
        self._calm = False  # whether all was shown, nothing before matters, and a space waits for the next word
        self._notable = proof.lexicon.notable

    @property
    def text(self) -> str:
        """What was let through so far."""
        if len(self._out) > 1:
            self._out = ["".join(self._out)]
        return self._out[0] if self._out else ""

    def feed(self, piece: str) -> str:
        """Take a piece; what may be shown now. See `rewritten`."""
        if self._word and piece[:1] == " " and (word := piece[1:]).isalnum() and word.isascii():
            # Most tokens are one more harmless word: this costs a third of a look at the sentence.
            word = word.lower()
            if self._word not in self._notable and word not in self._beginnings:
                self._before, self._last, self._word = self._last, self._word, word
                self._at = len(self._buffer) + 1
                self._buffer += piece
                self._shown = len(self._buffer)
                self._out.append(piece)
                return piece
        elif self._calm and piece[-1:] == " " and (word := piece[:-1]).isalnum() and word.isascii():
            # The same for models that write the space behind the word: it is complete.
            word = word.lower()
            if word not in self._notable and word not in ADVERBS and len(self._buffer) < MAX_SENTENCE_CHARS:
                self._before, self._last = self._last, word
                self._buffer += piece
                self._shown = len(self._buffer)
                self._at = self._shown - 1
                self._out.append(piece)
                return piece
        return self._look(piece)

    def _look(self, piece: str) -> str:
        """The whole of `feed`, where the piece is no plain word or comes after a word that matters."""
        self._buffer += piece
        out = ""
        while (end := self._end()) is not None:
            sentence, self._buffer = self._buffer[:end], self._buffer[end:]
            out += self._judged(sentence)
            self._begin()
        out += self._safe()
        alert = self._ich_habe or self._last in _ALERT or self._before in _OWN
        shown = self._shown == len(self._buffer) and not self._kept and not alert
        word = self._buffer[self._at :] if shown else ""
        self._word = word.lower() if word.isalnum() and word.isascii() else ""
        self._calm = shown and self._from is None and word == " "
        return out

    def finish(self, *, handed_over: bool = False) -> str:
        """No more comes; what may be shown of the rest. `handed_over`: the answer asks a person to take over."""
        out = ""
        if self._buffer:
            sentence, self._buffer = self._buffer, ""
            out = self._judged(sentence)
        self._begin()
        kept, self._kept = self._kept, []
        for sentence in kept:
            out += self._weighed(sentence, handed_over=handed_over)
        return out

    def rewritten(self) -> bool:
        """Whether something that was shown had to be taken back since this was last asked: show `text` as a whole."""
        was, self.is_rewritten = self.is_rewritten, False
        return was

    def _begin(self) -> None:
        self._shown, self._at, self._from, self._last, self._before = 0, 0, None, "", ""
        self._ich_habe = False

    def _end(self) -> int | None:
        """Where the sentence that is being written ends; None while it does not, or while its citation may follow."""
        text = self._buffer
        for match in _END.finditer(text, max(0, self._at - 1)):
            if match.group().startswith(".") and _ABBREVIATED.search(
                text, max(0, match.start() - 12), match.start() + 1
            ):
                continue
            end = match.end()
            if self._from is None:
                self._scan(text[:end], complete=True)
            if self._from is None or match.group() == "\n":
                return end
            cited = _CITATION.match(text, end)
            if cited is not None:
                return cited.end()
            return None if _MAYBE_CITATION.match(text, end) else end
        return len(text) if len(text) > MAX_SENTENCE_CHARS else None

    def _safe(self) -> str:
        """What may be shown of a sentence that is not complete: all before the first word that may claim something."""
        if self._kept:
            return ""
        safe = self._scan(self._buffer) if self._from is None else self._from
        if safe <= self._shown:
            return ""
        piece = self._buffer[self._shown : safe]
        self._shown = safe
        self._out.append(piece)
        return piece

    def _scan(self, text: str, *, complete: bool = False) -> int:
        """Look at the words that are new; how much of the sentence is harmless so far."""
        size = len(text)
        for match in WORD.finditer(text, self._at):
            word = match.group()
            word = word.lower() if word.isascii() and word.isalnum() else plain(word)
            self._at = match.start()
            if not complete and (match.end() == size or _goes_on(text, match.end())):
                awaited = word in self._beginnings or self._ich_habe or self._needs_whole() or not word.isascii()
                return match.start() if awaited else size
            if self._suspicious(word):
                self._from = match.start()
                return match.start()
            if word not in ADVERBS:
                self._before, self._last = self._last, word
            pair = {self._before, self._last}
            self._ich_habe = self._ich_habe or bool(pair & _ICH and pair & _HABE)
            self._at = match.end()
        return size

    def _needs_whole(self) -> bool:
        """After "I have", any word may be what is claimed."""
        return self._last in _OWN_HAVE or (self._last == "have" and self._before in _OWN)

    def _suspicious(self, word: str) -> bool:
        if word in self._doing and word not in self._past:
            return self._last in _OWN_BE or (self._last in ("am", "are") and self._before in _OWN)
        if word in self._markers:
            return True
        if self._ich_habe and word not in TALK_DE and PARTICIPLE_DE.fullmatch(word):
            return True
        if self._needs_whole():
            return word not in TALK and word not in NO_VERB and word not in ADVERBS
        return (self._last in _OWN and word.endswith("ed") and word not in TALK) or not word.isascii()

    def _judged(self, sentence: str) -> str:
        """What is shown of a complete sentence, beyond what was."""
        if self._from is None and not self._kept:
            self._scan(sentence, complete=True)
        if self._from is None and not self._kept:
            return self._let_through(sentence)
        claim = claim_in(sentence, self._proof.lexicon)
        waits = claim is not None and any(HAND_OVER in need for need in claim.needs)
        if self._kept or (waits and not self._proof.person):
            self._take_back()
            self._kept.append(sentence)
            return ""
        return self._weighed(sentence)

    def _weighed(self, sentence: str, *, handed_over: bool = False) -> str:
        quoted = self._is_quoted(sentence)
        claim = claim_in(sentence, self._proof.lexicon, quoted=quoted)
        if claim is not None and quoted and not claim.own and not _ADDRESSED.search(plain(sentence)):
            claim = None
        if claim is None or self._proof.holds(claim, sentence, handed_over=handed_over):
            return self._let_through(sentence)
        self._take_back()
        self.withheld.append(sentence.strip())
        said = self._instead if len(self.withheld) == 1 else ""
        space = sentence[len(sentence.rstrip()) :]
        lead = sentence[: len(sentence) - len(sentence.lstrip())]
        out = f"{lead}{said}{space}" if said else ""
        self._out.append(out)
        return out

    def _let_through(self, sentence: str) -> str:
        out = sentence[self._shown :]
        self._out.append(out)
        self._shown = 0
        return out

    def _take_back(self) -> None:
        if self._shown:
            self._out = [self.text[: -self._shown]]
            self._shown = 0
            self.is_rewritten = True

    def _is_quoted(self, sentence: str) -> bool:
        """Whether the sentence stands in a passage, word for word, and cites."""
        if not self._passages or not CITED.search(sentence):
            return False
        words = _words(_CITATION.sub(" ", sentence))
        return bool(words) and any(f" {words} " in f" {_words(passage)} " for passage in self._passages)


def _words(text: str) -> str:
    return " ".join(WORD.findall(plain(text)))


def _goes_on(text: str, end: int) -> bool:
    """Whether only marks that may stand inside a word follow: "re**" may become "re**funded"."""
    return end < len(text) and not text[end:].strip(INNER)
