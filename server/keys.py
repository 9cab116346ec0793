"""Keys: the secret keys sk_… that merchants use for REST. Only their hashes are kept.

It checks keys and writes new ones; what a key may do is decided where it is used.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final

FILE: Final = "keys.txt"
_LINE: Final = re.compile(r"([0-9a-f]{64}) (pk_[A-Za-z0-9_-]+)")


def add_key(data: Path, site: str) -> str:
    """Make a key for a site, keep its hash, and return it: it is never to be seen again."""
    key = f"sk_{secrets.token_urlsafe(32)}"
    data.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="ascii") as file:
        file.write(f"{_hash(key)} {site}\n")
        file.flush()
        os.fsync(file.fileno())
    return key


class Keys:
    """The keys of a data directory. The file is read again when it has changed, so a new key works at once."""

    def __init__(self, data: Path) -> None:
        self._file = data / FILE
        self._seen: tuple[int, int] | None = None
        self._sites: dict[str, str] = {}

    def site(self, key: str) -> str | None:
        """The site whose key this is, or None."""
        self._refresh()
        # Looked up by hash: how long a look-up takes says nothing about any key.
        return self._sites.get(_hash(key))

    def _refresh(self) -> None:
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            return
        seen = (stat.st_mtime_ns, stat.st_size)
        if seen != self._seen:
            lines = self._file.read_text(encoding="ascii").splitlines()
            self._sites = {m[1]: m[2] for line in lines if (m := _LINE.fullmatch(line))}
            self._seen = seen


def _hash(key: str) -> str:
    # 256 random bits need no salt and no slow hash.
    return hashlib.sha256(key.encode()).hexdigest()
