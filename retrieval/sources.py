"""Sources: help-center files below a folder, with their front matter.

Only reads; what the files mean is decided in `split`.
"""

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from retrieval.markdown import front_matter_end
from retrieval.split import blocks
from retrieval.types import Document, SourceError, text_hash

_ENDINGS = (".md", ".markdown", ".html", ".htm")
# What no customer may be shown is marked by any other word.
_PUBLIC = frozenset({"", "all", "everyone", "public", "customer", "customers"})
_FIELDS = frozenset({"title", "url", "locale", "audience", "tags"})
# A help-center article is a few KB; a file of this size is no article but a mistake.
_MOST_BYTES = 5_000_000


class MarkdownFolder:
    """Every .md, .markdown, .html and .htm file below a folder; hidden files and folders are left out.

    Front matter may say `title, url, locale, audience, tags`; other keys are left alone. Without a title the first
    heading of level 1 is it, then the file's name. Without a url it is `base_url` + the path without ending, or "".
    """

    def __init__(self, path: Path | str, *, base_url: str = "", locale: str | None = None) -> None:
        self.path = Path(path)
        self.base_url = base_url.rstrip("/")
        self.locale = locale

    async def documents(self) -> list[Document]:
        """All articles, sorted by path.

        Raises:
            SourceError: a file is not UTF-8, too large, or its front matter is not YAML; names file and line.

        """
        return await asyncio.to_thread(self.read)

    def read(self) -> list[Document]:
        """The same, in the calling thread."""
        if not self.path.is_dir():
            raise SourceError(f"{self.path}: expected a folder with help-center articles")
        return [self.document(file) for file in self.files()]

    def files(self) -> list[Path]:
        """The articles' files, sorted by their paths below the folder."""
        found = [
            file
            for file in self.path.rglob("*")
            if file.suffix.lower() in _ENDINGS
            and file.is_file()
            and not any(part.startswith(".") for part in file.relative_to(self.path).parts)
        ]
        return sorted(found, key=lambda file: file.relative_to(self.path).as_posix())

    def document(self, file: Path) -> Document:
        """One article."""
        raw = file.read_bytes()
        if len(raw) > _MOST_BYTES:
            raise SourceError(f"{file}: {len(raw)} bytes; an article may have {_MOST_BYTES}")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise SourceError(f"{file}:{line}: expected UTF-8, got byte 0x{raw[error.start]:02x}") from error
        return make_document(
            file.relative_to(self.path).as_posix(), text, base_url=self.base_url, locale=self.locale, where=str(file)
        )


def make_document(path: str, text: str, *, base_url: str = "", locale: str | None = None, where: str = "") -> Document:
    """A document from the text of a file: front matter first, then what the text itself says.

    Raises:
        SourceError: the front matter is no YAML mapping, or a field has the wrong type.

    """
    front = front_matter(text, where or path)
    draft = Document(path, "", "", None, None, text, text_hash(text))
    title = front.get("title") or blocks(draft)[0] or _spoken(path)
    url = front.get("url")
    if not url:
        stem = re.sub(r"\.(md|markdown|html?)$", "", path, flags=re.I)
        url = f"{base_url}/{quote(stem)}" if base_url else ""
    audience = str(front.get("audience") or "").strip().lower()
    return Document(
        path=path,
        title=str(title),
        url=str(url),
        locale=str(front["locale"]) if front.get("locale") else locale,
        audience=None if audience in _PUBLIC else audience,
        text=text,
        hash=draft.hash,
        tags=tuple(str(tag) for tag in front.get("tags") or ()),
    )


def front_matter(text: str, where: str) -> dict[str, Any]:
    """The fields between the `---` lines at the start of a file; empty without them.

    Raises:
        SourceError: as for `make_document`.

    """
    end = front_matter_end(text)
    if not end:
        return {}
    # Half of a sync's imports; a help center without front matter needs none of it.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    inner = re.sub(r"\A\ufeff?---[ \t]*(\r\n|\n|\r)|(---|\.\.\.)[ \t]*(\r\n|\n|\r)?\Z", "", text[:end])
    try:
        front = YAML(typ="safe", pure=True).load(inner)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        raise SourceError(f"{where}:{line}: front matter is not YAML: {error.problem}") from error
    except YAMLError as error:
        raise SourceError(f"{where}:1: front matter is not YAML: {error}") from error
    if front is None:
        return {}
    if not isinstance(front, dict):
        raise SourceError(f"{where}:1: front matter: expected `key: value` lines, got {type(front).__name__}")
    for key, value in front.items():
        if key == "tags" and isinstance(value, str):
            front[key] = [tag.strip() for tag in value.split(",") if tag.strip()]
        elif key == "tags" and value is not None and not isinstance(value, list):
            raise SourceError(f"{where}: tags: expected a list, got {value!r}")
        elif key in _FIELDS - {"tags"} and isinstance(value, dict | list):
            raise SourceError(f"{where}: {key}: expected text, got {value!r}")
    return {str(key): value for key, value in front.items()}


def _spoken(path: str) -> str:
    name = re.sub(r"\.\w+$", "", path.rsplit("/", 1)[-1])
    name = re.sub(r"^\d+[-_. ]+", "", name)
    return re.sub(r"[-_]+", " ", name).strip().capitalize() or path
