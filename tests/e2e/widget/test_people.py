"""The people at the desk as a customer sees them: who is there, who types, who has read; the end, its question, its mail."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.widget.conftest import Opener
from tests.e2e.widget.fake import FakeShop
from tests.e2e.widget.steps import CHAT, inside, open_chat, said, say, settled, violations
from widget.assets import dist

pytestmark = pytest.mark.browser

MARA = {"name": "Mara Lindner", "picture": "/picture/aB-_" + "9" * 28}


def with_staff(shop: FakeShop, page: Page, who: dict[str, str]) -> None:
    """Open the chat, ask something, and have somebody come."""
    open_chat(page)
    say(page, "hello")
    settled(page, 2)
    shop.event("mode", "staff", {"mode": "staff", **who})
    expect(page.locator(f"{CHAT} .status")).to_have_text(f"{who['name']} is here")


def notes(page: Page) -> list[str]:
    return page.locator(f"{CHAT} .note").all_inner_texts()


def test_a_person_has_a_face_and_a_name_and_the_agent_the_bell(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    with_staff(shop, page, MARA)
    shop.event("message", "staff", {"text": "Hello, this is Mara.", **MARA})
    expect(page.locator(f"{CHAT} .staff .who")).to_have_text("Mara LindnerSupport")
    expect(page.locator(f"{CHAT} .message.agent .who")).to_have_text("Assistant")
    for place in (".head", ".note", ".staff .who"):
        expect(page.locator(f"{CHAT} {place} .face img")).to_have_js_property("naturalWidth", 1)
    expect(page.locator(f"{CHAT} .logo")).to_be_hidden()
    assert violations(page) == []
    shop.event("mode", "system", {"mode": "agent"})
    expect(page.locator(f"{CHAT} .status")).to_have_text("Automatic assistant")
    expect(page.locator(f"{CHAT} .head > .face")).to_have_count(0)
    expect(page.locator(f"{CHAT} .logo")).to_be_visible()
    expect(page.locator(f"{CHAT} .note")).to_have_text(
        ["Mara Lindner has joined.", "Mara Lindner has left. The assistant is back."]
    )


def test_who_comes_and_goes_is_said_in_the_log_and_to_screen_readers(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    with_staff(shop, page, {"name": "Mara"})
    shop.event("mode", "staff", {"mode": "staff", "name": "Bob"})
    shop.event("mode", "system", {"mode": "closed"})
    lines = ["Mara has joined.", "Mara has left. Bob has joined."]
    end = "Bob has left. The chat has ended. Write a message to start again."
    expect(page.locator(f"{CHAT} .note > span:not(.face)")).to_have_text([*lines, end])
    expect(page.locator(f"{CHAT} [data-announcer] > div")).to_contain_text([*lines, end, "How was this chat?"])
    page.reload()
    expect(page.locator(f"{CHAT} .note > span:not(.face)")).to_have_text([*lines, end])
    expect(page.locator(f"{CHAT} [data-announcer] > div")).to_have_count(0)


def test_what_could_not_be_fetched_is_fetched_with_what_comes_next(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "hello")
    settled(page, 2)
    part = f"**/widget/{json.loads((dist() / 'manifest.json').read_text())['cards']['name']}*"
    page.route(part, lambda route: route.abort())
    with page.expect_event("requestfailed"):
        shop.event("mode", "staff", {"mode": "staff", **MARA})
    page.get_by_role("button", name="More options").click()
    expect(page.locator(f"{CHAT} .banner")).to_have_text("No connection. Press to try again.")
    page.unroute(part)
    shop.event("message", "staff", {"text": "Hello, this is Mara.", **MARA})
    expect(page.locator(f"{CHAT} .note")).to_have_text("Mara Lindner has joined.")
    expect(page.locator(f"{CHAT} .staff .who .face")).to_have_attribute("data-initials", "ML")
    expect(page.locator(f"{CHAT} .banner")).to_be_empty()


def test_without_a_picture_or_when_it_was_withdrawn_there_are_initials(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    with_staff(shop, page, {"name": "Anna-Lena von der Höhe", "picture": "/picture/" + "0" * 32})
    face = page.locator(f"{CHAT} .head > .face")
    expect(face).to_have_attribute("data-initials", "AH")
    expect(face.locator("img")).to_have_count(0)
    shop.event("mode", "staff", {"mode": "staff", "name": "Élodie"})
    expect(face).to_have_attribute("data-initials", "É")


@pytest.mark.parametrize("picture", ["https://evil.example/x.png", "//evil.example/x", "/picture/../evil.png", "evil"])
def test_a_picture_from_anywhere_but_the_server_is_not_asked_for(shop: FakeShop, visit: Opener, picture: str) -> None:
    asked: list[str] = []
    page = visit()
    page.on("request", lambda made: asked.append(made.url) if made.resource_type == "image" else None)
    with_staff(shop, page, {"name": "Eve", "picture": picture})
    expect(page.locator(f"{CHAT} .head > .face")).to_have_attribute("data-initials", "E")
    expect(page.locator(f"{CHAT} .note")).to_have_count(1)
    assert inside(page, "(root) => root.querySelectorAll('img').length") == 0
    assert asked == []


def test_who_types_is_shown_until_the_message_comes_or_the_notices_end(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    page.clock.install()
    with_staff(shop, page, MARA)
    line = page.locator(f"{CHAT} .typing")
    shop.tell({"t": "staff", "typing": True, **MARA})
    expect(line).to_have_text("Mara Lindner is typing…")
    shop.event("message", "staff", {"text": "Here I am.", **MARA})
    expect(line).to_be_empty()
    shop.tell({"t": "staff", "typing": True, **MARA})
    expect(line).to_have_text("Mara Lindner is typing…")
    page.clock.fast_forward(6_000)
    expect(line).to_be_empty()


def test_that_the_customer_types_is_told_to_a_person_only_and_not_for_each_key(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    page.clock.set_fixed_time(1_800_000_000_000)
    page.locator(f"{CHAT} textarea").press_sequentially("one")
    page.press(f"{CHAT} textarea", "Enter")
    settled(page, 2)
    shop.event("mode", "staff", {"mode": "staff", "name": "Mara"})
    expect(page.locator(f"{CHAT} .status")).to_have_text("Mara is here")
    shop.heard.clear()
    page.locator(f"{CHAT} textarea").press_sequentially("two")
    page.clock.set_fixed_time(1_800_000_003_000)
    page.locator(f"{CHAT} textarea").press_sequentially(" three")
    page.press(f"{CHAT} textarea", "Enter")
    shop.until_said("two three")
    assert [f["t"] for f in shop.heard if f["t"] != "seen"] == ["typing", "typing", "say"]


def test_what_was_looked_at_is_told_once_and_nothing_while_the_chat_is_closed(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    with_staff(shop, page, MARA)
    shop.until(lambda: any(f["t"] == "seen" for f in shop.heard))
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHAT} .panel")).to_be_hidden()
    shop.event("message", "staff", {"text": "Are you there?", **MARA})
    expect(page.locator(f"{CHAT} .badge")).to_have_text("1")
    seq = len(shop.talks["c1"].events)
    assert all(f["seq"] < seq for f in shop.heard if f["t"] == "seen")
    page.click(f"{CHAT} .launcher")
    say(page, "yes")
    shop.until_said("yes")
    assert [f["seq"] for f in shop.heard if f["t"] == "seen"].count(seq) == 1


def test_seen_stands_below_the_last_message_once_a_person_has_read_it(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    with_staff(shop, page, MARA)
    shop.answers = False
    say(page, "please help")
    said(page, "please help")
    expect(page.locator(f"{CHAT} .seen")).to_have_count(0)
    shop.tell({"t": "staff", "typing": False, "seen": len(shop.talks["c1"].events)})
    expect(page.locator(f"{CHAT} .list > :last-child")).to_have_text("Seen")
    say(page, "and this")
    said(page, "and this")
    expect(page.locator(f"{CHAT} .seen")).to_have_count(0)


def test_the_conversation_is_mailed_from_the_menu_with_the_keyboard_and_what_came_of_it_is_said(
    shop: FakeShop, visit: Opener
) -> None:
    page = visit()
    open_chat(page)
    page.click(f"{CHAT} .round >> nth=0")
    item = page.get_by_role("menuitem", name="Email me this conversation")
    expect(item).to_be_disabled()
    page.keyboard.press("Escape")
    expect(page.locator(f"{CHAT} .menu")).to_have_count(0)
    expect(page.locator(f"{CHAT} .panel")).to_be_visible()
    say(page, "hello")
    settled(page, 2)
    page.focus(f"{CHAT} .round >> nth=0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Talk to a person")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(item).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Talk to a person")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator(f"{CHAT} textarea")).to_be_focused()
    expect(page.locator(f"{CHAT} .note")).to_have_text("Sending your conversation…")
    mail = {"of": [], "to": "m…@e…", "what": "transcript"}
    shop.event("mailed", "system", {**mail, "state": "sending"}, event_id="mail:1")
    expect(page.locator(f"{CHAT} .note")).to_have_text("A mail with your conversation is on its way: m…@e…")
    shop.event("mailed", "system", {**mail, "state": "sent"}, event_id="mail:1:done")
    expect(page.locator(f"{CHAT} .note")).to_have_text("Your conversation was mailed: m…@e…")
    expect(page.locator(f"{CHAT} [data-announcer]")).to_contain_text("was mailed")
    assert [f["t"] for f in shop.heard].count("transcript") == 1


def test_a_conversation_that_may_not_be_mailed_says_why_and_can_be_asked_for_again(
    shop: FakeShop, visit: Opener
) -> None:
    page = visit()
    with_staff(shop, page, MARA)
    shop.event("mode", "system", {"mode": "closed"})
    for _ in range(2):
        asked = len(shop.heard)
        page.get_by_role("button", name="Email me this conversation").click()
        shop.until(lambda asked=asked: any(f["t"] == "transcript" for f in shop.heard[asked:]))
        frame = next(f for f in shop.heard[asked:] if f["t"] == "transcript")
        shop.tell({"t": "error", "code": "bad_frame", "message": "no address", "id": frame["id"]})
        expect(page.locator(f"{CHAT} .note").last).to_contain_text("Please sign in first.")
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.includes(':out:'))")
    page.reload()
    expect(page.locator(f"{CHAT} .note").last).to_contain_text("The chat has ended.")


def test_a_closed_conversation_is_rated_once_with_the_keyboard_also_after_it_was_reopened(
    shop: FakeShop, visit: Opener
) -> None:
    page = visit({"locale": "de"})
    open_chat(page)
    say(page, "danke")
    settled(page, 2)
    expect(page.locator(f"{CHAT} .rating")).to_have_count(0)
    shop.event("mode", "system", {"mode": "closed"})
    expect(page.locator(f"{CHAT} .rating button")).to_have_count(5)
    expect(page.get_by_role("group", name="Wie war dieser Chat?")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="1 von 5").focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="4 von 5")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(f"{CHAT} .rating")).to_have_text("Danke für die Rückmeldung")
    expect(page.locator(f"{CHAT} textarea")).to_be_focused()
    expect(page.locator(f"{CHAT} [data-announcer]")).to_contain_text("Danke für die Rückmeldung")
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.includes(':out:'))")
    shop.event("mode", "customer", {"mode": "agent", "reason": "reopened"})
    say(page, "noch etwas")
    settled(page, 4)
    shop.event("mode", "system", {"mode": "closed"})
    expect(page.locator(f"{CHAT} .note")).to_have_count(3)
    page.reload()
    expect(page.locator(f"{CHAT} .note")).to_have_count(3)
    expect(page.locator(f"{CHAT} .rating")).to_have_text(["Danke für die Rückmeldung"])
    assert [(f.get("of"), f["score"]) for f in shop.heard if f["t"] == "rate"] == [(None, 4)]


def test_a_question_that_was_not_answered_is_not_asked_again_but_can_be_answered(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "thanks")
    settled(page, 2)
    shop.event("mode", "system", {"mode": "closed"})
    expect(page.locator(f"{CHAT} .rating button")).to_have_count(5)
    shop.event("mode", "customer", {"mode": "agent", "reason": "reopened"})
    say(page, "one more thing")
    settled(page, 4)
    shop.event("mode", "system", {"mode": "closed"})
    expect(page.locator(f"{CHAT} .note")).to_have_count(3)
    expect(page.locator(f"{CHAT} .rating button")).to_have_count(5)
    page.get_by_role("button", name="2 of 5").click()
    expect(page.locator(f"{CHAT} .rating")).to_have_text(["Thank you for telling us"])
    shop.until(lambda: any(f["t"] == "rate" for f in shop.heard))


def test_who_was_asked_by_mail_how_it_was_is_not_asked_in_the_chat(shop: FakeShop, visit: Opener) -> None:
    page = visit()
    open_chat(page)
    say(page, "thanks")
    settled(page, 2)
    shop.event("mode", "system", {"mode": "closed"})
    expect(page.locator(f"{CHAT} .rating button")).to_have_count(5)
    shop.event("mailed", "system", {"of": [], "to": "a…@e…", "what": "rating", "state": "sent"})
    expect(page.locator(f"{CHAT} .rating")).to_have_count(0)
    expect(page.locator(f"{CHAT} .note").last).to_contain_text("The chat has ended.")
