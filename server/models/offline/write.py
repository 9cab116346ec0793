"""Write: the reply text, choices and hand-over for a plan whose calls have ended.

Pure: decides nothing new; a result or passage is only ever shown, never followed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from retrieval.text import language_of
from server.models.offline import history
from server.models.offline.calling import choice_for
from server.models.offline.ears import REASONS
from server.models.offline.language import Language, plain
from server.models.offline.property import untold
from server.models.offline.say import listed, quoted, reply, unmarked
from server.models.offline.steps import Plan, Step
from server.ports import CallResult, Prompt
from tools import canonical

_ANSWERED: Final = frozenset({"declined", "refused", "expired", "over_limit"})
"""Ends of a call that are an answer, not a failure."""


@dataclass(frozen=True)
class Reply:
    """What the customer gets."""

    text: str
    choices: tuple[str, ...] = ()
    hand_over: str = ""


class _Draft:
    """Paragraphs, choices and hand-over as they come together."""

    def __init__(self, prompt: Prompt, language: Language) -> None:
        self.prompt = prompt
        self.language = language
        self.say: Mapping[str, str] = language.say
        self.paragraphs: list[str] = []
        self.choices: list[str] = []
        self.hand_over = ""
        self.offered = False

    def add(self, text: str) -> None:
        if text and text not in self.paragraphs:
            self.paragraphs.append(text)

    def offer_person(self) -> None:
        if self.prompt.mode == "agent":
            self.choices.append(self.say["choice_human"])
            self.offered = True


def written(plan: Plan, prompt: Prompt, languages: Mapping[str, Language]) -> Reply:
    """The reply for the plan."""
    language = languages.get(plan.lang) or languages["en"]
    draft = _Draft(prompt, language)
    if plan.foreign:
        names = listed([item.name for item in languages.values()], languages["en"], "or")
        return Reply(languages["en"].say["other_language"].format(languages=names), hand_over="language")
    if any("anger" in step.part.also and step.kind != "cue" for step in plan.steps):
        draft.add(draft.say["anger_lead"])
        draft.offer_person()
    for step in plan.steps:
        _WRITERS[step.kind](step, draft)
    _leftovers(plan, draft)
    if not draft.paragraphs and (plan.starts or plan.heard or any(step.kind == "start" for step in plan.steps)):
        return Reply("")
    if not draft.paragraphs:
        draft.add(draft.say["unclear"])
        draft.offer_person()
    if draft.hand_over and draft.hand_over != "self_harm":
        draft.add(prompt.people_in(language.code))
    choices = tuple(dict.fromkeys(draft.choices)) if not draft.hand_over else ()
    return Reply("\n\n".join(draft.paragraphs), choices, draft.hand_over)


def _small(step: Step, draft: _Draft) -> None:
    kind, say = step.part.kind, draft.say
    if kind == "greeting":
        if _greeted(draft):
            draft.add(say["greeting_again"])
        elif draft.prompt.person.verified and draft.prompt.person.name:
            draft.add(say["greeting_name"].format(name=unmarked(draft.prompt.person.name.split()[0])))
        else:
            draft.add(say["greeting"])
    elif kind == "help":
        draft.add(say["help"].format(abilities=_abilities(draft)))
    elif kind == "what" and history.said_before(draft.prompt, say["what"]):
        draft.add(say["gave_up"])
        draft.hand_over = "unknown"
    else:
        draft.add(say.get(kind, say["unclear"]))


def _greeted(draft: _Draft) -> bool:
    """Whether the customer has greeted before: the first greeting is answered by "Hello", whatever was said first."""
    greetings = draft.language.whole["greeting"]
    said = (plain(line).strip(" .,!?") for line in history.customer_lines(draft.prompt))
    return any(pattern.fullmatch(line) for line in said for pattern in greetings)


def _abilities(draft: _Draft) -> str:
    names = [choice_for(spec, draft.language) for spec in draft.prompt.tools if spec.examples][:4]
    if not names or not draft.say["abilities"]:
        return ""
    return draft.say["abilities"].format(list=listed([f"“{name}”" for name in names], draft.language))


def _cue(step: Step, draft: _Draft) -> None:
    kind = step.part.kind
    if kind == "bot":
        draft.add(draft.say["bot"].format(site=draft.prompt.site_name))
        draft.offer_person()
    elif kind == "complaint":
        draft.add(draft.say["complaint"])
        draft.offer_person()
    else:
        draft.add(draft.say[kind])
        draft.hand_over = REASONS.get(kind, "asked")


def _start(_: Step, draft: _Draft) -> None:
    """A workflow speaks for itself."""


def _call(step: Step, draft: _Draft) -> None:
    for args in step.args:
        made = [
            result
            for result in draft.prompt.results
            if step.tool and result.tool == step.tool.name and canonical(result.args) == canonical(args)
        ]
        if made:
            _result(made[-1], draft)
            _say_untold(step, made[-1], draft)


def _say_untold(step: Step, result: CallResult, draft: _Draft) -> None:
    """A question whether something is so is not answered by whatever else there is to say of the thing."""
    if step.tool is None or step.tool.effect != "read" or not (result.ok and result.result):
        return
    asked = {str(value) for value in result.args.values()}  # many results repeat what they were asked for
    told = [*draft.paragraphs[-1:], *(text for text in _texts(result.result) if text not in asked)]
    if topic := untold(step.part, step.tool, " ".join(told), draft.language):
        draft.add(draft.say["untold"].format(topic=unmarked(topic)))
        draft.offer_person()


def _texts(value: object) -> list[str]:
    """All that a result says, names of fields among it: a weight is there where there is one."""
    if isinstance(value, Mapping):
        return [text for name, inner in value.items() for text in (str(name).replace("_", " "), *_texts(inner))]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _texts(inner)]
    return [str(value)]


def _result(result: CallResult, draft: _Draft) -> None:
    say = draft.say
    if result.ok and result.state == "ended":
        spec = next((spec for spec in draft.prompt.tools if spec.name == result.tool), None)
        text = reply(spec, result, draft.prompt.person, draft.language)
        draft.add(_lead_for(text, result, draft) + text)
        return
    if result.state == "waiting" or result.code == "repeated":
        asked = [call for call in draft.prompt.waiting if call.tool == result.tool]
        told = asked[0].error if result.code == "repeated" and asked else result.error
        draft.add(unmarked(told if told and (asked or result.code != "repeated") else say["pending"]))
    elif result.state == "unknown":
        draft.add(say["outcome_unknown"])
        draft.hand_over = "failed"
    elif result.code in _ANSWERED:
        draft.add(unmarked(result.error or say["failed"]))
    elif result.state == "denied":
        draft.add(say["denied"])
        draft.offer_person()
    else:
        text = unmarked(result.error or say["failed"])
        if history.said_before(draft.prompt, text):
            draft.add(say["failed_again"])
            draft.hand_over = "failed"
        else:
            draft.add(text)
            draft.offer_person()


def _lead_for(text: str, result: CallResult, draft: _Draft) -> str:
    """In a language that the tool's template does not speak: says so before its words."""
    site = language_of(draft.prompt.locale)
    if draft.language.code == site or not draft.say["only_other"]:
        return ""
    spec = next((spec for spec in draft.prompt.tools if spec.name == result.tool), None)
    if spec is None or not spec.reply or "locale" in spec.reply:
        return ""
    return draft.say["only_other"] + "\n\n" if text else ""


def _ask(step: Step, draft: _Draft) -> None:
    if step.slot is None:
        return
    sentences = history.questions_for(step.slot, draft.language)
    index = 2 if step.bad and len(sentences) > 2 else 1 if step.again and len(sentences) > 1 else 0
    draft.add(sentences[index])
    if step.slot.kind == "enum" and len(step.slot.options) <= 6:
        draft.choices += [str(option).replace("_", " ") for option in step.slot.options]


def _sign_in(_: Step, draft: _Draft) -> None:
    draft.add(f"{draft.say['sign_in']} {draft.prompt.sign_in_in(draft.language.code) or draft.say['sign_in_how']}")
    draft.offer_person()


def _quote(step: Step, draft: _Draft) -> None:
    if step.answer is None:
        return
    locales = {
        language_of(draft.prompt.passages[piece.n - 1].locale or draft.prompt.locale) for piece in step.answer.pieces
    }
    lead = draft.say["only_other"] if draft.language.code not in locales else ""
    draft.add("\n\n".join(text for text in (lead, quoted(step.answer, draft.language)) if text))
    draft.choices += step.choices


def _unknown(step: Step, draft: _Draft) -> None:
    say = draft.say
    named = step.topic and len(step.topic) <= 80
    if named and draft.paragraphs and any(say["unknown"].split("{")[0] in p for p in draft.paragraphs):
        draft.add(say["unknown_again"].format(topic=unmarked(step.topic)))
    else:
        draft.add(say["unknown"].format(topic=unmarked(step.topic)) if named else say["unknown_plain"])
    draft.offer_person()


def _cannot(_: Step, draft: _Draft) -> None:
    draft.add(draft.say["cannot"])
    draft.offer_person()


def _choose(step: Step, draft: _Draft) -> None:
    draft.add(draft.say["choose"])
    draft.choices += step.choices
    draft.offer_person()


def _waiting(_: Step, draft: _Draft) -> None:
    draft.add(draft.say["waiting"])


def _pending(_: Step, draft: _Draft) -> None:
    """What was said when somebody was asked still holds."""
    for call in draft.prompt.waiting:
        draft.add(unmarked(call.error or draft.say["pending"]))


def _again(_: Step, draft: _Draft) -> None:
    """What was said last still holds."""
    line = history.last_agent(draft.prompt)
    draft.add(unmarked(line.text) if line is not None else draft.say["unclear"])


def _negated(_: Step, draft: _Draft) -> None:
    draft.add(draft.say["stopped_negated"])


def _offer(step: Step, draft: _Draft) -> None:
    draft.add(draft.say["offer_deed"])
    draft.choices += step.choices


def _unclear(step: Step, draft: _Draft) -> None:
    draft.add(draft.say["unclear"])
    draft.choices += step.choices
    draft.offer_person()


def _give_up(_: Step, draft: _Draft) -> None:
    draft.add(draft.say["gave_up"])
    draft.hand_over = "unknown"


_WRITERS: Final = {
    "small": _small,
    "cue": _cue,
    "call": _call,
    "start": _start,
    "ask": _ask,
    "sign_in": _sign_in,
    "quote": _quote,
    "unknown": _unknown,
    "choose": _choose,
    "offer": _offer,
    "waiting": _waiting,
    "pending": _pending,
    "again": _again,
    "negated": _negated,
    "unclear": _unclear,
    "give_up": _give_up,
    "cannot": _cannot,
}


def _leftovers(plan: Plan, draft: _Draft) -> None:
    """Results of calls that the plan does not name (made before the customer said more): shown all the same."""
    planned = {(step.tool.name, canonical(args)) for step in plan.steps if step.tool for args in step.args}
    for result in draft.prompt.results:
        if (result.tool, canonical(result.args)) not in planned and (plan.steps or plan.resumed):
            _result(result, draft)
