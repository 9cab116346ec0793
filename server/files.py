"""Files: attachments of conversations, kept in the data directory, outside of everything that is served by name.

It looks into no content (that is `server.pictures`), and knows no URL: who gets a file is decided where it is asked for.
"""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from server.conversation import id_of, site_of

FOLDER: Final = "files"
"""In the data directory: `files/SITE/CONVERSATION/ID.bin`, and `ID.json` with what is known of it."""
CUSTOMER: Final = "customer"
"""Who sent a file, if it was not a colleague."""
MAX_NAME_CHARS: Final = 80
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a kept file. `bytes` is its size as it is kept."""

    id: str
    name: str
    type: str
    bytes: int
    sha256: str
    at_ms: int
    by: str
    """`customer`, or the id of the colleague who sent it."""
    width: int | None = None
    height: int | None = None

    def wire(self) -> dict[str, Any]:
        """The file as messages name it."""
        body: dict[str, Any] = {"id": self.id, "name": self.name, "type": self.type, "bytes": self.bytes}
        return body | ({"width": self.width, "height": self.height} if self.width is not None else {})


class Files:
    """The attachments of a data directory. Its methods block for some milliseconds: call them in a thread."""

    def __init__(self, data: Path) -> None:
        self._root = data / FOLDER

    def keep(self, key: str, kept: Kept, content: bytes) -> None:
        """Keep a file of a conversation, durably. It is there whole, or not at all.

        Raises:
            OSError: the disk refuses.
        """
        folder = self._folder(key)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What is known comes last: a file without it is not there.
        _write(folder / f"{kept.id}.bin", content)
        _write(folder / f"{kept.id}.json", orjson.dumps(asdict(kept)))

    def find(self, key: str, file_id: str) -> Kept | None:
        """What is known of a file of this conversation; None if it has no such file."""
        if not _ID.fullmatch(file_id):
            return None
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            return Kept(**orjson.loads((self._folder(key) / f"{file_id}.json").read_bytes()))
        return None

    def read(self, key: str, file_id: str) -> bytes:
        """A file's content.

        Raises:
            FileNotFoundError: there is no such file.
        """
        return (self._folder(key) / f"{file_id}.bin").read_bytes()

    def of(self, key: str) -> list[Kept]:
        """All files of a conversation, oldest first."""
        found = [kept for file in self._folder(key).glob("*.json") if (kept := self.find(key, file.stem)) is not None]
        return sorted(found, key=lambda kept: (kept.at_ms, kept.id))

    def drop(self, key: str, file_id: str) -> None:
        """Delete one file, if it is there."""
        if _ID.fullmatch(file_id):
            (self._folder(key) / f"{file_id}.json").unlink(missing_ok=True)
            (self._folder(key) / f"{file_id}.bin").unlink(missing_ok=True)

    def erase(self, key: str) -> int:
        """Delete all files of a conversation; returns how many there were."""
        count = len(self.of(key))
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder(key))
        return count

    def conversations(self) -> Iterator[str]:
        """Store keys of the conversations that have files."""
        for folder in self._root.glob("*/*"):
            yield f"{folder.parent.name}/{folder.name.replace('.', ':')}"

    def _folder(self, key: str) -> Path:
        # No id holds a dot, so no two conversations share a folder; and a colon is no letter of a name on Windows.
        return self._root / site_of(key) / id_of(key).replace(":", ".")


def attached(files: Files, key: str, ids: Sequence[str], *, by_customer: bool) -> list[dict[str, Any]] | None:
    """These files as a message names them; None if one of them is not there, or the other side's."""
    found = [files.find(key, file_id) for file_id in ids]
    good = [kept for kept in found if kept is not None and (kept.by == CUSTOMER) == by_customer]
    return [kept.wire() for kept in good] if len(good) == len(ids) else None


def shown_name(name: str) -> str:
    """A file's name as it may be shown: one line, no path, nothing invisible."""
    plain = "".join(char for char in re.split(r"[/\\]", name)[-1] if char.isprintable() and char not in '"<>|:*?')
    plain = " ".join(plain.split()).lstrip(".")
    if len(plain) > MAX_NAME_CHARS:
        stem, dot, ending = plain.rpartition(".")
        plain = f"{stem[: MAX_NAME_CHARS - 8]}…{dot}{ending[:6]}" if dot else plain[:MAX_NAME_CHARS]
    return plain or "file"


def digest(content: bytes) -> str:
    """The content's SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def _write(file: Path, content: bytes) -> None:
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
