"""Desk articles: the help center as admins see it: what is found, what is cited, and every article to be written and changed.

The files in help/ stay the source; what they mean is retrieval's, and saving is `Editing`'s.
"""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from retrieval.index import Index, State
from retrieval.split import split
from retrieval.text import fold, words
from retrieval.types import Passage, SourceError
from server.editing import BadPath, FileText, Version, rewrite
from server.http.desk import HEADERS
from server.http.desk_settings.base import NOTHING_WRONG, Asked, Base, Form, SettingsPorts, Wrong
from server.http.preview import preview
from server.insights import Cited, Insights
from server.shop.shelf import Article, Shelf, article_of, documents_of
from server.site import Problem, check_article
from server.syncing import Sync, Syncing
from server.turns.knowledge import SHOWN_SCORE

SECTION: Final = "articles"
FOLDER: Final = "help/"
DAYS: Final = 90
"""Over which citations are counted: a help center is looked through once a quarter, if at all."""
SHOWN: Final = 300
"""Articles on one page; more are found by searching."""
LOOK_S: Final = 1.0
"""How long who asks for a sync's progress waits for its end: people see a bar move once a second."""
MAX_QUERY_CHARS: Final = 400
SLUG_CHARS: Final = 60
SORTS: Final = ("path", "cited", "changed")


@dataclass(frozen=True, slots=True)
class ArticlePorts:
    """What the pages need beside what all settings need."""

    settings: SettingsPorts
    index: Index
    insights: Insights
    syncing: Syncing


@dataclass(frozen=True, slots=True)
class Row:
    """An article in the list. `state` is None for one that answers are not taken from: it has none of the shop's tags."""

    article: Article
    state: State | None
    cited: Cited
    excerpt: str = ""


def routes(ports: ArticlePorts) -> list[BaseRoute]:
    """The pages below /desk/settings/articles."""
    pages = _Pages(ports)
    both = ["GET", "POST"]
    return [
        Route("/desk/settings/articles", pages.overview, methods=both),
        Route("/desk/settings/articles/sync", pages.progress),
        Route("/desk/settings/articles/edit", pages.edit, methods=both),
        Route("/desk/settings/articles/new", pages.new, methods=both),
    ]


class _Pages(Base):
    def __init__(self, ports: ArticlePorts) -> None:
        super().__init__(ports.settings)
        self._index = ports.index
        self._insights = ports.insights
        self._syncing = ports.syncing
        self._shelf = Shelf()

    async def overview(self, request: Request) -> Response:
        """All articles, or those with the words that are looked for, and what the agent would find; a POST begins a sync."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        if asked.form is not None:
            self._syncing.start(asked.site)
            return RedirectResponse(asked.url(SECTION, synced=1), 303, HEADERS)
        query = " ".join(asked.query.get("q", "").split())[:MAX_QUERY_CHARS]
        sort = asked.query.get("sort", SORTS[0])
        articles, states, cited = await self._known(asked)
        found: list[Passage] = []
        rows = [Row(one, states.get(one.path), cited.get(one.path, Cited())) for one in articles]
        if query:
            found = await self._index.search(asked.site, query, k=asked.shop.site.knowledge.passages)
            rows = [
                Row(row.article, row.state, row.cited, excerpt)
                for row in rows
                if (excerpt := await asyncio.to_thread(row.article.excerpt, query)) is not None
            ]
        if sort == "cited":
            rows.sort(key=lambda row: (-row.cited.messages, row.article.path))
        elif sort == "changed":
            rows.sort(key=lambda row: (-row.article.changed_ms, row.article.path))
        here = {one.path for one in articles}
        elsewhere = sorted(path for path, state in states.items() if state == "removed" and path not in here)
        values: dict[str, Any] = {
            "rows": rows[:SHOWN],
            "hidden_rows": max(0, len(rows) - SHOWN),
            "count": len(articles),
            "waiting": sum(1 for state in states.values() if state in ("added", "changed")),
            "gone": [] if asked.shop.sources else elsewhere,
            "plugins": elsewhere if asked.shop.sources else [],
            "query": query,
            "sort": sort if sort in SORTS else SORTS[0],
            "found": found,
            "here": here,
            "shown_score": SHOWN_SCORE,
            "days": DAYS,
            "sync": self._synced(asked),
            "tags": asked.shop.site.knowledge.tags,
        }
        return await self.page("desk-articles.html", asked, SECTION, **values)

    async def progress(self, request: Request) -> Response:
        """How the sync that is under way is getting on, for the page's script: at its end, or in a second."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._syncing.settled(asked.site)
        last = self._syncing.last(asked.site)
        running = last is not None and last.running
        body = {"running": running, "done": last.done if last else 0, "total": last.total if last else 0}
        return JSONResponse(body, headers=HEADERS)

    async def edit(self, request: Request) -> Response:
        """One article: its text, how it reads, what the agent reads of it. A POST previews, saves or removes it."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        path = self._path(asked)
        articles = {one.path: one for one in await self._articles(asked)}
        article = articles.get(path)
        try:
            file = await self.read(asked, FOLDER + path)
        except (BadPath, OSError) as error:
            if article is None:
                return self._nowhere(asked)
            return await self._editor(asked, article, None, article.document.text if article.document else "", error)
        if article is None:
            return self._nowhere(asked)
        if asked.form is None:
            return await self._editor(asked, article, file, file.text)
        text = asked.form.text("text")
        match asked.form.get("do"):
            case "save":
                saved = await self.save(asked, SECTION, FOLDER + path, text, f"Changed the article {path}")
            case "remove":
                saved = await self.save(asked, SECTION, FOLDER + path, None, f"Removed the article {path}")
            case _:
                return await self._editor(asked, article, file, text)
        if isinstance(saved, Response):
            return saved
        return await self._editor(asked, article, file, text, wrong=saved)

    async def new(self, request: Request) -> Response:
        """A new article, begun from a question that nobody could answer, if the address names one."""
        asked = await self.asked(request)
        if isinstance(asked, Response):
            return asked
        if asked.form is None:
            question = " ".join(asked.query.get("question", "").split())[:MAX_QUERY_CHARS]
            return await self._new(asked, Form((("title", question.rstrip("?!. ")),)), question)
        title = " ".join(asked.form.get("title").split())
        path = asked.form.get("path") or f"{slug(title)}.md"
        if not title:
            wrong = Wrong({"title": "An article needs a title: customers see it below the answers that rest on it"})
            return await self._new(asked, asked.form, "", wrong)
        try:
            there = await self.read(asked, FOLDER + path)
        except BadPath:
            message = "Expected a name such as returns/boots.md, in letters, digits, spaces, dots and hyphens"
            return await self._new(asked, asked.form, "", Wrong({"path": message}))
        if there.sha256:
            return await self._new(asked, asked.form, "", Wrong({"path": f"There is an article {path} already"}))
        text = composed(title, asked.form)
        saved = await self.save(asked, SECTION, FOLDER + path, text, f"Wrote the article {path}")
        if isinstance(saved, Response):
            return saved
        wrong = Wrong(general=tuple(problem.message for problem in saved))
        return await self._new(asked, asked.form, "", wrong)

    async def done(self, asked: Asked, section: str, version: Version | None) -> Response:
        """Back to the article: what was changed takes effect, and with that is indexed."""
        answer = await super().done(asked, section, version)
        if version is not None and version.after is None:
            return answer  # there is no such article any more
        path = version.path.removeprefix(FOLDER) if version is not None else self._path(asked)
        return RedirectResponse(
            asked.url(f"{SECTION}/edit", path=path, saved=version.id if version is not None else 0), 303, HEADERS
        )

    @staticmethod
    def _path(asked: Asked) -> str:
        return (asked.form.get("path") if asked.form is not None else "") or asked.query.get("path", "")

    async def _articles(self, asked: Asked) -> Sequence[Article]:
        shop = asked.shop
        return await asyncio.to_thread(self._shelf.articles, shop.help_dir, locale=shop.site.locale)

    async def _known(self, asked: Asked) -> tuple[Sequence[Article], dict[str, State], dict[str, Cited]]:
        """The articles, what the index has of them, and how often each was cited."""
        articles = await self._articles(asked)
        site = asked.shop.site
        documents = documents_of(articles, site.knowledge.tags)
        states = await self._index.compare(asked.site, documents, locale=site.locale)
        return articles, states, await self._insights.cited(asked.site, DAYS)

    def _synced(self, asked: Asked) -> Sync | None:
        """The last sync; paths in its error as the merchant knows them."""
        last = self._syncing.last(asked.site)
        if last is None or not last.error:
            return last
        return Sync(last.began_ms, ended_ms=last.ended_ms, error=last.error.replace(f"{asked.shop.dir}{os.sep}", ""))

    async def _editor(
        self,
        asked: Asked,
        article: Article,
        file: FileText | None,
        text: str,
        locked: Exception | None = None,
        *,
        wrong: Sequence[Problem] = (),
    ) -> Response:
        site, path, folder = asked.shop.site, article.path, asked.shop.help_dir
        problems = [*wrong] or await asyncio.to_thread(check_article, folder / path, text, folder)
        here = {one.path for one in await self._articles(asked)}
        passages: list[Passage] = []
        document = None
        try:
            document = article_of(path, text, locale=site.locale)
            passages = await asyncio.to_thread(split, asked.site, document)
        except SourceError:
            pass  # `problems` says so, at its line
        cited = await self._insights.cited(asked.site, DAYS)

        def address(aim: str) -> str | None:
            return asked.url(f"{SECTION}/edit", path=aim) if aim in here else None

        values: dict[str, Any] = {
            "article": article,
            "title": document.title if document is not None else article.title,
            "document": document,
            "text": text,
            "base": file.sha256 if file is not None else "",
            "locked": str(locked) if locked is not None else "",
            "problems": problems,
            "refused": bool(wrong),
            "preview": preview(text, path, address) if article.editable else None,
            "passages": passages,
            "cited": cited.get(path, Cited()),
            "days": DAYS,
            "sync": self._synced(asked),
        }
        return await self.page("desk-articles-edit.html", asked, SECTION, 422 if wrong else 200, **values)

    async def _new(self, asked: Asked, form: Form, question: str, wrong: Wrong = NOTHING_WRONG) -> Response:
        folders = sorted({one.path.rpartition("/")[0] for one in await self._articles(asked)} - {""})
        values = {"form": form, "question": question, "wrong": wrong, "folders": folders}
        return await self.page("desk-articles-new.html", asked, SECTION, 422 if wrong else 200, **values)

    def _nowhere(self, asked: Asked) -> Response:
        return RedirectResponse(asked.url(SECTION), 303, HEADERS)


def slug(title: str) -> str:
    """A file's name for a title: `Can you wrap it?` is `can-you-wrap-it`."""
    name = "-".join(words(fold(title).replace("'", "")))[:SLUG_CHARS].strip("-.")
    return name or "article"


def composed(title: str, form: Form) -> str:
    """The new article's file: front matter for what the form says beside title and text, the title as its heading."""
    tags = [tag.strip() for tag in form.get("tags").split(",") if tag.strip()]
    said = {("url",): form.get("url"), ("locale",): form.get("locale"), ("tags",): tags}
    matter = rewrite("", {key: value for key, value in said.items() if value})
    front = f"---\n{matter}---\n" if matter else ""
    text = form.text("text").strip("\n")
    heading = "" if text.startswith("# ") else f"# {title}\n\n"
    return _ended(f"{front}{heading}{text}")


def _ended(text: str) -> str:
    """With the line's end that files have and text fields drop."""
    return text if not text or text.endswith("\n") else f"{text}\n"
