"""Assets: where the built widget is, what it weighs, and the tag that embeds it.

Leaf: knows neither server nor retrieval nor tools, and serves nothing itself.
"""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_CHAT_NAME: Final = re.compile(r"[0-9a-f]{16}\.js")


@dataclass(frozen=True, slots=True)
class Asset:
    """One built file. `integrity` is a Subresource Integrity value, sizes are in bytes."""

    name: str
    integrity: str
    bytes: int
    gzip_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the newest build consists of: the loader (`/widget.js`) and the chat (`/widget/<hash>.js`)."""

    loader: Asset
    chat: Asset
    chat_hash: str


def dist() -> Path:
    """The folder of the built files."""
    return _HERE / "dist"


def desk_dir() -> Path:
    """The folder of the desk's scripts and style sheets: plain modules, served as they are."""
    return _HERE / "desk"


def link_dir() -> Path:
    """The folder of the page behind mailed links: plain files, served as they are."""
    return _HERE / "link"


def template_dir() -> Path:
    """The folder of the jinja2 templates."""
    return _HERE / "templates"


def manifest() -> Manifest:
    """The newest build, as `widget/build.mjs` wrote it.

    Raises:
        FileNotFoundError: the widget has not been built.
    """
    raw = json.loads((dist() / "manifest.json").read_text(encoding="utf-8"))
    return Manifest(loader=_asset(raw["loader"]), chat=_asset(raw["chat"]), chat_hash=raw["chat"]["hash"])


def _asset(raw: dict[str, str | int]) -> Asset:
    return Asset(str(raw["name"]), str(raw["integrity"]), int(raw["bytes"]), int(raw["gzip_bytes"]))


def chat_files() -> dict[str, Path]:
    """Every chat build that is kept, by file name: pages in the wild name older ones."""
    return {path.name: path for path in sorted(dist().iterdir()) if _CHAT_NAME.fullmatch(path.name)}


def snippet(server_url: str, site_key: str) -> str:
    """The tag that a merchant pastes into a page (CONTRACT §5).

    The loader has no `integrity` on purpose: it changes with each release at one address. It names the chat's, which
    the browser checks; whoever wants the loader pinned too finds its value in `manifest().loader.integrity`.
    """
    src = html.escape(server_url.rstrip("/") + "/widget.js")
    return f'<script async src="{src}" data-site="{html.escape(site_key)}"></script>'
