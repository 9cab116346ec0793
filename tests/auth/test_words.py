"""Codes and addresses in messages: what is taken, what stays an ordinary message, and that no code is kept."""

import asyncio
import json

import pytest

from server import phrases
from server.conversation import fold
from server.events import NewEvent
from server.proof import HIDDEN, code_in, email_in, masked, order_in
from server.verify import NotNow
from tests.auth.conftest import KEY, SITE, wrong
from tools.connectors.mail import MailRefused


async def taken(shop, text, message):
    """Whether a message was taken; like every front end, an ordinary one is appended."""
    event = await shop.words.take(KEY, message, text)
    if event is None:
        await shop.put(("message", "customer", {"text": text}, None, message))
    return event is not None


async def said(shop):
    """Role and text of the messages since the question."""
    return [(m.role, m.text) for m in (await shop.state()).messages[1:]]


# --- codes


@pytest.mark.parametrize("form", ["{}", " {}\n", "{:.3} {}", "{:.3}-{}", "{:.2} {:.2}", "\u2013{}"])
async def test_a_message_that_is_nothing_but_the_code_counts_and_is_kept_as_dots(shop, form):
    await shop.send()
    code = await shop.box.code()
    pieces = {"{:.3} {}": f"{code[:3]} {code[3:]}", "{:.3}-{}": f"{code[:3]}-{code[3:]}",
              "{:.2} {:.2}": f"{code[:2]} {code[2:4]} {code[4:]}"}  # fmt: skip
    text = pieces.get(form) or form.format(code)
    event = await shop.words.take(KEY, "m9", text)
    assert (event.id, event.body) == ("m9", {"text": HIDDEN})
    assert await shop.level() == "step_up"
    everything = json.dumps([event.wire() for event in await shop.log.read(KEY)])
    assert code not in everything
    assert text.strip() not in everything


async def test_the_right_code_is_answered_by_the_turn_that_goes_on_and_asks_the_model_nothing(shop):
    await shop.send()
    await shop.words.take(KEY, "m9", await shop.box.code())
    state = await shop.state()
    assert (state.unanswered, "m9" in state.consumed) == (["m9"], True)


async def test_wrong_codes_are_answered_at_once_and_owe_no_turn(shop):
    await shop.send()
    code = await shop.box.code()
    for number in range(4):
        await shop.words.take(KEY, f"m{number}", wrong(code))
    answers = [text for role, text in await said(shop) if role == "agent"]
    assert answers == [
        phrases.say("code_wrong", "en", left="2 tries"),
        phrases.say("code_wrong", "en", left="1 try"),
        phrases.say("code_used_up", "en"),
        phrases.say("code_over", "en"),
    ]
    assert (await shop.state()).unanswered == []
    assert [body["message"] for body in await shop.bodies("verify.tried")] == ["m0", "m1", "m2", "m3"]


async def test_a_code_message_that_comes_again_is_the_same_event_and_no_second_try(shop):
    await shop.send()
    code = await shop.box.code()
    first = await shop.words.take(KEY, "m9", wrong(code))
    assert [await shop.words.take(KEY, "m9", wrong(code)) for _ in range(3)] == [first] * 3
    assert await shop.tried() == [(False, 2)]


async def test_the_same_code_message_from_two_lines_at_once_is_one_try(shop):
    await shop.send()
    code = wrong(await shop.box.code())
    await asyncio.gather(*(shop.words.take(KEY, "m9", code) for _ in range(10)))
    assert await shop.tried() == [(False, 2)]


@pytest.mark.parametrize("seconds", [601, 901, 3600])
async def test_a_code_that_comes_too_late_is_kept_as_dots_all_the_same(shop, seconds):
    await shop.send()
    code = await shop.box.code()
    shop.clock.go(seconds)
    event = await shop.words.take(KEY, "m9", code)
    assert event.body == {"text": HIDDEN}
    assert (await said(shop))[-1] == ("agent", phrases.say("code_over", "en"))
    assert await shop.level() == "anonymous"


async def test_six_digits_are_an_ordinary_message_when_no_code_is_awaited(shop):
    assert await shop.words.take(KEY, "m9", "482913 is nothing") is None
    await shop.ask("call:2", args={})
    assert await shop.words.take("pk_test/nobody", "m9", "482913") is None


async def test_while_a_person_has_the_conversation_a_code_is_hidden_and_the_agent_says_nothing(shop):
    await shop.send()
    code = await shop.box.code()
    await shop.put(("mode", "staff", {"mode": "staff", "name": "Ada"}))
    await shop.words.take(KEY, "m9", wrong(code))
    assert await said(shop) == [("customer", HIDDEN)]
    assert await shop.words.take(KEY, "m10", "mara@example.com") is None


async def test_a_shop_that_cannot_answer_costs_no_try_and_says_so(shop):
    await shop.send()
    code = await shop.box.code()

    async def broken():
        raise OSError("away")

    shop.orders.before = broken
    await shop.words.take(KEY, "m9", code)
    assert (await said(shop))[-1] == ("agent", phrases.say("code_busy", "en"))
    shop.orders.before = None
    await shop.words.take(KEY, "m10", code)
    assert await shop.level() == "step_up"


# --- addresses and order numbers


@pytest.mark.parametrize(
    "texts",
    [
        ["mara@example.com"],
        ["1042, mara@example.com"],
        ["Hi, it's order #1042 and my mail is Mara@Example.com."],
        ["<mara@example.com>"],
        ["order 1042", "mara@example.com"],
        ["mara@example.com", "1042"],
        ["Bestellung 1042", "mara@example.com"],
    ],
)
@pytest.mark.parametrize("named", [True, False])
async def test_an_address_in_words_counts_as_the_form(open_shop, texts, named):
    shop = await open_shop()
    await shop.ask(args={"order_id": "1042"} if named else {"query": "boots"})
    if not named and len(texts) == 1 and "1042" not in texts[0]:
        texts = [*texts, "1042"]
    took = [await taken(shop, text, f"m{n}") for n, text in enumerate(texts, 10)]
    code = await shop.box.code()
    assert took == [True] * len(took)
    assert [text for role, text in await said(shop) if role == "customer"] == texts, "the words themselves are kept"
    assert (await shop.state()).unanswered == []
    await shop.check(code, "k1")
    assert await shop.level() == "step_up"


async def test_what_is_missing_is_asked_for(open_shop):
    shop = await open_shop()
    await shop.ask(args={})
    await taken(shop, "mara@example.com", "m9")
    assert (await said(shop))[-1] == ("agent", phrases.say("code_need_order", "en"))
    await shop.ask("call:2", args={})
    await taken(shop, "#1042", "m10")
    assert (await said(shop))[-1] == ("agent", phrases.say("code_need_email", "en"))


async def test_a_message_that_says_more_is_answered_by_a_turn_as_well(shop):
    text = "mara@example.com and by the way, can I return boots that I wore once outside?"
    assert await taken(shop, text, "m9")
    assert (await shop.state()).unanswered == ["m9"]
    assert len(await shop.bodies("verify.sent")) == 1
    assert (await said(shop))[-1] == ("customer", text)


@pytest.mark.parametrize(
    "text",
    [
        "What is your return policy?",
        "I have size 1042 boots, what about order 1043?",
        "no",
        "yes",
        "thanks a lot",
        "I am 42",
    ],
)
async def test_other_messages_stay_what_they_are(shop, text):
    assert await shop.words.take(KEY, "m9", text) is None
    assert await shop.bodies("verify.sent") == []


@pytest.mark.parametrize(("text", "is_taken"), [("yes please", True), ("ok", True), ("no", False), ("why?", False)])
async def test_a_bare_yes_sends_the_code_to_the_address_on_file(open_shop, text, is_taken):
    shop = await open_shop()
    await shop.sign_in()
    await shop.ask(verify="step_up")
    assert await taken(shop, text, "m9") is is_taken
    assert len(await shop.bodies("verify.sent")) == is_taken
    if is_taken:
        assert (await said(shop))[-1] == ("agent", phrases.say("code_sent_on_file", "en", to="a…@e…"))


@pytest.mark.parametrize(
    "text", ["Please send me a new code", "another one please", "Bitte noch einen neuen Code", "resend it"]
)
@pytest.mark.parametrize("is_known", [True, False])
async def test_another_code_can_be_asked_for_in_words(open_shop, text, is_known):
    shop = await open_shop()
    if is_known:
        await shop.sign_in()
    await shop.ask(verify="step_up" if is_known else "sign_in")
    assert await taken(shop, text, "m8") is False, "there was none yet"
    await taken(shop, "yes" if is_known else "mara@example.com", "m9")
    await shop.box.code()
    assert await taken(shop, text, "m10")
    await shop.check(await shop.box.code(2), "k1")
    assert await shop.level() == "step_up"


async def test_a_yes_sends_another_code_once_the_first_is_over(open_shop):
    shop = await open_shop()
    await shop.sign_in()
    await shop.ask(verify="step_up")
    assert [await taken(shop, "yes", "m9"), await taken(shop, "yes", "m10")] == [True, False]
    shop.clock.go(601)
    assert await taken(shop, "yes", "m11")


async def test_the_words_of_an_answer_are_the_same_whatever_the_shop_knows(open_shop, clock):
    from server.stores.memory import MemoryStore

    told = set()
    for order, email in [
        ("1042", "mara@example.com"),
        ("9999", "mara@example.com"),
        ("1042", "mallory@elsewhere.example"),
    ]:
        shop = await open_shop(on=MemoryStore(clock_ms=clock))
        shop.box.errors = [MailRefused("no")] if order == "9999" else []
        await shop.ask(args={})
        for number in range(7):
            await taken(shop, f"{order} {email}", f"m{number}")
        told.add(json.dumps([text for role, text in await said(shop) if role == "agent"]))
    assert len(told) == 1


async def test_a_number_that_was_known_before_ends_no_code(shop):
    await taken(shop, "mara@example.com", "m9")
    assert await taken(shop, "1042", "m10")
    assert len(await shop.bodies("verify.sent")) == 1
    await shop.check(await shop.box.code(), "k1")
    assert await shop.level() == "step_up"


async def test_too_many_codes_are_refused_in_words(shop):
    for number in range(6):
        await taken(shop, "mara@example.com", f"m{number}")
    assert (await said(shop))[-1] == ("agent", phrases.say("code_too_many", "en", minutes="60"))
    with pytest.raises(NotNow):
        await shop.send("v9")


async def test_an_address_in_words_that_comes_again_is_the_same_event(shop):
    await shop.words.take(KEY, "m9", "mara@example.com")
    again = await shop.words.take(KEY, "m9", "mara@example.com")
    if again is None:
        await shop.put(("message", "customer", {"text": "mara@example.com"}, None, "m9"))
    assert len([m for m in (await shop.state()).messages if m.id == "m9"]) == 1
    assert len(await shop.bodies("verify.sent")) == 1


# --- reading


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("123456", "123456"), (" 123 456 ", "123456"), ("12-34-56", "123456"), ("1 2 3 4 5 6", "123456"), ("012345", "012345"),
        ("12345", None), ("1234567", None), ("my code is 123456", None), ("123456!", None), ("", None), ("١٢٣٤٥٦", None),
        ("1" + " " * 40 + "23456", None),
    ],
)  # fmt: skip
def test_a_code_is_six_digits_and_nothing_else(text, code):
    assert code_in(text) == code


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("a@b.example", "a@b.example"), ("Mail: a.b+c@d-e.example.", "a.b+c@d-e.example"), ("<a@b.example>", "a@b.example"),
        ("a@b", None), ("at b.example", None), ("", None), ("a@b.example, c@d.example", "a@b.example"),
    ],
)  # fmt: skip
def test_the_first_address_in_a_text_is_found(text, email):
    assert email_in(text) == email


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("1042", "1042"), ("#1042", "1042"), ("order SO-2201 please", "SO-2201"), ("R100-7", "R100-7"), ("no number", None),
        ("it is 42", None), ("me1042@example.com", None), ("#1042 and me99@example.com", "1042"), ("first 1031, no: 1042", "1042"),
    ],
)  # fmt: skip
def test_an_order_number_in_a_text_is_found(text, order):
    assert order_in(text) == order


def test_a_masked_address_shows_two_letters():
    assert masked("mara@example.com") == "m…@e…"


async def test_cutting_the_fold_anywhere_gives_the_same_verification(shop):
    await shop.send("v1")
    code = await shop.box.code()
    await shop.words.take(KEY, "m9", wrong(code))
    await shop.send("v2")
    await shop.check(await shop.box.code(2), "k1")
    events = await shop.log.read(KEY)
    whole = fold(KEY, events)
    for cut in range(len(events) + 1):
        assert fold(KEY, events[cut:], fold(KEY, events[:cut])) == whole
    assert whole.site == SITE


@pytest.mark.parametrize("text", ["mara@example.com", "wrong code"])
async def test_a_person_who_takes_over_at_that_moment_is_not_talked_over(shop, text):
    await shop.send()
    if text == "wrong code":
        text = wrong(await shop.box.code())
    append = shop.log.append

    async def taken_over_first(key, events, **parts):
        shop.log.append = append
        await append(key, [NewEvent("e:over", "mode", "staff", {"mode": "staff", "name": "Ada"})])
        return await append(key, events, **parts)

    shop.log.append = taken_over_first
    await taken(shop, text, "m9")
    assert [role for role, _ in await said(shop)] == ["customer"]
