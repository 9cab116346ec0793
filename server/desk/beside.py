"""Beside: the desk's frames that neither speak to the customer nor move the conversation: marks, and things looked up.

It answers with frames for the one desk that asked; what changes the log comes back to all desks as events.
"""

from dataclasses import dataclass
from typing import Any, Final

from server.after import NoAddress, Post
from server.conversation import site_of
from server.desk import frames
from server.desk.asides import Asides, NotFound
from server.desk.board import Board
from server.desk.deeds import NotDone
from server.desk.marks import Marks, NotMarked
from server.log import Log
from server.staff import Staff

FOUND: Final = 50
"""Conversations that a search shows: who does not find it there types another word."""

Slow = frames.Approval | frames.Card | frames.Suggest | frames.Search
Quick = frames.Tag | frames.Snooze | frames.Block | frames.Transcript


@dataclass(frozen=True, slots=True)
class Beside:
    """What every desk can ask for."""

    log: Log
    marks: Marks
    asides: Asides
    board: Board
    post: Post

    async def look(self, key: str, staff: Staff, frame: Slow, sites: list[str]) -> dict[str, Any]:
        """The answer to a question, which may take seconds: a tool or a model may be asked.

        Raises:
            NotDone: there is none.
        """
        try:
            match frame:
                case frames.Approval():
                    return {"t": "approval", **await self.asides.approval(key, frame.call)}
                case frames.Card():
                    return {"t": "card", **await self.asides.card(key)}
                case frames.Suggest():
                    return {"t": "suggestion", "id": frame.id, "text": await self.asides.suggest(key, staff)}
                case frames.Search():
                    hits = await self.log.store.search(frame.query, sites=sites, limit=FOUND)
                    rows = [self.board.wire(hit.summary) | {"found": hit.text, "seq": hit.seq} for hit in hits]
                    return {"t": "found", "query": frame.query, "rows": rows}
        except NotFound as error:
            raise NotDone("busy", str(error)) from error

    async def mark(self, key: str, staff: Staff, frame: Quick) -> None:
        """Do it.

        Raises:
            NotDone: it cannot be done; the message says why.
        """
        try:
            match frame:
                case frames.Tag():
                    state = await self.log.load(key)
                    await self.marks.tag(key, staff, frame.tag.strip(), on=frame.on, known=state.tags)
                case frames.Snooze():
                    await self.marks.snooze(key, staff, frame.until_ms)
                case frames.Block():
                    await self.marks.block(key, staff, on=frame.on, until_ms=frame.until_ms)
                case frames.Transcript():
                    await self.post.transcript(key, f"{staff.id} {frame.id}", asked_by=staff.signature)
        except NotMarked as error:
            raise NotDone("busy", str(error)) from error
        except NoAddress as error:
            message = "nobody has shown which address is this customer's; a transcript goes to no other"
            raise NotDone("busy", message) from error

    async def named(self, key: str, text: str) -> list[str]:
        """Ids of the colleagues whom a note names."""
        return await self.marks.named(text, site_of(key))
