"""Owner: one running server owns a data directory, by an operating-system lock on a file in it.

Does not read or write anything else there. The lock ends with the process, however it ends.
"""

import os
import sys
from pathlib import Path
from typing import Final

from server.stores.failed import StoreFailed

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        # The byte far behind the text, so that others can still read whose lock it is.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


FILE: Final = "owner.pid"


class Owned(StoreFailed):
    """Another process owns the data directory."""


def owner_pid(data: Path) -> int | None:
    """The process that owns the data directory; None if none does, or it has not said so yet."""
    try:
        return int((data / FILE).read_text("ascii"))
    except (OSError, ValueError):
        return None


class Owner:
    """Holds a data directory until `release`, or as a context manager. Makes the directory if it is not there.

    Raises:
        Owned: a running process owns it; the message names its pid.
        StoreFailed: the directory cannot be made or written.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Never unlinked: a lock on a file that has another name tomorrow would protect nothing.
            self._descriptor: int | None = os.open(data / FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreFailed(f"expected a directory that can be written, {data} cannot: {error.strerror}") from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            pid = os.read(self._descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise Owned(
                f"the data directory {data} is in use by a running Shopbell (process {pid});"
                " stop it first, or name another directory with --data"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode("ascii"))

    def release(self) -> None:
        """Let go. Safe to call twice."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "Owner":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
