"""Codes by mail: once, at once and after a restart; and what they never tell."""

import asyncio
import itertools
import json
import logging
import secrets

from server.proof import ORDER_SENDS, SENDS, TRIES, WINDOW_S
from server.stores.memory import MemoryStore
from server.verify import NotNow
from tests.auth.conftest import KEY, SITE, wrong
from tests.auth.test_verify import refused
from tools.connectors.mail import MailFailed, MailRefused

# --- once, at once, and after a restart


async def test_a_frame_that_is_sent_again_is_no_second_mail_and_no_second_try(shop):
    for _ in range(4):
        await shop.send("v1")
    code = await shop.box.code()
    for _ in range(4):
        await shop.check(wrong(code), "k1")
    await shop.check(code, "k2")
    await shop.check(code, "k2")
    assert (len(shop.box.mails), await shop.tried()) == (1, [(False, 2), (True, 2)])


async def test_a_code_is_used_once(shop):
    await shop.send()
    code = await shop.box.code()
    await shop.check(code, "k1")
    await refused(shop.check(code, "k2"))


async def test_guesses_at_the_same_moment_are_three_tries_and_no_more(open_shop, store):
    shop = await open_shop(on=store)
    await shop.ask()
    await shop.send()
    code = await shop.box.code()
    guesses = [guess for guess in (f"{n:06d}" for n in range(60)) if guess != code]
    await asyncio.gather(*(shop.check(guess, f"g{n}") for n, guess in enumerate(guesses)), return_exceptions=True)
    assert sorted(await shop.tried(), reverse=True) == [(False, 2), (False, 1), (False, 0)]
    await refused(shop.check(code, "k1"))


async def test_the_right_code_from_many_lines_at_once_is_one_proof(open_shop, store):
    shop = await open_shop(on=store)
    await shop.ask()
    await shop.send()
    code = await shop.box.code()
    await asyncio.gather(*(shop.check(code, f"k{n}") for n in range(20)), return_exceptions=True)
    assert (await shop.tried(), len(await shop.bodies("identified"))) == ([(True, 3)], 1)


async def test_requests_at_the_same_moment_cannot_pass_the_limits(open_shop, store):
    shop = await open_shop(on=store)
    keys = [KEY, *(f"{SITE}/x{n}" for n in range(12))]
    for key in keys:
        await shop.ask(key=key)
    one = [shop.send(f"v{n}", email=f"a{n}@example.com") for n in range(12)]
    many = [shop.send(key=key, order="1", email="mara@example.com") for key in keys[1:]]
    await asyncio.gather(*one, *many, return_exceptions=True)
    assert len(await shop.bodies("verify.sent")) == SENDS
    assert sum([len(await shop.bodies("verify.sent", key)) for key in keys[1:]]) == ORDER_SENDS


async def test_a_code_asked_for_in_one_process_is_good_in_another_that_started_since(open_shop, store):
    before = await open_shop(on=store)
    await before.ask()
    await before.send()
    code = await before.box.code()
    await before.check(wrong(code), "w1")
    after = await open_shop(on=store, ids=itertools.count(1_000))
    await after.check(code, "k1")
    assert (await after.level(), await after.tried()) == ("step_up", [(False, 2), (True, 2)])


async def test_a_guesser_with_an_hour_gets_fifteen_guesses(open_shop, monkeypatch):
    shop = await open_shop()
    monkeypatch.setattr(secrets, "randbelow", lambda _: 999_999)
    guesses = 0
    for second in range(0, 3600, 30):
        call = f"call:{second}"
        await shop.ask(call, until_s=3600)
        for number in range(4):
            try:
                if not number:
                    await shop.send(f"v{second}", call=call)
                await shop.check(f"{guesses:06d}", f"g{second}-{number}", call=call)
            except NotNow:
                break
            guesses += 1
        shop.clock.go(30)
    assert guesses == SENDS * TRIES
    assert await shop.level() == "anonymous"


# --- what it never tells


def told(events):
    """What events say, apart from ids, times and what is random."""
    kept = []
    for event in events:
        body = {
            name: value for name, value in event.body.items() if name not in ("nonce", "seal", "order", "email", "to")
        }
        kept.append(
            (event.seq, event.kind, event.role, json.dumps(body, sort_keys=True), sorted(event.body), event.turn)
        )
    return kept


async def hang():
    await asyncio.Event().wait()


async def fail():
    raise OSError("order 1042 of mara@example.com cannot be read")


SITUATIONS = {
    "the order and its address": {},
    "an order that does not exist": {"order": "9999"},
    "another's address": {"email": "eve@example.com"},
    "neither": {"order": "9999", "email": "eve@example.com"},
    "the shop's lookup fails": {"before": fail},
    "the shop's lookup hangs": {"before": hang},
    "the mail server refuses": {"mail": MailRefused("no")},
}


async def attack(open_shop, *, order="1042", email="mara@example.com", before=None, mail=None):
    """All that somebody can ask and guess, as the log and the errors tell it."""
    shop = await open_shop(on=MemoryStore(clock_ms=lambda: 1_800_000_000_000))
    shop.orders.before = before
    shop.box.errors = [mail] * 9 if mail else []
    await shop.ask()
    errors = []
    for number in range(7):
        try:
            await shop.send(f"v{number}", order=order, email=email)
            for guess in range(4):
                await shop.check(f"{guess:06d}", f"g{number}-{guess}")
        except NotNow as late:
            errors.append((number, late.code, late.message, late.retry_after_s))
    return told(await shop.log.read(KEY)), errors


async def test_what_is_answered_is_the_same_whatever_the_shop_knows(open_shop, monkeypatch):
    monkeypatch.setattr(secrets, "randbelow", lambda _: 999_999)
    answers = {name: await attack(open_shop, **parts) for name, parts in SITUATIONS.items()}
    assert all(answer == answers["neither"] for answer in answers.values())


async def test_the_shop_is_asked_only_after_the_answer_is_committed(shop):
    seen = []

    async def look():
        seen.append(len(await shop.bodies("verify.sent")))

    shop.orders.before = look
    await shop.send()
    await shop.box.code()
    assert seen == [1]


async def test_a_wrong_guess_never_asks_the_shop(shop):
    await shop.send()
    code = await shop.box.code()
    asked = len(shop.orders.asked)
    await shop.check(wrong(code), "k1")
    assert len(shop.orders.asked) == asked


async def test_no_code_and_no_address_is_in_a_log_record_and_no_code_in_an_event(shop, caplog):
    caplog.set_level(logging.DEBUG)
    codes = []
    shop.box.errors = [MailFailed("server away"), MailFailed("server away")]
    await shop.send("v1")
    codes.append(await shop.box.code())
    await shop.check(wrong(codes[0]), "k1")
    await shop.words.take(KEY, "m9", f"{codes[0][:3]} {codes[0][3:]}")
    shop.orders.before = fail
    shop.clock.go(WINDOW_S)
    await shop.ask("call:2")
    await shop.send("v2", call="call:2")
    await shop.delivery.idle()
    shop.box.errors = [MailFailed("away")] * 9
    shop.orders.before = None
    await shop.send("v3", call="call:2")
    await shop.delivery.idle()
    records = " ".join(record.getMessage() + str(record.exc_info) for record in caplog.records)
    assert "could not be looked up: OSError" in records
    assert "could not be mailed: away" in records
    assert "mara" not in records.casefold()
    events = json.dumps([event.wire() for event in await shop.log.read(KEY)])
    for code in codes:
        assert code not in records
        assert code not in events


async def test_a_mail_server_that_is_away_for_a_moment_delays_the_code_and_no_more(shop):
    shop.box.errors = [MailFailed("away"), MailFailed("away")]
    await shop.send()
    await shop.check(await shop.box.code(), "k1")
    assert await shop.level() == "step_up"


async def test_the_mail_is_in_the_customers_language(open_shop):
    shop = await open_shop()
    await shop.put(("opened", "customer", {"locale": "de-AT"}))
    await shop.ask()
    await shop.put(("message", "customer", {"text": "Wo ist meine Bestellung, bitte?"}))
    await shop.send()
    await shop.box.code()
    [(_, subject, text)] = shop.box.mails
    assert "Ihr Code" in subject
    assert "gilt 10 Minuten" in text
