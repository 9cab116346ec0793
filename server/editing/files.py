"""Files: those of a shop directory that may be changed from the desk, read and written whole.

It checks no content and keeps no history.
"""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from server.site.articles import MAX_ARTICLE_BYTES
from tools.places import MAX_BYTES

SITE: Final = "site.yaml"
TOOLS: Final = "tools.yaml"
_WORKFLOW: Final = re.compile(r"workflows/[A-Za-z0-9][A-Za-z0-9._-]{0,79}\.ya?ml")
_ARTICLE: Final = re.compile(r"help/(?:[\w][\w .-]{0,79}/){0,6}[\w][\w .-]{0,79}\.md")
"""No part begins with a dot, so there is no way up and nothing hidden."""
_TEMPORARY: Final = ".shopbell-"


class BadPath(ValueError):
    """No file that the desk may read or write; the message says which are."""


@dataclass(frozen=True, slots=True)
class FileText:
    """What a file says. `sha256` (hex) is over its bytes; both are empty for a file that is not there."""

    path: str
    text: str = ""
    sha256: str = ""


def located(shop_dir: Path, path: str) -> Path:
    """Where the file is in this shop's directory, links followed.

    Raises:
        BadPath: it is another kind of file, or outside of the directory.
    """
    if path not in (SITE, TOOLS) and not _WORKFLOW.fullmatch(path) and not _ARTICLE.fullmatch(path):
        raise BadPath(f"expected site.yaml, tools.yaml, workflows/NAME.yaml or help/NAME.md, got {path!r}")
    root = shop_dir.resolve()
    file = (root / PurePosixPath(path)).resolve()
    if not file.is_relative_to(root):
        raise BadPath(f"{path} leads out of the shop's directory")
    if file.exists() and not file.is_file():
        raise BadPath(f"{path} is no file")
    return file


def read(shop_dir: Path, path: str) -> FileText:
    """What the file says now.

    Raises:
        BadPath: see `located`; or it is too large or no UTF-8, so that it cannot be edited here.
        OSError: it cannot be read.
    """
    try:
        raw = located(shop_dir, path).read_bytes()
    except FileNotFoundError:
        return FileText(path)
    if len(raw) > max_bytes(path):
        raise BadPath(f"{path}: expected at most {max_bytes(path):,} bytes, got {len(raw):,}")
    try:
        return FileText(path, raw.decode(), hashlib.sha256(raw).hexdigest())
    except UnicodeDecodeError:
        raise BadPath(f"{path} is not saved as UTF-8") from None


def max_bytes(path: str) -> int:
    """How large such a file may be."""
    return MAX_ARTICLE_BYTES if path.startswith("help/") else MAX_BYTES


def sha256_of(text: str | None) -> str:
    """The `FileText.sha256` of a file with this text; of none for None."""
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()


def with_lines_of(text: str, current: str) -> str:
    """The text with the line ends of what stands in the file now: browsers send CRLF, whatever they were given."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return plain.replace("\n", "\r\n") if "\r\n" in current else plain


def write(shop_dir: Path, path: str, text: str | None, *, expected: str) -> bool:
    """Put the text into the file, or remove the file for None, in one step that a crash cannot halve.

    False, and nothing done, when the file is no longer the `expected` one (its `sha256`). Whoever changes it within the few
    microseconds between this look and the step is overwritten: no file system has a compare-and-rename.

    Raises:
        BadPath, OSError: see `read`; or it cannot be written.
    """
    file = located(shop_dir, path)
    if text is None:
        if read(shop_dir, path).sha256 != expected:
            return False
        file.unlink(missing_ok=True)
        _sync(file.parent)
        return True
    file.parent.mkdir(parents=True, exist_ok=True)
    # umask's mode for what is new; a file keeps the mode it has.
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(text.encode())
            temporary.flush()
            os.fchmod(temporary.fileno(), mode)
            os.fsync(temporary.fileno())
        if read(shop_dir, path).sha256 != expected:
            return False
        os.replace(name, file)
    finally:
        Path(name).unlink(missing_ok=True)
    _sync(file.parent)
    return True


def sweep(shop_dir: Path) -> None:
    """Remove what a crash has left of files that were being written."""
    for folder in (shop_dir, shop_dir / "workflows", shop_dir / "help"):
        if folder.is_dir():
            for left in folder.rglob(f"{_TEMPORARY}*") if folder != shop_dir else folder.glob(f"{_TEMPORARY}*"):
                left.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _sync(folder: Path) -> None:
    """A rename is on the disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
