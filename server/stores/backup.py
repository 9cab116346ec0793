"""Backup and restore of a data directory's log, as one SQLite file.

Never overwrites a backup, never restores under a running server, never throws the replaced log away.
"""

import os
import secrets
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from server.stores import database
from server.stores.failed import StoreFailed
from server.stores.owner import Owner

REPLACED: Final = "log.db.before-restore"
"""The log that the last restore replaced stays under this name, in case it was the wrong backup."""


def backup(data: Path, file: Path) -> None:
    """Copy the log of the data directory to `file`, also while a server runs on it.

    Raises:
        StoreFailed: there is no log, `file` exists, or it cannot be written.
    """
    log = data / database.FILE
    database.check(log, whole=False)
    copy_out(log, file)


def copy_out(log: Path, file: Path) -> None:
    """A consistent, compact copy of the log in `file`: complete under its name, or not there.

    Raises:
        StoreFailed: `file` exists or cannot be written.
    """
    try:
        # Reserves the name: of two backups to one name, one is refused.
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise StoreFailed(f"{file} exists; a backup overwrites nothing, name another file") from error
    except OSError as error:
        raise StoreFailed(f"{file} cannot be written: {error.strerror}") from error
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _vacuum_into(log, part)
        sync(part)
        part.replace(file)
        sync(file.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        raise


def _vacuum_into(log: Path, part: Path) -> None:
    db = sqlite3.connect(log, isolation_level=None, timeout=database.BUSY_MS / 1000)
    try:
        db.execute("VACUUM INTO ?", (str(part),))
    except sqlite3.Error as error:
        raise database.explain(error, part) from error
    finally:
        db.close()


def restore(data: Path, file: Path) -> str:
    """Put the backup in the data directory's place, under a new epoch, so that no cursor of before is taken for one of now.

    The replaced log stays beside it as `log.db.before-restore`. A crash at any point leaves the old log or the new.
    Returns the new epoch.

    Raises:
        Owned: a server runs on the directory.
        StoreFailed: the backup is damaged, not ours, or of a newer version; or the disk refuses.
    """
    database.check(file, whole=True)
    with Owner(data):
        log, coming = data / database.FILE, data / f"{database.FILE}.restoring"
        try:
            coming.unlink(missing_ok=True)
            shutil.copyfile(file, coming)
            coming.chmod(0o600)
            epoch = _renew(coming)
            _set_aside(log, data / REPLACED)
            coming.replace(log)
            sync(data)
        except OSError as error:
            raise error if isinstance(error, StoreFailed) else StoreFailed(f"{log}: {error.strerror}") from error
    return epoch


def _renew(file: Path) -> str:
    """Migrate the copy, give it a new epoch, and leave it as one closed file."""
    db, _ = database.open_log(file)
    epoch = secrets.token_hex(8)
    try:
        db.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (epoch,))
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        db.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.Error as error:
        raise database.explain(error, file) from error
    finally:
        db.close()
    sync(file)
    return epoch


def _set_aside(log: Path, aside: Path) -> None:
    """Keep the present log under another name, and leave no write-ahead log that the next file would be taken to own."""
    if not log.exists():
        return
    aside.unlink(missing_ok=True)
    try:
        db = sqlite3.connect(log, isolation_level=None, timeout=database.BUSY_MS / 1000)
        try:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            db.execute("PRAGMA journal_mode=DELETE").fetchone()
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise database.explain(error, log) from error
        # Damaged, which may be why a backup is restored: what cannot be merged is kept as it is.
    for tail in ("-wal", "-shm"):
        rest = log.with_name(log.name + tail)
        if rest.exists():
            rest.replace(aside.with_name(aside.name + tail))
    try:
        os.link(log, aside)
    except OSError:
        # A file system without hard links.
        shutil.copyfile(log, aside)


def sync(path: Path) -> None:
    """Bring a file, or a directory's names, to the disk."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
