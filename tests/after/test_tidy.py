"""Files that were begun and never sent are deleted; those that a message names stay."""

from server.events import NewEvent
from server.files import Files, Kept, digest, shown_name
from server.insights import Table
from server.log import Log
from server.records import Records
from server.stores.memory import MemoryStore

KEY = "pk_a/c:1"


def kept(name, at_ms):
    return Kept(name, f"{name}.png", "image/png", 1, digest(b"x"), at_ms, "customer")


async def test_what_no_message_names_is_deleted_once_it_is_old(tmp_path):
    log, files = Log(MemoryStore()), Files(tmp_path)
    sent = kept("sent", 1)
    for file in (sent, kept("old", 2), kept("new", 1_000)):
        files.keep(KEY, file, b"x")
    await log.append(KEY, [NewEvent("m1", "message", "customer", {"text": "look", "files": [sent.wire()]})])
    assert await Records(log, files, Table(tmp_path)).tidy(500) == 1
    assert [file.id for file in files.of(KEY)] == ["sent", "new"]


def test_a_name_is_shown_on_one_line_without_a_path_or_what_cannot_be_seen():
    assert shown_name("../../etc/passwd") == "passwd"
    assert shown_name("C:\\photos\\cup\u202egpj.exe") == "cupgpj.exe"
    assert shown_name("..") == shown_name("") == "file"
    assert len(shown_name("x" * 300 + ".jpeg")) <= 80
