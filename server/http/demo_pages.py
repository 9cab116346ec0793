"""Demo pages: a shop's storefront templates and help articles as HTML, under a strict content security policy.

It knows no conversation and no request; nothing here is written for one particular shop.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import orjson
from jinja2 import FileSystemLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from retrieval.blocks import Anchors, inline
from retrieval.html import html_blocks
from retrieval.markdown import front_matter_end
from retrieval.sources import MarkdownFolder
from retrieval.types import Document
from server.site import Site

WIDGET: Final = Path(__file__).resolve().parents[2] / "widget"
"""The widget package's folder: the top-level packages stand side by side, in a checkout and in a wheel."""

RESERVED: Final = frozenset({"demo", "desk", "healthz", "help", "index", "metrics", "readyz", "static", "v1", "widget"})
"""Names that a storefront's page cannot have: the server's own, and those that have a route of their own."""

_EXPLICIT_ID: Final = re.compile(r"[ \t]*\{#([\w:.-]+)\}[ \t]*$")  # as retrieval reads it
_PAGE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_NONCE_BYTES: Final = 16  # CSP 3 asks for at least 128 bits


def policy(nonce: str) -> str:
    """The content security policy of a demo page: only this server's own files, scripts with the nonce, nobody's frames."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def new_nonce() -> str:
    """A nonce for one response."""
    return secrets.token_urlsafe(_NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class Article:
    """A help article for a template. `section` is its folder's name; `lead` its first sentence or two."""

    path: str
    title: str
    url: str
    locale: str
    section: str
    lead: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The help folder at one moment."""

    stamp: tuple[tuple[str, int, int], ...] = ()
    articles: tuple[Article, ...] = ()
    documents: Mapping[str, Document] = field(default_factory=dict)
    """By the path of every address that shows it."""


class Pages:
    """The pages of one shop directory: its `storefront/` templates, or the plain ones of the widget package."""

    def __init__(self, directory: Path, site: Site) -> None:
        self.site = site
        self.storefront: Path | None = directory / "storefront"
        if not (directory / "storefront" / "index.html").is_file():
            self.storefront = None
        self._help = directory / "help"
        folders = [folder for folder in (self.storefront, WIDGET / "templates") if folder is not None]
        # A shop's templates are a merchant's code; the sandbox only keeps their mistakes small.
        self._jinja = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folders), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._shelf = _Shelf()

    def names(self) -> list[str]:
        """The storefront's pages beside `index` and `help`, sorted. Names with `_` in front are parts of pages."""
        if self.storefront is None:
            return []
        found = (file.stem for file in self.storefront.glob("*.html"))
        return sorted(name for name in found if _PAGE.fullmatch(name) and name not in RESERVED)

    def page(self, name: str, *, path: str, query: Mapping[str, str], nonce: str) -> str:
        """A page as HTML. `name` is a template's name without ending: `index` or one of `names()`."""
        template = "demo.html" if self.storefront is None else f"{name}.html"
        return self._render(template, path=path, query=query, nonce=nonce)

    def help(self, *, path: str, query: Mapping[str, str], nonce: str) -> str | None:
        """The list of articles at `/help`, an article below it; None if there is none at this path."""
        shelf = self._read()
        address = path.rstrip("/") or "/help"
        article, body = None, Markup("")
        if address != "/help":
            document = shelf.documents.get(address)
            if document is None:
                return None
            article = next(item for item in shelf.articles if item.path == document.path)
            body = render(document, {item.path: item.url for item in shelf.articles})
        own = self.storefront is not None and (self.storefront / "help.html").is_file()
        template = "help.html" if own else "demo-help.html"
        return self._render(template, path=path, query=query, nonce=nonce, article=article, body=body)

    def _render(self, template: str, *, nonce: str, **values: Any) -> str:  # noqa: ANN401 - values of a template
        return self._jinja.get_template(template).render(
            site=self.site,
            articles=self._read().articles,
            products=self._products(),
            widget_src="/widget.js",
            panel_src="/demo/panel.js",
            nonce=nonce,
            **values,
        )

    def _products(self) -> Any:  # noqa: ANN401 - whatever the merchant's file holds
        file = self.storefront / "products.json" if self.storefront else None
        return orjson.loads(file.read_bytes()) if file and file.is_file() else []

    def _read(self) -> _Shelf:
        """The articles; read anew when a file has changed, so that a writer sees what they wrote."""
        if not self._help.is_dir():
            return self._shelf
        files = sorted(file for file in self._help.rglob("*") if file.is_file())
        stamp = tuple((str(file), (stat := file.stat()).st_mtime_ns, stat.st_size) for file in files)
        if stamp != self._shelf.stamp:
            read = MarkdownFolder(self._help, base_url="/help", locale=self.site.locale).read()
            public = [document for document in read if document.audience is None]
            by_address: dict[str, Document] = {}
            for document in public:
                by_address.setdefault(_own_address(document), document)
            for document in public:
                if document.url.startswith("/help/"):
                    by_address[unquote(urlsplit(document.url).path).rstrip("/")] = document
            articles = tuple(_article(document, self.site.locale) for document in public)
            self._shelf = _Shelf(stamp, articles, by_address)
        return self._shelf


def render(document: Document, urls: Mapping[str, str]) -> Markup:
    """An article's text as HTML. HTML in Markdown is shown as text; headings have the anchors that citations use.

    `urls` are the addresses of all articles by path: links between files become links between pages.
    """
    if document.path.lower().endswith((".html", ".htm")):
        return _render_html(document)
    # html off: an article may come from a help-center export, and its markup is nobody's to run.
    markdown = MarkdownIt("commonmark", {"html": False, "maxNesting": 40}).enable("table")
    tokens = markdown.parse(document.text[front_matter_end(document.text) :])
    anchors = Anchors()
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            _anchor(token, tokens[index + 1], anchors)
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _target(str(child.attrGet("href") or ""), document.path, urls))
            elif child.type == "image":
                child.type, child.tag = "text", ""  # its words instead: nothing is fetched from elsewhere
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    # A wide table scrolls by itself instead of pushing the page off a phone's screen.
    html = html.replace("<table>", '<div class="table" tabindex="0" role="region"><table>')
    return Markup(html.replace("</table>", "</table></div>"))  # noqa: S704 - markdown-it escaped every text in it


def _anchor(heading: Token, content: Token, anchors: Anchors) -> None:
    text = " ".join(inline([(line, 0) for line in content.content.split("\n")]).text.split())
    explicit = _EXPLICIT_ID.search(text)
    if explicit is None:
        heading.attrSet("id", anchors.of(text))
        return
    heading.attrSet("id", anchors.take(explicit.group(1)))
    for child in content.children or ():
        child.content = _EXPLICIT_ID.sub("", child.content)


def _render_html(document: Document) -> Markup:
    """An HTML article's readable text under its headings: its own markup is not trusted."""
    start = front_matter_end(document.text)
    out = [f"<h1>{escape(document.title)}</h1>"]
    above: tuple[tuple[str, ...], str] = ((), "")
    for block in html_blocks(document.text[start:])[1]:
        if (block.heading, block.anchor) != above:
            above = (block.heading, block.anchor)
            if block.heading:
                out.append(f'<h2 id="{escape(block.anchor, quote=True)}">{escape(block.heading[-1])}</h2>')
        text = escape(" ".join(span.text for span in block.spans))
        out.append(f"<ul><li>{text}</li></ul>" if block.kind == "item" else f"<p>{text}</p>")
    return Markup("\n".join(out))  # noqa: S704 - every text in it was escaped above


def _target(href: str, path: str, urls: Mapping[str, str]) -> str:
    """A link of an article: to another article's file becomes one to its page; others stay."""
    parts = urlsplit(href)
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return href
    aim = normpath((PurePosixPath(path).parent / unquote(parts.path)).as_posix())
    url = next((urls[key] for key in (aim, f"{aim}.md", f"{aim}.html") if key in urls), None)
    if url is None:
        return href
    return f"{url}#{parts.fragment}" if parts.fragment else url


def _own_address(document: Document) -> str:
    return "/help/" + re.sub(r"\.(md|markdown|html?)$", "", document.path, flags=re.IGNORECASE)


def _article(document: Document, locale: str) -> Article:
    section = document.path.partition("/")[0] if "/" in document.path else ""
    return Article(
        path=document.path,
        title=document.title,
        # Elsewhere on the web, or nowhere: the demo shows its own copy.
        url=document.url if document.url.startswith("/help/") else quote(_own_address(document)),
        locale=document.locale or locale,
        section=section,
        lead=_lead(document),
        tags=document.tags,
    )


def _lead(document: Document) -> str:
    """The first paragraph, for lists of articles; empty if there is none before the first list or table."""
    if document.path.lower().endswith((".html", ".htm")):
        blocks = html_blocks(document.text)[1]
        return " ".join(span.text for span in blocks[0].spans) if blocks else ""
    tokens = MarkdownIt("commonmark").enable("table").parse(document.text[front_matter_end(document.text) :])
    for index, token in enumerate(tokens):
        if token.type == "paragraph_open":
            return " ".join(inline([(line, 0) for line in tokens[index + 1].content.split("\n")]).text.split())
        if token.type not in ("heading_open", "heading_close", "inline"):
            return ""
    return ""
