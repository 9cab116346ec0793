"""What only the SQLite store promises: durability through SIGKILL, group commit, one owner, clear refusals, backup and restore.

Does not repeat the contract of every store: that is test_store.py.
"""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.events import NewEvent
from server.ports import Find
from server.stores import backup, database
from server.stores.failed import StoreFailed
from server.stores.owner import Owned, Owner
from server.stores.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
A = "pk_one/a"


def said(event_id: str, text: str = "hello") -> NewEvent:
    return NewEvent(event_id, "message", "customer", {"text": text})


@pytest.fixture
def owner(tmp_path: Path):
    with Owner(tmp_path / "data") as held:
        yield held


@pytest.fixture
async def store(owner: Owner) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(owner)
    yield opened
    await opened.close()


WRITER = """
import asyncio, os, sys
from pathlib import Path
from server.events import NewEvent
from server.stores.owner import Owner
from server.stores.sqlite import SqliteStore

async def main(data, generation):
    store = SqliteStore.open(Owner(Path(data)))
    async def client(who):
        for n in range(10**6):
            new = [NewEvent(f"{generation}-{n}-{part}", "message", "customer", {"text": "x" * 50}) for part in "ab"]
            events = await store.append(f"pk/{who}", new)
            # One write per line, so that a line is either there or not.
            os.write(1, f"{who} {events[0].seq} {events[0].id}\\n{who} {events[1].seq} {events[1].id}\\n".encode())
    await asyncio.gather(*(client(who) for who in range(8)))

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def killed_writer(data: Path, generation: int, lines: int) -> list[tuple[str, int, str]]:
    """Start a process that appends, kill it with SIGKILL once it has acknowledged so many events; what it acknowledged."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(data), str(generation)], stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        output = [process.stdout.readline() for _ in range(lines)]
        os.kill(process.pid, signal.SIGKILL)
        output += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    acknowledged = [line.split() for line in output if line.endswith(b"\n")]
    return [(who.decode(), int(seq), event_id.decode()) for who, seq, event_id in acknowledged]


async def test_whatever_was_acknowledged_survives_kill_9_whole_and_without_gaps(tmp_path: Path):
    acknowledged: dict[tuple[str, int], str] = {}
    epochs = set()
    for generation in range(5):
        for who, seq, event_id in killed_writer(tmp_path, generation, 40 + 61 * generation):
            assert acknowledged.setdefault((who, seq), event_id) == event_id, "one position was acknowledged twice"
        with Owner(tmp_path) as owner:
            store = SqliteStore.open(owner)
            epochs.add(store.epoch)
            for who in map(str, range(8)):
                events = await store.read(f"pk/{who}", limit=10**6)
                assert [event.seq for event in events] == list(range(1, len(events) + 1))
                # Each append had two events: never one of them.
                assert len(events) % 2 == 0
                kept = {event.seq: event.id for event in events}
                lost = {
                    key: value for key, value in acknowledged.items() if key[0] == who and kept.get(key[1]) != value
                }
                assert lost == {}
                assert (await store.heads([f"pk/{who}"]))[f"pk/{who}"] == len(events)
            await store.close()
    assert len(acknowledged) > 800
    assert len(epochs) == 1


async def test_appends_that_wait_together_are_committed_together(store: SqliteStore):
    seen: list[str] = []
    store._writer._db.set_trace_callback(seen.append)
    gate_in, gate_out = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(_db: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(gate_in.set)
        gate_out.wait(10)

    holding = asyncio.ensure_future(store._writer.run(hold))
    await gate_in.wait()
    appends = [asyncio.ensure_future(store.append(f"pk/{n}", [said("1")])) for n in range(50)]
    await asyncio.sleep(0)
    gate_out.set()
    await asyncio.gather(holding, *appends)
    assert seen.count("COMMIT") == 2
    assert len(await store.find(Find())) == 50


async def test_a_cancelled_caller_harms_nobody(store: SqliteStore):
    tasks = [asyncio.ensure_future(store.append(A, [said(str(n))])) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, list) for outcome in outcomes[1::2])
    events = await store.read(A)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {str(n) for n in range(1, 20, 2)} <= {event.id for event in events}


async def test_closing_finishes_what_was_asked_for_and_refuses_the_rest(owner: Owner):
    store = SqliteStore.open(owner)
    tasks = [asyncio.ensure_future(store.append(A, [said(str(n))])) for n in range(30)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    assert len(await asyncio.gather(*tasks)) == 30
    with pytest.raises(StoreFailed, match="is closed"):
        await store.append(A, [said("x")])
    with pytest.raises(StoreFailed, match="is closed"):
        await store.read(A)
    again = SqliteStore.open(owner)
    assert await again.heads([A]) == {A: 30}
    await again.close()


async def test_writes_of_other_processes_are_noticed_and_own_ones_are_not(store: SqliteStore):
    assert not await store.changed()
    await store.append(A, [said("1")])
    assert not await store.changed()
    with sqlite3.connect(store.file) as other:
        other.execute("INSERT INTO meta VALUES ('x', 'y')")
    other.close()
    assert await store.changed()
    assert not await store.changed()


async def test_a_full_disk_refuses_the_append_in_words_and_keeps_the_rest(store: SqliteStore):
    await store.append(A, [said("1")])
    pages = await store._writer.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await store._writer.run(lambda db: db.execute(f"PRAGMA max_page_count={pages + 4}").fetchone())
    with pytest.raises(StoreFailed, match="no space left"):
        await store.append(A, [said("2", "x" * 100_000)])
    await store.append(A, [said("3")])
    assert [event.id for event in await store.read(A)] == ["1", "3"]
    await store._writer.run(lambda db: db.execute("PRAGMA max_page_count=1000000").fetchone())
    assert (await store.append(A, [said("2", "x" * 100_000)]))[0].seq == 3


async def test_leases_do_not_outlive_the_process(owner: Owner):
    store = SqliteStore.open(owner)
    assert await store.claim(A, "dead", 3600)
    await store.close()
    store = SqliteStore.open(owner)
    assert await store.claim(A, "alive", 5)
    await store.close()


async def test_what_was_erased_is_in_no_file_of_the_directory(owner: Owner):
    store = SqliteStore.open(owner)
    secret = "my card ends in 4242 unmistakably"
    await store.append(A, [NewEvent("i", "identified", "system", {"customer": "cust-unmistakable"}), said("1", secret)])
    await store.append(A, [said("2", "x" * 50_000 + secret)])
    await store.erase(A)

    def found() -> list[str]:
        return [
            file.name
            for file in owner.data.iterdir()
            if secret.encode() in file.read_bytes() or b"cust-unmistakable" in file.read_bytes()
        ]

    assert found() == []
    await store.close()
    assert found() == []


def test_a_second_owner_is_refused_and_told_whose_it_is(owner: Owner):
    with pytest.raises(Owned, match=rf"in use by a running Shopbell \(process {os.getpid()}\)"):
        Owner(owner.data)
    owner.release()
    owner.release()
    Owner(owner.data).release()


def test_ownership_ends_with_the_process(tmp_path: Path):
    code = (
        "import sys, time; from pathlib import Path; from server.stores.owner import Owner;"
        " owner = Owner(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Owned, match=f"process {process.pid}"):
            Owner(tmp_path)
        process.kill()
    Owner(tmp_path).release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreFailed, match="expected a directory that can be written"):
        Owner(tmp_path / "file" / "data")


def test_a_file_that_is_no_database_is_refused_and_left_alone(owner: Owner):
    file = owner.data / database.FILE
    file.write_bytes(b"once upon a time " * 100)
    with pytest.raises(StoreFailed, match="damaged or no database"):
        SqliteStore.open(owner)
    assert file.read_bytes().startswith(b"once upon")


async def test_a_damaged_log_is_refused_with_what_to_do(owner: Owner):
    store = SqliteStore.open(owner)
    await store.append(A, [said(str(n), "x" * 500) for n in range(200)])
    await store.close()
    with (owner.data / database.FILE).open("r+b") as file:
        for page in range(8, 20):
            file.seek(page * 4096 + 8)
            file.write(b"\xff" * 2000)
    with pytest.raises(StoreFailed, match="shopbell restore"):
        SqliteStore.open(owner)


def test_another_programs_database_is_refused(owner: Owner):
    db = sqlite3.connect(owner.data / database.FILE)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    with pytest.raises(StoreFailed, match="database of another program"):
        SqliteStore.open(owner)


async def test_a_newer_schema_is_refused_with_both_numbers(owner: Owner):
    await SqliteStore.open(owner).close()
    db = sqlite3.connect(owner.data / database.FILE)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StoreFailed, match=r"newer Shopbell \(schema 99, this one knows \d+\)"):
        SqliteStore.open(owner)


async def test_a_locked_log_is_refused_in_words(owner: Owner, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "BUSY_MS", 50)
    await SqliteStore.open(owner).close()
    db = sqlite3.connect(owner.data / database.FILE, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed, match="locked by another program"):
        SqliteStore.open(owner)
    db.execute("ROLLBACK")
    db.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreFailed, match="expected a directory that can be written"):
            Owner(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_an_interrupted_first_start_starts_again(owner: Owner):
    (owner.data / database.FILE).touch()
    db, epoch = database.open_log(owner.data / database.FILE)
    db.close()
    assert epoch


def test_the_schema_files_are_numbered_without_gaps_and_hold_whole_statements():
    found = database.migrations()
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    for _, sql in found:
        assert "\n".join(database.statements(sql)).strip() == sql.strip()


async def test_a_backup_made_under_load_is_whole_and_restores_with_a_new_epoch(tmp_path: Path, owner: Owner):
    store = SqliteStore.open(owner)
    stop, busy = asyncio.Event(), asyncio.Event()

    async def write(who: int) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            await store.append(f"pk/{who}", [said(f"{n}-a"), said(f"{n}-b")])
            if n == 50:
                busy.set()

    writers = [asyncio.ensure_future(write(who)) for who in range(4)]
    await busy.wait()
    before = await store.heads([f"pk/{who}" for who in range(4)])
    await store.backup(tmp_path / "saved.db")
    stop.set()
    await asyncio.gather(*writers)
    await store.append("pk/0", [said("after the backup")])
    old_epoch = store.epoch
    await store.close()
    owner.release()

    new_epoch = backup.restore(owner.data, tmp_path / "saved.db")
    with Owner(owner.data) as again:
        restored = SqliteStore.open(again)
        assert restored.epoch == new_epoch != old_epoch
        for key, head in before.items():
            events = await restored.read(key, limit=10**6)
            assert len(events) >= head
            assert len(events) % 2 == 0
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert "after the backup" not in [event.id for event in await restored.read("pk/0", limit=10**6)]
        await restored.close()
    assert "after the backup" in ids_in(owner.data / backup.REPLACED)


def ids_in(file: Path) -> list[str]:
    db = sqlite3.connect(file)
    found = [row[0] for row in db.execute("SELECT id FROM events")]
    db.close()
    return found


async def test_a_backup_overwrites_nothing_and_leaves_nothing_behind(tmp_path: Path, store: SqliteStore):
    await store.append(A, [said("1")])
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(StoreFailed, match="exists; a backup overwrites nothing"):
        await store.backup(tmp_path / "precious")
    assert (tmp_path / "precious").read_text() == "mine"
    with pytest.raises(StoreFailed, match="cannot be written"):
        await store.backup(tmp_path / "no-such-directory" / "x.db")
    backup.backup(store.file.parent, tmp_path / "x.db")
    assert sorted(os.listdir(tmp_path)) == ["data", "precious", "x.db"]
    assert (tmp_path / "x.db").stat().st_mode & 0o077 == 0


async def test_restoring_under_a_running_server_is_refused(tmp_path: Path, store: SqliteStore):
    await store.append(A, [said("1")])
    await store.backup(tmp_path / "x.db")
    with pytest.raises(Owned):
        backup.restore(store.file.parent, tmp_path / "x.db")
    assert await store.heads([A]) == {A: 1}


async def test_restoring_a_wrong_file_leaves_the_log_as_it_was(tmp_path: Path, owner: Owner):
    store = SqliteStore.open(owner)
    await store.append(A, [said("1")])
    await store.close()
    owner.release()
    (tmp_path / "x.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreFailed, match="damaged or no database"):
        backup.restore(owner.data, tmp_path / "x.db")
    with pytest.raises(StoreFailed, match="there is none at"):
        backup.restore(owner.data, tmp_path / "missing.db")
    assert ids_in(owner.data / database.FILE) == ["1"]


async def test_a_backup_can_take_the_place_of_a_damaged_log_and_of_none(tmp_path: Path, owner: Owner):
    store = SqliteStore.open(owner)
    await store.append(A, [said("1")])
    await store.backup(tmp_path / "x.db")
    await store.close()
    owner.release()
    (owner.data / database.FILE).write_bytes(b"broken" * 1000)
    for data in (owner.data, tmp_path / "fresh"):
        backup.restore(data, tmp_path / "x.db")
        with Owner(data) as again:
            restored = SqliteStore.open(again)
            assert [event.id for event in await restored.read(A)] == ["1"]
            await restored.close()
    assert (owner.data / backup.REPLACED).read_bytes().startswith(b"broken")
