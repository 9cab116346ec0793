"""Site page: what the pages about site.yaml have in common: read it, show it as fields, write what was typed.

What fields there are, and what they mean, is each page's own.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from server.editing import BadPath, Unwritable, rewrite
from server.http.desk_settings.base import NOTHING_WRONG, Asked, Base, Form, Wrong
from server.http.desk_settings.forms import Path_, said, wrong_of
from server.site import Problem, Site, check, parse_yaml

FILE = "site.yaml"


@dataclass(frozen=True, slots=True)
class Written:
    """What site.yaml says now: as it is understood, and as it is written."""

    site: Site
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a form wants: values by their places in the file (None takes one away), and the names of what is changed."""

    values: dict[Path_, Any] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def put(self, path: Path_, value: Any, name: str) -> None:  # noqa: ANN401 - what YAML can hold
        """Change this value; `name` says it in the history."""
        self.values[path] = value
        self.names.append(name)


def understood(file: Path, text: str) -> tuple[Written | None, list[Problem]]:
    """What this text of a site.yaml says; None, and why, if it has errors."""
    problems: list[Problem] = []
    document = parse_yaml(text.removeprefix("\ufeff"), file, problems)
    site = check(Site, document, problems) if document is not None else None
    if document is None or site is None or problems:
        return None, problems
    return Written(site, document.data), problems


class SitePage(Base):
    """One page about site.yaml. A page says which fields it has, and what they change."""

    section: ClassVar[str]
    label: ClassVar[str]
    """Begins the line in the history."""
    groups: ClassVar[tuple[str, ...]] = ()
    """Places in the file whose messages stand above several fields."""

    def fields(self, written: Written) -> dict[str, str]:
        """What stands in the fields before anybody types."""
        raise NotImplementedError

    def sent(self, form: Form, written: Written) -> dict[str, str]:
        """What stands in the fields as they were sent; a page with a changing number of them has its own."""
        return {name: form.text(name) for name in self.fields(written)}

    def changes(self, before: Mapping[str, str], now: Mapping[str, str], written: Written) -> Changes:
        """What is to be changed in the file, of what differs between the fields."""
        raise NotImplementedError

    def aliases(self, written: Written) -> Mapping[str, str]:  # noqa: ARG002 - for the pages that need it
        """Names of fields by the place in the file, where they differ."""
        return {}

    def more(self, written: Written, fields: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002 - for the pages that need it
        """What the template wants beside the fields."""
        return {}

    async def show(self, request: Request) -> Response:
        """The page; a POST saves it."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        try:
            file = await self.read(asked, FILE)
        except (BadPath, OSError) as error:
            return await self._broken(asked, [Problem(asked.shop.dir / FILE, 1, 1, "error", str(error))])
        written, problems = await asyncio.to_thread(understood, asked.shop.dir / FILE, file.text)
        if written is None:
            return await self._broken(asked, problems)
        before = self.fields(written)
        if asked.form is None:
            return await self._draw(asked, written, before, file.sha256)
        now = self.sent(asked.form, written)
        changes = self.changes(before, now, written)
        try:
            text = await asyncio.to_thread(rewrite, file.text, changes.values)
        except Unwritable as error:
            return await self._draw(asked, written, now, file.sha256, Wrong(general=(str(error),)))
        if asked.form.get("base") != file.sha256:
            return await self.conflict(asked, self.section, file, text)
        answer = await self.save(asked, self.section, FILE, text, f"{self.label}: {said(changes.names)}")
        if isinstance(answer, Response):
            return answer
        wrong = wrong_of(answer, [*now, *self.groups], self.aliases(written))
        return await self._draw(asked, written, now, file.sha256, wrong)

    async def _draw(
        self, asked: Asked, written: Written, fields: Mapping[str, str], base: str, wrong: Wrong = NOTHING_WRONG
    ) -> Response:
        values = {"fields": fields, "base": base, "wrong": wrong, "written": written.site, **self.more(written, fields)}
        return await self.page(
            f"desk-settings-{self.section}.html", asked, self.section, 422 if wrong else 200, **values
        )

    async def _broken(self, asked: Asked, problems: list[Problem]) -> Response:
        values = {"problems": [(one.file.name, one) for one in problems], "file": FILE}
        return await self.page("desk-settings-broken.html", asked, self.section, 409, **values)
