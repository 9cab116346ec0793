"""The hash chain: every store writes it, and whatever is changed in a log is found at its place.

Does not test the commands: see tests/e2e/contract/test_audit.py.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from server.events import NewEvent
from server.stores import database
from server.stores.chain import Broken, Head, Link, check, follow, genesis
from server.stores.failed import StoreFailed
from server.stores.memory import MemoryStore
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore
from server.stores.verify import Mark, verify
from tests.contracts.chained import stored

A, B = "pk_one/a", "pk_two/b"
COLUMNS = ("seq", "at_ms", "id", "kind", "role", "turn", "body", "salt", "commitment", "chain")


def history(who: str) -> list[NewEvent]:
    return [
        NewEvent("o", "opened", "customer", {"locale": "en"}),
        NewEvent("m1", "message", "customer", {"text": f"Grüße 🏕 {who}", "n": [1, 2.5, None]}),
        NewEvent("t1", "turn.started", "system", {"attempt": 1}, "t"),
        NewEvent("c1", "call.planned", "agent", {"call": "x", "tool": "refund", "args": {"amount": "50.00"}}, "t"),
        NewEvent("t2", "turn.ended", "system", {"reason": "answered", "answers": ["m1"]}, "t"),
    ]


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore | SqliteStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with Owner(tmp_path) as owner:
        opened = SqliteStore.open(owner)
        yield opened
        await opened.close()


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data directory with two conversations of five events."""
    with Owner(tmp_path / "data") as owner:
        store = SqliteStore.open(owner)
        for key in (A, B):
            new = history(key)
            await store.append(key, new[:2])
            await store.append(key, new[2:])
        await store.close()
    return tmp_path / "data"


def change(data: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    with closing(sqlite3.connect(data / database.FILE)) as db, db:
        for sql, values in statements:
            db.execute(sql, values)


def number(data: Path, key: str) -> int:
    with closing(sqlite3.connect(data / database.FILE)) as db:
        return int(db.execute("SELECT n FROM conversations WHERE key = ?", (key,)).fetchone()[0])


async def test_every_store_chains_each_event_to_all_before_it_however_they_were_appended(store):
    new = history("a")
    await store.append(A, new[:1])
    await store.append(A, new[1:4])
    await store.append(A, new[:5])
    rows = await store.rows(A)
    assert [row.event.seq for row in rows] == [1, 2, 3, 4, 5]
    chain = genesis(A)
    for row in rows:
        e = row.event
        chain = follow(chain, Link(e.seq, e.at_ms, e.id, e.kind, e.role, e.turn, row.commitment))
        assert row.chain == chain
    assert check(Head(A, 5, chain), list(map(stored, rows))) is None


async def test_an_erasure_takes_the_words_and_leaves_the_chain(store):
    await store.append(A, history("a"))
    before = await store.rows(A)
    await store.erase(A)
    after = await store.rows(A)
    assert [row.chain for row in after] == [row.chain for row in before]
    assert all((row.body_json, row.salt) == (b"{}", b"") for row in after)
    assert check(Head(A, 5, before[-1].chain, erased=True), map(stored, after)) is None
    assert check(Head(A, 5, before[-1].chain), map(stored, after)) == Broken(
        A, 1, "kind, role, body, salt or commitment was changed"
    )


async def test_each_changed_byte_of_each_row_is_found_at_its_row(store):
    await store.append(A, history("a"))
    rows = list(map(stored, await store.rows(A)))
    head = Head(A, len(rows), rows[-1].chain)
    tried = 0
    for n, row in enumerate(rows):
        for column in COLUMNS:
            for value in changes(getattr(row, column)):
                changed = [*rows[:n], replace(row, **{column: value}), *rows[n + 1 :]]
                found = check(head, changed)
                assert found is not None, (n, column, value)
                assert found.seq == n + 1, (found, column, value)
                tried += 1
    assert tried > 2_000


def changes(value: object) -> list[object]:
    """The value with each of its bytes changed in several ways; for a number and for nothing, other values."""
    match value:
        case None:
            return ["", "x", 0]
        case int():
            return [value + 1, value - 1, -value, float(value), str(value), None]
        case str():
            return [text.decode("utf-8", "surrogateescape") for text in flipped(value.encode())] + [value + " ", None]
        case bytes():
            return [*flipped(value), value + b"\0", value[:-1], value.hex(), None]
    raise AssertionError(value)


def flipped(data: bytes) -> list[bytes]:
    return [data[:n] + bytes([data[n] ^ bit]) + data[n + 1 :] for n in range(len(data)) for bit in (1, 0x20, 0x80)]


async def test_an_untouched_log_is_whole_and_its_heads_are_told(data: Path):
    found = verify(data)
    assert found.broken == []
    assert [(head.conversation, head.events, head.erased) for head in found.heads] == [(A, 5, False), (B, 5, False)]
    assert verify(data, site="pk_one").heads == found.heads[:1]
    assert verify(data, conversation=B).heads == found.heads[1:]


async def test_it_can_be_checked_beside_a_server_that_writes(data: Path):
    with Owner(data) as owner:
        store = SqliteStore.open(owner)
        await store.append(A, [NewEvent("m2", "message", "customer", {"text": "more"})])
        found = verify(data)
        assert found.broken == []
        assert [head.events for head in found.heads] == [6, 5]
        await store.close()


async def test_a_changed_value_in_the_file_is_found_in_every_column_of_every_row(data: Path):
    for seq in range(1, 6):
        for column in COLUMNS:
            with closing(sqlite3.connect(data / database.FILE)) as db:
                [before] = db.execute(
                    f"SELECT {column} FROM events WHERE conversation = ? AND seq = ?", (number(data, A), seq)
                ).fetchone()
            after = changes(before)[0] if column != "seq" else 99
            target = (number(data, A), seq)
            change(data, (f"UPDATE events SET {column} = ? WHERE conversation = ? AND seq = ?", (after, *target)))
            [broken] = verify(data).broken
            assert (broken.conversation, broken.seq) == (A, seq), (column, broken)
            there = (target[0], 99 if column == "seq" else seq)
            change(data, (f"UPDATE events SET {column} = ? WHERE conversation = ? AND seq = ?", (before, *there)))
    assert verify(data).broken == []


@pytest.mark.parametrize(
    ("sql", "seq"),
    [
        ("DELETE FROM events WHERE conversation = :a AND seq = 1", 1),
        ("DELETE FROM events WHERE conversation = :a AND seq = 3", 3),
        ("DELETE FROM events WHERE conversation = :a AND seq >= 4", 4),
        ("DELETE FROM events WHERE conversation = :a", 1),
        ("UPDATE events SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE conversation = :a AND seq IN (2, 3)", 1),
        ("UPDATE events SET conversation = :b, seq = 6, id = 't9' WHERE conversation = :a AND seq = 5", 5),
        ("UPDATE events SET body = '{}', salt = x'' WHERE conversation = :a", 1),
        ("UPDATE events SET body = '{}' WHERE conversation = :a AND seq = 4", 4),
        ("UPDATE conversations SET head = 4 WHERE n = :a", 0),
        ("UPDATE conversations SET chain = x'00' WHERE n = :a", 5),
        ("UPDATE conversations SET last_ms = last_ms + 1 WHERE n = :a", 5),
        ("UPDATE conversations SET site = 'pk_two' WHERE n = :a", 0),
        ("UPDATE conversations SET summary = 'no json' WHERE n = :a", 0),
        ("UPDATE conversations SET key = 'pk_one/z' WHERE n = :a", 0),
    ],
)
async def test_what_is_removed_moved_or_contradicts_itself_is_found(data: Path, sql: str, seq: int):
    with closing(sqlite3.connect(data / database.FILE)) as db, db:
        names = {"a": number(data, A), "b": number(data, B)}
        db.execute(sql, {key: value for key, value in names.items() if f":{key}" in sql})
    found = [broken for broken in verify(data).broken if broken.conversation != B]
    assert [broken.seq for broken in found] == [seq], found


async def test_an_event_beyond_the_head_is_found_though_it_is_chained(data: Path):
    change(
        data,
        (
            "UPDATE conversations SET head = 4, summary = json_set(summary, '$.head', 4),"
            " chain = (SELECT chain FROM events WHERE conversation = n AND seq = 4) WHERE key = ?",
            (A,),
        ),
    )
    [broken] = verify(data).broken
    assert (broken.seq, broken.what) == (5, "added: the conversation's head is 4")


@pytest.mark.parametrize("column", ['body = \'{"text":"x"}\'', "salt = x'00'"])
async def test_content_in_an_erased_conversation_is_found(data: Path, column: str):
    with Owner(data) as owner:
        store = SqliteStore.open(owner)
        await store.erase(A)
        await store.close()
    change(data, (f"UPDATE events SET {column} WHERE conversation = ? AND seq = 3", (number(data, A),)))
    [broken] = verify(data).broken
    assert (broken.conversation, broken.seq) == (A, 3)


async def test_two_exchanged_rows_are_found_at_the_first(data: Path):
    a = number(data, A)
    change(
        data,
        ("UPDATE events SET seq = -2 WHERE conversation = ? AND seq = 2", (a,)),
        ("UPDATE events SET seq = 2 WHERE conversation = ? AND seq = 4", (a,)),
        ("UPDATE events SET seq = 4 WHERE conversation = ? AND seq = -2", (a,)),
    )
    assert [broken.seq for broken in verify(data).broken] == [2]


async def test_two_exchanged_conversations_are_found_though_each_is_whole_in_itself(data: Path):
    a, b = number(data, A), number(data, B)
    change(
        data,
        ("UPDATE events SET conversation = -1 WHERE conversation = ?", (a,)),
        ("UPDATE events SET conversation = ? WHERE conversation = ?", (a, b)),
        ("UPDATE events SET conversation = ? WHERE conversation = -1", (b,)),
    )
    assert [(broken.conversation, broken.seq) for broken in verify(data).broken] == [(A, 1), (B, 1)]


async def test_events_of_no_conversation_are_found(data: Path):
    change(data, ("DELETE FROM conversations WHERE key = ?", (A,)))
    [broken] = verify(data).broken
    assert "not there" in broken.what


def rewrite(data: Path, key: str, *, keep: int) -> None:
    """What somebody does who knows all of this: other words, fewer rows, and everything chained anew."""
    n = number(data, key)
    with closing(sqlite3.connect(data / database.FILE)) as db, db:
        db.execute("DELETE FROM events WHERE conversation = ? AND seq > ?", (n, keep))
        [last_ms] = db.execute("SELECT max(at_ms) FROM events WHERE conversation = ?", (n,)).fetchone()
        db.execute("UPDATE events SET id = 'forged' WHERE conversation = ? AND seq = 1", (n,))
        db.execute(
            "UPDATE conversations SET head = ?, last_ms = ?, summary = json_set(summary, '$.head', ?) WHERE n = ?",
            (keep, last_ms, keep, n),
        )
        database._chain(db)


@pytest.mark.parametrize(("keep", "what"), [(5, "rewritten"), (3, "missing")])
async def test_a_history_rewritten_as_a_whole_is_found_only_by_heads_kept_outside(data: Path, keep: int, what: str):
    kept = {head.conversation: Mark(head.conversation, head.events, head.chain) for head in verify(data).heads}
    assert verify(data, against=kept).broken == []
    rewrite(data, A, keep=keep)
    assert verify(data).broken == []
    [broken] = verify(data, against=kept).broken
    assert broken.conversation == A
    assert broken.what.startswith(what)


async def test_a_conversation_that_is_gone_is_missed_by_heads_kept_outside(data: Path):
    kept = {head.conversation: Mark(head.conversation, head.events, head.chain) for head in verify(data).heads}
    a = number(data, A)
    change(data, ("DELETE FROM events WHERE conversation = ?", (a,)), ("DELETE FROM conversations WHERE n = ?", (a,)))
    assert verify(data).broken == []
    assert [broken.conversation for broken in verify(data, against=kept).broken] == [A]
    assert verify(data, site="pk_two", against=kept).broken == []


async def test_heads_kept_outside_stay_good_while_conversations_grow_and_are_erased(data: Path):
    kept = {head.conversation: Mark(head.conversation, head.events, head.chain) for head in verify(data).heads}
    with Owner(data) as owner:
        store = SqliteStore.open(owner)
        await store.append(A, [NewEvent("m2", "message", "customer", {"text": "more"})])
        await store.erase(B)
        await store.close()
    found = verify(data, against=kept)
    assert found.broken == []
    assert [(head.events, head.erased) for head in found.heads] == [(6, False), (5, True)]


async def test_a_log_of_an_older_version_is_chained_when_it_is_opened_and_refused_before(data: Path):
    before = verify(data).heads
    with closing(sqlite3.connect(data / database.FILE)) as db:
        db.execute("DROP TABLE words")
        db.execute("ALTER TABLE events DROP COLUMN chain")
        db.execute("ALTER TABLE conversations DROP COLUMN chain")
        db.execute(f"PRAGMA user_version={database.CHAINED - 1}")
    with pytest.raises(StoreFailed, match="start the server once"):
        verify(data)
    with Owner(data) as owner:
        store = SqliteStore.open(owner)
        await store.append(A, [NewEvent("m2", "message", "customer", {"text": "more"})])
        await store.close()
    found = verify(data, against={head.conversation: Mark(A, 5, head.chain) for head in before[:1]})
    assert found.broken == []
    assert found.heads[1] == before[1]


def test_where_there_is_no_log_that_is_said(tmp_path: Path):
    with pytest.raises(StoreFailed, match="there is none at"):
        verify(tmp_path)


async def test_a_conversation_that_is_not_in_the_log_is_named(data: Path):
    with pytest.raises(StoreFailed, match="pk_one/nobody"):
        verify(data, conversation="pk_one/nobody")
