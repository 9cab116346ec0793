"""Phrases: the server's own sentences to customers, by language.

Pure: what the agent says of its own accord is in the model; what a shop says is in its site.yaml.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from retrieval.text import STOP_WORDS, words

_PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "failed": "Sorry, something went wrong on our side and I could not answer that. I have asked a colleague to take over.",
        "limits": "I could not sort this out by myself, so I have asked a colleague to take over.",
        "asked": "Of course. I have asked a colleague to join this chat.",
        "handed_over": "I have asked a colleague to take over here.",
        "topic": "That is something for a colleague, whom I have asked to join this chat.",
        "amount": "That is more than I may do by myself, so I have asked a colleague to take over.",
        "tool": "Only a colleague may do that: I have asked one to join this chat.",
        "customer": "Hello, and thank you for writing. I have asked a colleague to join this chat.",
        "low_confidence": "I would rather not guess, so I have asked a colleague to take over here.",
        "closed_idle": "Nothing was written here for a while, so this chat is closed now. Just write again, and it goes on.",
        "lapsed": "{name} has had to leave. I have asked a colleague to go on, who sees everything that was said here.",
        "closed_unanswered": "Sorry: nobody could answer you here in time, and this chat is closed now. "
        "If you still need us, write again, and a person is asked anew.",
        "interrupted": "Sorry, I was interrupted before I could finish. I have asked a colleague to take over.",
        "budget": "I can't answer any more questions here today, so I have asked a colleague to take over.",
        "blocked": "This chat has been ended by our team, and nothing more can be sent here.",
        "unsupported": "I could not find that in our help center, so I would rather not guess. Would you like to talk to a person?",
        "not_proven": "I can't confirm that this has been done.",
        "switched_off": "I have been switched off for now, so I have asked a colleague to take over.",
        "declined": "All right, I have left everything as it is.",
        "left_at_that": "All right, I'll leave it at that. Is there anything else I can do for you?",
        "refused": "A colleague has decided against it, so I have not done it.",
        "expired": "Nobody answered in time, so I have not done it. Ask me again if you still want it.",
        "asked_customer": "Before I do this, please confirm it: {label}",
        "asked_staff": "A colleague has to approve this first: {label}. I have asked, and you will hear from me here.",
        "asked_sign_in": "Before I can look, please show that it is you: give me the order number and the email address "
        "of the order, and I will send a code there.",
        "asked_step_up": "Before I do this, please show that it is you: I can send a code to the email address we have on file.",
        "unknown_outcome": "I could not tell whether this went through, so I have asked a colleague to check it. "
        "Please don't try again until you hear from us.",
        "already_waiting": "A colleague has been asked already and will answer here.",
        "open_now": "Somebody will answer here as soon as possible.",
        "opens": "We are closed right now and open again {when}. Somebody will answer here then.",
        "contact": "You can also reach us by {ways}.",
        "sign_in": "To look into your own orders, please sign in to your account on this page first.",
        "sign_in_again": "Your sign-in has run out. Please sign in again on this page, then ask once more.",
        "looked_up": "Looked in the help center: {titles}",
        "looking_up": "Searching the help center",
        "code_sent": "A code is on its way to {to}, if that is right. It has six digits and is good for 10 minutes: type it here.",
        "code_sent_on_file": "A code is on its way to {to}. It has six digits and is good for 10 minutes: type it here.",
        "code_wrong": "That code is not right. You have {left} left.",
        "code_used_up": "That code is not right, and it has been tried too often. Ask for a new one, please.",
        "code_over": "That code has run out. Ask for a new one, please.",
        "code_too_many": "Too many codes were asked for. Please try again in {minutes} minutes, or ask for a person.",
        "code_busy": "I could not check that just now. Please try once more.",
        "code_need_email": "And which email address was it ordered with?",
        "code_need_order": "And what is the order number? It is in the confirmation email.",
        "email_wanted": "This takes longer than it should. If you leave your email address here, "
        "the answer also comes to you by mail.",
        "email_wanted_closed": "If you leave your email address here, the answer also comes to you by mail, and you need not wait.",
        "email_known": "You need not wait here: the answer also comes by mail to {to}, the address that we have of you.",
        "email_kept": "Thank you. If you are not here when somebody answers, the answer comes by mail to {to}.",
        "letter_subject": "{shop} has answered you",
        "letter_text": "Hello,\n\nin your chat with {shop} somebody has answered:\n\n{said}\n\n"
        "To read all of it and go on, open this link. It is good for 7 days and opens this chat for whoever has it, so "
        "please keep it to yourself:\n{link}\n\n{shop}\n",
        "letter_notice": "Hello,\n\nin your chat with {shop} somebody has answered. To read it, sign in to the shop and "
        "open the chat there.\n\n{shop}\n",
        "rating_subject": "How was your chat with {shop}?",
        "rating_text": "Hello,\n\nyour chat with {shop} has ended. Did we help you? Tell us here, with one click and, if you like, "
        "a few words. The link is good for 7 days:\n{link}\n\nYou are asked only this once.\n\n{shop}\n",
        "you": "You",
        "transcript_subject": "Your chat with {shop}",
        "transcript_text": "Hello,\n\nthis is what was said in your chat with {shop}:\n\n{said}\n\n{shop}\n",
        "transcript_no_address": "The chat can only be mailed to an address that is known to be yours. Please sign in first.",
        "code_subject": "Your code for {shop}",
        "code_mail": "Hello,\n\nyour code for the chat with {shop} is:\n\n    {code}\n\n"
        "It is good for 10 minutes, in that chat alone. "
        "Nobody of {shop} will ever ask you for it on the phone or by email.\n\nIf you did not ask for a code, you can ignore "
        "this email: without the code nothing happens.\n\n{shop}\n",
        "try": "try",
        "tries": "tries",
        "or": "or",
    },
    "de": {
        "failed": "Entschuldigung, bei uns ist etwas schiefgegangen, und ich konnte das nicht beantworten. "
        "Ich habe jemanden aus dem Team gebeten zu übernehmen.",
        "limits": "Das konnte ich allein nicht klären. Ich habe jemanden aus dem Team gebeten zu übernehmen.",
        "asked": "Gern. Ich habe jemanden aus dem Team in diesen Chat gebeten.",
        "handed_over": "Ich habe jemanden aus dem Team gebeten, hier zu übernehmen.",
        "topic": "Dafür ist jemand aus dem Team zuständig, den ich in diesen Chat gebeten habe.",
        "amount": "Das ist mehr, als ich allein tun darf. Ich habe jemanden aus dem Team gebeten zu übernehmen.",
        "tool": "Das darf nur jemand aus dem Team, und den habe ich in diesen Chat gebeten.",
        "customer": "Guten Tag und danke für Ihre Nachricht. Ich habe jemanden aus dem Team in diesen Chat gebeten.",
        "low_confidence": "Ich möchte nicht raten und habe jemanden aus dem Team gebeten, hier zu übernehmen.",
        "closed_idle": "Hier wurde länger nichts geschrieben, daher ist dieser Chat jetzt geschlossen. "
        "Schreiben Sie einfach wieder, dann geht er weiter.",
        "lapsed": "{name} musste gehen. Ich habe jemanden aus dem Team gebeten weiterzumachen; "
        "alles bisher Gesagte ist dort zu sehen.",
        "closed_unanswered": "Entschuldigung: Hier konnte Ihnen niemand rechtzeitig antworten, und dieser Chat ist jetzt "
        "geschlossen. Wenn Sie uns noch brauchen, schreiben Sie wieder, dann wird neu jemand gefragt.",
        "interrupted": "Entschuldigung, ich wurde unterbrochen. Ich habe jemanden aus dem Team gebeten zu übernehmen.",
        "budget": "Ich kann hier heute keine weiteren Fragen beantworten und habe jemanden aus dem Team gebeten zu übernehmen.",
        "blocked": "Unser Team hat diesen Chat beendet; hier kann nichts mehr gesendet werden.",
        "unsupported": "Dazu habe ich in unserem Hilfebereich nichts gefunden und möchte nicht raten. "
        "Möchten Sie mit einem Menschen sprechen?",
        "not_proven": "Ich kann nicht bestätigen, dass das erledigt ist.",
        "switched_off": "Ich bin gerade abgeschaltet und habe jemanden aus dem Team gebeten zu übernehmen.",
        "declined": "In Ordnung, ich habe alles gelassen, wie es ist.",
        "left_at_that": "In Ordnung, dann belasse ich es dabei. Kann ich sonst noch etwas für Sie tun?",
        "refused": "Jemand aus dem Team hat sich dagegen entschieden, daher habe ich es nicht getan.",
        "expired": "Niemand hat rechtzeitig geantwortet, daher habe ich es nicht getan. Fragen Sie gern noch einmal.",
        "asked_customer": "Bevor ich das tue, bestätigen Sie es bitte: {label}",
        "asked_staff": "Das muss jemand aus dem Team freigeben: {label}. Ich habe gefragt, und Sie hören hier von mir.",
        "asked_sign_in": "Bevor ich nachsehen kann, zeigen Sie bitte, dass Sie es sind: Nennen Sie mir Bestellnummer und "
        "E-Mail-Adresse der Bestellung, dann schicke ich dorthin einen Code.",
        "asked_step_up": "Bevor ich das tue, zeigen Sie bitte, dass Sie es sind: Ich kann einen Code an die E-Mail-Adresse "
        "schicken, die wir von Ihnen haben.",
        "unknown_outcome": "Ich konnte nicht feststellen, ob das geklappt hat, und habe jemanden gebeten nachzusehen. "
        "Bitte versuchen Sie es nicht noch einmal, bis Sie von uns hören.",
        "already_waiting": "Jemand aus dem Team ist schon gefragt und antwortet hier.",
        "open_now": "Jemand antwortet hier so bald wie möglich.",
        "opens": "Gerade ist niemand da; ab {when} sind wir wieder da und antworten hier.",
        "contact": "Sie erreichen uns auch per {ways}.",
        "sign_in": "Um Ihre eigenen Bestellungen anzusehen, melden Sie sich bitte zuerst auf dieser Seite an.",
        "sign_in_again": "Ihre Anmeldung ist abgelaufen. Bitte melden Sie sich auf dieser Seite neu an und fragen Sie noch einmal.",
        "looked_up": "Im Hilfebereich nachgesehen: {titles}",
        "looking_up": "Suche im Hilfebereich",
        "code_sent": "Wenn das stimmt, ist ein Code unterwegs an {to}. "
        "Er hat sechs Ziffern und gilt 10 Minuten: Geben Sie ihn hier ein.",
        "code_sent_on_file": "Ein Code ist unterwegs an {to}. Er hat sechs Ziffern und gilt 10 Minuten: Geben Sie ihn hier ein.",
        "code_wrong": "Dieser Code stimmt nicht. Sie haben noch {left}.",
        "code_used_up": "Dieser Code stimmt nicht und wurde zu oft versucht. Bitte fordern Sie einen neuen an.",
        "code_over": "Dieser Code ist abgelaufen. Bitte fordern Sie einen neuen an.",
        "code_too_many": "Es wurden zu viele Codes angefordert. Bitte versuchen Sie es in {minutes} Minuten wieder, oder fragen "
        "Sie nach einem Menschen.",
        "code_busy": "Das konnte ich gerade nicht prüfen. Bitte versuchen Sie es noch einmal.",
        "code_need_email": "Und mit welcher E-Mail-Adresse wurde bestellt?",
        "code_need_order": "Und wie lautet die Bestellnummer? Sie steht in der Bestätigung per E-Mail.",
        "email_wanted": "Das dauert länger, als es sollte. Wenn Sie Ihre E-Mail-Adresse hier lassen, "
        "kommt die Antwort auch per E-Mail.",
        "email_wanted_closed": "Wenn Sie Ihre E-Mail-Adresse hier lassen, kommt die Antwort auch per E-Mail, und Sie müssen "
        "nicht warten.",
        "email_known": "Sie müssen hier nicht warten: Die Antwort kommt auch per E-Mail an {to}, "
        "die Adresse, die wir von Ihnen haben.",
        "email_kept": "Danke. Wenn Sie nicht da sind, sobald jemand antwortet, kommt die Antwort per E-Mail an {to}.",
        "letter_subject": "{shop} hat Ihnen geantwortet",
        "letter_text": "Guten Tag,\n\nin Ihrem Chat mit {shop} hat jemand geantwortet:\n\n{said}\n\n"
        "Um alles zu lesen und weiterzuschreiben, öffnen Sie diesen Link. Er gilt 7 Tage und öffnet diesen Chat jedem, der ihn "
        "hat; behalten Sie ihn also für sich:\n{link}\n\n{shop}\n",
        "letter_notice": "Guten Tag,\n\nin Ihrem Chat mit {shop} hat jemand geantwortet. Um es zu lesen, melden Sie sich im "
        "Shop an und öffnen Sie dort den Chat.\n\n{shop}\n",
        "rating_subject": "Wie war Ihr Chat mit {shop}?",
        "rating_text": "Guten Tag,\n\nIhr Chat mit {shop} ist beendet. Konnten wir Ihnen helfen? Sagen Sie es uns hier, "
        "mit einem Klick und, wenn Sie möchten, mit ein paar Worten. Der Link gilt 7 Tage:\n{link}\n\n"
        "Wir fragen nur dieses eine Mal.\n\n{shop}\n",
        "you": "Sie",
        "transcript_subject": "Ihr Chat mit {shop}",
        "transcript_text": "Guten Tag,\n\ndas wurde in Ihrem Chat mit {shop} geschrieben:\n\n{said}\n\n{shop}\n",
        "transcript_no_address": "Der Chat kann nur an eine Adresse geschickt werden, die erwiesen Ihre ist. "
        "Bitte melden Sie sich zuerst an.",
        "code_subject": "Ihr Code für {shop}",
        "code_mail": "Guten Tag,\n\nIhr Code für den Chat mit {shop} lautet:\n\n    {code}\n\n"
        "Er gilt 10 Minuten und nur in diesem Chat. "
        "Niemand von {shop} wird Sie je am Telefon oder per E-Mail danach fragen.\n\nWenn Sie keinen Code angefordert haben, "
        "brauchen Sie nichts zu tun: Ohne den Code geschieht nichts.\n\n{shop}\n",
        "try": "Versuch",
        "tries": "Versuche",
        "or": "oder",
    },
}

LANGUAGES: Final = tuple(_PHRASES)


def language(*wanted: str | None) -> str:
    """The first of these locales that there are phrases for (by its language part), else English."""
    for locale in wanted:
        short = (locale or "").replace("_", "-").split("-")[0].lower()
        if short in _PHRASES:
            return short
    return "en"


def spoken(texts: Iterable[str]) -> str | None:
    """Which of our languages the first of these texts is in that shows one by its common words; None if none does."""
    for text in texts:
        found = words(text)
        counts = {code: sum(1 for word in found if _shows(word, code)) for code in LANGUAGES}
        best = max(counts, key=lambda code: counts[code])
        if counts[best] and list(counts.values()).count(counts[best]) == 1:
            return best
    return None


def _shows(word: str, code: str) -> bool:
    return word in STOP_WORDS[code] and not any(word in STOP_WORDS[other] for other in LANGUAGES if other != code)


def handed_over(reason: str, locale: str) -> str:
    """What a customer is told when a person is asked, by the reason; one sentence for those that need none of their own."""
    return say(reason if reason in _PHRASES["en"] else "handed_over", locale)


def say(key: str, locale: str, **parts: str) -> str:
    """A phrase in this locale's language, with its gaps filled."""
    return _PHRASES[language(locale)][key].format(**parts)
