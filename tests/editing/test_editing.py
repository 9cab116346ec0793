"""Editing: what is saved is checked, versioned and undoable; nothing of anybody else's is overwritten; a crash halves nothing."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from server.editing import BadPath, Conflict, Editing, Invalid, files
from server.editing.history import FILE
from server.site import Problem

ADA = "ada@example.com"


def made(place: Path, check=lambda site, path, text: []) -> Editing:
    shop = place / "shop"
    shop.mkdir(exist_ok=True)
    times = iter(range(1_000, 100_000))
    return Editing(place / "data", {"pk_a": shop}, check=check, clock_ms=lambda: next(times))


def save(editing: Editing, path: str, text: str | None, what: str = "something"):
    base = editing.read("pk_a", path).sha256
    return editing.save("pk_a", path, text, base=base, by=ADA, what=what)


def test_a_file_is_written_as_it_was_given_and_its_version_says_who_when_and_what(tmp_path):
    editing = made(tmp_path)
    assert editing.read("pk_a", "site.yaml").sha256 == ""
    version = save(editing, "site.yaml", "key: pk_a\n", "The key")
    assert version is not None
    assert (tmp_path / "shop/site.yaml").read_text() == "key: pk_a\n"
    assert (version.by, version.what, version.before, version.after) == (ADA, "The key", None, "key: pk_a\n")
    assert editing.history("pk_a") == [version]
    assert stat.S_IMODE((tmp_path / "data" / FILE).stat().st_mode) == 0o600


def test_saving_what_the_file_says_already_makes_no_version(tmp_path):
    editing = made(tmp_path)
    save(editing, "site.yaml", "key: pk_a\n")
    assert save(editing, "site.yaml", "key: pk_a\n") is None
    assert len(editing.history("pk_a")) == 1


def test_the_file_keeps_its_line_ends_and_its_mode_whatever_a_browser_sends(tmp_path):
    editing = made(tmp_path)
    file = tmp_path / "shop/help/a.md"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"# A\r\nold\r\n")
    file.chmod(0o640)
    save(editing, "help/a.md", "# A\r\nnew\n")
    assert file.read_bytes() == b"# A\r\nnew\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    save(editing, "help/b.md", "# B\r\n")
    assert (tmp_path / "shop/help/b.md").read_bytes() == b"# B\n"


def test_a_file_that_changed_since_is_not_overwritten(tmp_path):
    editing = made(tmp_path)
    save(editing, "site.yaml", "name: A\n")
    base = editing.read("pk_a", "site.yaml").sha256
    (tmp_path / "shop/site.yaml").write_text("name: by hand\n")
    with pytest.raises(Conflict) as error:
        editing.save("pk_a", "site.yaml", "name: B\n", base=base, by=ADA, what="name")
    assert error.value.current.text == "name: by hand\n"
    assert (tmp_path / "shop/site.yaml").read_text() == "name: by hand\n"
    assert len(editing.history("pk_a")) == 1


def test_a_file_that_changes_at_the_last_moment_is_not_overwritten_either(tmp_path):
    file = tmp_path / "shop/site.yaml"

    def check(site, path, text):
        file.write_text("name: meanwhile\n")
        return []

    editing = made(tmp_path, check)
    with pytest.raises(Conflict):
        save(editing, "site.yaml", "name: A\n")
    assert file.read_text() == "name: meanwhile\n"
    assert editing.history("pk_a") == []
    assert sorted(one.name for one in file.parent.iterdir()) == ["site.yaml"]


def test_what_would_have_errors_is_not_written(tmp_path):
    problem = Problem(tmp_path / "shop/site.yaml", 1, 1, "error", "wrong")
    editing = made(tmp_path, lambda site, path, text: [problem] if text == "wrong\n" else [])
    with pytest.raises(Invalid) as error:
        save(editing, "site.yaml", "wrong\n")
    assert error.value.problems == [problem]
    assert not (tmp_path / "shop/site.yaml").exists()
    assert editing.history("pk_a") == []


def test_every_version_can_be_taken_back_and_the_taking_back_too(tmp_path):
    editing = made(tmp_path)
    first = save(editing, "help/a.md", "# One\n")
    second = save(editing, "help/a.md", "# Two\n")
    third = save(editing, "help/a.md", None, "Removed")
    file = tmp_path / "shop/help/a.md"
    assert not file.exists()
    back = editing.undo("pk_a", third.id, ADA)
    assert file.read_text() == "# Two\n"
    assert editing.version("pk_a", third.id).undone_by == back.id
    assert editing.undo("pk_a", second.id, ADA).undoes == second.id
    assert file.read_text() == "# One\n"
    with pytest.raises(Conflict):  # the file says "One" again, which is not what the second version wrote
        editing.undo("pk_a", second.id, ADA)
    editing.undo("pk_a", first.id, ADA)
    assert not file.exists()
    newest = editing.history("pk_a")[0]
    editing.undo("pk_a", newest.id, ADA)
    assert file.read_text() == "# One\n"


def test_an_older_version_is_not_taken_back_over_a_newer_one(tmp_path):
    editing = made(tmp_path)
    first = save(editing, "site.yaml", "name: A\n")
    save(editing, "site.yaml", "name: B\n")
    with pytest.raises(Conflict):
        editing.undo("pk_a", first.id, ADA)
    with pytest.raises(LookupError):
        editing.undo("pk_a", 99, ADA)


def test_history_is_newest_first_of_one_file_or_of_all_and_goes_on_before_an_id(tmp_path):
    editing = made(tmp_path)
    ids = [save(editing, path, f"{n}\n").id for n, path in enumerate(["site.yaml", "tools.yaml", "site.yaml"])]
    assert [one.id for one in editing.history("pk_a")] == ids[::-1]
    assert [one.id for one in editing.history("pk_a", "site.yaml")] == [ids[2], ids[0]]
    assert [one.id for one in editing.history("pk_a", before=ids[2], limit=1)] == [ids[1]]
    assert editing.history("pk_b") == []
    assert editing.version("pk_b", ids[0]) is None


@pytest.mark.parametrize("moment", ["before the file", "behind the file"])
def test_a_crash_in_between_leaves_both_or_neither(tmp_path, monkeypatch, moment):
    editing = made(tmp_path)
    save(editing, "site.yaml", "name: A\n")

    class Crash(BaseException):
        pass

    def replace(source, target):
        if moment == "behind the file":
            os.rename(source, target)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", replace)
        # A process that dies settles nothing, and cleans up nothing.
        patch.setattr(editing._history, "settle", lambda version, happened: None)
        patch.setattr(files.Path, "unlink", lambda self, missing_ok=False: None)
        with pytest.raises(Crash):
            save(editing, "site.yaml", "name: B\n")
    editing.close()
    again = made(tmp_path)
    text = (tmp_path / "shop/site.yaml").read_text()
    assert text == ("name: A\n" if moment == "before the file" else "name: B\n")
    assert again.history("pk_a")[0].after == text
    assert [one.name for one in (tmp_path / "shop").iterdir()] == ["site.yaml"]


def test_what_was_changed_by_hand_after_a_crash_counts_as_written(tmp_path):
    editing = made(tmp_path)
    save(editing, "site.yaml", "name: A\n")
    editing.close()
    db = sqlite3.connect(tmp_path / "data" / FILE)
    db.execute("UPDATE versions SET pending = 1")
    db.commit()
    db.close()
    (tmp_path / "shop/site.yaml").write_text("name: by hand\n")
    assert [one.after for one in made(tmp_path).history("pk_a")] == ["name: A\n"]


@pytest.mark.parametrize(
    "path",
    [
        "plugin.py",
        "/etc/passwd",
        "../site.yaml",
        "help/../plugin.py",
        "help/../../x.md",
        "help/.hidden.md",
        "help/a.html",
        "help/a.md/../b.md",
        "workflows/a/b.yaml",
        "workflows/../tools.yaml",
        "help//a.md",
        "help/a\n.md",
        "help/a.md\x00",
        "site.yaml\n",
        "",
    ],
)
def test_no_other_file_can_be_read_or_written(tmp_path, path):
    editing = made(tmp_path)
    with pytest.raises(BadPath):
        editing.read("pk_a", path)
    with pytest.raises(BadPath):
        editing.save("pk_a", path, "x", base="", by=ADA, what="")


def test_a_link_out_of_the_shop_leads_nowhere_and_one_inside_is_followed(tmp_path):
    editing = made(tmp_path)
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    help_dir = tmp_path / "shop/help"
    help_dir.mkdir()
    (help_dir / "out.md").symlink_to(tmp_path / "secret.md")
    (help_dir / "dir").symlink_to(tmp_path / "elsewhere")
    for path in ("help/out.md", "help/dir/new.md"):
        with pytest.raises(BadPath):
            editing.read("pk_a", path)
        with pytest.raises(BadPath):
            editing.save("pk_a", path, "x", base="", by=ADA, what="")
    (tmp_path / "shop/real.yaml").write_text("name: A\n")
    (tmp_path / "shop/site.yaml").symlink_to("real.yaml")
    save(editing, "site.yaml", "name: B\n")
    assert (tmp_path / "shop/site.yaml").is_symlink()
    assert (tmp_path / "shop/real.yaml").read_text() == "name: B\n"


def test_a_file_that_is_no_utf_8_or_too_large_is_refused_in_words(tmp_path):
    editing = made(tmp_path)
    (tmp_path / "shop/site.yaml").write_bytes(b"\xff")
    with pytest.raises(BadPath, match="UTF-8"):
        editing.read("pk_a", "site.yaml")
    with pytest.raises(Invalid, match="1,000,000 bytes"):
        save(editing, "tools.yaml", "#" * 1_000_001)
