"""Letters: which answers a customer has not seen, to whom they are mailed, and what stands in the mail.

Pure: no I/O, no clock, no ids made here. A customer's own words are never mailed: nobody can send them to a stranger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from server import phrases, prompt, proof
from server.conversation import Conversation, Message
from server.site import Site
from tools.connectors.mail import is_address

LINK_PATH: Final = "/c/#"
"""Behind the `#` the token reaches no server's log and no `Referer`."""
PAGE_LINK: Final = "#shopbell="
"""The same behind the address of a page of the shop's own: the chat on it takes the token."""
RATE_PATH: Final = "/c/#rate="
"""The same page, which then only asks how it was."""
Use = Literal["open", "rate"]
"""What a link in a mail is for."""
WAIT_MS: Final = 90_000
"""After an answer. A line that says nothing is cut after 60 s: whoever still has one then was there. And several answers, said
one after the other, become one mail."""
MOST_WAIT_MS: Final = 300_000
"""However much is still being written."""
WORDS_BESIDE: Final = 8
"""Up to eight words beside an address ("sure, you can reach me at …"), a message says nothing else."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a conversation's mails go. `may_read`: the address is the customer's as far as anybody can know."""

    email: str
    may_read: bool


def receiver(state: Conversation) -> Receiver | None:
    """Who gets the answers by mail; None without an address.

    Of a customer whom the shop has signed in (or who has proven it with a code) it is the address on file. What such a
    customer types is only told that there is an answer: nobody has shown whose mailbox it is, and the conversation may
    hold what is theirs alone.
    """
    known = state.identity
    if known is None:
        return Receiver(state.contact, not state.signed_out) if state.contact is not None else None
    if known.email and is_address(known.email):
        return Receiver(known.email, True)
    return Receiver(state.contact, False) if state.contact is not None else None


def unseen(state: Conversation) -> list[Message]:
    """What staff have said since the customer's last word, and nobody has mailed."""
    last = max((m.seq for m in state.messages if m.role == "customer"), default=0)
    return [m for m in state.messages if m.role == "staff" and m.seq > last and m.id not in state.mailed]


def due_ms(times_ms: Sequence[int]) -> int:
    """When answers that were said at these times are to be mailed, if nobody has come to read them."""
    return min(max(times_ms) + WAIT_MS, min(times_ms) + MOST_WAIT_MS)


def address_in(text: str) -> str | None:
    """The one address that a message leaves; None without one, or with several."""
    found = proof.email_in(text)
    if found is None or not is_address(found) or proof.email_in(text.replace(found, " ")) is not None:
        return None
    return found


def only_address(text: str) -> bool:
    """Whether a message says nothing beside its address."""
    return "?" not in text and proof.leftover_words(text) <= WORDS_BESIDE


def wish(state: Conversation, site: Site, now_open: bool) -> str | None:
    """What to say about mail to a customer who waits for a person; None where it is settled."""
    locale = prompt.spoken_in(state, site)
    known = receiver(state)
    if known is not None:
        return phrases.say("email_known", locale, to=proof.masked(known.email))
    return phrases.say("email_wanted" if now_open else "email_wanted_closed", locale)


def transcript(state: Conversation, site: Site) -> tuple[str, str]:
    """Subject and text of a mail with all that was said, for the customer's own address."""
    locale = prompt.spoken_in(state, site)
    who = {"customer": phrases.say("you", locale), "agent": site.name, "system": site.name}
    lines = []
    for message in state.messages:
        files = "".join(f"\n[{file.get('name')}]" for file in message.files)
        lines.append(f"{who.get(message.role) or message.name or site.name}:\n{message.text}{files}")
    said = "\n\n".join(lines)
    return (
        phrases.say("transcript_subject", locale, shop=site.name),
        phrases.say("transcript_text", locale, shop=site.name, said=said),
    )


def asks_for_rating(state: Conversation, site: Site) -> bool:
    """Whether this customer is to be asked by mail how it was: it is over, somebody has answered, and nobody has asked or said.

    Only at an address that is known or was left: what a signed-in customer types is not shown to be theirs.
    """
    to = receiver(state)
    if (
        not site.mail.rating
        or to is None
        or not to.may_read
        or state.mode != "closed"
        or state.mode_reason == "blocked"
    ):
        return False
    asked = next((m.seq for m in state.messages if m.role == "customer"), None)
    answered = asked is not None and any(m.role in ("staff", "agent") and m.seq > asked for m in state.messages)
    return answered and not (state.rated or state.rating_mailed or state.blocked or state.erased)


def rating(state: Conversation, site: Site, link: str) -> tuple[str, str]:
    """Subject and text of the mail that asks how it was."""
    locale = prompt.spoken_in(state, site)
    return (
        phrases.say("rating_subject", locale, shop=site.name),
        phrases.say("rating_text", locale, shop=site.name, link=link),
    )


def subject(state: Conversation, site: Site) -> str:
    """The mail's subject."""
    return phrases.say("letter_subject", prompt.spoken_in(state, site), shop=site.name)


def letter(state: Conversation, site: Site, said: Sequence[Message], link: str | None) -> str:
    """The mail's text: what was said, by whom, and the way back. Without a link it says only that there is an answer."""
    locale = prompt.spoken_in(state, site)
    if link is None:
        return phrases.say("letter_notice", locale, shop=site.name)
    body = "\n\n".join(f"{message.name or site.name}:\n{message.text}" for message in said)
    return phrases.say("letter_text", locale, shop=site.name, said=body, link=link)
