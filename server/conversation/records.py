"""Records: what a conversation is made of, and the conversation itself, as the fold of its events.

Pure: no I/O, no clock, no ids made here. It folds nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from server.events import Role
from server.ports import Mode
from server.proof import Identified, Verification
from tools.types import Level

CallState = Literal["planned", "asked", "decided", "started", "ended"]

RUN_PREFIX = "w:"
"""Begins the ids of workflow runs, and of the events that they write."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands in the log."""

    id: str
    seq: int
    role: Role
    text: str
    turn: str | None
    name: str | None = None
    choices: tuple[str, ...] = ()
    citations: tuple[Mapping[str, Any], ...] = ()
    files: tuple[Mapping[str, Any], ...] = ()
    """What is attached, as `server.files.Kept.wire` says it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question for consent, or for proof of who is asking, and its answer. What it is bound to never changes."""

    of: Literal["customer", "staff"]
    at_ms: int
    seq: int
    expires_ms: int
    args_sha256: str = ""
    policy: str = ""
    """Version of the rule and the tool that were asked under."""
    customer: str | None = None
    """For whom the call was to be made, and how well he was known."""
    level: Level = "anonymous"
    why: str = ""
    verify: Literal["sign_in", "step_up"] | None = None
    approve: bool | None = None
    """None: no answer yet."""
    decided_seq: int = 0
    by: str | None = None
    name: str | None = None
    comment: str | None = None
    expired: bool = False
    message: str | None = None
    """The customer's message that was the answer, if it was said in words."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A planned call and what became of it. `args` never change: another argument is another call.

    `turn` is the turn in which it last moved: one that waited for a decision belongs to the turn that goes on with it.
    """

    id: str
    seq: int
    turn: str
    tool: str
    args: Mapping[str, Any]
    label: str
    state: CallState = "planned"
    attempt: int = 0
    asks: tuple[Asked, ...] = ()
    """All questions about it, oldest first."""
    ok: bool | None = None
    result: Any = None
    error: str | None = None
    code: str | None = None
    unknown: bool = False
    run: str | None = None
    """The workflow run that planned it, and its `key` there."""
    key: str | None = None
    replaces: str | None = None
    """The call whose arguments staff have edited."""
    fallback_for: str | None = None
    """The call that failed, and that this one stands in for."""
    timeout_s: float | None = None
    """A workflow's own limit for it, which may only be shorter than the tool's."""
    unasked: bool = False
    """Nothing that the customer wrote asks for it: a model wanted it of its own accord, or of somebody's it has read."""
    booked: tuple[tuple[str, int], ...] = ()
    """What was booked against limits when it started."""
    started_ms: int = 0
    ended_ms: int = 0

    @property
    def question(self) -> Asked | None:
        """The newest question about it."""
        return self.asks[-1] if self.asks else None

    @property
    def asked_of(self) -> Literal["customer", "staff"] | None:
        """Whom the newest question is for."""
        return self.asks[-1].of if self.asks else None

    @property
    def expires_ms(self) -> int | None:
        """When the newest question ends."""
        return self.asks[-1].expires_ms if self.asks else None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A workflow's run as the log tells it. `heard` are its machine events in order.

    Each is the event's own JSON, or `{"kind": "call_ended", "of": CALL}` for a call of this run that has ended.
    """

    id: str
    seq: int
    workflow: str
    digest: str
    turn: str | None
    heard: tuple[Mapping[str, Any], ...] = ()
    outcome: str | None = None
    """How it ended; None while it is open."""
    done: tuple[Mapping[str, Any], ...] = ()
    unasked: bool = False
    """As of a call: a model began it, or filled it in, with what the customer has not said."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """The stretch of work under way. `since` is the seq of its last `turn.started`."""

    id: str
    attempt: int
    since: int
    started_ms: int
    model_calls: int = 0
    tool_calls: int = 0
    passages: tuple[Mapping[str, Any], ...] = ()
    query: str | None = None
    looked_up: int = 0
    """The seq of the newest customer message that the passages were searched for."""
    told_upto: int = 0
    """The seq of the newest customer message that the model was told of."""
    fresh: bool = False
    """A call that no workflow planned has moved since the model was last asked."""
    ran: bool = False
    """A workflow's run has moved in this turn."""


@dataclass(frozen=True, slots=True)
class Route:
    """Which agent has the conversation, and how the customer's newest words were read."""

    agent: str
    turn: str | None
    upto: int
    """The seq of the newest customer message that was read for it."""
    language: str | None = None
    mood: str | None = None
    cue: str | None = None
    """What a person must see to, whatever the agent says: one of `server.policy.REASONS`."""
    passes: int = 0
    """How often the conversation was passed on in this turn."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A waiting conversation was offered to this colleague, until then."""

    to: str
    name: str
    until_ms: int


@dataclass(slots=True)
class Conversation:
    """The state that the events add up to. Made by `fold`; treat it as read-only."""

    key: str
    """The store's key, `SITE/ID`."""
    head: int = 0
    last_ms: int = 0
    mode: Mode = "agent"
    mode_seq: int = 0
    mode_reason: str | None = None
    mode_by: str | None = None
    """Id of the colleague who changed it, if one did."""
    mode_detail: str = ""
    """For staff: which of the shop's settings was the reason."""
    staff: str | None = None
    """Id and name of the person who has the conversation, while the mode is `staff`."""
    staff_name: str | None = None
    handed_back: int = 0
    """The seq at which a person last handed it back to the agent; 0 if nobody has since it was (re)opened."""
    offers: tuple[Offer, ...] = ()
    """To whom it was offered since the mode last changed, oldest first."""
    identity: Identified | None = None
    verification: Verification = field(default_factory=Verification)
    """Codes sent to the customer's mail, and what was tried."""
    generation: int = 0
    """How often somebody signed in or out: a visitor token of an older generation is refused."""
    signed_out: bool = False
    """The sign-in of this conversation ended: nobody comes back to it with a token."""
    locale: str | None = None
    page: Mapping[str, Any] | None = None
    messages: list[Message] = field(default_factory=list)
    calls: dict[str, CallRecord] = field(default_factory=dict)
    runs: dict[str, RunRecord] = field(default_factory=dict)
    """Workflow runs by id, oldest first."""
    ids: set[str] = field(default_factory=set)
    """Ids of the events that workflow runs have written, `RUN:n:i`: what is here has been carried out."""
    turn: OpenTurn | None = None
    route: Route | None = None
    """Where the newest customer message went; None while nothing was routed."""
    unanswered: list[str] = field(default_factory=list)
    """Ids of customer messages that no turn has answered, oldest first."""
    said: set[str] = field(default_factory=set)
    """Ids of all customer messages: a repeat is free."""
    last_turn_reason: str | None = None
    turns: int = 0
    rated: bool = False
    contact: str | None = None
    """The address that the customer has left for answers, unproven."""
    mailed: Mapping[str, str] = field(default_factory=dict)
    """What became of the mail with each message of staff: `sending`, `sent`, `failed` or `not_needed`."""
    rating_mailed: bool = False
    """The customer was asked by mail how it was."""
    escalated: int = 0
    """The seq of the note that says that it waits too long, since the mode last changed; 0: none does."""
    mentions: Mapping[str, int] = field(default_factory=dict)
    """Colleagues whom notes name and who have done nothing here since, with the seq of the first of these notes."""
    alerted: frozenset[str] = frozenset()
    """What staff who are not at the desk were told, or need not be told, by the ids of these events."""
    tags: tuple[str, ...] = ()
    blocked: bool = False
    """Staff have blocked this visitor: nothing more is taken from them until `blocked_until_ms`, or for good."""
    blocked_until_ms: int | None = None
    erased: bool = False
    """A message has lost its body: only an erasure does that."""

    @property
    def site(self) -> str:
        """The site's public key."""
        return site_of(self.key)

    @property
    def id(self) -> str:
        """The conversation's id as clients know it."""
        return id_of(self.key)

    @property
    def customer(self) -> str | None:
        """The signed-in customer, however long ago the proof ended."""
        return self.identity.customer if self.identity else None

    def message(self, event_id: str) -> Message | None:
        """The message with this event id."""
        return next((m for m in reversed(self.messages) if m.id == event_id), None)

    def turn_calls(self, turn: str) -> list[CallRecord]:
        """The calls of this turn, in order."""
        return [call for call in self.calls.values() if call.turn == turn]

    @property
    def consumed(self) -> frozenset[str]:
        """Ids of messages that were nothing but the answer to a question about a call, or the right code."""
        answers = frozenset(one.message for call in self.calls.values() for one in call.asks if one.message is not None)
        return answers | self.verification.passed

    @property
    def open_run(self) -> RunRecord | None:
        """The newest workflow run that has not ended."""
        return next((run for run in reversed(self.runs.values()) if run.outcome is None), None)


def key_of(site: str, conversation: str) -> str:
    """The store's key for a conversation of a site. Neither part can hold a slash, so no two sites share a key."""
    return f"{site}/{conversation}"


def site_of(key: str) -> str:
    """The site's public key in a store key."""
    return key.partition("/")[0]


def id_of(key: str) -> str:
    """The conversation id in a store key."""
    return key.partition("/")[2]
