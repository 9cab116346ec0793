"""Codes by mail: whom they prove, how long, how often; and what they are bound to."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.kit import Guest
from server.prompt import caller_of
from server.proof import ADDRESS_SENDS, ORDER_SENDS, SENDS, TRIES, WINDOW_S, fits, key_for, seal
from server.site import Site
from server.stores.memory import MemoryStore
from server.verify import NotNow
from tests.auth.conftest import KEY, SECRET, SITE, Clock, Shop, wrong

OTHER = f"{SITE}/c2"


async def refused(act, code="bad_frame"):
    """The error that this brings."""
    with pytest.raises(NotNow) as caught:
        await act
    assert caught.value.code == code
    return caught.value


# --- whom it proves


async def test_a_code_shows_whose_order_a_guest_asks_for(shop):
    await shop.send()
    to, subject, text = await shop.box.code() and shop.box.mails[0]
    assert (to, "Hobnail" in subject, "Hobnail" in text) == ("Mara@example.com", True, True)
    assert await shop.level() == "anonymous"
    await shop.check(await shop.box.code(), "k1")
    known = (await shop.state()).identity
    assert (known.customer, known.email, known.name, known.is_guest) == ("g:mara", "Mara@example.com", "Mara", True)
    assert await shop.level() == "step_up"
    assert await shop.tried() == [(True, TRIES)]


async def test_a_signed_in_customer_gets_the_code_at_the_address_on_file_whatever_the_frame_says(shop):
    await shop.sign_in()
    await shop.send(order="1042", email="mara@example.com")
    await shop.box.code()
    assert [to for to, _, _ in shop.box.mails] == ["ann@example.net"]
    assert shop.orders.asked == []
    await shop.check(await shop.box.code(), "k1")
    known = (await shop.state()).identity
    assert (known.customer, known.is_guest, await shop.level()) == ("c-7", False, "step_up")


async def test_a_signed_in_customer_without_an_address_on_file_proves_only_an_order_of_their_own(shop):
    await shop.sign_in(email=None)
    await shop.send("v1")
    await shop.delivery.idle()
    shop.orders.known["1042", "mara@example.com"] = Guest("c-7", "mara@example.com")
    await shop.send("v2")
    await shop.check(await shop.box.code(), "k1")
    assert len(shop.box.mails) == 1, "the first order was another customer's"
    assert ((await shop.state()).customer, await shop.level()) == ("c-7", "step_up")


async def test_capitals_spaces_and_a_number_sign_are_no_other_order_or_address(shop):
    await shop.send(order=" #1042 ", email=" MARA@Example.com ")
    await shop.check(await shop.box.code(), "k1")
    assert await shop.level() == "step_up"


async def test_an_order_that_the_call_names_need_not_be_given_again(shop):
    await shop.send(order=None)
    await shop.check(await shop.box.code(), "k1")
    assert shop.orders.asked[0] == ("1042", "mara@example.com")


async def test_a_lookup_that_returns_another_address_than_was_given_brings_no_mail(shop):
    shop.orders.known["1042", "thief@example.com"] = Guest("g:mara", "mara@example.com")
    await shop.send("v1", email="thief@example.com")
    await shop.send("v2", order="2000", email="jo@example.org")
    await shop.box.code()
    assert [to for to, _, _ in shop.box.mails] == ["jo@example.org"]


@pytest.mark.parametrize(
    ("order", "email"),
    [("", "mara@example.com"), ("1042", None), ("1042", "mara"), ("1042", "a@b.c,d@e.f"), (" # ", "a@b.example")],
)
async def test_without_an_order_number_and_one_address_nothing_is_sent(open_shop, order, email):
    shop = await open_shop()
    await shop.ask(args={})
    await refused(shop.send(order=order, email=email))
    assert await shop.bodies("verify.sent") == []


async def test_a_shop_that_cannot_look_guests_up_sends_nothing_to_them(open_shop):
    shop = await open_shop(guests=False)
    await shop.ask()
    await refused(shop.send())


# --- how long, how often


@pytest.mark.parametrize(("seconds", "is_good"), [(0, True), (600, True), (601, False), (3600, False)])
async def test_a_code_is_good_for_ten_minutes(shop, seconds, is_good):
    await shop.ask("call:2", until_s=10_000)
    await shop.send(call="call:2")
    code = await shop.box.code()
    shop.clock.go(seconds)
    if is_good:
        await shop.check(code, "k1", call="call:2")
    else:
        await refused(shop.check(code, "k1", call="call:2"))
    assert await shop.level() == ("step_up" if is_good else "anonymous")


@pytest.mark.parametrize("mistakes", [0, 1, 2, 3])
async def test_a_code_has_three_tries(shop, mistakes):
    await shop.send()
    code = await shop.box.code()
    for number in range(mistakes):
        await shop.check(wrong(code), f"w{number}")
    if mistakes < 3:
        await shop.check(code, "k1")
    else:
        await refused(shop.check(code, "k1"))
    assert await shop.level() == ("step_up" if mistakes < 3 else "anonymous")
    assert [left for ok, left in await shop.tried() if not ok] == [2, 1, 0][:mistakes]


@pytest.mark.parametrize(("seconds", "level"), [(0, "step_up"), (WINDOW_S - 1, "step_up"), (WINDOW_S, "anonymous")])
async def test_what_a_guest_has_proven_holds_for_thirty_minutes(shop, seconds, level):
    await shop.send()
    await shop.check(await shop.box.code(), "k1")
    shop.clock.go(seconds)
    assert await shop.level() == level


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(WINDOW_S - 1, "step_up"), (WINDOW_S, "identified"), (3599, "identified"), (3600, "anonymous")],
)
async def test_after_thirty_minutes_a_signed_in_customer_is_only_signed_in_again(shop, seconds, level):
    await shop.sign_in(until_s=3600)
    await shop.send()
    await shop.check(await shop.box.code(), "k1")
    shop.clock.go(seconds)
    assert await shop.level() == level


async def test_tools_do_not_learn_who_a_guest_was_once_the_proof_has_ended(shop):
    site = Site.model_validate({"key": SITE, "name": "Hobnail"})
    await shop.send()
    await shop.check(await shop.box.code(), "k1")
    now = caller_of(await shop.state(), site, shop.clock.ms)
    assert (now.customer, now.email, now.level) == ("g:mara", "Mara@example.com", "step_up")
    shop.clock.go(WINDOW_S)
    later = caller_of(await shop.state(), site, shop.clock.ms)
    assert (later.customer, later.email, later.name, later.level) == (None, None, None, "anonymous")


async def test_the_shops_own_word_renewed_in_between_takes_nothing_away_unless_the_address_is_another(shop):
    await shop.sign_in()
    await shop.send()
    await shop.check(await shop.box.code(), "k1")
    await shop.sign_in(until_s=3000)
    assert await shop.level() == "step_up"
    await shop.sign_in(email="new@example.net")
    assert await shop.level() == "identified"


async def test_a_conversation_gets_five_codes_within_an_hour(shop):
    await shop.ask("call:2", until_s=10_000)
    for number in range(SENDS):
        await shop.send(f"v{number}", call="call:2", email=f"a{number}@example.com")
        shop.clock.go(60)
    late = await refused(shop.send("v5", call="call:2", email="a5@example.com"), "too_fast")
    assert late.retry_after_s == 3600 - 300
    shop.clock.go(3600 - 301)
    await refused(shop.send("v6", call="call:2", email="a6@example.com"), "too_fast")
    shop.clock.go(1)
    await shop.send("v7", call="call:2", email="a7@example.com")
    await refused(shop.send("v8", call="call:2", email="a8@example.com"), "too_fast")


async def test_an_order_gets_ten_codes_within_an_hour_from_all_conversations_together(shop):
    async def send(number, email):
        await shop.ask(key=f"{SITE}/x{number}", until_s=10_000)
        await shop.send(f"v{number}", key=f"{SITE}/x{number}", order="so-1" if number % 3 else "SO-1", email=email)

    for number in range(ORDER_SENDS):
        await send(number, "mara@example.com" if number % 2 else "MARA@example.com")
    late = await refused(send(ORDER_SENDS, "mara@example.com"), "too_fast")
    await send(60, "other@example.com")
    assert 3600 <= late.retry_after_s <= 3900
    shop.clock.go(late.retry_after_s - 1)
    await refused(send(70, "mara@example.com"), "too_fast")
    shop.clock.go(1)
    await send(80, "mara@example.com")


async def test_made_up_orders_keep_nobody_from_the_code_for_their_own(shop):
    for number in range(ADDRESS_SENDS - 1):
        await shop.ask(key=f"{SITE}/x{number}")
        await shop.send(key=f"{SITE}/x{number}", order=str(1 + number % 8), email="mara@example.com")
    await shop.send("mine")
    assert await shop.box.code()
    await shop.ask(key=f"{SITE}/more")
    await refused(shop.send(key=f"{SITE}/more", order="9", email="mara@example.com"), "too_fast")


async def test_whatever_strangers_ask_a_signed_in_customer_gets_the_code_at_the_address_on_file(shop):
    for number in range(ADDRESS_SENDS):
        await shop.ask(key=f"{SITE}/x{number}")
        await shop.send(key=f"{SITE}/x{number}", order=str(1 + number % 8), email="ann@example.net")
    await shop.sign_in(email="Ann@Example.net")
    await shop.send()
    assert await shop.box.code()


async def test_a_signed_in_customer_gets_five_codes_within_an_hour_in_all_conversations_together(shop):
    for number in range(SENDS):
        await shop.ask(key=f"{SITE}/x{number}")
        await shop.sign_in(key=f"{SITE}/x{number}")
        await shop.send(key=f"{SITE}/x{number}")
    await shop.sign_in()
    await refused(shop.send(), "too_fast")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=11, max_size=40))
def test_no_hour_wherever_it_begins_sees_more_than_ten_codes_for_one_order(gaps):
    async def all_of_them():
        clock = Clock()
        shop = Shop(MemoryStore(clock_ms=clock), clock)
        sent = []
        async with shop.delivery:
            for number, gap in enumerate(gaps):
                clock.go(gap)
                key = f"{SITE}/x{number}"
                await shop.ask(key=key)
                try:
                    await shop.send(key=key, email="mara@example.com")
                except NotNow:
                    assert len([ms for ms in sent if clock.ms - ms < 3_900_000]) >= ORDER_SENDS, "refused without need"
                else:
                    sent.append(clock.ms)
        for first in sent:
            assert len([ms for ms in sent if first <= ms < first + 3_600_000]) <= ORDER_SENDS

    asyncio.run(all_of_them())


# --- what it is bound to


async def test_a_new_code_ends_the_old_one(shop):
    await shop.send("v1")
    old = await shop.box.code()
    await shop.send("v2")
    new = await shop.box.code(2)
    if old != new:
        await shop.check(old, "k1")
        assert await shop.level() == "anonymous"
    await shop.check(new, "k2")
    assert await shop.level() == "step_up"


async def test_a_code_is_of_no_use_in_another_conversation(shop):
    await shop.ask(key=OTHER)
    await shop.send("v1")
    code = await shop.box.code()
    await refused(shop.check(code, "k1", key=OTHER))
    await shop.send("v1", key=OTHER)
    if await shop.box.code(2) != code:
        await shop.check(code, "k2", key=OTHER)
    assert await shop.level(OTHER) == "anonymous"


async def test_a_code_copied_into_another_conversations_log_is_of_no_use_there(shop):
    await shop.ask(key=OTHER)
    await shop.send("v1")
    code = await shop.box.code()
    [body] = await shop.bodies("verify.sent")
    await shop.put(("verify.sent", "system", body, None, "v:1"), key=OTHER)
    await shop.check(code, "k1", key=OTHER)
    assert await shop.tried(OTHER) == [(False, 2)]


@pytest.mark.parametrize("change", ["signed in", "signed out", "another customer"])
async def test_a_code_ends_when_somebody_signs_in_or_out(shop, change):
    if change != "signed in":
        await shop.sign_in()
    await shop.send()
    code = await shop.box.code()
    if change == "signed out":
        await shop.put(("identified", "system", {"customer": None, "verified": False}))
    else:
        await shop.sign_in("c-8", "ann@example.net")
    await refused(shop.check(code, "k1"))
    assert await shop.level() != "step_up"


async def test_a_code_to_an_address_on_file_that_has_changed_since_is_wrong(shop):
    await shop.sign_in(email="ann@example.net")
    await shop.send()
    code = await shop.box.code()
    await shop.sign_in(email="eve@example.net")
    await shop.check(code, "k1")
    assert (await shop.tried(), await shop.level()) == ([(False, 2)], "identified")


async def test_a_code_for_one_call_is_of_no_use_once_that_call_waits_no_more(shop):
    await shop.send()
    code = await shop.box.code()
    await shop.put(("call.decided", "customer", {"call": "call:1", "approve": False, "by": "customer"}))
    await shop.ask("call:2")
    await refused(shop.check(code, "k1"))
    await refused(shop.check(code, "k2", call="call:2"))
    assert await shop.tried() == []


async def test_a_call_that_waits_for_consent_or_for_nothing_gets_no_code(shop):
    await refused(shop.send(call="call:none"))
    shop.clock.go(900)
    await refused(shop.send(), "bad_frame")


async def test_a_proof_that_arrives_after_a_sign_out_signs_nobody_in(shop):
    await shop.sign_in()
    await shop.send()
    code = await shop.box.code()
    state = await shop.state()
    events = await shop.verifier.tried(state, state.verification.code, code, "k1")
    await shop.put(("identified", "system", {"customer": None, "verified": False}))
    await shop.log.append(KEY, events)
    assert ((await shop.state()).identity, await shop.level()) == (None, "anonymous")


async def test_an_order_that_changed_hands_since_the_mail_proves_nobody(shop):
    await shop.send()
    code = await shop.box.code()
    shop.orders.known.clear()
    await shop.check(code, "k1")
    assert (await shop.tried(), await shop.level()) == ([(False, 2)], "anonymous")


async def test_a_shop_that_cannot_answer_costs_no_try(shop):
    await shop.send()
    code = await shop.box.code()

    async def broken():
        raise OSError("mara@example.com is not reachable")

    shop.orders.before = broken
    await refused(shop.check(code, "k1"), "busy")
    shop.orders.before = None
    await shop.check(code, "k2")
    assert await shop.tried() == [(True, 3)]


def test_a_seal_holds_for_nothing_but_exactly_what_was_sealed():
    key = key_for(SECRET, "verification code")
    sealed = seal(key, "123456", ("a", "bc"))
    assert fits(key, "123456", ("a", "bc"), sealed)
    for other in (("ab", "c"), ("a", "bc", ""), ("a",), ("", "abc"), ("bc", "a")):
        assert not fits(key, "123456", other, sealed)
    assert not fits(key, "123457", ("a", "bc"), sealed)
    assert not fits(key_for(SECRET, "another purpose"), "123456", ("a", "bc"), sealed)
