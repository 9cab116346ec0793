"""Words: a yes or no that a customer says instead of pressing a button.

It takes nothing for an answer that could mean anything else.
"""

from collections.abc import Mapping
from typing import Final

from server import phrases
from server.conversation import CallRecord, Conversation
from server.policy.steps import Decide

_WORDS: Final[Mapping[str, bool]] = dict.fromkeys(
    ("yes", "yes please", "yep", "yeah", "ok", "okay", "confirm", "i confirm", "go ahead", "please do", "do it", "ja",
     "ja bitte", "ja gerne", "gerne", "bestätigen", "einverstanden", "mach das", "bitte machen"), True
) | dict.fromkeys(
    ("no", "nope", "no thanks", "no thank you", "cancel", "don't", "stop", "nein", "nein danke", "abbrechen", "doch nicht"),
    False,
)  # fmt: skip
"""Whole messages that answer a question which is open: nothing that could mean anything else."""


def bare_answer(text: str) -> bool | None:
    """The yes or no that a message is, and nothing else; None if it says more."""
    return _WORDS.get(" ".join(text.lower().replace("’", "'").strip(" .,!").replace(",", " ").split()))


def said_in_words(state: Conversation) -> Decide | None:
    """The customer's bare yes or no to the one question that is open for him, right after it was asked."""
    open_asks = [c for c in state.calls.values() if c.state == "asked" and c.asked_of == "customer"]
    if len(open_asks) != 1 or len(state.unanswered) != 1:
        return None
    asked = open_asks[0].question
    message = state.message(state.unanswered[0])
    if asked is None or asked.verify is not None or message is None or message.seq < asked.seq:
        return None
    since = [m for m in state.messages if m.role == "customer" and m.seq > asked.seq]
    if not _asks_last(state, open_asks[0], asked.seq):
        return None
    said = bare_answer(message.text)
    return None if said is None or since != [message] else Decide(open_asks[0], said, "customer")


def _asks_last(state: Conversation, call: CallRecord, since: int) -> bool:
    """Whether the last that the customer has read is the question as it is stored: a yes to a model's words is none."""
    told = [message.text for message in state.messages if message.role != "customer" and message.seq > since]
    questions = [phrases.say("asked_customer", code, label=call.label) for code in phrases.LANGUAGES]
    return bool(told) and told[-1].rstrip().endswith(tuple(questions))
