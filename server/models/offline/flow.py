"""Flow: what the customer's words mean to an open workflow run: an answer, a correction, a stop, or something else altogether.

Pure: decides from what others worked out; starts nothing and runs nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from retrieval.text import stem, words
from server.models.offline import address, answering
from server.models.offline.language import Language
from server.models.offline.rank import MAYBE
from server.models.offline.steps import Context, Views
from server.models.offline.understand import Part
from server.ports import Heard, OpenRun
from tools.workflow.events import Cancelled, Corrected, Said
from tools.workflow.model import Each
from tools.workflow.slots import mentioned, read
from tools.workflow.view import RunView, SlotView

TODAY: Final = "2000-01-01"
"""Only whether words are a day is asked here; which day, the machine reads from the day on which the run began."""
TYPED: Final = frozenset({"order_number", "email", "date", "number", "money"})
"""Slots whose values are known by their form."""
_ANSWERS: Final = frozenset({"yes", "no", "ok"})
"""Small talk that is an answer where something was asked."""
_OTHER: Final = 0.5
"""What "the other one" counts against a value that is named."""

Elsewhere = Callable[[Part, Views, float], bool]
"""Whether a part is about something else: the help center answers it, or another tool or workflow is meant, as surely as that."""


Recall = Callable[[Part, str], object]
"""The value of a slot that a part points at in what was shown before ("the last one"); None if it points at nothing."""


def split(
    run: OpenRun,
    parts: Sequence[Part],
    views: Sequence[Views],
    context: Context,
    elsewhere: Elsewhere,
    recall: Recall,
) -> tuple[tuple[Heard, ...], list[int]]:
    """What of the message is for the run, and the places of the parts that are not."""
    found: list[Said | Corrected | Cancelled] = []
    rest: list[int] = []
    for at, (part, view) in enumerate(zip(parts, views, strict=True)):
        if len(parts) > 1 and _is_opening(run.view, part, context.language):
            continue
        event: Said | Corrected | Cancelled | None
        if is_unknown(run.view, part, context.language):
            pointed = recall(part, run.view.asking or "")
            event = None if pointed is None else _said(run.view, str(pointed))
        else:
            event = _meant(run.view, part, view, context.language, elsewhere)
        if event is None:
            rest.append(at)
        else:
            found.append(event)
    stop = next((event for event in found if isinstance(event, Cancelled)), None)
    if stop is not None:
        return (Heard(run.id, stop),), rest
    told = [event for event in found if isinstance(event, Said)]
    events: list[Said | Corrected | Cancelled] = [event for event in found if isinstance(event, Corrected)]
    if told:
        events.append(_together(run.view, told))
    return tuple(Heard(run.id, event) for event in events), rest


def is_unknown(view: RunView, part: Part, language: Language) -> bool:
    """Whether the customer does not know the number that was asked for, or points at it: "the last one"."""
    asked = view.slots[view.asking] if view.asking is not None else None
    if asked is None or asked.slot.type != "order_number" or part.act == "cue":
        return False
    vague = language.has("lost_value", part.low) or language.has("nth", part.low)
    return vague and view.asking is not None and not view.fits(view.asking, part.text, today=TODAY)


def is_begun_again(run: OpenRun, part: Part, readings: Sequence[tuple[float, str]], language: Language) -> bool:
    """Whether the words order what is under way once more, and answer nothing: "I want to return something".

    `readings` are scores and names of what the words may mean, the likeliest first.
    """
    view = run.view
    asked = view.slots[view.asking].slot if view.asking is not None else None
    free = asked is not None and asked.type == "text" and not answering.is_place_asked(view)
    if asked is None or free or not part.command or not readings or address.is_place(part.text):
        return False
    score, name = readings[0]
    if name != view.program.name or score < MAYBE or language.has("correct", part.low):
        return False
    said = f"{part.before} {part.text}".strip()
    told = [
        n for n, there in view.slots.items() if there.slot.type in ("order_number", "email") and view.read(n, said).ok
    ]
    other = any(view.slots[n].value is not None and view.read(n, said).value != view.value_of(n) for n in told)
    if other or view.asking is None:
        return other
    fits = view.fits(view.asking, said, today=TODAY) and not answering.is_place_asked(view)
    return not (fits or _renamed(view, said) or _named(view, said))


def _together(view: RunView, told: Sequence[Said]) -> Said:
    # A part may come with what led up to it, as "ul. Długa 5" does after "ul.": that is said once.
    after = [*(event.text for event in told[1:]), ""]
    text = " ".join(event.text for event, then in zip(told, after, strict=True) if not then.startswith(event.text))
    slots: dict[str, Any] = {name: value for event in told for name, value in event.slots.items()}
    if view.asking is not None and len(told) > 1:
        slots |= answering.placed(view, text) if answering.is_place_asked(view) else {view.asking: text}
    return Said(slots=slots, text=text)


def _meant(
    view: RunView, part: Part, views: Views, language: Language, elsewhere: Elsewhere
) -> Said | Corrected | Cancelled | None:
    if part.act == "cue":
        return None
    said = f"{part.before} {part.text}".strip()
    asked = view.slots[view.asking] if view.asking is not None else None
    if asked is not None and _is_exactly(asked, part.text):
        return _said(view, said)
    if not view.ended and (language.has("stop_run", part.low) or _is_let_be(view, part, language)):
        return Cancelled()
    correction = _correction(view, said) if language.has("correct", part.low) else None
    if correction is not None and not (asked is not None and _only_declines(view, asked, correction)):
        return correction
    if asked is None or view.asking is None:
        return None
    if (other := _renamed(view, said)) is not None:
        return other
    if answering.is_freely(view):
        sure = answering.answers(view, part, language, lambda score: elsewhere(part, views, score))
        return _told(view, said, language) if sure else None
    fits = view.fits(view.asking, said, today=TODAY)
    if fits and not ((part.question or part.command) and elsewhere(part, views, answering.SURE)):
        return _said(view, said)
    if part.act == "small":
        return _said(view, said) if part.kind in _ANSWERS else None
    return None if part.question or elsewhere(part, views, answering.SURE) else _said(view, said)


def _is_let_be(view: RunView, part: Part, language: Language) -> bool:
    """Whether nothing is to be done any more; "changed my mind" may also be why something is sent back."""
    typed = view.asking is not None and not answering.is_freely(view)
    answered = typed and view.fits(str(view.asking), part.text, today=TODAY)
    return language.has("let_be", part.low) and not answered


def _only_declines(view: RunView, asked: SlotView, correction: Corrected) -> bool:
    """Whether "no, …" says that there is no photo, and not that something told before was something else."""
    return asked.slot.type == "photo" and view.slots[correction.slot].slot.type == "text"


def _is_opening(view: RunView, part: Part, language: Language) -> bool:
    """Whether it only opens what comes after it: "wait, …", "no, …"."""
    short = len(words(part.low)) <= 2 and part.act != "cue" and language.has("correct", part.low)
    return short and not (view.asking is not None and view.fits(view.asking, part.text, today=TODAY))


def _is_exactly(asked: SlotView, text: str) -> bool:
    plain = text.casefold().strip(" .!?")
    return any(plain in choice.names for choice in asked.choices)


def _said(view: RunView, text: str) -> Said:
    """The words as the answer to the question, with other values that are known by their form."""
    slots: dict[str, Any] = {view.asking: text} if view.asking is not None else {}
    if view.asking is not None and not view.fits(view.asking, text, today=TODAY) and (named := _named(view, text)):
        slots = named  # asked for one thing, told another: that is taken, and the question comes again
    for name, there in view.slots.items():
        if name not in slots and there.slot.type in ("order_number", "email"):
            got = read(there.slot, text, today=TODAY)
            if got.ok and got.value != view.value_of(name):
                slots[name] = got.value
    return Said(slots=slots, text=text)


def _told(view: RunView, said: str, language: Language) -> Said:
    """The words as the answer to a question for free words, with what else they surely name."""
    slots = answering.numbers_named(view, said, language)
    if not (slots and answering.is_only_number(view, said, language)):
        slots |= answering.placed(view, said) if answering.is_place_asked(view) else {str(view.asking): said}
    for name, there in view.slots.items():
        if there.slot.type == "email" and name not in slots:
            got = read(there.slot, said, today=TODAY)
            slots |= {name: got.value} if got.ok and got.value != view.value_of(name) else {}
    return Said(slots=slots, text=said)


def _named(view: RunView, text: str) -> dict[str, Any]:
    """Choices of other questions, still open, that the words name."""
    found = {}
    for name, there in view.slots.items():
        if there.slot.type == "choice" and there.value is None and name != view.asking:
            got = mentioned(text, there.choices)
            if got.ok:
                found[name] = got.value
    return found


def _renamed(view: RunView, said: str) -> Corrected | None:
    """Another choice, by its name, than the one that a question before was answered with: it is meant, without any "no"."""
    for name, there in view.slots.items():
        if (
            there.slot.type == "choice"
            and isinstance(there.slot.choices, Each)
            and there.value is not None
            and name != view.asking
        ):
            got = mentioned(said, there.choices)
            if got.ok and got.value != view.value_of(name):
                return Corrected(slot=name, value=said)
    return None


def _correction(view: RunView, said: str) -> Corrected | None:
    """Which slot the words give another value for; or which they only take back ("no, another order")."""
    found: list[tuple[float, str, str | None]] = []
    mentioned = {stem(word, "en") for word in words(said)}
    for name, there in view.slots.items():
        if there.value is None or there.slot.type == "yes_no" or name == view.asking:
            continue
        what = {stem(word, "en") for word in words(there.slot.what or name.replace("_", " "))}
        named = 0.75 if what & mentioned else 0.0
        from_data = 0.1 if isinstance(there.slot.choices, Each) else 0.0
        part_of_address = address.kind_of(name, there.slot) is not None
        new = address.without_lead(said) if part_of_address else said
        if there.slot.type == "text" and not named and not (part_of_address and address.is_place(new)):
            continue  # any words are a text
        got = read(there.slot, new, today=TODAY, choices=there.choices, before=there.value)
        if got.ok and got.value != view.value_of(name):
            plainly = read(there.slot, said, today=TODAY, choices=there.choices)
            by_name = plainly.ok and plainly.value == got.value
            found.append(((1.0 if by_name else _OTHER) + named + from_data, name, new))
        elif named:
            found.append((named / 2 + from_data, name, said if got.choices else None))
    if not found:
        return None
    _, name, value = max(found, key=lambda item: item[0])
    return Corrected(slot=name, value=value)
