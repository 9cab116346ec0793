"""Words and sentences: tokens, stems, stop words, sentence boundaries.

Pure, and knows nothing of documents, stores or models; the offline engine may use it as it is.
"""

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

# ISO 639-1 → Snowball's names; what is missing here is not stemmed.
LANGUAGES = {
    "ar": "arabic", "da": "danish", "nl": "dutch", "en": "english", "fi": "finnish", "fr": "french", "de": "german",
    "el": "greek", "hu": "hungarian", "it": "italian", "nb": "norwegian", "nn": "norwegian", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "es": "spanish", "sv": "swedish", "tr": "turkish",
}  # fmt: skip


def word_set(text: str) -> frozenset[str]:
    """The words of a list written as running text."""
    return frozenset(text.split())


_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SPLIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")

_STOP = {
    "en": """a about after all also am an and any anybody anyone anything are aren't as at be because been before being
        but by can can't cannot could couldn't did didn't do does doesn't doing don't done each either else ever every
        for from get gets getting go goes going got had has have having he hello help her here hers hey hi him his how
        i i'd i'll i'm i've if in into is isn't it it's its just know let like make may maybe me might mine must my
        myself need needs no not now of off on one only or other our ours out over own please possible same shall she
        should so some somebody someone something such tell than thank thanks that that's the their them then there
        these they they're thing this those through to too under until up upon us use used using very want wanted was
        way ways we we're were what what's when where which while who whom whose why will with won't would you you'd
        you'll you're you've your yours""",
    "de": """ab aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bin bis bist bitte
        da damit dann das dass dein deine dem den denn der des die dies diese diesem diesen dieser dieses doch dort du
        durch ein eine einem einen einer eines er es etwas euch euer für gegen gibt habe haben hallo hat hatte hier hin
        ich ihm ihn ihnen ihr ihre ihrem ihren im in ins ist ja jede jedem jeden jeder jetzt kann kannst können könnt
        man mein meine meinem meinen meiner mich mir mit möchte muss müssen nach nein nicht noch nun nur ob oder ohne
        sehr sein seine sich sie sind so soll sollen sondern um und uns unser unsere unter viel vom von vor wann war
        warum was weil welche welchem welchen welcher wenn wer werde werden wie wieder will wir wird wo wurde würde zu
        zum zur über""",
    "fr": """a ai as au aux avec avez avoir bonjour c ce cela ces cet cette comment d dans de des du elle elles en es
        est et eu eux il ils j je l la le les leur leurs lui m ma mais me merci mes moi mon n ne nos notre nous on ont
        ou où par pas peut peux plus pour pouvez qu quand que quel quelle quels qui s sa se ses si son sont suis sur t
        ta te tes toi ton tu un une vos votre vous y à été être""",
    "es": """a al algo como con cual cuál cuando cuándo cómo de del desde donde dónde el ella ellos en entre era es esa
        ese eso esta este esto está están estoy fue gracias ha hay he hola la las le les lo los me mi mis mucho muy más
        no nos o para pero por porque puede puedo que quien qué se ser si sin sobre son su sus sí también te tengo ti
        tiene tu tus un una unos usted y ya yo""",
    "it": """a ad al alla alle anche che chi ci ciao come con cosa cui da dal dalla dei del della delle di dove e ed è
        era gli grazie ha hanno ho i il in io la le lei lo loro ma mi mia mio ne nel nella non o per perché più posso
        può quale quando quanto quella quello questa questo se si sia sono su sua suo ti tra tu un una uno vi""",
    "nl": """aan al als ben bij dan dat de deze die dit doen door een en er geen had hallo heb hebben heeft het hij hoe
        ik in is ja je kan kunnen me men met mij mijn moet na naar niet nog nu of om omdat onder ons ook op over te tot
        uit van veel voor waar wanneer was wat we wel welke wij wil worden wordt ze zich zijn zo""",
    "pt": """a ao aos as até com como da das de do dos e ela ele em entre era essa esse esta este eu foi há isso isto
        já lhe mais mas me meu minha muito na não nas no nos o obrigado olá onde os ou para pela pelo por porque posso
        qual quando que quem se sem ser seu seus sua suas são também te tem tenho um uma você à é""",
}
STOP_WORDS: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _STOP.items()}

# What a full stop after these does not end. Lower case, without the last full stop.
_ABBREVIATIONS = word_set("""mr mrs ms dr prof sr jr st vs etc inc ltd co corp no nos nr approx ca cf e.g i.e eg ie
    fig vol p pp sec min max
    incl excl tel ext dept est jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun a.m p.m am pm
    z.b d.h u.a usw bzw ggf inkl exkl zzgl evtl str tsd mio mrd art abs bspw sog vgl zb dh ph.d u.s u.k m mme mlle av
    bd p.ex sra dña núm pág ej""")
_CLOSERS = "\"'”’»)]}›“*_`"
_ENDERS = ".!?…。！？"


def language_of(locale: str | None, default: str = "en") -> str:
    """The two-letter language of a locale such as `de-AT`; `default` for none."""
    base = (locale or "").replace("_", "-").split("-")[0].lower()
    return base or default


def fold(text: str) -> str:
    """Lower case without accents and with plain apostrophes, for comparing words."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'").casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """The words of a text in order, lower case, apostrophes kept inside (`don't`), numbers as they stand."""
    return [match.group().replace("’", "'").lower() for match in _WORD.finditer(text)]


def is_stop_word(word: str, language: str = "en") -> bool:
    """Whether a word carries no subject of its own in that language."""
    return word in STOP_WORDS.get(language, frozenset())


@lru_cache(maxsize=65_536)
def stem(word: str, language: str = "en") -> str:
    """The folded stem of one lower-case word; words with digits are only folded."""
    plain = word.removesuffix("'s").replace("'", "")
    if language in LANGUAGES and plain.isalpha():
        # A stemmer object holds a cursor: a new one for each word is slow, a shared one is not thread-safe; the cache
        # in front makes the slow way cheap.
        plain = str(snowballstemmer.stemmer(LANGUAGES[language]).stemWord(plain))
    return fold(plain)


def terms(text: str, language: str = "en", *, stop_words: bool = False) -> list[str]:
    """Stems of the words that carry a subject, in order, doubles kept; `stop_words=True` keeps those too."""
    found = words(text)
    return [stem(word, language) for word in found if stop_words or not is_stop_word(word, language)]


def sentences(text: str) -> list[tuple[int, int]]:
    """Offsets (start, end) of the sentences of running text; blank edges are left out, nothing else is.

    A line break alone ends no sentence (hard-wrapped text); a blank line does. Full stops in numbers, abbreviations,
    initials, addresses and file names end none. Marks and closing brackets after the full stop belong to it.
    """
    found: list[tuple[int, int]] = []
    start = 0
    at = 0
    size = len(text)
    while at < size:
        char = text[at]
        if char == "\n" and _blank_line(text, at):
            _keep(found, text, start, at)
            start = at + 1
        elif char in _ENDERS:
            end = at + 1
            while end < size and text[end] in _ENDERS:
                end += 1
            while end < size and text[end] in _CLOSERS:
                end += 1
            if _ends_sentence(text, start, at, end):
                _keep(found, text, start, end)
                start = end
            at = end
            continue
        at += 1
    _keep(found, text, start, size)
    return found


def _blank_line(text: str, at: int) -> bool:
    rest = text.find("\n", at + 1)
    return rest != -1 and not text[at + 1 : rest].strip()


def _keep(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        found.append((start, end))


def _ends_sentence(text: str, start: int, at: int, end: int) -> bool:
    """Whether the mark at `at` (with what follows it up to `end`) ends the sentence that began at `start`."""
    if text[at] in "。！？":
        return True
    if end >= len(text):
        return True
    if not text[end].isspace():
        return False  # 3.50, example.com, v1.2
    after = text[end:].lstrip()
    if not after:
        return True
    if text[at] == ".":
        word = text[start:at].rsplit(None, 1)[-1].lstrip("([{\"'“„»«*_").lower() if text[start:at].strip() else ""
        if word in _ABBREVIATIONS:
            # "9 a.m. Monday" goes on, "until 5 p.m. We" does not: only those of the clock may end one.
            return word in {"a.m", "p.m", "am", "pm", "etc", "usw"} and _opens_sentence(after)
        if len(word) == 1 and word.isalpha() and text[start:at].strip() != word:
            return False  # an initial: "John F. Kennedy"
        if word.isdigit() and (len(word) <= 2 and (text[start:at].strip() == word or _is_ordinal(after))):
            return False  # "1. Open", "am 24. Dezember"
        return not after[0].islower()
    return not after[0].islower()


_COMMON_OPENERS = word_set(
    "the a an we you your our if in it they this that these those to for all any please there when orders"
)
_MONTHS = re.compile(
    r"(jan|feb|mär|mar|apr|mai|may|jun|jul|aug|sep|okt|oct|nov|dez|dec|janvier|février|mars|avril|juin|juillet)", re.I
)


def _opens_sentence(after: str) -> bool:
    first = _WORD.match(after.lstrip("\"'“„»«([*_"))
    return bool(first and after[0].isupper() and first.group().lower() in _COMMON_OPENERS)


def _is_ordinal(after: str) -> bool:
    return bool(_MONTHS.match(after))


def numbers(text: str) -> list[str]:
    """Every number of a text in one form: `1,299.00` and `1.299,00` are `1299`, `7.50` is `7.5`."""
    return [number(found) for found in re.findall(r"\d+(?:[.,’'\u00a0\u202f]\d+)*", text)]


def number(text: str) -> str:
    """One number without grouping marks, with `.` before decimals and no zeros behind them."""
    plain = re.sub(r"[’'\u00a0\u202f]", "", text)
    marks = [c for c in plain if c in ".,"]
    if len(set(marks)) == 2:
        decimal = marks[-1]
        plain = plain.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    elif marks:
        groups = re.split(r"[.,]", plain)
        if len(marks) > 1 and not all(len(group) == 3 for group in groups[1:]):
            return plain  # a date or a version: 24.12.2026
        grouped = all(len(group) == 3 for group in groups[1:]) and groups[0] != "0" and len(groups[0]) <= 3
        plain = "".join(groups) if grouped else ".".join(groups)
    if "." in plain:
        whole, _, fraction = plain.partition(".")
        fraction = fraction.rstrip("0")
        return f"{whole.lstrip('0') or '0'}.{fraction}" if fraction else whole.lstrip("0") or "0"
    return plain.lstrip("0") or "0"
