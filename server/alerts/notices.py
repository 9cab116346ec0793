"""Notices: what in a conversation staff are to be told, whom, and in which words.

Pure: no I/O, no clock, no ids made here. What customers wrote is in no sentence, only in `quoted`, which a shop allows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from server import handoff
from server.conversation import Conversation
from server.site import AlertReason, Site
from server.staff import Staff

QUOTED_CHARS: Final = 300
"""As much as one reads in a notification."""
SLACK_CHARS: Final = 3_000
"""Of a section's text (Slack's documentation); a quotation is far below."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that staff are to be told once. `id` is the same for as long as it lasts."""

    id: str
    reason: AlertReason
    seq: int
    """Of the event that it rests on."""
    person: str | None = None
    """The colleague whom a note names; None: it is for everybody who sees the shop."""

    @property
    def event(self) -> str:
        """The id of the `alerted` event that settles it; with `:email` or `:webhook`, of the one that settles this way."""
        return f"alert:{self.id}"


def occasions(state: Conversation) -> list[Occasion]:
    """What stands open: at most one for each reason, and for each colleague whom notes name."""
    if state.erased or state.blocked or state.mode == "closed":
        return []
    found = []
    if state.mode == "waiting":
        late = state.escalated
        found.append(
            Occasion(f"escalated:{late}", "escalated", late)
            if late
            else Occasion(f"waiting:{state.mode_seq}", "waiting", state.mode_seq)
        )
    asked = [call.question.seq for call in state.calls.values() if call.state == "asked" and call.question is not None
             and call.question.of == "staff"]  # fmt: skip
    if asked:
        found.append(Occasion(f"approval:{min(asked)}", "approval", min(asked)))
    found += [Occasion(f"mention:{seq}:{who}", "mention", seq, who) for who, seq in state.mentions.items()]
    return found


def is_there(occasion: Occasion, site: str, present: Iterable[Staff]) -> bool:
    """Whether whoever is to be told has the desk open."""
    return any(one.sees(site) and occasion.person in (None, one.id) for one in present)


def whom(occasion: Occasion, people: Sequence[Staff], state: Conversation, site: Site) -> list[Staff]:
    """Which of the accounts are told: who is named; else who fits best, and everybody once it has taken too long.

    Who speaks the language and has the skill; if nobody does, who speaks the language; else everybody who sees the shop.
    """
    seeing = [one for one in people if one.sees(site.key)]
    if occasion.person is not None:
        return [one for one in seeing if one.id == occasion.person]
    if occasion.reason == "escalated":
        return seeing
    language = handoff.language(state, site)
    skill = handoff.skill_of(state, state.mode_reason, state.mode_detail)
    speaking = [one for one in seeing if one.speaks(language)]
    return [one for one in speaking if one.can(skill)] or speaking or seeing


def headline(occasion: Occasion, state: Conversation, site: Site, name: str = "") -> str:
    """One sentence without a full stop. `name` is the colleague's whom a note names, where others read it."""
    match occasion.reason:
        case "waiting":
            why = f" ({handoff.why(state.mode_reason)})" if state.mode_reason else ""
            return f"{site.name}: a customer waits for a person{why}"
        case "escalated":
            return f"{site.name}: a customer has waited too long for a person"
        case "approval":
            return f"{site.name}: a colleague has to approve something"
        case _:
            return f"{site.name}: a note names {name or 'you'}"


def quoted(occasion: Occasion, state: Conversation, note: str) -> str:
    """What may stand beside it where the shop wants that: the customer's words, what is to be approved, or the note."""
    if occasion.reason == "mention":
        found = note
    elif occasion.reason == "approval":
        asked = [call for call in state.calls.values() if call.state == "asked" and call.asked_of == "staff"]
        found = "; ".join(call.label or call.tool for call in asked)
    else:
        said = [message.text for message in state.messages if message.role == "customer"]
        found = said[-1] if said else ""
    found = " ".join(found.split())
    return found if len(found) <= QUOTED_CHARS else f"{found[: QUOTED_CHARS - 1]}…"


def letter(headline: str, quote: str, link: str, language: str) -> str:
    """The text of a mail."""
    parts = [f"{headline}.", f"Language: {language}." if language else "", quote and f"“{quote}”", link]
    return "\n\n".join(part for part in parts if part) + "\n\nYou get this because you did not have the desk open.\n"


def posted(headline: str, quote: str, link: str, language: str) -> dict[str, Any]:
    """The body of a webhook as Slack reads it: `text` for notifications, and all that others read; `blocks` for the page.

    Neither a shop's nor a customer's words can call a channel together or make a link: what is not ours is code in `text`,
    and plain text in `blocks`.
    """
    spoken = f" Language: {language}." if language else ""
    text = f"{_escaped(headline)}.{spoken}" + (f"\n`{_escaped(quote).replace('`', chr(39))}`" if quote else "")
    plain = f"{headline}.{spoken}" + (f"\n“{quote}”" if quote else "")
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "plain_text", "text": plain[:SLACK_CHARS], "emoji": False}},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"<{link}|Open the conversation>"}},
    ]
    return {"text": f"{text}\n{link}", "blocks": blocks}


def _escaped(text: str) -> str:
    """As Slack wants it; and an `@` that calls nobody in Mattermost and Discord, by a space without width behind it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("@", "@\u200b")
