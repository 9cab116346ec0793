"""Look: read the log of a data directory from another process, also beside the server that owns it.

Writes nothing, and takes no lock that would keep the server waiting.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from server.events import Event
from server.stores import database
from server.stores.failed import StoreFailed
from server.stores.sqlite import read_events


class NoSuchConversation(StoreFailed):
    """The log has no conversation of that name, or several."""


@contextmanager
def reading(data: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads.

    Raises:
        StoreFailed: there is no log, it cannot be read, or it is of a newer version.
    """
    file = data / database.FILE
    database.check(file, whole=False)
    with closing(database.connect(file, writer=False)) as db:
        try:
            yield db
        except sqlite3.Error as error:
            raise database.explain(error, file) from error


def find_key(db: sqlite3.Connection, named: str, site: str | None = None) -> str:
    """The store's key of a conversation: `named` is `SITE/ID`, or an id that only one site has.

    Raises:
        NoSuchConversation: none or several are meant.
    """
    rows = db.execute(
        "SELECT key FROM conversations WHERE key = ?1 OR substr(key, instr(key, '/') + 1) = ?1 ORDER BY key", (named,)
    )
    keys = [key for (key,) in rows if site in (None, key.partition("/")[0])]
    if len(keys) == 1:
        return str(keys[0])
    if keys:
        raise NoSuchConversation(f"{named}: several shops have it: {', '.join(keys)}; name one of these")
    where = f" of {site}" if site else ""
    raise NoSuchConversation(f"expected a conversation{where}, as ID or SITE/ID; there is no {named!r} in this log")


def keys_of(db: sqlite3.Connection, site: str, customer: str) -> list[str]:
    """The store's keys of a customer's conversations with a site, oldest first."""
    rows = db.execute(
        "SELECT key FROM conversations WHERE site = ? AND customer = ? ORDER BY n", (site, customer)
    ).fetchall()
    return [str(key) for (key,) in rows]


def events_of(data: Path, named: str, site: str | None = None) -> list[Event]:
    """All events of the conversation that `find_key` finds.

    Raises:
        NoSuchConversation, StoreFailed: see there.
    """
    with reading(data) as db:
        return read_events(db, find_key(db, named, site))
