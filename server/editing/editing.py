"""Editing: read a file of a shop, save it, look at what it said before, put that back.

It decides nothing about content: whether a text is good is its `check`'s to say.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from server.editing import files
from server.editing.files import FileText, sha256_of
from server.editing.history import History, Version
from server.site import Problem

logger = logging.getLogger(__name__)

Check = Callable[[str, str, str | None], list[Problem]]
"""(site, path, text or None for none): the errors that the file would bring; none if it may be saved."""


class Conflict(Exception):
    """The file is no longer what the change was made from. `current` is what it says now."""

    def __init__(self, current: FileText) -> None:
        super().__init__(f"{current.path} has been changed since")
        self.current = current


class Invalid(Exception):
    """The file would have errors; nothing was written."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Editing:
    """The files of all shops of a process, and their history. Every method blocks: call it in a thread."""

    def __init__(self, data: Path, shops: Mapping[str, Path], *, check: Check, clock_ms: Callable[[], int]) -> None:
        """`shops` are the shops' directories by their sites' keys. What a crash has left half done is settled."""
        self._shops = dict(shops)
        self._check = check
        self._clock_ms = clock_ms
        self._history = History(data)
        self._lock = threading.Lock()
        self._settle()

    def close(self) -> None:
        """Let go of the history's file."""
        self._history.close()

    def shop_dir(self, site: str) -> Path:
        """Where the site's files are.

        Raises:
            KeyError: there is no such site.
        """
        return self._shops[site]

    def read(self, site: str, path: str) -> FileText:
        """What the file says now, line ends as they are; empty, without a hash, when there is none.

        Raises:
            BadPath: no file that may be edited here.
            OSError: it cannot be read.
        """
        return files.read(self._shops[site], path)

    def save(self, site: str, path: str, text: str | None, *, base: str, by: str, what: str) -> Version | None:
        """Write the text, or remove the file for None, if it still is the `base` (its `sha256`) that the change was made from.

        `by` is the e-mail address of who does it, `what` says in words what is changed. None: the file says exactly that
        already, and nothing was done. The version is on the disk before the file is; after a crash in between there is both
        or neither.

        Raises:
            Conflict: the file has been changed since, by whomever.
            Invalid: it would have errors.
            BadPath, OSError: see `read`; or it cannot be written.
        """
        with self._lock:
            return self._save(Version(0, site, path, self._clock_ms(), by, what, None, text), base)

    def history(self, site: str, path: str | None = None, before: int | None = None, limit: int = 50) -> list[Version]:
        """What has been changed, newest first; of one file, and before the version of an id, if these are given."""
        return self._history.find(site, path, before, limit)

    def version(self, site: str, version_id: int) -> Version | None:
        """One of the versions of this site."""
        return self._history.get(site, version_id)

    def undo(self, site: str, version_id: int, by: str) -> Version:
        """Put back what the file said before this version: a new version, which can be undone as well.

        Raises:
            LookupError: there is no such version.
            Conflict: the file is no longer what that version wrote.
            Invalid: the old text would have errors by now.
            BadPath, OSError: see `save`.
        """
        with self._lock:
            old = self._history.get(site, version_id)
            if old is None:
                raise LookupError(f"there is no version {version_id}")
            what = f"Taken back: {old.what}"
            new = Version(0, site, old.path, self._clock_ms(), by, what, None, old.before, undoes=old.id)
            made = self._save(new, sha256_of(old.after))
            if made is None:  # that version changed nothing, which `save` rules out
                raise LookupError(f"version {version_id} changed nothing")
            return made

    def _save(self, wanted: Version, base: str) -> Version | None:
        shop_dir = self._shops[wanted.site]
        current = files.read(shop_dir, wanted.path)
        if current.sha256 != base:
            raise Conflict(current)
        text = wanted.after
        if text is not None and wanted.undoes is None:  # what is put back is put back as it was
            text = files.with_lines_of(text, current.text)
        if sha256_of(text) == current.sha256:
            return None
        limit = files.max_bytes(wanted.path)
        if text is not None and len(text.encode()) > limit:
            raise Invalid([Problem(shop_dir / wanted.path, 1, 1, "error", f"expected at most {limit:,} bytes")])
        problems = self._check(wanted.site, wanted.path, text)
        if problems:
            raise Invalid(problems)
        before = current.text if current.sha256 else None
        version = self._history.begin(
            Version(
                0, wanted.site, wanted.path, wanted.at_ms, wanted.by, wanted.what, before, text, undoes=wanted.undoes
            )
        )
        happened = False
        try:
            happened = files.write(shop_dir, wanted.path, text, expected=current.sha256)
        finally:
            self._history.settle(version, happened=happened)
        if not happened:
            raise Conflict(files.read(shop_dir, wanted.path))
        return version

    def _settle(self) -> None:
        """What was begun before a crash has happened if the file says it, and has not if it says what it said before."""
        for version in self._history.pending():
            shop_dir = self._shops.get(version.site)
            if shop_dir is None:
                continue  # a shop that is not served now: its file will be looked at when it is
            try:
                now = files.read(shop_dir, version.path).sha256
            except (files.BadPath, OSError) as error:
                logger.warning("site %s: a change of %s is in doubt: %s", version.site, version.path, error)
                continue
            # Something else than both: it was written, and changed again by hand.
            self._history.settle(version, happened=now != sha256_of(version.before))
        for shop_dir in self._shops.values():
            files.sweep(shop_dir)
