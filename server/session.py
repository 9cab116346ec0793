"""Session: who is on one line. Turns `hello`, `identify` and `logout` into a conversation and a visitor token.

It knows no socket and sends nothing: it decides who may see which conversation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from server import auth, wire
from server.auth import Identity, Refused, VisitorToken
from server.blocks import Blocks
from server.conversation import Conversation, key_of
from server.events import NewEvent, Viewer
from server.log import Log
from server.site import Site


@dataclass(slots=True)
class Gate:
    """What the server knows about one site at its door."""

    site: Site
    """As it is now: a change of the merchant's puts another one here, also for those who are in."""
    identity_secrets: Mapping[str | None, str] = field(repr=False, default_factory=dict)


@dataclass(slots=True, eq=False)
class Session:
    """One connection's standing: its site, conversation and sign-in."""

    gate: Gate
    key: str
    conversation: str
    generation: int
    customer: str | None
    token_expires_s: float
    locale: str | None
    opening: dict[str, Any] | None
    """Body of the `opened` event that goes before the first event of a new conversation; None once it is in the log."""

    @property
    def site(self) -> Site:
        """The site that this visitor is on."""
        return self.gate.site

    @property
    def viewer(self) -> Viewer:
        """What this visitor may see."""
        return Viewer("customer", self.site.reasoning)


@dataclass(frozen=True, slots=True)
class Entered:
    """A session, with what its `welcome` frame says."""

    session: Session
    welcome: dict[str, Any]
    cursor: int


class Door:
    """Checks who comes in."""

    def __init__(
        self,
        log: Log,
        gates: Mapping[str, Gate],
        origins: auth.Origins,
        secret: str,
        *,
        clock_ms: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self.blocks = Blocks(log, clock_ms=clock_ms)
        """Visitors from whom nothing is taken, though they may look at what was said."""
        self._log = log
        self._gates = gates
        self._origins = origins
        self._secret = secret
        self._clock_ms = clock_ms
        self._new_id = new_id

    def knows(self, origin: str | None, *, linked: bool = False) -> bool:
        """Whether any site lists this origin; `linked`: or it is our own page for mailed links, on its own line."""
        return self._origins.knows(origin, linked=linked)

    async def hello(self, frame: wire.Hello, origin: str | None, *, linked: bool = False) -> Entered:
        """Let a visitor in. `linked`: on the line of our page for mailed links, which goes on with chats and begins none.

        Raises:
            Refused: with the code and close code that the client is told.
        """
        if frame.v != wire.VERSION:
            raise Refused("bad_frame", f"expected v: {wire.VERSION}, got {frame.v}", close=wire.CLOSE_VERSION)
        gate = self._gates.get(frame.site)
        if gate is None:
            raise Refused("unknown_site", "this server has no such site", close=wire.CLOSE_FORBIDDEN)
        self._origins.check(origin, frame.site, goes_on=linked and frame.token is not None)
        token = self._read_token(frame, gate.site.key)
        identity = self._verify(frame.identity, gate) if frame.identity is not None else None
        conversation = token.conversation if token else (frame.conversation or f"c:{self._new_id()}")
        state = await self._log.load(key_of(gate.site.key, conversation))
        if state.head == 0 and token is None and ":" in conversation:
            # Only the server makes such ids: this one is of another log, or made up.
            state = Conversation(key_of(gate.site.key, f"c:{self._new_id()}"))
        known = state.head > 0 or token is not None
        state = await self._admit(state, token, identity)
        opening = {"locale": frame.locale, "page": frame.page.model_dump() if frame.page else None}
        same = known and conversation == state.id
        return await self._enter(gate, state, identity, frame, opening, same=same)

    async def identify(self, session: Session, identity_field: str | wire.HmacIdentity) -> Entered | None:
        """The customer signed in. Returns the new conversation if there is one; None: the same one goes on.

        Raises:
            Refused: the identity is not good.
        """
        identity = self._verify(identity_field, session.gate)
        state = await self._log.load(session.key)
        if state.customer is not None and state.customer != identity.customer:
            await self._sign_out(state)
            return await self._fresh(session, identity)
        await self._sign_in(session, identity)
        return None

    async def logout(self, session: Session) -> Entered:
        """End the sign-in everywhere and start a new conversation."""
        state = await self._log.load(session.key)
        if state.head > 0:
            await self._sign_out(state)
        return await self._fresh(session, None)

    def token_for(self, session: Session) -> str:
        """A visitor token for this session, good for 30 days."""
        now_s = self._clock_ms() / 1000
        session.token_expires_s = now_s + auth.TOKEN_TTL_S
        token = VisitorToken(
            session.site.key, session.conversation, session.customer, session.generation, int(session.token_expires_s)
        )
        return auth.mint(self._secret, token, now_s)

    async def renewed(self, session: Session) -> str | None:
        """A new token for a guest who has shown with a code who they are, on any line; None: the sign-in has ended otherwise.

        The old token was theirs alone before, and is no key to what is theirs now.
        """
        state = await self._log.load(session.key)
        if state.generation == session.generation:
            return self.token_for(session)
        if not self._is_still(state, session.generation):
            return None
        session.generation, session.customer = state.generation, state.customer
        return self.token_for(session)

    async def reopen(self, link: str) -> tuple[str, str, str]:
        """Site, conversation and a visitor token for whoever has a mailed link.

        Raises:
            Refused: the link is not good, has run out, or its conversation was erased or has been signed in or out since.
        """
        now_s = self._clock_ms() / 1000
        said = auth.read_link(self._secret, link, now_s)
        state = await self._log.load(key_of(said.site, said.conversation))
        if said.site not in self._gates or state.head == 0 or state.erased:
            raise Refused("erased", "this conversation is not here any more", close=wire.CLOSE_ERASED)
        if state.signed_out or (state.generation, state.customer) != (said.generation, said.customer):
            raise Refused("bad_token", "the sign-in that this link belongs to has ended", close=wire.CLOSE_FORBIDDEN)
        token = VisitorToken(said.site, state.id, state.customer, state.generation, 0)
        return said.site, state.id, auth.mint(self._secret, token, now_s)

    def is_stale(self, session: Session) -> bool:
        """Whether the session's token should be renewed."""
        return session.token_expires_s - self._clock_ms() / 1000 < auth.TOKEN_TTL_S - auth.RENEW_AFTER_S

    def check_token(self, text: str) -> VisitorToken | None:
        """What a visitor token says, for HTTP requests of the same visitor; None if it is not good."""
        try:
            return auth.read(self._secret, text, self._clock_ms() / 1000)
        except Refused:
            return None

    async def standing(self, text: str) -> VisitorToken:
        """What a visitor token says, if it opens its conversation now, as at `hello`; for HTTP requests of the same visitor.

        Raises:
            Refused: it does not, or nothing was said in that conversation yet.
        """
        token = auth.read(self._secret, text, self._clock_ms() / 1000)
        state = await self._log.load(key_of(token.site, token.conversation))
        if token.site not in self._gates or state.head == 0 or await self.blocks.holds(state):
            raise Refused("forbidden", "there is no such conversation to send anything to")
        await self._admit(state, token, None)
        return token

    def allows(self, origin: str | None, site: str) -> bool:
        """Whether a page of this origin may have this site's chat; without a site, whether it may have any."""
        if not site:
            return self.knows(origin, linked=True)
        try:
            self._origins.check(origin, site, goes_on=True)
        except Refused:
            return False
        return True

    def opening_events(self, session: Session) -> list[NewEvent]:
        """What goes into the log before the first event of this session."""
        opening, session.opening = session.opening, None
        if opening is None:
            return []
        body = {name: value for name, value in opening.items() if value is not None}
        return [NewEvent(f"e:{self._new_id()}", "opened", "customer", body)]

    def _read_token(self, frame: wire.Hello, site: str) -> VisitorToken | None:
        if frame.token is None:
            return None
        token = auth.read(self._secret, frame.token, self._clock_ms() / 1000)
        if token.site != site:
            raise Refused("bad_token", "this token is for another site", close=wire.CLOSE_FORBIDDEN)
        if frame.conversation is not None and frame.conversation != token.conversation:
            raise Refused("bad_token", "this token is for another conversation", close=wire.CLOSE_FORBIDDEN)
        return token

    def _verify(self, identity: str | wire.HmacIdentity, gate: Gate) -> Identity:
        given = identity if isinstance(identity, str) else identity.model_dump()
        return auth.verify_identity(
            given, site_key=gate.site.key, secrets=gate.identity_secrets, now_s=self._clock_ms() / 1000
        )

    async def _admit(self, state: Conversation, token: VisitorToken | None, identity: Identity | None) -> Conversation:
        """Whether this visitor may see this conversation; the conversation to enter (a new one for another customer)."""
        if state.head == 0:
            return state
        if state.erased:
            raise Refused("erased", "this conversation was erased", close=wire.CLOSE_ERASED)
        by_token = token is not None and (
            (token.generation == state.generation and token.customer == state.customer)
            or self._is_still(state, token.generation)
        )
        by_identity = identity is not None and state.customer is not None and identity.customer == state.customer
        if state.signed_out and not by_identity:
            raise Refused("bad_token", "the sign-in of this conversation has ended", close=wire.CLOSE_FORBIDDEN)
        if by_token or by_identity:
            if identity is not None and state.customer is not None and not by_identity:
                await self._sign_out(state)
                return Conversation(key_of(state.site, f"c:{self._new_id()}"))
            return state
        raise Refused("bad_token", "this token does not open this conversation", close=wire.CLOSE_FORBIDDEN)

    def _is_still(self, state: Conversation, generation: int) -> bool:
        """Whether who was here in that sign-in has just shown with a code who they are; their new token may not have come yet."""
        known = state.identity
        if known is None or not known.is_guest or known.before != generation:
            return False
        return self._clock_ms() < known.at_ms + auth.GRACE_S * 1000

    async def _enter(
        self,
        gate: Gate,
        state: Conversation,
        identity: Identity | None,
        frame: wire.Hello,
        opening: dict[str, Any] | None,
        *,
        same: bool,
    ) -> Entered:
        head = state.head
        session = Session(
            gate, state.key, state.id, state.generation, state.customer, 0.0, frame.locale, None if head else opening
        )
        if identity is not None:
            await self._sign_in(session, identity)
        recovered = same and frame.epoch == self._log.epoch and frame.after <= head
        return Entered(session, self._welcome(session, head, recovered=recovered), frame.after if recovered else 0)

    async def _fresh(self, session: Session, identity: Identity | None) -> Entered:
        """A new conversation on the same line."""
        conversation = f"c:{self._new_id()}"
        fresh = Session(
            session.gate,
            key_of(session.site.key, conversation),
            conversation,
            0,
            None,
            0.0,
            session.locale,
            {"locale": session.locale},
        )
        if identity is not None:
            await self._sign_in(fresh, identity)
        return Entered(fresh, self._welcome(fresh, 0, recovered=False), 0)

    async def _sign_in(self, session: Session, identity: Identity) -> None:
        body: dict[str, Any] = {
            "customer": identity.customer,
            "verified": "identified",
            "until_ms": identity.until_s * 1000,
        }
        if identity.email is not None:
            body["email"] = identity.email
        if identity.name is not None:
            body["name"] = identity.name
        if identity.tags:
            body["tags"] = list(identity.tags)
        known = (await self._log.load(session.key)).identity
        if known is None or (known.customer, known.until_ms) != (identity.customer, body["until_ms"]):
            event = NewEvent(f"e:{self._new_id()}", "identified", "system", body)
            await self._log.append(session.key, [*self.opening_events(session), event])
        state = await self._log.load(session.key)
        session.generation, session.customer = state.generation, state.customer

    async def _sign_out(self, state: Conversation) -> None:
        event = NewEvent(f"e:{self._new_id()}", "identified", "system", {"customer": None, "verified": False})
        await self._log.append(state.key, [event])

    def _welcome(self, session: Session, head: int, *, recovered: bool) -> dict[str, Any]:
        site = session.site
        locale = session.locale or site.locale
        return {
            "t": "welcome",
            "v": wire.VERSION,
            "conversation": session.conversation,
            "token": self.token_for(session),
            "epoch": self._log.epoch,
            "head": head,
            "recovered": recovered,
            "site": {
                "name": site.name,
                "greeting": site.greeting_for(locale),
                "theme": site.theme_for(locale),
                "locale": site.locale,
                "reasoning": site.reasoning,
            },
        }
