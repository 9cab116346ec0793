"""Desk workflows: what must always be done the same way, as admins see it: drawn, switched on and off, and changed.

The files in workflows/ stay the source. It runs no workflow; whether one can run is `tools.workflow`'s to say.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.editing import BadPath, FileText, Unwritable, Version, rewrite
from server.http.desk import HEADERS
from server.http.desk_settings.base import Asked, Base, SettingsPorts
from server.shop import Shop
from server.shop.workflows import FOLDER, usable_of
from server.site import Problem
from tools import Registry
from tools.words import text_in
from tools.workflow.draw import draw
from tools.workflow.listing import Listed, listed
from tools.workflow.load import (
    Loaded,
    answers_itself,
    articles_of,
    check_loaded,
    read_library,
    read_source,
    read_workflows,
)
from tools.workflow.outline import Line, outline
from tools.workflow.picture import Picture, picture
from tools.workflow.program import Program, fits, make_program

SECTION: Final = "workflows"
STARTER: Final = """title: Lost parcel
description: A parcel that has not come.
examples: [my parcel is lost, my parcel never came]
steps:
  - say: I am sorry to hear that.
  - hand_over: a lost parcel
"""
"""What a new workflow begins as: it can be saved as it is, and every line of it is to be changed."""


@dataclass(frozen=True, slots=True)
class Row:
    """A workflow in the list. `base` is its file's hash, empty for one of the library's without a file."""

    listed: Listed
    title: str
    base: str
    can: str
    """What the button does: `on`, `off`, or nothing."""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A workflow as a picture, as a list, and as Mermaid's text."""

    picture: Picture
    lines: tuple[Line, ...]
    mermaid: str


@dataclass(frozen=True, slots=True)
class Shelved:
    """Everything that a shop has of workflows, as its files say it now."""

    rows: tuple[Row, ...]
    broken: Mapping[str, tuple[Problem, ...]]
    """Problems by file name, of files that no workflow could be read from."""
    denied: frozenset[str]
    """Tools of the shop that are switched off or denied."""


def routes(ports: SettingsPorts) -> list[BaseRoute]:
    """The pages below /desk/settings/workflows."""
    pages = _Pages(ports)
    both = ["GET", "POST"]
    return [
        Route("/desk/settings/workflows", pages.overview, methods=both),
        Route("/desk/settings/workflows/show", pages.show),
        Route("/desk/settings/workflows/edit", pages.edit, methods=both),
        Route("/desk/settings/workflows/new", pages.new, methods=both),
    ]


class _Pages(Base):
    @cached_property
    def _library(self) -> Mapping[str, Loaded]:
        return read_library()

    async def overview(self, request: Request) -> Response:
        """All workflows; a POST switches one on or off."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        shelved = await asyncio.to_thread(self._shelved, asked)
        wrong = ""
        if asked.form is not None:
            row = next((one for one in shelved.rows if one.listed.name == asked.form.get("name")), None)
            if row is None or asked.form.get("do") not in ("on", "off"):
                return RedirectResponse(asked.url(SECTION), 303, HEADERS)
            try:
                answer = await self._switch(asked, row, on=asked.form.get("do") == "on")
            except Unwritable as error:
                answer = [Problem(row.listed.loaded.file, 1, 1, "error", str(error))]
            if isinstance(answer, Response):
                return answer
            wrong = "; ".join(problem.message for problem in answer)
        values: dict[str, Any] = {
            "rows": shelved.rows,
            "broken": shelved.broken,
            "denied": shelved.denied,
            "wrong": wrong,
        }
        return await self.page("desk-workflows.html", asked, SECTION, 422 if wrong else 200, **values)

    async def show(self, request: Request) -> Response:
        """One workflow, drawn, with what it needs."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        shelved = await asyncio.to_thread(self._shelved, asked)
        row = next((one for one in shelved.rows if one.listed.name == asked.query.get("name")), None)
        if row is None:
            return RedirectResponse(asked.url(SECTION), 303, HEADERS)
        drawing = await asyncio.to_thread(_drawn, row.listed.loaded, _usable(asked.shop), asked.shop.site.locale)
        values: dict[str, Any] = {"row": row, "one": row.listed, "denied": shelved.denied, "drawing": drawing}
        return await self.page("desk-workflows-show.html", asked, SECTION, **values)

    async def edit(self, request: Request) -> Response:
        """A workflow's file. A POST previews, saves or removes it; of one of the library's, it makes a file of the shop's own."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        name = (asked.form.get("file") if asked.form is not None else "") or asked.query.get("file", "")
        path = f"{FOLDER}/{name}"
        try:
            file = await self.read(asked, path)
        except (BadPath, OSError):
            return RedirectResponse(asked.url(SECTION), 303, HEADERS)
        if asked.form is None:
            use = name.removesuffix(".yaml")
            if not file.sha256 and use not in self._library:
                return RedirectResponse(asked.url(SECTION), 303, HEADERS)
            return await self._editor(asked, file, file.text if file.sha256 else f"use: {use}\n")
        text = asked.form.text("text")
        match asked.form.get("do"):
            case "save":
                saved = await self.save(asked, SECTION, path, text, f"Changed the workflow {name}")
            case "remove":
                saved = await self.save(asked, SECTION, path, None, f"Removed the workflow {name}")
            case _:
                return await self._editor(asked, file, text)
        return saved if isinstance(saved, Response) else await self._editor(asked, file, text, saved)

    async def new(self, request: Request) -> Response:
        """A new workflow of the shop's own."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        name, text, said = "", STARTER, ""
        if asked.form is not None:
            name, text = asked.form.get("file").removesuffix(".yaml"), asked.form.text("text")
            try:
                file = await self.read(asked, f"{FOLDER}/{name}.yaml")
                said = f"There is a file {name}.yaml already" if file.sha256 else ""
            except BadPath:
                said = "Expected a name such as lost_parcel, in letters, digits, _ and -"
            if not said:
                saved = await self.save(asked, SECTION, file.path, text, f"Wrote the workflow {name}")
                return saved if isinstance(saved, Response) else await self._editor(asked, file, text, saved)
        values: dict[str, Any] = {"file_name": name, "text": text, "said": said}
        return await self.page("desk-workflows-new.html", asked, SECTION, 422 if said else 200, **values)

    async def done(self, asked: Asked, section: str, version: Version | None) -> Response:
        """Back to the file that was edited; to the list after a switch."""
        answer = await super().done(asked, section, version)
        if version is None or version.after is None or asked.form is None or "text" not in asked.form:
            return answer
        name = version.path.removeprefix(f"{FOLDER}/")
        return RedirectResponse(asked.url(f"{SECTION}/edit", file=name, saved=version.id), 303, HEADERS)

    async def _switch(self, asked: Asked, row: Row, *, on: bool) -> Response | Sequence[Problem]:
        """Write what a developer would write: `enabled: false`, or nothing of it."""
        one = row.listed
        what = f"Switched the workflow {one.name} {'on' if on else 'off'}"
        if not one.is_own:
            path = await self._free(asked, one.name)
            text = f"use: {one.name}\n" if on else f"use: {one.name}\nenabled: false\n"
            return await self.save(asked, SECTION, path, text, what)
        file = await self.read(asked, f"{FOLDER}/{one.loaded.file.name}")
        text = rewrite(file.text, {("enabled",): None if on else False})
        # A file that says nothing any more than what holds without it.
        idle = on and text.strip() == f"use: {one.base}" and one.base in self._library
        if idle and answers_itself(self._library[one.base or ""].workflow, _usable(asked.shop)) is None:
            return await self.save(asked, SECTION, file.path, None, what)
        return await self.save(asked, SECTION, file.path, text, what)

    async def _free(self, asked: Asked, name: str) -> str:
        """Where a file for a workflow of the library goes: by its name, unless another one has that file."""
        path, n = f"{FOLDER}/{name}.yaml", 2
        while (await self.read(asked, path)).sha256:
            path, n = f"{FOLDER}/{name}-{n}.yaml", n + 1
        return path

    async def _editor(self, asked: Asked, file: FileText, text: str, wrong: Sequence[Problem] = ()) -> Response:
        found = await asyncio.to_thread(self._read, asked.shop, file.path, text)
        values: dict[str, Any] = {
            "file": file,
            "file_name": file.path.removeprefix(f"{FOLDER}/"),
            "text": text,
            "problems": [*wrong] or found[1],
            "refused": bool(wrong),
            "title": _title(found[0], asked.shop) if found[0] is not None else file.path,
            "drawing": found[2],
        }
        return await self.page("desk-workflows-edit.html", asked, SECTION, 422 if wrong else 200, **values)

    def _read(self, shop: Shop, path: str, text: str) -> tuple[Loaded | None, list[Problem], Drawing | None]:
        """What a file with this text would be: the workflow, what is wrong with it, and its drawing."""
        problems: list[Problem] = []
        one = read_source(shop.dir / path, text, problems, self._library)
        if one is None:
            return None, sorted(problems), None
        usable = _usable(shop)
        problems += check_loaded(one, usable, articles_of(shop.dir))
        return one, sorted(problems), _drawn(one, usable, shop.site.locale)

    def _shelved(self, asked: Asked) -> Shelved:
        shop, usable = asked.shop, _usable(asked.shop)
        problems: list[Problem] = []
        own = read_workflows(shop.dir / FOLDER, problems, self._library)
        for one in own:
            problems += check_loaded(one, usable, articles_of(shop.dir))
        by_file: dict[Path, tuple[Problem, ...]] = {}
        for problem in sorted(dict.fromkeys(problems)):
            by_file[problem.file] = (*by_file.get(problem.file, ()), problem)
        rows = []
        for found in listed(own, self._library, usable):
            file = found.loaded.file
            base = self.ports.editing.read(asked.site, f"{FOLDER}/{file.name}").sha256 if found.is_own else ""
            wrong = by_file.pop(file, ()) if found.is_own else ()
            rows.append(Row(found, _title(found.loaded, shop), base, _can(found, usable), wrong))
        denied = frozenset(spec.name for spec in shop.registry if usable.get(spec.name) is None)
        return Shelved(tuple(rows), {file.name: wrong for file, wrong in by_file.items()}, denied)


def _usable(shop: Shop) -> Registry:
    return usable_of(shop.registry, shop.rules)


def _can(one: Listed, usable: Registry) -> str:
    """What a switch would do: nothing for what lacks its tools."""
    if one.state == "offered":
        return "off"
    if one.state == "off":
        return "on"
    # The library's that the shop's own tool makes superfluous: it may be wanted all the same.
    fit = not fits(one.loaded.workflow, usable, one.loaded.maps)
    return "on" if fit and not one.is_own else ""


def _title(one: Loaded, shop: Shop) -> str:
    workflow = one.workflow
    return text_in(workflow.title, shop.site.locale) if workflow.title else workflow.name.replace("_", " ").capitalize()


def _drawn(one: Loaded, usable: Registry, locale: str) -> Drawing | None:
    """Drawn with the shop's tools, or, where they do not fit, as it is; None for steps that no program can be made of."""
    try:
        program: Program = make_program(one.workflow, usable, one.maps)
    except ValueError:
        try:
            program = make_program(one.workflow)
        except ValueError:
            return None
    lines = outline(program, locale)
    title = text_in(one.workflow.title, locale) if one.workflow.title else one.workflow.name
    return Drawing(picture(title, lines), lines, draw(program, locale).rstrip())
