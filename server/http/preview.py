"""Preview: a help article's Markdown as its readers see it, with nothing in it that could run, load or leave the page unseen.

It knows no article but the text.
"""

import posixpath
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from retrieval.markdown import front_matter_end

BELOW: Final = 3
"""The page has headings of levels 1 and 2, and one of level 3 over the preview: the article's begin at 4."""
DEEPEST: Final = 6


def preview(text: str, path: str, address: Callable[[str], str | None]) -> Markup:
    """The article as HTML: tags that it holds are shown as text, pictures as their words.

    `path` is the article's own, below help/; `address` gives the desk's page of another article, None for what is none.
    """
    reader = MarkdownIt("commonmark", {"html": False, "maxNesting": 40}).enable("table").disable("image")
    tokens = reader.parse(text[front_matter_end(text) :])
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + BELOW, DEEPEST)}"
        for child in token.children or ():
            if child.type == "link_open":
                _lead(child, path, address)
    # markdown-it escapes what is text, and takes no `javascript:` or `data:` for a link.
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704 - see above


def _lead(link: Token, path: str, address: Callable[[str], str | None]) -> None:
    """Links to other articles lead to their pages here, all others out of the desk."""
    target = str(link.attrs.pop("href", ""))
    try:
        parts = urlsplit(target)
    except ValueError:
        return
    if parts.scheme in ("http", "https", "mailto", "tel"):
        link.attrs |= {"href": target, "target": "_blank", "rel": "noopener noreferrer"}
    elif not parts.scheme and not parts.netloc and parts.path:
        aim = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path)))
        found = address(aim) or address(f"{aim}.md")
        if found is not None:
            link.attrs["href"] = found
