"""Circuits: a system that has gone silent is left alone for a while, and looked at by one call at a time."""

import pytest

from tools import Breakers

SHOP = "shop.example:443"


def opened(at_s: float = 0.0) -> Breakers:
    made = Breakers(failures=3, open_s=30)
    assert [made.silent(SHOP, at_s) for _ in range(3)] == [False, False, True]
    return made


def test_it_opens_after_that_many_silent_calls_in_a_row_and_not_before():
    breakers = Breakers(failures=3, open_s=30)
    for _ in range(10):
        breakers.silent(SHOP, 0)
        breakers.silent(SHOP, 0)
        breakers.answered(SHOP)
    assert breakers.wait_s(SHOP, 0) == 0
    assert opened().wait_s(SHOP, 10) == 20


def test_other_systems_are_not_touched():
    assert opened().wait_s("other.example:443", 10) == 0
    assert opened().open(10) == (SHOP,)


def test_after_its_time_one_call_looks_and_the_others_wait():
    breakers = opened()
    assert breakers.wait_s(SHOP, 30) == 0
    assert breakers.wait_s(SHOP, 31) == 29
    assert breakers.wait_s(SHOP, 32) == 28


def test_an_answer_closes_it():
    breakers = opened()
    assert breakers.wait_s(SHOP, 30) == 0
    breakers.answered(SHOP)
    assert [breakers.wait_s(SHOP, 31) for _ in range(5)] == [0] * 5
    assert breakers.open(31) == ()


def test_silence_opens_it_again_at_once():
    breakers = opened()
    assert breakers.wait_s(SHOP, 30) == 0
    assert breakers.silent(SHOP, 40)
    assert breakers.wait_s(SHOP, 41) == 29


def test_a_look_that_says_nothing_lets_another_one_look():
    breakers = opened()
    assert breakers.wait_s(SHOP, 30) == 0
    breakers.unclear(SHOP)
    assert breakers.wait_s(SHOP, 31) == 0


def test_a_look_that_is_never_reported_blocks_nobody_for_ever():
    breakers = opened()
    assert breakers.wait_s(SHOP, 30) == 0
    assert breakers.wait_s(SHOP, 60) == 0


def test_calls_that_began_before_it_opened_do_not_keep_it_open():
    breakers = opened()
    assert not breakers.silent(SHOP, 20)
    assert breakers.wait_s(SHOP, 30) == 0


def test_the_numbers_are_those_of_the_documentation():
    breakers = Breakers()
    assert [breakers.silent(SHOP, 0) for _ in range(5)] == [False] * 4 + [True]
    assert breakers.wait_s(SHOP, 0) == 30


@pytest.mark.parametrize("numbers", [{"failures": 0}, {"open_s": 0}])
def test_numbers_that_make_no_sense_are_refused(numbers):
    with pytest.raises(ValueError, match="expected"):
        Breakers(**numbers)
