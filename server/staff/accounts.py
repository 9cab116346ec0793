"""Accounts: the people at the desk, their passwords, pictures, sessions and roles. Kept in DATA/staff.db.

It sends nothing and knows no HTTP. Passwords and session tokens are kept as hashes only.
"""

import hashlib
import hmac
import re
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.staff.people import LockedOut, Role, Staff, StaffError, StaffSession

FILE: Final = "staff.db"
MIN_PASSWORD: Final = 12
"""Characters; NIST SP 800-63B (2025) asks for 15 without, 8 with a second factor; a desk behind lock-out is between."""
MAX_PASSWORD: Final = 256
"""Longer ones only cost hashing time."""
TRIES: Final = 5
"""Wrong passwords in a row for one account before it is locked."""
LOCKED_MS: Final = 15 * 60_000
ADDRESS_TRIES: Final = 30
"""Wrong passwords from one address in the same time, over all accounts."""
IDLE_MS: Final = 12 * 3_600_000
"""A working day: a desk that nobody touched for longer is signed out."""
SESSION_MS: Final = 7 * 24 * 3_600_000
ROTATE_MS: Final = 3_600_000
"""The cookie's value changes every hour: a stolen one is of little use, and its use shows."""
GRACE_MS: Final = 60_000
"""How long the value before is still good: for requests that were under way."""
INVITE_MS: Final = 24 * 3_600_000

_SPEAKS: Final = "speaks:"
_SKILL: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_PICTURES: Final = "/picture/"
"""Begins the paths of pictures; what else an account of an older version names is not shown."""
_COLUMNS: Final = "id, email, name, role, sites, skills, picture"
_EMAIL: Final = re.compile(r"[^\s@<>\"',;:\\]{1,64}@[^\s@<>\"',;:\\]{1,255}")
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS staff (
  id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL, sites TEXT NOT NULL,
  password TEXT NOT NULL, made_ms INTEGER NOT NULL, picture TEXT, skills TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS sessions (
  token TEXT PRIMARY KEY, staff TEXT NOT NULL, secret TEXT NOT NULL, made_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL,
  turned_ms INTEGER NOT NULL, before TEXT, before_until_ms INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS sessions_before ON sessions (before);
CREATE TABLE IF NOT EXISTS failures (who TEXT PRIMARY KEY, count INTEGER NOT NULL, first_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pictures (path TEXT PRIMARY KEY, staff TEXT NOT NULL UNIQUE, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS invites (token TEXT PRIMARY KEY, made_ms INTEGER NOT NULL);
"""


class Accounts:
    """The accounts of one data directory. Every method blocks for milliseconds, `verify` for about 50: call it in a thread."""

    def __init__(self, data: Path, *, clock_ms: Callable[[], int], hasher: PasswordHasher | None = None) -> None:
        """`hasher` is for tests, which have no time for the real one: argon2id, 64 MiB, 3 passes (RFC 9106)."""
        data.mkdir(parents=True, exist_ok=True)
        file = data / FILE
        file.touch(mode=0o600)
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=5)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._clock_ms = clock_ms
        self._hasher = hasher or PasswordHasher()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    # People

    def add(  # noqa: PLR0913 - keyword-only: what is known of a person
        self,
        email: str,
        password: str,
        *,
        name: str = "",
        role: Role = "agent",
        sites: frozenset[str] = frozenset(),
        languages: Iterable[str] = (),
        skills: Iterable[str] = (),
    ) -> Staff:
        """Add a person, or change everything but name and picture of the one with this address; their sessions end.

        Raises:
            StaffError: no e-mail address, a password that is too short or too long, or something else that is none.
        """
        email = email.strip().lower()
        if not _EMAIL.fullmatch(email):
            raise StaffError(f"expected an e-mail address, got {email!r}")
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise StaffError(f"expected a password of {MIN_PASSWORD} to {MAX_PASSWORD} characters, got {len(password)}")
        speaks = frozenset(_formed(languages, _LANGUAGE, "a language tag such as de"))
        can = frozenset(_formed(skills, _SKILL, "the name of an agent or a topic"))
        stored = " ".join([*sorted(can), *(f"{_SPEAKS}{code}" for code in sorted(speaks))])
        hashed = self._hasher.hash(password)
        with self._write() as db:
            row = db.execute("SELECT id, name, picture FROM staff WHERE email = ?", (email,)).fetchone()
            staff_id = row[0] if row else f"s:{secrets.token_urlsafe(9)}"
            called = name.strip() or (row[1] if row else email.partition("@")[0].replace(".", " ").title())
            db.execute(
                "INSERT INTO staff (id, email, name, role, sites, password, made_ms, skills) VALUES"
                " (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (email) DO UPDATE SET name = excluded.name,"
                " role = excluded.role, sites = excluded.sites, password = excluded.password,"
                " skills = excluded.skills",
                (staff_id, email, called, role, " ".join(sorted(sites)), hashed, self._clock_ms(), stored),
            )
            db.execute("DELETE FROM sessions WHERE staff = ?", (staff_id,))
            db.execute("DELETE FROM failures WHERE who = ?", (email,))
        return Staff(staff_id, email, called, role, sites, speaks, can, _picture(row[2]) if row else None)

    def everybody(self) -> list[Staff]:
        """All accounts, by address."""
        with self._lock:
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM staff ORDER BY email").fetchall()  # noqa: S608 - a constant
        return [_staff(row) for row in rows]

    def remove(self, email: str) -> bool:
        """Remove an account and its sessions; whether there was one.

        Raises:
            StaffError: it is the last admin's.
        """
        email = email.strip().lower()
        people = {one.email: one for one in self.everybody()}
        admins = [one for one in people.values() if one.role == "admin"]
        if email in people and admins == [people[email]]:
            raise StaffError("this is the last admin; make another one first")
        with self._write() as db:
            row = db.execute("SELECT id FROM staff WHERE email = ?", (email,)).fetchone()
            if row is None:
                return False
            db.execute("DELETE FROM sessions WHERE staff = ?", row)
            db.execute("DELETE FROM pictures WHERE staff = ?", row)
            db.execute("DELETE FROM staff WHERE id = ?", row)
        return True

    # Pictures

    def set_picture(self, staff_id: str, content: bytes | None) -> str | None:
        """Give a person this picture (a JPEG of `server.pictures.square`), or none; returns its path.

        The path cannot be guessed, and stays as long as the person has a picture: what was said before shows the new one.
        """
        with self._write() as db:
            row = db.execute("SELECT path FROM pictures WHERE staff = ?", (staff_id,)).fetchone()
            path = None if content is None else row[0] if row else f"{_PICTURES}{secrets.token_urlsafe(24)}"
            if path is None:
                db.execute("DELETE FROM pictures WHERE staff = ?", (staff_id,))
            else:
                db.execute("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?)", (path, staff_id, content))
            db.execute("UPDATE staff SET picture = ? WHERE id = ?", (path, staff_id))
        return path

    def picture(self, path: str) -> bytes | None:
        """The picture at this path; None if there is none, or not any more."""
        with self._lock:
            row = self._db.execute("SELECT content FROM pictures WHERE path = ?", (path,)).fetchone()
        return row[0] if row else None

    # Signing in

    def verify(self, email: str, password: str, address: str) -> Staff | None:
        """The person with this address and password, or None; every failure counts against both account and address.

        Raises:
            LockedOut: too many failures.
        """
        email = email.strip().lower()[:320]
        places = {email: TRIES, f"from {address}": ADDRESS_TRIES}
        self._count(places)  # before the slow part, so that tries at the same time count each other
        with self._lock:
            row = self._db.execute(
                f"SELECT {_COLUMNS}, password FROM staff WHERE email = ?",  # noqa: S608 - a constant
                (email,),
            ).fetchone()
        try:
            if row is None:  # for an account that does not exist, an answer takes as long
                self._hasher.hash(password[:MAX_PASSWORD])
            good = row is not None and self._hasher.verify(row[-1], password[:MAX_PASSWORD])
        except (VerificationError, InvalidHashError):
            good = False
        if good:
            with self._write() as db:
                db.execute("DELETE FROM failures WHERE who = ?", (email,))
                db.execute("UPDATE failures SET count = count - 1 WHERE who = ?", (f"from {address}",))
        return _staff(row) if good else None

    def _count(self, places: dict[str, int]) -> None:
        """Count a try for each of these, unless one has had too many."""
        now_ms = self._clock_ms()
        with self._write() as db:
            for who, tries in places.items():
                db.execute("DELETE FROM failures WHERE who = ? AND first_ms <= ?", (who, now_ms - LOCKED_MS))
                row = db.execute("SELECT count, first_ms FROM failures WHERE who = ?", (who,)).fetchone()
                if row is not None and row[0] >= tries:
                    raise LockedOut((row[1] + LOCKED_MS - now_ms) / 1000)
            for who in places:
                db.execute(
                    "INSERT INTO failures VALUES (?, 1, ?) ON CONFLICT (who) DO UPDATE SET count = count + 1",
                    (who, now_ms),
                )

    # Sessions

    def open_session(self, staff: Staff) -> str:
        """A new session; returns the cookie's value, which is not kept."""
        token = secrets.token_urlsafe(32)
        now_ms = self._clock_ms()
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE made_ms < ? OR used_ms < ?", (now_ms - SESSION_MS, now_ms - IDLE_MS))
            db.execute(
                "INSERT INTO sessions (token, staff, secret, made_ms, used_ms, turned_ms) VALUES (?, ?, ?, ?, ?, ?)",
                (_hash(token), staff.id, secrets.token_urlsafe(32), now_ms, now_ms, now_ms),
            )
        return token

    def session(self, token: str, *, turn: bool = False) -> StaffSession | None:
        """Whose session this is; None if it has ended. With `turn` an old cookie value is replaced by a new one."""
        now_ms = self._clock_ms()
        hashed = _hash(token)
        with self._write() as db:
            row = self._used(db, "s.token = ? OR (s.before = ? AND s.before_until_ms > ?)", (hashed, hashed, now_ms))
            if row is None:
                return None
            turned = None
            if turn and row[0] == hashed and now_ms >= row[4] + ROTATE_MS:
                turned = secrets.token_urlsafe(32)
                db.execute(
                    "UPDATE sessions SET token = ?, before = ?, before_until_ms = ?, turned_ms = ? WHERE token = ?",
                    (_hash(turned), hashed, now_ms + GRACE_MS, now_ms, hashed),
                )
        csrf = hmac.new(row[1].encode(), b"csrf", hashlib.sha256).hexdigest()
        return StaffSession(_staff(row[5:]), _hash(row[1])[:16], csrf, turned)

    def standing(self, session_id: str) -> Staff | None:
        """Whose session this still is, by its id: a socket keeps the cookie it came with, and another tab may turn it."""
        with self._write() as db:
            known = (secret for (secret,) in db.execute("SELECT secret FROM sessions").fetchall())
            mine = next((secret for secret in known if _hash(secret)[:16] == session_id), "")
            row = self._used(db, "s.secret = ?", (mine,))
        return _staff(row[5:]) if row is not None else None

    def _used(self, db: sqlite3.Connection, which: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The session's and the person's columns, noted as in use now; None if there is none, or it has ended."""
        now_ms = self._clock_ms()
        row: tuple[Any, ...] | None = db.execute(
            "SELECT s.token, s.secret, s.made_ms, s.used_ms, s.turned_ms, p.id, p.email, p.name, p.role, p.sites, p.skills,"  # noqa: S608 - constants
            f" p.picture FROM sessions s JOIN staff p ON p.id = s.staff WHERE {which}",
            values,
        ).fetchone()
        if row is None or now_ms >= row[2] + SESSION_MS or now_ms >= row[3] + IDLE_MS:
            return None
        db.execute("UPDATE sessions SET used_ms = ? WHERE secret = ?", (now_ms, row[1]))
        return row

    def close_session(self, token: str) -> None:
        """Sign this browser out."""
        hashed = _hash(token)
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE token = ? OR before = ?", (hashed, hashed))

    def close_all(self, staff_id: str) -> None:
        """Sign a person out everywhere."""
        with self._write() as db:
            db.execute("DELETE FROM sessions WHERE staff = ?", (staff_id,))

    # The first admin

    def invite(self) -> str | None:
        """A one-time token to make the first admin with, good for a day; None once there is an account."""
        token = secrets.token_urlsafe(24)
        with self._write() as db:
            if db.execute("SELECT 1 FROM staff LIMIT 1").fetchone() is not None:
                db.execute("DELETE FROM invites")
                return None
            db.execute("DELETE FROM invites")
            db.execute("INSERT INTO invites VALUES (?, ?)", (_hash(token), self._clock_ms()))
        return token

    def redeem(self, token: str, email: str, password: str, name: str = "") -> Staff:
        """Make the first admin. The token is used up.

        Raises:
            StaffError: the token is unknown, used or too old, or the account cannot be made.
        """
        with self._lock:
            row = self._db.execute("SELECT made_ms FROM invites WHERE token = ?", (_hash(token),)).fetchone()
            taken = self._db.execute("SELECT 1 FROM staff LIMIT 1").fetchone() is not None
        if row is None or taken or self._clock_ms() >= row[0] + INVITE_MS:
            raise StaffError("this link has been used or is too old; restart the server for a new one")
        staff = self.add(email, password, name=name, role="admin")
        with self._write() as db:
            db.execute("DELETE FROM invites")
        return staff

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One transaction; other processes (`shopbell staff add`) may write too."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _staff(row: tuple[Any, ...]) -> Staff:
    """From the `_COLUMNS` that a row begins with. Languages stand among the skills, with a mark before them."""
    role: Role = "admin" if row[3] == "admin" else "agent"
    words = row[5].split()
    languages = frozenset(word.removeprefix(_SPEAKS) for word in words if word.startswith(_SPEAKS))
    skills = frozenset(word for word in words if not word.startswith(_SPEAKS))
    return Staff(row[0], row[1], row[2], role, frozenset(row[4].split()), languages, skills, _picture(row[6]))


def _picture(stored: str | None) -> str | None:
    return stored if stored is not None and stored.startswith(_PICTURES) else None


def _formed(words: Iterable[str], pattern: re.Pattern[str], expected: str) -> Iterator[str]:
    for word in words:
        small = word.strip().lower()
        if not pattern.fullmatch(small):
            raise StaffError(f"expected {expected}, got {word!r}")
        yield small


def _hash(token: str) -> str:
    # 256 random bits need no salt and no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
