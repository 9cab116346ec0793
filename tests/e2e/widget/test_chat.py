"""The widget in Chromium against a scripted shop: streaming, resuming, tabs, storage, keyboard."""

import os

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.widget.conftest import PATIENT, SLOW_TO_RETRY, Opener
from tests.e2e.widget.fake import POLICY, FakeShop, words
from tests.e2e.widget.steps import (
    CHAT,
    cut,
    inside,
    open_chat,
    say,
    settled,
    stored,
    transcript,
)

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
