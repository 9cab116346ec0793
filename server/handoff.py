"""Hand-off: why a conversation goes to a person, what that person is told, and who is asked.

Pure: no I/O, no clock, no ids made here. That a person has been asked is an event; this says what stands in it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from retrieval.text import sentences
from server import prompt
from server.conversation import CallRecord, Conversation, is_blocked
from server.policy import AskPerson, HandOver, Reason, RunCall, Step
from server.ports import Mode, Summary
from server.site import HandOverRules, Site
from server.staff import Staff
from tools import Registry, ToolError

SUMMARY_CHARS: Final = 300
"""Of each quotation in a packet: it is read in a few seconds, and the conversation stands below it."""
TRIED: Final = 12
"""Newest calls in a packet."""
HOUR_MS: Final = 3_600_000


# Why: what a shop adds to the reasons that always are some


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why the shop wants a person here: one of its own reasons, and which of its settings says so."""

    reason: Reason
    detail: str = ""


def at_once(rules: HandOverRules, state: Conversation, topic: str | None) -> Trigger | None:
    """Whether the newest words go to a person before the agent has seen them. `topic` is what they are about, if known.

    A customer who always gets a person gets one once: who was handed back to the agent is the agent's to answer.
    """
    if state.mode != "agent" or not state.unanswered:
        return None
    if topic is not None:
        return Trigger("topic", topic)
    if state.identity is None or state.handed_back:
        return None
    tag = next((tag for tag in state.identity.tags if tag in rules.customer_tags), "")
    return Trigger("customer", tag) if tag or state.customer in rules.customers else None


def instead(steps: Sequence[Step], state: Conversation, rules: HandOverRules, registry: Registry) -> list[Step]:
    """The steps, or a person in their place, where a call would run or be asked about that the shop leaves to people.

    What staff have agreed to since is theirs already, and runs.
    """
    if state.mode != "agent" or (rules.amount_over is None and not rules.tools):
        return list(steps)
    for call in _wanted(steps):
        asked = call.question
        if asked is not None and asked.of == "staff" and asked.approve:
            continue
        if (found := _of_call(call, rules, registry)) is not None:
            return [HandOver(found.reason, detail=found.detail)]
    return list(steps)


def _wanted(steps: Sequence[Step]) -> Iterable[CallRecord]:
    for step in steps:
        match step:
            case RunCall(calls=calls):
                yield from (call for call in calls if call.state != "started")  # what was begun is seen to its end
            case AskPerson(asks=asks):
                yield from (call for call, _ in asks)
            case _:
                pass


def _of_call(call: CallRecord, rules: HandOverRules, registry: Registry) -> Trigger | None:
    spec = registry.get(call.tool)
    names = {call.tool} if spec is None else {spec.name, *spec.aliases}
    if names & {*rules.tools}:
        return Trigger("tool", call.tool)
    if rules.amount_over is None or spec is None or spec.effect == "read":
        return None
    try:
        amount = spec.amount_of(spec.validate(call.args))
    except ToolError:
        return None  # arguments that do not fit are the permission's to refuse
    over = amount is not None and amount > rules.amount_over
    return Trigger("amount", f"{amount} is over {rules.amount_over}") if over else None


def unsure(rules: HandOverRules, *, asks: bool, rests_on_something: bool, nearest: float) -> bool:
    """Whether an answer is too little to go on with: something was asked, and nothing that was found is near to it."""
    return rules.low_confidence is not None and asks and not rests_on_something and nearest < rules.low_confidence


# What: the packet


_NEXT: Final[Mapping[str, str]] = {
    "asked": "Say hello and answer the open question.",
    "anger": "Say that you see what went wrong, then solve it.",
    "legal": "Answer as your shop does in legal matters; promise nothing before you have asked.",
    "self_harm": "Be there at once. Stay calm, name the local emergency number, and do not leave the chat first.",
    "language": "Find somebody who speaks the customer's language.",
    "unknown": "Answer the open question; if others ask it too, write an article about it.",
    "low_confidence": "Answer the open question; if others ask it too, write an article about it.",
    "lapsed": "Go on where your colleague stopped: the customer has written since.",
    "customer": "Welcome a customer whom your shop wants to be met by a person.",
    "switched_off": "Answer the open question: the agent is switched off.",
    "budget": "Answer the open question: the agent's budget for today is used up.",
}
_REASONS: Final[Mapping[str, str]] = {
    "asked": "the customer asked for a person",
    "anger": "the customer is angry",
    "legal": "the customer speaks of legal steps",
    "self_harm": "the customer may be in danger",
    "unknown": "the agent did not know the answer",
    "unknown_outcome": "it is not known whether an action happened",
    "limits": "the agent got nowhere within its limits",
    "failed": "something failed on our side",
    "interrupted": "the agent was interrupted too often",
    "language": "the agent does not speak the customer's language",
    "budget": "the agent's budget is used up",
    "switched_off": "the agent is switched off",
    "handed_over": "the agent handed over",
    "topic": "your shop wants a person for this topic",
    "amount": "the amount is over your shop's limit for the agent",
    "tool": "your shop leaves this action to people",
    "customer": "your shop wants a person for this customer",
    "low_confidence": "nothing that the agent found is near enough to the question",
    "lapsed": "the colleague who had it has left the desk",
    "put_back": "a colleague has put it back",
}


def packet(state: Conversation, reason: str, *, detail: str = "", language: str = "") -> dict[str, Any]:
    """The body of the note that goes with a hand-over: `text` for reading, and `packet` with its parts.

    Everything is taken from the conversation word for word; no model writes it. What happened before a person last handed
    the conversation back is in `earlier` only as a count: it is settled.
    """
    since = state.handed_back
    said = [m for m in state.messages if m.role == "customer" and m.seq > since]
    asked = [m for m in said if m.id in state.unanswered] or said[-1:]
    calls = [call for call in state.calls.values() if _is_open(call) or call.seq > since]
    found: dict[str, Any] = {
        "reason": reason,
        "detail": detail,
        "summary": _summary(state, [m.text for m in said], since),
        "question": _cut(" ".join(m.text for m in asked), 2 * SUMMARY_CHARS),
        "tried": [_tried(call) for call in calls[-TRIED:]],
        "runs": _runs(state),
        "read": list(dict.fromkeys(_read(state, since))),
        "mood": (state.route.mood or "") if state.route is not None else "",
        "language": (state.route.language if state.route is not None else None) or language,
        "skill": skill_of(state, reason, detail),
        "next": _next(reason, calls, _runs(state)),
        "earlier": sum(m.role == "customer" and m.seq <= since for m in state.messages),
    }
    found = {name: value for name, value in found.items() if value not in ("", [], 0)}
    return {"text": _text(found), "packet": found}


def why(reason: str) -> str:
    """A reason of a hand-over in words, for staff."""
    return _REASONS.get(reason, reason.replace("_", " "))


def language(state: Conversation, site: Site) -> str:
    """The language that a colleague should speak: the one that was heard, else the one that is answered in."""
    heard = state.route.language if state.route is not None else None
    return heard or prompt.spoken_in(state, site)


def _is_open(call: CallRecord) -> bool:
    return call.state in ("asked", "decided", "started")


def _summary(state: Conversation, said: Sequence[str], since: int) -> list[str]:
    """Who it is, what was asked first, what was asked last, and what the agent said last: in the words that were used."""
    known = state.identity
    who = "A guest" if known is None else f"{known.name or known.customer}, signed in"
    page = (state.page or {}).get("title") or (state.page or {}).get("url")
    lines = [f"{who}, on “{_cut(str(page), 80)}”." if page else f"{who}."]
    if said:
        lines.append(f"First: “{_cut(said[0])}”")
    if len(said) > 1:
        lines.append(f"Last: “{_cut(said[-1])}”")
    agent = next((m for m in reversed(state.messages) if m.role == "agent" and m.seq > since and m.text), None)
    if agent is not None:
        first = [agent.text[a:b] for a, b in sentences(agent.text)][:2]
        lines.append(f"The agent said: “{_cut(' '.join(first) or agent.text)}”")
    return lines


def _tried(call: CallRecord) -> dict[str, Any]:
    body = {"call": call.id, "tool": call.tool, "label": call.label, "outcome": outcome_of(call)}
    if call.run is not None:
        body["run"] = call.run
    if call.error and not call.ok:
        body["error"] = _cut(call.error, 200)
    return body


def outcome_of(call: CallRecord) -> str:
    """What became of a call, in one word: `done`, `failed`, `refused`, `unknown`, `waits`, `in_flight` or `not_done`."""
    match call.state:
        case "ended" if call.unknown:
            return "unknown"
        case "ended" if call.ok:
            return "done"
        case "ended":
            refused = call.code in ("denied", "declined", "refused", "expired", "over_limit")
            dropped = call.code in ("handed_over", "replaced", "withdrawn")
            return "refused" if refused else "not_done" if dropped else "failed"
        case "asked":
            return "waits"
        case "started":
            return "in_flight"
        case _:
            return "not_done"


def _runs(state: Conversation) -> list[dict[str, Any]]:
    """Workflow runs that are open: what is named here was done, and stands."""
    found = []
    for run in state.runs.values():
        if run.outcome is None:
            done = [call.label for call in state.calls.values() if call.run == run.id and call.ok]
            found.append({"run": run.id, "workflow": run.workflow, "done": done})
    return found


def _read(state: Conversation, since: int) -> Iterable[str]:
    for message in state.messages:
        if message.role == "agent" and message.seq > since:
            yield from (str(c.get("title") or c.get("document")) for c in message.citations)


def skill_of(state: Conversation, reason: str | None, detail: str) -> str:
    """What a colleague should be able to see to: the topic, or else what the agent that had it is for; "" for anything."""
    if reason == "topic":
        return detail
    return state.route.agent if state.route is not None and state.route.agent != "default" else ""


def _next(reason: str, calls: Sequence[CallRecord], runs: Sequence[Mapping[str, Any]]) -> str:
    unknown = [call.label for call in calls if call.unknown]
    waits = [call.label for call in calls if call.state == "asked" and call.asked_of == "staff"]
    left = [call.label for call in calls if call.state in ("planned", "decided")]
    if unknown:
        return (
            f"Find out whether this happened, and tell the customer: {'; '.join(unknown)}. Do not do it again before."
        )
    if waits:
        return f"Decide first: {'; '.join(waits)}."
    if reason in ("amount", "tool") and left:
        return f"Check it and do it yourself, or say why not: {'; '.join(left)}."
    if reason in _NEXT:
        return _NEXT[reason]
    if runs:
        return f"Finish what was begun, or hand it back: {', '.join(str(run['workflow']) for run in runs)}."
    return "Answer the open question."


def _text(found: Mapping[str, Any]) -> str:
    """The packet for reading, as a few short lines."""
    detail = f" ({found['detail']})" if found.get("detail") else ""
    lines = [f"Handed over: {why(found['reason'])}{detail}."]
    lines += found.get("summary", [])
    if found.get("question"):
        lines.append(f"Open question: {found['question']}")
    for call in found.get("tried", []):
        error = f" ({call['error']})" if call.get("error") else ""
        lines.append(f"- {call['label'] or call['tool']}: {call['outcome'].replace('_', ' ')}{error}")
    for run in found.get("runs", []):
        lines.append(f"- In the middle of {run['workflow']}; done so far: {'; '.join(run['done']) or 'nothing'}")
    if found.get("read"):
        lines.append(f"Quoted from: {'; '.join(found['read'])}")
    mood = ", ".join(part for part in (found.get("mood", ""), found.get("language", "")) if part)
    if mood:
        lines.append(f"Mood and language: {mood}")
    return "\n".join([*lines, f"Next: {found['next']}"])


def _cut(text: str, limit: int = SUMMARY_CHARS) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


# Who: routing


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody at the desk: how many conversations they have or are offered now, and when they were last offered one."""

    staff: Staff
    load: int
    offered_ms: int = 0


def choose(
    people: Iterable[Colleague], site: str, *, language: str, skill: str, capacity: int, asked: Collection[str] = ()
) -> Staff | None:
    """Who is offered a conversation of this site next; None if nobody has room who has not been asked.

    Who speaks the language and has the skill comes before who only speaks the language, and that before the rest: a
    customer is not kept waiting for the right one who is not there. Who lists no language or no skill has all of them.
    Among equals the one with the fewest conversations, then the one whose turn was the longest ago.
    """
    free = [one for one in people if one.staff.sees(site) and one.load < capacity and one.staff.id not in asked]

    def rank(one: Colleague) -> tuple[int, int, int, str]:
        speaks = one.staff.speaks(language)
        misfit = 0 if speaks and one.staff.can(skill) else 1 if speaks else 2
        return misfit, one.load, one.offered_ms, one.staff.id

    return min(free, key=rank).staff if free else None


# When nobody comes


def escalates_ms(site: Site, since_ms: int) -> int | None:
    """When a customer who waits since then has waited too long: minutes in which somebody should have been there."""
    return _open_minutes_after(site, since_ms, site.hand_over.escalate_after_min)


def lapses_ms(site: Site, since_ms: int) -> int | None:
    """When a conversation whose customer has written then is no longer that of a colleague who has left the desk."""
    return _open_minutes_after(site, since_ms, site.hand_over.lapse_after_min)


def _open_minutes_after(site: Site, since_ms: int, minutes: int | None) -> int | None:
    if minutes is None:
        return None
    since = datetime.fromtimestamp(since_ms / 1000, UTC)
    if site.hours is None:
        return since_ms + minutes * 60_000
    return int(site.hours.after_open(since, minutes * 60).timestamp() * 1000)


def may_close(state: Conversation) -> bool:
    """Whether an idle conversation may be closed: nothing is under way, and nothing waits for a decision of staff."""
    waits = any(
        call.state in ("decided", "started") or (call.state == "asked" and call.asked_of == "staff")
        for call in state.calls.values()
    )
    return state.mode != "closed" and not state.erased and state.turn is None and not waits


def rests(row: Summary, now_ms: int) -> bool:
    """Whether staff have put a conversation aside for now: it is neither offered, nor too long unanswered, nor closed."""
    return is_blocked(row, now_ms) or now_ms < (row.snoozed_until_ms or 0)


def closing_phrase(mode: Mode) -> str:
    """Which of the server's sentences a conversation is closed with: an apology to whom somebody was promised."""
    return "closed_unanswered" if mode == "waiting" else "closed_idle"
