"""The widget in Chromium against a scripted shop: streaming, resuming, tabs, storage, keyboard."""

import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.widget.conftest import PATIENT, SLOW_TO_RETRY, Opener
from tests.e2e.widget.fake import CITATIONS, POLICY, FakeShop, words
from tests.e2e.widget.steps import (
    CHAT,
    cut,
    identity,
    inside,
    open_chat,
    say,
    settled,
    stored,
    transcript,
)
from widget.assets import chat_files, dist, manifest, snippet

pytestmark = pytest.mark.browser


def outbox(page: Page) -> list[str]:
    return page.evaluate("() => Object.keys(localStorage).filter((k) => k.startsWith('shopbell:pk_test:out:'))")


def test_an_answer_streams_and_the_final_message_replaces_the_draft(shop: FakeShop, visit: Opener) -> None:
    shop.answer = lambda _: [
        *words("Sale items come back within **thirty"),
        {"t": "gate"},
        {"t": "message", "body": {"text": "Within **30 days**."}},
    ]
    page = visit()
    open_chat(page)
    say(page, "returns?")
    live = page.locator(f"{CHAT} .message.live .text")
    expect(live).to_have_text("Sale items come back within thirty")
    assert live.locator("strong").inner_text() == "thirty"
    live.evaluate("(node) => { node.marked = true }")
    expect(page.locator(f"{CHAT} .send")).to_have_attribute("aria-label", "Stop the answer")
    page.click(f"{CHAT} .send")
    settled(page, 2)
    assert transcript(page)[1] == ["agent", '<p dir="auto">Within <strong>30 days</strong>.</p>']
    assert inside(page, "(root) => root.querySelector('.message.agent .text').marked === true"), "the node was kept"
    assert [f["t"] for f in shop.heard if f["t"] == "stop"] == ["stop"]


def test_a_line_cut_at_every_frame_gives_the_same_transcript(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "returns?")
    settled(page, 2)
    whole = transcript(page)
    frames = 4 + len(words(POLICY)) + 1
    seen = 2
    # Without SHOPBELL_PROVE a sample: the first frames, every fifth draft and the end, at 0.3 s each.
    sample = [1, 2, 3, *range(5, frames, 5), frames]
    for at in range(1, frames + 1) if os.environ.get("SHOPBELL_PROVE") else sample:
        shop.cut_after(at)
        hellos = len(shop.hellos) + 1
        say(page, "returns?")
        page.evaluate("dispatchEvent(new Event('online'))")
        seen += 2
        # Cut behind its last frame the whole answer stands there before the line does.
        shop.until_greeted(hellos)
        settled(page, seen)
        assert len(shop.hellos) == hellos
        assert transcript(page) == whole * (seen // 2), f"cut at frame {at}"
    ids = [e["id"] for talk in shop.talks.values() for e in talk.events]
    assert len(ids) == len(set(ids))


def test_a_resume_asks_for_exactly_what_is_missing(shop: FakeShop, visit: Opener) -> None:
    page = visit(init=SLOW_TO_RETRY)
    open_chat(page)
    say(page, "returns?")
    settled(page, 2)
    head = len(shop.talks["c1"].events)
    shop.drop()
    page.click(f"{CHAT} .banner.waiting button")
    shop.until_greeted(2)
    expect(page.locator(f"{CHAT} .banner")).to_be_empty()
    last = shop.hellos[-1]
    assert (last["conversation"], last["after"], last["epoch"], last["token"]) == ("c1", head, "e1", "token-1")


def test_an_unsent_message_survives_a_reload_and_is_sent_once(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    shop.stalled = True
    say(page, "is anybody there?")
    expect(page.locator(f"{CHAT} .message .state")).to_have_text("Sending…")
    assert len(outbox(page)) == 1
    shop.until_said("is anybody there?")
    shop.stalled = False
    page.reload()
    page.wait_for_selector(f"{CHAT} .panel:not([hidden])")
    settled(page, 2)
    assert outbox(page) == []
    says = [f for f in shop.heard if f["t"] == "say"]
    assert len(says) == 2
    assert says[0] == says[1]
    assert sum(e["kind"] == "message" and e["role"] == "customer" for e in shop.talks["c1"].events) == 1


def test_transcript_cursor_and_unsent_words_survive_a_reload(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "returns?")
    settled(page, 2)
    before = transcript(page)
    page.fill(f"{CHAT} textarea", "and also")
    page.reload()
    settled(page, 2)
    assert transcript(page) == before
    assert page.input_value(f"{CHAT} textarea") == "and also"
    shop.until_greeted(2)
    assert shop.hellos[-1]["after"] == len(shop.talks["c1"].events)


def test_two_tabs_share_one_line_and_show_the_same(shop: FakeShop, visit: Opener) -> None:
    one = visit(init=PATIENT)
    open_chat(one)
    two = visit(init=PATIENT)
    two.wait_for_selector(f"{CHAT} .greeting")
    say(two, "from the second tab")
    settled(two, 2)
    settled(one, 2)
    assert transcript(one) == transcript(two)
    assert len(shop.hellos) == 1
    assert len(shop.lines) == 1


def test_when_the_tab_with_the_line_closes_another_takes_over(shop: FakeShop, visit: Opener) -> None:
    one = visit(init=PATIENT)
    open_chat(one)
    two = visit(init=PATIENT)
    two.wait_for_selector(f"{CHAT} .greeting")
    say(one, "first")
    settled(two, 2)
    one.close()
    say(two, "second")
    settled(two, 4)
    assert len(shop.hellos) == 2
    assert [e["body"]["text"] for e in shop.talks["c1"].events if e["role"] == "customer"] == ["first", "second"]


def test_without_web_locks_each_tab_has_its_own_line(shop: FakeShop, visit: Opener) -> None:
    off = "Object.defineProperty(navigator, 'locks', { value: undefined })"
    one = visit(init=off)
    open_chat(one)
    two = visit(init=off)
    two.wait_for_selector(f"{CHAT} .greeting")
    say(two, "hello")
    settled(two, 2)
    settled(one, 2)
    assert transcript(one) == transcript(two)
    assert len(shop.lines) == 2


def test_blocked_storage_still_chats(shop: FakeShop, visit: Opener) -> None:
    block = """for (const name of ['localStorage', 'sessionStorage'])
      Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError') } })"""
    page = visit(init=block)
    open_chat(page)
    say(page, "returns?")
    settled(page, 2)


def test_storage_none_keeps_nothing(shop: FakeShop, visit: Opener) -> None:
    page = visit({"storage": "none"})
    open_chat(page)
    say(page, "returns?")
    settled(page, 2)
    assert page.evaluate("() => localStorage.length + sessionStorage.length") == 0


def test_a_strict_policy_is_enough(shop: FakeShop, visit: Opener) -> None:
    errors: list[str] = []
    page = visit(
        csp="1",
        init="addEventListener('securitypolicyviolation', (e) => (window.bad ||= []).push(e.violatedDirective))",
    )
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    open_chat(page)
    say(page, "returns?")
    settled(page, 2)
    assert page.evaluate("() => window.bad || []") == []
    assert inside(page, "(root) => getComputedStyle(root.querySelector('.panel')).display") == "flex"
    assert errors == []


def test_a_refused_token_starts_anew_once_and_keeps_the_outbox(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    shop.stalled = True
    say(page, "keep me")
    expect(page.locator(f"{CHAT} .message .state")).to_be_visible()
    shop.until_said("keep me")
    shop.stalled = False
    shop.run(shop.talks.clear)
    cut(page, shop)
    settled(page, 2)
    assert [h.get("token") for h in shop.hellos] == [None, "token-1", None]
    assert "conversation" not in shop.hellos[-1]
    assert shop.hellos[-1]["after"] == 0
    assert stored(page)["token"] == "token-2"


def test_a_token_refused_twice_is_not_tried_for_ever(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    shop.refuse_tokens = True
    shop.refuse_next = ("bad_token", 4502)
    cut(page, shop)
    shop.until_greeted(3)
    expect(page.locator(f"{CHAT} .banner")).to_be_empty()
    assert len(shop.hellos) == 3


@pytest.mark.parametrize(("code", "state"), [(4500, "broken"), (4501, "outdated"), (4502, "refused"), (4503, "erased")])
def test_closes_from_4500_on_are_final(shop: FakeShop, visit: Opener, code: int, state: str) -> None:
    page = visit()
    open_chat(page)
    shop.drop(code)
    page.wait_for_selector(f"{CHAT} .banner.{state}")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator(f"{CHAT} .banner.{state}")).to_be_visible()
    assert len(shop.hellos) == 1


def test_an_erased_conversation_leaves_nothing_behind(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "my secret")
    settled(page, 2)
    shop.drop(4503)
    page.wait_for_selector(f"{CHAT} .banner.erased")
    expect(page.locator(f"{CHAT} .message")).to_have_count(0)
    assert "secret" not in page.evaluate("() => JSON.stringify({...localStorage})")
    assert "token" not in stored(page)


def test_the_badge_counts_what_came_while_closed(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "returns?")
    settled(page, 2)
    page.keyboard.press("Escape")
    shop.event("message", "staff", {"text": "One more thing.", "name": "Mara"})
    expect(page.locator(f"{CHAT} .badge")).to_have_text("1")
    expect(page.locator(f"{CHAT} .launcher")).to_have_attribute("aria-label", "Open chat, new messages: 1")
    page.reload()
    expect(page.locator(f"{CHAT} .badge")).to_have_text("1")
    page.click(f"{CHAT} .launcher")
    expect(page.locator(f"{CHAT} .badge")).to_be_empty()
    expect(page.locator(f"{CHAT} .item.unread")).to_have_count(1)


def test_the_whole_chat_can_be_used_with_the_keyboard(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    page.focus("#before")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(f"{CHAT} textarea")).to_be_focused()
    page.keyboard.type("line one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("line two")
    page.keyboard.press("Enter")
    settled(page, 2)
    assert shop.talks["c1"].events[0]["body"]["text"] == "line one\nline two"
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(
            inside(page, "(root) => root.activeElement && (root.activeElement.className || root.activeElement.tagName)")
        )
    assert {"chip", "round", "log", "tool", "send", "TEXTAREA"} <= reached
    assert None not in reached, "Tab stays in the chat"
    page.focus(f"{CHAT} textarea")  # on a chip the first Escape closes its card
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHAT} .launcher")).to_be_focused()
    expect(page.locator(f"{CHAT} .panel")).to_be_hidden()


def test_enter_that_ends_a_composition_sends_nothing(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    page.fill(f"{CHAT} textarea", "にほん")
    page.eval_on_selector(
        f"{CHAT} textarea",
        "(a) => a.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, cancelable: true }))",
    )
    assert page.input_value(f"{CHAT} textarea") == "にほん"
    page.press(f"{CHAT} textarea", "Enter")
    settled(page, 2)


def test_four_thousand_characters_is_the_limit(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    page.fill(f"{CHAT} textarea", "😀" * 4001)
    expect(page.locator(f"{CHAT} .count")).to_have_text("1 characters too many")
    page.press(f"{CHAT} textarea", "Enter")
    assert len(page.input_value(f"{CHAT} textarea")) == 4001
    page.fill(f"{CHAT} textarea", "😀" * 4000)
    page.press(f"{CHAT} textarea", "Enter")
    settled(page, 2)
    assert shop.talks["c1"].events[0]["body"]["text"] == "😀" * 4000


def test_a_message_that_was_refused_can_be_sent_again(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    shop.stalled = True
    say(page, "once more")
    page.wait_for_selector(f"{CHAT} .message .state")
    shop.until_said("once more")
    say_id = next(f["id"] for f in shop.heard if f["t"] == "say")
    shop.tell({"t": "error", "code": "idempotency_mismatch", "message": "other text", "id": say_id})
    page.wait_for_selector(f"{CHAT} .message.bad")
    shop.stalled = False
    page.click(f"{CHAT} .message.bad .link")
    settled(page, 2)
    says = [f for f in shop.heard if f["t"] == "say"]
    assert says[-1]["text"] == "once more"
    assert says[-1]["id"] != say_id


def test_choices_are_said_when_pressed_and_used_up_afterwards(shop: FakeShop, visit: Opener) -> None:
    shop.answer = lambda text: [
        {
            "t": "message",
            "body": {"text": "Which?", "choices": ["The boots", {"label": "Tent", "text": "The Ridge tent"}]},
        }
        if text == "order"
        else {"t": "message", "body": {"text": "Fine."}}
    ]
    page = visit()
    open_chat(page)
    say(page, "order")
    page.click(f"{CHAT} .choice >> text=Tent")
    settled(page, 4)
    assert shop.talks["c1"].events[4]["body"]["text"] == "The Ridge tent"
    assert inside(page, "(root) => [...root.querySelectorAll('.choice')].every((b) => b.disabled)")


def test_a_call_asked_of_the_customer_is_decided_with_one_press(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "move it")
    settled(page, 2)
    asked = {
        "call": "k:1",
        "of": "customer",
        "label": "Change the address",
        "args": {"to": "<b>Elm</b> 4"},
        "expires_ms": 4_000_000_000_000,
    }
    shop.event("call.asked", "system", asked)
    expect(page.locator(f"{CHAT} .card dd")).to_have_text("<b>Elm</b> 4")
    page.click(f"{CHAT} .card .solid")
    expect(page.locator(f"{CHAT} .card .state")).to_have_text("You confirmed this.")
    shop.until_heard("decide")
    assert [f for f in shop.heard if f["t"] == "decide"] == [{"t": "decide", "call": "k:1", "approve": True}]
    shop.event("call.asked", "system", {**asked, "call": "k:2", "expires_ms": 1})
    expect(page.locator(f"{CHAT} .card.expired .state")).to_have_text("This request has expired.")


def test_a_guest_shows_who_he_is_with_a_code_from_his_mail(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "where is it")
    settled(page, 2)
    asked = {"call": "k:1", "of": "customer", "label": "Looking up order 1042", "args": {"order_id": "1042"}}
    shop.event("call.asked", "system", {**asked, "verify": "sign_in", "expires_ms": 4_000_000_000_000})
    expect(page.locator(f"{CHAT} .card input[name=order]")).to_have_value("1042")
    page.fill(f"{CHAT} .card input[name=email]", "mara@example.com")
    page.click(f"{CHAT} .card .solid")
    shop.event("verify.sent", "system", {"call": "k:1", "to": "m…@e…", "expires_ms": 4_000_000_000_000})
    expect(page.locator(f"{CHAT} .card")).to_contain_text("If that fits an order, a code is on its way: m…@e…")
    page.fill(f"{CHAT} .card input[name=code]", "123 456")
    page.keyboard.press("Enter")
    shop.event("verify.tried", "system", {"call": "k:1", "ok": False, "left": 2})
    expect(page.locator(f"{CHAT} .card .wrong")).to_have_text("That is not the code. Tries left: 2")
    page.fill(f"{CHAT} .card input[name=code]", "654321")
    page.keyboard.press("Enter")
    shop.event("verify.tried", "system", {"call": "k:1", "ok": True, "left": 2})
    shop.event("call.decided", "system", {"call": "k:1", "approve": True})
    expect(page.locator(f"{CHAT} .card .state")).to_have_text("You have shown that it is you.")
    shop.until_heard("code", 2)
    sent = [{k: v for k, v in f.items() if k != "id"} for f in shop.heard if f["t"] in ("verify", "code")]
    assert sent == [
        {"t": "verify", "call": "k:1", "order": "1042", "email": "mara@example.com"},
        {"t": "code", "call": "k:1", "code": "123 456"},
        {"t": "code", "call": "k:1", "code": "654321"},
    ]


def test_a_code_that_is_used_up_is_asked_for_anew_at_the_address_on_file(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "change my address")
    settled(page, 2)
    asked = {"call": "k:1", "of": "customer", "label": "Changing the address", "verify": "step_up", "to": "m…@e…"}
    shop.event("call.asked", "system", {**asked, "expires_ms": 4_000_000_000_000})
    page.click(f"{CHAT} .card .solid")
    shop.event("verify.sent", "system", {"call": "k:1", "to": "m…@e…", "expires_ms": 4_000_000_000_000})
    expect(page.locator(f"{CHAT} .card input[name=code]")).to_be_visible()
    shop.event("verify.tried", "system", {"call": "k:1", "ok": False, "left": 0})
    expect(page.locator(f"{CHAT} .card .wrong")).to_contain_text("one try too many")
    page.click(f"{CHAT} .card .solid")
    shop.event("verify.sent", "system", {"call": "k:1", "to": "m…@e…", "expires_ms": 4_000_000_000_000})
    expect(page.locator(f"{CHAT} .card input[name=code]")).to_be_visible()
    shop.until_heard("verify", 2)


def test_asking_for_a_person_is_said_in_words(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    page.click(f"{CHAT} .round >> nth=0")
    page.click(f"{CHAT} .menu button")
    expect(page.locator(f"{CHAT} .note")).to_have_text("A person has been asked to join. You can keep writing.")
    expect(page.locator(f"{CHAT} .status")).to_have_text("Waiting for a person")
    shop.event("mode", "system", {"mode": "staff", "name": "Mara"})
    expect(page.locator(f"{CHAT} .status")).to_have_text("Mara is here")
    shop.tell({"t": "staff", "typing": True, "name": "Mara"})
    expect(page.locator(f"{CHAT} .typing")).to_have_text("Mara is typing…")


def test_one_page_cited_twice_is_one_source_and_a_long_list_of_short_things_stands_in_columns(
    shop: FakeShop, visit: Opener
) -> None:
    again = {**CITATIONS[0], "n": 3, "url": "/help/returns#how"}
    countries = "".join(f"- Land {n}\n" for n in range(9))
    body = {"text": f"Here [1][3], and here [2]:\n\n{countries}", "citations": [again, *CITATIONS]}
    shop.answer = lambda _: [
        {"t": "step", "id": "s1", "label": "Looking", "state": "done"},
        {"t": "message", "body": body},
    ]
    page = visit()
    open_chat(page)
    say(page, "where?")
    settled(page, 2)
    expect(page.locator(f"{CHAT} .sources .num")).to_have_text(["1, 3", "2"])
    assert inside(page, "(root) => new Set([...root.querySelectorAll('li')].map((li) => li.offsetLeft)).size") >= 2
    assert inside(page, "(root) => root.querySelectorAll('summary').length") == 0, "one step has nothing to unfold"
    expect(page.locator(f"{CHAT} .work")).to_have_text("Looking, done")


@pytest.mark.parametrize("storage", ["local", "none"])
def test_the_sites_own_launcher_is_drawn_and_there_at_once_on_the_next_page(
    shop: FakeShop, visit: Opener, storage: str
) -> None:
    drawn = "(root) => root.querySelector('.launcher path').getAttribute('d')"
    page = visit({"storage": storage})
    bell = inside(page, drawn)
    shop.site = {**shop.site, "theme": {"launcher": "question"}}
    open_chat(page)
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHAT} .panel")).to_be_hidden()
    question = inside(page, drawn)
    assert question != bell
    if storage == "local":
        assert inside(visit(), drawn) == question
    shop.site = {**shop.site, "theme": {"launcher": "chat"}}
    cut(page, shop)
    page.wait_for_function(
        f"(old) => !old.includes(({drawn})(document.querySelector('shopbell-chat').shadowRoot))", arg=[bell, question]
    )


def test_logging_out_clears_what_was_said(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "private words")
    settled(page, 2)
    page.evaluate("Shopbell('logout')")
    expect(page.locator(f"{CHAT} .message")).to_have_count(0)
    page.wait_for_selector(f"{CHAT} .starter")
    assert "private" not in page.evaluate("() => JSON.stringify({...localStorage})")
    shop.until_greeted(2)
    assert "token" not in shop.hellos[-1]
    shop.until_heard("logout")


def test_an_identity_is_sent_once_and_a_stale_one_never(shop: FakeShop, visit: Opener) -> None:
    fresh = identity("ada", 4_000_000_000)
    page = visit({"identity": fresh})
    open_chat(page)
    cut(page, shop)
    expect(page.locator(f"{CHAT} .banner")).to_be_empty()
    assert [h.get("identity") for h in shop.hellos] == [fresh, None]
    page.close()
    page = visit({"identity": identity("ada", 1_000_000_000), "storage": "none"})
    open_chat(page)
    assert "identity" not in shop.hellos[-1]
    page.evaluate("(id) => Shopbell('identify', id)", fresh)
    say(page, "it is me")
    settled(page, 2)
    assert [f["identity"] for f in shop.heard if f["t"] == "identify"] == [fresh]


def test_calls_before_the_script_are_run_when_it_is_there(shop: FakeShop, visit: Opener) -> None:
    head = (
        "function Shopbell(){(Shopbell.q=Shopbell.q||[]).push(arguments)};window.got=[];"
        "Shopbell('on','welcome',d=>got.push(d));Shopbell('prefill','from the page')"
    )
    page = visit(head=head)
    page.wait_for_function("() => window.got.length === 1")
    assert page.evaluate("() => window.got[0].conversation") == "c1"
    assert page.input_value(f"{CHAT} textarea") == "from the page"
    page.evaluate(
        "document.addEventListener('shopbell:message', (e) => (window.last = e.detail)); Shopbell('send', 'hi there')"
    )
    settled(page, 2)
    assert page.evaluate("() => window.last.role") == "agent"
    page.evaluate("Shopbell('shutdown')")
    expect(page.locator(CHAT)).to_have_count(0)


def test_german_words_have_the_same_keys_and_are_used(shop: FakeShop, visit: Opener) -> None:
    page = visit({"locale": "de-AT"})
    keys = page.evaluate("""async () => Promise.all(['en', 'de'].map(async (n) => {
      const m = await import(`/src/locales/${n}.js`);
      return [Object.keys(m.launcher).sort(), Object.keys(m.chat).sort(), Object.keys(m.cards).sort()];
    }))""")
    assert keys[0] == keys[1]
    open_chat(page)
    assert page.get_attribute(f"{CHAT} textarea", "placeholder") == "Nachricht schreiben…"
    assert page.get_attribute(f"{CHAT} .panel", "lang") == "de"
    assert shop.hellos[0]["locale"] == "de-AT"


def test_the_reading_direction_follows_the_language(shop: FakeShop, visit: Opener) -> None:
    page = visit({"locale": "ar"})
    open_chat(page)
    say(page, "مرحبا")
    settled(page, 2)
    assert page.get_attribute(f"{CHAT} .panel", "dir") == "rtl"
    mine = page.locator(f"{CHAT} .customer .text").bounding_box()
    panel = page.locator(f"{CHAT} .panel").bounding_box()
    assert mine and panel
    assert mine["x"] - panel["x"] < 40, "the customer's words stand at the left, the end of a line"
    assert panel["x"] < 40, "and the chat in the left corner"


def test_the_built_files_are_within_their_limits_and_match_the_manifest() -> None:
    built = manifest()
    loader = (dist() / "widget.js").read_bytes()
    chat = chat_files()[built.chat.name].read_bytes()
    assert len(gzip.compress(loader, 9)) <= 5_000
    assert len(gzip.compress(loader, 9)) + len(gzip.compress(chat, 9)) <= 30_000
    assert hashlib.sha256(chat).hexdigest().startswith(built.chat_hash)
    assert built.chat.integrity.encode() in loader
    assert "pk_a&quot;b" in snippet("https://chat.example.com/", 'pk_a"b')
    assert json.loads((Path(dist()) / "manifest.json").read_text())["chat"]["bytes"] == len(chat)


def test_what_is_said_between_hello_and_welcome_is_sent_on_the_same_line(visit: Any) -> None:
    page = visit({"data-open": "true"})
    for n in range(8):
        # As soon as the page can speak, whatever the line is just doing.
        page.reload()
        page.wait_for_selector("shopbell-chat", state="attached")
        page.evaluate("n => { Shopbell('show'); Shopbell('send', `number ${n}`) }", n)
        page.wait_for_function(
            """(n) => {
              const root = document.querySelector('shopbell-chat').shadowRoot;
              const mine = [...(root?.querySelectorAll('.item.message.customer') ?? [])];
              return mine.some((m) => m.textContent.includes(`number ${n}`)) && !root.querySelector('.message .state');
            }""",
            arg=n,
        )
