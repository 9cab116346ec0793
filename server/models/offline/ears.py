"""Ears: the language, the mood and the cues of what a customer writes, for every model of the server.

No model, no network, no download: the words and cues of locales/*.yaml, and py3langid for texts that have none of ours.
docs/specialists.md says what was measured, and why no sentiment library is used.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Final

from server.models.offline.language import Detector, Language, available, load, plain
from server.models.offline.understand import Part, understand
from server.ports import Tone

REASONS: Final[Mapping[str, str]] = {"human": "asked", "legal": "legal", "anger": "anger", "self_harm": "self_harm"}
"""Cues of the locales that a person must see to, with the reason that the log gives."""

_SMILES: Final = re.compile(r"[:;]-?[)D]|<3|[😀-😄😊🙂😍🥰👍🙏❤🎉]")
_FROWNS: Final = re.compile(r":-?[(/]|:'\(|[😞-😤😩😫😭🙁☹👎]")
_RAGE: Final = re.compile(r"[😠😡🤬]")
_SHOUTED: Final = re.compile(r"[!?]{3,}|!\?|\?!")
_LOUD_LETTERS: Final = 12
"""So many letters, nearly all capitals, are shouting; less is a product code or an abbreviation."""


class Ears:
    """A `server.ports.Listener`. Its languages and what tells foreign ones apart are loaded once, and shared."""

    def __init__(self, codes: Sequence[str] | None = None) -> None:
        """`codes` are the languages of the engine to listen for; all there are, if None."""
        self._codes = tuple(codes or available())
        self.languages: dict[str, Language] = {}
        self._detector: Detector | None = None
        self._loading = asyncio.Lock()

    @property
    def detector(self) -> Detector:
        """What tells languages apart. `warm` must have been awaited."""
        assert self._detector is not None  # noqa: S101 - see above
        return self._detector

    async def warm(self) -> None:
        """Load the languages in a thread; a message that comes earlier waits for it, nobody else does."""
        async with self._loading:
            if self._detector is None:
                self.languages = await asyncio.to_thread(lambda: {code: load(code) for code in self._codes})
                self._detector = Detector(self.languages)

    async def hear(self, text: str, *, before: str, known: frozenset[str] = frozenset()) -> Tone:
        """The tone of a message; in a thread while what tells foreign languages apart may have to be loaded (0.5 s)."""
        await self.warm()
        if self.detector.is_loaded:
            return self._hear(text, before, known)
        return await asyncio.to_thread(self._hear, text, before, known)

    def _hear(self, text: str, before: str, known: frozenset[str]) -> Tone:
        code = self.detector.detect(text, before=before, known=known)
        language = self.languages.get(code)
        if language is None:  # what our cues cannot read may still be shouted
            return Tone(code, "angry" if _RAGE.search(text) else "calm")
        parts = understand(text, language)
        cue = cue_of(parts)
        english = language.translated(text)
        return Tone(
            code,
            mood_of(text, parts, language),
            REASONS.get(cue),
            language.say[cue] if cue in REASONS else "",
            english if english != text else "",
            tuple(
                tuple(dict.fromkeys((part.text, language.translated(part.text))))
                for part in parts
                if part.act in ("ask", "bare", "tell")
            ),
            any(part.act in ("ask", "bare") for part in parts),
        )


def cue_of(parts: Sequence[Part]) -> str:
    """What hands a message to a person: danger and lawyers always; anger, and asking for a person, unless more was asked.

    The same rule as the offline engine's own: an angry customer who asks for something gets an answer first.
    """
    kinds = [part.kind for part in parts if part.act == "cue" and part.kind in REASONS]
    for kind in ("self_harm", "legal", "human"):
        if kind in kinds:
            return kind
    asks = any(part.act != "cue" for part in parts)
    return "anger" if "anger" in kinds and not asks else ""


def mood_of(text: str, parts: Sequence[Part], language: Language) -> str:
    """How a message sounds: `angry`, `upset`, `pleased` or `calm`; of several the first."""
    low = plain(text)
    cues = {cue for part in parts for cue in (*part.also, *([part.kind] if part.act == "cue" else []))}
    if _RAGE.search(text) or "legal" in cues or ("anger" in cues and language.has("anger", low)):
        return "angry"
    letters = [char for char in text if char.isalpha()]
    loud = len(letters) >= _LOUD_LETTERS and sum(char.isupper() for char in letters) > 0.9 * len(letters)
    sad = _FROWNS.search(text) or language.has("upset", low)
    if sad or loud or _SHOUTED.search(text) or cues & {"anger", "complaint", "self_harm"}:
        return "upset"
    if _SMILES.search(text) or language.has("pleased", low):
        return "pleased"
    return "calm"
