"""The words of claims: which forms say that an action was done, and which action it is.

Pure; holds no shop's words: those come from its own tools.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from retrieval.text import STOP_WORDS, stem, word_set
from tools import ToolSpec

ANY: Final = "*"
"""The action of a verb that names none ("processed", "done"): any that the sentence speaks of, else whichever succeeded."""
HAND_OVER: Final = "hand over"


# Each action: English verbs; participles of other languages (de fr es it nl); nouns.
_ACTIONS: Final[Mapping[str, tuple[str, str, str]]] = {
    "refund": (
        "refund reimburse repay credit compensate",
        """erstattet rückerstattet zurückerstattet gutgeschrieben zurückgezahlt zurückgebucht ausgezahlt überwiesen zurücküberwiesen
        remboursé remboursée remboursés crédité reembolsado reembolsada reintegrado abonado rimborsato rimborsata
        accreditato terugbetaald teruggestort""",
        """refund refunds reimbursement repayment credit money chargeback erstattung rückerstattung gutschrift rückzahlung
        geld betrag remboursement reembolso rimborso terugbetaling""",
    ),
    "cancel": (
        "cancel void revoke annul terminate",
        """storniert gekündigt abbestellt widerrufen annulliert annulé annulée résilié cancelado cancelada anulado
        annullato annullata cancellato cancellata disdetto geannuleerd opgezegd""",
        "cancellation cancelation stornierung storno kündigung annulation cancelación annullamento annulering",
    ),
    "change": (
        "change update modify amend edit correct adjust alter reroute redirect set",
        """geändert aktualisiert angepasst korrigiert umgestellt hinterlegt eingetragen umgeleitet modifié modifiée changé
        cambiado cambiada modificado actualizado actualizada modificato aggiornato cambiato gewijzigd aangepast
        bijgewerkt""",
        "change update modification änderung anpassung aktualisierung adressänderung",
    ),
    "return": (
        "return",
        "retourniert zurückgesandt zurückgeschickt retourné devuelto restituito geretourneerd",
        "return returns label retoure rücksendung retourenschein retour devolución reso retourzending",
    ),
    "exchange": (
        "exchange replace swap",
        "umgetauscht ersetzt ausgetauscht échangé remplacé reemplazado sostituito omgeruild vervangen",
        "exchange replacement umtausch ersatz austausch",
    ),
    "send": (
        "send mail email ship dispatch deliver resend",
        """gesendet versandt versendet verschickt geschickt zugesandt zugeschickt abgeschickt geliefert envoyé envoyée
        expédié enviado enviada inviato spedito verzonden verstuurd""",
        "shipment e-mail email mail versand",
    ),
    "book": (
        "book schedule reserve reschedule rebook",
        """gebucht reserviert vereinbart umgebucht eingeplant réservé reservado agendado prenotato geboekt
        gereserveerd""",
        "booking appointment reservation slot buchung termin reservierung",
    ),
    "delete": (
        "delete remove erase unsubscribe deactivate close",
        "gelöscht entfernt abgemeldet deaktiviert geschlossen supprimé eliminado borrado eliminato verwijderd",
        "deletion removal löschung",
    ),
    "create": (
        "create register file save submit generate activate enable subscribe enrol enroll add lodge",
        """erstellt angelegt eröffnet registriert eingereicht aktiviert angemeldet freigeschaltet hinzugefügt créé
        creado creato aangemaakt""",
        "registration",
    ),
    HAND_OVER: (
        "escalate forward notify inform alert",
        "weitergeleitet weitergegeben informiert benachrichtigt übergeben eskaliert hinzugezogen transmis reenviado",
        "",
    ),
}
_OTHER_VERBS: Final = word_set(
    """pause resume skip suspend freeze block unblock unlock lock reset restore upgrade downgrade extend renew redeem waive
    transfer withdraw unlink prolong postpone recover reorder"""
)
_OTHER_PARTICIPLES: Final = word_set(
    "pausiert verlängert gesperrt entsperrt zurückgesetzt eingelöst übertragen verschoben"
)
_LIGHT_VERBS: Final = word_set(
    """process issue complete finish finalize finalise execute initiate start begin arrange handle make put place grant
    trigger perform settle resolve fix sort apply confirm approve authorize authorise do give accept record open raise release"""
)
_LIGHT_PARTICIPLES: Final = word_set(
    """veranlasst durchgeführt abgeschlossen erledigt eingeleitet bearbeitet beauftragt ausgelöst vorgenommen angewiesen
    bestätigt genehmigt vollzogen getan ausgeführt angestoßen freigegeben abgewickelt verbucht gestartet effectué traité
    lancé terminé procesado realizado tramitado completado emitido elaborato effettuato completato emesso verwerkt
    geleitet geregelt organisiert umgesetzt übermittelt uitgevoerd afgehandeld geregeld"""
)
# Only with a form of "to be" in front, or alone.
STATES: Final = word_set(
    """complete done set way underway progress successful successfully through sorted care back wieder unterwegs raus
    fertig komplett erfolgreich durch route chemin camino cammino onderweg"""
)
_IRREGULAR: Final[Mapping[str, str]] = {
    "repay": "repaid", "send": "sent", "resend": "sent", "set": "set", "make": "made", "put": "put", "do": "done",
    "give": "given gave", "begin": "begun began", "withdraw": "withdrawn withdrew", "freeze": "frozen froze",
    "reset": "reset", "undo": "undone", "take": "taken took", "write": "written wrote", "pay": "paid", "buy": "bought",
    "hold": "held", "sell": "sold", "split": "split", "choose": "chosen chose", "lift": "lifted", "redo": "redone",
    "get": "got", "bring": "brought", "rebook": "rebooked", "cut": "cut", "let": "let", "find": "found", "swap": "swapped",
}  # fmt: skip

TALK: Final = word_set(
    """looked checked found seen saw noticed understood read searched reviewed asked tried heard explained mentioned described
    listed shown showed said told answered thought considered compared summarized summarised included attached got had
    received learned learnt known missed meant wanted wondered needed hoped identified gathered located retrieved pulled
    confused apologized apologised appreciated noted spotted examined consulted discussed detected double-checked
    double searched verified liked loved enjoyed used lived worked helped realized realised recognized recognised
    experienced linked quoted outlined"""
)
"""What an agent may say to have done without a call: to look, to think, to talk."""
TALK_DE: Final = word_set(
    """nachgesehen gesehen gefunden geprüft verstanden gelesen gesucht gefragt gebeten nachgeschaut geschaut erhalten gehört
    gesagt genannt erklärt bemerkt festgestellt überprüft gemeint erwähnt gewusst gedacht versucht geantwortet beantwortet
    gehabt gewesen bekommen nachgelesen aufgelistet zusammengefasst beschrieben angesehen durchsucht verglichen erkannt"""
)
PARTICIPLE_DE: Final = re.compile(
    r"(?:[a-zäöüß]*ge[a-zäöüß]{2,}(?:t|en)|[a-zäöüß]{3,}iert|(?:be|ver|er|ent|zer)[a-zäöüß]{2,}(?:t|en))"
)
"""What may be a German participle; where "ich habe" stands before, it is one."""
NO_VERB: Final = word_set(
    """a an the no not your my our this that these those some any many several two three four five one enough good bad great
    to it them nothing something everything all more information questions access only been never yet you both about
    n't 30 14 until in at and or but if what how i we with for from by on of as so is are was were be"""
)
"""After "I have": no participle."""
ADVERBS: Final = word_set(
    """now just already successfully also fully been automatically officially finally hereby then indeed gladly happily
    immediately promptly kindly today completely properly actually since quickly safely recently again therefore thus
    manually personally certainly really definitely even still first both all gone ahead and went to able managed"""
)
COMPLETION: Final = word_set(
    "now already successfully just hereby officially finally jetzt bereits schon erfolgreich soeben"
)


def past_forms(verb: str) -> frozenset[str]:
    """Past tense and participle of an English verb, with both spellings where there are two."""
    if verb in _IRREGULAR:
        return frozenset(_IRREGULAR[verb].split())
    if verb.endswith("e"):
        return frozenset({verb + "d"})
    if re.search(r"[^aeiou]y$", verb):
        return frozenset({verb[:-1] + "ied"})
    doubled = {verb + verb[-1] + "ed"} if re.search(r"[aeiou][bdglmnprt]$", verb) else set()
    return frozenset({verb + "ed"} | doubled)


def gerunds(verb: str) -> frozenset[str]:
    """The -ing forms of an English verb."""
    base = verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else verb
    doubled = {base + base[-1] + "ing"} if re.search(r"[aeiou][bdglmnprt]$", base) else set()
    return frozenset({base + "ing"} | doubled)


def german_participles(infinitive: str) -> frozenset[str]:
    """What the participle of a regular German infinitive may be."""
    if not infinitive.endswith("en") or len(infinitive) < 6:
        return frozenset()
    base = infinitive[:-2]
    end = base if base.endswith("t") else base + "t"
    if base.endswith(("t", "d")):
        end = base + "et"
    if base.endswith("ier"):
        return frozenset({base + "t"})
    if re.match(r"(be|er|ver|ent|zer|miss|über|wider)", base):
        return frozenset({end})
    parts = re.match(r"(ab|an|auf|aus|bei|ein|frei|nach|um|vor|weg|weiter|zurück|zu)(?=.{3})", base)
    return frozenset({parts.group() + "ge" + end[parts.end() :]} if parts else {"ge" + end})


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Forms with their actions. `past`: participles and past tenses; `doing`: -ing forms; `nouns`; `bases`: all other forms."""

    past: Mapping[str, str]
    doing: Mapping[str, str]
    nouns: Mapping[str, str]
    bases: Mapping[str, str]
    foreign: frozenset[str]
    """Those of `past` that are not English."""
    markers: frozenset[str]
    """No sentence claims anything before one of these words."""
    notable: frozenset[str]
    """Words that matter for themselves or for what follows: the others are passed over."""
    beginnings: frozenset[str]
    """All that a marker can begin with, from three letters on."""

    @classmethod
    def of(cls, tools: Iterable[ToolSpec] = ()) -> "Lexicon":
        """The general words, and those of a site's tools that change something."""
        past, doing, nouns, bases = (dict(part) for part in _general())
        english: set[str] = set().union(*(past_forms(verb) for verb in bases))
        for spec in tools:
            for word in verbs_of(spec):
                if word in bases or word in nouns or forms(word) & past.keys():
                    continue
                action = stem(word, "en")
                bases[word] = action
                past.update(dict.fromkeys(past_forms(word) | german_participles(word), action))
                english.update(past_forms(word))
                doing.update(dict.fromkeys(gerunds(word), action))
        markers = frozenset(past) | frozenset(doing) | STATES | _OPENERS
        notable = markers | word_set("i we i've we've i'm we're have am are ich wir hab habe haben")
        beginnings = frozenset(word[:at] for word in markers for at in range(3, len(word) + 1))
        return cls(past, doing, nouns, bases, frozenset(past.keys() - english), markers, notable, beginnings)

    def action(self, word: str) -> str | None:
        """The action that this word names in any of its forms, `ANY` included; None if it names none."""
        for part in (self.past, self.doing, self.nouns, self.bases):
            if word in part:
                return part[word]
        return next((self.past[form] for form in german_participles(word) if form in self.past), None)


_OPENERS: Final = word_set("able managed succeeded took liberty")
"""Words that make a claim of the plain verb after them: "I was able to refund it"."""


@lru_cache(maxsize=1)
def _general() -> tuple[Mapping[str, str], Mapping[str, str], Mapping[str, str], Mapping[str, str]]:
    past: dict[str, str] = {}
    doing: dict[str, str] = {}
    nouns: dict[str, str] = {}
    bases: dict[str, str] = {}
    verbs = {verb: action for action, (listed, _, _) in _ACTIONS.items() for verb in listed.split()}
    verbs |= {verb: stem(verb, "en") for verb in _OTHER_VERBS} | dict.fromkeys(_LIGHT_VERBS, ANY)
    for verb, action in verbs.items():
        past.update(dict.fromkeys(past_forms(verb), action))
        doing.update(dict.fromkeys(gerunds(verb), action))
        bases[verb] = action
    for action, (_, participles, named) in _ACTIONS.items():
        past.update(dict.fromkeys(participles.split(), action))
        nouns.update(dict.fromkeys(named.split(), action))
    past.update({word: stem(word, "de") for word in _OTHER_PARTICIPLES} | dict.fromkeys(_LIGHT_PARTICIPLES, ANY))
    return past, doing, nouns, bases


def forms(word: str) -> frozenset[str]:
    """Every past form that this word may have, as an English verb or a German infinitive."""
    return past_forms(word) | german_participles(word)


_SPLIT: Final = re.compile(r"[^\W\d_]+")
_SPLIT_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words_of(text: str) -> list[str]:
    """The words of a name or a sentence, lower case."""
    return _SPLIT.findall(_SPLIT_CAMEL.sub(" ", text).lower())


def verbs_of(spec: ToolSpec) -> list[str]:
    """Words that may say what a tool does: its name, the end of its scope, and how its examples begin."""
    found = [*words_of(spec.name), *words_of(spec.scope.rpartition(".")[2])]
    found += [words[0] for example in spec.examples if (words := words_of(example))]
    known = STOP_WORDS["en"] | STOP_WORDS["de"]
    return [word for word in dict.fromkeys(found) if len(word) >= 3 and word not in known]
