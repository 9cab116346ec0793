"""History page: what was changed, when and by whom, with the difference, and the way back.

It changes nothing by itself: `Editing` does.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from server.editing import BadPath, Conflict, Invalid, Version
from server.http.desk_settings.base import NOTHING_WRONG, Asked, Base, Wrong, diff, whole

SHOWN: Final = 30


class HistoryPage(Base):
    """The versions of a shop's files, newest first."""

    async def show(self, request: Request) -> Response:
        """A page of versions; a POST takes one back."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        if asked.form is None:
            start, path = whole(asked.query.get("before", "")), asked.query.get("path") or None
            editing = self.ports.editing
            versions = await asyncio.to_thread(editing.history, asked.site, path, start, SHOWN + 1)
            return await self._page(asked, versions, path)
        return await self._undo(asked, whole(asked.form.get("undo")) or 0)

    async def _undo(self, asked: Asked, number: int) -> Response:
        editing = self.ports.editing
        try:
            version = await asyncio.to_thread(editing.undo, asked.site, number, asked.staff.email)
        except LookupError as error:
            return await self._refused(asked, str(error), 404)
        except Conflict as conflict:
            old = await asyncio.to_thread(editing.version, asked.site, number)
            return await self.conflict(asked, "history", conflict.current, old.before if old is not None else None)
        except Invalid as invalid:
            said = "; ".join(problem.message for problem in invalid.problems)
            return await self._refused(asked, f"what it said before would have errors by now: {said}", 409)
        except (BadPath, OSError) as error:
            return await self._refused(asked, str(error), 409)
        return await self.done(asked, "history", version)

    async def _refused(self, asked: Asked, why: str, status: int) -> Response:
        versions = await asyncio.to_thread(self.ports.editing.history, asked.site, None, None, SHOWN + 1)
        return await self._page(asked, versions, None, Wrong(general=(f"Nothing was taken back: {why}",)), status)

    async def _page(
        self,
        asked: Asked,
        versions: Sequence[Version],
        path: str | None,
        wrong: Wrong = NOTHING_WRONG,
        status: int = 200,
    ) -> Response:
        shown = [(version, diff(version.before, version.after)) for version in versions[:SHOWN]]
        more = versions[SHOWN - 1].id if len(versions) > SHOWN else None
        values = {"versions": shown, "more": more, "path": path, "wrong": wrong}
        return await self.page("desk-settings-history.html", asked, "history", status, **values)
