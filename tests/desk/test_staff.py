"""Staff: passwords, lock-out, sessions that turn and end, and the first admin."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher

from server.staff import Accounts, LockedOut, StaffError
from server.staff import accounts as staff

GOOD = "correct horse battery"


class Clock:
    now_ms = 1_800_000_000_000

    def __call__(self):
        return self.now_ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def accounts(tmp_path, clock):
    made = Accounts(tmp_path, clock_ms=clock, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield made
    made.close()


def test_the_right_password_opens_and_no_other(accounts):
    ada = accounts.add("Ada@Example.com", GOOD, role="admin")
    assert accounts.verify("ada@example.com ", GOOD, "1.2.3.4") == ada
    assert accounts.verify("ada@example.com", GOOD + "x", "1.2.3.4") is None
    assert accounts.verify("bob@example.com", GOOD, "1.2.3.4") is None


@pytest.mark.parametrize("length", [11, 257])
def test_a_password_has_12_to_256_characters(accounts, length):
    with pytest.raises(StaffError):
        accounts.add("ada@example.com", "x" * length)
    assert accounts.add("ada@example.com", "x" * (12 if length < 12 else 256))


@pytest.mark.parametrize("email", ["", "ada", "a@b@c", "a b@c", "a@b\r\nBcc: x@y"])
def test_what_is_no_address_is_refused(accounts, email):
    with pytest.raises(StaffError):
        accounts.add(email, GOOD)


def test_five_wrong_passwords_lock_an_account_for_fifteen_minutes(accounts, clock):
    accounts.add("ada@example.com", GOOD)
    for _ in range(5):
        assert accounts.verify("ada@example.com", "wrong", "1.2.3.4") is None
    with pytest.raises(LockedOut):
        accounts.verify("ada@example.com", GOOD, "5.6.7.8")
    clock.now_ms += staff.LOCKED_MS - 1
    with pytest.raises(LockedOut):
        accounts.verify("ada@example.com", GOOD, "5.6.7.8")
    clock.now_ms += 1
    assert accounts.verify("ada@example.com", GOOD, "5.6.7.8")


def test_a_right_password_forgets_the_wrong_ones(accounts):
    accounts.add("ada@example.com", GOOD)
    for _ in range(3):
        for _ in range(4):
            assert accounts.verify("ada@example.com", "wrong", "1.2.3.4") is None
        assert accounts.verify("ada@example.com", GOOD, "1.2.3.4")


def test_one_address_cannot_try_many_accounts(accounts):
    accounts.add("ada@example.com", GOOD)
    for n in range(staff.ADDRESS_TRIES):
        assert accounts.verify(f"a{n}@example.com", "wrong", "1.2.3.4") is None
    with pytest.raises(LockedOut):
        accounts.verify("ada@example.com", GOOD, "1.2.3.4")
    assert accounts.verify("ada@example.com", GOOD, "5.6.7.8")


def test_tries_at_the_same_time_count_each_other(accounts):
    accounts.add("ada@example.com", GOOD)

    def attempt(_):
        try:
            return accounts.verify("ada@example.com", "wrong", "1.2.3.4")
        except LockedOut:
            return "locked"

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(attempt, range(12)))
    assert found.count(None) == staff.TRIES


def test_a_session_ends_when_idle_when_old_and_on_signing_out(accounts, clock):
    ada = accounts.add("ada@example.com", GOOD)
    token = accounts.open_session(ada)
    clock.now_ms += staff.IDLE_MS - 1
    assert accounts.session(token).staff == ada
    clock.now_ms += staff.IDLE_MS
    assert accounts.session(token) is None
    token = accounts.open_session(ada)
    accounts.close_session(token)
    assert accounts.session(token) is None
    token, opened_ms = accounts.open_session(ada), clock.now_ms
    while clock.now_ms < opened_ms + staff.SESSION_MS - staff.IDLE_MS:
        clock.now_ms += staff.IDLE_MS - 1
        assert accounts.session(token)
    clock.now_ms = opened_ms + staff.SESSION_MS
    assert accounts.session(token) is None


def test_signing_out_everywhere_ends_all_sessions_and_nobody_elses(accounts):
    ada, bob = accounts.add("ada@example.com", GOOD), accounts.add("bob@example.com", GOOD)
    tokens = [accounts.open_session(ada) for _ in range(3)]
    other = accounts.open_session(bob)
    accounts.close_all(ada.id)
    assert [accounts.session(token) for token in tokens] == [None] * 3
    assert accounts.session(other)


def test_the_cookie_turns_every_hour_and_the_old_value_dies_after_a_minute(accounts, clock):
    token = accounts.open_session(accounts.add("ada@example.com", GOOD))
    assert accounts.session(token, turn=True).turned is None
    clock.now_ms += staff.ROTATE_MS
    turned = accounts.session(token, turn=True)
    assert turned.turned not in (None, token)
    assert accounts.session(token, turn=True).turned is None
    assert accounts.session(turned.turned).csrf == turned.csrf
    clock.now_ms += staff.GRACE_MS
    assert accounts.session(token) is None
    assert accounts.session(turned.turned)


def test_a_socket_s_session_stands_when_another_tab_has_turned_the_cookie_and_no_longer_than_it(accounts, clock):
    ada = accounts.add("ada@example.com", GOOD)
    token = accounts.open_session(ada)
    session, other = accounts.session(token), accounts.session(accounts.open_session(ada))
    clock.now_ms += staff.ROTATE_MS
    turned = accounts.session(token, turn=True).turned
    clock.now_ms += staff.GRACE_MS
    assert accounts.session(token) is None
    assert accounts.standing(session.id) == ada
    clock.now_ms += staff.IDLE_MS - 1
    assert accounts.standing(session.id) == ada  # whoever has the desk open is not idle
    accounts.close_session(turned)
    assert accounts.standing(session.id) is None
    assert accounts.standing(other.id) is None  # idle since it was opened
    assert accounts.standing("") is None


def test_a_new_password_ends_the_sessions(accounts):
    token = accounts.open_session(accounts.add("ada@example.com", GOOD))
    accounts.add("ada@example.com", GOOD + "!")
    assert accounts.session(token) is None


def test_neither_passwords_nor_cookies_are_in_the_file(accounts, tmp_path):
    token = accounts.open_session(accounts.add("ada@example.com", GOOD))
    accounts.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert GOOD.encode() not in kept
    assert token.encode() not in kept


def test_the_first_link_makes_one_admin_once(accounts, clock):
    old, token = accounts.invite(), accounts.invite()
    for wrong in (old, "x"):
        with pytest.raises(StaffError):
            accounts.redeem(wrong, "ada@example.com", GOOD)
    assert accounts.redeem(token, "ada@example.com", GOOD, "Ada").role == "admin"
    with pytest.raises(StaffError):
        accounts.redeem(token, "eve@example.com", GOOD)
    assert accounts.invite() is None


def test_the_first_link_lasts_a_day(accounts, clock):
    token = accounts.invite()
    clock.now_ms += staff.INVITE_MS
    with pytest.raises(StaffError):
        accounts.redeem(token, "ada@example.com", GOOD)


def test_the_last_admin_cannot_be_removed(accounts):
    accounts.add("ada@example.com", GOOD, role="admin")
    accounts.add("bob@example.com", GOOD)
    with pytest.raises(StaffError):
        accounts.remove("ada@example.com")
    assert accounts.remove("bob@example.com")
    assert not accounts.remove("bob@example.com")


def test_staff_of_one_site_see_that_site_only(accounts):
    ada = accounts.add("ada@example.com", GOOD, sites=frozenset({"pk_a"}))
    assert (ada.sees("pk_a"), ada.sees("pk_b")) == (True, False)
    assert accounts.everybody() == [ada]
