"""Articles: what is wrong in the help/ folder, seen by a writer.

It only looks for mistakes; reading articles for answers is retrieval's.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from rapidfuzz import fuzz, process

from server.site.forms import Link, Locale
from server.site.problem import Problem
from server.site.text import Document, check, parse_yaml, read_text

SUFFIXES: Final = (".md", ".markdown", ".html", ".htm")
MAX_ARTICLE_BYTES: Final = 5_000_000
"""Larger ones are exports of something else; the longest help articles we saw have 60 KB."""

_FENCE: Final = re.compile(r"---[ \t]*")
_END: Final = re.compile(r"(---|\.\.\.)[ \t]*")


def _tags(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """Tags as a list, or as one text with commas."""
    return [tag.strip() for tag in value.split(",") if tag.strip()] if isinstance(value, str) else value


class FrontMatter(BaseModel):
    """What an article may say about itself between two lines `---` at its top. Other keys are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True, str_strip_whitespace=True)

    title: str | None = Field(default=None, min_length=1, description="Title; the first heading if absent.")
    url: Link | None = Field(
        default=None, description="Where customers read it; citations lead there. No link if absent."
    )
    locale: Locale | None = Field(default=None, description="Its language, such as `de`; the shop's if absent.")
    audience: str | None = Field(default=None, description="Who may be told; everybody if absent.")
    tags: Annotated[tuple[str, ...], BeforeValidator(_tags)] = Field(
        default=(), description="Words by which `knowledge.tags`, and agents, pick articles."
    )


def check_articles(folder: Path, tags: set[str] | None = None) -> list[Problem]:
    """Everything that is wrong with the articles below `help/`, in order of their paths; their tags are added to `tags`."""
    problems: list[Problem] = []
    if not folder.is_dir():
        return [Problem(folder, 1, 1, "warning", "there is no help folder: the shop has no answers of its own")]
    urls: dict[tuple[str, str | None], Path] = {}
    files = sorted(_files(folder))
    for file in files:
        text = read_text(file, problems, max_bytes=MAX_ARTICLE_BYTES)
        if text is None:
            continue
        matter, document = _check(file, text, folder, problems)
        if matter is not None and tags is not None:
            tags.update(matter.tags)
        if matter is not None and matter.url and document is not None:
            other = urls.setdefault((matter.url, matter.locale), file)
            if other is not file:
                place = document.place(("url",))
                message = f"the url {matter.url!r} is also that of {other.relative_to(folder).as_posix()}"
                problems.append(Problem(file, place.line, place.column, "error", message))
    if not files:
        problems.append(Problem(folder, 1, 1, "warning", "the help folder has no articles (.md or .html)"))
    return problems


def check_article(file: Path, text: str, folder: Path) -> list[Problem]:
    """What would be wrong with an article below `folder` if it had this text; other articles only count for its links."""
    problems: list[Problem] = []
    _check(file, text, folder, problems)
    return sorted(problems)


def _check(file: Path, text: str, folder: Path, problems: list[Problem]) -> tuple[FrontMatter | None, Document | None]:
    """Look at one article; its front matter, and the document that this is in."""
    if not text.strip():
        problems.append(Problem(file, 1, 1, "warning", "the article is empty"))
        return None, None
    before = len(problems)
    matter, document, body, body_line = _split(file, text, problems)
    html = file.suffix.lower() in (".html", ".htm")
    if len(problems) == before:  # else the title may be in what could not be read
        _check_title(file, matter, body, html, problems)
    for line, column, target in _html_links(body) if html else _markdown_links(body):
        if _is_broken(file, folder, target):
            message = f"the link {target!r} leads to no article"
            problems.append(Problem(file, line + body_line, column, "warning", message))
    return matter, document


def _files(folder: Path) -> Iterator[Path]:
    for directory, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(directory) / name


def _split(file: Path, text: str, problems: list[Problem]) -> tuple[FrontMatter | None, Document | None, str, int]:
    """Front matter (None if absent or wrong), its document, the rest, and how many lines stand before the rest."""
    lines = text.splitlines(keepends=True)
    if not lines or not _FENCE.fullmatch(lines[0].rstrip("\r\n")):
        return None, None, text, 0
    end = next((n for n, line in enumerate(lines[1:], 1) if _END.fullmatch(line.rstrip("\r\n"))), None)
    if end is None:
        problems.append(
            Problem(file, 1, 1, "error", "front matter begins here and never ends; a line `---` is missing")
        )
        return None, None, text, 0
    inner, body = "".join(lines[1:end]), "".join(lines[end + 1 :])
    if not inner.strip():
        return None, None, body, end + 1
    document = parse_yaml(inner, file, problems, first_line=2)
    if document is None:
        return None, None, body, end + 1
    for key in document.data:
        meant = process.extractOne(key.lower(), list(FrontMatter.model_fields), scorer=fuzz.ratio, score_cutoff=80)
        if key not in FrontMatter.model_fields and meant is not None:
            place = document.keys[(key,)]
            message = f"the key `{key}` means nothing here; did you mean `{meant[0]}`?"
            problems.append(Problem(file, place.line, place.column, "warning", message))
    return check(FrontMatter, document, problems), document, body, end + 1


def _check_title(file: Path, matter: FrontMatter | None, body: str, html: bool, problems: list[Problem]) -> None:
    if matter is not None and matter.title:
        return
    if html:
        from bs4 import BeautifulSoup  # 60 ms of imports that only HTML articles need

        soup = BeautifulSoup(body, "html.parser")
        found = any(tag.get_text(strip=True) for tag in soup.find_all(["title", "h1"]))
    else:
        found = any(token.type == "heading_open" and token.tag == "h1" for token in MarkdownIt().parse(body))
    if not found:
        message = "no title: add `title:` to the front matter, or a heading of level 1; the file's name is used"
        problems.append(Problem(file, 1, 1, "warning", message))


def _markdown_links(body: str) -> Iterator[tuple[int, int, str]]:
    """Line, column (from 1) and target of every link in a Markdown text."""
    lines = body.splitlines()
    for token in MarkdownIt().enable("table").parse(body):
        if token.type != "inline" or token.map is None:
            continue
        for child in token.children or ():
            target = child.attrGet("href") if child.type == "link_open" else None
            if isinstance(target, str) and target:
                yield (*_find(lines, token.map[0], token.map[1], unquote(target), target), target)


def _find(lines: list[str], start: int, end: int, *spellings: str) -> tuple[int, int]:
    """Where one of the spellings stands in a block of lines; its start when it does not (a reference link)."""
    for number in range(start, min(end, len(lines))):
        for spelling in spellings:
            column = lines[number].find(spelling)
            if column >= 0:
                return number + 1, column + 1
    return start + 1, 1


def _html_links(body: str) -> Iterator[tuple[int, int, str]]:
    from bs4 import BeautifulSoup  # as above

    for tag in BeautifulSoup(body, "html.parser").find_all("a", href=True):
        yield tag.sourceline or 1, (tag.sourcepos or 0) + 1, str(tag["href"])


def _is_broken(file: Path, folder: Path, target: str) -> bool:
    """Whether a link is relative and leads to no file below help/, with or without its extension."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return True
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return False
    aim = Path(os.path.normpath(file.parent / unquote(parts.path)))
    if not aim.is_relative_to(Path(os.path.normpath(folder))):
        return True
    return not (aim.exists() or any(aim.with_name(aim.name + suffix).exists() for suffix in SUFFIXES))
