"""A store's row as the check of the hash chain wants it: what two suites share."""

from server.stores.chain import Stored
from server.stores.rules import Row


def stored(row: Row) -> Stored:
    e = row.event
    body = row.body_json.decode()
    return Stored(e.seq, e.at_ms, e.id, e.kind, e.role, e.turn, body, row.salt, row.commitment, row.chain)
